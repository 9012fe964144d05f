//! What is answered: plain data, read from any body the service sends and written back unchanged.
//!
//! Everything in an answer is optional, because on the wire everything is: Azure leaves out `logprobs`,
//! `delta` and `message`, sends empty ids, and adds objects without a new api version. A value of an
//! unexpected type never fails a body; it stays in `extra()`. Only what is not a JSON object at all is an
//! error. See [`ChatCompletion`], the whole answer, and [`Usage`], what it cost.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::wire::json_string::replace_lone_surrogates;
use crate::wire::{open_enum, wire_struct};

pub use self::content::AnswerContent;
pub use self::content_filter::{ContentFilterResults, FilterState, PromptFilterResult, Severity};
pub use self::context::{Annotation, Audio, Citation, MessageContext};
pub use self::logprobs::Logprobs;
pub use self::metadata::{RateLimits, ResponseMetadata};
pub use self::parse::{ParseError, ParseOutcome};
pub use self::tool_call::{CustomToolCall, FunctionCall, ToolArguments, ToolCall, ToolCallType};
pub use self::usage::Usage;

mod content;
pub mod content_filter;
pub mod context;
pub mod logprobs;
pub(crate) mod metadata;
pub mod parse;
pub(crate) mod partial_json;
pub mod tool_call;
pub(crate) mod usage;

wire_struct! {
    pub(crate) struct CompletionBody {
        pub(crate) id: String = "id",
        pub(crate) object: String = "object",
        pub(crate) created: u64 = "created",
        pub(crate) model: String = "model",
        pub(crate) choices: Vec<Choice> = "choices",
        pub(crate) usage: Usage = "usage",
        pub(crate) system_fingerprint: String = "system_fingerprint",
        pub(crate) service_tier: ServiceTier = "service_tier",
        pub(crate) prompt_filter_results: Vec<PromptFilterResult> = "prompt_filter_results" | "prompt_annotations",
    }
}

/// The whole answer to a request.
///
/// Deserialises from any body of the service and serialises back to the same JSON. Only an element of a list that
/// is of another type than all of them, a number among the choices, say, has no place here: an answer that a client
/// received has it in [`raw`](Self::raw).
///
/// # Example: text, tokens and filters
///
/// ```
/// # let body = r#"{"choices":[{"message":{"content":"hi"}}],"usage":{"completion_tokens":1}}"#;
/// use azure_openai_chat::{ChatCompletion, FilterState};
///
/// let completion: ChatCompletion = serde_json::from_str(body)?;
/// assert_eq!(completion.text(), Some("hi"));
/// assert_eq!(completion.usage().completion_tokens(), 1);
/// assert_eq!(completion.content_filter_state(), FilterState::NotEvaluated);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#createchatcompletionresponse>
#[derive(Clone, Default)]
pub struct ChatCompletion {
    pub(crate) body: CompletionBody,
    metadata: Arc<ResponseMetadata>,
    raw: Bytes,
}

impl ChatCompletion {
    /// Reads a body.
    pub(crate) fn decode(raw: Bytes) -> Result<Self, serde_json::Error> {
        // a byte order mark is no JSON, and some gateways write one
        let json = raw.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&raw);
        // a body is text; checking that once is cheaper than string by string
        let body: Result<CompletionBody, _> = match std::str::from_utf8(json) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(json),
        };
        let body = body.or_else(|error| {
            let mended = replace_lone_surrogates(json).and_then(|json| serde_json::from_slice(&json).ok());
            mended.ok_or(error)
        })?;
        Ok(Self { body, metadata: Arc::default(), raw })
    }

    pub(crate) fn from_body(body: CompletionBody) -> Self {
        Self { body, metadata: Arc::default(), raw: Bytes::new() }
    }

    pub(crate) fn with_metadata(mut self, metadata: Arc<ResponseMetadata>) -> Self {
        self.metadata = metadata;
        self
    }

    /// Whether the body is an answer at all, be it in pieces: a field that is odd or missing loses nothing.
    #[cfg(feature = "client")]
    pub(crate) fn is_answer(&self) -> bool {
        let body = &self.body;
        let object = body.object.as_deref().unwrap_or_default();
        let mentions = body.id.is_some()
            || body.model.is_some()
            || body.usage.is_some()
            || body.prompt_filter_results.is_some()
            || !object.is_empty();
        body.choices.is_some() || (mentions && (object.is_empty() || object.starts_with("chat.completion")))
    }

    /// The answer's id, such as `chatcmpl-..`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.body.id.as_deref()
    }

    /// The kind of object, `chat.completion`.
    #[must_use]
    pub fn object(&self) -> Option<&str> {
        self.body.object.as_deref()
    }

    /// When it was made, in seconds since 1970.
    #[must_use]
    pub fn created(&self) -> Option<u64> {
        self.body.created
    }

    /// The model and version that answered, such as `o1-2024-12-17`.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.body.model.as_deref()
    }

    /// The candidates; one unless the request asked for more.
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        self.body.choices.as_deref().unwrap_or_default()
    }

    /// The first candidate's message.
    #[must_use]
    pub fn message(&self) -> Option<&AssistantMessage> {
        self.choices().first()?.message.as_ref()
    }

    /// The first candidate's text. `None` when there is none: a tool call, a refusal, a filtered answer,
    /// or a reasoning model that ran out of tokens. See [`Choice::finish_reason`].
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.message()?.text()
    }

    /// The first candidate's refusal, in words.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.message()?.refusal.as_deref()
    }

    /// The first candidate's tool calls.
    #[must_use]
    pub fn tool_calls(&self) -> &[ToolCall] {
        self.message().map(AssistantMessage::tool_calls).unwrap_or_default()
    }

    /// Why the first candidate ended.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        self.choices().first()?.finish_reason.as_ref()
    }

    /// The tokens of the call; all zero when the service did not say.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        const NONE: &Usage = &Usage::EMPTY;
        self.body.usage.as_ref().unwrap_or(NONE)
    }

    /// Whether the service sent usage at all.
    #[must_use]
    pub fn has_usage(&self) -> bool {
        self.body.usage.is_some()
    }

    /// The configuration that answered; a change of it can change answers for the same seed.
    #[must_use]
    pub fn system_fingerprint(&self) -> Option<&str> {
        self.body.system_fingerprint.as_deref()
    }

    /// The tier that served the call.
    #[must_use]
    pub fn service_tier(&self) -> Option<&ServiceTier> {
        self.body.service_tier.as_ref()
    }

    /// What the content filter says about the prompt.
    #[must_use]
    pub fn prompt_filter_results(&self) -> &[PromptFilterResult] {
        self.body.prompt_filter_results.as_deref().unwrap_or_default()
    }

    /// Prompt and all choices together: filtered if any is, clean if at least one was evaluated and none
    /// is filtered, not evaluated otherwise.
    #[must_use]
    pub fn content_filter_state(&self) -> FilterState {
        let prompts = self.prompt_filter_results().iter().map(|prompt| prompt.results().state());
        let choices = self.choices().iter().map(Choice::content_filter_state);
        let mut whole = FilterState::NotEvaluated;
        for state in prompts.chain(choices) {
            match state {
                FilterState::Filtered => return state,
                FilterState::Clean => whole = state,
                FilterState::NotEvaluated => {}
            }
        }
        whole
    }

    /// What the headers said.
    #[must_use]
    pub fn metadata(&self) -> &ResponseMetadata {
        &self.metadata
    }

    /// The body as it came; empty for an answer put together from a stream.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Fields of the body that are not modelled here.
    #[must_use]
    pub fn extra(&self) -> Option<&Map<String, Value>> {
        self.body.extra()
    }
}

/// Two answers are equal when they say the same, however they came.
impl PartialEq for ChatCompletion {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body
    }
}

impl fmt::Debug for ChatCompletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatCompletion")
            .field("body", &self.body)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for ChatCompletion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        CompletionBody::deserialize(deserializer).map(Self::from_body)
    }
}

impl Serialize for ChatCompletion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body.serialize(serializer)
    }
}

wire_struct! {
    /// One candidate.
    pub struct Choice {
        /// Which one, from 0.
        pub index: u64 = "index",
        /// What it says.
        pub message: AssistantMessage = "message",
        /// Why it ended.
        pub finish_reason: FinishReason = "finish_reason",
        /// How likely its tokens are.
        pub logprobs: Logprobs = "logprobs",
        /// The content filter's results; `content_filter_result` in old versions.
        pub content_filter_results: ContentFilterResults = "content_filter_results" | "content_filter_result",
        /// How far the asynchronous filter has looked.
        pub content_filter_offsets: content_filter::ContentFilterOffsets = "content_filter_offsets",
    }
}

impl Choice {
    /// What it says, as text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.message.as_ref()?.text()
    }

    /// The content filter's results; without any category when the service sent none.
    #[must_use]
    pub fn content_filter(&self) -> &ContentFilterResults {
        const NONE: &ContentFilterResults = &ContentFilterResults::EMPTY;
        self.content_filter_results.as_ref().unwrap_or(NONE)
    }

    /// Clean, filtered or not evaluated. A choice that ended for `content_filter` is filtered, even
    /// when no category says so.
    #[must_use]
    pub fn content_filter_state(&self) -> FilterState {
        if self.finish_reason == Some(FinishReason::ContentFilter) {
            FilterState::Filtered
        } else {
            self.content_filter().state()
        }
    }
}

open_enum! {
    /// Why a choice ended.
    pub enum FinishReason {
        /// The model was done, or met a stop sequence.
        Stop = "stop",
        /// The token limit was reached; hidden reasoning counts.
        Length = "length",
        /// The model calls tools.
        ToolCalls = "tool_calls",
        /// The content filter cut it.
        ContentFilter = "content_filter",
        /// The model calls a function, the old way.
        FunctionCall = "function_call",
    }
}

open_enum! {
    /// Who speaks.
    pub enum Role {
        /// Instructions, for reasoning models.
        Developer = "developer",
        /// Instructions.
        System = "system",
        /// The user.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// The result of a tool call.
        Tool = "tool",
        /// The result of a function call, the old way.
        Function = "function",
    }
}

open_enum! {
    /// Who serves a call, and how fast.
    pub enum ServiceTier {
        /// As the deployment says.
        Auto = "auto",
        /// The standard tier.
        Default = "default",
        /// Faster, at a higher price.
        Priority = "priority",
        /// Slower, at a lower price.
        Flex = "flex",
    }
}

wire_struct! {
    /// What the model says.
    pub struct AssistantMessage {
        /// Always the assistant.
        pub role: Role = "role",
        /// The text, or a list of parts.
        pub content: AnswerContent = "content",
        /// Why the model declines, instead of text.
        pub refusal: String = hidden "refusal",
        /// Tools to run.
        pub tool_calls: Vec<ToolCall> = "tool_calls",
        /// A function to run, the old way.
        pub function_call: FunctionCall = "function_call",
        /// The spoken answer.
        pub audio: Audio = "audio",
        /// Remarks on parts of the text.
        pub annotations: Vec<Annotation> = "annotations",
        /// What On Your Data found.
        pub context: MessageContext = "context",
        /// The model's reasoning, from models that show it.
        pub reasoning_content: String = hidden "reasoning_content",
    }
}

impl AssistantMessage {
    /// The text; of a list of parts, that of its `text` parts put together. `None` when there is none.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.content.as_ref()?.text()
    }

    /// The model's reasoning, from models that show it: `reasoning_content`, or the `thinking` parts of the content.
    #[must_use]
    pub fn reasoning(&self) -> Option<&str> {
        let field = self.reasoning_content.as_deref().filter(|reasoning| !reasoning.is_empty());
        field.or_else(|| self.content.as_ref()?.reasoning())
    }

    /// Tools to run.
    #[must_use]
    pub fn tool_calls(&self) -> &[ToolCall] {
        self.tool_calls.as_deref().unwrap_or_default()
    }

    /// Remarks on parts of the text.
    #[must_use]
    pub fn annotations(&self) -> &[Annotation] {
        self.annotations.as_deref().unwrap_or_default()
    }
}
