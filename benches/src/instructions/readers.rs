//! The readers that are compared. All use reqwest, one connection and one thread.

use std::hint::black_box;
use std::time::Duration;

use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest, ChatCompletionStream};
use azure_openai_chat_benches::peer::{self, DataLines};
use eventsource_stream::Eventsource;
use futures::{FutureExt, StreamExt};

use super::process::{Server, Stepper, cpu_nanoseconds, resident_bytes};
use super::{Pace, Run, What};

pub(crate) const FLOOR: &str = "floor";
/// The floor, and what whoever wants the bytes does with them.
pub(crate) const KEEPING: &str = "bytes joined, not parsed";
pub(crate) const OURS: &str = "this crate";
pub(crate) const OURS_TEXT: &str = "this crate, text()";
pub(crate) const OURS_EVENTS: &str = "this crate, events()";
pub(crate) const LINES: &str = "memchr lines, plain serde";
pub(crate) const EVENTSOURCE: &str = "eventsource-stream, plain serde";

/// Reads, and prints what was read and what it took.
pub(crate) fn read(reader: &str, run: &Run) {
    let server = Server::start(run);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    let reading = Reading::new(reader, run, server);
    // in a task, as in a service: a future that is blocked on is woken through the driver, with one more wait each
    let text_bytes = runtime.block_on(async { tokio::spawn(reading.run()).await.expect("the reader ends") });
    println!("text_bytes {text_bytes}");
}

struct Reading {
    reader: String,
    run: Run,
    server: Server,
    http: reqwest::Client,
    client: ChatClient,
    request: ChatCompletionRequest,
    json: String,
}

impl Reading {
    fn new(reader: &str, run: &Run, server: Server) -> Self {
        let http = reqwest::Client::new();
        let client = ChatClient::builder(format!("http://127.0.0.1:{}", server.port), ApiKey::new("key"))
            .build()
            .expect("loopback is an endpoint");
        let choices =
            if matches!(run.what, What::Chunks(azure_openai_chat_benches::shapes::Shape::TwoChoices)) { 2 } else { 1 };
        let request = ChatCompletionRequest::builder("gpt-4o")
            .user("What steps should I think about when writing my first Python API?")
            .n(choices)
            .build()
            .expect("the request breaks no rule");
        let json = serde_json::to_string(&request).expect("a request is JSON");
        Self { reader: reader.to_owned(), run: *run, server, http, client, request, json }
    }

    async fn run(mut self) -> usize {
        match (self.run.what, self.run.pace) {
            (What::Unary(_), _) => {
                let mut text_bytes = 0;
                for _ in 0..self.run.count {
                    text_bytes += self.unary().await;
                }
                text_bytes
            }
            (_, Pace::Hang) => self.hold_open().await,
            (_, Pace::LateEnd) => {
                let mut text_bytes = 0;
                for _ in 0..21 {
                    text_bytes += self.stream(&mut Stepper::none()).await;
                    // `write` says how long the caller thinks, in milliseconds
                    tokio::time::sleep(Duration::from_millis(self.run.write as u64)).await;
                }
                println!("connections {}", self.server.connections());
                text_bytes
            }
            (_, Pace::Step) => {
                let mut stepper = self.server.stepper();
                self.stream(&mut stepper).await
            }
            (What::Large(_), Pace::Free) => {
                self.stream(&mut Stepper::none()).await;
                let before = cpu_nanoseconds();
                let mut text_bytes = 0;
                for _ in 0..self.run.count {
                    text_bytes += self.stream(&mut Stepper::none()).await;
                }
                println!("cpu {}", (cpu_nanoseconds() - before) / self.run.count as u64);
                text_bytes
            }
            (What::Chunks(_), Pace::Free) => {
                let before = cpu_nanoseconds();
                let text_bytes = self.stream(&mut Stepper::none()).await;
                println!("cpu {}", cpu_nanoseconds() - before);
                text_bytes
            }
        }
    }

    async fn post(&self) -> reqwest::Response {
        let url = format!("http://127.0.0.1:{}/openai/v1/chat/completions", self.server.port);
        let request = self.http.post(url).header("api-key", "key");
        let request = request.header("content-type", "application/json").body(self.json.clone());
        request.send().await.expect("the server answers")
    }

    async fn open(&self) -> ChatCompletionStream {
        self.client.stream(&self.request).await.expect("the server answers")
    }

    async fn stream(&self, stepper: &mut Stepper) -> usize {
        match self.reader.as_str() {
            FLOOR => {
                let mut response = self.post().await;
                let mut bytes = 0;
                while let Some(piece) = response.chunk().await.expect("the body arrives") {
                    bytes += black_box(piece).len();
                    stepper.bytes(bytes);
                }
                bytes
            }
            KEEPING => black_box(self.post().await.bytes().await.expect("the body arrives")).len(),
            OURS => {
                let mut stream = self.open().await;
                let mut text_bytes = 0;
                while let Some(chunk) = stream.next().await {
                    let chunk = chunk.expect("the stream is well formed");
                    text_bytes += black_box(&chunk).text().map_or(0, str::len);
                    stepper.event();
                }
                assert!(stream.is_complete());
                text_bytes
            }
            OURS_TEXT => {
                let mut stream = self.open().await;
                let mut text = stream.text();
                let mut text_bytes = 0;
                while let Some(text) = text.next().await {
                    text_bytes += black_box(text.expect("the stream is well formed")).len();
                    stepper.event();
                }
                text_bytes
            }
            OURS_EVENTS => {
                let mut stream = self.open().await;
                let mut events = stream.events();
                let mut count = 0;
                while let Some(event) = events.next().await {
                    let event = event.expect("the stream is well formed");
                    if !matches!(event, azure_openai_chat::StreamEvent::ContentFilter { .. }) {
                        stepper.event();
                    }
                    black_box(event);
                    count += 1;
                }
                count
            }
            LINES => {
                let mut response = self.post().await;
                let mut lines = DataLines::default();
                let mut text_bytes = 0;
                while let Some(piece) = response.chunk().await.expect("the body arrives") {
                    lines.push(&piece, |data| {
                        let chunk: peer::Chunk = serde_json::from_slice(data).expect("a chunk");
                        text_bytes += black_box(chunk).text_bytes();
                        stepper.event();
                    });
                }
                text_bytes
            }
            EVENTSOURCE => {
                let mut events = self.post().await.bytes_stream().eventsource();
                let mut text_bytes = 0;
                while let Some(event) = events.next().await {
                    let event = event.expect("the body arrives");
                    if event.data == "[DONE]" {
                        continue;
                    }
                    let chunk: peer::Chunk = serde_json::from_str(&event.data).expect("a chunk");
                    text_bytes += black_box(chunk).text_bytes();
                    stepper.event();
                }
                text_bytes
            }
            other => panic!("no reader is called {other}"),
        }
    }

    async fn unary(&self) -> usize {
        match self.reader.as_str() {
            FLOOR => self.post().await.bytes().await.expect("the body arrives").len(),
            LINES => {
                let body = self.post().await.bytes().await.expect("the body arrives");
                let completion: peer::Completion = serde_json::from_slice(&body).expect("a completion");
                let message = &black_box(&completion).choices[0].message;
                message.content.as_deref().map_or(0, str::len)
            }
            OURS => {
                let completion = self.client.complete(&self.request).await.expect("the server answers");
                black_box(&completion).text().map_or(0, str::len)
            }
            other => panic!("{other} reads streams only"),
        }
    }

    /// Opens many streams, takes what comes, and tells what memory each takes while it waits.
    async fn hold_open(&mut self) -> usize {
        let mut responses = Vec::with_capacity(self.run.count);
        let mut streams = Vec::with_capacity(self.run.count);
        let mut text_bytes = 0;
        let mut before = 0;
        // the first ones make what all of them share
        for at in 0..self.run.count + 20 {
            if at == 20 {
                before = resident_bytes();
            }
            if self.reader == FLOOR {
                let mut response = self.post().await;
                for _ in 0..3 {
                    text_bytes += response.chunk().await.expect("the body arrives").map_or(0, |piece| piece.len());
                }
                assert!(response.chunk().now_or_never().is_none());
                responses.push(response);
            } else {
                let mut stream = self.open().await;
                for _ in 0..3 {
                    let chunk = stream.next().await.expect("three chunks come").expect("the stream is well formed");
                    text_bytes += chunk.text().map_or(0, str::len);
                }
                assert!(stream.next().now_or_never().is_none());
                streams.push(stream);
            }
        }
        println!("memory {}", resident_bytes().saturating_sub(before) / self.run.count as u64);
        text_bytes
    }
}
