//! One attempt: a request to one backend, and its answer or why it failed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::backend::{Auth, ResolvedBackend};
use super::body::read_some;
use super::call::Call;
use super::http_client::{HEADER_BYTES, HEADER_FIELDS, HttpClients};
use super::http_error::{headers_too_large, proxy_sign_in, send_error};
use super::options::Settings;
use super::request_body::{RequestBody, Stage};
use super::retry::{Outcome, RetryCause};
use super::timeout::{Deadline, Timeout};
use super::token::{AuthHeader, BearerToken};
use super::token_cache::BackendTokens;
use crate::error::{Error, ErrorKind, Result, ServiceError};
use crate::response::ResponseMetadata;

/// At most this much of an error's body is read, and for this long.
const ERROR_BYTES: usize = 1024 * 1024;
const ERROR_TIME: Duration = Duration::from_secs(5);

/// A timeout that ends an attempt sooner is no failure of the backend, as with the little that is left of a deadline.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// A whole answer with status 2xx.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) bytes: Bytes,
    pub(crate) metadata: Arc<ResponseMetadata>,
}

/// What is requested of an answer: its media type, and until when it must be there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) accept: &'static str,
    /// Of a stream.
    pub(crate) first_event_timeout: Option<Duration>,
    /// The deadline of the whole call.
    pub(crate) end: Option<Deadline>,
}

/// The head of an answer with status 2xx, whose body is still to be read.
pub(crate) struct Head {
    pub(crate) response: reqwest::Response,
    pub(crate) metadata: Arc<ResponseMetadata>,
    /// The deployment's name on the backend that answers.
    pub(crate) deployment: String,
    /// The deadline of the first event of a stream.
    pub(crate) first_event: Option<Deadline>,
}

/// A request, and the backend it goes to.
pub(crate) struct Attempt<'a> {
    pub(crate) http: &'a HttpClients,
    pub(crate) backend: &'a ResolvedBackend,
    pub(crate) call: &'a Call<'a>,
    pub(crate) url: Url,
    pub(crate) body: RequestBody,
    pub(crate) deployment: &'a str,
    pub(crate) settings: &'a Settings,
    pub(crate) expected: Expected,
    /// Its number in the call, from 1.
    pub(crate) number: u32,
    /// Whether another token is requested in place of one that is refused.
    pub(crate) may_renew: bool,
}

type Attempted<T> = std::result::Result<T, AttemptError>;

impl Attempt<'_> {
    /// Sends the request, and reads the answer with `receive`, whose `Interrupted` errors are retried. `on_answer` runs as
    /// soon as there is a status 2xx.
    pub(crate) async fn run<T, R: Future<Output = Result<T>> + Send>(
        &self,
        on_answer: impl FnOnce(&ResponseMetadata) + Send,
        receive: &(impl Fn(Head) -> R + Sync),
    ) -> Attempted<T> {
        let (stage, started) = (Stage::default(), Instant::now());
        let first_event = self.expected.first_event_timeout.map(Timeout::FirstEvent);
        let first_event = first_event.and_then(|timeout| timeout.deadline_from(started));
        let exchange = async {
            let head = self.send(&stage, first_event).await?;
            on_answer(&head.metadata);
            receive(head).await.map_err(|error| {
                self.log_broken(&error);
                match error.kind() {
                    ErrorKind::Interrupted => AttemptError::new(RetryCause::Read, error),
                    _ => AttemptError::last(error),
                }
            })
        };
        let Some(deadline) = Deadline::earliest([first_event, self.expected.end]) else {
            return exchange.await;
        };
        // a timeout polls the request once before it looks at the clock, which is enough to send it
        if deadline.at <= started {
            let error = deadline.timeout.unsent_error(self.number, None, self.url.authority());
            return Err(AttemptError::last(error.with_deployment(self.deployment)));
        }
        tokio::time::timeout_at(deadline.at, exchange).await.unwrap_or_else(|_| {
            let error = match stage.waits_for() {
                Some(what) => deadline.timeout.unsent_error(self.number, Some(what), self.url.authority()),
                None => deadline.timeout.error(),
            };
            let error = error.with_deployment(self.deployment).with_reached(stage.is_sent());
            let is_silent = !stage.is_answered() && started.elapsed() >= LEAST_WAIT;
            Err(AttemptError { is_silent, ..AttemptError::last(error) })
        })
    }

    async fn send(&self, stage: &Stage, first_event: Option<Deadline>) -> Attempted<Head> {
        let (auth, token) = self.authorization().await?;
        stage.set_connecting();
        let sent = Instant::now();
        let client = self.http.client(&self.backend.endpoint);
        let content_type = self.body.content_type().map(|value| (CONTENT_TYPE, value));
        let response = client
            .request(self.call.method.clone(), self.url.clone())
            .headers(self.settings.headers.clone())
            .header(auth.name, auth.value)
            .headers(HeaderMap::from_iter(content_type))
            .header(ACCEPT, HeaderValue::from_static(self.expected.accept))
            .header("x-ms-client-request-id", self.settings.client_request_id.1.clone())
            .body(self.body.start(stage))
            .send()
            .await
            .map_err(|error| {
                let is_unreachable = error.is_connect();
                let waited = sent.elapsed();
                let error = send_error(error, self.url.authority(), client, self.http.connect_timeout, stage);
                self.log_broken(&error);
                let mut failed = match error.kind() {
                    ErrorKind::Config => AttemptError::last(error),
                    _ if !error.may_have_reached_service() => AttemptError::new(RetryCause::Connect, error),
                    ErrorKind::Connect if error.is_retryable() => AttemptError::new(RetryCause::NoAnswer, error),
                    _ => AttemptError::last(error),
                };
                if !failed.error.is_retryable() {
                    failed.outcome.should_retry = Some(false);
                }
                let is_silent = is_unreachable || failed.error.kind() == ErrorKind::Timeout && waited >= LEAST_WAIT;
                AttemptError { is_silent, ..failed }
            })?;
        stage.set_answered();
        self.check_head(&response, client)?;
        let metadata = self.metadata(&response, sent);
        self.log_answer(&metadata);
        if !response.status().is_success() {
            return Err(self.refusal(response, metadata, token).await);
        }
        self.check_encoding(&response, &metadata)?;
        let deployment = self.deployment.to_owned();
        Ok(Head { response, metadata: Arc::new(metadata), deployment, first_event })
    }

    /// The header that signs in, and its token. Each attempt gets its own token.
    async fn authorization(&self) -> Attempted<(AuthHeader, Option<Arc<BearerToken>>)> {
        match &self.backend.auth {
            Auth::Key(key) => Ok((key.clone(), None)),
            Auth::Token(tokens) => {
                let token = tokens.get(SystemTime::now()).await.map_err(|error| {
                    tracing::warn!(scope = tokens.cache.scope(), "there is no token to send");
                    AttemptError::no_token(error, self.deployment)
                })?;
                Ok((token.header.clone(), Some(token)))
            }
        }
    }

    fn metadata(&self, response: &reqwest::Response, sent: Instant) -> ResponseMetadata {
        let headers =
            response.headers().iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())));
        ResponseMetadata::new(response.status().as_u16(), headers)
            .with_call(self.settings.client_request_id.0.clone(), self.number, sent.elapsed())
            .with_endpoint(self.backend.endpoint.as_str().to_owned())
            .with_repaired(self.call.left_out)
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
                .with_metadata(Arc::new(metadata.clone()))
                .with_deployment(self.deployment);
        Err(AttemptError::last(error))
    }

    async fn refusal(
        &self,
        response: reqwest::Response,
        metadata: ResponseMetadata,
        token: Option<Arc<BearerToken>>,
    ) -> AttemptError {
        let answered = metadata.status();
        if response.status().is_redirection() {
            tracing::warn!(host = self.url.host_str(), status = answered, "a redirect was not followed");
        }
        let service = ServiceError::from_body(&read_some(response, ERROR_BYTES, ERROR_TIME).await);
        // a gateway may wrap a 400 in a 500, which a retry would not change
        let status = service.status(answered);
        let wait = metadata.retry_after().or_else(|| service.retry_after());
        let error = Error::service(service, Arc::new(metadata.with_retry_after(wait))).with_deployment(self.deployment);
        let (auth, endpoint) = (&self.backend.auth, &self.backend.endpoint);
        if let (401, Auth::Token(tokens), Some(token)) = (status, auth, token) {
            return self.renew(tokens, token, error).await;
        }
        let error = match (status, auth, endpoint.deployment()) {
            (401, Auth::Key(key), _) if endpoint.is_compatible() && key.name == "api-key" => error.with_hint(
                "the key was sent in 'api-key'; an OpenAI-compatible gateway may want it as a bearer token: \
                 ApiKey::new(key).with_bearer()",
            ),
            (404, _, Some(pinned)) if pinned != self.deployment => error.with_hint(format!(
                "the endpoint was given with deployment '{pinned}', but the request names '{}'",
                self.deployment
            )),
            _ => error,
        };
        AttemptError::answered(status, error)
    }

    /// After a 401 for a token: waits for another one, with which the same backend is called again.
    async fn renew(&self, tokens: &BackendTokens, refused: Arc<BearerToken>, error: Error) -> AttemptError {
        let now = SystemTime::now();
        tokens.refuse(refused, error.clone(), now);
        if !self.may_renew {
            return AttemptError::answered(401, error);
        }
        match tokens.get(now).await {
            Ok(_) => AttemptError::new(RetryCause::TokenRefused, error),
            Err(error) if error.kind() == ErrorKind::Credential => AttemptError::no_token(error, self.deployment),
            Err(_) => AttemptError::answered(401, error.with_hint("the credential has no other token")),
        }
    }

    fn log_answer(&self, metadata: &ResponseMetadata) {
        tracing::debug!(
            deployment = self.deployment,
            method = self.call.method.as_str(),
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
            method = self.call.method.as_str(),
            host = self.url.host_str(),
            path = self.url.path(),
            kind = error.kind().as_str(),
            client_request_id = self.settings.client_request_id.0,
            attempt = self.number,
            "broken"
        );
    }
}

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct AttemptError {
    pub(crate) error: Error,
    pub(crate) outcome: Outcome,
    /// No connection came about, or no answer within a timeout of a second or more.
    pub(crate) is_silent: bool,
}

impl AttemptError {
    pub(crate) fn new(cause: RetryCause, error: Error) -> Self {
        Self { error, outcome: Outcome { cause, hint: None, should_retry: None }, is_silent: false }
    }

    /// An error that another attempt would not change.
    pub(crate) fn last(error: Error) -> Self {
        let mut failed = Self::new(RetryCause::Read, error);
        failed.outcome.should_retry = Some(false);
        failed
    }

    /// An answer of the service with this status of failure.
    pub(crate) fn answered(status: u16, error: Error) -> Self {
        let mut failed = Self::new(RetryCause::Status(status), error);
        failed.outcome.hint = failed.error.retry_after();
        failed.outcome.should_retry = failed.error.metadata().and_then(|metadata| metadata.should_retry());
        failed
    }

    /// There was no token to send to `deployment`: the credential failed, or its only token was refused before.
    fn no_token(error: Error, deployment: &str) -> Self {
        if error.kind() == ErrorKind::Credential {
            return Self::new(RetryCause::Credential, error);
        }
        let mut failed = Self::answered(401, error.with_deployment(deployment));
        failed.outcome.should_retry = Some(false);
        failed
    }

    /// The status of the backend's failure, if it is one; 0 without a connection, a token, or an answer in time. A connection
    /// that broke, headers above the limit and other faults of a single call are none.
    pub(crate) fn backend_failure(&self) -> Option<u16> {
        match self.outcome.cause {
            RetryCause::Status(status @ (429 | 500 | 502 | 503 | 504)) => Some(status),
            RetryCause::Credential => Some(0),
            _ => self.is_silent.then_some(0),
        }
    }
}
