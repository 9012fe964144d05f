//! The routes of files and batches.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Value, json};

use super::file::StoredFile;
use super::job::Job;
use super::multipart::fields;
use super::validation::{MOST_LINES, check, error};
use super::{BatchService, State};
use crate::faults::Kind;
use crate::head::{header, query};
use crate::journal::record::Head;
use crate::refusal::AzureError;
use crate::request::ChatRequest;
use crate::server::connections::ConnectionHandle;
use crate::server::exchange::answer_line;
use crate::server::response::Answered;
use crate::session::{SESSION_HEADER, Session};
use crate::shared::Shared;
use crate::sign_in;

/// The largest upload: 200 MB, and the form around it.
const LARGEST_UPLOAD: usize = 201 << 20;

/// The times after which a file may expire: 14 to 30 days.
const EXPIRY: std::ops::RangeInclusive<u64> = 1_209_600..=2_592_000;

/// Whether a path is that of files or batches.
pub(crate) fn is_route(path: &str) -> bool {
    segments(path).is_some()
}

/// The segments from `files` or `batches` on.
fn segments(path: &str) -> Option<Vec<&str>> {
    let all: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let start = match all.as_slice() {
        ["openai", "v1", ..] => 2,
        ["openai" | "v1", ..] => 1,
        _ => return None,
    };
    let own = all.get(start..)?;
    matches!(own.first(), Some(&("files" | "batches"))).then(|| own.to_vec())
}

type Outcome = Result<(&'static str, Bytes), AzureError>;

/// Answers a request for files or batches.
pub(crate) async fn serve(shared: &Shared, parts: &Parts, content: Body, handle: &ConnectionHandle) -> Response {
    let session = shared.sessions.named(header(parts, SESSION_HEADER).unwrap_or_default());
    let (call, fault) = shared.begin(&session, parts, Head::new(parts, Value::Null, 0), &[], handle).await;
    let answered = match &fault {
        // before the body has arrived, as a busy service answers an upload
        Some(Kind::Answer(fault)) => fault.into(),
        _ => {
            let known = sign_in::check(&parts.headers, &session.settings().sign_in, None);
            let outcome = match (known, to_bytes(content, LARGEST_UPLOAD).await) {
                (Err(error), _) => Err(error),
                (_, Ok(content)) => answer(shared, &session, parts, &content),
                (_, Err(_)) => Err(AzureError::invalid("The request body is too large.", Value::Null, Value::Null)),
            };
            if shared.batches.state().holds_this_answer() {
                std::future::pending::<()>().await;
            }
            outcome.map_or_else(Answered::from, |(content_type, bytes)| Answered::whole(content_type, bytes))
        }
    };
    let region = session.settings().region(None);
    answered.send(parts, &region, fault, call).await
}

fn answer(shared: &Shared, session: &Session, parts: &Parts, content: &Bytes) -> Outcome {
    let object = |value: Value| Ok(("application/json", Bytes::from(value.to_string())));
    let segments = segments(parts.uri.path()).unwrap_or_default();
    if (&parts.method, segments.as_slice()) == (&Method::POST, &["batches"]) {
        return object(shared.batches.create(session, content)?);
    }
    if parts.method == Method::GET && segments.first() == Some(&"files") {
        shared.batches.finish_jobs(&|body| answer_line(shared, parts, body));
    }
    let mut state = shared.batches.state();
    let now = state.now();
    match (&parts.method, segments.as_slice()) {
        (&Method::POST, ["files"]) => object(state.upload(parts, content)?),
        (&Method::GET, ["files"]) => {
            let purpose = query(parts, "purpose");
            let files = state.files.values().filter(|file| {
                !file.has_expired(now) && purpose.as_deref().is_none_or(|purpose| purpose == file.purpose)
            });
            let files: Vec<Value> = files.map(|file| file.object(&state, now)).collect();
            object(page(parts, files))
        }
        (&Method::GET, ["files", id]) => {
            object(state.file(id).ok_or_else(AzureError::no_resource)?.object(&state, now))
        }
        (&Method::DELETE, ["files", id]) => {
            state.file(id).ok_or_else(AzureError::no_resource)?;
            state.files.retain(|_, file| file.id != *id);
            object(json!({"id": id, "object": "file", "deleted": true}))
        }
        (&Method::GET, ["files", id, "content"]) => {
            let file = state.file(id).ok_or_else(AzureError::no_resource)?;
            let cut = if file.purpose == "batch_output" { state.cut } else { 0 };
            let content = file.content.slice(..file.content.len().saturating_sub(cut));
            Ok(("application/octet-stream", content))
        }
        (&Method::GET, ["batches"]) => {
            let jobs: Vec<Value> = state.jobs.values().rev().map(|job| job.object(now)).collect();
            object(page(parts, jobs))
        }
        (&Method::GET, ["batches", id]) => object(state.job(id).ok_or_else(AzureError::no_resource)?.object(now)),
        (&Method::POST, ["batches", id, "cancel"]) => {
            let job = state.job(id).ok_or_else(AzureError::no_resource)?;
            if !job.is_running(now) {
                let message = "Cannot cancel a batch that has ended.";
                return Err(AzureError::invalid(message, Value::Null, Value::Null));
            }
            job.cancelled = Some(now);
            object(job.object(now))
        }
        _ => Err(AzureError::no_resource()),
    }
}

/// The page of a list that `after` and `limit` name; 20 elements by default, 100 at most.
fn page(parts: &Parts, all: Vec<Value>) -> Value {
    let limit = query(parts, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(20_usize).clamp(1, 100);
    let start = match query(parts, "after") {
        Some(after) => all.iter().position(|one| one["id"] == after.as_str()).map_or(all.len(), |at| at + 1),
        None => 0,
    };
    let data: Vec<Value> = all.iter().skip(start).take(limit).cloned().collect();
    let end = |one: Option<&Value>| one.map(|one| one["id"].clone());
    json!({
        "object": "list", "first_id": end(data.first()), "last_id": end(data.last()),
        "has_more": start + data.len() < all.len(), "data": data,
    })
}

impl State {
    fn holds_this_answer(&mut self) -> bool {
        let holds = self.hold_after == Some(0);
        self.hold_after = self.hold_after.and_then(|left| left.checked_sub(1));
        self.held += u64::from(holds);
        holds
    }

    fn upload(&mut self, parts: &Parts, content: &Bytes) -> Result<Value, AzureError> {
        let content_type = parts.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let malformed = || AzureError::invalid("The form could not be read.", Value::Null, Value::Null);
        let fields = fields(content_type, content).ok_or_else(malformed)?;
        let text = |name: &str| {
            let field = fields.iter().find(|field| field.name == name)?;
            std::str::from_utf8(&field.content).ok()
        };
        if text("purpose") != Some("batch") {
            return Err(AzureError::invalid_value("purpose"));
        }
        let seconds = text("expires_after.seconds").or_else(|| text("expires_after[seconds]"));
        let anchor = text("expires_after.anchor").or_else(|| text("expires_after[anchor]"));
        let expires_after = match (seconds, anchor) {
            (None, None) => None,
            _ => Some(expiry("expires_after", seconds.and_then(|text| text.parse().ok()), anchor)?),
        };
        let file = fields.iter().find(|field| field.name == "file").ok_or_else(|| AzureError::missing("file"))?;
        let now = self.now();
        let number = self.next_id();
        let stored = StoredFile {
            id: format!("file-{number:024x}"),
            name: file.file_name.clone().unwrap_or_default(),
            purpose: "batch",
            content: file.content.clone(),
            created: now,
            expires_after,
        };
        let object = stored.object(self, now);
        self.files.insert(number, stored);
        self.uploads += 1;
        Ok(object)
    }
}

impl BatchService {
    /// Creates a batch. The lock is free while the closure for outcomes runs, which may use it.
    fn create(&self, session: &Session, content: &Bytes) -> Result<Value, AzureError> {
        let request: Value = serde_json::from_slice(content).map_err(|_| AzureError::not_json())?;
        let word = |name: &str| request.get(name).and_then(Value::as_str);
        let endpoint = word("endpoint").ok_or_else(|| AzureError::missing("endpoint"))?;
        if word("completion_window") != Some("24h") {
            return Err(AzureError::invalid_value("completion_window"));
        }
        let input = word("input_file_id").ok_or_else(|| AzureError::missing("input_file_id"))?;
        let (file, most_lines, outcomes) = {
            let state = self.state();
            let file = state.file(input).filter(|file| file.purpose == "batch");
            let file = file
                .filter(|file| file.is_processed(&state, state.now()))
                .ok_or_else(|| AzureError::invalid_value("input_file_id"))?;
            (file.content.clone(), state.most_lines.unwrap_or(MOST_LINES), state.outcomes.clone())
        };
        let is_deployed = |name: &str| session.settings().deployment(name).is_some();
        let mut lines = check(&file, endpoint, most_lines, &is_deployed);
        if let (Some(outcomes), Ok(lines)) = (&outcomes, &mut lines) {
            lines.iter_mut().for_each(|line| line.outcome = outcomes(&line.custom_id));
        }
        let mut state = self.state();
        let now = state.now();
        let mut job_tokens = 0;
        if let (Some(quota), Ok(read)) = (state.quota, &lines) {
            job_tokens = read.iter().map(|line| ChatRequest::new(&line.body).quota_tokens()).sum();
            let enqueued: u64 = state.jobs.values().filter(|job| job.is_enqueued(now)).map(|job| job.tokens).sum();
            if enqueued.saturating_add(job_tokens) > quota.tokens {
                let message = format!("The enqueued token limit of {} tokens is reached.", quota.tokens);
                if quota.fails_fast {
                    return Err(AzureError::invalid(message, Value::Null, "token_limit_exceeded"));
                }
                lines = Err(vec![error("token_limit_exceeded", &message, None)]);
            }
        }
        let name = "output_expires_after";
        let output_expires_after = request.get(name).filter(|value| !value.is_null()).map(|value| {
            let anchor = value.get("anchor").and_then(Value::as_str);
            expiry(name, value.get("seconds").and_then(Value::as_u64), anchor)
        });
        let number = state.next_id();
        let job = Job {
            id: format!("batch_{number:024x}"),
            input_file_id: input.to_owned(),
            endpoint: endpoint.to_owned(),
            metadata: request.get("metadata").cloned().unwrap_or_default(),
            created: now,
            timing: state.timing,
            input: Arc::new(lines),
            has_outcomes: outcomes.is_some(),
            tokens: job_tokens,
            cancelled: None,
            output_expires_after: output_expires_after.transpose()?,
            files: (format!("file-output-{number:017x}"), format!("file-errors-{number:017x}")),
            has_results: false,
            results: Arc::default(),
        };
        let mut object = job.object(now);
        // the service answers a creation with the first state
        if let Some(members) = object.as_object_mut() {
            for name in ["errors", "failed_at", "completed_at", "in_progress_at", "output_file_id", "error_file_id"] {
                members.insert(name.to_owned(), Value::Null);
            }
            members.insert("status".to_owned(), "validating".into());
            members.insert("request_counts".to_owned(), Value::Null);
        }
        state.jobs.insert(number, job);
        Ok(object)
    }

    /// Stores the results of batches that have ended. The lock is free while lines are answered, since a scripted answer may
    /// use it.
    fn finish_jobs(&self, answer: &dyn Fn(&Value) -> (u16, Value)) {
        let (now, jobs) = {
            let state = self.state();
            (state.now(), state.jobs.values().filter(|job| !job.has_results).cloned().collect::<Vec<_>>())
        };
        for job in jobs {
            let Some(files) = job.results(now, answer) else { continue };
            let mut state = self.state();
            // another request may have stored them, or the batch is gone
            let Some(stored) = state.job(&job.id).filter(|stored| !stored.has_results) else { continue };
            stored.has_results = true;
            for file in files {
                let number = state.next_id();
                state.files.insert(number, file.clone());
            }
        }
    }
}

/// The time after which files expire.
fn expiry(name: &str, seconds: Option<u64>, anchor: Option<&str>) -> Result<Duration, AzureError> {
    match (seconds, anchor) {
        (Some(seconds), Some("created_at")) if EXPIRY.contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err(AzureError::invalid_value(name)),
    }
}

impl StoredFile {
    fn is_processed(&self, state: &State, now: Duration) -> bool {
        self.purpose != "batch" || now >= self.created + state.timing.file
    }

    fn object(&self, state: &State, now: Duration) -> Value {
        let status = match now.saturating_sub(self.created) {
            _ if self.is_processed(state, now) => "processed",
            passed if passed < state.timing.file / 2 => "pending",
            _ => "running",
        };
        json!({
            "id": self.id, "object": "file", "bytes": self.content.len(), "created_at": self.created.as_secs(),
            "filename": self.name, "purpose": self.purpose, "status": status,
            "expires_at": self.expires_after.map(|time| (self.created + time).as_secs()),
        })
    }
}
