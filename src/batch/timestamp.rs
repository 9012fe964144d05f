//! Timestamps of the service: seconds since 1970, or the ISO 8601 text of older samples.

use serde::Serialize;

use crate::model::days_since_1970;
use crate::wire::FromWire;

/// Seconds since 1970, in UTC.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Timestamp(u64);

impl Timestamp {
    pub(crate) fn seconds(&self) -> Option<u64> {
        Some(self.0)
    }
}

/// The seconds of `YYYY-MM-DDThh:mm:ss`, with or without a fraction and an offset from UTC.
fn iso_seconds(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let days = days_since_1970(number(0..4)?, number(5..7)?, number(8..10)?)?;
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let rest = text.get(19..)?;
    let zone = rest.trim_start_matches('.').trim_start_matches(|letter: char| letter.is_ascii_digit());
    let to_utc = match zone.get(..1) {
        Some(sign @ ("+" | "-")) => {
            let minutes = zone.get(1..3)?.parse::<i64>().ok()? * 60 + zone.get(4..6)?.parse::<i64>().ok()?;
            if sign == "+" { -minutes * 60 } else { minutes * 60 }
        }
        _ => 0,
    };
    (days * 86_400 + hour * 3600 + minute * 60 + second).checked_add_signed(to_utc)
}

impl FromWire for Timestamp {
    const EXPECTED: &'static str = "a time in seconds";

    fn from_u64(value: u64) -> Option<Self> {
        Some(Self(value))
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    fn from_f64(value: f64) -> Option<Self> {
        (0.0..1e15).contains(&value).then_some(Self(value as u64))
    }
    fn from_str(text: &str) -> Option<Self> {
        text.parse().ok().or_else(|| iso_seconds(text)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_times_are_seconds_since_1970() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-02-29T12:30:15.4217551+00:00", Some(1_709_209_815)),
            ("2024-07-19T21:33:59", Some(1_721_424_839)),
            ("2024-07-19T23:33:59+02:00", Some(1_721_424_839)),
            ("2000-03-01T00:00:00-01:00", Some(951_872_400)),
            ("1721424839", Some(1_721_424_839)),
            ("2024-13-01T00:00:00Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(Timestamp::from_str(text).and_then(|time| time.seconds()), seconds, "{text}");
        }
    }
}
