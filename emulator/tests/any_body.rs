//! Tests with bodies of any shape: each is answered or refused, and none ends the emulator.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "these helpers are tests, too")]

use std::cell::Cell;
use std::time::Duration;

use azure_openai_emulator::Emulator;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

/// Members of a request, and of the objects in one.
const NAMES: &str = "messages role content type text image_url input_audio url tool_calls tool_call_id id function name \
    arguments parameters strict tools tool_choice allowed_tools functions parallel_tool_calls response_format \
    json_schema schema properties required additionalProperties items enum anyOf $ref minItems minLength maximum \
    multipleOf prediction n stop temperature top_p logprobs top_logprobs logit_bias max_tokens max_completion_tokens \
    reasoning_effort verbosity metadata stream stream_options include_usage data_sources audio modalities custom 7 größe";

const WORDS: &str = "user system developer assistant tool text image_url function custom auto none required minimal high \
    json_object json_schema object array string integer number # #/properties/a größe🦀 content Replace`a`with`b`";

fn one_of(words: &'static str) -> impl Strategy<Value = String> {
    select(words.split_whitespace().collect::<Vec<_>>()).prop_map(str::to_owned)
}

const MODELS: &[&str] =
    &["o1-new", "gpt-4o-mini", "gpt-5-2025-08-07", "gpt-5.6-sol-2026-07-09", "o3-pro-2025-06-10", "another"];

fn any_json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        (-3_i64..200).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from)
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        one_of(WORDS).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let members = proptest::collection::vec((one_of(NAMES), inner.clone()), 0..5);
        let object = members.prop_map(|members| members.into_iter().collect::<Map<_, _>>());
        prop_oneof![proptest::collection::vec(inner, 0..4).prop_map(Value::from), object.prop_map(Value::from)]
    })
}

/// A question that is fine, with members of any kind beside it or in place of its own.
fn any_body() -> impl Strategy<Value = Value> {
    let members = proptest::collection::vec((one_of(NAMES), any_json()), 0..4);
    let messages = prop_oneof![3 => Just(json!([{"role": "user", "content": "hi, say JSON"}])), 1 => any_json()];
    prop_oneof![
        8 => (messages, members).prop_map(|(messages, members)| {
            let mut body = Map::from_iter([("messages".to_owned(), messages)]);
            body.extend(members);
            Value::Object(body)
        }),
        1 => any_json(),
    ]
}

#[test]
fn a_body_of_any_shape_is_answered_or_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let emulator = runtime.block_on(async {
        let emulator = Emulator::builder().deployment("another", "DeepSeek-V4-Pro");
        emulator.start().await.unwrap()
    });
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    let cases = proptest::collection::vec((select(MODELS), any_body()), 1..4);
    let (answered, refused) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&cases, |cases| {
        for (model, body) in cases {
            let path = format!("openai/deployments/{model}/chat/completions?api-version=2025-04-01-preview");
            let request = client.post(format!("{}/{path}", emulator.endpoint())).header("api-key", "key");
            let (status, text) = runtime
                .block_on(async {
                    let response = request.body(body.to_string()).send().await?;
                    Ok((response.status().as_u16(), response.text().await?))
                })
                .map_err(|error: reqwest::Error| TestCaseError::fail(format!("{model}: {error:?}")))?;
            prop_assert!(matches!(status, 200 | 400), "{status}: {text}");
            let count = if status == 200 { &answered } else { &refused };
            count.set(count.get() + 1);
            if status == 400 {
                let error: Value = serde_json::from_str(&text).unwrap();
                let message = error["error"]["message"].as_str().unwrap_or_default();
                prop_assert!(!message.is_empty(), "{text}");
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(answered.get() > 30 && refused.get() > 30, "{answered:?} answered, {refused:?} refused");
}
