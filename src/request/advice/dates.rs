//! Parameters that the documents date after the api version.

use super::Advice;
use crate::model::{ApiVersion, first_documented};
use crate::request::RequestBody;
use crate::request::tool::{ToolChoice, ToolType};
use crate::response::Role;

pub(super) fn about_dates(body: &RequestBody, version: &ApiVersion, found: &mut Vec<Advice>) {
    for (name, parameter, _) in dated(body).into_iter().filter(|(_, _, set)| *set) {
        if version.documents(name) != Some(false) {
            continue;
        }
        let first = first_documented(name).unwrap_or_default();
        found.push(Advice::new(
            parameter,
            format!("{name} is documented from {first} on, {version} does not list it: set another .api_version(..)"),
        ));
    }
}

/// What the documents date, the parameter it stands in, and whether the request has it.
fn dated(body: &RequestBody) -> [(&'static str, &'static str, bool); 28] {
    let parts = body.messages.iter().flat_map(|messages| messages.iter());
    let file = parts
        .flat_map(|message| message.content.iter().flat_map(|content| content.part_list()))
        .any(|part| part.file.is_some());
    let mut tools = body.tools.iter().flat_map(|tools| tools.iter());
    let custom = tools.any(|tool| tool.kind == Some(ToolType::Custom));
    let allowed = matches!(&body.tool_choice, Some(ToolChoice::Only(only)) if only.allowed_tools.is_some());
    let obfuscation = body.stream_options.as_ref().and_then(|options| options.include_obfuscation);
    let same = |name, set| (name, name, set);
    [
        same("max_completion_tokens", body.max_completion_tokens.is_some()),
        same("reasoning_effort", body.reasoning_effort.is_some()),
        same("prediction", body.prediction.is_some()),
        same("parallel_tool_calls", body.parallel_tool_calls.is_some()),
        same("stream_options", body.stream_options.is_some()),
        same("store", body.store.is_some()),
        same("metadata", body.metadata.is_some()),
        same("user_security_context", body.user_security_context.is_some()),
        same("modalities", body.modalities.is_some()),
        same("audio", body.audio.is_some()),
        same("tools", body.tools.is_some()),
        same("tool_choice", body.tool_choice.is_some()),
        same("functions", body.functions.is_some()),
        same("function_call", body.function_call.is_some()),
        same("data_sources", body.data_sources.is_some()),
        same("logprobs", body.logprobs.is_some()),
        same("top_logprobs", body.top_logprobs.is_some()),
        same("seed", body.seed.is_some()),
        ("json_schema", "response_format", body.asks_for_schema()),
        same("verbosity", body.verbosity.is_some()),
        same("prompt_cache_key", body.prompt_cache_key.is_some()),
        same("prompt_cache_retention", body.prompt_cache_retention.is_some()),
        same("safety_identifier", body.safety_identifier.is_some()),
        ("include_obfuscation", "stream_options", obfuscation.is_some()),
        ("developer", "messages", body.has_role(&Role::Developer)),
        ("file", "messages", file),
        ("custom", "tools", custom),
        ("allowed_tools", "tool_choice", allowed),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Deployment;
    use crate::request::{ChatCompletionRequest, ChatCompletionRequestBuilder};

    fn ask_any() -> ChatCompletionRequestBuilder {
        ChatCompletionRequest::builder(Deployment::new("d")).user("hi")
    }

    #[track_caller]
    fn assert_told(asked: ChatCompletionRequestBuilder, version: ApiVersion, expected: &[(&str, &str)]) {
        let told = asked.build_unchecked().advice(&version);
        let told: Vec<_> = told.iter().map(|advice| (advice.parameter(), advice.message())).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_parameter_younger_than_the_api_version_is_told() {
        assert_told(
            ask_any().prediction("x"),
            ApiVersion::V2024_10_21,
            &[(
                "prediction",
                "prediction is documented from 2025-01-01-preview on, 2024-10-21 does not list it: \
                 set another .api_version(..)",
            )],
        );
        assert_told(ask_any().prediction("x"), ApiVersion::V2025_01_01_PREVIEW, &[]);
        assert_told(
            ask_any().developer("a"),
            ApiVersion::V2024_10_21,
            &[(
                "messages",
                "developer is documented from 2024-12-01-preview on, 2024-10-21 does not list it: \
                 set another .api_version(..)",
            )],
        );
        // what is no version cannot be older
        let told = ask_any().prediction("x").build_unchecked().advice(&ApiVersion::new("?"));
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].parameter(), "api-version");
    }

    #[test]
    fn everything_the_documents_date_is_looked_for() {
        let parts = json!([{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]);
        for (name, value, parameter) in [
            ("max_completion_tokens", json!(5), "max_completion_tokens"),
            ("reasoning_effort", json!("low"), "reasoning_effort"),
            ("stream_options", json!({}), "stream_options"),
            ("store", json!(true), "store"),
            ("metadata", json!({}), "metadata"),
            ("user_security_context", json!({}), "user_security_context"),
            ("modalities", json!(["text"]), "modalities"),
            ("audio", json!({}), "audio"),
            ("functions", json!([]), "functions"),
            ("function_call", json!("auto"), "function_call"),
            ("data_sources", json!([]), "data_sources"),
            ("logprobs", json!(true), "logprobs"),
            ("top_logprobs", json!(1), "top_logprobs"),
            ("seed", json!(1), "seed"),
            ("response_format", json!({"type": "json_schema"}), "response_format"),
            ("verbosity", json!("low"), "verbosity"),
            ("prompt_cache_key", json!("k"), "prompt_cache_key"),
            ("prompt_cache_retention", json!("24h"), "prompt_cache_retention"),
            ("safety_identifier", json!("s"), "safety_identifier"),
            ("tools", json!([]), "tools"),
            ("tool_choice", json!("auto"), "tool_choice"),
        ] {
            let told = ask_any().extra(name, value).build_unchecked().advice(&ApiVersion::V2023_05_15);
            let told: Vec<&str> = told.iter().map(Advice::parameter).collect();
            assert_eq!(told, [parameter], "{name}");
        }
        for (name, value, parameter) in [
            ("stream_options", json!({"include_obfuscation": true}), "stream_options"),
            ("tools", json!([{"type": "custom", "custom": {"name": "c"}}]), "tools"),
            ("tool_choice", json!({"type": "allowed_tools", "allowed_tools": {}}), "tool_choice"),
            ("messages", parts, "messages"),
        ] {
            let request = ChatCompletionRequest::builder("d").extra(name, value).build_unchecked();
            let told = request.advice(&ApiVersion::V2025_04_01_PREVIEW);
            let told: Vec<&str> = told.iter().map(Advice::parameter).collect();
            assert_eq!(told, [parameter], "{name}");
            assert!(request.advice(&ApiVersion::V1).is_empty(), "{name}");
        }
    }
}
