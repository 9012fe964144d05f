//! What goes out and what comes back, as bytes.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result, ServiceError};
use crate::model::Model;
use crate::request::ChatCompletionRequest;
use crate::response::{ChatCompletion, ResponseMetadata};
use crate::stream::ByteSource;
use crate::transport::Route;
use crate::transport::body::{ByteStream, NO_CONTENT};

/// Beyond this, prompts are not kept to check what an error in a stream repeats; the error's words are then
/// not printed at all.
const KEPT_PROMPT: usize = 64 * 1024;

/// What a small request takes besides its texts.
const BEYOND_TEXTS: usize = 512;

pub(super) fn write_body(request: &ChatCompletionRequest, route: &Route<'_>, stream: bool) -> Result<Bytes> {
    let body = request.body_for(route.deployment, route.api_version, stream);
    // mostly texts, and some more for names and escapes
    let texts: usize = request.texts().map(str::len).sum();
    let mut json = Vec::with_capacity(texts.saturating_add(texts / 8).saturating_add(BEYOND_TEXTS));
    serde_json::to_writer(&mut json, &body).map_err(|error| {
        Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON").with_source(error)
    })?;
    Ok(Bytes::from(json))
}

/// A good status does not make a good body: gateways answer pages, proxies cut, the service sends error
/// objects.
pub(super) fn read_completion(bytes: Bytes, metadata: &Arc<ResponseMetadata>) -> Result<ChatCompletion> {
    let fault = |kind: ErrorKind, message: String, hint: &str| {
        Error::new(kind, message).with_metadata(Arc::clone(metadata)).with_hint(hint.to_owned())
    };
    let completion = match ChatCompletion::decode(bytes.clone()) {
        Ok(completion) => completion.with_metadata(Arc::clone(metadata)),
        // the parser's own words can quote the body
        Err(error) => {
            // a body that ends too early without a fault of the connection, as a gateway's may
            let is_cut = error.is_eof() && metadata.status() != NO_CONTENT;
            let kind = if is_cut { ErrorKind::Interrupted } else { ErrorKind::Decode };
            let (kind, what, hint) = match bytes.trim_ascii().first() {
                None => (kind, "is empty", "the connection or a gateway lost it"),
                Some(b'<') => (ErrorKind::Decode, "is a page of HTML", "a proxy or a wrong endpoint answered"),
                _ if bytes.trim_ascii().starts_with(b"data:") => {
                    (ErrorKind::Decode, "is an event stream", "use stream() for this deployment, or check the gateway")
                }
                _ if is_cut => (kind, "ends in the middle", "the connection or a gateway cut it"),
                Some(b'{') => (kind, "cannot be parsed", "a gateway may have changed it; the error's body() has it"),
                _ => (kind, "is not a JSON object", "a gateway may have changed it"),
            };
            let place = format!("line {}, column {} of {} bytes", error.line(), error.column(), bytes.len());
            return Err(fault(kind, format!("the answer {what} ({place})"), hint).with_body(bytes));
        }
    };
    let is_error = completion.extra().and_then(|extra| extra.get("error")).is_some_and(|error| !error.is_null());
    if completion.is_answer() && !(is_error && completion.choices().is_empty()) {
        return Ok(completion);
    }
    // gateways send their own errors with a good status, and in shapes of their own
    let service = ServiceError::from_body(&bytes);
    if is_error || service.is_telling() {
        return Err(Error::service(service, Arc::clone(metadata)));
    }
    Err(fault(ErrorKind::Decode, "the answer is no completion".to_owned(), "a gateway or another operation answered")
        .with_body(bytes))
}

/// The prompt's texts, when they are few enough to keep for the life of a stream.
pub(super) fn kept_texts(request: &ChatCompletionRequest, secrets: Vec<String>) -> Option<Arc<[String]>> {
    let size: usize = request.texts().map(str::len).sum();
    (size <= KEPT_PROMPT).then(|| request.texts().map(str::to_owned).chain(secrets).collect())
}

/// `gpt-4o` is the same as `gpt-4o-2024-08-06`, and two versions differ. Whatever answers as another model (a router, an
/// alias), and a model that the table does not have, is what was declared.
pub(super) fn is_same_model(declared: &Model, answered: &str) -> bool {
    if declared.capabilities().answers_as_another() {
        return true;
    }
    let (Ok(_), Ok(answered)) = (declared.name().parse::<Model>(), answered.parse::<Model>()) else {
        return true;
    };
    declared.name() == answered.name()
        && (declared.version().is_none() || answered.version().is_none() || declared.version() == answered.version())
}

pub(super) struct Source(pub(super) ByteStream);

impl ByteSource for Source {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        self.0.poll_next(cx)
    }
    fn note_event(&mut self) {
        self.0.note_event();
    }
    fn finish(self: Box<Self>) {
        self.0.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_a_model_are_told_apart() {
        let declared: Model = "gpt-4o-2024-08-06".parse().unwrap();
        assert!(is_same_model(&declared, "gpt-4o-2024-08-06"));
        assert!(is_same_model(&declared, "gpt-4o"));
        assert!(is_same_model(&declared, "something-new"));
        assert!(!is_same_model(&declared, "gpt-4o-2024-11-20"));
        assert!(!is_same_model(&declared, "gpt-4o-mini-2024-07-18"));
        for other in ["model-router", "gpt-chat-latest"] {
            assert!(is_same_model(&other.parse().unwrap(), "gpt-4.1-nano-2025-04-14"), "{other}");
        }
        assert!(is_same_model(&Model::custom("mine", declared.capabilities().clone()), "gpt-4o-2024-11-20"));
    }
}
