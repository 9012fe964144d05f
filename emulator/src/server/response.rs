//! HTTP responses: an answer or an error, with the headers of every Azure response, and the fault of the request.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::Value;

use crate::answer::wire::Payloads;
use crate::faults::steps::{body, distort, event};
use crate::faults::{FaultAnswer, Kind, RawAnswer};
use crate::journal::Call;
use crate::record::ReplayedAnswer;
use crate::refusal::AzureError;
use crate::settings::PaceClock;

/// An answer or an error before it becomes a response.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) content_type: Option<String>,
    pub(crate) content: Content,
    pub(crate) clock: Option<PaceClock>,
    /// The tokens of the prompt and of the completion.
    pub(crate) tokens: Option<(u64, u64)>,
    /// The `code` of an error.
    pub(crate) code: Option<String>,
}

pub(crate) enum Content {
    Whole(Bytes),
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
            content: Content::Whole(body.to_string().into()),
            clock: None,
            tokens: None,
            code: None,
        }
    }

    pub(crate) fn events(payloads: Payloads) -> Self {
        let content_type = Some("text/event-stream; charset=utf-8".to_owned());
        Self { content_type, content: Content::Events(payloads), ..Self::json(&Value::Null) }
    }

    /// A body of any kind.
    pub(crate) fn whole(content_type: &str, body: Bytes) -> Self {
        let content_type = Some(content_type.to_owned());
        Self { content_type, content: Content::Whole(body), ..Self::json(&Value::Null) }
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
        // These two faults have been applied before.
        let fault = fault.filter(|fault| !matches!(fault, Kind::Answer(_) | Kind::Delay(_)));
        let content = match content {
            Content::Whole(bytes) => {
                if let Some(mut clock) = clock {
                    tokio::time::sleep(clock.whole(tokens.map_or(0, |(_, completion)| completion))).await;
                }
                call.set_status(status);
                unstreamed(bytes, fault.clone(), call)
            }
            Content::Pieces(pieces) => {
                call.set_status(status);
                let streamed = is_event_stream(&headers);
                // A recording has the pieces in which it arrived; a fault counts chunks.
                let pieces = if fault.is_some() { cut_anew(pieces, streamed) } else { pieces };
                body(distort(pieces.into_iter(), streamed, fault.clone()), None, call)
            }
            Content::Events(payloads) => {
                call.set_status(status);
                let events = payloads.map(|payload| (Duration::ZERO, event(&payload)));
                body(distort(events, true, fault.clone()), clock, call)
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
        own.extend(content_type.and_then(|name| header("content-type", &name)));
        if let Some(id) = parts.headers.get("x-ms-client-request-id") {
            own.insert("x-ms-client-request-id", id.clone());
        }
        own.extend(headers);
        if let Some(Kind::ContentType(name)) = &fault
            && let Ok(name) = HeaderValue::from_str(name)
        {
            own.insert("content-type", name);
        }
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

impl From<&FaultAnswer> for Answered {
    fn from(fault: &FaultAnswer) -> Self {
        let RawAnswer { status, headers, body } = fault.raw();
        let headers = headers.iter().filter_map(|(name, value)| header(name, value)).collect();
        Self { status, headers, content_type: None, content: Content::Whole(body.into()), ..Self::json(&Value::Null) }
    }
}

impl From<AzureError> for Answered {
    fn from(error: AzureError) -> Self {
        Self {
            status: error.status,
            content_type: error.content_type().map(str::to_owned),
            content: Content::Whole(error.text().into()),
            code: error.body.pointer("/error/code").and_then(Value::as_str).map(str::to_owned),
            ..Self::json(&Value::Null)
        }
    }
}

/// A body that is not a stream; with a fault it is sent in small pieces.
fn unstreamed(bytes: Bytes, fault: Option<Kind>, call: Call) -> Body {
    if fault.is_none() {
        call.end();
        return Body::from(bytes);
    }
    body(distort(small_pieces(bytes).map(|piece| (Duration::ZERO, piece)), false, fault), None, call)
}

/// Pieces of 64 bytes.
fn small_pieces(mut rest: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let piece = rest.split_to(rest.len().min(64));
        (!piece.is_empty()).then_some(piece)
    })
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get("content-type").is_some_and(|name| name.as_bytes().starts_with(b"text/event-stream"))
}

/// The pieces of a recording as chunks: the events of a stream, else small pieces. Each has the pauses of the pieces in
/// which it arrived.
fn cut_anew(pieces: Vec<(Duration, Bytes)>, streamed: bool) -> Vec<(Duration, Bytes)> {
    let mut chunks = Vec::new();
    let (mut open, mut waited) = (Vec::new(), Duration::ZERO);
    for (pause, piece) in pieces {
        waited = waited.saturating_add(pause);
        open.extend_from_slice(&piece);
        if streamed {
            let mut rest = Bytes::from(std::mem::take(&mut open));
            while let Some(end) = rest.windows(2).position(|pair| pair == b"\n\n") {
                chunks.push((std::mem::take(&mut waited), rest.split_to(end + 2)));
            }
            open = rest.into();
        } else {
            let bytes = Bytes::from(std::mem::take(&mut open));
            chunks.extend(small_pieces(bytes).map(|piece| (std::mem::take(&mut waited), piece)));
        }
    }
    if !open.is_empty() {
        chunks.push((waited, open.into()));
    }
    chunks
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

/// A response of JSON without the headers of Azure's own.
pub(crate) fn json_response(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}
