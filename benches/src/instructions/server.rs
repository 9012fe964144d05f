//! An HTTP/1.1 server with one answer. It prints the port, the writes if it waits between them, and a line for each
//! connection to its standard output.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::tls::TlsServer;
use super::{Pace, Run, What};
use azure_openai_chat_benches::shapes::with_id;

struct Answer {
    run: Run,
    body: Vec<u8>,
    writes: Vec<usize>,
    /// The number of answers so far: each has its own id.
    begun: AtomicUsize,
}

pub(crate) fn serve(run: &Run) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let tls = (run.pace == Pace::Tls).then(TlsServer::new);
    let certificate = tls.as_ref().map(TlsServer::certificate).unwrap_or_default();
    println!("port {} {certificate}", listener.local_addr().expect("a bound socket has an address").port());
    let (body, ends) = run.body();
    let writes = run.writes(body.len(), &ends);
    if matches!(run.pace, Pace::Step | Pace::Rounds | Pace::Tls) {
        let complete = |write: &usize| ends.partition_point(|end| end <= write);
        let steps: Vec<String> = writes.iter().map(|write| format!("{write}:{}", complete(write))).collect();
        println!("{}", steps.join(" "));
    } else {
        println!();
    }
    let answer = Arc::new(Answer { run: *run, body, writes, begun: AtomicUsize::new(0) });
    if run.pace == Pace::Rounds {
        rounds(&listener, &answer).expect("the reader reads to the end");
    }
    for connection in listener.incoming().flatten() {
        println!("connection");
        let answer = Arc::clone(&answer);
        let tls = tls.clone();
        let serve = move || {
            let _ = connection.set_nodelay(true);
            // a reader that closes its connection ends this thread only
            let _ = match tls {
                Some(tls) => serve_connection(tls.accept(connection), &answer),
                None => serve_connection(connection, &answer),
            };
        };
        thread::Builder::new().stack_size(256 * 1024).spawn(serve).expect("a thread for each connection");
    }
}

fn serve_connection(connection: impl Read + Write, answer: &Answer) -> io::Result<()> {
    let mut requests = BufReader::new(connection);
    while read_request(&mut requests)? {
        let connection = requests.get_mut();
        match answer.run.what {
            What::Unary(_) => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: 1\r\ncontent-length: {}\r\n\r\n",
                    answer.body.len()
                );
                connection.write_all(&[head.as_bytes(), &answer.body].concat())?;
            }
            _ => stream(connection, answer)?,
        }
    }
    Ok(())
}

fn read_request(requests: &mut impl BufRead) -> io::Result<bool> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if requests.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.is_empty() {
            requests.read_exact(&mut vec![0; length])?;
            return Ok(true);
        }
    }
}

/// Opens `write` streams, and then gives each its next chunk whenever all have read theirs.
fn rounds(listener: &TcpListener, answer: &Answer) -> io::Result<()> {
    let first = answer.writes[0];
    let mut streams = Vec::new();
    for connection in listener.incoming().take(answer.run.write) {
        let mut connection = connection?;
        connection.set_nodelay(true)?;
        read_request(&mut BufReader::new(connection.try_clone()?))?;
        let body = answer.next_body();
        connection.write_all(HEAD)?;
        write_piece(&mut connection, &body[..first])?;
        streams.push((connection, body));
    }
    for ends in answer.writes.windows(2) {
        io::stdin().read_exact(&mut [0])?;
        for (connection, body) in &mut streams {
            write_piece(connection, &body[ends[0]..ends[1]])?;
        }
    }
    for (connection, _) in &mut streams {
        connection.write_all(b"0\r\n\r\n")?;
    }
    Ok(())
}

fn stream(connection: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let body = answer.next_body();
    connection.write_all(HEAD)?;
    let mut start = 0;
    for (at, end) in answer.writes.iter().enumerate() {
        if answer.run.pace == Pace::Hang && at == 1 {
            thread::sleep(Duration::from_secs(3600));
        }
        write_piece(connection, &body[start..*end])?;
        start = *end;
        if matches!(answer.run.pace, Pace::Step | Pace::Tls) && *end < body.len() {
            io::stdin().read_exact(&mut [0])?;
        }
    }
    if answer.run.pace == Pace::LateEnd {
        thread::sleep(Duration::from_millis(5));
    }
    connection.write_all(b"0\r\n\r\n")
}

const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: 1\r\ntransfer-encoding: chunked\r\n\r\n";

/// Each write is one chunk of the body, so the reader gets it as one piece even when TCP joins them.
fn write_piece(connection: &mut impl Write, piece: &[u8]) -> io::Result<()> {
    connection.write_all(&[format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat())
}

impl Answer {
    fn next_body(&self) -> Vec<u8> {
        with_id(&self.body, self.begun.fetch_add(1, Ordering::Relaxed))
    }
}
