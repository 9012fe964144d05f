//! The outcome of a call, from which its summary and its span are made.

#[cfg(feature = "telemetry")]
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, ServiceError};
use crate::response::{ChatCompletion, Choice, CompletionBody, FilterState, FinishReason, ResponseMetadata, Usage};
use crate::stream::ChunkFold;
use crate::wire::closed_enum;

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

/// How a call ended, and with what. It borrows what it has, since nobody may want a copy.
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
