//! How far a run has come, [`BatchRunStatus`].

use super::super::status::BatchStatus;
use super::state::{Part, State};

/// How far a [`BatchRun`](super::BatchRun) has come, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchRunStatus {
    phase: BatchRunPhase,
    lines: u64,
    completed: u64,
    failed: u64,
    files: usize,
    files_done: usize,
}

/// The phase of a run: the earliest among its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BatchRunPhase {
    /// The input is not written.
    Preparing,
    /// Input is uploaded, or processed by the service.
    Uploading,
    /// A batch is to be created, and may wait for quota.
    Creating,
    /// The service checks the input.
    Validating,
    /// The service works the requests off.
    Running,
    /// The results are brought into the folder.
    Downloading,
    /// Everything is done.
    Finished,
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

    /// The phase of the run: the earliest among its files.
    #[must_use]
    pub fn phase(&self) -> BatchRunPhase {
        self.phase
    }

    /// The requests of the run.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The requests that were answered, as the service counts them until the run is finished.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.completed
    }

    /// The requests that failed, as the service counts them until the run is finished.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// The requests that were answered or failed.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.completed.saturating_add(self.failed)
    }

    /// The input files, each a batch.
    #[must_use]
    pub fn files(&self) -> usize {
        self.files
    }

    /// The input files whose results are in the folder.
    #[must_use]
    pub fn files_done(&self) -> usize {
        self.files_done
    }
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

impl BatchRunPhase {
    /// The name of the phase, such as `uploading`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Uploading => "uploading",
            Self::Creating => "creating",
            Self::Validating => "validating",
            Self::Running => "running",
            Self::Downloading => "downloading",
            Self::Finished => "finished",
        }
    }
}

impl std::fmt::Display for BatchRunPhase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
