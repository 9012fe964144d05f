//! The events of a call: an attempt that is sent, and a retry.

use std::time::Duration;

use super::retry::RetryCause;

/// An attempt of a call, as [`Observer::on_attempt`](crate::Observer::on_attempt) gets it before it is sent. Holds no
/// secret and nothing of prompt or answer.
#[derive(Debug, Clone)]
pub struct AttemptEvent {
    pub(crate) attempt: u32,
    pub(crate) deployment: String,
    pub(crate) endpoint: String,
    pub(crate) client_request_id: String,
}

/// A retry of a call, as [`Observer::on_retry`](crate::Observer::on_retry) gets it before its wait. Holds no secret and
/// nothing of prompt or answer.
#[derive(Debug, Clone)]
pub struct RetryEvent {
    pub(crate) failed: AttemptEvent,
    pub(crate) cause: RetryCause,
    pub(crate) wait: Duration,
}

/// Gets the events of one call, while it is under way.
pub(crate) trait CallObserver: Send + Sync {
    fn on_attempt(&self, attempt: AttemptEvent);

    fn on_retry(&self, retry: RetryEvent);
}

impl AttemptEvent {
    /// The number of the attempt in its call, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The deployment that is called, by its name on this endpoint.
    #[must_use]
    pub fn deployment(&self) -> &str {
        &self.deployment
    }

    /// The endpoint that is called.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The id that all attempts of the call share.
    #[must_use]
    pub fn client_request_id(&self) -> &str {
        &self.client_request_id
    }
}

impl RetryEvent {
    /// Why the attempt failed.
    #[must_use]
    pub fn cause(&self) -> RetryCause {
        self.cause
    }

    /// How long the client waits before the next attempt; zero when another backend takes over.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// The number of the attempt that failed, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.failed.attempt
    }

    /// The deployment that was called, by its name on this endpoint.
    #[must_use]
    pub fn deployment(&self) -> &str {
        &self.failed.deployment
    }

    /// The endpoint that was called.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.failed.endpoint
    }

    /// The id that all attempts of the call share.
    #[must_use]
    pub fn client_request_id(&self) -> &str {
        &self.failed.client_request_id
    }
}
