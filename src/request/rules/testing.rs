//! Requests and assertions that the tests of all rules share.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::model::{ApiVersion, Capabilities, Deployment, Model};
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

/// The advice for a call that does not stream, word for word.
#[track_caller]
pub(super) fn assert_advised(asked: ChatCompletionRequestBuilder, version: &ApiVersion, expected: &[(&str, &str)]) {
    let request = asked.build_unchecked();
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
