//! Files and batches of the resource: uploads, jobs and their results, on a clock that a test can set forward.
//!
//! Nothing runs in the background. The state of a job is computed from the clock at each request, so that
//! [`Batches::advance`] makes a day pass.

mod control;
mod file;
mod job;
mod multipart;
mod outcome;
mod route;
mod settings;
mod validation;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use control::Batches;
pub use outcome::LineOutcome;
pub(crate) use route::{is_route, serve};
pub use settings::{BatchQuota, BatchTiming};

use file::StoredFile;
use job::Job;
use outcome::Outcomes;

/// The files and batches of a running emulator.
#[derive(Default)]
pub(crate) struct BatchService(Mutex<State>);

#[derive(Default)]
struct State {
    files: BTreeMap<u64, StoredFile>,
    jobs: BTreeMap<u64, Job>,
    last_id: u64,
    /// How far the clock is ahead of the real one.
    ahead: Duration,
    timing: BatchTiming,
    quota: Option<BatchQuota>,
    outcomes: Option<Outcomes>,
    most_lines: Option<usize>,
    /// Bytes that are missing at the end of each file of results.
    cut: usize,
    /// The requests until one whose answer is not sent, and the number of answers that were not sent.
    hold_after: Option<u64>,
    held: u64,
    uploads: u64,
}

impl BatchService {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The time since 1970 by the emulator's clock.
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + self.ahead
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A file by its id, unless it has expired.
    fn file(&self, id: &str) -> Option<&StoredFile> {
        let now = self.now();
        self.files.values().find(|file| file.id == id && !file.has_expired(now))
    }

    fn job(&mut self, id: &str) -> Option<&mut Job> {
        self.jobs.values_mut().find(|job| job.id == id)
    }
}
