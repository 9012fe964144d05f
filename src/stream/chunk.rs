//! One streamed JSON object, and what it adds to a choice.
//!
//! A chunk is a shape that many chunks of a stream share, and the words that differ. So a chunk is owned,
//! `'static` and cheap: nothing is copied from the chunk before but a pointer. What is in it is asked
//! through views, [`ChunkChoice`] and [`ToolCallDelta`].

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::response::content_filter::{ContentFilterOffsets, ContentFilterResults, PromptFilterResult};
use crate::response::context::MessageContext;
use crate::response::{Annotation, Audio, FinishReason, Logprobs, Role, ServiceTier, ToolCallType, Usage};
use crate::wire::{Shared, wire_struct};

wire_struct! {
    pub(crate) struct ChunkBody {
        pub(crate) id: String = "id",
        pub(crate) object: String = "object",
        pub(crate) created: u64 = "created",
        pub(crate) model: String = "model",
        pub(crate) choices: Vec<ChoiceBody> = "choices",
        pub(crate) usage: Box<Usage> = "usage",
        pub(crate) system_fingerprint: String = "system_fingerprint",
        pub(crate) service_tier: ServiceTier = "service_tier",
        pub(crate) obfuscation: String = hidden "obfuscation",
        pub(crate) prompt_filter_results: Vec<PromptFilterResult> = "prompt_filter_results",
        pub(crate) prompt_annotations: Vec<PromptFilterResult> = "prompt_annotations",
        pub(crate) content_filter_results: Shared<ContentFilterResults> = "content_filter_results",
        pub(crate) delta: Box<DeltaBody> = "delta",
        pub(crate) error: Value = hidden "error",
    }
}

wire_struct! {
    pub(crate) struct ChoiceBody {
        pub(crate) index: u64 = "index",
        pub(crate) delta: DeltaBody = "delta",
        pub(crate) finish_reason: FinishReason = "finish_reason",
        pub(crate) logprobs: Box<Logprobs> = "logprobs",
        pub(crate) content_filter_results: Shared<ContentFilterResults> = "content_filter_results",
        pub(crate) content_filter_result: Shared<ContentFilterResults> = "content_filter_result",
        pub(crate) content_filter_offsets: ContentFilterOffsets = "content_filter_offsets",
    }
}

wire_struct! {
    pub(crate) struct DeltaBody {
        pub(crate) role: Role = "role",
        pub(crate) content: String = hidden "content",
        pub(crate) refusal: String = hidden "refusal",
        pub(crate) reasoning_content: String = hidden "reasoning_content",
        pub(crate) tool_calls: Vec<ToolCallBody> = "tool_calls",
        pub(crate) function_call: Box<FunctionDelta> = "function_call",
        pub(crate) audio: Box<Audio> = "audio",
        pub(crate) annotations: Vec<Annotation> = "annotations",
        pub(crate) context: Box<MessageContext> = "context",
    }
}

wire_struct! {
    pub(crate) struct ToolCallBody {
        pub(crate) index: u64 = "index",
        pub(crate) id: String = "id",
        pub(crate) kind: ToolCallType = "type",
        pub(crate) function: FunctionDelta = "function",
        pub(crate) custom: Box<CustomDelta> = "custom",
    }
}

wire_struct! {
    pub(crate) struct FunctionDelta {
        pub(crate) name: String = "name",
        pub(crate) arguments: String = hidden "arguments",
    }
}

wire_struct! {
    pub(crate) struct CustomDelta {
        pub(crate) name: String = "name",
        pub(crate) input: String = hidden "input",
    }
}

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
    pub(crate) text: FilledText,
    /// Where the padding begins, if there is any.
    pub(crate) padding: Option<usize>,
}

#[derive(Clone)]
pub(crate) enum FilledText {
    Own(String),
    /// A large text, which whoever adds chunks up can keep without a copy.
    Shared(Arc<String>),
}

impl Filled {
    fn words(&self) -> &str {
        self.padding.and_then(|at| self.text.get(..at)).unwrap_or(&self.text)
    }
}

impl Deref for FilledText {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match self {
            Self::Own(text) => text,
            Self::Shared(text) => text,
        }
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

    /// The words that differ from the shape's, if they are many and can be shared.
    pub(crate) fn shared_text(&self) -> Option<&Arc<String>> {
        match self.filled.as_ref()? {
            Filled { hole: Hole::Content, text: FilledText::Shared(text), padding: None } => Some(text),
            _ => None,
        }
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
        self.shape.prompt_filter_results.as_deref().or(self.shape.prompt_annotations.as_deref()).unwrap_or_default()
    }

    /// What the chunk adds, choice by choice; empty for prompt filter and usage chunks.
    pub fn choices(&self) -> impl Iterator<Item = ChunkChoice<'_>> {
        let choices = self.shape.choices.as_deref().unwrap_or_default().iter();
        let choices = choices.enumerate().map(|(at, body)| ChunkChoice {
            body,
            delta: body.delta.as_ref(),
            results: body.content_filter_results.as_ref().or(body.content_filter_result.as_ref()),
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
            Some(Filled { hole: Hole::Content, text: FilledText::Own(mut text), padding }) => {
                text.truncate(padding.unwrap_or(text.len()));
                Some(text)
            }
            Some(Filled { hole: Hole::Content, text: FilledText::Shared(text), padding: None }) => {
                Some(Arc::unwrap_or_clone(text))
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
            let text = Some(text.to_owned());
            match hole {
                Hole::Content => delta.content = text,
                Hole::Refusal => delta.refusal = text,
                Hole::Reasoning => delta.reasoning_content = text,
                Hole::Arguments => {
                    let call = delta.tool_calls.as_mut().and_then(|calls| calls.first_mut());
                    if let Some(function) = call.and_then(|call| call.function.as_mut()) {
                        function.arguments = text;
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

/// What a chunk adds to one choice.
#[derive(Clone, Copy)]
pub struct ChunkChoice<'a> {
    body: &'a ChoiceBody,
    delta: Option<&'a DeltaBody>,
    results: Option<&'a Shared<ContentFilterResults>>,
    position: usize,
    text: Option<(Hole, &'a str)>,
}

impl<'a> ChunkChoice<'a> {
    pub(crate) fn body(&self) -> &'a ChoiceBody {
        self.body
    }

    /// The results, as many chunks share them.
    pub(crate) fn shared_results(&self) -> Option<&'a Shared<ContentFilterResults>> {
        self.results
    }

    pub(crate) fn delta(&self) -> Option<&'a DeltaBody> {
        self.delta
    }

    fn hole_or(&self, hole: Hole, shape: impl FnOnce(&'a DeltaBody) -> Option<&'a str>) -> Option<&'a str> {
        match self.text {
            Some((filled, text)) if filled == hole => Some(text),
            _ => self.delta().and_then(shape),
        }
    }

    /// Which choice; its place in the chunk when the service did not say.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.body.index.unwrap_or(self.position as u64)
    }

    /// Who speaks: in a choice's first chunk.
    #[must_use]
    pub fn role(&self) -> Option<&'a Role> {
        self.delta()?.role.as_ref()
    }

    /// The words added.
    #[must_use]
    pub fn content(&self) -> Option<&'a str> {
        self.hole_or(Hole::Content, |delta| delta.content.as_deref())
    }

    /// The words of a refusal added.
    #[must_use]
    pub fn refusal(&self) -> Option<&'a str> {
        self.hole_or(Hole::Refusal, |delta| delta.refusal.as_deref())
    }

    /// The reasoning added, from models that show it.
    #[must_use]
    pub fn reasoning_content(&self) -> Option<&'a str> {
        self.hole_or(Hole::Reasoning, |delta| delta.reasoning_content.as_deref())
    }

    /// The pieces of tool calls added.
    pub fn tool_calls(&self) -> impl Iterator<Item = ToolCallDelta<'a>> {
        let calls = self.delta().and_then(|delta| delta.tool_calls.as_deref()).unwrap_or_default();
        let filled = match self.text {
            Some((Hole::Arguments, text)) => Some(text),
            _ => None,
        };
        calls.iter().enumerate().map(move |(at, body)| ToolCallDelta { body, arguments: filled.filter(|_| at == 0) })
    }

    /// What On Your Data found.
    #[must_use]
    pub fn context(&self) -> Option<&'a MessageContext> {
        self.delta()?.context.as_deref()
    }

    /// The sound added.
    #[must_use]
    pub fn audio(&self) -> Option<&'a Audio> {
        self.delta()?.audio.as_deref()
    }

    /// Why the choice ended: in its last chunk.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&'a FinishReason> {
        self.body.finish_reason.as_ref()
    }

    /// How likely the added tokens are.
    #[must_use]
    pub fn logprobs(&self) -> Option<&'a Logprobs> {
        self.body.logprobs.as_deref()
    }

    /// What the content filter says, about this chunk's words or, in asynchronous mode, about the stretch
    /// that [`content_filter_offsets`](Self::content_filter_offsets) names.
    #[must_use]
    pub fn content_filter_results(&self) -> Option<&'a ContentFilterResults> {
        self.results.map(|results| &**results)
    }

    /// How far the asynchronous filter has looked.
    #[must_use]
    pub fn content_filter_offsets(&self) -> Option<&'a ContentFilterOffsets> {
        self.body.content_filter_offsets.as_ref()
    }

    /// Fields of the choice that are not modelled here.
    #[must_use]
    pub fn extra(&self) -> Option<&'a Map<String, Value>> {
        self.body.extra()
    }
}

impl fmt::Debug for ChunkChoice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

/// A piece of a tool call.
#[derive(Clone, Copy)]
pub struct ToolCallDelta<'a> {
    body: &'a ToolCallBody,
    arguments: Option<&'a str>,
}

impl<'a> ToolCallDelta<'a> {
    pub(crate) fn body(&self) -> &'a ToolCallBody {
        self.body
    }

    /// Which call of the choice; some gateways leave it out.
    #[must_use]
    pub fn index(&self) -> Option<u64> {
        self.body.index
    }

    /// The call's id: in its first piece.
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.body.id.as_deref().filter(|id| !id.is_empty())
    }

    /// What kind of tool: in its first piece.
    #[must_use]
    pub fn kind(&self) -> Option<&'a ToolCallType> {
        self.body.kind.as_ref()
    }

    /// The tool's name: in its first piece.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        let function = self.body.function.as_ref().and_then(|function| function.name.as_deref());
        function.or_else(|| self.body.custom.as_ref()?.name.as_deref())
    }

    /// The arguments of a function added.
    #[must_use]
    pub fn arguments(&self) -> Option<&'a str> {
        self.arguments.or_else(|| self.body.function.as_ref()?.arguments.as_deref())
    }

    /// The input of a custom tool added.
    #[must_use]
    pub fn custom_input(&self) -> Option<&'a str> {
        self.body.custom.as_ref()?.input.as_deref()
    }
}

impl fmt::Debug for ToolCallDelta<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
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
        let filled = Filled { hole: Hole::Arguments, text: FilledText::Own("bpad".to_owned()), padding: Some(1) };
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
