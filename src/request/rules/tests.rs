//! Requests and assertions that the tests of all rules share, and the tests about all rules.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::model::{Capabilities, Deployment, Model, ModelCatalog};
use crate::request::{ChatCompletionRequestBuilder, Message, Rule, Tool};

/// A request to a model that breaks no rule yet.
pub(super) fn request_to(model: Model) -> ChatCompletionRequestBuilder {
    ChatCompletionRequest::builder(Deployment::new("d").model(model)).user("hi").uncapped()
}

/// A request to a deployment without a declared model.
pub(super) fn request_to_any() -> ChatCompletionRequestBuilder {
    ChatCompletionRequest::builder(Deployment::new("d")).user("hi")
}

/// A model whose other cells are unknown.
pub(super) fn model(declare: impl FnOnce(Capabilities) -> Capabilities) -> Model {
    Model::custom("mine", declare(Capabilities::unknown()))
}

pub(super) fn read(json: Value) -> ChatCompletionRequest {
    serde_json::from_value(json).unwrap()
}

/// Asserts all violations and their exact messages.
#[track_caller]
pub(super) fn assert_violations(request: &ChatCompletionRequest, expected: &[(&str, Rule, &str)]) {
    let violations = request.violations(request.asks_for_stream(), None);
    let findings: Vec<(&str, Rule, &str)> =
        violations.iter().map(|violation| (violation.parameter(), violation.rule(), violation.message())).collect();
    assert_eq!(findings, expected);
}

#[track_caller]
pub(super) fn assert_refused(builder: ChatCompletionRequestBuilder, parameter: &str, rule: Rule, message: &str) {
    assert_violations(&builder.build_unchecked(), &[(parameter, rule, message)]);
}

#[track_caller]
pub(super) fn assert_fine(builder: ChatCompletionRequestBuilder) {
    assert_violations(&builder.build_unchecked(), &[]);
}

/// Asserts all advice and its exact messages.
#[track_caller]
pub(super) fn assert_advised(builder: ChatCompletionRequestBuilder, version: &ApiVersion, expected: &[(&str, &str)]) {
    let request = builder.build_unchecked();
    let advice = super::advice(&request, version, request.asks_for_stream() == Some(true), november_2026());
    let advice: Vec<_> = advice.iter().map(|advice| (advice.parameter(), advice.message())).collect();
    assert_eq!(advice, expected);
}

/// Each finding of any test is about a parameter that its rule lists.
pub(super) fn assert_listed(listed: &[&str], parameter: &str) {
    let name = parameter.split(['[', '.', '/']).next().unwrap_or_default();
    assert!(listed.is_empty() || listed.contains(&name), "{parameter} is not among {listed:?}");
}

/// 2026-11-27
pub(super) fn november_2026() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(20_784 * 86_400)
}

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
    let violations: Vec<_> = request.violations(None, Some(&ApiVersion::V1)).into_iter().map(Advice::from).collect();
    let advice = request.advice(&ApiVersion::V1);
    let names = |found: &[Advice]| found.iter().map(|one| one.parameter().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&violations), ["temperature"]);
    assert_eq!(names(&advice), ["model", "messages", "n"]);
}

fn found(request: &ChatCompletionRequest) -> Vec<String> {
    request.violations(None, None).iter().map(|violation| violation.parameter().to_owned()).collect()
}

#[test]
fn a_request_that_was_changed_is_checked_anew() {
    let request = request_to(Model::GPT_4O_2024_08_06).build().unwrap();
    let orphan = request.clone().with_message(Message::tool_result("call_1", "result"));
    assert_eq!(found(&orphan), ["messages[1].tool_call_id"]);
    assert_eq!(found(&request), [""; 0]);
    let request = ChatCompletionRequest::builder("d").user("hi").build().unwrap();
    let o1 = request.with_deployment(Deployment::new("d").model(Model::O1_2024_12_17));
    assert_eq!(found(&o1), ["max_completion_tokens"]);
    assert_eq!(found(&o1.with_deployment("d")), [""; 0]);
    assert_eq!(found(&o1.clone().uncapped()), [""; 0]);
    let mut emptied = request.clone();
    emptied.messages_mut().clear();
    assert_eq!(found(&emptied), ["messages"]);
    let rebuilt = request.to_builder().n(0).build_unchecked();
    assert_eq!(found(&rebuilt), ["n"]);
    let mut longer = request.clone();
    longer.push_message(Message::tool_result("call_1", "result"));
    assert_eq!(found(&longer), ["messages[1].tool_call_id"]);
    let adapted = o1.adapt().unwrap();
    assert_eq!(found(adapted.request()), [""; 0]);
}

#[test]
fn a_copy_and_a_check_change_nothing_that_is_compared() {
    let unchecked = request_to(Model::GPT_4O_2024_08_06).build_unchecked();
    let checked = unchecked.clone();
    assert!(checked.validate().is_ok() && checked.clone() == unchecked);
    assert_eq!(format!("{checked:?}"), format!("{unchecked:?}"));
}

#[test]
fn one_verdict_serves_calls_of_every_kind() {
    let request = request_to(Model::O1_2024_12_17).uncapped().prediction("x").build_unchecked();
    for _ in 0..2 {
        let violations = |streaming, version| request.violations(streaming, version).len();
        assert_eq!((violations(None, None), violations(Some(true), Some(&ApiVersion::V1))), (1, 2));
        let advice = |version| request.advice(&version).len();
        assert_eq!((advice(ApiVersion::V2024_10_21), advice(ApiVersion::V1)), (2, 1));
    }
}

#[cfg(feature = "client")]
#[test]
fn the_length_of_all_texts_is_nearly_the_size_of_the_body() {
    use serde_json::json;

    let long = "x".repeat(1000);
    let parts = json!([{"type": "text", "text": long}, {"type": "image_url", "image_url": {"url": long}}]);
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": long}});
    let request = read(json!({"model": "d", "messages": [
        {"role": "user", "content": parts}, {"role": "assistant", "tool_calls": [call]},
        {"role": "user", "content": long}
    ], "prediction": {"type": "content", "content": long}}));
    let size = serde_json::to_string(&request).unwrap().len();
    assert!((5000..size).contains(&request.text_length()) && size < 6000, "{size}");
}
