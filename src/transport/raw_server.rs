//! A server of raw sockets for tests, which can do what no well-behaved server does.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(super) type Handled = Pin<Box<dyn Future<Output = Option<TcpStream>> + Send>>;

/// What a server saw.
#[derive(Default)]
pub(super) struct Seen {
    requests: Mutex<Vec<String>>,
    pub(super) connections: AtomicU32,
    /// Connections that the client ended.
    pub(super) ended: AtomicU32,
}

impl Seen {
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The values of a header, one for each request.
    pub(super) fn header(&self, name: &str) -> Vec<String> {
        let name = format!("{name}: ");
        let value = |request: &String| {
            let line = request.lines().find(|line| line.to_lowercase().starts_with(&name));
            line.map(|line| line[name.len()..].to_owned()).unwrap_or_default()
        };
        self.requests().iter().map(value).collect()
    }
}

/// Serves each request with `handler`, which is told its number from 0 and gives the connection back to keep it.
pub(super) async fn serve<F>(handler: F) -> (String, Arc<Seen>)
where
    F: Fn(usize, TcpStream) -> Handled + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Seen::default());
    let (log, handler) = (Arc::clone(&seen), Arc::new(handler));
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            log.connections.fetch_add(1, Ordering::SeqCst);
            let (log, handler) = (Arc::clone(&log), Arc::clone(&handler));
            tokio::spawn(async move {
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
                    match handler(number, socket).await {
                        Some(kept) => socket = kept,
                        None => return,
                    }
                }
            });
        }
    });
    (url, seen)
}

async fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let count = socket.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        text.extend_from_slice(&buffer[..count]);
        let so_far = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = so_far.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse::<usize>().unwrap());
            if body.len() >= length {
                return Some(so_far);
            }
        }
    }
}

/// Answers with fixed texts in turn, the last for all that follow.
pub(super) async fn answering(answers: Vec<String>) -> (String, Arc<Seen>) {
    serve(move |number, mut socket| {
        let answer = answers[number.min(answers.len() - 1)].clone();
        Box::pin(async move {
            socket.write_all(answer.as_bytes()).await.ok()?;
            Some(socket)
        })
    })
    .await
}

pub(super) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// Sends the head of a chunked answer and then each piece after its pause, in milliseconds.
pub(super) async fn streaming(pieces: Vec<(u64, &'static str)>, ends: bool) -> (String, Arc<Seen>) {
    let pieces = Arc::new(pieces);
    serve(move |_, mut socket| {
        let pieces = Arc::clone(&pieces);
        Box::pin(async move {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            socket.write_all(head).await.ok()?;
            for (pause, piece) in pieces.iter() {
                tokio::time::sleep(Duration::from_millis(*pause)).await;
                let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
                socket.write_all(chunk.as_bytes()).await.ok()?;
            }
            if ends {
                socket.write_all(b"0\r\n\r\n").await.ok()?;
            }
            Some(socket)
        })
    })
    .await
}
