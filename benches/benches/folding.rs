//! Chunks to a completion, beside the least that can be done with them: appending their text.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench folding`

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use azure_openai_chat::{ChatCompletionChunk, ChatCompletionStream, ChunkFold};
use azure_openai_chat_benches::shapes::Shape;
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::executor::block_on;
use futures::{TryStreamExt, stream};

fn chunks(shape: Shape, count: usize) -> Vec<ChatCompletionChunk> {
    let pieces = stream::iter([Ok::<_, Infallible>(Bytes::from(shape.body(count).0))]);
    block_on(ChatCompletionStream::from_bytes(pieces).try_collect()).unwrap()
}

/// The same chunks, each of them parsed.
fn parsed(chunks: &[ChatCompletionChunk]) -> Vec<ChatCompletionChunk> {
    let parse = |chunk| serde_json::from_slice(&serde_json::to_vec(chunk).unwrap()).unwrap();
    chunks.iter().map(parse).collect()
}

fn text_alone(chunks: &[ChatCompletionChunk]) -> usize {
    let mut all = String::new();
    for chunk in chunks {
        for choice in chunk.choices() {
            all.push_str(choice.content().unwrap_or_default());
            for call in choice.tool_calls() {
                all.push_str(call.arguments().unwrap_or_default());
            }
        }
    }
    black_box(all).len()
}

fn fold(chunks: &[ChatCompletionChunk]) -> usize {
    let mut fold = ChunkFold::new();
    for chunk in chunks {
        fold.push(chunk);
    }
    black_box(fold.into_completion()).choices().len()
}

fn folding(criterion: &mut Criterion) {
    for shape in [Shape::Obfuscated, Shape::Arguments, Shape::TwoChoices] {
        let mut group = criterion.benchmark_group(format!("folding, {}", shape.name()));
        // four times the chunks must take about four times as long
        for count in [1_000, 4_000] {
            group.throughput(Throughput::Elements(count as u64));
            let filled = chunks(shape, count);
            let parsed = parsed(&filled);
            let mut bench = |name: &str, chunks: &[ChatCompletionChunk], run: fn(&[ChatCompletionChunk]) -> usize| {
                group.bench_function(BenchmarkId::new(name, count), |bencher| bencher.iter(|| run(chunks)));
            };
            bench("text alone", &filled, text_alone);
            bench("chunks of a template", &filled, fold);
            bench("chunks that were parsed", &parsed, fold);
        }
    }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = short(); targets = folding);
criterion_main!(benches);
