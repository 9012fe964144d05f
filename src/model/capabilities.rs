//! The capabilities of one model.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::common_capabilities;
use super::parameter::Cells;
use super::{ApiVersion, Family, Lifecycle, Parameter, ReasoningEffort, Support, ToolsAndEffort};

/// Declares [`Capabilities`] and the members of their JSON. Each field has a kind, its value where nothing is known, the
/// function of [`common_capabilities`] for what several versions have in common, its setter and, unless it is computed, its
/// getter.
///
/// | kind | setter takes | getter returns |
/// |---|---|---|
/// | `plain T` | `T` | `T` |
/// | `count u64` | `u64` | `Option<u64>` |
/// | `known T` | anything that converts into `T` | `Option<T>` |
/// | `text str` | any string | `&str` |
macro_rules! capabilities {
    (
        $(#[$meta:meta])*
        pub struct Capabilities {
            $(
                $field:ident: $kind:ident $Type:ty = $unknown:expr, $in_common:ident;
                $(#[$set:meta])* $with:ident $(, $(#[$get:meta])* $getter:ident)?;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Capabilities {
            pub(super) cells: Cells,
            /// Holds entries only while the cell for `reasoning_effort` is yes.
            pub(super) efforts: Cow<'static, [ReasoningEffort]>,
            $( pub(super) $field: capabilities!(@type $kind $Type), )*
        }

        impl Capabilities {
            #[cfg(test)]
            pub(super) const FIELDS: &'static [&'static str] = &[$( stringify!($field) ),*];

            pub(super) const UNKNOWN: Self =
                Self { cells: Cells::UNKNOWN, efforts: Cow::Borrowed(&[]), $( $field: $unknown, )* };

            $(
                $(#[$set])*
                #[must_use]
                pub fn $with(mut self, $field: capabilities!(@argument $kind $Type)) -> Self {
                    self.$field = capabilities!(@value $kind $field);
                    self
                }

                $(
                    $(#[$get])*
                    #[must_use]
                    pub fn $getter(&self) -> capabilities!(@result $kind $Type) {
                        capabilities!(@read $kind self.$field)
                    }
                )?
            )*

            /// The fields that several versions have in common.
            fn common_fields(versions: &[&Self]) -> Self {
                let mut common = Self::UNKNOWN;
                $(
                    let values = versions.iter().map(|version| version.$field.clone());
                    common.$field = common_capabilities::$in_common(values).unwrap_or(Self::UNKNOWN.$field);
                )*
                common
            }

            /// Reads a member of the JSON object that is a field; `None` for any other.
            pub(super) fn read_field(&mut self, name: &str, value: &Value) -> Option<Result<(), serde_json::Error>> {
                Some(match name {
                    $( stringify!($field) => Deserialize::deserialize(value).map(|value| self.$field = value), )*
                    _ => return None,
                })
            }

            /// The fields about which something is known, as members of the JSON object.
            pub(super) fn fields(&self) -> Map<String, Value> {
                let mut members = Map::new();
                $(
                    if self.$field != Self::UNKNOWN.$field {
                        members.insert(stringify!($field).to_owned(), json!(self.$field));
                    }
                )*
                members
            }
        }
    };
    (@type plain $Type:ty) => { $Type };
    (@type text $Type:ty) => { Cow<'static, $Type> };
    (@type $kind:ident $Type:ty) => { Option<$Type> };
    (@argument text $Type:ty) => { impl Into<String> };
    (@argument known $Type:ty) => { impl Into<$Type> };
    (@argument $kind:ident $Type:ty) => { $Type };
    (@value plain $field:ident) => { $field };
    (@value text $field:ident) => { Cow::Owned($field.into()) };
    (@value $kind:ident $field:ident) => { Some($field.into()) };
    (@result plain $Type:ty) => { $Type };
    (@result text $Type:ty) => { &$Type };
    (@result $kind:ident $Type:ty) => { Option<$Type> };
    (@read text $field:expr) => { &$field };
    (@read known $field:expr) => { $field.clone() };
    (@read $kind:ident $field:expr) => { $field };
}

capabilities! {
    /// What a model accepts, what the service refuses for it, and what is unknown.
    ///
    /// Of a model in the built-in table by [`Model::capabilities`](super::Model::capabilities); of a fine-tuned, private or future model by
    /// declaration: start from [`of`](Self::of) a relative or from [`unknown`](Self::unknown), and set what
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
    pub struct Capabilities {
        family: plain Family = Family::Other, shared;
        /// Sets which family's general rules hold.
        with_family,
        /// Which family's general rules hold.
        family;

        chat_completions: plain Support = Support::Unknown, shared;
        /// Sets whether the model serves chat completions.
        with_chat_completions,
        /// Whether the model serves chat completions at all.
        chat_completions;

        responses_only: plain bool = false, all;
        /// Sets whether the Responses API is the only way to the model.
        with_responses_only,
        /// Whether the Responses API is the only way to the model.
        is_responses_only;

        default_reasoning_effort: known ReasoningEffort = None, shared;
        /// Sets which effort the service takes when the request names none.
        with_default_reasoning_effort;

        only_default_temperature: plain bool = false, any;
        /// Sets whether a model takes the default temperature, 1, where it refuses every other.
        with_only_default_temperature;

        max_completion_tokens_required: plain bool = false, all;
        /// Sets whether a request must set `max_completion_tokens`.
        with_max_completion_tokens_required,
        /// Whether a request must set `max_completion_tokens`, or be [`uncapped`](crate::ChatCompletionRequest::uncapped).
        ///
        /// A rule of this crate for the o1 models, whose hidden reasoning can cost more than anyone expects;
        /// the service itself takes requests without.
        max_completion_tokens_required;

        system_becomes_developer: plain bool = false, all;
        /// Sets whether the model reads `system` messages as `developer` messages.
        with_system_becomes_developer,
        /// Whether the model reads `system` messages as `developer` messages.
        system_becomes_developer;

        answers_as_another: plain bool = false, any;
        /// Sets whether answers carry the name of another model than the deployed one.
        with_answers_as_another,
        /// Whether answers carry the name of another model than the deployed one, as a router's do.
        answers_as_another;

        tools_and_effort: plain ToolsAndEffort = ToolsAndEffort::Any, shared;
        /// Sets how function tools and the effort go together.
        with_tools_and_effort,
        /// How function tools and the effort go together.
        tools_and_effort;

        context_tokens: count u64 = None, largest;
        /// Sets the context window, in tokens.
        with_context_tokens,
        /// The context window, in tokens.
        context_tokens;

        max_output_tokens: count u64 = None, largest;
        /// Sets the output limit, in tokens.
        with_max_output_tokens,
        /// The output limit in tokens, hidden reasoning included.
        max_output_tokens;

        output_limit_enforced: plain bool = true, all;
        /// Sets whether the service refuses a token limit above [`max_output_tokens`](Self::max_output_tokens).
        /// When unset, it does.
        with_output_limit_enforced;

        min_api_version: known ApiVersion = None, oldest;
        /// Sets which api version is the first that is documented for the model.
        with_min_api_version,
        /// The first api version the model is documented or recorded with. Older ones may answer all the same.
        min_api_version;

        status: text str = Cow::Borrowed(""), status;
        /// Sets the status as text; [`Lifecycle::of_status`] has the syntax that is read.
        with_status,
        /// The status, as the sources print it.
        status;

        source: text str = Cow::Borrowed(""), sources;
        /// Sets the keys of the sources.
        with_source,
        /// Keys of the sources, separated by semicolons.
        source;

        checked: text str = Cow::Borrowed(""), earliest;
        /// Sets the day on which the sources were last read, `YYYY-MM-DD`.
        with_checked,
        /// The day on which the sources were last read, `YYYY-MM-DD`.
        checked;
    }
}

/// Construction: from nothing, and by difference.
impl Capabilities {
    /// Every cell unknown, so that nothing is refused; family [`Other`](Family::Other).
    #[must_use]
    pub fn unknown() -> Self {
        Self::UNKNOWN
    }

    /// What several versions of a model have in common: the most permissive reading of them.
    pub(super) fn in_common(versions: &[&Self]) -> Self {
        let mut common = Self::common_fields(versions);
        for parameter in Parameter::ALL {
            let support = common_capabilities::shared(versions.iter().map(|version| version.supports(*parameter)));
            common.set(*parameter, support.unwrap_or(Support::Unknown));
        }
        let efforts = versions.iter().map(|version| version.reasoning_efforts());
        if let Some(efforts) = common_capabilities::union_of_efforts(efforts) {
            common.set_efforts(efforts);
        }
        common
    }

    /// Sets whether a parameter is taken.
    ///
    /// For [`Parameter::ReasoningEffort`], everything but `Yes` removes the listed efforts.
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

/// What follows from the fields.
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
        self.default_reasoning_effort.as_ref()
    }

    /// Whether a temperature of 1, the default, is accepted where every other is refused.
    #[must_use]
    pub fn only_default_temperature(&self) -> bool {
        let refused = matches!(self.supports(Parameter::Temperature), Support::No | Support::EffortNone);
        self.only_default_temperature && refused
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

    /// The highest `max_tokens` or `max_completion_tokens` that the service takes.
    ///
    /// `None` when the output limit is not known, and when the sources print the figure with a remark:
    /// that prompt and answer share it, or that it is a default.
    #[must_use]
    pub fn output_limit(&self) -> Option<u64> {
        self.max_output_tokens.filter(|_| self.output_limit_enforced)
    }

    /// Whether the model is retired or will be, read from [`status`](Self::status). Dates of retirement
    /// move: they never refuse a request, they only advise.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle<'_> {
        Lifecycle::of_status(&self.status)
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
