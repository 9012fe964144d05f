//! Pieces of answers, good ones and parts of them.

use crate::raw_server::{Script, Step, send};

pub const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
pub const JSON_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";

pub const BODY: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"one two"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;

pub const FILTER: &str = "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\",\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}}}]}\n\n";
pub const ROLE: &str =
    "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
pub const ONE: &str = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one \"}}]}\n\n";
pub const TWO: &str = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"two\"}}]}\n\n";
pub const STOP: &str = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
pub const DONE: &str = "data: [DONE]\n\n";

/// The events of a good stream, up to `[DONE]`.
pub fn events() -> String {
    [FILTER, ROLE, ONE, TWO, STOP, DONE].concat()
}

/// The events of a good stream without `[DONE]`.
pub fn unended() -> String {
    [FILTER, ROLE, ONE, TWO, STOP].concat()
}

/// Some events of a stream that goes on.
pub fn begun() -> String {
    [FILTER, ROLE, ONE].concat()
}

/// A whole HTTP answer with its length.
pub fn http(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// One chunk of a chunked body.
pub fn chunk(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

pub const LAST_CHUNK: &str = "0\r\n\r\n";

/// A whole streamed answer with this text as its body.
pub fn streamed(body: impl AsRef<[u8]>) -> Script {
    vec![send(HEAD), send(chunk(body)), send(LAST_CHUNK)]
}

pub fn good_stream() -> Script {
    streamed(events())
}

pub fn good_body() -> Script {
    vec![send(http(200, "content-type: application/json\r\n", BODY))]
}

/// The head of a streamed answer and the start of its body; what follows is for the row to say.
pub fn opening(body: impl AsRef<[u8]>) -> Script {
    vec![send(HEAD), send(chunk(body))]
}

/// A script and one more step.
pub fn and(mut script: Script, act: Step) -> Script {
    script.push(act);
    script
}
