//! A choice of the answer, as far as it has come.

use std::sync::Arc;

use serde_json::Value;

use super::super::chunk::{ChunkBody, ChunkChoice, DeltaBody, Hole, ToolCallDelta};
use crate::response::content_filter::ContentFilterOffsets;
use crate::response::{
    AssistantMessage, Audio, Choice, ContentFilterResults, CustomToolCall, FinishReason, FunctionCall, Logprobs,
    ToolCall, ToolCallType,
};
use crate::wire::{Rest, Shared};

/// A [`Choice`] that grows. Its large parts are boxed, because a stream may be open for long.
#[derive(Debug, Default, Clone)]
pub(super) struct OpenChoice {
    pub(super) index: u64,
    message: Option<Box<AssistantMessage>>,
    /// The content, as long as it is one large text that its chunk holds as well. The message has none then.
    content: Option<Arc<String>>,
    pub(super) finish_reason: Option<FinishReason>,
    logprobs: Option<Box<Logprobs>>,
    verdict: Verdict,
    offsets: Option<ContentFilterOffsets>,
    rest: Rest,
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

    /// What has been said in it so far, arguments included.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let message = self.message.iter();
        let said = message.flat_map(|message| [&message.content, &message.refusal, &message.reasoning_content]);
        let said = said.filter_map(|text| text.as_deref()).chain(self.content.iter().map(|text| text.as_str()));
        said.chain(self.calls().map(ToolCall::input))
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.calls.iter().map(|open| &open.call)
    }

    /// Whether pushing this choice again would change nothing but append the words of its hole. `call` is
    /// the one its piece was added to.
    pub(super) fn is_settled(&self, choice: &ChunkChoice<'_>, hole: Hole, call: Option<usize>) -> bool {
        let body = choice.body();
        let Some(delta) = &body.delta else { return false };
        // the shape itself carries the words of the chunk it was learned from
        let texts = [&delta.content, &delta.refusal, &delta.reasoning_content]
            .into_iter()
            .filter(|text| text.as_ref().is_some_and(|text| !text.is_empty()))
            .count();
        let words_alone = match (hole, delta.tool_calls.as_deref().unwrap_or_default()) {
            (Hole::Arguments, [piece]) => texts == 0 && piece.custom.is_none() && call.is_some(),
            (Hole::Arguments, _) => false,
            (_, calls) => texts <= 1 && calls.is_empty(),
        };
        words_alone
            && choice.tool_calls().all(|piece| self.call_of(&piece) == call)
            && body.logprobs.is_none()
            && delta.function_call.is_none()
            && delta.audio.is_none()
            && delta.annotations.is_none()
            && delta.context.is_none()
            && delta.rest.extra().is_none()
    }

    fn message(&mut self) -> &mut AssistantMessage {
        self.message.get_or_insert_default()
    }

    /// Puts a text that is shared with a chunk where it belongs.
    #[inline]
    fn own_content(&mut self) {
        if self.content.is_some() {
            self.own_shared();
        }
    }

    #[cold]
    fn own_shared(&mut self) {
        if let Some(text) = self.content.take() {
            self.message().content = Some(Arc::unwrap_or_clone(text));
        }
    }

    fn push_content(&mut self, content: Option<&str>, shared: Option<&Arc<String>>) {
        let Some(content) = content else { return };
        let is_first = self.message().content.as_deref().unwrap_or_default().is_empty() && self.content.is_none();
        match shared.filter(|shared| is_first && std::ptr::eq(shared.as_str(), content)) {
            Some(shared) => self.content = Some(Arc::clone(shared)),
            None => {
                self.own_content();
                append(&mut self.message().content, Some(content));
            }
        }
    }

    /// Appends the words of the settled shape.
    #[inline]
    pub(super) fn append(&mut self, hole: Hole, text: &str) {
        self.own_content();
        let message = self.message.get_or_insert_default();
        let field = match hole {
            Hole::Content => &mut message.content,
            Hole::Refusal => &mut message.refusal,
            Hole::Reasoning => &mut message.reasoning_content,
            Hole::Arguments => {
                let at = self.settled.as_ref().and_then(|settled| settled.call);
                let Some(open) = at.and_then(|at| self.calls.get_mut(at)) else {
                    return;
                };
                &mut open.call.function.get_or_insert(FunctionCall::EMPTY).arguments
            }
        };
        append(field, Some(text));
    }

    /// Adds what the chunk says of this choice; answers which call its last piece belongs to.
    pub(super) fn push(&mut self, choice: &ChunkChoice<'_>, shared: Option<&Arc<String>>) -> Option<usize> {
        let mut call = None;
        let body = choice.body();
        if let Some(delta) = choice.delta() {
            self.push_content(choice.content(), shared);
            self.push_delta(delta, choice.refusal(), choice.reasoning_content());
            for piece in choice.tool_calls() {
                call = Some(self.push_call(&piece));
            }
        }
        // an empty reason is how some gateways say "not yet"
        if let Some(reason) = &body.finish_reason
            && !reason.as_str().is_empty()
        {
            self.finish_reason = Some(reason.clone());
        }
        if let Some(logprobs) = &body.logprobs {
            self.logprobs.get_or_insert_default().append(logprobs);
        }
        if let Some(results) = choice.shared_results() {
            self.verdict.take(results);
        }
        if let Some(offsets) = &body.content_filter_offsets {
            self.offsets = Some(offsets.clone());
        }
        take_extra(&mut self.rest, body.rest.extra());
        call
    }

    fn push_delta(&mut self, delta: &DeltaBody, refusal: Option<&str>, reasoning: Option<&str>) {
        let message = self.message();
        if delta.role.is_some() {
            message.role.clone_from(&delta.role);
        }
        append(&mut message.refusal, refusal);
        append(&mut message.reasoning_content, reasoning);
        if let Some(piece) = &delta.function_call {
            let function = message.function_call.get_or_insert(FunctionCall::EMPTY);
            append(&mut function.name, piece.name.as_deref());
            append(&mut function.arguments, piece.arguments.as_deref());
            take_extra(&mut function.rest, piece.rest.extra());
        }
        if let Some(piece) = &delta.audio {
            let audio = message.audio.get_or_insert(Audio::EMPTY);
            take_text(&mut audio.id, piece.id.as_deref());
            append(&mut audio.data, piece.data.as_deref());
            append(&mut audio.transcript, piece.transcript.as_deref());
            if piece.expires_at.is_some() {
                audio.expires_at = piece.expires_at;
            }
            take_extra(&mut audio.rest, piece.rest.extra());
        }
        if let Some(annotations) = &delta.annotations {
            message.annotations.get_or_insert_default().extend_from_slice(annotations);
        }
        if let Some(context) = &delta.context {
            message.context.get_or_insert_default().merge(context.as_ref().clone());
        }
        for (name, value) in delta.rest.extra().into_iter().flatten() {
            join_extra(&mut message.rest, name, value);
        }
    }

    fn push_call(&mut self, piece: &ToolCallDelta<'_>) -> usize {
        let (at, call) = self.open_call(piece);
        let body = piece.body();
        if body.kind.is_some() {
            call.kind.clone_from(&body.kind);
        }
        if let Some(function) = &body.function {
            let open = call.function.get_or_insert(FunctionCall::EMPTY);
            take_name(&mut open.name, function.name.as_deref());
            append(&mut open.arguments, piece.arguments());
            take_extra(&mut open.rest, function.rest.extra());
        }
        if let Some(custom) = &body.custom {
            let open = call.custom.get_or_insert(CustomToolCall::EMPTY);
            take_name(&mut open.name, custom.name.as_deref());
            append(&mut open.input, custom.input.as_deref());
            take_extra(&mut open.rest, custom.rest.extra());
        }
        take_extra(&mut call.rest, body.rest.extra());
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

    pub(super) fn finish(mut self) -> Choice {
        self.own_content();
        let mut message = self.message;
        if !self.calls.is_empty() {
            let calls = self.calls.into_iter().map(|open| open.call).map(|mut call| {
                if call.kind.is_none() && call.function.is_some() {
                    call.kind = Some(ToolCallType::Function);
                }
                call
            });
            message.get_or_insert_default().tool_calls = Some(calls.collect());
        }
        Choice {
            index: Some(self.index),
            message: message.map(|message| *message),
            finish_reason: self.finish_reason,
            logprobs: self.logprobs.map(|logprobs| *logprobs),
            content_filter_results: self.verdict.finish().map(|results| *results),
            content_filter_offsets: self.offsets,
            rest: self.rest,
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

pub(super) fn take_extra(rest: &mut Rest, newer: Option<&serde_json::Map<String, Value>>) {
    for (name, value) in newer.into_iter().flatten() {
        rest.keep(name, value.clone());
    }
}

/// Unmodelled strings of a delta are pieces too; anything else is taken over.
fn join_extra(rest: &mut Rest, name: &str, value: &Value) {
    if let (Value::String(piece), Some(Value::String(text))) = (value, rest.extra_mut().get_mut(name)) {
        text.push_str(piece);
        return;
    }
    rest.keep(name, value.clone());
}
