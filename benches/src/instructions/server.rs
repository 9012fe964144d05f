//! An HTTP/1.1 server that knows one answer. It tells on its standard output the port, and a line for each
//! connection.

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
    println!(
        "port {}",
        listener.local_addr().expect("a bound socket has an address").port()
    );
    let (body, ends) = run.body();
    let writes = run.writes(body.len(), &ends);
    let answer = Arc::new(Answer {
        run: *run,
        body,
        writes,
    });
    for connection in listener.incoming().flatten() {
        println!("connection");
        let answer = Arc::clone(&answer);
        let talk = move || {
            // a reader that goes away ends its connection, and nothing else
            let _ = talk(connection, &answer);
        };
        thread::Builder::new()
            .stack_size(128 * 1024)
            .spawn(talk)
            .expect("a thread for each connection");
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

/// Each write is one chunk of the body, so the reader gets it as one piece however TCP delivers it.
fn stream(connection: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    connection.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    let mut start = 0;
    let mut waiting = Vec::new();
    for (at, end) in answer.writes.iter().enumerate() {
        let piece = &answer.body[start..*end];
        start = *end;
        waiting.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        waiting.extend_from_slice(piece);
        waiting.extend_from_slice(b"\r\n");
        match answer.run.pace {
            // tiny writes are sent together; the reader still gets them one by one
            Pace::Free if waiting.len() < 64 * 1024 => continue,
            Pace::Hang if at == 3 => {
                thread::sleep(Duration::from_secs(3600));
            }
            _ => {}
        }
        connection.write_all(&waiting)?;
        waiting.clear();
        if answer.run.pace == Pace::Step && *end < answer.body.len() {
            io::stdin().read_exact(&mut [0])?;
        }
    }
    if answer.run.pace == Pace::LateEnd {
        thread::sleep(Duration::from_millis(5));
    }
    waiting.extend_from_slice(b"0\r\n\r\n");
    connection.write_all(&waiting)
}
