//! A choice of the answer that is being put together.

use std::sync::Arc;

use super::super::chunk::{
    ChoiceBody, ChunkBody, ChunkChoice, DeltaBody, FunctionDelta, Hole, ToolCallBody, ToolCallDelta,
};
use crate::response::content_filter::ContentFilterOffsets;
use crate::response::{
    AnswerContent, AssistantMessage, Audio, Choice, ContentFilterResults, CustomToolCall, FinishReason, FunctionCall,
    Logprobs, ToolCall,
};
use crate::wire::{Extra, Merge, Shared};

/// A [`Choice`] that grows. Its large parts are boxed, because a stream may be open for long.
#[derive(Debug, Default, Clone)]
pub(super) struct OpenChoice {
    pub(super) index: u64,
    message: Option<Box<AssistantMessage>>,
    pub(super) finish_reason: Option<FinishReason>,
    logprobs: Option<Box<Logprobs>>,
    verdict: Verdict,
    offsets: Option<ContentFilterOffsets>,
    extra: Extra,
    calls: Vec<OpenCall>,
    /// The shape that was applied last, if applying it again adds nothing but its words.
    pub(super) settled: Option<Settled>,
}

/// The filter results of a choice. The last ones are merged when others come: mostly none do.
#[derive(Debug, Default, Clone)]
struct Verdict {
    merged: Option<Box<ContentFilterResults>>,
    last: Option<Shared<ContentFilterResults>>,
}

impl Verdict {
    fn take(&mut self, results: &Shared<ContentFilterResults>) {
        if self.last.as_ref().is_some_and(|last| last.is(results)) {
            return;
        }
        if let Some(last) = self.last.replace(results.clone()) {
            self.merged.get_or_insert_default().merge(&last);
        }
    }

    fn merge(&mut self, results: &ContentFilterResults) {
        let merged = self.merged.get_or_insert_default();
        if let Some(last) = self.last.take() {
            merged.merge(&last);
        }
        merged.merge(results);
    }

    fn finish(mut self) -> Option<Box<ContentFilterResults>> {
        if let Some(last) = self.last.take() {
            self.merge(&last);
        }
        self.merged
    }
}

#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) shape: Arc<ChunkBody>,
    /// Which call its arguments belong to.
    pub(super) call: Option<usize>,
}

/// A tool call, and the index by which its pieces are told apart.
#[derive(Debug, Clone)]
struct OpenCall {
    index: Option<u64>,
    call: ToolCall,
}

impl OpenChoice {
    /// Nothing received yet of the choice with this index.
    pub(super) fn at(index: u64) -> Self {
        Self { index, ..Self::default() }
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.calls.iter().map(|open| &open.call)
    }

    /// Whether pushing this choice again would change nothing but append the text of its hole. `call` is the one
    /// its piece was added to.
    ///
    /// The bodies are taken apart without `..`, so that a new field has to be decided on here. What is ignored is
    /// taken over once, and is the same when it comes again.
    pub(super) fn is_settled(&self, choice: &ChunkChoice<'_>, hole: Hole, call: Option<usize>) -> bool {
        let ChoiceBody {
            index: _,
            delta: Some(delta),
            finish_reason: _,
            logprobs: None,
            content_filter_results: _,
            content_filter_offsets: _,
            extra: _,
        } = choice.body()
        else {
            return false;
        };
        let DeltaBody {
            role: _,
            content,
            refusal,
            reasoning_content,
            tool_calls,
            function_call: None,
            audio: None,
            annotations: None,
            context: None,
            finish_reason: _,
            extra,
        } = delta
        else {
            return false;
        };
        // the shape has the text of the chunk it was made from in its hole, and must have none elsewhere
        let is_free = |of: Hole, text: Option<&str>| of == hole || text.unwrap_or_default().is_empty();
        let content_is_text = content.as_ref().is_none_or(|content| content.parts().is_none());
        let texts_are_free = is_free(Hole::Content, content.as_deref())
            && is_free(Hole::Refusal, refusal.as_deref())
            && is_free(Hole::Reasoning, reasoning_content.as_deref());
        let calls_are_free = match (hole, tool_calls.as_deref().unwrap_or_default()) {
            (Hole::Arguments, [piece]) => call.is_some() && has_only_arguments(piece),
            (Hole::Arguments, _) => false,
            (_, calls) => calls.is_empty(),
        };
        content_is_text
            && texts_are_free
            && calls_are_free
            && choice.tool_calls().all(|piece| self.call_of(&piece) == call)
            && extra.brings_nothing()
    }

    fn message(&mut self) -> &mut AssistantMessage {
        self.message.get_or_insert_default()
    }

    /// Appends the text of the settled shape.
    #[inline]
    pub(super) fn append(&mut self, hole: Hole, text: &str) {
        let message = self.message.get_or_insert_default();
        match hole {
            Hole::Content => message.content.get_or_insert_default().push_text(text),
            Hole::Refusal => append(&mut message.refusal, Some(text)),
            Hole::Reasoning => append(&mut message.reasoning_content, Some(text)),
            Hole::Arguments => {
                let at = self.settled.as_ref().and_then(|settled| settled.call);
                if let Some(open) = at.and_then(|at| self.calls.get_mut(at)) {
                    let function = open.call.function.get_or_insert(FunctionCall::EMPTY);
                    function.arguments.get_or_insert_default().push_str(text);
                }
            }
        }
    }

    /// Adds what the chunk has for this choice; returns which call its last piece belongs to.
    pub(super) fn push(&mut self, choice: &ChunkChoice<'_>) -> Option<usize> {
        let mut call = None;
        let body = choice.body();
        if let Some(delta) = choice.delta() {
            self.push_delta(delta, choice);
            for piece in choice.tool_calls() {
                call = Some(self.push_call(&piece));
            }
        }
        // an empty reason is how some gateways write "not yet"
        if let Some(reason) = choice.finish_reason().filter(|reason| !reason.as_str().is_empty()) {
            self.finish_reason = Some(reason.clone());
        }
        if let Some(logprobs) = &body.logprobs {
            self.logprobs.get_or_insert_default().append(logprobs);
        }
        if let Some(results) = choice.shared_results() {
            self.verdict.take(results);
        }
        if let Some(offsets) = &body.content_filter_offsets {
            self.offsets.get_or_insert_default().merge(offsets);
        }
        self.extra.merge(&body.extra, Merge::Repeated);
        call
    }

    fn push_delta(&mut self, delta: &DeltaBody, choice: &ChunkChoice<'_>) {
        let message = self.message();
        if let Some(role) = delta.role.as_ref().filter(|role| !role.as_str().is_empty()) {
            message.role = Some(role.clone());
        }
        match (choice.text_in(Hole::Content), &delta.content) {
            (Some(text), _) => message.content.get_or_insert_default().push_text(text),
            (None, Some(content)) => {
                message.content.get_or_insert_with(|| AnswerContent::before(content)).append(content);
            }
            (None, None) => {}
        }
        append(&mut message.refusal, choice.refusal());
        append(&mut message.reasoning_content, choice.text_in(Hole::Reasoning).or(delta.reasoning_content.as_deref()));
        if let Some(piece) = &delta.function_call {
            push_function(message.function_call.get_or_insert(FunctionCall::EMPTY), piece, None);
        }
        if let Some(piece) = &delta.audio {
            let audio = message.audio.get_or_insert(Audio::EMPTY);
            take_text(&mut audio.id, piece.id.as_deref());
            append(&mut audio.data, piece.data.as_deref());
            append(&mut audio.transcript, piece.transcript.as_deref());
            if piece.expires_at.is_some() {
                audio.expires_at = piece.expires_at;
            }
            audio.extra.merge(&piece.extra, Merge::Piece);
        }
        if let Some(annotations) = &delta.annotations {
            message.annotations.get_or_insert_default().extend_from_slice(annotations);
        }
        if let Some(context) = &delta.context {
            message.context.get_or_insert_default().merge(context);
        }
        message.extra.merge(&delta.extra, Merge::Delta);
    }

    fn push_call(&mut self, piece: &ToolCallDelta<'_>) -> usize {
        let (at, call) = self.open_call(piece);
        let body = piece.body();
        if let Some(kind) = body.kind.as_ref().filter(|kind| !kind.as_str().is_empty()) {
            call.kind = Some(kind.clone());
        }
        if let Some(function) = &body.function {
            push_function(call.function.get_or_insert(FunctionCall::EMPTY), function, piece.filled());
        }
        if let Some(custom) = &body.custom {
            let open = call.custom.get_or_insert(CustomToolCall::EMPTY);
            take_name(&mut open.name, custom.name.as_deref());
            append(&mut open.input, custom.input.as_deref());
            open.extra.merge(&custom.extra, Merge::Piece);
        }
        call.extra.merge(&body.extra, Merge::Piece);
        at
    }

    /// The call a piece belongs to: by id; a new id opens a new call even under a used index; without an
    /// id by the latest call of that index; without both, the last one, or a new one if the piece names a
    /// tool.
    fn open_call(&mut self, piece: &ToolCallDelta<'_>) -> (usize, &mut ToolCall) {
        let found = self.call_of(piece);
        let at = found.unwrap_or_else(|| {
            self.calls.push(OpenCall { index: piece.index(), call: ToolCall::EMPTY });
            self.calls.len() - 1
        });
        // the place was found or has just been made
        #[expect(clippy::indexing_slicing, reason = "`at` is the place of the call")]
        let open = &mut self.calls[at];
        if open.call.id.is_none() {
            open.call.id = piece.id().map(str::to_owned);
        }
        (at, &mut open.call)
    }

    pub(super) fn call_of(&self, piece: &ToolCallDelta<'_>) -> Option<usize> {
        let calls = &self.calls;
        match (piece.id(), piece.index()) {
            (Some(id), index) => calls.iter().position(|open| open.call.id.as_deref() == Some(id)).or_else(|| {
                // an id that comes after the first piece belongs to the call that has none yet
                calls.iter().rposition(|open| open.call.id.is_none() && open.index == index && index.is_some())
            }),
            (None, Some(index)) => calls.iter().rposition(|open| open.index == Some(index)),
            (None, None) => match piece.name().filter(|name| !name.is_empty()) {
                Some(_) if calls.last().is_some_and(|open| !open.call.name().is_empty()) => None,
                _ => calls.len().checked_sub(1),
            },
        }
    }

    pub(super) fn finish(self) -> Choice {
        let mut message = self.message;
        if !self.calls.is_empty() {
            let calls = self.calls.into_iter().map(|open| open.call).map(|mut call| {
                call.set_type();
                call
            });
            message.get_or_insert_default().tool_calls = Some(calls.collect());
        }
        if let Some(message) = &mut message {
            flatten_content(message);
        }
        Choice {
            index: Some(self.index),
            message: message.map(|message| *message),
            finish_reason: self.finish_reason,
            logprobs: self.logprobs.map(|logprobs| *logprobs),
            content_filter_results: self.verdict.finish().map(|results| *results),
            content_filter_offsets: self.offsets,
            extra: self.extra,
            ..Choice::EMPTY
        }
    }
}

#[inline]
fn append(field: &mut Option<String>, more: Option<&str>) {
    if let Some(more) = more {
        match field {
            Some(text) => text.push_str(more),
            None => *field = Some(more.to_owned()),
        }
    }
}

/// Takes over a text that is not empty.
pub(super) fn take_text(field: &mut Option<String>, newer: Option<&str>) {
    if let Some(newer) = newer.filter(|text| !text.is_empty())
        && field.as_deref() != Some(newer)
    {
        *field = Some(newer.to_owned());
    }
}

/// A name comes whole in the first piece; some gateways repeat it, some send it empty later.
fn take_name(field: &mut Option<String>, newer: Option<&str>) {
    if field.as_deref().unwrap_or_default().is_empty() {
        take_text(field, newer);
    }
}

/// Adds a piece of a function's call; `filled` is the chunk's text in the place of the shape's arguments.
fn push_function(open: &mut FunctionCall, piece: &FunctionDelta, filled: Option<&str>) {
    take_name(&mut open.name, piece.name.as_deref());
    match (filled, &piece.arguments) {
        (Some(text), _) => open.arguments.get_or_insert_default().push_str(text),
        (None, Some(arguments)) => open.arguments.get_or_insert_default().append(arguments),
        (None, None) => {}
    }
    open.extra.merge(&piece.extra, Merge::Piece);
}

/// Whether adding the piece again would only append its arguments.
fn has_only_arguments(piece: &ToolCallBody) -> bool {
    let ToolCallBody { index: _, id: _, kind: _, function: Some(function), custom: None, extra } = piece else {
        return false;
    };
    let FunctionDelta { name: _, arguments: _, extra: of_function } = function;
    extra.brings_nothing() && of_function.brings_nothing()
}

/// A list of parts becomes `content` and `reasoning_content` where these can hold all of it.
fn flatten_content(message: &mut AssistantMessage) {
    let Some(content) = message.content.take_if(|content| content.parts().is_some()) else {
        return;
    };
    let has_reasoning = message.reasoning_content.as_deref().is_some_and(|reasoning| !reasoning.is_empty());
    match content.flatten(has_reasoning) {
        Ok((text, reasoning)) => {
            message.content = text.map(Into::into);
            message.reasoning_content = reasoning.or(message.reasoning_content.take());
        }
        Err(content) => message.content = Some(content),
    }
}
