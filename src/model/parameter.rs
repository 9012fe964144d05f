//! The columns of the capability table, and the values of its cells.

use std::fmt;

use crate::wire::{closed_enum, open_enum};

closed_enum! {
    /// A parameter or feature of a request that a model may accept or refuse.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning>
    #[non_exhaustive]
    pub enum Parameter {
        /// The request field `temperature`.
        Temperature = "temperature",
        /// The request field `top_p`.
        TopP = "top_p",
        /// The request field `presence_penalty`.
        PresencePenalty = "presence_penalty",
        /// The request field `frequency_penalty`.
        FrequencyPenalty = "frequency_penalty",
        /// The request field `logprobs`.
        Logprobs = "logprobs",
        /// The request field `top_logprobs`.
        TopLogprobs = "top_logprobs",
        /// The request field `logit_bias`.
        LogitBias = "logit_bias",
        /// The request field `max_tokens`, which counts visible output only.
        MaxTokens = "max_tokens",
        /// The request field `max_completion_tokens`, which counts hidden reasoning too.
        MaxCompletionTokens = "max_completion_tokens",
        /// The request field `reasoning_effort`; for its values see
        /// [`Capabilities::reasoning_efforts`](super::Capabilities::reasoning_efforts).
        ReasoningEffort = "reasoning_effort",
        /// The request field `verbosity`.
        Verbosity = "verbosity",
        /// Messages with the role `developer`.
        DeveloperMessages = "developer_messages",
        /// Messages with the role `system`.
        SystemMessages = "system_messages",
        /// A `response_format` of type `json_schema`, and strict tools.
        StructuredOutputs = "structured_outputs",
        /// The request fields `tools` and `tool_choice`.
        Tools = "tools",
        /// Several tool calls in one answer, and the request field `parallel_tool_calls`.
        ParallelToolCalls = "parallel_tool_calls",
        /// Images among the parts of a message.
        Images = "images",
        /// Audio in a message or in the answer.
        Audio = "audio",
        /// The request field `prediction`.
        Prediction = "prediction",
        /// Answers that arrive piece by piece.
        Streaming = "streaming",
        /// The request field `n` above 1.
        MultipleChoices = "multiple_choices",
        /// The request field `stop`.
        Stop = "stop",
    }

    /// What is known about a model and a parameter.
    #[non_exhaustive]
    pub enum Support {
        /// The model takes it.
        Yes = "yes",
        /// The service refuses it for this model.
        No = "no",
        /// The model takes it while the effort in force, which is the one that is sent or else the model's
        /// default, is `none`. The service refuses it at every other effort.
        /// [`Capabilities::supports_at`](super::Capabilities::supports_at) has the verdict for one effort.
        EffortNone = "effort none",
        /// No source has it; nothing is refused.
        Unknown = "unknown",
    }

    /// How function tools and `reasoning_effort` go together on chat completions.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning>
    #[non_exhaustive]
    pub enum ToolsAndEffort {
        /// No restriction is known.
        Any = "any",
        /// Tools are refused beside a `reasoning_effort` above `none`; without one they are taken.
        NotAboveNone = "not with explicit effort above none",
        /// Tools are refused unless the effort in force is `none`.
        OnlyWithNone = "only with none",
    }

    /// Which set of general rules a model follows.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/models>
    #[non_exhaustive]
    pub enum Family {
        /// Answers without hidden reasoning; accepts sampling parameters.
        Standard = "standard",
        /// Reasons before it answers; accepts no sampling parameters.
        Reasoning = "reasoning",
        /// Accepts and generates audio.
        Audio = "audio",
        /// Anything else: routers, models without chat, models without a description.
        Other = "other",
    }
}

open_enum! {
    /// How much a reasoning model reasons before it answers.
    ///
    /// The accepted values differ from model to model.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning#reasoning-effort>
    pub enum ReasoningEffort {
        /// No hidden reasoning.
        None = "none",
        /// A few tokens of reasoning.
        Minimal = "minimal",
        /// Little reasoning.
        Low = "low",
        /// As much reasoning as most requests need.
        Medium = "medium",
        /// Much reasoning.
        High = "high",
        /// The most reasoning.
        Xhigh = "xhigh",
    }
}

/// The columns of the built-in table and of its Markdown that hold verdicts, with the parameters that share one.
pub(super) const COLUMNS: &[(&str, &[Parameter])] = &[
    ("temperature, top_p", &[Parameter::Temperature, Parameter::TopP]),
    ("penalties", &[Parameter::PresencePenalty, Parameter::FrequencyPenalty]),
    ("logprobs", &[Parameter::Logprobs, Parameter::TopLogprobs]),
    ("logit_bias", &[Parameter::LogitBias]),
    ("max_tokens", &[Parameter::MaxTokens]),
    ("max_completion_tokens", &[Parameter::MaxCompletionTokens]),
    ("reasoning_effort", &[Parameter::ReasoningEffort]),
    ("verbosity", &[Parameter::Verbosity]),
    ("developer", &[Parameter::DeveloperMessages]),
    ("system", &[Parameter::SystemMessages]),
    ("JSON schema", &[Parameter::StructuredOutputs]),
    ("tools", &[Parameter::Tools]),
    ("parallel tools", &[Parameter::ParallelToolCalls]),
    ("images", &[Parameter::Images]),
    ("audio", &[Parameter::Audio]),
    ("prediction", &[Parameter::Prediction]),
    ("streaming", &[Parameter::Streaming]),
    ("n > 1", &[Parameter::MultipleChoices]),
    ("stop", &[Parameter::Stop]),
];

/// One answer for each [`Parameter`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Cells([Support; Parameter::ALL.len()]);

impl Cells {
    pub(super) const UNKNOWN: Self = Self([Support::Unknown; Parameter::ALL.len()]);

    pub(super) const fn of(cells: [Support; Parameter::ALL.len()]) -> Self {
        Self(cells)
    }

    pub(super) fn get(&self, parameter: Parameter) -> Support {
        self.0.get(parameter as usize).copied().unwrap_or(Support::Unknown)
    }

    pub(super) fn set(&mut self, parameter: Parameter, support: Support) {
        if let Some(cell) = self.0.get_mut(parameter as usize) {
            *cell = support;
        }
    }

    /// The parameters about which something is known.
    pub(super) fn known(&self) -> impl Iterator<Item = (Parameter, Support)> {
        let cells = *self;
        Parameter::ALL
            .iter()
            .map(move |parameter| (*parameter, cells.get(*parameter)))
            .filter(|(_, support)| *support != Support::Unknown)
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.known().map(|(parameter, support)| (parameter.as_str(), support))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_parameters_share_a_word() {
        for parameter in Parameter::ALL {
            let named = Parameter::ALL.iter().filter(|other| other.to_string() == parameter.as_str());
            assert_eq!(named.collect::<Vec<_>>(), [parameter]);
        }
        assert_eq!(Parameter::ALL.len(), 22);
    }

    #[test]
    fn a_cell_is_stored_for_its_own_parameter_only() {
        for parameter in Parameter::ALL {
            let mut cells = Cells::UNKNOWN;
            cells.set(*parameter, Support::No);
            assert_eq!(cells.known().collect::<Vec<_>>(), [(*parameter, Support::No)]);
        }
    }

    #[test]
    fn an_effort_nobody_knows_yet_is_kept() {
        assert_eq!(ReasoningEffort::from("xhigh"), ReasoningEffort::Xhigh);
        assert_eq!(ReasoningEffort::from("max").as_str(), "max");
    }
}
