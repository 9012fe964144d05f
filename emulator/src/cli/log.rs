//! The request log, one line for each request: method, deployment or path, status, outcome, tokens, time, fault.

use std::io::{self, Write};

use azure_openai_emulator::{Outcome, RecordedRequest};

/// Writes the line of a request that has ended.
pub(crate) fn write(request: &RecordedRequest) {
    // A closed standard output does not stop the service.
    let _ = writeln!(io::stdout(), "{}", line(request));
}

fn line(request: &RecordedRequest) -> String {
    let target = request.deployment().unwrap_or_else(|| request.path());
    // The name is the caller's: without control characters it cannot start another line of the log.
    let target: String = target.chars().filter(|letter| !letter.is_control()).collect();
    let status = request.status().map_or_else(|| "-".to_owned(), |status| status.to_string());
    let mut line = format!("{} {target} {status}", request.method());
    if let Some((prompt, completion)) = request.tokens() {
        line.push_str(&format!(" {prompt}+{completion} tokens"));
    }
    if let Some(time) = request.timing().total() {
        line.push_str(&format!(" {} ms", time.as_millis()));
    }
    if let Some(fault) = request.fault() {
        line.push_str(&format!(" fault={fault}"));
    }
    if request.outcome() == Outcome::Disconnected {
        line.push_str(" client disconnected");
    }
    if !request.session().is_empty() {
        let session: String = request.session().chars().filter(|letter| !letter.is_control()).collect();
        line.push_str(&format!(" session={session}"));
    }
    line
}
