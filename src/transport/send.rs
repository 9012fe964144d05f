//! One call: attempts over backends until an answer, as [`CallState`] orders them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::attempt::{Attempt, Auth, Receive, Trouble};
use super::call_state::{CallState, Next};
use super::clock::Limit;
use super::options::Settings;
use super::retry_event::{RetryCause, RetryEvent};
use super::token::NoToken;
use super::{Call, Lane, Route, Transport};
use crate::error::{Error, ErrorKind, Result, Sent};
use crate::response::ResponseMetadata;
use bytes::Bytes;
use tokio::time::Instant;

/// What a call leaves behind between two attempts.
struct Failed {
    trouble: Box<Trouble>,
    deployment: String,
    endpoint: String,
    sent: Sent,
    /// Whoever watches has been notified of the retry.
    is_observed: bool,
    /// This attempt or an earlier one may have reached the service.
    has_reached: bool,
}

impl Transport {
    pub(super) async fn send<R, F>(
        &self,
        call: Call<'_>,
        settings: &Settings,
        end: Option<Limit>,
        receiver: &R,
        body: &F,
    ) -> Result<R::Output>
    where
        R: Receive,
        F: Fn(&Route<'_>) -> Result<Bytes> + Send + Sync,
    {
        let mut bodies: Vec<Option<Bytes>> = vec![None; self.0.lanes.len()];
        let (mut attempts, mut has_renewed, mut last) = (0_u32, false, None::<Failed>);
        let mut has_reached = false;
        let mut state = CallState::new(
            &settings.retry,
            call.deployment,
            call.affinity,
            self.0.lanes.len(),
            call.unfit,
            self.now(),
            end.map(|limit| limit.at.saturating_duration_since(self.0.epoch)),
        );
        let mut same_backend = None;
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
                        Some(failed) => failed.observe(settings, attempts, failed.trouble.outcome.cause, wait),
                        None => tracing::debug!(
                            wait_ms = wait.as_millis(),
                            deployment = call.deployment,
                            "waiting as the service asked an earlier call to"
                        ),
                    }
                    tokio::time::sleep(wait).await;
                    continue;
                }
                Next::GiveUp(opening) => {
                    return Err(match (last, opening) {
                        (Some(failed), opening) => {
                            let wait = opening.filter(|_| !self.is_single()).map(|(wait, _)| wait);
                            failed.into_error(settings, attempts, wait)
                        }
                        (None, Some((wait, status))) => self.closed(&call, settings, wait, status),
                        (None, None) => no_backend(),
                    });
                }
            };
            if let Some(failed) = &mut last {
                failed.observe(settings, attempts, failed.trouble.outcome.cause, Duration::ZERO);
            }
            let (Some(lane), Some(kept)) = (self.0.lanes.get(index), bodies.get_mut(index)) else {
                return Err(no_backend());
            };
            let deployment = lane.deployment(call.deployment);
            let route = Route { api_version: &lane.api_version, deployment };
            let bytes = match kept {
                Some(bytes) => bytes.clone(),
                None => kept.insert(body(&route)?).clone(),
            };
            attempts = attempts.saturating_add(1);
            let mut url = lane.url(deployment)?;
            settings.query.append_to(&mut url);
            let attempt = Attempt {
                http: &self.0.http,
                endpoint: &lane.endpoint,
                auth: &lane.auth,
                drains: &lane.drains,
                url,
                body: bytes,
                deployment,
                settings,
                number: attempts,
                end,
            };
            let started = self.now();
            let on_answer = |metadata: &ResponseMetadata| self.note_answer(index, &call, settings, metadata, started);
            let trouble = match attempt.run(receiver, on_answer).await {
                Ok(output) => {
                    if let Some(budget) = self.0.budgets.get(index) {
                        budget.give_back();
                    }
                    return Ok(output);
                }
                Err(trouble) => trouble,
            };
            has_reached |= trouble.may_have_reached_service();
            let limit = receiver.limit(&attempt, Instant::now());
            let after = refused_token(&mut has_renewed, lane, deployment, limit, trouble).await;
            let is_renewed = after.is_ok();
            let mut failed = Failed {
                trouble: after.unwrap_or_else(|trouble| trouble),
                deployment: deployment.to_owned(),
                endpoint: lane.endpoint.to_string(),
                sent: lane.auth.sent(),
                is_observed: false,
                has_reached,
            };
            if is_renewed {
                failed.observe(settings, attempts, RetryCause::TokenRefused, Duration::ZERO);
                same_backend = Some(index);
                last = Some(failed);
                continue;
            }
            let outcome = failed.trouble.outcome;
            self.note_failure(&failed.trouble, &call, settings, index, started);
            // also what another attempt there would not change, such as an expired certificate
            let may_move = matches!(outcome.cause, RetryCause::Connect | RetryCause::Credential) && !self.is_single();
            if !outcome.is_retryable() && !may_move {
                let note = failed.trouble.note.take();
                return Err(explain(failed.into_error(settings, attempts, None), lane, call.deployment, note));
            }
            state.failed(index, &outcome, self.now(), &mut fastrand::Rng::new());
            last = Some(failed);
        }
    }

    /// The time on the clock of balancer and calls.
    fn now(&self) -> Duration {
        self.0.epoch.elapsed()
    }

    fn is_single(&self) -> bool {
        self.0.lanes.len() == 1
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
        let longest = settings.retry.longest_wait();
        if let Some(wait) = self.0.pacing.wait(metadata, longest) {
            balancer.pace(index, call.deployment, wait, self.now());
        }
    }

    /// Starts or prolongs the backend's cooldown. For a single backend, a wait that no call would sit through is not
    /// kept: each call gets it from the service.
    fn note_failure(&self, trouble: &Trouble, call: &Call<'_>, settings: &Settings, index: usize, started: Duration) {
        let hint = trouble.outcome.hint;
        let is_kept = !self.is_single() || hint.is_some_and(|hint| hint <= settings.retry.longest_wait());
        if let Some(failure) = trouble.failure().filter(|_| is_kept) {
            self.balancer().failed(index, call.deployment, failure, hint, started, self.now());
        }
    }

    /// The error of a call that was not sent, because every backend is in a wait that the service named. It looks
    /// like the answers that named it.
    fn closed(&self, call: &Call<'_>, settings: &Settings, wait: Duration, status: u16) -> Error {
        let kind = match status {
            429 => ErrorKind::RateLimited,
            0 => ErrorKind::Connect,
            _ => ErrorKind::Service,
        };
        let who = match self.0.lanes.as_slice() {
            [lane] => format!("deployment '{}'", lane.deployment(call.deployment)),
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
}

impl Failed {
    /// Logs the retry and notifies whoever watches, once for each failed attempt.
    fn observe(&mut self, settings: &Settings, attempt: u32, cause: RetryCause, wait: Duration) {
        if std::mem::replace(&mut self.is_observed, true) {
            return;
        }
        let event = RetryEvent {
            cause,
            wait,
            attempt,
            deployment: self.deployment.clone(),
            endpoint: self.endpoint.clone(),
            client_request_id: settings.client_request_id.0.clone(),
        };
        tracing::debug!(
            cause = %event.cause,
            wait_ms = event.wait.as_millis(),
            attempt = event.attempt,
            endpoint = event.endpoint,
            client_request_id = event.client_request_id,
            "trying again"
        );
        settings.retry.observe(&event);
    }

    fn into_error(self, settings: &Settings, attempts: u32, wait: Option<Duration>) -> Error {
        let error = self.trouble.into_error(attempts, &self.deployment, wait).with_reached(self.has_reached);
        error.with_sent(self.sent).with_client_request_id(&settings.client_request_id.0)
    }
}

/// After a 401 for a token, once in a call: waits for another token, which the same backend is then called with
/// (`Ok`); or gives back what ends the attempt.
async fn refused_token(
    has_renewed: &mut bool,
    lane: &Lane,
    deployment: &str,
    limit: Option<Limit>,
    mut trouble: Box<Trouble>,
) -> std::result::Result<Box<Trouble>, Box<Trouble>> {
    let refused = trouble.refused.take();
    let (Some(token), Some(answer), Auth::Token(tokens)) = (refused, trouble.answer(), &lane.auth) else {
        return Err(trouble);
    };
    let now = SystemTime::now();
    tokens.refuse(token, answer.clone(), now);
    if std::mem::replace(has_renewed, true) {
        return Err(trouble);
    }
    let renewal = tokens.get(now);
    let renewed = match limit {
        Some(limit) => tokio::time::timeout_at(limit.at, renewal).await.map_err(|_| limit),
        None => Ok(renewal.await),
    };
    match renewed {
        Ok(Ok(_)) => Ok(trouble),
        Ok(Err(NoToken::Refused(..))) => {
            trouble.note = Some("the credential has no other token".to_owned());
            Err(trouble)
        }
        Ok(Err(reason @ NoToken::Failed(_))) => Err(Trouble::no_token(reason)),
        Err(limit) => Err(Trouble::last(limit.clock.error().with_deployment(deployment))),
    }
}

/// What only the transport knows about a refusal.
fn explain(error: Error, lane: &Lane, deployment: &str, note: Option<String>) -> Error {
    let used = lane.deployment(deployment);
    match (error.status(), &lane.auth, lane.endpoint.deployment()) {
        (Some(401), Auth::Token(_), _) if note.is_some() => error.with_hint(note.unwrap_or_default()),
        (Some(401), Auth::Key(name, _), _) if lane.endpoint.is_compatible() && name == "api-key" => error.with_hint(
            "the key was sent in 'api-key'; an OpenAI-compatible gateway may want it as a bearer token: \
             ApiKey::new(key).with_bearer()",
        ),
        (Some(404), _, Some(pinned)) if pinned != used => error
            .with_hint(format!("the endpoint was given with deployment '{pinned}', but the request names '{used}'")),
        _ => error,
    }
}

pub(super) fn no_backend() -> Error {
    Error::new(ErrorKind::Config, "the client has no backend")
}
