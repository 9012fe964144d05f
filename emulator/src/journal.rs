//! What was asked of the emulator, for a test to look at.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use axum::http::{HeaderMap, Method, Uri};
use serde_json::Value;

/// The oldest requests are forgotten beyond this many, so that a load test does not fill the memory.
const KEPT: usize = 10_000;

/// A request as it arrived.
///
/// Its `Debug` shows the method and the path only: headers carry keys, and the body is a prompt. Both are
/// the test's own and are read through the accessors.
#[derive(Clone)]
pub struct RecordedRequest {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) received_at: SystemTime,
}

impl RecordedRequest {
    /// The method, in capitals.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// A value of the query, decoded, for example that of `api-version`.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        let query = url::form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes());
        query.into_iter().find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    /// A header's first value, when it is readable text. Names ignore case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Every header, names in lower case, in no particular order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
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

#[derive(Default)]
pub(super) struct Journal(Mutex<VecDeque<RecordedRequest>>);

impl Journal {
    pub(super) fn add(&self, request: RecordedRequest) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(request);
    }

    pub(super) fn all(&self) -> Vec<RecordedRequest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
