//! Whether to send again, and when.
//!
//! One pure function gives the wait before the next attempt on the same backend, from what failed, how long the
//! call has run and a source of randomness. It sends again after a connect failure, a read failure before anything was handed out, and the
//! statuses 408, 409, 429, 500, 502, 503 and 504, unless the server's `x-should-retry` says otherwise. The
//! server's wait is a floor: jitter is added to it and never taken from it. A wait above
//! [`RetryPolicy::max_retry_delay`] or past a deadline is not begun; the error comes back at once with
//! [`Error::retry_after`](crate::Error::retry_after) set.
//!
//! All calls draw on one budget for each backend, so that an outage does not multiply the load: each retry
//! costs one token of a hundred, each success gives a tenth back. A 429 that names its wait is free, since
//! the server sets the pace itself.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::retry_event::{RetryCause, RetryEvent};
use crate::error::is_retryable_status;

/// How often, how long and how patiently to send again.
///
/// # Example: a patient batch job that watches its retries
///
/// ```
/// use std::time::Duration;
/// use azure_openai_chat::transport::RetryPolicy;
///
/// let policy = RetryPolicy::default()
///     .max_retries(5)
///     .deadline(Duration::from_secs(300))
///     .on_retry(|event| eprintln!("attempt {} failed: {}, waiting {:?}", event.attempt(), event.cause(), event.wait()));
/// # let _ = policy;
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota#rate-limit-best-practices>
#[derive(Clone)]
pub struct RetryPolicy {
    max_retries: u32,
    base_delay: Duration,
    max_delay: Duration,
    max_retry_delay: Duration,
    deadline: Option<Duration>,
    observer: Option<Arc<Observer>>,
}

/// A caller's callback.
struct Observer {
    call: Box<dyn Fn(&RetryEvent) + Send + Sync>,
    has_panicked: AtomicBool,
}

impl Default for RetryPolicy {
    /// Two retries, backing off from half a second to eight, and waits of the server up to a minute.
    fn default() -> Self {
        Self {
            max_retries: 2,
            base_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(8),
            max_retry_delay: Duration::from_secs(60),
            deadline: None,
            observer: None,
        }
    }
}

impl RetryPolicy {
    /// Never sends again and never waits, for callers with a retry layer of their own. A token the service
    /// refused is still replaced once, and another backend still takes over.
    #[must_use]
    pub fn none() -> Self {
        Self::default().max_retries(0)
    }

    /// How many times a call is sent again at most; 2 by default.
    #[must_use]
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// The longest first wait when the server names none; half a second by default. It doubles with each retry,
    /// and the actual wait is anything between zero and it.
    #[must_use]
    pub fn base_delay(mut self, delay: Duration) -> Self {
        self.base_delay = delay;
        self
    }

    /// The longest wait when the server names none; 8 seconds by default.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// The longest wait of the server that is honoured; 60 seconds by default. A longer one is returned at
    /// once, in the error.
    #[must_use]
    pub fn max_retry_delay(mut self, delay: Duration) -> Self {
        self.max_retry_delay = delay;
        self
    }

    /// The time from the first attempt after which no retry is started; none by default. It does not cut an
    /// attempt short: see [`CallOptions::deadline`](super::CallOptions::deadline) for that.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Called with every retry before its wait. It runs inside the call, so it should return at once. A panic in it
    /// is logged once, at WARN, and does not end the call.
    #[must_use]
    pub fn on_retry(mut self, observer: impl Fn(&RetryEvent) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(Observer { call: Box::new(observer), has_panicked: AtomicBool::new(false) }));
        self
    }

    pub(crate) fn retries(&self) -> bool {
        self.max_retries > 0
    }

    /// The moment after which no retry is started.
    pub(crate) fn deadline_from(&self, started: Duration) -> Option<Duration> {
        self.deadline.map(|deadline| started.saturating_add(deadline))
    }

    pub(crate) fn longest_wait(&self) -> Duration {
        self.max_retry_delay
    }

    pub(crate) fn observe(&self, event: &RetryEvent) {
        let Some(observer) = &self.observer else {
            return;
        };
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| (observer.call)(event)));
        if outcome.is_err() && !observer.has_panicked.swap(true, Ordering::Relaxed) {
            tracing::warn!("the callback of on_retry panicked; the call goes on");
        }
    }

    /// The upper end of the own wait before retry number `retries` + 1.
    pub(crate) fn backoff(&self, retries: u32) -> Duration {
        self.base_delay.saturating_mul(1 << retries.min(16)).min(self.max_delay)
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("max_retries", &self.max_retries)
            .field("base_delay", &self.base_delay)
            .field("max_delay", &self.max_delay)
            .field("max_retry_delay", &self.max_retry_delay)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// What a failed attempt tells about the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) cause: RetryCause,
    /// The wait that the server named.
    pub(crate) hint: Option<Duration>,
    /// `x-should-retry`.
    pub(crate) told: Option<bool>,
}

impl Outcome {
    /// Whether the same request may succeed elsewhere or later.
    pub(crate) fn is_retryable(&self) -> bool {
        self.told.unwrap_or(match self.cause {
            RetryCause::Status(status) => is_retryable_status(status),
            RetryCause::Connect | RetryCause::NoAnswer | RetryCause::Read => true,
            RetryCause::Credential | RetryCause::TokenRefused => false,
        })
    }

    /// Whether a retry is paced by the service itself, and so costs nothing of the budget.
    pub(crate) fn is_free(&self) -> bool {
        self.cause == RetryCause::Status(429) && self.hint.is_some()
    }
}

/// How far a call has come on one backend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) retries: u32,
    pub(crate) elapsed: Duration,
    /// The end of the whole call, from its start.
    pub(crate) end: Option<Duration>,
}

/// The wait before the next attempt on the same backend, or none where there is to be no other.
pub(crate) fn retry_wait(
    policy: &RetryPolicy,
    outcome: &Outcome,
    progress: Progress,
    rng: &mut fastrand::Rng,
) -> Option<Duration> {
    if progress.retries >= policy.max_retries || !outcome.is_retryable() {
        return None;
    }
    let backoff = policy.backoff(progress.retries);
    let wait = match outcome.hint.filter(|hint| !hint.is_zero()) {
        Some(hint) if hint > policy.max_retry_delay => return None,
        Some(hint) => with_jitter(hint, backoff, rng),
        None => backoff.mul_f64(rng.f64()),
    };
    let end = [policy.deadline, progress.end].into_iter().flatten().min();
    let is_late = end.is_some_and(|end| progress.elapsed.saturating_add(wait) >= end);
    (!is_late).then_some(wait)
}

/// A wait that was told to many, spread so that they do not all come back at once.
pub(crate) fn with_jitter(wait: Duration, most: Duration, rng: &mut fastrand::Rng) -> Duration {
    let spread = most.min(wait.max(Duration::from_millis(10)));
    wait.saturating_add(spread.mul_f64(rng.f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn outcome(cause: RetryCause) -> Outcome {
        Outcome { cause, hint: None, told: None }
    }

    fn throttled(hint: Duration) -> Outcome {
        Outcome { hint: Some(hint), ..outcome(RetryCause::Status(429)) }
    }

    fn after(retries: u32) -> Progress {
        Progress { retries, elapsed: SECOND, end: None }
    }

    fn ask(policy: &RetryPolicy, outcome: Outcome, progress: Progress) -> Option<Duration> {
        retry_wait(policy, &outcome, progress, &mut fastrand::Rng::with_seed(7))
    }

    #[test]
    fn only_what_may_pass_is_sent_again() {
        let policy = RetryPolicy::default();
        for status in [408, 409, 429, 500, 502, 503, 504] {
            assert!(ask(&policy, outcome(RetryCause::Status(status)), after(0)).is_some(), "{status}");
        }
        for status in [301, 307, 400, 401, 403, 404, 413, 422, 431, 501, 505] {
            assert!(ask(&policy, outcome(RetryCause::Status(status)), after(0)).is_none(), "{status}");
        }
        assert!(ask(&policy, outcome(RetryCause::Connect), after(0)).is_some());
        assert!(ask(&policy, outcome(RetryCause::Read), after(0)).is_some());
        assert!(ask(&policy, outcome(RetryCause::Credential), after(0)).is_none());
    }

    #[test]
    fn the_servers_word_overrides_the_list() {
        let policy = RetryPolicy::default();
        let told = |status, told| Outcome { told: Some(told), ..outcome(RetryCause::Status(status)) };
        assert!(ask(&policy, told(400, true), after(0)).is_some());
        assert!(ask(&policy, told(503, false), after(0)).is_none());
    }

    #[test]
    fn the_number_of_retries_is_bounded() {
        let policy = RetryPolicy::default();
        assert!(ask(&policy, outcome(RetryCause::Connect), after(1)).is_some());
        assert!(ask(&policy, outcome(RetryCause::Connect), after(2)).is_none());
        assert!(ask(&RetryPolicy::none(), outcome(RetryCause::Connect), after(0)).is_none());
    }

    #[test]
    fn jitter_is_added_to_the_servers_wait_and_never_taken() {
        let policy = RetryPolicy::default();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut waits = std::collections::HashSet::new();
        for _ in 0..1000 {
            let wait = retry_wait(&policy, &throttled(SECOND), after(0), &mut rng).unwrap();
            assert!((SECOND..=SECOND + Duration::from_millis(500)).contains(&wait), "{wait:?}");
            waits.insert(wait);
        }
        assert!(waits.len() > 900);
    }

    #[test]
    fn the_own_wait_is_anywhere_up_to_the_doubling_cap() {
        let policy = RetryPolicy::default().max_retries(100);
        let mut rng = fastrand::Rng::with_seed(1);
        for (retries, cap) in [(0, 500), (1, 1000), (3, 4000), (4, 8000), (60, 8000)] {
            let waits: Vec<u128> = (0..1000)
                .filter_map(|_| retry_wait(&policy, &outcome(RetryCause::Connect), after(retries), &mut rng))
                .map(|wait| wait.as_millis())
                .collect();
            assert_eq!(waits.len(), 1000);
            assert!(waits.iter().all(|wait| *wait <= cap));
            assert!(waits.iter().any(|wait| *wait > cap * 9 / 10) && waits.iter().any(|wait| *wait < cap / 10));
        }
    }

    #[test]
    fn a_wait_of_a_day_is_not_begun() {
        let policy = RetryPolicy::default();
        assert!(ask(&policy, throttled(Duration::from_secs(86400)), after(0)).is_none());
        assert!(ask(&policy, throttled(Duration::from_secs(60)), after(0)).is_some());
        assert!(ask(&policy.max_retry_delay(SECOND), throttled(2 * SECOND), after(0)).is_none());
    }

    #[test]
    fn a_wait_of_zero_still_backs_off() {
        let waits = (0..100).map(|seed| {
            let mut rng = fastrand::Rng::with_seed(seed);
            retry_wait(&RetryPolicy::default(), &throttled(Duration::ZERO), after(0), &mut rng).unwrap()
        });
        assert!(waits.max().unwrap() > Duration::from_millis(400));
    }

    #[test]
    fn a_retry_that_cannot_finish_in_time_is_not_started() {
        let policy = RetryPolicy::default();
        let ends = |end| Progress { end: Some(end), ..after(0) };
        assert!(ask(&policy, throttled(5 * SECOND), ends(6 * SECOND)).is_none());
        assert!(ask(&policy, throttled(5 * SECOND), ends(7 * SECOND)).is_some());
        assert!(ask(&policy.deadline(5 * SECOND), throttled(5 * SECOND), after(0)).is_none());
    }

    #[test]
    fn every_retry_is_told_to_the_observer() {
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let policy = RetryPolicy::default().on_retry(move |event| log.lock().unwrap().push(event.attempt()));
        policy.clone().observe(&RetryEvent {
            cause: RetryCause::Read,
            wait: SECOND,
            attempt: 3,
            deployment: String::new(),
            endpoint: String::new(),
            client_request_id: String::new(),
        });
        assert_eq!(*seen.lock().unwrap(), [3]);
    }
}
