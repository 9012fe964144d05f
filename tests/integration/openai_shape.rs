//! Answers in OpenAI's shape, recorded ones and those of the fixtures: without Azure's members, and with every word of the
//! answer.

use std::path::{Path, PathBuf};

use azure_openai_chat::{ChatCompletion, ChatCompletionChunk, ChatCompletionStream, ChunkFold};
use futures::executor::block_on;
use futures::future::ready;
use futures::{StreamExt, stream};
use serde_json::Value;

use crate::support::{files, shared};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

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

/// A value without members that are `null` and lists that are empty.
fn without_empty(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members
                .iter()
                .filter(|(_, value)| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
            kept.map(|(name, value)| (name.clone(), without_empty(value))).collect()
        }
        Value::Array(list) => list.iter().map(without_empty).collect(),
        _ => value.clone(),
    }
}

fn assert_loses_only_azures_members(name: &str, body: &Value) {
    let completion: ChatCompletion = serde_json::from_value(body.clone()).unwrap();
    let value = completion.to_openai();
    assert_is_openai(&value);
    let choices = |value: &Value| value["choices"].as_array().cloned().unwrap_or_default();
    assert_eq!(choices(&value).len(), choices(body).len(), "{name}");
    for (sent, came) in choices(&value).iter().zip(&choices(body)) {
        let mut message = came["message"].clone();
        message.as_object_mut().map(|members| members.remove("context"));
        assert_eq!(sent["message"], message, "{name}");
        assert_eq!((&sent["finish_reason"], &sent["logprobs"]), (&came["finish_reason"], &came["logprobs"]), "{name}");
    }
    assert_eq!(value["usage"], body["usage"], "{name}");
}

#[test]
fn answers_lose_only_azures_members() {
    let mut count = 0;
    for (name, text) in files(&fixtures(), ".json") {
        let body: Value = serde_json::from_str(&text).unwrap();
        if body.get("choices").is_some() {
            assert_loses_only_azures_members(&name, &body);
            count += 1;
        }
    }
    assert!(count >= 5, "only {count} fixtures are answers");
    let Some(folder) = shared("wire/responses") else { return };
    for (name, text) in files(&folder, ".json") {
        assert_loses_only_azures_members(&name, &serde_json::from_str::<Value>(&text).unwrap()["body"]);
    }
}

/// Sends every chunk on, and compares what a client of OpenAI folds of them. Returns the numbers of chunks and of those sent.
fn send_on(name: &str, body: &str) -> (usize, usize) {
    let pieces = stream::iter([Ok::<_, std::io::Error>(body.to_owned().into())]);
    let chunks = ChatCompletionStream::from_bytes(pieces).filter_map(|chunk| ready(chunk.ok()));
    let chunks: Vec<ChatCompletionChunk> = block_on(chunks.collect());
    let events: Vec<Value> = chunks.iter().filter_map(|chunk| chunk.to_openai_event(true)).collect();
    events.iter().for_each(assert_is_openai);
    let fold = |chunks: &mut dyn Iterator<Item = ChatCompletionChunk>| {
        let mut fold = ChunkFold::new();
        chunks.for_each(|chunk| fold.push(&chunk));
        without_empty(&fold.into_completion().to_openai())
    };
    let sent = fold(&mut events.iter().map(|event| serde_json::from_value(event.clone()).unwrap()));
    assert_eq!(sent, fold(&mut chunks.iter().cloned()), "{name}");
    (chunks.len(), events.len())
}

#[test]
fn streams_lose_only_azures_members() {
    let (mut all, mut sent) = (0, 0);
    let recorded = shared("wire/streams").map_or_else(Vec::new, |folder| files(&folder, ".sse"));
    for (name, body) in files(&fixtures(), ".sse").into_iter().chain(recorded) {
        let (chunks, events) = send_on(&name, &body);
        all += chunks;
        sent += events;
    }
    assert!(sent > 50 && sent < all, "{sent} of {all}");
}
