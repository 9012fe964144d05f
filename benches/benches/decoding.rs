//! Bytes to chunks, beside plain parsing and beside what a first client does.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench decoding`

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use azure_openai_chat::stream::sse::{SseItem, SseReader};
use azure_openai_chat::{ChatCompletionChunk, ChatCompletionStream};
use azure_openai_chat_benches::peer::{Chunk, DataLines};
use azure_openai_chat_benches::shapes::Shape;
use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use eventsource_stream::Eventsource;
use futures::executor::block_on;
use futures::{StreamExt, stream};

const CHUNKS: usize = 1_000;
const PIECE: usize = 16 * 1024;

fn bytes_alone(pieces: Vec<Bytes>) -> usize {
    pieces.iter().map(|piece| black_box(piece).len()).sum()
}

fn text_bytes(mut stream: ChatCompletionStream) -> usize {
    let mut text_bytes = 0;
    block_on(async {
        while let Some(chunk) = stream.next().await {
            text_bytes += black_box(chunk.unwrap()).text().map_or(0, str::len);
        }
    });
    text_bytes
}

fn open(pieces: Vec<Bytes>) -> ChatCompletionStream {
    ChatCompletionStream::from_bytes(stream::iter(pieces).map(Ok::<_, Infallible>))
}

fn ours(pieces: Vec<Bytes>) -> usize {
    text_bytes(open(pieces))
}

/// The reader and the types of this crate, with a parse of every event.
fn ours_parsed(pieces: Vec<Bytes>) -> usize {
    let mut reader = SseReader::new();
    let mut text_bytes = 0;
    for piece in pieces {
        reader.push(piece);
        while let Some(item) = reader.next_item() {
            if let SseItem::Event(event) = item.unwrap()
                && event.data() != "[DONE]"
            {
                let chunk: ChatCompletionChunk = serde_json::from_slice(event.data()).unwrap();
                text_bytes += black_box(chunk).text().map_or(0, str::len);
            }
        }
    }
    text_bytes
}

fn plain_serde(pieces: Vec<Bytes>) -> usize {
    let mut lines = DataLines::default();
    let mut text_bytes = 0;
    for piece in pieces {
        lines.push(&piece, |data| {
            text_bytes += black_box(serde_json::from_slice::<Chunk>(data).unwrap()).text_bytes();
        });
    }
    text_bytes
}

fn eventsource_and_serde(pieces: Vec<Bytes>) -> usize {
    let events = stream::iter(pieces).map(Ok::<_, Infallible>).eventsource();
    block_on(events.fold(0, async |text_bytes, event| match event.unwrap().data.as_str() {
        "[DONE]" => text_bytes,
        data => text_bytes + black_box(serde_json::from_str::<Chunk>(data).unwrap()).text_bytes(),
    }))
}

fn decoding(criterion: &mut Criterion) {
    for shape in Shape::ALL {
        let (body, _) = shape.body(CHUNKS);
        let pieces: Vec<Bytes> = body.chunks(PIECE).map(Bytes::copy_from_slice).collect();
        let mut group = criterion.benchmark_group(format!("decoding, {}", shape.name()));
        group.throughput(Throughput::Elements(CHUNKS as u64));
        let mut bench = |name: &str, run: fn(Vec<Bytes>) -> usize| {
            group.bench_function(name, |bencher| {
                bencher.iter_batched(|| pieces.clone(), run, BatchSize::LargeInput);
            });
        };
        bench("bytes alone", bytes_alone);
        bench("this crate", ours);
        bench("this crate's types, parsed", ours_parsed);
        bench("lines and plain serde", plain_serde);
        bench("eventsource-stream and plain serde", eventsource_and_serde);
    }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = short(); targets = decoding);
criterion_main!(benches);
