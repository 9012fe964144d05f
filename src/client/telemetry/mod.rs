//! Telemetry: a span for each call, and metrics, through the OpenTelemetry API.

use std::fmt;
use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry::global::{self, BoxedTracer, ObjectSafeTracerProvider};
use opentelemetry::metrics::{Meter, MeterProvider};

use self::instruments::Settings;
use self::names::Names;
use crate::transport::Endpoint;

pub(super) use self::call_span::CallSpan;
pub(super) use self::instruments::Instruments;

mod call_span;
mod content;
mod instruments;
mod names;

/// Spans and metrics of a client's calls, through OpenTelemetry; set by
/// [`ClientBuilder::telemetry`](crate::ClientBuilder::telemetry).
///
/// They go to the global tracer provider and meter provider that are installed when the client is built, or to those given
/// here. The names are those of the OpenTelemetry semantic conventions for generative AI, release 1.41; where these have
/// none, under `azure.ai.openai.`.
///
/// # Spans
///
/// One for each call, named `chat {model}`, of kind client. The current OpenTelemetry context at the start of the call is
/// its parent. It is open until the answer came, the stream was read to its end, or either failed or was dropped; for a
/// request that is refused before it is sent, too. A failure sets the status, with the error's text, which has nothing of
/// prompt or answer. Each attempt is an event, `azure.ai.openai.attempt`, and so is each retry, `azure.ai.openai.retry`,
/// with its cause and wait.
///
/// | attributes | from |
/// |---|---|
/// | `gen_ai.operation.name`, `gen_ai.provider.name`, `openai.api.type`, `azure.resource_provider.namespace` | the operation |
/// | `server.address`, `server.port` | the endpoint that was called last |
/// | `gen_ai.request.model` | the declared model, else the deployment |
/// | `gen_ai.request.stream`, `.choice.count`, `.seed`, `.max_tokens`, `.temperature`, `.top_p`, `.frequency_penalty`, `.presence_penalty`, `gen_ai.output.type`, `openai.request.service_tier` | the request, where it sets them |
/// | `gen_ai.response.id`, `.model`, `.finish_reasons`, `.time_to_first_chunk`, `openai.response.service_tier`, `openai.response.system_fingerprint`, `azure.service.request.id` | the answer |
/// | `gen_ai.usage.input_tokens`, `.output_tokens`, `.cache_read.input_tokens`, `.reasoning.output_tokens` | the answer's `usage` |
/// | `azure.ai.openai.deployment`, `.response.deployment`, `.region`, `.spillover_from`, `.content_filter.state`, `.attempts` | the deployment of the request; the answer |
/// | `azure.ai.openai.end` | `completed`, `failed` or `dropped` |
/// | `error.type` | the service's code, else the status, else the kind of the error; `dropped` |
///
/// # Metrics
///
/// | histogram | unit | one value for |
/// |---|---|---|
/// | `gen_ai.client.operation.duration` | s | each call, with `error.type` unless it was completed |
/// | `gen_ai.client.operation.time_to_first_chunk` | s | each stream with a chunk |
/// | `gen_ai.client.operation.time_per_output_chunk` | s | each chunk after the first |
/// | `gen_ai.client.token.usage` | {token} | each call with `usage`: input and output, by `gen_ai.token.type` |
///
/// All have operation, provider, the models of request and answer, and the server's address and port.
///
/// # Example: with the SDK of OpenTelemetry
///
/// ```
/// use azure_openai_chat::{ApiKey, ChatClient, Telemetry};
/// use opentelemetry_sdk::{metrics::SdkMeterProvider, trace::SdkTracerProvider};
///
/// // with an exporter each, in a program
/// opentelemetry::global::set_tracer_provider(SdkTracerProvider::builder().build());
/// opentelemetry::global::set_meter_provider(SdkMeterProvider::builder().build());
///
/// let client = ChatClient::builder("https://my-resource.openai.azure.com", ApiKey::new("key"))
///     .telemetry(Telemetry::new())
///     .build()?;
/// # let _ = client;
/// # Ok::<(), azure_openai_chat::Error>(())
/// ```
///
/// Azure reference: <https://opentelemetry.io/docs/specs/semconv/gen-ai/azure-ai-inference/>
#[derive(Clone)]
#[must_use = "telemetry is recorded by the client that it is given to"]
pub struct Telemetry {
    tracer: Option<Arc<BoxedTracer>>,
    meter: Option<Meter>,
    settings: Settings,
}

impl Telemetry {
    /// Spans and metrics through the global providers, without content.
    pub fn new() -> Self {
        Self {
            tracer: None,
            meter: None,
            settings: Settings { names: &names::V1_41, record_content: false, record_metrics: true },
        }
    }

    /// The provider of spans; by default the global one.
    pub fn tracer_provider(mut self, provider: &impl ObjectSafeTracerProvider) -> Self {
        self.tracer = Some(Arc::new(BoxedTracer::new(provider.boxed_tracer(scope()))));
        self
    }

    /// The provider of metrics; by default the global one.
    pub fn meter_provider(mut self, provider: &impl MeterProvider) -> Self {
        self.meter = Some(provider.meter_with_scope(scope()));
        self
    }

    /// Whether spans also have the texts: the messages, the answer, the tools and the stop sequences, as
    /// `gen_ai.input.messages`, `gen_ai.output.messages`, `gen_ai.tool.definitions` and `gen_ai.request.stop_sequences`.
    /// Images, recordings and files in base64 are named by their size.
    /// Off when unset, since these are what users write and what the model answers.
    pub fn record_content(mut self, record: bool) -> Self {
        self.settings.record_content = record;
        self
    }

    /// Whether the metrics are recorded; on when unset. Without a meter provider they go nowhere, and still cost a little; with
    /// one, the time of a chunk costs more than to read the chunk.
    pub fn record_metrics(mut self, record: bool) -> Self {
        self.settings.record_metrics = record;
        self
    }

    /// Whether the names are those of release 0.1 of the conventions' own repository instead of 1.41; off when unset. It has
    /// `gen_ai.request.reasoning.level`, calls the metrics for times `gen_ai.client.inference.duration` and so on, and has
    /// `gen_ai.client.inference.operation.input_tokens` and `output_tokens` in place of `gen_ai.client.token.usage`.
    pub fn latest_names(mut self, latest: bool) -> Self {
        let names: &'static Names = if latest { &names::LATEST } else { &names::V1_41 };
        self.settings.names = names;
        self
    }

    pub(super) fn instruments<'a>(self, endpoints: impl Iterator<Item = &'a Endpoint>) -> Instruments {
        let tracer = self.tracer.unwrap_or_else(|| Arc::new(global::tracer_with_scope(scope())));
        let meter = self.meter.unwrap_or_else(|| global::meter_with_scope(scope()));
        Instruments::new(tracer, &meter, self.settings, endpoints)
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("azure-openai-chat").with_version(env!("CARGO_PKG_VERSION")).build()
}
