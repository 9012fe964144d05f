//! The emulator answers as Azure does, and validation says what Azure would refuse: so both say the same of
//! every model.

use std::collections::BTreeMap;

use azure_openai_chat::model::ModelCatalog;
use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest, Rule, Validation};
use azure_openai_emulator::Emulator;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

/// What is added to a plain question.
fn variants() -> Vec<Value> {
    let function = |strict: bool| {
        let parameters = json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
        json!({"type": "function", "function": {"name": "f", "strict": strict, "parameters": parameters}})
    };
    let (tools, prediction) = (json!([function(false)]), json!({"type": "content", "content": "x"}));
    let schema = function(false)["function"]["parameters"].clone();
    let schema = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": true}});
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let called = json!({"role": "assistant", "tool_calls": [call]});
    let user = json!({"role": "user", "content": "json, please"});
    let image = json!({"type": "image_url", "image_url": {"url": "https://contoso.com/a.png"}});
    let sound = json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}});
    let [seen, heard] = [image, sound].map(|part| json!({"role": "user", "content": [part]}));
    vec![
        json!({}),
        json!({"temperature": 0.5}),
        json!({"temperature": 1}),
        json!({"top_p": 0.5}),
        json!({"presence_penalty": 0.5}),
        json!({"frequency_penalty": 0.5}),
        json!({"logprobs": true}),
        json!({"logprobs": false}),
        json!({"logprobs": true, "top_logprobs": 2}),
        json!({"top_logprobs": 2}),
        json!({"logit_bias": {"1": 1}}),
        json!({"n": 1}),
        json!({"n": 2}),
        json!({"seed": 1}),
        json!({"store": true}),
        json!({"stop": ["a"]}),
        json!({"stop": ["a", "b", "c", "d", "e"]}),
        json!({"stream": true}),
        json!({"max_tokens": 50}),
        json!({"max_completion_tokens": 50}),
        json!({"max_tokens": 20_000}),
        json!({"max_completion_tokens": 200_000}),
        json!({"reasoning_effort": "none", "temperature": 0.5}),
        json!({"reasoning_effort": "low", "temperature": 0.5}),
        json!({"reasoning_effort": "low", "temperature": 1}),
        json!({"reasoning_effort": "none", "top_p": 0.5, "presence_penalty": 1}),
        json!({"reasoning_effort": "high", "frequency_penalty": 1}),
        json!({"reasoning_effort": "none", "logprobs": true, "top_logprobs": 1}),
        json!({"reasoning_effort": "none", "logit_bias": {"1": 1}}),
        json!({"reasoning_effort": "low"}),
        json!({"reasoning_effort": "minimal"}),
        json!({"reasoning_effort": "none", "tools": tools}),
        json!({"reasoning_effort": "low", "tools": tools}),
        json!({"verbosity": "low"}),
        json!({"response_format": {"type": "json_object"}}),
        json!({"response_format": schema}),
        json!({"prediction": prediction}),
        json!({"prediction": prediction, "n": 2}),
        json!({"prediction": prediction, "logprobs": true}),
        json!({"prediction": prediction, "tools": tools}),
        json!({"prediction": prediction, "max_completion_tokens": 5}),
        json!({"modalities": ["text"]}),
        json!({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}),
        json!({"metadata": {"a": "1"}}),
        json!({"metadata": {"a": 1}}),
        json!({"tools": tools}),
        json!({"tools": []}),
        json!({"tools": [function(true)]}),
        json!({"functions": [{"name": "f"}]}),
        json!({"functions": [{"name": "f"}], "function_call": "auto"}),
        json!({"tool_choice": "none"}),
        json!({"tool_choice": "auto"}),
        json!({"tools": tools, "tool_choice": "auto"}),
        json!({"parallel_tool_calls": false}),
        json!({"tools": tools, "parallel_tool_calls": true}),
        json!({"tools": tools, "parallel_tool_calls": false}),
        json!({"messages": [{"role": "system", "content": "s"}, user]}),
        json!({"messages": [{"role": "developer", "content": "d"}, user]}),
        json!({"messages": [{"role": "system", "content": "s"}, {"role": "developer", "content": "d"}, user]}),
        json!({"messages": [seen, user]}),
        json!({"messages": [heard, user]}),
        json!({"messages": [user, called]}),
        json!({"messages": [user, called, user]}),
        json!({"messages": [user, called, {"role": "tool", "tool_call_id": "c", "content": "1"}]}),
        json!({"messages": [user, {"role": "tool", "tool_call_id": "c", "content": "1"}]}),
    ]
}

#[tokio::test]
async fn the_emulator_refuses_what_validation_refuses_and_nothing_else() {
    let emulator = Emulator::start().await.unwrap();
    let client = ChatClient::builder(emulator.endpoint(), ApiKey::new("any")).validation(Validation::Off);
    let client = &client.build().unwrap();
    let variants = variants();
    let catalog = ModelCatalog::built_in();
    let models = catalog.models().map(ToString::to_string);
    let cases = models.flat_map(|model| variants.iter().map(move |variant| (model.clone(), variant)));
    let asked = stream::iter(cases).map(async |(model, variant)| {
        let mut body = json!({"model": model, "messages": [{"role": "user", "content": "json, please"}]});
        body.as_object_mut().unwrap().extend(variant.as_object().unwrap().clone());
        let request: ChatCompletionRequest = serde_json::from_value(body).unwrap();
        let check = client.check(&request);
        // the service takes a request without a limit, and this crate wants it to be meant
        let mut rules = check.violations().iter().filter(|violation| violation.rule() != Rule::RequiredParameter);
        let validation = rules.next().map(ToString::to_string);
        let emulator = match variant["stream"] == json!(true) {
            true => client.stream(&request).await.map(drop),
            false => client.complete(&request).await.map(drop),
        };
        let emulator = emulator.map_err(|error| format!("{:?} {}", error.code(), error.message()));
        (model, variant, validation, emulator.err())
    });
    let mut differing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut asked = std::pin::pin!(asked.buffer_unordered(16));
    let mut count = 0;
    while let Some((model, variant, validation, emulator)) = asked.next().await {
        count += 1;
        if validation.is_some() != emulator.is_some() {
            let which = format!("{variant}: validation {validation:?}, emulator {emulator:?}").replace(&model, "MODEL");
            differing.entry(which).or_default().push(model);
        }
    }
    assert!(count > 4000, "only {count} requests were compared");
    assert!(differing.is_empty(), "{differing:#?}");
}
