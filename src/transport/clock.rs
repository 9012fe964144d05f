//! Which clock ran out, in words.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, ErrorKind};

/// A clock and how long it was set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Connect(Duration),
    Call(Duration),
    FirstEvent(Duration),
    Idle(Duration),
    Deadline(Duration),
}

impl Clock {
    fn duration(self) -> Duration {
        match self {
            Self::Connect(set) | Self::Call(set) | Self::FirstEvent(set) | Self::Idle(set) | Self::Deadline(set) => set,
        }
    }

    pub(crate) fn error(self) -> Error {
        let seconds = self.duration().as_secs_f64();
        let text = match self {
            Self::Connect(_) => format!("no connection within {seconds} s"),
            Self::Call(_) => format!("no answer within {seconds} s"),
            Self::FirstEvent(_) => format!("no first event within {seconds} s"),
            Self::Idle(_) => format!("the stream was silent for {seconds} s"),
            Self::Deadline(_) => format!("the deadline of {seconds} s has passed"),
        };
        let error = Error::new(ErrorKind::Timeout, text);
        match self {
            Self::Call(_) => error.with_hint("a reasoning model may need a longer timeout, or stream instead"),
            _ => error,
        }
    }

    /// The same, for an attempt whose request had not been sent. A model that thinks for long has no part in it.
    pub(crate) fn unsent_error(self, attempt: u32, waited_for: &str, host: &str) -> Error {
        let seconds = self.duration().as_secs_f64();
        let text = match self {
            Self::Connect(_) => return self.error(),
            Self::Call(_) => format!("the {seconds} s of the call passed"),
            Self::FirstEvent(_) | Self::Idle(_) => format!("the {seconds} s for a first event passed"),
            Self::Deadline(_) => format!("the deadline of {seconds} s has passed"),
        };
        let what = if attempt > 1 { format!("attempt {attempt}") } else { "the request".to_owned() };
        let text = format!("{text} before {what} was sent to '{host}', while it waited for {waited_for}");
        Error::new(ErrorKind::Timeout, text)
    }

    /// The moment this clock runs out; none if that is beyond what can be told.
    pub(crate) fn from(self, start: Instant) -> Option<Limit> {
        let at = start.checked_add(self.duration())?;
        Some(Limit { at, clock: self })
    }
}

/// A moment, and the clock that runs out then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) at: Instant,
    pub(crate) clock: Clock,
}

impl Limit {
    /// The earliest of some limits.
    pub(crate) fn first<const N: usize>(limits: [Option<Self>; N]) -> Option<Self> {
        limits.into_iter().flatten().min_by_key(|limit| limit.at)
    }
}
