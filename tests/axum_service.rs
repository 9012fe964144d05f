//! The example `axum_service` as a program: OpenAI's JSON in and out, and a client that leaves stops the upstream.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test binary")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use azure_openai_emulator::{Answer, Emulator};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// The program, killed with the test.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(endpoint: &str) -> Self {
        // `cargo test` builds the examples beside the tests
        let test = std::env::current_exe().unwrap();
        let program = test.parent().unwrap().parent().unwrap().join("examples").join("axum_service");
        assert!(program.exists(), "this test alone needs `cargo build --example axum_service` first");
        let mut child = Command::new(program)
            .env("AZURE_OPENAI_ENDPOINT", endpoint)
            .env("AZURE_OPENAI_API_KEY", "canary-key")
            .env("LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.map(Result::unwrap).find(|line| line.starts_with("Open ")).unwrap();
        Self { child, address: line.trim_start_matches("Open ").to_owned() }
    }

    async fn post(&self, path: &str, body: &Value) -> reqwest::Response {
        let url = format!("{}{path}", self.address);
        reqwest::Client::new()
            .post(url)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn question(stream: bool) -> Value {
    json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}], "stream": stream})
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_in_openais_shape_whole_and_streamed() {
    let emulator = Emulator::builder()
        .script("gpt-4o-mini", Answer::text("Good day."))
        .script("gpt-4o-mini", Answer::text("Good day."))
        .start()
        .await
        .unwrap();
    let service = Service::start(&emulator.endpoint());
    let page = reqwest::get(&service.address).await.unwrap().text().await.unwrap();
    assert!(page.contains("<h1>Chat</h1>"));

    let whole: Value =
        serde_json::from_str(&service.post("/v1/chat/completions", &question(false)).await.text().await.unwrap())
            .unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], "Good day.");
    assert!(whole.get("prompt_filter_results").is_none());

    let response = service.post("/chat", &question(true)).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.unwrap();
    let chunks: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    let words: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(words, "Good day.");
    let details = chunks.last().unwrap();
    assert_eq!((&details["filter"], &details["finish_reason"]), (&json!("clean"), &json!("stop")));
    assert!(details["completion_tokens"].as_u64().unwrap() > 0);
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_breaks_a_rule_or_is_none_is_refused_in_openais_shape() {
    let emulator = Emulator::start().await.unwrap();
    let service = Service::start(&emulator.endpoint());
    let mut request = question(true);
    request["temperature"] = json!(9);
    for (path, request) in [
        ("/chat", &request),
        ("/v1/chat/completions", &request),
        ("/chat", &json!("no request")),
        ("/v1/chat/completions", &json!("no request")),
    ] {
        let response = service.post(path, request).await;
        assert_eq!(response.status(), 400);
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(body["error"]["type"], "invalid_request_error");
        let expected = if request.is_object() { "temperature" } else { "no chat completion request" };
        assert!(body["error"]["message"].as_str().unwrap().contains(expected), "{body}");
    }
    assert!(emulator.requests().count() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_stops_the_call_upstream() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service = Service::start(&format!("http://{}", upstream.local_addr().unwrap()));
    let stopped = tokio::spawn(async move {
        let (mut socket, _) = upstream.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = socket.read(&mut request).await.unwrap();
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").await.unwrap();
        let event = format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": "word "}}]}));
        // on the real clock, until the connection is closed from the other side
        loop {
            tokio::select! {
                read = socket.read(&mut request) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                },
                () = tokio::time::sleep(Duration::from_millis(10)) => {
                    if socket.write_all(event.as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    let mut response = service.post("/v1/chat/completions", &question(true)).await;
    for _ in 0..3 {
        assert!(response.chunk().await.unwrap().is_some());
    }
    assert!(!stopped.is_finished());
    drop(response);
    timeout(Duration::from_secs(20), stopped).await.expect("the call upstream goes on").unwrap();
}
