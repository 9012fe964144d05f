//! Recorded answers in OpenAI's shape: without Azure's members, and with every word of the answer.

use azure_openai_chat::{ChatCompletion, ChatCompletionChunk};
use serde_json::Value;

use crate::support::{files, shared};

/// The names of all members of a value, those inside included.
fn names(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            found.push(name.clone());
            names(value, found);
        }),
        Value::Array(list) => list.iter().for_each(|value| names(value, found)),
        _ => {}
    }
}

fn assert_is_openai(value: &Value) {
    let mut found = Vec::new();
    names(value, &mut found);
    let azure = found.iter().filter(|name| name.contains("filter") || *name == "context" || *name == "severity");
    assert_eq!(azure.count(), 0, "{value}");
}

#[test]
fn recorded_answers_lose_only_azures_members() {
    let Some(folder) = shared("wire/responses") else { return };
    for (name, text) in files(&folder, ".json") {
        let body = serde_json::from_str::<Value>(&text).unwrap()["body"].clone();
        let completion: ChatCompletion = serde_json::from_value(body.clone()).unwrap();
        let value = completion.to_openai();
        assert_is_openai(&value);
        assert_eq!(value["choices"][0]["message"], body["choices"][0]["message"], "{name}");
        assert_eq!(value["usage"], body["usage"], "{name}");
    }
}

#[test]
fn recorded_streams_lose_only_azures_members() {
    let Some(folder) = shared("wire/streams") else { return };
    let (mut all, mut sent) = (0, 0);
    for (name, body) in files(&folder, ".sse") {
        let lines = body.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| data.starts_with('{'));
        let (mut text, mut text_sent) = (String::new(), String::new());
        for line in lines {
            let chunk: ChatCompletionChunk = serde_json::from_str(line).unwrap();
            all += 1;
            text.push_str(chunk.text().unwrap_or_default());
            let Some(event) = chunk.to_openai_event(true) else { continue };
            sent += 1;
            assert_is_openai(&event);
            let chunk: ChatCompletionChunk = serde_json::from_value(event).unwrap();
            text_sent.push_str(chunk.text().unwrap_or_default());
        }
        assert_eq!(text, text_sent, "{name}");
    }
    assert!(sent > 50 && sent < all, "{sent} of {all}");
}
