//! Requests and assertions that the tests of all rules share.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::model::{ApiVersion, Capabilities, Deployment, Model};
use crate::request::{ChatCompletionRequest, ChatCompletionRequestBuilder, Rule};

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
