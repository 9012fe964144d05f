//! Recording: requests go on to a real resource, and are kept with what it answers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::body::Bytes;
use axum::http::request::Parts;
use serde_json::Value;

use super::{Chunk, RecordedAnswer, RecordedCall, Recording, ReplayedAnswer, redacted};
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
    /// Records into a folder, which is made where it is missing.
    pub(crate) fn new(folder: &Path, upstream: &str) -> io::Result<Self> {
        std::fs::create_dir_all(folder)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?;
        let last = std::fs::read_dir(folder)?.count();
        // A redirect would take the credentials elsewhere.
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(io::Error::other)?;
        let upstream = upstream.trim_end_matches('/').to_owned();
        Ok(Self { folder: folder.to_owned(), upstream, client, last: AtomicUsize::new(last) })
    }

    /// Asks the resource with the request's own credentials, keeps the answer, and gives it when it is whole.
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
            // A letter may be cut by the end of a piece; its bytes wait for the next.
            let whole = match std::str::from_utf8(&rest) {
                Ok(text) => text.len(),
                Err(error) => error.valid_up_to(),
            };
            let text = String::from_utf8_lossy(rest.get(..whole).unwrap_or_default()).into_owned();
            rest.drain(..whole);
            chunks.push(Chunk { after_ms, text });
        }
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let api_version =
            query.into_iter().find_map(|(name, value)| (name == "api-version").then(|| value.into_owned()));
        let body: Value = serde_json::from_slice(content).unwrap_or_default();
        let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
        let request = RecordedCall { method, path, api_version, body: redacted(body) };
        let recording = Recording { request, response: RecordedAnswer { status, headers, chunks } };
        self.keep(&recording).map_err(|error| failed(&error))?;
        Ok(recording.response.replayed(0.0))
    }

    fn keep(&self, recording: &Recording) -> io::Result<()> {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        let path = self.folder.join(format!("{number:05}.json"));
        let text = serde_json::to_string_pretty(recording).map_err(io::Error::other)?;
        std::fs::write(path, text + "\n")
    }
}
