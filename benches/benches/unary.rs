//! A whole answer to our type, beside plain typed serde and beside any JSON.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench unary`

use std::hint::black_box;
use std::time::Duration;

use azure_openai_chat::ChatCompletion;
use azure_openai_chat_benches::{peer, shapes};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn unary(criterion: &mut Criterion) {
    for (name, bytes) in [("1.5 KB", 1_500), ("64 KB", 64 * 1024)] {
        let body = shapes::completion(bytes);
        let mut group = criterion.benchmark_group(format!("unary, {name}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("bytes copied", |bencher| {
            bencher.iter(|| black_box(body.as_bytes()).to_vec());
        });
        group.bench_function("this crate", |bencher| {
            bencher.iter(|| serde_json::from_str::<ChatCompletion>(black_box(&body)).unwrap());
        });
        group.bench_function("plain serde", |bencher| {
            bencher.iter(|| serde_json::from_str::<peer::Completion>(black_box(&body)).unwrap());
        });
        group.bench_function("serde_json::Value", |bencher| {
            bencher.iter(|| serde_json::from_str::<serde_json::Value>(black_box(&body)).unwrap());
        });
        group.finish();
    }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = short(); targets = unary);
criterion_main!(benches);
