//! What a row of the fault table is, and how it is run: once for each of {unary, streamed} x {no retry, retry}, over
//! plain HTTP/1.1, TLS with HTTP/1.1, and TLS with HTTP/2.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use azure_openai_chat::{
    ApiKey, CallOptions, ChatClient, ChatCompletionRequest, ChatCompletionStream, ClientBuilder, Error, ErrorKind,
    RetryPolicy,
};
use futures::StreamExt;

use crate::answers::{good_body, good_stream};
use crate::raw_server::{RawServer, Script, Step};
use crate::server::{Protocol, over};
use crate::tls::authority;

/// The largest whole answer that the rows' clients take.
pub const BODY_LIMIT: usize = 64 * 1024;
/// The largest event that the rows' clients take.
pub const EVENT_LIMIT: usize = 32 * 1024;
/// No server gets more than this out, whatever it tries: limits, and what lies in buffers on the way.
const MOST_SENT: usize = 16 * 1024 * 1024;
/// No run takes longer than this.
const MOST_TIME: Duration = Duration::from_secs(25);

/// The clocks of the rows' clients. A row that waits for one of them takes about as long.
pub const CALL: Duration = Duration::from_millis(8000);
pub const FIRST_EVENT: Duration = Duration::from_millis(7000);
pub const IDLE: Duration = Duration::from_millis(3000);

/// One fault, and what is to come of it.
#[derive(Clone)]
pub struct Row {
    pub name: String,
    pub unary: Case,
    pub streamed: Case,
    deadline: Option<Duration>,
    timeout: Duration,
    is_http1: bool,
}

/// What a server does to one kind of call, and how the call ends.
#[derive(Clone)]
pub struct Case {
    pub script: Script,
    pub end: End,
}

/// How a call ends when nothing is sent again, and whether it would be sent again.
#[derive(Clone)]
pub struct End {
    kind: Option<ErrorKind>,
    status: Option<u16>,
    code: Option<&'static str>,
    says: &'static str,
    /// The text that was put together: of the completion, or of `partial()` after an error.
    keeps: &'static str,
    retried: bool,
    retry_after: Option<Option<u64>>,
}

/// The call succeeds with this text.
pub fn gives(text: &'static str) -> End {
    End { keeps: text, ..fails(ErrorKind::Config, "").with_kind(None) }
}

/// The call fails, with these words in the error's text, and is not sent again.
pub fn fails(kind: ErrorKind, says: &'static str) -> End {
    End { kind: Some(kind), status: None, code: None, says, keeps: "", retried: false, retry_after: None }
}

impl End {
    fn with_kind(mut self, kind: Option<ErrorKind>) -> Self {
        self.kind = kind;
        self
    }

    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub fn keeps(mut self, text: &'static str) -> Self {
        self.keeps = text;
        self
    }

    /// The wait that the error tells, in whole seconds.
    pub fn asks_to_wait(mut self, seconds: Option<u64>) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// With retries, the call is sent again, and the next answer is a good one.
    pub fn retried(mut self) -> Self {
        self.retried = true;
        self
    }
}

/// A row for a fault that differs between the two kinds of call.
pub fn row(name: impl Into<String>, unary: (Script, End), streamed: (Script, End)) -> Row {
    let case = |(script, end)| Case { script, end };
    Row {
        name: name.into(),
        unary: case(unary),
        streamed: case(streamed),
        deadline: None,
        timeout: CALL,
        is_http1: false,
    }
}

/// A row for a fault that is the same for both kinds of call, and ends the same.
pub fn same(name: impl Into<String>, script: Script, end: End) -> Row {
    row(name, (script.clone(), end.clone()), (script, end))
}

impl Row {
    /// The calls of this row have a deadline.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// This fault is one of HTTP/1.1, and HTTP/2 has no like of it.
    pub fn http1(mut self) -> Self {
        self.is_http1 = true;
        self
    }

    /// Whether the server waits for the client to give up.
    fn waits(&self, mode: Mode) -> bool {
        self.case(mode).script.iter().any(|act| matches!(act, Step::Hang | Step::Beat(..)))
    }

    fn case(&self, mode: Mode) -> &Case {
        if mode.streamed { &self.streamed } else { &self.unary }
    }

    /// The calls of this row wait longer for a whole answer and for a first event.
    pub fn patient(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    pub streamed: bool,
    pub retries: bool,
}

pub const MODES: [Mode; 4] = [
    Mode { streamed: false, retries: false },
    Mode { streamed: false, retries: true },
    Mode { streamed: true, retries: false },
    Mode { streamed: true, retries: true },
];

/// What the table is run over.
pub const PROTOCOLS: [Protocol; 3] = [Protocol::Plain, Protocol::Tls, Protocol::Http2(100)];

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.streamed { "streamed" } else { "unary" })?;
        f.write_str(if self.retries { ", retry" } else { ", no retry" })
    }
}

/// A client with small limits and short clocks.
pub fn client(url: &str) -> ClientBuilder {
    ChatClient::builder(url, ApiKey::new("the-key-of-this-test"))
        .answer_timeout(CALL)
        .defaults(CallOptions::new().first_event_timeout(FIRST_EVENT))
        .stream_idle_timeout(IDLE)
        .max_event_bytes(EVENT_LIMIT)
        .max_response_bytes(BODY_LIMIT)
        .retry(quick())
}

/// An HTTP client that trusts nobody, for plain HTTP: to read the roots of the system takes a while.
pub fn no_roots(http: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    http.tls_certs_only([])
}

/// A client with small limits and short clocks, for a server over one of the protocols.
pub fn client_over(protocol: Protocol, url: &str) -> ClientBuilder {
    let client = client(url).configure_http(|http| http.tls_certs_only([authority().root()]));
    match protocol {
        // a retry within microseconds can still be given the connection that has just closed, which is one attempt more
        Protocol::Http2(_) => client.http2(true).retry(RetryPolicy::default().base_backoff(Duration::from_millis(50))),
        _ => client,
    }
}

/// Retries without much of a wait.
pub fn quick() -> RetryPolicy {
    RetryPolicy::default().base_backoff(Duration::from_millis(2))
}

pub fn request() -> ChatCompletionRequest {
    ChatCompletionRequest::builder("gpt").user("what is the sum of one and two?").build().unwrap()
}

/// How a call ended.
pub struct Ended {
    pub result: Result<(), Error>,
    pub text: String,
    pub attempts: u32,
}

/// One call of either kind, read to its end.
pub async fn call(client: &ChatClient, streamed: bool, options: &CallOptions) -> Ended {
    let request = request();
    if !streamed {
        return match client.complete_with(&request, options).await {
            Ok(completion) => Ended {
                text: completion.text().unwrap_or_default().to_owned(),
                attempts: completion.metadata().attempts(),
                result: Ok(()),
            },
            Err(error) => failed(error, String::new()),
        };
    }
    match client.stream_with(&request, options).await {
        Ok(stream) => read(stream).await,
        Err(error) => failed(error, String::new()),
    }
}

fn failed(error: Error, text: String) -> Ended {
    Ended { text, attempts: error.attempts(), result: Err(error) }
}

/// Reads a stream to its end and checks what holds for every stream.
async fn read(mut stream: ChatCompletionStream) -> Ended {
    let mut told = String::new();
    while let Some(item) = stream.next().await {
        match item {
            Ok(chunk) => told.push_str(chunk.text().unwrap_or_default()),
            Err(error) => {
                assert!(stream.next().await.is_none(), "something came after an error");
                assert!(!stream.is_complete());
                let text = stream.partial().text().unwrap_or_default().to_owned();
                assert!(text.starts_with(&told), "what was handed out was kept");
                assert_eq!(stream.into_completion().unwrap_err().to_string(), error.to_string());
                return failed(error, text);
            }
        }
    }
    assert!(stream.is_complete());
    let completion = stream.into_completion().unwrap();
    assert_eq!(completion.text().unwrap_or_default(), told);
    Ended { text: told, attempts: completion.metadata().attempts(), result: Ok(()) }
}

/// Runs a row in one mode; says what was wrong, or nothing.
pub async fn run(row: &Row, mode: Mode, protocol: Protocol) -> Vec<String> {
    let case = row.case(mode);
    let good = if mode.streamed { good_stream() } else { good_body() };
    // to be followed there would be a success
    let other = RawServer::start(vec![good.clone()]).await;
    let fault = case.script.clone();
    let script = move |n| if n == 0 { fault.clone() } else { good.clone() };
    let server = over(protocol, script, &other.url).await;
    let mut builder = client_over(protocol, &server.url);
    if row.timeout != CALL {
        builder = builder.answer_timeout(row.timeout).defaults(CallOptions::new().first_event_timeout(row.timeout));
    }
    let client = builder.build().unwrap();
    let mut options = CallOptions::new();
    if !mode.retries {
        options = options.retry(RetryPolicy::none());
    }
    if let Some(deadline) = row.deadline {
        options = options.total_timeout(deadline);
    }
    let started = Instant::now();
    let ended = tokio::time::timeout(MOST_TIME, call(&client, mode.streamed, &options)).await;
    let Ok(ended) = ended else {
        return vec![format!("did not end within {MOST_TIME:?}")];
    };
    let took = started.elapsed();
    let again = mode.retries && case.end.retried;
    let mut wrong = if again { judge(&gives("one two"), &ended) } else { judge(&case.end, &ended) };
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let expected = if again { 2 } else { 1 };
    expect(ended.attempts == expected, format!("{} attempts were told, not {expected}", ended.attempts));
    let tries = server.seen.tries();
    expect(tries == expected as usize, format!("the server saw {tries} attempts, not {expected}"));
    let ids = server.seen.header("x-ms-client-request-id");
    expect(ids.windows(2).all(|pair| pair[0] == pair[1]), format!("the id changed: {ids:?}"));
    expect(other.seen.connections() == 0, "the other server was called".to_owned());
    let sent = server.seen.sent();
    expect(sent <= MOST_SENT, format!("the server got {sent} bytes out"));
    let longest = row.timeout.max(CALL) + Duration::from_secs(8);
    expect(took < longest, format!("it took {took:?}"));
    wrong
}

fn judge(end: &End, ended: &Ended) -> Vec<String> {
    let mut wrong = Vec::new();
    if ended.text != end.keeps {
        wrong.push(format!("kept {:?}, not {:?}", ended.text, end.keeps));
    }
    match (&ended.result, end.kind) {
        (Ok(()), None) => {}
        (Ok(()), Some(kind)) => wrong.push(format!("succeeded with {:?} instead of {kind}", ended.text)),
        (Err(error), None) => wrong.push(format!("failed: {error:?}")),
        (Err(error), Some(kind)) => {
            let text = error.to_string();
            if error.kind() != kind || !text.contains(end.says) {
                wrong.push(format!("failed as {error:?}, not as {kind} with {:?}", end.says));
            }
            if end.status.is_some() && error.status() != end.status {
                wrong.push(format!("status {:?}", error.status()));
            }
            if end.code.is_some() && error.code() != end.code {
                wrong.push(format!("code {:?}", error.code()));
            }
            let wait = error.retry_after().map(|wait| wait.as_secs());
            if end.retry_after.is_some_and(|expected| expected != wait) {
                wrong.push(format!("asks to wait {:?}", error.retry_after()));
            }
        }
    }
    wrong
}

/// This process takes no more memory than this, whatever servers send.
const MOST_MEMORY: u64 = 400 * 1024 * 1024;

/// The most memory that this process has taken so far, where the system tells it.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

/// So many runs are under way at once.
const MOST_BUSY: usize = 16;
/// So many runs more, whose servers do little but wait.
const MOST_WAITING: usize = 80;
/// So many at once of those that a busy machine may have made fail.
const MOST_REPEATED: usize = 4;
/// So often is a run repeated that failed on a busy machine.
const MOST_REPEATS: usize = 3;

/// How often a task of this process was kept waiting for its turn. A row has hundreds of turns and clocks of a few seconds,
/// which measure nothing on a machine that is busy with other things.
struct Stalls(Arc<AtomicUsize>);

impl Stalls {
    const LATE: Duration = Duration::from_millis(20);
    const PAUSE: Duration = Duration::from_millis(20);

    fn watch() -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        let stalls = Arc::downgrade(&count);
        tokio::spawn(async move {
            while let Some(stalls) = stalls.upgrade() {
                let started = Instant::now();
                tokio::time::sleep(Self::PAUSE).await;
                if started.elapsed() > Self::PAUSE + Self::LATE {
                    stalls.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self(count)
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What was wrong with one run.
struct Failed {
    at: usize,
    mode: Mode,
    protocol: Protocol,
    wrong: Vec<String>,
    /// A task was kept waiting meanwhile.
    is_stalled: bool,
}

/// Runs these, some at a time, and gives those that failed.
async fn run_some(
    rows: &Arc<Vec<Row>>,
    runs: Vec<(usize, Mode, Protocol)>,
    most: usize,
    stalls: &Stalls,
) -> Vec<Failed> {
    let run = |(at, mode, protocol)| {
        let (rows, before) = (Arc::clone(rows), stalls.count());
        let run = tokio::spawn(async move { run(&rows[at], mode, protocol).await });
        async move {
            let wrong = run.await.unwrap();
            let is_stalled = stalls.count() > before;
            (!wrong.is_empty()).then_some(Failed { at, mode, protocol, wrong, is_stalled })
        }
    };
    futures::stream::iter(runs).map(run).buffer_unordered(most).filter_map(std::future::ready).collect().await
}

/// Runs rows in every mode, some at a time, and panics with all that was wrong.
pub async fn run_all(rows: Vec<Row>) {
    let count = rows.len();
    let rows = Arc::new(rows);
    let runs = (0..count).flat_map(|at| PROTOCOLS.map(|protocol| (at, protocol)));
    let runs = runs.filter(|(at, protocol)| !(rows[*at].is_http1 && matches!(protocol, Protocol::Http2(_))));
    let runs: Vec<_> = runs.flat_map(|(at, protocol)| MODES.map(|mode| (at, mode, protocol))).collect();
    // those that wait leave the machine to the others
    let (waiting, busy): (Vec<_>, Vec<_>) = runs.into_iter().partition(|(at, mode, _)| rows[*at].waits(*mode));
    let stalls = Stalls::watch();
    let (waiting, busy) =
        tokio::join!(run_some(&rows, waiting, MOST_WAITING, &stalls), run_some(&rows, busy, MOST_BUSY, &stalls));
    let mut failed: Vec<Failed> = waiting.into_iter().chain(busy).collect();
    for _ in 0..MOST_REPEATS {
        let (again, last): (Vec<_>, Vec<_>) = failed.into_iter().partition(|failed| failed.is_stalled);
        println!("{} runs failed on a busy machine and are repeated", again.len());
        let runs = again.iter().map(|failed| (failed.at, failed.mode, failed.protocol)).collect();
        failed = run_some(&rows, runs, MOST_REPEATED, &stalls).await;
        failed.extend(last);
    }
    let text = |Failed { at, mode, protocol, wrong, .. }: Failed| {
        let row = format!("{} ({mode}, {protocol:?})", rows[at].name);
        wrong.into_iter().map(move |what| format!("{row}: {what}"))
    };
    let wrong: Vec<String> = failed.into_iter().flat_map(text).collect();
    assert!(wrong.is_empty(), "{} of {count} rows' runs:\n{}", wrong.len(), wrong.join("\n"));
    let peak = peak_memory();
    println!("{count} faults, at most {} MiB of memory", peak >> 20);
    assert!(peak < MOST_MEMORY, "{} MiB of memory", peak >> 20);
}
