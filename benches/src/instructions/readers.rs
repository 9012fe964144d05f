//! The readers that are compared. All use reqwest, one connection and one thread.

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest, ChatCompletionStream};
use azure_openai_chat_benches::peer::{self, DataLines};
use azure_openai_chat_benches::shapes::Shape;
use bytes::Bytes;
use eventsource_stream::Eventsource;
use futures::StreamExt;
use futures::channel::oneshot;

use super::heap::live_bytes;
use super::observing::followed;
use super::process::{Rounds, Server, Stepper, cpu_nanoseconds, cpu_nanoseconds_of_all, user_nanoseconds};
use super::{Pace, Run, What};

pub(crate) const FLOOR: &str = "floor";
/// The floor with the bytes joined in one buffer.
pub(crate) const KEEPING: &str = "bytes joined, not parsed";
pub(crate) const OURS: &str = "this crate";
pub(crate) const OURS_TEXT: &str = "this crate, text()";
pub(crate) const OURS_EVENTS: &str = "this crate, events()";
pub(crate) const LINES: &str = "memchr lines, plain serde";
pub(crate) const EVENTSOURCE: &str = "eventsource-stream, plain serde";

/// Reads, and prints the bytes of text and the measured figures.
pub(crate) fn read(reader: &str, run: &Run) {
    let server = Server::start(run);
    let mut runtime = match run.pace {
        Pace::TwoWorkers => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime can be built");
    let reader = Arc::new(Reader::new(reader, run, &server));
    // in a task, as in a service: `block_on` wakes its future through the driver, with one more wait each
    let reading = async { tokio::spawn(reader.run(*run, server)).await.expect("the reader ends") };
    println!("text_bytes {}", runtime.block_on(reading));
}

struct Reader {
    name: String,
    endpoint: String,
    http: reqwest::Client,
    client: ChatClient,
    request: ChatCompletionRequest,
    json: Bytes,
}

impl Reader {
    fn new(name: &str, run: &Run, server: &Server) -> Self {
        let (scheme, host) = if run.pace == Pace::Tls { ("https", "localhost") } else { ("http", "127.0.0.1") };
        let endpoint = format!("{scheme}://{host}:{}", server.port);
        let mut http = reqwest::Client::builder();
        let mut client = ChatClient::builder(&endpoint, ApiKey::new("key"));
        // only for TLS: what `configure_http` makes has a timer of its own for each call
        if let Some(certificate) = server.certificate.clone() {
            http = http.tls_certs_merge([certificate.clone()]);
            client = client.configure_http(|http| http.tls_certs_merge([certificate]));
        }
        let http = http.build().expect("the client can be built");
        let (name, client) = followed(name, client);
        let client = client.build().expect("loopback is an endpoint");
        let choices = if matches!(run.what, What::Chunks(Shape::TwoChoices)) { 2 } else { 1 };
        let question = "What steps should I think about when writing my first Python API? ";
        let prompt =
            if run.pace == Pace::Hang { question.repeat(run.write / question.len() + 1) } else { question.into() };
        let request = ChatCompletionRequest::builder("gpt-4o")
            .user(prompt)
            .n(choices)
            .build()
            .expect("the request breaks no rule");
        let json = serde_json::to_vec(&request).expect("a request is JSON").into();
        Self { name: name.to_owned(), endpoint, http, client, request, json }
    }

    async fn run(self: Arc<Self>, run: Run, mut server: Server) -> usize {
        match (run.what, run.pace) {
            (What::Unary(_), _) => {
                let mut text_bytes = self.unary().await;
                let before = cpu_nanoseconds_of_all();
                for _ in 1..run.count {
                    text_bytes += self.unary().await;
                }
                println!("cpu {}", cpu_nanoseconds_of_all() - before);
                text_bytes
            }
            (_, Pace::Hang) => self.hold_open(run.count).await,
            (_, Pace::InRow) => self.in_row(run.count, 0).await,
            (_, Pace::First) => {
                for _ in 0..run.count {
                    self.first_chunk().await;
                }
                0
            }
            (_, Pace::LateEnd) => {
                // `write` is the pause between two streams, in milliseconds
                let text_bytes = self.in_row(21, run.write as u64).await;
                println!("connections {}", server.connections());
                text_bytes
            }
            (_, Pace::Step | Pace::Tls) => {
                let rounds = server.rounds(1);
                self.stream(&mut Stepper::new(&rounds, || {})).await
            }
            (_, Pace::Rounds) => self.at_once(&server.rounds(run.write), run.write).await,
            (What::Large(_), Pace::Free | Pace::TwoWorkers) => {
                self.stream(&mut Stepper::none()).await;
                let before = cpu_nanoseconds();
                let text_bytes = self.in_row(run.count, 0).await;
                println!("cpu {}", (cpu_nanoseconds() - before) / run.count as u64);
                text_bytes
            }
            (What::Chunks(_), Pace::Free | Pace::TwoWorkers) => {
                let before = cpu_nanoseconds();
                let text_bytes = self.stream(&mut Stepper::none()).await;
                println!("cpu {}", cpu_nanoseconds() - before);
                text_bytes
            }
        }
    }

    async fn in_row(&self, streams: usize, milliseconds_between: u64) -> usize {
        let mut text_bytes = 0;
        for _ in 0..streams {
            text_bytes += self.stream(&mut Stepper::none()).await;
            if milliseconds_between > 0 {
                tokio::time::sleep(Duration::from_millis(milliseconds_between)).await;
            }
        }
        text_bytes
    }

    /// Reads a stream, of which callgrind counts what this task does until the first chunk.
    async fn first_chunk(&self) {
        if self.name == FLOOR {
            let mut response = Counted(pin!(async {
                let mut response = self.post().await;
                black_box(response.chunk().await.expect("the body arrives"));
                response
            }))
            .await;
            while response.chunk().await.expect("the body arrives").is_some() {}
        } else {
            let mut stream = Counted(pin!(async {
                let mut stream = self.open().await;
                black_box(stream.next().await);
                stream
            }))
            .await;
            while stream.next().await.is_some() {}
        }
    }

    /// Reads many streams, each in a task.
    async fn at_once(self: Arc<Self>, rounds: &Arc<Rounds>, streams: usize) -> usize {
        let mut tasks = Vec::with_capacity(streams);
        let mut before = (0, 0);
        for at in 0..streams {
            if at + 1 == streams {
                before = (cpu_nanoseconds(), user_nanoseconds());
            }
            let (is_open, opened) = oneshot::channel();
            let mut stepper = Stepper::new(rounds, || is_open.send(()).expect("somebody waits"));
            let reader = Arc::clone(&self);
            tasks.push(tokio::spawn(async move { reader.stream(&mut stepper).await }));
            opened.await.expect("the stream opens");
        }
        let mut text_bytes = 0;
        for task in tasks {
            text_bytes += task.await.expect("the reader ends");
        }
        println!("cpu {}", cpu_nanoseconds() - before.0);
        println!("user {}", user_nanoseconds() - before.1);
        text_bytes
    }

    async fn post(&self) -> reqwest::Response {
        let url = format!("{}/openai/v1/chat/completions", self.endpoint);
        let request = self.http.post(url).header("api-key", "key");
        let request = request.header("content-type", "application/json").body(self.json.clone());
        request.send().await.expect("the server answers")
    }

    async fn open(&self) -> ChatCompletionStream {
        self.client.stream(&self.request).await.expect("the server answers")
    }

    async fn stream(&self, stepper: &mut Stepper) -> usize {
        match self.name.as_str() {
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
        match self.name.as_str() {
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

    /// Opens many streams, each in a task, and prints what each has on the heap while it waits.
    async fn hold_open(self: Arc<Self>, streams: usize) -> usize {
        let mut before = 0;
        // the first ones allocate what all of them share
        for at in 0..streams + 20 {
            if at == 20 {
                before = live_bytes();
            }
            let (is_open, opened) = oneshot::channel();
            let reader = Arc::clone(&self);
            let mut is_open = Some(is_open);
            let mut on_first = move || is_open.take().map(|is_open| is_open.send(()));
            // a task type for each reader, whose size does not depend on the other
            if reader.name == FLOOR {
                tokio::spawn(async move {
                    let mut response = reader.post().await;
                    while let Some(piece) = response.chunk().await.expect("the body arrives") {
                        black_box(piece);
                        on_first();
                    }
                });
            } else {
                tokio::spawn(async move {
                    let mut stream = reader.open().await;
                    while let Some(chunk) = stream.next().await {
                        if black_box(chunk)
                            .expect("the stream is well formed")
                            .text()
                            .is_some_and(|text| !text.is_empty())
                        {
                            on_first();
                        }
                    }
                });
            }
            opened.await.expect("the stream opens");
        }
        // the tasks of the connections may not have run yet
        tokio::time::sleep(Duration::from_millis(200)).await;
        println!("memory {}", live_bytes().saturating_sub(before) / streams);
        0
    }
}

/// A future whose polls are all that is counted with [`Pace::First`].
struct Counted<F>(F);

/// The pattern of the function that callgrind counts then.
pub(crate) const COUNTED: &str = "*poll_counted*";

impl<F: Future + Unpin> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        poll_counted(Pin::new(&mut self.0), cx)
    }
}

#[inline(never)]
fn poll_counted<F: Future + Unpin>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(cx)
}
