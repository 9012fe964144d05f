//! Refusals of the deployed model, from the client crate's rules.
//!
//! The body is read as the client crate's request to a deployment of the declared model. Each of its violations becomes
//! the error that the service answers: this file maps a rule and a parameter to `message`, `param` and `code`. The few
//! rules that only the service has are in [`service_rule`].
//!
//! Texts are those recorded of Azure, or of OpenAI for the same check (the two share their validation); where neither
//! was seen, the text follows the shape of the others and a comment says "unsourced".

use azure_openai_chat::{ApiVersion, Capabilities, ChatCompletionRequest, ReasoningEffort, Rule, Violation};
use serde::Deserialize;
use serde_json::Value;

use self::azure_error::{listed, type_of};
use self::service_rule::result_without_call;
use crate::deployment::DeployedModel;
use crate::request::{ChatRequest, role};
use crate::settings::Strictness;

pub(crate) use self::azure_error::{AzureError, Dialect, SERVER_ERROR};

mod azure_error;
mod schema;
mod service_rule;
mod shape;
#[cfg(test)]
mod tests;

/// The error with which the service refuses a request: by a rule of the client crate, by its shape, or by a rule that only
/// the service has.
pub(crate) fn refusal(
    request: ChatRequest<'_>,
    deployed: &DeployedModel,
    api_version: &ApiVersion,
    dialect: Dialect,
) -> Option<AzureError> {
    let Ok(read) = ChatCompletionRequest::deserialize(request.body()) else {
        return Some(AzureError::not_json());
    };
    if is_before_schemas(api_version) && request.format() == Some("json_schema") {
        return Some(AzureError::schema_needs_newer_version());
    }
    // For a model that is not in the table every member may be one of its own; a lenient deployment ignores unknown members.
    let dialect =
        (deployed.capabilities().is_some() && deployed.strictness() != Strictness::Lenient).then_some(dialect);
    let read = read.with_deployment(deployed.deployment.clone());
    let refused = Refused { request, deployed };
    let violations = read.violations(read.asks_for_stream(), Some(api_version));
    // For a list with items of a wrong type, the service's `param` is the item.
    let is_list =
        |violation: &Violation| violation.rule() == Rule::WrongType && refused.value(violation.parameter()).is_array();
    let item = violations.iter().any(is_list).then(|| shape::refusal(request, dialect)).flatten();
    item.or_else(|| violations.iter().find_map(|violation| refused.error(violation)))
        .or_else(|| service_rule::unknown_role(request))
        .or_else(|| shape::refusal(request, dialect))
        .or_else(|| service_rule::refusal(&read, request, deployed, dialect))
}

/// The JSON pointer of a parameter: `/messages/0/content` of `messages[0].content`.
fn pointer(param: &str) -> String {
    format!("/{}", param.replace(['.', '['], "/").replace(']', ""))
}

/// Whether a version is older than structured outputs.
fn is_before_schemas(api_version: &ApiVersion) -> bool {
    !api_version.is_v1() && *api_version < ApiVersion::new("2024-08-01-preview")
}

/// A request that breaks a rule of the client crate.
struct Refused<'a> {
    request: ChatRequest<'a>,
    deployed: &'a DeployedModel,
}

impl Refused<'_> {
    /// The service's error for a violation; `None` for a policy of the client crate itself.
    fn error(&self, violation: &Violation) -> Option<AzureError> {
        let param = violation.parameter();
        Some(match violation.rule() {
            // The service accepts a request without an output limit, and any name of a deployment.
            Rule::RequiredParameter if param == "max_completion_tokens" => return None,
            Rule::InvalidName if param == "model" => return None,
            // Advice is a violation for a strict client only.
            Rule::Advice => return None,
            Rule::NoChatCompletions => AzureError::not_supported("chatCompletion", &self.deployed.model),
            Rule::RequiredParameter => self.missing(param),
            Rule::WrongType => self.wrong_type(param, violation.expected()),
            Rule::InvalidName => self.invalid_name(param),
            Rule::UnsupportedRole => AzureError::unsupported_value(param, &format!("'{}'", self.text(param)), ""),
            Rule::MixedInstructions => mixed_instructions(),
            Rule::UnsupportedParameter => self.unsupported_parameter(param),
            Rule::UnsupportedValue => self.unsupported_value(param),
            Rule::EffortConflict => self.effort_conflict(param),
            Rule::PredictionConflict => beside_prediction(param),
            Rule::Contradiction => self.contradiction(param),
            Rule::Limit => self.too_many(param, violation.maximum()),
            Rule::OutOfRange => self.out_of_range(param, violation),
            Rule::StrictSchema => schema::refusal(self.request.body(), param),
            Rule::ApiVersion if self.deployed.strictness() == Strictness::Lenient => return None,
            Rule::ApiVersion => AzureError::unrecognized(&[param]),
            _ => AzureError::invalid_value(param),
        })
    }

    /// The value of a parameter, `null` where it has none.
    fn value(&self, param: &str) -> &Value {
        self.request.body().pointer(&pointer(param)).unwrap_or(&Value::Null)
    }

    fn text(&self, param: &str) -> &str {
        self.value(param).as_str().unwrap_or_default()
    }

    /// The entry of `metadata` with the index in a parameter such as `metadata[2]`.
    fn metadata(&self, param: &str) -> Option<(&String, &Value)> {
        let at = param.strip_prefix("metadata[")?.strip_suffix(']')?.parse().ok()?;
        self.value("metadata").as_object()?.iter().nth(at)
    }

    fn is_empty_list(&self, param: &str) -> bool {
        self.value(param).as_array().is_some_and(Vec::is_empty)
    }

    fn missing(&self, param: &str) -> AzureError {
        if self.is_empty_list(param) { AzureError::empty_array(param) } else { AzureError::missing(param) }
    }

    /// The names of types after "expected" are the client crate's; the service has "an integer" for "a whole number".
    fn wrong_type(&self, param: &str, expected: Option<&str>) -> AzureError {
        let bias = || self.value("logit_bias").as_object()?.iter().find(|(_, value)| !value.is_number());
        let (param, value) = match (self.metadata(param), param) {
            (Some((key, value)), _) => (format!("metadata.{key}"), value),
            (None, "logit_bias") if self.value(param).is_object() => match bias() {
                Some((token, value)) => (format!("logit_bias.{token}"), value),
                None => (param.to_owned(), &Value::Null),
            },
            _ => (param.to_owned(), self.value(param)),
        };
        let expected = expected.unwrap_or("another type");
        let message = format!("Invalid type for '{param}': expected {expected}, but got {} instead.", type_of(value));
        AzureError::invalid(message, param, "invalid_type")
    }

    fn invalid_name(&self, param: &str) -> AzureError {
        const LONGEST: usize = 64;
        let Some(name) = self.value(param).as_str() else {
            return AzureError::missing(param);
        };
        match name.chars().count() {
            0 => {
                let expected = "Expected a string with minimum length 1, but got an empty string instead.";
                AzureError::invalid(format!("Invalid '{param}': empty string. {expected}"), param, "empty_string")
            }
            length if length > LONGEST => AzureError::string_too_long(param, LONGEST, length),
            _ => {
                let expected = "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.";
                let message = format!("Invalid '{param}': string does not match pattern. {expected}");
                AzureError::invalid(message, param, "invalid_value")
            }
        }
    }

    fn unsupported_parameter(&self, param: &str) -> AzureError {
        match param {
            "stream" => AzureError::unsupported_value(param, "true", " Supported values are: false."),
            // unsourced
            "n" => AzureError::unsupported_value(param, &self.value(param).to_string(), " Supported values are: 1."),
            // Models without reasoning do not have the parameter at all.
            "reasoning_effort" if !self.deployed.is_reasoning() => AzureError::unrecognized(&[param]),
            "response_format" => {
                let message = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this \
                    model.";
                AzureError::invalid(message, Value::Null, Value::Null)
            }
            _ if param.ends_with(".strict") => {
                // unsourced
                let message = "Invalid tools: 'strict' functions are not supported with this model.";
                AzureError::invalid(message, "tools", Value::Null)
            }
            _ if param.starts_with("messages[") => {
                let kind = self.text(&format!("{param}.type"));
                let message = format!("Invalid content type. {kind} is only supported by certain models.");
                AzureError::invalid(message, format!("{}.type", param.replace('[', ".[")), Value::Null)
            }
            _ => AzureError::unsupported_parameter(param),
        }
    }

    fn unsupported_value(&self, param: &str) -> AzureError {
        match param {
            "temperature" => self.only_default_temperature(),
            "reasoning_effort" => {
                let efforts = self.deployed.capabilities().and_then(Capabilities::reasoning_efforts);
                let efforts: Vec<&str> = efforts.into_iter().flatten().map(ReasoningEffort::as_str).collect();
                let values = format!(" Supported values are: {}.", listed(&efforts));
                AzureError::unsupported_value(param, &format!("'{}'", self.text(param)), &values)
            }
            "functions" => AzureError::invalid("[] is too short - 'functions'", Value::Null, Value::Null),
            _ if self.is_empty_list(param) => AzureError::empty_array(param),
            _ if param.ends_with(".image_url.url") => {
                let message = format!(
                    "Invalid image URL: '{param}'. Expected a base64-encoded data URL with an image MIME type (e.g. \
                     'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value without the 'data:' prefix."
                );
                AzureError::invalid(message, param, "invalid_value")
            }
            _ => match param.strip_suffix(".parameters") {
                Some(function) => {
                    let name = self.text(&format!("{function}.name"));
                    let message = format!(
                        "Invalid schema for function '{name}': In context=(), object schema missing properties."
                    );
                    AzureError::invalid(message, param, "invalid_function_parameters")
                }
                None => AzureError::invalid_value(param),
            },
        }
    }

    fn only_default_temperature(&self) -> AzureError {
        let temperature = self.value("temperature").to_string();
        AzureError::unsupported_value("temperature", &temperature, " Only the default (1) value is supported.")
    }

    fn effort_conflict(&self, param: &str) -> AzureError {
        match param {
            "reasoning_effort" => {
                let message = format!(
                    "Function tools with reasoning_effort are not supported for {} in /v1/chat/completions. To use \
                     function tools, use /v1/responses or set reasoning_effort to 'none'.",
                    self.deployed.model
                );
                AzureError::invalid(message, param, Value::Null)
            }
            // unsourced
            "parallel_tool_calls" => AzureError::unsupported_value(param, "true", " Supported values are: false."),
            "temperature" if self.deployed.capabilities().is_some_and(Capabilities::only_default_temperature) => {
                self.only_default_temperature()
            }
            _ => AzureError::unsupported_parameter(param),
        }
    }

    fn contradiction(&self, param: &str) -> AzureError {
        let message = match param {
            "tool_choice" | "parallel_tool_calls" if self.request.list("tools").is_empty() => {
                format!("Invalid value for '{param}': '{param}' is only allowed when 'tools' are specified.")
            }
            "tool_choice" => {
                let name = self.text("tool_choice.function.name");
                format!(
                    "Invalid value for '{param}': no function named '{name}' was specified in the 'tools' parameter."
                )
            }
            "messages" => "'messages' must contain the word 'json' in some form, to use 'response_format' of type \
                           'json_object'."
                .to_owned(),
            // unsourced
            "top_logprobs" => "'top_logprobs' needs 'logprobs' to be true.".to_owned(),
            _ => return self.unmatched_tool_call(param),
        };
        AzureError::invalid(message, param, Value::Null)
    }

    /// A tool message without its call, or calls without all their tool messages.
    fn unmatched_tool_call(&self, param: &str) -> AzureError {
        let place = param.strip_prefix("messages[").and_then(|rest| rest.split_once(']'));
        let at = place.and_then(|(at, _)| at.parse().ok()).unwrap_or_default();
        if param.ends_with(".tool_call_id") {
            return result_without_call(at);
        }
        let messages = self.request.messages();
        let results = messages.iter().skip(at).skip(1).take_while(|message| role(message) == "tool");
        let answered: Vec<&Value> = results.filter_map(|message| message.get("tool_call_id")).collect();
        let calls = self.value(param).as_array().into_iter().flatten().filter_map(|call| call.get("id"));
        let missing: Vec<&str> = calls.filter(|id| !answered.contains(id)).filter_map(Value::as_str).collect();
        let message = format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
             'tool_call_id'. The following tool_call_ids did not have response messages: {}",
            missing.join(", ")
        );
        AzureError::invalid(message, "messages", Value::Null)
    }

    fn too_many(&self, param: &str, most: Option<i64>) -> AzureError {
        let most = most.unwrap_or_default();
        let longest = usize::try_from(most).unwrap_or(usize::MAX);
        if let Some((key, value)) = self.metadata(param) {
            let length = key.chars().count();
            if length > longest {
                // unsourced: the service's text for a long key
                return AzureError::string_too_long("metadata", longest, length);
            }
            let length = value.as_str().map_or(0, |text| text.chars().count());
            return AzureError::string_too_long(&format!("metadata.{key}"), longest, length);
        }
        match self.value(param) {
            Value::Array(list) => AzureError::array_too_long(param, longest, list.len()),
            Value::Object(members) => {
                let message = format!(
                    "Invalid '{param}': too many properties. Expected an object with at most {most} properties, but \
                     got an object with {} properties instead.",
                    members.len()
                );
                AzureError::invalid(message, param, "object_above_max_properties")
            }
            limit => {
                let message = format!(
                    "{param} is too large: {limit}. This model supports at most {most} completion tokens, whereas you \
                     provided {limit}."
                );
                AzureError::invalid(message, param, "invalid_value")
            }
        }
    }

    fn out_of_range(&self, param: &str, violation: &Violation) -> AzureError {
        let (least, most) = (violation.minimum(), violation.maximum());
        let is_beyond = |value: &Value, bound: Option<i64>, is_beyond: fn(&f64, &f64) -> bool| {
            bound.zip(value.as_f64()).is_some_and(|(bound, number)| is_beyond(&number, &(bound as f64)))
        };
        let is_below = |value: &Value| is_beyond(value, least, f64::lt);
        let is_outside = |(_, value): &(&String, &Value)| is_below(value) || is_beyond(value, most, f64::gt);
        let biases = self.value(param).as_object().and_then(|biases| biases.iter().find(is_outside));
        let (param, value) = match biases {
            Some((token, bias)) => (format!("{param}.{token}"), bias),
            None => (param.to_owned(), self.value(param)),
        };
        let decimals = ["temperature", "top_p", "presence_penalty", "frequency_penalty"];
        let kind = if value.is_f64() || decimals.contains(&param.as_str()) { "decimal" } else { "integer" };
        let (side, code, sign, bound) = match is_below(value) {
            true => ("below minimum value", "below_min_value", ">=", least),
            false => ("above maximum value", "above_max_value", "<=", most),
        };
        let bound = bound.unwrap_or_default();
        let message =
            format!("Invalid '{param}': {kind} {side}. Expected a value {sign} {bound}, but got {value} instead.");
        AzureError::invalid(message, param, format!("{kind}_{code}"))
    }
}

/// The text is unsourced.
fn mixed_instructions() -> AzureError {
    let message = "Unsupported value: 'messages' does not support 'system' beside 'developer' with this model.";
    AzureError::invalid(message, "messages", "unsupported_value")
}

/// The text is unsourced.
fn beside_prediction(param: &str) -> AzureError {
    // The violation of audio in a message has the parameter `messages`.
    let name = if param == "messages" { "audio" } else { param };
    let message = format!("Unsupported parameter: '{name}' is not supported together with 'prediction'.");
    AzureError::invalid(message, param, "unsupported_parameter")
}
