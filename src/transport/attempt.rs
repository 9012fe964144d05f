//! One attempt: a request goes out, an answer or a trouble comes back.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::Answer;
use super::balancer::Failure;
use super::body::{ByteStream, Clocks, read_some, read_whole};
use super::clock::{Clock, Limit};
use super::drain::Drains;
use super::endpoint::Endpoint;
use super::http::{HEADER_BYTES, HEADER_FIELDS, Http};
use super::http_error::{headers_too_large, proxy_sign_in};
use super::options::Settings;
use super::retry::Outcome;
use super::retry_event::RetryCause;
use super::stage::Stage;
use super::token::{BackendTokens, BearerToken, NoToken, Refusal};
use crate::error::{Error, ErrorKind, Result, Sent, ServiceError};
use crate::response::ResponseMetadata;

/// An error's body is read this far and long.
const ERROR_BYTES: usize = 1024 * 1024;
const ERROR_TIME: Duration = Duration::from_secs(5);

/// How a backend lets the client in, ready to send.
#[derive(Debug)]
pub(crate) enum Auth {
    Key(HeaderName, HeaderValue),
    Token(BackendTokens),
}

impl Auth {
    /// The header's value as it is sent now, if it is known.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        match self {
            Self::Key(_, value) => Some(value.clone()),
            Self::Token(cache) => Some(cache.current()?.header().clone()),
        }
    }

    /// What is sent, for the text of an error; without the secret.
    pub(crate) fn sent(&self) -> Sent {
        match self {
            Self::Key(header, _) => Sent::Key { header: header.as_str().to_owned() },
            Self::Token(cache) if cache.is_given() => Sent::Token,
            Self::Token(cache) => Sent::Credential { scope: Some(cache.scope().to_owned()) },
        }
    }
}

/// One attempt's work order.
pub(crate) struct Attempt<'a> {
    pub(crate) http: &'a Http,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) auth: &'a Auth,
    pub(crate) drains: &'a Arc<Drains>,
    pub(crate) url: Url,
    pub(crate) body: Bytes,
    pub(crate) deployment: &'a str,
    pub(crate) settings: &'a Settings,
    /// Its number in the call, from 1.
    pub(crate) number: u32,
    /// The end of the whole call.
    pub(crate) end: Option<Limit>,
}

/// What a failed attempt leaves behind.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) outcome: Outcome,
    what: What,
    /// No connection came about.
    is_unreachable: bool,
    /// The token that was refused.
    pub(crate) refused: Option<Arc<BearerToken>>,
    /// What the answer does not say, for the end of the error's text.
    pub(crate) note: Option<String>,
}

#[derive(Debug)]
enum What {
    Answered(Box<Refusal>),
    Broken(Error),
}

impl Trouble {
    fn broken(cause: RetryCause, error: Error) -> Box<Self> {
        Self::new(Outcome { cause, hint: None, told: None }, What::Broken(error))
    }

    fn new(outcome: Outcome, what: What) -> Box<Self> {
        Box::new(Self { outcome, what, is_unreachable: false, refused: None, note: None })
    }

    /// Nothing can be sent for want of a token that was not refused before.
    pub(crate) fn no_token(reason: NoToken) -> Box<Self> {
        match reason {
            NoToken::Failed(error) => Self::broken(RetryCause::Credential, error),
            NoToken::Refused(answer, wait) => {
                let outcome = Outcome { cause: RetryCause::Status(401), hint: Some(wait), told: Some(false) };
                let mut trouble = Self::new(outcome, What::Answered(answer));
                trouble.note = Some(format!(
                    "nothing was sent, since the credential has no other token than the one that was answered so; \
                     it is tried again in {} s",
                    wait.as_secs().saturating_add(1)
                ));
                trouble
            }
        }
    }

    /// The service's answer, if there was one.
    pub(crate) fn answer(&self) -> Option<&Refusal> {
        match &self.what {
            What::Answered(answer) => Some(answer),
            What::Broken(_) => None,
        }
    }

    /// Whatever another attempt would not change.
    pub(crate) fn last(error: Error) -> Box<Self> {
        let mut trouble = Self::broken(RetryCause::Read, error);
        trouble.outcome.told = Some(false);
        trouble
    }

    /// A connection that did not come about. Where there is another backend, it is the next.
    fn unsent(error: Error) -> Box<Self> {
        let is_final = !error.is_retryable();
        let mut trouble = Self::broken(RetryCause::Connect, error);
        trouble.outcome.told = is_final.then_some(false);
        trouble
    }

    /// Whether the service may have received the request.
    pub(crate) fn may_have_reached_service(&self) -> bool {
        match &self.what {
            What::Answered(_) => true,
            What::Broken(error) => error.may_have_reached_service(),
        }
    }

    /// What it means for the backend. A connection that broke, headers that are too large and other faults of a
    /// single call mean nothing for the calls beside it.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self.outcome.cause {
            RetryCause::Status(429) => Some(Failure::Busy),
            RetryCause::Status(status @ (500 | 502 | 503 | 504)) => Some(Failure::Down(status)),
            RetryCause::Connect if self.is_unreachable => Some(Failure::Down(0)),
            RetryCause::Credential => Some(Failure::Down(0)),
            _ => None,
        }
    }

    /// The error for the caller, with the wait for all backends where that is another than this one's.
    pub(crate) fn into_error(self, attempts: u32, deployment: &str, wait: Option<Duration>) -> Error {
        match self.what {
            What::Broken(error) => error.with_attempts(attempts),
            What::Answered(answered) => {
                let (service, metadata) = *answered;
                let wait = wait.or(self.outcome.hint);
                let metadata = metadata.with_retry_after(wait);
                Error::service(service, Arc::new(metadata)).with_attempts(attempts).with_deployment(deployment)
            }
        }
    }
}

type Attempted<T> = std::result::Result<T, Box<Trouble>>;

/// How the body of a good answer is taken.
pub(crate) trait Receive: Sync {
    type Output: Send;

    const ACCEPT: HeaderValue;

    /// The end of one attempt, up to what `receive` gives.
    fn limit(&self, attempt: &Attempt<'_>, sent: Instant) -> Option<Limit>;

    fn receive(
        &self,
        attempt: &Attempt<'_>,
        sent: Instant,
        response: reqwest::Response,
        metadata: Arc<ResponseMetadata>,
    ) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// The whole body at once, and what is read from it.
pub(crate) struct Whole<F> {
    pub(crate) limit: usize,
    /// An `Interrupted` error of it is sent again, like a connection that breaks.
    pub(crate) read: F,
}

impl<F, T> Receive for Whole<F>
where
    F: Fn(Answer) -> Result<T> + Send + Sync,
    T: Send,
{
    type Output = T;

    const ACCEPT: HeaderValue = HeaderValue::from_static("application/json");

    fn limit(&self, attempt: &Attempt<'_>, _: Instant) -> Option<Limit> {
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
pub(crate) struct Streamed;

impl Receive for Streamed {
    type Output = ByteStream;

    const ACCEPT: HeaderValue = HeaderValue::from_static("text/event-stream");

    fn limit(&self, attempt: &Attempt<'_>, sent: Instant) -> Option<Limit> {
        let first_event = Clock::FirstEvent(attempt.settings.first_event_timeout).from(sent);
        Limit::first([first_event, attempt.end])
    }

    async fn receive(
        &self,
        attempt: &Attempt<'_>,
        sent: Instant,
        response: reqwest::Response,
        metadata: Arc<ResponseMetadata>,
    ) -> Result<ByteStream> {
        let first_event = Clock::FirstEvent(attempt.settings.first_event_timeout).from(sent);
        let clocks = Clocks::new(attempt.settings.idle_timeout, first_event, attempt.end);
        let deployment = attempt.deployment.to_owned();
        let mut stream = ByteStream::new(response, clocks, metadata, deployment, Arc::clone(attempt.drains));
        stream.wait_for_first().await?;
        Ok(stream)
    }
}

impl Attempt<'_> {
    /// Sends, and takes the answer if it is a good one. `on_answer` runs as soon as a good status is there.
    pub(crate) async fn run<R: Receive>(
        &self,
        receiver: &R,
        on_answer: impl FnOnce(&ResponseMetadata) + Send,
    ) -> Attempted<R::Output> {
        let sent = Instant::now();
        let stage = Stage::default();
        let exchange = self.exchange(receiver, on_answer, &stage);
        let Some(limit) = receiver.limit(self, sent) else {
            return exchange.await;
        };
        match tokio::time::timeout_at(limit.at, exchange).await {
            Ok(done) => done,
            Err(_) => {
                let error = match stage.waits_for() {
                    Some(what) => limit.clock.unsent_error(self.number, what, self.url.authority()),
                    None => limit.clock.error(),
                };
                Err(Trouble::last(error.with_deployment(self.deployment).with_reached(stage.is_sent())))
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
        self.drains.wait().await;
        let sent = Instant::now();
        let client = self.http.client(self.endpoint);
        let response = client
            .post(self.url.clone())
            .headers(self.settings.headers.clone())
            .header(name, value)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(ACCEPT, R::ACCEPT)
            .header("x-ms-client-request-id", self.settings.client_request_id.1.clone())
            .body(stage.body(self.body.clone()))
            .send()
            .await
            .map_err(|error| {
                let is_unreachable = error.is_connect();
                let error = self.http.send_error(error, self.url.authority(), client, stage);
                self.log_broken(&error);
                let mut trouble = match error.kind() {
                    ErrorKind::Config => Trouble::last(error),
                    _ if !error.may_have_reached_service() => Trouble::unsent(error),
                    ErrorKind::Connect if error.is_retryable() => Trouble::broken(RetryCause::NoAnswer, error),
                    _ => Trouble::last(error),
                };
                trouble.is_unreachable = is_unreachable;
                trouble
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
                ErrorKind::Interrupted => Trouble::broken(RetryCause::Read, error),
                _ => Trouble::last(error),
            }
        })
    }

    /// The header that lets the client in. A token is asked for anew on every attempt.
    async fn authorization(&self) -> Attempted<(HeaderName, HeaderValue, Option<Arc<BearerToken>>)> {
        match self.auth {
            Auth::Key(name, value) => Ok((name.clone(), value.clone(), None)),
            Auth::Token(tokens) => {
                let token = tokens.get(SystemTime::now()).await.map_err(|reason| {
                    tracing::warn!(scope = tokens.scope(), "there is no token to send");
                    Trouble::no_token(reason)
                })?;
                Ok((AUTHORIZATION, token.header().clone(), Some(token)))
            }
        }
    }

    fn metadata(&self, response: &reqwest::Response, sent: Instant) -> ResponseMetadata {
        let headers =
            response.headers().iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())));
        ResponseMetadata::new(response.status().as_u16(), headers)
            .with_call(self.settings.client_request_id.0.clone(), self.number, sent.elapsed())
            .with_endpoint(self.endpoint.as_str().to_owned())
    }

    /// Header fields above the limit, which hyper's own limits of 400 KiB let through, and the answer of a proxy.
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
        Err(Trouble::last(error))
    }

    /// None was asked for, and what is not asked for is not unpacked.
    fn check_encoding(&self, response: &reqwest::Response, metadata: &ResponseMetadata) -> Attempted<()> {
        let encoding = response.headers().get(CONTENT_ENCODING);
        if encoding.is_none_or(|encoding| encoding == "identity" || encoding.is_empty()) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Decode, "the answer is compressed although nobody asked for it")
            .with_hint("a gateway on the way adds a content-encoding; switch that off")
            .with_metadata(Arc::new(metadata.clone()));
        Err(Trouble::last(error))
    }

    async fn refusal(
        &self,
        response: reqwest::Response,
        metadata: ResponseMetadata,
        token: Option<Arc<BearerToken>>,
    ) -> Box<Trouble> {
        let status = metadata.status();
        if response.status().is_redirection() {
            tracing::warn!(host = self.url.host_str(), status, "a redirect was not followed");
        }
        let service = ServiceError::from_body(&read_some(response, ERROR_BYTES, ERROR_TIME).await);
        // a refusal that a gateway wraps in a 5xx is refused again
        let status = service.status(status);
        let outcome = Outcome {
            cause: RetryCause::Status(status),
            hint: metadata.retry_after().or_else(|| service.retry_after()),
            told: metadata.should_retry(),
        };
        let mut trouble = Trouble::new(outcome, What::Answered(Box::new((service, metadata))));
        trouble.refused = token.filter(|_| status == 401);
        trouble
    }

    fn log_answer(&self, metadata: &ResponseMetadata) {
        tracing::debug!(
            method = "POST",
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
            method = "POST",
            host = self.url.host_str(),
            path = self.url.path(),
            kind = error.kind().as_str(),
            client_request_id = self.settings.client_request_id.0,
            attempt = self.number,
            "broken"
        );
    }
}
