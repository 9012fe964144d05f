//! A server that follows a script byte by byte, and counts: over plain HTTP/1.1 on raw sockets, and over TLS with
//! HTTP/1.1 and HTTP/2.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::http2;
use crate::tls::{Leaf, authority};

/// What server and client speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Plain,
    Tls,
    /// HTTP/2 over TLS, and so many streams at once.
    Http2(u32),
}

/// One step of an answer.
#[derive(Clone)]
pub enum Act {
    /// Sends bytes. `@OTHER@` and `@HERE@` in them stand for the address of the other server and of this one,
    /// `@REQUEST@` for the request as it came, written as the inside of a JSON string.
    Send(Vec<u8>),
    /// Sends bytes one at a time, with a short pause between them.
    Drip(Vec<u8>),
    /// Sends the same bytes as fast as they are taken, until the client hangs up.
    Flood(Vec<u8>),
    /// Sends the same bytes every few milliseconds, until the client hangs up.
    Beat(Vec<u8>, Duration),
    Wait(Duration),
    /// Sends nothing more and waits until the client hangs up.
    Hold,
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

/// Sends bytes.
pub fn send(bytes: impl AsRef<[u8]>) -> Act {
    Act::Send(bytes.as_ref().to_vec())
}

/// The steps of one answer. Without an ending of its own the connection is kept for the next request.
pub type Script = Vec<Act>;

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

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
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

pub struct Server {
    pub url: String,
    pub seen: Arc<Seen>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers with these scripts in turn, the last for all that follow.
    pub async fn start(scripts: Vec<Script>) -> Self {
        Self::with(move |number| scripts[number.min(scripts.len() - 1)].clone(), "").await
    }

    /// Answers request number `n`, from 0, with `script(n)`.
    pub async fn with<F>(script: F, other: &str) -> Self
    where
        F: Fn(usize) -> Script + Send + Sync + 'static,
    {
        Self::over(Protocol::Plain, script, other).await
    }

    /// The same, over another protocol.
    pub async fn over<F>(protocol: Protocol, script: F, other: &str) -> Self
    where
        F: Fn(usize) -> Script + Send + Sync + 'static,
    {
        // small buffers, so that what was sent is close to what was taken
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(64 * 1024).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1024).unwrap();
        let scheme = if protocol == Protocol::Plain { "http" } else { "https" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let names = [("@OTHER@", other.to_owned()), ("@HERE@", url.clone())];
        let task = accept(listener, protocol, Arc::new(script), Arc::clone(&seen), Arc::new(names));
        Self { url, seen, task: tokio::spawn(task) }
    }
}

pub type Names = Arc<[(&'static str, String); 2]>;

/// The names, and that of the request.
pub fn names_with(names: &Names, request: &str) -> Vec<(&'static str, String)> {
    let escaped = serde_json::to_string(request).unwrap();
    let mut names = names.to_vec();
    names.push(("@REQUEST@", escaped.trim_matches('"').to_owned()));
    names
}

async fn accept<F>(listener: TcpListener, protocol: Protocol, script: Arc<F>, seen: Arc<Seen>, names: Names)
where
    F: Fn(usize) -> Script + Send + Sync + 'static,
{
    static TLS: LazyLock<TlsAcceptor> = LazyLock::new(|| authority().acceptor(Leaf::Good, &["http/1.1"]));
    static HTTP2: LazyLock<TlsAcceptor> = LazyLock::new(|| authority().acceptor(Leaf::Good, &["h2"]));
    let acceptor = match protocol {
        Protocol::Plain => None,
        Protocol::Tls => Some(TLS.clone()),
        Protocol::Http2(_) => Some(HTTP2.clone()),
    };
    // connections end with the server
    let mut lines = tokio::task::JoinSet::new();
    while let Ok((mut socket, _)) = listener.accept().await {
        socket.set_nodelay(true).unwrap();
        seen.connections.fetch_add(1, Ordering::SeqCst);
        let (script, seen, names) = (Arc::clone(&script), Arc::clone(&seen), Arc::clone(&names));
        let acceptor = acceptor.clone();
        lines.spawn(async move {
            if let [Act::ResetAtAccept, ..] = script(seen.tries()).as_slice() {
                seen.tries.fetch_add(1, Ordering::SeqCst);
                socket.reset();
                return;
            }
            let Some(acceptor) = acceptor else {
                while serve(&mut socket, script.as_ref(), &seen, &names).await.is_some() {}
                return;
            };
            let Ok(mut socket) = acceptor.accept(socket).await else {
                return;
            };
            match protocol {
                Protocol::Http2(limit) => http2::serve(socket, limit, script, seen, names).await,
                _ => while serve(&mut socket, script.as_ref(), &seen, &names).await.is_some() {},
            }
        });
        while lines.try_join_next().is_some() {}
    }
}

/// A connection, plain or encrypted.
trait Line: AsyncRead + AsyncWrite + Unpin + Send {
    /// Dropping it then sends a reset instead of an orderly end.
    fn reset(&self);
}

impl Line for TcpStream {
    fn reset(&self) {
        let _ = self.set_zero_linger();
    }
}

impl Line for TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}

/// Answers one request; none when the connection is over.
async fn serve<F>(socket: &mut impl Line, script: &F, seen: &Seen, names: &Names) -> Option<()>
where
    F: Fn(usize) -> Script + Sync,
{
    if let [Act::ResetAtAccept, ..] = script(seen.tries()).as_slice() {
        seen.tries.fetch_add(1, Ordering::SeqCst);
        socket.reset();
        return None;
    }
    let Some(request) = read_request(socket).await else {
        seen.note_hang_up();
        return None;
    };
    let names = names_with(names, &request);
    let number = seen.note_request(request);
    for act in script(number) {
        match play(socket, act, seen, &names).await {
            Some(true) => {}
            Some(false) => return None,
            None => {
                seen.note_hang_up();
                return None;
            }
        }
    }
    Some(())
}

/// Whether the connection goes on; none when the client has ended it.
async fn play(socket: &mut impl Line, act: Act, seen: &Seen, names: &[(&str, String)]) -> Option<bool> {
    match act {
        Act::Send(bytes) => write(socket, &named(bytes, names), seen).await?,
        Act::Drip(bytes) => {
            for byte in named(bytes, names).chunks(1) {
                write(socket, byte, seen).await?;
                tokio::task::yield_now().await;
            }
        }
        Act::Flood(bytes) => loop {
            write(socket, &bytes, seen).await?;
        },
        Act::Beat(bytes, pause) => loop {
            write(socket, &bytes, seen).await?;
            tokio::time::sleep(pause).await;
        },
        Act::Wait(time) => tokio::time::sleep(time).await,
        Act::Hold => {
            // a client says nothing more, so this ends when it hangs up
            let _ = socket.read(&mut [0; 64]).await;
            return None;
        }
        Act::Close | Act::GoAway => {
            let _ = socket.shutdown().await;
            return Some(false);
        }
        Act::Reset | Act::Refuse => {
            // what was sent before should have left
            tokio::time::sleep(Duration::from_millis(15)).await;
            socket.reset();
            return Some(false);
        }
        Act::ResetAtAccept => {}
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

async fn write(socket: &mut impl Line, bytes: &[u8], seen: &Seen) -> Option<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let count = socket.write(rest).await.ok().filter(|count| *count > 0)?;
        seen.note_sent(count);
        rest = &rest[count..];
    }
    socket.flush().await.ok()
}

async fn read_request(socket: &mut impl Line) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let count = socket.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
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
