//! A service in front of Azure with a page to chat on: `cargo run --example axum_service`, then open the address it prints.
//!
//! `POST /v1/chat/completions` is the handler of the example `gateway`: OpenAI's JSON in and out, for any OpenAI client.
//! `POST /chat` is for the page: the same request, streamed, with an event `details` at the end that has what OpenAI's
//! shape has no member for. A client that leaves stops the call to Azure, since its stream is dropped.
//!
//! `LISTEN` sets the address, by default `127.0.0.1:8080`.

#[path = "../gateway/handler.rs"]
mod handler;
#[path = "../support/mod.rs"]
mod support;

use std::convert::Infallible;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use azure_openai_chat::{ChatClient, ChatCompletion, ChatCompletionStream};
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}", place.describe());
    let app = Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        .route("/chat", post(chat))
        .route("/v1/chat/completions", post(handler::chat))
        .with_state(place.client()?);
    let listen = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("Open http://{}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
    Ok(())
}

async fn chat(State(client): State<ChatClient>, body: Bytes) -> Result<Response, handler::Failure> {
    let request = handler::read(&body)?;
    let stream = client.stream(&request).await.map_err(|error| {
        // the whole text, with request id and endpoint, is for the log of this service
        eprintln!("error: {}", support::chain(&error));
        handler::failure(error)
    })?;
    Ok(Sse::new(events(stream)).keep_alive(KeepAlive::default()).into_response())
}

/// The chunks in OpenAI's shape, then the details, then `[DONE]`. After an error, which is an event as well, there is no
/// `[DONE]`.
fn events(stream: ChatCompletionStream) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    stream::unfold(Some(stream), async |stream| {
        let mut stream = stream?;
        let (events, rest) = match stream.next_chunk().await {
            Ok(Some(chunk)) => (chunk.to_openai_event(false).iter().map(data).collect(), Some(stream)),
            Ok(None) => {
                (vec![data(&details(&stream.partial())).event("details"), Event::default().data("[DONE]")], None)
            }
            Err(error) => {
                eprintln!("error: {}", support::chain(&error));
                (vec![data(&error.to_openai().1)], None)
            }
        };
        Some((stream::iter(events), rest))
    })
    .flatten()
    .map(Ok)
}

fn data(value: &Value) -> Event {
    Event::default().data(value.to_string())
}

/// What the page shows beside the text.
fn details(completion: &ChatCompletion) -> Value {
    let usage = completion.usage();
    let choice = completion.choices().first();
    json!({
        "model": completion.model(),
        "finish_reason": completion.finish_reason(),
        "prompt_tokens": usage.prompt_tokens(),
        "cached_tokens": usage.cached_tokens(),
        "completion_tokens": usage.completion_tokens(),
        "reasoning_tokens": usage.reasoning_tokens(),
        "filter": completion.content_filter_state().as_str(),
        "filtered": choice.map(|choice| choice.content_filter().filtered_categories()),
        "request_id": completion.metadata().request_id(),
    })
}
