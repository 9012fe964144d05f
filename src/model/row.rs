//! How a line of the table becomes a [`Model`](super::Model) constant and its row.
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
            $streaming:tt $choices:tt
            $efforts:tt $default:tt $context:tt $output:tt $since:tt
            $checked:literal $status:literal $source:literal $(: $rule:ident)?;
        )* }
    )*) => {
        /// The models of the built-in table.
        impl Model { $($(
            #[doc = concat!("`", $name, "`, version `", $version, "`.")]
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
                            cell!($streaming), cell!($choices),
                            if holds!(stop_refused $($rule)?) { Support::No } else { Support::Unknown },
                        ]),
                        efforts: Cow::Borrowed(efforts!($efforts)),
                        default_effort: default!($default),
                        only_default_temperature: only_default_temperature!($sampling),
                        max_completion_tokens_required: holds!(max_completion_tokens_required $($rule)?),
                        tools_need_effort_none: holds!(tools_need_effort_none $($rule)?),
                        explicit_effort_excludes_tools: holds!(explicit_effort_excludes_tools $($rule)?),
                        context_tokens: tokens!($context),
                        max_output_tokens: tokens!($output),
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
}

macro_rules! only_default_temperature {
    (1) => {
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

macro_rules! tokens {
    (?) => {
        None
    };
    ($count:literal) => {
        Some($count)
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

macro_rules! holds {
    (max_completion_tokens_required max_completion_tokens_required) => {
        true
    };
    (tools_need_effort_none tools_need_effort_none) => {
        true
    };
    (explicit_effort_excludes_tools explicit_effort_excludes_tools) => {
        true
    };
    (stop_refused stop_refused) => {
        true
    };
    ($rule:ident) => {
        false
    };
    ($rule:ident $other:ident) => {
        false
    };
}
