//! What the modules share: the recorded traffic beside the project, clients, servers, and what they heard.

use std::error::Error as StdError;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_openai_chat::transport::EndpointInput;
use azure_openai_chat::{
    ApiKey, ChatClient, ChatCompletionRequest, ChatCompletionStream, ClientBuilder, ErrorKind, RetryPolicy,
};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub use crate::raw_server::{RawServer, Step, end, piece, send, streaming};
pub use crate::waiting::{pass, settle, until};

/// The key of every client that is not about keys.
pub const KEY: &str = "canary-key";

/// The recorded traffic, when it lies beside the project. A test that goes without it says so aloud.
pub fn shared(what: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(what);
    if path.exists() {
        return Some(path);
    }
    use std::io::Write;
    // past the harness, which keeps the words of a passing test to itself
    let _ = writeln!(std::io::stderr(), "SKIPPED: there is no ../shared/{what} beside the project");
    None
}

/// Name and content of every file with an ending in a folder.
pub fn files(folder: &Path, ending: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no {ending} files in {}", folder.display());
    files
}

pub fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A body in pieces, read to its end: every chunk as JSON, the folded whole, and how it ended.
pub struct Reading {
    pub chunks: Vec<Value>,
    pub whole: Value,
    pub end: Result<(), azure_openai_chat::Error>,
}

pub async fn read_pieces(pieces: Vec<Bytes>) -> Reading {
    let pieces = stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
    read(ChatCompletionStream::from_bytes(pieces)).await
}

pub async fn read(mut stream: ChatCompletionStream) -> Reading {
    let mut chunks = Vec::new();
    let mut end = Ok(());
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => chunks.push(serde_json::to_value(chunk).unwrap()),
            Err(error) => end = Err(error),
        }
    }
    let whole = serde_json::to_value(stream.partial()).unwrap();
    Reading { chunks, whole, end }
}

pub fn in_pieces(body: &[u8], size: usize) -> Vec<Bytes> {
    body.chunks(size).map(Bytes::copy_from_slice).collect()
}

/// A client for a server, with a key and quick retries.
pub fn client(url: impl Into<EndpointInput>) -> ChatClient {
    builder(url).build().unwrap()
}

pub fn builder(url: impl Into<EndpointInput>) -> ClientBuilder {
    ChatClient::builder(url, ApiKey::new(KEY)).retry(quick())
}

/// The default policy, without its waits.
pub fn quick() -> RetryPolicy {
    RetryPolicy::default().base_backoff(Duration::from_millis(1))
}

/// A question to the deployment `gpt`, whose model is not declared.
pub fn question() -> ChatCompletionRequest {
    ChatCompletionRequest::builder("gpt").user("Why is the sky blue?").build().unwrap()
}

/// The kind of an answer with this status.
pub fn kind_of(status: u16) -> ErrorKind {
    match status {
        400 | 413 | 422 => ErrorKind::Rejected,
        401 | 403 => ErrorKind::Unauthorized,
        404 => ErrorKind::NotFound,
        429 => ErrorKind::RateLimited,
        _ => ErrorKind::Service,
    }
}

/// The errors under an error, as they print.
pub fn chain(error: &dyn StdError) -> Vec<String> {
    let mut texts = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    texts
}

/// Everything an error shows of itself when it is logged.
pub fn shown(error: &azure_openai_chat::Error) -> String {
    format!("{error}\n{error:?}\n{error:#?}\n{}", chain(error).join("\n"))
}

/// A whole answer with this text.
pub fn completion(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_740_000_000, "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
    })
}

/// One piece of a streamed answer.
pub fn delta(text: &str) -> Value {
    json!({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
}

/// How a streamed answer ends.
pub fn finish(reason: &str) -> Value {
    json!({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

pub fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// A whole event stream, `[DONE]` included.
pub fn events(chunks: &[Value]) -> String {
    chunks.iter().map(event).collect::<String>() + "data: [DONE]\n\n"
}

pub fn ok_json(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

pub fn ok_stream(body: impl Into<Vec<u8>>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body, "text/event-stream")
}

/// Answers with each template in turn, then with the last.
pub struct InTurn {
    answers: Vec<ResponseTemplate>,
    next: AtomicUsize,
}

impl InTurn {
    pub fn new(answers: impl Into<Vec<ResponseTemplate>>) -> Self {
        Self { answers: answers.into(), next: AtomicUsize::new(0) }
    }
}

impl Respond for InTurn {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        self.answers[number.min(self.answers.len() - 1)].clone()
    }
}

/// A server that gives these answers in turn and expects exactly as many calls.
pub async fn serving(name: &str, answers: impl Into<Vec<ResponseTemplate>>) -> MockServer {
    let answers = answers.into();
    let calls = answers.len() as u64;
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(InTurn::new(answers)).expect(calls).named(name).mount(&server).await;
    server
}

/// A server that expects never to be called.
pub async fn untouched(name: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = ok_json(&completion("should not have been asked"));
    Mock::given(wiremock::matchers::any()).respond_with(answer).expect(0).named(name).mount(&server).await;
    server
}

/// The values a header had, one for each request; empty where it was missing.
pub async fn sent_headers(server: &MockServer, name: &str) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let value = |request: &Request| {
        let value = request.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    requests.iter().map(value).collect()
}

pub async fn sent_bodies(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| request.body_json().unwrap()).collect()
}

/// What this thread logs, from a level on.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Listens until the guard is dropped.
    pub fn listen(level: tracing_subscriber::filter::LevelFilter) -> (Self, tracing::subscriber::DefaultGuard) {
        use tracing_subscriber::util::SubscriberInitExt;
        // with one subscriber alone, a line that another thread reaches first is switched off for all threads
        let second = tracing::Dispatch::new(tracing_subscriber::registry());
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .without_time()
            .with_writer(move || {
                let _ = &second;
                writer.clone()
            })
            .finish();
        let guard = subscriber.set_default();
        (log, guard)
    }

    /// The lines of this crate.
    pub fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let ours = |line: &&str| line.contains("azure_openai_chat");
        text.lines().filter(ours).map(str::to_owned).collect()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
