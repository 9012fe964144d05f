//! The kinds of errors, and the statuses that are retried.

use crate::wire::closed_enum;

closed_enum! {
    /// The kind of an error, to match on.
    ///
    /// A match needs an arm for kinds that a later release adds: `_ => ..`, or better the question itself, such as
    /// [`Error::is_retryable`](crate::Error::is_retryable) and [`http_status`](Self::http_status).
    ///
    /// # What to answer to one's own callers
    ///
    /// The status is [`http_status`](Self::http_status); "retry" is [`is_retryable`](Self::is_retryable), for the kind alone:
    /// [`Error::is_retryable`](crate::Error::is_retryable) goes by the error's own status and headers.
    ///
    #[doc = include_str!("kinds.md")]
    #[non_exhaustive]
    pub enum ErrorKind {
        /// The client, the endpoint or a credential was set up wrongly; nothing was sent.
        Config = "config",
        /// The request breaks a rule of the model or contradicts itself; nothing was sent. The source is
        /// a [`ValidationError`](crate::ValidationError) with every violation.
        InvalidRequest = "invalid_request",
        /// The service refused the request: 400, 413 or 422.
        #[doc(alias = "BadRequestError")]
        #[doc(alias = "UnprocessableEntityError")]
        Rejected = "rejected",
        /// The credential gave no token.
        Credential = "credential",
        /// The service refused the key or the token, or what it may do: 401 or 403.
        #[doc(alias = "AuthenticationError")]
        #[doc(alias = "PermissionDeniedError")]
        Unauthorized = "unauthorized",
        /// There is no such deployment or address: 404.
        #[doc(alias = "NotFoundError")]
        NotFound = "not_found",
        /// The service answered 429.
        #[doc(alias = "RateLimitError")]
        RateLimited = "rate_limited",
        /// The prompt was blocked by a content filter; see [`Error::content_filter`](crate::Error::content_filter).
        ContentFiltered = "content_filtered",
        /// The service answered with any other error, such as 500 or 503; see [`Error::status`](crate::Error::status).
        #[doc(alias = "InternalServerError")]
        Service = "service",
        /// No connection, or it broke before an answer came; which of the two is in
        /// [`Error::may_have_reached_service`](crate::Error::may_have_reached_service).
        #[doc(alias = "APIConnectionError")]
        Connect = "connect",
        /// A timeout ran out: connect, whole answer, first event, idle stream or whole call.
        #[doc(alias = "APITimeoutError")]
        Timeout = "timeout",
        /// The answer could not be read: not JSON, not an event stream, or too large.
        Decode = "decode",
        /// The answer broke off before it was complete. What came of a stream is kept in its `partial()`.
        Interrupted = "interrupted",
        /// The answer is not what was wanted of it: refused, filtered, cut, empty, a call of tools, or of another type. The
        /// [`ParseError`](crate::ParseError) is in [`Error::parse_error`](crate::Error::parse_error).
        Parse = "parse",
    }
}

impl ErrorKind {
    /// The status for the callers of one's own service: 400 and 404 where the caller's request is the reason, 429 for the
    /// limit, 500 where the service's own setup is, 502 and 504 where Azure is.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::Rejected | Self::ContentFiltered => 400,
            Self::NotFound => 404,
            Self::RateLimited => 429,
            // a 401 would mean to the caller that its own key is wrong
            Self::Config | Self::Credential | Self::Unauthorized => 500,
            Self::Service | Self::Connect | Self::Decode | Self::Interrupted | Self::Parse => 502,
            Self::Timeout => 504,
        }
    }

    /// Whether the same request may succeed later, as far as the kind decides it.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Service | Self::Connect | Self::Timeout | Self::Interrupted)
    }

    /// The kind of an answer with this error status.
    pub(super) fn of_status(status: u16) -> Self {
        match status {
            400 | 413 | 422 => Self::Rejected,
            401 | 403 => Self::Unauthorized,
            404 => Self::NotFound,
            429 => Self::RateLimited,
            _ => Self::Service,
        }
    }
}

/// The statuses after which the same request may be sent again.
pub(crate) fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 409 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_documentation_is_the_code() {
        let lines = ErrorKind::ALL.iter().map(|kind| {
            let retry = if kind.is_retryable() { "yes" } else { "no" };
            format!("| `{kind:?}` | `{kind}` | {} | {retry} |", kind.http_status())
        });
        let head = ["| kind | `as_str()` | status | retry |", "|---|---|--:|---|"].map(str::to_owned);
        let table: Vec<String> = head.into_iter().chain(lines).collect();
        assert_eq!(include_str!("kinds.md").trim_end(), table.join("\n"));
    }

    #[test]
    fn a_kind_in_snake_case_is_its_name() {
        for kind in ErrorKind::ALL {
            let snake: String = format!("{kind:?}")
                .chars()
                .flat_map(|c| [c.is_uppercase().then_some('_'), Some(c.to_ascii_lowercase())])
                .flatten()
                .collect();
            assert_eq!(kind.as_str(), snake.trim_start_matches('_'));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
