//! The span of one call, and the metrics that are recorded with it.

use std::sync::Arc;

use opentelemetry::global::BoxedSpan;
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Status};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use serde_json::Number;
use tokio::time::Instant;

use super::instruments::Instruments;
use super::{content, names};
use crate::client::summary::{CallEnd, CallOutcome};
use crate::model::Deployment;
use crate::request::{ChatCompletionRequest, ResponseFormatType, Stop};
use crate::response::{CompletionBody, FinishReason, Usage};
use crate::stream::ChatCompletionChunk;
use crate::transport::{AttemptParts, RetryEvent};

/// The open span of a call.
pub(in crate::client) struct CallSpan {
    span: BoxedSpan,
    operation: StringValue,
    model: StringValue,
    deployment: StringValue,
    /// The position of the server that was called last.
    server: usize,
    last_chunk: Option<Instant>,
    /// The attributes of the metrics, once the model that answers is known.
    attributes: Vec<KeyValue>,
}

impl Instruments {
    /// Opens the span of a call; none when neither a span nor metrics are recorded.
    pub(in crate::client) fn start(
        &self,
        operation: &str,
        deployment: &Deployment,
        is_stream: bool,
        request: Option<&ChatCompletionRequest>,
    ) -> Option<CallSpan> {
        let operation = match request {
            Some(_) => StringValue::from(names::CHAT),
            None => StringValue::from(operation.to_owned()),
        };
        let model = StringValue::from(deployment.shared_model_id());
        let deployment = StringValue::from(deployment.shared_name());
        // 1 KiB: larger blocks are not in the per-thread cache of glibc's allocator
        let mut attributes = Vec::with_capacity(18);
        attributes.push(KeyValue::new(names::OPERATION_NAME, operation.clone()));
        attributes.push(KeyValue::new(names::PROVIDER_NAME, names::PROVIDER));
        attributes.push(KeyValue::new("azure.resource_provider.namespace", "Microsoft.CognitiveServices"));
        let mut name = String::with_capacity(operation.as_str().len() + 1 + model.as_str().len());
        name.push_str(operation.as_str());
        // an operation of the whole resource has no model
        if !model.as_str().is_empty() {
            name.push(' ');
            name.push_str(model.as_str());
            attributes.push(KeyValue::new(names::REQUEST_MODEL, model.clone()));
            attributes.push(KeyValue::new(names::DEPLOYMENT, deployment.clone()));
        }
        if self.servers.len() == 1 {
            self.add_server(0, &mut attributes);
        }
        if is_stream {
            attributes.push(KeyValue::new("gen_ai.request.stream", true));
        }
        if let Some(request) = request {
            self.describe(request, &mut attributes);
        }
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Client).with_attributes(attributes);
        let mut span = builder.start(self.tracer.as_ref());
        if !span.is_recording() && self.histograms.is_none() {
            return None;
        }
        if let Some(request) = request.filter(|_| self.settings.record_content && span.is_recording()) {
            describe_content(request, &mut span);
        }
        Some(CallSpan { span, operation, model, deployment, server: 0, last_chunk: None, attributes: Vec::new() })
    }

    /// Adds the attributes of a request, without its content.
    fn describe(&self, request: &ChatCompletionRequest, attributes: &mut Vec<KeyValue>) {
        let mut add = |name: &'static str, value: Option<Value>| {
            if let Some(value) = value {
                attributes.push(KeyValue::new(name, value));
            }
        };
        let body = &request.body;
        let number = |number: &Option<Number>| number.as_ref().and_then(Number::as_f64).map(Value::F64);
        let count = |count: Option<u64>| count.and_then(|count| i64::try_from(count).ok()).map(Value::I64);
        add("openai.api.type", Some("chat_completions".into()));
        add("gen_ai.request.choice.count", count(body.n.filter(|n| *n != 1)));
        add("gen_ai.request.seed", body.seed.map(Value::I64));
        add("gen_ai.request.max_tokens", count(body.max_completion_tokens.or(body.max_tokens)));
        add("gen_ai.request.temperature", number(&body.temperature));
        add("gen_ai.request.top_p", number(&body.top_p));
        add("gen_ai.request.frequency_penalty", number(&body.frequency_penalty));
        add("gen_ai.request.presence_penalty", number(&body.presence_penalty));
        add("openai.request.service_tier", body.service_tier.as_ref().map(|tier| tier.as_str().to_owned().into()));
        let kind = body.response_format.as_ref().and_then(|format| format.kind.as_ref());
        let output = kind.map(|kind| if *kind == ResponseFormatType::Text { "text" } else { "json" });
        add("gen_ai.output.type", output.map(Value::from));
        if let (Some(name), Some(effort)) = (self.settings.names.reasoning_effort, &body.reasoning_effort) {
            add(name, Some(effort.as_str().to_owned().into()));
        }
    }

    /// Notes an attempt that is about to be sent.
    pub(in crate::client) fn on_attempt(&self, call: &mut CallSpan, attempt: AttemptParts<'_>) {
        call.server = self.server_at(attempt.endpoint.as_str()).unwrap_or(call.server);
        if call.span.is_recording() {
            let is_the_calls = call.deployment.as_str() == attempt.deployment;
            let deployment = if is_the_calls { call.deployment.clone() } else { shared(attempt.deployment) };
            let mut attributes = Vec::with_capacity(4);
            attributes.push(KeyValue::new(names::ATTEMPT_NUMBER, i64::from(attempt.number)));
            attributes.push(KeyValue::new(names::DEPLOYMENT, deployment));
            self.add_server(call.server, &mut attributes);
            call.span.add_event("azure.ai.openai.attempt", attributes);
        }
    }

    /// Records the time since the last chunk. Returns whether there is a metric of it.
    pub(in crate::client) fn on_chunk(&self, call: &mut CallSpan, chunk: &ChatCompletionChunk) -> bool {
        let Some(histograms) = &self.histograms else { return false };
        let now = Instant::now();
        if let Some(last) = call.last_chunk.replace(now) {
            // Azure's chunks of filter results have an empty model
            if call.attributes.is_empty()
                && let Some(model) = chunk.model().filter(|model| !model.is_empty())
            {
                call.attributes = self.metric_attributes(call, Some(shared(model)));
            }
            histograms.time_per_output_chunk.record(now.duration_since(last).as_secs_f64(), &call.attributes);
        }
        true
    }

    /// Ends the span of a call, and records its metrics.
    pub(in crate::client) fn end(&self, mut call: CallSpan, outcome: &CallOutcome<'_>) {
        let error_type = error_type(outcome);
        let model = outcome.model().map(shared);
        if call.span.is_recording() {
            call.set_end(outcome, error_type.clone());
            // of several, the one that was called last; an attribute that is set twice is exported twice
            if self.servers.len() > 1 {
                let mut attributes = Vec::new();
                self.add_server(call.server, &mut attributes);
                call.span.set_attributes(attributes);
            }
            if let Some(answered) = &outcome.answered {
                call.set_answer(answered.body());
                call.set(names::RESPONSE_MODEL, model.clone());
                if self.settings.record_content {
                    call.set("gen_ai.output.messages", content::output(&answered.completion()));
                }
            }
            if let Some(error) = outcome.error {
                call.span.set_status(Status::error(error.to_string()));
            }
        }
        call.span.end();
        let Some(histograms) = &self.histograms else { return };
        let mut attributes = self.metric_attributes(&call, model);
        histograms.record_duration(outcome.duration, error_type, &mut attributes);
        if let Some(time) = outcome.time_to_first_chunk {
            histograms.time_to_first_chunk.record(time.as_secs_f64(), &attributes);
        }
        if let Some(usage) = outcome.usage() {
            let output = usage.completion_tokens();
            // embeddings have none
            let output = (output > 0 || call.operation.as_str() == names::CHAT).then_some(output);
            histograms.record_tokens(usage.prompt_tokens(), output, &mut attributes);
        }
    }

    /// What all metrics of a call have.
    fn metric_attributes(&self, call: &CallSpan, answered: Option<StringValue>) -> Vec<KeyValue> {
        let mut attributes = Vec::with_capacity(7);
        attributes.push(KeyValue::new(names::OPERATION_NAME, call.operation.clone()));
        attributes.push(KeyValue::new(names::PROVIDER_NAME, names::PROVIDER));
        if !call.model.as_str().is_empty() {
            attributes.push(KeyValue::new(names::REQUEST_MODEL, call.model.clone()));
        }
        if let Some(model) = answered {
            attributes.push(KeyValue::new(names::RESPONSE_MODEL, model));
        }
        self.add_server(call.server, &mut attributes);
        attributes
    }
}

impl CallSpan {
    /// Notes that another attempt follows.
    pub(in crate::client) fn on_retry(&mut self, retry: &RetryEvent) {
        let attributes = vec![
            KeyValue::new(names::ATTEMPT_NUMBER, i64::from(retry.attempt())),
            KeyValue::new("azure.ai.openai.retry.cause", retry.cause().to_string()),
            KeyValue::new("azure.ai.openai.retry.wait", retry.wait().as_secs_f64()),
        ];
        self.span.add_event("azure.ai.openai.retry", attributes);
    }

    fn set(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.span.set_attribute(KeyValue::new(name, value));
        }
    }

    fn set_end(&mut self, outcome: &CallOutcome<'_>, error_type: Option<StringValue>) {
        self.set("azure.ai.openai.end", Some(outcome.end.as_str()));
        self.set(names::ERROR_TYPE, error_type);
        self.set("azure.ai.openai.attempts", Some(i64::from(outcome.attempts)));
        self.set("azure.ai.openai.content_filter.state", Some(outcome.filter_state().as_str()));
        self.set("gen_ai.response.time_to_first_chunk", outcome.time_to_first_chunk.map(|time| time.as_secs_f64()));
        if let Some(metadata) = outcome.metadata {
            self.set("azure.service.request.id", metadata.request_id().map(str::to_owned));
            self.set("azure.ai.openai.region", metadata.region().map(str::to_owned));
            self.set("azure.ai.openai.response.deployment", metadata.deployment().map(str::to_owned));
            self.set("azure.ai.openai.spillover_from", metadata.spillover_from().map(str::to_owned));
        }
        let reasons = outcome.finish_reasons(finish_reason);
        if !reasons.is_empty() {
            self.set("gen_ai.response.finish_reasons", Some(Value::Array(Array::String(reasons))));
        }
        if let Some(usage) = outcome.usage() {
            self.set_usage(usage);
        }
    }

    fn set_usage(&mut self, usage: &Usage) {
        for (name, tokens) in [
            ("gen_ai.usage.input_tokens", usage.prompt_tokens()),
            ("gen_ai.usage.output_tokens", usage.completion_tokens()),
            ("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens()),
            ("gen_ai.usage.reasoning.output_tokens", usage.reasoning_tokens()),
        ] {
            self.set(name, i64::try_from(tokens).ok());
        }
    }

    fn set_answer(&mut self, body: &CompletionBody) {
        self.set("gen_ai.response.id", body.id.clone());
        self.set("openai.response.system_fingerprint", body.system_fingerprint.clone());
        self.set("openai.response.service_tier", body.service_tier.as_ref().map(|tier| tier.as_str().to_owned()));
    }
}

/// Adds the texts of a request.
fn describe_content(request: &ChatCompletionRequest, span: &mut BoxedSpan) {
    let stop = request.body.stop.as_ref().map(|stop| match stop {
        Stop::One(text) => strings(std::slice::from_ref(text)),
        Stop::Many(list) => strings(list),
    });
    let texts = [
        ("gen_ai.request.stop_sequences", stop),
        ("gen_ai.input.messages", Some(content::input(request).into())),
        ("gen_ai.tool.definitions", content::tools(request).map(Value::from)),
    ];
    span.set_attributes(texts.into_iter().filter_map(|(name, text)| Some(KeyValue::new(name, text?))));
}

/// A text whose clones are not copies.
fn shared(text: &str) -> StringValue {
    Arc::<str>::from(text).into()
}

fn strings(texts: &[String]) -> Value {
    Value::Array(Array::String(texts.iter().cloned().map(StringValue::from).collect()))
}

/// The text of a finish reason; of a known one without a copy.
fn finish_reason(reason: &FinishReason) -> StringValue {
    match FinishReason::KNOWN.iter().find(|known| *known == reason) {
        Some(known) => known.as_str().into(),
        None => reason.as_str().to_owned().into(),
    }
}

/// The service's code, else the status, else the kind of the error; none for a call that was completed.
fn error_type(outcome: &CallOutcome<'_>) -> Option<StringValue> {
    match outcome.end {
        CallEnd::Completed => None,
        CallEnd::Dropped => Some("dropped".into()),
        CallEnd::Failed => Some(match (outcome.error_code(), outcome.status(), outcome.error_kind()) {
            (Some(code), ..) => code.to_owned().into(),
            (None, Some(status), _) if status >= 400 => status.to_string().into(),
            (None, _, Some(kind)) => kind.as_str().into(),
            (None, _, None) => "_OTHER".into(),
        }),
    }
}
