//! The error type of the whole crate, with its kinds, and the error bodies of the service.
//!
//! The text of an [`Error`] is about its own layer, and [`std::error::Error::source`] has the rest. It never has a key, a
//! token, a prompt or an answer. The service's message is part of it (its first line, at most 300 characters) for 401,
//! 403, 404, 408, 409, 429 and 5xx, and for other refusals where code or text is a known one; an unknown 400 may repeat
//! the prompt, so its message is only in [`Error::message`].

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::response::{ContentFilterResults, ParseError, ParseOutcome, ResponseMetadata};
use crate::wire::getters;

pub use self::kind::ErrorKind;
pub(crate) use self::kind::is_retryable_status;
#[cfg(feature = "client")]
use self::next_step::member_of;
pub use self::sent::Sent;
pub use self::service::ServiceError;
pub(crate) use self::unexpected_body::completion_or_error;

mod convert;
mod envelope;
mod kind;
mod next_step;
mod printed;
mod refused;
mod sent;
mod service;
mod text;
pub(crate) mod unexpected_body;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Arc<dyn StdError + Send + Sync + 'static>;

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
#[derive(Clone)]
#[doc(alias = "OpenAIError")]
#[doc(alias = "APIError")]
#[doc(alias = "APIStatusError")]
pub struct Error(Arc<Repr>);

#[derive(Clone)]
struct Repr {
    kind: ErrorKind,
    /// What failed, without the service's message.
    message: String,
    service: Option<ServiceError>,
    metadata: Option<Arc<ResponseMetadata>>,
    attempts: u32,
    deployment: Option<String>,
    hint: Option<String>,
    /// The next step, where those of a chat completion do not apply.
    step: Option<String>,
    /// The id that the client gave the call.
    client_request_id: Option<String>,
    sent: Option<Sent>,
    /// The parameters of the service's error that the request has from `extra`.
    extras: Vec<String>,
    body: Option<Bytes>,
    /// Whether an attempt may have reached the service.
    reached: bool,
    /// Whether another attempt would change nothing, whatever the kind.
    is_final: bool,
    source: Option<Source>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Repr {
            kind,
            message: message.into(),
            service: None,
            metadata: None,
            attempts: 0,
            deployment: None,
            hint: None,
            step: None,
            client_request_id: None,
            sent: None,
            extras: Vec::new(),
            body: None,
            reached: false,
            is_final: false,
            source: None,
        }))
    }

    /// The error for an answer of the service, with status and headers in `metadata`.
    pub(crate) fn service(service: ServiceError, metadata: Arc<ResponseMetadata>) -> Self {
        let kind = service.kind(metadata.status());
        Self::new(kind, "the service gave no reason").changed(|error| {
            error.attempts = metadata.attempts();
            error.reached = true;
            error.service = Some(service);
            error.metadata = Some(metadata);
        })
    }

    fn changed(mut self, change: impl FnOnce(&mut Repr)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
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

    pub(crate) fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.changed(|error| error.source = Some(Arc::from(source.into())))
    }

    pub(crate) fn with_metadata(self, metadata: Arc<ResponseMetadata>) -> Self {
        self.changed(|error| {
            error.attempts = error.attempts.max(metadata.attempts());
            error.reached |= metadata.attempts() > 0;
            error.metadata = Some(metadata);
        })
    }

    pub(crate) fn with_deployment(self, deployment: impl Into<String>) -> Self {
        // an operation of the whole resource has none
        let deployment = Some(deployment.into()).filter(|name| !name.is_empty());
        self.changed(|error| error.deployment = deployment)
    }

    /// Adds a sentence about the next step, after those that follow from the answer.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        self.changed(|error| error.hint = Some(hint.into()))
    }

    /// Adds to the message what a stream that broke lacks.
    pub(crate) fn with_missing(self, missing: &str) -> Self {
        self.changed(|error| {
            error.message.push_str(": ");
            error.message.push_str(missing);
        })
    }

    /// Keeps the bytes that could not be read, for [`body`](Self::body) only.
    pub(crate) fn with_body(self, body: Bytes) -> Self {
        self.changed(|error| error.body = Some(body))
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
    pub fn with_sent(self, sent: Sent) -> Self {
        self.changed(|error| error.sent = Some(sent))
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

    /// The wait that the service named, before the next attempt.
    ///
    /// From `retry-after-ms`, `x-ms-retry-after-ms`, `retry-after` (seconds or date), and for a 429
    /// that has it in its message only, from there.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after()
    }

    /// The filter results that blocked the prompt, when they were sent.
    #[must_use]
    pub fn content_filter(&self) -> Option<&ContentFilterResults> {
        self.0.service.as_ref()?.content_filter()
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
    /// the statuses 408, 409, 429, 500, 502, 503 and 504. Where the answer has the header `x-should-retry`, that decides.
    /// Connect failures that stay are not among them: certificates that are not accepted, a proxy that requires a sign-in, headers
    /// above the limit.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        if self.0.is_final {
            return false;
        }
        if matches!(self.0.kind, ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Interrupted) {
            return true;
        }
        if self.0.service.is_none() && self.0.kind != ErrorKind::RateLimited && self.0.kind != ErrorKind::Service {
            return false;
        }
        let hint = self.0.metadata.as_deref().and_then(ResponseMetadata::should_retry);
        hint.unwrap_or_else(|| match self.status() {
            Some(200) => self.0.service.as_ref().is_some_and(ServiceError::is_transient),
            Some(status) => is_retryable_status(status),
            None => false,
        })
    }

    /// Whether a timeout ran out: one of the client's, or the service's own (408, 504).
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout || matches!(self.status(), Some(408 | 504))
    }

    /// Whether no connection came about, or it broke before an answer came.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        self.0.kind == ErrorKind::Connect
    }

    /// Whether the service limits the rate of requests or tokens; [`retry_after`](Self::retry_after) has the wait.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.0.kind == ErrorKind::RateLimited
    }

    /// Whether a content filter stopped the prompt, or the answer that was parsed.
    #[must_use]
    pub fn is_content_filtered(&self) -> bool {
        self.0.kind == ErrorKind::ContentFiltered
            || self.parse_error().is_some_and(|error| error.outcome() == ParseOutcome::Filtered)
    }

    /// Whether the messages and the requested tokens are more than the model's context holds.
    #[must_use]
    pub fn is_context_length(&self) -> bool {
        self.0.service.as_ref().is_some_and(ServiceError::is_context_length)
    }

    /// Whether the key or the token was refused, or may not do this, or there was no token.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Unauthorized | ErrorKind::Credential)
    }

    /// Whether there is no such deployment or address.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.0.kind == ErrorKind::NotFound
    }

    /// Whether the answer broke off; a stream's `partial()` has what came.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.0.kind == ErrorKind::Interrupted
    }

    /// The error of parsing the answer, for [`ErrorKind::Parse`].
    #[must_use]
    pub fn parse_error(&self) -> Option<&ParseError> {
        self.0.source.as_deref()?.downcast_ref()
    }
}

getters! { error: Error => error.0;
    /// Where the call broke.
    kind: Plain<ErrorKind>;
    /// The error body of the service, by its members.
    service_error = service: ServiceError;
    /// The bytes that could not be read: the body of an answer, or the data of a stream's event. They may hold an answer of
    /// the model: not for logs.
    body: Bytes;
    /// Status and headers of the answer, if there was one.
    metadata: Shared<ResponseMetadata>;
    /// How many attempts were made, those without a connection or a token included; 0 when the request was
    /// stopped before the first.
    attempts: Plain<u32>;
}

#[cfg(feature = "client")]
impl Error {
    /// Notes which parameters of the service's error the request has from `extra`, since the text names the method of each.
    pub(crate) fn with_extras(self, is_extra: impl Fn(&str) -> bool) -> Self {
        let Some(service) = &self.0.service else { return self };
        let extras = service.parameters().map(member_of).filter(|name| is_extra(name)).map(str::to_owned).collect();
        self.changed(|error| error.extras = extras)
    }

    /// Sets the next step in place of those that follow from the answer, which are for chat completions.
    pub(crate) fn with_step(self, step: impl Into<String>) -> Self {
        self.changed(|error| error.step = Some(step.into()))
    }

    /// Puts what failed, or where, before the message.
    pub(crate) fn with_context(self, context: &str) -> Self {
        self.changed(|error| error.message.insert_str(0, &format!("{context}: ")))
    }

    pub(crate) fn with_attempts(self, attempts: u32) -> Self {
        self.changed(|error| error.attempts = attempts)
    }

    /// That this attempt may have reached the service, or an earlier one.
    pub(crate) fn with_reached(self, reached: bool) -> Self {
        self.changed(|error| error.reached |= reached)
    }

    /// The wait in place of the one that the service's answer named, if there was an answer.
    pub(crate) fn with_retry_after(self, wait: Duration) -> Self {
        self.changed(|error| {
            if let (Some(_), Some(metadata)) = (&error.service, &mut error.metadata) {
                let changed = ResponseMetadata::clone(metadata).with_retry_after(Some(wait));
                *metadata = Arc::new(changed);
            }
        })
    }

    /// That another attempt would change nothing.
    pub(crate) fn not_retryable(self) -> Self {
        self.changed(|error| error.is_final = true)
    }

    /// The id that the client gave the call, printed when no answer has one.
    pub(crate) fn with_client_request_id(self, id: &str) -> Self {
        self.changed(|error| error.client_request_id = Some(id.to_owned()))
    }

    /// Keeps message and names of the service out of every text of ours if they hold one of these keys or tokens.
    pub(crate) fn withhold_secrets<'a>(self, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        self.changed(|error| {
            if let Some(service) = &mut error.service {
                service.withhold_secrets(secrets);
            }
        })
    }

    /// The members of the request that the service refuses and that can be left out; empty for other errors.
    pub(crate) fn removable_parameters(&self) -> Vec<&str> {
        self.0.service.as_ref().map(ServiceError::removable).unwrap_or_default()
    }

    pub(crate) fn shared_metadata(&self) -> Option<&Arc<ResponseMetadata>> {
        self.0.metadata.as_ref()
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

    fn retry_after(&self) -> Option<Duration> {
        let wait = self.metadata.as_deref().and_then(ResponseMetadata::retry_after);
        wait.or_else(|| self.service.as_ref()?.retry_after())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // the text of an error of parsing is that of its cause, and is not printed twice
        let source = self.0.source.as_deref().filter(|_| self.0.kind != ErrorKind::Parse);
        source.map(|source| source as &(dyn StdError + 'static))
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
    fn a_wait_that_the_message_names_in_whole_seconds_is_printed_once() {
        let body = br#"{"error": {"code": "429", "message": "Please retry after 60 seconds."}}"#;
        let text = |wait: &str| {
            let metadata = ResponseMetadata::new(429, [("retry-after-ms", wait)]);
            Error::from_response(metadata, body).to_string()
        };
        assert_eq!(text("59312"), "the service answered 429: Please retry after 60 seconds");
        assert!(text("5000").ends_with("; the service names a wait of 5 seconds"), "{}", text("5000"));
    }

    #[test]
    fn a_local_error_prints_its_own_words_and_hint() {
        let error = Error::new(ErrorKind::Config, "the endpoint is empty").with_hint("set AZURE_OPENAI_ENDPOINT");
        assert_eq!(error.to_string(), "the endpoint is empty; set AZURE_OPENAI_ENDPOINT");
        assert_eq!(error.status(), None);
        assert!(!error.is_retryable());
    }
}
