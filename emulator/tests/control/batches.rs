//! Tests of files and batches: their control over HTTP, faults, and the region.

use std::time::Duration;

use azure_openai_emulator::{BatchTiming, Emulator, Fault, Outcome};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::Peer;

const FORM: &str = "--x\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--x\r\ncontent-disposition: \
    form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n{LINES}\r\n--x--\r\n";

/// Uploads lines with these ids, and creates a batch of them.
async fn batch(peer: &Peer, ids: &[&str]) -> String {
    let line = |id: &&str| {
        let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]});
        json!({"custom_id": id, "method": "POST", "url": "/v1/chat/completions", "body": body}).to_string()
    };
    let lines = ids.iter().map(line).collect::<Vec<_>>().join("\n");
    let request = peer.client.post(format!("{}/openai/v1/files", peer.endpoint)).header("api-key", "k");
    let request = request.header("content-type", "multipart/form-data; boundary=x");
    let response = request.body(FORM.replace("{LINES}", &lines)).send().await.unwrap();
    let file: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let body = json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let (status, batch) = peer.send(Method::POST, "/openai/v1/batches", Some(body)).await;
    assert_eq!(status, 200, "{batch}");
    batch["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_clock_and_the_lines_of_a_batch_are_set_over_http() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::of(&emulator);
    let changes =
        json!({"timing": {"line_seconds": 3600}, "outcomes": {"b": {"failed": {"status": 500, "error": {}}}}});
    peer.control(Method::POST, "batches", changes).await;
    let id = batch(&peer, &["a", "b"]).await;
    let path = format!("/openai/v1/batches/{id}");
    assert_eq!(peer.send(Method::GET, &path, None).await.1["status"], "in_progress");
    let state = peer.control(Method::POST, "batches", json!({"advance_seconds": 7200})).await;
    assert_eq!(state, json!({"created": 1, "uploads": 1, "held_answers": 0}));
    let done = peer.send(Method::GET, &path, None).await.1;
    assert_eq!((&done["status"], &done["request_counts"]["failed"]), (&json!("completed"), &json!(1)));
    peer.control(Method::POST, "batches", json!({"advance_seconds": 1e300})).await;
    peer.control(Method::POST, "batches", json!({"advance_seconds": 1e300})).await;
    assert_eq!(peer.send(Method::GET, &path, None).await.0, 200);
    let (status, answer) = peer.send(Method::POST, "/__emulator/batches", Some(json!({"advance_seconds": -1}))).await;
    assert_eq!(status, 400, "{answer}");
    peer.control(Method::DELETE, "batches", Value::Null).await;
    assert_eq!(peer.send(Method::GET, &path, None).await.0, 404);
}

#[tokio::test]
async fn files_are_listed_by_purpose_with_the_results_and_a_deleted_one_stays_deleted() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::of(&emulator);
    batch(&peer, &["a"]).await;
    let listed = async |query: &str| {
        let answer = peer.send(Method::GET, &format!("/openai/v1/files{query}"), None).await.1;
        answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!((listed("").await.len(), listed("?purpose=batch").await.len()), (3, 1));
    for id in listed("?purpose=batch_output").await {
        assert_eq!(peer.send(Method::DELETE, &format!("/openai/v1/files/{id}"), None).await.0, 200);
    }
    assert_eq!(listed("").await, listed("?purpose=batch").await);
}

#[tokio::test]
async fn times_of_any_length_are_accepted() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::of(&emulator);
    let timing = BatchTiming::none().file(Duration::ZERO).validation(Duration::MAX).finalizing(Duration::MAX);
    emulator.batches().set_timing(timing);
    let id = batch(&peer, &["a"]).await;
    emulator.batches().advance(Duration::MAX);
    assert_eq!(peer.send(Method::GET, &format!("/openai/v1/batches/{id}"), None).await.0, 200);
}

#[tokio::test]
async fn an_expiry_out_of_range_is_refused() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::of(&emulator);
    batch(&peer, &["a"]).await;
    let files = peer.send(Method::GET, "/openai/v1/files", None).await.1;
    let body = json!({"input_file_id": files["data"][0]["id"], "endpoint": "/v1/chat/completions",
        "completion_window": "24h", "output_expires_after": {"seconds": u64::MAX, "anchor": "created_at"}});
    let (status, answer) = peer.send(Method::POST, "/openai/v1/batches", Some(body)).await;
    assert_eq!((status, &answer["error"]["param"]), (400, &json!("output_expires_after")));
}

#[tokio::test]
async fn a_fault_of_any_kind_applies_to_files_and_batches() {
    let emulator = Emulator::builder().region("Sweden Central").start().await.unwrap();
    let peer = Peer::of(&emulator);
    let get =
        async || peer.client.get(format!("{}/openai/v1/batches", peer.endpoint)).header("api-key", "k").send().await;
    emulator.inject(Fault::cut_after(1));
    assert!(get().await.unwrap().text().await.is_err());
    emulator.inject(Fault::truncate_after(1));
    assert_eq!(get().await.unwrap().text().await.unwrap().len(), 64);
    emulator.inject(Fault::reset());
    assert!(get().await.is_err());
    emulator.inject(Fault::content_type("text/html"));
    let renamed = get().await.unwrap();
    assert_eq!(renamed.headers()["content-type"], "text/html");
    assert_eq!(renamed.headers()["x-ms-region"], "Sweden Central");
    emulator.inject(Fault::error_after(0));
    assert!(get().await.unwrap().text().await.unwrap().contains("server_error"));
    assert_eq!(emulator.requests().with_outcome(Outcome::Faulted).count(), 5);
    assert_eq!(get().await.unwrap().status(), 200);
}
