//! The timeouts of a call, the moments at which they run out, and the error for each.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, ErrorKind};

/// A time that may pass at most, with the length it is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timeout {
    /// A whole answer, retries and waits included.
    Call(Duration),
    FirstEvent(Duration),
    /// Between two pieces of a stream.
    Idle(Duration),
    /// The whole call, the last byte of a stream included.
    Total(Duration),
}

impl Timeout {
    fn duration(self) -> Duration {
        match self {
            Self::Call(set) | Self::FirstEvent(set) | Self::Idle(set) | Self::Total(set) => set,
        }
    }

    pub(crate) fn error(self) -> Error {
        let seconds = self.duration().as_secs_f64();
        let text = match self {
            Self::Call(_) => format!("no answer within {seconds} s"),
            Self::FirstEvent(_) => format!("no first event within {seconds} s"),
            Self::Idle(_) => format!("the stream was silent for {seconds} s"),
            Self::Total(_) => format!("the total timeout of {seconds} s has passed"),
        };
        let error = Error::new(ErrorKind::Timeout, text);
        match self {
            Self::Call(_) => error.with_hint("a reasoning model may need a longer timeout, or stream instead"),
            _ => error,
        }
    }

    /// The error for an attempt whose request had not been sent, so that no model can be the reason.
    pub(crate) fn unsent_error(self, attempt: u32, waited_for: Option<&str>, host: &str) -> Error {
        let seconds = self.duration().as_secs_f64();
        let text = match self {
            Self::Call(_) => format!("the {seconds} s of the call passed"),
            Self::FirstEvent(_) | Self::Idle(_) => format!("the {seconds} s for a first event passed"),
            Self::Total(_) => format!("the total timeout of {seconds} s has passed"),
        };
        let what = if attempt > 1 { format!("attempt {attempt}") } else { "the request".to_owned() };
        let waited = waited_for.map(|what| format!(", while it waited for {what}")).unwrap_or_default();
        Error::new(ErrorKind::Timeout, format!("{text} before {what} was sent to '{host}'{waited}"))
    }

    /// The moment at which this timeout runs out when it starts at `start`; none for a duration beyond what
    /// [`Instant`] can hold.
    pub(crate) fn deadline_from(self, start: Instant) -> Option<Deadline> {
        Some(Deadline { at: start.checked_add(self.duration())?, timeout: self })
    }
}

/// A moment, and the timeout that runs out then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) timeout: Timeout,
}

impl Deadline {
    pub(crate) fn earliest<const N: usize>(deadlines: [Option<Self>; N]) -> Option<Self> {
        deadlines.into_iter().flatten().min_by_key(|deadline| deadline.at)
    }
}
