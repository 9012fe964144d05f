//! Recordings: requests to a real resource with its answers, stored as files and replayed.

use std::io;
use std::path::PathBuf;

pub(crate) use self::recording::{ReplayedAnswer, redacted};

use self::replay::Replay;

mod difference;
#[cfg(feature = "record")]
pub(crate) mod recorder;
mod recording;
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

    /// A key that has no effect without another, with the reason. The other may be given later, by a flag.
    fn unused(&self) -> Option<(&'static str, &'static str)> {
        let is_http = |upstream: &String| {
            let host = upstream.strip_prefix("https://").or_else(|| upstream.strip_prefix("http://"));
            host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
        };
        match (&self.record, &self.upstream, &self.replay, self.replay_speed) {
            (None, Some(_), _, _) => Some(("upstream", "needs `record`, the folder for its answers")),
            (_, Some(upstream), _, _) if !is_http(upstream) => {
                Some(("upstream", "is no address, such as https://my-resource.openai.azure.com"))
            }
            (_, _, None, Some(_)) => Some(("replay_speed", "needs `replay`, the folder of recordings")),
            (_, _, _, Some(speed)) if !speed.is_finite() || speed < 0.0 => {
                Some(("replay_speed", "is no number from 0"))
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
        if let Some((key, reason)) = self.conflict().or_else(|| self.unused()) {
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
