//! A gateway that speaks OpenAI's API to its callers: `cargo run --example gateway` makes a call through it, and
//! `cargo run --example gateway -- 8080` serves on that port.

mod handler;
#[path = "../support/mod.rs"]
mod support;

use axum::Router;
use axum::routing::post;
use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}", place.describe());
    let port = std::env::args().nth(1).unwrap_or_else(|| "0".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let base = format!("http://{}/v1", listener.local_addr()?);
    println!("OpenAI's API is at {base}\n");

    let router = Router::new().route("/v1/chat/completions", post(handler::chat)).with_state(place.client()?);
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    if port != "0" {
        return Ok(server.await??);
    }

    // any OpenAI client will do; this one speaks to such a base too
    let client = ChatClient::new(base, ApiKey::new("of the gateway").with_bearer())?;
    let deployment = support::deployment("AZURE_OPENAI_DEPLOYMENT", "gpt-4o-mini");
    let request = ChatCompletionRequest::builder(deployment.as_str()).user("Why is the sky blue?").build()?;
    let mut stream = client.stream(&request).await?;
    while let Some(chunk) = stream.next_chunk().await? {
        print!("{}", chunk.text().unwrap_or_default());
    }
    println!("\n");
    let absent = ChatCompletionRequest::builder("no-such-deployment").user("hi").build()?;
    if let Err(error) = client.complete(&absent).await {
        println!("{error}");
    }
    Ok(())
}
