//! Any JSON, of any type in any place, is read, judged and written without loss.

use azure_openai_chat::{ApiVersion, ChatCompletionRequest, Deployment};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::requests::{any_model, careful_request, cases, names};

/// Names that mean something inside of a request.
const INNER: &[&str] = &[
    "role",
    "content",
    "name",
    "refusal",
    "tool_calls",
    "function_call",
    "tool_call_id",
    "audio",
    "context",
    "intent",
    "citations",
    "type",
    "text",
    "image_url",
    "url",
    "detail",
    "input_audio",
    "data",
    "format",
    "file",
    "file_id",
    "id",
    "function",
    "arguments",
    "custom",
    "grammar",
    "definition",
    "syntax",
    "parameters",
    "strict",
    "description",
    "json_schema",
    "schema",
    "properties",
    "required",
    "additionalProperties",
    "anyOf",
    "$ref",
    "items",
    "allowed_tools",
    "mode",
    "tools",
    "include_usage",
    "voice",
    "authentication",
    "fields_mapping",
    "content_fields",
    "embedding_dependency",
    "",
];

const WORDS: &[&str] = &[
    "",
    "user",
    "system",
    "developer",
    "tool",
    "assistant",
    "text",
    "auto",
    "none",
    "required",
    "low",
    "content",
    "function",
    "json_schema",
    "object",
    "#",
    "#/properties/a",
    "o1",
    "a/b",
    "\u{0}",
    "é\n",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        select(WORDS).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 48, 6, |inner| {
        let name = prop_oneof![4 => select(INNER).prop_map(str::to_owned), 1 => ".{0,4}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((name, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// Puts a value at the place of this number, counted through the whole.
fn replace(value: &mut Value, place: &mut usize, with: &Value) {
    if *place == 0 {
        *value = with.clone();
        *place = usize::MAX;
        return;
    }
    if *place == usize::MAX {
        return;
    }
    *place -= 1;
    match value {
        Value::Array(list) => list.iter_mut().for_each(|item| replace(item, place, with)),
        Value::Object(members) => members.values_mut().for_each(|member| replace(member, place, with)),
        _ => {}
    }
}

/// A careful request with places that hold anything else, and members that do.
fn careless_request() -> impl Strategy<Value = Value> {
    let broken = prop::collection::vec((any::<prop::sample::Index>(), any_value()), 0..4);
    let members = prop::collection::vec((select(names()), any_value()), 0..4);
    (careful_request(), broken, members).prop_map(|(mut request, broken, members)| {
        for (place, with) in broken {
            // the root stays an object
            let mut place = place.index(count(&request) - 1) + 1;
            replace(&mut request, &mut place, &with);
        }
        for (name, value) in members {
            request[name] = value;
        }
        request
    })
}

fn api_versions() -> impl Strategy<Value = ApiVersion> {
    let known = ApiVersion::KNOWN.to_vec();
    prop_oneof![3 => select(known), 1 => ".{0,12}".prop_map(ApiVersion::new)]
}

/// Judges and writes in every way there is; what it says is tested elsewhere.
fn use_it(request: &ChatCompletionRequest, version: &ApiVersion, streaming: bool) {
    for violation in request.violations(Some(streaming), Some(version)) {
        assert!(!violation.parameter().is_empty() && !violation.message().is_empty());
        assert!(violation.reference().starts_with("https://learn.microsoft.com/"));
    }
    for advice in request.advice(version) {
        assert!(!advice.parameter().is_empty() && !advice.message().is_empty());
    }
    let body = serde_json::to_value(request.body(version, streaming)).unwrap();
    assert_eq!(body.get("stream").is_some(), streaming);
    if let Err(error) = request.validate() {
        assert!(!error.to_string().is_empty());
    }
    let _ = request.clone().adapt().map(|adapted| adapted.request().validate().unwrap());
    let _ = format!("{request:?}");
}

proptest! {
    #![proptest_config(cases(2500))]

    #[test]
    fn any_object_is_read_without_loss_and_judged(
        json in careless_request(),
        model in any_model(),
        version in api_versions(),
        streaming in any::<bool>(),
    ) {
        let request: ChatCompletionRequest = serde_json::from_value(json.clone()).unwrap();
        prop_assert_eq!(serde_json::to_value(&request).unwrap(), json);
        use_it(&request, &version, streaming);
        use_it(&request.with_deployment(Deployment::new("d").model(model)), &version, streaming);
    }

    #[test]
    fn what_is_sent_is_what_was_read(json in careless_request(), version in api_versions()) {
        let request: ChatCompletionRequest = serde_json::from_value(json.clone()).unwrap();
        let mut sent = serde_json::to_value(request.body(&version, false)).unwrap();
        let mut read = json;
        // which deployment, and whether to stream, is said elsewhere
        for name in ["model", "stream", "stream_options"] {
            sent.as_object_mut().unwrap().remove(name);
            read.as_object_mut().unwrap().remove(name);
        }
        prop_assert_eq!(sent, read);
    }

    #[test]
    fn what_is_no_object_is_an_error(json in any_value()) {
        let is_object = json.is_object();
        prop_assert_eq!(serde_json::from_value::<ChatCompletionRequest>(json).is_ok(), is_object);
    }
}

#[test]
fn a_request_without_a_model_is_written_without_one() {
    for json in [
        json!({"messages": []}),
        json!({"model": null}),
        json!({"model": 5}),
        json!({"model": ""}),
        json!({"model": {"a": 1}}),
    ] {
        let request: ChatCompletionRequest = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&request).unwrap(), json);
        let named = request.with_deployment("d");
        assert_eq!(serde_json::to_value(&named).unwrap()["model"], "d");
    }
}
