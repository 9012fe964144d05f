//! The ways to look at a stream, beside taking its chunks and leaving them.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench events`

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use azure_openai_chat::ChatCompletionStream;
use azure_openai_chat_benches::shapes::Shape;
use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures::executor::block_on;
use futures::{Stream, StreamExt, stream};

const CHUNKS: usize = 1_000;

fn count<T>(stream: impl Stream<Item = T>) -> usize {
    block_on(stream.fold(0, async |count, item| {
        black_box(item);
        count + 1
    }))
}

fn chunks(mut stream: ChatCompletionStream) -> usize {
    count(&mut stream)
}

fn text(mut stream: ChatCompletionStream) -> usize {
    count(stream.text())
}

fn all_events(mut stream: ChatCompletionStream) -> usize {
    count(stream.events())
}

fn events(criterion: &mut Criterion) {
    for shape in [Shape::Obfuscated, Shape::Arguments, Shape::TwoChoices] {
        let body = Bytes::from(shape.body(CHUNKS).0);
        let open = || ChatCompletionStream::from_bytes(stream::iter([Ok::<_, Infallible>(body.clone())]));
        let mut group = criterion.benchmark_group(format!("events, {}", shape.name()));
        group.throughput(Throughput::Elements(CHUNKS as u64));
        let mut bench = |name: &str, run: fn(ChatCompletionStream) -> usize| {
            group.bench_function(name, |bencher| bencher.iter_batched(open, run, BatchSize::LargeInput));
        };
        bench("chunks", chunks);
        bench("text()", text);
        bench("events()", all_events);
    }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = short(); targets = events);
criterion_main!(benches);
