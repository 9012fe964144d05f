//! One request of the journal, [`RecordedRequest`].

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::http::Method;
use axum::http::request::Parts;
use azure_openai_chat::ChatCompletionRequest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::head::query_value;

/// A request as it arrived, and its outcome.
///
/// `Debug` prints the method, the path and the outcome only, since headers have keys and the body is a prompt.
#[derive(Clone)]
pub struct RecordedRequest {
    head: Arc<Head>,
    end: End,
}

/// A received request: its head, its body and its session.
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Copies: the map of the request refers to the read buffer of the connection and would keep it alive.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
    /// The length of the body as it arrived.
    body_bytes: usize,
    pub(crate) received_at: SystemTime,
    pub(crate) session: String,
    pub(crate) deployment: Option<String>,
}

impl Head {
    pub(crate) fn new(parts: &Parts, body: Value, body_bytes: usize) -> Self {
        let readable = parts.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: readable.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body,
            body_bytes,
            received_at: SystemTime::now(),
            session: String::new(),
            deployment: None,
        }
    }
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Its answer has not ended.
    #[default]
    Open,
    /// It was answered, and the answer was sent to its end.
    Answered,
    /// It was answered with another status than 2xx.
    Refused,
    /// A fault applied to it.
    Faulted,
    /// The client closed the connection before the answer ended.
    Disconnected,
}

impl Outcome {
    /// The outcome as the journal has it over HTTP: `answered`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Faulted => "faulted",
            Self::Disconnected => "disconnected",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How long an answer took, from the arrival of the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    pub(super) to_headers: Option<Duration>,
    pub(super) total: Option<Duration>,
}

impl Timing {
    /// Until the headers of the answer were sent; `None` before.
    #[must_use]
    pub fn to_headers(&self) -> Option<Duration> {
        self.to_headers
    }

    /// Until the answer had ended; `None` before.
    #[must_use]
    pub fn total(&self) -> Option<Duration> {
        self.total
    }
}

#[derive(Clone, Default)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) status: Option<u16>,
    pub(super) timing: Timing,
    pub(super) fault: Option<String>,
    pub(super) tokens: Option<(u64, u64)>,
}

impl RecordedRequest {
    /// The method, in capitals.
    #[must_use]
    pub fn method(&self) -> &str {
        self.head.method.as_str()
    }

    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.head.path
    }

    /// A value of the query, decoded, for example that of `api-version`.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        query_value(&self.head.query, name)
    }

    /// A header's first value, when it is readable text. Names ignore case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    /// Every header, names in lower case, in no particular order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The JSON body; `null` when it was not JSON.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.head.body
    }

    /// The chat completion request, with the deployment that it was sent to; `None` for another operation or body.
    #[must_use]
    pub fn request(&self) -> Option<ChatCompletionRequest> {
        if !self.path().ends_with("/chat/completions") {
            return None;
        }
        let request = ChatCompletionRequest::deserialize(self.body()).ok()?;
        Some(match self.deployment() {
            Some(name) => request.with_deployment(name),
            None => request,
        })
    }

    /// The deployment that it was sent to, where it names one.
    #[must_use]
    pub fn deployment(&self) -> Option<&str> {
        self.head.deployment.as_deref()
    }

    /// The session of its header `x-emulator-session`; empty without one.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.head.session
    }

    /// When it arrived.
    #[must_use]
    pub fn received_at(&self) -> SystemTime {
        self.head.received_at
    }

    /// The outcome.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.end.outcome
    }

    /// The status of the answer; `None` before, and where a fault closed the connection instead.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.end.status
    }

    /// How long the answer took.
    #[must_use]
    pub fn timing(&self) -> Timing {
        self.end.timing
    }

    /// The name of the fault that applied to it.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.end.fault.as_deref()
    }

    /// The tokens of the prompt and of the completion, if it was answered.
    #[must_use]
    pub fn tokens(&self) -> Option<(u64, u64)> {
        self.end.tokens
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedRequest")
            .field("method", &self.method())
            .field("path", &self.path())
            .field("outcome", &self.outcome())
            .finish_non_exhaustive()
    }
}

/// A request that the journal keeps.
pub(crate) struct Entry {
    head: Arc<Head>,
    pub(super) started: Instant,
    end: Mutex<End>,
}

impl Entry {
    pub(super) fn new(head: Head) -> Self {
        Self { head: Arc::new(head), started: Instant::now(), end: Mutex::default() }
    }

    pub(super) fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn session(&self) -> &str {
        &self.head.session
    }

    pub(super) fn body_bytes(&self) -> usize {
        self.head.body_bytes
    }

    pub(super) fn snapshot(&self) -> RecordedRequest {
        RecordedRequest { head: Arc::clone(&self.head), end: self.end().clone() }
    }
}
