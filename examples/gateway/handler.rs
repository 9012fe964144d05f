//! The handler of a gateway: OpenAI's JSON in and out, Azure OpenAI behind it.

#![allow(unreachable_pub, reason = "a module of an example, and of its test")]

use std::convert::Infallible;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use azure_openai_chat::{ChatClient, ChatCompletionRequest, ChatCompletionStream, Error};
use futures::Stream;
use serde_json::{Value, json};

/// Answers `POST /v1/chat/completions`. Dropping the response, as when a browser leaves, ends the call to Azure.
pub async fn chat(State(client): State<ChatClient>, body: Bytes) -> Result<Response, Failure> {
    let request = read(&body)?;
    if request.asks_for_stream() != Some(true) {
        let completion = client.complete(&request).await.map_err(failure)?;
        return Ok(Json(completion.to_openai()).into_response());
    }
    let wants_usage = request.stream_options().is_some_and(|options| options.includes_usage() == Some(true));
    let stream = client.stream(&request).await.map_err(failure)?;
    Ok(Sse::new(events(stream, wants_usage)).keep_alive(KeepAlive::default()).into_response())
}

/// The chunks as events, then `[DONE]`, or the error that ended the answer.
fn events(stream: ChatCompletionStream, wants_usage: bool) -> impl Stream<Item = Result<Event, Infallible>> {
    futures::stream::unfold(Some(stream), move |stream| async move {
        let mut stream = stream?;
        loop {
            let (data, rest) = match stream.next_chunk().await {
                Ok(Some(chunk)) => match chunk.to_openai_event(wants_usage) {
                    Some(event) => (event.to_string(), Some(stream)),
                    None => continue,
                },
                Ok(None) => ("[DONE]".to_owned(), None),
                Err(error) => (error.to_openai().1.to_string(), None),
            };
            return Some((Ok(Event::default().data(data)), rest));
        }
    })
}

pub type Failure = (StatusCode, Option<[(&'static str, String); 1]>, Json<Value>);

pub fn failure(error: Error) -> Failure {
    let (status, body) = error.to_openai();
    let wait = error.retry_after().map(|wait| [("retry-after", wait.as_secs().max(1).to_string())]);
    (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), wait, Json(body))
}

/// The request in a body of OpenAI's shape.
pub fn read(body: &[u8]) -> Result<ChatCompletionRequest, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("no chat completion request: line {}, column {}", error.line(), error.column());
        let error = json!({"message": message, "type": "invalid_request_error", "param": null, "code": null});
        (StatusCode::BAD_REQUEST, None, Json(json!({"error": error})))
    })
}
