//! The instruments of a client: its tracer and its histograms.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::global::BoxedTracer;
use opentelemetry::metrics::{Histogram, Meter};
use opentelemetry::{KeyValue, StringValue};

use super::names::{self, Names};
use crate::transport::Endpoint;

#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) names: &'static Names,
    pub(super) record_content: bool,
    pub(super) record_metrics: bool,
}

/// What the spans and metrics of a client are made with.
pub(in crate::client) struct Instruments {
    pub(super) tracer: Arc<BoxedTracer>,
    pub(super) settings: Settings,
    /// One for each backend.
    pub(super) servers: Vec<Server>,
    pub(super) histograms: Option<Histograms>,
}

/// The metrics of a client.
pub(super) struct Histograms {
    duration: Histogram<f64>,
    pub(super) time_to_first_chunk: Histogram<f64>,
    pub(super) time_per_output_chunk: Histogram<f64>,
    input_tokens: Histogram<u64>,
    output_tokens: Histogram<u64>,
    /// The attribute that distinguishes both, where they are one metric.
    token_type: Option<&'static str>,
}

/// The server of an endpoint.
pub(super) struct Server {
    endpoint: String,
    address: StringValue,
    port: i64,
}

impl Instruments {
    pub(super) fn new<'a>(
        tracer: Arc<BoxedTracer>,
        meter: &Meter,
        settings: Settings,
        endpoints: impl Iterator<Item = &'a Endpoint>,
    ) -> Self {
        let histograms = settings.record_metrics.then(|| Histograms::new(meter, settings.names));
        Self { tracer, settings, servers: endpoints.map(Server::new).collect(), histograms }
    }

    /// The position of an endpoint's server, by the endpoint's text.
    pub(super) fn server_at(&self, endpoint: &str) -> Option<usize> {
        self.servers.iter().position(|server| server.endpoint == endpoint)
    }

    /// Adds the attributes of the server at this position.
    pub(super) fn add_server(&self, at: usize, attributes: &mut Vec<KeyValue>) {
        if let Some(server) = self.servers.get(at) {
            attributes.push(KeyValue::new("server.address", server.address.clone()));
            attributes.push(KeyValue::new("server.port", server.port));
        }
    }
}

impl Histograms {
    fn new(meter: &Meter, names: &Names) -> Self {
        let seconds = |name, description| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
            histogram.with_boundaries(names::second_bounds()).build()
        };
        let tokens = |name| {
            let histogram = meter.u64_histogram(name).with_unit("{token}").with_description("Tokens of a call.");
            histogram.with_boundaries(names::token_bounds()).build()
        };
        let input_tokens = tokens(names.input_tokens);
        let output_tokens = match names.token_type {
            Some(_) => input_tokens.clone(),
            None => tokens(names.output_tokens),
        };
        Self {
            duration: seconds(names.duration, "Time of a call, retries and the reading of its stream included."),
            time_to_first_chunk: seconds(names.time_to_first_chunk, "Time to the first chunk of a stream."),
            time_per_output_chunk: seconds(names.time_per_output_chunk, "Time between two chunks of a stream."),
            input_tokens,
            output_tokens,
            token_type: names.token_type,
        }
    }

    /// Records the time of a call. `attributes` are left as they were.
    pub(super) fn record_duration(&self, time: Duration, error: Option<StringValue>, attributes: &mut Vec<KeyValue>) {
        let length = attributes.len();
        attributes.extend(error.map(|error| KeyValue::new(names::ERROR_TYPE, error)));
        self.duration.record(time.as_secs_f64(), attributes);
        attributes.truncate(length);
    }

    /// Records the tokens of a call. `attributes` are left as they were.
    pub(super) fn record_tokens(&self, input: u64, output: Option<u64>, attributes: &mut Vec<KeyValue>) {
        let of_each = [(&self.input_tokens, Some(input), "input"), (&self.output_tokens, output, "output")];
        let length = attributes.len();
        for (histogram, tokens, kind) in of_each {
            let Some(tokens) = tokens else { continue };
            attributes.extend(self.token_type.map(|name| KeyValue::new(name, kind)));
            histogram.record(tokens, attributes);
            attributes.truncate(length);
        }
    }
}

impl Server {
    fn new(endpoint: &Endpoint) -> Self {
        let (address, port) = endpoint.server();
        Self { endpoint: endpoint.as_str().to_owned(), address: Arc::<str>::from(address).into(), port: port.into() }
    }
}
