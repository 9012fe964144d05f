//! The macro `table!`, which makes a [`Model`](super::Model) constant and a [`Row`] from each line of the model table, and
//! the functions that read its columns.
//!
//! [`table`](super::table) explains the columns. A word without a meaning here does not compile: the rows are evaluated by
//! the compiler, where `unreachable!` is an error.

use super::parameter::{COLUMNS, Cells};
use super::{Capabilities, Parameter, ReasoningEffort, Support, ToolsAndEffort};

/// A line of the built-in table.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) capabilities: Capabilities,
}

macro_rules! table {
    ($(
        $Family:ident { $(
            $ID:ident $name:literal $version:literal $reach:ident
            $sampling:tt $penalties:tt $logprobs:tt $bias:tt
            $visible:tt $completion:tt
            $verbosity:tt $developer:tt $system:tt
            $structured:tt $tools:tt $parallel:tt
            $images:tt $audio:tt $prediction:tt
            $streaming:tt $choices:tt $stop:tt
            $efforts:tt $default:tt $both:tt $context:tt $output:tt $since:tt
            $checked:literal $status:literal $source:literal $(: $($rule:ident)+)?;
        )* }
    )*) => {
        /// The models of the built-in table.
        impl Model { $($(
            #[doc = concat!("`", $name, "`, version `", $version, "`.")]
            ///
            #[doc = concat!("State at the last look, on ", $checked, ": ", $status, ".")]
            ///
            /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/models>
            pub const $ID: Self = Self::listed(&rows::$ID);
        )*)* }

        mod rows {
            use super::*;

            $($(
                pub(super) static $ID: Row = Row {
                    name: $name,
                    version: $version,
                    capabilities: Capabilities {
                        family: Family::$Family,
                        chat_completions: row::chat_completions(stringify!($reach)),
                        responses_only: matches!(stringify!($reach).as_bytes(), b"responses"),
                        cells: row::cells([
                            stringify!($sampling), stringify!($penalties), stringify!($logprobs), stringify!($bias),
                            stringify!($visible), stringify!($completion), stringify!($efforts),
                            stringify!($verbosity), stringify!($developer), stringify!($system),
                            stringify!($structured), stringify!($tools), stringify!($parallel),
                            stringify!($images), stringify!($audio), stringify!($prediction),
                            stringify!($streaming), stringify!($choices), stringify!($stop),
                        ]),
                        efforts: Cow::Borrowed(row::efforts(stringify!($efforts))),
                        default_reasoning_effort: row::default_effort(stringify!($default)),
                        only_default_temperature: matches!(stringify!($sampling).as_bytes(), b"1" | b"e"),
                        tools_and_effort: row::tools_and_effort(stringify!($both)),
                        context_tokens: tokens!($context),
                        max_output_tokens: tokens!($output),
                        output_limit_enforced: !matches!(stringify!($output).as_bytes(), [b'[', ..]),
                        min_api_version: since!($since),
                        status: Cow::Borrowed($status),
                        source: Cow::Borrowed($source),
                        checked: Cow::Borrowed($checked),
                        $($( $rule: true, )+)?
                        ..Capabilities::UNKNOWN
                    },
                };
            )*)*
        }

        /// Every model of the table, in its order.
        pub(super) fn models() -> impl Iterator<Item = Model> {
            [$($( Model::$ID ),*),*].into_iter()
        }
    };
}

macro_rules! tokens {
    (?) => {
        None
    };
    ([$count:literal]) => {
        Some($count)
    };
    ($count:literal) => {
        Some($count)
    };
}

macro_rules! since {
    ($version:ident) => {
        Some(ApiVersion::$version)
    };
    (?) => {
        None
    };
    (-) => {
        None
    };
}

pub(super) const fn chat_completions(reach: &str) -> Support {
    match reach.as_bytes() {
        b"chat" => Support::Yes,
        b"responses" | b"neither" => Support::No,
        b"unclear" => Support::Unknown,
        _ => unreachable!(),
    }
}

/// What a model supports by its line of the table, whose columns are in the order of [`COLUMNS`].
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
pub(super) const fn cells(words: [&str; COLUMNS.len()]) -> Cells {
    let mut cells = [Support::Unknown; Parameter::ALL.len()];
    let mut column = 0;
    while column < COLUMNS.len() {
        let (_, parameters) = COLUMNS[column];
        let mut at = 0;
        while at < parameters.len() {
            cells[parameters[at] as usize] = match parameters[at] {
                Parameter::ReasoningEffort => effort_cell(words[column]),
                _ => cell(words[column]),
            };
            at += 1;
        }
        column += 1;
    }
    Cells::of(cells)
}

const fn effort_cell(efforts: &str) -> Support {
    match efforts.as_bytes() {
        b"?" | b"-" => Support::Unknown,
        b"refused" => Support::No,
        _ => Support::Yes,
    }
}

const fn cell(letter: &str) -> Support {
    match letter.as_bytes() {
        b"y" => Support::Yes,
        b"n" | b"1" => Support::No,
        b"e" => Support::EffortNone,
        b"?" | b"-" => Support::Unknown,
        _ => unreachable!(),
    }
}

pub(super) const fn efforts(letters: &str) -> &'static [ReasoningEffort] {
    use ReasoningEffort::{High, Low, Medium, Minimal, None, Xhigh};
    match letters.as_bytes() {
        b"nlmh" => const { &[None, Low, Medium, High] },
        b"nlmhx" => const { &[None, Low, Medium, High, Xhigh] },
        b"Mlmh" => const { &[Minimal, Low, Medium, High] },
        b"lmh" => const { &[Low, Medium, High] },
        b"lmhx" => const { &[Low, Medium, High, Xhigh] },
        b"h" => const { &[High] },
        b"any" | b"refused" | b"?" | b"-" => &[],
        _ => unreachable!(),
    }
}

pub(super) const fn default_effort(word: &str) -> Option<ReasoningEffort> {
    match word.as_bytes() {
        b"none" => Some(ReasoningEffort::None),
        b"medium" => Some(ReasoningEffort::Medium),
        b"high" => Some(ReasoningEffort::High),
        b"?" | b"-" => None,
        _ => unreachable!(),
    }
}

pub(super) const fn tools_and_effort(word: &str) -> ToolsAndEffort {
    match word.as_bytes() {
        b"-" => ToolsAndEffort::Any,
        b"only_none" => ToolsAndEffort::OnlyWithNone,
        b"not_above" => ToolsAndEffort::NotAboveNone,
        _ => unreachable!(),
    }
}
