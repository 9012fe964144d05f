//! Limits of counts and lengths: `tools`, `functions`, `stop`, `metadata`, `n`.

use serde_json::Value;

use super::rule::{Check, Findings, kind_of};
use crate::request::violation::{Rule, Violation};

/// How many stop sequences the service takes.
const STOPS: usize = 4;
/// How many pairs of metadata, and how many characters in a key and in a value.
const PAIRS: usize = 16;
const KEY: usize = 64;
const VALUE: usize = 512;

/// How many `tools`, and how many `functions`, a model of the table takes.
const TOOLS: usize = 128;

pub(super) fn tools(check: &Check<'_>, found: &mut Findings<'_>) {
    let tools = check.body.tools.as_ref().map_or(0, |tools| tools.len());
    let functions = check.body.functions.as_ref().map_or(0, |functions| functions.len());
    for (name, count) in [("tools", tools), ("functions", functions)] {
        if count > TOOLS {
            let message = format!("there are {count} {name}: the service takes at most {TOOLS}");
            found.add_limit(name, TOOLS, message);
        }
    }
}

pub(super) fn stop(check: &Check<'_>, found: &mut Findings<'_>) {
    let count = check.request.stop().len();
    if count > STOPS {
        let message = format!("there are {count} stop sequences: the service takes at most {STOPS}");
        found.add_limit("stop", STOPS, message);
    }
}

pub(super) fn metadata(check: &Check<'_>, found: &mut Findings<'_>) {
    let Some(metadata) = &check.body.metadata else { return };
    if metadata.len() > PAIRS {
        let message = format!("there are {} pairs: the service takes at most {PAIRS}", metadata.len());
        found.add_limit("metadata", PAIRS, message);
    }
    for (at, (key, value)) in metadata.iter().enumerate() {
        // A key is the caller's text, so the place is a number.
        let place = format!("metadata[{at}]");
        if key.chars().count() > KEY {
            let message = format!("the key is longer than {KEY} characters: shorten it");
            found.add_limit(&place, KEY, message);
        }
        match value {
            Value::String(text) if text.chars().count() > VALUE => {
                let message = format!("the value is longer than {VALUE} characters: shorten it");
                found.add_limit(&place, VALUE, message);
            }
            Value::String(_) => {}
            other => {
                let message = format!("the value cannot be {}: pass a string", kind_of(other));
                found.push(Violation::new(&place, Rule::WrongType, message).expecting("a string"));
            }
        }
    }
}

/// Each choice is billed; the chunks of a stream belong to different choices in turn.
pub(super) fn choices(check: &Check<'_>, found: &mut Findings<'_>) {
    if let Some(n) = check.body.n.filter(|n| *n > 1) {
        let message = format!("{n} answers are billed {n} times, and their chunks come interleaved in a stream");
        found.add("n", Rule::Advice, message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{
        assert_advised, assert_fine, assert_refused, assert_violations, model, read, request_to, request_to_any,
    };
    use super::*;
    use crate::model::{ApiVersion, Model};
    use crate::request::Tool;

    #[test]
    fn a_model_of_the_table_takes_128_tools() {
        let tools = |count: usize| (0..count).map(|at| Tool::function(format!("f{at}")));
        let message = "there are 129 tools: the service takes at most 128";
        for known in [Model::GPT_4O_2024_08_06, "gpt-4o".parse().unwrap(), Model::O3_2025_04_16] {
            assert_refused(request_to(known.clone()).tools(tools(129)), "tools", Rule::Limit, message);
            assert_fine(request_to(known).tools(tools(128)));
        }
        let functions: Vec<_> = (0..129).map(|at| json!({"name": format!("f{at}")})).collect();
        assert_violations(
            &read(json!({"model": "gpt-4o", "messages": [{"role": "user"}], "functions": functions})),
            &[("functions", Rule::Limit, "there are 129 functions: the service takes at most 128")],
        );
        // what other makers' models take is not documented
        assert_fine(request_to_any().tools(tools(129)));
        assert_fine(request_to(model(|unknown| unknown)).tools(tools(129)));
    }

    #[test]
    fn four_stop_sequences_are_enough() {
        assert_refused(
            request_to_any().stop(["a", "b", "c", "d", "e"]),
            "stop",
            Rule::Limit,
            "there are 5 stop sequences: the service takes at most 4",
        );
        assert_fine(request_to_any().stop(["a", "b", "c", "d"]));
        assert_fine(request_to_any().stop("a"));
    }

    #[test]
    fn metadata_is_sixteen_short_pairs() {
        let pairs = |count: usize| (0..count).map(|at| (at.to_string(), "v"));
        assert_refused(
            request_to_any().metadata(pairs(17)),
            "metadata",
            Rule::Limit,
            "there are 17 pairs: the service takes at most 16",
        );
        assert_fine(request_to_any().metadata(pairs(16)));
        assert_refused(
            request_to_any().metadata([("a".to_owned(), "v"), ("b".repeat(65), "v")]),
            "metadata[1]",
            Rule::Limit,
            "the key is longer than 64 characters: shorten it",
        );
        assert_refused(
            request_to_any().metadata([("a", "v".repeat(513))]),
            "metadata[0]",
            Rule::Limit,
            "the value is longer than 512 characters: shorten it",
        );
        assert_fine(request_to_any().metadata([("ä".repeat(64), "ö".repeat(512))]));
    }

    #[test]
    fn metadata_is_words() {
        assert_violations(
            &read(json!({"model": "d", "messages": [{"role": "user"}], "metadata": {"a": 5, "b": null}})),
            &[
                ("metadata[0]", Rule::WrongType, "the value cannot be this number: pass a string"),
                ("metadata[1]", Rule::WrongType, "the value cannot be null: pass a string"),
            ],
        );
    }

    #[test]
    fn several_answers_cost_several_times() {
        assert_advised(
            request_to_any().n(3),
            &ApiVersion::V1,
            &[("n", "3 answers are billed 3 times, and their chunks come interleaved in a stream")],
        );
        assert_advised(request_to_any().n(1), &ApiVersion::V1, &[]);
    }
}
