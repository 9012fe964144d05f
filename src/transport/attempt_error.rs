//! Why an attempt failed: the error for the caller, and what it means for a retry and for the backend.

use super::balancer::Failure;
use super::retry::{Outcome, RetryCause};
use super::token_cache::NoToken;
use crate::error::Error;

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct AttemptError {
    pub(crate) error: Error,
    pub(crate) outcome: Outcome,
    /// No connection came about.
    pub(crate) is_unreachable: bool,
}

impl AttemptError {
    pub(crate) fn new(cause: RetryCause, error: Error) -> Self {
        Self { error, outcome: Outcome { cause, hint: None, should_retry: None }, is_unreachable: false }
    }

    /// An error that another attempt would not change.
    pub(crate) fn last(error: Error) -> Self {
        let mut failed = Self::new(RetryCause::Read, error);
        failed.outcome.should_retry = Some(false);
        failed
    }

    /// An answer of the service with this status of failure.
    pub(crate) fn answered(status: u16, error: Error) -> Self {
        let mut failed = Self::new(RetryCause::Status(status), error);
        failed.outcome.hint = failed.error.retry_after();
        failed.outcome.should_retry = failed.error.metadata().and_then(|metadata| metadata.should_retry());
        failed
    }

    /// There was no token to send to `deployment`.
    pub(crate) fn no_token(reason: NoToken, deployment: &str) -> Self {
        match reason {
            NoToken::Failed(error) => Self::new(RetryCause::Credential, error),
            NoToken::Refused(answer, wait) => {
                let note = format!(
                    "nothing was sent, since the credential has no other token than the one that was refused; \
                     it is tried again in {} s",
                    wait.as_secs().saturating_add(1)
                );
                let error = answer.with_retry_after(wait).with_deployment(deployment).with_hint(note);
                let mut failed = Self::answered(401, error);
                failed.outcome.should_retry = Some(false);
                failed
            }
        }
    }

    /// The failure of the backend, if it is one. A connection that broke, headers above the limit and other faults of a
    /// single call are none.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self.outcome.cause {
            RetryCause::Status(429) => Some(Failure::Busy),
            RetryCause::Status(status @ (500 | 502 | 503 | 504)) => Some(Failure::Down(status)),
            RetryCause::Connect if self.is_unreachable => Some(Failure::Down(0)),
            RetryCause::Credential => Some(Failure::Down(0)),
            _ => None,
        }
    }
}
