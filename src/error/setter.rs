//! The builder's method for each member of a request, for errors about that member.

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

pub(super) const SETTERS: &[(&str, &str)] = setters!(names);

/// How a member is set with the builder: by its own method, or by `.extra(..)`.
pub(super) fn setter(name: &str) -> String {
    match SETTERS.iter().find(|(wire, _)| *wire == name) {
        Some((_, method)) => format!(".{method}(..)"),
        None => format!(".extra(\"{name}\", ..)"),
    }
}

/// What to do with the builder method of a parameter that the service refuses.
pub(super) fn setter_step(param: &str) -> String {
    const DECLARE: &str = "declare the model on the Deployment to have it checked before sending";
    let name = param.split(['.', '[']).next().unwrap_or(param);
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
            let text = setter_step(name);
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
            assert_eq!(setter_step(param), format!("{text}, and {declare}"));
        }
    }
}
