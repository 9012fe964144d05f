//! A second try without the parameters that the service refused, the same for whole answers and streams.

use std::future::Future;
use std::sync::Arc;

use super::ChatClient;
use crate::error::{Error, Result};
use crate::request::ChatCompletionRequest;
use crate::response::{ChatCompletion, ResponseMetadata};
use crate::stream::ChatCompletionStream;
use crate::transport::CallOptions;

/// One of the two kinds of call.
pub(super) trait CallKind {
    type Answer: Send;

    const IS_STREAM: bool;

    fn send(
        client: &ChatClient,
        request: &ChatCompletionRequest,
        options: &CallOptions,
        unfit: &[usize],
    ) -> impl Future<Output = Result<Self::Answer>> + Send;

    fn metadata(answer: &Self::Answer) -> &ResponseMetadata;

    fn with_metadata(answer: Self::Answer, metadata: Arc<ResponseMetadata>) -> Self::Answer;
}

/// An answer in one body.
pub(super) struct Whole;

impl CallKind for Whole {
    type Answer = ChatCompletion;

    const IS_STREAM: bool = false;

    fn send(
        client: &ChatClient,
        request: &ChatCompletionRequest,
        options: &CallOptions,
        unfit: &[usize],
    ) -> impl Future<Output = Result<ChatCompletion>> + Send {
        client.send(request, options, unfit)
    }

    fn metadata(answer: &ChatCompletion) -> &ResponseMetadata {
        answer.metadata()
    }

    fn with_metadata(answer: ChatCompletion, metadata: Arc<ResponseMetadata>) -> ChatCompletion {
        answer.with_metadata(metadata)
    }
}

/// An answer as it arrives.
pub(super) struct Streamed;

impl CallKind for Streamed {
    type Answer = ChatCompletionStream;

    const IS_STREAM: bool = true;

    fn send(
        client: &ChatClient,
        request: &ChatCompletionRequest,
        options: &CallOptions,
        unfit: &[usize],
    ) -> impl Future<Output = Result<ChatCompletionStream>> + Send {
        client.open(request, options, unfit)
    }

    fn metadata(answer: &ChatCompletionStream) -> &ResponseMetadata {
        answer.metadata()
    }

    fn with_metadata(answer: ChatCompletionStream, metadata: Arc<ResponseMetadata>) -> ChatCompletionStream {
        answer.with_metadata(metadata)
    }
}

/// Checks a request and sends it; once more without what was refused, if the client may.
pub(super) async fn call<K: CallKind>(
    client: &ChatClient,
    request: &ChatCompletionRequest,
    options: &CallOptions,
) -> Result<K::Answer> {
    let unfit = client.admit(request, K::IS_STREAM)?;
    let error = match K::send(client, request, options, &unfit).await {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    let repair = if client.0.repair_once { Repair::new(request, options, &error, K::IS_STREAM) } else { None };
    let Some(repair) = repair else {
        return Err(error);
    };
    match K::send(client, &repair.request, &repair.options, &unfit).await {
        Ok(answer) => {
            let metadata = K::metadata(&answer).clone().with_repaired(repair.parameters, repair.attempts);
            Ok(K::with_metadata(answer, Arc::new(metadata)))
        }
        Err(error) => {
            let attempts = error.attempts().saturating_add(repair.attempts);
            Err(error.with_attempts(attempts))
        }
    }
}

/// The second try of a call, under the same id.
struct Repair {
    parameters: Vec<String>,
    request: ChatCompletionRequest,
    options: CallOptions,
    /// How often the request was sent as it was.
    attempts: u32,
}

impl Repair {
    /// None when the error is no refusal of a parameter, or the request cannot do without it.
    fn new(request: &ChatCompletionRequest, options: &CallOptions, error: &Error, is_stream: bool) -> Option<Self> {
        let parameters: Vec<String> = error.removable_parameters().into_iter().map(str::to_owned).collect();
        let (first, others) = parameters.split_first()?;
        let mut repaired = request.without(first, is_stream)?;
        for parameter in others {
            repaired = repaired.without(parameter, is_stream)?;
        }
        tracing::debug!(
            deployment = request.deployment().name(),
            parameters = parameters.join(", "),
            "sending again without the refused parameters"
        );
        let id = error.metadata().and_then(ResponseMetadata::client_request_id);
        let options = match id {
            Some(id) => options.clone().client_request_id(id),
            None => options.clone(),
        };
        Some(Self { parameters, request: repaired, options, attempts: error.attempts() })
    }
}
