//! The framer against another implementation of the same standard: random event streams in random
//! pieces come out the same from ours and from `eventsource-stream`.
//!
//! Where the two differ on purpose, the generator avoids the case and a test of its own below shows both sides:
//!
//! - the last event without its blank line: ours counts, theirs is dropped;
//! - an event that ends in CR: ours comes at once, theirs waits for the next byte, and is lost at the end;
//! - invalid UTF-8: ours is an error at once, theirs stalls until the body ends;
//! - an event over the limit: ours is an error, theirs has no limit;
//! - `retry` in an event without data: ours goes with the next event, theirs is dropped;
//! - `retry: +5`: ours takes digits only, as the standard says, theirs reads a number;
//! - comments: ours are reported, theirs are not;
//! - a byte order mark: ours is dropped as the standard says, theirs (0.2.3) panics.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

use std::convert::Infallible;
use std::time::Duration;

use azure_openai_chat::stream::sse::{SseError, SseEvent, SseItem, SseReader};
use bytes::Bytes;
use eventsource_stream::EventStream;
use futures::executor::block_on;
use futures::{FutureExt, StreamExt, stream};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// What both sides know of an event.
#[derive(Debug, PartialEq)]
struct Seen {
    data: String,
    name: String,
    id: String,
    retry: Option<Duration>,
}

/// Cuts `body` into pieces of the given sizes, over and over.
fn pieces(body: &[u8], sizes: &[usize]) -> Vec<Bytes> {
    let mut rest = Bytes::copy_from_slice(body);
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        pieces.push(rest.split_to((*size).min(rest.len())));
    }
    pieces
}

/// Everything our reader makes of the pieces; it is asked after each push or only at the end.
fn ours(pieces: &[Bytes], asked_after_each: bool) -> Vec<Result<SseItem, SseError>> {
    let mut reader = SseReader::new();
    let mut items = Vec::new();
    for piece in pieces {
        reader.push(piece.clone());
        if asked_after_each {
            items.extend(std::iter::from_fn(|| reader.next_item()));
        }
    }
    items.extend(std::iter::from_fn(|| reader.finish()));
    items
}

fn our_events(pieces: &[Bytes]) -> Vec<SseEvent> {
    ours(pieces, true)
        .into_iter()
        .filter_map(|item| match item.unwrap() {
            SseItem::Event(event) => Some(event),
            _ => None,
        })
        .collect()
}

fn seen(event: &SseEvent) -> Seen {
    Seen {
        data: String::from_utf8(event.data().to_vec()).unwrap(),
        name: event.name().unwrap_or("message").to_owned(),
        id: event.id().unwrap_or_default().to_owned(),
        retry: event.retry(),
    }
}

fn theirs(pieces: &[Bytes]) -> Vec<Seen> {
    let events = EventStream::new(stream::iter(pieces.to_vec()).map(Ok::<_, Infallible>));
    block_on(events.collect::<Vec<_>>())
        .into_iter()
        .map(|event| {
            let event = event.unwrap();
            Seen { data: event.data, name: event.event, id: event.id, retry: event.retry }
        })
        .collect()
}

/// Text without line ends, rich in what a framer could trip over.
fn text() -> impl Strategy<Value = String> {
    let characters = [
        "a",
        "Z",
        "9",
        ":",
        " ",
        "\t",
        "\0",
        "{",
        "\"",
        "data",
        "id",
        "\u{85}",
        "\u{e9}",
        "\u{feff}",
        "\u{2028}",
        "\u{65e5}",
        "\u{1f600}",
        "\u{10ffff}",
    ];
    vec(select(characters.to_vec()), 0..12).prop_map(|parts| parts.concat())
}

/// A field with its value, in all the ways to write one.
fn field(name: &'static str, value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let colon = select(vec![":", ": ", ":  "]);
    (colon, option::weighted(0.9, value)).prop_map(move |(colon, value)| match value {
        Some(value) => format!("{name}{colon}{value}"),
        None => name.to_owned(),
    })
}

fn retry() -> impl Strategy<Value = String> {
    let digits = || vec(select(('0'..='9').collect::<Vec<_>>()), 0..24).prop_map(String::from_iter);
    let value = (digits(), select(vec!["", "", "s", " ", "-"]), digits()).prop_map(|(a, b, c)| a + b + &c);
    field("retry", value)
}

/// A line with its line end.
fn ended(line: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (line, select(vec!["\n", "\r", "\r\n"])).prop_map(|(line, end)| line + end)
}

/// The lines of one event, or of something that is none. `retry` only where there is data.
fn block() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        5 => field("data", text()),
        1 => field("event", text()),
        1 => field("id", text()),
        1 => text().prop_map(|text| format!(":{text}")),
        1 => text().prop_map(|text| format!("x{text}")),
        1 => text().prop_map(|text| format!("data{text}")),
    ];
    let retry = (ended(retry()), ended(field("data", text()))).prop_map(|(retry, data)| retry + &data);
    let blank = vec(ended(Just(String::new())), 1..3);
    (vec(ended(line), 0..5), option::weighted(0.2, retry), blank)
        .prop_map(|(lines, retry, blank)| lines.concat() + &retry.unwrap_or_default() + &blank.concat())
}

/// A whole body, ended by a blank line whose last byte is LF.
fn body() -> impl Strategy<Value = String> {
    vec(block(), 0..8).prop_map(|blocks| blocks.concat() + "\n\n")
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![vec(1..4usize, 1..5), vec(1..40usize, 1..20), Just(vec![usize::MAX])]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_see_the_same_events(mark in select(vec!["", "\u{feff}"]), body in body(), sizes in sizes()) {
        let events = our_events(&pieces((mark.to_owned() + &body).as_bytes(), &sizes));
        prop_assert!(events.iter().all(SseEvent::is_complete));
        prop_assert_eq!(events.iter().map(seen).collect::<Vec<_>>(), theirs(&pieces(body.as_bytes(), &sizes)));
    }

    #[test]
    fn any_bytes_give_the_same_items_however_they_are_split(
        bytes in vec(select(b"ddaatt:: \n\n\r\r\xc3\xa9\xe2\x82\xac\xff".to_vec()), 0..40),
        valid in body(),
        sizes in sizes(),
    ) {
        let bytes = [valid.as_bytes(), b"data:", &bytes].concat();
        let whole = ours(&[Bytes::copy_from_slice(&bytes)], true);
        let pieces = pieces(&bytes, &sizes);
        prop_assert_eq!(&ours(&pieces, true), &whole);
        prop_assert_eq!(&ours(&pieces, false), &whole);
    }
}

/// Every rule of the format in one stream.
const TRICKY: &str = concat!(
    "\u{feff}data: one\r\n\r\n: keep-alive\r\ndata:two\rdata\rdata:  lines\r\revent: \u{e9}v\u{e9}nement\nid: 7\n",
    "retry: 250\ndata: \u{1f600}\u{65e5}\u{672c}\n\n\n\r\n:\nid\nevent: no data\n\ndata\n\n",
    "data: {\"a\":1}\r\n\r\ndata: last",
);

#[test]
fn every_two_cuts_of_a_tricky_stream_give_the_same_items() {
    let body = TRICKY.as_bytes();
    let whole: Vec<_> = [
        "data: one",
        ":",
        "data: two\n\n lines",
        "data: \u{1f600}\u{65e5}\u{672c}",
        ":",
        "data: ",
        "data: {\"a\":1}",
        "data: last",
    ]
    .map(str::to_owned)
    .into();
    for first in 0..=body.len() {
        for second in first..=body.len() {
            let cut = [&body[..first], &body[first..second], &body[second..]].map(Bytes::copy_from_slice);
            let items: Vec<_> = ours(&cut, true)
                .into_iter()
                .map(|item| match item.unwrap() {
                    SseItem::Event(event) => format!("data: {}", seen(&event).data),
                    _ => ":".to_owned(),
                })
                .collect();
            assert_eq!(items, whole, "cut at {first} and {second}");
        }
    }
}

#[test]
fn a_long_stream_in_pieces_of_any_size_gives_the_same_items() {
    let body = (TRICKY.to_owned() + "\n\n").repeat(100);
    let whole = ours(&[Bytes::from(body.clone())], true);
    assert_eq!(whole.len(), 800 - 99, "a byte order mark in the middle makes an unknown field");
    for size in [1, 7, 64, 4096] {
        assert_eq!(ours(&pieces(body.as_bytes(), &[size]), true), whole, "in pieces of {size}");
    }
}

#[test]
fn differs_the_last_event_counts_without_its_blank_line() {
    let body = [Bytes::from_static(b"data: a\n\ndata: [DONE]\n")];
    let events = our_events(&body);
    assert_eq!(events[1].data(), "[DONE]");
    assert!(!events[1].is_complete());
    assert_eq!(theirs(&body).len(), 1);
}

#[test]
fn differs_an_event_that_ends_in_cr_does_not_wait_for_the_next_byte() {
    let body = [Bytes::from_static(b"data: a\r\r")];
    assert!(our_events(&body)[0].is_complete());
    assert_eq!(theirs(&body), []);
}

#[test]
fn differs_invalid_utf8_is_an_error_at_once() {
    let piece = Bytes::from_static(b"data: a\xff");
    let mut reader = SseReader::new();
    reader.push(piece.clone());
    assert_eq!(reader.next_item(), Some(Err(SseError::InvalidUtf8 { at: 7 })));

    let open = stream::iter([Ok::<_, Infallible>(piece)]).chain(stream::pending());
    assert!(EventStream::new(open).next().now_or_never().is_none());
}

#[test]
fn differs_an_event_has_a_largest_size() {
    let body = Bytes::from_static(b"data: 12345\n\n");
    let mut reader = SseReader::new().max_event_bytes(10);
    reader.push(body.clone());
    assert_eq!(reader.next_item(), Some(Err(SseError::TooLarge { limit: 10 })));
    assert_eq!(reader.next_item(), None);
    assert_eq!(theirs(&[body]).len(), 1);
}

#[test]
fn differs_retry_is_kept_for_the_next_event() {
    let body = [Bytes::from_static(b"retry: 5\n\ndata: a\n\n")];
    assert_eq!(our_events(&body)[0].retry(), Some(Duration::from_millis(5)));
    assert_eq!(theirs(&body)[0].retry, None);
}

#[test]
fn differs_retry_takes_digits_only() {
    let body = [Bytes::from_static(b"retry: +5\ndata: a\n\n")];
    assert_eq!(our_events(&body)[0].retry(), None);
    assert_eq!(theirs(&body)[0].retry, Some(Duration::from_millis(5)));
}

#[test]
fn differs_comments_are_reported() {
    let body = [Bytes::from_static(b": keep-alive\n\n")];
    assert_eq!(ours(&body, true), [Ok(SseItem::Comment)]);
    assert_eq!(theirs(&body), []);
}

#[test]
fn differs_a_byte_order_mark_is_dropped() {
    let body = [Bytes::from_static("\u{feff}data: a\n\n".as_bytes())];
    assert_eq!(our_events(&body)[0].data(), "a");
    assert!(std::panic::catch_unwind(|| theirs(&body)).is_err());
}
