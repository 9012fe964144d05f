//! What came of an answer, whole or as a stream.

#[cfg(feature = "telemetry")]
use std::borrow::Cow;

use crate::response::{ChatCompletion, Choice, CompletionBody, FilterState, FinishReason};
use crate::stream::ChunkFold;

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

    pub(super) fn finish_reasons(&self) -> Vec<FinishReason> {
        match self {
            Self::Whole(completion) => completion.choices().iter().filter_map(Choice::finish_reason).cloned().collect(),
            Self::Streamed(fold) => fold.finish_reasons().cloned().collect(),
        }
    }

    pub(super) fn filter_state(&self) -> FilterState {
        match self {
            Self::Whole(completion) => completion.content_filter_state(),
            Self::Streamed(fold) => fold.content_filter_state(),
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
