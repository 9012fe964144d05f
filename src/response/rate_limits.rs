//! The limits of requests and tokens in the `x-ratelimit-*` headers, [`RateLimits`].

use std::time::Duration;

/// Makes [`RateLimits`] of its headers: a field and a getter for each, and how its value is parsed.
macro_rules! rate_limits {
    ($( $(#[$meta:meta])* $name:ident: $Type:ty = $header:literal, $parse:expr; )*) => {
        /// The `x-ratelimit-*` headers. Each may be missing, and Azure may send `0` or `-1` for a limit it does not count.
        ///
        /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits>
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct RateLimits {
            $( $name: Option<$Type>, )*
        }

        impl RateLimits {
            /// Reads them; `header` looks a header up by its name.
            pub(super) fn read<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Self {
                Self { $( $name: header($header).and_then($parse), )* }
            }

            $(
                $(#[$meta])*
                #[doc = concat!(" (`", $header, "`).")]
                #[must_use]
                pub fn $name(&self) -> Option<$Type> {
                    self.$name
                }
            )*
        }
    };
}

rate_limits! {
    /// Requests allowed in a window
    limit_requests: i64 = "x-ratelimit-limit-requests", parse_count;
    /// Requests left in the window
    remaining_requests: i64 = "x-ratelimit-remaining-requests", parse_count;
    /// Time until the window of requests is reset
    reset_requests: Duration = "x-ratelimit-reset-requests", parse_reset;
    /// Tokens allowed in a window
    limit_tokens: i64 = "x-ratelimit-limit-tokens", parse_count;
    /// Tokens left in the window
    remaining_tokens: i64 = "x-ratelimit-remaining-tokens", parse_count;
    /// Time until the window of tokens is reset
    reset_tokens: Duration = "x-ratelimit-reset-tokens", parse_reset;
}

fn parse_count(value: &str) -> Option<i64> {
    value.trim().parse().ok()
}

/// Parses a reset: a number of seconds, or numbers with units.
fn parse_reset(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(plain) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(plain).ok();
    }
    let mut total = Duration::ZERO;
    let mut remaining = value;
    while !remaining.is_empty() {
        let unit_at = remaining.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let (number, tail) = remaining.split_at_checked(unit_at)?;
        let unit_len = tail.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_len)?;
        let scale = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number.parse::<f64>().ok()? * scale).ok()?)?;
        remaining = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &'static str) -> RateLimits {
        RateLimits::read(|header| (header == name).then_some(value))
    }

    #[test]
    fn resets_are_read_in_both_styles() {
        for (text, millis) in [("7", 7000), ("17ms", 17), ("59.369s", 59_369), ("1m2.5s", 62_500), ("0s", 0)] {
            let limits = with("x-ratelimit-reset-tokens", text);
            assert_eq!(limits.reset_tokens(), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(with("x-ratelimit-reset-tokens", "later").reset_tokens(), None);
    }

    #[test]
    fn a_limit_may_be_negative() {
        assert_eq!(with("x-ratelimit-limit-tokens", "-1").limit_tokens(), Some(-1));
    }
}
