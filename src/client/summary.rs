//! The summary of a call that has ended, [`CallSummary`].

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::outcome::{Answered, CallEnd, CallOutcome};
use crate::error::ErrorKind;
use crate::model::{Deployment, Model};
use crate::response::{FilterState, FinishReason, ResponseMetadata, Usage};

/// A call that has ended, as [`Observer::on_end`](crate::Observer::on_end) gets it. Holds no secret and nothing of prompt
/// or answer.
#[derive(Debug, Clone)]
pub struct CallSummary {
    operation: Cow<'static, str>,
    is_stream: bool,
    deployment: Deployment,
    end: CallEnd,
    model: Option<String>,
    usage: Option<Usage>,
    finish_reasons: Vec<FinishReason>,
    filter_state: FilterState,
    chunk_count: u64,
    time_to_first_chunk: Option<Duration>,
    duration: Duration,
    attempts: u32,
    client_request_id: Option<Arc<str>>,
    metadata: Option<Arc<ResponseMetadata>>,
    status: Option<u16>,
    error_kind: Option<ErrorKind>,
    error_code: Option<String>,
}

impl CallSummary {
    pub(super) fn new(
        operation: Cow<'static, str>,
        is_stream: bool,
        deployment: Deployment,
        client_request_id: Option<Arc<str>>,
        outcome: &CallOutcome<'_>,
    ) -> Self {
        Self {
            operation,
            is_stream,
            deployment,
            end: outcome.end,
            model: outcome.model().map(str::to_owned),
            usage: outcome.usage().cloned(),
            finish_reasons: outcome.finish_reasons(FinishReason::clone),
            filter_state: outcome.filter_state(),
            chunk_count: outcome.answered.as_ref().map_or(0, Answered::chunk_count),
            time_to_first_chunk: outcome.time_to_first_chunk,
            duration: outcome.duration,
            attempts: outcome.attempts,
            client_request_id,
            metadata: outcome.metadata.cloned(),
            status: outcome.status(),
            error_kind: outcome.error_kind(),
            error_code: outcome.error_code().map(str::to_owned),
        }
    }

    /// How the call ended.
    #[must_use]
    pub fn end(&self) -> CallEnd {
        self.end
    }

    /// The operation, as in its path: `chat/completions`, or what [`post_json`](crate::ChatClient::post_json) was given.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// Whether the answer was to come as a stream.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// The deployment of the request. Another can have answered: see [`ResponseMetadata::deployment`].
    #[must_use]
    pub fn deployment(&self) -> &str {
        self.deployment.name()
    }

    /// The model that is declared for the deployment.
    #[must_use]
    pub fn declared_model(&self) -> Option<&Model> {
        self.deployment.declared_model()
    }

    /// The model and version that answered, such as `gpt-4o-2024-08-06`.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The tokens of the call, if the service sent them. A stream that was dropped has none: they come in its last chunk.
    #[must_use]
    pub fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    /// Why the choices ended, in their order; empty when none has.
    #[must_use]
    pub fn finish_reasons(&self) -> &[FinishReason] {
        &self.finish_reasons
    }

    /// The content filter's state of prompt and answer together; filtered also for a prompt that was refused.
    #[must_use]
    pub fn content_filter_state(&self) -> FilterState {
        self.filter_state
    }

    /// The number of chunks that were read from a stream.
    #[must_use]
    pub fn chunk_count(&self) -> u64 {
        self.chunk_count
    }

    /// The time from the start of the call to the first chunk of a stream, retries included.
    #[must_use]
    pub fn time_to_first_chunk(&self) -> Option<Duration> {
        self.time_to_first_chunk
    }

    /// The time from the start of the call to its end, retries included. For a stream, also the time that its reader took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// The number of times the request was sent; zero when it was refused before.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The id that all attempts of the call share; none when nothing was sent.
    #[must_use]
    pub fn client_request_id(&self) -> Option<&str> {
        self.client_request_id.as_deref()
    }

    /// The status and headers of the last answer, if there was one.
    #[must_use]
    pub fn metadata(&self) -> Option<&ResponseMetadata> {
        self.metadata.as_deref()
    }

    /// The HTTP status of the last answer, if there was one; for a call that failed, as [`Error::status`](crate::Error::status).
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The id to quote to Azure support; see [`ResponseMetadata::request_id`].
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.metadata()?.request_id()
    }

    /// The region that answered, such as `East US 2`.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.metadata()?.region()
    }

    /// The provisioned deployment from which the call spilled over to a standard one.
    #[must_use]
    pub fn spillover_from(&self) -> Option<&str> {
        self.metadata()?.spillover_from()
    }

    /// The kind of the error of a call that failed.
    #[must_use]
    pub fn error_kind(&self) -> Option<ErrorKind> {
        self.error_kind
    }

    /// The service's code of the error of a call that failed, such as `content_filter`. `None` when it is no name, as
    /// from a gateway that puts a sentence there; `Error::code` has it as it came.
    #[must_use]
    pub fn error_code(&self) -> Option<&str> {
        self.error_code.as_deref()
    }
}
