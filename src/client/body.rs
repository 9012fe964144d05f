//! What goes out and what comes back, as bytes.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result, ServiceError, unexpected_body};
use crate::model::Model;
use crate::request::ChatCompletionRequest;
use crate::response::{ChatCompletion, ResponseMetadata};
use crate::stream::ByteSource;
use crate::transport::Route;
use crate::transport::body::{ByteStream, NO_CONTENT};

/// What a small request takes besides its texts.
const BEYOND_TEXTS: usize = 512;

pub(super) fn write_body(request: &ChatCompletionRequest, route: &Route<'_>, stream: bool) -> Result<Bytes> {
    let body = request.body_for(route.deployment, route.api_version, stream);
    // an eighth more for names and escapes
    let texts = request.text_length();
    let mut json = Vec::with_capacity(texts.saturating_add(texts / 8).saturating_add(BEYOND_TEXTS));
    serde_json::to_writer(&mut json, &body).map_err(|error| {
        Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON").with_source(error)
    })?;
    Ok(Bytes::from(json))
}

/// A good status does not make a good body: gateways answer pages, proxies cut, the service sends error
/// objects.
pub(super) fn read_completion(bytes: Bytes, metadata: &Arc<ResponseMetadata>) -> Result<ChatCompletion> {
    let json = bytes.slice_ref(unexpected_body::without_mark(&bytes));
    let completion = match ChatCompletion::decode(json) {
        Ok(completion) => completion.with_metadata(Arc::clone(metadata)),
        Err(error) => {
            let may_be_cut = metadata.status() != NO_CONTENT;
            let error = unexpected_body::no_completion(bytes, &error, may_be_cut);
            return Err(error.with_metadata(Arc::clone(metadata)));
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
    Err(unexpected_body::other_json(bytes, false).with_metadata(Arc::clone(metadata)))
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
