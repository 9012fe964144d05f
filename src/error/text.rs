//! An error as a text of one line (what failed, the service's message where it may be printed, the next step, the request
//! id), and as data.

use std::fmt;
use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::next_step::next_steps;
use super::{Error, ErrorKind, Repr, ServiceError};

/// Waits in header and message that differ by less are one, since messages have whole seconds.
const PRECISION: Duration = Duration::from_secs(1);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind);
        out.field("text", &self.0.text());
        if let Some(status) = self.status() {
            out.field("status", &status);
        }
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

/// An object with `kind` and `message` (the text that [`Display`](std::fmt::Display) prints), and with `status`, `code`,
/// `param`, `deployment`, `request_id`, `client_request_id`, `retry_after` (seconds), `attempts` and `is_retryable` where
/// they are known. Nothing of prompt and answer is in it: the service's own message is only there where the text has it.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let service = self.service_error();
        let metadata = self.metadata();
        let client_id = metadata.and_then(|metadata| metadata.client_request_id());
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", &self.kind())?;
        map.serialize_entry("message", &self.to_string())?;
        if let Some(status) = self.status() {
            map.serialize_entry("status", &status)?;
        }
        for (name, value) in [
            ("code", service.and_then(ServiceError::printable_code)),
            ("param", service.and_then(ServiceError::printable_param)),
            ("deployment", self.0.deployment.as_deref()),
            ("request_id", self.request_id()),
            ("client_request_id", client_id.or(self.0.client_request_id.as_deref())),
        ] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if let Some(wait) = self.retry_after() {
            map.serialize_entry("retry_after", &wait.as_secs_f64())?;
        }
        map.serialize_entry("attempts", &self.attempts())?;
        map.serialize_entry("is_retryable", &self.is_retryable())?;
        map.end()
    }
}

impl Repr {
    fn text(&self) -> String {
        let mut text = match &self.service {
            Some(service) => self.answer_text(service),
            None => self.local_text(),
        };
        if self.attempts > 1 {
            text.push_str(&format!("; {} attempts", self.attempts));
        }
        if let Some(id) = self.request_id().filter(|id| is_id(id)) {
            text.push_str(&format!(" [request id {id}]"));
        } else if let (None, Some(id)) = (&self.metadata, &self.client_request_id)
            // without a token nothing was sent under it
            && !matches!(self.kind, ErrorKind::Config | ErrorKind::Credential)
        {
            text.push_str(&format!(" [client request id {id}]"));
        }
        text
    }

    fn local_text(&self) -> String {
        let mut text = match &self.deployment {
            Some(deployment) => format!("deployment '{deployment}': {}", self.message),
            None => self.message.clone(),
        };
        if let Some(hint) = &self.hint {
            text.push_str("; ");
            text.push_str(hint);
        }
        text
    }

    fn answer_text(&self, service: &ServiceError) -> String {
        let answered = self.answered();
        let status = service.status(answered);
        let mut text = match &self.deployment {
            Some(deployment) => format!("deployment '{deployment}' answered {answered}"),
            // a recorded stream, without the head of its answer
            None if answered == 0 => "the service sent an error".to_owned(),
            None => format!("the service answered {answered}"),
        };
        if status != answered {
            text.push_str(&format!(" around a {status}"));
        }
        if answered == 200 {
            text.push_str(" and then sent an error");
        }
        // many of Azure's codes are the status again
        let code = service.printable_code().filter(|code| code.parse() != Ok(status));
        match (code, service.printable_param()) {
            (Some(code), Some(param)) => text.push_str(&format!(" ({code}, parameter '{param}')")),
            (Some(code), None) => text.push_str(&format!(" ({code})")),
            (None, Some(param)) => text.push_str(&format!(" (parameter '{param}')")),
            (None, None) => {}
        }
        match service.printable_message(answered) {
            Some(message) => {
                text.push_str(": ");
                text.push_str(message.trim_end_matches('.'));
            }
            None if service.message().is_some() => text.push_str("; message() has the service's text"),
            None => {}
        }
        // a message that names the wait is printed itself
        let is_printed = |wait: &Duration| service.retry_after().is_some_and(|known| known.abs_diff(*wait) < PRECISION);
        let wait = self.retry_after().filter(|wait| !is_printed(wait));
        let wait = wait.filter(|_| matches!(status, 408 | 409 | 429 | 500..));
        // rounded up, so that a caller who waits as long is not too early
        let wait = wait.map(|wait| (wait.as_secs_f64() * 10.0).ceil() / 10.0);
        let wait = wait.map(|seconds| format!("the service names a wait of {seconds} seconds"));
        let steps = match &self.step {
            Some(step) => vec![step.clone()],
            None => next_steps(service.explained_status(answered), service, self.sent.as_ref(), &self.extras),
        };
        for sentence in steps.iter().chain(&wait).chain(&self.hint) {
            text.push_str("; ");
            text.push_str(sentence);
        }
        text
    }
}

/// Whether a text can be the id of a call: short, and without spaces.
fn is_id(text: &str) -> bool {
    text.len() <= 80 && text.bytes().all(|byte| byte.is_ascii_graphic())
}
