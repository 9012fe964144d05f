//! The rules for requests: one list, from which come the violations, the advice, and the table in the
//! documentation of [`request`](super).
//!
//! A rule is a value: what must hold, the parameters of the wire it is about, the models it applies to, its weight, the
//! page it comes from, and a pure function that finds what breaks it. One file a subject. A cell of the model
//! table that is unknown refuses nothing. The order of [`RULES`](list::RULES) is the order in which findings are reported.

use std::time::SystemTime;

use self::findings::findings;
use self::list::RULES;
use self::rule::{Check, Weight};
use super::ChatCompletionRequest;
use super::violation::{Advice, ValidationError, Violation};
use crate::model::ApiVersion;

pub(super) use self::range::expected as expected_range;

mod api_version;
mod deployment;
mod findings;
mod limits;
mod list;
mod media;
mod prediction;
mod range;
mod reasoning_effort;
mod roles;
mod rule;
mod sampling;
mod schema;
#[cfg(test)]
mod testing;
mod token_limits;
mod tool_calls;
mod tools;
mod types;

impl ChatCompletionRequest {
    /// Checks the request again, as `build()` does; one with `stream: true` in its JSON is checked as a stream.
    ///
    /// # Errors
    ///
    /// Every rule of the declared model, and of all models, that it breaks.
    pub fn validate(&self) -> Result<(), ValidationError> {
        ValidationError::unless_empty(self.violations(self.asks_for_stream(), None))
    }

    /// Every rule the request breaks when it is streamed or not and sent with an api version; what is not
    /// given is not checked.
    #[must_use]
    pub fn violations(&self, streaming: Option<bool>, api_version: Option<&ApiVersion>) -> Vec<Violation> {
        violations(self, streaming, api_version)
    }

    /// What the documents discourage or date differently from the wire; of a request with `stream: true` in its
    /// JSON also what only concerns streams. Never stops a request by itself.
    #[must_use]
    pub fn advice(&self, api_version: &ApiVersion) -> Vec<Advice> {
        advice(self, api_version, self.asks_for_stream() == Some(true), now())
    }

    /// The advice for a call that streams or does not, whatever the `stream` of its JSON.
    #[cfg(feature = "client")]
    pub(crate) fn advice_for(&self, api_version: &ApiVersion, is_streamed: bool) -> Vec<Advice> {
        advice(self, api_version, is_streamed, now())
    }
}

/// What the service is known to refuse. Without `streaming` or `api_version` the rules about them are skipped.
pub(super) fn violations(
    request: &ChatCompletionRequest,
    streaming: Option<bool>,
    api_version: Option<&ApiVersion>,
) -> Vec<Violation> {
    findings(&Check::of(request, streaming, api_version, SystemTime::UNIX_EPOCH), Weight::Refused)
}

/// What the documentation discourages, or documents for later api versions only. Recordings show that the service
/// accepts newer parameters on older api versions, so that advice never stops a request by itself.
pub(super) fn advice(
    request: &ChatCompletionRequest,
    api_version: &ApiVersion,
    streaming: bool,
    now: SystemTime,
) -> Vec<Advice> {
    let findings = findings(&Check::of(request, Some(streaming), Some(api_version), now), Weight::Advised);
    findings.into_iter().map(Advice::from).collect()
}

/// The current time; on `wasm32-unknown-unknown`, which has no clock, the Unix epoch, so that no date has passed.
fn now() -> SystemTime {
    match cfg!(all(target_family = "wasm", target_os = "unknown")) {
        true => SystemTime::UNIX_EPOCH,
        false => SystemTime::now(),
    }
}

/// Every rule that requests are checked by, as a Markdown table: what must hold, about which parameters, for which
/// models, and whether breaking it is a violation or an advice. The table of this module's documentation is made by it.
///
/// # Example: the rules about one parameter
///
/// ```
/// use azure_openai_chat::request::rule_table;
///
/// let table = rule_table();
/// let about_stop: Vec<&str> = table.lines().filter(|line| line.contains("`stop`")).collect();
/// assert!(about_stop.iter().any(|line| line.contains("at most 4 stop sequences")));
/// ```
#[must_use]
pub fn rule_table() -> String {
    let mut table = String::from("| rule | parameters | applies to | weight |\n|---|---|---|---|\n");
    for rule in RULES {
        let parameters: Vec<String> = rule.parameters.iter().map(|name| format!("`{name}`")).collect();
        let parameters = if parameters.is_empty() { "any".to_owned() } else { parameters.join(", ") };
        let (applies_to, weight) = (rule.applies_to.as_str(), rule.weight.as_str());
        table.push_str(&format!(
            "| {} ([page]({})) | {parameters} | {applies_to} | {weight} |\n",
            rule.name, rule.reference
        ));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::testing::{assert_fine, assert_violations, model, read, request_to};
    use super::*;
    use crate::model::{Model, ModelCatalog};
    use crate::request::{Message, Rule, Tool};

    #[test]
    fn a_plain_question_is_fine_for_every_model_with_chat() {
        for known in ModelCatalog::built_in().models() {
            let violations = request_to(known.clone()).build_unchecked().violations(None, None);
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
        assert_violations(&request, &[]);
        let unknown = model(|unknown| unknown);
        assert_violations(&request.with_deployment(crate::Deployment::new("d").model(unknown)), &[]);
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
        assert_violations(&request, &[]);
    }

    #[test]
    fn everything_is_told_at_once_in_the_order_of_the_rules() {
        let builder = request_to(Model::O1_MINI_2024_09_12)
            .message(Message::system("be kind"))
            .temperature(0.5)
            .tool(Tool::function("f"))
            .prediction("x")
            .build_unchecked();
        let findings: Vec<_> = builder
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
        assert_eq!(findings, expected.map(|(parameter, rule)| (parameter.to_owned(), rule)));
    }

    #[test]
    fn what_a_team_declares_counts() {
        let deaf = model(|unknown| unknown.with(crate::Parameter::Audio, crate::Support::No));
        assert_fine(request_to(deaf.clone()));
        let request = request_to(deaf).extra("modalities", serde_json::json!(["audio"])).build_unchecked();
        assert_violations(
            &request,
            &[("modalities", Rule::UnsupportedParameter, "mine does not speak: leave modalities out")],
        );
    }

    #[test]
    fn violations_and_advice_come_from_the_same_list() {
        let builder = request_to(Model::O1_2024_12_17).temperature(0.5).system("be kind").n(3);
        let request = builder.build_unchecked();
        let violations: Vec<_> =
            request.violations(None, Some(&ApiVersion::V1)).into_iter().map(Advice::from).collect();
        let advice = request.advice(&ApiVersion::V1);
        let names = |found: &[Advice]| found.iter().map(|one| one.parameter().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&violations), ["temperature"]);
        assert_eq!(names(&advice), ["model", "messages", "n"]);
    }
}
