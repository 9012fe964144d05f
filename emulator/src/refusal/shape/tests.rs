//! Tests of each kind of shape that is refused, with its text, `param` and `code`.

use serde_json::{Value, json};

use super::*;
use crate::deployment::DeployedModel;
use crate::filter::merge;
use crate::refusal::refusal;
use crate::settings::{DeploymentSettings, Strictness};
use azure_openai_chat::ApiVersion;

fn error_of(body: Value, version: ApiVersion, dialect: Dialect) -> Option<Value> {
    let question = json!({"messages": [{"role": "user", "content": "hi"}]});
    let body = merge(question, body);
    let deployed = DeployedModel::declared("d", "gpt-4o-2024-11-20".into());
    let error = refusal(ChatRequest::new(&body), &deployed, &version, dialect)?;
    assert_eq!(error.status, 400);
    Some(error.body["error"].clone())
}

fn error(body: Value) -> Option<Value> {
    error_of(body, ApiVersion::V1, Dialect::Azure)
}

#[track_caller]
fn refused(body: Value, code: Value, param: Value, message: &str) {
    let error = error(body.clone()).unwrap_or_else(|| panic!("{body} is answered"));
    assert_eq!((&error["message"], &error["param"], &error["code"]), (&json!(message), &param, &code), "{body}");
}

#[track_caller]
fn missing(body: Value, param: &str) {
    let message = format!("Missing required parameter: '{param}'.");
    refused(body, json!("missing_required_parameter"), json!(param), &message);
}

#[track_caller]
fn wrong_type(body: Value, param: &str, expected: &str, got: &str) {
    let message = format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
    refused(body, json!("invalid_type"), json!(param), &message);
}

#[track_caller]
fn wrong_word(body: Value, param: &str, word: &str, supported: &str) {
    let message = format!("Invalid value: '{word}'. Supported values are: {supported}.");
    refused(body, json!("invalid_value"), json!(param), &message);
}

fn user(part: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [part]}]})
}

fn tools(tool: Value) -> Value {
    json!({"tools": [tool]})
}

#[test]
fn both_limits_at_once_are_refused() {
    let message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
    let body = json!({"max_tokens": 5, "max_completion_tokens": 5});
    refused(body, json!("invalid_parameter_combination"), json!("max_tokens"), message);
}

#[test]
fn stream_options_need_a_stream() {
    let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
    refused(json!({"stream_options": {"include_usage": true}}), Value::Null, json!("stream_options"), message);
    assert_eq!(error(json!({"stream": true, "stream_options": {"include_usage": true}})), None);
}

#[test]
fn malformed_tools_are_refused_at_their_place() {
    missing(tools(json!({"function": {"name": "f"}})), "tools[0].type");
    missing(tools(json!({"type": "function"})), "tools[0].function");
    missing(tools(json!({"type": "function", "function": {}})), "tools[0].function.name");
    wrong_word(tools(json!({"type": "retrieval"})), "tools[0].type", "retrieval", "'function' and 'custom'");
    let long = json!({"type": "function", "function": {"name": "f", "description": "d".repeat(1025)}});
    assert_eq!(error(tools(long)).unwrap()["code"], "string_above_max_length");
    let one = json!({"type": "function", "function": {"name": "f"}});
    assert_eq!(error(json!({"tools": [one, one]})).unwrap()["param"], "tools[1].function.name");
    assert_eq!(error(json!({"tools": []})).unwrap()["code"], "empty_array");
    wrong_type(tools(json!("f")), "tools[0]", "an object", "a string");
}

#[test]
fn schemas_that_are_not_strict_are_looked_at_too() {
    let function =
        |parameters: Value| tools(json!({"type": "function", "function": {"name": "f", "parameters": parameters}}));
    let param = "tools[0].function.parameters";
    for (schema, why) in [
        (json!({"type": "string"}), "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"string\"'."),
        (json!({"properties": {}}), "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."),
        (
            json!({"type": "object", "properties": {"a": {"type": "strin"}}}),
            "'strin' is not valid under any of the given schemas.",
        ),
        (json!({"type": "object"}), "In context=(), object schema missing properties."),
    ] {
        let message = format!("Invalid schema for function 'f': {why}");
        refused(function(schema), json!("invalid_function_parameters"), json!(param), &message);
    }
    assert_eq!(error(function(json!({}))), None);
    assert_eq!(error(function(json!({"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}]}}}))), None);
}

#[test]
fn a_tool_choice_is_one_that_there_is() {
    let with = |choice: Value| {
        merge(tools(json!({"type": "function", "function": {"name": "f"}})), json!({"tool_choice": choice}))
    };
    wrong_word(with(json!("always")), "tool_choice", "always", "'none', 'auto', and 'required'");
    missing(with(json!({"function": {"name": "f"}})), "tool_choice.type");
    missing(with(json!({"type": "function"})), "tool_choice.function");
}

#[test]
fn malformed_messages_are_refused_at_their_place() {
    let of = |message: Value| json!({"messages": [message]});
    let null = "Invalid value for 'content': expected a string, got null.";
    refused(of(json!({"role": "user"})), Value::Null, json!("messages.[0].content"), null);
    refused(of(json!({"role": "assistant", "content": null})), Value::Null, json!("messages.[0].content"), null);
    wrong_type(
        of(json!({"role": "user", "content": 5})),
        "messages[0].content",
        "a string or a list of parts",
        "an integer",
    );
    let unknown = "Additional properties are not allowed ('mood' was unexpected) - 'messages.0'";
    refused(of(json!({"role": "user", "content": "hi", "mood": "good"})), Value::Null, Value::Null, unknown);
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let after = |result: Value| json!({"messages": [{"role": "assistant", "tool_calls": [call]}, result]});
    let no_id = "Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'.";
    let error = error(after(json!({"role": "tool", "content": "1"}))).unwrap();
    assert!(error["message"] == no_id || error["message"].as_str().unwrap().contains("tool_call_id"), "{error}");
}

#[test]
fn malformed_tool_calls_are_refused_at_their_place() {
    let with = |call: Value| {
        json!({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "1"}]})
    };
    missing(with(json!({"id": "c", "function": {"name": "f", "arguments": "{}"}})), "messages[1].tool_calls[0].type");
    missing(with(json!({"id": "c", "type": "function"})), "messages[1].tool_calls[0].function");
    let place = "messages[1].tool_calls[0].function.arguments";
    missing(with(json!({"id": "c", "type": "function", "function": {"name": "f"}})), place);
    wrong_type(
        with(json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}})),
        place,
        "a string",
        "an object",
    );
    let none = json!({"messages": [{"role": "assistant", "content": "a", "tool_calls": []}]});
    assert_eq!(error(none).unwrap()["code"], "empty_array");
}

#[test]
fn malformed_parts_are_refused_at_their_place() {
    let types = "'text', 'image_url', 'input_audio', 'refusal', 'audio', and 'file'";
    wrong_word(user(json!({"type": "image"})), "messages[0].content[0].type", "image", types);
    missing(user(json!({"text": "hi"})), "messages[0].content[0].type");
    missing(user(json!({"type": "text"})), "messages[0].content[0].text");
    assert_eq!(error(json!({"messages": [{"role": "user", "content": []}]})).unwrap()["code"], "empty_array");
}

#[test]
fn malformed_images_are_refused_at_their_place() {
    let image = |image: Value| user(json!({"type": "image_url", "image_url": image}));
    let place = "messages[0].content[0].image_url";
    missing(user(json!({"type": "image_url"})), place);
    wrong_type(image(json!("https://contoso.com/a.png")), place, "an object", "a string");
    missing(image(json!({"detail": "low"})), &format!("{place}.url"));
    wrong_word(
        image(json!({"url": "https://contoso.com/a.png", "detail": "best"})),
        &format!("{place}.detail"),
        "best",
        "'low', 'high', 'auto', and 'original'",
    );
    let unsupported = "You uploaded an unsupported image. Please make sure your image has of one the following formats: \
                       ['png', 'jpeg', 'gif', 'webp'].";
    refused(
        image(json!({"url": "data:image/bmp;base64,AA=="})),
        json!("invalid_image_format"),
        Value::Null,
        unsupported,
    );
    refused(image(json!({"url": "data:image/png;base64,???"})), json!("BadRequest"), Value::Null, "Invalid image data");
    let system = json!({"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "https://a.com/b.png"}}]}]});
    assert_eq!(error(system).unwrap()["code"], "invalid_value");
}

#[test]
fn response_formats_are_known_ones_with_their_schema() {
    let format = |format: Value| json!({"response_format": format});
    wrong_type(format(json!("json_object")), "response_format", "an object", "a string");
    missing(format(json!({})), "response_format.type");
    wrong_word(
        format(json!({"type": "xml"})),
        "response_format.type",
        "xml",
        "'json_object', 'json_schema', and 'text'",
    );
    missing(format(json!({"type": "json_schema"})), "response_format.json_schema");
    missing(format(json!({"type": "json_schema", "json_schema": {"schema": {}}})), "response_format.json_schema.name");
}

#[test]
fn schemas_need_the_api_version_that_has_them() {
    let schema = json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
    let body = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": true}}});
    let message = "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later";
    let error = error_of(body.clone(), ApiVersion::new("2024-06-01"), Dialect::Azure).unwrap();
    assert_eq!(error["message"], message);
    assert_eq!(error_of(body, ApiVersion::new("2024-10-21"), Dialect::Azure), None);
}

#[test]
fn data_sources_are_known_ones() {
    let error = |source: Value| {
        error_of(json!({"data_sources": [source]}), ApiVersion::new("2024-10-21"), Dialect::Azure).unwrap()
    };
    let unknown = error(json!({"type": "sharepoint", "parameters": {}}));
    assert_eq!(unknown["code"], 400);
    assert!(unknown["requestid"].is_string() && unknown["message"].as_str().unwrap().contains("'sharepoint'"));
    assert!(error(json!({"parameters": {}}))["message"].as_str().unwrap().contains("discriminator 'type'"));
    assert!(error(json!({"type": "azure_search"}))["message"].as_str().unwrap().contains("parameters"));
}

#[test]
fn a_lenient_deployment_ignores_unknown_members_wherever_they_are() {
    let message = json!({"role": "user", "content": "hi", "mood": "good"});
    let body = json!({"messages": [message], "tomorrow": 1, "reasoning_effort": "low", "verbosity": "loud"});
    let refused = |strictness, body: &Value| {
        let settings = DeploymentSettings::of("gpt-5.1-2025-11-13").strictness(strictness);
        let deployed = DeployedModel::declared("d", settings);
        let error = refusal(ChatRequest::new(body), &deployed, &ApiVersion::new("2024-10-21"), Dialect::Azure);
        error.map(|error| error.body["error"]["message"].as_str().unwrap_or_default().to_owned())
    };
    assert!(refused(Strictness::Strict, &body).is_some());
    let message = refused(Strictness::Lenient, &body).unwrap();
    assert!(message.starts_with("Invalid value: 'loud'."), "{message}");
    assert_eq!(refused(Strictness::Lenient, &merge(body, json!({"verbosity": "low"}))), None);
}

#[test]
fn unknown_members_meet_azures_text_or_openais() {
    let body = json!({"tomorrow": 1});
    let azure = error(body.clone()).unwrap();
    assert_eq!(azure["message"], "Unrecognized request argument supplied: tomorrow");
    assert_eq!((&azure["param"], &azure["code"]), (&Value::Null, &Value::Null));
    let openai = error_of(body, ApiVersion::V1, Dialect::OpenAi).unwrap();
    assert_eq!(openai["message"], "Unknown parameter: 'tomorrow'.");
    assert_eq!((&openai["param"], &openai["code"]), (&json!("tomorrow"), &json!("unknown_parameter")));
}

#[test]
fn words_and_predictions_are_known_ones() {
    wrong_word(json!({"service_tier": "gold"}), "service_tier", "gold", "'auto', 'default', 'flex', and 'priority'");
    missing(json!({"prediction": {"content": "a"}}), "prediction.type");
    missing(json!({"prediction": {"type": "content"}}), "prediction.content");
    wrong_word(json!({"modalities": ["video"]}), "modalities[0]", "video", "'text' and 'audio'");
    let bias = error(json!({"logit_bias": {"hello": 1}})).unwrap();
    assert!(bias["message"].as_str().unwrap().starts_with("Invalid key in 'logit_bias': hello."));
}

#[test]
fn what_is_too_many_or_too_long_is_refused() {
    let many: Vec<Value> = (0..2049).map(|_| json!({"role": "user", "content": "a"})).collect();
    assert_eq!(error(json!({"messages": many})).unwrap()["code"], "array_above_max_length");
    let long = json!({"messages": [{"role": "user", "content": "a ".repeat(600_000)}]});
    assert_eq!(error(long).unwrap()["code"], "string_above_max_length");
}
