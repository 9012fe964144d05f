//! Rules that only the service checks; the client crate sends requests that break them.

use azure_openai_chat::{Capabilities, ChatCompletionRequest};
use serde_json::Value;

use super::azure_error::{AzureError, Dialect, listed};
use crate::deployment::DeployedModel;
use crate::request::{ChatRequest, role};

/// The error for a request that breaks no rule of the client crate.
pub(crate) fn refusal(
    read: &ChatCompletionRequest,
    request: ChatRequest<'_>,
    deployed: &DeployedModel,
    dialect: Option<Dialect>,
) -> Option<AzureError> {
    result_of_an_earlier_turn(request)
        .or_else(|| unrecognized(read, request, dialect?))
        .or_else(|| context_length(request, deployed))
}

/// The roles of messages, in the service's order.
const ROLES: [&str; 6] = ["system", "assistant", "user", "function", "tool", "developer"];

/// The error for an unknown role, which the client crate sends, since a later service may have it.
pub(crate) fn unknown_role(request: ChatRequest<'_>) -> Option<AzureError> {
    let mut messages = request.messages().iter().enumerate();
    let (at, message) = messages.find(|(_, message)| !ROLES.contains(&role(message)))?;
    let message = format!("Invalid value: '{}'. Supported values are: {}.", role(message), listed(&ROLES));
    Some(AzureError::invalid(message, format!("messages[{at}].role"), "invalid_value"))
}

/// The error for a tool message that does not answer the assistant message right before it. The client crate only requires
/// that its call is in some message before.
fn result_of_an_earlier_turn(request: ChatRequest<'_>) -> Option<AzureError> {
    let mut calls_tools = false;
    for (at, message) in request.messages().iter().enumerate() {
        match role(message) {
            "tool" if calls_tools => {}
            "tool" => return Some(result_without_call(at)),
            _ => calls_tools = message.get("tool_calls").is_some_and(Value::is_array),
        }
    }
    None
}

/// The error of a tool message that answers no call.
pub(crate) fn result_without_call(at: usize) -> AzureError {
    let message =
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
    AzureError::invalid(message, format!("messages.[{at}].role"), Value::Null)
}

/// The error for members that the client crate does not have, and for `declared`, which it reads from stored requests and
/// does not send.
fn unrecognized(read: &ChatCompletionRequest, request: ChatRequest<'_>, dialect: Dialect) -> Option<AzureError> {
    let is_unknown = |name: &str| match name {
        // On a dated route `model` is not read, whatever its type.
        "model" => false,
        "declared" => true,
        _ => read.extra().is_some_and(|extra| extra.contains_key(name)),
    };
    let unknown = request.body().as_object()?.iter().filter(|(name, value)| is_unknown(name) && !value.is_null());
    let names: Vec<&str> = unknown.map(|(name, _)| name.as_str()).collect();
    let first = *names.first()?;
    Some(match dialect {
        Dialect::Azure => AzureError::unrecognized(&names),
        Dialect::OpenAi => AzureError::unknown_parameter(first),
    })
}

fn context_length(request: ChatRequest<'_>, deployed: &DeployedModel) -> Option<AzureError> {
    let limit = deployed.capabilities().and_then(Capabilities::context_tokens)?;
    let tokens = request.prompt_tokens();
    (tokens > limit).then(|| AzureError::context_length(limit, tokens))
}
