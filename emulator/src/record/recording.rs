//! A recording: a request without its secrets, and its answer in the pieces in which it arrived.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request and its answer, as in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Recording {
    pub(super) request: RecordedCall,
    pub(super) response: RecordedAnswer,
}

/// A request, without its credentials.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RecordedCall {
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) api_version: Option<String>,
    pub(super) body: Value,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RecordedAnswer {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    /// The body in the pieces in which it arrived.
    pub(super) chunks: Vec<Chunk>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Chunk {
    /// The time since the piece before it, or since the request.
    pub(super) after_ms: u64,
    pub(super) text: String,
}

/// An answer of a recording.
pub(crate) struct ReplayedAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// Each piece, and the time before it.
    pub(crate) pieces: Vec<(Duration, Bytes)>,
}

impl RecordedAnswer {
    pub(super) fn replayed(&self, speed: f64) -> ReplayedAnswer {
        let pause = |after_ms: u64| {
            let time = Duration::from_millis(after_ms);
            if speed > 0.0 {
                Duration::try_from_secs_f64(time.as_secs_f64() / speed).unwrap_or_default()
            } else {
                Duration::ZERO
            }
        };
        let pieces = self.chunks.iter().map(|chunk| (pause(chunk.after_ms), Bytes::from(chunk.text.clone())));
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        ReplayedAnswer { status: self.status, headers: headers.collect(), pieces: pieces.collect() }
    }
}

/// A body without the secrets of its data sources.
pub(crate) fn redacted(mut body: Value) -> Value {
    fn redact(value: &mut Value, is_secret: bool) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    redact(member, (is_secret || name == "authentication") && name != "type");
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| redact(item, is_secret)),
            leaf if is_secret => *leaf = "REDACTED".into(),
            _ => {}
        }
    }
    if let Some(sources) = body.get_mut("data_sources") {
        redact(sources, false);
    }
    body
}
