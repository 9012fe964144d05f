//! The builder of a completion, for tests of programs that use the client.

use std::sync::Arc;

use super::choice::{Choice, FinishReason};
use super::completion::{ChatCompletion, CompletionBody};
use super::content_filter::{ContentFilterResults, PromptFilterResult};
use super::message::{AssistantMessage, Role};
use super::metadata::ResponseMetadata;
use super::tool_call::ToolCall;
use super::usage::Usage;

/// Builds a [`ChatCompletion`] with one choice, for a test. Made by [`ChatCompletion::builder`].
///
/// What has no setter can be read from JSON: `serde_json::from_value(json!({"choices": [..]}))`.
///
/// # Example: an answer without a service
///
/// ```
/// use azure_openai_chat::{ChatCompletion, FinishReason, ToolCall, Usage};
///
/// let answer = ChatCompletion::builder().text("Oslo").usage(Usage::new(9, 1)).build();
/// assert_eq!(answer.whole_text()?, "Oslo");
///
/// let call = ChatCompletion::builder().tool_call(ToolCall::function("call_1", "weather", "{}")).build();
/// assert_eq!(call.finish_reason(), Some(&FinishReason::ToolCalls));
/// # Ok::<(), azure_openai_chat::ParseError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ChatCompletionBuilder {
    body: CompletionBody,
    choice: Choice,
    message: AssistantMessage,
    metadata: Option<Arc<ResponseMetadata>>,
}

impl ChatCompletion {
    /// A completion for a test: with `id`, `object`, and a message of the assistant in choice 0.
    pub fn builder() -> ChatCompletionBuilder {
        let mut builder = ChatCompletionBuilder::default().id("chatcmpl-1");
        builder.body.object = Some("chat.completion".to_owned());
        builder.choice.index = Some(0);
        builder.message.role = Some(Role::Assistant);
        builder
    }
}

/// Makes a setter for each field: what it takes, and where the field is.
macro_rules! setters {
    ($( $(#[$meta:meta])* $name:ident($Argument:ty) = $part:ident.$field:ident; )*) => {
        impl ChatCompletionBuilder { $(
            $(#[$meta])*
            pub fn $name(mut self, $name: $Argument) -> Self {
                self.$part.$field = Some($name.into());
                self
            }
        )* }
    };
}

setters! {
    /// Sets the refusal.
    refusal(impl Into<String>) = message.refusal;
    /// Sets the model's reasoning.
    reasoning_content(impl Into<String>) = message.reasoning_content;
    /// Sets why the choice ended. When unset, `tool_calls` with tool calls and `stop` without.
    finish_reason(impl Into<FinishReason>) = choice.finish_reason;
    /// Sets the tokens of the call; none when unset.
    usage(Usage) = body.usage;
    /// Sets the model that answered.
    model(impl Into<String>) = body.model;
    /// Sets the id of the completion; `chatcmpl-1` when unset.
    id(impl Into<String>) = body.id;
    /// Sets the content filter's results for the choice.
    #[doc(alias = "content_filter_results")]
    content_filter(ContentFilterResults) = choice.content_filter_results;
}

impl ChatCompletionBuilder {
    /// Sets the text.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.message.content = Some(text.into().into());
        self
    }

    /// Adds a tool call.
    pub fn tool_call(mut self, call: ToolCall) -> Self {
        self.message.tool_calls.get_or_insert_default().push(call);
        self
    }

    /// Adds tool calls.
    pub fn tool_calls(mut self, calls: impl IntoIterator<Item = ToolCall>) -> Self {
        self.message.tool_calls.get_or_insert_default().extend(calls);
        self
    }

    /// Sets the content filter's results for the prompt.
    pub fn prompt_filter_results(mut self, results: impl IntoIterator<Item = PromptFilterResult>) -> Self {
        self.body.prompt_filter_results = Some(results.into_iter().collect());
        self
    }

    /// Sets the status and headers, such as `ResponseMetadata::new(200, [("apim-request-id", "id-1")])`.
    pub fn metadata(mut self, metadata: impl Into<Arc<ResponseMetadata>>) -> Self {
        self.metadata = Some(metadata.into());
        self
    }

    /// The completion.
    #[must_use]
    pub fn build(self) -> ChatCompletion {
        let Self { mut body, mut choice, message, metadata } = self;
        let calls_tools = !message.tool_calls().is_empty();
        let default = if calls_tools { FinishReason::ToolCalls } else { FinishReason::Stop };
        choice.finish_reason.get_or_insert(default);
        choice.message = Some(message);
        body.choices = Some(vec![choice]);
        ChatCompletion::from_body(body).with_metadata(metadata.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::response::{FilterState, ParseOutcome};

    #[test]
    fn a_built_completion_is_that_of_the_wire() {
        let built = ChatCompletion::builder().text("hi").usage(Usage::new(2, 1)).model("gpt-4o-2024-11-20").build();
        assert_eq!(
            serde_json::to_value(&built).unwrap(),
            json!({"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024-11-20", "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
            ], "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}})
        );
    }

    #[test]
    fn every_outcome_can_be_built() {
        let outcome = |builder: ChatCompletionBuilder| builder.build().whole_text().unwrap_err().outcome();
        let builder = ChatCompletion::builder;
        assert_eq!(outcome(builder().refusal("no")), ParseOutcome::Refused);
        assert_eq!(outcome(builder().text("a").finish_reason("content_filter")), ParseOutcome::Filtered);
        let results = serde_json::from_value(json!({"hate": {"filtered": true}})).unwrap();
        assert_eq!(outcome(builder().text("a").content_filter(results)), ParseOutcome::Filtered);
        assert_eq!(outcome(builder().text("a").finish_reason(FinishReason::Length)), ParseOutcome::Length);
        assert_eq!(outcome(builder().tool_call(ToolCall::function("c", "f", "{}"))), ParseOutcome::NoContent);

        let prompt = serde_json::from_value(json!({"content_filter_results": {"hate": {"filtered": false}}}));
        let metadata = ResponseMetadata::new(200, [("apim-request-id", "id-1")]);
        let whole = builder().text("a").prompt_filter_results(prompt).metadata(metadata).build();
        assert_eq!((whole.whole_text().unwrap(), whole.content_filter_state()), ("a", FilterState::Clean));
        assert_eq!(whole.metadata().request_id(), Some("id-1"));
    }
}
