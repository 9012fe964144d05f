//! Chunks to a completion: what the deltas add up to.
//!
//! The cost of a chunk is proportional to what it adds. Words are appended; ids and counts are taken over,
//! and never taken back by a later `null` or empty string; filter results keep the worst that was said;
//! pieces of tool calls are put together by id first, then by index, then by order.

use std::sync::Arc;

use self::open::{OpenChoice, Settled, take_text};
use super::chunk::{ChatCompletionChunk, ChunkBody, ToolCallDelta};
use crate::response::{ChatCompletion, CompletionBody, ToolCall};
use crate::wire::Merge;

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
        let (finished, all) = self.finished(expected);
        finished == all
    }

    /// How many choices have their finish reason, and of how many: those that came, or `expected` if that is more.
    pub(crate) fn finished(&self, expected: usize) -> (usize, usize) {
        let finished = self.choices.iter().filter(|open| open.finish_reason.is_some()).count();
        (finished, self.choices.len().max(expected).max(1))
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
        if let Some(tier) = shape.service_tier.as_ref().filter(|tier| !tier.as_str().is_empty()) {
            body.service_tier = Some(tier.clone());
        }
        if let Some(usage) = &shape.usage {
            body.usage.get_or_insert_default().merge(usage);
        }
        body.extra.merge(&shape.extra, Merge::Repeated);
    }

    fn push_whole(&mut self, chunk: &ChatCompletionChunk) {
        let shape = chunk.shape();
        if !chunk.prompt_filter_results().is_empty() {
            let results = self.body.prompt_filter_results.get_or_insert_default();
            results.extend_from_slice(chunk.prompt_filter_results());
        }
        let sole = has_only_one_choice(shape);
        for choice in chunk.choices() {
            let open = self.open_choice(choice.index());
            let call = open.push(&choice);
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

/// Whether taking over the head of one after that of the other changes nothing. Both functions here take a chunk
/// apart without `..`, so that a new field has to be decided on in each.
fn is_same_head(one: &ChunkBody, other: &ChunkBody) -> bool {
    let ChunkBody {
        id,
        object,
        created,
        model,
        usage,
        system_fingerprint,
        service_tier,
        extra,
        choices: _,
        obfuscation: _,
        prompt_filter_results: _,
        content_filter_results: _,
        delta: _,
        error: _,
    } = one;
    *id == other.id
        && *object == other.object
        && *created == other.created
        && *model == other.model
        && *usage == other.usage
        && *system_fingerprint == other.system_fingerprint
        && *service_tier == other.service_tier
        && *extra == other.extra
}

/// Whether a chunk has nothing but its head and one choice.
fn has_only_one_choice(shape: &ChunkBody) -> bool {
    let ChunkBody {
        id: _,
        object: _,
        created: _,
        model: _,
        usage: _,
        system_fingerprint: _,
        service_tier: _,
        extra: _,
        choices,
        // no part of the answer
        obfuscation: _,
        prompt_filter_results,
        content_filter_results: None,
        delta: None,
        // a chunk with one is an error, and no chunk
        error: _,
    } = shape
    else {
        return false;
    };
    choices.as_ref().is_some_and(|choices| choices.len() == 1)
        && prompt_filter_results.as_ref().is_none_or(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::stream::chunk::{Filled, Hole};

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
                Filled { hole: *hole, text: (*text).to_owned(), padding: None },
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

    fn deltas(deltas: &[Value]) -> Value {
        let chunks: Vec<Value> =
            deltas.iter().map(|delta| json!({"choices": [{"index": 0, "delta": delta}]})).collect();
        fold(&chunks)["choices"][0]["message"].clone()
    }

    #[test]
    fn what_a_later_delta_repeats_empty_or_null_is_not_taken_back() {
        let whole = json!({
            "id": "a", "model": "m", "created": 7, "object": "chat.completion", "system_fingerprint": "fp",
            "service_tier": "flex", "provider": "p", "trace": {"id": 1}, "notes": ["n"],
            "usage": {"total_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}},
            "choices": [{
                "index": 0, "finish_reason": "tool_calls", "stop_word": "END", "seen": {"a": true},
                "content_filter_offsets": {"check_offset": 5},
                "content_filter_results": {"hate": {"filtered": false}, "later": 1},
                "message": {
                    "role": "assistant", "content": "Hi", "refusal": "no", "reasoning_content": "hm", "mood": "calm",
                    "tool_calls": [{"id": "c1", "type": "function", "signature": {"a": "b"},
                        "function": {"name": "f", "arguments": "{}", "note": "n"}}],
                    "function_call": {"name": "g", "arguments": "{}"},
                    "audio": {"id": "au", "expires_at": 9, "data": "AA", "transcript": "t"},
                    "context": {"citations": [{"title": "t"}], "intent": "[]"},
                },
            }],
        });
        let mut first = whole.clone();
        let message = first["choices"][0].as_object_mut().unwrap().remove("message").unwrap();
        first["choices"][0]["delta"] = message;
        first["choices"][0]["delta"]["tool_calls"][0]["index"] = json!(0);
        /// The same chunk with every string and number replaced.
        fn blank(value: &Value, with: &Value) -> Value {
            match value {
                Value::Object(members) => members
                    .iter()
                    .map(|(name, value)| {
                        (name.clone(), if name == "index" { value.clone() } else { blank(value, with) })
                    })
                    .collect(),
                Value::Array(list) => list.iter().map(|value| blank(value, with)).collect(),
                _ => with.clone(),
            }
        }
        for with in [json!(null), json!("")] {
            let mut later = blank(&first, &with);
            // lists of a delta grow, by an empty element as by any other
            later["choices"][0]["delta"]["context"] = with.clone();
            later["notes"] = with.clone();
            assert_eq!(fold(&[first.clone(), later.clone(), later]), whole, "{with}");
        }
        let empty =
            json!({"choices": [{"index": 0, "delta": {}, "content_filter_offsets": {}}], "usage": {}, "trace": {}});
        assert_eq!(fold(&[first, empty]), whole);
    }

    #[test]
    fn a_finish_reason_inside_the_delta_counts() {
        let whole = fold(&[
            json!({"choices": [{"index": 0, "delta": {"content": "a", "finish_reason": null}}]}),
            json!({"choices": [{"index": 0, "delta": {"finish_reason": "stop"}, "finish_reason": null}]}),
            json!({"choices": [{"index": 0, "delta": {"finish_reason": ""}, "finish_reason": ""}]}),
        ]);
        assert_eq!(whole["choices"][0], json!({"index": 0, "finish_reason": "stop", "message": {"content": "a"}}));
    }

    #[test]
    fn content_in_parts_adds_up_to_text_and_reasoning() {
        let thinking =
            |text: &str| json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]});
        let text = |text: &str| json!({"content": [{"type": "text", "text": text}]});
        assert_eq!(
            deltas(&[
                json!({"role": "assistant", "content": ""}),
                thinking("2 "),
                thinking("+ 2"),
                text("It is "),
                json!({"content": "4"}),
                text("!")
            ]),
            json!({"role": "assistant", "content": "It is 4!", "reasoning_content": "2 + 2"})
        );
        assert_eq!(
            deltas(&[
                text("a"),
                json!({"content": [{"type": "chart", "id": 1}]}),
                json!({"content": "b"}),
                thinking("c")
            ]),
            json!({"content": [{"type": "text", "text": "a"}, {"type": "chart", "id": 1}, {"type": "text", "text": "b"},
                {"type": "thinking", "thinking": [{"type": "text", "text": "c"}]}]})
        );
        // reasoning that came in both places keeps both
        assert_eq!(
            deltas(&[json!({"reasoning_content": "x"}), thinking("y"), text("z")]),
            json!({"reasoning_content": "x", "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "y"}]}, {"type": "text", "text": "z"}]})
        );
    }

    #[test]
    fn unmodelled_lists_of_a_delta_grow() {
        let whole = deltas(&[
            json!({"details": [{"index": 0, "type": "t", "text": "a"}], "marks": [1]}),
            json!({"details": [{"index": 1, "type": "t", "text": "b"}], "marks": [1], "words": "x"}),
            json!({"details": [{"index": 0, "type": "t", "text": "c"}], "marks": null, "words": [{"y": 1}]}),
        ]);
        assert_eq!(
            whole,
            json!({"details": [{"index": 0, "type": "t", "text": "ac"}, {"index": 1, "type": "t", "text": "b"}],
                "marks": [1, 1], "words": ["x", {"y": 1}]})
        );
    }

    #[test]
    fn arguments_that_are_an_object_are_arguments() {
        let calls = pieces(&[
            json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}),
            json!({"index": 0, "function": {"arguments": {"city": "Oslo"}}}),
            json!({"index": 1, "id": "b", "type": "", "function": {"name": "g", "arguments": {"n": 1}}}),
            json!({"index": 1, "id": "", "type": null, "function": {"name": "", "arguments": ""}}),
        ]);
        assert_eq!(calls, json!([call("a", "f", r#"{"city":"Oslo"}"#), call("b", "g", r#"{"n":1}"#)]));
        let custom = pieces(&[json!({"index": 0, "id": "c", "custom": {"name": "x", "input": "y"}})]);
        assert_eq!(custom, json!([{"id": "c", "type": "custom", "custom": {"name": "x", "input": "y"}}]));
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
