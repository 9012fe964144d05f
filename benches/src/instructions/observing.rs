//! The clients that are followed: by an observer, by a span, by a span and metrics.

use azure_openai_chat::{CallSummary, ClientBuilder, Observer, Telemetry};
use azure_openai_chat_benches::shapes::Shape;
use opentelemetry::trace::{Span, SpanBuilder, Tracer, TracerProvider};
use opentelemetry::{Array, KeyValue, Value};
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
/// The floor of a span, made after the call.
const BY_HAND: &str = "a span by hand";

/// An observer that does nothing.
struct Silent;

impl Observer for Silent {}

/// An observer that makes a span like this crate's: as many attributes and events, and copies of as many texts.
struct ByHand(SdkTracer);

impl Observer for ByHand {
    fn on_end(&self, call: &CallSummary) {
        let attribute = || KeyValue::new("name", "value");
        let name = ["chat ", call.deployment()].concat();
        let attributes: Vec<_> = (0..8).map(|_| attribute()).collect();
        let mut span = self.0.build(SpanBuilder::from_name(name).with_attributes(attributes));
        span.add_event("attempt", (0..4).map(|_| attribute()).collect());
        (0..7).for_each(|_| span.set_attribute(attribute()));
        for text in ["chatcmpl-AbCdEf", "fp_04751d0b65", "gpt-4o-2024-11-20", "a request's id"] {
            span.set_attribute(KeyValue::new("name", text.to_owned()));
        }
        span.set_attribute(KeyValue::new("name", Value::Array(Array::String(vec!["stop".into()]))));
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
    // what malloc finds in its lists is chance, and the same in each run of one size: the mean of several
    let calls = |reader: &str| {
        let sizes = [1_300, 1_500, 1_700, 1_900, 2_100, 2_300];
        let run = |bytes| Run { what: What::Unary(bytes), count: 100, write: 0, pace: Pace::Step };
        sizes.iter().map(|bytes| slope(reader, &run(*bytes)).instructions).sum::<f64>() / sizes.len() as f64
    };
    let chunks = Run { what: What::Chunks(Shape::Obfuscated), count: 1_000, write: 16 * 1024, pace: Pace::Step };
    let costs = |reader: &str| [calls(reader), slope(reader, &chunks).instructions];
    let [call, chunk] = costs(OURS);
    println!("| {OURS}, not followed: the whole cost | {} | {} | |", thousands(call), thousands(chunk));
    let over = |reader: &str| {
        let [one, other] = costs(reader);
        [one - call, other - chunk]
    };
    let print = |name: &str, [one, other]: [f64; 2], goal: &str| {
        println!("| {name} | {} | {} | {goal} |", signed(one), signed(other));
    };
    let [observer, span] = [OBSERVED, TRACED].map(over);
    let by_hand = over(BY_HAND)[0] - observer[0];
    println!("| {BY_HAND}, of the SDK alone | {} | | |", signed(by_hand));
    print(OBSERVED, observer, "");
    print(UNSAMPLED, over(UNSAMPLED), "2,000");
    print(TRACED, span, "");
    print("the same, above the SDK's span by hand", [span[0] - by_hand, span[1]], "2,000; 50");
    print(MEASURED, over(MEASURED), "");
    println!();
}
