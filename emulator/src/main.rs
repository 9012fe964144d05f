//! The program: an Azure OpenAI resource on one's own machine, for any language.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::args::Args;
use crate::cli::guide::{self, Guide};
use crate::cli::log;
use azure_openai_emulator::{Config, Emulator};

mod cli;

/// The default port.
const PORT: u16 = 8181;

fn main() -> ExitCode {
    match run(Args::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    let is_quiet = args.quiet;
    let config = args.over(config);
    let (root_file, guide) = (config.tls_root.clone(), Guide::new(&config));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let mut builder = Emulator::builder().port(PORT).config(config);
        if !is_quiet {
            builder = builder.on_request(log::write);
        }
        let emulator = builder.start().await?;
        if let (Some(path), Some(root)) = (&root_file, emulator.root_certificate()) {
            std::fs::write(path, root).map_err(|error| format!("{}: cannot be written: {error}", path.display()))?;
        }
        let text = guide::text(&emulator.endpoint(), root_file.as_deref(), &guide);
        // A closed standard output does not stop the service.
        let _ = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
        stopped().await?;
        emulator.shutdown().await;
        Ok(())
    })
}

/// Waits for Ctrl-C, and on Unix for SIGTERM.
async fn stopped() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => stopped,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
