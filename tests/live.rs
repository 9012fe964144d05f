//! Calls of a real resource; ignored unless asked for: `cargo test --test live -- --ignored`.
//!
//! | variable | |
//! |---|---|
//! | `AZURE_OPENAI_ENDPOINT` | the resource |
//! | `AZURE_OPENAI_API_KEY` | its key; the test of Entra ID does not use it |
//! | `AZURE_OPENAI_DEPLOYMENT` | the deployment of a model that streams, such as gpt-4o-mini; `gpt-4o-mini` when unset |
//! | `OPENAI_API_VERSION` | `v1` when unset |
//!
//! A test whose variables are not set prints SKIPPED and their names, and passes.

#![allow(clippy::unwrap_used, reason = "a test binary")]

use azure_openai_chat::{ChatClient, ChatCompletionRequest, FilterState, default_credential};

/// The value of a variable, or a line that names it.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    if value.is_none() {
        println!("SKIPPED: {name} is not set");
    }
    value
}

fn request() -> ChatCompletionRequest {
    let deployment = std::env::var("AZURE_OPENAI_DEPLOYMENT").unwrap_or_else(|_| "gpt-4o-mini".to_owned());
    ChatCompletionRequest::builder(deployment).user("Answer with the word `ready`.").build().unwrap()
}

/// A client with the key of the environment.
fn client_with_key() -> Option<ChatClient> {
    variable("AZURE_OPENAI_ENDPOINT").and(variable("AZURE_OPENAI_API_KEY"))?;
    Some(ChatClient::from_env().unwrap())
}

#[tokio::test]
#[ignore = "needs AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and AZURE_OPENAI_DEPLOYMENT"]
async fn a_whole_answer_has_text_usage_filters_and_a_request_id() {
    let Some(client) = client_with_key() else { return };
    let completion = client.complete(&request()).await.unwrap();
    assert!(completion.whole_text().unwrap().to_lowercase().contains("ready"));
    assert!(completion.usage().total_tokens() > 0);
    assert_ne!(completion.content_filter_state(), FilterState::Filtered);
    assert!(completion.metadata().request_id().is_some());
}

#[tokio::test]
#[ignore = "needs AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and AZURE_OPENAI_DEPLOYMENT"]
async fn a_stream_adds_up_to_a_whole_answer() {
    let Some(client) = client_with_key() else { return };
    let mut stream = client.stream(&request()).await.unwrap();
    let mut text = String::new();
    while let Some(chunk) = stream.next_chunk().await.unwrap() {
        text.push_str(chunk.text().unwrap_or_default());
    }
    let completion = stream.into_completion().unwrap();
    assert_eq!(completion.whole_text().unwrap(), text);
    assert!(completion.has_usage());
}

#[tokio::test]
#[ignore = "needs AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_DEPLOYMENT and an identity with the role Cognitive Services OpenAI User"]
async fn an_identity_signs_in() {
    let Some(endpoint) = variable("AZURE_OPENAI_ENDPOINT") else { return };
    let client = ChatClient::new(endpoint, default_credential().unwrap()).unwrap();
    assert!(!client.complete(&request()).await.unwrap().whole_text().unwrap().is_empty());
}
