//! The replay of recordings.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use axum::http::Method;
use serde_json::Value;

use super::difference::differences;
use super::recording::{Recording, ReplayedAnswer, redacted};
use crate::refusal::AzureError;

/// The recordings of a folder.
pub(crate) struct Replay {
    recordings: Vec<Recording>,
    /// The positions of those that were used.
    used: Mutex<HashSet<usize>>,
    speed: f64,
}

impl Replay {
    /// Reads a folder's recordings, in the order of their names. With a `speed` of 2 they are replayed in half their time,
    /// with 0 at once.
    pub(crate) fn read(folder: &Path, speed: f64) -> io::Result<Self> {
        let named =
            |path: &Path, error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
        let entries = std::fs::read_dir(folder).map_err(|error| named(folder, &error))?;
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        paths.sort();
        let read = |path: &std::path::PathBuf| {
            let text = std::fs::read_to_string(path).map_err(|error| named(path, &error))?;
            serde_json::from_str(&text).map_err(|error| named(path, &error))
        };
        let recordings = paths.iter().map(read).collect::<io::Result<Vec<_>>>()?;
        Ok(Self { recordings, used: Mutex::default(), speed })
    }

    /// The answer to a request; of several recordings of the same request each in turn, and the last from then on.
    pub(crate) fn answer(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<ReplayedAnswer, AzureError> {
        let body = redacted(body.cloned().unwrap_or_default());
        let here = |recording: &&(usize, &Recording)| {
            recording.1.request.method == method.as_str() && recording.1.request.path == path
        };
        let all: Vec<(usize, &Recording)> = self.recordings.iter().enumerate().collect();
        let same: Vec<(usize, &Recording)> =
            all.iter().filter(here).filter(|(_, recording)| recording.request.body == body).copied().collect();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let next = same.iter().find(|(at, _)| !used.contains(at)).or(same.last());
        if let Some((at, recording)) = next {
            used.insert(*at);
            return Ok(recording.response.replayed(self.speed));
        }
        drop(used);
        let found = all.iter().filter(here).map(|(_, recording)| differences(&recording.request.body, &body));
        let message = match found.min_by_key(Vec::len) {
            Some(nearest) => format!("No recording has this request. The nearest differs in: {}", nearest.join("; ")),
            None => {
                let mut paths: Vec<&str> = all.iter().map(|(_, recording)| recording.request.path.as_str()).collect();
                paths.sort_unstable();
                paths.dedup();
                format!("No recording has a {method} of {path}. There are recordings of: {}", paths.join(", "))
            }
        };
        Err(AzureError::plain(404, "NoRecording", message))
    }
}
