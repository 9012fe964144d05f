//! Requests of any shape to the emulator's door: paths, methods, headers, bytes and frames that are no HTTP. Each has an
//! answer or a closed connection, and none ends the emulator.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "these helpers are tests, too")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use azure_openai_emulator::Emulator;

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "BREW"];
const PIECES: [&str; 30] = [
    "openai",
    "deployments",
    "gpt-4o",
    "chat",
    "completions",
    "embeddings",
    "v1",
    "models",
    "__emulator",
    "faults",
    "rules",
    "scripts",
    "journal",
    "token",
    "reset",
    "quotas",
    "policies",
    "sessions",
    "health",
    "%00",
    "%ff",
    "..",
    "",
    "+",
    "%2F",
    "?api-version=2024-10-21",
    "?wait=1&timeout=0.01",
    "?wait=x",
    "?timeout=-1",
    "größe",
];
const HEADERS: [&str; 10] = [
    "api-key: k",
    "authorization: Bearer a.b.c",
    "authorization: Bearer e30.e30.e30",
    "x-emulator-session: s",
    "x-emulator-fault: rate_limit",
    "x-policy-id: none",
    "x-ms-spillover-deployment: gpt-4o",
    "content-type: text/plain",
    "accept: text/event-stream",
    "x-ms-client-request-id: \u{1}",
];
const BODIES: [&str; 12] = [
    "",
    "{",
    "[]",
    "null",
    "\"text\"",
    "{\"model\": \"gpt-4o\", \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}",
    "{\"model\": \"text-embedding-3-small\", \"input\": [1]}",
    "{\"preset\": \"rate_limit\", \"next\": 1}",
    "{\"probability\": 1e308}",
    "{\"requests\": 1, \"seconds\": -1e300, \"slice_seconds\": 1e-300}",
    "{\"pace\": {\"tokens_per_second\": 1e-300, \"jitter\": 1e300}}",
    "grant_type=client_credentials&scope=a",
];

fn one_of<'a>(random: &mut fastrand::Rng, all: &[&'a str]) -> &'a str {
    all[random.usize(..all.len())]
}

/// A request of pieces that the emulator knows, put together by chance; now and then with broken bytes.
fn request(random: &mut fastrand::Rng) -> Vec<u8> {
    let path: Vec<&str> = (0..random.usize(1..6)).map(|_| one_of(random, &PIECES)).collect();
    let body = one_of(random, &BODIES);
    let mut text = format!("{} /{} HTTP/1.1\r\nhost: x\r\n", one_of(random, &METHODS), path.join("/"));
    for _ in 0..random.usize(..4) {
        text += one_of(random, &HEADERS);
        text += "\r\n";
    }
    text += &format!("content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let mut bytes = text.into_bytes();
    if random.u8(..4) == 0 {
        let at = random.usize(..bytes.len());
        bytes[at] = random.u8(..);
    }
    bytes
}

#[test]
fn a_request_of_any_shape_leaves_the_emulator_running() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let emulator = runtime.block_on(Emulator::start()).unwrap();
    let mut random = fastrand::Rng::with_seed(18);
    let mut answered = 0;
    for _ in 0..1_500 {
        let bytes = request(&mut random);
        let mut stream = TcpStream::connect(emulator.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        stream.write_all(&bytes).unwrap();
        let mut answer = [0; 12];
        // A fault that was set by chance may delay or close what follows.
        if stream.read(&mut answer).is_ok_and(|length| length > 8) {
            answered += 1;
            assert_ne!(&answer[9..], b"500", "{}", String::from_utf8_lossy(&bytes));
        }
    }
    assert!(answered > 1_000, "only {answered} were answered");
    emulator.reset();
    let mut stream = TcpStream::connect(emulator.address()).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
