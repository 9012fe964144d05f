//! Chunks to a completion: what the deltas add up to.
//!
//! The cost of a chunk is proportional to what it adds. Words are appended; ids and counts are taken over,
//! and never taken back by a later `null` or empty string; filter results keep the worst that was said;
//! pieces of tool calls are put together by id first, then by index, then by order.

use std::sync::Arc;

use self::open::{OpenChoice, Settled, take_extra, take_text};
use super::chunk::{ChatCompletionChunk, ChunkBody, ToolCallDelta};
use crate::response::{ChatCompletion, CompletionBody, ToolCall};

mod open;

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
        self.choices.iter().flat_map(OpenChoice::texts)
    }

    /// The tool calls of a choice so far, with the index each piece carried.
    pub(crate) fn tool_calls(&self, index: u64) -> impl Iterator<Item = &ToolCall> {
        let open = self.choices.iter().find(|open| open.index == index);
        open.into_iter().flat_map(OpenChoice::calls)
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
            self.choices.insert(at, OpenChoice::at(index));
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::stream::chunk::{Filled, FilledText, Hole};

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
