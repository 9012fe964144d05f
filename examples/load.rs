//! Holds many streams at once and looks whether a single chunk is lost, repeated or swapped.
//!
//! ```text
//! cargo run --release --example load -- --streams 5000 --seconds 20
//! ```
//!
//! Always against the embedded emulator, in the same process: its work and its memory are in the figures too. Each
//! stream has the numbers from 1 on, one a chunk, and the next begins when it ends. `--pace` sets the milliseconds
//! between two chunks of a stream; unset, all streams together say about 10,000 a second. The first number is the third
//! chunk, after the filter results and the role, so it takes three times the pace and what connecting takes.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest};
use azure_openai_emulator::{Answer, Emulator};
use futures::TryStreamExt;

/// The count of numbers in a stream.
const WORDS: u64 = 25;
const DEPLOYMENT: &str = "load";
/// So many chunks a second from all streams together, unless the pace is given.
const CHUNKS_PER_SECOND: u64 = 10_000;

/// The options of the command line.
struct Plan {
    streams: u64,
    length: Duration,
    pace: Option<Duration>,
}

impl Plan {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut plan = Self { streams: 1000, length: Duration::from_secs(10), pace: None };
        while let Some(name) = arguments.next() {
            let value = arguments.next().and_then(|value| value.parse::<u64>().ok());
            let value = value.ok_or_else(|| format!("{name} needs a whole number after it"))?;
            match name.as_str() {
                "--streams" => plan.streams = value.max(1),
                "--seconds" => plan.length = Duration::from_secs(value),
                "--pace" => plan.pace = Some(Duration::from_millis(value)),
                _ => return Err(format!("{name} is not known: --streams, --seconds and --pace are")),
            }
        }
        Ok(plan)
    }

    /// Fewer streams where the system does not allow for so many: each takes a connection at both ends.
    fn fit(&mut self) {
        let Some(limit) = open_files() else { return };
        let most = limit.saturating_sub(100) / 2;
        if self.streams > most {
            println!(
                "{} streams need {} open files and the limit is {limit}: running {most}; raise it with ulimit -n",
                self.streams,
                self.streams * 2 + 100
            );
            self.streams = most;
        }
    }

    fn pace(&self) -> Duration {
        self.pace.unwrap_or_else(|| {
            Duration::from_millis(self.streams * 1000 / CHUNKS_PER_SECOND).max(Duration::from_millis(5))
        })
    }
}

/// What the streams saw. Times are in microseconds.
#[derive(Default)]
struct Seen {
    streams: u64,
    chunks: u64,
    first: Vec<u64>,
    gaps: Vec<u64>,
    /// Numbers that did not come.
    lost: u64,
    /// Numbers that came again, or before their turn.
    repeated: u64,
    failures: Vec<String>,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.streams += other.streams;
        self.chunks += other.chunks;
        self.first.extend(other.first);
        self.gaps.extend(other.gaps);
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.failures.extend(other.failures);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut plan = Plan::read(std::env::args().skip(1))?;
    plan.fit();
    let emulator = Emulator::builder()
        .script(DEPLOYMENT, Answer::words(usize::try_from(WORDS)?))
        .pace(plan.pace())
        .start()
        .await?;
    let client = ChatClient::builder(emulator.endpoint(), ApiKey::new("emulator"))
        .connect_timeout(Duration::from_secs(30))
        .build()?;
    let request = Arc::new(ChatCompletionRequest::builder(DEPLOYMENT).user("Count.").build()?);
    println!(
        "{} streams at a time for {} s, {WORDS} numbers each, one every {:?}; emulator and client in one process",
        plan.streams,
        plan.length.as_secs(),
        plan.pace()
    );
    let memory = support::resident("VmRSS");
    let started = Instant::now();
    // the first ones begin spread over a second, as a crowd would
    let workers: Vec<_> = (0..plan.streams)
        .map(|number| {
            let (client, request) = (client.clone(), Arc::clone(&request));
            let (from, until) =
                (started + Duration::from_secs(1).mul_f64(number as f64 / plan.streams as f64), started + plan.length);
            tokio::spawn(work(client, request, from, until))
        })
        .collect();
    tokio::time::sleep_until((started + plan.length / 2).into()).await;
    let at_work = support::resident("VmRSS");
    let mut seen = Seen::default();
    for worker in workers {
        seen.add(worker.await?);
    }
    let took = started.elapsed();
    report(&mut seen, took);
    if let (Some(before), Some(during), Some(most)) = (memory, at_work, support::resident("VmHWM")) {
        println!(
            "memory:              {before} KiB before, {during} KiB at work, {most} KiB at most; {:.1} KiB a stream at both ends",
            during.saturating_sub(before) as f64 / plan.streams as f64
        );
    }
    emulator.shutdown().await;
    if seen.lost + seen.repeated > 0 || !seen.failures.is_empty() {
        return Err("not every chunk came once and in order".into());
    }
    Ok(())
}

/// One stream after the other; the last one is read to its end.
async fn work(client: ChatClient, request: Arc<ChatCompletionRequest>, from: Instant, until: Instant) -> Seen {
    let mut seen = Seen::default();
    tokio::time::sleep_until(from.into()).await;
    while Instant::now() < until {
        if let Err(error) = count(&client, &request, &mut seen).await {
            seen.failures.push(support::chain(&error));
        }
    }
    seen
}

/// One stream: every number has to come, once and in order.
async fn count(client: &ChatClient, request: &ChatCompletionRequest, seen: &mut Seen) -> azure_openai_chat::Result<()> {
    let sent = Instant::now();
    let mut last: Option<Instant> = None;
    let mut expected = 1;
    let mut stream = client.stream(request).await?;
    while let Some(chunk) = stream.try_next().await? {
        let Some(number) = chunk.text().and_then(|text| text.trim().parse::<u64>().ok()) else {
            continue;
        };
        let now = Instant::now();
        match last.replace(now) {
            None => seen.first.push(micros(now - sent)),
            Some(before) => seen.gaps.push(micros(now - before)),
        }
        seen.chunks += 1;
        if number < expected {
            seen.repeated += 1;
        } else {
            seen.lost += number - expected;
            expected = number + 1;
        }
    }
    seen.lost += (WORDS + 1).saturating_sub(expected);
    seen.streams += 1;
    Ok(())
}

fn report(seen: &mut Seen, took: Duration) {
    let seconds = took.as_secs_f64();
    println!(
        "streams:             {} complete in {seconds:.1} s, {:.0} a second",
        seen.streams,
        seen.streams as f64 / seconds
    );
    println!("chunks with a number: {}, {:.0} a second", seen.chunks, seen.chunks as f64 / seconds);
    println!("time to first token: {}", percentiles(&mut seen.first));
    println!("gap between tokens:  {}", percentiles(&mut seen.gaps));
    println!("lost: {}, repeated or swapped: {}, failed streams: {}", seen.lost, seen.repeated, seen.failures.len());
    for failure in seen.failures.iter().take(5) {
        println!("  {failure}");
    }
}

fn percentiles(times: &mut [u64]) -> String {
    times.sort_unstable();
    let at = |part: f64| {
        let place = (times.len() as f64 * part) as usize;
        let time = times.get(place.min(times.len().saturating_sub(1))).copied().unwrap_or_default();
        format!("{:.1} ms", time as f64 / 1000.0)
    };
    format!("p50 {}, p90 {}, p99 {}, max {}", at(0.5), at(0.9), at(0.99), at(1.0))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// How many files this process may have open, where the system has a limit.
fn open_files() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
