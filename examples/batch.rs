//! 10,000 requests in a job that survives being killed.
//!
//! Run it, kill it at any moment, run it again: it goes on where it was. Without `AZURE_OPENAI_ENDPOINT` it starts an
//! emulator in a process of its own, which stays until the job is done.
//!
//! ```sh
//! cargo run --example batch --features batch
//! ```

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use azure_openai_chat::batch::{BatchClient, BatchRun};
use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest};
use azure_openai_emulator::{BatchTiming, Emulator};
use indicatif::{ProgressBar, ProgressStyle};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

const REQUESTS: u64 = 10_000;

#[tokio::main]
async fn main() -> Fallible<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("--emulator") => emulate().await,
        Some(folder) => work(Path::new(folder)).await,
        None => work(&std::env::temp_dir().join("azure-openai-chat-batch")).await,
    }
}

async fn work(folder: &Path) -> Fallible<()> {
    let (client, interval) = match std::env::var_os("AZURE_OPENAI_ENDPOINT") {
        Some(_) => (ChatClient::from_env()?, Duration::from_secs(60)),
        None => (ChatClient::new(emulator(folder)?, ApiKey::new("key"))?, Duration::from_millis(100)),
    };
    let deployment = std::env::var("AZURE_OPENAI_DEPLOYMENT").unwrap_or_else(|_| "gpt-4o-mini".to_owned());
    let batches = BatchClient::new(&client).with_poll_interval(interval);

    let mut run = BatchRun::open(folder.join("run"), &batches)?;
    run.prepare(|input| {
        for number in 0..REQUESTS {
            let question = format!("What is {number} plus {number}?");
            let request = ChatCompletionRequest::builder(deployment.as_str()).user(question).build()?;
            input.push_with_id(format!("sum-{number}"), &request)?;
        }
        Ok::<_, azure_openai_chat::Error>(())
    })?;

    let bar =
        ProgressBar::new(REQUESTS).with_style(ProgressStyle::with_template("{msg:12} {wide_bar} {pos}/{len} {eta}")?);
    run.finish_with(|status| {
        bar.set_message(status.phase().as_str());
        bar.set_position(status.done());
    })
    .await?;
    bar.finish();

    let (mut answered, mut failed) = (0_u64, 0_u64);
    for item in run.results()? {
        match item?.result() {
            Ok(_) => answered += 1,
            Err(_) => failed += 1,
        }
    }
    println!("{answered} answered, {failed} failed, {} tokens", run.usage().total_tokens());
    println!("results: {}", run.folder().display());
    Ok(())
}

/// The endpoint of the emulator that an earlier process of this job has started, or of a new one.
fn emulator(folder: &Path) -> Fallible<String> {
    std::fs::create_dir_all(folder)?;
    let note: PathBuf = folder.join("emulator");
    if let Ok(endpoint) = std::fs::read_to_string(&note) {
        let address = endpoint.trim_start_matches("http://");
        if std::net::TcpStream::connect(address).is_ok() {
            return Ok(endpoint);
        }
        // its files and batches are gone with it
        let _ = std::fs::remove_dir_all(folder.join("run"));
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--emulator").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    let mut endpoint = String::new();
    BufReader::new(child.stdout.take().ok_or("the emulator has no output")?).read_line(&mut endpoint)?;
    let endpoint = endpoint.trim().to_owned();
    // moved into its place, since this process may be killed here as well
    std::fs::write(note.with_extension("partial"), &endpoint)?;
    std::fs::rename(note.with_extension("partial"), note)?;
    Ok(endpoint)
}

/// The process of the emulator: it ends when nothing was asked of it for two minutes.
async fn emulate() -> Fallible<()> {
    let emulator = Emulator::start().await?;
    let timing = BatchTiming::none().file(Duration::from_millis(500)).validation(Duration::from_millis(500));
    emulator.batches().set_timing(timing.line(Duration::from_micros(500)));
    let mut out = std::io::stdout();
    writeln!(out, "{}", emulator.endpoint())?;
    out.flush()?;
    let mut seen = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(120)).await;
        let requests = emulator.requests().count();
        if requests == seen {
            return Ok(());
        }
        seen = requests;
    }
}
