//! A chunk: one JSON object of a stream, read through [`ChunkChoice`] and [`ToolCallDelta`].
//!
//! A chunk that was decoded by template shares its [`ChunkHead`] with others of its stream, and the parsed [`ChunkBody`]
//! with those of other streams; it owns only the text and the `obfuscation`. So a chunk is owned, `'static`, and costs one
//! allocation.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::response::{PromptFilterResult, ServiceTier, Usage};

pub(crate) use self::body::{ChoiceBody, ChunkBody, DeltaBody, TextField, ToolCallBody};
pub use self::builder::ChatCompletionChunkBuilder;
pub use self::choice::{ChunkChoice, ToolCallDelta};

mod body;
mod builder;
mod choice;
mod openai;

/// One streamed piece of the answer.
///
/// # Example: the text of a chunk
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
#[doc(alias = "CreateChatCompletionStreamResponse")]
#[doc(alias = "ChatCompletionStreamResponseDelta")]
pub struct ChatCompletionChunk {
    head: Arc<ChunkHead>,
    replaced: Option<ReplacedText>,
}

/// What the chunks of one template have in common within a stream.
#[derive(Debug)]
pub(crate) struct ChunkHead {
    /// The parsed body; for chunks of a template without the values that are replaced.
    pub(crate) body: Arc<ChunkBody>,
    /// The `id` and `created` that replace those of the body.
    pub(crate) id: Option<Box<str>>,
    pub(crate) created: Option<u64>,
}

impl ChunkHead {
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref().or(self.body.id.as_deref())
    }

    pub(crate) fn created(&self) -> Option<u64> {
        self.created.or(self.body.created)
    }
}

/// The text and the `obfuscation` of a chunk that shares its body with others, in one allocation.
#[derive(Clone)]
pub(crate) struct ReplacedText {
    /// The field of the text; `None` for a chunk without text.
    pub(crate) field: Option<TextField>,
    /// The text, followed by the obfuscation.
    pub(crate) text: String,
    /// Where the obfuscation begins; `None` for a chunk without `obfuscation`.
    pub(crate) obfuscation_at: Option<usize>,
}

impl ReplacedText {
    fn text(&self) -> &str {
        self.obfuscation_at.and_then(|at| self.text.get(..at)).unwrap_or(&self.text)
    }
}

impl ChatCompletionChunk {
    pub(crate) fn parsed(body: ChunkBody) -> Self {
        let head = ChunkHead { body: Arc::new(body), id: None, created: None };
        Self { head: Arc::new(head), replaced: None }
    }

    pub(crate) fn from_template(head: Arc<ChunkHead>, replaced: Option<ReplacedText>) -> Self {
        Self { head, replaced }
    }

    /// What the chunk has in common with others; its body's text and obfuscation may be replaced.
    pub(crate) fn head(&self) -> &Arc<ChunkHead> {
        &self.head
    }

    fn body(&self) -> &ChunkBody {
        &self.head.body
    }

    /// The text that replaces that of the body, and the field it is in.
    pub(crate) fn replaced_text(&self) -> Option<(TextField, &str)> {
        self.replaced.as_ref().and_then(|replaced| Some((replaced.field?, replaced.text())))
    }

    /// The `id` of the answer; empty in Azure's chunks of filter results.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.head.id()
    }

    /// The type of the object, `chat.completion.chunk`; empty in Azure's chunks of filter results.
    #[must_use]
    pub fn object(&self) -> Option<&str> {
        self.body().object.as_deref()
    }

    /// When the answer was created, in seconds since 1970; 0 in Azure's chunks of filter results.
    #[must_use]
    pub fn created(&self) -> Option<u64> {
        self.head.created()
    }

    /// The model and version that answers; empty in Azure's chunks of filter results.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.body().model.as_deref()
    }

    /// The `system_fingerprint`: the configuration of the service that answers.
    #[must_use]
    pub fn system_fingerprint(&self) -> Option<&str> {
        self.body().system_fingerprint.as_deref()
    }

    /// The tier that serves the call.
    #[must_use]
    pub fn service_tier(&self) -> Option<&ServiceTier> {
        self.body().service_tier.as_ref()
    }

    /// The tokens of the call: in the last chunk or the one before, if the request has
    /// `stream_options.include_usage`.
    #[must_use]
    pub fn usage(&self) -> Option<&Usage> {
        self.body().usage.as_deref()
    }

    /// Random characters that hide the size of the chunk from whoever watches the network; no part of the answer.
    #[must_use]
    pub fn obfuscation(&self) -> Option<&str> {
        let replaced = self.replaced.as_ref().and_then(|replaced| replaced.text.get(replaced.obfuscation_at?..));
        replaced.or(self.body().obfuscation.as_deref())
    }

    /// The content filter's results for the prompt: in the first chunk. Empty in all others.
    #[must_use]
    pub fn prompt_filter_results(&self) -> &[PromptFilterResult] {
        self.body().prompt_filter_results.as_deref().unwrap_or_default()
    }

    /// What the chunk adds to each choice; empty for chunks of prompt filter results and of usage.
    pub fn choices(&self) -> impl Iterator<Item = ChunkChoice<'_>> {
        let choices = self.body().choices.as_deref().unwrap_or_default().iter();
        let choices = choices.enumerate().map(|(at, body)| ChunkChoice {
            body,
            delta: body.delta.as_ref(),
            results: body.content_filter_results.as_ref(),
            position: at,
            text: if at == 0 { self.replaced_text() } else { None },
        });
        choices.chain(self.top_level_choice())
    }

    /// The `delta` and filter results beside `choices`, as an addition to the first choice. The schema of the v1 api
    /// has them; no recorded stream does.
    fn top_level_choice(&self) -> Option<ChunkChoice<'_>> {
        const EMPTY: &ChoiceBody = &ChoiceBody::EMPTY;
        let (delta, results) = (self.body().delta.as_deref(), self.body().content_filter_results.as_ref());
        let has_any = delta.is_some() || results.is_some();
        has_any.then_some(ChunkChoice { body: EMPTY, delta, results, position: 0, text: None })
    }

    /// The text this chunk adds to the first choice. `None` when it adds none.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.choices().find(|choice| choice.index() == 0)?.content()
    }

    /// The text this chunk adds to the first choice, by value. `None` when it adds none.
    #[must_use]
    pub fn into_text(mut self) -> Option<String> {
        let index = self.choices().next().map(|choice| choice.index());
        match self.replaced.take() {
            Some(ReplacedText { field: Some(TextField::Content), mut text, obfuscation_at }) if index == Some(0) => {
                text.truncate(obfuscation_at.unwrap_or(text.len()));
                Some(text)
            }
            replaced => {
                self.replaced = replaced;
                self.text().map(str::to_owned)
            }
        }
    }

    /// Fields of the chunk that are not modelled here.
    #[must_use]
    pub fn extra(&self) -> Option<&Map<String, Value>> {
        self.body().extra()
    }

    /// The body with the chunk's own values.
    fn to_body(&self) -> ChunkBody {
        let mut body = self.body().clone();
        if let Some(id) = &self.head.id {
            body.id = Some(id.clone().into());
        }
        body.created = self.created();
        if self.replaced.as_ref().is_some_and(|replaced| replaced.obfuscation_at.is_some()) {
            body.obfuscation = self.obfuscation().map(str::to_owned);
        }
        if let Some((field, text)) = self.replaced_text() {
            body.set_text(field, text);
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
        f.debug_tuple("ChatCompletionChunk").field(&self.to_body()).finish()
    }
}

impl Serialize for ChatCompletionChunk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_body().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ChatCompletionChunk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ChunkBody::deserialize(deserializer).map(Self::parsed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_unusual_chunks_of_azure_are_read_and_written_back() {
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
    fn a_chunk_of_a_template_reads_like_a_parsed_one() {
        let body =
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "a"}}]}}]});
        let body: ChunkBody = serde_json::from_value(body).unwrap();
        let replaced =
            ReplacedText { field: Some(TextField::Arguments), text: "bpad".to_owned(), obfuscation_at: Some(1) };
        let head = ChunkHead { body: Arc::new(body), id: None, created: None };
        let chunk = ChatCompletionChunk::from_template(Arc::new(head), Some(replaced));
        let choice = chunk.choices().next().unwrap();
        assert_eq!(choice.tool_calls().next().unwrap().arguments(), Some("b"));
        assert_eq!(
            serde_json::to_value(&chunk).unwrap(),
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "b"}}]}}],
                "obfuscation": "pad"})
        );
    }
}
