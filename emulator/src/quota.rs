//! The counting of requests and tokens against quotas, the `x-ratelimit-*` headers and the 429 answers.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use crate::refusal::AzureError;
use crate::settings::{Quota, milliseconds};

/// The limits in the `x-ratelimit-*` headers where no quota is set; nothing is refused by them.
const UNLIMITED: Quota = Quota { requests: Some(1_000_000), tokens: None, seconds: Some(60.0), slice_seconds: None };

/// Tokens for each request, in the `x-ratelimit-*-tokens` headers of a quota without a token limit (unsourced).
const TOKENS_A_REQUEST: u64 = 1000;

/// The windows of requests and of tokens of each deployment.
#[derive(Default)]
pub(crate) struct Windows(HashMap<String, (Window, Window)>);

/// A count that is reset to 0 when its time has passed.
struct Window {
    began: Instant,
    used: u64,
}

impl Window {
    fn new(now: Instant) -> Self {
        Self { began: now, used: 0 }
    }

    /// Adds to the count. Returns the sum and the time until the window ends.
    fn add(&mut self, amount: u64, length: Duration, now: Instant) -> (u64, Duration) {
        if now.duration_since(self.began) >= length {
            *self = Self::new(now);
        }
        self.used = self.used.saturating_add(amount);
        (self.used, length.saturating_sub(now.duration_since(self.began)))
    }
}

/// A request to be counted against the quota of its deployment.
pub(crate) struct Charge<'a> {
    pub(crate) deployment: &'a str,
    pub(crate) operation: &'static str,
    pub(crate) api_version: &'a str,
    pub(crate) quota: Option<Quota>,
    /// The tokens of the prompt and of the allowed output; computed only where tokens are limited.
    pub(crate) tokens: &'a dyn Fn() -> u64,
}

impl Windows {
    /// Counts a request, and adds the `x-ratelimit-*` headers whether it is refused or not.
    pub(crate) fn charge(&mut self, charge: &Charge<'_>, headers: &mut HeaderMap) -> Result<(), AzureError> {
        let quota = charge.quota.unwrap_or(UNLIMITED);
        let now = Instant::now();
        let windows = self.0.entry(charge.deployment.to_owned());
        let (requests, tokens) = windows.or_insert_with(|| (Window::new(now), Window::new(now)));
        let (slice, allowed) = quota.request_window();
        let (seen, requests_wait) = requests.add(1, slice, now);
        let amount = if quota.tokens.is_some() { (charge.tokens)() } else { 0 };
        let (spent, tokens_wait) = tokens.add(amount, quota.window(), now);

        let (limit, allowed) = (quota.requests.or(UNLIMITED.requests).unwrap_or(u64::MAX), allowed.unwrap_or(u64::MAX));
        let remaining = limit.min(allowed).saturating_sub(seen);
        let token_limit = quota.tokens.unwrap_or(limit.saturating_mul(TOKENS_A_REQUEST));
        let tokens_left = match quota.tokens {
            Some(limit) => limit.saturating_sub(spent),
            None => remaining.saturating_mul(TOKENS_A_REQUEST),
        };
        let values = [
            ("x-ratelimit-limit-requests", limit),
            ("x-ratelimit-remaining-requests", remaining),
            ("x-ratelimit-reset-requests", whole_seconds(requests_wait)),
            ("x-ratelimit-limit-tokens", token_limit),
            ("x-ratelimit-remaining-tokens", tokens_left),
            (
                "x-ratelimit-reset-tokens",
                whole_seconds(if quota.tokens.is_some() { tokens_wait } else { requests_wait }),
            ),
        ];
        headers.extend(values.map(|(name, value)| (HeaderName::from_static(name), value.into())));
        let spent = quota.tokens.is_some_and(|limit| spent > limit);
        let (rate, wait) = if charge.quota.is_some() && quota.requests.is_some() && seen > allowed {
            ("call", requests_wait)
        } else if spent {
            ("token", tokens_wait)
        } else {
            return Ok(());
        };
        headers.insert("retry-after", whole_seconds(wait).into());
        headers.insert("retry-after-ms", milliseconds(wait).into());
        Err(AzureError::rate_limit(charge.operation, charge.api_version, rate, whole_seconds(wait)))
    }

    /// Resets the windows of a deployment, or all.
    pub(crate) fn reset(&mut self, deployment: Option<&str>) {
        match deployment {
            Some(name) => drop(self.0.remove(name)),
            None => self.0.clear(),
        }
    }
}

/// The seconds of a time, rounded up, as `retry-after` has them.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}
