//! The items of an event stream, events and comments, and the errors of reading it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

/// An item of an event stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SseItem {
    /// An event with data.
    Event(SseEvent),
    /// A comment line, which servers send to keep a connection alive. Its text is dropped.
    Comment,
}

/// One event of an event stream.
///
/// Reference: <https://html.spec.whatwg.org/multipage/server-sent-events.html>
#[derive(Clone, PartialEq, Eq)]
pub struct SseEvent {
    pub(super) data: Bytes,
    pub(super) name: Option<Box<str>>,
    pub(super) id: Option<Arc<str>>,
    pub(super) retry: Option<Duration>,
    pub(super) is_complete: bool,
}

impl SseEvent {
    /// The data, its lines joined with LF: always valid UTF-8.
    ///
    /// The type is `Bytes` because decoders take bytes, and because a string over shared bytes would have to be checked
    /// again: this crate has no `unsafe`.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// The data by value. A slice of a pushed piece keeps that whole piece alive.
    #[must_use]
    pub fn into_data(self) -> Bytes {
        self.data
    }

    /// The value of the `event` field. `None` when the field is absent or empty, which browsers call `message`.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The last `id` of the stream so far: an id holds until another comes, and an empty one clears it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The `retry` field: how long to wait before reconnecting, if it came since the event before.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Whether the event had its blank line. If not, the input ended first, and the data may be cut off.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

/// Prints sizes only: the data is an answer.
impl fmt::Debug for SseEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseEvent")
            .field("data_bytes", &self.data.len())
            .field("name_bytes", &self.name.as_ref().map(|name| name.len()))
            .field("id_bytes", &self.id.as_ref().map(|id| id.len()))
            .field("retry", &self.retry)
            .field("is_complete", &self.is_complete)
            .finish()
    }
}

/// Why a body cannot be read as events. Its texts have positions and sizes, never content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SseError {
    /// An event is larger than allowed; see [`SseReader::max_event_bytes`](super::SseReader::max_event_bytes).
    #[error("an event is larger than {limit} bytes; raise `max_event_bytes` if events this large are expected")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body is not UTF-8, so it is no event stream.
    #[error("the event stream is not UTF-8 at byte {at}; look for a proxy that recodes or compresses the body")]
    InvalidUtf8 {
        /// Where the first wrong byte sequence begins, in bytes from the start of the body.
        at: u64,
    },
    /// The input ended inside a character, so it was cut.
    #[error("the event stream ended inside a character that begins at byte {at}; the connection was cut, so ask again")]
    CutCharacter {
        /// Where the character begins, in bytes from the start of the body.
        at: u64,
    },
}
