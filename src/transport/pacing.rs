//! The pacing of calls by the `x-ratelimit-*` headers of earlier answers.

use std::time::Duration;

use crate::response::ResponseMetadata;

/// Whether calls wait when an earlier answer had `x-ratelimit-remaining-requests` or `-tokens` 0.
///
/// Azure counts requests in windows of seconds and tokens by an estimate, so a wait avoids most 429s but not all.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pacing {
    /// Calls are sent at once, the default.
    #[default]
    Off,
    /// After an answer with `x-ratelimit-remaining-requests` or `-tokens` 0, the next call to the same deployment waits for
    /// `x-ratelimit-reset-requests` or `-tokens`, at most [`RetryPolicy::max_server_wait`](crate::RetryPolicy::max_server_wait).
    FromHeaders,
}

impl Pacing {
    /// The wait before the next call, by the headers of an answer. The service does not count a limit of 0 or -1, and a
    /// reset above `longest` is an error of the service, since its windows are of a minute at most.
    pub(crate) fn wait(self, metadata: &ResponseMetadata, longest: Duration) -> Option<Duration> {
        if self == Self::Off {
            return None;
        }
        let limits = metadata.rate_limits();
        let wait = |limit: Option<i64>, left: Option<i64>, reset: Option<Duration>| {
            let is_counted = limit.is_none_or(|limit| limit > 0);
            reset.filter(|reset| is_counted && left == Some(0) && !reset.is_zero() && *reset <= longest)
        };
        let requests = wait(limits.limit_requests(), limits.remaining_requests(), limits.reset_requests());
        let tokens = wait(limits.limit_tokens(), limits.remaining_tokens(), limits.reset_tokens());
        requests.max(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(pacing: Pacing, headers: &[(&str, &str)]) -> Option<u64> {
        let headers = headers.iter().map(|(name, value)| (format!("x-ratelimit-{name}"), *value));
        let metadata = ResponseMetadata::new(200, headers);
        pacing.wait(&metadata, Duration::from_secs(60)).map(|wait| wait.as_secs())
    }

    #[test]
    fn nothing_left_waits_for_the_longer_reset() {
        let both =
            [("remaining-requests", "0"), ("reset-requests", "3"), ("remaining-tokens", "0"), ("reset-tokens", "7")];
        assert_eq!(wait(Pacing::FromHeaders, &both), Some(7));
        assert_eq!(wait(Pacing::FromHeaders, &both[..2]), Some(3));
        assert_eq!(wait(Pacing::Off, &both), None);
    }

    #[test]
    fn what_is_not_counted_or_not_told_does_not_wait() {
        for headers in [
            [("limit-tokens", "-1"), ("remaining-tokens", "0"), ("reset-tokens", "7")],
            [("limit-tokens", "0"), ("remaining-tokens", "0"), ("reset-tokens", "7")],
            [("limit-tokens", "9"), ("remaining-tokens", "1"), ("reset-tokens", "7")],
            [("limit-tokens", "9"), ("remaining-tokens", "0"), ("reset-tokens", "0")],
            [("limit-tokens", "9"), ("remaining-tokens", "0"), ("reset-tokens", "3600")],
            [("limit-tokens", "9"), ("remaining-tokens", "0"), ("reset-requests", "7")],
        ] {
            assert_eq!(wait(Pacing::FromHeaders, &headers), None, "{headers:?}");
        }
    }
}
