//! The clients that are followed: by an observer, by a span, by a span and metrics.

use azure_openai_chat::{ClientBuilder, Observer, Telemetry};
use azure_openai_chat_benches::shapes::Shape;
use opentelemetry_sdk::metrics::{ManualReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanProcessor};

use super::callgrind::slope;
use super::readers::OURS;
use super::table::{signed, thousands};
use super::{Pace, Run, What};

const OBSERVED: &str = "this crate, an observer";
const TRACED: &str = "this crate, a span";
const MEASURED: &str = "this crate, a span and metrics";

/// An observer that does nothing.
struct Silent;

impl Observer for Silent {}

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
        TRACED => (OURS, client.telemetry(Telemetry::new().tracer_provider(&spans()))),
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
    println!("| client | a call | a stream's chunk | goal |\n|---|--:|--:|--:|");
    let calls = Run { what: What::Unary(1_500), count: 40, write: 0, pace: Pace::Free };
    let chunks = Run { what: What::Chunks(Shape::Obfuscated), count: 1_000, write: 16 * 1024, pace: Pace::Step };
    let costs = |reader: &str| [calls, chunks].map(|run| slope(reader, &run).instructions);
    let [call, chunk] = costs(OURS);
    println!("| {OURS}, not followed: the whole cost | {} | {} | |", thousands(call), thousands(chunk));
    for (reader, goal) in [(OBSERVED, ""), (TRACED, "2,000 and 50"), (MEASURED, "")] {
        let [one, other] = costs(reader);
        println!("| {reader} | {} | {} | {goal} |", signed(one - call), signed(other - chunk));
    }
    println!();
}
