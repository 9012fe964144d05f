//! The macros that make a [`Model`](super::Model) constant and its row of a line of the table.
//!
//! [`table`](super::table) explains the columns; each word of a column is given its meaning here, and a word
//! without one does not compile.

use super::Capabilities;

/// A line of the built-in table.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) capabilities: Capabilities,
}

macro_rules! table {
    ($(
        $family:ident { $(
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
                        family: family!($family),
                        chat_completions: chat!($reach),
                        responses_only: responses_only!($reach),
                        cells: Cells::of([
                            cell!($sampling), cell!($sampling),
                            cell!($penalties), cell!($penalties),
                            cell!($logprobs), cell!($logprobs),
                            cell!($bias),
                            cell!($visible), cell!($completion),
                            effort_cell!($efforts),
                            cell!($verbosity), cell!($developer), cell!($system),
                            cell!($structured), cell!($tools), cell!($parallel),
                            cell!($images), cell!($audio), cell!($prediction),
                            cell!($streaming), cell!($choices), cell!($stop),
                        ]),
                        efforts: Cow::Borrowed(efforts!($efforts)),
                        default_effort: default!($default),
                        only_default_temperature: only_default_temperature!($sampling),
                        max_completion_tokens_required: holds!(max_completion_tokens_required $($($rule)+)?),
                        system_becomes_developer: holds!(system_becomes_developer $($($rule)+)?),
                        answers_as_another: holds!(answers_as_another $($($rule)+)?),
                        tools_and_effort: tools_and_effort!($both),
                        context_tokens: tokens!($context),
                        max_output_tokens: tokens!($output),
                        output_limit_enforced: output_limit_enforced!($output),
                        min_api_version: since!($since),
                        status: Cow::Borrowed($status),
                        source: Cow::Borrowed($source),
                        checked: Cow::Borrowed($checked),
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

macro_rules! family {
    (standard) => {
        Family::Standard
    };
    (reasoning) => {
        Family::Reasoning
    };
    (audio) => {
        Family::Audio
    };
    (other) => {
        Family::Other
    };
}

macro_rules! chat {
    (chat) => {
        Support::Yes
    };
    (responses) => {
        Support::No
    };
    (neither) => {
        Support::No
    };
    (unclear) => {
        Support::Unknown
    };
}

macro_rules! responses_only {
    (responses) => {
        true
    };
    ($other:ident) => {
        false
    };
}

macro_rules! cell {
    (y) => {
        Support::Yes
    };
    (n) => {
        Support::No
    };
    (?) => {
        Support::Unknown
    };
    (-) => {
        Support::Unknown
    };
    (1) => {
        Support::No
    };
    (e) => {
        Support::EffortNone
    };
}

macro_rules! only_default_temperature {
    (1) => {
        true
    };
    (e) => {
        true
    };
    ($other:tt) => {
        false
    };
}

macro_rules! effort_cell {
    (?) => {
        Support::Unknown
    };
    (-) => {
        Support::Unknown
    };
    (refused) => {
        Support::No
    };
    ($list:ident) => {
        Support::Yes
    };
}

macro_rules! efforts {
    (nlmh) => {
        &[ReasoningEffort::None, ReasoningEffort::Low, ReasoningEffort::Medium, ReasoningEffort::High]
    };
    (nlmhx) => {
        &[
            ReasoningEffort::None,
            ReasoningEffort::Low,
            ReasoningEffort::Medium,
            ReasoningEffort::High,
            ReasoningEffort::Xhigh,
        ]
    };
    (Mlmh) => {
        &[ReasoningEffort::Minimal, ReasoningEffort::Low, ReasoningEffort::Medium, ReasoningEffort::High]
    };
    (lmh) => {
        &[ReasoningEffort::Low, ReasoningEffort::Medium, ReasoningEffort::High]
    };
    (lmhx) => {
        &[ReasoningEffort::Low, ReasoningEffort::Medium, ReasoningEffort::High, ReasoningEffort::Xhigh]
    };
    (h) => {
        &[ReasoningEffort::High]
    };
    (any) => {
        &[]
    };
    (refused) => {
        &[]
    };
    (?) => {
        &[]
    };
    (-) => {
        &[]
    };
}

macro_rules! default {
    (none) => {
        Some(ReasoningEffort::None)
    };
    (medium) => {
        Some(ReasoningEffort::Medium)
    };
    (high) => {
        Some(ReasoningEffort::High)
    };
    (?) => {
        None
    };
    (-) => {
        None
    };
}

macro_rules! tools_and_effort {
    (-) => {
        ToolsAndEffort::Any
    };
    (only_none) => {
        ToolsAndEffort::OnlyWithNone
    };
    (not_above) => {
        ToolsAndEffort::NotAboveNone
    };
}

macro_rules! tokens {
    (?) => {
        None
    };
    ($count:literal) => {
        Some($count)
    };
    ([$count:literal]) => {
        Some($count)
    };
}

macro_rules! output_limit_enforced {
    ([$count:literal]) => {
        false
    };
    ($count:tt) => {
        true
    };
}

macro_rules! since {
    (?) => {
        None
    };
    (-) => {
        None
    };
    ($version:ident) => {
        Some(ApiVersion::$version)
    };
}

/// Whether a rule is among those of a line.
macro_rules! holds {
    (max_completion_tokens_required max_completion_tokens_required $($others:ident)*) => {
        true
    };
    (system_becomes_developer system_becomes_developer $($others:ident)*) => {
        true
    };
    (answers_as_another answers_as_another $($others:ident)*) => {
        true
    };
    ($rule:ident $other:ident $($others:ident)*) => {
        holds!($rule $($others)*)
    };
    ($rule:ident) => {
        false
    };
}
