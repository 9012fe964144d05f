//! The transport: a call is sent to backends, attempt after attempt, until there is an answer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::attempt::{Answer, Attempt, Receive, Streamed, Whole};
use super::attempt_error::AttemptError;
use super::backend::{Auth, Backend, ResolvedBackend};
use super::balancer::Balancer;
use super::body::ByteStream;
use super::call_event::{AttemptEvent, CallObserver, RetryEvent};
use super::call_state::{CallState, Next};
use super::endpoint::{Endpoint, check_api_version};
use super::http_client::{HttpClients, HttpSettings};
use super::operation::Operation;
use super::options::{CallOptions, Settings};
use super::pacing::Pacing;
use super::request_body::RequestBody;
use super::retry::{RetryBudget, RetryCause};
use super::timeout::{Deadline, Timeout};
use super::token_cache::{NoToken, TokenCaches};
use crate::error::{Error, ErrorKind, Result};
use crate::model::ApiVersion;
use crate::response::ResponseMetadata;

/// Upper bound of the body of a whole answer, unless the caller sets another.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

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
    pub(crate) body_limit: usize,
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
            body_limit: BODY_LIMIT,
        }
    }
}

/// One call: the operation, the deployment, and how it is called.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) operation: Operation<'a>,
    /// Empty for an operation of the resource.
    pub(crate) deployment: &'a str,
    pub(crate) options: &'a CallOptions,
    /// Calls with the same key go to the same backend while it is available.
    pub(crate) affinity: Option<&'a str>,
    /// Indices of the backends that cannot serve it.
    pub(crate) unfit: &'a [usize],
    pub(crate) observer: Option<&'a dyn CallObserver>,
}

/// The backend's part in a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route<'a> {
    pub(crate) api_version: &'a ApiVersion,
    /// The deployment's name on the backend that is called.
    pub(crate) deployment: &'a str,
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
    /// One for each backend.
    budgets: Vec<RetryBudget>,
    defaults: CallOptions,
    pacing: Pacing,
    body_limit: usize,
    /// The moment from which balancer and calls count time.
    epoch: Instant,
}

/// A failed attempt, until the next step of its call is known.
struct FailedAttempt<'a> {
    error: Box<AttemptError>,
    backend: &'a ResolvedBackend,
    /// The retry after it was logged and observed.
    is_observed: bool,
}

impl Transport {
    pub(crate) fn new(config: Config) -> Result<Self> {
        if let Some(version) = &config.api_version {
            check_api_version(version, "the api version of the client builder")?;
        }
        config.defaults.check_defaults()?;
        let endpoints: Result<Vec<_>> =
            config.backends.iter().map(|backend| backend.endpoint.parse(config.allow_plain_http)).collect();
        let endpoints = endpoints?;
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
            budgets: backends.iter().map(|_| RetryBudget::new()).collect(),
            backends,
            balancer: Mutex::new(balancer),
            defaults: config.defaults,
            pacing: config.pacing,
            body_limit: config.body_limit,
            epoch: Instant::now(),
        })))
    }

    /// Sends a call and waits for its whole answer. `body` runs once for each backend, and `read` for each answer with
    /// status 2xx; its `Interrupted` errors are retried.
    pub(crate) async fn answer<F, B, G, T>(&self, call: Call<'_>, body: F, read: G) -> Result<T>
    where
        F: Fn(&Route<'_>) -> Result<B> + Send + Sync,
        B: Into<RequestBody>,
        G: Fn(Answer) -> Result<T> + Send + Sync,
        T: Send,
    {
        let settings = Settings::new(&self.0.defaults, call.options)?;
        let started = Instant::now();
        let whole = Timeout::Call(settings.answer_timeout).deadline_from(started);
        let end = Deadline::earliest([whole, settings.end_from(started)]);
        self.send(call, &settings, end, &Whole { limit: self.0.body_limit, read }, &body).await
    }

    /// Sends a call and waits for the first bytes of its stream.
    pub(crate) async fn stream<F, B>(&self, call: Call<'_>, receiver: Streamed, body: F) -> Result<ByteStream>
    where
        F: Fn(&Route<'_>) -> Result<B> + Send + Sync,
        B: Into<RequestBody>,
    {
        let settings = Settings::new(&self.0.defaults, call.options)?;
        let end = settings.end_from(Instant::now());
        self.send(call, &settings, end, &receiver, &body).await
    }

    async fn send<R, F, B>(
        &self,
        call: Call<'_>,
        settings: &Settings,
        end: Option<Deadline>,
        receiver: &R,
        body: &F,
    ) -> Result<R::Output>
    where
        R: Receive,
        F: Fn(&Route<'_>) -> Result<B> + Send + Sync,
        B: Into<RequestBody>,
    {
        let mut bodies: Vec<Option<RequestBody>> = vec![None; self.0.backends.len()];
        let (mut attempts, mut has_renewed, mut has_reached) = (0_u32, false, false);
        let (mut last, mut same_backend) = (None::<FailedAttempt<'_>>, None);
        let mut state = CallState::new(
            &settings.retry,
            call.deployment,
            call.affinity,
            self.0.backends.len(),
            call.unfit,
            self.now(),
            end.map(|end| end.at.saturating_duration_since(self.0.epoch)),
        );
        let into_error = |failed: FailedAttempt<'_>, attempts, has_reached, wait| {
            let deployment = failed.backend.deployment(call.deployment);
            failed
                .error
                .into_error(attempts, deployment, wait)
                .with_reached(has_reached)
                .with_sent(failed.backend.auth.sent())
                .with_client_request_id(&settings.client_request_id.0)
        };
        loop {
            let next = match same_backend.take() {
                Some(index) => Next::Send(index),
                None => {
                    let mut balancer = self.balancer();
                    state.next(&mut balancer, &self.0.budgets, self.now(), &mut fastrand::Rng::new())
                }
            };
            let index = match next {
                Next::Send(index) => index,
                Next::Wait(wait) => {
                    match &mut last {
                        Some(failed) => failed.observe(&call, settings, attempts, wait),
                        None => tracing::debug!(
                            wait_ms = wait.as_millis(),
                            deployment = call.deployment,
                            "waiting as the answer to an earlier call requires"
                        ),
                    }
                    tokio::time::sleep(wait).await;
                    continue;
                }
                Next::GiveUp(opening) => {
                    return Err(match (last, opening) {
                        (Some(failed), opening) => {
                            let wait = opening.filter(|_| !self.is_single()).map(|(wait, _)| wait);
                            into_error(failed, attempts, has_reached, wait)
                        }
                        (None, Some((wait, status))) => self.closed(&call, settings, wait, status),
                        (None, None) => no_backend(),
                    });
                }
            };
            if let Some(failed) = &mut last {
                failed.observe(&call, settings, attempts, Duration::ZERO);
            }
            let (Some(backend), Some(kept)) = (self.0.backends.get(index), bodies.get_mut(index)) else {
                return Err(no_backend());
            };
            let deployment = backend.deployment(call.deployment);
            let body = match kept {
                Some(body) => body.clone(),
                None => kept.insert(body(&Route { api_version: &backend.api_version, deployment })?.into()).clone(),
            };
            attempts = attempts.saturating_add(1);
            if let Some(observer) = call.observer {
                observer.on_attempt(attempt_event(attempts, backend, &call, settings));
            }
            let mut url = backend.endpoint.url(&backend.api_version, deployment, call.operation)?;
            settings.query.append_to(&mut url);
            let method = call.operation.method;
            let attempt =
                Attempt { http: &self.0.http, backend, method, url, body, deployment, settings, number: attempts, end };
            let started = self.now();
            let on_answer = |metadata: &ResponseMetadata| self.note_answer(index, &call, settings, metadata, started);
            let error = match attempt.run(receiver, on_answer).await {
                Ok(output) => {
                    if let Some(budget) = self.0.budgets.get(index) {
                        budget.give_back();
                    }
                    return Ok(output);
                }
                Err(error) => error,
            };
            has_reached |= error.may_have_reached_service();
            let deadline = receiver.deadline(&attempt, Instant::now());
            let renewed = renew_token(&mut has_renewed, backend, deployment, deadline, error).await;
            let is_renewed = renewed.is_ok();
            let error = renewed.unwrap_or_else(|error| error);
            let mut failed = FailedAttempt { error, backend, is_observed: false };
            if is_renewed {
                failed.error.outcome.cause = RetryCause::TokenRefused;
                same_backend = Some(index);
                last = Some(failed);
                continue;
            }
            let outcome = failed.error.outcome;
            self.note_failure(&failed.error, &call, settings, index, started);
            // another backend may succeed also where a retry cannot, as after an expired certificate
            let may_move = matches!(outcome.cause, RetryCause::Connect | RetryCause::Credential) && !self.is_single();
            let may_repeat = call.operation.may_repeat
                || outcome.cause == RetryCause::Status(429)
                || !failed.error.may_have_reached_service();
            if !may_repeat || !outcome.is_retryable() && !may_move {
                let note = failed.error.note.take();
                return Err(explain(into_error(failed, attempts, has_reached, None), backend, call.deployment, note));
            }
            state.failed(index, &outcome, self.now(), &mut fastrand::Rng::new());
            last = Some(failed);
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
        if let Some(wait) = self.0.pacing.wait(metadata, settings.retry.longest_wait()) {
            balancer.pace(index, call.deployment, wait, self.now());
        }
    }

    /// Starts or prolongs the backend's cooldown. For a single backend, a wait that no call would accept is not kept, so
    /// that each call gets it from the service.
    fn note_failure(
        &self,
        error: &AttemptError,
        call: &Call<'_>,
        settings: &Settings,
        index: usize,
        started: Duration,
    ) {
        let hint = error.outcome.hint;
        let is_kept = !self.is_single() || hint.is_some_and(|hint| hint <= settings.retry.longest_wait());
        if let Some(failure) = error.failure().filter(|_| is_kept) {
            self.balancer().failed(index, call.deployment, failure, hint, started, self.now());
        }
    }

    /// The error of a call that was not sent, because every backend is in a wait that the service named. It has the
    /// status and the wait of that answer.
    fn closed(&self, call: &Call<'_>, settings: &Settings, wait: Duration, status: u16) -> Error {
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
        let headers: [(&str, String); 0] = [];
        let metadata = ResponseMetadata::new(status, headers)
            .with_call(settings.client_request_id.0.clone(), 0, Duration::ZERO)
            .with_retry_after(Some(wait));
        Error::new(kind, format!("{who} is to be left alone for another {seconds:.3} s; nothing was sent"))
            .with_metadata(Arc::new(metadata))
    }

    /// The first backend's endpoint.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// The endpoint of each backend.
    #[cfg(feature = "telemetry")]
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.0.backends.iter().map(|backend| &backend.endpoint)
    }

    /// The first backend's api version, against which requests are checked.
    pub(crate) fn api_version(&self) -> &ApiVersion {
        &self.0.api_version
    }

    /// The api version of each backend.
    pub(crate) fn api_versions(&self) -> impl Iterator<Item = &ApiVersion> {
        self.0.backends.iter().map(|backend| &backend.api_version)
    }

    /// The address of a call to `deployment` at the first backend.
    pub(crate) fn url_for(&self, deployment: &str) -> Result<String> {
        let backend = self.0.backends.first().ok_or_else(no_backend)?;
        let mut url =
            backend.endpoint.url(&backend.api_version, backend.deployment(deployment), Operation::CHAT_COMPLETIONS)?;
        self.0.defaults.query_parameters().append_to(&mut url);
        Ok(url.into())
    }

    /// For each endpoint that was pasted with another deployment than the one that a call to `deployment` goes to there:
    /// both names.
    pub(crate) fn other_deployments<'a>(&'a self, deployment: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.backends.iter().filter_map(move |backend| {
            let used = backend.deployment(deployment);
            backend.endpoint.deployment().filter(|pasted| *pasted != used).map(|pasted| (pasted, used))
        })
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

impl FailedAttempt<'_> {
    /// Logs the retry and notifies the observer, once for each failed attempt.
    fn observe(&mut self, call: &Call<'_>, settings: &Settings, attempt: u32, wait: Duration) {
        if std::mem::replace(&mut self.is_observed, true) {
            return;
        }
        let cause = self.error.outcome.cause;
        tracing::debug!(
            deployment = call.deployment,
            %cause,
            wait_ms = wait.as_millis(),
            attempt,
            endpoint = self.backend.endpoint.as_str(),
            client_request_id = settings.client_request_id.0,
            "trying again"
        );
        if let Some(observer) = call.observer {
            let failed = attempt_event(attempt, self.backend, call, settings);
            observer.on_retry(RetryEvent { failed, cause, wait });
        }
    }
}

fn attempt_event(attempt: u32, backend: &ResolvedBackend, call: &Call<'_>, settings: &Settings) -> AttemptEvent {
    AttemptEvent {
        attempt,
        deployment: backend.deployment(call.deployment).to_owned(),
        endpoint: backend.endpoint.as_str().to_owned(),
        client_request_id: settings.client_request_id.0.clone(),
    }
}

/// After a 401 for a token, once in a call: waits for another token, with which the same backend is called again (`Ok`);
/// else gives back what ends the attempt.
async fn renew_token(
    has_renewed: &mut bool,
    backend: &ResolvedBackend,
    deployment: &str,
    deadline: Option<Deadline>,
    mut error: Box<AttemptError>,
) -> std::result::Result<Box<AttemptError>, Box<AttemptError>> {
    let refused = error.refused.take();
    let (Some(token), Some(answer), Auth::Token(tokens)) = (refused, error.answer(), &backend.auth) else {
        return Err(error);
    };
    let now = SystemTime::now();
    tokens.refuse(token, answer.clone(), now);
    if std::mem::replace(has_renewed, true) {
        return Err(error);
    }
    let renewal = tokens.get(now);
    let renewed = match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline.at, renewal).await.map_err(|_| deadline),
        None => Ok(renewal.await),
    };
    match renewed {
        Ok(Ok(_)) => Ok(error),
        Ok(Err(NoToken::Refused(..))) => {
            error.note = Some("the credential has no other token".to_owned());
            Err(error)
        }
        Ok(Err(reason @ NoToken::Failed(_))) => Err(AttemptError::no_token(reason)),
        Err(deadline) => Err(AttemptError::last(deadline.timeout.error().with_deployment(deployment))),
    }
}

/// Adds to a refusal what follows from the client's own settings.
fn explain(error: Error, backend: &ResolvedBackend, deployment: &str, note: Option<String>) -> Error {
    let used = backend.deployment(deployment);
    match (error.status(), &backend.auth, backend.endpoint.deployment()) {
        (Some(401), Auth::Token(_), _) if note.is_some() => error.with_hint(note.unwrap_or_default()),
        (Some(401), Auth::Key(name, _), _) if backend.endpoint.is_compatible() && name == "api-key" => error.with_hint(
            "the key was sent in 'api-key'; an OpenAI-compatible gateway may want it as a bearer token: \
             ApiKey::new(key).with_bearer()",
        ),
        (Some(404), _, Some(pinned)) if pinned != used => error
            .with_hint(format!("the endpoint was given with deployment '{pinned}', but the request names '{used}'")),
        _ => error,
    }
}

fn no_backend() -> Error {
    Error::new(ErrorKind::Config, "the client has no backend")
}
