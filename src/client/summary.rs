//! The end of a call: its outcome while its answer is there, and the summary that outlives it, [`CallSummary`].

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, ServiceError};
use crate::model::{Deployment, Model};
use crate::response::{ChatCompletion, Choice, CompletionBody, FilterState, FinishReason, ResponseMetadata, Usage};
use crate::stream::ChunkFold;
use crate::wire::{closed_enum, getters};

closed_enum! {
    /// How a call ended.
    #[non_exhaustive]
    pub enum CallEnd {
        /// The whole answer came; a stream was read to its end.
        Completed = "completed",
        /// The call, or the stream, ended with an error.
        Failed = "failed",
        /// The caller dropped the future before the answer came, or the stream before its end.
        Dropped = "dropped",
    }
}

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

/// How a call ended, and with what. Borrowed, since a client without observers needs no copy.
pub(super) struct CallOutcome<'a> {
    pub(super) end: CallEnd,
    pub(super) error: Option<&'a Error>,
    pub(super) answered: Option<Answered<'a>>,
    /// Of the last answer.
    pub(super) metadata: Option<&'a Arc<ResponseMetadata>>,
    pub(super) attempts: u32,
    pub(super) time_to_first_chunk: Option<Duration>,
    pub(super) duration: Duration,
}

impl CallOutcome<'_> {
    pub(super) fn model(&self) -> Option<&str> {
        self.answered.as_ref()?.body().model.as_deref()
    }

    pub(super) fn usage(&self) -> Option<&Usage> {
        self.answered.as_ref()?.body().usage.as_ref()
    }

    /// Why the choices ended, in their order, each as `to` makes it.
    pub(super) fn finish_reasons<T>(&self, to: impl Fn(&FinishReason) -> T) -> Vec<T> {
        match &self.answered {
            Some(Answered::Whole(completion)) => {
                completion.choices().iter().filter_map(Choice::finish_reason).map(to).collect()
            }
            Some(Answered::Streamed(fold)) => fold.finish_reasons().map(to).collect(),
            None => Vec::new(),
        }
    }

    /// The state of prompt and answer together; filtered also for a prompt that was refused.
    pub(super) fn filter_state(&self) -> FilterState {
        match &self.answered {
            _ if self.error_kind() == Some(ErrorKind::ContentFiltered) => FilterState::Filtered,
            Some(answered) => answered.filter_state(),
            None => FilterState::NotEvaluated,
        }
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.error.and_then(Error::status).or(self.metadata.map(|metadata| metadata.status()))
    }

    pub(super) fn error_kind(&self) -> Option<ErrorKind> {
        self.error.map(Error::kind)
    }

    /// The service's code. A gateway can send a request back in it: only a name goes into logs and spans.
    pub(super) fn error_code(&self) -> Option<&str> {
        self.error?.service_error().and_then(ServiceError::printable_code)
    }
}

/// What came of an answer, whole or in part.
#[derive(Clone, Copy)]
pub(super) enum Answered<'a> {
    Whole(&'a ChatCompletion),
    Streamed(&'a ChunkFold),
}

impl Answered<'_> {
    pub(super) fn body(&self) -> &CompletionBody {
        match self {
            Self::Whole(completion) => &completion.body,
            Self::Streamed(fold) => fold.body(),
        }
    }

    fn filter_state(&self) -> FilterState {
        match self {
            Self::Whole(completion) => completion.content_filter_state(),
            Self::Streamed(fold) => fold.content_filter_state(),
        }
    }

    pub(super) fn chunk_count(&self) -> u64 {
        match self {
            Self::Whole(_) => 0,
            Self::Streamed(fold) => fold.chunk_count(),
        }
    }

    #[cfg(feature = "telemetry")]
    pub(super) fn completion(&self) -> Cow<'_, ChatCompletion> {
        match self {
            Self::Whole(completion) => Cow::Borrowed(completion),
            Self::Streamed(fold) => Cow::Owned(fold.completion()),
        }
    }
}
