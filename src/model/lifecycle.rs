//! The retirement of a model, read from its status, and whether its date has passed.

use std::time::{Duration, SystemTime};

/// Whether a model is retired or will be.
///
/// Dates are text as the sources print them: a day or a month. Advice only, since they move.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/model-retirements>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lifecycle<'a> {
    /// Retired, since a date if it is known.
    Retired(Option<&'a str>),
    /// Scheduled to retire on a date, which may have passed meanwhile; see [`at`](Self::at).
    Retiring(&'a str),
    /// No retirement, or none known.
    Unknown,
}

impl<'a> Lifecycle<'a> {
    /// Reads a status.
    ///
    /// `retired` (with `about` and a date after it, or without) and `off the schedule` mean that the model
    /// is retired; `retirement` and a date that it will be. Everything else is for human readers.
    ///
    /// # Example: statuses that are read
    ///
    /// ```
    /// use azure_openai_chat::model::Lifecycle;
    ///
    /// assert_eq!(Lifecycle::of_status("Preview; retired 2026-05-13"), Lifecycle::Retired(Some("2026-05-13")));
    /// assert_eq!(Lifecycle::of_status("GA; retirement 2027-03-02"), Lifecycle::Retiring("2027-03-02"));
    /// assert_eq!(Lifecycle::of_status("available"), Lifecycle::Unknown);
    /// ```
    #[must_use]
    pub fn of_status(status: &'a str) -> Self {
        // most statuses do not have the word, and `contains` is cheaper than `split_once`
        if status.contains("retired")
            && let Some((_, after)) = status.split_once("retired")
        {
            return Self::Retired(leading_date(after));
        }
        if status.contains("off the schedule") {
            return Self::Retired(None);
        }
        let date = status.split_once("retirement").and_then(|(_, after)| leading_date(after));
        date.map_or(Self::Unknown, Self::Retiring)
    }
}

impl Lifecycle<'_> {
    /// The same at a moment: [`Retiring`](Self::Retiring) with a date that has come is
    /// [`Retired`](Self::Retired). A month has passed when the next one has begun. Days are those of UTC.
    ///
    /// # Example: a date that has come
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use azure_openai_chat::model::Lifecycle;
    ///
    /// let retiring = Lifecycle::of_status("retirement 1970-01-03");
    /// let day = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
    /// assert_eq!(retiring.at(day(1)), Lifecycle::Retiring("1970-01-03"));
    /// assert_eq!(retiring.at(day(2)), Lifecycle::Retired(Some("1970-01-03")));
    /// ```
    #[must_use]
    pub fn at(self, now: SystemTime) -> Self {
        match self {
            Self::Retiring(date) if self.begins().is_some_and(|begins| begins <= now) => Self::Retired(Some(date)),
            other => other,
        }
    }

    /// The moment from which the model is retired; `None` when no date is known. A model that is retired already is so
    /// from the Unix epoch on.
    pub(crate) fn begins(self) -> Option<SystemTime> {
        match self {
            Self::Retired(_) => Some(SystemTime::UNIX_EPOCH),
            Self::Retiring(date) => first_moment_after(date),
            Self::Unknown => None,
        }
    }
}

/// The beginning of a day `YYYY-MM-DD` in UTC, or the end of a month `YYYY-MM`; `None` for what is before 1970.
fn first_moment_after(date: &str) -> Option<SystemTime> {
    let mut numbers = date.splitn(3, '-').map(|number| number.parse::<u16>().map(u64::from));
    let (year, month) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let (year, month, day) = match numbers.next() {
        Some(day) => (year, month, day.ok()?),
        None if month < 12 => (year, month + 1, 1),
        None => (year + 1, 1, 1),
    };
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(days_since_1970(year, month, day)? * 86_400))
}

/// The days from 1970-01-01 to a day of the Gregorian calendar, by the civil-to-days algorithm of Howard Hinnant
/// (<https://howardhinnant.github.io/date_algorithms.html#days_from_civil>); `None` for what is before, and for a month or
/// day that no calendar has.
pub(crate) fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // years begin in March, so that the leap day is the last of its year
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    // 1970-01-01 is day 719,469
    days.checked_sub(719_469)
}

fn leading_date(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let text = text.strip_prefix("about").unwrap_or(text).trim_start();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '-').unwrap_or(text.len());
    text.get(..end).filter(|date| date.len() >= "YYYY-MM".len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(days: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400)
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (days, date) in [
            (0, "1970-01-01"),
            (31, "1970-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (59, "1970-02"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_784, "2026-11-27"),
            (20_818, "2026-12-31"),
            (20_819, "2027-01-01"),
            (20_819, "2026-12"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(first_moment_after(date), Some(after(days)), "{date}");
        }
        for none in ["1969-12-31", "0000-01-01", "2026-", "2026-x", "99999-01-01", ""] {
            assert_eq!(first_moment_after(none), None, "{none}");
        }
    }

    #[test]
    fn a_date_of_retirement_passes() {
        let today = after(20_784);
        for (cycle, expected) in [
            (Lifecycle::Retiring("2026-11-26"), Lifecycle::Retired(Some("2026-11-26"))),
            (Lifecycle::Retiring("2026-11-27"), Lifecycle::Retired(Some("2026-11-27"))),
            (Lifecycle::Retiring("2026-11-28"), Lifecycle::Retiring("2026-11-28")),
            (Lifecycle::Retiring("2026-10"), Lifecycle::Retired(Some("2026-10"))),
            (Lifecycle::Retiring("2026-11"), Lifecycle::Retiring("2026-11")),
            (Lifecycle::Retired(None), Lifecycle::Retired(None)),
            (Lifecycle::Unknown, Lifecycle::Unknown),
        ] {
            assert_eq!(cycle.at(today), expected);
        }
    }

    #[test]
    fn every_kind_of_status_in_the_table_is_understood() {
        for (status, expected) in [
            ("retired 2025-02-13", Lifecycle::Retired(Some("2025-02-13"))),
            ("Preview; retired 2026-05-13 (D5; D5b says 2026-06-29)", Lifecycle::Retired(Some("2026-05-13"))),
            ("Preview; retired about 2026-02", Lifecycle::Retired(Some("2026-02"))),
            ("off the schedule by 2025-12 (retired)", Lifecycle::Retired(None)),
            ("superseded by turbo-2024-04-09 (retired)", Lifecycle::Retired(None)),
            ("no earlier than 2025-09-26; off the schedule by 2025-12 (D4 still lists it)", Lifecycle::Retired(None)),
            ("Deprecated; retirement 2026-10-21 (earlier schedule: 2026-07-15)", Lifecycle::Retiring("2026-10-21")),
            ("Preview; managed compute", Lifecycle::Unknown),
            ("retirement unclear", Lifecycle::Unknown),
            ("", Lifecycle::Unknown),
        ] {
            assert_eq!(Lifecycle::of_status(status), expected, "{status}");
        }
    }
}
