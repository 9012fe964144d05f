//! One answer on the screen: a spinner until the first text, the text as it comes, a line of usage.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use azure_openai_chat::request::Conversation;
use azure_openai_chat::{ChatClient, ChatCompletion, Error};
use tokio::pin;
use tokio::time::interval;

/// Requests the next answer, shows it and adds it to the conversation. Ctrl-C ends it early; what came is added.
pub(crate) async fn answer(
    client: &ChatClient,
    deployment: &str,
    conversation: &mut Conversation,
) -> Result<(), Box<dyn std::error::Error>> {
    let request = conversation.request(deployment).build()?;
    let started = Instant::now();
    let mut spinner = Spinner::new(started);
    // one future for the whole answer, so that no Ctrl-C falls between two chunks
    let interrupted = tokio::signal::ctrl_c();
    pin!(interrupted);

    let opened = tokio::select! {
        opened = spinner.turn_until(client.stream(&request)) => Some(opened),
        _ = &mut interrupted => None,
    };
    spinner.clear();
    let Some(opened) = opened else {
        println!("(stopped)");
        return Ok(());
    };
    let mut stream = opened?;
    let mut shown = false;
    let failed: Option<Error> = loop {
        let next =
            async { if shown { stream.next_chunk().await } else { spinner.turn_until(stream.next_chunk()).await } };
        let chunk = tokio::select! {
            chunk = next => chunk,
            _ = &mut interrupted => {
                spinner.clear();
                println!("\n(stopped)");
                break None;
            }
        };
        match chunk {
            Ok(Some(chunk)) => {
                let text = chunk.text().unwrap_or_default();
                if !text.is_empty() {
                    spinner.clear();
                    shown = true;
                    print!("{text}");
                    std::io::stdout().flush()?;
                }
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    spinner.clear();
    println!();
    let completion = stream.partial();
    conversation.push_answer(&completion);
    println!("{}", summary(&completion, started.elapsed()));
    failed.map_or(Ok(()), |error| Err(error.into()))
}

fn summary(completion: &ChatCompletion, elapsed: Duration) -> String {
    let usage = completion.usage();
    let mut parts = vec![completion.model().unwrap_or("unknown model").to_owned()];
    if completion.has_usage() {
        parts.push(format!("{} + {} tokens", usage.prompt_tokens(), usage.completion_tokens()));
        if usage.reasoning_tokens() > 0 {
            parts.push(format!("{} of them reasoning", usage.reasoning_tokens()));
        }
    }
    if let Some(refusal) = completion.refusal() {
        parts.push(format!("declined: {refusal}"));
    }
    parts.push(format!("{:.1} s", elapsed.as_secs_f64()));
    format!("[{}]", parts.join(", "))
}

/// Seconds since the question, redrawn in place on a terminal.
struct Spinner {
    started: Instant,
    is_drawn: bool,
}

impl Spinner {
    fn new(started: Instant) -> Self {
        Self { started, is_drawn: false }
    }

    /// Waits for a future, and draws meanwhile.
    async fn turn_until<T>(&mut self, future: impl Future<Output = T>) -> T {
        const FRAMES: [char; 4] = ['|', '/', '-', '\\'];
        pin!(future);
        let mut frames = FRAMES.iter().cycle();
        let mut ticks = interval(Duration::from_millis(120));
        loop {
            tokio::select! {
                biased;
                output = &mut future => return output,
                _ = ticks.tick() => {
                    if std::io::stdout().is_terminal() {
                        let frame = frames.next().copied().unwrap_or(' ');
                        print!("\r{frame} {} s", self.started.elapsed().as_secs());
                        let _ = std::io::stdout().flush();
                        self.is_drawn = true;
                    }
                }
            }
        }
    }

    /// Erases the line it is on.
    fn clear(&mut self) {
        if self.is_drawn {
            print!("\r\x1b[2K");
            let _ = std::io::stdout().flush();
            self.is_drawn = false;
        }
    }
}
