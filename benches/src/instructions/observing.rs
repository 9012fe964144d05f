//! The clients that are followed: by an observer, by a span, by a span and metrics.

use azure_openai_chat::{CallSummary, ClientBuilder, Observer, Telemetry};
use azure_openai_chat_benches::shapes::Shape;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, SpanBuilder, Tracer, TracerProvider};
use opentelemetry_sdk::metrics::{ManualReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanProcessor};

use super::callgrind::slope;
use super::readers::OURS;
use super::table::{signed, thousands};
use super::{Pace, Run, What};

const OBSERVED: &str = "this crate, an observer";
const TRACED: &str = "this crate, a span";
const UNSAMPLED: &str = "this crate, a span that is not sampled";
const MEASURED: &str = "this crate, a span and metrics";
/// The floor of a span: the same number of attributes and events, of values that cost nothing, after the call.
const BY_HAND: &str = "a span by hand";

/// An observer that does nothing.
struct Silent;

impl Observer for Silent {}

/// An observer that makes a span as large as this crate's.
struct ByHand(SdkTracer);

impl Observer for ByHand {
    fn on_end(&self, _: &CallSummary) {
        let attributes: Vec<_> = (0..12).map(|_| KeyValue::new("name", "value")).collect();
        let mut span = self.0.build(SpanBuilder::from_name("name").with_attributes(attributes));
        span.add_event("attempt", (0..4).map(|_| KeyValue::new("name", "value")).collect());
        for _ in 0..15 {
            span.set_attribute(KeyValue::new("name", "value"));
        }
        span.end();
    }
}

/// Where spans end: an exporter's own cost is not counted.
#[derive(Debug)]
struct Nowhere;

impl SpanProcessor for Nowhere {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        drop(span);
    }

    fn force_flush(&self) -> opentelemetry_sdk::error::OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: std::time::Duration) -> opentelemetry_sdk::error::OTelSdkResult {
        Ok(())
    }
}

/// The name of the reader without what follows its client, and its client's builder with it.
pub(crate) fn followed(name: &str, client: ClientBuilder) -> (&str, ClientBuilder) {
    let spans = || SdkTracerProvider::builder().with_span_processor(Nowhere).build();
    match name {
        OBSERVED => (OURS, client.observer(Silent)),
        BY_HAND => (OURS, client.observer(ByHand(spans().tracer("by hand")))),
        UNSAMPLED => {
            let spans =
                SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).with_span_processor(Nowhere).build();
            (OURS, client.telemetry(Telemetry::new().record_metrics(false).tracer_provider(&spans)))
        }
        TRACED => (OURS, client.telemetry(Telemetry::new().record_metrics(false).tracer_provider(&spans()))),
        MEASURED => {
            let metrics = SdkMeterProvider::builder().with_reader(ManualReader::builder().build()).build();
            let telemetry = Telemetry::new().tracer_provider(&spans()).meter_provider(&metrics);
            (OURS, client.telemetry(telemetry))
        }
        other => (other, client),
    }
}

pub(crate) fn print() {
    println!("### Instructions of following calls, over those of a client that nobody follows\n");
    println!("| a client with | a call | a stream's chunk | goal |\n|---|--:|--:|--:|");
    let calls = Run { what: What::Unary(1_500), count: 40, write: 0, pace: Pace::Free };
    let chunks = Run { what: What::Chunks(Shape::Obfuscated), count: 1_000, write: 16 * 1024, pace: Pace::Step };
    let costs = |reader: &str| [calls, chunks].map(|run| slope(reader, &run).instructions);
    let [call, chunk] = costs(OURS);
    println!("| {OURS}, not followed: the whole cost | {} | {} | |", thousands(call), thousands(chunk));
    let [observed, _] = costs(OBSERVED);
    println!("| {BY_HAND}, of the SDK alone | {} | | |", signed(costs(BY_HAND)[0] - observed));
    for (reader, goal) in [(OBSERVED, ""), (UNSAMPLED, ""), (TRACED, "2,000 and 50"), (MEASURED, "")] {
        let [one, other] = costs(reader);
        println!("| {reader} | {} | {} | {goal} |", signed(one - call), signed(other - chunk));
    }
    println!();
}
