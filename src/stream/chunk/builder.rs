//! The builder of a chunk, for tests of programs that use the client.

use super::ChatCompletionChunk;
use super::body::{ChoiceBody, ChunkBody, DeltaBody, ToolCallBody};
use crate::response::{FinishReason, Role, ToolCall, Usage};

/// Builds a [`ChatCompletionChunk`] that adds to one choice, for a test. Made by [`ChatCompletionChunk::builder`].
///
/// What has no setter can be read from JSON: `serde_json::from_value(json!({"choices": [..]}))`.
#[derive(Debug, Clone)]
#[must_use]
pub struct ChatCompletionChunkBuilder {
    body: ChunkBody,
    choice: Option<ChoiceBody>,
}

impl ChatCompletionChunk {
    /// A chunk for a test, with `id` and `object`.
    ///
    /// # Example: text, and the end
    ///
    /// ```
    /// use azure_openai_chat::{ChatCompletionChunk, FinishReason, Usage};
    ///
    /// let text = ChatCompletionChunk::builder().text("Hi").build();
    /// assert_eq!(text.text(), Some("Hi"));
    /// let end = ChatCompletionChunk::builder().finish_reason(FinishReason::Stop).usage(Usage::new(9, 1)).build();
    /// assert_eq!(end.usage().map(Usage::total_tokens), Some(10));
    /// ```
    pub fn builder() -> ChatCompletionChunkBuilder {
        let object = Some("chat.completion.chunk".to_owned());
        let body = ChunkBody { id: Some("chatcmpl-1".to_owned()), object, ..ChunkBody::EMPTY };
        ChatCompletionChunkBuilder { body, choice: None }
    }
}

impl ChatCompletionChunkBuilder {
    fn choice_mut(&mut self) -> &mut ChoiceBody {
        self.choice.get_or_insert(ChoiceBody { index: Some(0), delta: Some(DeltaBody::EMPTY), ..ChoiceBody::EMPTY })
    }

    fn delta_mut(&mut self) -> &mut DeltaBody {
        self.choice_mut().delta.get_or_insert(DeltaBody::EMPTY)
    }

    /// Sets the number of the choice; 0 when unset.
    pub fn choice(mut self, index: u64) -> Self {
        self.choice_mut().index = Some(index);
        self
    }

    /// Sets the role, which the service sends in the first chunk of a choice.
    pub fn role(mut self, role: Role) -> Self {
        self.delta_mut().role = Some(role);
        self
    }

    /// Sets the text that is added.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.delta_mut().content = Some(text.into().into());
        self
    }

    /// Sets the text that is added to a refusal.
    pub fn refusal(mut self, refusal: impl Into<String>) -> Self {
        self.delta_mut().refusal = Some(refusal.into());
        self
    }

    /// Sets the reasoning that is added.
    pub fn reasoning_content(mut self, reasoning: impl Into<String>) -> Self {
        self.delta_mut().reasoning_content = Some(reasoning.into());
        self
    }

    /// Adds a piece of the tool call with this number within its choice, from 0. The service sends id and name with
    /// the first piece; in the later ones both are empty.
    pub fn tool_call(mut self, index: u64, mut piece: ToolCall) -> Self {
        let of_function = piece.function.as_mut().map(|function| &mut function.name);
        let of_custom = piece.custom.as_mut().map(|custom| &mut custom.name);
        for text in [Some(&mut piece.id), of_function, of_custom].into_iter().flatten() {
            text.take_if(|text| text.is_empty());
        }
        let ToolCall { id, kind, function, custom, extra } = piece;
        let piece = ToolCallBody { index: Some(index), id, kind, function, custom: custom.map(Box::new), extra };
        self.delta_mut().tool_calls.get_or_insert_default().push(piece);
        self
    }

    /// Sets why the choice ends.
    pub fn finish_reason(mut self, reason: impl Into<FinishReason>) -> Self {
        self.choice_mut().finish_reason = Some(reason.into());
        self
    }

    /// Sets the tokens of the call, which the service sends in the last chunk.
    pub fn usage(mut self, usage: Usage) -> Self {
        self.body.usage = Some(Box::new(usage));
        self
    }

    /// Sets the model that answers.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.body.model = Some(model.into());
        self
    }

    /// Sets the id of the completion; `chatcmpl-1` when unset.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.body.id = Some(id.into());
        self
    }

    /// The chunk.
    #[must_use]
    pub fn build(mut self) -> ChatCompletionChunk {
        self.body.choices = Some(self.choice.into_iter().collect());
        ChatCompletionChunk::parsed(self.body)
    }
}
