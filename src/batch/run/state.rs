//! The state of a run on disk, which is saved before each upload and each creation of a batch, and its progress.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::object::Batch;
use super::super::status::BatchStatus;
use super::super::writer::{file_error, partial};
use crate::error::{Error, ErrorKind, Result};
use crate::response::Usage;
use crate::wire::{closed_enum, getters};

pub(super) const INPUT: &str = "input.jsonl";
pub(super) const OUTPUT: &str = "output";
pub(super) const ERRORS: &str = "errors";
pub(super) const NEXT: &str = "next";
/// The file of the state.
const STATE: &str = "run.json";

/// The only version of the state's format.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    format: u32,
    /// A random part of the names of its files on the resource.
    pub(super) id: String,
    pub(super) parts: Vec<Part>,
    /// Whether the run was cancelled; then no batch is created.
    #[serde(default)]
    pub(super) cancelled: bool,
    /// The totals of all lines, once every part has ended.
    pub(super) totals: Option<Totals>,
}

/// The numbers of lines by outcome, and the tokens of those that were answered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Totals {
    pub(super) answered: u64,
    pub(super) failed: u64,
    pub(super) usage: Usage,
}

/// One input file, with its upload, its batch and its results.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Part {
    /// The name of the input file.
    pub(super) input: String,
    pub(super) lines: u64,
    pub(super) deployment: String,
    /// Whether an upload has begun, so that the file may be on the resource.
    pub(super) has_begun_upload: bool,
    pub(super) file_id: Option<String>,
    pub(super) is_processed: bool,
    /// Whether a creation has begun, so that the batch may be on the resource.
    pub(super) has_begun_creation: bool,
    /// The batches that failed because the quota was full.
    pub(super) over_quota: Vec<String>,
    pub(super) batch_id: Option<String>,
    /// The batch at the last poll.
    pub(super) batch: Option<Batch>,
    pub(super) has_results: bool,
}

impl Part {
    pub(super) fn new(input: String, lines: u64, deployment: String) -> Self {
        Self {
            input,
            lines,
            deployment,
            has_begun_upload: false,
            file_id: None,
            is_processed: false,
            has_begun_creation: false,
            over_quota: Vec::new(),
            batch_id: None,
            batch: None,
            has_results: false,
        }
    }
}

impl State {
    pub(super) fn new(parts: Vec<Part>) -> Self {
        Self { format: FORMAT, id: format!("{:016x}", fastrand::u64(..)), parts, cancelled: false, totals: None }
    }

    /// The state in a folder; `None` when its input was not written.
    pub(super) fn load(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(STATE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(file_error(&path, "read", error)),
        };
        let state: Self = serde_json::from_slice(&text).map_err(|error| {
            let text = format!("'{}' is no state of a batch run", path.display());
            Error::new(ErrorKind::Config, text).with_source(error)
        })?;
        if state.format != FORMAT {
            let text = format!("'{}' was written by a later version of this crate", path.display());
            return Err(Error::new(ErrorKind::Config, text));
        }
        Ok(Some(state))
    }

    /// Replaces the state in a folder. After a crash at any moment the folder has either the old or the new one.
    pub(super) fn save(&self, folder: &Path) -> Result<()> {
        let path = folder.join(STATE);
        let text = serde_json::to_vec_pretty(self).map_err(|error| {
            Error::new(ErrorKind::Config, "the state of the run cannot be written as JSON").with_source(error)
        })?;
        let write = || {
            let mut file = File::create(partial(&path))?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(partial(&path), &path)?;
            sync_folder_of(&path)
        };
        write().map_err(|error| file_error(&path, "written", error))
    }

    /// The name on the resource of a part's input.
    pub(super) fn file_name(&self, part: usize) -> String {
        format!("{}-{}.jsonl", self.id, part.saturating_add(1))
    }
}

/// Syncs the folder of this path, so that new names in it survive a crash. Only Unix can.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

pub(super) fn results_path(folder: &Path, part: usize, name: &str) -> PathBuf {
    folder.join(format!("{name}-{}.jsonl", part.saturating_add(1)))
}

pub(super) fn not_prepared() -> Error {
    Error::new(ErrorKind::Config, "the run has no input").with_hint("write it with .prepare(|input| ..) first")
}

/// The progress of a [`BatchRun`](super::BatchRun).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchRunStatus {
    phase: BatchRunPhase,
    lines: u64,
    completed: u64,
    failed: u64,
    files: usize,
    files_done: usize,
}

closed_enum! {
    /// The phase of a run: the earliest among its files.
    #[derive(PartialOrd, Ord)]
    #[non_exhaustive]
    pub enum BatchRunPhase {
        /// The input was not written.
        Preparing = "preparing",
        /// Input is uploaded, or processed by the service.
        Uploading = "uploading",
        /// A batch is being created; this may wait for quota.
        Creating = "creating",
        /// The service checks the input.
        Validating = "validating",
        /// The service processes the requests.
        Running = "running",
        /// The results are downloaded.
        Downloading = "downloading",
        /// The results of all files were downloaded.
        Finished = "finished",
    }
}

impl BatchRunStatus {
    pub(super) fn of(state: Option<&State>) -> Self {
        let parts = state.map_or(&[][..], |state| &state.parts);
        let totals = state.and_then(|state| state.totals.as_ref());
        let phase = match (state, totals) {
            (None, _) => BatchRunPhase::Preparing,
            (_, Some(_)) => BatchRunPhase::Finished,
            _ => parts.iter().map(phase).min().unwrap_or(BatchRunPhase::Downloading),
        };
        let sum = |count: fn(&Part) -> u64| parts.iter().map(count).fold(0_u64, u64::saturating_add);
        let counts = |part: &Part| part.batch.as_ref().map(|batch| batch.request_counts().clone());
        let (completed, failed) = match totals {
            Some(totals) => (totals.answered, totals.failed),
            None => parts.iter().filter_map(counts).fold((0_u64, 0_u64), |sums, counts| {
                (sums.0.saturating_add(counts.completed()), sums.1.saturating_add(counts.failed()))
            }),
        };
        Self {
            phase,
            lines: sum(|part| part.lines),
            completed,
            failed,
            files: parts.len(),
            files_done: parts.iter().filter(|part| part.has_results).count(),
        }
    }

    /// The requests that were answered or failed.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.completed.saturating_add(self.failed)
    }
}

getters! { status: BatchRunStatus => status;
    /// The phase of the run: the earliest among its files.
    phase: Plain<BatchRunPhase>;
    /// The requests of the run.
    lines: Plain<u64>;
    /// The requests that were answered, as the service counts them until the run is finished.
    completed: Plain<u64>;
    /// The requests that failed, as the service counts them until the run is finished.
    failed: Plain<u64>;
    /// The input files, each a batch.
    files: Plain<usize>;
    /// The input files whose results are in the folder.
    files_done: Plain<usize>;
}

fn phase(part: &Part) -> BatchRunPhase {
    if part.has_results {
        return BatchRunPhase::Downloading;
    }
    match &part.batch {
        Some(batch) if batch.status().is_final() => BatchRunPhase::Downloading,
        Some(batch) if batch.status() != BatchStatus::Validating => BatchRunPhase::Running,
        _ if part.batch_id.is_some() => BatchRunPhase::Validating,
        _ if part.is_processed => BatchRunPhase::Creating,
        _ => BatchRunPhase::Uploading,
    }
}
