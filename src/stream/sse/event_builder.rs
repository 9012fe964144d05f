//! The event being built from its lines: `data`, `event`, `id` and `retry`.

use std::mem;
use std::str;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};

use super::event::SseEvent;

/// The fields of the current event, and the `id` of the stream, which events inherit.
#[derive(Default)]
pub(super) struct EventBuilder {
    data: Data,
    name: Option<Box<str>>,
    id: Option<Arc<str>>,
    retry: Option<Duration>,
}

/// The `data` lines of the current event.
#[derive(Default)]
enum Data {
    #[default]
    None,
    /// A slice of a pushed piece.
    One(Bytes),
    /// Several lines, joined with LF.
    Many(Vec<u8>),
}

impl EventBuilder {
    /// Adds a line that is neither empty nor a comment. Unknown fields are ignored, as the standard requires.
    pub(super) fn add_line(&mut self, mut line: Bytes) {
        if let Some(value) = field(b"data", &line) {
            let before = line.len() - value.len();
            line.advance(before);
            self.data.add(line);
        } else if let Some(value) = field(b"event", &line) {
            self.name = text(value).map(Box::from);
        } else if let Some(value) = field(b"id", &line) {
            if !value.contains(&0) {
                self.id = text(value).map(Arc::from);
            }
        } else if let Some(value) = field(b"retry", &line)
            && value.iter().all(u8::is_ascii_digit)
            && let Some(Ok(milliseconds)) = text(value).map(str::parse)
        {
            self.retry = Some(Duration::from_millis(milliseconds));
        }
    }

    /// Ends the event. `None` without a `data` line, whatever other fields came.
    #[inline]
    pub(super) fn take_event(&mut self, is_complete: bool) -> Option<SseEvent> {
        let name = self.name.take();
        let data = match mem::take(&mut self.data) {
            Data::None => return None,
            Data::One(line) => line,
            Data::Many(joined) => joined.into(),
        };
        Some(SseEvent { data, name, id: self.id.as_ref().map(Arc::clone), retry: self.retry.take(), is_complete })
    }
}

impl Data {
    fn add(&mut self, line: Bytes) {
        match self {
            Self::None => *self = Self::One(line),
            Self::One(first) => {
                let mut joined = Vec::with_capacity(first.len().saturating_add(line.len()).saturating_add(1));
                joined.extend_from_slice(first);
                joined.push(b'\n');
                joined.extend_from_slice(&line);
                *self = Self::Many(joined);
            }
            Self::Many(joined) => {
                joined.push(b'\n');
                joined.extend_from_slice(&line);
            }
        }
    }
}

/// The value of a line if it is the field of that name: the text after the colon and at most one space, or empty when
/// there is no colon.
fn field<'a>(name: &[u8], line: &'a [u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(name)? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

/// A value as text; `None` when it is empty. It is UTF-8, since its line was checked.
fn text(value: &[u8]) -> Option<&str> {
    str::from_utf8(value).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of lines, each line ended by LF and each event by an empty one.
    fn events(body: &str) -> Vec<SseEvent> {
        let mut builder = EventBuilder::default();
        let mut events = Vec::new();
        for line in body.lines() {
            if line.is_empty() {
                events.extend(builder.take_event(true));
            } else {
                builder.add_line(Bytes::copy_from_slice(line.as_bytes()));
            }
        }
        events
    }

    fn data(body: &str) -> Vec<Bytes> {
        events(body).into_iter().map(SseEvent::into_data).collect()
    }

    #[test]
    fn one_space_after_the_colon_is_not_data() {
        assert_eq!(data("data:a\n\ndata: b\n\ndata:  c\n\ndata: d \n\n"), ["a", "b", " c", "d "]);
    }

    #[test]
    fn data_lines_are_joined_with_lf() {
        assert_eq!(data("data: a\ndata\ndata:b\ndata\n\ndata\n\ndata:\ndata:\n\n"), ["a\n\nb\n", "", "\n"]);
    }

    #[test]
    fn other_fields_and_lookalikes_are_ignored() {
        assert_eq!(data("Data: a\n data: b\ndatum: c\ndata : d\nevents\nx\n\ndata: e\n\n"), ["e"]);
    }

    #[test]
    fn an_event_without_data_is_none_and_its_name_is_forgotten() {
        let events = events("event: ping\n\ndata: a\n\nevent: x\nevent: error\ndata: b\n\nevent:\ndata: c\n\n");
        let names: Vec<_> = events.iter().map(|event| (&event.data()[..], event.name())).collect();
        assert_eq!(names, [(&b"a"[..], None), (b"b", Some("error")), (b"c", None)]);
    }

    #[test]
    fn an_id_holds_until_another_and_one_with_nul_is_ignored() {
        let events = events("id: 1\n\ndata\n\nid: 2\nid: \0\ndata\n\ndata\n\nid\ndata\n\n");
        let ids: Vec<_> = events.iter().map(SseEvent::id).collect();
        assert_eq!(ids, [Some("1"), Some("2"), Some("2"), None]);
    }

    #[test]
    fn retry_takes_digits_only_and_goes_with_the_next_event() {
        let events = events(concat!(
            "retry: 10\ndata\n\ndata\n\nretry: 20\n\ndata\n\nretry: +3\nretry: 3s\nretry:\ndata\n\n",
            "retry: 99999999999999999999\ndata\n\n",
        ));
        let retries: Vec<_> = events.iter().map(|event| event.retry().map(|retry| retry.as_millis())).collect();
        assert_eq!(retries, [Some(10), None, Some(20), None, None]);
    }
}
