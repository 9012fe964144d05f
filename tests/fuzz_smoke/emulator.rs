//! Requests of any shape to the emulator's door.

use std::panic;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use azure_openai_emulator::Emulator;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

/// Between the requests of one input, of which three are sent.
const SEPARATOR: &str = "\n---\n";

static HAS_PANICKED: AtomicBool = AtomicBool::new(false);

/// An emulator, and the only thread that it runs on.
fn door() -> &'static (Runtime, Emulator) {
    static DOOR: OnceLock<(Runtime, Emulator)> = OnceLock::new();
    DOOR.get_or_init(|| {
        // The server catches a panic of its task, so that only its connection ends.
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            HAS_PANICKED.store(true, Ordering::SeqCst);
            print(panic);
        }));
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let emulator = runtime.block_on(Emulator::start()).expect("an emulator");
        (runtime, emulator)
    })
}

/// No request panics, and the emulator answers the last one, or another after it.
///
/// The first line of a request is its method and path, headers follow, and after an empty line the body.
pub fn emulator(data: &[u8]) {
    let (runtime, emulator) = door();
    emulator.reset();
    emulator.batches().reset();
    let text = String::from_utf8_lossy(data);
    runtime.block_on(async {
        let mut was_answered = false;
        for request in text.split(SEPARATOR).take(3) {
            // A request may set a pause, and the journal may be waited for.
            let request = on_the_wire(request);
            let answer = tokio::time::timeout(Duration::from_millis(20), exchange(emulator, &request)).await;
            was_answered = matches!(answer, Ok(Ok(answer)) if answer.starts_with(b"HTTP/1.1 "));
        }
        // Without an answer nothing is known yet.
        if !was_answered {
            let health = exchange(emulator, &on_the_wire("GET /health")).await.expect("an answer");
            assert!(health.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&health));
        }
    });
    assert!(!HAS_PANICKED.load(Ordering::SeqCst), "a request panicked");
}

fn on_the_wire(request: &str) -> String {
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let (target, headers) = head.split_once('\n').unwrap_or((head, ""));
    let headers: String = headers.lines().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    format!("{target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

async fn exchange(emulator: &Emulator, request: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(emulator.address()).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}
