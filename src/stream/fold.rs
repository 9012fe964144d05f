//! The fold of a stream's chunks into a completion.
//!
//! The cost of a chunk is proportional to what it adds. Texts are appended; ids and counts are replaced, but not by a
//! later `null`, `""` or missing member; of filter results the worst of each category is kept; pieces of tool calls
//! are joined by `id` first, then by `index`, then by order.

use std::fmt;
use std::mem;
use std::sync::Arc;

use self::choice_builder::{ChoiceBuilder, set_text};
use super::chunk::{ChatCompletionChunk, ChunkBody, ChunkHead, TextField};
use crate::response::{
    ChatCompletion, CompletionBody, FilterState, FinishReason, FunctionCall, PromptFilterResult, ToolCall, Usage,
};
use crate::wire::Merge;

mod choice_builder;

/// The number of heads in [`ChunkFold::merged`]: choices that alternate have one each.
const MERGED_HEADS: usize = 4;

/// Adds up chunks to a completion, for streams that were recorded or came another way than by
/// [`ChatCompletionStream`](crate::ChatCompletionStream), which has one of its own.
///
/// # Example: two chunks
///
/// ```
/// use azure_openai_chat::{ChatCompletionChunk, ChunkFold};
///
/// let mut fold = ChunkFold::new();
/// for text in ["Hel", "lo"] {
///     let json = format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#);
///     fold.push(&serde_json::from_str::<ChatCompletionChunk>(&json)?);
/// }
/// assert_eq!(fold.into_completion().text(), Some("Hello"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[repr(C)]
pub struct ChunkFold {
    body: CompletionBody,
    choices: Vec<ChoiceBuilder>,
    /// The heads whose chunk fields (`id`, `model`, `usage` and the like) were merged last: these are equal in all.
    merged: Vec<Arc<ChunkHead>>,
    /// The positions of the tool calls that the pieces of the last merged chunk were added to, in their order.
    placed: Vec<usize>,
    // last the fields that each chunk reads, since those of the stream come after them
    chunks: u64,
    /// The texts that chunks of the last templates append to, one a choice.
    appending: Vec<Appending>,
}

/// A text that grows. It is taken out of its choice, so that a chunk of an open stream touches little memory.
#[derive(Clone)]
struct Appending {
    /// The head of the chunks that only append to this text.
    head: Arc<ChunkHead>,
    choice: u64,
    field: TextField,
    /// The position of the tool call that arguments are appended to.
    call: Option<usize>,
    text: String,
}

impl Appending {
    #[inline]
    fn has_head_of(&self, chunk: &ChatCompletionChunk) -> bool {
        Arc::ptr_eq(&self.head, chunk.head())
    }
}

/// Without the text, which is an answer.
impl fmt::Debug for Appending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appending").field("choice", &self.choice).field("field", &self.field).finish_non_exhaustive()
    }
}

impl ChunkFold {
    /// A fold without chunks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk. Chunks are added in the order in which they came.
    pub fn push(&mut self, chunk: &ChatCompletionChunk) {
        if !self.append(chunk) {
            self.merge(chunk);
        }
    }

    /// Adds a chunk that only appends to a text that grows. Returns whether it is one; the first of a stream is not.
    #[inline]
    pub(crate) fn append(&mut self, chunk: &ChatCompletionChunk) -> bool {
        if let Some((_, text)) = chunk.replaced_text()
            && let Some(appending) = self.appending.iter_mut().find(|appending| appending.has_head_of(chunk))
        {
            self.chunks += 1;
            appending.text.push_str(text);
            return true;
        }
        false
    }

    /// Adds any chunk.
    #[inline(never)]
    pub(crate) fn merge(&mut self, chunk: &ChatCompletionChunk) {
        self.chunks += 1;
        let head = chunk.head();
        if !self.merged.iter().any(|merged| Arc::ptr_eq(merged, head)) {
            self.merge_chunk_fields(head);
        }
        self.push_choices(chunk);
    }

    /// The number of chunks added.
    #[must_use]
    pub fn chunk_count(&self) -> u64 {
        self.chunks
    }

    /// Whether at least `expected` choices came, and every one has its finish reason.
    pub(crate) fn is_finished(&self, expected: usize) -> bool {
        let (finished, all) = self.finished(expected);
        finished == all
    }

    /// The number of choices with a finish reason, and the number of choices: those that came, or `expected` if that
    /// is more.
    pub(crate) fn finished(&self, expected: usize) -> (usize, usize) {
        let finished = self.choices.iter().filter(|choice| choice.finish_reason.is_some()).count();
        (finished, self.choices.len().max(expected).max(1))
    }

    /// The text of a choice so far.
    pub(crate) fn content(&self, index: u64) -> Option<&str> {
        let is_content = |appending: &&Appending| appending.choice == index && appending.field == TextField::Content;
        match self.appending.iter().find(is_content) {
            Some(appending) => Some(&appending.text),
            None => self.choice(index)?.content(),
        }
    }

    fn choice(&self, index: u64) -> Option<&ChoiceBuilder> {
        self.choices.iter().find(|choice| choice.index == index)
    }

    /// The tokens of the call so far.
    pub(crate) fn usage(&self) -> Option<&Usage> {
        self.body.usage.as_ref()
    }

    /// The fields of the completion so far, without its choices.
    #[cfg_attr(not(feature = "client"), allow(dead_code, reason = "read by the client"))]
    pub(crate) fn body(&self) -> &CompletionBody {
        &self.body
    }

    /// The finish reasons that came, in the order of the choices.
    #[cfg_attr(not(feature = "client"), allow(dead_code, reason = "read by the client"))]
    pub(crate) fn finish_reasons(&self) -> impl Iterator<Item = &FinishReason> {
        self.choices.iter().filter_map(|choice| choice.finish_reason.as_ref())
    }

    /// As [`ChatCompletion::content_filter_state`].
    #[cfg_attr(not(feature = "client"), allow(dead_code, reason = "read by the client"))]
    pub(crate) fn content_filter_state(&self) -> FilterState {
        let prompts = self.body.prompt_filter_results.iter().flatten().map(PromptFilterResult::state);
        FilterState::of_all(prompts.chain(self.choices.iter().map(ChoiceBuilder::content_filter_state)))
    }

    /// The tool calls of a choice so far. Arguments that grow are in them after [`put_texts_back`](Self::put_texts_back).
    pub(crate) fn tool_calls(&self, index: u64) -> impl Iterator<Item = &ToolCall> {
        self.choice(index).into_iter().flat_map(ChoiceBuilder::calls)
    }

    /// The call of the deprecated `functions` of a choice so far.
    pub(crate) fn function_call(&self, index: u64) -> Option<&FunctionCall> {
        self.choice(index)?.function_call()
    }

    /// The positions of the tool calls that the pieces of the chunk, which was added last, were added to.
    pub(crate) fn placed(&self, chunk: &ChatCompletionChunk) -> &[usize] {
        match self.appending.iter().find(|appending| appending.has_head_of(chunk)) {
            Some(appending) => appending.call.as_slice(),
            None => &self.placed,
        }
    }

    /// The completion that the chunks so far add up to; see [`into_completion`](Self::into_completion).
    #[must_use]
    pub fn completion(&self) -> ChatCompletion {
        self.clone().into_completion()
    }

    /// The completion that the chunks add up to, without a copy. Only a finish reason shows that they are all: without one, its
    /// [`whole_text`](ChatCompletion::whole_text) is an error.
    #[must_use]
    pub fn into_completion(self) -> ChatCompletion {
        self.into_whole().into_partial()
    }

    /// The completion of chunks that are known to be all.
    pub(super) fn into_whole(mut self) -> ChatCompletion {
        self.put_texts_back(|_| true);
        let mut body = self.body;
        body.choices = Some(self.choices.into_iter().map(ChoiceBuilder::build).collect());
        ChatCompletion::from_body(body)
    }

    /// Puts texts that grow back into their choices.
    pub(crate) fn put_texts_back(&mut self, is_due: impl Fn(u64) -> bool) {
        while let Some(at) = self.appending.iter().position(|appending| is_due(appending.choice)) {
            let Appending { choice, field, call, text, .. } = self.appending.swap_remove(at);
            if let Some(place) = self.choice_builder(choice).text_mut(field, call) {
                *place = text;
            }
        }
    }

    /// Merges the chunk fields of a head, unless those that were merged last are equal.
    fn merge_chunk_fields(&mut self, head: &Arc<ChunkHead>) {
        if self.merged.first().is_some_and(|merged| has_equal_chunk_fields(merged, head)) {
            if self.merged.len() == MERGED_HEADS {
                self.merged.clear();
            }
            self.merged.push(Arc::clone(head));
            return;
        }
        self.merged = vec![Arc::clone(head)];
        // the chunk fields of the next chunk of another template must be merged again, so that it cannot only append
        self.put_texts_back(|_| true);
        let ChunkBody {
            id: _,
            object,
            created: _,
            model,
            usage,
            system_fingerprint,
            service_tier,
            extra,
            // of the choices and the prompt, not of the chunk
            choices: _,
            prompt_filter_results: _,
            content_filter_results: _,
            delta: _,
            // no part of the answer
            obfuscation: _,
            error: _,
        } = &*head.body;
        let body = &mut self.body;
        set_text(&mut body.id, head.id());
        set_text(&mut body.model, model.as_deref());
        set_text(&mut body.system_fingerprint, system_fingerprint.as_deref());
        if body.object.is_none() && object.as_deref().is_some_and(|object| !object.is_empty()) {
            body.object = Some("chat.completion".to_owned());
        }
        if let Some(created) = head.created().filter(|created| *created != 0) {
            body.created = Some(created);
        }
        if let Some(tier) = service_tier.as_ref().filter(|tier| !tier.as_str().is_empty()) {
            body.service_tier = Some(tier.clone());
        }
        if let Some(usage) = usage {
            body.usage.get_or_insert_default().merge(usage);
        }
        body.extra.merge(extra, Merge::Repeated);
    }

    fn push_choices(&mut self, chunk: &ChatCompletionChunk) {
        for result in chunk.prompt_filter_results() {
            let results = self.body.prompt_filter_results.get_or_insert_default();
            // some gateways repeat them in every chunk
            if !results.contains(result) {
                results.push(result.clone());
            }
        }
        let head = chunk.head();
        let is_only_choice = has_only_one_choice(&head.body);
        let mut placed = mem::take(&mut self.placed);
        placed.clear();
        for choice in chunk.choices() {
            let index = choice.index();
            self.put_texts_back(|choice| choice == index);
            let builder = self.choice_builder(index);
            builder.push(&choice, &mut placed);
            let call = placed.last().copied();
            if let Some((field, _)) = chunk.replaced_text()
                && is_only_choice
                && builder.only_appends(&choice, field, call)
                && let Some(text) = builder.text_mut(field, call).map(mem::take)
            {
                self.appending.push(Appending { head: Arc::clone(head), choice: index, field, call, text });
            }
        }
        self.placed = placed;
    }

    fn choice_builder(&mut self, index: u64) -> &mut ChoiceBuilder {
        let at = self.choices.partition_point(|choice| choice.index < index);
        if self.choices.get(at).is_none_or(|choice| choice.index != index) {
            self.choices.insert(at, ChoiceBuilder::new(index));
        }
        #[expect(clippy::indexing_slicing, reason = "`at` is the position of a choice that exists")]
        &mut self.choices[at]
    }
}

/// Whether merging the chunk fields of one after those of the other changes nothing. This function, the next and
/// [`ChunkFold::merge_chunk_fields`] take a chunk apart without `..`, so that a new field must be decided on in each.
fn has_equal_chunk_fields(one: &ChunkHead, other: &ChunkHead) -> bool {
    let ChunkHead { body, id: _, created: _ } = one;
    let ChunkBody {
        id: _,
        object,
        created: _,
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
    } = &**body;
    let is_same_answer = one.id() == other.id() && one.created() == other.created();
    let other = &other.body;
    is_same_answer
        && *object == other.object
        && *model == other.model
        && *usage == other.usage
        && *system_fingerprint == other.system_fingerprint
        && *service_tier == other.service_tier
        && *extra == other.extra
}

/// Whether a chunk has one choice and nothing else but its chunk fields.
fn has_only_one_choice(chunk: &ChunkBody) -> bool {
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
        // an object with `error` is decoded as an error
        error: _,
    } = chunk
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
    use crate::stream::chunk::{ReplacedText, TextField};

    fn fold(chunks: &[Value]) -> Value {
        let mut fold = ChunkFold::new();
        for chunk in chunks {
            fold.push(&serde_json::from_value(chunk.clone()).unwrap());
        }
        serde_json::to_value(fold.into_completion()).unwrap()
    }

    #[test]
    fn half_a_stream_has_no_whole_text_and_a_finished_one_has() {
        let mut fold = ChunkFold::new();
        fold.push(&ChatCompletionChunk::builder().text("Half").build());
        assert_eq!(fold.completion().whole_text().unwrap_err().outcome().as_str(), "interrupted");
        assert_eq!(fold.completion().text(), Some("Half"));
        fold.push(&ChatCompletionChunk::builder().finish_reason(FinishReason::Stop).build());
        assert_eq!(fold.into_completion().whole_text().unwrap(), "Half");
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

    /// Pushes chunks of templates, and the same chunks parsed.
    fn assert_appends_as_parsed(templates: &[Value], turns: &[(usize, TextField, &str)]) {
        let templates: Vec<Arc<ChunkHead>> = templates
            .iter()
            .map(|template| {
                let body = Arc::new(serde_json::from_value(template.clone()).unwrap());
                Arc::new(ChunkHead { body, id: None, created: None })
            })
            .collect();
        let (mut appended, mut parsed) = (ChunkFold::new(), ChunkFold::new());
        for (at, field, text) in turns {
            let chunk = ChatCompletionChunk::from_template(
                Arc::clone(&templates[*at]),
                Some(ReplacedText { field: Some(*field), text: (*text).to_owned(), obfuscation_at: None }),
            );
            appended.push(&chunk);
            parsed.push(&serde_json::from_value(serde_json::to_value(&chunk).unwrap()).unwrap());
            assert_eq!(appended.completion(), parsed.completion(), "after {text} in template {at}");
        }
    }

    #[test]
    fn chunks_of_templates_add_up_like_parsed_ones() {
        use TextField::{Arguments, Content};
        let call = |index: u64, call: Value| json!({"choices": [{"index": index, "delta": {"tool_calls": [call]}}]});
        let templates = [
            call(0, json!({"index": 0, "function": {"arguments": "x"}})),
            call(0, json!({"index": 1, "id": "b", "function": {"name": "g", "arguments": "x"}})),
            call(0, json!({"id": "c", "function": {"name": "h", "arguments": "x"}})),
            call(0, json!({"function": {"name": "k", "arguments": "x"}})),
            call(1, json!({"index": 0, "function": {"arguments": "x"}})),
            json!({"model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "x"}}]}),
            json!({"model": "n", "delta": {"role": "tool", "content": "y"}, "choices": [{"index": 0, "delta": {"content": "x"}}]}),
            call(0, json!({"index": 0, "custom": {"input": "i"}, "function": {"arguments": "x"}})),
        ];
        let field = |at: usize| if matches!(at, 5 | 6) { Content } else { Arguments };
        for first in 0..templates.len() {
            for second in 0..templates.len() {
                for third in 0..templates.len() {
                    let turns = [first, first, second, first, first, second, second, third, first, third, second]
                        .map(|at| (at, field(at), "w"));
                    assert_appends_as_parsed(&templates, &turns);
                }
            }
        }
    }

    #[test]
    fn interleaved_calls_belong_to_the_call_of_their_index() {
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
            json!({"details": [{"index": 1, "type": "t", "text": "b"}], "marks": [1], "voice": "x"}),
            json!({"details": [{"index": 0, "type": "t", "text": "c"}], "marks": null, "voice": [{"y": 1}]}),
        ]);
        assert_eq!(
            whole,
            json!({"details": [{"index": 0, "type": "t", "text": "ac"}, {"index": 1, "type": "t", "text": "b"}],
                "marks": [1, 1], "voice": ["x", {"y": 1}]})
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
    fn unmodelled_texts_of_a_delta_add_up() {
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
