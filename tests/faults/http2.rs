//! HTTP/2 for scripts that are written in HTTP/1.1: heads become HEADERS, bodies DATA, an end in the middle a
//! connection that is gone, and a reset the reset of one stream.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::raw_server::{Connection, Script, Seen, Step, named, names_with};

/// How a script ends a connection.
enum End {
    Close,
    GoAway,
}

/// Serves a connection until either side ends it.
pub async fn serve<F, S>(io: S, limit: u32, scripted: Connection<F>)
where
    F: Fn(usize) -> Script + Send + Sync + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let Ok(mut connection) = h2::server::Builder::new().max_concurrent_streams(limit).handshake::<_, Bytes>(io).await
    else {
        return;
    };
    let (ends, mut ended) = unbounded_channel();
    let mut streams = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            next = connection.accept() => match next {
                Some(Ok((request, respond))) => {
                    streams.spawn(answer(request, respond, scripted.clone(), ends.clone()));
                }
                _ => return,
            },
            end = ended.recv() => match end {
                Some(End::GoAway) => connection.graceful_shutdown(),
                _ => return,
            },
        }
    }
}

async fn answer<F>(
    request: Request<h2::RecvStream>,
    respond: SendResponse<Bytes>,
    Connection { script, seen, names }: Connection<F>,
    ends: UnboundedSender<End>,
) where
    F: Fn(usize) -> Script + Send + Sync,
{
    let Some(text) = read(request).await else {
        return seen.note_hang_up();
    };
    let names = names_with(&names, &text);
    let number = seen.note_request(text);
    let mut stream = Stream { respond, body: None, head: Vec::new(), framing: Framing::Head, seen };
    for step in script(number) {
        match stream.play(step, &names).await {
            Some(None) => {}
            Some(Some(end)) => {
                // what was sent before should have left
                tokio::time::sleep(Duration::from_millis(15)).await;
                let _ = ends.send(end);
                return;
            }
            None => return,
        }
    }
}

/// The request as HTTP/1.1 would have it.
async fn read(request: Request<h2::RecvStream>) -> Option<String> {
    let (head, mut body) = request.into_parts();
    let mut text = format!("{} {} HTTP/2\r\n", head.method, head.uri.path());
    for (name, value) in &head.headers {
        text.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes())));
    }
    text.push_str("\r\n");
    while let Some(bytes) = body.data().await {
        let bytes = bytes.ok()?;
        let _ = body.flow_control().release_capacity(bytes.len());
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    Some(text)
}

enum Framing {
    Head,
    Length(usize),
    Chunked,
    UntilClose,
    Over,
}

struct Stream {
    respond: SendResponse<Bytes>,
    body: Option<SendStream<Bytes>>,
    /// What has come of the head, or of a chunk.
    head: Vec<u8>,
    framing: Framing,
    seen: Arc<Seen>,
}

impl Stream {
    /// How the connection ends, if it does; none when the stream is over.
    async fn play(&mut self, step: Step, names: &[(&str, String)]) -> Option<Option<End>> {
        match step {
            Step::Send(bytes) => self.send(&named(bytes, names)).await?,
            Step::Drip(bytes) => {
                for byte in named(bytes, names).chunks(1) {
                    self.send(byte).await?;
                }
            }
            Step::Flood(bytes) => loop {
                self.send(&bytes).await?;
                tokio::task::yield_now().await;
                if matches!(self.framing, Framing::Head | Framing::Over) {
                    return None;
                }
            },
            Step::Beat(bytes, pause) => loop {
                self.send(&bytes).await?;
                tokio::time::sleep(pause).await;
            },
            Step::Pause(time) => tokio::time::sleep(time).await,
            Step::Hang => {
                let _ = match &mut self.body {
                    Some(body) => poll_fn(|cx| body.poll_reset(cx)).await,
                    None => poll_fn(|cx| self.respond.poll_reset(cx)).await,
                };
                self.seen.note_hang_up();
                return None;
            }
            Step::Close if matches!(self.framing, Framing::UntilClose) => {
                self.end();
                return None;
            }
            // a whole answer has come, and the connection is for other streams too
            Step::Close if matches!(self.framing, Framing::Over) => return None,
            Step::Close => return Some(Some(End::Close)),
            Step::Reset => {
                // a reset takes back what has not left
                tokio::time::sleep(Duration::from_millis(15)).await;
                return self.reset(Reason::INTERNAL_ERROR);
            }
            Step::Refuse => return self.reset(Reason::REFUSED_STREAM),
            Step::GoAway => return Some(Some(End::GoAway)),
            Step::ResetAtAccept => {}
        }
        Some(None)
    }

    fn reset(&mut self, reason: Reason) -> Option<Option<End>> {
        match &mut self.body {
            Some(body) => body.send_reset(reason),
            None => self.respond.send_reset(reason),
        }
        None
    }

    fn end(&mut self) {
        self.end_with(HeaderMap::new());
    }

    fn end_with(&mut self, trailers: HeaderMap) {
        if let Some(body) = &mut self.body {
            let _ = if trailers.is_empty() { body.send_data(Bytes::new(), true) } else { body.send_trailers(trailers) };
        }
        self.framing = Framing::Over;
    }

    /// Sends bytes of HTTP/1.1; none when the client has reset the stream.
    async fn send(&mut self, bytes: &[u8]) -> Option<()> {
        self.head.extend_from_slice(bytes);
        loop {
            match self.framing {
                Framing::Head => {
                    let Some(at) = find(&self.head, b"\r\n\r\n") else { return Some(()) };
                    let head: Vec<u8> = self.head.drain(..at + 4).collect();
                    self.send_head(&head[..at])?;
                }
                Framing::Length(left) => {
                    let bytes: Vec<u8> = self.head.drain(..left.min(self.head.len())).collect();
                    self.framing = Framing::Length(left - bytes.len());
                    self.data(bytes).await?;
                    if matches!(self.framing, Framing::Length(0)) {
                        self.end();
                    }
                    return Some(());
                }
                Framing::Chunked => {
                    let Some(at) = find(&self.head, b"\r\n") else { return Some(()) };
                    let line = std::str::from_utf8(&self.head[..at]).unwrap();
                    let size = line.split(';').next().unwrap_or_default().trim();
                    let size = usize::from_str_radix(size, 16).expect("a fault of chunks is a row of HTTP/1.1 alone");
                    if size == 0 {
                        let Some(length) = find(&self.head[at..], b"\r\n\r\n") else { return Some(()) };
                        let trailers = lines(&self.head[at..at + length]).filter_map(field).collect();
                        self.end_with(trailers);
                        return Some(());
                    }
                    if self.head.len() < at + 2 + size + 2 {
                        return Some(());
                    }
                    let chunk: Vec<u8> = self.head.drain(..at + 2 + size + 2).skip(at + 2).take(size).collect();
                    self.data(chunk).await?;
                }
                Framing::UntilClose => {
                    let bytes = std::mem::take(&mut self.head);
                    return self.data(bytes).await;
                }
                Framing::Over => return Some(()),
            }
        }
    }

    fn send_head(&mut self, head: &[u8]) -> Option<()> {
        let mut lines = lines(head);
        let status = String::from_utf8_lossy(lines.next()?).split(' ').nth(1)?.parse::<u16>().ok()?;
        let mut response = Response::builder().status(status).body(()).ok()?;
        let mut framing = Framing::UntilClose;
        for line in lines {
            let (name, value) = field(line)?;
            match name.as_str() {
                "transfer-encoding" => framing = Framing::Chunked,
                "connection" => {}
                "content-length" => {
                    if !matches!(framing, Framing::Chunked) {
                        framing = Framing::Length(value.to_str().ok()?.parse().ok()?);
                    }
                    response.headers_mut().insert(name, value);
                }
                _ => {
                    response.headers_mut().append(name, value);
                }
            }
        }
        if status < 200 {
            return self.respond.send_informational(response).ok();
        }
        if matches!(framing, Framing::Chunked) {
            response.headers_mut().remove("content-length");
        }
        let is_over = matches!(framing, Framing::Length(0)) || matches!(status, 204 | 304);
        self.framing = if is_over { Framing::Over } else { framing };
        self.body = Some(self.respond.send_response(response, is_over).ok()?);
        Some(())
    }

    async fn data(&mut self, bytes: Vec<u8>) -> Option<()> {
        let (body, mut rest) = (self.body.as_mut()?, Bytes::from(bytes));
        while !rest.is_empty() {
            body.reserve_capacity(rest.len());
            let room = poll_fn(|cx| match body.poll_reset(cx) {
                Poll::Ready(_) => Poll::Ready(None),
                Poll::Pending => body.poll_capacity(cx).map(|room| room.and_then(Result::ok)),
            })
            .await;
            let Some(room) = room else {
                self.seen.note_hang_up();
                return None;
            };
            let part = rest.split_to(room.min(rest.len()));
            self.seen.note_sent(part.len());
            body.send_data(part, false).ok()?;
        }
        Some(())
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let at = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..at]).ok()?;
    Some((name, HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
