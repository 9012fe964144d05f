//! A service in front of Azure with a page to chat on: `cargo run --example axum_service`, then open the address it prints.
//!
//! `POST /v1/chat/completions` takes and returns OpenAI's JSON, so that any OpenAI client can use it; `model` is the name
//! of a deployment. `?details=true` adds an event `details` at the end of a stream, with what OpenAI's shape has no
//! member for. A client that leaves stops the call to Azure, since its stream is dropped.
//!
//! `LISTEN` sets the address, by default `127.0.0.1:8080`.

#[path = "../support/mod.rs"]
mod support;

use std::convert::Infallible;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use azure_openai_chat::{ChatClient, ChatCompletion, ChatCompletionRequest, ChatCompletionStream, Error};
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}", place.describe());
    let app = Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        .route("/v1/chat/completions", post(chat_completions))
        .with_state(place.client()?);
    let listen = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("Open http://{}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
    Ok(())
}

#[derive(serde::Deserialize)]
struct Options {
    #[serde(default)]
    details: bool,
}

/// An error for a client, in OpenAI's shape.
struct Failure(Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        // the whole text, with request ids and endpoints, is for the log of this service
        eprintln!("error: {}", support::chain(&self.0));
        let (status, body) = self.0.to_openai();
        (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), Json(body)).into_response()
    }
}

async fn chat_completions(
    State(client): State<ChatClient>,
    Query(options): Query<Options>,
    Json(request): Json<ChatCompletionRequest>,
) -> Result<Response, Failure> {
    if request.asks_for_stream() != Some(true) {
        return Ok(Json(client.complete(&request).await?.to_openai()).into_response());
    }
    let include_usage = request.stream_options().is_some_and(|options| options.includes_usage() == Some(true));
    let events = sse(client.stream(&request).await?, include_usage, options.details);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// The chunks in OpenAI's shape, then the details where they are wanted, then `[DONE]`. After an error, which is an event
/// as well, there is no `[DONE]`.
fn sse(
    stream: ChatCompletionStream,
    include_usage: bool,
    with_details: bool,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    stream::unfold(Some(stream), move |stream| async move {
        let mut stream = stream?;
        let (events, rest) = match stream.next_chunk().await {
            Ok(Some(chunk)) => (chunk.to_openai_event(include_usage).iter().map(data).collect(), Some(stream)),
            Ok(None) => {
                let details = with_details.then(|| data(&details(&stream.partial())).event("details"));
                (details.into_iter().chain([Event::default().data("[DONE]")]).collect(), None)
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
