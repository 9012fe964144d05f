//! What the service is known to refuse, rule by rule. Each rule is a small pure function over the request
//! and the declared model; a cell of the table that is unknown refuses nothing.
//!
//! Rules come from the reasoning and predicted-outputs pages and from recorded refusals, one file a subject;
//! the table in the documentation of [`request`](super) lists them. The order of [`RULES`] is the order in
//! which violations are told.

use std::fmt;

use super::message::Message;
use super::tool::FunctionDefinition;
use super::violation::Violation;
use super::{ChatCompletionRequest, RequestBody};
use crate::model::{ApiVersion, Capabilities, Model, Parameter, Support};

pub(super) use self::range::expected as expected_range;

mod calls;
mod effort;
mod format;
mod limits;
mod media;
mod parameters;
mod prediction;
mod range;
mod reach;
mod roles;
mod schema;
mod tools;
mod types;

pub(super) use schema::strict_advice;

const RULES: &[fn(&Check<'_>, &mut Vec<Violation>)] = &[
    reach::deployment_name,
    reach::chat_completions,
    types::wrong_types,
    roles::speakers,
    roles::instructions,
    roles::mixed_instructions,
    parameters::plain,
    effort::accepted,
    effort::conflicts,
    tools::empty_lists,
    tools::offered,
    tools::in_parallel,
    schema::structured_outputs,
    media::images_and_audio,
    media::image_urls,
    reach::streaming,
    prediction::model,
    prediction::conflicts,
    parameters::completion_limit,
    parameters::output_limit,
    schema::strict,
    schema::format,
    format::objects_without_properties,
    format::json_object,
    parameters::alternatives,
    tools::names,
    tools::choice,
    tools::chosen,
    calls::results,
    range::numbers,
    range::biases,
    limits::tools,
    limits::stop,
    limits::metadata,
    reach::api_version,
];

/// What a rule looks at.
struct Check<'a> {
    request: &'a ChatCompletionRequest,
    body: &'a RequestBody,
    model: Declared<'a>,
    capabilities: Option<&'a Capabilities>,
    streaming: Option<bool>,
    api_version: Option<&'a ApiVersion>,
}

/// Prints the declared model's id, or nothing without one.
struct Declared<'a>(Option<&'a Model>);

impl fmt::Display for Declared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |model| model.fmt(f))
    }
}

impl Check<'_> {
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

    /// Whether the declared model is one of the built-in table, and so one of Azure OpenAI: other makers' models on the
    /// same route have other limits.
    fn is_in_table(&self) -> bool {
        self.model.0.is_some_and(|model| model.name().parse::<Model>().is_ok())
    }

    fn messages(&self) -> impl Iterator<Item = (usize, &Message)> {
        self.request.messages().iter().enumerate()
    }

    fn functions(&self) -> impl Iterator<Item = (String, &FunctionDefinition)> {
        let tools = self.body.tools.iter().flat_map(|tools| tools.iter().enumerate());
        tools.filter_map(|(at, tool)| Some((format!("tools[{at}].function"), tool.function.as_ref()?)))
    }

    /// Whether a member is there but could not be read, which is told already.
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

pub(super) fn violations(
    request: &ChatCompletionRequest,
    streaming: Option<bool>,
    api_version: Option<&ApiVersion>,
) -> Vec<Violation> {
    let model = request.deployment.declared_model();
    let check = Check {
        request,
        body: &request.body,
        model: Declared(model),
        capabilities: model.map(|model| model.capabilities()),
        streaming,
        api_version,
    };
    let mut found = Vec::new();
    for rule in RULES {
        rule(&check, &mut found);
    }
    found
}

/// How the tests of the rules ask.
#[cfg(test)]
mod testing {
    use serde_json::Value;

    use crate::model::{Capabilities, Deployment, Model};
    use crate::request::{ChatCompletionRequest, ChatCompletionRequestBuilder, Rule};

    /// A request to a model that breaks no rule yet.
    pub(super) fn ask(model: Model) -> ChatCompletionRequestBuilder {
        ChatCompletionRequest::builder(Deployment::new("d").model(model)).user("hi").uncapped()
    }

    /// A request to a deployment of which nobody says what it is.
    pub(super) fn ask_any() -> ChatCompletionRequestBuilder {
        ChatCompletionRequest::builder(Deployment::new("d")).user("hi")
    }

    /// A model of which only this is known.
    pub(super) fn model(declare: impl FnOnce(Capabilities) -> Capabilities) -> Model {
        Model::custom("mine", declare(Capabilities::unknown()))
    }

    pub(super) fn read(json: Value) -> ChatCompletionRequest {
        serde_json::from_value(json).unwrap()
    }

    /// Everything that is told, word for word.
    #[track_caller]
    pub(super) fn assert_told(request: &ChatCompletionRequest, expected: &[(&str, Rule, &str)]) {
        let violations = request.violations(request.asks_for_stream(), None);
        let told: Vec<(&str, Rule, &str)> =
            violations.iter().map(|violation| (violation.parameter(), violation.rule(), violation.message())).collect();
        assert_eq!(told, expected);
    }

    #[track_caller]
    pub(super) fn assert_refused(asked: ChatCompletionRequestBuilder, parameter: &str, rule: Rule, message: &str) {
        assert_told(&asked.build_unchecked(), &[(parameter, rule, message)]);
    }

    #[track_caller]
    pub(super) fn assert_fine(asked: ChatCompletionRequestBuilder) {
        assert_told(&asked.build_unchecked(), &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{ask, assert_fine, assert_told, model, read};
    use crate::model::{Model, ModelCatalog};
    use crate::request::{Message, Rule, Tool};

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
}
