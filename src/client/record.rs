//! The record of one call: what its observers, its span and its last log line are made from.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::observer::FirstChunkEvent;
use super::parts::Parts;
use super::summary::{Answered, CallEnd, CallOutcome, CallSummary};
use crate::error::{Error, ErrorKind};
use crate::model::Deployment;
use crate::request::ChatCompletionRequest;
use crate::response::{ChatCompletion, CompletionBody, FinishReason, ResponseMetadata, Usage};
use crate::stream::{ChatCompletionChunk, ChunkFold, StreamEnd, StreamObserver};
use crate::transport::{AttemptEvent, AttemptParts, CallObserver, RetryCause, RetryEvent};

/// A call under way. Dropped before its end, it ends as [`CallEnd::Dropped`]. In a box, so that the future of a call
/// without a record has no room for one.
pub(super) struct CallRecord {
    client: Arc<Parts>,
    operation: Cow<'static, str>,
    is_stream: bool,
    deployment: Deployment,
    started: Instant,
    metadata: Option<Arc<ResponseMetadata>>,
    time_to_first_chunk: Option<Duration>,
    /// Whether observers or the log get its summary, and not only a span.
    has_summary: bool,
    is_over: bool,
    sent: Mutex<Sent>,
}

/// What its attempts change.
struct Sent {
    attempts: u32,
    client_request_id: Option<Arc<str>>,
    #[cfg(feature = "telemetry")]
    span: Option<super::telemetry::CallSpan>,
}

impl CallRecord {
    /// The record of a chat completion; none for a client without observers, telemetry and a log of its calls.
    pub(super) fn of_chat(client: &Arc<Parts>, request: &ChatCompletionRequest, is_stream: bool) -> Option<Box<Self>> {
        Self::new(client, "chat/completions".into(), request.deployment(), Some(request), is_stream)
    }

    /// The record of another operation of a deployment.
    pub(super) fn of_json(client: &Arc<Parts>, deployment: &Deployment, operation: &str) -> Option<Box<Self>> {
        Self::new(client, operation.trim_matches('/').to_owned().into(), deployment, None, false)
    }

    fn new(
        client: &Arc<Parts>,
        operation: Cow<'static, str>,
        deployment: &Deployment,
        request: Option<&ChatCompletionRequest>,
        is_stream: bool,
    ) -> Option<Box<Self>> {
        let has_summary = !client.observers.is_empty() || tracing::enabled!(tracing::Level::DEBUG);
        let is_followed = has_summary;
        #[cfg(feature = "telemetry")]
        let span = client.telemetry.as_ref().and_then(|it| it.start(&operation, deployment, is_stream, request));
        #[cfg(feature = "telemetry")]
        let is_followed = is_followed || span.is_some();
        let _ = request;
        if !is_followed {
            return None;
        }
        Some(Box::new(Self {
            client: Arc::clone(client),
            operation,
            is_stream,
            deployment: deployment.clone(),
            started: Instant::now(),
            metadata: None,
            time_to_first_chunk: None,
            has_summary,
            is_over: false,
            sent: Mutex::new(Sent {
                attempts: 0,
                client_request_id: None,
                #[cfg(feature = "telemetry")]
                span,
            }),
        }))
    }

    /// Ends the call with its whole answer.
    pub(super) fn complete(&mut self, completion: &ChatCompletion) {
        self.metadata = Some(Arc::clone(completion.shared_metadata()));
        self.end(CallEnd::Completed, None, Some(Answered::Whole(completion)));
    }

    /// Ends a call of another operation. Of its answer the model and the tokens are noted.
    pub(super) fn end_json(record: Option<Box<Self>>, answer: Result<(&Value, &Arc<ResponseMetadata>), &Error>) {
        let Some(mut record) = record else { return };
        match answer {
            Ok((answer, metadata)) => {
                let model = answer.get("model").and_then(Value::as_str).map(str::to_owned);
                let usage = answer.get("usage").and_then(|usage| Usage::deserialize(usage).ok());
                let body = CompletionBody { model, usage, ..CompletionBody::default() };
                record.complete(&ChatCompletion::from_body(body).with_metadata(Arc::clone(metadata)));
            }
            Err(error) => record.fail(error),
        }
    }

    /// Ends the call with an error.
    pub(super) fn fail(&mut self, error: &Error) {
        self.end(CallEnd::Failed, Some(error), None);
    }

    /// Returns whether more chunks are wanted, which only the metrics are made from.
    fn on_chunk(&mut self, chunk: &ChatCompletionChunk) -> bool {
        let sent = self.sent.get_mut().unwrap_or_else(PoisonError::into_inner);
        if self.time_to_first_chunk.is_none() {
            let time = self.started.elapsed();
            self.time_to_first_chunk = Some(time);
            if !self.client.observers.is_empty() {
                let event = FirstChunkEvent {
                    deployment: self.deployment.shared_name(),
                    client_request_id: sent.client_request_id.clone().unwrap_or_default(),
                    time_to_first_chunk: time,
                };
                self.client.observers.notify(|observer| observer.on_first_chunk(&event));
            }
        }
        #[cfg(feature = "telemetry")]
        if let (Some(telemetry), Some(span)) = (&self.client.telemetry, &mut sent.span) {
            return telemetry.on_chunk(span, chunk);
        }
        let _ = chunk;
        false
    }

    fn attempt_event(&self, attempt: AttemptParts<'_>, client_request_id: Arc<str>) -> AttemptEvent {
        let has_same_name = attempt.deployment == self.deployment.name();
        let deployment = if has_same_name { self.deployment.shared_name() } else { attempt.deployment.into() };
        AttemptEvent::new(attempt.number, deployment, attempt.endpoint, client_request_id)
    }

    fn end(&mut self, end: CallEnd, error: Option<&Error>, answered: Option<Answered<'_>>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let sent = self.sent.get_mut().unwrap_or_else(PoisonError::into_inner);
        let outcome = CallOutcome {
            end,
            error,
            answered,
            metadata: error.and_then(Error::shared_metadata).or(self.metadata.as_ref()),
            attempts: sent.attempts,
            time_to_first_chunk: self.time_to_first_chunk,
            duration: self.started.elapsed(),
        };
        #[cfg(feature = "telemetry")]
        if let (Some(telemetry), Some(span)) = (&self.client.telemetry, sent.span.take()) {
            telemetry.end(span, &outcome);
        }
        if self.has_summary {
            let (operation, id) = (std::mem::take(&mut self.operation), sent.client_request_id.take());
            let summary = CallSummary::new(operation, self.is_stream, self.deployment.clone(), id, &outcome);
            log_end(&summary);
            self.client.observers.notify(|observer| observer.on_end(&summary));
        }
    }
}

impl CallObserver for CallRecord {
    fn on_attempt(&self, attempt: AttemptParts<'_>) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.attempts = attempt.number;
        #[cfg(feature = "telemetry")]
        if let (Some(telemetry), Some(span)) = (&self.client.telemetry, &mut sent.span) {
            telemetry.on_attempt(span, attempt);
        }
        if self.has_summary {
            let id = Arc::clone(sent.client_request_id.get_or_insert_with(|| attempt.client_request_id.into()));
            drop(sent);
            let event = self.attempt_event(attempt, id);
            self.client.observers.notify(|observer| observer.on_attempt(&event));
        }
    }

    fn on_retry(&self, failed: AttemptParts<'_>, cause: RetryCause, wait: Duration) {
        let failed = self.attempt_event(failed, failed.client_request_id.into());
        let retry = RetryEvent::new(failed, cause, wait);
        #[cfg(feature = "telemetry")]
        if let Some(span) = &mut self.sent.lock().unwrap_or_else(PoisonError::into_inner).span {
            span.on_retry(&retry);
        }
        self.client.observers.notify(|observer| observer.on_retry(&retry));
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        self.end(CallEnd::Dropped, None, None);
    }
}

fn log_end(call: &CallSummary) {
    let reasons = call.finish_reasons();
    tracing::debug!(
        deployment = call.deployment(),
        operation = call.operation(),
        model = call.model(),
        end = call.end().as_str(),
        kind = call.error_kind().map(ErrorKind::as_str),
        code = call.error_code(),
        status = call.status(),
        attempts = call.attempts(),
        request_id = call.request_id(),
        client_request_id = call.client_request_id(),
        elapsed_ms = call.duration().as_millis(),
        time_to_first_chunk_ms = call.time_to_first_chunk().map(|time| time.as_millis()),
        chunks = call.is_stream().then(|| call.chunk_count()),
        prompt_tokens = call.usage().map(|usage| usage.prompt_tokens()),
        completion_tokens = call.usage().map(|usage| usage.completion_tokens()),
        finish_reasons =
            (!reasons.is_empty()).then(|| reasons.iter().map(FinishReason::as_str).collect::<Vec<_>>().join(",")),
        content_filter = call.content_filter_state().as_str(),
        "ended"
    );
}

/// The observer of a stream for the record of its call and, until a chunk has the model, for the advice about the declared
/// model.
pub(super) struct StreamRecord {
    record: Option<Box<CallRecord>>,
    /// The client, and the deployment whose model is declared.
    declared: Option<(Arc<Parts>, Deployment)>,
}

impl StreamRecord {
    /// None for a call without a record and without a declared model.
    pub(super) fn observer(
        record: Option<Box<CallRecord>>,
        client: &Arc<Parts>,
        request: &ChatCompletionRequest,
        metadata: &Arc<ResponseMetadata>,
    ) -> Option<Box<dyn StreamObserver>> {
        let deployment = request.deployment();
        let declared = deployment.declared_model().map(|_| (Arc::clone(client), deployment.clone()));
        if record.is_none() && declared.is_none() {
            return None;
        }
        let record = record.map(|mut record| {
            record.metadata = Some(Arc::clone(metadata));
            record
        });
        Some(Box::new(Self { record, declared }))
    }
}

impl StreamObserver for StreamRecord {
    fn on_chunk(&mut self, chunk: &ChatCompletionChunk) -> bool {
        if self.declared.is_some()
            && let Some(model) = chunk.model().filter(|model| !model.is_empty())
            && let Some((client, deployment)) = self.declared.take()
        {
            client.preflight.watch_model(&deployment, model);
        }
        let records_more = self.record.as_mut().is_some_and(|record| record.on_chunk(chunk));
        self.declared.is_some() || records_more
    }

    fn on_end(self: Box<Self>, end: StreamEnd<'_>, fold: &ChunkFold) {
        if let Some(mut record) = self.record {
            let (end, error) = match end {
                StreamEnd::Completed => (CallEnd::Completed, None),
                StreamEnd::Failed(error) => (CallEnd::Failed, Some(error)),
                StreamEnd::Dropped => (CallEnd::Dropped, None),
            };
            record.end(end, error, Some(Answered::Streamed(fold)));
        }
    }
}
