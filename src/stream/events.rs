//! What happens in a stream, event by event.
//!
//! Each event costs what it adds: no event carries the text so far. The one exception tells a finished tool
//! call, once.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::ChatCompletionStream;
use super::chunk::{ChatCompletionChunk, ChunkChoice};
use crate::error::Result;
use crate::response::content_filter::{ContentFilterOffsets, ContentFilterResults, PromptFilterResult};
use crate::response::context::MessageContext;
use crate::response::{FinishReason, ToolCall, Usage};
use crate::wire::Shared;

/// Something that happened. `choice` is the index of the choice it happened to.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The filter judged the prompt.
    PromptFilter(Vec<PromptFilterResult>),
    /// Words were added.
    Content {
        /// Which choice.
        choice: u64,
        /// The words.
        text: String,
    },
    /// Words of a refusal were added.
    Refusal {
        /// Which choice.
        choice: u64,
        /// The words.
        text: String,
    },
    /// Reasoning was added.
    Reasoning {
        /// Which choice.
        choice: u64,
        /// The words.
        text: String,
    },
    /// A tool call began.
    ToolCallStarted {
        /// Which choice.
        choice: u64,
        /// Which call of the choice, from 0, in the order they began.
        call: usize,
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
    },
    /// A tool call's arguments, or a custom tool's input, grew.
    ToolCallArguments {
        /// Which choice.
        choice: u64,
        /// Which call of the choice.
        call: usize,
        /// What was added.
        text: String,
    },
    /// A tool call is complete.
    ToolCallDone {
        /// Which choice.
        choice: u64,
        /// Which call of the choice.
        call: usize,
        /// The whole call.
        tool_call: ToolCall,
    },
    /// On Your Data found something.
    Context {
        /// Which choice.
        choice: u64,
        /// What it found.
        context: Box<MessageContext>,
    },
    /// The filter judged words, otherwise than the words before.
    ContentFilter {
        /// Which choice.
        choice: u64,
        /// The results.
        results: Box<ContentFilterResults>,
        /// How far it has looked, in asynchronous mode.
        offsets: Option<ContentFilterOffsets>,
    },
    /// A choice ended.
    Finished {
        /// Which choice.
        choice: u64,
        /// Why.
        reason: FinishReason,
    },
    /// The tokens of the call.
    Usage(Usage),
}

/// Tells kinds and places, never words.
impl std::fmt::Debug for StreamEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PromptFilter(results) => f.debug_tuple("PromptFilter").field(results).finish(),
            Self::Content { choice, .. } => f.debug_struct("Content").field("choice", choice).finish_non_exhaustive(),
            Self::Refusal { choice, .. } => f.debug_struct("Refusal").field("choice", choice).finish_non_exhaustive(),
            Self::Reasoning { choice, .. } => {
                f.debug_struct("Reasoning").field("choice", choice).finish_non_exhaustive()
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
            Self::Usage(usage) => f.debug_tuple("Usage").field(usage).finish(),
        }
    }
}

/// A [`Stream`] of what happens. Made by [`ChatCompletionStream::events`].
#[derive(Debug)]
pub struct Events<'a> {
    stream: &'a mut ChatCompletionStream,
    waiting: VecDeque<StreamEvent>,
    choices: Vec<Seen>,
    is_over: bool,
}

/// What was told about a choice.
#[derive(Debug, Default)]
struct Seen {
    index: u64,
    calls: usize,
    calls_done: usize,
    filter: Option<Shared<ContentFilterResults>>,
}

impl<'a> Events<'a> {
    pub(super) fn new(stream: &'a mut ChatCompletionStream) -> Self {
        Self { stream, waiting: VecDeque::new(), choices: Vec::new(), is_over: false }
    }

    fn tell(&mut self, chunk: &ChatCompletionChunk) {
        if !chunk.prompt_filter_results().is_empty() {
            self.waiting.push_back(StreamEvent::PromptFilter(chunk.prompt_filter_results().to_vec()));
        }
        for choice in chunk.choices() {
            self.tell_choice(&choice);
        }
        if let Some(usage) = chunk.usage() {
            self.waiting.push_back(StreamEvent::Usage(usage.clone()));
        }
    }

    fn tell_choice(&mut self, choice: &ChunkChoice<'_>) {
        let index = choice.index();
        let say = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(text) = say(choice.reasoning_content()) {
            self.waiting.push_back(StreamEvent::Reasoning { choice: index, text });
        }
        if let Some(text) = say(choice.content()) {
            self.waiting.push_back(StreamEvent::Content { choice: index, text });
        }
        if let Some(text) = say(choice.refusal()) {
            self.waiting.push_back(StreamEvent::Refusal { choice: index, text });
        }
        if let Some(context) = choice.context() {
            self.waiting.push_back(StreamEvent::Context { choice: index, context: Box::new(context.clone()) });
        }
        self.tell_calls(choice);
        self.tell_filter(choice);
        if let Some(reason) = choice.finish_reason().filter(|reason| !reason.as_str().is_empty()) {
            self.tell_calls_done(index);
            self.waiting.push_back(StreamEvent::Finished { choice: index, reason: reason.clone() });
        }
    }

    /// The stream has put the pieces together already; what is told here is which call each belongs to.
    fn tell_calls(&mut self, choice: &ChunkChoice<'_>) {
        let index = choice.index();
        if choice.tool_calls().next().is_none() {
            return;
        }
        let known: Vec<(String, String)> = self
            .stream
            .fold()
            .tool_calls(index)
            .skip(self.seen(index).calls)
            .map(|call| (call.id().to_owned(), call.name().to_owned()))
            .collect();
        for (id, name) in known {
            let seen = self.seen_mut(index);
            let call = seen.calls;
            seen.calls += 1;
            self.waiting.push_back(StreamEvent::ToolCallStarted { choice: index, call, id, name });
        }
        for piece in choice.tool_calls() {
            let Some(text) = piece.arguments().or(piece.custom_input()).filter(|text| !text.is_empty()) else {
                continue;
            };
            let call = self.stream.fold().call_of(index, &piece).unwrap_or(0);
            self.waiting.push_back(StreamEvent::ToolCallArguments { choice: index, call, text: text.to_owned() });
        }
    }

    fn tell_calls_done(&mut self, index: u64) {
        let from = self.seen(index).calls_done;
        let done: Vec<ToolCall> = self.stream.fold().tool_calls(index).skip(from).cloned().collect();
        for (at, tool_call) in done.into_iter().enumerate() {
            self.waiting.push_back(StreamEvent::ToolCallDone { choice: index, call: from + at, tool_call });
            self.seen_mut(index).calls_done += 1;
        }
    }

    fn tell_filter(&mut self, choice: &ChunkChoice<'_>) {
        let Some(results) = choice.shared_results() else {
            return;
        };
        let index = choice.index();
        let offsets = choice.content_filter_offsets().cloned();
        let known = self.seen(index).filter.as_ref();
        let same = known.is_some_and(|known| known.is(results) || known == results);
        let says_nothing = || results.states().next().is_none() && results.error.is_none();
        if (same && offsets.is_none()) || says_nothing() {
            return;
        }
        self.seen_mut(index).filter = Some(results.clone());
        let results = Box::new(ContentFilterResults::clone(results));
        self.waiting.push_back(StreamEvent::ContentFilter { choice: index, results, offsets });
    }

    fn seen(&self, index: u64) -> &Seen {
        const NOTHING: &Seen = &Seen { index: 0, calls: 0, calls_done: 0, filter: None };
        self.choices.iter().find(|seen| seen.index == index).unwrap_or(NOTHING)
    }

    fn seen_mut(&mut self, index: u64) -> &mut Seen {
        let at = self.choices.iter().position(|seen| seen.index == index).unwrap_or_else(|| {
            self.choices.push(Seen { index, ..Seen::default() });
            self.choices.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the place was found or has just been made")]
        &mut self.choices[at]
    }
}

impl Stream for Events<'_> {
    type Item = Result<StreamEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(event) = this.waiting.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if this.is_over {
                return Poll::Ready(None);
            }
            match ready!(this.stream.poll_chunk(cx)) {
                Some(Ok(chunk)) => this.tell(&chunk),
                Some(Err(error)) => {
                    this.is_over = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => this.is_over = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::executor::block_on;
    use futures::{StreamExt, stream};
    use serde_json::{Value, json};

    use super::*;

    fn events(chunks: &[Value]) -> Vec<StreamEvent> {
        let mut body: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        body.push_str("data: [DONE]\n\n");
        let pieces = stream::iter([Ok::<_, std::io::Error>(Bytes::from(body))]);
        let mut stream = ChatCompletionStream::from_bytes(pieces);
        block_on(stream.events().map(Result::unwrap).collect())
    }

    #[test]
    fn a_tool_call_starts_grows_and_is_done() {
        let piece = |piece: Value| json!({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]});
        let told = events(&[
            piece(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}})),
            piece(json!({"index": 1, "id": "b", "function": {"name": "g", "arguments": "{"}})),
            piece(json!({"index": 0, "function": {"arguments": "{}"}})),
            piece(json!({"index": 1, "function": {"arguments": "}"}})),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
        ]);
        let names: Vec<String> = told
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
    fn a_filter_is_told_when_it_changes() {
        let chunk = |severity: &str| {
            json!({"choices": [{"index": 0, "delta": {"content": "a"},
                "content_filter_results": {"hate": {"filtered": false, "severity": severity}}}]})
        };
        let told = events(&[chunk("safe"), chunk("safe"), chunk("low")]);
        let filters = told.iter().filter(|event| matches!(event, StreamEvent::ContentFilter { .. })).count();
        assert_eq!((told.len(), filters), (5, 2));
    }
}
