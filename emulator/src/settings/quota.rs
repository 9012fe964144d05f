//! Quotas, [`Quota`]: the limits of a deployment in a window of time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The requests and tokens of a deployment in a window; more are answered with 429 and the time to wait.
///
/// Tokens count as Azure counts them: when a request arrives, those of its prompt and of the output that it allows.
///
/// # Example: sixty requests and ten thousand tokens a minute
///
/// ```
/// use azure_openai_emulator::Quota;
///
/// let quota = Quota::requests(60).tokens(10_000);
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota>
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quota {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requests: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "super::from_zero")]
    pub(crate) seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "super::from_zero")]
    pub(crate) slice_seconds: Option<f64>,
}

impl Quota {
    /// A limit of this many requests a minute.
    #[must_use]
    pub fn requests(count: u64) -> Self {
        Self { requests: Some(count), ..Self::default() }
    }

    /// Sets a limit of this many tokens a minute as well.
    #[must_use]
    pub fn tokens(self, count: u64) -> Self {
        Self { tokens: Some(count), ..self }
    }

    /// Sets the length of the window; a minute by default.
    #[must_use]
    pub fn per(self, window: Duration) -> Self {
        Self { seconds: Some(window.as_secs_f64()), ..self }
    }

    /// Counts requests in slices of the window, as Azure does with slices of 1 or 10 seconds: each slice allows its
    /// part of the requests, at least one, so that a burst is answered with 429 below the limit.
    #[must_use]
    pub fn slices_of(self, slice: Duration) -> Self {
        Self { slice_seconds: Some(slice.as_secs_f64()), ..self }
    }

    pub(crate) fn window(&self) -> Duration {
        seconds(self.seconds.unwrap_or(60.0))
    }

    /// The window in which requests are counted, and how many are allowed in it.
    pub(crate) fn request_window(&self) -> (Duration, Option<u64>) {
        let window = self.window();
        let slice = self.slice_seconds.map_or(window, seconds).min(window);
        let part = slice.as_secs_f64() / window.as_secs_f64().max(f64::MIN_POSITIVE);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of requests")]
        let allowed = self.requests.map(|count| if part < 1.0 { (count as f64 * part).ceil() as u64 } else { count });
        (slice, allowed)
    }
}

/// The duration of a number of seconds: zero below 0, and at most [`Duration::MAX`].
pub(crate) fn seconds(count: f64) -> Duration {
    Duration::try_from_secs_f64(count).unwrap_or(if count > 0.0 { Duration::MAX } else { Duration::ZERO })
}
