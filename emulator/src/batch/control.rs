//! The control of files and batches, [`Batches`]: the clock, the times of a job, the quota, the outcomes of lines.

use std::sync::Arc;
use std::time::Duration;

use super::outcome::LineOutcome;
use super::settings::{BatchQuota, BatchTiming};
use super::{BatchService, State};

/// Upper bound of each time and of the clock's advance, a thousand years, so that sums of times do not overflow.
const LONGEST: Duration = Duration::from_secs(1000 * 365 * 24 * 3600);

/// The control of an emulator's files and batches; made by [`Emulator::batches`](crate::Emulator::batches).
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
#[derive(Clone, Copy)]
pub struct Batches<'a>(&'a BatchService);

impl<'a> Batches<'a> {
    pub(crate) fn of(batches: &'a BatchService) -> Self {
        Self(batches)
    }

    /// Sets the clock forward, so that jobs proceed and files and jobs expire; at most a thousand years in all.
    pub fn advance(&self, time: Duration) {
        let mut state = self.0.state();
        state.ahead = state.ahead.saturating_add(time).min(LONGEST);
    }

    /// Deletes all files and batches, and resets what was set here.
    pub fn reset(&self) {
        *self.0.state() = State::default();
    }

    /// Sets how long each step takes, for batches that are created from now on. A time above a thousand years counts as
    /// that.
    pub fn set_timing(&self, timing: BatchTiming) {
        let BatchTiming { file, validation, line, finalizing, cancelling } = timing;
        let [file, validation, line, finalizing, cancelling] =
            [file, validation, line, finalizing, cancelling].map(|time| time.min(LONGEST));
        self.0.state().timing = BatchTiming { file, validation, line, finalizing, cancelling };
    }

    /// Sets the quota of enqueued tokens; none by default.
    pub fn set_quota(&self, quota: Option<BatchQuota>) {
        self.0.state().quota = quota;
    }

    /// Sets the outcome of each line, by its `custom_id`, in batches that are created from now on. By default its deployment
    /// answers it. The closure runs once for each line, when its batch is created.
    pub fn set_outcomes(&self, outcome: impl Fn(&str) -> LineOutcome + Send + Sync + 'static) {
        self.0.state().outcomes = Some(Arc::new(outcome));
    }

    /// Sets the most lines of an input file; 100,000 by default.
    pub fn set_most_lines(&self, lines: usize) {
        self.0.state().most_lines = Some(lines);
    }

    /// Leaves out this many bytes at the end of every file of results, until set to 0.
    pub fn cut_results(&self, bytes: usize) {
        self.0.state().cut = bytes;
    }

    /// Answers this many more requests for files and batches; the next one takes effect and is never answered, as when a
    /// connection breaks at that moment.
    pub fn hold_answer_after(&self, requests: u64) {
        self.0.state().hold_after = Some(requests);
    }

    /// The number of answers that were held back.
    #[must_use]
    pub fn held_answers(&self) -> u64 {
        self.0.state().held
    }

    /// The number of files that were uploaded, deleted ones included.
    #[must_use]
    pub fn uploads(&self) -> u64 {
        self.0.state().uploads
    }

    /// The number of batches that were created.
    #[must_use]
    pub fn created(&self) -> usize {
        self.0.state().jobs.len()
    }
}

impl std::fmt::Debug for Batches<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("created", &self.created()).finish_non_exhaustive()
    }
}
