//! The pipeline of a call, whole or streamed: preflight, body, sending, reading, and sending once more after a repair.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::parts::Parts;
use super::record::{CallRecord, StreamRecord};
use super::repair::Repair;
use crate::error::{Error, ErrorKind, Result, completion_or_error, unexpected_body};
use crate::request::ChatCompletionRequest;
use crate::response::body_form::without_mark;
use crate::response::{ChatCompletion, ResponseMetadata};
use crate::stream::{ByteSource, ChatCompletionStream};
use crate::transport::body::{ByteStream, NO_CONTENT};
use crate::transport::{self, Answer, CHAT_COMPLETIONS, Call, CallObserver, CallOptions, Route};

/// How an answer comes: in one body, or as a stream.
pub(super) trait CallKind {
    type Answer: Send;

    const IS_STREAM: bool;

    fn send(
        client: &Arc<Parts>,
        call: Call<'_>,
        request: &ChatCompletionRequest,
    ) -> impl Future<Output = Result<Self::Answer>> + Send;

    /// The answer, whose record ends with it.
    fn recorded(
        answer: Self::Answer,
        record: Option<Box<CallRecord>>,
        client: &Arc<Parts>,
        request: &ChatCompletionRequest,
    ) -> Self::Answer;
}

/// An answer in one body.
pub(super) struct Whole;

impl CallKind for Whole {
    type Answer = ChatCompletion;

    const IS_STREAM: bool = false;

    async fn send(client: &Arc<Parts>, call: Call<'_>, request: &ChatCompletionRequest) -> Result<ChatCompletion> {
        let write = |route: &Route<'_>| write_body(request, route, Self::IS_STREAM);
        let read = |answer: Answer| read_completion(answer.bytes, &answer.metadata);
        let completion = client.transport.answer(call, write, read).await?;
        client.preflight.watch_answer(request, completion.model(), completion.metadata());
        Ok(completion)
    }

    fn recorded(
        answer: ChatCompletion,
        record: Option<Box<CallRecord>>,
        _: &Arc<Parts>,
        _: &ChatCompletionRequest,
    ) -> ChatCompletion {
        if let Some(mut record) = record {
            record.complete(&answer);
        }
        answer
    }
}

/// An answer as it arrives.
pub(super) struct Streamed;

impl CallKind for Streamed {
    type Answer = ChatCompletionStream;

    const IS_STREAM: bool = true;

    async fn send(
        client: &Arc<Parts>,
        call: Call<'_>,
        request: &ChatCompletionRequest,
    ) -> Result<ChatCompletionStream> {
        let write = |route: &Route<'_>| write_body(request, route, Self::IS_STREAM);
        let deployment = call.deployment;
        let bytes = client.transport.stream(call, transport::Streamed::Events, write).await?;
        let metadata = Arc::clone(bytes.metadata());
        client.preflight.watch_answer(request, None, &metadata);
        let mut stream = ChatCompletionStream::new(Box::new(Source(bytes)), metadata, Arc::clone(&client.templates))
            .for_call(deployment, request.n().unwrap_or(1));
        if let Some(limit) = client.max_event_bytes {
            stream = stream.max_event_bytes(limit);
        }
        Ok(stream)
    }

    fn recorded(
        answer: ChatCompletionStream,
        record: Option<Box<CallRecord>>,
        client: &Arc<Parts>,
        request: &ChatCompletionRequest,
    ) -> ChatCompletionStream {
        let observer = StreamRecord::observer(record, client, request, answer.shared_metadata());
        answer.with_observer(observer)
    }
}

/// Checks a request and sends it; once more without the parameters that the service refused, if the client may.
pub(super) async fn call<K: CallKind>(
    client: &Arc<Parts>,
    request: &ChatCompletionRequest,
    options: &CallOptions,
) -> Result<K::Answer> {
    let request = &*client.deployments.declare(request);
    let record = CallRecord::of_chat(client, request, K::IS_STREAM);
    match try_and_repair::<K>(client, request, options, record.as_deref()).await {
        Ok(answer) => Ok(K::recorded(answer, record, client, request)),
        Err(error) => {
            if let Some(mut record) = record {
                record.fail(&error);
            }
            Err(error)
        }
    }
}

async fn try_and_repair<K: CallKind>(
    client: &Arc<Parts>,
    request: &ChatCompletionRequest,
    options: &CallOptions,
    record: Option<&CallRecord>,
) -> Result<K::Answer> {
    let unfit = client.preflight.admit(&client.transport, request, K::IS_STREAM)?;
    let observer = record.map(|record| record as &dyn CallObserver);
    let call = |request, options, left_out, attempts_before| Call {
        affinity: ChatCompletionRequest::affinity_key(request),
        unfit: &unfit,
        observer,
        left_out,
        attempts_before,
        ..Call::post(CHAT_COMPLETIONS, request.deployment().name(), options)
    };
    let outcome = send::<K>(client, request, call(request, options, &[], 0)).await;
    let repair = match &outcome {
        Err(error) if client.repair_once => Repair::new(request, options, error, K::IS_STREAM),
        _ => None,
    };
    let Some(repair) = repair else { return outcome };
    let repaired = call(&repair.request, &repair.options, &repair.parameters, repair.attempts);
    // in a box: it is rare, and every call's future would have room for it
    Box::pin(send::<K>(client, &repair.request, repaired)).await
}

async fn send<K: CallKind>(client: &Arc<Parts>, request: &ChatCompletionRequest, call: Call<'_>) -> Result<K::Answer> {
    let options = call.options;
    let answer = K::send(client, call, request).await;
    answer.map_err(|error| {
        let error = client.transport.withhold_secrets(error, options).withhold_secrets(request.secrets());
        error.with_extras(|name| request.body.extra().is_some_and(|extra| extra.contains_key(name)))
    })
}

fn write_body(request: &ChatCompletionRequest, route: &Route<'_>, stream: bool) -> Result<Bytes> {
    /// What a request without messages takes, about.
    const BESIDE_TEXTS: usize = 512;
    let body = request.body_for(route.deployment, route.api_version, stream);
    // mostly texts, and an eighth more for names and escapes
    let texts = request.text_length();
    let mut json = Vec::with_capacity(texts.saturating_add(texts / 8).saturating_add(BESIDE_TEXTS));
    serde_json::to_writer(&mut json, &body).map_err(|error| {
        Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON").with_source(error)
    })?;
    Ok(Bytes::from(json))
}

/// The completion in a body with status 2xx. It can be something else: gateways answer with pages of HTML and with errors
/// of their own, and proxies cut bodies.
fn read_completion(bytes: Bytes, metadata: &Arc<ResponseMetadata>) -> Result<ChatCompletion> {
    let json = bytes.slice_ref(without_mark(&bytes));
    match ChatCompletion::from_bytes(json) {
        Ok(completion) => completion_or_error(completion, bytes, metadata, false),
        Err(error) => {
            let may_be_cut = metadata.status() != NO_CONTENT;
            let error = unexpected_body::no_completion(bytes, &error, may_be_cut);
            Err(error.with_metadata(Arc::clone(metadata)))
        }
    }
}

/// The bytes of the transport, for a stream.
struct Source(ByteStream);

impl ByteSource for Source {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        self.0.poll_next(cx)
    }

    fn note_event(&mut self) {
        self.0.note_event();
    }

    fn finish(self: Box<Self>) {
        self.0.finish();
    }
}
