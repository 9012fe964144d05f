//! What can go wrong between a client and the service, on demand.

use std::fmt;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use serde_json::json;

/// Something that goes wrong, and for which requests.
///
/// A fault strikes the next request, unless [`next`](Self::next), [`every`](Self::every) or
/// [`always`](Self::always) says otherwise, on any deployment, unless [`on`](Self::on) names one. Faults
/// come before everything else, so also a request without credentials meets them. Of several that fit, the
/// one given first strikes.
///
/// Where a fault counts chunks, these are the events of a stream (the prompt's filter results are the
/// first), or pieces of 64 bytes of an answer that is not streamed.
///
/// # Example: two failures, then an answer
///
/// ```no_run
/// use azure_openai_emulator::{Emulator, Fault};
///
/// # async fn run() -> std::io::Result<()> {
/// let emulator = Emulator::start().await?;
/// emulator.inject(Fault::status(503).header("retry-after-ms", "10").next(2));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Fault {
    kind: Kind,
    when: When,
    deployment: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum When {
    Next(usize),
    Every { interval: usize, seen: usize },
    Always,
}

#[derive(Clone)]
pub(super) enum Kind {
    Answer { status: u16, headers: Vec<(String, String)>, body: String },
    Delay(Duration),
    Reset,
    ContentType(String),
    Truncate(usize),
    Cut(usize),
    Stall(usize),
    Malformed(usize),
    Error(usize),
    AfterDone(String),
    LateEnd(Duration),
    Trickle(Duration),
}

impl Fault {
    fn new(kind: Kind) -> Self {
        Self { kind, when: When::Next(1), deployment: None }
    }

    fn answer(status: u16, content_type: &str, body: String) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self::new(Kind::Answer { status, headers, body })
    }

    /// Answers with this status and a small error body of Azure's shape.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let error = json!({"code": status.to_string(), "message": "The emulator was told to fail."});
        Self::answer(status, "application/json", json!({"error": error}).to_string())
    }

    /// Answers with this status and a page of HTML, as a proxy in between does.
    #[must_use]
    pub fn html(status: u16) -> Self {
        let page = format!("<!DOCTYPE html><html><body><h1>{status}</h1></body></html>");
        Self::answer(status, "text/html", page)
    }

    /// Gives a [`status`](Self::status) or [`html`](Self::html) answer this body.
    #[must_use]
    pub fn body(mut self, text: impl Into<String>) -> Self {
        if let Kind::Answer { body, .. } = &mut self.kind {
            *body = text.into();
        }
        self
    }

    /// Gives a [`status`](Self::status) or [`html`](Self::html) answer this header as well.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Kind::Answer { headers, .. } = &mut self.kind {
            headers.push((name.into(), value.into()));
        }
        self
    }

    /// Answers as usual, but waits before the headers.
    #[must_use]
    pub fn delay(time: Duration) -> Self {
        Self::new(Kind::Delay(time))
    }

    /// Resets the connection instead of answering.
    #[must_use]
    pub fn reset() -> Self {
        Self::new(Kind::Reset)
    }

    /// Answers as usual, but calls it something else.
    #[must_use]
    pub fn content_type(name: impl Into<String>) -> Self {
        Self::new(Kind::ContentType(name.into()))
    }

    /// Ends the body in an orderly way after this many chunks, without the rest and without `[DONE]`.
    #[must_use]
    pub fn truncate_after(chunks: usize) -> Self {
        Self::new(Kind::Truncate(chunks))
    }

    /// Drops the connection after this many chunks.
    #[must_use]
    pub fn cut_after(chunks: usize) -> Self {
        Self::new(Kind::Cut(chunks))
    }

    /// Sends nothing more after this many chunks, and keeps the connection open.
    #[must_use]
    pub fn stall_after(chunks: usize) -> Self {
        Self::new(Kind::Stall(chunks))
    }

    /// Sends only half of the chunk that follows this many others; the rest is as usual.
    #[must_use]
    pub fn malformed_after(chunks: usize) -> Self {
        Self::new(Kind::Malformed(chunks))
    }

    /// Sends an error object after this many chunks, then `[DONE]`; without streaming, the error object is the body.
    #[must_use]
    pub fn error_after(chunks: usize) -> Self {
        Self::new(Kind::Error(chunks))
    }

    /// Sends this text after the end of the answer.
    #[must_use]
    pub fn extra_after_done(text: impl Into<String>) -> Self {
        Self::new(Kind::AfterDone(text.into()))
    }

    /// Sends the whole answer, but ends the body only after this time.
    #[must_use]
    pub fn late_end(time: Duration) -> Self {
        Self::new(Kind::LateEnd(time))
    }

    /// Sends the body byte by byte, with this time between two.
    #[must_use]
    pub fn trickle(between: Duration) -> Self {
        Self::new(Kind::Trickle(between))
    }

    /// Strikes this many requests in a row, then no more.
    #[must_use]
    pub fn next(mut self, requests: usize) -> Self {
        self.when = When::Next(requests);
        self
    }

    /// Strikes every so many requests: with 3, the third, the sixth and so on. With 0, none.
    #[must_use]
    pub fn every(mut self, requests: usize) -> Self {
        self.when = When::Every { interval: requests, seen: 0 };
        self
    }

    /// Strikes every request.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.when = When::Always;
        self
    }

    /// Strikes requests to this deployment only.
    #[must_use]
    pub fn on(mut self, deployment: impl Into<String>) -> Self {
        self.deployment = Some(deployment.into());
        self
    }

    fn strikes(&mut self) -> bool {
        match &mut self.when {
            When::Always => true,
            When::Next(left) => std::mem::replace(left, left.saturating_sub(1)) > 0,
            When::Every { interval, seen } => {
                *seen += 1;
                seen.checked_rem(*interval) == Some(0)
            }
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault").field("when", &self.when).field("deployment", &self.deployment).finish_non_exhaustive()
    }
}

/// The fault that strikes a request to this deployment; those that are spent are forgotten.
pub(super) fn strike(faults: &mut Vec<Fault>, deployment: Option<&str>) -> Option<Kind> {
    let here = |fault: &Fault| fault.deployment.as_deref().is_none_or(|name| Some(name) == deployment);
    let mut fitting = faults.iter_mut().filter(|fault| here(fault));
    let kind = fitting.find_map(|fault| fault.strikes().then(|| fault.kind.clone()));
    faults.retain(|fault| !matches!(fault.when, When::Next(0)));
    kind
}

/// What a body does next.
pub(super) enum Step {
    Send(Bytes),
    Wait(Duration),
    Stall,
    Cut,
}

/// The steps of a body, made as they are taken.
pub(super) type Steps = Box<dyn Iterator<Item = Step> + Send>;

/// An error object as the service sends it inside a stream.
const ERROR: &str = r#"{"error":{"message":"The server had an error while processing your request.","type":"server_error","param":null,"code":null}}"#;

/// The body of an answer whose chunks are these, with a fault in it.
pub(super) fn distort(
    chunks: impl Iterator<Item = Bytes> + Send + 'static,
    streamed: bool,
    fault: Option<Kind>,
) -> Steps {
    let send = Step::Send;
    match fault {
        Some(Kind::Truncate(after)) => Box::new(chunks.take(after).map(send)),
        Some(Kind::Cut(after)) => Box::new(chunks.take(after).map(send).chain([Step::Cut])),
        Some(Kind::Stall(after)) => Box::new(chunks.take(after).map(send).chain([Step::Stall])),
        Some(Kind::Malformed(after)) => Box::new(chunks.enumerate().map(move |(at, mut chunk)| {
            if at == after {
                chunk.truncate(chunk.len() / 2);
                if streamed {
                    chunk = [chunk.as_ref(), b"\n\n"].concat().into();
                }
            }
            send(chunk)
        })),
        Some(Kind::Error(_)) if !streamed => Box::new([send(ERROR.into())].into_iter()),
        Some(Kind::Error(after)) => {
            let ending = [event(ERROR), event("[DONE]")];
            Box::new(chunks.take(after).chain(ending).map(send))
        }
        Some(Kind::AfterDone(text)) => Box::new(chunks.chain([text.into()]).map(send)),
        Some(Kind::LateEnd(time)) => Box::new(chunks.map(send).chain([Step::Wait(time)])),
        Some(Kind::Trickle(between)) => Box::new(chunks.flat_map(move |chunk| {
            let bytes = chunk.into_iter().map(|byte| Bytes::from(vec![byte]));
            bytes.flat_map(move |byte| [Step::Send(byte), Step::Wait(between)])
        })),
        _ => Box::new(chunks.map(send)),
    }
}

/// A payload as an event of a stream.
pub(super) fn event(payload: &str) -> Bytes {
    format!("data: {payload}\n\n").into()
}

/// Takes the steps as the connection asks for them, with a pause before each piece.
pub(super) fn body(steps: Steps, pause: Duration) -> Body {
    Body::from_stream(stream::unfold(steps, move |mut steps| async move {
        loop {
            match steps.next()? {
                Step::Send(bytes) => {
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                    return Some((Ok(bytes), steps));
                }
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Stall => std::future::pending().await,
                Step::Cut => {
                    // What was sent before has to leave first: the server drops what it still holds.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    return Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), steps));
                }
            }
        }
    }))
}
