//! Server-sent events: the framing of a stream, from bytes to events.
//!
//! [`SseReader`] is pushed pieces of a body, split anywhere, and returns [`SseItem`]s; [`SseStream`] does the same over
//! any stream of pieces. Neither depends on HTTP or chat, and neither waits: timeouts belong to the caller, who gets
//! comments too, because a keep-alive shows that the server is alive.
//!
//! The cost is linear in the bytes for every split of them, and close to reading them: an event whose only `data` line
//! is within one piece is a slice of that piece. An event is bounded in size, and a byte that cannot be UTF-8 is an
//! error as soon as its piece is read, not when its event ends.
//!
//! The rules are those of the WHATWG standard, which is written for browsers. The differences, all on purpose:
//!
//! - The last event counts even if the input ends before its blank line; [`SseEvent::is_complete`] is `false` then.
//!   Some gateways leave that line out, and a browser would drop the event.
//! - Invalid UTF-8 is an error, where a browser puts U+FFFD: text that changed on its way is not an answer.
//! - An event has a largest size, where a browser has none.
//! - Comments are reported. A `retry` too large for 64 bits is ignored.
//! - No reconnecting, so `retry` has no effect of its own: the value is part of the next event.
//!
//! Reference: <https://html.spec.whatwg.org/multipage/server-sent-events.html>

pub use self::event::{SseError, SseEvent, SseItem};
pub use self::reader::SseReader;
pub use self::sse_stream::{SseStream, SseStreamError};

pub(super) use self::reader::is_done;

mod event;
mod event_builder;
mod lines;
mod reader;
mod sse_stream;
mod utf8;
