//! The transport: a call is sent to backends, attempt after attempt, until there is an answer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{Answer, Attempt, AttemptError, Expected, Head};
use super::backend::{Backend, ResolvedBackend};
use super::balancer::Balancer;
use super::body::{ByteStream, NO_CONTENT, StreamTimeouts, read_whole};
use super::call::{CHAT_COMPLETIONS, Call, Route, Streamed};
use super::call_event::AttemptParts;
use super::call_state::{CallState, Next};
use super::credential::Kind;
use super::endpoint::{Endpoint, check_api_version};
use super::http_client::{HttpClients, HttpSettings};
use super::options::{CallOptions, Settings};
use super::pacing::Pacing;
use super::request_body::RequestBody;
use super::retry::RetryCause;
use super::timeout::{Deadline, Timeout};
use super::token_cache::TokenCaches;
use crate::error::{Error, ErrorKind, Result};
use crate::model::ApiVersion;
use crate::response::ResponseMetadata;

/// The settings of a transport. Has no `Debug`, because reqwest's builder prints its default headers.
pub(crate) struct Config {
    pub(crate) backends: Vec<Backend>,
    /// For backends without one of their own; by default what the endpoint implies, else v1.
    pub(crate) api_version: Option<ApiVersion>,
    /// For backends without one of their own; by default that of the cloud and api version.
    pub(crate) token_scope: Option<String>,
    /// Whether endpoints on other machines may have plain HTTP.
    pub(crate) allow_plain_http: bool,
    pub(crate) http: HttpSettings,
    pub(crate) defaults: CallOptions,
    pub(crate) pacing: Pacing,
    /// Of a whole answer, in bytes.
    pub(crate) max_response_bytes: usize,
}

impl Config {
    pub(crate) fn new(backend: Backend) -> Self {
        Self {
            backends: vec![backend],
            api_version: None,
            token_scope: None,
            allow_plain_http: false,
            http: HttpSettings::default(),
            defaults: CallOptions::new(),
            pacing: Pacing::Off,
            max_response_bytes: 256 * 1024 * 1024,
        }
    }
}

/// Sends calls. Clones share connections, tokens, cooldowns and the retry budget.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Inner>);

struct Inner {
    /// Of the first backend.
    endpoint: Endpoint,
    /// Of the first backend.
    api_version: ApiVersion,
    http: HttpClients,
    backends: Vec<ResolvedBackend>,
    balancer: Mutex<Balancer>,
    defaults: CallOptions,
    pacing: Pacing,
    max_response_bytes: usize,
    /// The moment from which balancer and calls count time.
    epoch: Instant,
}

impl Transport {
    pub(crate) fn new(config: Config) -> Result<Self> {
        if let Some(version) = &config.api_version {
            check_api_version(version, "the api version of the client builder")?;
        }
        config.defaults.check_defaults()?;
        let count = config.backends.len();
        let of_backend = |index: usize, error: Error| match count {
            0 | 1 => error,
            _ => error.with_context(&format!("backend {} of {count}", index.saturating_add(1))),
        };
        let endpoints = config.backends.iter().enumerate().map(|(index, backend)| {
            let key = match &backend.credential.0 {
                Kind::Key(key) => key.header().map(drop),
                _ => Ok(()),
            };
            let endpoint = backend.endpoint.check(config.allow_plain_http);
            endpoint.and_then(|endpoint| key.map(|()| endpoint)).map_err(|error| of_backend(index, error))
        });
        let endpoints = endpoints.collect::<Result<Vec<_>>>()?;
        let signs_in = config.backends.iter().any(|backend| backend.credential.is_default());
        let http = HttpClients::new(config.http, &endpoints, signs_in)?;
        let (mut balancer, mut backends, mut caches) = (Balancer::default(), Vec::new(), TokenCaches::new(&http));
        for (backend, endpoint) in config.backends.into_iter().zip(endpoints) {
            let (priority, weight) = (backend.priority, backend.weight);
            let (version, scope) = (config.api_version.as_ref(), config.token_scope.as_deref());
            let backend = ResolvedBackend::new(backend, endpoint, version, scope, &mut caches)?;
            balancer.add(&backend.name(), priority, weight);
            backends.push(backend);
        }
        let endpoints = backends.iter().map(|backend| &backend.endpoint);
        let exposed: Vec<&str> = endpoints.filter(|it| it.is_exposed()).map(Endpoint::as_str).collect();
        if !exposed.is_empty() {
            tracing::warn!(
                endpoints = exposed.join(", "),
                "plain http was allowed: keys, tokens, prompts and answers are readable on the way"
            );
        }
        let first = backends.first().ok_or_else(no_backend)?;
        Ok(Self(Arc::new(Inner {
            endpoint: first.endpoint.clone(),
            api_version: first.api_version.clone(),
            http,
            backends,
            balancer: Mutex::new(balancer),
            defaults: config.defaults,
            pacing: config.pacing,
            max_response_bytes: config.max_response_bytes,
            epoch: Instant::now(),
        })))
    }

    /// Sends a call and waits for its whole answer. `body` runs for each attempt, and `read` for each answer with status
    /// 2xx; its `Interrupted` errors are retried.
    pub(crate) async fn answer<T: Send, B: Into<RequestBody>>(
        &self,
        call: Call<'_>,
        body: impl Fn(&Route<'_>) -> Result<B> + Send + Sync,
        read: impl Fn(Answer) -> Result<T> + Send + Sync,
    ) -> Result<T> {
        let settings = Settings::new(&self.0.defaults, call.options)?;
        let started = Instant::now();
        let whole = Timeout::Call(settings.answer_timeout).deadline_from(started);
        let end = Deadline::earliest([whole, settings.end_from(started)]);
        let expected = Expected { accept: "application/json", first_event_timeout: None, end };
        let (limit, read) = (self.0.max_response_bytes, &read);
        let receive = |head: Head| async move {
            let answer = match read_whole(head.response, limit).await {
                Ok(bytes) => read(Answer { bytes, metadata: head.metadata }),
                Err(error) => Err(error.with_metadata(head.metadata)),
            };
            answer.map_err(|error| error.with_deployment(head.deployment))
        };
        self.send(&call, &settings, expected, &|route| Ok(body(route)?.into()), &receive).await
    }

    /// Sends a call and waits for the first bytes of its stream.
    pub(crate) async fn stream<B: Into<RequestBody>>(
        &self,
        call: Call<'_>,
        form: Streamed,
        body: impl Fn(&Route<'_>) -> Result<B> + Send + Sync,
    ) -> Result<ByteStream> {
        let settings = Settings::new(&self.0.defaults, call.options)?;
        let end = settings.end_from(Instant::now());
        let accept = match form {
            Streamed::Events => "text/event-stream",
            #[cfg(feature = "batch")]
            Streamed::File => "*/*",
        };
        let expected = Expected { accept, first_event_timeout: Some(settings.first_event_timeout), end };
        let idle = settings.stream_idle_timeout;
        let receive = |head: Head| async move {
            let timeouts = StreamTimeouts::new(idle, head.first_event, end);
            let mut stream = ByteStream::new(head.response, timeouts, head.metadata, head.deployment);
            let has_bytes = stream.wait_for_first().await?;
            match form {
                Streamed::Events if !has_bytes && stream.metadata().status() != NO_CONTENT => {
                    let text = "the answer ended before its first event";
                    return Err(stream.fail(Error::new(ErrorKind::Interrupted, text)));
                }
                Streamed::Events => {}
                #[cfg(feature = "batch")]
                Streamed::File => stream.note_event(),
            }
            Ok(stream)
        };
        self.send(&call, &settings, expected, &|route| Ok(body(route)?.into()), &receive).await
    }

    async fn send<T, R: Future<Output = Result<T>> + Send>(
        &self,
        call: &Call<'_>,
        settings: &Settings,
        expected: Expected,
        body: &(dyn Fn(&Route<'_>) -> Result<RequestBody> + Send + Sync),
        receive: &(impl Fn(Head) -> R + Sync),
    ) -> Result<T> {
        let mut bodies: Vec<Option<RequestBody>> = vec![None; self.0.backends.len()];
        let (mut attempts, mut may_renew, mut has_reached) = (call.attempts_before, true, false);
        // the error of the last attempt, and that attempt and why it failed until its retry is observed
        let (mut last, mut retry) = (None::<Error>, None::<(AttemptParts<'_>, RetryCause)>);
        let mut state = CallState::new(
            &settings.retry,
            call.deployment,
            call.affinity,
            self.0.backends.len(),
            call.unfit,
            self.now(),
            expected.end.map(|end| end.at.saturating_duration_since(self.0.epoch)),
        );
        loop {
            let next = state.next(&mut self.balancer(), self.now(), &mut fastrand::Rng::new());
            let index = match next {
                Next::Send(index) => index,
                Next::Wait(wait) => {
                    match retry.take() {
                        Some((failed, cause)) => call.observe_retry(failed, cause, wait),
                        None => tracing::debug!(
                            wait_ms = wait.as_millis(),
                            deployment = call.deployment,
                            "waiting as the answer to an earlier call requires"
                        ),
                    }
                    tokio::time::sleep(wait).await;
                    continue;
                }
                Next::GiveUp(opening) => return Err(self.give_up(call, settings, last, opening)),
            };
            if let Some((failed, cause)) = retry.take() {
                call.observe_retry(failed, cause, Duration::ZERO);
            }
            let (Some(backend), Some(kept)) = (self.0.backends.get(index), bodies.get_mut(index)) else {
                return Err(no_backend());
            };
            let deployment = backend.deployment(call.deployment);
            let body = match kept {
                Some(body) => body.clone(),
                None => kept.insert(body(&Route { api_version: &backend.api_version, deployment })?).clone(),
            };
            attempts = attempts.saturating_add(1);
            let client_request_id = settings.client_request_id.0.as_str();
            let parts = AttemptParts { number: attempts, deployment, endpoint: &backend.endpoint, client_request_id };
            if let Some(observer) = call.observer {
                observer.on_attempt(parts);
            }
            let target = (!call.is_of_resource).then_some(deployment);
            let mut url = backend.endpoint.url(&backend.api_version, target, call.path)?;
            settings.query.append_to_query(&mut url);
            let attempt = Attempt {
                http: &self.0.http,
                backend,
                call,
                url,
                body,
                deployment,
                settings,
                expected,
                number: attempts,
                may_renew,
            };
            let started = self.now();
            let on_answer = |metadata: &ResponseMetadata| self.note_answer(index, call, settings, metadata, started);
            let failed = match attempt.run(on_answer, receive).await {
                Ok(output) => return Ok(output),
                Err(failed) => failed,
            };
            let outcome = failed.outcome;
            let is_unserved = outcome.cause == RetryCause::Status(429) || !failed.error.may_have_reached_service();
            has_reached |= failed.error.may_have_reached_service();
            if outcome.cause == RetryCause::TokenRefused {
                may_renew = false;
                state.send_again(index);
            } else {
                self.note_failure(index, call, settings, &failed, started);
                state.failed(index, &outcome, self.now(), &mut fastrand::Rng::new());
            }
            let error = failed
                .error
                .with_attempts(attempts)
                .with_reached(has_reached)
                .with_sent(backend.auth.sent())
                .with_client_request_id(&settings.client_request_id.0);
            // another backend may succeed also where a retry cannot, as after an expired certificate
            let may_move = matches!(outcome.cause, RetryCause::Connect | RetryCause::Credential) && !self.is_single();
            let is_over = !is_unserved && !call.may_repeat() || !outcome.is_retryable() && !may_move;
            if is_over && outcome.cause != RetryCause::TokenRefused {
                return Err(error);
            }
            retry = Some((parts, outcome.cause));
            last = Some(error);
        }
    }

    /// The time since the epoch of balancer and calls.
    fn now(&self) -> Duration {
        self.0.epoch.elapsed()
    }

    fn is_single(&self) -> bool {
        self.0.backends.len() == 1
    }

    fn balancer(&self) -> MutexGuard<'_, Balancer> {
        self.0.balancer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_answer(
        &self,
        index: usize,
        call: &Call<'_>,
        settings: &Settings,
        metadata: &ResponseMetadata,
        started: Duration,
    ) {
        let mut balancer = self.balancer();
        balancer.succeeded(index, call.deployment, started);
        if let Some(wait) = self.0.pacing.wait(metadata, settings.retry.max_server_wait) {
            balancer.pace(index, call.deployment, wait, self.now());
        }
    }

    /// Starts or prolongs the backend's cooldown. For a single backend, a wait that no call would accept is not kept, so
    /// that each call gets it from the service.
    fn note_failure(
        &self,
        index: usize,
        call: &Call<'_>,
        settings: &Settings,
        failed: &AttemptError,
        started: Duration,
    ) {
        let hint = failed.outcome.hint.filter(|hint| !self.is_single() || *hint <= settings.retry.max_server_wait);
        if let Some(status) = failed.backend_failure() {
            self.balancer().failed(index, call.deployment, status, hint, started, self.now());
        }
    }

    /// The error of a call for which nothing more is tried. Where every backend is in a wait that the service named, it has
    /// the shortest; where nothing was sent for that reason, also the status of that answer.
    fn give_up(
        &self,
        call: &Call<'_>,
        settings: &Settings,
        last: Option<Error>,
        opening: Option<(Duration, u16)>,
    ) -> Error {
        let (wait, status) = match (last, opening) {
            (Some(error), Some((wait, _))) if !self.is_single() => return error.with_retry_after(wait),
            (Some(error), _) => return error,
            (None, None) => return no_backend(),
            (None, Some(opening)) => opening,
        };
        let kind = match status {
            429 => ErrorKind::RateLimited,
            0 => ErrorKind::Connect,
            _ => ErrorKind::Service,
        };
        let who = match self.0.backends.as_slice() {
            [backend] => format!("deployment '{}'", backend.deployment(call.deployment)),
            _ => "every backend".to_owned(),
        };
        let seconds = wait.as_secs_f64();
        let metadata = ResponseMetadata::new::<&str, String>(status, [])
            .with_call(settings.client_request_id.0.clone(), call.attempts_before, Duration::ZERO)
            .with_retry_after(Some(wait));
        Error::new(kind, format!("{who} is to be left alone for another {seconds:.3} s; nothing was sent"))
            .with_metadata(Arc::new(metadata))
    }

    /// The first backend's endpoint.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    pub(crate) fn backends(&self) -> &[ResolvedBackend] {
        &self.0.backends
    }

    /// The first backend's api version, against which requests are checked.
    pub(crate) fn api_version(&self) -> &ApiVersion {
        &self.0.api_version
    }

    /// The address of a call to `deployment` at the first backend.
    pub(crate) fn url_for(&self, deployment: &str) -> Result<String> {
        let backend = self.0.backends.first().ok_or_else(no_backend)?;
        let deployment = backend.deployment(deployment);
        let mut url = backend.endpoint.url(&backend.api_version, Some(deployment), CHAT_COMPLETIONS)?;
        self.0.defaults.query_parameters().append_to_query(&mut url);
        Ok(url.into())
    }

    /// Keeps the service's message out of the text of an error when it repeats a key, a token, or a value of a header or
    /// of a query parameter.
    pub(crate) fn withhold_secrets(&self, error: Error, options: &CallOptions) -> Error {
        let tokens: Vec<_> = self.0.backends.iter().filter_map(|backend| backend.auth.header()).collect();
        let secrets = tokens.iter().filter_map(|value| value.to_str().ok());
        let secrets = secrets.map(|text| text.strip_prefix("Bearer ").unwrap_or(text));
        let values = [&self.0.defaults, options].map(CallOptions::values).into_iter().flatten();
        error.withhold_secrets(secrets.chain(values))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("backends", &self.0.backends).finish_non_exhaustive()
    }
}

fn no_backend() -> Error {
    Error::new(ErrorKind::Config, "the client has no backend")
}
