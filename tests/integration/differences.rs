//! Where the specifications and the wire differ, both are understood. A test for each line that
//! `../shared/wire/spec/README.md` has about it.

use azure_openai_chat::request::DataSourceAuthentication;
use azure_openai_chat::{
    ApiVersion, ChatCompletion, ChatCompletionChunk, ChatCompletionRequest, ChunkFold, ErrorKind, FilterState,
    FinishReason, ResponseFormat, ResponseMetadata, Role, Severity,
};
use serde_json::{Value, json};

use crate::support::{files, shared};

fn error(body: &Value) -> azure_openai_chat::Error {
    let metadata = ResponseMetadata::new(400, [("content-type", "application/json")]);
    azure_openai_chat::Error::from_response(metadata, body.to_string().as_bytes())
}

fn chunk(value: &Value) -> ChatCompletionChunk {
    let chunk: ChatCompletionChunk = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(&json!(chunk), value);
    // what is not typed would show
    assert!(!format!("{chunk:?}").contains("extra"), "{chunk:?}");
    chunk
}

fn fold(chunks: &[Value]) -> ChatCompletion {
    let mut fold = ChunkFold::new();
    chunks.iter().for_each(|value| fold.push(&chunk(value)));
    fold.into_completion()
}

#[test]
fn the_inner_error_is_understood_under_either_name() {
    let results = json!({"violence": {"filtered": true, "severity": "medium"}});
    for (inner, filter) in [
        ("innererror", "content_filter_result"),
        ("inner_error", "content_filter_results"),
        ("innererror", "content_filter_results"),
        ("inner_error", "content_filter_result"),
    ] {
        let inner_error = json!({"code": "ResponsibleAIPolicyViolation", filter: results});
        let error = error(&json!({"error": {"code": "content_filter", "message": "filtered", inner: inner_error}}));
        assert_eq!(error.kind(), ErrorKind::ContentFiltered, "{inner}");
        assert_eq!(error.service_error().unwrap().inner_code(), Some("ResponsibleAIPolicyViolation"));
        assert_eq!(error.content_filter().unwrap().filtered_categories(), ["violence"], "{inner} {filter}");
    }
}

#[test]
fn an_error_without_envelope_is_understood() {
    let members =
        json!({"code": "unsupported_value", "message": "no", "param": "temperature", "type": "invalid_request_error"});
    for body in [members.clone(), json!({"error": members})] {
        let error = error(&body);
        assert_eq!((error.code(), error.param()), (Some("unsupported_value"), Some("temperature")), "{body}");
        let service = error.service_error().unwrap();
        assert_eq!((service.message(), service.error_type()), (Some("no"), Some("invalid_request_error")), "{body}");
    }
}

#[test]
fn a_chunk_carries_what_the_dated_specifications_leave_out() {
    let results = json!({"hate": {"filtered": false, "severity": "safe"}});
    let completion = fold(&[
        json!({"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": results}]}),
        json!({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}], "usage": null}),
        json!({"choices": [{
            "index": 0, "finish_reason": null, "content_filter_results": results,
            "content_filter_offsets": {"check_offset": 3, "start_offset": 2, "end_offset": 3}
        }]}),
        json!({"choices": [], "usage": {"total_tokens": 4}}),
    ]);
    let choice = &completion.choices()[0];
    assert_eq!(completion.prompt_filter_results()[0].content_filter().state(), FilterState::Clean);
    assert_eq!(choice.content_filter_state(), FilterState::Clean);
    assert_eq!(choice.content_filter_offsets().unwrap().end_offset(), Some(3));
    assert_eq!(completion.usage().total_tokens(), 4);
}

#[test]
fn a_chunk_may_say_at_its_top_what_v1_puts_there() {
    let bare = chunk(&json!({"delta": {"content": "a"}, "content_filter_results": {"hate": {"filtered": false}}}));
    assert_eq!(bare.text(), Some("a"));
    assert_eq!(bare.choices().next().unwrap().content_filter().unwrap().state(), FilterState::Clean);
    let completion = fold(&[
        json!({"choices": [], "delta": {"role": "assistant", "content": "a", "refusal": "no", "reasoning_content": "r"}}),
        json!({"choices": [], "delta": {
            "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
        }}),
        json!({"content_filter_results": {"violence": {"filtered": true, "severity": "high"}}, "usage": {"total_tokens": 2}}),
    ]);
    let message = completion.message().unwrap();
    assert_eq!(message.role(), Some(&Role::Assistant));
    assert_eq!((message.text(), message.refusal()), (Some("a"), Some("no")));
    assert_eq!(message.reasoning_content(), Some("r"));
    assert_eq!((completion.tool_calls()[0].id(), completion.tool_calls()[0].input()), ("call_1", "{}"));
    assert_eq!(completion.choices()[0].content_filter_state(), FilterState::Filtered);
    assert_eq!(completion.usage().total_tokens(), 2);
}

#[test]
fn what_is_required_may_be_missing() {
    for body in [
        json!({"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}]}),
        json!({"choices": [{"message": {}}], "id": "a"}),
        json!({"choices": [{}]}),
        json!({}),
    ] {
        let completion: ChatCompletion = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(json!(completion), body);
        assert_eq!((completion.text(), completion.refusal(), completion.model()), (None, None, None));
        assert!(completion.choices().iter().all(|choice| choice.logprobs().is_none()));
    }
}

#[test]
fn recorded_answers_leave_out_what_is_required() {
    let Some(folder) = shared("wire/responses") else { return };
    let mut missing = (0, 0, 0);
    for (_, text) in files(&folder, ".json") {
        let body = serde_json::from_str::<Value>(&text).unwrap()["body"].clone();
        let completion: ChatCompletion = serde_json::from_value(body.clone()).unwrap();
        for (choice, wire) in completion.choices().iter().zip(body["choices"].as_array().unwrap()) {
            let message = choice.message().unwrap();
            assert_eq!(message.text(), wire["message"]["content"].as_str());
            missing.0 += u32::from(message.content().is_none());
            missing.1 += u32::from(wire["message"].get("refusal").is_none());
            missing.2 += u32::from(wire.get("logprobs").is_none());
        }
    }
    assert!(missing.0 > 0 && missing.1 > 0 && missing.2 > 0, "{missing:?}");
}

#[test]
fn a_word_that_is_not_in_the_enum_is_kept() {
    let body = json!({"choices": [{
        "finish_reason": "tired",
        "message": {"role": "oracle"},
        "content_filter_results": {"hate": {"filtered": true, "severity": "extreme"}}
    }], "service_tier": "golden"});
    let completion: ChatCompletion = serde_json::from_value(body.clone()).unwrap();
    assert_eq!(json!(completion), body);
    let choice = &completion.choices()[0];
    assert_eq!(choice.finish_reason(), Some(&FinishReason::from("tired")));
    assert_eq!(choice.message().unwrap().role().map(Role::as_str), Some("oracle"));
    let hate = choice.content_filter().hate().unwrap();
    assert_eq!(hate.severity(), Some(&Severity::from("extreme")));
    assert_eq!(choice.content_filter_state(), FilterState::Filtered);
    assert_eq!(completion.service_tier().unwrap().as_str(), "golden");
}

#[test]
fn data_sources_are_refused_on_v1_alone() {
    let source = azure_openai_chat::request::DataSource::azure_search(
        "https://search",
        "index",
        DataSourceAuthentication::system_assigned_managed_identity(),
    );
    let request = ChatCompletionRequest::builder("d").user("q").data_source(source).build().unwrap();
    let refused = |version: &ApiVersion| {
        let violations = request.violations(None, Some(version));
        violations.iter().any(|violation| violation.parameter() == "data_sources")
    };
    assert!(refused(&ApiVersion::V1));
    assert!(!refused(&ApiVersion::V1_PREVIEW));
    assert!(!refused(&ApiVersion::new("2024-10-21")));
    assert!(!refused(&ApiVersion::new("2025-04-01-preview")));
}

#[test]
fn a_required_field_that_does_not_exist_is_not_asked_for() {
    let schema = json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
    let format = ResponseFormat::json_schema("answer", schema.clone()).strict(true);
    let request = ChatCompletionRequest::builder("d").user("q").response_format(format).build().unwrap();
    assert_eq!(
        json!(request)["response_format"],
        json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": true}})
    );
    let without_object = chunk(&json!({"choices": [{"index": 0, "delta": {"content": "a"}}]}));
    assert_eq!((without_object.object(), without_object.text()), (None, Some("a")));
}
