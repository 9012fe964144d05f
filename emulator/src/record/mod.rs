//! Recordings: requests to a real resource with its answers, stored as files and replayed.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use self::replay::Replay;

mod difference;
#[cfg(feature = "record")]
pub(crate) mod recorder;
mod replay;

/// The settings of recording and replaying.
#[derive(Clone, Default)]
pub(crate) struct RecordingSettings {
    pub(crate) record: Option<PathBuf>,
    pub(crate) upstream: Option<String>,
    pub(crate) replay: Option<PathBuf>,
    pub(crate) replay_speed: Option<f64>,
}

impl RecordingSettings {
    /// A key that contradicts the others, with the reason.
    pub(crate) fn conflict(&self) -> Option<(&'static str, &'static str)> {
        match (&self.record, &self.upstream, &self.replay) {
            (Some(_), _, Some(_)) => Some(("replay", "answers cannot be recorded and replayed at once")),
            (Some(_), None, None) => Some(("record", "needs `upstream`, the resource to record")),
            (Some(_), Some(_), None) if !cfg!(feature = "record") => {
                Some(("record", "this build cannot record: it needs the feature `record`"))
            }
            _ => None,
        }
    }

    /// Replaces the settings that `other` has.
    #[cfg(feature = "config")]
    pub(crate) fn merge(&mut self, other: Self) {
        self.record = other.record.or(self.record.take());
        self.upstream = other.upstream.or(self.upstream.take());
        self.replay = other.replay.or(self.replay.take());
        self.replay_speed = other.replay_speed.or(self.replay_speed);
    }

    /// Opens the folder that is set, if one is.
    pub(crate) fn open(self) -> io::Result<Option<RecordingMode>> {
        if let Some((key, reason)) = self.conflict() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{key}`: {reason}")));
        }
        #[cfg(feature = "record")]
        if let (Some(folder), Some(upstream)) = (&self.record, &self.upstream) {
            return Ok(Some(RecordingMode::Record(recorder::Recorder::new(folder, upstream)?)));
        }
        let replay = self.replay.map(|folder| Replay::read(&folder, self.replay_speed.unwrap_or(1.0)));
        Ok(replay.transpose()?.map(RecordingMode::Replay))
    }
}

/// The source of answers that the emulator does not make itself.
pub(crate) enum RecordingMode {
    #[cfg(feature = "record")]
    Record(recorder::Recorder),
    Replay(Replay),
}

/// One request and its answer, as in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Recording {
    request: RecordedCall,
    response: RecordedAnswer,
}

/// A request, without its credentials.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RecordedCall {
    method: String,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api_version: Option<String>,
    body: Value,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RecordedAnswer {
    status: u16,
    headers: BTreeMap<String, String>,
    /// The body in the pieces in which it arrived.
    chunks: Vec<Chunk>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Chunk {
    /// The time since the piece before it, or since the request.
    after_ms: u64,
    text: String,
}

/// An answer of a recording.
pub(crate) struct ReplayedAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// Each piece, and the time before it.
    pub(crate) pieces: Vec<(Duration, Bytes)>,
}

impl RecordedAnswer {
    fn replayed(&self, speed: f64) -> ReplayedAnswer {
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
