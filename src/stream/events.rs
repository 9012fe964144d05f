//! The events of an answer, [`StreamEvent`]: content, tool calls, filter results, usage and ends; and how chunks become
//! events.
//!
//! The cost of an event is proportional to what it adds: none has the text so far. The one exception is a finished tool
//! call, which comes whole, once.

use std::collections::VecDeque;
use std::{fmt, mem};

use serde_json::{Map, Value};

use super::chunk::{ChatCompletionChunk, ChunkChoice, DeltaBody};
use super::fold::ChunkFold;
use crate::response::{
    Annotation, Audio, ContentFilterOffsets, ContentFilterResults, FinishReason, FunctionCall, Logprobs,
    MessageContext, PromptFilterResult, ToolCall, Usage,
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
    /// The content filter's results for the prompt, each once.
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
    /// A tool call is complete: its choice ended, or the answer did.
    #[non_exhaustive]
    ToolCallDone {
        /// The index of the choice.
        choice: u64,
        /// The position of the call in its choice.
        call: usize,
        /// The whole call.
        tool_call: ToolCall,
    },
    /// A call of the deprecated `functions` began.
    #[non_exhaustive]
    FunctionCallStarted {
        /// The index of the choice.
        choice: u64,
        /// The name of the function.
        name: String,
    },
    /// The arguments of a call of the deprecated `functions` grew.
    #[non_exhaustive]
    FunctionCallArguments {
        /// The index of the choice.
        choice: u64,
        /// The text added.
        text: String,
    },
    /// A call of the deprecated `functions` is complete: its choice ended, or the answer did.
    #[non_exhaustive]
    FunctionCallDone {
        /// The index of the choice.
        choice: u64,
        /// The whole call.
        function_call: FunctionCall,
    },
    /// Members of a `delta` that are not modelled here, as gateways have.
    #[non_exhaustive]
    Extra {
        /// The index of the choice.
        choice: u64,
        /// The members as they came: of a text that grows, the piece added.
        members: Map<String, Value>,
    },
    /// On Your Data found passages.
    #[non_exhaustive]
    Context {
        /// The index of the choice.
        choice: u64,
        /// The passages.
        context: Box<MessageContext>,
    },
    /// The content filter's results for a choice, when they differ from those before; in asynchronous mode also each
    /// time the filter has checked more.
    #[non_exhaustive]
    ContentFilter {
        /// The index of the choice.
        choice: u64,
        /// The results; without any category when only `offsets` came.
        results: Box<ContentFilterResults>,
        /// How far the asynchronous filter has checked the answer; `None` in default mode.
        offsets: Option<ContentFilterOffsets>,
    },
    /// A choice ended. Once more when its reason changes, as to `content_filter` by the asynchronous filter.
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
impl fmt::Debug for StreamEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        macro_rules! print {
            ($( $Name:ident { $($field:ident),* } )*) => {
                match self { $(
                    Self::$Name { $($field,)* .. } => {
                        f.debug_struct(stringify!($Name))$( .field(stringify!($field), $field) )*.finish_non_exhaustive()
                    }
                )* }
            };
        }
        print! {
            PromptFilter { results }
            Content { choice }
            Refusal { choice }
            Reasoning { choice }
            Audio { choice }
            Logprobs { choice }
            Annotations { choice }
            ToolCallStarted { choice, call, id, name }
            ToolCallArguments { choice, call }
            ToolCallDone { choice, call, tool_call }
            FunctionCallStarted { choice, name }
            FunctionCallArguments { choice }
            FunctionCallDone { choice, function_call }
            Extra { choice }
            Context { choice, context }
            ContentFilter { choice, results, offsets }
            Finished { choice, reason }
            Usage { usage }
        }
    }
}

/// The chunks of a stream as events.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    /// The events of the last chunk that are not returned yet.
    due: VecDeque<StreamEvent>,
    choices: Vec<ChoiceProgress>,
    /// The number of the fold's results of the prompt that were returned, or are due.
    prompt_results: usize,
}

/// The events of a choice that were returned, or are due.
#[derive(Debug, Default)]
struct ChoiceProgress {
    index: u64,
    calls_started: usize,
    calls_done: usize,
    function_started: bool,
    function_done: bool,
    filter: Option<Shared<ContentFilterResults>>,
    finish_reason: Option<FinishReason>,
}

impl EventQueue {
    pub(super) fn pop(&mut self) -> Option<StreamEvent> {
        self.due.pop_front()
    }

    /// Adds the events of a chunk that `fold` has added.
    pub(super) fn push_chunk(&mut self, chunk: &ChatCompletionChunk, fold: &mut ChunkFold) {
        if !chunk.prompt_filter_results().is_empty() {
            self.push_prompt_filter(fold);
        }
        // the end of a choice changes the fold; most chunks have at most one piece, which needs no list
        let placed = fold.placed(chunk).split_first().map(|(first, more)| (*first, more.to_vec()));
        let mut placed = placed.into_iter().flat_map(|(first, more)| std::iter::once(first).chain(more));
        for choice in chunk.choices() {
            self.push_choice(&choice, fold, &mut placed);
        }
        if let Some(usage) = chunk.usage() {
            self.due.push_back(StreamEvent::Usage { usage: usage.clone() });
        }
    }

    /// Adds the event of results that are new: the fold has each once, since some gateways repeat them in every chunk.
    fn push_prompt_filter(&mut self, fold: &ChunkFold) {
        let results = fold.body().prompt_filter_results.as_deref().unwrap_or_default();
        let new = results.get(self.prompt_results..).unwrap_or_default();
        if !new.is_empty() {
            self.due.push_back(StreamEvent::PromptFilter { results: new.to_vec() });
        }
        self.prompt_results = results.len();
    }

    /// Adds the events of the end of a complete answer: calls whose choice had no finish reason are done.
    pub(super) fn push_end(&mut self, fold: &mut ChunkFold) {
        let is_open = |choice: &&ChoiceProgress| {
            choice.calls_done < choice.calls_started || (choice.function_started && !choice.function_done)
        };
        let open: Vec<u64> = self.choices.iter().filter(is_open).map(|choice| choice.index).collect();
        for index in open {
            self.push_calls_done(index, fold);
        }
    }

    /// `placed` has the position of the tool call that each piece was added to.
    fn push_choice(
        &mut self,
        choice: &ChunkChoice<'_>,
        fold: &mut ChunkFold,
        placed: &mut impl Iterator<Item = usize>,
    ) {
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
        if let Some(members) = choice.delta.filter(|delta| !delta.extra.brings_nothing()).and_then(DeltaBody::extra) {
            self.due.push_back(StreamEvent::Extra { choice: index, members: members.clone() });
        }
        self.push_calls(choice, fold, placed);
        self.push_function(choice, fold);
        self.push_filter(choice);
        if let Some(reason) = choice.finish_reason().filter(|reason| !reason.as_str().is_empty()) {
            self.push_calls_done(index, fold);
            self.push_finished(index, reason);
        }
    }

    fn push_finished(&mut self, index: u64, reason: &FinishReason) {
        let last = &mut progress(&mut self.choices, index).finish_reason;
        if last.as_ref() != Some(reason) {
            *last = Some(reason.clone());
            self.due.push_back(StreamEvent::Finished { choice: index, reason: reason.clone() });
        }
    }

    fn push_calls(&mut self, choice: &ChunkChoice<'_>, fold: &ChunkFold, placed: &mut impl Iterator<Item = usize>) {
        let index = choice.index();
        if choice.tool_calls().next().is_none() {
            return;
        }
        let progress = progress(&mut self.choices, index);
        for (call, tool_call) in fold.tool_calls(index).enumerate().skip(progress.calls_started) {
            let (id, name) = (tool_call.id().to_owned(), tool_call.name().to_owned());
            self.due.push_back(StreamEvent::ToolCallStarted { choice: index, call, id, name });
            progress.calls_started = call + 1;
        }
        for (piece, call) in choice.tool_calls().zip(placed) {
            if let Some(text) = piece.arguments().or(piece.custom_input()).filter(|text| !text.is_empty()) {
                self.due.push_back(StreamEvent::ToolCallArguments { choice: index, call, text: text.to_owned() });
            }
        }
    }

    fn push_function(&mut self, choice: &ChunkChoice<'_>, fold: &ChunkFold) {
        let index = choice.index();
        let Some(piece) = choice.delta.and_then(|delta| delta.function_call.as_deref()) else {
            return;
        };
        let progress = progress(&mut self.choices, index);
        if !mem::replace(&mut progress.function_started, true) {
            let name = fold.function_call(index).map_or_else(String::new, |call| call.name().to_owned());
            self.due.push_back(StreamEvent::FunctionCallStarted { choice: index, name });
        }
        if let Some(text) = piece.arguments.as_deref().filter(|text| !text.is_empty()) {
            self.due.push_back(StreamEvent::FunctionCallArguments { choice: index, text: text.to_owned() });
        }
    }

    fn push_calls_done(&mut self, index: u64, fold: &mut ChunkFold) {
        fold.put_texts_back(|choice| choice == index);
        let progress = progress(&mut self.choices, index);
        for (call, tool_call) in fold.tool_calls(index).enumerate().skip(progress.calls_done) {
            let tool_call = tool_call.clone();
            self.due.push_back(StreamEvent::ToolCallDone { choice: index, call, tool_call });
            progress.calls_done = call + 1;
        }
        if let Some(function_call) = fold.function_call(index).filter(|_| !progress.function_done) {
            let function_call = function_call.clone();
            self.due.push_back(StreamEvent::FunctionCallDone { choice: index, function_call });
            progress.function_done = true;
        }
    }

    fn push_filter(&mut self, choice: &ChunkChoice<'_>) {
        let offsets = choice.content_filter_offsets().filter(|offsets| **offsets != ContentFilterOffsets::EMPTY);
        let results = choice.results.filter(|results| self.is_new(choice.index(), results));
        if results.is_none() && offsets.is_none() {
            return;
        }
        if let Some(results) = results {
            progress(&mut self.choices, choice.index()).filter = Some(results.clone());
        }
        self.due.push_back(StreamEvent::ContentFilter {
            choice: choice.index(),
            results: choice.content_filter().cloned().unwrap_or_default().into(),
            offsets: offsets.cloned(),
        });
    }

    /// Whether there are results, and they differ from those before.
    fn is_new(&mut self, index: u64, results: &Shared<ContentFilterResults>) -> bool {
        let last = progress(&mut self.choices, index).filter.as_ref();
        !last.is_some_and(|last| last.is(results) || last == results)
            && (results.states().next().is_some() || results.error.is_some())
    }
}

fn progress(choices: &mut Vec<ChoiceProgress>, index: u64) -> &mut ChoiceProgress {
    let at = choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
        choices.push(ChoiceProgress { index, ..ChoiceProgress::default() });
        choices.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "`at` is the position of a choice that exists")]
    &mut choices[at]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
    fn a_call_of_the_deprecated_functions_starts_grows_and_is_done() {
        let delta = |delta: Value| json!({"choices": [{"index": 1, "delta": delta}]});
        let all = events(&[
            delta(json!({"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": ""}})),
            delta(json!({"function_call": {"arguments": "{\"a\""}})),
            delta(json!({"function_call": {"arguments": ":1}"}})),
            json!({"choices": [{"index": 1, "delta": {}, "finish_reason": "function_call"}]}),
        ]);
        let [
            StreamEvent::FunctionCallStarted { choice: 1, name },
            StreamEvent::FunctionCallArguments { choice: 1, text: first },
            StreamEvent::FunctionCallArguments { choice: 1, text: second },
            StreamEvent::FunctionCallDone { choice: 1, function_call },
            StreamEvent::Finished { choice: 1, .. },
        ] = &all[..]
        else {
            panic!("{all:?}");
        };
        assert_eq!((&**name, function_call.name()), ("f", "f"));
        assert_eq!(function_call.input(), format!("{first}{second}"));
        assert!(!format!("{all:?}").contains(":1"));
    }

    #[test]
    fn members_of_a_delta_that_are_not_modelled_are_events() {
        let delta = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]});
        let all = events(&[
            delta(json!({"content": "", "reasoning": null, "reasoning_details": ""})),
            delta(json!({"content": "", "reasoning": "secret", "reasoning_details": [{"index": 0, "text": "secret"}]})),
        ]);
        let [StreamEvent::Extra { choice: 0, members }] = &all[..] else {
            panic!("{all:?}");
        };
        assert_eq!(
            json!(members),
            json!({"reasoning": "secret", "reasoning_details": [{"index": 0, "text": "secret"}]})
        );
        assert!(!format!("{all:?}").contains("secret"));
    }

    #[test]
    fn offsets_of_the_asynchronous_filter_are_an_event_also_without_results() {
        let chunk = |offsets: Value, results: Value| {
            json!({"choices": [{"index": 0, "finish_reason": null, "content_filter_offsets": offsets,
                "content_filter_results": results}]})
        };
        let offsets = |at: u64| json!({"check_offset": at, "start_offset": at, "end_offset": at});
        let all = events(&[
            chunk(offsets(1), json!({})),
            chunk(offsets(2), Value::Null),
            chunk(offsets(3), json!({"hate": {"filtered": false}})),
            chunk(json!({}), json!({})),
            chunk(Value::Null, json!({})),
        ]);
        let came: Vec<_> = all
            .iter()
            .map(|event| match event {
                StreamEvent::ContentFilter { results, offsets: Some(offsets), .. } => {
                    (offsets.check_offset(), results.states().count())
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(came, [(Some(1), 0), (Some(2), 0), (Some(3), 1)]);
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

    #[test]
    fn what_gateways_repeat_in_every_chunk_is_one_event() {
        let chunk = |text: &str, reason: &str| {
            json!({"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"jailbreak": {"filtered": false}}}],
                "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]})
        };
        let all = events(&[chunk("a", ""), chunk("b", "stop"), chunk("", "stop"), chunk("", "content_filter")]);
        let names = all.iter().map(|event| match event {
            StreamEvent::PromptFilter { results, .. } => format!("prompt {}", results.len()),
            StreamEvent::Content { text, .. } => text.clone(),
            StreamEvent::Finished { reason, .. } => reason.to_string(),
            other => panic!("{other:?}"),
        });
        assert_eq!(names.collect::<Vec<_>>(), ["prompt 1", "a", "b", "stop", "content_filter"]);
    }
}
