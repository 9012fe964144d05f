//! What a retry tells those who watch.

use std::fmt;
use std::time::Duration;

/// Why an attempt did not succeed, without anything the caller or the service said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryCause {
    /// The service answered with this status.
    Status(u16),
    /// No connection came about, or the service refused the request before looking at it. Nothing was sent that it
    /// may have worked on.
    Connect,
    /// The connection broke before an answer came. The request may have been sent, and the service may have worked
    /// on it and billed it.
    NoAnswer,
    /// The answer broke off before anything of it was handed out.
    Read,
    /// The credential gave no token.
    Credential,
    /// The service refused the token, and a new one is asked for.
    TokenRefused,
}

impl RetryCause {
    /// Whether the service may have received the request of the attempt that failed, and so may have worked on it
    /// and billed it.
    #[must_use]
    pub fn may_have_reached_service(self) -> bool {
        match self {
            Self::Connect | Self::Credential => false,
            Self::Status(_) | Self::NoAnswer | Self::Read | Self::TokenRefused => true,
        }
    }
}

impl fmt::Display for RetryCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Connect => f.write_str("no connection"),
            Self::NoAnswer => f.write_str("the connection broke before an answer came"),
            Self::Read => f.write_str("the answer broke off"),
            Self::Credential => f.write_str("no token"),
            Self::TokenRefused => f.write_str("token refused"),
        }
    }
}

/// One retry, told before its wait. Holds no secret and nothing of prompt or answer.
#[derive(Debug, Clone)]
pub struct RetryEvent {
    pub(crate) cause: RetryCause,
    pub(crate) wait: Duration,
    pub(crate) attempt: u32,
    pub(crate) deployment: String,
    pub(crate) endpoint: String,
    pub(crate) client_request_id: String,
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
        self.attempt
    }

    /// The deployment that was called.
    #[must_use]
    pub fn deployment(&self) -> &str {
        &self.deployment
    }

    /// The endpoint that was called.
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
