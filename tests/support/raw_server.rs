//! A server of raw sockets, which can do what no well-behaved server does.
#![allow(dead_code, unreachable_pub, reason = "each user has a part")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a raw server does with a request, step by step.
#[derive(Clone)]
pub enum Step {
    /// These bytes, as they are.
    Raw(String),
    /// One piece of a chunked body.
    Piece(String),
    Pause(Duration),
    /// The end of a chunked body; the connection stays open.
    End,
    /// Nothing; the connection stays open.
    Keep,
    /// Nothing more until the client closes.
    Hang,
}

/// The head of a chunked event stream, and then these steps.
pub fn streaming(steps: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    std::iter::once(Step::Raw(head.to_owned())).chain(steps).collect()
}

/// A whole answer, after which the connection stays open.
pub fn answer(status: u16, headers: &str, body: &str) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    vec![Step::Raw(head + body), Step::Keep]
}

pub struct RawServer {
    pub url: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    ended: AtomicUsize,
}

impl RawServer {
    /// Answers each request with the next script, and from then on with the last. After a script without
    /// an end the connection is closed.
    pub async fn start(scripts: impl Into<Vec<Vec<Step>>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let (log, scripts) = (Arc::clone(&seen), Arc::new(scripts.into()));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                log.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(converse(socket, Arc::clone(&scripts), Arc::clone(&log)));
            }
        });
        Self { url, seen }
    }

    /// Head and body of every request.
    pub fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.seen.requests.lock().unwrap().len()
    }

    /// The values of a header, one for each request; empty where it was missing.
    pub fn header(&self, name: &str) -> Vec<String> {
        let name = format!("{name}: ");
        let value = |request: &String| {
            let line = request.lines().find(|line| line.to_lowercase().starts_with(&name));
            line.map(|line| line[name.len()..].to_owned()).unwrap_or_default()
        };
        self.requests().iter().map(value).collect()
    }

    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// How many connections the client has ended.
    pub fn ended(&self) -> usize {
        self.seen.ended.load(Ordering::SeqCst)
    }
}

async fn converse(mut socket: TcpStream, scripts: Arc<Vec<Vec<Step>>>, log: Arc<Seen>) {
    loop {
        let Some(request) = read_request(&mut socket).await else {
            log.ended.fetch_add(1, Ordering::SeqCst);
            return;
        };
        let number = {
            let mut requests = log.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        let script = &scripts[number.min(scripts.len() - 1)];
        for step in script {
            let bytes = match step {
                Step::Raw(text) => text.clone(),
                Step::Piece(text) => format!("{:x}\r\n{text}\r\n", text.len()),
                Step::End => "0\r\n\r\n".to_owned(),
                Step::Keep => continue,
                Step::Pause(time) => {
                    tokio::time::sleep(*time).await;
                    continue;
                }
                Step::Hang => {
                    while socket.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
                    log.ended.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            };
            if socket.write_all(bytes.as_bytes()).await.is_err() {
                log.ended.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
        if !matches!(script.last(), Some(Step::End | Step::Keep)) {
            return;
        }
    }
}

async fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let count = socket.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        text.extend_from_slice(&buffer[..count]);
        let so_far = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = so_far.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse::<usize>().unwrap()) {
                return Some(so_far);
            }
        }
    }
}
