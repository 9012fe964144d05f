//! The error type of the whole crate, with its kinds, and the error bodies of the service.
//!
//! The text of an [`Error`] is about its own layer, and [`std::error::Error::source`] has the rest. It never has a key, a
//! token, a prompt or an answer. The service's message is part of it (its first line, at most 300 characters) for 401,
//! 403, 404, 408, 409, 429 and 5xx, and for other refusals where code or text is a known one; an unknown 400 may repeat
//! the prompt, so its message is only in [`Error::message`].

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::response::ContentFilterResults;
use crate::response::ResponseMetadata;

pub use self::kind::ErrorKind;
pub(crate) use self::kind::is_retryable_status;
pub use self::sent::Sent;
pub use self::service::ServiceError;

mod envelope;
mod kind;
mod next_step;
mod printed;
mod refused;
mod sent;
mod service;
mod setter;
pub(crate) mod unexpected_body;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync + 'static>;

/// Any error of this crate.
///
/// # Example: what to do with it
///
/// ```
/// use azure_openai_chat::{Error, ErrorKind};
///
/// fn explain(error: &Error) -> String {
///     match error.kind() {
///         ErrorKind::RateLimited => format!("slow down, wait {:?}", error.retry_after()),
///         ErrorKind::ContentFiltered => "please rephrase".to_owned(),
///         _ => format!("{error} (request {})", error.request_id().unwrap_or("-")),
///     }
/// }
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/troubleshoot-errors>
pub struct Error(Box<Repr>);

struct Repr {
    kind: ErrorKind,
    /// What failed, without the service's message.
    message: String,
    service: Option<ServiceError>,
    metadata: Option<Arc<ResponseMetadata>>,
    attempts: u32,
    deployment: Option<String>,
    hint: Option<String>,
    /// The id that the client gave the call.
    client_request_id: Option<String>,
    sent: Option<Sent>,
    body: Option<Bytes>,
    /// Whether an attempt may have reached the service.
    reached: bool,
    /// Whether another attempt would change nothing, whatever the kind.
    is_final: bool,
    source: Option<Source>,
}

impl Error {
    /// Most callers want one of the named constructors below.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Repr {
            kind,
            message: message.into(),
            service: None,
            metadata: None,
            attempts: 0,
            deployment: None,
            hint: None,
            client_request_id: None,
            sent: None,
            body: None,
            reached: false,
            is_final: false,
            source: None,
        }))
    }

    /// The error for an answer of the service, with status and headers in `metadata`.
    pub(crate) fn service(service: ServiceError, metadata: Arc<ResponseMetadata>) -> Self {
        let kind = service.kind(metadata.status());
        let mut error = Self::new(kind, "the service gave no reason");
        error.0.attempts = metadata.attempts();
        error.0.reached = true;
        error.0.service = Some(service);
        error.0.metadata = Some(metadata);
        error
    }

    /// The error that an answer with this metadata and body is: for other transports, and for tests.
    ///
    /// # Example: a gateway's refusal
    ///
    /// ```
    /// use azure_openai_chat::{Error, ErrorKind, ResponseMetadata};
    ///
    /// let metadata = ResponseMetadata::new(429, [("retry-after-ms", "1500")]);
    /// let error = Error::from_response(metadata, br#"{"statusCode": 429, "message": "slow down"}"#);
    /// assert_eq!(error.kind(), ErrorKind::RateLimited);
    /// assert_eq!(error.retry_after().unwrap().as_millis(), 1500);
    /// ```
    #[must_use]
    pub fn from_response(metadata: ResponseMetadata, body: &[u8]) -> Self {
        Self::service(ServiceError::from_body(body), Arc::new(metadata))
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    #[cfg(feature = "client")]
    pub(crate) fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// That this attempt may have reached the service, or an earlier one.
    #[cfg(feature = "client")]
    pub(crate) fn with_reached(mut self, reached: bool) -> Self {
        self.0.reached |= reached;
        self
    }

    /// That another attempt would change nothing.
    #[cfg(feature = "client")]
    pub(crate) fn not_retryable(mut self) -> Self {
        self.0.is_final = true;
        self
    }

    pub(crate) fn with_metadata(mut self, metadata: Arc<ResponseMetadata>) -> Self {
        self.0.attempts = self.0.attempts.max(metadata.attempts());
        self.0.metadata = Some(metadata);
        self
    }

    pub(crate) fn with_deployment(mut self, deployment: impl Into<String>) -> Self {
        // an operation of the whole resource has none
        self.0.deployment = Some(deployment.into()).filter(|name| !name.is_empty());
        self
    }

    /// Adds a sentence about the next step, after those that follow from the answer.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds to the message what a stream that broke lacks.
    pub(crate) fn with_missing(mut self, missing: &str) -> Self {
        self.0.message.push_str(": ");
        self.0.message.push_str(missing);
        self
    }

    /// Keeps the bytes that could not be read, for [`body`](Self::body) only.
    pub(crate) fn with_body(mut self, body: Bytes) -> Self {
        self.0.body = Some(body);
        self
    }

    /// What the call was signed in with, for the next step that the text of a 401 or 403 names. The client sets
    /// it; this is for other transports, and for tests.
    ///
    /// # Example: a key that was refused
    ///
    /// ```
    /// use azure_openai_chat::{Error, ResponseMetadata, Sent};
    ///
    /// let body = br#"{"error": {"code": "401", "message": "Access denied."}}"#;
    /// let metadata = ResponseMetadata::new(401, [("apim-request-id", "r1")]);
    /// let error = Error::from_response(metadata, body).with_sent(Sent::Key { header: "api-key".to_owned() });
    /// assert!(error.to_string().contains("compare it with the endpoint's Keys page"));
    /// ```
    #[must_use]
    pub fn with_sent(mut self, sent: Sent) -> Self {
        self.0.sent = Some(sent);
        self
    }

    /// The id that the client gave the call, printed when no answer has one.
    #[cfg(feature = "client")]
    pub(crate) fn with_client_request_id(mut self, id: &str) -> Self {
        self.0.client_request_id = Some(id.to_owned());
        self
    }

    /// Keeps message and names of the service out of every text of ours if they hold one of these keys or tokens.
    #[cfg(feature = "client")]
    pub(crate) fn withhold_secrets<'a>(mut self, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        if let Some(service) = &mut self.0.service {
            service.withhold_secrets(secrets);
        }
        self
    }

    /// Where the call broke.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The status, when there was an answer. When a gateway wraps an error of the service in an answer of its own, such
    /// as a 400 in a 500, the status of the inner error; [`metadata`](Self::metadata) has that of the answer. For a
    /// call that was not sent because the answer to an earlier one named a wait, the status of that answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let answered = self.0.answered();
        let status = self.0.service.as_ref().map_or(answered, |service| service.status(answered));
        (status != 0).then_some(status)
    }

    /// The service's own error code, such as `DeploymentNotFound`, `content_filter` or `429`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.service.as_ref()?.code()
    }

    /// The request parameter that the service refuses: `param`, else the last name of `detail[].loc` of a 422, else the one
    /// that its message names.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.0.service.as_ref()?.param()
    }

    /// The service's `message`, else a text of this crate. It may quote the request: not for logs.
    #[must_use]
    pub fn message(&self) -> &str {
        match self.0.service.as_ref().and_then(ServiceError::message) {
            Some(message) => message,
            None => &self.0.message,
        }
    }

    /// The id to quote to Azure support: from the headers, else from the body of a gateway (`activityId`).
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id()
    }

    /// The members of the request that the service refuses and that can be left out; empty for other errors.
    #[cfg(feature = "client")]
    pub(crate) fn removable_parameters(&self) -> Vec<&str> {
        self.0.service.as_ref().map(ServiceError::removable).unwrap_or_default()
    }

    /// The wait that the service named, before the next attempt.
    ///
    /// From `retry-after-ms`, `x-ms-retry-after-ms`, `retry-after` (seconds or date), and for a 429
    /// that has it in its message only, from there.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0
            .metadata
            .as_deref()
            .and_then(ResponseMetadata::retry_after)
            .or_else(|| self.0.service.as_ref().and_then(ServiceError::retry_after))
    }

    /// The filter results that blocked the prompt, when they were sent.
    #[must_use]
    pub fn content_filter(&self) -> Option<&ContentFilterResults> {
        self.0.service.as_ref()?.content_filter()
    }

    /// The error body of the service, by its members.
    #[must_use]
    pub fn service_error(&self) -> Option<&ServiceError> {
        self.0.service.as_ref()
    }

    /// The bytes that could not be read: the body of an answer, or the data of a stream's event. They may hold an answer of
    /// the model: not for logs.
    #[must_use]
    pub fn body(&self) -> Option<&Bytes> {
        self.0.body.as_ref()
    }

    /// Status and headers of the answer, if there was one.
    #[must_use]
    pub fn metadata(&self) -> Option<&ResponseMetadata> {
        self.0.metadata.as_deref()
    }

    /// How many attempts were made, those without a connection or a token included; 0 when the request was
    /// stopped before the first.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether the service may have received the request, and so may have worked on it and billed it. `false` is
    /// certain: every attempt ended before its request was handed to a connection. `true` means that it may have,
    /// in any of the attempts.
    ///
    /// # Example: a booking that must not be made twice
    ///
    /// ```
    /// use azure_openai_chat::Error;
    ///
    /// fn may_ask_again(error: &Error) -> bool {
    ///     error.is_retryable() && !error.may_have_reached_service()
    /// }
    /// # let _ = may_ask_again;
    /// ```
    #[must_use]
    pub fn may_have_reached_service(&self) -> bool {
        self.0.reached || matches!(self.0.kind, ErrorKind::Decode | ErrorKind::Interrupted)
    }

    /// Whether the same request may succeed later: connect failures, timeouts, interrupted streams and
    /// the statuses 408, 409, 429, 500, 502, 503 and 504, unless `x-should-retry` says otherwise. Connect failures
    /// that stay are not among them: certificates that are not accepted, a proxy that asks for a sign-in, headers
    /// above the limit.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        if self.0.is_final {
            return false;
        }
        match self.0.kind {
            ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Interrupted => true,
            ErrorKind::RateLimited | ErrorKind::Service => {
                let told = self.0.metadata.as_deref().and_then(ResponseMetadata::should_retry);
                told.unwrap_or_else(|| match self.status() {
                    Some(200) => self.0.service.as_ref().is_some_and(ServiceError::is_transient),
                    Some(status) => is_retryable_status(status),
                    None => false,
                })
            }
            _ => false,
        }
    }
}

impl Repr {
    /// The status of the answer; 0 without one.
    fn answered(&self) -> u16 {
        self.metadata.as_deref().map_or(0, ResponseMetadata::status)
    }

    fn request_id(&self) -> Option<&str> {
        let id = self.metadata.as_deref().and_then(ResponseMetadata::request_id);
        id.or_else(|| self.service.as_ref()?.id())
    }

    fn text(&self) -> String {
        let mut text = match &self.service {
            Some(service) => self.answer(service),
            None => self.own_words(),
        };
        if self.attempts > 1 {
            text.push_str(&format!("; {} attempts", self.attempts));
        }
        if let Some(id) = self.request_id().filter(|id| is_id(id)) {
            text.push_str(&format!(" [request id {id}]"));
        } else if let (None, Some(id)) = (&self.metadata, &self.client_request_id)
            // without a token nothing was sent under it
            && !matches!(self.kind, ErrorKind::Config | ErrorKind::Credential)
        {
            text.push_str(&format!(" [client request id {id}]"));
        }
        text
    }

    fn own_words(&self) -> String {
        let mut text = match &self.deployment {
            Some(deployment) => format!("deployment '{deployment}': {}", self.message),
            None => self.message.clone(),
        };
        if let Some(hint) = &self.hint {
            text.push_str("; ");
            text.push_str(hint);
        }
        text
    }

    fn answer(&self, service: &ServiceError) -> String {
        let answered = self.answered();
        let status = service.status(answered);
        let mut text = match &self.deployment {
            Some(deployment) => format!("deployment '{deployment}' answered {answered}"),
            None => format!("the service answered {answered}"),
        };
        if status != answered {
            text.push_str(&format!(" around a {status}"));
        }
        if answered == 200 {
            text.push_str(" and then sent an error");
        }
        // many of Azure's codes are the status again
        let code = service.printable_code().filter(|code| code.parse() != Ok(status));
        match (code, service.printable_param()) {
            (Some(code), Some(param)) => text.push_str(&format!(" ({code}, parameter '{param}')")),
            (Some(code), None) => text.push_str(&format!(" ({code})")),
            (None, Some(param)) => text.push_str(&format!(" (parameter '{param}')")),
            (None, None) => {}
        }
        match service.printable_message(answered) {
            Some(message) => {
                text.push_str(": ");
                text.push_str(message.trim_end_matches('.'));
            }
            None if service.message().is_some() => text.push_str("; message() has the service's words"),
            None => {}
        }
        let steps = next_step::next_steps(service.explained_status(answered), service, self.sent.as_ref());
        for sentence in steps.iter().map(String::as_str).chain(self.hint.as_deref()) {
            text.push_str("; ");
            text.push_str(sentence);
        }
        text
    }
}

/// Whether a text can be the id of a call: short, and without spaces.
fn is_id(text: &str) -> bool {
    text.len() <= 80 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind);
        out.field("text", &self.0.text());
        if let Some(status) = self.status() {
            out.field("status", &status);
        }
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small_and_crosses_threads() {
        fn is_send_sync<T: Send + Sync + 'static>() {}
        is_send_sync::<Error>();
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn a_wait_until_a_date_counts_from_the_answers_own_date() {
        let headers = [("Date", "Wed, 23 Apr 2025 12:02:56 GMT"), ("Retry-After", "Wed, 23 Apr 2025 12:03:06 GMT")];
        let error = Error::from_response(ResponseMetadata::new(503, headers), b"");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(10)));
    }

    #[test]
    fn a_local_error_prints_its_own_words_and_hint() {
        let error = Error::new(ErrorKind::Config, "the endpoint is empty").with_hint("set AZURE_OPENAI_ENDPOINT");
        assert_eq!(error.to_string(), "the endpoint is empty; set AZURE_OPENAI_ENDPOINT");
        assert_eq!(error.status(), None);
        assert!(!error.is_retryable());
    }
}
