//! The reader of events, [`SseReader`]: a body in pieces, and the events in it.

use std::fmt;
use std::mem;

use bytes::Bytes;

use super::event::{SseError, SseItem};
use super::event_builder::EventBuilder;
use super::lines::Lines;
use crate::response::body_form::without_mark;

/// The size of the largest event unless [`SseReader::max_event_bytes`] sets another: 16 MiB.
const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// Reads events from pieces of a body.
///
/// Push a piece, then take items until there are none, then push the next; a piece that is pushed before an earlier one
/// is read works as well, but is copied. After an error there are no more items.
///
/// # Example: an event in two pieces
///
/// ```
/// use azure_openai_chat::stream::sse::{SseItem, SseReader};
/// use bytes::Bytes;
///
/// let mut reader = SseReader::new();
/// let mut answers = Vec::new();
/// for piece in ["data: {\"n\":", "1}\r\n\r\n: keep-alive\n", "data: [DONE]"] {
///     reader.push(Bytes::from(piece));
///     while let Some(item) = reader.next_item() {
///         if let SseItem::Event(event) = item? {
///             answers.push(event.into_data());
///         }
///     }
/// }
/// while let Some(item) = reader.finish() {
///     if let SseItem::Event(event) = item? {
///         answers.push(event.into_data());
///     }
/// }
/// assert_eq!(answers, ["{\"n\":1}", "[DONE]"]);
/// # Ok::<(), azure_openai_chat::stream::sse::SseError>(())
/// ```
#[repr(C)]
pub struct SseReader {
    is_started: bool,
    is_done: bool,
    bare_done: BareDone,
    /// The bytes of the current event's lines, for the limit.
    event_bytes: usize,
    lines: Lines,
    // last, since an event that is skipped does not touch it
    event: EventBuilder,
}

/// The meaning of a line `[DONE]` without `data:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BareDone {
    /// An unknown field, which the standard ignores.
    Ignored,
    /// An event: some gateways end their streams so.
    Event,
    /// An event that is due next, because its line also ended the event before.
    Due,
}

impl SseReader {
    /// A reader at the start of a body.
    #[must_use]
    pub fn new() -> Self {
        Self {
            lines: Lines::new(MAX_EVENT_BYTES),
            event: EventBuilder::default(),
            event_bytes: 0,
            is_started: false,
            is_done: false,
            bare_done: BareDone::Ignored,
        }
    }

    /// Reads a line `[DONE]` without `data:` as an event: it ends the chat streams of some gateways.
    pub(in crate::stream) fn with_bare_done(mut self) -> Self {
        self.bare_done = BareDone::Event;
        self
    }

    /// Sets the size of the largest event in bytes: its lines without their line ends. 16 MiB when unset.
    ///
    /// A comment does not count towards its event, but is bounded on its own.
    #[must_use]
    pub fn max_event_bytes(mut self, limit: usize) -> Self {
        self.lines.limit = limit;
        self
    }

    /// The size of the largest event in bytes.
    pub(in crate::stream) fn event_limit(&self) -> usize {
        self.lines.limit
    }

    /// Adds the next piece of the body. It is read by [`next_item`](Self::next_item), not here.
    #[inline]
    pub fn push(&mut self, bytes: Bytes) {
        if !self.is_done {
            self.lines.push(bytes);
        }
    }

    /// Returns the next event or comment, or `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// [`SseError::TooLarge`] and [`SseError::InvalidUtf8`], each after all items before it. The reader then drops what
    /// it holds, and returns `None` from here on.
    pub fn next_item(&mut self) -> Option<Result<SseItem, SseError>> {
        while !self.is_done {
            if self.bare_done == BareDone::Due {
                self.bare_done = BareDone::Event;
                return self.take_bare_done().map(Ok);
            }
            match self.lines.next_line(self.event_bytes) {
                Ok(Some(line)) => {
                    if let Some(item) = self.take_line(line) {
                        return Some(Ok(item));
                    }
                }
                Ok(None) => return None,
                Err(error) => {
                    self.close();
                    return Some(Err(error));
                }
            }
        }
        None
    }

    /// Whether all that was pushed is read, so that [`next_item`](Self::next_item) would return `None`.
    #[inline]
    pub(in crate::stream) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.bare_done != BareDone::Due
    }

    /// Calls `event_size` with the unread bytes if an event begins there, and skips the event if it returns its size,
    /// line ends and blank line included. So an event that fits a template is not cut into lines.
    ///
    /// The bytes may not be UTF-8; those that are skipped must be.
    #[inline]
    pub(in crate::stream) fn skip_event(&mut self, event_size: impl FnOnce(&[u8]) -> Option<usize>) {
        // at the start there may be a byte order mark, and an event whose lines began cannot be skipped
        if !self.is_started || self.is_done || self.event_bytes > 0 || self.bare_done == BareDone::Due {
            return;
        }
        let limit = self.lines.limit;
        let unread = self.lines.unread();
        if let Some(size) = unread.and_then(|bytes| event_size(bytes.get(..limit).unwrap_or(bytes))) {
            self.lines.skip(size);
        }
    }

    /// Ends the input, and returns the items that are left: call it until it returns `None`.
    ///
    /// The last event counts even without its blank line, and its last line without its line end. If the connection
    /// broke it may be half an event: see [`SseEvent::is_complete`](super::SseEvent::is_complete).
    ///
    /// # Errors
    ///
    /// Those of [`next_item`](Self::next_item), and [`SseError::CutCharacter`].
    pub fn finish(&mut self) -> Option<Result<SseItem, SseError>> {
        self.lines.end();
        self.next_item().or_else(|| {
            self.is_done = true;
            self.dispatch(false).map(Ok)
        })
    }

    fn take_line(&mut self, mut line: Bytes) -> Option<SseItem> {
        if !mem::replace(&mut self.is_started, true) {
            line = line.slice_ref(without_mark(&line));
        }
        if line.is_empty() {
            return self.dispatch(true);
        }
        if line.starts_with(b":") {
            return Some(SseItem::Comment);
        }
        if self.bare_done == BareDone::Event && is_done(&line) {
            if let Some(event) = self.dispatch(true) {
                self.bare_done = BareDone::Due;
                return Some(event);
            }
            return self.take_bare_done();
        }
        self.event_bytes = self.event_bytes.saturating_add(line.len());
        self.event.add_line(line);
        None
    }

    fn take_bare_done(&mut self) -> Option<SseItem> {
        self.event.add_line(Bytes::from_static(b"data: [DONE]"));
        self.dispatch(true)
    }

    fn dispatch(&mut self, is_complete: bool) -> Option<SseItem> {
        self.event_bytes = 0;
        self.event.take_event(is_complete).map(SseItem::Event)
    }

    /// Drops what is held, and ignores what is pushed from here on.
    pub(super) fn close(&mut self) {
        *self = Self { lines: Lines::new(self.lines.limit), is_done: true, bare_done: self.bare_done, ..Self::new() };
    }
}

/// Whether a text is `[DONE]`, or as some gateways write it: in lower case, with spaces.
pub(in crate::stream) fn is_done(text: &[u8]) -> bool {
    let inner = text.trim_ascii().strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]"));
    inner.is_some_and(|inner| inner.trim_ascii().eq_ignore_ascii_case(b"DONE"))
}

impl Default for SseReader {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints sizes only: the bytes are an answer.
impl fmt::Debug for SseReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseReader")
            .field("max_event_bytes", &self.lines.limit)
            .field("event_bytes", &self.event_bytes)
            .field("is_done", &self.is_done)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::SseEvent;
    use super::*;

    /// Everything in `body`, pushed in pieces of `piece` bytes.
    fn read_in(body: &[u8], piece: usize, mut reader: SseReader) -> Vec<Result<SseItem, SseError>> {
        let mut items = Vec::new();
        for part in body.chunks(piece) {
            reader.push(Bytes::copy_from_slice(part));
            items.extend(std::iter::from_fn(|| reader.next_item()));
        }
        items.extend(std::iter::from_fn(|| reader.finish()));
        items
    }

    fn events(body: &str) -> Vec<SseEvent> {
        read_in(body.as_bytes(), body.len().max(1), SseReader::new())
            .into_iter()
            .filter_map(|item| match item.unwrap() {
                SseItem::Event(event) => Some(event),
                SseItem::Comment => None,
            })
            .collect()
    }

    fn data(body: &str) -> Vec<Bytes> {
        events(body).into_iter().map(SseEvent::into_data).collect()
    }

    #[test]
    fn a_byte_order_mark_is_dropped_at_the_start_only() {
        assert_eq!(data("\u{feff}data: a\n\n\u{feff}data: b\n\n"), ["a"]);
        assert_eq!(data("\u{feff}\ndata: a\n\n"), ["a"]);
        assert_eq!(data("\u{feff}\u{feff}data: a\n\n"), [""; 0]);
    }

    #[test]
    fn comments_are_reported_at_once_and_end_no_event() {
        let mut reader = SseReader::new();
        reader.push(Bytes::from_static(b"data: a\n: ping\n"));
        assert_eq!(reader.next_item(), Some(Ok(SseItem::Comment)));
        assert_eq!(reader.next_item(), None);
        reader.push(Bytes::from_static(b"\n"));
        assert!(matches!(reader.next_item(), Some(Ok(SseItem::Event(event))) if event.data() == "a"));
    }

    #[test]
    fn done_without_data_is_an_event_only_with_bare_done() {
        for (body, expected) in [
            ("data: a\n\n[DONE]\n\n", &["a", "[DONE]"][..]),
            ("data: a\n\n[DONE]\n", &["a", "[DONE]"]),
            ("data: a\n\n [done]", &["a", "[DONE]"]),
            ("data: a\n[DONE]\ndata: b\n\n", &["a", "[DONE]", "b"]),
            ("event: x\n[DONE]\n\ndata: b\n\n", &["[DONE]", "b"]),
            ("data: a\n[DONE] a\n[DONE]: a\n\n", &["a"]),
        ] {
            for piece in 1..=body.len() {
                let data = |reader| -> Vec<Bytes> {
                    let items = read_in(body.as_bytes(), piece, reader).into_iter();
                    let events = items.filter_map(|item| match item.unwrap() {
                        SseItem::Event(event) => Some(event.into_data()),
                        SseItem::Comment => None,
                    });
                    events.collect()
                };
                assert_eq!(data(SseReader::new().with_bare_done()), expected, "{body:?} in pieces of {piece}");
                assert!(!data(SseReader::new()).contains(&Bytes::from_static(b"[DONE]")), "{body:?}");
            }
        }
    }

    #[test]
    fn an_event_without_its_blank_line_is_not_complete() {
        let complete: Vec<_> = events("data: a\n\ndata: {\"b").iter().map(SseEvent::is_complete).collect();
        assert_eq!(complete, [true, false]);
        assert_eq!(data("data: a\n"), ["a"]);
        assert_eq!(data(""), [""; 0]);
    }

    #[test]
    fn data_within_a_piece_is_a_slice_of_it_even_when_the_blank_line_is_not() {
        let piece = Bytes::from("data: \u{e9}t\u{e9}\n".to_owned());
        let mut reader = SseReader::new();
        reader.push(piece.clone());
        assert_eq!(reader.next_item(), None);
        reader.push(Bytes::from_static(b"\n"));
        let Some(Ok(SseItem::Event(event))) = reader.next_item() else {
            panic!("an event was due");
        };
        assert_eq!(event.data().as_ptr(), piece[6..].as_ptr());
    }

    #[test]
    fn the_limit_is_for_one_event_and_holds_for_every_split() {
        let exact = b": a comment\ndata: 12\nid: 4\n\ndata: 12345678\n\n";
        let larger = b"data: 12\nid: 456789\n\ndata: a\n\n";
        let name_only = b"event: 12345678";
        for piece in 1..=exact.len() {
            let reader = || SseReader::new().max_event_bytes(14);
            let items = read_in(exact, piece, reader());
            assert_eq!(items.iter().filter(|item| item.is_ok()).count(), 3, "in pieces of {piece}");
            for body in [&larger[..], name_only] {
                let items = read_in(body, piece, reader());
                assert_eq!(items, [Err(SseError::TooLarge { limit: 14 })], "in pieces of {piece}");
            }
        }
    }

    #[test]
    fn too_large_is_an_error_before_the_line_ends() {
        let mut reader = SseReader::new().max_event_bytes(10);
        reader.push(Bytes::from_static(b"data: 12345"));
        assert_eq!(reader.next_item(), Some(Err(SseError::TooLarge { limit: 10 })));
    }

    #[test]
    fn what_came_before_an_error_is_handed_out_and_nothing_after_it() {
        for piece in 1..16 {
            let items = read_in(b"data: a\n\ndata: b\xff\n\ndata: c\n\n", piece, SseReader::new());
            assert_eq!(items.len(), 2, "in pieces of {piece}");
            assert!(items[0].is_ok());
            assert_eq!(items[1], Err(SseError::InvalidUtf8 { at: 16 }));
        }
    }

    #[test]
    fn the_end_inside_a_character_is_an_error_of_its_own() {
        let items = read_in(b"data: \xe2\x82", 3, SseReader::new());
        assert_eq!(items, [Err(SseError::CutCharacter { at: 6 })]);
    }

    #[test]
    fn nothing_printed_holds_content() {
        let event = events("id: secret\nevent: secret\ndata: secret\n\n").remove(0);
        let mut reader = SseReader::new();
        reader.push(Bytes::from_static(b"data: secret\nda"));
        assert_eq!(reader.next_item(), None);
        let printed = format!("{event:?} {reader:?}");
        assert!(!printed.contains("secret"), "{printed}");
        assert!(printed.contains("data_bytes: 6"), "{printed}");
    }
}
