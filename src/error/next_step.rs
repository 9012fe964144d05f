//! The next step in the text of an error, by what was sent and by what came: the code, else the parameter, else the text.

use super::printed::is_plain_name;
use super::refused::{REFUSING, TOOLS_AND_EFFORT};
use super::sent::{Sent, sign_in_step};
use super::service::ServiceError;

/// Sentences for the end of an error's text; empty when nothing is known that the service's message lacks. `extras` are the
/// parameters of the error that the request has from [`extra`](crate::ChatCompletionRequestBuilder::extra).
pub(super) fn next_steps(status: u16, error: &ServiceError, sent: Option<&Sent>, extras: &[String]) -> Vec<String> {
    let message = error.message().unwrap_or_default();
    if error.is_filtered() {
        return vec![filter_step(status, error)];
    }
    if let Some(step) = step_by_code(error.code().unwrap_or_default()) {
        return vec![step.to_owned()];
    }
    if let Some(step) = schema_step(error, message).or_else(|| step_by_text(message).map(str::to_owned)) {
        return vec![step];
    }
    let refused = error.code().is_some_and(|code| REFUSING.contains(&code))
        || (!error.removable().is_empty() && !message.contains("Supported values are"));
    match status {
        401 | 403 => sign_in_step(status, error, sent).into_iter().collect(),
        404 if is_path_in_doubt(error) => vec![
            "the path does not exist: check the endpoint's host and the api version (an api version such as \
             2024-10-21 is not a model version such as 2024-08-06)"
                .to_owned(),
        ],
        408 => {
            vec!["the answer took too long: use stream(), or lower the reasoning effort or the token limit".to_owned()]
        }
        431 => vec!["at most ten custom headers are allowed".to_owned()],
        300..=399 => vec![
            "redirects are not followed, so that credentials stay with the configured host; check the endpoint"
                .to_owned(),
        ],
        0 | 200 | 400 | 422 if message.contains(TOOLS_AND_EFFORT) => vec![
            "send tools with .reasoning_effort(\"none\"), or leave .reasoning_effort(..) out, as the model allows; the \
             Responses API takes both"
                .to_owned(),
        ],
        0 | 200 | 400 | 422 if refused => printable(error).map(|param| setter_step(param, extras)).collect(),
        0 | 200 | 400 | 422 => {
            printable(error).next().map(|param| value_step(error, param, message, extras)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn printable(error: &ServiceError) -> impl Iterator<Item = &str> {
    error.parameters().filter(|name| error.printable_name(Some(name)).is_some())
}

const TOO_LONG: &str = "shorten the messages, or leave history out";
const NO_CHAT: &str =
    "this deployment's model is not served by chat completions; some models answer only on the Responses API";

fn step_by_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "DeploymentNotFound" => {
            "check the deployment's name (it is yours, not the model's) and the endpoint's resource; a new deployment \
             needs up to five minutes"
        }
        "model_not_found" => {
            "on the v1 route the model is the deployment's name; check that it exists in this resource"
        }
        "OperationNotSupported" => NO_CHAT,
        "context_length_exceeded" => TOO_LONG,
        "InvalidContentFilterPolicy" => "the x-policy-id header names a filter this resource does not have",
        "invalid_image_url" => {
            "give the image as an https address that the service can reach, or as a data: URL of a PNG, JPEG, GIF or WebP"
        }
        _ => return None,
    })
}

/// Steps for messages that come without a code, or with a general one such as `400`.
fn step_by_text(message: &str) -> Option<&'static str> {
    const STEPS: [(&str, &str); 6] = [
        (
            "Could not finish the message because max_tokens",
            "raise .max_completion_tokens(..) on the request builder, or lower .reasoning_effort(..): reasoning counts \
             against the limit",
        ),
        (
            "must contain the word 'json'",
            "put the word JSON into a message, such as .system(\"Answer in JSON.\"), or give a schema to \
             .response_format(..)",
        ),
        ("This model's maximum context length is", TOO_LONG),
        (
            "is enabled only for api versions",
            "set .api_version(..) on the client builder to the one that is named, or to ApiVersion::V1",
        ),
        ("Requested API is currently not supported", NO_CHAT),
        (
            "Invalid image data",
            "give the image as a data: URL with the base64 text of a PNG, JPEG, GIF or WebP file, or as an https address",
        ),
    ];
    STEPS.iter().find(|(text, _)| message.contains(text)).map(|(_, step)| *step)
}

/// Whether a 404 is about the path rather than about what it names.
fn is_path_in_doubt(error: &ServiceError) -> bool {
    let is_general = error.code().is_none_or(|code| matches!(code, "404" | "NotFound" | "ResourceNotFound"));
    let message = error.message().unwrap_or_default();
    is_general && (error.code().is_some() || message.is_empty() || message.to_ascii_lowercase().contains("not found"))
}

fn filter_step(status: u16, error: &ServiceError) -> String {
    let categories = error.content_filter().map(|results| results.filtered_categories()).unwrap_or_default();
    let by = if categories.is_empty() { String::new() } else { format!(" for {}", categories.join(", ")) };
    // an error inside an answer with status 200 may be about either
    let (blocked, it) = if status == 200 { ("the prompt or the answer", "the prompt") } else { ("the prompt", "it") };
    format!("{blocked} was blocked by the content filter{by}; rephrase {it}, or review the deployment's filter")
}

/// The step for a schema that strict mode refuses, with the place in it:
/// `Invalid schema for response_format 'n': In context=('properties', 'x'), 'uniqueItems' is not permitted.`
fn schema_step(error: &ServiceError, message: &str) -> Option<String> {
    let (_, refusal) = message.split_once("Invalid schema for ")?;
    let of_tool = refusal.starts_with("function") || error.param().is_some_and(|param| param.starts_with("tools"));
    let method = setter(if of_tool { "tools" } else { "response_format" }, &[]);
    let context = refusal.split_once("context=(").and_then(|(_, rest)| rest.split_once(')'));
    let place = context.map(|(context, _)| {
        let steps = context.split(',').map(|step| step.trim().trim_matches(['\'', '"']));
        steps.filter(|step| is_plain_name(step)).collect::<Vec<_>>().join(".")
    });
    let place = match place.as_deref() {
        None => String::new(),
        Some("") => " at its root".to_owned(),
        Some(place) => format!(" at {place}"),
    };
    Some(format!(
        "change the schema given to {method}{place}; request::schema::lint_schema finds all such places before sending"
    ))
}

/// The step for a value that the service does not take.
fn value_step(error: &ServiceError, param: &str, message: &str, extras: &[String]) -> String {
    let name = member_of(param);
    let setter = setter(name, extras);
    if message.contains("Supported values are") {
        return format!("give {setter} one of the supported values, or leave it out");
    }
    let limit = message.split_once("supports at most ").map(|(_, rest)| rest);
    let limit = limit.and_then(|rest| rest.split(' ').next()).filter(|limit| limit.bytes().all(|b| b.is_ascii_digit()));
    match (limit, error.code()) {
        (Some(limit), _) => format!("lower {setter} to at most {limit}"),
        (None, Some("string_above_max_length")) => format!("shorten what {setter} is given"),
        _ if name == "messages" => {
            "change the turn it names, as given to .message(..) on the request builder".to_owned()
        }
        _ => format!("change what {setter} is given on the request builder"),
    }
}

/// The member of the request that a parameter is in.
pub(super) fn member_of(param: &str) -> &str {
    param.split(['.', '[']).next().unwrap_or(param)
}

/// The builder method that sets a member, which has its name but for these.
fn setter(name: &str, extras: &[String]) -> String {
    match name {
        "functions" | "function_call" | "model" | "stream" => format!(".extra(\"{name}\", ..)"),
        _ if extras.iter().any(|extra| extra == name) => format!(".extra(\"{name}\", ..)"),
        "data_sources" => ".data_source(..)".to_owned(),
        "messages" => ".message(..)".to_owned(),
        "tools" => ".tool(..)".to_owned(),
        "user" => ".end_user(..)".to_owned(),
        _ => format!(".{name}(..)"),
    }
}

/// What to do with the builder method of a parameter that the service refuses.
fn setter_step(param: &str, extras: &[String]) -> String {
    const DECLARE: &str = "declare the model on the Deployment to have it checked before sending";
    let name = member_of(param);
    match name {
        "max_tokens" => "replace .max_tokens(..) by .max_completion_tokens(..) on the request builder".to_owned(),
        "max_completion_tokens" => {
            "replace .max_completion_tokens(..) by .max_tokens(..) on the request builder".to_owned()
        }
        "stream_options" => {
            "pass .stream_options(..) with include_usage(false) on the request builder, since a stream \
             asks for its usage otherwise; .repair_once(true) on the client builder leaves it out by itself"
                .to_owned()
        }
        "stream" => "this deployment does not stream: call complete() instead of stream()".to_owned(),
        "model" => "the deployment is what .builder(..) was given: check its name, and which model it has".to_owned(),
        "messages" if param.ends_with("role") => format!(
            "this model refuses that role: use .developer(..), .system(..) or .user(..) as it allows, and {DECLARE}"
        ),
        "messages" => {
            format!("change the turn it names, as given to .message(..) on the request builder, and {DECLARE}")
        }
        _ if name == param => format!("remove {} from the request builder, and {DECLARE}", setter(name, extras)),
        _ => format!("change what {} is given on the request builder, and {DECLARE}", setter(name, extras)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::RequestBody;

    fn advise(status: u16, body: &str) -> String {
        next_steps(status, &ServiceError::from_body(body.as_bytes()), None, &[]).join("; ")
    }

    #[test]
    fn an_unsupported_parameter_names_the_setter() {
        let text = advise(400, r#"{"error":{"code":"unsupported_parameter","param":"max_tokens","message":"no"}}"#);
        assert_eq!(text, "replace .max_tokens(..) by .max_completion_tokens(..) on the request builder");
        let text = advise(400, r#"{"error":{"code":"unsupported_value","param":"stream","message":"no"}}"#);
        assert_eq!(text, "this deployment does not stream: call complete() instead of stream()");
    }

    #[test]
    fn a_blocked_prompt_names_the_category() {
        let text = advise(
            400,
            r#"{"error":{"code":"content_filter","innererror":{"content_filter_result":{"jailbreak":{"filtered":true,"detected":true}}}}}"#,
        );
        assert!(text.starts_with("the prompt was blocked by the content filter for jailbreak; rephrase it"), "{text}");
        let text = advise(200, r#"{"error":{"code":"content_filter"}}"#);
        assert!(text.starts_with("the prompt or the answer was blocked by the content filter; rephrase the"), "{text}");
    }

    #[test]
    fn the_first_hour_has_an_answer_each() {
        for (status, body, words) in [
            (404, r#"{"error":{"code":"DeploymentNotFound"}}"#, "five minutes"),
            (404, r#"{"error":{"code":"404","message":"Resource not found"}}"#, "api version"),
            (403, r#"{"error":{"code":"AuthenticationTypeDisabled"}}"#, "Entra ID"),
            (401, r#"{"error":{"code":"PermissionDenied"}}"#, "Cognitive Services OpenAI User"),
            (401, r#"{"error":{"code":"401","message":"invalid subscription key"}}"#, "key is wrong"),
            (401, r#"{"error":{"code":"Unauthorized"}}"#, "audience"),
            (
                403,
                r#"{"error":{"code":"403","message":"Access denied due to Virtual Network/Firewall rules."}}"#,
                "network",
            ),
        ] {
            assert!(advise(status, body).contains(words), "{status} {body}");
        }
    }

    #[test]
    fn a_code_beyond_the_two_usual_ones_has_its_step() {
        let advise = |code: Option<&str>, param: Option<&str>, message: &str| {
            advise(400, &serde_json::json!({"error": {"code": code, "param": param, "message": message}}).to_string())
        };
        for (code, param, message, step) in [
            (
                Some("invalid_value"),
                Some("reasoning_effort"),
                "Invalid value: 'none'. Supported values are: 'low', 'medium', and 'high'.",
                "give .reasoning_effort(..) one of the supported values, or leave it out",
            ),
            (
                Some("invalid_value"),
                Some("max_tokens"),
                "max_tokens is too large: 20000. This model supports at most 16384 completion tokens, whereas you provided 20000.",
                "lower .max_tokens(..) to at most 16384",
            ),
            (
                Some("unknown_parameter"),
                Some("verbosity"),
                "Unknown parameter: 'verbosity'.",
                "remove .verbosity(..) from the request builder, and declare the model on the Deployment to have it \
                 checked before sending",
            ),
            (
                None,
                Some("response_format"),
                "Invalid schema for response_format 'N': In context=('properties', 'x'), 'uniqueItems' is not permitted.",
                "change the schema given to .response_format(..) at properties.x; request::schema::lint_schema finds all such \
                 places before sending",
            ),
            (
                Some("invalid_function_parameters"),
                Some("tools[0].function.parameters"),
                "Invalid schema for function 'f': In context=(), object schema missing properties.",
                "change the schema given to .tool(..) at its root; request::schema::lint_schema finds all such places before \
                 sending",
            ),
            (
                None,
                Some("reasoning_effort"),
                "Function tools with reasoning_effort are not supported for gpt-5.6 in /v1/chat/completions.",
                "send tools with .reasoning_effort(\"none\"), or leave .reasoning_effort(..) out, as the model allows; the \
                 Responses API takes both",
            ),
            (
                None,
                None,
                "Could not finish the message because max_tokens or model output limit was reached.",
                "raise .max_completion_tokens(..) on the request builder, or lower .reasoning_effort(..): reasoning counts \
                 against the limit",
            ),
            (
                None,
                Some("messages"),
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
                "put the word JSON into a message, such as .system(\"Answer in JSON.\"), or give a schema to \
                 .response_format(..)",
            ),
            (
                Some("string_above_max_length"),
                Some("user"),
                "Invalid 'user': string too long.",
                "shorten what .end_user(..) is given",
            ),
            (
                Some("BadRequest"),
                None,
                "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later",
                "set .api_version(..) on the client builder to the one that is named, or to ApiVersion::V1",
            ),
        ] {
            assert_eq!(advise(code, param, message), step, "{message}");
        }
    }

    #[test]
    fn the_path_is_in_doubt_only_where_nothing_better_is_known() {
        for (body, in_doubt) in [
            (r#"{"error":{"code":"404","message":"Resource not found"}}"#, true),
            (r#"{"statusCode":404,"message":"Resource not found"}"#, true),
            ("<html><head><title>404 Not Found</title></head></html>", true),
            ("", true),
            (r#"{"error":{"code":"DeploymentNotFound","message":"gone"}}"#, false),
            (r#"{"error":{"message":"Requested API is currently not supported"}}"#, false),
            (r#"{"error":{"code":"unknown_model","message":"Unknown model: x"}}"#, false),
            (r#"{"error":{"message":"no route for this tenant"}}"#, false),
        ] {
            assert_eq!(advise(404, body).contains("path"), in_doubt, "{body}");
        }
    }

    #[test]
    fn a_408_says_to_stream_or_to_lower_the_effort() {
        assert_eq!(
            advise(408, r#"{"error":{"code":"Timeout","message":"The operation was timeout."}}"#),
            "the answer took too long: use stream(), or lower the reasoning effort or the token limit"
        );
    }

    #[test]
    fn every_member_of_a_request_is_set_by_a_method_of_the_builder() {
        let builder = concat!(
            include_str!("../request/builder.rs"),
            include_str!("../request/body.rs"),
            include_str!("../request/settings.rs")
        );
        for name in RequestBody::FIELDS {
            // the deployment, the method that sends, and the functions that came before tools
            if matches!(*name, "model" | "stream" | "functions" | "function_call") {
                assert_eq!(setter(name, &[]), format!(".extra(\"{name}\", ..)"));
                continue;
            }
            let setter = setter(name, &[]);
            let method = setter.strip_prefix('.').and_then(|call| call.strip_suffix("(..)")).expect(name);
            let is_method = [format!("    pub fn {method}(mut self, "), format!("\n        {method}: ")];
            assert!(is_method.iter().any(|line| builder.contains(line)), "{name}: {setter}");
        }
    }

    #[test]
    fn each_step_names_the_method() {
        for name in RequestBody::FIELDS {
            let text = setter_step(name, &[]);
            let method = match *name {
                "model" => ".builder(..)",
                "stream" => "complete()",
                _ => &setter(name, &[]),
            };
            assert!(text.contains(method), "{name}: {text}");
        }
    }

    #[test]
    fn what_lies_inside_is_changed_and_not_removed() {
        let declare = "declare the model on the Deployment to have it checked before sending";
        for (param, text) in [
            ("user", "remove .end_user(..) from the request builder"),
            ("data_sources", "remove .data_source(..) from the request builder"),
            ("tomorrow", "remove .extra(\"tomorrow\", ..) from the request builder"),
            ("tools[0].function.strict", "change what .tool(..) is given on the request builder"),
            ("response_format.json_schema", "change what .response_format(..) is given on the request builder"),
            ("messages[0].content", "change the turn it names, as given to .message(..) on the request builder"),
        ] {
            assert_eq!(setter_step(param, &["tomorrow".to_owned()]), format!("{text}, and {declare}"));
        }
    }
}
