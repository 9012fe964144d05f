//! One streamed JSON object, and what it adds to a choice.
//!
//! A chunk is a shape that many chunks of a stream share, and the words that differ. So a chunk is owned,
//! `'static` and cheap: nothing is copied from the chunk before but a pointer. What is in it is asked
//! through views, [`ChunkChoice`] and [`ToolCallDelta`].

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::response::content_filter::PromptFilterResult;
use crate::response::{ServiceTier, Usage};

pub(crate) use self::body::{ChoiceBody, ChunkBody, DeltaBody, FunctionDelta, ToolCallBody};
pub use self::choice::{ChunkChoice, ToolCallDelta};

mod body;
mod choice;

/// Which string of a shape a chunk replaces. It is always in the first choice, and for arguments in its
/// first tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hole {
    Content,
    Refusal,
    Reasoning,
    Arguments,
}

/// One streamed piece of the answer.
///
/// # Example: the words of a chunk
///
/// ```
/// use azure_openai_chat::ChatCompletionChunk;
///
/// let json = r#"{"choices":[{"index":0,"delta":{"content":"Hel"}}]}"#;
/// let chunk: ChatCompletionChunk = serde_json::from_str(json)?;
/// assert_eq!(chunk.text(), Some("Hel"));
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#createchatcompletionstreamresponse>
#[derive(Clone)]
pub struct ChatCompletionChunk {
    shape: Arc<ChunkBody>,
    filled: Option<Filled>,
}

/// What a chunk puts in the place of its shape's strings: one allocation for both.
#[derive(Clone)]
pub(crate) struct Filled {
    pub(crate) hole: Hole,
    /// The words, and after them the padding.
    pub(crate) text: String,
    /// Where the padding begins, if there is any.
    pub(crate) padding: Option<usize>,
}

impl Filled {
    fn words(&self) -> &str {
        self.padding.and_then(|at| self.text.get(..at)).unwrap_or(&self.text)
    }
}

impl ChatCompletionChunk {
    pub(crate) fn whole(shape: Arc<ChunkBody>) -> Self {
        Self { shape, filled: None }
    }

    pub(crate) fn from_shape(shape: Arc<ChunkBody>, filled: Filled) -> Self {
        Self { shape, filled: Some(filled) }
    }

    pub(crate) fn shape(&self) -> &Arc<ChunkBody> {
        &self.shape
    }

    /// The words that differ from the shape's.
    pub(crate) fn varying(&self) -> Option<(Hole, &str)> {
        self.filled.as_ref().map(|filled| (filled.hole, filled.words()))
    }

    /// The answer's id; empty on Azure's filter chunks.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.shape.id.as_deref()
    }

    /// The kind of object; empty on Azure's filter chunks.
    #[must_use]
    pub fn object(&self) -> Option<&str> {
        self.shape.object.as_deref()
    }

    /// When the answer was begun, in seconds since 1970; 0 on Azure's filter chunks.
    #[must_use]
    pub fn created(&self) -> Option<u64> {
        self.shape.created
    }

    /// The model that answers; empty on Azure's filter chunks.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.shape.model.as_deref()
    }

    /// The configuration that answers.
    #[must_use]
    pub fn system_fingerprint(&self) -> Option<&str> {
        self.shape.system_fingerprint.as_deref()
    }

    /// The tier that serves the call.
    #[must_use]
    pub fn service_tier(&self) -> Option<&ServiceTier> {
        self.shape.service_tier.as_ref()
    }

    /// The tokens of the call: in the last chunk or the one before, when they were asked for.
    #[must_use]
    pub fn usage(&self) -> Option<&Usage> {
        self.shape.usage.as_deref()
    }

    /// Padding that hides the chunk's size; no part of the answer.
    #[must_use]
    pub fn obfuscation(&self) -> Option<&str> {
        let filled = self.filled.as_ref().and_then(|filled| filled.text.get(filled.padding?..));
        filled.or(self.shape.obfuscation.as_deref())
    }

    /// What the content filter says about the prompt: in the first chunk.
    #[must_use]
    pub fn prompt_filter_results(&self) -> &[PromptFilterResult] {
        self.shape.prompt_filter_results.as_deref().unwrap_or_default()
    }

    /// What the chunk adds, choice by choice; empty for prompt filter and usage chunks.
    pub fn choices(&self) -> impl Iterator<Item = ChunkChoice<'_>> {
        let choices = self.shape.choices.as_deref().unwrap_or_default().iter();
        let choices = choices.enumerate().map(|(at, body)| ChunkChoice {
            body,
            delta: body.delta.as_ref(),
            results: body.content_filter_results.as_ref(),
            position: at,
            text: if at == 0 { self.varying() } else { None },
        });
        choices.chain(self.bare_choice())
    }

    /// What stands at the top of the chunk and belongs to the first choice. The schema of v1 has a delta and
    /// filter results there; no recording does.
    fn bare_choice(&self) -> Option<ChunkChoice<'_>> {
        const NOTHING: &ChoiceBody = &ChoiceBody::EMPTY;
        let (delta, results) = (self.shape.delta.as_deref(), self.shape.content_filter_results.as_ref());
        (delta.is_some() || results.is_some()).then_some(ChunkChoice {
            body: NOTHING,
            delta,
            results,
            position: 0,
            text: None,
        })
    }

    /// The words this chunk adds to the first choice.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self.varying() {
            // mostly it is these words
            Some((Hole::Content, words)) if self.is_of_first_choice() => Some(words),
            _ => self.choices().find(|choice| choice.index() == 0)?.content(),
        }
    }

    /// Whether the chunk's first choice is the answer's.
    fn is_of_first_choice(&self) -> bool {
        let first = self.shape.choices.as_ref().and_then(|choices| choices.first());
        first.is_some_and(|first| first.index.unwrap_or(0) == 0)
    }

    /// The words this chunk adds to the first choice, by value.
    #[must_use]
    pub fn into_text(self) -> Option<String> {
        if !self.is_of_first_choice() {
            return self.text().map(str::to_owned);
        }
        match self.filled {
            Some(Filled { hole: Hole::Content, mut text, padding }) => {
                text.truncate(padding.unwrap_or(text.len()));
                Some(text)
            }
            _ => self.text().map(str::to_owned),
        }
    }

    /// Fields of the chunk that are not modelled here.
    #[must_use]
    pub fn extra(&self) -> Option<&Map<String, Value>> {
        self.shape.extra()
    }

    /// The chunk with its own words in place.
    fn to_body(&self) -> ChunkBody {
        let mut body = ChunkBody::clone(&self.shape);
        if self.filled.as_ref().is_some_and(|filled| filled.padding.is_some()) {
            body.obfuscation = self.obfuscation().map(str::to_owned);
        }
        let delta = body.choices.as_mut().and_then(|choices| choices.first_mut()?.delta.as_mut());
        if let (Some((hole, text)), Some(delta)) = (self.varying(), delta) {
            match hole {
                Hole::Content => delta.content = Some(text.into()),
                Hole::Refusal => delta.refusal = Some(text.to_owned()),
                Hole::Reasoning => delta.reasoning_content = Some(text.to_owned()),
                Hole::Arguments => {
                    let call = delta.tool_calls.as_mut().and_then(|calls| calls.first_mut());
                    if let Some(function) = call.and_then(|call| call.function.as_mut()) {
                        function.arguments = Some(text.into());
                    }
                }
            }
        }
        body
    }
}

impl PartialEq for ChatCompletionChunk {
    fn eq(&self, other: &Self) -> bool {
        self.to_body() == other.to_body()
    }
}

impl fmt::Debug for ChatCompletionChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChatCompletionChunk").field(&self.shape).finish()
    }
}

impl Serialize for ChatCompletionChunk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_body().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ChatCompletionChunk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ChunkBody::deserialize(deserializer).map(|body| Self::whole(Arc::new(body)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_odd_chunks_of_azure_are_read_and_written_back() {
        for value in [
            json!({"choices": [], "created": 0, "id": "", "model": "", "object": "",
                "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]}),
            json!({"choices": [{"content_filter_offsets": {"check_offset": 1, "start_offset": 1, "end_offset": 2},
                "content_filter_results": {}, "content_filter_raw": [], "finish_reason": null, "index": 0}], "id": ""}),
            json!({"choices": [{"delta": {"content": null}, "finish_reason": "", "index": 0}], "usage": {}}),
            json!({"usage": null}),
        ] {
            let chunk: ChatCompletionChunk = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(&chunk).unwrap(), value);
            assert_eq!(chunk.text(), None);
        }
    }

    #[test]
    fn a_filled_shape_reads_like_the_whole() {
        let shape =
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "a"}}]}}]});
        let shape: ChunkBody = serde_json::from_value(shape).unwrap();
        let filled = Filled { hole: Hole::Arguments, text: "bpad".to_owned(), padding: Some(1) };
        let chunk = ChatCompletionChunk::from_shape(Arc::new(shape), filled);
        let choice = chunk.choices().next().unwrap();
        assert_eq!(choice.tool_calls().next().unwrap().arguments(), Some("b"));
        assert_eq!(
            serde_json::to_value(&chunk).unwrap(),
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "b"}}]}}],
                "obfuscation": "pad"})
        );
    }
}
