//! One call over its attempts: which backend next, whether to wait, when to give up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::attempt::{Attempt, Auth, Receive, Trouble};
use super::clock::Limit;
use super::options::Settings;
use super::pool::Pick;
use super::retry::{Outcome, Progress, decide, with_jitter};
use super::retry_event::{RetryCause, RetryEvent};
use super::{Call, Lane, Route, Transport};
use crate::error::{Error, ErrorKind, Result};
use crate::response::ResponseMetadata;

/// How far a call has come.
struct Journey<'a> {
    call: Call<'a>,
    settings: &'a Settings,
    started: Instant,
    end: Option<Limit>,
    attempts: u32,
    retries: u32,
    /// Waits asked for by what other calls were told.
    paused: Duration,
    /// Backends that failed since the last wait.
    tried: Vec<usize>,
    /// A refused token was replaced; that happens once.
    has_renewed: bool,
    /// The backend with a new token.
    again: Option<usize>,
    last: Option<Failed>,
}

struct Failed {
    trouble: Box<Trouble>,
    deployment: String,
    endpoint: String,
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
        let mut journey = Journey::new(call, settings, end);
        loop {
            let index = self.next(&mut journey).await?;
            let (Some(lane), Some(kept)) = (self.0.lanes.get(index), bodies.get_mut(index)) else {
                return Err(no_backend());
            };
            let deployment = lane.deployment(call.deployment);
            let route = Route { api_version: &lane.api_version, deployment };
            let bytes = match kept {
                Some(bytes) => bytes.clone(),
                None => kept.insert(body(&route)?).clone(),
            };
            journey.attempts = journey.attempts.saturating_add(1);
            let attempt = Attempt {
                http: &self.0.http,
                endpoint: &lane.endpoint,
                auth: &lane.auth,
                drains: &lane.drains,
                url: lane.url(deployment)?,
                body: bytes,
                deployment,
                settings,
                number: journey.attempts,
                end,
            };
            let on_answer = |metadata: &ResponseMetadata| self.note_answer(index, &call, settings, metadata);
            match attempt.run(receiver, on_answer).await {
                Ok(output) => {
                    self.0.budget.give_back();
                    return Ok(output);
                }
                Err(trouble) => self.note_trouble(&mut journey, index, lane, trouble)?,
            }
        }
    }

    /// The backend for the next attempt, after the wait that is due; or the error to end with.
    async fn next(&self, journey: &mut Journey<'_>) -> Result<usize> {
        if let Some(index) = journey.again.take() {
            return Ok(index);
        }
        loop {
            let (wait, status) = match self.pick(journey) {
                Pick::Use(index) => {
                    journey.tell_moved();
                    return Ok(index);
                }
                Pick::Wait { wait, status } => (wait, status),
            };
            if journey.tried.is_empty() {
                // a caller with a retry layer of its own is not kept; the service says no itself
                if self.is_single() && !journey.settings.retry.retries() {
                    return Ok(0);
                }
                let pause = journey.pause(wait).ok_or_else(|| {
                    journey.give_up(Some(wait)).unwrap_or_else(|| self.resting(journey, wait, status))
                })?;
                tracing::debug!(
                    wait_ms = pause.as_millis(),
                    deployment = journey.call.deployment,
                    "keeping a pause that an earlier answer asked for"
                );
                tokio::time::sleep(pause).await;
            } else {
                // among several, what counts is when the first of all is back
                let soonest = Some(wait).filter(|wait| !self.is_single() && !wait.is_zero());
                let wait = self
                    .retry_wait(journey, soonest)
                    .ok_or_else(|| journey.give_up(soonest).unwrap_or_else(no_backend))?;
                tokio::time::sleep(wait).await;
                journey.retries = journey.retries.saturating_add(1);
                journey.tried.clear();
            }
        }
    }

    fn pick(&self, journey: &Journey<'_>) -> Pick {
        let now = self.0.epoch.elapsed();
        let Call { deployment, affinity, unfit, .. } = journey.call;
        self.pool().pick(deployment, affinity, unfit, &journey.tried, now, &mut fastrand::Rng::new())
    }

    fn retry_wait(&self, journey: &Journey<'_>, soonest: Option<Duration>) -> Option<Duration> {
        let failed = journey.last.as_ref()?;
        let own = failed.trouble.outcome;
        let outcome = Outcome { hint: soonest.or(own.hint), ..own };
        let policy = &journey.settings.retry;
        let rng = &mut fastrand::Rng::new();
        let wait = decide(policy, &outcome, journey.progress(), &self.0.budget, rng)?;
        journey.tell(failed, own.cause, wait);
        Some(wait)
    }

    fn note_answer(&self, index: usize, call: &Call<'_>, settings: &Settings, metadata: &ResponseMetadata) {
        let now = self.0.epoch.elapsed();
        let mut pool = self.pool();
        pool.succeeded(index, call.deployment, now);
        let longest = settings.retry.longest_wait();
        if let Some(wait) = self.0.pacing.wait(metadata, longest) {
            pool.pace(index, call.deployment, wait, now);
        }
    }

    /// Lets the pool and the call know what went wrong; an error ends the call.
    fn note_trouble(&self, journey: &mut Journey<'_>, index: usize, lane: &Lane, trouble: Box<Trouble>) -> Result<()> {
        let outcome = trouble.outcome;
        let refused = trouble.refused.clone();
        let failed = Failed {
            trouble,
            deployment: lane.deployment(journey.call.deployment).to_owned(),
            endpoint: lane.endpoint.to_string(),
        };
        if let (Some(token), Auth::Token(cache), false) = (&refused, &lane.auth, journey.has_renewed) {
            cache.forget(token);
            journey.tell(&failed, RetryCause::TokenRefused, Duration::ZERO);
            journey.has_renewed = true;
            journey.again = Some(index);
            return Ok(());
        }
        // alone, a pause that nobody would wait for is not kept: each call hears it from the service
        let is_kept =
            !self.is_single() || outcome.hint.is_some_and(|hint| hint <= journey.settings.retry.longest_wait());
        if let Some(setback) = failed.trouble.setback().filter(|_| is_kept) {
            let now = self.0.epoch.elapsed();
            self.pool().failed(index, journey.call.deployment, setback, outcome.hint, now);
        }
        let may_move = outcome.cause == RetryCause::Credential && !self.is_single();
        let is_over = !outcome.is_retryable() && !may_move;
        journey.last = Some(failed);
        journey.tried.push(index);
        if is_over {
            let error = journey.give_up(None).unwrap_or_else(no_backend);
            return Err(explain(error, lane, journey.call.deployment));
        }
        Ok(())
    }

    fn is_single(&self) -> bool {
        self.0.lanes.len() == 1
    }

    /// Nothing was sent, because earlier calls were told to wait. Looks like what they were told.
    fn resting(&self, journey: &Journey<'_>, wait: Duration, status: u16) -> Error {
        let kind = match status {
            429 => ErrorKind::RateLimited,
            0 => ErrorKind::Connect,
            _ => ErrorKind::Service,
        };
        let who = match self.0.lanes.as_slice() {
            [lane] => format!("deployment '{}'", lane.deployment(journey.call.deployment)),
            _ => "every backend".to_owned(),
        };
        let seconds = wait.as_secs_f64();
        let headers: [(&str, String); 0] = [];
        let metadata = ResponseMetadata::new(status, headers)
            .with_call(journey.settings.client_request_id.0.clone(), 0, Duration::ZERO)
            .with_retry_after(Some(wait));
        Error::new(kind, format!("{who} rests for another {seconds:.3} s after earlier failures; nothing was sent"))
            .with_metadata(Arc::new(metadata))
    }
}

impl<'a> Journey<'a> {
    fn new(call: Call<'a>, settings: &'a Settings, end: Option<Limit>) -> Self {
        Self {
            call,
            settings,
            started: Instant::now(),
            end,
            attempts: 0,
            retries: 0,
            paused: Duration::ZERO,
            tried: Vec::new(),
            has_renewed: false,
            again: None,
            last: None,
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            retries: self.retries,
            elapsed: self.started.elapsed(),
            end: self.end.map(|limit| limit.at.saturating_duration_since(self.started)),
        }
    }

    /// How long to keep a pause, if this call has that much patience.
    fn pause(&mut self, wait: Duration) -> Option<Duration> {
        let policy = &self.settings.retry;
        let progress = self.progress();
        let paused = self.paused.saturating_add(wait);
        let pause = with_jitter(wait, policy.backoff(0), &mut fastrand::Rng::new());
        let is_late = progress.end.is_some_and(|end| progress.elapsed.saturating_add(pause) >= end);
        if !policy.retries() || is_late || paused > policy.longest_wait() {
            return None;
        }
        self.paused = paused;
        Some(pause)
    }

    /// Another backend takes over at once.
    fn tell_moved(&self) {
        if let Some(failed) = self.last.as_ref().filter(|_| !self.tried.is_empty()) {
            self.tell(failed, failed.trouble.outcome.cause, Duration::ZERO);
        }
    }

    fn tell(&self, failed: &Failed, cause: RetryCause, wait: Duration) {
        let event = RetryEvent {
            cause,
            wait,
            attempt: self.attempts,
            deployment: failed.deployment.clone(),
            endpoint: failed.endpoint.clone(),
            client_request_id: self.settings.client_request_id.0.clone(),
        };
        tracing::debug!(
            cause = %event.cause,
            wait_ms = event.wait.as_millis(),
            attempt = event.attempt,
            endpoint = event.endpoint,
            client_request_id = event.client_request_id,
            "trying again"
        );
        self.settings.retry.observe(&event);
    }

    /// The error of the last attempt, if there was one.
    fn give_up(&mut self, wait: Option<Duration>) -> Option<Error> {
        let Failed { trouble, deployment, .. } = self.last.take()?;
        Some(trouble.into_error(self.attempts, &deployment, wait))
    }
}

/// What only the transport knows about a refusal.
fn explain(error: Error, lane: &Lane, deployment: &str) -> Error {
    let used = lane.deployment(deployment);
    match (error.status(), &lane.auth, lane.endpoint.deployment()) {
        (Some(401), Auth::Token(cache), _) => error.with_hint(format!(
            "the token was asked for scope '{}'; another is set with .token_scope(..) on the client builder",
            cache.scope()
        )),
        (Some(404), _, Some(pinned)) if pinned != used => error
            .with_hint(format!("the endpoint was given with deployment '{pinned}', but the request names '{used}'")),
        _ => error,
    }
}

pub(super) fn no_backend() -> Error {
    Error::new(ErrorKind::Config, "the client has no backend")
}
