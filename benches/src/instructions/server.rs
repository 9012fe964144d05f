//! An HTTP/1.1 server that knows one answer. It tells on its standard output the port, the writes if it waits
//! between them, and a line for each connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Pace, Run, What};

struct Answer {
    run: Run,
    body: Vec<u8>,
    writes: Vec<usize>,
}

pub(crate) fn serve(run: &Run) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    println!("port {}", listener.local_addr().expect("a bound socket has an address").port());
    let (body, ends) = run.body();
    let writes = run.writes(body.len(), &ends);
    if run.pace == Pace::Step {
        let complete = |write: &usize| ends.partition_point(|end| end <= write);
        let steps: Vec<String> = writes.iter().map(|write| format!("{write}:{}", complete(write))).collect();
        println!("{}", steps.join(" "));
    } else {
        println!();
    }
    let answer = Arc::new(Answer { run: *run, body, writes });
    for connection in listener.incoming().flatten() {
        println!("connection");
        let answer = Arc::clone(&answer);
        let talk = move || {
            // a reader that goes away ends its connection, and nothing else
            let _ = talk(connection, &answer);
        };
        thread::Builder::new().stack_size(128 * 1024).spawn(talk).expect("a thread for each connection");
    }
}

fn talk(mut connection: TcpStream, answer: &Answer) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut requests = BufReader::new(connection.try_clone()?);
    while read_request(&mut requests)? {
        match answer.run.what {
            What::Unary(_) => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: 1\r\ncontent-length: {}\r\n\r\n",
                    answer.body.len()
                );
                connection.write_all(&[head.as_bytes(), &answer.body].concat())?;
            }
            _ => stream(&mut connection, answer)?,
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

/// Each write is one chunk of the body, so the reader gets it as one piece even when TCP joins them.
fn stream(connection: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    connection.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    let mut start = 0;
    let mut write = Vec::new();
    for (at, end) in answer.writes.iter().enumerate() {
        let piece = &answer.body[start..*end];
        start = *end;
        write.clear();
        write.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        write.extend_from_slice(piece);
        write.extend_from_slice(b"\r\n");
        if answer.run.pace == Pace::Hang && at == 3 {
            thread::sleep(Duration::from_secs(3600));
        }
        connection.write_all(&write)?;
        if answer.run.pace == Pace::Step && *end < answer.body.len() {
            io::stdin().read_exact(&mut [0])?;
        }
    }
    if answer.run.pace == Pace::LateEnd {
        thread::sleep(Duration::from_millis(5));
    }
    connection.write_all(b"0\r\n\r\n")
}
