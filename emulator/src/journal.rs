//! The journal: requests that the emulator received.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use axum::http::{HeaderMap, Method, Uri};
use serde_json::Value;

/// How many requests are kept by default; the oldest are dropped, so that a load test does not fill the memory.
pub(super) const KEPT: usize = 10_000;

/// A request as it arrived.
///
/// Its `Debug` shows the method and the path only: headers carry keys, and the body is a prompt. Both are
/// the test's own and are read through the accessors.
#[derive(Clone)]
pub struct RecordedRequest {
    method: Method,
    path: String,
    query: String,
    /// Copies: the map of the request is a window into the connection's read buffer and would keep it alive.
    headers: Vec<(String, String)>,
    body: Value,
    received_at: SystemTime,
}

impl RecordedRequest {
    pub(super) fn new(method: &Method, uri: &Uri, headers: &HeaderMap, body: Value) -> Self {
        let readable = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        Self {
            method: method.clone(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers: readable.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body,
            received_at: SystemTime::now(),
        }
    }

    /// The method, in capitals.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A value of the query, decoded, for example that of `api-version`.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        let query = url::form_urlencoded::parse(self.query.as_bytes());
        query.into_iter().find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    /// A header's first value, when it is readable text. Names ignore case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    /// Every header, names in lower case, in no particular order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The JSON body; `null` when it was not JSON.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// When it arrived.
    #[must_use]
    pub fn received_at(&self) -> SystemTime {
        self.received_at
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedRequest")
            .field("method", &self.method())
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

pub(super) struct Journal {
    limit: usize,
    kept: Mutex<VecDeque<RecordedRequest>>,
}

impl Journal {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, kept: Mutex::default() }
    }

    pub(super) fn add(&self, request: RecordedRequest) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(request);
        while kept.len() > self.limit {
            kept.pop_front();
        }
    }

    pub(super) fn all(&self) -> Vec<RecordedRequest> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
