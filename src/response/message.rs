//! The message of the model, [`AssistantMessage`], its role and the annotations of its text.

use super::audio::Audio;
use super::content::AnswerContent;
use super::context::MessageContext;
use super::tool_call::{FunctionCall, ToolCall};
use crate::wire::{open_enum, wire_struct};

wire_struct! {
    /// The message of the model.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chatcompletionresponsemessage>
    pub struct AssistantMessage {
        /// The author: the assistant.
        pub role: Role = "role",
        /// The text, or a list of parts.
        pub content: AnswerContent = "content",
        /// Why the model declines, instead of text.
        pub refusal: String = hidden "refusal",
        /// The tools to run.
        pub tool_calls: Vec<ToolCall> = "tool_calls",
        /// The function to run, by the deprecated `functions`.
        pub function_call: FunctionCall = "function_call",
        /// The answer as audio, if the request has that modality.
        pub audio: Audio = "audio",
        /// Annotations of parts of the text.
        pub annotations: Vec<Annotation> = "annotations",
        /// The passages that On Your Data found.
        pub context: MessageContext = "context",
        /// The model's reasoning, from models that show it.
        pub reasoning_content: String = hidden "reasoning_content",
    }
}

impl AssistantMessage {
    /// The text; of a list of parts, that of its `text` parts joined. `None` when there is none.
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

    /// The tools to run. Empty when the model calls none.
    #[must_use]
    pub fn tool_calls(&self) -> &[ToolCall] {
        self.tool_calls.as_deref().unwrap_or_default()
    }

    /// The annotations of parts of the text.
    #[must_use]
    pub fn annotations(&self) -> &[Annotation] {
        self.annotations.as_deref().unwrap_or_default()
    }
}

open_enum! {
    /// The role of a message's author.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chatcompletionrequestmessage>
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
        /// The result of a function call by the deprecated `functions`.
        Function = "function",
    }
}

wire_struct! {
    /// An annotation of a part of the text.
    pub struct Annotation {
        /// The type, such as `url_citation`.
        pub kind: String = "type",
        /// The page that supports the part.
        pub url_citation: UrlCitation = "url_citation",
    }
}

wire_struct! {
    /// A page that supports a part of the text.
    pub struct UrlCitation {
        /// The index of the part's first character.
        pub start_index: u64 = "start_index",
        /// The index after the part's last character.
        pub end_index: u64 = "end_index",
        /// The URL of the page.
        pub url: String = hidden "url",
        /// The title of the page.
        pub title: String = hidden "title",
    }
}
