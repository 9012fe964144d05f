//! The events of a call: an attempt that is sent, and a retry.

use std::sync::Arc;
use std::time::Duration;

use super::endpoint::Endpoint;
use super::retry::RetryCause;
use crate::wire::getters;

/// An attempt of a call, as [`Observer::on_attempt`](crate::Observer::on_attempt) gets it before it is sent. Holds no
/// secret and nothing of prompt or answer.
#[derive(Debug, Clone)]
pub struct AttemptEvent {
    attempt: u32,
    deployment: Arc<str>,
    endpoint: Arc<str>,
    client_request_id: Arc<str>,
}

/// A retry of a call, as [`Observer::on_retry`](crate::Observer::on_retry) gets it before its wait. Holds no secret and
/// nothing of prompt or answer.
#[derive(Debug, Clone)]
pub struct RetryEvent {
    failed: AttemptEvent,
    cause: RetryCause,
    wait: Duration,
}

/// Gets the events of one call, while it is under way.
pub(crate) trait CallObserver: Send + Sync {
    /// An attempt is about to be sent.
    fn on_attempt(&self, attempt: AttemptParts<'_>);

    /// An attempt failed, and another follows after a wait.
    fn on_retry(&self, failed: AttemptParts<'_>, cause: RetryCause, wait: Duration);
}

/// The parts of an event, which is made only for observers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttemptParts<'a> {
    /// From 1; a repaired call goes on counting.
    pub(crate) number: u32,
    /// The name on this endpoint.
    pub(crate) deployment: &'a str,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) client_request_id: &'a str,
}

impl AttemptEvent {
    pub(crate) fn new(attempt: u32, deployment: Arc<str>, endpoint: &Endpoint, client_request_id: Arc<str>) -> Self {
        Self { attempt, deployment, endpoint: endpoint.shared_text(), client_request_id }
    }
}

getters! { event: AttemptEvent => event;
    /// The number of the attempt in its call, from 1.
    attempt: Plain<u32>;
    /// The deployment that is called, by its name on this endpoint.
    deployment: Text;
    /// The endpoint that is called.
    endpoint: Text;
    /// The id that all attempts of the call share.
    client_request_id: Text;
}

impl RetryEvent {
    pub(crate) fn new(failed: AttemptEvent, cause: RetryCause, wait: Duration) -> Self {
        Self { failed, cause, wait }
    }
}

getters! { retry: RetryEvent => retry.failed;
    /// The number of the attempt that failed in its call, from 1.
    attempt: Plain<u32>;
    /// The deployment that was called, by its name on this endpoint.
    deployment: Text;
    /// The endpoint that was called.
    endpoint: Text;
    /// The id that all attempts of the call share.
    client_request_id: Text;
}

getters! { retry: RetryEvent => retry;
    /// Why the attempt failed.
    cause: Plain<RetryCause>;
    /// How long the client waits before the next attempt; zero when another backend takes over.
    wait: Plain<Duration>;
}
