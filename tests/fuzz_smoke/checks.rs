//! What must hold for every input. The fuzz targets in `fuzz/` and the short runs of this test share it.
//!
//! Each check takes any bytes and panics when a promise is broken; that none of our code panics by itself is the
//! first of them.

use std::error::Error as _;

use azure_openai_chat::Endpoint;
use azure_openai_chat::stream::sse::{SseItem, SseReader};
use azure_openai_chat::transport::Cloud;
use azure_openai_chat::{
    ApiVersion, ChatCompletion, ChatCompletionChunk, ChatCompletionRequest, ChatCompletionStream, ChunkFold,
    Deployment, Error, Message, Model, ResponseMetadata, ServiceError,
};
use bytes::Bytes;
use futures::StreamExt;
use futures::executor::block_on;
use serde_json::Value;

#[path = "emulator.rs"]
mod emulator;

pub use emulator::emulator;

/// A check and its name, which is also that of its fuzz target.
pub type Check = (&'static str, fn(&[u8]));

/// All of them.
#[allow(dead_code, reason = "each fuzz target names one")]
pub const ALL: &[Check] = &[
    ("framer", framer),
    ("chunks", chunks),
    ("completion", completion),
    ("error_body", error_body),
    ("endpoint", endpoint),
    ("headers", headers),
    ("request", request),
    ("emulator", emulator),
];

fn items(body: &[u8], piece: usize, limit: usize) -> Vec<String> {
    let mut reader = SseReader::new().max_event_bytes(limit);
    let mut items = Vec::new();
    let mut note = |item: Result<SseItem, _>| match item {
        Ok(SseItem::Event(event)) => {
            let data = std::str::from_utf8(event.data()).expect("data is always UTF-8");
            assert!(data.len() <= limit, "an event beyond the limit");
            items.push(format!(
                "{:?} {:?} {:?} {} {data}",
                event.name(),
                event.id(),
                event.retry(),
                event.is_complete()
            ));
        }
        Ok(SseItem::Comment) => items.push("comment".to_owned()),
        Ok(_) => {}
        Err(error) => items.push(format!("error {error}")),
    };
    for part in body.chunks(piece.max(1)) {
        reader.push(Bytes::copy_from_slice(part));
        while let Some(item) = reader.next_item() {
            note(item);
        }
    }
    while let Some(item) = reader.finish() {
        note(item);
    }
    assert!(reader.finish().is_none() && reader.next_item().is_none());
    items
}

/// Every split of the bytes gives the same events, none beyond the limit and none that is not UTF-8. The first
/// byte sets the split and the limit.
pub fn framer(data: &[u8]) {
    let Some((first, body)) = data.split_first() else {
        return;
    };
    let limit = if first & 0x80 == 0 { 1 << 20 } else { 24 };
    let whole = items(body, body.len(), limit);
    assert_eq!(items(body, usize::from(first & 0x7f), limit), whole);
    assert_eq!(items(body, 1, limit), whole);
}

const WORDS: &str = r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false}},"delta":{"content":"@"},"finish_reason":null,"index":0}],"id":"x","model":"m"}"#;
const PADDED: &str = r#"{"id":"x","choices":[{"index":1,"delta":{"content":"@"}}],"obfuscation":"@"}"#;
const ARGUMENTS: &str =
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"@"}}]},"index":0}]}"#;

/// A body from lines: one that begins with a sign is put into the shape the sign stands for, so that runs of
/// similar events are easy to come by; any other is an event as it is.
fn stream_of(data: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        let (shape, words) = match line.split_first() {
            Some((b'@', words)) => (WORDS, words),
            Some((b'#', words)) => (PADDED, words),
            Some((b'%', words)) => (ARGUMENTS, words),
            _ => ("@", line),
        };
        body.extend_from_slice(b"data: ");
        let mut parts = shape.split('@');
        body.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
        for part in parts {
            body.extend_from_slice(words);
            body.extend_from_slice(part.as_bytes());
        }
        body.extend_from_slice(b"\n\n");
    }
    body
}

fn read(mut stream: ChatCompletionStream) -> (Vec<Value>, Value, String) {
    let mut chunks = Vec::new();
    let mut end = "done".to_owned();
    while let Some(item) = block_on(stream.next()) {
        match item {
            Ok(chunk) => chunks.push(serde_json::to_value(&chunk).expect("a chunk can be written")),
            Err(error) => end = format!("{error} {error:?} {}", error.message()),
        }
    }
    assert_eq!(stream.is_complete(), end == "done");
    let whole = serde_json::to_value(stream.partial()).expect("what came can be written");
    (chunks, whole, end)
}

/// Decoding by template gives what parsing every event gives: the same chunks, the same whole; and a stream stops
/// before an event only if that is no chunk.
pub fn chunks(data: &[u8]) {
    let body = Bytes::from(stream_of(data));
    let pieces = futures::stream::iter([Ok::<_, std::io::Error>(body.clone())]);
    let (chunks, whole, _) = read(ChatCompletionStream::from_bytes(pieces));

    let mut reader = SseReader::new();
    reader.push(body);
    let mut fold = ChunkFold::new();
    let mut parsed = Vec::new();
    let items = std::iter::from_fn(|| reader.next_item().or_else(|| reader.finish()));
    for item in items.take_while(Result::is_ok).flatten() {
        let SseItem::Event(event) = item else { continue };
        if event.data().trim_ascii().is_empty() {
            continue;
        }
        let chunk = serde_json::from_slice::<ChatCompletionChunk>(event.data());
        if parsed.len() == chunks.len() {
            // an error object, `[DONE]`, or what only the stream's own reader mends
            break;
        }
        let Ok(chunk) = chunk else { return };
        fold.push(&chunk);
        parsed.push(serde_json::to_value(&chunk).expect("a chunk can be written"));
    }
    assert_eq!(chunks, parsed);
    assert_eq!(whole, serde_json::to_value(fold.into_completion()).expect("what came can be written"));
}

/// A completion that can be read can be asked, printed, written, and read again with nothing lost.
pub fn completion(data: &[u8]) {
    let Ok(completion) = serde_json::from_slice::<ChatCompletion>(data) else {
        return;
    };
    let _ = format!("{completion:?} {:?}", completion.content_filter_state());
    let _ = (completion.text(), completion.refusal(), completion.usage().total_tokens());
    let _ = (completion.usage().prediction_acceptance(), completion.finish_reason().map(ToString::to_string));
    for choice in completion.choices() {
        let _ = (choice.content_filter_state(), choice.content_filter().filtered_categories());
    }
    if let Some(message) = completion.message() {
        let turn = Message::from(message.clone());
        serde_json::to_value(&turn).expect("an answer becomes a turn");
    }
    let written = serde_json::to_value(&completion).expect("a completion can be written");
    let again: ChatCompletion = serde_json::from_value(written.clone()).expect("and read again");
    assert_eq!(serde_json::to_value(&again).expect("and written again"), written);
}

/// Any body is an error with a text of bounded size.
pub fn error_body(data: &[u8]) {
    let (status, body) = match data {
        [high, low, body @ ..] => (u16::from_be_bytes([*high, *low]) % 600, body),
        short => (200, short),
    };
    let service = ServiceError::from_body(body);
    assert_eq!(service.body(), String::from_utf8_lossy(body));
    let headers: [(&str, &str); 0] = [];
    let error = Error::from_response(ResponseMetadata::new(status, headers), body);
    let text = format!("{error} {error:?} {service:?}");
    assert!(text.len() < 64 * 1024, "a text of {} bytes", text.len());
    assert!(error.source().is_none());
    let _ = (error.kind(), error.is_retryable(), error.code(), error.param(), error.retry_after());
    let _ = error.content_filter().map(|results| results.filtered_categories().len());
}

/// An endpoint that was understood is HTTPS or this machine, has no query, no user and no fragment, and is
/// understood as itself when given again.
pub fn endpoint(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let endpoint = match Endpoint::parse(text) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let base = endpoint.as_str();
    assert!(base.starts_with("https://") || base.starts_with("http://"), "{base}");
    if base.starts_with("http://") {
        assert_eq!(endpoint.cloud(), Cloud::Other, "{base}");
        let host = base.trim_start_matches("http://");
        let is_here = ["127.", "localhost", "[::1]"].into_iter().any(|here| host.starts_with(here));
        assert!(is_here, "{base}");
    }
    let authority = base.split('/').nth(2).unwrap_or_default();
    assert!(!authority.is_empty() && !authority.contains('@'), "{base}");
    assert!(!base.contains(['?', '#']) && !base.ends_with('/'), "{base}");
    assert!(endpoint.scope(&ApiVersion::V1).starts_with("https://"));
    let again = Endpoint::parse(base).expect("a base is an endpoint");
    // a gateway's own prefix may end in what is cut off an address
    if base.contains("/openai") {
        assert!(base.starts_with(again.as_str()), "{base} became {}", again.as_str());
    } else {
        assert_eq!(again.as_str(), base);
    }
    assert_eq!(again.cloud(), endpoint.cloud());
}

/// Headers of any kind give waits and limits that can be told, or none.
pub fn headers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let headers = text.lines().map(|line| line.split_once(':').unwrap_or((line, "")));
    let metadata = ResponseMetadata::new(429, headers);
    let limits = metadata.rate_limits();
    let _ = format!("{limits:?} {metadata:?}");
    let _ = (metadata.request_id(), metadata.region(), metadata.processing_time(), metadata.deployment());
    let error = Error::from_response(metadata.clone(), data);
    assert_eq!(error.retry_after().is_some(), error.retry_after().is_some_and(|wait| wait.as_secs_f64() >= 0.0));
    let _ = (error.is_retryable(), format!("{error}"));
    for (name, value) in metadata.headers() {
        assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()));
        let _ = value;
    }
}

/// A request of a caller's caller can be read, judged for any model, written, and read again with nothing lost.
pub fn request(data: &[u8]) {
    let Ok(request) = serde_json::from_slice::<ChatCompletionRequest>(data) else {
        return;
    };
    let o1 = request.with_deployment(Deployment::new("d").model(Model::O1_2024_12_17));
    for request in [&request, &o1] {
        for version in [ApiVersion::V1, ApiVersion::new("2024-10-21")] {
            for streaming in [None, Some(true)] {
                for violation in request.violations(streaming, Some(&version)) {
                    assert!(!violation.to_string().is_empty());
                }
            }
            let _ = request.advice(&version).len();
        }
    }
    let _ = format!("{request:?}");
    let written = serde_json::to_value(request.body(&ApiVersion::V1, false)).expect("a request can be written");
    let again: ChatCompletionRequest = serde_json::from_value(written.clone()).expect("and read again");
    let twice = serde_json::to_value(again.body(&ApiVersion::V1, false)).expect("and written again");
    assert_eq!(twice, written);
}
