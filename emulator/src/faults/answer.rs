//! The answer of a fault, in place of the service's own.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::Preset;
use crate::quota::whole_seconds;

/// What the answer is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Base {
    Preset(Preset),
    Status(u16),
    Html(u16),
}

/// A base, and what differs from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FaultAnswer {
    pub(super) base: Base,
    pub(super) retry_after: Option<Duration>,
    /// By names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<String>,
}

/// An answer as it is sent.
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

impl FaultAnswer {
    pub(super) fn new(base: Base) -> Self {
        Self { base, retry_after: None, headers: BTreeMap::new(), body: None }
    }

    pub(super) fn name(&self) -> String {
        match self.base {
            Base::Preset(preset) => preset.as_str().to_owned(),
            Base::Status(status) => format!("status_{status}"),
            Base::Html(status) => format!("html_{status}"),
        }
    }

    pub(crate) fn raw(&self) -> RawAnswer {
        let plain = |raw: RawAnswer| match self.retry_after {
            Some(wait) => raw.with_retry_after(wait, true),
            None => raw,
        };
        let mut raw = match self.base {
            Base::Preset(preset) => preset.answer(self.retry_after),
            Base::Status(status) => {
                let error = json!({"code": status.to_string(), "message": "A fault of the emulator."});
                plain(RawAnswer::new(status, Some("application/json"), json!({"error": error}).to_string()))
            }
            Base::Html(status) => {
                let page = format!("<!DOCTYPE html><html><body><h1>{status}</h1></body></html>");
                plain(RawAnswer::new(status, Some("text/html"), page))
            }
        };
        raw.headers.extend(self.headers.clone());
        raw.body = self.body.clone().unwrap_or(raw.body);
        raw
    }
}
