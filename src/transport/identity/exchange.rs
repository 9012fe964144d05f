//! The HTTP client of the credentials of azure_identity, with few tries in little time, and why no token came.
//!
//! azure_identity retries for 60 seconds and more (72 for the metadata service, which cannot be set), and its error has
//! the last of many causes. Here a request is tried three times within 8 seconds, and the error is a [`Problem`], which
//! azure_identity returns without another try.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::{AsyncRawResponse, HttpClient, Request};
use futures_util::TryStreamExt;
use serde_json::Value;
use tokio::time::Instant;

use crate::response::ResponseMetadata;
use crate::transport::http_error::ConnectFailure;
use crate::transport::token::one_line;

/// For one credential, so that one of several does not use up the time of the others.
pub(super) const LINK_TIMEOUT: Duration = Duration::from_secs(15);
const TRIES: u32 = 3;
/// No try begins later than this after the first.
const RETRY_WINDOW: Duration = Duration::from_secs(8);
/// Before the second try; twice as long before the third.
const PAUSE: Duration = Duration::from_millis(800);
/// The longest answer that is read, in bytes; a token has some thousand.
const LONGEST_BODY: usize = 1024 * 1024;
/// The longest text of an answer in ours, in bytes.
const LONGEST_TEXT: usize = 400;

/// Why no token came from Entra ID, the metadata service or App Service.
#[derive(Debug, Clone)]
pub(super) enum Problem {
    /// An answer with a status other than 200.
    Answered { who: &'static str, status: u16, text: String },
    /// No connection, or none that held until the answer was there.
    NotReached { who: &'static str, host: String, reason: String },
    /// No whole answer within the time of a credential.
    Silent { who: &'static str, host: String },
}

impl Problem {
    /// The problem among the causes of an error of azure_identity.
    pub(super) fn among<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(problem) = error.downcast_ref() {
                return Some(problem);
            }
            next = error.source();
        }
        None
    }

    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::NotReached { .. } | Self::Silent { .. } => None,
        }
    }

    /// Whether the same request may succeed in a moment. 404 and 410 are those of a metadata service that starts
    /// or is updated: <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling>.
    fn is_transient(&self) -> bool {
        match self {
            Self::Answered { status, .. } => matches!(status, 404 | 408 | 410 | 429 | 500..=599),
            Self::NotReached { .. } => true,
            Self::Silent { .. } => false,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { who, status, text } if text.is_empty() => write!(f, "{who} answered {status}"),
            Self::Answered { who, status, text } => write!(f, "{who} answered {status}: {text}"),
            Self::NotReached { who, host, reason } => write!(f, "no connection to {who} at '{host}': {reason}"),
            Self::Silent { who, host } => {
                write!(f, "{who} at '{host}' gave no answer within {} s", LINK_TIMEOUT.as_secs())
            }
        }
    }
}

impl StdError for Problem {}

/// An HTTP client for a credential of azure_identity.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) inner: Arc<dyn HttpClient>,
    /// The name of the server, for the texts of errors.
    pub(super) who: &'static str,
}

#[async_trait::async_trait]
impl HttpClient for Exchange {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let started = Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = tokio::time::timeout_at(started + LINK_TIMEOUT, self.try_once(request)).await;
            let (problem, retry_after) = match answer {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failed)) => failed,
                Err(_) => (Problem::Silent { who: self.who, host: host(request) }, None),
            };
            let pause = PAUSE.saturating_mul(tries).max(retry_after.unwrap_or_default());
            let is_late = started.elapsed().saturating_add(pause) > RETRY_WINDOW;
            if tries == TRIES || is_late || !problem.is_transient() {
                // of a kind that azure_identity does not retry
                return Err(azure_core::Error::new(azure_core::error::ErrorKind::Other, problem));
            }
            tokio::time::sleep(pause).await;
        }
    }
}

impl Exchange {
    /// An answer of status 2xx with its whole body, or the problem and its `retry-after`.
    async fn try_once(&self, request: &Request) -> Result<AsyncRawResponse, (Problem, Option<Duration>)> {
        let broken = |error: azure_core::Error| {
            let problem = Problem::NotReached { who: self.who, host: host(request), reason: reason(&error) };
            (problem, None)
        };
        let answer = self.inner.execute_request(request).await.map_err(broken)?;
        let (status, headers, mut body) = answer.deconstruct();
        let mut bytes = Vec::new();
        while let Some(piece) = body.try_next().await.map_err(broken)? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > LONGEST_BODY {
                let reason = format!("the answer is longer than {LONGEST_BODY} bytes");
                return Err((Problem::NotReached { who: self.who, host: host(request), reason }, None));
            }
        }
        if status.is_success() {
            return Ok(AsyncRawResponse::from_bytes(status, headers, bytes));
        }
        let problem = Problem::Answered { who: self.who, status: status.into(), text: message(&bytes) };
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Err((problem, ResponseMetadata::new(status.into(), headers).retry_after()))
    }
}

fn host(request: &Request) -> String {
    request.url().host_str().unwrap_or_default().to_owned()
}

/// The text of an error's body: `error_description` of Entra ID and the metadata service, `message` of App Service.
/// The ids after it are for Azure support; one is enough.
fn message(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return String::new();
    };
    let members = ["/error_description", "/error/message", "/message", "/error"];
    let text = members.into_iter().find_map(|member| body.pointer(member)?.as_str()).unwrap_or_default();
    let Some((text, ids)) = text.split_once("Trace ID:") else {
        return one_line(text, LONGEST_TEXT);
    };
    let text = one_line(text, LONGEST_TEXT);
    match ids.split_whitespace().next() {
        Some(id) => format!("{} (trace id {id})", text.trim_end_matches('.')),
        None => text,
    }
}

/// Why there was no connection: the known failure, else the innermost cause.
fn reason(error: &(dyn StdError + 'static)) -> String {
    if let Some(failure) = ConnectFailure::find(error) {
        return failure.to_string();
    }
    let innermost = std::iter::successors(Some(error), |&error| error.source()).last().unwrap_or(error);
    one_line(&innermost.to_string(), LONGEST_TEXT)
}
