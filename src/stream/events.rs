//! The events of an answer, [`StreamEvent`]: content, tool calls, filter results, usage and ends; and how chunks become
//! events.
//!
//! The cost of an event is proportional to what it adds: none has the text so far. The one exception is a finished tool
//! call, which comes whole, once.

use std::collections::VecDeque;

use super::chunk::{ChatCompletionChunk, ChunkChoice};
use super::fold::ChunkFold;
use crate::response::{
    Annotation, Audio, ContentFilterOffsets, ContentFilterResults, FinishReason, Logprobs, MessageContext,
    PromptFilterResult, ToolCall, Usage,
};
use crate::wire::Shared;

/// An event of an answer that arrives. `choice` is the index of the choice it belongs to.
///
/// # Example: tool calls as they are finished
///
/// ```no_run
/// # use azure_openai_chat::{ChatCompletionStream, StreamEvent};
/// # use futures::TryStreamExt;
/// # async fn run(mut stream: ChatCompletionStream) -> azure_openai_chat::Result<()> {
/// let mut events = stream.events();
/// while let Some(event) = events.try_next().await? {
///     if let StreamEvent::ToolCallDone { tool_call, .. } = event {
///         println!("{} with {} bytes of arguments", tool_call.name(), tool_call.input().len());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The content filter's results for the prompt.
    #[non_exhaustive]
    PromptFilter {
        /// The results.
        results: Vec<PromptFilterResult>,
    },
    /// Text was added.
    #[non_exhaustive]
    Content {
        /// The index of the choice.
        choice: u64,
        /// The text added.
        text: String,
    },
    /// Text was added to a refusal.
    #[non_exhaustive]
    Refusal {
        /// The index of the choice.
        choice: u64,
        /// The text added.
        text: String,
    },
    /// Reasoning was added.
    #[non_exhaustive]
    Reasoning {
        /// The index of the choice.
        choice: u64,
        /// The text added.
        text: String,
    },
    /// Audio was added: a piece of its data, its transcript, or both.
    #[non_exhaustive]
    Audio {
        /// The index of the choice.
        choice: u64,
        /// What was added.
        audio: Box<Audio>,
    },
    /// The log probabilities of added tokens.
    #[non_exhaustive]
    Logprobs {
        /// The index of the choice.
        choice: u64,
        /// Those of the tokens added.
        logprobs: Box<Logprobs>,
    },
    /// Annotations of the text, as citations of web pages.
    #[non_exhaustive]
    Annotations {
        /// The index of the choice.
        choice: u64,
        /// The annotations added.
        annotations: Vec<Annotation>,
    },
    /// A tool call began.
    #[non_exhaustive]
    ToolCallStarted {
        /// The index of the choice.
        choice: u64,
        /// The position of the call in its choice, from 0, in the order in which calls began.
        call: usize,
        /// The id of the call.
        id: String,
        /// The name of the tool.
        name: String,
    },
    /// A tool call's arguments, or a custom tool's input, grew.
    #[non_exhaustive]
    ToolCallArguments {
        /// The index of the choice.
        choice: u64,
        /// The position of the call in its choice.
        call: usize,
        /// The text added.
        text: String,
    },
    /// A tool call is complete: its choice ended.
    #[non_exhaustive]
    ToolCallDone {
        /// The index of the choice.
        choice: u64,
        /// The position of the call in its choice.
        call: usize,
        /// The whole call.
        tool_call: ToolCall,
    },
    /// On Your Data found passages.
    #[non_exhaustive]
    Context {
        /// The index of the choice.
        choice: u64,
        /// The passages.
        context: Box<MessageContext>,
    },
    /// The content filter's results for a choice, when they differ from those before.
    #[non_exhaustive]
    ContentFilter {
        /// The index of the choice.
        choice: u64,
        /// The results.
        results: Box<ContentFilterResults>,
        /// How far the asynchronous filter has checked the answer; `None` in default mode.
        offsets: Option<ContentFilterOffsets>,
    },
    /// A choice ended.
    #[non_exhaustive]
    Finished {
        /// The index of the choice.
        choice: u64,
        /// The reason.
        reason: FinishReason,
    },
    /// The tokens of the call.
    #[non_exhaustive]
    Usage {
        /// The tokens.
        usage: Usage,
    },
}

/// Prints types and indexes, never text.
impl std::fmt::Debug for StreamEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PromptFilter { results } => f.debug_struct("PromptFilter").field("results", results).finish(),
            Self::Content { choice, .. } => f.debug_struct("Content").field("choice", choice).finish_non_exhaustive(),
            Self::Refusal { choice, .. } => f.debug_struct("Refusal").field("choice", choice).finish_non_exhaustive(),
            Self::Reasoning { choice, .. } => {
                f.debug_struct("Reasoning").field("choice", choice).finish_non_exhaustive()
            }
            Self::Audio { choice, .. } => f.debug_struct("Audio").field("choice", choice).finish_non_exhaustive(),
            Self::Logprobs { choice, .. } => f.debug_struct("Logprobs").field("choice", choice).finish_non_exhaustive(),
            Self::Annotations { choice, .. } => {
                f.debug_struct("Annotations").field("choice", choice).finish_non_exhaustive()
            }
            Self::ToolCallStarted { choice, call, id, name } => f
                .debug_struct("ToolCallStarted")
                .field("choice", choice)
                .field("call", call)
                .field("id", id)
                .field("name", name)
                .finish(),
            Self::ToolCallArguments { choice, call, .. } => {
                f.debug_struct("ToolCallArguments").field("choice", choice).field("call", call).finish_non_exhaustive()
            }
            Self::ToolCallDone { choice, call, tool_call } => f
                .debug_struct("ToolCallDone")
                .field("choice", choice)
                .field("call", call)
                .field("tool_call", tool_call)
                .finish(),
            Self::Context { choice, context } => {
                f.debug_struct("Context").field("choice", choice).field("context", context).finish()
            }
            Self::ContentFilter { choice, results, offsets } => f
                .debug_struct("ContentFilter")
                .field("choice", choice)
                .field("results", results)
                .field("offsets", offsets)
                .finish(),
            Self::Finished { choice, reason } => {
                f.debug_struct("Finished").field("choice", choice).field("reason", reason).finish()
            }
            Self::Usage { usage } => f.debug_struct("Usage").field("usage", usage).finish(),
        }
    }
}

/// The chunks of a stream as events.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    /// The events of the last chunk that are not returned yet.
    due: VecDeque<StreamEvent>,
    choices: Vec<ChoiceProgress>,
}

/// The events of a choice that were returned, or are due.
#[derive(Debug, Default)]
struct ChoiceProgress {
    index: u64,
    calls_started: usize,
    calls_done: usize,
    filter: Option<Shared<ContentFilterResults>>,
}

impl EventQueue {
    pub(super) fn pop(&mut self) -> Option<StreamEvent> {
        self.due.pop_front()
    }

    /// Adds the events of a chunk that `fold` has added.
    pub(super) fn push_chunk(&mut self, chunk: &ChatCompletionChunk, fold: &mut ChunkFold) {
        if !chunk.prompt_filter_results().is_empty() {
            self.due.push_back(StreamEvent::PromptFilter { results: chunk.prompt_filter_results().to_vec() });
        }
        for choice in chunk.choices() {
            self.push_choice(&choice, fold);
        }
        if let Some(usage) = chunk.usage() {
            self.due.push_back(StreamEvent::Usage { usage: usage.clone() });
        }
    }

    fn push_choice(&mut self, choice: &ChunkChoice<'_>, fold: &mut ChunkFold) {
        let index = choice.index();
        let added = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(text) = added(choice.reasoning_content()) {
            self.due.push_back(StreamEvent::Reasoning { choice: index, text });
        }
        if let Some(text) = added(choice.content()) {
            self.due.push_back(StreamEvent::Content { choice: index, text });
        }
        if let Some(text) = added(choice.refusal()) {
            self.due.push_back(StreamEvent::Refusal { choice: index, text });
        }
        if let Some(audio) = choice.audio() {
            self.due.push_back(StreamEvent::Audio { choice: index, audio: Box::new(audio.clone()) });
        }
        if let Some(logprobs) = choice.logprobs() {
            self.due.push_back(StreamEvent::Logprobs { choice: index, logprobs: Box::new(logprobs.clone()) });
        }
        if !choice.annotations().is_empty() {
            self.due.push_back(StreamEvent::Annotations { choice: index, annotations: choice.annotations().to_vec() });
        }
        if let Some(context) = choice.context() {
            self.due.push_back(StreamEvent::Context { choice: index, context: Box::new(context.clone()) });
        }
        self.push_calls(choice, fold);
        self.push_filter(choice);
        if let Some(reason) = choice.finish_reason().filter(|reason| !reason.as_str().is_empty()) {
            self.push_calls_done(index, fold);
            self.due.push_back(StreamEvent::Finished { choice: index, reason: reason.clone() });
        }
    }

    /// The fold has joined the pieces already, and has the call that each belongs to.
    fn push_calls(&mut self, choice: &ChunkChoice<'_>, fold: &ChunkFold) {
        let index = choice.index();
        if choice.tool_calls().next().is_none() {
            return;
        }
        let started = self.progress(index).calls_started;
        for (call, tool_call) in fold.tool_calls(index).enumerate().skip(started) {
            let (id, name) = (tool_call.id().to_owned(), tool_call.name().to_owned());
            self.due.push_back(StreamEvent::ToolCallStarted { choice: index, call, id, name });
        }
        let started = fold.tool_calls(index).count();
        for piece in choice.tool_calls() {
            let Some(text) = piece.arguments().or(piece.custom_input()).filter(|text| !text.is_empty()) else {
                continue;
            };
            let call = fold.call_of(index, &piece).unwrap_or(0);
            self.due.push_back(StreamEvent::ToolCallArguments { choice: index, call, text: text.to_owned() });
        }
        self.progress(index).calls_started = started;
    }

    fn push_calls_done(&mut self, index: u64, fold: &mut ChunkFold) {
        fold.settle(|choice| choice == index);
        let done = self.progress(index).calls_done;
        for (call, tool_call) in fold.tool_calls(index).enumerate().skip(done) {
            let tool_call = tool_call.clone();
            self.due.push_back(StreamEvent::ToolCallDone { choice: index, call, tool_call });
        }
        self.progress(index).calls_done = fold.tool_calls(index).count();
    }

    fn push_filter(&mut self, choice: &ChunkChoice<'_>) {
        let Some(results) = choice.shared_results() else {
            return;
        };
        let offsets = choice.content_filter_offsets().cloned();
        let progress = self.progress(choice.index());
        let is_same = progress.filter.as_ref().is_some_and(|last| last.is(results) || last == results);
        let is_empty = || results.states().next().is_none() && results.error.is_none();
        if (is_same && offsets.is_none()) || is_empty() {
            return;
        }
        progress.filter = Some(results.clone());
        let results = Box::new(ContentFilterResults::clone(results));
        self.due.push_back(StreamEvent::ContentFilter { choice: choice.index(), results, offsets });
    }

    fn progress(&mut self, index: u64) -> &mut ChoiceProgress {
        let at = self.choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
            self.choices.push(ChoiceProgress { index, ..ChoiceProgress::default() });
            self.choices.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "`at` is the position of a choice that exists")]
        &mut self.choices[at]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn events(chunks: &[Value]) -> Vec<StreamEvent> {
        let (mut queue, mut fold) = (EventQueue::default(), ChunkFold::new());
        for chunk in chunks {
            let chunk = serde_json::from_value(chunk.clone()).unwrap();
            fold.push(&chunk);
            queue.push_chunk(&chunk, &mut fold);
        }
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn a_tool_call_starts_grows_and_is_done() {
        let piece = |piece: Value| json!({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]});
        let all = events(&[
            piece(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}})),
            piece(json!({"index": 1, "id": "b", "function": {"name": "g", "arguments": "{"}})),
            piece(json!({"index": 0, "function": {"arguments": "{}"}})),
            piece(json!({"index": 1, "function": {"arguments": "}"}})),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
        ]);
        let names: Vec<String> = all
            .iter()
            .map(|event| match event {
                StreamEvent::ToolCallStarted { call, name, .. } => format!("start {call} {name}"),
                StreamEvent::ToolCallArguments { call, text, .. } => format!("grow {call} {text}"),
                StreamEvent::ToolCallDone { call, tool_call, .. } => format!("done {call} {}", tool_call.input()),
                StreamEvent::Finished { reason, .. } => format!("finished {reason}"),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            names,
            [
                "start 0 f",
                "start 1 g",
                "grow 1 {",
                "grow 0 {}",
                "grow 1 }",
                "done 0 {}",
                "done 1 {}",
                "finished tool_calls"
            ]
        );
    }

    #[test]
    fn audio_log_probabilities_and_annotations_are_events() {
        let all = events(&[json!({"choices": [{"index": 2,
            "delta": {"audio": {"id": "a", "transcript": "Hi"}, "annotations": [{"type": "url_citation"}]},
            "logprobs": {"content": [{"token": "Hi", "logprob": -0.1}]}}]})]);
        let [
            StreamEvent::Audio { choice: 2, audio },
            StreamEvent::Logprobs { choice: 2, logprobs },
            StreamEvent::Annotations { choice: 2, annotations },
        ] = &all[..]
        else {
            panic!("{all:?}");
        };
        assert_eq!(audio.transcript(), Some("Hi"));
        assert_eq!((logprobs.content().len(), annotations.len()), (1, 1));
        assert!(!format!("{all:?}").contains("Hi"));
    }

    #[test]
    fn filter_results_are_an_event_when_they_change() {
        let chunk = |severity: &str| {
            json!({"choices": [{"index": 0, "delta": {"content": "a"},
                "content_filter_results": {"hate": {"filtered": false, "severity": severity}}}]})
        };
        let all = events(&[chunk("safe"), chunk("safe"), chunk("low")]);
        let filters = all.iter().filter(|event| matches!(event, StreamEvent::ContentFilter { .. })).count();
        assert_eq!((all.len(), filters), (5, 2));
    }
}
