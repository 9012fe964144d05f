//! Members this version models, whose value it could not read.
//!
//! They are kept and would be sent as they are; the service refuses a value of another type. `null` says
//! nothing and is no violation.

use std::fmt::Arguments;

use serde_json::{Map, Value};

use super::Check;
use crate::request::message::{ContentPart, FilePart, ImageUrl, InputAudio, Message};
use crate::request::tool::{CustomTool, FunctionDefinition, Tool};
use crate::request::violation::{Rule, Violation};
use crate::request::{AudioOutput, Prediction, RequestBody, ResponseFormat, StreamOptions, format::JsonSchemaFormat};
use crate::response::ToolCall;

type Extra<'a> = Option<&'a Map<String, Value>>;

pub(super) fn wrong_types(check: &Check<'_>, found: &mut Vec<Violation>) {
    let body = check.body;
    // the name of the deployment is sent, not this member
    let told = |name: &str| name != "model" || check.request.deployment.name().is_empty();
    let extra = body.extra().into_iter().flatten();
    for (name, value) in extra.filter(|(name, value)| RequestBody::FIELDS.contains(&name.as_str()) && !value.is_null())
    {
        if told(name) {
            found.push(wrong_type(name.clone(), name, value));
        }
    }
    let mut look = |path: Arguments<'_>, extra: Extra<'_>, fields: &[&str]| {
        for (name, value) in extra.into_iter().flatten() {
            if fields.contains(&name.as_str()) && !value.is_null() {
                found.push(wrong_type(format!("{path}.{name}"), name, value));
            }
        }
    };
    for (at, message) in check.messages() {
        look(format_args!("messages[{at}]"), message.extra(), Message::FIELDS);
        for (call_at, call) in message.tool_calls().iter().enumerate() {
            look(format_args!("messages[{at}].tool_calls[{call_at}]"), call.extra(), ToolCall::FIELDS);
        }
        let parts = message.content.iter().flat_map(|content| content.part_list());
        for (part_at, part) in parts.enumerate() {
            look_at_part(format_args!("messages[{at}].content[{part_at}]"), part, &mut look);
        }
    }
    for (at, tool) in body.tools.iter().flat_map(|tools| tools.iter().enumerate()) {
        look(format_args!("tools[{at}]"), tool.extra(), Tool::FIELDS);
        if let Some(custom) = &tool.custom {
            look(format_args!("tools[{at}].custom"), custom.extra(), CustomTool::FIELDS);
        }
    }
    for (path, function) in check.functions() {
        look(format_args!("{path}"), function.extra(), FunctionDefinition::FIELDS);
    }
    for (at, function) in body.functions.iter().flat_map(|list| list.iter().enumerate()) {
        look(format_args!("functions[{at}]"), function.extra(), FunctionDefinition::FIELDS);
    }
    if let Some(format) = &body.response_format {
        look(format_args!("response_format"), format.extra(), ResponseFormat::FIELDS);
        if let Some(schema) = &format.json_schema {
            look(format_args!("response_format.json_schema"), schema.extra(), JsonSchemaFormat::FIELDS);
        }
    }
    if let Some(prediction) = &body.prediction {
        look(format_args!("prediction"), prediction.extra(), Prediction::FIELDS);
        let parts = prediction.content.iter().flat_map(|content| content.part_list());
        for (at, part) in parts.enumerate() {
            look_at_part(format_args!("prediction.content[{at}]"), part, &mut look);
        }
    }
    if let Some(options) = &body.stream_options {
        look(format_args!("stream_options"), options.extra(), StreamOptions::FIELDS);
    }
    if let Some(audio) = &body.audio {
        look(format_args!("audio"), audio.extra(), AudioOutput::FIELDS);
    }
}

fn look_at_part(path: Arguments<'_>, part: &ContentPart, look: &mut impl FnMut(Arguments<'_>, Extra<'_>, &[&str])) {
    look(path, part.extra(), ContentPart::FIELDS);
    if let Some(image) = &part.image_url {
        look(format_args!("{path}.image_url"), image.extra(), ImageUrl::FIELDS);
    }
    if let Some(sound) = &part.input_audio {
        look(format_args!("{path}.input_audio"), sound.extra(), InputAudio::FIELDS);
    }
    if let Some(file) = &part.file {
        look(format_args!("{path}.file"), file.extra(), FilePart::FIELDS);
    }
}

fn wrong_type(parameter: String, name: &str, value: &Value) -> Violation {
    Violation::new(parameter, Rule::WrongType, format!("{name} cannot be {}: pass {}", kind_of(value), expected(name)))
}

/// The value in words that repeat nothing of it.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "this number",
        Value::String(_) => "a string",
        Value::Array(_) => "this list",
        Value::Object(_) => "an object",
    }
}

fn expected(name: &str) -> &'static str {
    match name {
        "temperature" | "top_p" | "presence_penalty" | "frequency_penalty" => "a number",
        "max_tokens" | "max_completion_tokens" | "n" | "top_logprobs" => "a whole number of at least 0",
        "seed" => "a whole number",
        "logprobs"
        | "parallel_tool_calls"
        | "store"
        | "stream"
        | "strict"
        | "include_usage"
        | "include_obfuscation" => "true or false",
        "messages" => "a list of objects with role and content",
        "tools" | "functions" | "data_sources" => "a list of objects",
        "tool_calls" => "a list of calls with id, type and function",
        "modalities" => "a list of words",
        "content" => "a string or a list of parts",
        "stop" => "a string or a list of strings",
        "tool_choice" | "function_call" => "a word or an object",
        "logit_bias"
        | "metadata"
        | "response_format"
        | "prediction"
        | "audio"
        | "stream_options"
        | "user_security_context"
        | "web_search_options"
        | "function"
        | "custom"
        | "format"
        | "image_url"
        | "input_audio"
        | "file"
        | "json_schema"
        | "context" => "an object",
        _ => "a string",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ask_any, assert_fine, assert_told, read};
    use super::*;

    const HI: &str = r#"[{"role": "user", "content": "hi"}]"#;

    #[track_caller]
    fn assert_wrong(name: &str, value: Value, message: &str) {
        let messages: Value = serde_json::from_str(HI).unwrap();
        let mut request = json!({"model": "d", "messages": messages});
        request[name] = value;
        assert_told(&read(request), &[(name, Rule::WrongType, message)]);
    }

    #[test]
    fn a_member_of_another_type_is_refused_by_its_name() {
        for (name, value, message) in [
            ("temperature", json!("0.2"), "temperature cannot be a string: pass a number"),
            ("max_tokens", json!(-1), "max_tokens cannot be this number: pass a whole number of at least 0"),
            ("seed", json!(1.5), "seed cannot be this number: pass a whole number"),
            ("logprobs", json!(1), "logprobs cannot be this number: pass true or false"),
            (
                "messages",
                json!([{"role": "user"}, 5]),
                "messages cannot be this list: pass a list of objects with role and content",
            ),
            ("tools", json!({}), "tools cannot be an object: pass a list of objects"),
            ("modalities", json!("audio"), "modalities cannot be a string: pass a list of words"),
            ("stop", json!(["a", null]), "stop cannot be this list: pass a string or a list of strings"),
            ("tool_choice", json!(true), "tool_choice cannot be true or false: pass a word or an object"),
            ("metadata", json!([]), "metadata cannot be this list: pass an object"),
            ("user", json!(5), "user cannot be this number: pass a string"),
            ("stream", json!("yes"), "stream cannot be a string: pass true or false"),
        ] {
            assert_wrong(name, value, message);
        }
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
        assert_told(
            &request,
            &[
                ("messages[0].content[0].image_url.url", Rule::WrongType, "url cannot be this number: pass a string"),
                (
                    "messages[0].content[1].input_audio.data",
                    Rule::WrongType,
                    "data cannot be this number: pass a string",
                ),
                ("messages[0].content[2].file.file_id", Rule::WrongType, "file_id cannot be this list: pass a string"),
                (
                    "messages[1].content",
                    Rule::WrongType,
                    "content cannot be this number: pass a string or a list of parts",
                ),
                ("messages[2].tool_calls[0].id", Rule::WrongType, "id cannot be this number: pass a string"),
                ("tools[1].custom.name", Rule::WrongType, "name cannot be this number: pass a string"),
                ("tools[0].function.strict", Rule::WrongType, "strict cannot be a string: pass true or false"),
                ("functions[0].name", Rule::WrongType, "name cannot be this list: pass a string"),
                (
                    "response_format.json_schema.strict",
                    Rule::WrongType,
                    "strict cannot be this number: pass true or false",
                ),
                (
                    "stream_options.include_usage",
                    Rule::WrongType,
                    "include_usage cannot be a string: pass true or false",
                ),
                ("audio.voice", Rule::WrongType, "voice cannot be this number: pass a string"),
            ],
        );
    }

    #[test]
    fn a_prediction_is_looked_into() {
        let request = read(json!({
            "model": "d", "messages": [{"role": "user", "content": "hi"}],
            "prediction": {"type": "content", "content": [{"type": "text", "text": 5}]}
        }));
        assert_told(
            &request,
            &[("prediction.content[0].text", Rule::WrongType, "text cannot be this number: pass a string")],
        );
    }

    #[test]
    fn members_nobody_knows_are_not_judged() {
        assert_fine(ask_any().extra("tomorrow", json!({"a": [1]})));
    }

    #[test]
    fn an_extra_with_a_name_of_ours_is_that_member() {
        assert_fine(ask_any().extra("temperature", 0.5).extra("tools", json!([{"type": "function"}])));
        let request = ask_any().extra("temperature", "warm").build_unchecked();
        assert_told(&request, &[("temperature", Rule::WrongType, "temperature cannot be a string: pass a number")]);
    }
}
