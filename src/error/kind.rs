//! The kinds of errors, and the statuses that are retried.

use std::fmt;

/// The kind of an error, to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client, the endpoint or a credential was set up wrongly; nothing was sent.
    Config,
    /// The request breaks a rule of the model or contradicts itself; nothing was sent. The source is
    /// a [`ValidationError`](crate::request::ValidationError) with every violation.
    InvalidRequest,
    /// The credential gave no token.
    Credential,
    /// No connection, or it broke before an answer came; which of the two is in
    /// [`Error::may_have_reached_service`](crate::Error::may_have_reached_service).
    Connect,
    /// A timeout ran out: connect, whole call, first event, idle or deadline.
    Timeout,
    /// The service answered 429.
    RateLimited,
    /// The prompt was blocked by a content filter; see [`Error::content_filter`](crate::Error::content_filter).
    ContentFiltered,
    /// The service answered with any other error; see [`Error::status`](crate::Error::status) and [`Error::code`](crate::Error::code).
    Service,
    /// The answer could not be read: not JSON, not an event stream, or too large.
    Decode,
    /// The answer broke off before it was complete. What came of a stream is kept in its `partial()`.
    Interrupted,
}

impl ErrorKind {
    /// The name of the variant, such as `RateLimited`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "Config",
            Self::InvalidRequest => "InvalidRequest",
            Self::Credential => "Credential",
            Self::Connect => "Connect",
            Self::Timeout => "Timeout",
            Self::RateLimited => "RateLimited",
            Self::ContentFiltered => "ContentFiltered",
            Self::Service => "Service",
            Self::Decode => "Decode",
            Self::Interrupted => "Interrupted",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The statuses after which the same request may be sent again.
pub(crate) fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 409 | 429 | 500 | 502 | 503 | 504)
}
