//! Tests of the emulator's own client: it is authenticated with any setting, also over TLS.

use azure_openai_chat::ChatCompletionRequest;
use azure_openai_emulator::{DeploymentSettings, Emulator, SignIn};

async fn asks(emulator: &Emulator, deployment: &str) {
    let request = ChatCompletionRequest::builder(deployment).user("Hello?").build().unwrap();
    emulator.client().complete(&request).await.unwrap();
}

#[tokio::test]
async fn the_client_signs_in_where_keys_are_disabled() {
    let sign_in = SignIn::new().audience("https://ai.azure.com").tenant("contoso").role("reader").keys_disabled();
    let emulator = Emulator::builder().sign_in(sign_in).start().await.unwrap();
    asks(&emulator, "gpt-4o").await;
    assert!(emulator.requests()[0].header("api-key").is_none());
}

#[tokio::test]
async fn the_client_signs_in_to_a_deployment_with_a_key_of_its_own() {
    let triage = DeploymentSettings::of("gpt-4o").key("triage-key");
    let emulator = Emulator::builder().require_key("other").deployment("triage", triage).start().await.unwrap();
    asks(&emulator, "triage").await;
    asks(&emulator, "gpt-4o").await;
}

#[tokio::test]
async fn the_client_has_a_key_that_is_accepted() {
    let emulator = Emulator::builder().require_key("the-key").start().await.unwrap();
    asks(&emulator, "gpt-4o").await;
    assert_eq!(emulator.requests()[0].header("api-key"), Some("the-key"));
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn the_client_trusts_the_certificate_of_its_emulator() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    assert!(emulator.endpoint().starts_with("https://localhost:"));
    asks(&emulator, "gpt-4o").await;
}
