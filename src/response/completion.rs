//! The whole answer to a request, [`ChatCompletion`].

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::body_form::without_mark;
use super::choice::{Choice, FinishReason};
use super::content_filter::{FilterState, PromptFilterResult};
use super::message::AssistantMessage;
use super::metadata::ResponseMetadata;
use super::tool_call::ToolCall;
use super::usage::Usage;
use crate::wire::json_string::replace_lone_surrogates;
use crate::wire::{getters, open_enum, wire_struct};

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
/// It deserialises from any body of the service and serialises back to the same JSON, with one exception: an element of
/// a list that has another type than the others, such as a number among the choices, is only in [`raw`](Self::raw).
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
#[doc(alias = "CreateChatCompletionResponse")]
pub struct ChatCompletion {
    /// In a box, since an answer is moved through the futures of its call.
    pub(crate) body: Box<CompletionBody>,
    metadata: Arc<ResponseMetadata>,
    raw: Bytes,
    /// Whether it was made from the chunks of a stream before its end.
    pub(super) is_partial: bool,
}

/// Parses JSON of the service. A string with half a surrogate pair, which gateways cut and no Rust string can hold, is
/// read with U+FFFD in its place.
pub(crate) fn parse_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    // checking the JSON for UTF-8 once is cheaper than string by string
    let Ok(text) = std::str::from_utf8(json) else {
        // always an error, with its place; `Value`, so that no program has a second parser for each type
        return serde_json::from_slice::<Value>(json).and_then(|_| Err(serde_json::Error::custom("not UTF-8")));
    };
    serde_json::from_str(text).or_else(|error| {
        let replaced = replace_lone_surrogates(text);
        replaced.and_then(|text| serde_json::from_str(&text).ok()).ok_or(error)
    })
}

impl ChatCompletion {
    /// Parses a body that was recorded, or came another way than by the client. [`raw`](Self::raw) is that body.
    ///
    /// # Errors
    ///
    /// When the body is not a JSON object.
    pub fn from_bytes(raw: impl Into<Bytes>) -> Result<Self, serde_json::Error> {
        let raw = raw.into();
        let body = parse_json(without_mark(&raw))?;
        Ok(Self { raw, ..Self::from_body(body) })
    }

    pub(crate) fn from_body(body: CompletionBody) -> Self {
        Self { body: Box::new(body), metadata: Arc::default(), raw: Bytes::new(), is_partial: false }
    }

    /// The same completion with this metadata: to store and load both, or for a test.
    #[must_use]
    pub fn with_metadata(mut self, metadata: impl Into<Arc<ResponseMetadata>>) -> Self {
        self.metadata = metadata.into();
        self
    }

    pub(crate) fn into_partial(mut self) -> Self {
        self.is_partial = true;
        self
    }

    /// A body, and the bytes that it was parsed from.
    #[cfg(feature = "batch")]
    pub(crate) fn from_parts(body: CompletionBody, raw: Bytes) -> Self {
        Self { raw, ..Self::from_body(body) }
    }

    #[cfg(feature = "client")]
    pub(crate) fn shared_metadata(&self) -> &Arc<ResponseMetadata> {
        &self.metadata
    }

    /// Whether the body is a completion: it has `choices`, or another field of one and no `object` of another type.
    pub(crate) fn is_answer(&self) -> bool {
        let body = &self.body;
        let object = body.object.as_deref().unwrap_or_default();
        let has_fields = body.id.is_some()
            || body.model.is_some()
            || body.usage.is_some()
            || body.prompt_filter_results.is_some()
            || !object.is_empty();
        body.choices.is_some() || (has_fields && (object.is_empty() || object.starts_with("chat.completion")))
    }

    /// The message of the first choice.
    #[must_use]
    pub fn message(&self) -> Option<&AssistantMessage> {
        self.choices().first()?.message.as_ref()
    }

    /// The text of the first choice. `None` when there is none: a tool call, a refusal, a filtered answer, or a reasoning
    /// model that used up its tokens. See [`Choice::finish_reason`].
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.message()?.text()
    }

    /// The text of the first choice's refusal.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.message()?.refusal.as_deref()
    }

    /// The tool calls of the first choice.
    #[must_use]
    pub fn tool_calls(&self) -> &[ToolCall] {
        self.message().map(AssistantMessage::tool_calls).unwrap_or_default()
    }

    /// Why the first choice ended.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        self.choices().first()?.finish_reason.as_ref()
    }

    /// Whether the first choice was cut: by the token limit, the content filter, or because its stream has not come to its
    /// end. The arguments of its tool calls may be cut then, and can be whole JSON all the same.
    pub(crate) fn is_cut(&self) -> bool {
        match self.finish_reason() {
            Some(reason) => matches!(reason, FinishReason::Length | FinishReason::ContentFilter),
            None => self.is_partial,
        }
    }

    /// The tokens of the call; all zero when the service sent no `usage`.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        const NONE: &Usage = &Usage::EMPTY;
        self.body.usage.as_ref().unwrap_or(NONE)
    }

    /// Whether the service sent `usage`.
    #[must_use]
    pub fn has_usage(&self) -> bool {
        self.body.usage.is_some()
    }

    /// The state of prompt and choices together: filtered if any is, clean if at least one was evaluated and none is
    /// filtered, not evaluated otherwise.
    #[must_use]
    pub fn content_filter_state(&self) -> FilterState {
        let prompts = self.prompt_filter_results().iter().map(PromptFilterResult::state);
        let choices = self.choices().iter().map(Choice::content_filter_state);
        FilterState::of_all(prompts.chain(choices))
    }

    /// The status and headers of the answer, and the number of attempts.
    #[must_use]
    pub fn metadata(&self) -> &ResponseMetadata {
        &self.metadata
    }

    /// The body as it came; empty for a completion that was built from a stream, or deserialised.
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

getters! { completion: ChatCompletion => completion.body;
    /// The answer's id, such as `chatcmpl-..`.
    id: String;
    /// The type of the object, `chat.completion`.
    object: String;
    /// When the answer was created, in seconds since 1970.
    created: u64;
    /// The model and version that answered, such as `o1-2024-12-17`.
    model: String;
    /// The choices; one, unless the request has a larger `n`. Empty when the service sent none.
    choices: Vec<Choice>;
    /// The `system_fingerprint`: the configuration of the service that answered. When it changes, answers for the same
    /// `seed` can change.
    system_fingerprint: String;
    /// The tier that served the call.
    service_tier: ServiceTier;
    /// The content filter's results for the prompt. Empty when the service sent none.
    prompt_filter_results: Vec<PromptFilterResult>;
}

/// Compares the bodies, not the metadata.
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

open_enum! {
    /// The processing tier of a call.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/priority-processing>
    pub enum ServiceTier {
        /// The tier that the deployment is set to.
        Auto = "auto",
        /// The standard tier.
        Default = "default",
        /// Faster, at a higher price.
        Priority = "priority",
        /// Slower, at a lower price.
        Flex = "flex",
    }
}
