//! The builder's method for each member of a request, for errors about that member.

/// The members of a request whose builder method has their name. A test compares them with the builder.
const MEMBERS: &str = "audio frequency_penalty logit_bias logprobs max_completion_tokens max_tokens metadata modalities n \
                       parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_retention \
                       reasoning_effort response_format safety_identifier seed service_tier stop store stream_options \
                       temperature tool_choice top_logprobs top_p user_security_context verbosity web_search_options";

/// How a member is set with the builder: by its own method, or by `.extra(..)`.
pub(super) fn setter(name: &str) -> String {
    match name {
        "data_sources" => ".data_source(..)".to_owned(),
        "messages" => ".message(..)".to_owned(),
        "tools" => ".tool(..)".to_owned(),
        "user" => ".end_user(..)".to_owned(),
        _ if MEMBERS.split(' ').any(|member| member == name) => format!(".{name}(..)"),
        _ => format!(".extra(\"{name}\", ..)"),
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
    use super::*;
    use crate::request::RequestBody;

    #[test]
    fn every_member_of_a_request_is_set_by_a_method_of_the_builder() {
        let builder = concat!(include_str!("../request/builder.rs"), include_str!("../request/settings.rs"));
        for name in RequestBody::FIELDS {
            // the deployment, the method that sends, and the functions that came before tools
            if matches!(*name, "model" | "stream" | "functions" | "function_call") {
                assert_eq!(setter(name), format!(".extra(\"{name}\", ..)"));
                continue;
            }
            let setter = setter(name);
            let method = setter.strip_prefix('.').and_then(|call| call.strip_suffix("(..)")).expect(name);
            let is_method = [format!("    pub fn {method}(mut self, "), format!("\n    {method}: ")];
            assert!(is_method.iter().any(|line| builder.contains(line)), "{name}: {setter}");
        }
        let unknown: Vec<_> = MEMBERS.split(' ').filter(|name| !RequestBody::FIELDS.contains(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn each_step_names_the_method() {
        for name in RequestBody::FIELDS {
            let text = setter_step(name);
            let method = match *name {
                "model" => ".builder(..)",
                "stream" => "complete()",
                _ => &setter(name),
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
            assert_eq!(setter_step(param), format!("{text}, and {declare}"));
        }
    }
}
