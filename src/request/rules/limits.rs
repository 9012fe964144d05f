//! The documented limits of numbers, counts and lengths, the same for every model.
//!
//! Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#createchatcompletionrequest>

use serde_json::{Number, Value};

use super::rule::{Check, Findings, kind_of};
use crate::request::RequestBody;
use crate::request::violation::{Rule, Violation};

/// A parameter that is a number: its name, its smallest and its largest value (`None` where only the model limits it), the
/// text of what it takes, and the field of a request that holds it.
type Range = (&'static str, i32, Option<i32>, &'static str, fn(&RequestBody) -> Option<Number>);

const RANGES: [Range; 8] = [
    ("temperature", 0, Some(2), "a number from 0 to 2", |body| body.temperature.clone()),
    ("top_p", 0, Some(1), "a number from 0 to 1", |body| body.top_p.clone()),
    ("presence_penalty", -2, Some(2), "a number from -2 to 2", |body| body.presence_penalty.clone()),
    ("frequency_penalty", -2, Some(2), "a number from -2 to 2", |body| body.frequency_penalty.clone()),
    ("top_logprobs", 0, Some(20), "a whole number from 0 to 20", |body| body.top_logprobs.map(Number::from)),
    ("n", 1, Some(128), "a whole number from 1 to 128", |body| body.n.map(Number::from)),
    ("max_tokens", 1, None, "a whole number of at least 1", |body| body.max_tokens.map(Number::from)),
    ("max_completion_tokens", 1, None, "a whole number of at least 1", |body| {
        body.max_completion_tokens.map(Number::from)
    }),
];

/// The range of a bias in `logit_bias`.
const BIAS: (i32, i32) = (-100, 100);
const EXPECTED_BIAS: &str = "a number from -100 to 100";
/// How long a key of `logit_bias` may be to be printed; the largest token id has seven digits.
const TOKEN_ID: usize = 10;

/// A description of the range of a parameter, such as `a number from 0 to 2`.
pub(crate) fn expected(name: &str) -> Option<&'static str> {
    RANGES.iter().find(|(known, ..)| *known == name).map(|(_, _, _, expected, _)| *expected)
}

/// Whether the value is a negative number for a parameter that counts: a number of the right type, but out of range.
pub(super) fn is_negative_count(name: &str, value: &Value) -> bool {
    value.is_i64() && expected(name).is_some()
}

fn is_within(value: f64, minimum: i32, maximum: Option<i32>) -> bool {
    value >= f64::from(minimum) && maximum.is_none_or(|maximum| value <= f64::from(maximum))
}

/// A parameter that the model refuses altogether is reported once, without its range.
pub(super) fn numbers(check: &Check<'_>, found: &mut Findings<'_>) {
    for (name, minimum, maximum, expected, read) in RANGES {
        let negative = || check.body.extra()?.get(name)?.as_i64().map(Number::from);
        let Some(value) = read(check.body).or_else(negative) else { continue };
        let is_within = value.as_f64().is_some_and(|value| is_within(value, minimum, maximum));
        if !is_within && !found.has(name) {
            let message = format!("{name} {value} is out of range: pass {expected}, or leave {name} out");
            let violation = Violation::new(name, Rule::OutOfRange, message);
            found.push(violation.within(i64::from(minimum), maximum.map(i64::from)));
        }
    }
}

/// The first bias that the service would refuse; the others are counted.
pub(super) fn biases(check: &Check<'_>, found: &mut Findings<'_>) {
    let Some(biases) = &check.body.logit_bias else { return };
    if found.has("logit_bias") {
        return;
    }
    let (minimum, maximum) = BIAS;
    let is_taken = |bias: f64| is_within(bias, minimum, Some(maximum));
    let is_within = |value: &Value| value.is_null() || value.as_f64().is_some_and(is_taken);
    let mut outside = biases.iter().filter(|(_, value)| !is_within(value));
    let Some((token, value)) = outside.next() else { return };
    let token = match token.len() <= TOKEN_ID && token.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("the bias of token {token}"),
        false => "the bias of a token".to_owned(),
    };
    let more = match outside.count() {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    let (rule, problem) = match value {
        Value::Number(bias) => (Rule::OutOfRange, format!("is {bias}")),
        other => (Rule::WrongType, format!("cannot be {}", kind_of(other))),
    };
    let message = format!("{token} {problem}{more}: pass {EXPECTED_BIAS}");
    let violation = Violation::new("logit_bias", rule, message).expecting(EXPECTED_BIAS);
    found.push(violation.within(i64::from(minimum), i64::from(maximum)));
}

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
    use crate::model::{ApiVersion, Model, Parameter, Support};
    use crate::request::{ChatCompletionRequestBuilder, Tool};

    /// A request to a deployment without a declared model, with one more member.
    fn with(name: &str, value: Value) -> ChatCompletionRequestBuilder {
        let builder = request_to_any();
        let builder = if name == "top_logprobs" { builder.logprobs(true) } else { builder };
        builder.extra(name, value)
    }

    #[test]
    fn a_number_out_of_range_is_refused_with_its_range() {
        for (name, values, range) in [
            ("temperature", vec![json!(-0.1), json!(2.1), json!(3)], "a number from 0 to 2"),
            ("top_p", vec![json!(-1), json!(1.01)], "a number from 0 to 1"),
            ("presence_penalty", vec![json!(-2.5), json!(3)], "a number from -2 to 2"),
            ("frequency_penalty", vec![json!(-3), json!(2.01)], "a number from -2 to 2"),
            ("top_logprobs", vec![json!(21), json!(-1)], "a whole number from 0 to 20"),
            ("n", vec![json!(0), json!(129), json!(-1)], "a whole number from 1 to 128"),
            ("max_tokens", vec![json!(0), json!(-5)], "a whole number of at least 1"),
            ("max_completion_tokens", vec![json!(0), json!(i64::MIN)], "a whole number of at least 1"),
        ] {
            for value in values {
                let message = format!("{name} {value} is out of range: pass {range}, or leave {name} out");
                assert_refused(with(name, value), name, Rule::OutOfRange, &message);
            }
        }
    }

    #[test]
    fn a_violation_has_the_bounds_it_is_about() {
        let bounds = |builder: ChatCompletionRequestBuilder| {
            let violations = builder.build_unchecked().violations(None, None);
            let [only] = violations.as_slice() else { panic!("{violations:?}") };
            (only.minimum(), only.maximum(), only.expected())
        };
        assert_eq!(bounds(with("temperature", json!(3))), (Some(0), Some(2), None));
        assert_eq!(bounds(with("max_tokens", json!(0))), (Some(1), None, None));
        assert_eq!(bounds(with("n", json!("2"))), (None, None, Some("a whole number from 1 to 128")));
        assert_eq!(bounds(request_to_any().stop(["a", "b", "c", "d", "e"])), (None, Some(4), None));
        assert_eq!(bounds(request_to_any().metadata([("a", "v".repeat(513))])), (None, Some(512), None));
        assert_eq!(bounds(request_to(Model::GPT_4O_2024_08_06).max_tokens(20_000)), (None, Some(16_384), None));
    }

    #[test]
    fn both_ends_of_a_range_are_in_it() {
        for (name, values) in [
            ("temperature", [json!(0), json!(2.0)]),
            ("top_p", [json!(0.0), json!(1)]),
            ("presence_penalty", [json!(-2), json!(2)]),
            ("frequency_penalty", [json!(-2.0), json!(2.0)]),
            ("top_logprobs", [json!(0), json!(20)]),
            ("n", [json!(1), json!(128)]),
            ("max_tokens", [json!(1), json!(u64::MAX)]),
            ("max_completion_tokens", [json!(1), json!(u64::MAX)]),
        ] {
            for value in values {
                assert_fine(with(name, value));
            }
        }
    }

    #[test]
    fn the_range_holds_for_every_model() {
        let own = model(|unknown| unknown);
        for declared in [Model::GPT_4O_2024_08_06, Model::GPT_4_1_2025_04_14, own] {
            assert_refused(
                request_to(declared).temperature(2.5),
                "temperature",
                Rule::OutOfRange,
                "temperature 2.5 is out of range: pass a number from 0 to 2, or leave temperature out",
            );
        }
    }

    #[test]
    fn a_parameter_the_model_refuses_is_reported_once() {
        assert_refused(
            request_to(Model::O1_2024_12_17).top_p(5.0),
            "top_p",
            Rule::UnsupportedParameter,
            "o1-2024-12-17 does not take top_p: leave top_p out",
        );
        assert_refused(
            request_to(Model::O1_2024_12_17).logit_bias([(1, 500)]),
            "logit_bias",
            Rule::UnsupportedParameter,
            "o1-2024-12-17 does not take logit_bias: leave logit_bias out",
        );
        let single = model(|unknown| unknown.with(Parameter::MultipleChoices, Support::No));
        assert_refused(
            request_to(single.clone()).n(200),
            "n",
            Rule::UnsupportedParameter,
            "mine does not take n: leave n at 1 and ask again",
        );
        assert_refused(
            request_to(single).n(0),
            "n",
            Rule::OutOfRange,
            "n 0 is out of range: pass a whole number from 1 to 128, or leave n out",
        );
    }

    #[test]
    fn a_number_that_is_none_is_refused_with_its_range() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for (builder, name, range) in [
                (request_to_any().temperature(value), "temperature", "from 0 to 2"),
                (request_to_any().top_p(value), "top_p", "from 0 to 1"),
                (request_to_any().presence_penalty(value), "presence_penalty", "from -2 to 2"),
                (request_to_any().frequency_penalty(value), "frequency_penalty", "from -2 to 2"),
            ] {
                let error = builder.build().unwrap_err();
                let [violation] = error.violations() else { panic!("{error}") };
                assert_eq!((violation.parameter(), violation.rule()), (name, Rule::OutOfRange));
                let expected = format!("{name} is not finite, which JSON cannot carry: pass a number {range}");
                assert_eq!(violation.message(), expected);
            }
        }
        // what is set last counts
        assert!(request_to_any().temperature(f64::NAN).temperature(0.5).build().is_ok());
    }

    #[test]
    fn a_value_that_is_no_number_is_of_the_wrong_type() {
        for (name, value, message) in [
            ("temperature", json!("2"), "temperature cannot be a string: pass a number from 0 to 2"),
            ("n", json!(1.5), "n cannot be this number: pass a whole number from 1 to 128"),
            ("max_tokens", json!([1]), "max_tokens cannot be this list: pass a whole number of at least 1"),
        ] {
            assert_refused(with(name, value), name, Rule::WrongType, message);
        }
    }

    #[test]
    fn a_bias_is_from_minus_100_to_100() {
        let biased = |biases: Value| read(json!({"model": "d", "messages": [{"role": "user"}], "logit_bias": biases}));
        for fine in [json!({}), json!({"1": 100, "50256": -100}), json!({"1": 0.5, "2": null})] {
            assert_violations(&biased(fine), &[]);
        }
        for (biases, rule, message) in [
            (json!({"50256": 101}), Rule::OutOfRange, "the bias of token 50256 is 101: pass a number from -100 to 100"),
            (
                json!({"1": -100.5, "2": 1, "3": 200, "4": "5"}),
                Rule::OutOfRange,
                "the bias of token 1 is -100.5 (and 2 more): pass a number from -100 to 100",
            ),
            (
                json!({"7": "5"}),
                Rule::WrongType,
                "the bias of token 7 cannot be a string: pass a number from -100 to 100",
            ),
            (
                json!({"a word of the caller": true}),
                Rule::WrongType,
                "the bias of a token cannot be true or false: pass a number from -100 to 100",
            ),
        ] {
            assert_violations(&biased(biases), &[("logit_bias", rule, message)]);
        }
    }

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
