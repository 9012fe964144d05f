//! An answer as a fault sends it, [`RawAnswer`]: status, headers and body.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::quota::whole_seconds;

/// The answer of a fault as it is sent.
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl RawAnswer {
    pub(super) fn new(status: u16, content_type: Option<&str>, body: String) -> Self {
        let content_type = content_type.map(|name| ("content-type".to_owned(), name.to_owned()));
        Self { status, headers: content_type.into_iter().collect(), body }
    }

    pub(super) fn with_retry_after(mut self, wait: Duration, in_milliseconds: bool) -> Self {
        self.headers.insert("retry-after".to_owned(), whole_seconds(wait).to_string());
        if in_milliseconds {
            self.headers.insert("retry-after-ms".to_owned(), wait.as_millis().to_string());
        }
        self
    }
}
