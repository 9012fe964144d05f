//! Azure's error bodies: status, code, parameter and the texts that callers match on.

use serde_json::{Value, json};

use super::filter::{Trigger, clean_prompt, merge};

/// A request that is not answered.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) body: Value,
    /// One gateway error is pretty-printed and comes without a content type.
    pub(super) bare: bool,
}

impl Refusal {
    fn new(status: u16, error: Value) -> Self {
        Self { status, body: json!({"error": error}), bare: false }
    }

    /// A request that is wrong in itself; `code` may be `null`.
    pub(super) fn invalid(message: impl Into<String>, param: impl Into<Value>, code: impl Into<Value>) -> Self {
        let (message, param, code) = (message.into(), param.into(), code.into());
        Self::new(400, json!({"message": message, "type": "invalid_request_error", "param": param, "code": code}))
    }

    pub(super) fn parameter(name: &str) -> Self {
        let instead = if name == "max_tokens" { " Use 'max_completion_tokens' instead." } else { "" };
        let message = format!("Unsupported parameter: '{name}' is not supported with this model.{instead}");
        Self::invalid(message, name, "unsupported_parameter")
    }

    /// The answer of models without reasoning to a parameter of the others: the name is in the message only.
    pub(super) fn unrecognized(name: &str) -> Self {
        Self::invalid(format!("Unrecognized request argument supplied: {name}"), Value::Null, Value::Null)
    }

    pub(super) fn above_output_limit(name: &str, limit: u64, most: u64) -> Self {
        let message = format!(
            "{name} is too large: {limit}. This model supports at most {most} completion tokens, whereas you provided \
             {limit}."
        );
        Self::invalid(message, name, "invalid_value")
    }

    pub(super) fn beside_prediction(name: &str) -> Self {
        let message = format!("Unsupported parameter: '{name}' is not supported together with 'prediction'.");
        Self::invalid(message, name, "unsupported_parameter")
    }

    /// `supported` may be empty where the service lists nothing.
    pub(super) fn value(name: &str, value: &str, supported: &str) -> Self {
        let values = if supported.is_empty() { String::new() } else { format!(" Supported values are: {supported}.") };
        let message = format!("Unsupported value: '{name}' does not support {value} with this model.{values}");
        Self::invalid(message, name, "unsupported_value")
    }

    pub(super) fn missing(name: &str) -> Self {
        Self::invalid(format!("Missing required parameter: '{name}'."), name, "missing_required_parameter")
    }

    pub(super) fn not_json() -> Self {
        Self::invalid("The request body could not be read as JSON.", Value::Null, Value::Null)
    }

    pub(super) fn no_access() -> Self {
        let message = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a \
            valid key for an active subscription and use a correct regional API endpoint for your resource.";
        Self::new(401, json!({"code": "401", "message": message}))
    }

    pub(super) fn no_resource() -> Self {
        Self::new(404, json!({"code": "404", "message": "Resource not found"}))
    }

    pub(super) fn no_deployment() -> Self {
        let message = "The API deployment for this resource does not exist. If you created the deployment within \
            the last 5 minutes, please wait a moment and try again.";
        let error = json!({"type": "invalid_request_error", "code": "DeploymentNotFound", "message": message});
        Self { bare: true, ..Self::new(404, error) }
    }

    pub(super) fn no_chat(model: &str) -> Self {
        let message = format!(
            "The chatCompletion operation does not work with the specified model, {model}. Please choose different \
             model and try again. You can learn more about which models can be used with each operation here: \
             https://go.microsoft.com/fwlink/?linkid=2197993."
        );
        Self::new(400, json!({"code": "OperationNotSupported", "message": message}))
    }

    pub(super) fn too_long(limit: u64, tokens: u64) -> Self {
        let message = format!(
            "This model's maximum context length is {limit} tokens. However, your messages resulted in {tokens} \
             tokens. Please reduce the length of the messages."
        );
        Self::invalid(message, "messages", "context_length_exceeded")
    }

    pub(super) fn rate_limit(api_version: &str, seconds: u64) -> Self {
        let message = format!(
            "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version {api_version} have \
             exceeded call rate limit of your current AIServices S0 pricing tier. Please retry after {seconds} \
             seconds. Please contact Azure support service if you would like to further increase the default rate limit."
        );
        Self::new(429, json!({"code": "429", "message": message}))
    }

    pub(super) fn filtered(trigger: &Trigger) -> Self {
        let message = "The response was filtered due to the prompt triggering Azure OpenAI's content management \
            policy. Please modify your prompt and retry. To learn more about our content filtering policies please \
            read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766";
        let result = trigger.raise(&clean_prompt());
        let inner = json!({"innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result}});
        let outer =
            json!({"message": message, "type": null, "param": "prompt", "code": "content_filter", "status": 400});
        Self::new(400, merge(outer, inner))
    }
}
