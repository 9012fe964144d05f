//! The body that came in place of an event stream: an error object, a whole completion, a page of HTML.

use bytes::{Bytes, BytesMut};

use crate::error::unexpected_body::{self, BodyForm};
use crate::error::{Error, ServiceError};
use crate::response::ChatCompletion;

/// A body that is no event stream, as far as it came.
#[derive(Default)]
pub(super) struct OtherBody(BytesMut);

/// The content of such a body.
pub(super) enum OtherContent {
    Completion(Box<ChatCompletion>),
    Refusal(Box<ServiceError>),
    /// Neither; the error describes it.
    Unknown(Error),
}

impl OtherBody {
    /// Adds a piece. Returns whether the body is within `limit`: one beyond it is not read further.
    pub(super) fn push(&mut self, bytes: &[u8], limit: usize) -> bool {
        self.0.extend_from_slice(bytes);
        self.0.len() <= limit
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_content(self, limit: usize) -> OtherContent {
        let body: Bytes = self.0.freeze();
        if body.len() > limit && BodyForm::of(&body) == BodyForm::Json {
            return OtherContent::Unknown(unexpected_body::too_large(limit));
        }
        let json = body.slice_ref(unexpected_body::without_mark(&body).trim_ascii());
        match ChatCompletion::from_bytes(json) {
            Ok(completion) if !completion.choices().is_empty() => OtherContent::Completion(Box::new(completion)),
            Ok(completion) => {
                let service = ServiceError::from_body(&body);
                let envelope = completion.extra().and_then(|extra| extra.get("error"));
                if envelope.is_some_and(|error| !error.is_null()) || service.has_code_or_message() {
                    OtherContent::Refusal(Box::new(service))
                } else {
                    OtherContent::Unknown(unexpected_body::other_json(body, true))
                }
            }
            Err(error) => OtherContent::Unknown(unexpected_body::no_stream(body, &error)),
        }
    }
}
