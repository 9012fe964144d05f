//! What a refused sign-in says to do next, by what was sent: a key, a token that was given, or a credential.

use std::time::{Duration, SystemTime};

use azure_openai_chat::request::{DataSource, DataSourceAuthentication};
use azure_openai_chat::transport::Token;
use azure_openai_chat::{ApiKey, ApiVersion, ChatClient, ChatCompletionRequest, Credential, Error};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::{question, sent_headers, serving};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const AUDIENCE: &str =
    "Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired.";

async fn refused(credential: impl Into<Credential>, message: &str, attempts: usize) -> Error {
    let body = json!({"error": {"code": "401", "message": message}});
    let refusal = ResponseTemplate::new(401).set_body_json(body);
    let server = serving("refused", vec![refusal; attempts]).await;
    let client = ChatClient::new(server.uri(), credential).unwrap();
    let error = client.complete(&question()).await.unwrap_err();
    assert_eq!(sent_headers(&server, "x-ms-client-request-id").await.len(), attempts);
    error
}

#[tokio::test]
async fn a_key_is_named_with_the_header_it_was_in() {
    let message = "Access denied due to invalid subscription key or wrong API endpoint.";
    let step = "the key is wrong or belongs to another resource: compare it with the endpoint's Keys page";
    for (key, end) in [
        (ApiKey::new(KEY), ""),
        (ApiKey::new(KEY).with_bearer(), "; it was sent as 'Authorization: Bearer', which only the v1 route takes"),
        (
            ApiKey::new(KEY).with_header("Ocp-Apim-Subscription-Key"),
            "; it was sent in the header 'ocp-apim-subscription-key', and Azure itself reads 'api-key'",
        ),
    ] {
        assert_eq!(
            refused(key, message, 1).await.to_string(),
            format!(
                "deployment 'gpt' answered 401: Access denied due to invalid subscription key or wrong API endpoint; \
                 {step}{end}"
            )
        );
    }
}

#[tokio::test]
async fn a_key_that_the_service_repeats_is_not_printed() {
    let error = refused(ApiKey::new(KEY), &format!("Incorrect API key provided: {KEY}."), 1).await;
    let text = format!("{error} {error:?}");
    assert!(!text.contains(KEY) && error.message().contains(KEY), "{text}");
    assert!(
        text.starts_with("deployment 'gpt' answered 401; message() has the service's text; the key is wrong"),
        "{text}"
    );
}

#[tokio::test]
async fn the_key_of_a_data_source_that_the_service_repeats_is_not_printed() {
    let search = DataSource::azure_search("https://s.search.windows.net", "i", DataSourceAuthentication::api_key(KEY));
    let request = ChatCompletionRequest::builder("gpt").user("hi").data_source(search).build().unwrap();
    let message = format!("Error while calling Azure AI Search: the key '{KEY}' is unknown.");
    let refusal = ResponseTemplate::new(401).set_body_json(json!({"error": {"code": "401", "message": message}}));
    let server = serving("refused", vec![refusal; 2]).await;
    let client = ChatClient::builder(server.uri(), ApiKey::new("another key"))
        .api_version(ApiVersion::V2024_10_21)
        .build()
        .unwrap();
    let whole = client.complete(&request).await.unwrap_err();
    let streamed = client.stream(&request).await.unwrap_err();
    for error in [whole, streamed] {
        let text = format!("{error} {error:?}");
        assert!(!text.contains(KEY) && error.message().contains(KEY), "{text}");
    }
}

#[tokio::test]
async fn a_token_that_was_given_is_not_sent_twice() {
    let error = refused(Credential::fixed_token("t"), AUDIENCE, 1).await;
    assert_eq!(error.attempts(), 1);
    assert_eq!(
        error.to_string(),
        "deployment 'gpt' answered 401: Access token is missing, invalid, audience is incorrect \
         (https://cognitiveservices.azure.com), or have expired; give a token for the scope \
         'https://cognitiveservices.azure.com/.default'; the one that was given may also be expired; the credential has no \
         other token"
    );
}

#[tokio::test]
async fn a_credential_is_told_which_scope_to_set() {
    let number = std::sync::atomic::AtomicU32::new(0);
    let credential = Credential::from_fn(move |_| {
        let token = format!("t{}", number.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        async { Ok::<_, std::io::Error>(Token::new(token, SystemTime::now() + Duration::from_secs(3600))) }
    });
    assert_eq!(
        refused(credential, AUDIENCE, 2).await.to_string(),
        "deployment 'gpt' answered 401: Access token is missing, invalid, audience is incorrect \
         (https://cognitiveservices.azure.com), or have expired; the token was requested for scope \
         'https://ai.azure.com/.default': set .token_scope(\"https://cognitiveservices.azure.com/.default\") on the \
         client builder; 2 attempts"
    );
}
