//! The emulator's refusals: those of the client crate's rules, and the few that only one of the two has.

use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest, ModelCatalog, Rule, ServiceError, Validation};
use azure_openai_emulator::Emulator;
use serde_json::{Value, json};

async fn client(emulator: &Emulator) -> ChatClient {
    let client = ChatClient::builder(emulator.endpoint(), ApiKey::new("any"));
    client.validation(Validation::Off).build().unwrap()
}

fn read(model: &str, extra: Value) -> ChatCompletionRequest {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    serde_json::from_value(body).unwrap()
}

/// The emulator's answer to a request, sent as its JSON asks.
async fn answer(client: &ChatClient, request: &ChatCompletionRequest) -> Result<(), azure_openai_chat::Error> {
    match request.asks_for_stream() {
        Some(true) => client.stream(request).await.map(drop),
        _ => client.complete(request).await.map(drop),
    }
}

#[tokio::test]
async fn a_request_that_breaks_a_rule_is_refused_before_sending_and_by_the_emulator() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator).await;
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let tool = |extra: Value| {
        let mut function = json!({"name": "f"});
        function.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!([{"type": "function", "function": function}])
    };
    let open = json!({"type": "object", "properties": {}});
    let cases = [
        ("o1-2024-12-17", json!({"max_completion_tokens": 5, "top_p": 0.5}), Rule::UnsupportedParameter),
        ("o4-mini-2025-04-16", json!({"temperature": 0.5}), Rule::UnsupportedValue),
        ("o1-mini-2024-09-12", json!({"messages": [{"role": "system", "content": "s"}]}), Rule::UnsupportedRole),
        (
            "o3-mini-2025-01-31",
            json!({"messages": [{"role": "system", "content": "s"}, {"role": "developer", "content": "d"}]}),
            Rule::MixedInstructions,
        ),
        ("gpt-4o-2024-08-06", json!({"messages": []}), Rule::RequiredParameter),
        (
            "gpt-4o-2024-08-06",
            json!({"prediction": {"type": "content", "content": "x"}, "n": 2}),
            Rule::PredictionConflict,
        ),
        ("gpt-5.6-sol-2026-07-09", json!({"tools": tool(json!({}))}), Rule::EffortConflict),
        ("o3-pro-2025-06-10", json!({}), Rule::NoChatCompletions),
        ("gpt-4o-2024-08-06", json!({"tools": tool(json!({"strict": true, "parameters": open}))}), Rule::StrictSchema),
        ("gpt-4o-2024-08-06", json!({"tool_choice": "auto"}), Rule::Contradiction),
        (
            "gpt-4o-2024-08-06",
            json!({"messages": [{"role": "user"}, {"role": "assistant", "tool_calls": [call]}]}),
            Rule::Contradiction,
        ),
        ("gpt-4o-2024-08-06", json!({"stop": ["a", "b", "c", "d", "e"]}), Rule::Limit),
        ("gpt-4o-2024-08-06", json!({"temperature": 3}), Rule::OutOfRange),
        ("gpt-4o-2024-08-06", json!({"user": 5}), Rule::WrongType),
        ("gpt-4o-2024-08-06", json!({"tools": tool(json!({"name": "a b"}))}), Rule::InvalidName),
        ("gpt-4o-2024-08-06", json!({"data_sources": [{"type": "azure_search", "parameters": {}}]}), Rule::ApiVersion),
        ("o1-2024-12-17", json!({"max_completion_tokens": 5, "stream": true}), Rule::UnsupportedParameter),
    ];
    for (model, extra, rule) in cases {
        let request = read(model, extra.clone());
        let check = match request.asks_for_stream() {
            Some(true) => client.check_stream(&request),
            _ => client.check(&request),
        };
        let violations = check.violations();
        assert!(violations.iter().any(|violation| violation.rule() == rule), "{extra}: {violations:?}");
        let error = answer(&client, &request).await.expect_err(&extra.to_string());
        assert_eq!(error.status(), Some(400), "{extra}: {error}");
        let text = error.service_error().and_then(ServiceError::message).unwrap_or_default();
        assert!(!text.is_empty(), "{extra}: {error:?}");
    }
}

#[tokio::test]
async fn every_model_of_the_table_answers_what_breaks_no_rule() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator).await;
    let mut answered = 0;
    for model in ModelCatalog::built_in().models() {
        for extra in [json!({}), json!({"temperature": 0.5}), json!({"stream": true}), json!({"max_tokens": 20_000})] {
            let request = read(&model.id(), extra.clone());
            let violations = request.violations(request.asks_for_stream(), None);
            // the service takes a request without a limit; this crate wants that to be meant
            let is_refused = violations.iter().any(|violation| violation.rule() != Rule::RequiredParameter);
            let answer = answer(&client, &request).await;
            assert_eq!(answer.is_err(), is_refused, "{model} {extra}: {violations:?}, {answer:?}");
            answered += usize::from(answer.is_ok());
        }
    }
    assert!(answered > 100, "only {answered} requests were answered");
}

#[tokio::test]
async fn only_the_service_knows_all_roles_and_members_and_counts_tokens() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator).await;
    let long = "one two ".repeat(70_000);
    let turns = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
        {"role": "user", "content": "again"},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ]);
    for extra in [
        json!({"messages": [{"role": "wizard", "content": "hi"}]}),
        json!({"messages": [{"role": "user", "content": long}]}),
        json!({"messages": turns}),
        json!({"tomorrow": true}),
    ] {
        let request = read("gpt-4o-2024-08-06", extra);
        let check = client.check(&request);
        assert_eq!(check.violations(), []);
        assert_eq!(answer(&client, &request).await.unwrap_err().status(), Some(400));
    }
}
