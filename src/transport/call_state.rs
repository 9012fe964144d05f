//! The state of one call over its attempts: the next backend, the wait before it, and the end.
//!
//! Each backend has its own number of retries, its own backoff, and its own wait that the service named, as if it were the
//! only one. In addition a call moves to another backend at once where there is one. So a call to several backends
//! succeeds whenever a call to one of them would.
//!
//! Plain state, like the [`Balancer`]: time and randomness are arguments, and times are counted from the same point.

use std::time::Duration;

use super::balancer::{Availability, Balancer};
use super::retry::{Outcome, RetryPolicy, retry_wait, with_jitter};

/// The next step of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Send(usize),
    Wait(Duration),
    /// Nothing more can be tried. Where every backend is closed: the time until the first opens, and the status that closed
    /// it.
    GiveUp(Option<(Duration, u16)>),
}

/// The attempts of a call so far, by backend.
#[derive(Debug)]
pub(crate) struct CallState<'a> {
    policy: &'a RetryPolicy,
    deployment: &'a str,
    affinity: Option<&'a str>,
    started: Duration,
    end: Option<Duration>,
    tries: Vec<Tries>,
    /// The backend to which the call goes again at once.
    again: Option<usize>,
    has_sent: bool,
    /// Time spent on waits that the service named to other calls.
    paused: Duration,
}

/// The attempts of this call on one backend.
#[derive(Debug, Clone, Copy, Default)]
struct Tries {
    failures: u32,
    /// The end of its backoff, or of the wait that the service named to this call.
    ready_at: Duration,
    is_over: bool,
    /// The service named the wait, so that a retry costs nothing of the budget.
    is_free: bool,
}

/// A backend that can be called later.
struct Later {
    at: Duration,
    /// The part of the wait that the service named to other calls.
    foreign: Duration,
}

impl<'a> CallState<'a> {
    /// `unfit` are the backends that cannot serve the call at all; `end` is when it must be over.
    pub(crate) fn new(
        policy: &'a RetryPolicy,
        deployment: &'a str,
        affinity: Option<&'a str>,
        backends: usize,
        unfit: &[usize],
        started: Duration,
        end: Option<Duration>,
    ) -> Self {
        let tries = |index| Tries { is_over: unfit.contains(&index), ..Tries::default() };
        Self {
            policy,
            deployment,
            affinity,
            started,
            end,
            tries: (0..backends).map(tries).collect(),
            again: None,
            has_sent: false,
            paused: Duration::ZERO,
        }
    }

    /// The next step. A retry takes its price from the budget of the backend that it goes to.
    pub(crate) fn next(&mut self, balancer: &mut Balancer, now: Duration, rng: &mut fastrand::Rng) -> Next {
        if let Some(index) = self.again.take() {
            return Next::Send(index);
        }
        // without retries there are no waits either: the service refuses the call itself
        if let ([tries], false, 0) = (self.tries.as_slice(), self.has_sent, self.policy.max_retries)
            && !tries.is_over
        {
            self.has_sent = true;
            return Next::Send(0);
        }
        loop {
            let is_usable =
                |index: usize| self.tries.get(index).is_some_and(|tries| !tries.is_over && tries.ready_at <= now);
            let Some(index) = balancer.pick(self.deployment, self.affinity, is_usable, now, rng) else {
                return self.wait(balancer, now, rng);
            };
            let Some(tries) = self.tries.get_mut(index) else { return Next::GiveUp(None) };
            if tries.failures == 0 || tries.is_free || balancer.draw_retry(index) {
                self.has_sent = true;
                return Next::Send(index);
            }
            tries.is_over = true;
        }
    }

    /// Notes that the next attempt goes to the same backend, with another token.
    pub(crate) fn send_again(&mut self, index: usize) {
        self.again = Some(index);
    }

    /// Notes a failed attempt.
    pub(crate) fn failed(&mut self, index: usize, outcome: &Outcome, now: Duration, rng: &mut fastrand::Rng) {
        let left = self.deadline().map(|end| end.saturating_sub(now));
        let Some(tries) = self.tries.get_mut(index) else { return };
        match retry_wait(self.policy, outcome, tries.failures, left, rng) {
            Some(wait) => tries.ready_at = now.saturating_add(wait),
            None => tries.is_over = true,
        }
        tries.failures = tries.failures.saturating_add(1);
        tries.is_free = outcome.is_free();
    }

    /// The moment from which on no retry is started.
    fn deadline(&self) -> Option<Duration> {
        let window = self.policy.retry_window.filter(|_| self.has_sent);
        let window_end = window.map(|window| self.started.saturating_add(window));
        [self.end, window_end].into_iter().flatten().min()
    }

    /// The shortest wait after which a backend can be called.
    fn wait(&mut self, balancer: &Balancer, now: Duration, rng: &mut fastrand::Rng) -> Next {
        let later = (0..self.tries.len()).filter_map(|index| self.later(index, balancer, now));
        let Some(first) = later.min_by_key(|later| later.at) else {
            return Next::GiveUp(self.first_opening(balancer, now));
        };
        self.paused = self.paused.saturating_add(first.foreign);
        let wait = first.at.saturating_sub(now);
        // jitter, so that calls with the same wait do not all come back at once
        Next::Wait(if first.foreign.is_zero() { wait } else { with_jitter(wait, self.policy.backoff(0), rng) })
    }

    /// When a backend can be called, where this call can wait for that.
    fn later(&self, index: usize, balancer: &Balancer, now: Duration) -> Option<Later> {
        let tries = self.tries.get(index).filter(|tries| !tries.is_over)?;
        let own = tries.ready_at.max(now);
        let opens = match balancer.availability(index, self.deployment, now) {
            Availability::Closed(left, _) => now.saturating_add(left),
            _ => now,
        };
        let later = Later { at: own.max(opens), foreign: opens.saturating_sub(own) };
        let is_late = self.deadline().is_some_and(|end| later.at >= end);
        let is_patient = later.foreign.is_zero()
            || self.policy.max_retries > 0 && self.paused.saturating_add(later.foreign) <= self.policy.max_server_wait;
        (!is_late && is_patient).then_some(later)
    }

    /// When the first backend opens, if all that fit the call are closed.
    fn first_opening(&self, balancer: &Balancer, now: Duration) -> Option<(Duration, u16)> {
        let states = (0..self.tries.len()).map(|index| balancer.availability(index, self.deployment, now));
        let closed = |state| match state {
            Availability::Closed(left, status) => Some((left, status)),
            _ => None,
        };
        states.map(closed).collect::<Option<Vec<_>>>()?.into_iter().min()
    }
}

#[cfg(test)]
mod tests;
