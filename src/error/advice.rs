//! What to do next, for the answers users meet in their first hours.

use super::service::ServiceError;

/// Sentences for the end of an error's text; empty when we know nothing better than the service.
pub(super) fn next_step(status: u16, error: &ServiceError) -> Vec<String> {
    let code = error.code().unwrap_or_default();
    let message = error.message().unwrap_or_default();
    let one = |text: &str| vec![text.to_owned()];
    match (status, code) {
        (_, "DeploymentNotFound") => {
            one("check the deployment's name (it is yours, not the model's) and the endpoint's resource; \
             a new deployment needs up to five minutes")
        }
        (404, "model_not_found") => {
            one("on the v1 route the model is the deployment's name; check that it exists in this resource")
        }
        (404, _) => one("the path does not exist: check the endpoint's host and the api version \
             (an api version such as 2024-10-21 is not a model version such as 2024-08-06)"),
        (403, "AuthenticationTypeDisabled") => {
            one("keys are switched off for this resource: sign in with Entra ID through a TokenCredential instead")
        }
        (403, _) if message.contains("Virtual Network") => {
            one("the resource's network rules refuse this address: add it, or call through the private endpoint")
        }
        (401, "PermissionDenied") => {
            one("the identity lacks a role: assign 'Cognitive Services OpenAI User' on the resource \
             (Owner and Contributor do not include inference) and wait five minutes")
        }
        (401, _) if message.contains("subscription key") => {
            one("the key is wrong or belongs to another resource: compare it with the endpoint's Keys page")
        }
        (401, _) => one("the token is missing, expired or for another audience"),
        (400, "OperationNotSupported") => one(
            "this deployment's model is not served by chat completions; some models answer only on the Responses API",
        ),
        (400, "content_filter") => filter_advice(error),
        (_, "content_filter") => filter_advice(error),
        (400, "unsupported_parameter" | "unsupported_value") => {
            error.printable_param().map(setter_advice).into_iter().collect()
        }
        (400, "context_length_exceeded") => one("shorten the messages, or leave history out"),
        (400, "InvalidContentFilterPolicy") => one("the x-policy-id header names a filter this resource does not have"),
        (429, _) => error
            .retry_after()
            .map(|wait| format!("the service asks to wait {} seconds", wait.as_secs_f64()))
            .into_iter()
            .collect(),
        (431, _) => one("at most ten custom headers are allowed"),
        (300..=399, _) => {
            one("redirects are not followed, so that credentials stay with the configured host; check the endpoint")
        }
        _ => Vec::new(),
    }
}

fn filter_advice(error: &ServiceError) -> Vec<String> {
    let categories = error.content_filter().map(|results| results.filtered_categories()).unwrap_or_default();
    if categories.is_empty() {
        vec!["the prompt was blocked by the content filter; rephrase it, or review the deployment's filter".to_owned()]
    } else {
        vec![format!(
            "the prompt was blocked by the content filter for {}; rephrase it, or review the deployment's filter",
            categories.join(", ")
        )]
    }
}

/// Every member of a request that the builder has a method for: the wire name, and how the method is called.
/// The tests call each, so that the compiler knows them all.
macro_rules! setters {
    ($use:ident) => {
        $use! {
            "messages" => message(Message::user("hi")),
            "max_tokens" => max_tokens(5),
            "max_completion_tokens" => max_completion_tokens(5),
            "temperature" => temperature(0.5),
            "top_p" => top_p(0.5),
            "presence_penalty" => presence_penalty(0.5),
            "frequency_penalty" => frequency_penalty(0.5),
            "n" => n(2),
            "stop" => stop("."),
            "seed" => seed(7),
            "user" => user_id("u"),
            "logprobs" => logprobs(true),
            "top_logprobs" => top_logprobs(2),
            "logit_bias" => logit_bias([(1, 5)]),
            "reasoning_effort" => reasoning_effort("low"),
            "verbosity" => verbosity("low"),
            "prediction" => prediction("x"),
            "response_format" => response_format(ResponseFormat::text()),
            "tools" => tool(Tool::function("f")),
            "tool_choice" => tool_choice(ToolChoice::auto()),
            "parallel_tool_calls" => parallel_tool_calls(true),
            "modalities" => modalities([Modality::Text]),
            "audio" => audio(AudioOutput::new(Voice::Alloy, AudioFormat::Mp3)),
            "stream_options" => stream_options(StreamOptions::new()),
            "store" => store(true),
            "metadata" => metadata([("a", "b")]),
            "service_tier" => service_tier("flex"),
            "prompt_cache_key" => prompt_cache_key("k"),
            "prompt_cache_retention" => prompt_cache_retention("24h"),
            "safety_identifier" => safety_identifier("s"),
            "user_security_context" => user_security_context(UserSecurityContext::new()),
            "web_search_options" => web_search_options(WebSearchOptions::new()),
            "data_sources" => data_source(DataSource::other("mine", Value::Null)),
        }
    };
}

macro_rules! names {
    ($($wire:literal => $method:ident($argument:expr),)*) => { &[$(($wire, stringify!($method))),*] };
}

const SETTERS: &[(&str, &str)] = setters!(names);

/// How a member is set with the builder: by its own method, or by `.extra(..)`.
fn setter(name: &str) -> String {
    match SETTERS.iter().find(|(wire, _)| *wire == name) {
        Some((_, method)) => format!(".{method}(..)"),
        None => format!(".extra(\"{name}\", ..)"),
    }
}

/// Names the builder method for a wire parameter.
fn setter_advice(param: &str) -> String {
    const DECLARE: &str = "declare the model on the Deployment to have it checked before sending";
    let name = param.split(['.', '[']).next().unwrap_or(param);
    match name {
        "max_tokens" => "replace .max_tokens(..) by .max_completion_tokens(..) on the request builder".to_owned(),
        "max_completion_tokens" => {
            "replace .max_completion_tokens(..) by .max_tokens(..) on the request builder".to_owned()
        }
        "stream" => "this deployment does not stream: call complete() instead of stream()".to_owned(),
        "model" => "the deployment is what .builder(..) was given: check its name, and which model it has".to_owned(),
        "messages" if param.ends_with("role") => format!(
            "this model refuses that role: use .developer(..), .system(..) or .user(..) as it allows, and {DECLARE}"
        ),
        "messages" => {
            format!("change the turn it names, as given to .message(..) on the request builder, and {DECLARE}")
        }
        _ if name == param => format!("remove {} from the request builder, and {DECLARE}", setter(name)),
        _ => format!("change what {} is given on the request builder, and {DECLARE}", setter(name)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::request::{
        AudioFormat, AudioOutput, ChatCompletionRequest, ChatCompletionRequestBuilder, DataSource, Message, Modality,
        RequestBody, ResponseFormat, StreamOptions, Tool, ToolChoice, UserSecurityContext, Voice, WebSearchOptions,
    };

    type Set = fn(ChatCompletionRequestBuilder) -> ChatCompletionRequestBuilder;

    macro_rules! calls {
        ($($wire:literal => $method:ident($argument:expr),)*) => {
            &[$(($wire, |builder| builder.$method($argument))),*]
        };
    }

    const CALLS: &[(&str, Set)] = setters!(calls);

    fn advise(status: u16, body: &str) -> String {
        next_step(status, &ServiceError::from_body(body.as_bytes())).join("; ")
    }

    #[test]
    fn an_unsupported_parameter_names_the_setter() {
        let text = advise(400, r#"{"error":{"code":"unsupported_parameter","param":"max_tokens","message":"no"}}"#);
        assert_eq!(text, "replace .max_tokens(..) by .max_completion_tokens(..) on the request builder");
        let text = advise(400, r#"{"error":{"code":"unsupported_value","param":"stream","message":"no"}}"#);
        assert_eq!(text, "this deployment does not stream: call complete() instead of stream()");
    }

    #[test]
    fn each_method_that_is_named_sets_what_it_is_named_for() {
        assert_eq!(CALLS.len(), SETTERS.len());
        for ((wire, set), (same, _)) in CALLS.iter().zip(SETTERS) {
            assert_eq!(wire, same);
            let request = set(ChatCompletionRequest::builder("d")).build_unchecked();
            let body = serde_json::to_value(request).unwrap();
            let members: Vec<&String> = body.as_object().unwrap().keys().filter(|name| *name != "model").collect();
            assert_eq!(members, [wire]);
        }
    }

    #[test]
    fn every_member_of_a_request_has_its_advice() {
        for name in RequestBody::FIELDS {
            let text = setter_advice(name);
            let set_otherwise = match *name {
                // the deployment and the method that sends say these
                "model" => ".builder(..)",
                "stream" => "complete()",
                "functions" => ".extra(\"functions\", ..)",
                "function_call" => ".extra(\"function_call\", ..)",
                _ => &setter(name),
            };
            assert!(text.contains(set_otherwise), "{name}: {text}");
            let listed = SETTERS.iter().any(|(wire, _)| wire == name);
            assert_eq!(listed, !matches!(*name, "model" | "stream" | "functions" | "function_call"), "{name}");
        }
        assert!(SETTERS.iter().all(|(wire, _)| RequestBody::FIELDS.contains(wire)));
    }

    #[test]
    fn what_lies_inside_is_changed_and_not_removed() {
        let declare = "declare the model on the Deployment to have it checked before sending";
        for (param, text) in [
            ("user", "remove .user_id(..) from the request builder"),
            ("data_sources", "remove .data_source(..) from the request builder"),
            ("tomorrow", "remove .extra(\"tomorrow\", ..) from the request builder"),
            ("tools[0].function.strict", "change what .tool(..) is given on the request builder"),
            ("response_format.json_schema", "change what .response_format(..) is given on the request builder"),
            ("messages[0].content", "change the turn it names, as given to .message(..) on the request builder"),
        ] {
            assert_eq!(setter_advice(param), format!("{text}, and {declare}"));
        }
    }

    #[test]
    fn a_blocked_prompt_names_the_category() {
        let text = advise(
            400,
            r#"{"error":{"code":"content_filter","innererror":{"content_filter_result":{"jailbreak":{"filtered":true,"detected":true}}}}}"#,
        );
        assert!(text.contains("for jailbreak"), "{text}");
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
}
