//! A soak test: mixed traffic against the embedded emulator for a while, then a look at what is left.
//!
//! ```text
//! cargo run --release --example soak -- --seconds 300
//! ```
//!
//! Whole answers, streams, streams dropped half-way, calls dropped before their answer, refusals, throttling, resets,
//! cut and stalled bodies, from 32 workers at once. It fails when memory grows between the first and the last quarter
//! of the time, when a call ends in a way that its fault does not explain, or when a task or a file descriptor is left
//! after client and emulator are gone.

mod support;

use std::time::{Duration, Instant};

use azure_openai_chat::{
    ApiKey, CallOptions, ChatClient, ChatCompletionRequest, Error, ErrorKind, Message, RetryPolicy,
};
use azure_openai_emulator::{Answer, Emulator, Fault};
use futures::TryStreamExt;

const WORKERS: usize = 32;
/// Growth of resident memory, from the middle of the first quarter to the end, that allocators explain by themselves.
const GROWTH_KIB: u64 = 8 * 1024;

#[derive(Default)]
struct Counts {
    whole: u64,
    streams: u64,
    dropped: u64,
    failed: u64,
    unexpected: Vec<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => 60,
        (Some("--seconds"), Some(value)) => value.parse()?,
        _ => return Err("the only option is --seconds N".into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // the runtime's own are open by now
    let descriptors = open_descriptors();
    runtime.block_on(soak(Duration::from_secs(seconds)))?;
    // what was aborted ends at its next turn
    let left = settle(|| runtime.metrics().num_alive_tasks() as u64, 0);
    if left > 0 {
        return Err(format!("{left} tasks are left").into());
    }
    if let Some(before) = descriptors {
        let after = settle(|| open_descriptors().unwrap_or_default(), before);
        println!("descriptors:         {before} before, {after} after");
        if after > before {
            return Err(format!("{} descriptors are left", after - before).into());
        }
    }
    println!("no task and no descriptor is left");
    Ok(())
}

async fn soak(length: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::builder()
        .journal_limit(100)
        .script("long", Answer::words(200))
        .pace(Duration::from_millis(1))
        .fault(Fault::status(503).header("retry-after-ms", "5").on("throttled").every(2))
        .fault(Fault::status(429).header("retry-after-ms", "5").on("throttled").every(3))
        .fault(Fault::reset().on("reset").every(2))
        .fault(Fault::cut_after(9).on("cut").always())
        .fault(Fault::stall_after(5).on("stalled").always())
        .fault(Fault::html(502).on("gateway").always())
        .script("throttled", Answer::text("after all"))
        .script("reset", Answer::text("after all"))
        .script("cut", Answer::words(50))
        .script("stalled", Answer::words(50))
        .script("gateway", Answer::text("never"))
        .start()
        .await?;
    let client = ChatClient::builder(emulator.endpoint(), ApiKey::new("emulator"))
        .retry(RetryPolicy::default().max_retries(4).base_backoff(Duration::from_millis(5)))
        .build()?;
    let until = Instant::now() + length;
    let workers: Vec<_> = (0..WORKERS).map(|worker| tokio::spawn(work(client.clone(), worker, until))).collect();
    tokio::time::sleep(length / 4).await;
    let early = support::resident("VmRSS");
    let mut counts = Counts::default();
    for worker in workers {
        let other = worker.await?;
        counts.whole += other.whole;
        counts.streams += other.streams;
        counts.dropped += other.dropped;
        counts.failed += other.failed;
        counts.unexpected.extend(other.unexpected);
    }
    let late = support::resident("VmRSS");
    println!("whole answers:       {}", counts.whole);
    println!("streams to the end:  {}", counts.streams);
    println!("dropped half-way:    {}", counts.dropped);
    println!("failed as they must: {}", counts.failed);
    emulator.shutdown().await;
    if let Some(first) = counts.unexpected.first() {
        return Err(format!("{} calls ended otherwise, such as: {first}", counts.unexpected.len()).into());
    }
    if let (Some(early), Some(late)) = (early, late) {
        println!("memory:              {early} KiB after a quarter, {late} KiB at the end");
        if late > early + GROWTH_KIB {
            return Err(format!("memory grew by {} KiB", late - early).into());
        }
    }
    Ok(())
}

/// One call after the other, of each kind in turn.
async fn work(client: ChatClient, worker: usize, until: Instant) -> Counts {
    let mut counts = Counts::default();
    let mut number = worker;
    while Instant::now() < until {
        number += 1;
        if let Err(unexpected) = call(&client, number, &mut counts).await {
            counts.unexpected.push(support::chain(&unexpected));
        }
    }
    counts
}

/// Makes one call. An error that its kind of call does not explain is given back.
async fn call(client: &ChatClient, number: usize, counts: &mut Counts) -> Result<(), Error> {
    let ask = |deployment: &str| ChatCompletionRequest::builder(deployment).user(format!("Question {number}")).build();
    let hurried = CallOptions::new().stream_idle_timeout(Duration::from_millis(100));
    match number % 12 {
        0 | 1 => {
            let mut request = ask("gpt-4o-mini")?;
            let answer = client.complete(&request).await?;
            request = request.with_message(answer.message().map_or_else(|| Message::assistant(""), Message::from));
            client.complete(&request.with_message(Message::user("And?"))).await?;
            counts.whole += 2;
        }
        2 | 3 => {
            let mut stream = client.stream(&ask("long")?).await?;
            while stream.try_next().await?.is_some() {}
            stream.into_completion()?;
            counts.streams += 1;
        }
        4 => {
            let mut stream = client.stream(&ask("long")?).await?;
            for _ in 0..number % 40 {
                stream.try_next().await?;
            }
            counts.dropped += 1;
        }
        5 => {
            let request = ask("long")?;
            let call = client.complete(&request);
            counts.dropped += u64::from(tokio::time::timeout(Duration::from_millis(3), call).await.is_err());
        }
        6 => {
            // more retries than the budget of a long outage pays for are an error, not a fault of the client
            expect(client.complete(&ask("throttled")?).await, &[ErrorKind::RateLimited, ErrorKind::Service], counts)?;
        }
        7 => expect(client.complete(&ask("reset")?).await, &[ErrorKind::Connect], counts)?,
        8 => {
            let mut stream = client.stream(&ask("cut")?).await?;
            let end = loop {
                match stream.try_next().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            expect(end, &[ErrorKind::Interrupted], counts)?;
        }
        9 => {
            let mut stream = client.stream_with(&ask("stalled")?, &hurried).await?;
            let end = loop {
                match stream.try_next().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            expect(end, &[ErrorKind::Timeout], counts)?;
        }
        10 => {
            let once = CallOptions::new().retry(RetryPolicy::none());
            expect(client.complete_with(&ask("gateway")?, &once).await, &[ErrorKind::Service], counts)?;
        }
        _ => expect(client.complete(&ask("not-deployed")?).await, &[ErrorKind::NotFound], counts)?,
    }
    Ok(())
}

/// Counts an answer, or an error of one of these kinds.
fn expect<T>(result: Result<T, Error>, kinds: &[ErrorKind], counts: &mut Counts) -> Result<(), Error> {
    match result {
        Ok(_) => counts.whole += 1,
        Err(error) if kinds.contains(&error.kind()) => counts.failed += 1,
        Err(error) => return Err(error),
    }
    Ok(())
}

/// A number that goes down by itself for a moment, once it is there or does not move any more.
fn settle(number: impl Fn() -> u64, goal: u64) -> u64 {
    for _ in 0..50 {
        if number() <= goal {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    number()
}

/// Open descriptors of this process, where the system shows them.
fn open_descriptors() -> Option<u64> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?;
    // the listing itself is one
    Some(entries.count().saturating_sub(1) as u64)
}
