//! The retry policy: whether and when an attempt is repeated, and the budget for it.
//!
//! One pure function, [`retry_wait`], gives the wait before the next attempt on the same backend, from the cause, the
//! time the call has left, and a source of randomness.

use std::fmt;
use std::time::Duration;

use crate::error::is_retryable_status;
use crate::wire::setters;

/// Whether and when a call is sent again after a failed attempt.
///
/// Retried are connect failures, answers that break off before anything of them was handed out, and the statuses 408,
/// 409, 429, 500, 502, 503 and 504, unless the header `x-should-retry` overrides that. A wait that the service names
/// (`retry-after-ms`, `x-ms-retry-after-ms`, `retry-after`) is a lower bound: jitter is added to it. A wait above
/// [`max_server_wait`](Self::max_server_wait), or past the end of the call, is not begun; the call ends with the error, whose
/// [`retry_after`](crate::Error::retry_after) is set.
///
/// All calls to one backend share a budget of a hundred retries, so that an outage does not multiply the load: a retry
/// takes one, a success gives back a tenth. A 429 that names its wait costs nothing. Each retry is an event,
/// [`Observer::on_retry`](crate::Observer::on_retry).
///
/// # Example: a patient batch job
///
/// ```
/// use std::time::Duration;
/// use azure_openai_chat::RetryPolicy;
///
/// let policy = RetryPolicy::default()
///     .max_retries(5)
///     .retry_window(Duration::from_secs(300));
/// # let _ = policy;
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota#rate-limit-best-practices>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    pub(super) max_retries: u32,
    base_backoff: Duration,
    max_backoff: Duration,
    pub(super) max_server_wait: Duration,
    pub(super) retry_window: Option<Duration>,
}

impl Default for RetryPolicy {
    /// At most two retries, with waits from 0.5 to 8 seconds, or up to 60 seconds where the service names the wait.
    fn default() -> Self {
        Self {
            max_retries: 2,
            base_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(8),
            max_server_wait: Duration::from_secs(60),
            retry_window: None,
        }
    }
}

impl RetryPolicy {
    /// No retries and no waits, for callers with a retry layer of their own. A token that the service refused with 401 is
    /// still replaced once, and another backend still takes over.
    #[must_use]
    pub fn none() -> Self {
        Self::default().max_retries(0)
    }

    setters! {
        []
        /// The most retries of a call on each backend; 2 by default.
        max_retries: u32;

        /// Upper bound of the first wait where the service names none; 0.5 seconds by default. It doubles with each
        /// retry, and the wait is a random part of it.
        base_backoff: Duration;

        /// Upper bound of every wait where the service names none; 8 seconds by default.
        max_backoff: Duration;

        /// The longest wait that the service may name; 60 seconds by default. After a longer one the call ends at
        /// once, with the wait in [`Error::retry_after`](crate::Error::retry_after).
        max_server_wait: Duration;

        /// The time from the first attempt after which no retry is started; none by default. It does not end an
        /// attempt that is under way, as [`CallOptions::total_timeout`](crate::CallOptions::total_timeout) does.
        retry_window: Duration;
    }

    /// Upper bound of the wait before retry number `retries` + 1, where the service names none.
    pub(crate) fn backoff(&self, retries: u32) -> Duration {
        self.base_backoff.saturating_mul(1 << retries.min(16)).min(self.max_backoff)
    }
}

/// What decides whether a failed attempt is retried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) cause: RetryCause,
    /// `retry-after` or one of its other forms.
    pub(crate) hint: Option<Duration>,
    /// `x-should-retry`, or what is known of an error without an answer.
    pub(crate) should_retry: Option<bool>,
}

impl Outcome {
    /// Whether the same request may succeed elsewhere or later.
    pub(crate) fn is_retryable(&self) -> bool {
        self.should_retry.unwrap_or(match self.cause {
            RetryCause::Status(status) => is_retryable_status(status),
            RetryCause::Connect | RetryCause::NoAnswer | RetryCause::Read => true,
            RetryCause::Credential | RetryCause::TokenRefused => false,
        })
    }

    /// Whether a retry costs nothing of the budget, because the service names the wait.
    pub(crate) fn is_free(&self) -> bool {
        self.cause == RetryCause::Status(429) && self.hint.is_some()
    }
}

/// The wait before the next attempt on the same backend; none when there is to be no other, as after `retries` of them or
/// without the time that is `left`.
pub(crate) fn retry_wait(
    policy: &RetryPolicy,
    outcome: &Outcome,
    retries: u32,
    left: Option<Duration>,
    rng: &mut fastrand::Rng,
) -> Option<Duration> {
    if retries >= policy.max_retries || !outcome.is_retryable() {
        return None;
    }
    let backoff = policy.backoff(retries);
    let wait = match outcome.hint.filter(|hint| !hint.is_zero()) {
        Some(hint) if hint > policy.max_server_wait => return None,
        Some(hint) => with_jitter(hint, backoff, rng),
        None => backoff.mul_f64(rng.f64()),
    };
    left.is_none_or(|left| wait < left).then_some(wait)
}

/// Spreads a wait that many calls were given, so that they do not all come back at once.
pub(crate) fn with_jitter(wait: Duration, most: Duration, rng: &mut fastrand::Rng) -> Duration {
    let spread = most.min(wait.max(Duration::from_millis(10)));
    wait.saturating_add(spread.mul_f64(rng.f64()))
}

/// The retries that all calls to one backend share, in tenths of a retry.
#[derive(Debug)]
pub(crate) struct RetryBudget(u32);

impl RetryBudget {
    pub(crate) const FULL: Self = Self(1000);
    const COST: u32 = 10;

    /// Takes one retry, if there is one.
    pub(crate) fn draw(&mut self) -> bool {
        let left = self.0.checked_sub(Self::COST);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }

    /// Gives back a tenth of a retry, for a success.
    pub(crate) fn give_back(&mut self) {
        self.0 = self.0.saturating_add(1).min(Self::FULL.0);
    }
}

/// Why an attempt did not succeed. Holds no text of the caller or of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryCause {
    /// An answer with this status.
    Status(u16),
    /// No connection came about, or the service refused the request before processing it. It cannot have been billed.
    Connect,
    /// The connection broke before an answer came. The request may have been sent, and the service may have worked
    /// on it and billed it.
    NoAnswer,
    /// The answer broke off before anything of it was handed out.
    Read,
    /// The credential gave no token.
    Credential,
    /// The service refused the token (401), and a new one is requested.
    TokenRefused,
}

impl RetryCause {
    /// Whether the service may have received the request of the attempt that failed, and so may have worked on it
    /// and billed it.
    #[must_use]
    pub fn may_have_reached_service(self) -> bool {
        match self {
            Self::Connect | Self::Credential => false,
            Self::Status(_) | Self::NoAnswer | Self::Read | Self::TokenRefused => true,
        }
    }
}

impl fmt::Display for RetryCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Connect => f.write_str("no connection"),
            Self::NoAnswer => f.write_str("the connection broke before an answer came"),
            Self::Read => f.write_str("the answer broke off"),
            Self::Credential => f.write_str("no token"),
            Self::TokenRefused => f.write_str("token refused"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn outcome(cause: RetryCause) -> Outcome {
        Outcome { cause, hint: None, should_retry: None }
    }

    fn throttled(hint: Duration) -> Outcome {
        Outcome { hint: Some(hint), ..outcome(RetryCause::Status(429)) }
    }

    fn ask(policy: &RetryPolicy, outcome: Outcome, retries: u32) -> Option<Duration> {
        retry_wait(policy, &outcome, retries, None, &mut fastrand::Rng::with_seed(7))
    }

    #[test]
    fn only_what_may_pass_is_sent_again() {
        let policy = RetryPolicy::default();
        for status in [408, 409, 429, 500, 502, 503, 504] {
            assert!(ask(&policy, outcome(RetryCause::Status(status)), 0).is_some(), "{status}");
        }
        for status in [301, 307, 400, 401, 403, 404, 413, 422, 431, 501, 505] {
            assert!(ask(&policy, outcome(RetryCause::Status(status)), 0).is_none(), "{status}");
        }
        assert!(ask(&policy, outcome(RetryCause::Connect), 0).is_some());
        assert!(ask(&policy, outcome(RetryCause::Read), 0).is_some());
        assert!(ask(&policy, outcome(RetryCause::Credential), 0).is_none());
    }

    #[test]
    fn x_should_retry_overrides_the_list() {
        let policy = RetryPolicy::default();
        let answered =
            |status, should_retry| Outcome { should_retry: Some(should_retry), ..outcome(RetryCause::Status(status)) };
        assert!(ask(&policy, answered(400, true), 0).is_some());
        assert!(ask(&policy, answered(503, false), 0).is_none());
    }

    #[test]
    fn the_number_of_retries_is_bounded() {
        let policy = RetryPolicy::default();
        assert!(ask(&policy, outcome(RetryCause::Connect), 1).is_some());
        assert!(ask(&policy, outcome(RetryCause::Connect), 2).is_none());
        assert!(ask(&RetryPolicy::none(), outcome(RetryCause::Connect), 0).is_none());
    }

    #[test]
    fn jitter_is_added_to_the_servers_wait_and_never_taken() {
        let policy = RetryPolicy::default();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut waits = std::collections::HashSet::new();
        for _ in 0..1000 {
            let wait = retry_wait(&policy, &throttled(SECOND), 0, None, &mut rng).unwrap();
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
                .filter_map(|_| retry_wait(&policy, &outcome(RetryCause::Connect), retries, None, &mut rng))
                .map(|wait| wait.as_millis())
                .collect();
            assert_eq!(waits.len(), 1000);
            assert!(waits.iter().all(|wait| *wait <= cap));
            assert!(waits.iter().any(|wait| *wait > cap * 9 / 10) && waits.iter().any(|wait| *wait < cap / 10));
        }
    }

    #[test]
    fn an_own_wait_is_at_most_max_backoff() {
        let policy = RetryPolicy::default().max_retries(100).base_backoff(2 * SECOND).max_backoff(SECOND);
        let mut rng = fastrand::Rng::with_seed(1);
        let longest = (0..1000)
            .filter_map(|_| retry_wait(&policy, &outcome(RetryCause::Connect), 9, None, &mut rng))
            .max()
            .unwrap();
        assert!(longest <= SECOND && longest > SECOND * 9 / 10, "{longest:?}");
    }

    #[test]
    fn a_wait_of_a_day_is_not_begun() {
        let policy = RetryPolicy::default();
        assert!(ask(&policy, throttled(Duration::from_secs(86400)), 0).is_none());
        assert!(ask(&policy, throttled(Duration::from_secs(60)), 0).is_some());
        assert!(ask(&policy.max_server_wait(SECOND), throttled(2 * SECOND), 0).is_none());
    }

    #[test]
    fn a_wait_of_zero_still_backs_off() {
        let waits = (0..100).map(|seed| {
            let mut rng = fastrand::Rng::with_seed(seed);
            retry_wait(&RetryPolicy::default(), &throttled(Duration::ZERO), 0, None, &mut rng).unwrap()
        });
        assert!(waits.max().unwrap() > Duration::from_millis(400));
    }

    #[test]
    fn a_retry_that_cannot_finish_in_time_is_not_started() {
        let wait = |left| {
            let mut rng = fastrand::Rng::with_seed(7);
            retry_wait(&RetryPolicy::default(), &throttled(5 * SECOND), 0, Some(left), &mut rng)
        };
        assert!(wait(5 * SECOND).is_none());
        assert!(wait(6 * SECOND).is_some());
    }

    #[test]
    fn ten_successes_pay_for_one_retry() {
        let mut budget = RetryBudget::FULL;
        assert_eq!((0..1000).filter(|_| budget.draw()).count(), 100);
        for _ in 0..9 {
            budget.give_back();
        }
        assert!(!budget.draw());
        budget.give_back();
        assert!(budget.draw());
    }

    #[test]
    fn a_full_budget_does_not_grow() {
        let mut budget = RetryBudget::FULL;
        (0..1000).for_each(|_| budget.give_back());
        assert_eq!((0..1000).filter(|_| budget.draw()).count(), 100);
    }
}
