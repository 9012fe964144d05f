//! The capabilities of one model.

use std::borrow::Cow;

use super::parameter::Cells;
use super::{ApiVersion, Family, Lifecycle, Parameter, ReasoningEffort, Support, ToolsAndEffort};

/// What a model accepts, what the service refuses for it, and what is unknown.
///
/// Of a model in the built-in table by [`Model::capabilities`](super::Model::capabilities); of a fine-tuned, private or future model by
/// declaration: start from [`of`](Self::of) a relative or from [`unknown`](Self::unknown), and say what
/// differs. In JSON it has the shape of an entry of a [`ModelCatalog`](super::ModelCatalog).
///
/// # Example: a fine-tuned model that lost a skill
///
/// ```
/// use azure_openai_chat::{Capabilities, Model, Parameter, Support};
///
/// let capabilities = Capabilities::of(&Model::GPT_4O_2024_08_06)
///     .with(Parameter::Prediction, Support::No)
///     .with_max_output_tokens(4_096);
/// let model = Model::custom("my-finetune", capabilities);
///
/// assert_eq!(model.capabilities().supports(Parameter::Prediction), Support::No);
/// assert_eq!(model.capabilities().supports(Parameter::Temperature), Support::Yes);
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/models>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    pub(super) family: Family,
    pub(super) chat_completions: Support,
    pub(super) responses_only: bool,
    pub(super) cells: Cells,
    /// Holds entries only while the cell for `reasoning_effort` is yes.
    pub(super) efforts: Cow<'static, [ReasoningEffort]>,
    pub(super) default_effort: Option<ReasoningEffort>,
    pub(super) only_default_temperature: bool,
    pub(super) max_completion_tokens_required: bool,
    pub(super) system_becomes_developer: bool,
    pub(super) answers_as_another: bool,
    pub(super) tools_and_effort: ToolsAndEffort,
    pub(super) context_tokens: Option<u64>,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) output_limit_enforced: bool,
    pub(super) min_api_version: Option<ApiVersion>,
    pub(super) status: Cow<'static, str>,
    pub(super) source: Cow<'static, str>,
    pub(super) checked: Cow<'static, str>,
}

/// Construction: from nothing, and by difference.
impl Capabilities {
    pub(super) const UNKNOWN: Self = Self {
        family: Family::Other,
        chat_completions: Support::Unknown,
        responses_only: false,
        cells: Cells::UNKNOWN,
        efforts: Cow::Borrowed(&[]),
        default_effort: None,
        only_default_temperature: false,
        max_completion_tokens_required: false,
        system_becomes_developer: false,
        answers_as_another: false,
        tools_and_effort: ToolsAndEffort::Any,
        context_tokens: None,
        max_output_tokens: None,
        output_limit_enforced: true,
        min_api_version: None,
        status: Cow::Borrowed(""),
        source: Cow::Borrowed(""),
        checked: Cow::Borrowed(""),
    };

    /// Every cell unknown, so that nothing is refused; family [`Other`](Family::Other).
    #[must_use]
    pub fn unknown() -> Self {
        Self::UNKNOWN
    }

    /// Sets whether a parameter is taken.
    ///
    /// For [`Parameter::ReasoningEffort`], everything but `Yes` forgets the listed efforts.
    #[must_use]
    pub fn with(mut self, parameter: Parameter, support: Support) -> Self {
        self.set(parameter, support);
        self
    }

    /// Sets which efforts are taken; an empty list: none at all, the parameter is refused.
    #[must_use]
    pub fn with_reasoning_efforts(mut self, efforts: impl IntoIterator<Item = ReasoningEffort>) -> Self {
        self.set_efforts(efforts.into_iter().collect());
        self
    }

    /// Sets which effort the service takes when the request names none.
    #[must_use]
    pub fn with_default_reasoning_effort(mut self, effort: ReasoningEffort) -> Self {
        self.default_effort = Some(effort);
        self
    }

    /// Sets which family's general rules hold.
    #[must_use]
    pub fn with_family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// Sets whether the model serves chat completions.
    #[must_use]
    pub fn with_chat_completions(mut self, support: Support) -> Self {
        self.chat_completions = support;
        self
    }

    /// Sets whether the Responses API is the only way to the model.
    #[must_use]
    pub fn with_responses_only(mut self, responses_only: bool) -> Self {
        self.responses_only = responses_only;
        self
    }

    /// Sets whether a model takes the default temperature, 1, where it refuses every other.
    #[must_use]
    pub fn with_only_default_temperature(mut self, only_default: bool) -> Self {
        self.only_default_temperature = only_default;
        self
    }

    /// Sets whether a request must set `max_completion_tokens`.
    #[must_use]
    pub fn with_max_completion_tokens_required(mut self, required: bool) -> Self {
        self.max_completion_tokens_required = required;
        self
    }

    /// Sets whether the model reads `system` messages as `developer` messages.
    #[must_use]
    pub fn with_system_becomes_developer(mut self, becomes: bool) -> Self {
        self.system_becomes_developer = becomes;
        self
    }

    /// Sets whether answers carry the name of another model than the deployed one.
    #[must_use]
    pub fn with_answers_as_another(mut self, another: bool) -> Self {
        self.answers_as_another = another;
        self
    }

    /// Sets how function tools and the effort go together.
    #[must_use]
    pub fn with_tools_and_effort(mut self, together: ToolsAndEffort) -> Self {
        self.tools_and_effort = together;
        self
    }

    /// Sets the context window, in tokens.
    #[must_use]
    pub fn with_context_tokens(mut self, tokens: u64) -> Self {
        self.context_tokens = Some(tokens);
        self
    }

    /// Sets the output limit, in tokens.
    #[must_use]
    pub fn with_max_output_tokens(mut self, tokens: u64) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// Sets whether the service refuses a token limit above [`max_output_tokens`](Self::max_output_tokens).
    /// Default: it does.
    #[must_use]
    pub fn with_output_limit_enforced(mut self, enforced: bool) -> Self {
        self.output_limit_enforced = enforced;
        self
    }

    /// Sets which api version is the first that is documented for the model.
    #[must_use]
    pub fn with_min_api_version(mut self, version: impl Into<ApiVersion>) -> Self {
        self.min_api_version = Some(version.into());
        self
    }

    /// Sets the status as text; [`Lifecycle::of_status`] has the syntax that is understood.
    #[must_use]
    pub fn with_status(mut self, status: impl Into<String>) -> Self {
        self.status = Cow::Owned(status.into());
        self
    }

    /// Sets the keys of the sources.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Cow::Owned(source.into());
        self
    }

    /// Sets the day on which the sources were last read, `YYYY-MM-DD`.
    #[must_use]
    pub fn with_checked(mut self, day: impl Into<String>) -> Self {
        self.checked = Cow::Owned(day.into());
        self
    }

    pub(super) fn set(&mut self, parameter: Parameter, support: Support) {
        self.cells.set(parameter, support);
        if parameter == Parameter::ReasoningEffort && support != Support::Yes {
            self.efforts = Cow::Borrowed(&[]);
        }
    }

    pub(super) fn set_efforts(&mut self, efforts: Vec<ReasoningEffort>) {
        let support = if efforts.is_empty() { Support::No } else { Support::Yes };
        self.cells.set(Parameter::ReasoningEffort, support);
        self.efforts = Cow::Owned(efforts);
    }
}

/// The getters.
impl Capabilities {
    /// Whether the model takes a parameter.
    #[must_use]
    pub fn supports(&self, parameter: Parameter) -> Support {
        self.cells.get(parameter)
    }

    /// Whether the model takes a parameter in a request with this `reasoning_effort`; `None`: without one.
    ///
    /// Never [`Support::EffortNone`]: that is yes or no by the effort in force, and unknown where the request
    /// has none and the model's default is not known.
    ///
    /// # Example: a temperature beside an effort
    ///
    /// ```
    /// use azure_openai_chat::{Model, Parameter, ReasoningEffort, Support};
    ///
    /// let model = Model::GPT_5_6_SOL_2026_07_09;
    /// let temperature = |effort| model.capabilities().supports_at(Parameter::Temperature, effort);
    /// assert_eq!(temperature(Some(&ReasoningEffort::None)), Support::Yes);
    /// assert_eq!(temperature(Some(&ReasoningEffort::Low)), Support::No);
    /// // its default is medium
    /// assert_eq!(temperature(None), Support::No);
    /// ```
    #[must_use]
    pub fn supports_at(&self, parameter: Parameter, effort: Option<&ReasoningEffort>) -> Support {
        match (self.supports(parameter), effort.or(self.default_reasoning_effort())) {
            (Support::EffortNone, None) => Support::Unknown,
            (Support::EffortNone, Some(ReasoningEffort::None)) => Support::Yes,
            (Support::EffortNone, Some(_)) => Support::No,
            (support, _) => support,
        }
    }

    /// Whether the model serves chat completions at all.
    #[must_use]
    pub fn chat_completions(&self) -> Support {
        self.chat_completions
    }

    /// Whether the Responses API is the only way to the model.
    #[must_use]
    pub fn is_responses_only(&self) -> bool {
        self.responses_only
    }

    /// Which family's general rules hold.
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// Whether the model is of the reasoning family.
    #[must_use]
    pub fn is_reasoning(&self) -> bool {
        self.family == Family::Reasoning
    }

    /// The efforts that are taken: `None` when it is not known which, empty when the parameter is refused.
    #[must_use]
    pub fn reasoning_efforts(&self) -> Option<&[ReasoningEffort]> {
        match self.supports(Parameter::ReasoningEffort) {
            Support::No => Some(&[]),
            Support::Yes if !self.efforts.is_empty() => Some(&self.efforts),
            _ => None,
        }
    }

    /// The effort the service takes when the request names none.
    #[must_use]
    pub fn default_reasoning_effort(&self) -> Option<&ReasoningEffort> {
        self.default_effort.as_ref()
    }

    /// Whether a temperature of 1, the default, is accepted where every other is refused.
    #[must_use]
    pub fn only_default_temperature(&self) -> bool {
        let refused = matches!(self.supports(Parameter::Temperature), Support::No | Support::EffortNone);
        self.only_default_temperature && refused
    }

    /// Whether a request must set `max_completion_tokens`, or say that it wants no bound.
    ///
    /// A rule of this crate for the o1 models, whose hidden reasoning can cost more than anyone expects;
    /// the service itself takes requests without.
    #[must_use]
    pub fn max_completion_tokens_required(&self) -> bool {
        self.max_completion_tokens_required
    }

    /// Whether the model reads `system` messages as `developer` messages.
    #[must_use]
    pub fn system_becomes_developer(&self) -> bool {
        self.system_becomes_developer
    }

    /// Whether answers carry the name of another model than the deployed one, as a router's do.
    #[must_use]
    pub fn answers_as_another(&self) -> bool {
        self.answers_as_another
    }

    /// How function tools and the effort go together.
    #[must_use]
    pub fn tools_and_effort(&self) -> ToolsAndEffort {
        self.tools_and_effort
    }

    /// Whether tools are refused in a request with this `reasoning_effort`; `None`: without one.
    #[must_use]
    pub fn effort_excludes_tools(&self, effort: Option<&ReasoningEffort>) -> bool {
        let is_none = |effort: &ReasoningEffort| *effort == ReasoningEffort::None;
        match self.tools_and_effort {
            ToolsAndEffort::Any => false,
            ToolsAndEffort::NotAboveNone => !effort.is_none_or(is_none),
            ToolsAndEffort::OnlyWithNone => !effort.or(self.default_reasoning_effort()).is_some_and(is_none),
        }
    }

    /// Whether the effort `minimal` and parallel tool calls exclude each other.
    ///
    /// True wherever `minimal` is accepted.
    #[must_use]
    pub fn minimal_excludes_parallel_tool_calls(&self) -> bool {
        self.efforts.contains(&ReasoningEffort::Minimal)
    }

    /// The context window, in tokens.
    #[must_use]
    pub fn context_tokens(&self) -> Option<u64> {
        self.context_tokens
    }

    /// The output limit in tokens, hidden reasoning included.
    #[must_use]
    pub fn max_output_tokens(&self) -> Option<u64> {
        self.max_output_tokens
    }

    /// The highest `max_tokens` or `max_completion_tokens` that the service takes.
    ///
    /// `None` when the output limit is not known, and when the sources print the figure with a remark:
    /// that prompt and answer share it, or that it is a default.
    #[must_use]
    pub fn output_limit(&self) -> Option<u64> {
        self.max_output_tokens.filter(|_| self.output_limit_enforced)
    }

    /// The first api version the model is documented or recorded with. Older ones may answer all the same.
    #[must_use]
    pub fn min_api_version(&self) -> Option<ApiVersion> {
        self.min_api_version.clone()
    }

    /// Whether the model is retired or will be, read from [`status`](Self::status). Dates of retirement
    /// move: they never refuse a request, they only advise.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle<'_> {
        Lifecycle::of_status(&self.status)
    }

    /// The status, as the sources print it.
    #[must_use]
    pub fn status(&self) -> &str {
        &self.status
    }

    /// Keys of the sources, separated by semicolons.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The day on which the sources were last read, `YYYY-MM-DD`.
    #[must_use]
    pub fn checked(&self) -> &str {
        &self.checked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    #[test]
    fn unknown_refuses_nothing() {
        let unknown = Capabilities::unknown();
        assert!(Parameter::ALL.iter().all(|p| unknown.supports(*p) == Support::Unknown));
        assert_eq!(unknown.chat_completions(), Support::Unknown);
        assert_eq!(unknown.reasoning_efforts(), None);
        assert_eq!(unknown.family(), Family::Other);
        assert_eq!(unknown.lifecycle(), Lifecycle::Unknown);
    }

    #[test]
    fn efforts_and_their_parameter_never_contradict_each_other() {
        let low = Capabilities::unknown().with_reasoning_efforts([ReasoningEffort::Low]);
        assert_eq!(low.supports(Parameter::ReasoningEffort), Support::Yes);
        assert_eq!(low.reasoning_efforts(), Some(&[ReasoningEffort::Low][..]));

        let kept = low.clone().with(Parameter::ReasoningEffort, Support::Yes);
        assert_eq!(kept, low);

        let refused = low.clone().with_reasoning_efforts([]);
        assert_eq!(refused.supports(Parameter::ReasoningEffort), Support::No);
        assert_eq!(refused.reasoning_efforts(), Some(&[][..]));
        assert_eq!(low.clone().with(Parameter::ReasoningEffort, Support::No), refused);

        let open = low.with(Parameter::ReasoningEffort, Support::Unknown);
        assert_eq!(open, Capabilities::unknown());
    }

    #[test]
    fn minimal_brings_its_own_rule() {
        let rule = |model: &Model| model.capabilities().minimal_excludes_parallel_tool_calls();
        assert!(rule(&Model::GPT_5_2025_08_07));
        assert!(!rule(&Model::GPT_5_1_2025_11_13));
        assert!(!rule(&Model::GPT_4O_2024_08_06));
    }
}
