//! The errors for a body of another form than was requested: a page, an event stream for JSON, JSON for an event stream.

use std::sync::Arc;

use bytes::Bytes;

use super::{Error, ErrorKind, Result, ServiceError};
use crate::response::body_form::BodyForm;
use crate::response::{ChatCompletion, ResponseMetadata};

/// What was parsed from a body with status 2xx, unless it is an error or something else than a completion: gateways send
/// their own errors with status 200, and in shapes of their own.
pub(crate) fn completion_or_error(
    completion: ChatCompletion,
    body: Bytes,
    metadata: &Arc<ResponseMetadata>,
    is_stream: bool,
) -> Result<ChatCompletion> {
    let is_error = completion.extra().and_then(|extra| extra.get("error")).is_some_and(|error| !error.is_null());
    if completion.is_answer() && !(is_error && completion.choices().is_empty()) {
        return Ok(completion.with_metadata(Arc::clone(metadata)));
    }
    let service = ServiceError::from_body(&body);
    if is_error || service.has_code_or_message() {
        return Err(Error::service(service, Arc::clone(metadata)));
    }
    Err(other_json(body, is_stream).with_metadata(Arc::clone(metadata)))
}

/// The error for a body that should have been a completion and cannot be parsed as one. One that ends too early
/// without a fault of the connection, as a gateway's may, is `Interrupted` if it `may_be_cut`.
#[cfg(feature = "client")]
pub(crate) fn no_completion(body: Bytes, error: &serde_json::Error, may_be_cut: bool) -> Error {
    let is_cut = error.is_eof() && may_be_cut;
    let kind = if is_cut { ErrorKind::Interrupted } else { ErrorKind::Decode };
    let is_object = crate::response::body_form::without_mark(&body).trim_ascii_start().starts_with(b"{");
    let (kind, what, hint) = match BodyForm::of(&body) {
        BodyForm::Empty => (kind, "is empty", "the connection or a gateway lost it"),
        BodyForm::Html => (ErrorKind::Decode, "is a page of HTML", "a proxy or a wrong endpoint answered"),
        BodyForm::EventStream => {
            (ErrorKind::Decode, "is an event stream", "use stream() for this deployment, or check the gateway")
        }
        _ if is_cut => (kind, "ends in the middle", "the connection or a gateway cut it"),
        BodyForm::Json if is_object => {
            (kind, "cannot be parsed", "a gateway may have changed it; the error's body() has it")
        }
        _ => (kind, "is not a JSON object", "a gateway may have changed it"),
    };
    // the parser's own text can quote the body
    let place = format!("line {}, column {} of {} bytes", error.line(), error.column(), body.len());
    Error::new(kind, format!("the answer {what} ({place})")).with_hint(hint).with_body(body)
}

/// The error for a body that parses and is neither a completion nor an error.
fn other_json(body: Bytes, is_stream: bool) -> Error {
    let what = if is_stream { "no completion and no event stream" } else { "no completion" };
    Error::new(ErrorKind::Decode, format!("the answer is {what}"))
        .with_hint("a gateway or another operation answered")
        .with_body(body)
}

/// The error for a whole completion that came where an event stream was requested.
pub(crate) fn whole_completion() -> Error {
    Error::new(ErrorKind::Decode, "the answer is one JSON body, not an event stream")
        .with_hint("partial() has it; use complete() for this deployment, or check the gateway")
}

/// The error for a JSON body that came where an event stream was requested, and is larger than an event may be.
pub(crate) fn too_large(limit: usize) -> Error {
    Error::new(ErrorKind::Decode, format!("the answer is one JSON body larger than {limit} bytes, not an event stream"))
        .with_hint("use complete() for this deployment, or check the gateway")
}

/// The error for a body that is neither JSON nor an event stream.
pub(crate) fn no_stream(body: Bytes, error: &serde_json::Error) -> Error {
    match BodyForm::of(&body) {
        BodyForm::Html => Error::new(ErrorKind::Decode, "the answer is a page of HTML, not an event stream")
            .with_hint("a proxy or a wrong endpoint answered")
            .with_body(body),
        _ if error.is_eof() => {
            Error::new(ErrorKind::Interrupted, "the answer ended in the middle of a JSON body").with_body(body)
        }
        _ => Error::new(ErrorKind::Decode, "the answer is neither an event stream nor a JSON object").with_body(body),
    }
}
