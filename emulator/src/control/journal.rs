//! The journal over HTTP: its requests as JSON, filtered by their properties and waited for.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Control, ControlError};
use crate::journal::{RecordedRequest, Requests};
use crate::record::redacted;
use crate::sign_in;

impl Control<'_> {
    /// The journal: filtered by the query, and waited for until it has `wait` requests that have ended.
    pub(super) async fn journal(&self) -> Result<Value, ControlError> {
        let journal = &self.shared.journal;
        let session = self.session_name.or_else(|| self.query("session"));
        match self.parts.method {
            Method::GET => {}
            Method::DELETE => {
                journal.clear(session);
                return Ok(json!({"count": 0, "requests": []}));
            }
            _ => return Err(ControlError::method()),
        }
        let number = |name: &str| {
            let text = self.query(name);
            text.map(|text| text.parse::<f64>().map_err(|_| ControlError::new(format!("'{name}' is no number"))))
                .transpose()
        };
        let (status, wait, time) = (number("status")?, number("wait")?, number("timeout")?.unwrap_or(5.0));
        let found = || -> Requests {
            let all = journal.requests(session);
            all.that(|request| {
                self.query("deployment").is_none_or(|name| request.deployment() == Some(name))
                    && status.is_none_or(|status| request.status().map(f64::from) == Some(status))
                    && self.query("outcome").is_none_or(|outcome| request.outcome().as_str() == outcome)
                    && self.query("path").is_none_or(|path| request.path().contains(path))
            })
        };
        if let Some(wanted) = wait {
            let time = Duration::try_from_secs_f64(time.clamp(0.0, 600.0)).unwrap_or_default();
            let has_enough = || {
                let ended = found().iter().filter(|request| request.timing().total().is_some()).count();
                ended as f64 >= wanted
            };
            if !journal.wait(time, has_enough).await {
                let message =
                    format!("{} of {wanted} requests had ended after {} s", found().count(), time.as_secs_f64());
                return Err(ControlError { status: 408, message });
            }
        }
        let found = found();
        Ok(json!({"count": found.count(), "requests": found.iter().map(entry).collect::<Vec<_>>()}))
    }
}

/// A request of the journal as JSON. Keys, tokens and the secrets of data sources are left out.
fn entry(request: &RecordedRequest) -> Value {
    #[derive(Serialize)]
    struct Entry<'a> {
        method: &'a str,
        path: &'a str,
        api_version: Option<String>,
        session: &'a str,
        deployment: Option<&'a str>,
        headers: BTreeMap<&'a str, &'a str>,
        body: Value,
        received_at: f64,
        outcome: &'a str,
        status: Option<u16>,
        fault: Option<&'a str>,
        prompt_tokens: Option<u64>,
        completion_tokens: Option<u64>,
        to_headers_ms: Option<f64>,
        total_ms: Option<f64>,
    }
    let hidden = |(name, value)| if sign_in::is_secret(name) { (name, "REDACTED") } else { (name, value) };
    let milliseconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1000.0);
    let since = request.received_at().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    json!(Entry {
        method: request.method(),
        path: request.path(),
        api_version: request.query("api-version"),
        session: request.session(),
        deployment: request.deployment(),
        headers: request.headers().map(hidden).collect(),
        body: redacted(request.body().clone()),
        received_at: since.as_secs_f64(),
        outcome: request.outcome().as_str(),
        status: request.status(),
        fault: request.fault(),
        prompt_tokens: request.tokens().map(|(prompt, _)| prompt),
        completion_tokens: request.tokens().map(|(_, completion)| completion),
        to_headers_ms: milliseconds(request.timing().to_headers()),
        total_ms: milliseconds(request.timing().total()),
    })
}
