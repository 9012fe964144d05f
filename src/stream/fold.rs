//! Chunks to a completion: what the deltas add up to.
//!
//! The cost of a chunk is proportional to what it adds. Words are appended; ids and counts are taken over,
//! and never taken back by a later `null` or empty string; filter results keep the worst that was said;
//! pieces of tool calls are put together by id first, then by index, then by order.

use std::sync::Arc;

use serde_json::Value;

use super::chunk::{ChatCompletionChunk, ChunkBody, ChunkChoice, DeltaBody, Hole, ToolCallDelta};
use crate::response::content_filter::ContentFilterOffsets;
use crate::response::{
    AssistantMessage, Audio, ChatCompletion, Choice, CompletionBody, ContentFilterResults, CustomToolCall,
    FinishReason, FunctionCall, Logprobs, ToolCall, ToolCallType,
};
use crate::wire::{Rest, Shared};

/// What has been received so far.
#[derive(Debug, Default)]
pub struct ChunkFold {
    body: CompletionBody,
    choices: Vec<OpenChoice>,
    chunks: u64,
    /// Shapes with the ids and counts that were taken over last, all the same.
    heads: Vec<Arc<ChunkBody>>,
}

/// So many shapes with one head are remembered; choices that take turns have one each.
const HEADS: usize = 4;

/// A [`Choice`] that grows. Its large parts are boxed, because a stream may be open for long.
#[derive(Debug, Default, Clone)]
struct OpenChoice {
    index: u64,
    message: Option<Box<AssistantMessage>>,
    /// The content, as long as it is one large text that its chunk holds as well. The message has none then.
    content: Option<Arc<String>>,
    finish_reason: Option<FinishReason>,
    logprobs: Option<Box<Logprobs>>,
    verdict: Verdict,
    offsets: Option<ContentFilterOffsets>,
    rest: Rest,
    calls: Vec<OpenCall>,
    /// The shape that was applied last, if applying it again adds nothing but its words.
    settled: Option<Settled>,
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
struct Settled {
    shape: Arc<ChunkBody>,
    /// Which call its arguments belong to.
    call: Option<usize>,
}

/// A tool call, and the index by which its pieces are told apart.
#[derive(Debug, Clone)]
struct OpenCall {
    index: Option<u64>,
    call: ToolCall,
}

impl ChunkFold {
    /// Nothing received yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk.
    pub fn push(&mut self, chunk: &ChatCompletionChunk) {
        self.chunks += 1;
        let shape = chunk.shape();
        if let Some((hole, text)) = chunk.varying()
            && let Some(open) = self.settled_choice(shape)
        {
            open.append(hole, text);
            return;
        }
        if !self.heads.iter().any(|head| Arc::ptr_eq(head, shape)) {
            self.note_head(shape);
        }
        self.push_whole(chunk);
    }

    /// How many chunks were added.
    #[must_use]
    pub fn chunk_count(&self) -> u64 {
        self.chunks
    }

    /// Whether at least `expected` choices came, and every one has its finish reason.
    pub(crate) fn is_finished(&self, expected: usize) -> bool {
        self.choices.len() >= expected.max(1) && self.choices.iter().all(|open| open.finish_reason.is_some())
    }

    /// The texts so far, for the check that an error does not repeat them.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.choices.iter().flat_map(|open| {
            let message = open.message.iter();
            let said = message.flat_map(|message| [&message.content, &message.refusal, &message.reasoning_content]);
            let said = said.filter_map(|text| text.as_deref()).chain(open.content.iter().map(|text| text.as_str()));
            said.chain(open.calls.iter().map(|open| open.call.input()))
        })
    }

    /// The tool calls of a choice so far, with the index each piece carried.
    pub(crate) fn tool_calls(&self, index: u64) -> impl Iterator<Item = &ToolCall> {
        let open = self.choices.iter().find(|open| open.index == index);
        open.into_iter().flat_map(|open| open.calls.iter().map(|open| &open.call))
    }

    /// Which call of the choice a piece that was added belongs to, from 0.
    pub(crate) fn call_of(&self, index: u64, piece: &ToolCallDelta<'_>) -> Option<usize> {
        self.choices.iter().find(|open| open.index == index)?.call_of(piece)
    }

    /// The completion that the chunks so far add up to.
    #[must_use]
    pub fn completion(&self) -> ChatCompletion {
        let mut body = self.body.clone();
        body.choices = Some(self.choices.iter().cloned().map(OpenChoice::finish).collect());
        ChatCompletion::from_body(body)
    }

    /// The completion that the chunks add up to, without a copy.
    #[must_use]
    pub fn into_completion(self) -> ChatCompletion {
        let mut body = self.body;
        body.choices = Some(self.choices.into_iter().map(OpenChoice::finish).collect());
        ChatCompletion::from_body(body)
    }

    fn settled_choice(&mut self, shape: &Arc<ChunkBody>) -> Option<&mut OpenChoice> {
        self.choices.iter_mut().find(|open| {
            let settled = open.settled.as_ref();
            settled.is_some_and(|settled| Arc::ptr_eq(&settled.shape, shape))
        })
    }

    fn note_head(&mut self, shape: &Arc<ChunkBody>) {
        if self.heads.first().is_none_or(|head| !is_same_head(head, shape)) {
            self.take_head(shape);
            self.heads.clear();
            // a settled shape is not asked for its head
            for open in &mut self.choices {
                open.settled = None;
            }
        } else if self.heads.len() == HEADS {
            self.heads.clear();
        }
        self.heads.push(Arc::clone(shape));
    }

    fn take_head(&mut self, shape: &ChunkBody) {
        let body = &mut self.body;
        take_text(&mut body.id, shape.id.as_deref());
        take_text(&mut body.model, shape.model.as_deref());
        take_text(&mut body.system_fingerprint, shape.system_fingerprint.as_deref());
        if body.object.is_none() && shape.object.as_deref().is_some_and(|object| !object.is_empty()) {
            body.object = Some("chat.completion".to_owned());
        }
        if let Some(created) = shape.created.filter(|created| *created != 0) {
            body.created = Some(created);
        }
        if shape.service_tier.is_some() {
            body.service_tier.clone_from(&shape.service_tier);
        }
        if let Some(usage) = &shape.usage {
            body.usage = Some(usage.as_ref().clone());
        }
        take_extra(&mut body.rest, shape.rest.extra());
    }

    fn push_whole(&mut self, chunk: &ChatCompletionChunk) {
        let shape = chunk.shape();
        if !chunk.prompt_filter_results().is_empty() {
            let results = self.body.prompt_filter_results.get_or_insert_default();
            results.extend_from_slice(chunk.prompt_filter_results());
        }
        let sole = shape.choices.as_ref().is_some_and(|choices| choices.len() == 1)
            && shape.delta.is_none()
            && shape.content_filter_results.is_none()
            && chunk.prompt_filter_results().is_empty();
        for choice in chunk.choices() {
            let open = self.open_choice(choice.index());
            let call = open.push(&choice, chunk.shared_text());
            open.settled = match chunk.varying() {
                Some((hole, _)) if sole && open.is_settled(&choice, hole, call) => {
                    Some(Settled { shape: Arc::clone(shape), call })
                }
                _ => None,
            };
        }
    }

    fn open_choice(&mut self, index: u64) -> &mut OpenChoice {
        let at = self.choices.partition_point(|open| open.index < index);
        if self.choices.get(at).is_none_or(|open| open.index != index) {
            let open = OpenChoice { index, ..OpenChoice::default() };
            self.choices.insert(at, open);
        }
        // the index was found or has just been made
        #[expect(clippy::indexing_slicing, reason = "`at` is the place of the choice")]
        &mut self.choices[at]
    }
}

/// Whether taking over the head of one after that of the other changes nothing.
fn is_same_head(one: &ChunkBody, other: &ChunkBody) -> bool {
    one.id == other.id
        && one.created == other.created
        && one.model == other.model
        && one.object == other.object
        && one.system_fingerprint == other.system_fingerprint
        && one.service_tier == other.service_tier
        && one.usage == other.usage
        && one.rest == other.rest
}

impl OpenChoice {
    /// Whether pushing this choice again would change nothing but append the words of its hole. `call` is
    /// the one its piece was added to.
    fn is_settled(&self, choice: &ChunkChoice<'_>, hole: Hole, call: Option<usize>) -> bool {
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
    fn append(&mut self, hole: Hole, text: &str) {
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
    fn push(&mut self, choice: &ChunkChoice<'_>, shared: Option<&Arc<String>>) -> Option<usize> {
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

    fn call_of(&self, piece: &ToolCallDelta<'_>) -> Option<usize> {
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

    fn finish(mut self) -> Choice {
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

fn append(field: &mut Option<String>, more: Option<&str>) {
    if let Some(more) = more {
        match field {
            Some(text) => text.push_str(more),
            None => *field = Some(more.to_owned()),
        }
    }
}

/// Takes over a text that is not empty.
fn take_text(field: &mut Option<String>, newer: Option<&str>) {
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

fn take_extra(rest: &mut Rest, newer: Option<&serde_json::Map<String, Value>>) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stream::chunk::{Filled, FilledText};

    fn fold(chunks: &[Value]) -> Value {
        let mut fold = ChunkFold::new();
        for chunk in chunks {
            fold.push(&serde_json::from_value(chunk.clone()).unwrap());
        }
        serde_json::to_value(fold.into_completion()).unwrap()
    }

    fn pieces(pieces: &[Value]) -> Value {
        let chunks: Vec<Value> =
            pieces.iter().map(|piece| json!({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]})).collect();
        fold(&chunks)["choices"][0]["message"]["tool_calls"].clone()
    }

    fn call(id: &str, name: &str, arguments: &str) -> Value {
        json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
    }

    #[test]
    fn nothing_later_takes_back_what_came() {
        let whole = fold(&[
            json!({"id": "a", "model": "m", "created": 7, "usage": {"total_tokens": 3}, "choices": [
                {"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}),
            json!({"id": "", "model": "", "created": 0, "usage": null, "choices": [{"index": 0, "finish_reason": null}]}),
        ]);
        assert_eq!(
            whole,
            json!({"id": "a", "model": "m", "created": 7, "usage": {"total_tokens": 3}, "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]})
        );
    }

    /// Each chunk is one shape with other words, as a template makes it; pushed as such and pushed whole.
    fn assert_settles_as_whole(shapes: &[Value], turns: &[(usize, Hole, &str)]) {
        let shapes: Vec<Arc<ChunkBody>> =
            shapes.iter().map(|shape| Arc::new(serde_json::from_value(shape.clone()).unwrap())).collect();
        let (mut filled, mut whole) = (ChunkFold::new(), ChunkFold::new());
        for (at, hole, text) in turns {
            let chunk = ChatCompletionChunk::from_shape(
                Arc::clone(&shapes[*at]),
                Filled { hole: *hole, text: FilledText::Own((*text).to_owned()), padding: None },
            );
            filled.push(&chunk);
            whole.push(&serde_json::from_value(serde_json::to_value(&chunk).unwrap()).unwrap());
            assert_eq!(filled.completion(), whole.completion(), "after {text} in shape {at}");
        }
    }

    #[test]
    fn repeated_shapes_add_up_as_if_parsed() {
        use Hole::{Arguments, Content};
        let call = |index: u64, call: Value| json!({"choices": [{"index": index, "delta": {"tool_calls": [call]}}]});
        let shapes = [
            call(0, json!({"index": 0, "function": {"arguments": "x"}})),
            call(0, json!({"index": 1, "id": "b", "function": {"name": "g", "arguments": "x"}})),
            call(0, json!({"id": "c", "function": {"name": "h", "arguments": "x"}})),
            call(0, json!({"function": {"name": "k", "arguments": "x"}})),
            call(1, json!({"index": 0, "function": {"arguments": "x"}})),
            json!({"model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "x"}}]}),
            json!({"model": "n", "delta": {"role": "tool", "content": "y"}, "choices": [{"index": 0, "delta": {"content": "x"}}]}),
            call(0, json!({"index": 0, "custom": {"input": "i"}, "function": {"arguments": "x"}})),
        ];
        let hole = |at: usize| if matches!(at, 5 | 6) { Content } else { Arguments };
        for first in 0..shapes.len() {
            for second in 0..shapes.len() {
                for third in 0..shapes.len() {
                    let turns = [first, first, second, first, first, second, second, third, first, third, second]
                        .map(|at| (at, hole(at), "w"));
                    assert_settles_as_whole(&shapes, &turns);
                }
            }
        }
    }

    #[test]
    fn interleaved_calls_are_told_apart_by_index() {
        let calls = pieces(&[
            json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}),
            json!({"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}),
            json!({"index": 0, "function": {"arguments": "{1"}}),
            json!({"index": 1, "function": {"arguments": "{2"}}),
            json!({"index": 0, "function": {"arguments": "}"}}),
        ]);
        assert_eq!(calls, json!([call("a", "f", "{1}"), call("b", "g", "{2")]));
    }

    #[test]
    fn a_repeated_index_with_a_new_id_is_a_new_call() {
        let calls = pieces(&[
            json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}),
            json!({"index": 0, "id": "b", "function": {"name": "g", "arguments": "{"}}),
            json!({"index": 0, "function": {"arguments": "}"}}),
        ]);
        assert_eq!(calls, json!([call("a", "f", "{}"), call("b", "g", "{}")]));
    }

    #[test]
    fn calls_without_an_index_follow_their_order() {
        let calls = pieces(&[
            json!({"id": "a", "function": {"name": "f", "arguments": "{"}}),
            json!({"function": {"arguments": "}"}}),
            json!({"id": "b", "function": {"name": "g", "arguments": "{}"}}),
            json!({"id": "a", "function": {"arguments": "!"}}),
        ]);
        assert_eq!(calls, json!([call("a", "f", "{}!"), call("b", "g", "{}")]));
    }

    #[test]
    fn an_index_need_not_begin_at_zero() {
        let calls = pieces(&[
            json!({"index": 3, "id": "a", "function": {"name": "f", "arguments": "{"}}),
            json!({"index": 3, "function": {"arguments": "}"}}),
        ]);
        assert_eq!(calls, json!([call("a", "f", "{}")]));
    }

    #[test]
    fn an_empty_or_repeated_id_and_name_change_nothing() {
        let calls = pieces(&[
            json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}),
            json!({"index": 0, "id": "", "function": {"name": "", "arguments": "1"}}),
            json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "}"}}),
        ]);
        assert_eq!(calls, json!([call("a", "f", "{1}")]));
    }

    #[test]
    fn custom_calls_collect_their_input() {
        let calls = pieces(&[
            json!({"index": 0, "id": "a", "type": "custom", "custom": {"name": "sql", "input": "SEL"}}),
            json!({"index": 0, "custom": {"input": "ECT"}}),
        ]);
        assert_eq!(calls, json!([{"id": "a", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}}]));
    }

    #[test]
    fn unmodelled_words_of_a_delta_add_up() {
        let whole = fold(&[
            json!({"choices": [{"index": 0, "delta": {"thought": "a", "n": 1}}]}),
            json!({"choices": [{"index": 0, "delta": {"thought": "b", "n": 2}}]}),
        ]);
        assert_eq!(whole["choices"][0]["message"], json!({"thought": "ab", "n": 2}));
    }

    #[test]
    fn the_worst_filter_result_stays() {
        let chunk = |filtered: bool, severity: &str| {
            json!({"choices": [{"index": 0, "delta": {}, "content_filter_results":
                {"hate": {"filtered": filtered, "severity": severity}}}]})
        };
        let whole = fold(&[chunk(false, "safe"), chunk(true, "high"), chunk(false, "low")]);
        assert_eq!(
            whole["choices"][0]["content_filter_results"],
            json!({"hate": {"filtered": true, "severity": "high"}})
        );
    }
}
