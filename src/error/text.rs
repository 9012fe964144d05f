//! The text of an error, in one line: what failed, the service's message where it may be printed, the next step, the
//! request id.

use std::fmt;

use super::next_step::next_steps;
use super::{Error, ErrorKind, Repr, ServiceError};

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
        let steps = next_steps(service.explained_status(answered), service, self.sent.as_ref());
        for sentence in steps.iter().map(String::as_str).chain(self.hint.as_deref()) {
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
