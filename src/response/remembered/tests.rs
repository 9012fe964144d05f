//! What is remembered changes nothing: answers are read by a memory and without one.
//!
//! The number of cases is small here; `RESULTS_CASES` asks for more.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

use super::*;

const SAFE: &str = r#"{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false}}"#;
const LOW: &str = r#"{"hate":{"filtered":false,"severity":"low"},"violence":{"filtered":false,"severity":"safe"}}"#;
const CITED: &str =
    r#"{"protected_material_code":{"detected":true,"citation":{"URL":"https://canary","license":"MIT"}}}"#;

/// What may stand where results belong; `#` is the results as they mostly are.
const RESULTS: &[&str] =
    &[SAFE, SAFE, SAFE, LOW, CITED, "{}", "null", "7", "[]", r#"{"new":[{"hate":{}}],"error":null}"#];

/// Members of a choice; `@` stands for results.
const OF_CHOICES: &[&str] = &[
    r#""content_filter_results":@"#,
    r#""content_filter_results":@"#,
    r#""content_filter_results":@"#,
    r#""content_filter_results": @"#,
    r#""content_filter_result":@"#,
    r#""content_filter\u005fresults":@"#,
    r#""finish_reason":"stop""#,
    r#""index":0"#,
    r#""logprobs":null"#,
    r#""message":{"role":"assistant","content":"a \"word\"\n{[","refusal":null}"#,
    r#""message":{"content":"\"content_filter_results\":@,\"x\":1}"}"#,
    r#""message":{"content_filter_results":@}"#,
    r#""x":[{"content_filter_results":@}]"#,
    r#""a\\":"\\\"""#,
];

/// Members of an answer; `@` stands for results, `^` for choices, `~` for results of prompts.
const OF_ANSWERS: &[&str] = &[
    r#""choices":[{^}]"#,
    r#""choices":[{^}]"#,
    r#""choices":[{^}]"#,
    r#""choices":[{^},{^}]"#,
    r#""choices":[7,{^}]"#,
    r#""choices":{^}"#,
    r#""choices":null"#,
    r#""cho\u0069ces":[{^}]"#,
    r#""created":1733000000"#,
    r#""id":"chatcmpl-1""#,
    r#""model":"gpt-4o","object":"chat.completion""#,
    r#""prompt_filter_results":~"#,
    r#""prompt_filter_results":~"#,
    r#""prompt_filter_results":~"#,
    r#""prompt_filter_results":~"#,
    r#""prompt_filter_results" :~"#,
    r#""prompt_filter\u005fresults":~"#,
    r#""prompt_annotations":~"#,
    r#""x\"prompt_filter_results":~"#,
    r#""x,\"prompt_filter_results":~"#,
    r#""x":{"prompt_filter_results":~,"y":1}"#,
    r#""x":[{"y":1,"prompt_filter_results":~,"z":1}]"#,
    r#""x":"\"prompt_filter_results\":~,\"y\":1""#,
    r#""content_filter_results":@"#,
    r#""usage":{"total_tokens":3,"prompt_tokens_details":{"cached_tokens":0}}"#,
    r#""system_fingerprint":"fp_0""#,
];

const OF_PROMPTS: &[&str] = &[
    r#"[{"prompt_index":0,"content_filter_results":@}]"#,
    r#"[{"prompt_index":0,"content_filter_results":@}]"#,
    r#"[{"content_filter_results":@,"prompt_index":0},{"prompt_index":1}]"#,
    "[7]",
    "[]",
    "null",
    "{}",
];

/// What turns JSON into other JSON, or into none.
const BROKEN: &[&str] = &[
    "\"",
    "\\",
    "\\\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ",\"",
    ":",
    " ",
    "null",
    "\"a\":",
    "\"prompt_filter_results\":[],",
    r#","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false}}}],""#,
    r#""prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false}}}],"#,
];

fn fill(text: String, hole: char, parts: &[String]) -> String {
    parts.iter().fold(text, |text, part| text.replacen(hole, part, 1))
}

fn results() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(select(RESULTS).prop_map(str::to_owned), 6)
}

fn choice() -> impl Strategy<Value = String> {
    (prop::collection::vec(select(OF_CHOICES), 0..5), results())
        .prop_map(|(members, results)| fill(members.join(","), '@', &results))
}

fn prompts() -> impl Strategy<Value = String> {
    (select(OF_PROMPTS), results()).prop_map(|(prompts, results)| fill(prompts.to_owned(), '@', &results))
}

/// An answer as the service might send it, members in any order and number.
fn answer() -> impl Strategy<Value = String> {
    let members = prop::collection::vec(select(OF_ANSWERS), 1..9);
    let parts = (results(), prop::collection::vec(choice(), 6), prop::collection::vec(prompts(), 6));
    (members, parts).prop_map(|(members, (results, choices, prompts))| {
        let text = fill(members.join(","), '^', &choices);
        format!("{{{}}}", fill(fill(text, '~', &prompts), '@', &results))
    })
}

/// An answer as the service mostly sends it.
fn usual(results: &str) -> String {
    format!(
        r#"{{"choices":[{{"content_filter_results":{results},"finish_reason":"stop","index":0,"message":{{"content":"a \"word\"\n","role":"assistant"}}}}],"created":1,"id":"x","prompt_filter_results":[{{"prompt_index":0,"content_filter_results":{results}}}],"usage":{{"total_tokens":3}}}}"#
    )
}

/// Bytes of an answer replaced by others.
fn body() -> impl Strategy<Value = String> {
    let whole = || prop_oneof![3 => answer(), 1 => select(RESULTS).prop_map(usual)];
    let broken = (whole(), prop::collection::vec((any::<Index>(), 0..4_usize, select(BROKEN)), 1..4));
    let broken = broken.prop_map(|(mut text, changes)| {
        for (at, length, other) in changes {
            let at = at.index(text.len() + 1);
            text.replace_range(at..(at + length).min(text.len()), other);
        }
        text
    });
    prop_oneof![2 => whole(), 1 => broken]
}

/// What was read, with all that can be seen of it.
fn told(read: Result<CompletionBody, serde_json::Error>) -> Result<(CompletionBody, String, String), String> {
    let body = read.map_err(|error| error.to_string())?;
    let (printed, written) = (format!("{body:?}"), serde_json::to_string(&body).unwrap());
    Ok((body, printed, written))
}

#[track_caller]
fn assert_same(memory: &RememberedResults, json: &str) {
    assert_eq!(told(memory.read(json)), told(serde_json::from_str(json)), "{json}");
}

/// How many results of an answer are known.
fn known_in(memory: &RememberedResults, json: &str) -> usize {
    let found = memory.0.lock().unwrap().find_in(json);
    let choice = found.choice.is_some_and(|place| place.known.is_some());
    let prompts = found.prompts.is_some_and(|place| place.known.is_some());
    usize::from(choice) + usize::from(prompts)
}

#[test]
fn what_is_remembered_changes_nothing() {
    let cases = std::env::var("RESULTS_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2000);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let (read, known) = (Cell::new(0), Cell::new(0));
    runner
        .run(&prop::collection::vec(body(), 1..6), |bodies| {
            let memory = RememberedResults::default();
            for json in [usual(SAFE), usual(LOW)].into_iter().chain(bodies) {
                prop_assert_eq!(told(memory.read(&json)), told(serde_json::from_str(&json)), "{}", json);
                read.set(read.get() + 1);
                let others = memory.0.lock().unwrap().find_in(&json).read_others(&json);
                known.set(known.get() + usize::from(others.is_some()));
            }
            Ok(())
        })
        .unwrap();
    println!("{} of {} answers were read in part", known.get(), read.get());
    assert!(known.get() * 4 > read.get(), "too few to say anything");
}

#[test]
fn results_that_come_again_are_known() {
    let memory = RememberedResults::default();
    for (results, expected) in [(SAFE, 0), (SAFE, 2), (LOW, 0), (SAFE, 2), (LOW, 2)] {
        assert_eq!(known_in(&memory, &usual(results)), expected, "{results}");
        assert_same(&memory, &usual(results));
    }
}

#[test]
fn one_of_two_may_be_known() {
    let memory = RememberedResults::default();
    assert_same(&memory, &usual(SAFE));
    let other = usual(SAFE).replacen("safe", "high", 1);
    assert_eq!(known_in(&memory, &other), 1);
    assert_same(&memory, &other);
    assert_eq!(known_in(&memory, &other), 2);
}

#[test]
fn nothing_that_holds_text_is_remembered() {
    let filler = format!(r#"{{"{}":{{}}}}"#, "n".repeat(REMEMBERED_BYTES));
    for results in [
        CITED,
        r#"{"custom_blocklists":{"filtered":true,"details":[{"filtered":true,"id":"canary"}]}}"#,
        r#"{"personally_identifiable_information":{"redacted_text":"canary"}}"#,
        r#"{"personally_identifiable_information":{"redacted_text" : "canary"}}"#,
        r#"{"new":["canary"]}"#,
        r#"{"hate":{"severity":"canary"}}"#,
        r#"{"hate":{"severity":"s\u0061fe"}}"#,
        r#"{"error":{"code":"canary","message":"canary"}}"#,
        &filler,
    ] {
        let memory = RememberedResults::default();
        for _ in 0..2 {
            assert_eq!(known_in(&memory, &usual(results)), 0, "{results}");
            assert_same(&memory, &usual(results));
        }
        assert_eq!(format!("{memory:?}"), "RememberedResults { choices: 0, prompts: 0 }");
    }
}

#[test]
fn no_more_than_a_few_are_remembered() {
    let memory = RememberedResults::default();
    let results = |number: usize| format!(r#"{{"hate":{{"filtered":false}},"number":{number}}}"#);
    for number in 0..3 * REMEMBERED {
        assert_same(&memory, &usual(&results(number)));
    }
    assert_eq!(format!("{memory:?}"), format!("RememberedResults {{ choices: {REMEMBERED}, prompts: {REMEMBERED} }}"));
    assert_eq!(known_in(&memory, &usual(&results(3 * REMEMBERED - 1))), 2);
    assert_eq!(known_in(&memory, &usual(&results(0))), 0);
}

#[test]
fn a_long_answer_is_read_as_a_whole() {
    let memory = RememberedResults::default();
    let long = usual(SAFE).replace("word", &"word".repeat(SEARCHED_BYTES / 4));
    assert_same(&memory, &long);
    assert_eq!(known_in(&memory, &usual(SAFE)), 0);
}

#[test]
fn results_elsewhere_are_not_those_of_the_prompts() {
    let memory = RememberedResults::default();
    assert_same(&memory, &usual(SAFE));
    let prompts = format!(r#"[{{"prompt_index":0,"content_filter_results":{SAFE}}}]"#);
    for json in [
        format!(r#"{{"x":{{"prompt_filter_results":{prompts},"y":1}}}}"#),
        format!(r#"{{"x":{{"prompt_filter_results":{prompts}}},"y":1}}"#),
        format!(r#"{{"x":[{{"prompt_filter_results":{prompts}}}]}}"#),
        format!(r#"{{"prompt_filter_results":null,"x":{{"prompt_filter_results":{prompts}}}}}"#),
        format!(r#"[{{"prompt_filter_results":{prompts}}}]"#),
        // no JSON, although it would be without them
        format!(r#"{{"a":"b,"prompt_filter_results":{prompts},","x":1}}"#),
        format!(r#"{{"a":"prompt_filter_results":{prompts},"x":1}}"#),
        format!(r#"{{"prompt_filter_results":{prompts},}}"#),
        format!(r#"{{"prompt_filter_results":{prompts}}}}}"#),
        format!(r#"{{"a":1 "prompt_filter_results":{prompts}}}"#),
    ] {
        assert_same(&memory, &json);
    }
    let last = format!(r#"{{"id":"x","prompt_filter_results":{prompts}}}"#);
    assert_eq!(known_in(&memory, &last), 1);
    assert_same(&memory, &last);
}
