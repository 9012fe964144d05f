//! One attempt: a request to one backend, and its answer.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::attempt_error::AttemptError;
use super::backend::{Auth, ResolvedBackend};
use super::body::{ByteStream, NO_CONTENT, StreamTimeouts, read_some, read_whole};
use super::http_client::{HEADER_BYTES, HEADER_FIELDS, HttpClients};
use super::http_error::{headers_too_large, proxy_sign_in, send_error};
use super::operation::Method;
use super::options::Settings;
use super::request_body::RequestBody;
use super::retry::{Outcome, RetryCause};
use super::stage::Stage;
use super::timeout::{Deadline, Timeout};
use super::token::BearerToken;
use crate::error::{Error, ErrorKind, Result, ServiceError};
use crate::response::ResponseMetadata;

/// At most this much of an error's body is read, and for this long.
const ERROR_BYTES: usize = 1024 * 1024;
const ERROR_TIME: Duration = Duration::from_secs(5);

/// A whole answer with status 2xx.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) bytes: Bytes,
    pub(crate) metadata: Arc<ResponseMetadata>,
}

/// A request, and the backend it goes to.
pub(crate) struct Attempt<'a> {
    pub(crate) http: &'a HttpClients,
    pub(crate) backend: &'a ResolvedBackend,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: RequestBody,
    pub(crate) deployment: &'a str,
    pub(crate) settings: &'a Settings,
    /// Its number in the call, from 1.
    pub(crate) number: u32,
    /// The deadline of the whole call.
    pub(crate) end: Option<Deadline>,
}

type Attempted<T> = std::result::Result<T, Box<AttemptError>>;

/// How the body of an answer with status 2xx is read.
pub(crate) trait Receive: Sync {
    type Output: Send;

    fn accept(&self) -> HeaderValue;

    /// The deadline of an attempt, until `receive` is done.
    fn deadline(&self, attempt: &Attempt<'_>, sent: Instant) -> Option<Deadline>;

    fn receive(
        &self,
        attempt: &Attempt<'_>,
        sent: Instant,
        response: reqwest::Response,
        metadata: Arc<ResponseMetadata>,
    ) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// The whole body, and the function that decodes it.
pub(crate) struct Whole<F> {
    pub(crate) limit: usize,
    /// Its `Interrupted` errors are retried, as a connection that breaks is.
    pub(crate) read: F,
}

impl<F, T> Receive for Whole<F>
where
    F: Fn(Answer) -> Result<T> + Send + Sync,
    T: Send,
{
    type Output = T;

    fn accept(&self) -> HeaderValue {
        HeaderValue::from_static("application/json")
    }

    fn deadline(&self, attempt: &Attempt<'_>, _: Instant) -> Option<Deadline> {
        attempt.end
    }

    async fn receive(
        &self,
        _: &Attempt<'_>,
        _: Instant,
        response: reqwest::Response,
        metadata: Arc<ResponseMetadata>,
    ) -> Result<T> {
        match read_whole(response, self.limit).await {
            Ok(bytes) => (self.read)(Answer { bytes, metadata }),
            Err(error) => Err(error.with_metadata(metadata)),
        }
    }
}

/// The body as it comes.
#[derive(Debug)]
pub(crate) enum Streamed {
    /// An event stream, which has at least one event.
    Events,
    /// The content of a file, which may be empty.
    #[cfg(feature = "batch")]
    File,
}

impl Receive for Streamed {
    type Output = ByteStream;

    fn accept(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Events => "text/event-stream",
            #[cfg(feature = "batch")]
            Self::File => "*/*",
        })
    }

    fn deadline(&self, attempt: &Attempt<'_>, sent: Instant) -> Option<Deadline> {
        let first_event = Timeout::FirstEvent(attempt.settings.first_event_timeout).deadline_from(sent);
        Deadline::earliest([first_event, attempt.end])
    }

    async fn receive(
        &self,
        attempt: &Attempt<'_>,
        sent: Instant,
        response: reqwest::Response,
        metadata: Arc<ResponseMetadata>,
    ) -> Result<ByteStream> {
        let first_event = Timeout::FirstEvent(attempt.settings.first_event_timeout).deadline_from(sent);
        let timeouts = StreamTimeouts::new(attempt.settings.stream_idle_timeout, first_event, attempt.end);
        let deployment = attempt.deployment.to_owned();
        let mut stream = ByteStream::new(response, timeouts, metadata, deployment);
        let has_bytes = stream.wait_for_first().await?;
        match self {
            Self::Events if !has_bytes && stream.metadata().status() != NO_CONTENT => {
                return Err(stream.fail(Error::new(ErrorKind::Interrupted, "the answer ended before its first event")));
            }
            Self::Events => {}
            #[cfg(feature = "batch")]
            Self::File => stream.note_event(),
        }
        Ok(stream)
    }
}

impl Attempt<'_> {
    /// Sends the request and reads the answer. `on_answer` runs as soon as there is a status 2xx.
    pub(crate) async fn run<R: Receive>(
        &self,
        receiver: &R,
        on_answer: impl FnOnce(&ResponseMetadata) + Send,
    ) -> Attempted<R::Output> {
        let sent = Instant::now();
        let stage = Stage::default();
        let exchange = self.exchange(receiver, on_answer, &stage);
        let Some(deadline) = receiver.deadline(self, sent) else {
            return exchange.await;
        };
        match tokio::time::timeout_at(deadline.at, exchange).await {
            Ok(done) => done,
            Err(_) => {
                let error = match stage.waits_for() {
                    Some(what) => deadline.timeout.unsent_error(self.number, what, self.url.authority()),
                    None => deadline.timeout.error(),
                };
                Err(AttemptError::last(error.with_deployment(self.deployment).with_reached(stage.is_sent())))
            }
        }
    }

    async fn exchange<R: Receive>(
        &self,
        receiver: &R,
        on_answer: impl FnOnce(&ResponseMetadata) + Send,
        stage: &Stage,
    ) -> Attempted<R::Output> {
        let (name, value, token) = self.authorization().await?;
        stage.set_connecting();
        let sent = Instant::now();
        let client = self.http.client(&self.backend.endpoint);
        let content_type = self.body.content_type().map(|value| (CONTENT_TYPE, value));
        let response = client
            .request(self.method.into(), self.url.clone())
            .headers(self.settings.headers.clone())
            .header(name, value)
            .headers(HeaderMap::from_iter(content_type))
            .header(ACCEPT, receiver.accept())
            .header("x-ms-client-request-id", self.settings.client_request_id.1.clone())
            .body(self.body.start(stage))
            .send()
            .await
            .map_err(|error| {
                let is_unreachable = error.is_connect();
                let error = send_error(error, self.url.authority(), client, self.http.connect_timeout, stage);
                self.log_broken(&error);
                let mut failed = match error.kind() {
                    ErrorKind::Config => AttemptError::last(error),
                    _ if !error.may_have_reached_service() => AttemptError::unsent(error),
                    ErrorKind::Connect if error.is_retryable() => AttemptError::broken(RetryCause::NoAnswer, error),
                    _ => AttemptError::last(error),
                };
                failed.is_unreachable = is_unreachable;
                failed
            })?;
        self.check_head(&response, client)?;
        let metadata = self.metadata(&response, sent);
        self.log_answer(&metadata);
        if !response.status().is_success() {
            return Err(self.refusal(response, metadata, token).await);
        }
        self.check_encoding(&response, &metadata)?;
        on_answer(&metadata);
        receiver.receive(self, sent, response, Arc::new(metadata)).await.map_err(|error| {
            self.log_broken(&error);
            match error.kind() {
                ErrorKind::Interrupted => AttemptError::broken(RetryCause::Read, error),
                _ => AttemptError::last(error),
            }
        })
    }

    /// The header that signs in, and its token. Each attempt gets its own token.
    async fn authorization(&self) -> Attempted<(HeaderName, HeaderValue, Option<Arc<BearerToken>>)> {
        match &self.backend.auth {
            Auth::Key(name, value) => Ok((name.clone(), value.clone(), None)),
            Auth::Token(tokens) => {
                let token = tokens.get(SystemTime::now()).await.map_err(|reason| {
                    tracing::warn!(scope = tokens.scope(), "there is no token to send");
                    AttemptError::no_token(reason)
                })?;
                Ok((token.name.clone(), token.header().clone(), Some(token)))
            }
        }
    }

    fn metadata(&self, response: &reqwest::Response, sent: Instant) -> ResponseMetadata {
        let headers =
            response.headers().iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())));
        ResponseMetadata::new(response.status().as_u16(), headers)
            .with_call(self.settings.client_request_id.0.clone(), self.number, sent.elapsed())
            .with_endpoint(self.backend.endpoint.as_str().to_owned())
    }

    /// Refuses header fields above the limit, since that of hyper is 400 KiB, and a proxy's 407.
    fn check_head(&self, response: &reqwest::Response, client: &reqwest::Client) -> Attempted<()> {
        let fields = response.headers().iter().map(|(name, value)| name.as_str().len().saturating_add(value.len()));
        let size = fields.fold(0_usize, usize::saturating_add);
        let error = if size > HEADER_BYTES || response.headers().len() > HEADER_FIELDS {
            headers_too_large(self.url.authority())
        } else if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            proxy_sign_in(client)
        } else {
            return Ok(());
        };
        self.log_broken(&error);
        Err(AttemptError::last(error))
    }

    /// Refuses a `content-encoding`, since no `accept-encoding` was sent.
    fn check_encoding(&self, response: &reqwest::Response, metadata: &ResponseMetadata) -> Attempted<()> {
        let encoding = response.headers().get(CONTENT_ENCODING);
        if encoding.is_none_or(|encoding| encoding == "identity" || encoding.is_empty()) {
            return Ok(());
        }
        let error =
            Error::new(ErrorKind::Decode, "the answer is compressed although the request had no accept-encoding")
                .with_hint("a gateway on the way adds a content-encoding; switch that off")
                .with_metadata(Arc::new(metadata.clone()));
        Err(AttemptError::last(error))
    }

    async fn refusal(
        &self,
        response: reqwest::Response,
        metadata: ResponseMetadata,
        token: Option<Arc<BearerToken>>,
    ) -> Box<AttemptError> {
        let status = metadata.status();
        if response.status().is_redirection() {
            tracing::warn!(host = self.url.host_str(), status, "a redirect was not followed");
        }
        let service = ServiceError::from_body(&read_some(response, ERROR_BYTES, ERROR_TIME).await);
        // a gateway may wrap a 400 in a 500, which a retry would not change
        let status = service.status(status);
        let outcome = Outcome {
            cause: RetryCause::Status(status),
            hint: metadata.retry_after().or_else(|| service.retry_after()),
            should_retry: metadata.should_retry(),
        };
        let mut failed = AttemptError::answered(outcome, service, metadata);
        failed.refused = token.filter(|_| status == 401);
        failed
    }

    fn log_answer(&self, metadata: &ResponseMetadata) {
        tracing::debug!(
            deployment = self.deployment,
            method = self.method.as_str(),
            host = self.url.host_str(),
            path = self.url.path(),
            status = metadata.status(),
            request_id = metadata.request_id(),
            client_request_id = metadata.client_request_id(),
            attempt = self.number,
            elapsed_ms = metadata.time_to_headers().map(|time| time.as_millis()),
            "answered"
        );
    }

    fn log_broken(&self, error: &Error) {
        tracing::debug!(
            deployment = self.deployment,
            method = self.method.as_str(),
            host = self.url.host_str(),
            path = self.url.path(),
            kind = error.kind().as_str(),
            client_request_id = self.settings.client_request_id.0,
            attempt = self.number,
            "broken"
        );
    }
}
