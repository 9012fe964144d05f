//! The span of one call, and the metrics that are recorded with it.

use std::sync::Arc;

use opentelemetry::global::BoxedSpan;
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Status};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use serde_json::Number;
use tokio::time::Instant;

use super::instruments::{Instruments, Server};
use super::{content, names};
use crate::client::answered::Answered;
use crate::client::summary::{CallEnd, CallSummary};
use crate::error::Error;
use crate::request::{ChatCompletionRequest, ResponseFormatType, Stop};
use crate::response::{CompletionBody, Usage};
use crate::stream::ChatCompletionChunk;
use crate::transport::{AttemptEvent, RetryEvent};

/// The open span of a call.
pub(in crate::client) struct CallSpan {
    span: BoxedSpan,
    operation: StringValue,
    model: StringValue,
    deployment: StringValue,
    server: Option<Server>,
    last_chunk: Option<Instant>,
    /// The attributes of the metrics, once the model that answers is known.
    attributes: Vec<KeyValue>,
}

impl Instruments {
    /// Opens the span of a call.
    pub(in crate::client) fn start(&self, call: &CallSummary, request: Option<&ChatCompletionRequest>) -> CallSpan {
        let is_chat = request.is_some();
        let operation =
            if is_chat { StringValue::from(names::CHAT) } else { StringValue::from(call.operation().to_owned()) };
        let deployment = shared(call.deployment());
        let model = match call.declared_model() {
            Some(model) => shared(&model.id()),
            None => deployment.clone(),
        };
        // an operation of the whole resource has no model
        let has_model = !model.as_str().is_empty();
        let name = if has_model { [operation.as_str(), " ", model.as_str()].concat() } else { operation.to_string() };
        let server = self.first_server().cloned();
        // 1 KiB: larger blocks are not in the per-thread cache of glibc's allocator
        let mut attributes = Vec::with_capacity(18);
        attributes.extend([
            KeyValue::new(names::OPERATION_NAME, operation.clone()),
            KeyValue::new(names::PROVIDER_NAME, names::PROVIDER),
            KeyValue::new(names::RESOURCE_NAMESPACE, names::NAMESPACE),
        ]);
        if has_model {
            attributes.push(KeyValue::new(names::REQUEST_MODEL, model.clone()));
            attributes.push(KeyValue::new(names::DEPLOYMENT, deployment.clone()));
        }
        if self.has_one_server() {
            attributes.extend(server.iter().flat_map(Server::attributes));
        }
        if call.is_stream() {
            attributes.push(KeyValue::new(names::REQUEST_STREAM, true));
        }
        if let Some(request) = request {
            self.describe(request, &mut attributes);
        }
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Client).with_attributes(attributes);
        let span = builder.start(self.tracer.as_ref());
        CallSpan { span, operation, model, deployment, server, last_chunk: None, attributes: Vec::new() }
    }

    /// Adds the attributes of a request.
    fn describe(&self, request: &ChatCompletionRequest, attributes: &mut Vec<KeyValue>) {
        let mut add = |name: &'static str, value: Option<Value>| {
            attributes.extend(value.map(|value| KeyValue::new(name, value)));
        };
        let body = &request.body;
        let number = |number: &Option<Number>| number.as_ref().and_then(Number::as_f64).map(Value::F64);
        let count = |count: Option<u64>| count.and_then(|count| i64::try_from(count).ok()).map(Value::I64);
        add(names::API_TYPE, Some(names::CHAT_COMPLETIONS.into()));
        add(names::REQUEST_CHOICE_COUNT, count(body.n.filter(|n| *n != 1)));
        add(names::REQUEST_SEED, body.seed.map(Value::I64));
        add(names::REQUEST_MAX_TOKENS, count(body.max_completion_tokens.or(body.max_tokens)));
        add(names::REQUEST_TEMPERATURE, number(&body.temperature));
        add(names::REQUEST_TOP_P, number(&body.top_p));
        add(names::REQUEST_FREQUENCY_PENALTY, number(&body.frequency_penalty));
        add(names::REQUEST_PRESENCE_PENALTY, number(&body.presence_penalty));
        add(names::REQUEST_SERVICE_TIER, body.service_tier.as_ref().map(|tier| tier.as_str().to_owned().into()));
        let kind = body.response_format.as_ref().and_then(|format| format.kind.as_ref());
        let output = kind.map(|kind| if *kind == ResponseFormatType::Text { "text" } else { "json" });
        add(names::OUTPUT_TYPE, output.map(Value::from));
        if let (Some(name), Some(effort)) = (self.settings.names.reasoning_effort, &body.reasoning_effort) {
            add(name, Some(effort.as_str().to_owned().into()));
        }
        if self.settings.record_content {
            let stop = body.stop.as_ref().map(|stop| match stop {
                Stop::One(text) => strings([text.clone()]),
                Stop::Many(list) => strings(list.iter().cloned()),
            });
            add(names::REQUEST_STOP_SEQUENCES, stop);
            add(names::INPUT_MESSAGES, Some(content::input(request).into()));
            add(names::TOOL_DEFINITIONS, content::tools(request).map(Value::from));
        }
    }

    /// Notes an attempt that is about to be sent.
    pub(in crate::client) fn on_attempt(&self, call: &mut CallSpan, attempt: &AttemptEvent) {
        let server = self.server(attempt.endpoint());
        if call.span.is_recording() {
            let is_the_calls = call.deployment.as_str() == attempt.deployment();
            let deployment = if is_the_calls { call.deployment.clone() } else { shared(attempt.deployment()) };
            let mut attributes = Vec::with_capacity(4);
            attributes.extend([
                KeyValue::new(names::ATTEMPT_NUMBER, i64::from(attempt.attempt())),
                KeyValue::new(names::DEPLOYMENT, deployment),
            ]);
            attributes.extend(server.iter().flat_map(|server| server.attributes()));
            call.span.add_event(names::ATTEMPT, attributes);
        }
        if server.is_some() {
            call.server = server.cloned();
        }
    }

    /// Notes a chunk that was read.
    pub(in crate::client) fn on_chunk(&self, call: &mut CallSpan, chunk: &ChatCompletionChunk) {
        let Some(histograms) = &self.histograms else { return };
        let now = Instant::now();
        if let Some(last) = call.last_chunk.replace(now) {
            // Azure's chunks of filter results have an empty model
            if call.attributes.is_empty()
                && let Some(model) = chunk.model().filter(|model| !model.is_empty())
            {
                call.attributes = call.metric_attributes(Some(shared(model)));
            }
            histograms.record_chunk(now.duration_since(last), &call.attributes);
        }
    }

    /// Ends the span of a call, and records its metrics.
    pub(in crate::client) fn end(
        &self,
        mut call: CallSpan,
        summary: &CallSummary,
        error: Option<&Error>,
        answered: Option<Answered<'_>>,
    ) {
        let error_type = error_type(summary);
        let model = summary.model().map(shared);
        if call.span.is_recording() {
            call.set_end(summary, error_type.clone());
            // of several, the one that was called last; an attribute that is set twice is exported twice
            if !self.has_one_server() {
                call.span.set_attributes(call.server.iter().flat_map(Server::attributes));
            }
            if let Some(answered) = &answered {
                call.set_answer(answered.body());
                call.set(names::RESPONSE_MODEL, model.clone());
            }
            if let Some(answered) = answered.filter(|_| self.settings.record_content) {
                call.set(names::OUTPUT_MESSAGES, content::output(&answered.completion()));
            }
            if let Some(error) = error {
                call.span.set_status(Status::error(error.to_string()));
            }
        }
        call.span.end();
        let Some(histograms) = &self.histograms else { return };
        let mut attributes = call.metric_attributes(model);
        histograms.record_duration(summary.duration(), error_type, &mut attributes);
        if let Some(time) = summary.time_to_first_chunk() {
            histograms.record_first_chunk(time, &attributes);
        }
        if let Some(usage) = summary.usage() {
            let output = usage.completion_tokens();
            // embeddings have none
            let output = (output > 0 || call.operation.as_str() == names::CHAT).then_some(output);
            histograms.record_tokens(usage.prompt_tokens(), output, &mut attributes);
        }
    }
}

impl CallSpan {
    /// Notes that another attempt follows.
    pub(in crate::client) fn on_retry(&mut self, retry: &RetryEvent) {
        let attributes = vec![
            KeyValue::new(names::ATTEMPT_NUMBER, i64::from(retry.attempt())),
            KeyValue::new(names::RETRY_CAUSE, retry.cause().to_string()),
            KeyValue::new(names::RETRY_WAIT, retry.wait().as_secs_f64()),
        ];
        self.span.add_event(names::RETRY, attributes);
    }

    fn metric_attributes(&self, answered: Option<StringValue>) -> Vec<KeyValue> {
        let mut attributes = Vec::with_capacity(7);
        attributes.extend([
            KeyValue::new(names::OPERATION_NAME, self.operation.clone()),
            KeyValue::new(names::PROVIDER_NAME, names::PROVIDER),
        ]);
        if !self.model.as_str().is_empty() {
            attributes.push(KeyValue::new(names::REQUEST_MODEL, self.model.clone()));
        }
        attributes.extend(answered.map(|model| KeyValue::new(names::RESPONSE_MODEL, model)));
        attributes.extend(self.server.iter().flat_map(Server::attributes));
        attributes
    }

    fn set(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.span.set_attribute(KeyValue::new(name, value));
        }
    }

    fn set_end(&mut self, summary: &CallSummary, error_type: Option<StringValue>) {
        self.set(names::END, Some(summary.end().as_str()));
        self.set(names::ERROR_TYPE, error_type);
        self.set(names::ATTEMPTS, Some(i64::from(summary.attempts())));
        self.set(names::CONTENT_FILTER, Some(summary.content_filter_state().as_str()));
        self.set(names::RESPONSE_TIME_TO_FIRST_CHUNK, summary.time_to_first_chunk().map(|time| time.as_secs_f64()));
        if let Some(metadata) = summary.metadata() {
            self.set(names::REQUEST_ID, metadata.request_id().map(str::to_owned));
            self.set(names::REGION, metadata.region().map(str::to_owned));
            self.set(names::RESPONSE_DEPLOYMENT, metadata.deployment().map(str::to_owned));
            self.set(names::SPILLOVER_FROM, metadata.spillover_from().map(str::to_owned));
        }
        let reasons = summary.finish_reasons();
        if !reasons.is_empty() {
            let reasons = strings(reasons.iter().map(|reason| reason.as_str().to_owned()));
            self.set(names::RESPONSE_FINISH_REASONS, Some(reasons));
        }
        if let Some(usage) = summary.usage() {
            self.set_usage(usage);
        }
    }

    fn set_usage(&mut self, usage: &Usage) {
        for (name, tokens) in [
            (names::USAGE_INPUT_TOKENS, usage.prompt_tokens()),
            (names::USAGE_OUTPUT_TOKENS, usage.completion_tokens()),
            (names::USAGE_CACHE_READ_TOKENS, usage.cached_tokens()),
            (names::USAGE_REASONING_TOKENS, usage.reasoning_tokens()),
        ] {
            self.set(name, i64::try_from(tokens).ok());
        }
    }

    fn set_answer(&mut self, body: &CompletionBody) {
        self.set(names::RESPONSE_ID, body.id.clone());
        self.set(names::RESPONSE_SYSTEM_FINGERPRINT, body.system_fingerprint.clone());
        self.set(names::RESPONSE_SERVICE_TIER, body.service_tier.as_ref().map(|tier| tier.as_str().to_owned()));
    }
}

impl Server {
    fn attributes(&self) -> [KeyValue; 2] {
        [KeyValue::new(names::SERVER_ADDRESS, self.address.clone()), KeyValue::new(names::SERVER_PORT, self.port)]
    }
}

/// A text whose clones are not copies.
fn shared(text: &str) -> StringValue {
    Arc::<str>::from(text).into()
}

fn strings(texts: impl IntoIterator<Item = String>) -> Value {
    Value::Array(Array::String(texts.into_iter().map(StringValue::from).collect()))
}

/// The service's code, else the status, else the kind of the error; none for a call that was completed.
fn error_type(summary: &CallSummary) -> Option<StringValue> {
    match summary.end() {
        CallEnd::Completed => None,
        CallEnd::Dropped => Some(names::DROPPED.into()),
        CallEnd::Failed => Some(match (summary.error_code(), summary.status(), summary.error_kind()) {
            (Some(code), ..) => code.to_owned().into(),
            (None, Some(status), _) if status >= 400 => status.to_string().into(),
            (None, _, Some(kind)) => kind.as_str().into(),
            (None, _, None) => "_OTHER".into(),
        }),
    }
}
