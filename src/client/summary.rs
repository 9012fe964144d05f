//! The summary of a call that has ended, [`CallSummary`].

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::outcome::{Answered, CallEnd, CallOutcome};
use crate::error::ErrorKind;
use crate::model::{Deployment, Model};
use crate::response::{FilterState, FinishReason, ResponseMetadata, Usage};
use crate::wire::getters;

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

    /// The content filter's state of prompt and answer together; filtered also for a prompt that was refused.
    #[must_use]
    pub fn content_filter_state(&self) -> FilterState {
        self.filter_state
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
}

getters! { summary: CallSummary => summary;
    /// How the call ended.
    end: Plain<CallEnd>;
    /// The operation, as in its path: `chat/completions`, or what [`post_json`](crate::ChatClient::post_json) was given.
    operation: Text;
    /// Whether the answer was to come as a stream.
    is_stream: Plain<bool>;
    /// The model and version that answered, such as `gpt-4o-2024-08-06`.
    model: String;
    /// The tokens of the call, if the service sent them. A stream that was dropped has none: they come in its last chunk.
    usage: Usage;
    /// Why the choices ended, in their order; empty when none has.
    finish_reasons: Slice<FinishReason>;
    /// The number of chunks that were read from a stream.
    chunk_count: Plain<u64>;
    /// The time from the start of the call to the first chunk of a stream, retries included.
    time_to_first_chunk: Copied<Duration>;
    /// The time from the start of the call to its end, retries included. For a stream, also the time that its reader took.
    duration: Plain<Duration>;
    /// The number of times the request was sent; zero when it was refused before.
    attempts: Plain<u32>;
    /// The id that all attempts of the call share; none when nothing was sent.
    client_request_id: String;
    /// The status and headers of the last answer, if there was one.
    metadata: Shared<ResponseMetadata>;
    /// The HTTP status of the last answer, if there was one; for a call that failed, as [`Error::status`](crate::Error::status).
    status: Copied<u16>;
    /// The kind of the error of a call that failed.
    error_kind: Copied<ErrorKind>;
    /// The service's code of the error of a call that failed, such as `content_filter`. `None` when it is no name, as
    /// from a gateway that puts a sentence there; `Error::code` has it as it came.
    error_code: String;
}
