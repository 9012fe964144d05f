//! The spellings of a model name, and the error for a name that is none.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::wire::getters;

/// Other ids of a model. Two documents give `gpt-5-codex` and the 5.6 models different dates.
const ALIASES: &[(&str, &str)] = &[
    ("gpt-4-turbo", "gpt-4-turbo-2024-04-09"),
    ("gpt-5-codex-2025-09-11", "gpt-5-codex-2025-09-15"),
    ("gpt-5.6-luna-2026-06-25", "gpt-5.6-luna-2026-07-09"),
    ("gpt-5.6-sol-2026-06-25", "gpt-5.6-sol-2026-07-09"),
    ("gpt-5.6-terra-2026-06-25", "gpt-5.6-terra-2026-07-09"),
];

/// The one spelling under which all spellings of an id meet: lower case, a hyphen before the version,
/// Azure's `gpt-35` for OpenAI's `gpt-3.5`, aliases resolved.
pub(super) fn normal(text: &str) -> String {
    let text = text.trim().to_ascii_lowercase().replacen(':', "-", 1);
    let text = match text.strip_prefix("gpt-3.5-turbo") {
        Some(rest) => format!("gpt-35-turbo{rest}"),
        None => text,
    };
    match ALIASES.iter().find(|(alias, _)| *alias == text) {
        Some((_, id)) => (*id).to_owned(),
        None => text,
    }
}

/// No model of this name is in the catalog.
///
/// # Example: what was meant
///
/// ```
/// use azure_openai_chat::Model;
///
/// let error = "gtp-4o".parse::<Model>().unwrap_err();
/// assert!(error.near().iter().any(|name| name == "gpt-4o"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownModel {
    given: String,
    near: Vec<String>,
}

impl UnknownModel {
    /// Finds the names that are nearest to what was given, if that is short enough to be a name.
    pub(super) fn among(given: &str, ids: impl Iterator<Item = String>) -> Self {
        const MOST: usize = 3;
        const LONGEST: usize = 64;
        let wanted = normal(given);
        let letters = wanted.chars().count();
        let mut near: Vec<(usize, String)> = ids
            .filter(|_| letters <= LONGEST)
            .map(|id| (distance(&wanted, &id.to_ascii_lowercase()), id))
            .filter(|(distance, _)| *distance <= 2.max(letters / 4) && *distance < letters)
            .collect();
        near.sort();
        Self { given: given.to_owned(), near: near.into_iter().take(MOST).map(|(_, id)| id).collect() }
    }
}

getters! { unknown: UnknownModel => unknown;
    /// The name that was not found.
    given: Text;
    /// Up to three names of the catalog that are similar, nearest first.
    near: Slice<String>;
}

impl fmt::Display for UnknownModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown model '{}'", self.given)?;
        if !self.near.is_empty() {
            write!(f, "; near it are {}", self.near.join(", "))?;
        }
        f.write_str("; a model that is not in the table is declared with Model::custom")
    }
}

impl std::error::Error for UnknownModel {}

impl From<UnknownModel> for Error {
    fn from(unknown: UnknownModel) -> Self {
        Self::new(ErrorKind::Config, unknown.to_string())
    }
}

/// How many letters must be put in, taken out or changed to make one text of the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    // `row` holds the distances from the letters of `left` read so far to each beginning of `right`.
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut before = index;
        let mut here = index + 1;
        let mut next = Vec::with_capacity(row.len());
        next.push(here);
        for (above, other) in row.iter().skip(1).zip(&right) {
            let changed = before + usize::from(letter != *other);
            here = changed.min(above + 1).min(here + 1);
            before = *above;
            next.push(here);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_model_meet() {
        for text in ["gpt-3.5-turbo-0125", "GPT-35-Turbo:0125", " gpt-35-turbo-0125 "] {
            assert_eq!(normal(text), "gpt-35-turbo-0125");
        }
        assert_eq!(normal("gpt-4-turbo"), "gpt-4-turbo-2024-04-09");
        assert_eq!(normal("gpt-4-turbo:2024-04-09"), "gpt-4-turbo-2024-04-09");
        assert_eq!(normal("gpt-5.6-sol:2026-06-25"), "gpt-5.6-sol-2026-07-09");
    }

    #[test]
    fn a_distance_counts_letters() {
        for (left, right, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("o1", "o3", 1), ("gtp", "gpt", 2), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(left, right), expected, "{left} and {right}");
        }
    }

    #[test]
    fn the_error_names_its_neighbours_and_the_way_out() {
        let ids = ["gpt-4o", "o1", "gpt-4o-mini", "gpt-5"].map(str::to_owned);
        let error = UnknownModel::among("gpt-4p", ids.into_iter());
        assert_eq!(error.given(), "gpt-4p");
        assert_eq!(error.near(), ["gpt-4o", "gpt-5"]);
        assert_eq!(
            error.to_string(),
            "unknown model 'gpt-4p'; near it are gpt-4o, gpt-5; a model that is not in the table is declared with Model::custom"
        );
        let nothing = UnknownModel::among("x", ["o1".to_owned()].into_iter());
        assert_eq!(
            nothing.to_string(),
            "unknown model 'x'; a model that is not in the table is declared with Model::custom"
        );
        assert_eq!(Error::from(nothing).kind(), ErrorKind::Config);
    }
}
