//! Error bodies of Azure, [`AzureError`]: status, `code`, `param` and the texts that callers match on.
//!
//! The texts are recorded ones unless marked "unsourced". Which requests are refused is decided in
//! [`refusal`](super::refusal).

use serde_json::{Value, json};

use crate::filter::{FilterTrigger, clean_prompt, merge};

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct AzureError {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// Whether the body is pretty-printed and has no content type, as that of `DeploymentNotFound`.
    pub(crate) is_bare: bool,
}

/// The error text for an unknown member: Azure's, or OpenAI's on its own base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Dialect {
    Azure,
    OpenAi,
}

/// The service's text for a failure of its own.
pub(crate) const SERVER_ERROR: &str = "The server had an error while processing your request. Sorry about that!";

impl AzureError {
    /// The body as it is sent.
    pub(crate) fn text(&self) -> String {
        if self.is_bare { format!("{:#}", self.body) } else { self.body.to_string() }
    }

    pub(crate) fn content_type(&self) -> Option<&'static str> {
        (!self.is_bare).then_some("application/json")
    }

    pub(crate) fn new(status: u16, error: Value) -> Self {
        Self { status, body: json!({"error": error}), is_bare: false }
    }

    /// An `invalid_request_error`; `code` and `param` may be `null`.
    pub(crate) fn invalid(message: impl Into<String>, param: impl Into<Value>, code: impl Into<Value>) -> Self {
        let (message, param, code) = (message.into(), param.into(), code.into());
        Self::new(400, json!({"message": message, "type": "invalid_request_error", "param": param, "code": code}))
    }

    pub(crate) fn missing(param: &str) -> Self {
        Self::invalid(format!("Missing required parameter: '{param}'."), param, "missing_required_parameter")
    }

    pub(crate) fn unsupported_parameter(name: &str) -> Self {
        let instead = if name == "max_tokens" { " Use 'max_completion_tokens' instead." } else { "" };
        let message = format!("Unsupported parameter: '{name}' is not supported with this model.{instead}");
        Self::invalid(message, name, "unsupported_parameter")
    }

    /// A value, as JavaScript prints it, that the model does not support; then, after a space, those that it supports.
    pub(crate) fn unsupported_value(param: &str, value: &str, supported: &str) -> Self {
        let message = format!("Unsupported value: '{param}' does not support {value} with this model.{supported}");
        Self::invalid(message, param, "unsupported_value")
    }

    /// A value without an error text of its own; the text is unsourced.
    pub(crate) fn invalid_value(param: &str) -> Self {
        Self::invalid(format!("Invalid value for '{param}'."), param, "invalid_value")
    }

    /// Image data that is not base64, or not an image.
    pub(crate) fn invalid_image() -> Self {
        Self::new(400, json!({"message": "Invalid image data", "param": null, "type": null, "code": "BadRequest"}))
    }

    pub(crate) fn empty_array(param: &str) -> Self {
        let expected = "Expected an array with minimum length 1, but got an empty array instead.";
        Self::invalid(format!("Invalid '{param}': empty array. {expected}"), param, "empty_array")
    }

    pub(crate) fn array_too_long(param: &str, most: usize, length: usize) -> Self {
        let message = format!(
            "Invalid '{param}': array too long. Expected an array with maximum length {most}, but got an array with \
             length {length} instead."
        );
        Self::invalid(message, param, "array_above_max_length")
    }

    pub(crate) fn string_too_long(param: &str, longest: usize, length: usize) -> Self {
        let message = format!(
            "Invalid '{param}': string too long. Expected a string with maximum length {longest}, but got a string with \
             length {length} instead."
        );
        Self::invalid(message, param, "string_above_max_length")
    }

    /// Unknown members of the body; `param` is null, and the names are in the message only.
    pub(crate) fn unrecognized(names: &[&str]) -> Self {
        let arguments = if names.len() == 1 { "argument" } else { "arguments" };
        let message = format!("Unrecognized request {arguments} supplied: {}", names.join(", "));
        Self::invalid(message, Value::Null, Value::Null)
    }

    /// OpenAI's text for an unknown member; Azure's is [`unrecognized`](Self::unrecognized).
    pub(crate) fn unknown_parameter(name: &str) -> Self {
        Self::invalid(format!("Unknown parameter: '{name}'."), name, "unknown_parameter")
    }

    pub(crate) fn not_json() -> Self {
        let message = "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your \
            HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you \
            have trouble figuring out how to fix this, please contact us through our help center at help.openai.com.)";
        Self::invalid(message, Value::Null, Value::Null)
    }

    /// A version before structured outputs. The text is recorded, `code` is not.
    pub(crate) fn schema_needs_newer_version() -> Self {
        let message =
            "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later";
        Self::new(400, json!({"code": "BadRequest", "message": message}))
    }

    pub(crate) fn no_access() -> Self {
        let message = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a \
            valid key for an active subscription and use a correct regional API endpoint for your resource.";
        Self::new(401, json!({"code": "401", "message": message}))
    }

    /// A token that is missing, for another audience than this one, or has expired.
    pub(crate) fn bad_token(audience: &str) -> Self {
        let message = format!("Access token is missing, invalid, audience is incorrect ({audience}), or have expired.");
        Self::plain(401, "Unauthorized", message)
    }

    /// An identity without a role.
    pub(crate) fn no_role() -> Self {
        Self::plain(401, "PermissionDenied", "Principal does not have access to API/Operation.")
    }

    pub(crate) fn keys_disabled() -> Self {
        let message = "Key based authentication is disabled for this resource.";
        Self::plain(403, "AuthenticationTypeDisabled", message)
    }

    /// A failure of the model, as whole answers and streams have it.
    pub(crate) fn server_error() -> Self {
        Self::new(500, json!({"message": SERVER_ERROR, "type": "server_error", "param": null, "code": null}))
    }

    pub(crate) fn no_resource() -> Self {
        Self::new(404, json!({"code": "404", "message": "Resource not found"}))
    }

    pub(crate) fn no_deployment() -> Self {
        let message = "The API deployment for this resource does not exist. If you created the deployment within \
            the last 5 minutes, please wait a moment and try again.";
        let error = json!({"type": "invalid_request_error", "code": "DeploymentNotFound", "message": message});
        Self { is_bare: true, ..Self::new(404, error) }
    }

    /// An operation, by the service's name for it, that the deployed model does not support.
    pub(crate) fn not_supported(operation: &str, model: &str) -> Self {
        let message = format!(
            "The {operation} operation does not work with the specified model, {model}. Please choose different \
             model and try again. You can learn more about which models can be used with each operation here: \
             https://go.microsoft.com/fwlink/?linkid=2197993."
        );
        Self::new(400, json!({"code": "OperationNotSupported", "message": message}))
    }

    pub(crate) fn context_length(limit: u64, tokens: u64) -> Self {
        let message = format!(
            "This model's maximum context length is {limit} tokens. However, your messages resulted in {tokens} \
             tokens. Please reduce the length of the messages."
        );
        Self::invalid(message, "messages", "context_length_exceeded")
    }

    pub(crate) fn rate_limit(operation: &str, api_version: &str, rate: &str, seconds: u64) -> Self {
        let message = format!(
            "Requests to the {operation} Operation under Azure OpenAI API version {api_version} have exceeded {rate} \
             rate limit of your current AIServices S0 pricing tier. Please retry after {seconds} seconds. Please \
             contact Azure support service if you would like to further increase the default rate limit."
        );
        Self::new(429, json!({"code": "429", "message": message}))
    }

    /// A prompt that a filter blocks, with all matches.
    pub(crate) fn filtered<'a>(found: impl Iterator<Item = &'a FilterTrigger>) -> Self {
        let message = "The response was filtered due to the prompt triggering Azure OpenAI's content management \
            policy. Please modify your prompt and retry. To learn more about our content filtering policies please \
            read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766";
        let result = found.fold(clean_prompt(), |results, trigger| trigger.raise(&results, trigger.blocks()));
        let inner = json!({"innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result}});
        let outer =
            json!({"message": message, "type": null, "param": "prompt", "code": "content_filter", "status": 400});
        Self::new(400, merge(outer, inner))
    }

    /// An error with this code, without `type` and `param`, as from the layers before the model.
    pub(crate) fn plain(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::new(status, json!({"code": code, "message": message.into()}))
    }

    /// An unknown content filter policy in the header `x-policy-id`. The text is unsourced.
    pub(crate) fn no_policy(name: &str) -> Self {
        Self::plain(400, "InvalidContentFilterPolicy", format!("The content filter policy '{name}' was not found."))
    }

    /// An unknown model on OpenAI's base.
    pub(crate) fn no_model(name: &str) -> Self {
        let message = format!("The model `{name}` does not exist or you do not have access to it.");
        let mut error = Self::invalid(message, Value::Null, "model_not_found");
        error.status = 404;
        error
    }
}

/// The JSON type of a value with its article, as in the service's messages: `an integer`.
pub(crate) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Values in quotes, as the service lists them: `'low', 'medium', and 'high'`.
pub(crate) fn listed(values: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("'{}'", value.as_ref())).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        [most @ .., last] => format!("{}, and {last}", most.join(", ")),
    }
}
