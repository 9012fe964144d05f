//! The rules a request is checked by: one list, from which come the violations, the advice, and the table in the
//! documentation of [`request`](super).
//!
//! A rule is a value: what must hold, the parameters of the wire it is about, the models it applies to, its weight, the
//! page it comes from, and a small pure function that looks for what breaks it. One file a subject. A cell of the model
//! table that is unknown refuses nothing. The order of [`RULES`](list::RULES) is the order in which findings are reported.

use std::fmt;
use std::time::SystemTime;

use self::list::RULES;
use super::message::Message;
use super::tool::FunctionDefinition;
use super::violation::{Advice, Violation};
use super::{ChatCompletionRequest, RequestBody};
use crate::model::{ApiVersion, Capabilities, Model, Parameter, Support};

pub(super) use self::list::REFERENCE;
pub(super) use self::range::expected as expected_range;
pub use self::table::rule_table;

mod dates;
mod deployment;
mod effort;
mod limits;
mod list;
mod media;
mod prediction;
mod range;
mod roles;
mod sampling;
mod schema;
mod table;
#[cfg(test)]
mod testing;
mod tool_calls;
mod tools;
mod types;

/// One rule.
struct RequestRule {
    /// What must hold, as the documentation's table prints it.
    name: &'static str,
    /// The wire names of the parameters a finding is about, without their places; empty for any.
    parameters: &'static [&'static str],
    applies_to: AppliesTo,
    weight: Weight,
    /// Where it is written down.
    reference: &'static str,
    check: fn(&Check<'_>, &mut Vec<Violation>),
}

/// The models a rule applies to.
#[derive(Clone, Copy)]
enum AppliesTo {
    /// Every model, declared or not.
    Every,
    /// Declared models, each as its row in the model table says.
    AsListed,
    /// Declared models of the reasoning family.
    Reasoning,
    /// Declared models of the built-in table. Other makers' models on the same route have other limits.
    InTable,
}

/// What a finding does.
#[derive(Clone, Copy, PartialEq)]
enum Weight {
    /// The service refuses it: a violation.
    Refused,
    /// The documents discourage it: an advice.
    Advised,
}

impl AppliesTo {
    fn includes(self, check: &Check<'_>) -> bool {
        match self {
            Self::Every => true,
            Self::AsListed => check.capabilities.is_some(),
            Self::Reasoning => check.holds(Capabilities::is_reasoning),
            Self::InTable => check.model.0.is_some_and(|model| model.name().parse::<Model>().is_ok()),
        }
    }
}

/// What a rule looks at.
struct Check<'a> {
    request: &'a ChatCompletionRequest,
    body: &'a RequestBody,
    model: Declared<'a>,
    capabilities: Option<&'a Capabilities>,
    streaming: Option<bool>,
    api_version: Option<&'a ApiVersion>,
    /// By which dates have passed.
    now: SystemTime,
}

/// Prints the declared model's id, or nothing without one.
struct Declared<'a>(Option<&'a Model>);

impl fmt::Display for Declared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |model| model.fmt(f))
    }
}

impl<'a> Check<'a> {
    fn of(
        request: &'a ChatCompletionRequest,
        streaming: Option<bool>,
        api_version: Option<&'a ApiVersion>,
        now: SystemTime,
    ) -> Self {
        let model = request.deployment.declared_model();
        let capabilities = model.map(|model| model.capabilities());
        Self { request, body: &request.body, model: Declared(model), capabilities, streaming, api_version, now }
    }

    fn findings(&self, weight: Weight) -> Vec<Violation> {
        let mut found = Vec::new();
        for rule in RULES.iter().filter(|rule| rule.weight == weight) {
            let before = found.len();
            (rule.check)(self, &mut found);
            if found.len() > before && !rule.applies_to.includes(self) {
                found.truncate(before);
            }
            for finding in found.iter_mut().skip(before) {
                finding.set_reference(rule.reference);
                #[cfg(test)]
                testing::assert_listed(rule.parameters, finding.parameter());
            }
        }
        found
    }

    fn refuses(&self, parameter: Parameter) -> bool {
        self.request.refuses(parameter)
    }

    /// Whether the declared model takes it while the effort in force is `none`, and only then.
    fn needs_effort_none(&self, parameter: Parameter) -> bool {
        self.capabilities.is_some_and(|capabilities| capabilities.supports(parameter) == Support::EffortNone)
    }

    /// Whether a rule of single models holds for the declared one.
    fn holds(&self, rule: fn(&Capabilities) -> bool) -> bool {
        self.capabilities.is_some_and(rule)
    }

    fn messages(&self) -> impl Iterator<Item = (usize, &Message)> {
        self.request.messages().iter().enumerate()
    }

    fn functions(&self) -> impl Iterator<Item = (String, &FunctionDefinition)> {
        let tools = self.body.tools.iter().flat_map(|tools| tools.iter().enumerate());
        tools.filter_map(|(at, tool)| Some((format!("tools[{at}].function"), tool.function.as_ref()?)))
    }

    /// Whether a member is there but could not be read, which [`types::wrong_types`] reports.
    fn is_unread(&self, member: &str) -> bool {
        self.body.extra().is_some_and(|extra| extra.contains_key(member))
    }
}

/// Whether a name is as the service wants those of functions and schemas: 1 to 64 letters, digits, `_`, `-`.
fn is_name(text: &str) -> bool {
    let valid = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_' || letter == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(valid)
}

impl ChatCompletionRequest {
    /// Whether the declared model is known to refuse a parameter at the effort of this request.
    pub(super) fn refuses(&self, parameter: Parameter) -> bool {
        let effort = self.body.reasoning_effort.as_ref();
        let model = self.deployment.declared_model();
        model.is_some_and(|model| model.capabilities().supports_at(parameter, effort) == Support::No)
    }
}

/// What the service is known to refuse. What is not given, streaming or the api version, is not checked, and no date
/// refuses anything.
pub(super) fn violations(
    request: &ChatCompletionRequest,
    streaming: Option<bool>,
    api_version: Option<&ApiVersion>,
) -> Vec<Violation> {
    Check::of(request, streaming, api_version, SystemTime::UNIX_EPOCH).findings(Weight::Refused)
}

/// What the documents discourage, or date differently from the wire: recordings show that the service honours newer
/// parameters on older api versions, so it never stops a request by itself.
pub(super) fn advice(
    request: &ChatCompletionRequest,
    api_version: &ApiVersion,
    streaming: bool,
    now: SystemTime,
) -> Vec<Advice> {
    let findings = Check::of(request, Some(streaming), Some(api_version), now).findings(Weight::Advised);
    findings.into_iter().map(Advice::from).collect()
}

#[cfg(test)]
mod tests {
    use super::testing::{ask, assert_fine, assert_told, model, read};
    use super::*;
    use crate::model::ModelCatalog;
    use crate::request::{Rule, Tool};

    #[test]
    fn a_plain_question_is_fine_for_every_model_with_chat() {
        for known in ModelCatalog::built_in().models() {
            let violations = ask(known.clone()).build_unchecked().violations(None, None);
            let chat = known.capabilities().chat_completions() != crate::model::Support::No;
            assert_eq!(violations.is_empty(), chat, "{known}");
        }
    }

    #[test]
    fn a_model_of_which_nothing_is_known_refuses_nothing() {
        let request = read(serde_json::json!({
            "model": "d",
            "messages": [
                {"role": "system", "content": "a"},
                {"role": "developer", "content": [{"type": "image_url", "image_url": {"url": "u"}}]},
                {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}
            ],
            "max_tokens": 1, "max_completion_tokens": 2, "temperature": 2, "top_p": 1, "presence_penalty": 2,
            "frequency_penalty": 2, "n": 3, "stop": ["a"], "seed": 1, "user": "u", "logprobs": true,
            "top_logprobs": 20, "logit_bias": {"1": 100}, "reasoning_effort": "max", "verbosity": "low",
            "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
            "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}],
            "tool_choice": "auto", "parallel_tool_calls": true, "functions": [{"name": "f"}],
            "function_call": "auto", "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "mp3"},
            "stream": true, "stream_options": {"include_usage": true}, "store": true, "metadata": {"a": "b"},
            "service_tier": "flex", "prompt_cache_key": "k", "prompt_cache_retention": "24h",
            "safety_identifier": "s", "user_security_context": {}, "web_search_options": {}, "tomorrow": [1]
        }));
        assert_told(&request, &[]);
        let unknown = model(|unknown| unknown);
        assert_told(&request.with_deployment(crate::Deployment::new("d").model(unknown)), &[]);
    }

    #[test]
    fn nothing_said_with_null_is_a_violation() {
        let request = read(serde_json::json!({
            "model": "o1-2024-12-17", "messages": [{"role": "user", "content": "hi", "name": null, "tool_calls": null}],
            "max_completion_tokens": 5, "max_tokens": null, "temperature": null, "top_p": null, "n": null, "stop": null,
            "presence_penalty": null, "frequency_penalty": null, "logprobs": null, "top_logprobs": null,
            "logit_bias": null, "prediction": null, "parallel_tool_calls": null, "tools": null, "tool_choice": null,
            "functions": null, "verbosity": null, "modalities": null, "audio": null, "stream": null, "metadata": null,
            "response_format": null, "reasoning_effort": null, "data_sources": null
        }));
        assert_told(&request, &[]);
    }

    #[test]
    fn everything_is_told_at_once_in_the_order_of_the_rules() {
        let asked = ask(Model::O1_MINI_2024_09_12)
            .message(Message::system("be kind"))
            .temperature(0.5)
            .tool(Tool::function("f"))
            .prediction("x")
            .build_unchecked();
        let told: Vec<_> = asked
            .violations(Some(true), None)
            .iter()
            .map(|violation| (violation.parameter().to_owned(), violation.rule()))
            .collect();
        let expected = [
            ("messages[1].role", Rule::UnsupportedRole),
            ("temperature", Rule::UnsupportedValue),
            ("tools", Rule::UnsupportedParameter),
            ("stream", Rule::UnsupportedParameter),
            ("prediction", Rule::UnsupportedParameter),
            ("tools", Rule::PredictionConflict),
        ];
        assert_eq!(told, expected.map(|(parameter, rule)| (parameter.to_owned(), rule)));
    }

    #[test]
    fn what_a_team_declares_counts() {
        let deaf = model(|unknown| unknown.with(crate::Parameter::Audio, crate::Support::No));
        assert_fine(ask(deaf.clone()));
        let request = ask(deaf).extra("modalities", serde_json::json!(["audio"])).build_unchecked();
        assert_told(
            &request,
            &[("modalities", Rule::UnsupportedParameter, "mine does not speak: leave modalities out")],
        );
    }

    #[test]
    fn violations_and_advice_come_from_the_same_list() {
        let asked = ask(Model::O1_2024_12_17).temperature(0.5).system("be kind").n(3);
        let request = asked.build_unchecked();
        let violations: Vec<_> =
            request.violations(None, Some(&ApiVersion::V1)).into_iter().map(Advice::from).collect();
        let advice = request.advice(&ApiVersion::V1);
        let names = |found: &[Advice]| found.iter().map(|one| one.parameter().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&violations), ["temperature"]);
        assert_eq!(names(&advice), ["model", "messages", "n"]);
    }
}
