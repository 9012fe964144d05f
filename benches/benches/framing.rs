//! Framing beside its baselines: counting lines, which is the least a framer can do, and eventsource-stream.
//!
//! 2,000 events of 480 bytes, shaped like Azure's chunks, as the transport hands them over: in pieces of
//! 16 KiB when the service is fast, one event a piece when it is not.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench framing`

use std::convert::Infallible;
use std::hint::black_box;

use azure_openai_chat::stream::sse::{SseItem, SseReader};
use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use eventsource_stream::EventStream;
use futures::executor::block_on;
use futures::{StreamExt, stream};

const EVENTS: usize = 2_000;
const EVENT_BYTES: usize = 480;

fn event(number: usize) -> String {
    let filters = r#"{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}"#;
    let json = format!(
        r#"{{"choices":[{{"content_filter_results":{filters},"delta":{{"content":" w{number}"}},"finish_reason":null,"index":0}}],"created":1733000000,"id":"chatcmpl-bench","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk"}}"#
    );
    // JSON may end in spaces, so every event can have the same size.
    format!("data: {json:<width$}\n\n", width = EVENT_BYTES - "data: \n\n".len())
}

fn pieces(piece_bytes: usize) -> Vec<Bytes> {
    let body: String = (0..EVENTS).map(event).collect();
    assert_eq!(body.len(), EVENTS * EVENT_BYTES);
    body.as_bytes().chunks(piece_bytes).map(Bytes::copy_from_slice).collect()
}

fn count_lines(pieces: Vec<Bytes>) -> usize {
    pieces.iter().map(|piece| memchr::memchr_iter(b'\n', piece).count()).sum()
}

fn ours(pieces: Vec<Bytes>) -> usize {
    let mut reader = SseReader::new();
    let mut bytes = 0;
    for piece in pieces {
        reader.push(piece);
        while let Some(item) = reader.next_item() {
            if let SseItem::Event(event) = item.expect("the body is well formed") {
                bytes += black_box(event.into_data()).len();
            }
        }
    }
    bytes
}

fn eventsource_stream(pieces: Vec<Bytes>) -> usize {
    let events = EventStream::new(stream::iter(pieces).map(Ok::<_, Infallible>));
    block_on(events.fold(0, async |bytes, event| bytes + black_box(event.expect("the body is well formed").data).len()))
}

fn framing(criterion: &mut Criterion) {
    for (name, piece_bytes) in [("16 KiB a piece", 16 * 1024), ("one event a piece", EVENT_BYTES)] {
        let pieces = pieces(piece_bytes);
        assert_eq!(ours(pieces.clone()), eventsource_stream(pieces.clone()));
        let mut group = criterion.benchmark_group(format!("framing, {name}"));
        group.throughput(Throughput::Elements(EVENTS as u64));
        let mut bench = |name: &str, run: fn(Vec<Bytes>) -> usize| {
            group.bench_function(name, |bencher| {
                bencher.iter_batched(|| pieces.clone(), run, BatchSize::LargeInput);
            });
        };
        bench("lines counted", count_lines);
        bench("SseReader", ours);
        bench("eventsource-stream", eventsource_stream);
        group.finish();
    }
}

criterion_group!(benches, framing);
criterion_main!(benches);
