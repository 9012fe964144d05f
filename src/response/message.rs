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
    #[doc(alias = "ChatCompletionMessage")]
    #[doc(alias = "ChatCompletionResponseMessage")]
    pub struct AssistantMessage {
        /// The author: the assistant.
        role: Role = "role",
        /// The text or the list of parts, as the service sent it; [`text`](Self::text) is the text of both.
        content: AnswerContent = "content",
        /// Why the model declines, instead of text.
        refusal: String = hidden "refusal",
        /// The tools to run. Empty when the model calls none.
        tool_calls: Vec<ToolCall> = "tool_calls",
        /// The function to run, by the deprecated `functions`.
        function_call: FunctionCall = "function_call",
        /// The answer as audio, if the request has that modality.
        audio: Audio = "audio",
        /// Annotations of parts of the text.
        annotations: Vec<Annotation> = "annotations",
        /// The passages that On Your Data found.
        context: MessageContext = "context",
        reasoning_content: String = private hidden "reasoning_content",
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
    pub fn reasoning_content(&self) -> Option<&str> {
        let field = self.reasoning_content.as_deref().filter(|reasoning| !reasoning.is_empty());
        field.or_else(|| self.content.as_ref()?.reasoning())
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
        kind: String = "type",
        /// The page that supports the part.
        url_citation: UrlCitation = "url_citation",
    }

    /// A page that supports a part of the text.
    pub struct UrlCitation {
        /// The index of the part's first character.
        start_index: u64 = "start_index",
        /// The index after the part's last character.
        end_index: u64 = "end_index",
        /// The URL of the page.
        url: String = hidden "url",
        /// The title of the page.
        title: String = hidden "title",
    }
}
