//! Whether a model is still there.

/// Whether a model is retired or will be.
///
/// Dates are text as the sources print them: a day or a month. Advice only, since they move.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/model-retirements>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lifecycle<'a> {
    /// Gone, since a date if it is known.
    Retired(Option<&'a str>),
    /// Scheduled to go on a date, which may have passed meanwhile.
    Retiring(&'a str),
    /// No end in sight, or none known.
    Unknown,
}

impl<'a> Lifecycle<'a> {
    /// Reads the words of a status.
    ///
    /// `retired` (with `about` and a date after it, or without) and `off the schedule` mean that the model
    /// is gone; `retirement` and a date that it will be. Everything else is for human readers.
    ///
    /// # Example: the words that count
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
        // most are not, and to find that out is cheaper than to look for the place
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

fn leading_date(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let text = text.strip_prefix("about").unwrap_or(text).trim_start();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '-').unwrap_or(text.len());
    text.get(..end).filter(|date| date.len() >= "YYYY-MM".len())
}

#[cfg(test)]
mod tests {
    use super::*;

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
