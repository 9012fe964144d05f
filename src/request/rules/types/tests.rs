//! Each member of a request, given another type.

use serde_json::json;

use super::super::tests::{assert_fine, assert_violations, read, request_to_any};
use super::*;
use crate::request::{ResponseFormat, Tool};

const HI: &str = r#"[{"role": "user", "content": "hi"}]"#;

#[track_caller]
fn assert_wrong(name: &str, value: Value, message: &str) {
    let messages: Value = serde_json::from_str(HI).unwrap();
    let mut request = json!({"model": "d", "messages": messages});
    request[name] = value;
    assert_violations(&read(request), &[(name, Rule::WrongType, message)]);
}

#[test]
fn a_member_of_another_type_is_refused_by_its_name() {
    for (name, value, message) in [
        ("temperature", json!("0.2"), "temperature cannot be a string: pass a number from 0 to 2"),
        ("max_tokens", json!(1.5), "max_tokens cannot be this number: pass a whole number of at least 1"),
        ("seed", json!(1.5), "seed cannot be this number: pass a whole number"),
        ("logprobs", json!(1), "logprobs cannot be this number: pass true or false"),
        ("messages", json!([{"role": "user"}, 5]), "messages cannot be this list: pass a list of objects"),
        ("tools", json!({}), "tools cannot be an object: pass a list of objects"),
        ("modalities", json!("audio"), "modalities cannot be a string: pass a list of strings"),
        ("stop", json!(["a", null]), "stop cannot be this list: pass a string or a list of strings"),
        ("tool_choice", json!(true), "tool_choice cannot be true or false: pass a string or an object"),
        ("metadata", json!([]), "metadata cannot be this list: pass an object"),
        ("user", json!(5), "user cannot be this number: pass a string"),
        ("stream", json!("yes"), "stream cannot be a string: pass true or false"),
    ] {
        assert_wrong(name, value, message);
    }
}

#[test]
fn a_schema_that_is_given_as_text_is_told_how_to_be_read() {
    let text = r#"{"type": "object", "properties": {}}"#;
    let way_out = "cannot be a string: pass an object, which serde_json::from_str(..) reads from the text";
    let request = request_to_any()
        .tool(Tool::function("f").parameters(text))
        .tool(Tool::function("g").parameters(json!([])))
        .response_format(ResponseFormat::json_schema("a", text))
        .build_unchecked();
    assert_violations(
        &request,
        &[
            ("tools[0].function.parameters", Rule::WrongType, &format!("parameters {way_out}")),
            ("tools[1].function.parameters", Rule::WrongType, "parameters cannot be this list: pass an object"),
            ("response_format.json_schema.schema", Rule::WrongType, &format!("schema {way_out}")),
        ],
    );
    let schema: Value = serde_json::from_str(text).unwrap();
    assert_fine(request_to_any().tool(Tool::function("f").parameters(schema)));
}

#[test]
fn a_wrong_type_inside_is_told_with_its_path() {
    let request = read(json!({
        "model": "d",
        "messages": [
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": 5}},
                {"type": "input_audio", "input_audio": {"data": 1, "format": "wav"}},
                {"type": "file", "file": {"file_id": []}}
            ]},
            {"role": "user", "content": 5},
            {"role": "assistant", "tool_calls": [{"id": 7, "type": "function"}]}
        ],
        "tools": [{"type": "function", "function": {"name": "f", "strict": "yes"}}, {"type": "custom", "custom": {"name": 1}}],
        "functions": [{"name": []}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": 1}},
        "stream_options": {"include_usage": "yes"},
        "audio": {"voice": 1}
    }));
    assert_violations(
        &request,
        &[
            ("messages[0].content[0].image_url.url", Rule::WrongType, "url cannot be this number: pass a string"),
            ("messages[0].content[1].input_audio.data", Rule::WrongType, "data cannot be this number: pass a string"),
            ("messages[0].content[2].file.file_id", Rule::WrongType, "file_id cannot be this list: pass a string"),
            ("messages[1].content", Rule::WrongType, "content cannot be this number: pass a string or a list of parts"),
            ("messages[2].tool_calls[0].id", Rule::WrongType, "id cannot be this number: pass a string"),
            ("tools[0].function.strict", Rule::WrongType, "strict cannot be a string: pass true or false"),
            ("tools[1].custom.name", Rule::WrongType, "name cannot be this number: pass a string"),
            ("functions[0].name", Rule::WrongType, "name cannot be this list: pass a string"),
            ("response_format.json_schema.strict", Rule::WrongType, "strict cannot be this number: pass true or false"),
            ("audio.voice", Rule::WrongType, "voice cannot be this number: pass a string"),
            ("stream_options.include_usage", Rule::WrongType, "include_usage cannot be a string: pass true or false"),
        ],
    );
}

/// A request that has every member, so that each can be given another type.
const EVERYTHING: &str = r#"{
    "model": "d",
    "messages": [
        {"role": "user", "name": "ann", "content": [
            {"type": "text", "text": "hi"},
            {"type": "refusal", "refusal": "no"},
            {"type": "image_url", "image_url": {"url": "u", "detail": "low"}},
            {"type": "input_audio", "input_audio": {"data": "YQ==", "format": "wav"}},
            {"type": "file", "file": {"filename": "f", "file_data": "d", "file_id": "i"}}
        ]},
        {
            "role": "assistant", "content": "a", "refusal": "no", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "custom": {"name": "c", "input": "i"}}], "audio": {"id": "1"},
            "function_call": {"name": "f", "arguments": "{}"},
            "context": {"citations": [{"content": "a", "title": "t", "url": "u", "filepath": "f", "chunk_id": "1", "rerank_score": 0.5}], "intent": "[]"}
        },
        {"role": "tool", "content": "1", "tool_call_id": "c1"}
    ],
    "max_tokens": 1, "max_completion_tokens": 1, "temperature": 1, "top_p": 1, "presence_penalty": 1,
    "frequency_penalty": 1, "n": 1, "stop": ["a"], "seed": 1, "user": "u", "logprobs": true,
    "top_logprobs": 1, "logit_bias": {}, "reasoning_effort": "low", "verbosity": "low",
    "prediction": {"type": "content", "content": [{"type": "text", "text": "a"}]},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "description": "d", "strict": true}},
    "tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "strict": false}},
        {"type": "custom", "custom": {"name": "c", "description": "d", "format": {
            "type": "grammar", "grammar": {"definition": "d", "syntax": "lark"}
        }}}
    ],
    "tool_choice": {
        "type": "function", "function": {"name": "f"}, "custom": {"name": "c"},
        "allowed_tools": {"mode": "auto", "tools": []}
    },
    "parallel_tool_calls": true, "functions": [{"name": "f", "description": "d", "strict": false}],
    "function_call": {"name": "f"}, "modalities": ["text"], "audio": {"voice": "alloy", "format": "mp3"},
    "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": true}, "store": true,
    "metadata": {}, "service_tier": "flex", "prompt_cache_key": "k", "prompt_cache_retention": "24h",
    "safety_identifier": "s", "web_search_options": {"search_context_size": "low"},
    "user_security_context": {
        "application_name": "a", "end_user_id": "i", "end_user_tenant_id": "t", "source_ip": "1"
    },
    "data_sources": [{"type": "azure_search", "parameters": {
        "endpoint": "e", "index_name": "i", "database_name": "d", "container_name": "c",
        "collection_name": "c", "app_name": "a", "environment": "e", "authentication": AUTHENTICATION,
        "top_n_documents": 1, "max_search_queries": 1, "allow_partial_result": true, "in_scope": true,
        "strictness": 1, "query_type": "simple", "semantic_configuration": "s", "filter": "f",
        "fields_mapping": {
            "title_field": "t", "url_field": "u", "filepath_field": "f", "content_fields": ["c"],
            "content_fields_separator": "s", "vector_fields": ["v"], "image_vector_fields": ["i"]
        },
        "embedding_dependency": {
            "type": "endpoint", "endpoint": "e", "authentication": AUTHENTICATION, "deployment_name": "d",
            "model_id": "m", "dimensions": 1
        },
        "include_contexts": ["intent"], "role_information": "r"
    }}]
}"#;
const AUTHENTICATION: &str = r#"{
    "type": "api_key", "key": "k", "key_id": "i", "encoded_api_key": "e", "connection_string": "c",
    "access_token": "a", "username": "u", "password": "p", "managed_identity_resource_id": "m"
}"#;

fn everything() -> Value {
    serde_json::from_str(&EVERYTHING.replace("AUTHENTICATION", AUTHENTICATION)).unwrap()
}

/// The place of every value in a value, as a JSON pointer and as a violation names it; an entry of a list
/// is reported as the list.
fn places(value: &Value, pointer: &str, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let pointer = format!("{pointer}/{name}");
                found.push((pointer.clone(), inner.clone()));
                places(value, &pointer, &inner, found);
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                let pointer = format!("{pointer}/{at}");
                found.push((pointer.clone(), path.to_owned()));
                places(value, &pointer, &format!("{path}[{at}]"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn each_member_wherever_it_lies_has_its_type() {
    let types = |json: Value| -> Vec<String> {
        let violations = read(json).violations(None, None);
        let wrong = violations.into_iter().filter(|violation| violation.rule() == Rule::WrongType);
        wrong.map(|violation| violation.parameter().to_owned()).collect()
    };
    assert_eq!(types(everything()), [""; 0]);
    let mut all = Vec::new();
    places(&everything(), "", "", &mut all);
    assert!(all.len() > 150, "{}", all.len());
    for (pointer, path) in all {
        let mut json = everything();
        let place = json.pointer_mut(&pointer).unwrap();
        *place = if place.is_number() { json!("x") } else { json!(5) };
        assert_eq!(types(json), [path], "{pointer}");
    }
}

#[test]
fn what_is_passed_instead_is_said_for_the_place() {
    let request = read(json!({
        "model": "d", "messages": [{"role": "user", "content": "hi"}],
        "user_security_context": {"source_ip": 5}, "web_search_options": {"search_context_size": 5},
        "data_sources": [{"type": 5, "parameters": {"strictness": "high", "include_contexts": "intent"}}],
        "audio": {"format": 5}, "tools": [{"type": "custom", "custom": {"name": "c", "format": 5}}]
    }));
    let whole = "strictness cannot be a string: pass a whole number of at least 0";
    assert_violations(
        &request,
        &[
            ("tools[0].custom.format", Rule::WrongType, "format cannot be this number: pass an object"),
            ("data_sources[0].type", Rule::WrongType, "type cannot be this number: pass a string"),
            (
                "data_sources[0].parameters.include_contexts",
                Rule::WrongType,
                "include_contexts cannot be a string: pass a list of strings",
            ),
            ("data_sources[0].parameters.strictness", Rule::WrongType, whole),
            ("audio.format", Rule::WrongType, "format cannot be this number: pass a string"),
            ("user_security_context.source_ip", Rule::WrongType, "source_ip cannot be this number: pass a string"),
            (
                "web_search_options.search_context_size",
                Rule::WrongType,
                "search_context_size cannot be this number: pass a string",
            ),
        ],
    );
}

#[test]
fn a_prediction_is_looked_into() {
    let request = read(json!({
        "model": "d", "messages": [{"role": "user", "content": "hi"}],
        "prediction": {"type": "content", "content": [{"type": "text", "text": 5}]}
    }));
    assert_violations(
        &request,
        &[("prediction.content[0].text", Rule::WrongType, "text cannot be this number: pass a string")],
    );
}

#[test]
fn members_nobody_knows_are_not_judged() {
    assert_fine(request_to_any().extra("tomorrow", json!({"a": [1]})));
}

#[test]
fn an_extra_with_a_name_of_ours_is_that_member() {
    assert_fine(request_to_any().extra("temperature", 0.5).extra("tools", json!([{"type": "function"}])));
    let request = request_to_any().extra("temperature", "warm").build_unchecked();
    assert_violations(
        &request,
        &[("temperature", Rule::WrongType, "temperature cannot be a string: pass a number from 0 to 2")],
    );
}
