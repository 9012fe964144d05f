//! What the documents discourage, or date differently from the wire. Advice never stops a request by
//! itself: recordings show that the service honours newer parameters on older api versions.

use std::fmt;

use super::ChatCompletionRequest;
use super::format::ResponseFormatType;
use crate::model::{ApiVersion, Lifecycle, first_documented};
use crate::response::Role;

/// What the documents ask to leave for hidden reasoning, in tokens.
const REASONING_BUDGET: u64 = 25_000;

/// Something to reconsider about a request that is sent all the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Advice {
    parameter: String,
    message: String,
}

impl Advice {
    pub(crate) fn new(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            parameter: parameter.into(),
            message: message.into(),
        }
    }

    /// The wire name of the parameter, or `model` or `api-version`.
    #[must_use]
    pub fn parameter(&self) -> &str {
        &self.parameter
    }

    /// What to reconsider.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.parameter, self.message)
    }
}

pub(super) fn advice(request: &ChatCompletionRequest, version: &ApiVersion) -> Vec<Advice> {
    let mut found = Vec::new();
    about_version(version, &mut found);
    about_model(request, &mut found);
    about_dates(request, version, &mut found);
    about_choices(request, &mut found);
    found
}

fn about_version(version: &ApiVersion, found: &mut Vec<Advice>) {
    if !version.is_well_formed() {
        found.push(Advice::new(
            "api-version",
            format!(
                "'{version}' is no api version: use v1, or a date such as 2024-10-21 or 2025-04-01-preview \
                 (a model version such as 2024-08-06 is something else)"
            ),
        ));
    } else if !version.is_known() {
        found.push(Advice::new(
            "api-version",
            format!("'{version}' is not among the documented api versions: v1 and 2024-10-21 are the stable ones"),
        ));
    }
}

fn about_model(request: &ChatCompletionRequest, found: &mut Vec<Advice>) {
    let Some(model) = request.deployment.declared_model() else {
        return;
    };
    let capabilities = model.capabilities();
    match capabilities.lifecycle() {
        Lifecycle::Retired(None) => {
            found.push(Advice::new(
                "model",
                format!("{model} is retired: move the deployment to a newer model"),
            ));
        }
        // dates that had passed when the table was last checked
        Lifecycle::Retired(Some(date)) | Lifecycle::Retiring(date) if date <= capabilities.checked() => {
            found.push(Advice::new(
                "model",
                format!("{model} was to retire on {date}: move the deployment to a newer model"),
            ));
        }
        _ => {}
    }
    if !capabilities.is_reasoning() {
        return;
    }
    if model.name() == "o1" && request.body.has_role(&Role::System) && !request.body.has_role(&Role::Developer) {
        found.push(Advice::new(
            "messages",
            format!("{model} treats system messages as developer messages: write .developer(..)"),
        ));
    }
    if let Some(limit) = request
        .body
        .max_completion_tokens
        .filter(|limit| *limit < REASONING_BUDGET)
    {
        found.push(Advice::new(
            "max_completion_tokens",
            format!(
                "{limit} tokens include the hidden reasoning: leave about {REASONING_BUDGET} for it, or the answer may \
                 be cut or empty"
            ),
        ));
    }
}

/// Parameters that the documents date after the api version.
fn about_dates(request: &ChatCompletionRequest, version: &ApiVersion, found: &mut Vec<Advice>) {
    let body = &request.body;
    let schema = body.response_format.as_ref().and_then(|format| format.kind.as_ref());
    let parameters = [
        ("max_completion_tokens", body.max_completion_tokens.is_some()),
        ("reasoning_effort", body.reasoning_effort.is_some()),
        ("prediction", body.prediction.is_some()),
        ("parallel_tool_calls", body.parallel_tool_calls.is_some()),
        ("stream_options", body.stream_options.is_some()),
        ("store", body.store.is_some()),
        ("metadata", body.metadata.is_some()),
        ("user_security_context", body.user_security_context.is_some()),
        ("modalities", body.modalities.is_some()),
        ("audio", body.audio.is_some()),
        ("tools", body.tools.is_some()),
        ("tool_choice", body.tool_choice.is_some()),
        ("functions", body.functions.is_some()),
        ("function_call", body.function_call.is_some()),
        ("data_sources", body.data_sources.is_some()),
        ("logprobs", body.logprobs.is_some()),
        ("json_schema", schema == Some(&ResponseFormatType::JsonSchema)),
        ("verbosity", body.verbosity.is_some()),
        ("prompt_cache_key", body.prompt_cache_key.is_some()),
        ("prompt_cache_retention", body.prompt_cache_retention.is_some()),
        ("safety_identifier", body.safety_identifier.is_some()),
        ("developer", body.has_role(&Role::Developer)),
    ];
    for (name, _) in parameters.into_iter().filter(|(_, set)| *set) {
        if version.documents(name) != Some(false) {
            continue;
        }
        let first = first_documented(name).unwrap_or_default();
        let parameter = match name {
            "json_schema" => "response_format",
            "developer" => "messages",
            other => other,
        };
        found.push(Advice::new(
            parameter,
            format!("{name} is documented from {first} on, {version} does not list it: set another .api_version(..)"),
        ));
    }
}

fn about_choices(request: &ChatCompletionRequest, found: &mut Vec<Advice>) {
    let body = &request.body;
    if body.max_tokens.is_some() && body.max_completion_tokens.is_some() {
        found.push(Advice::new(
            "max_tokens",
            "max_completion_tokens says the same: keep one of them",
        ));
    }
    if let Some(n) = body.n.filter(|n| *n > 1) {
        found.push(Advice::new(
            "n",
            format!("{n} answers are billed {n} times, and their chunks come interleaved in a stream"),
        ));
    }
    let schema =
        body.response_format.as_ref().and_then(|format| format.kind.as_ref()) == Some(&ResponseFormatType::JsonSchema);
    if schema && body.offers_tools() && body.parallel_tool_calls != Some(false) {
        found.push(Advice::new(
            "parallel_tool_calls",
            "a JSON schema is not kept in parallel tool calls: set .parallel_tool_calls(false)",
        ));
    }
    if schema && body.data_sources.is_some() {
        found.push(Advice::new(
            "response_format",
            "a JSON schema is not kept together with data_sources",
        ));
    }
}
