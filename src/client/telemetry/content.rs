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

/// A message with its parts: text, tool calls, the result of a tool; any other part as it is.
fn described(message: &Value) -> Map<String, Value> {
    let role = message.get("role").and_then(Value::as_str).unwrap_or("assistant");
    let content = message.get("content").filter(|content| !content.is_null());
    let mut parts: Vec<Value> = match (role, content) {
        ("tool", content) => {
            vec![json!({"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content})]
        }
        (_, Some(Value::Array(list))) => list.iter().map(part).collect(),
        (_, Some(text)) => vec![text_part(text)],
        (_, None) => Vec::new(),
    };
    parts.extend(message.get("refusal").filter(|refusal| refusal.is_string()).map(text_part));
    let calls = message.get("tool_calls").and_then(Value::as_array);
    parts.extend(calls.into_iter().flatten().map(|call| {
        let function = call.get("function").or(call.get("custom"));
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
        _ => part.clone(),
    }
}

fn text_part(text: &Value) -> Value {
    json!({"type": "text", "content": text})
}
