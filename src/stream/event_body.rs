//! The body of a stream, [`EventBody`]: its events, or the bytes that came in place of an event stream.

use std::mem;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};

use super::byte_source::ByteSource;
use super::sse::{SseError, SseItem, SseReader};
use crate::error::Result;
use crate::response::body_form::BodyForm;

/// A body that is read piece by piece.
#[repr(C)]
pub(super) struct EventBody {
    /// None once no more bytes are wanted.
    source: Option<Box<dyn ByteSource>>,
    form: Form,
    /// The body ended; the reader may still hold an event.
    has_ended: bool,
    reader: SseReader,
    /// A body that is no event stream, as far as it came.
    other: BytesMut,
}

/// The form of the body, by its first bytes: gateways send wrong content types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Only whitespace so far.
    Unknown,
    Events,
    /// JSON or HTML.
    Other,
}

impl EventBody {
    pub(super) fn new(source: Box<dyn ByteSource>) -> Self {
        Self {
            source: Some(source),
            form: Form::Unknown,
            has_ended: false,
            reader: SseReader::new().with_bare_done(),
            other: BytesMut::new(),
        }
    }

    pub(super) fn set_max_event_bytes(&mut self, limit: usize) {
        self.reader = mem::take(&mut self.reader).max_event_bytes(limit);
    }

    /// The size of the largest event in bytes, and of a body that is no event stream.
    pub(super) fn event_limit(&self) -> usize {
        self.reader.event_limit()
    }

    /// Whether there is no item without more bytes.
    #[inline]
    pub(super) fn needs_bytes(&self) -> bool {
        !self.has_ended && self.reader.is_empty()
    }

    /// Waits for the next bytes, or for the end of the body.
    #[inline]
    pub(super) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let next = match &mut self.source {
            Some(source) => ready!(source.poll_bytes(cx)),
            None => None,
        };
        match next {
            Some(bytes) => self.push(bytes?),
            None => self.close(),
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn push(&mut self, bytes: Bytes) {
        if self.form == Form::Unknown {
            self.form = match BodyForm::of(&bytes) {
                BodyForm::Empty => Form::Unknown,
                BodyForm::Json | BodyForm::Html => Form::Other,
                BodyForm::EventStream | BodyForm::Text => Form::Events,
            };
        }
        if self.form == Form::Other {
            self.other.extend_from_slice(&bytes);
            if self.other.len() > self.event_limit() {
                self.close();
            }
        } else {
            self.reader.push(bytes);
        }
    }

    /// Skips an event that begins the bytes that are not read yet; see [`SseReader::skip_event`].
    #[inline]
    pub(super) fn skip_event(&mut self, event_size: impl FnOnce(&[u8]) -> Option<usize>) {
        if !self.has_ended {
            self.reader.skip_event(event_size);
        }
    }

    /// The next event or comment; `None` at the end of the body, and when more bytes are needed.
    pub(super) fn next_item(&mut self) -> Option<Result<SseItem, SseError>> {
        if self.has_ended { self.reader.finish() } else { self.reader.next_item() }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The body that is no event stream.
    pub(super) fn take_other(&mut self) -> Option<Bytes> {
        (self.form == Form::Other).then(|| mem::take(&mut self.other).freeze())
    }

    /// The first event has come, so that its timeout ends.
    pub(super) fn note_first_event(&mut self) {
        if let Some(source) = &mut self.source {
            source.note_event();
        }
    }

    /// Ends the reading after the last event, so that the connection can be used again.
    pub(super) fn finish(&mut self) {
        if let Some(source) = self.source.take() {
            source.finish();
        }
        self.has_ended = true;
    }

    /// Ends the reading, and closes the connection.
    pub(super) fn close(&mut self) {
        self.source = None;
        self.has_ended = true;
    }
}
