//! A rule, and what it is checked against: the request, the declared model, the way it is sent.

use std::fmt::{self, Display, Formatter};
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::model::{ApiVersion, Capabilities, Model, Parameter, Support};
use crate::request::tool::FunctionDefinition;
use crate::request::violation::{REFERENCE, Rule, Violation};
use crate::request::{ChatCompletionRequest, Message, RequestBody};
use crate::wire::closed_enum;

/// One rule.
pub(super) struct RequestRule {
    /// What must hold, as the table in the documentation prints it.
    pub(super) name: &'static str,
    /// The wire names of the parameters a finding is about, without their places; empty for any.
    pub(super) parameters: &'static [&'static str],
    pub(super) applies_to: AppliesTo,
    pub(super) weight: Weight,
    /// The page of the documentation that has the rule.
    pub(super) reference: &'static str,
    pub(super) check: fn(&Check<'_>, &mut Findings<'_>),
    /// Whether what it finds depends on streaming, on the api version or on the date; what other rules find is
    /// remembered in the request.
    pub(super) is_per_call: bool,
}

closed_enum! {
    /// The models a rule applies to.
    pub(super) enum AppliesTo {
        /// Every model, declared or not.
        Every = "every model",
        /// Declared models, by their cells in the model table.
        AsListed = "as the model table says",
        /// Declared models of the reasoning family.
        Reasoning = "reasoning models",
        /// Declared models of the built-in table; models of other makers on the same route have other limits.
        InTable = "models of the table",
    }

    /// Whether a finding is a violation or an advice.
    pub(super) enum Weight {
        /// The service refuses it: a violation.
        Refused = "violation",
        /// The documents discourage it: an advice.
        Advised = "advice",
    }
}

impl AppliesTo {
    pub(super) fn includes(self, check: &Check<'_>) -> bool {
        match self {
            Self::Every => true,
            Self::AsListed => check.capabilities.is_some(),
            Self::Reasoning => check.holds(Capabilities::is_reasoning),
            Self::InTable => check.model.is_some_and(|model| model.name().parse::<Model>().is_ok()),
        }
    }
}

/// The request that is checked, and the circumstances of sending it.
pub(super) struct Check<'a> {
    pub(super) request: &'a ChatCompletionRequest,
    pub(super) body: &'a RequestBody,
    pub(super) model: Option<&'a Model>,
    pub(super) capabilities: Option<&'a Capabilities>,
    pub(super) streaming: Option<bool>,
    pub(super) api_version: Option<&'a ApiVersion>,
    /// The moment by which dates of retirement have passed or not.
    pub(super) now: SystemTime,
}

impl<'a> Check<'a> {
    pub(super) fn of(
        request: &'a ChatCompletionRequest,
        streaming: Option<bool>,
        api_version: Option<&'a ApiVersion>,
        now: SystemTime,
    ) -> Self {
        let model = request.deployment.declared_model();
        let capabilities = model.map(|model| model.capabilities());
        Self { request, body: &request.body, model, capabilities, streaming, api_version, now }
    }

    pub(super) fn refuses(&self, parameter: Parameter) -> bool {
        self.request.refuses(parameter)
    }

    /// Whether the declared model accepts the parameter at the effort `none` only.
    pub(super) fn needs_effort_none(&self, parameter: Parameter) -> bool {
        self.capabilities.is_some_and(|capabilities| capabilities.supports(parameter) == Support::EffortNone)
    }

    /// Whether the declared model has a property; none without a declared model.
    pub(super) fn holds(&self, rule: fn(&Capabilities) -> bool) -> bool {
        self.capabilities.is_some_and(rule)
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = (usize, &Message)> {
        self.request.messages().iter().enumerate()
    }

    /// The functions in `tools`, each with its place.
    pub(super) fn functions(&self) -> impl Iterator<Item = (Place, &FunctionDefinition)> {
        let tools = self.body.tools.iter().flat_map(|tools| tools.iter().enumerate());
        tools.filter_map(|(at, tool)| Some((Place("tools", at, ".function"), tool.function.as_ref()?)))
    }

    /// The functions in `tools` and in `functions`, each with its place.
    pub(super) fn all_functions(&self) -> impl Iterator<Item = (Place, &FunctionDefinition)> {
        let older = self.body.functions.iter().flat_map(|list| list.iter().enumerate());
        self.functions().chain(older.map(|(at, function)| (Place("functions", at, ""), function)))
    }

    /// Whether a member is there but could not be read, which [`types::wrong_types`] reports.
    pub(super) fn is_unread(&self, member: &str) -> bool {
        is_unread(self.body.extra(), member)
    }
}

/// The place of a function, such as `tools[0].function`, which is text only in a finding.
pub(super) struct Place(&'static str, usize, &'static str);

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(list, at, member) = self;
        write!(f, "{list}[{at}]{member}")
    }
}

/// What the rules found, in their order.
pub(super) struct Findings<'a> {
    model: Option<&'a Model>,
    /// The place in the list of rules and the page of the rule that is checked.
    pub(super) place: usize,
    pub(super) reference: &'static str,
    /// Each with the place of its rule; some rules look at what was found before.
    pub(super) list: Vec<(usize, Violation)>,
}

impl<'a> Findings<'a> {
    pub(super) fn about(check: &Check<'a>) -> Self {
        Self { model: check.model, place: 0, reference: REFERENCE, list: Vec::new() }
    }

    pub(super) fn push(&mut self, violation: Violation) {
        self.list.push((self.place, violation.on_page(self.reference)));
    }

    pub(super) fn add(&mut self, parameter: impl Into<String>, rule: Rule, message: impl Into<String>) {
        self.push(Violation::new(parameter, rule, message));
    }

    /// Adds a finding whose message begins with the declared model.
    pub(super) fn add_of_model(&mut self, parameter: impl Into<String>, rule: Rule, problem: impl Display) {
        self.add(parameter, rule, self.of_model(problem));
    }

    /// Adds a finding about more, or longer, than the service takes.
    pub(super) fn add_limit(&mut self, parameter: impl Into<String>, most: impl TryInto<i64>, message: String) {
        self.push(Violation::new(parameter, Rule::Limit, message).within(None, most.try_into().ok()));
    }

    /// A message that begins with the declared model.
    pub(super) fn of_model(&self, problem: impl Display) -> String {
        format!("{} {problem}", self.model.map(Model::id).unwrap_or_default())
    }

    /// Whether there is a finding about the parameter.
    pub(super) fn has(&self, parameter: &str) -> bool {
        self.list.iter().any(|(_, violation)| violation.parameter() == parameter)
    }
}

/// Whether a member of an object is among those that could not be read.
pub(super) fn is_unread(extra: Option<&Map<String, Value>>, member: &str) -> bool {
    extra.is_some_and(|extra| extra.contains_key(member))
}

/// Whether a name is valid for a function or a schema: 1 to 64 letters, digits, `_`, `-`.
pub(super) fn is_name(text: &str) -> bool {
    let valid = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_' || letter == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(valid)
}

impl ChatCompletionRequest {
    /// Whether the declared model is known to refuse a parameter at the effort of this request.
    pub(in crate::request) fn refuses(&self, parameter: Parameter) -> bool {
        let effort = self.body.reasoning_effort.as_ref();
        let model = self.deployment.declared_model();
        model.is_some_and(|model| model.capabilities().supports_at(parameter, effort) == Support::No)
    }
}

/// A description of a JSON value that repeats nothing of it.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "this number",
        Value::String(_) => "a string",
        Value::Array(_) => "this list",
        Value::Object(_) => "an object",
    }
}
