//! The content of a call, in the shape that the semantic conventions have for messages.

use serde_json::{Map, Value, json};

use crate::request::ChatCompletionRequest;
use crate::response::ChatCompletion;

/// The messages of a request.
pub(super) fn input(request: &ChatCompletionRequest) -> String {
    let messages = request.messages().iter().filter_map(|message| serde_json::to_value(message).ok());
    Value::Array(messages.map(|message| described(&message).into()).collect()).to_string()
}

/// The messages of an answer, one for each choice; none without choices.
pub(super) fn output(completion: &ChatCompletion) -> Option<String> {
    let messages = completion.choices().iter().map(|choice| {
        let message = serde_json::to_value(choice.message()).unwrap_or_default();
        let mut message = described(&message);
        message.insert("finish_reason".to_owned(), json!(choice.finish_reason().map(|reason| reason.as_str())));
        Value::Object(message)
    });
    let messages: Vec<Value> = messages.collect();
    (!messages.is_empty()).then(|| Value::Array(messages).to_string())
}

/// The tools that a request offers.
pub(super) fn tools(request: &ChatCompletionRequest) -> Option<String> {
    serde_json::to_string(request.body.tools.as_ref()?).ok()
}

/// A message with its parts: reasoning, text, spoken text, tool calls, the result of a tool; any other part without its
/// bytes.
fn described(message: &Value) -> Map<String, Value> {
    let role = message.get("role").and_then(Value::as_str).unwrap_or("assistant");
    let text = |pointer| message.pointer(pointer).filter(|text| text.is_string());
    let mut parts: Vec<Value> = Vec::new();
    parts.extend(text("/reasoning_content").map(|text| json!({"type": "reasoning", "content": text})));
    match (role, message.get("content").filter(|content| !content.is_null())) {
        ("tool", content) => {
            parts.push(json!({"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content}));
        }
        (_, Some(Value::Array(list))) => parts.extend(list.iter().map(part)),
        (_, Some(text)) => parts.push(text_part(text)),
        (_, None) => {}
    }
    parts.extend(text("/refusal").map(text_part));
    parts.extend(text("/audio/transcript").map(text_part));
    let calls = message.get("tool_calls").and_then(Value::as_array);
    parts.extend(calls.into_iter().flatten().chain(message.get("function_call")).map(|call| {
        let function = call.get("function").or(call.get("custom")).or(Some(call));
        let member = |name| function.and_then(|function| function.get(name));
        let arguments = member("arguments").or(member("input"));
        json!({"type": "tool_call", "id": call.get("id"), "name": member("name"), "arguments": arguments})
    }));
    let mut described = Map::new();
    described.insert("role".to_owned(), role.into());
    described.insert("parts".to_owned(), parts.into());
    described
}

fn part(part: &Value) -> Value {
    match part.get("type").and_then(Value::as_str) {
        Some("text") => text_part(part.get("text").unwrap_or(&Value::Null)),
        _ => without_bytes(part.clone()),
    }
}

/// A part with the size of its image, recording or file in place of the base64, which is larger than a span may be.
fn without_bytes(mut part: Value) -> Value {
    for pointer in ["/image_url/url", "/input_audio/data", "/file/file_data"] {
        let Some(Value::String(data)) = part.pointer_mut(pointer) else { continue };
        if !data.starts_with("http") {
            *data = match data.split_once(',') {
                Some((head, bytes)) => format!("{head},[{} characters]", bytes.len()),
                None => format!("[{} characters]", data.len()),
            };
        }
    }
    part
}

fn text_part(text: &Value) -> Value {
    json!({"type": "text", "content": text})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{ContentPart, Message};

    #[test]
    fn images_recordings_and_files_are_recorded_by_their_size() {
        let parts = [
            ContentPart::text("What is this?"),
            ContentPart::image("png", &[0; 3_000]),
            ContentPart::image_url("https://contoso.com/a,b.png"),
            ContentPart::input_audio("wav", &[0; 3]),
            ContentPart::file("a.pdf", "application/pdf", &[0; 3]),
            ContentPart::file_id("file-1"),
        ];
        let request = ChatCompletionRequest::builder("gpt").message(Message::user_parts(parts)).build().unwrap();
        let recorded: Value = serde_json::from_str(&input(&request)).unwrap();
        assert_eq!(
            recorded[0]["parts"],
            json!([
                {"type": "text", "content": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,[4000 characters]"}},
                {"type": "image_url", "image_url": {"url": "https://contoso.com/a,b.png"}},
                {"type": "input_audio", "input_audio": {"data": "[4 characters]", "format": "wav"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,[4 characters]"}},
                {"type": "file", "file": {"file_id": "file-1"}},
            ])
        );
    }

    #[test]
    fn an_answer_is_recorded_with_its_reasoning_its_spoken_text_and_its_calls() {
        let answer = json!({"choices": [{"finish_reason": "stop", "message": {
            "content": null, "reasoning_content": "hm", "audio": {"data": "AAAA", "transcript": "Hello."},
            "function_call": {"name": "f", "arguments": "{}"},
        }}]});
        let recorded = output(&serde_json::from_value(answer).unwrap()).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&recorded).unwrap()[0]["parts"],
            json!([
                {"type": "reasoning", "content": "hm"},
                {"type": "text", "content": "Hello."},
                {"type": "tool_call", "id": null, "name": "f", "arguments": "{}"},
            ])
        );
    }
}
