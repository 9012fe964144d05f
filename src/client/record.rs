//! The record of one call: what its observers, its span and its last log line are made from.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::answered::Answered;
use super::observer::FirstChunkEvent;
use super::parts::Parts;
use super::summary::{CallEnd, CallSummary};
use crate::error::{Error, ErrorKind, ServiceError};
use crate::model::Deployment;
use crate::request::ChatCompletionRequest;
use crate::response::{ChatCompletion, CompletionBody, FilterState, FinishReason, ResponseMetadata, Usage};
use crate::stream::{ChatCompletionChunk, ChunkFold, StreamEnd, StreamObserver};
use crate::transport::{AttemptEvent, CallObserver, RetryEvent};

/// A call under way. Dropped before its end, it ends as [`CallEnd::Dropped`].
pub(super) struct CallRecord {
    client: Arc<Parts>,
    started: Instant,
    state: Mutex<State>,
}

struct State {
    summary: CallSummary,
    is_over: bool,
    #[cfg(feature = "telemetry")]
    span: Option<super::telemetry::CallSpan>,
}

impl CallRecord {
    /// The record of a chat completion; none when nobody follows the calls of the client.
    pub(super) fn of_chat(client: &Arc<Parts>, request: &ChatCompletionRequest, is_stream: bool) -> Option<Self> {
        Self::new(client, "chat/completions".into(), request.deployment(), Some(request), is_stream)
    }

    /// The record of another operation of a deployment.
    pub(super) fn of_json(client: &Arc<Parts>, deployment: &Deployment, operation: &str) -> Option<Self> {
        Self::new(client, operation.trim_matches('/').to_owned().into(), deployment, None, false)
    }

    fn new(
        client: &Arc<Parts>,
        operation: Cow<'static, str>,
        deployment: &Deployment,
        request: Option<&ChatCompletionRequest>,
        is_stream: bool,
    ) -> Option<Self> {
        let is_followed = !client.observers.is_empty() || tracing::enabled!(tracing::Level::DEBUG);
        #[cfg(feature = "telemetry")]
        let is_followed = is_followed || client.telemetry.is_some();
        if !is_followed {
            return None;
        }
        let summary = CallSummary::new(operation, is_stream, deployment.clone());
        #[cfg(feature = "telemetry")]
        let span = client.telemetry.as_ref().map(|telemetry| telemetry.start(&summary, request));
        let _ = request;
        let state = State {
            summary,
            is_over: false,
            #[cfg(feature = "telemetry")]
            span,
        };
        Some(Self { client: Arc::clone(client), started: Instant::now(), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the call with its whole answer.
    pub(super) fn complete(mut self, completion: &ChatCompletion) {
        self.note_metadata(completion.shared_metadata());
        self.end(CallEnd::Completed, None, Some(Answered::Whole(completion)));
    }

    /// Ends the call with the answer of another operation, of which the model and the tokens are noted.
    pub(super) fn complete_json(self, answer: &Value, metadata: &Arc<ResponseMetadata>) {
        let model = answer.get("model").and_then(Value::as_str).map(str::to_owned);
        let usage = answer.get("usage").and_then(|usage| Usage::deserialize(usage).ok());
        let body = CompletionBody { model, usage, ..CompletionBody::default() };
        self.complete(&ChatCompletion::from_body(body).with_metadata(Arc::clone(metadata)));
    }

    /// Ends the call with an error.
    pub(super) fn fail(mut self, error: &Error) {
        self.end(CallEnd::Failed, Some(error), None);
    }

    fn note_metadata(&mut self, metadata: &Arc<ResponseMetadata>) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.summary.metadata = Some(Arc::clone(metadata));
    }

    fn on_chunk(&mut self, chunk: &ChatCompletionChunk) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        #[cfg(feature = "telemetry")]
        if let (Some(telemetry), Some(span)) = (&self.client.telemetry, &mut state.span) {
            telemetry.on_chunk(span, chunk);
        }
        let _ = chunk;
        if state.summary.time_to_first_chunk.is_none() {
            self.note_first_chunk();
        }
    }

    fn note_first_chunk(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let time = self.started.elapsed();
        state.summary.time_to_first_chunk = Some(time);
        if !self.client.observers.is_empty() {
            let event = FirstChunkEvent {
                deployment: state.summary.deployment().to_owned(),
                client_request_id: state.summary.client_request_id.clone().unwrap_or_default(),
                time_to_first_chunk: time,
            };
            self.client.observers.notify(|observer| observer.on_first_chunk(&event));
        }
    }

    fn end(&mut self, end: CallEnd, error: Option<&Error>, answered: Option<Answered<'_>>) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut state.is_over, true) {
            return;
        }
        let summary = &mut state.summary;
        summary.end = end;
        summary.duration = self.started.elapsed();
        if let Some(answered) = answered {
            summary.model = answered.body().model.clone();
            summary.usage = answered.body().usage.clone();
            summary.finish_reasons = answered.finish_reasons();
            summary.filter_state = answered.filter_state();
        }
        if let Some(Answered::Streamed(fold)) = answered {
            summary.chunk_count = fold.chunk_count();
        }
        if let Some(error) = error {
            summary.error_kind = Some(error.kind());
            // a gateway can send a request back in its `code`: only a name goes into logs and spans
            summary.error_code = error.service_error().and_then(ServiceError::printable_code).map(str::to_owned);
            summary.metadata = error.shared_metadata().cloned().or(summary.metadata.take());
            if error.kind() == ErrorKind::ContentFiltered {
                summary.filter_state = FilterState::Filtered;
            }
        }
        summary.status = error.and_then(Error::status).or(summary.metadata().map(ResponseMetadata::status));
        log_end(summary);
        #[cfg(feature = "telemetry")]
        if let (Some(telemetry), Some(span)) = (&self.client.telemetry, state.span.take()) {
            telemetry.end(span, &state.summary, error, answered);
        }
        self.client.observers.notify(|observer| observer.on_end(&state.summary));
    }
}

impl CallObserver for CallRecord {
    fn on_attempt(&self, mut attempt: AttemptEvent) {
        let mut state = self.state();
        // counted here, since a repaired call is sent twice
        state.summary.attempts = state.summary.attempts.saturating_add(1);
        attempt.attempt = state.summary.attempts;
        if state.summary.client_request_id.is_none() {
            state.summary.client_request_id = Some(attempt.client_request_id.clone());
        }
        #[cfg(feature = "telemetry")]
        if let (Some(telemetry), Some(span)) = (&self.client.telemetry, &mut state.span) {
            telemetry.on_attempt(span, &attempt);
        }
        drop(state);
        self.client.observers.notify(|observer| observer.on_attempt(&attempt));
    }

    fn on_retry(&self, mut retry: RetryEvent) {
        {
            #[cfg_attr(not(feature = "telemetry"), expect(unused_mut, reason = "only the span is changed"))]
            let mut state = self.state();
            retry.failed.attempt = state.summary.attempts;
            #[cfg(feature = "telemetry")]
            if let Some(span) = &mut state.span {
                span.on_retry(&retry);
            }
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

/// Follows a stream for its call's record, and until its model is known for the advice on the declared one.
pub(super) struct StreamRecord {
    record: Option<CallRecord>,
    /// The client, and the deployment whose model is declared.
    declared: Option<(Arc<Parts>, Deployment)>,
}

impl StreamRecord {
    /// None when nothing of the stream is of interest.
    pub(super) fn observer(
        record: Option<CallRecord>,
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
            record.note_metadata(metadata);
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
        let Some(record) = &mut self.record else {
            return self.declared.is_some();
        };
        record.on_chunk(chunk);
        true
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
