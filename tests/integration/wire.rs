//! Everything that was recorded decodes, is written back unchanged, and adds up.

use azure_openai_chat::{ChatCompletion, ErrorKind, ResponseMetadata, ServiceError};
use serde_json::{Map, Value};

use crate::support::{files, in_pieces, read_pieces, shared};

#[test]
fn every_response_goes_through_unchanged() {
    let Some(folder) = shared("wire/responses") else { return };
    for (name, text) in files(&folder, ".json") {
        let recorded: Value = serde_json::from_str(&text).unwrap();
        let completion: ChatCompletion = serde_json::from_value(recorded["body"].clone()).unwrap();
        assert_eq!(serde_json::to_value(&completion).unwrap(), recorded["body"], "{name}");
        assert!(completion.extra().is_none(), "{name}: {:?}", completion.extra());
    }
}

#[test]
fn every_example_of_the_specification_goes_through_unchanged() {
    let Some(folder) = shared("wire/examples") else { return };
    for (name, text) in files(&folder, ".json") {
        let example: Value = serde_json::from_str(&text).unwrap();
        let request = &example["parameters"]["body"];
        let read: azure_openai_chat::ChatCompletionRequest = serde_json::from_value(request.clone()).unwrap();
        let mut written = serde_json::to_value(&read).unwrap();
        if request.get("model").is_none() {
            written.as_object_mut().unwrap().remove("model");
        }
        assert_eq!(&written, request, "{name}");
        if let Some(body) = example["responses"]["200"].get("body") {
            let completion: ChatCompletion = serde_json::from_value(body.clone()).unwrap();
            assert_eq!(&serde_json::to_value(&completion).unwrap(), body, "{name}");
        }
    }
}

/// The data lines of a stream, parsed.
fn lines(body: &str) -> Vec<Value> {
    body.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[tokio::test]
async fn every_stream_adds_up_and_each_chunk_goes_through_unchanged() {
    let Some(folder) = shared("wire/streams") else { return };
    for (name, meta) in files(&folder, ".meta.json") {
        let body = std::fs::read_to_string(folder.join(name.replace(".meta.json", ".sse"))).unwrap();
        let meta: Value = serde_json::from_str(&meta).unwrap();
        let expected = &meta["adds_up_to"];

        let reading = read_pieces(in_pieces(body.as_bytes(), body.len())).await;

        assert!(reading.end.is_ok(), "{name}: {:?}", reading.end);
        assert_eq!(reading.chunks, lines(&body), "{name}");
        assert_eq!(reading.chunks.len() as u64, expected["data_events"].as_u64().unwrap(), "{name}");
        assert_adds_up(&name, &reading.whole, expected);
    }
}

fn assert_adds_up(name: &str, whole: &Value, expected: &Value) {
    for (index, choice) in expected["choices"].as_object().unwrap() {
        let found = whole["choices"]
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["index"].as_u64() == index.parse().ok())
            .unwrap_or_else(|| panic!("{name}: no choice {index}"));
        for (field, value) in choice.as_object().unwrap() {
            match field.as_str() {
                "tool_calls" => assert_calls(name, &found["message"]["tool_calls"], value.as_object().unwrap()),
                "finish_reason" => assert_eq!(&found[field], value, "{name}"),
                _ => assert_eq!(&found["message"][field], value, "{name}: {field}"),
            }
        }
    }
    let usage = whole.get("usage").cloned().unwrap_or_default();
    assert_eq!(usage, expected["usage"], "{name}");
    assert_eq!(whole.get("prompt_filter_results").is_some(), expected["prompt_filter"] == true, "{name}");
    assert_eq!(whole["id"], expected["ids"][0], "{name}");
    assert_eq!(whole["model"], expected["models"][0], "{name}");
}

fn assert_calls(name: &str, found: &Value, expected: &Map<String, Value>) {
    assert_eq!(found.as_array().unwrap().len(), expected.len(), "{name}");
    for (at, call) in expected {
        let found = &found[at.parse::<usize>().unwrap()];
        assert_eq!(found["id"], call["id"], "{name}");
        assert_eq!(found["function"]["name"], call["name"], "{name}");
        assert_eq!(found["function"]["arguments"], call["arguments"], "{name}");
    }
}

#[tokio::test]
async fn every_split_of_a_stream_gives_the_same() {
    let Some(folder) = shared("wire/streams") else { return };
    for (name, body) in files(&folder, ".sse") {
        let whole = read_pieces(in_pieces(body.as_bytes(), body.len())).await;
        for size in [1, 7, 64, 4096] {
            let split = read_pieces(in_pieces(body.as_bytes(), size)).await;
            assert_eq!(split.chunks, whole.chunks, "{name} in pieces of {size}");
            assert_eq!(split.whole, whole.whole, "{name} in pieces of {size}");
        }
        // every byte is a place to split at in one of these readings
        for offset in 1..=64 {
            let (head, tail) = (&body.as_bytes()[..offset], &body.as_bytes()[offset..]);
            let mut pieces = in_pieces(head, offset);
            pieces.extend(in_pieces(tail, 64));
            let split = read_pieces(pieces).await;
            assert_eq!(split.chunks, whole.chunks, "{name} split every 64 bytes from {offset} on");
            assert_eq!(split.whole, whole.whole, "{name} split every 64 bytes from {offset} on");
        }
    }
}

#[test]
fn every_error_body_is_understood() {
    let Some(folder) = shared("wire/errors") else { return };
    for (name, text) in files(&folder, ".json") {
        let recorded: Value = serde_json::from_str(&text).unwrap();
        let error = ServiceError::from_body(recorded["raw"].as_str().unwrap().as_bytes());
        let expected = &recorded["body"]["error"];
        assert_eq!(error.code(), expected["code"].as_str(), "{name}");
        assert_eq!(error.message(), expected["message"].as_str(), "{name}");
        assert_eq!(error.param(), expected["param"].as_str(), "{name}");
        assert_eq!(error.error_type(), expected["type"].as_str(), "{name}");
        assert_eq!(error.content_filter().is_some(), name.contains("content-filter"), "{name}");
    }
}

#[test]
fn the_wait_of_a_rate_limit_is_found_in_the_words() {
    let Some(folder) = shared("wire/errors") else { return };
    let text = std::fs::read_to_string(folder.join("429-token-rate-limit.json")).unwrap();
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let error = azure_openai_chat::Error::from_response(
        ResponseMetadata::new(429, [("content-type", "application/json")]),
        recorded["raw"].as_str().unwrap().as_bytes(),
    );
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after().unwrap().as_secs(), 86_400);
    assert!(error.to_string().contains("86400 seconds"), "{error}");
}
