//! A choice of an answer, [`Choice`], and why it ended.

use super::content_filter::{ContentFilterOffsets, ContentFilterResults, FilterState};
use super::logprobs::Logprobs;
use super::message::AssistantMessage;
use crate::wire::{open_enum, wire_struct};

wire_struct! {
    /// One of the answers to a request, which has more than one when it has a larger `n`.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#createchatcompletionresponse>
    #[doc(alias = "ChatChoice")]
    pub struct Choice {
        /// The number of the choice, from 0.
        index: u64 = "index",
        /// The message of the model.
        message: AssistantMessage = "message",
        /// Why the choice ended.
        finish_reason: FinishReason = "finish_reason",
        /// The log probabilities of its tokens, if the request has `logprobs`.
        logprobs: Logprobs = "logprobs",
        content_filter_results: ContentFilterResults = private "content_filter_results" | "content_filter_result",
        /// How far the asynchronous filter has checked the text.
        content_filter_offsets: ContentFilterOffsets = "content_filter_offsets",
    }
}

impl Choice {
    /// The text of the message. `None` when it has none.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.message.as_ref()?.text()
    }

    /// The content filter's results; without any category when the service sent none. The wire's
    /// `content_filter_results`, and `content_filter_result` in old api versions.
    #[doc(alias = "content_filter_results")]
    #[must_use]
    pub fn content_filter(&self) -> &ContentFilterResults {
        const NONE: &ContentFilterResults = &ContentFilterResults::EMPTY;
        self.content_filter_results.as_ref().unwrap_or(NONE)
    }

    /// The state of the choice: clean, filtered or not evaluated. A choice with the finish reason `content_filter` is
    /// filtered, even when no category is.
    #[must_use]
    pub fn content_filter_state(&self) -> FilterState {
        if self.finish_reason == Some(FinishReason::ContentFilter) {
            FilterState::Filtered
        } else {
            self.content_filter().state()
        }
    }
}

open_enum! {
    /// Why a choice ended.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#createchatcompletionresponse>
    pub enum FinishReason {
        /// The model finished, or wrote a stop sequence.
        Stop = "stop",
        /// The token limit was reached; hidden reasoning counts towards it.
        Length = "length",
        /// The model calls tools.
        ToolCalls = "tool_calls",
        /// The content filter cut the answer.
        ContentFilter = "content_filter",
        /// The model calls a function by the deprecated `functions`.
        FunctionCall = "function_call",
    }
}
