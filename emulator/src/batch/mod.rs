//! Files and batches of the resource: uploads, jobs and their results, on a clock that a test can set forward.
//!
//! Nothing runs in the background. The state of a job is computed from the clock at each request, so that
//! [`Batches::advance`] makes a day pass.

mod control;
mod job;
mod multipart;
mod outcome;
mod route;
mod validation;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;

pub use control::{BatchQuota, BatchTiming, Batches};
pub use outcome::LineOutcome;
pub(crate) use route::{is_route, serve};

use job::Job;

/// The outcome of a line, by its `custom_id`.
type Outcomes = Arc<dyn Fn(&str) -> LineOutcome + Send + Sync>;

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

#[derive(Clone)]
struct StoredFile {
    id: String,
    name: String,
    purpose: &'static str,
    content: Bytes,
    created: Duration,
    expires_after: Option<Duration>,
}

impl BatchService {
    pub(crate) fn control(&self) -> Batches<'_> {
        Batches(self)
    }

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

impl StoredFile {
    fn has_expired(&self, now: Duration) -> bool {
        self.expires_after.is_some_and(|time| now >= self.created + time)
    }
}

impl crate::Emulator {
    /// The control of the resource's files and batches: clock, quota, outcomes of lines.
    ///
    /// # Example: a day passes
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let emulator = azure_openai_emulator::Emulator::start().await?;
    /// emulator.batches().advance(std::time::Duration::from_secs(24 * 3600));
    /// assert_eq!(emulator.batches().created(), 0);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn batches(&self) -> Batches<'_> {
        self.shared.batches.control()
    }
}
