//! Signing in with Entra ID, without keys: `cargo run --example entra_id`.
//!
//! On Azure, the developer's own sign-in (`az login`, `azd auth login`) is used; a service would use
//! `default_credential()`, which looks for a workload identity and a managed identity first. Against the
//! emulator, a credential of this example makes up a token, to show that any `TokenCredential` fits.

mod support;

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use azure_identity::DeveloperToolsCredential;
use azure_openai_chat::{ChatClient, ChatCompletionRequest};
use support::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = Place::find().await?;
    println!("{}\n", place.describe());
    let client = match &place {
        Place::Azure(endpoint) => ChatClient::new(endpoint, DeveloperToolsCredential::new(None)?)?,
        Place::Emulated(emulator) => ChatClient::new(emulator.endpoint(), Arc::new(MadeUp))?,
    };

    let request = ChatCompletionRequest::builder(support::deployment("AZURE_OPENAI_DEPLOYMENT", "gpt-4o-mini"))
        .user("Name three moons of Jupiter.")
        .build()?;
    // the first call requests a token, the second finds it in the client's cache
    for _ in 0..2 {
        let completion = client.complete(&request).await?;
        println!("{}", completion.text().unwrap_or_default());
    }
    Ok(())
}

#[derive(Debug)]
struct MadeUp;

#[async_trait::async_trait]
impl TokenCredential for MadeUp {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        println!("asked for a token for {}", scopes.join(" "));
        Ok(AccessToken::new("made-up", OffsetDateTime::now_utc() + Duration::from_secs(3600)))
    }
}
