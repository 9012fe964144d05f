//! The progress of a run, [`BatchRunStatus`].

use super::super::status::BatchStatus;
use super::state::{Part, State};
use crate::wire::{closed_enum, getters};

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
