//! The settings of files and batches: the times of a job's steps, [`BatchTiming`], and the quota, [`BatchQuota`].

use std::time::Duration;

/// How long each step of a batch takes; zero by default.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct BatchTiming {
    /// From the upload of a file until it is processed.
    pub file: Duration,
    /// The check of the input.
    pub validation: Duration,
    /// Each line.
    pub line: Duration,
    /// The writing of the results.
    pub finalizing: Duration,
    /// From a cancellation until it is done.
    pub cancelling: Duration,
}

/// The quota of tokens in all batches that have not ended.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BatchQuota {
    /// The tokens of the prompts, and those that the answers may have.
    pub tokens: u64,
    /// Whether the creation is refused, as in some regions, instead of the batch failing.
    pub fails_fast: bool,
}

impl BatchTiming {
    /// Times of zero, so that every step is done at once.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Sets the time from the upload of a file until it is processed.
    #[must_use]
    pub fn file(mut self, time: Duration) -> Self {
        self.file = time;
        self
    }

    /// Sets the time for the check of the input.
    #[must_use]
    pub fn validation(mut self, time: Duration) -> Self {
        self.validation = time;
        self
    }

    /// Sets the time for each line.
    #[must_use]
    pub fn line(mut self, time: Duration) -> Self {
        self.line = time;
        self
    }

    /// Sets the time for the writing of the results.
    #[must_use]
    pub fn finalizing(mut self, time: Duration) -> Self {
        self.finalizing = time;
        self
    }

    /// Sets the time from a cancellation until it is done.
    #[must_use]
    pub fn cancelling(mut self, time: Duration) -> Self {
        self.cancelling = time;
        self
    }
}

impl BatchQuota {
    /// A quota that lets a batch fail when its input is checked.
    #[must_use]
    pub fn new(tokens: u64) -> Self {
        Self { tokens, fails_fast: false }
    }

    /// The same quota, beyond which the creation is refused.
    #[must_use]
    pub fn fails_fast(mut self) -> Self {
        self.fails_fast = true;
        self
    }
}
