//! Requests at random: JSON as a careful caller would write it, and the models to send it to.

use azure_openai_chat::{Model, ModelCatalog};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::BoxedStrategy;
use proptest::test_runner::Config;
use serde_json::{Map, Value, json};

pub(super) fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// Any model of the table, with and without its version.
pub(super) fn any_model() -> impl Strategy<Value = Model> {
    let catalog = ModelCatalog::built_in();
    let ids = catalog.models().flat_map(|model| [model.id(), model.name().to_owned()]);
    select(ids.collect::<Vec<_>>()).prop_map(|id| id.parse().unwrap())
}

fn one_of(values: Vec<Value>) -> BoxedStrategy<Value> {
    select(values).boxed()
}

fn message() -> BoxedStrategy<Value> {
    let image = json!({"type": "image_url", "image_url": {"url": "https://contoso.com/a.png"}});
    let sound = json!({"type": "input_audio", "input_audio": {"data": "YQ==", "format": "wav"}});
    let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    one_of(vec![
        json!({"role": "user", "content": "hi"}),
        json!({"role": "system", "content": "be kind"}),
        json!({"role": "developer", "content": "be kind"}),
        json!({"role": "assistant", "content": "hello"}),
        json!({"role": "assistant", "tool_calls": [call]}),
        json!({"role": "tool", "tool_call_id": "c1", "content": "1"}),
        json!({"role": "user", "content": [{"type": "text", "text": "look"}, image]}),
        json!({"role": "user", "content": [image, {"type": "text", "text": "look"}, sound, image]}),
        json!({"role": "user", "content": [sound]}),
    ])
}

fn tool() -> BoxedStrategy<Value> {
    let open = json!({"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}});
    one_of(vec![
        json!({"type": "function", "function": {"name": "f"}}),
        json!({"type": "function", "function": {"name": "f", "strict": true}}),
        json!({"type": "function", "function": {"name": "f", "strict": true, "parameters": open}}),
        json!({"type": "custom", "custom": {"name": "c"}}),
    ])
}

fn list(items: BoxedStrategy<Value>, least: usize) -> BoxedStrategy<Value> {
    proptest::collection::vec(items, least..4).prop_map(Value::Array).boxed()
}

/// What a careful caller would write for each member.
fn members() -> Vec<(&'static str, BoxedStrategy<Value>)> {
    let schema = json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
    let flag = || one_of(vec![json!(true), json!(false), Value::Null]);
    let count = || one_of(vec![json!(1), json!(2), json!(5000), json!(0)]);
    let number = || one_of(vec![json!(0), json!(0.5), json!(-1), json!(1.0), Value::Null]);
    vec![
        ("max_tokens", count()),
        ("max_completion_tokens", count()),
        ("temperature", number()),
        ("top_p", number()),
        ("presence_penalty", number()),
        ("frequency_penalty", number()),
        ("n", one_of(vec![json!(1), json!(3)])),
        ("stop", one_of(vec![json!("a"), json!(["a", "b"]), json!(["1", "2", "3", "4", "5"])])),
        ("seed", one_of(vec![json!(7), json!(-7)])),
        ("user", one_of(vec![json!("ann")])),
        ("logprobs", flag()),
        ("top_logprobs", count()),
        ("logit_bias", one_of(vec![json!({"1": 5}), json!({})])),
        (
            "reasoning_effort",
            one_of(["none", "minimal", "low", "medium", "high", "xhigh", "max"].map(Value::from).to_vec()),
        ),
        ("verbosity", one_of(vec![json!("low"), json!("tomorrow")])),
        (
            "prediction",
            one_of(vec![
                json!({"type": "content", "content": "x"}),
                json!({"type": "content", "content": [{"type": "text", "text": "x"}]}),
            ]),
        ),
        (
            "response_format",
            one_of(vec![
                json!({"type": "text"}),
                json!({"type": "json_object"}),
                json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}),
                json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": true}}),
                json!({"type": "json_schema", "json_schema": {"name": "a b", "schema": {}, "strict": true}}),
            ]),
        ),
        ("tools", list(tool(), 0)),
        (
            "tool_choice",
            one_of(vec![json!("auto"), json!("none"), json!({"type": "function", "function": {"name": "f"}})]),
        ),
        ("parallel_tool_calls", flag()),
        ("functions", one_of(vec![json!([]), json!([{"name": "f"}])])),
        ("function_call", one_of(vec![json!("auto"), json!({"name": "f"})])),
        ("modalities", one_of(vec![json!(["text"]), json!(["text", "audio"])])),
        ("audio", one_of(vec![json!({"voice": "alloy", "format": "mp3"})])),
        ("stream", flag()),
        ("stream_options", one_of(vec![json!({"include_usage": true}), json!({})])),
        ("store", flag()),
        ("metadata", one_of(vec![json!({"a": "b"}), json!({})])),
        ("service_tier", one_of(vec![json!("flex")])),
        ("prompt_cache_key", one_of(vec![json!("k")])),
        ("prompt_cache_retention", one_of(vec![json!("24h")])),
        ("safety_identifier", one_of(vec![json!("s")])),
        ("user_security_context", one_of(vec![json!({"end_user_id": "u"})])),
        ("web_search_options", one_of(vec![json!({})])),
        (
            "data_sources",
            one_of(vec![
                json!([]),
                json!([{"type": "azure_search", "parameters": {
                    "endpoint": "https://s", "authentication": {"type": "api_key", "key": "k"},
                    "fields_mapping": {"content_fields": ["a"]}, "include_contexts": ["intent"]
                }}]),
            ]),
        ),
        ("tomorrow", one_of(vec![json!({"a": [1, null]})])),
    ]
}

/// The names of all members.
pub(super) fn names() -> Vec<&'static str> {
    let own = ["model", "messages"];
    own.into_iter().chain(members().into_iter().map(|(name, _)| name)).collect()
}

/// A request with a random choice of members.
pub(super) fn careful_request() -> impl Strategy<Value = Value> {
    let (names, values): (Vec<_>, Vec<_>) = members().into_iter().unzip();
    let values: Vec<_> = values.into_iter().map(|value| proptest::option::weighted(0.12, value)).collect();
    let messages = proptest::collection::vec(message(), 1..4);
    (values, messages).prop_map(move |(values, messages)| {
        let chosen = names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        let mut request: Map<String, Value> = chosen.collect();
        request.insert("messages".to_owned(), Value::Array(messages));
        request.insert("model".to_owned(), "d".into());
        Value::Object(request)
    })
}
