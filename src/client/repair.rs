//! The repair of a call: its request without the parameters that the service refused, whole or streamed.

use crate::error::Error;
use crate::request::ChatCompletionRequest;
use crate::response::ResponseMetadata;
use crate::transport::CallOptions;

/// A request without the parameters that were refused, and the options of the call with the request id of the first try.
pub(super) struct Repair {
    pub(super) parameters: Vec<String>,
    pub(super) request: ChatCompletionRequest,
    pub(super) options: CallOptions,
    /// The attempts of the first try.
    pub(super) attempts: u32,
}

impl Repair {
    /// `None` when the error is no refusal of a parameter, or when the request cannot be sent without it.
    pub(super) fn new(
        request: &ChatCompletionRequest,
        options: &CallOptions,
        error: &Error,
        is_stream: bool,
    ) -> Option<Self> {
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
