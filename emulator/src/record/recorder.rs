//! The recorder: requests are forwarded to a real resource and stored with its answers.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::body::Bytes;
use axum::http::request::Parts;
use serde_json::Value;

use super::recording::{Chunk, RecordedAnswer, RecordedCall, Recording, ReplayedAnswer, redacted};
use crate::head::query;
use crate::refusal::AzureError;

/// A resource whose answers are recorded.
pub(crate) struct Recorder {
    folder: PathBuf,
    upstream: String,
    client: reqwest::Client,
    /// The number of the last file.
    last: AtomicUsize,
}

/// Headers that belong to one connection, or are secrets of a caller.
const NOT_RECORDED: [&str; 8] = [
    "connection",
    "content-length",
    "content-encoding",
    "date",
    "keep-alive",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
];

impl Recorder {
    /// Records into a folder, which is created where it is missing.
    pub(crate) fn new(folder: &Path, upstream: &str) -> io::Result<Self> {
        std::fs::create_dir_all(folder)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?;
        let names = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
        let numbers = names.filter_map(|path| path.file_stem()?.to_str()?.parse::<usize>().ok());
        let last = numbers.max().unwrap_or(0);
        // A redirect would take the credentials elsewhere.
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(io::Error::other)?;
        let upstream = upstream.trim_end_matches('/').to_owned();
        Ok(Self { folder: folder.to_owned(), upstream, client, last: AtomicUsize::new(last) })
    }

    /// Sends the request to the resource with its own credentials, stores the answer, and returns it when it is complete.
    pub(crate) async fn answer(&self, parts: &Parts, content: &Bytes) -> Result<ReplayedAnswer, AzureError> {
        let failed = |error: &dyn std::fmt::Display| {
            AzureError::plain(502, "UpstreamFailed", format!("The resource that is recorded did not answer: {error}"))
        };
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut request = self.client.request(parts.method.clone(), format!("{}{target}", self.upstream));
        for (name, value) in &parts.headers {
            let stays = ["host", "content-length", "connection", "accept-encoding"].contains(&name.as_str());
            if !stays && !name.as_str().starts_with("x-emulator-") {
                request = request.header(name, value);
            }
        }
        let mut before = Instant::now();
        let mut response = request.body(content.clone()).send().await.map_err(|error| failed(&error.without_url()))?;
        let status = response.status().as_u16();
        let readable =
            response.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let kept = readable.filter(|(name, _)| !NOT_RECORDED.contains(name));
        let headers = kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut chunks = Vec::new();
        let mut rest = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| failed(&error.without_url()))? {
            let after_ms = u64::try_from(before.elapsed().as_millis()).unwrap_or(u64::MAX);
            before = Instant::now();
            rest.extend_from_slice(&piece);
            chunks.push(Chunk { after_ms, text: take_text(&mut rest) });
        }
        if !rest.is_empty() {
            chunks.push(Chunk { after_ms: 0, text: String::from_utf8_lossy(&rest).into_owned() });
        }
        let api_version = query(parts, "api-version");
        let body: Value = serde_json::from_slice(content).unwrap_or_default();
        let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
        let request = RecordedCall { method, path, api_version, body: redacted(body) };
        let recording = Recording { request, response: RecordedAnswer { status, headers, chunks } };
        self.keep(&recording).map_err(|error| failed(&error))?;
        Ok(recording.response.replayed(0.0))
    }

    /// Writes a file of its own; another recorder may write into the same folder.
    fn keep(&self, recording: &Recording) -> io::Result<()> {
        let text = serde_json::to_string_pretty(recording).map_err(io::Error::other)? + "\n";
        loop {
            let number = self.last.fetch_add(1, Ordering::SeqCst).saturating_add(1);
            match File::create_new(self.folder.join(format!("{number:05}.json"))) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                file => return file?.write_all(text.as_bytes()),
            }
        }
    }
}

/// Removes the text from bytes that more will follow: a character that is cut at their end stays in them, and what is not
/// UTF-8 becomes U+FFFD.
fn take_text(bytes: &mut Vec<u8>) -> String {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |last| last.invalid());
    let is_cut = std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
    let rest = if is_cut { last.to_vec() } else { Vec::new() };
    bytes.truncate(bytes.len().saturating_sub(rest.len()));
    String::from_utf8_lossy(&std::mem::replace(bytes, rest)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_is_cut_waits_and_a_broken_byte_loses_nothing_else() {
        let mut bytes = "gr\u{f6}".as_bytes()[..3].to_vec();
        assert_eq!(take_text(&mut bytes), "gr");
        bytes.extend(b"\xb6\xff!");
        assert_eq!(take_text(&mut bytes), "\u{f6}\u{fffd}!");
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_recording_is_never_overwritten() {
        let folder = std::env::temp_dir().join(format!("emulator-recorder-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("00002.json"), "kept").unwrap();
        let answer = RecordedAnswer { status: 200, headers: Default::default(), chunks: Vec::new() };
        let request = RecordedCall { method: String::new(), path: String::new(), api_version: None, body: Value::Null };
        let recording = Recording { request, response: answer };
        let (one, other) = (Recorder::new(&folder, "").unwrap(), Recorder::new(&folder, "").unwrap());
        one.keep(&recording).unwrap();
        other.keep(&recording).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("00002.json")).unwrap(), "kept");
        assert!(folder.join("00003.json").exists() && folder.join("00004.json").exists());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
