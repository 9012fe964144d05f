//! A server of raw sockets that follows a script, and can do what no well-behaved server does.
#![allow(dead_code, unreachable_pub, reason = "each user has a part")]

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// One step of an answer.
#[derive(Clone)]
pub enum Step {
    /// Sends bytes. `@OTHER@` and `@HERE@` in them stand for the address of the other server and of this one,
    /// `@REQUEST@` for the request as it came, written as the inside of a JSON string.
    Send(Vec<u8>),
    /// Sends bytes one at a time, with a short pause between them.
    Drip(Vec<u8>),
    /// Sends the same bytes as fast as they are taken, until the client hangs up.
    Flood(Vec<u8>),
    /// Sends the same bytes every few milliseconds, until the client hangs up.
    Beat(Vec<u8>, Duration),
    /// On the real clock, since sockets have no other.
    Pause(Duration),
    /// Sends nothing more and waits until the client hangs up.
    Hang,
    /// Ends the connection in an orderly way.
    Close,
    /// Resets the connection; over HTTP/2, the stream.
    Reset,
    /// Over HTTP/2: refuses the stream, as one that was not begun with.
    Refuse,
    /// Over HTTP/2: begins to end the connection.
    GoAway,
    /// Resets the connection before the request is read. Only as the first step.
    ResetAtAccept,
}

/// The steps of one answer. Without an ending of its own the connection is kept for the next request.
pub type Script = Vec<Step>;

/// Sends bytes.
pub fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

/// Sends one chunk of a chunked body.
pub fn piece(text: impl AsRef<str>) -> Step {
    let text = text.as_ref();
    send(format!("{:x}\r\n{text}\r\n", text.len()))
}

/// Sends the end of a chunked body.
pub fn end() -> Step {
    send("0\r\n\r\n")
}

/// The head of a chunked event stream, and then these steps.
pub fn streaming(steps: impl IntoIterator<Item = Step>) -> Script {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    std::iter::once(send(head)).chain(steps).collect()
}

/// A whole answer.
pub fn answer(status: u16, headers: &str, body: &str) -> Script {
    vec![send(format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()))]
}

/// What the server saw and did.
#[derive(Default)]
pub struct Seen {
    /// Requests, and connections reset before one.
    tries: AtomicUsize,
    sent: AtomicUsize,
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    /// Connections that the client ended while an answer was under way or none was asked for.
    hung_up: AtomicUsize,
}

impl Seen {
    pub fn tries(&self) -> usize {
        self.tries.load(Ordering::SeqCst)
    }

    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn hung_up(&self) -> usize {
        self.hung_up.load(Ordering::SeqCst)
    }

    /// Takes a request, and gives its number.
    pub fn note_request(&self, request: String) -> usize {
        self.requests.lock().unwrap().push(request);
        self.tries.fetch_add(1, Ordering::SeqCst)
    }

    pub fn note_hang_up(&self) {
        self.hung_up.fetch_add(1, Ordering::SeqCst);
    }

    pub fn note_sent(&self, count: usize) {
        self.sent.fetch_add(count, Ordering::SeqCst);
    }

    /// Head and body of every request.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The values of a header, one for each request; empty where it is missing.
    pub fn header(&self, name: &str) -> Vec<String> {
        let start = format!("{}: ", name.to_ascii_lowercase());
        let value = |request: &String| {
            let mut lines = request.lines().take_while(|line| !line.is_empty());
            let line = lines.find(|line| line.to_ascii_lowercase().starts_with(&start));
            line.map(|line| line[start.len()..].to_owned()).unwrap_or_default()
        };
        self.requests().iter().map(value).collect()
    }
}

/// The server; it ends with this value.
pub struct RawServer {
    pub url: String,
    pub seen: Arc<Seen>,
    task: JoinHandle<()>,
}

impl Deref for RawServer {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RawServer {
    /// Answers with these scripts in turn, the last for all that follow.
    pub async fn start(scripts: impl Into<Vec<Script>>) -> Self {
        let scripts = scripts.into();
        Self::with(move |number| scripts[number.min(scripts.len() - 1)].clone(), "").await
    }

    /// Answers request number `n`, from 0, with `script(n)`.
    pub async fn with<F>(script: F, other: &str) -> Self
    where
        F: Fn(usize) -> Script + Send + Sync + 'static,
    {
        Self::over("http", other, script, |mut socket, connection| async move { connection.serve(&mut socket).await })
            .await
    }

    /// The same, over a protocol that `serve` speaks.
    pub async fn over<F, S, O>(scheme: &str, other: &str, script: F, serve: S) -> Self
    where
        F: Fn(usize) -> Script + Send + Sync + 'static,
        S: Fn(TcpStream, Connection<F>) -> O + Send + Sync + 'static,
        O: Future<Output = ()> + Send + 'static,
    {
        // small buffers, so that what was sent is close to what was taken
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(64 * 1024).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1024).unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let names = Arc::new([("@OTHER@", other.to_owned()), ("@HERE@", url.clone())]);
        let connection = Connection { script: Arc::new(script), seen: Arc::clone(&seen), names };
        let task = tokio::spawn(async move {
            // connections end with the server
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                connection.seen.connections.fetch_add(1, Ordering::SeqCst);
                if !connection.resets(&socket) {
                    connections.spawn(serve(socket, connection.clone()));
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Self { url, seen, task }
    }
}

pub type Names = Arc<[(&'static str, String); 2]>;

/// What a connection needs: the scripts, the log, and what the names in the scripts stand for.
pub struct Connection<F> {
    pub script: Arc<F>,
    pub seen: Arc<Seen>,
    pub names: Names,
}

impl<F> Clone for Connection<F> {
    fn clone(&self) -> Self {
        let (script, seen, names) = (Arc::clone(&self.script), Arc::clone(&self.seen), Arc::clone(&self.names));
        Self { script, seen, names }
    }
}

/// A connection's bytes, plain or encrypted.
pub trait Line: AsyncRead + AsyncWrite + Unpin + Send {
    /// Dropping it then sends a reset instead of an orderly end.
    fn reset(&self);
}

impl Line for TcpStream {
    fn reset(&self) {
        let _ = self.set_zero_linger();
    }
}

impl<F: Fn(usize) -> Script + Send + Sync> Connection<F> {
    /// Whether the next script begins with a reset, which this then prepares.
    fn resets(&self, line: &impl Line) -> bool {
        let resets = matches!((self.script)(self.seen.tries()).as_slice(), [Step::ResetAtAccept, ..]);
        if resets {
            self.seen.tries.fetch_add(1, Ordering::SeqCst);
            line.reset();
        }
        resets
    }

    /// Answers requests by HTTP/1.1 until either side ends the connection.
    pub async fn serve(&self, line: &mut impl Line) {
        while !self.resets(line) {
            let Some(request) = read_request(line).await else {
                return self.seen.note_hang_up();
            };
            let names = names_with(&self.names, &request);
            let number = self.seen.note_request(request);
            for step in (self.script)(number) {
                match play(line, step, &self.seen, &names).await {
                    Some(true) => {}
                    Some(false) => return,
                    None => return self.seen.note_hang_up(),
                }
            }
        }
    }
}

/// The names, and that of the request.
pub fn names_with(names: &Names, request: &str) -> Vec<(&'static str, String)> {
    let escaped = serde_json::to_string(request).unwrap();
    let mut names = names.to_vec();
    names.push(("@REQUEST@", escaped.trim_matches('"').to_owned()));
    names
}

/// Whether the connection goes on; none when the client has ended it.
async fn play(line: &mut impl Line, step: Step, seen: &Seen, names: &[(&str, String)]) -> Option<bool> {
    match step {
        Step::Send(bytes) => write(line, &named(bytes, names), seen).await?,
        Step::Drip(bytes) => {
            for byte in named(bytes, names).chunks(1) {
                write(line, byte, seen).await?;
                tokio::task::yield_now().await;
            }
        }
        Step::Flood(bytes) => loop {
            write(line, &bytes, seen).await?;
        },
        Step::Beat(bytes, pause) => loop {
            write(line, &bytes, seen).await?;
            // on the real clock, as every pause of this server
            tokio::time::sleep(pause).await;
        },
        Step::Pause(time) => tokio::time::sleep(time).await,
        Step::Hang => {
            // a client sends nothing more, so this ends when it hangs up
            let _ = line.read(&mut [0; 64]).await;
            return None;
        }
        Step::Close | Step::GoAway => {
            let _ = line.shutdown().await;
            return Some(false);
        }
        Step::Reset | Step::Refuse => {
            // what was sent before should have left
            tokio::time::sleep(Duration::from_millis(15)).await;
            line.reset();
            return Some(false);
        }
        Step::ResetAtAccept => {}
    }
    Some(true)
}

/// The bytes with what their names stand for.
pub fn named(bytes: Vec<u8>, names: &[(&str, String)]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return bytes;
    };
    let mut text = Cow::Borrowed(text);
    for (name, value) in names {
        if text.contains(name) {
            text = Cow::Owned(text.replace(name, value));
        }
    }
    text.into_owned().into_bytes()
}

async fn write(line: &mut impl Line, bytes: &[u8], seen: &Seen) -> Option<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let count = line.write(rest).await.ok().filter(|count| *count > 0)?;
        seen.note_sent(count);
        rest = &rest[count..];
    }
    line.flush().await.ok()
}

async fn read_request(line: &mut impl Line) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let count = line.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned))
            .map_or(0, |length| length.parse::<usize>().unwrap());
        if body.len() >= length {
            return Some(text.into_owned());
        }
    }
}
