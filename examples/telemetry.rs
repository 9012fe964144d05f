//! Spans and metrics of four calls, printed by the OpenTelemetry SDK: `cargo run --example telemetry`.
//!
//! A stream that is read to its end after a retry, one that is left half-way, a request that is refused before it is sent,
//! and an answer with the span of a handler as parent. Against the emulator the first call meets a 429.

mod support;

use azure_openai_chat::{CallSummary, ChatCompletionRequest, Deployment, Model, Observer, Telemetry};
use azure_openai_emulator::Fault;
use futures::TryStreamExt;
use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, global};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

/// One line for each call, beside the spans.
struct Lines;

impl Observer for Lines {
    fn on_end(&self, call: &CallSummary) {
        let tokens = call.usage().map_or(0, |usage| usage.total_tokens());
        println!("-- {}: {} after {:?}, {tokens} tokens", call.deployment(), call.end(), call.duration());
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}\n", place.describe());
    if let support::Place::Emulated(emulator) = &place {
        emulator.inject(Fault::status(429).header("retry-after-ms", "20").next(1));
    }

    // in a service: exporters of the crate opentelemetry-otlp
    let spans =
        SdkTracerProvider::builder().with_simple_exporter(opentelemetry_stdout::SpanExporter::default()).build();
    let metrics =
        SdkMeterProvider::builder().with_periodic_exporter(opentelemetry_stdout::MetricExporter::default()).build();
    global::set_tracer_provider(spans.clone());
    global::set_meter_provider(metrics.clone());

    let client = place.client_builder()?.telemetry(Telemetry::new()).observer(Lines).build()?;
    let name = support::deployment("AZURE_OPENAI_DEPLOYMENT", "gpt-4o-mini");
    let deployment = Deployment::new(name).model(Model::GPT_4O_MINI_2024_07_18);
    let request = ChatCompletionRequest::builder(deployment.clone()).user("Why is the sky blue?").build()?;

    client.stream(&request).await?.finish().await?;

    let mut stream = client.stream(&request).await?;
    stream.try_next().await?;
    drop(stream);

    let refused = ChatCompletionRequest::builder(deployment).user("hi").temperature(3.0).build_unchecked();
    if let Err(error) = client.complete(&refused).await {
        println!("-- {error}");
    }

    let handler = Context::current_with_span(spans.tracer("service").start("GET /sky"));
    client.complete(&request).with_context(handler.clone()).await?;
    handler.span().end();

    spans.shutdown()?;
    metrics.shutdown()?;
    Ok(())
}
