//! Why an attempt failed, what that means for a retry and for the backend, and the error for the caller.

use std::sync::Arc;
use std::time::Duration;

use super::balancer::Failure;
use super::retry::{Outcome, RetryCause};
use super::token::BearerToken;
use super::token_cache::{NoToken, Refusal};
use crate::error::{Error, ServiceError};
use crate::response::ResponseMetadata;

/// Why an attempt failed.
#[derive(Debug)]
pub(crate) struct AttemptError {
    pub(crate) outcome: Outcome,
    reason: Reason,
    /// No connection came about.
    pub(crate) is_unreachable: bool,
    /// The token that was refused.
    pub(crate) refused: Option<Arc<BearerToken>>,
    /// A note for the end of the error's text.
    pub(crate) note: Option<String>,
}

#[derive(Debug)]
enum Reason {
    /// An answer with another status than 2xx.
    Answered(Box<Refusal>),
    Broken(Error),
}

impl AttemptError {
    pub(crate) fn broken(cause: RetryCause, error: Error) -> Box<Self> {
        Self::new(Outcome { cause, hint: None, should_retry: None }, Reason::Broken(error))
    }

    fn new(outcome: Outcome, reason: Reason) -> Box<Self> {
        Box::new(Self { outcome, reason, is_unreachable: false, refused: None, note: None })
    }

    /// There was no token to send.
    pub(crate) fn no_token(reason: NoToken) -> Box<Self> {
        match reason {
            NoToken::Failed(error) => Self::broken(RetryCause::Credential, error),
            NoToken::Refused(answer, wait) => {
                let outcome = Outcome { cause: RetryCause::Status(401), hint: Some(wait), should_retry: Some(false) };
                let mut failed = Self::new(outcome, Reason::Answered(answer));
                failed.note = Some(format!(
                    "nothing was sent, since the credential has no other token than the one that was refused; \
                     it is tried again in {} s",
                    wait.as_secs().saturating_add(1)
                ));
                failed
            }
        }
    }

    /// An answer of the service with a status of failure.
    pub(crate) fn answered(outcome: Outcome, service: ServiceError, metadata: ResponseMetadata) -> Box<Self> {
        Self::new(outcome, Reason::Answered(Box::new((service, metadata))))
    }

    /// The service's answer, if there was one.
    pub(crate) fn answer(&self) -> Option<&Refusal> {
        match &self.reason {
            Reason::Answered(answer) => Some(answer),
            Reason::Broken(_) => None,
        }
    }

    /// An error that another attempt would not change.
    pub(crate) fn last(error: Error) -> Box<Self> {
        let mut failed = Self::broken(RetryCause::Read, error);
        failed.outcome.should_retry = Some(false);
        failed
    }

    /// A connection that did not come about.
    pub(crate) fn unsent(error: Error) -> Box<Self> {
        let is_final = !error.is_retryable();
        let mut failed = Self::broken(RetryCause::Connect, error);
        failed.outcome.should_retry = is_final.then_some(false);
        failed
    }

    /// Whether the service may have received the request.
    pub(crate) fn may_have_reached_service(&self) -> bool {
        match &self.reason {
            Reason::Answered(_) => true,
            Reason::Broken(error) => error.may_have_reached_service(),
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

    /// The error for the caller. `wait` replaces the wait that the answer named.
    pub(crate) fn into_error(self, attempts: u32, deployment: &str, wait: Option<Duration>) -> Error {
        match self.reason {
            Reason::Broken(error) => error.with_attempts(attempts),
            Reason::Answered(answered) => {
                let (service, metadata) = *answered;
                let wait = wait.or(self.outcome.hint);
                let metadata = metadata.with_retry_after(wait);
                Error::service(service, Arc::new(metadata)).with_attempts(attempts).with_deployment(deployment)
            }
        }
    }
}
