//! How many, and how long. Ranges of numbers are the service's to judge.

use serde_json::Value;

use super::Check;
use super::types::kind_of;
use crate::request::Stop;
use crate::request::violation::{Rule, Violation};

/// How many stop sequences the service takes.
const STOPS: usize = 4;
/// How many pairs of metadata, and how many characters in a key and in a value.
const PAIRS: usize = 16;
const KEY: usize = 64;
const VALUE: usize = 512;

pub(super) fn stop(check: &Check<'_>, found: &mut Vec<Violation>) {
    let count = check.body.stop.as_ref().map_or(0, Stop::len);
    if count > STOPS {
        found.push(Violation::new(
            "stop",
            Rule::Limit,
            format!("there are {count} stop sequences: the service takes at most {STOPS}"),
        ));
    }
}

pub(super) fn metadata(check: &Check<'_>, found: &mut Vec<Violation>) {
    let Some(metadata) = &check.body.metadata else { return };
    if metadata.len() > PAIRS {
        found.push(Violation::new(
            "metadata",
            Rule::Limit,
            format!("there are {} pairs: the service takes at most {PAIRS}", metadata.len()),
        ));
    }
    for (at, (key, value)) in metadata.iter().enumerate() {
        // the keys are the caller's own words, so the place is told by number
        let mut told = |rule, message: String| found.push(Violation::new(format!("metadata[{at}]"), rule, message));
        if key.chars().count() > KEY {
            told(Rule::Limit, format!("the key is longer than {KEY} characters: shorten it"));
        }
        match value {
            Value::String(text) if text.chars().count() > VALUE => {
                told(Rule::Limit, format!("the value is longer than {VALUE} characters: shorten it"));
            }
            Value::String(_) => {}
            other => told(Rule::WrongType, format!("the value cannot be {}: pass a string", kind_of(other))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ask_any, assert_fine, assert_refused, assert_told, read};
    use super::*;

    #[test]
    fn four_stop_sequences_are_enough() {
        assert_refused(
            ask_any().stop(["a", "b", "c", "d", "e"]),
            "stop",
            Rule::Limit,
            "there are 5 stop sequences: the service takes at most 4",
        );
        assert_fine(ask_any().stop(["a", "b", "c", "d"]));
        assert_fine(ask_any().stop("a"));
    }

    #[test]
    fn metadata_is_sixteen_short_pairs() {
        let pairs = |count: usize| (0..count).map(|at| (at.to_string(), "v"));
        assert_refused(
            ask_any().metadata(pairs(17)),
            "metadata",
            Rule::Limit,
            "there are 17 pairs: the service takes at most 16",
        );
        assert_fine(ask_any().metadata(pairs(16)));
        assert_refused(
            ask_any().metadata([("a".to_owned(), "v"), ("b".repeat(65), "v")]),
            "metadata[1]",
            Rule::Limit,
            "the key is longer than 64 characters: shorten it",
        );
        assert_refused(
            ask_any().metadata([("a", "v".repeat(513))]),
            "metadata[0]",
            Rule::Limit,
            "the value is longer than 512 characters: shorten it",
        );
        assert_fine(ask_any().metadata([("ä".repeat(64), "ö".repeat(512))]));
    }

    #[test]
    fn metadata_is_words() {
        assert_told(
            &read(json!({"model": "d", "messages": [{"role": "user"}], "metadata": {"a": 5, "b": null}})),
            &[
                ("metadata[0]", Rule::WrongType, "the value cannot be this number: pass a string"),
                ("metadata[1]", Rule::WrongType, "the value cannot be null: pass a string"),
            ],
        );
    }
}
