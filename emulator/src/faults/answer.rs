//! The answer of a fault, in place of the service's own.

use std::collections::BTreeMap;
use std::time::Duration;

use super::preset::Preset;
use super::raw_answer::RawAnswer;
use crate::refusal::AzureError;

/// The answer before its headers and body are replaced.
#[derive(Debug, Clone, Copy)]
pub(super) enum Base {
    Preset(Preset),
    Status(u16),
    Html(u16),
}

/// A base, and the values that replace its own.
#[derive(Debug, Clone)]
pub(crate) struct FaultAnswer {
    pub(super) base: Base,
    pub(super) retry_after: Option<Duration>,
    /// By names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<String>,
}

/// Whether a header, by its name in lower case, follows the body, so that another value would break the connection.
pub(super) fn is_of_body(name: &str) -> bool {
    matches!(name, "content-length" | "transfer-encoding")
}

impl FaultAnswer {
    pub(super) fn new(base: Base) -> Self {
        Self { base, retry_after: None, headers: BTreeMap::new(), body: None }
    }

    /// The preset of this name; for an unknown name, an error with status 400 and that text.
    pub(super) fn named(name: &str) -> Self {
        match Preset::named(name) {
            Some(preset) => Self::new(Base::Preset(preset)),
            None => {
                let message = format!("There is no preset '{name}'; GET /__emulator lists them.");
                let error = AzureError::plain(400, "UnknownPreset", message);
                Self { body: Some(error.text()), ..Self::new(Base::Status(400)) }
            }
        }
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
                let error = AzureError::plain(status, &status.to_string(), "A fault of the emulator.");
                plain(RawAnswer::new(status, error.content_type(), error.text()))
            }
            Base::Html(status) => {
                let page = format!("<!DOCTYPE html><html><body><h1>{status}</h1></body></html>");
                plain(RawAnswer::new(status, Some("text/html"), page))
            }
        };
        raw.headers.extend(self.headers.clone().into_iter().filter(|(name, _)| !is_of_body(name)));
        raw.body = self.body.clone().unwrap_or(raw.body);
        raw
    }
}
