//! Responses: an answer or an error, with the headers that all of Azure's have, and a fault where one strikes.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::Value;

use crate::answer::wire::Payloads;
use crate::faults::Kind;
use crate::faults::steps::{Step, body, distort, event};
use crate::journal::Call;
use crate::record::ReplayedAnswer;
use crate::refusal::AzureError;
use crate::settings::PaceClock;

/// What is answered, before it becomes a response.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) content_type: Option<String>,
    pub(crate) content: Content,
    pub(crate) clock: Option<PaceClock>,
    /// Of the prompt and of the completion.
    pub(crate) tokens: Option<(u64, u64)>,
    /// The `code` of an error.
    pub(crate) code: Option<String>,
}

pub(crate) enum Content {
    Text(String),
    Events(Payloads),
    /// Pieces of a recording, and the time before each.
    Pieces(Vec<(Duration, Bytes)>),
}

impl Answered {
    pub(crate) fn json(body: &Value) -> Self {
        Self {
            status: 200,
            headers: HeaderMap::new(),
            content_type: Some("application/json".to_owned()),
            content: Content::Text(body.to_string()),
            clock: None,
            tokens: None,
            code: None,
        }
    }

    pub(crate) fn events(payloads: Payloads) -> Self {
        let content_type = Some("text/event-stream; charset=utf-8".to_owned());
        Self { content_type, content: Content::Events(payloads), ..Self::json(&Value::Null) }
    }

    /// The answer of a fault.
    pub(crate) fn fault(status: u16, headers: &[(String, String)], body: &str) -> Self {
        let headers = headers.iter().filter_map(|(name, value)| header(name, value)).collect();
        let content = Content::Text(body.to_owned());
        Self { status, headers, content_type: None, content, ..Self::json(&Value::Null) }
    }

    pub(crate) fn header(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }

    /// The response; the call ends with its body.
    pub(crate) async fn send(self, parts: &Parts, region: &str, fault: Option<Kind>, call: Call) -> Response {
        let Self { status, headers, content_type, content, clock, tokens, .. } = self;
        if let Some((prompt, completion)) = tokens {
            call.set_tokens(prompt, completion);
        }
        let renamed = if let Some(Kind::ContentType(name)) = &fault { Some(name.clone()) } else { None };
        let content = match content {
            Content::Text(text) => {
                if let Some(mut clock) = clock {
                    tokio::time::sleep(clock.whole(tokens.map_or(0, |(_, completion)| completion))).await;
                }
                call.set_status(status);
                unstreamed(text, fault, call)
            }
            Content::Pieces(pieces) => {
                call.set_status(status);
                let steps = pieces.into_iter().flat_map(|(pause, piece)| [Step::Wait(pause), Step::Send(piece)]);
                body(Box::new(steps), None, call)
            }
            Content::Events(payloads) => {
                call.set_status(status);
                body(distort(payloads.map(|payload| event(&payload)), true, fault), clock, call)
            }
        };
        let mut response = Response::new(content);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let own = response.headers_mut();
        let (gateway, service) = (uuid(), uuid());
        let pairs = [
            ("apim-request-id", gateway.as_str()),
            ("x-request-id", &service),
            ("x-ms-region", region),
            ("x-content-type-options", "nosniff"),
        ];
        own.extend(pairs.into_iter().filter_map(|(name, value)| header(name, value)));
        own.extend(renamed.or(content_type).and_then(|name| header("content-type", &name)));
        if let Some(id) = parts.headers.get("x-ms-client-request-id") {
            own.insert("x-ms-client-request-id", id.clone());
        }
        own.extend(headers);
        response
    }
}

impl From<Result<ReplayedAnswer, AzureError>> for Answered {
    fn from(replayed: Result<ReplayedAnswer, AzureError>) -> Self {
        match replayed {
            Ok(ReplayedAnswer { status, headers, pieces }) => {
                let headers = headers.iter().filter_map(|(name, value)| header(name, value)).collect();
                Self {
                    status,
                    headers,
                    content_type: None,
                    content: Content::Pieces(pieces),
                    ..Self::json(&Value::Null)
                }
            }
            Err(error) => error.into(),
        }
    }
}

impl From<AzureError> for Answered {
    fn from(error: AzureError) -> Self {
        let AzureError { status, body, is_bare } = error;
        let code = body.pointer("/error/code").and_then(Value::as_str).map(str::to_owned);
        let answered = Self { status, code, ..Self::json(&body) };
        match is_bare {
            true => Self { content_type: None, content: Content::Text(format!("{body:#}")), ..answered },
            false => answered,
        }
    }
}

/// A body that is not a stream; with a fault it goes out in small pieces.
fn unstreamed(text: String, fault: Option<Kind>, call: Call) -> Body {
    if fault.is_none() {
        call.end();
        return Body::from(text);
    }
    let mut rest = Bytes::from(text);
    let pieces = std::iter::from_fn(move || {
        let piece = rest.split_to(rest.len().min(64));
        (!piece.is_empty()).then_some(piece)
    });
    body(distort(pieces, false, fault), None, call)
}

/// A header; one that HTTP does not allow is left out.
fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, HeaderValue::from_str(value).ok()?))
}

/// A random UUID: version 4, with the variant that belongs to it.
fn uuid() -> String {
    let (start, end) = (fastrand::u64(..), fastrand::u64(..));
    let version = 0x4000 | (start & 0xfff);
    let variant = 0x8000 | ((end >> 48) & 0x3fff);
    let node = end & 0xffff_ffff_ffff;
    format!("{:08x}-{:04x}-{version:04x}-{variant:04x}-{node:012x}", start >> 32, (start >> 16) & 0xffff)
}
