//! The JSON of a chunk: [`ChunkBody`] and the objects in it.

use serde_json::Value;

use crate::response::{
    Annotation, AnswerContent, Audio, ContentFilterOffsets, ContentFilterResults, CustomToolCall, FinishReason,
    FunctionCall, Logprobs, MessageContext, PromptFilterResult, Role, ServiceTier, ToolCallType, Usage,
};
use crate::wire::{Shared, wire_struct};

/// A field of the first choice's `delta` whose text varies from chunk to chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextField {
    /// `content`
    Content,
    /// `refusal`
    Refusal,
    /// `reasoning_content`
    Reasoning,
    /// `function.arguments` of the first element of `tool_calls`
    Arguments,
}

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
        pub(crate) prompt_filter_results: Vec<PromptFilterResult> = "prompt_filter_results" | "prompt_annotations",
        pub(crate) content_filter_results: Shared<ContentFilterResults> =
            "content_filter_results" | "content_filter_result",
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
        pub(crate) content_filter_results: Shared<ContentFilterResults> =
            "content_filter_results" | "content_filter_result",
        pub(crate) content_filter_offsets: ContentFilterOffsets = "content_filter_offsets",
    }
}

wire_struct! {
    pub(crate) struct DeltaBody {
        pub(crate) role: Role = "role",
        pub(crate) content: AnswerContent = "content",
        pub(crate) refusal: String = hidden "refusal",
        pub(crate) reasoning_content: String = hidden "reasoning_content",
        pub(crate) tool_calls: Vec<ToolCallBody> = "tool_calls",
        pub(crate) function_call: Box<FunctionCall> = "function_call",
        pub(crate) audio: Box<Audio> = "audio",
        pub(crate) annotations: Vec<Annotation> = "annotations",
        pub(crate) context: Box<MessageContext> = "context",
        /// Sent here by some gateways; the service sends it in the choice.
        pub(crate) finish_reason: FinishReason = "finish_reason",
    }
}

wire_struct! {
    pub(crate) struct ToolCallBody {
        pub(crate) index: u64 = "index",
        pub(crate) id: String = "id",
        pub(crate) kind: ToolCallType = "type",
        pub(crate) function: FunctionCall = "function",
        pub(crate) custom: Box<CustomToolCall> = "custom",
    }
}

impl ChunkBody {
    /// Sets the text of the first choice's field, where the body has the object that holds it.
    pub(crate) fn set_text(&mut self, field: TextField, text: &str) {
        let Some(delta) = self.choices.as_mut().and_then(|choices| choices.first_mut()?.delta.as_mut()) else {
            return;
        };
        match field {
            TextField::Content => delta.content = Some(text.into()),
            TextField::Refusal => delta.refusal = Some(text.to_owned()),
            TextField::Reasoning => delta.reasoning_content = Some(text.to_owned()),
            TextField::Arguments => {
                let call = delta.tool_calls.as_mut().and_then(|calls| calls.first_mut());
                if let Some(function) = call.and_then(|call| call.function.as_mut()) {
                    function.arguments = Some(text.into());
                }
            }
        }
    }

    /// Whether all that is left without `id`, `created`, `obfuscation` and the text in `field` may be the same in other
    /// answers: nothing that a model or a caller wrote, and no ids. The bodies are taken apart without `..`, so that a new
    /// field must be decided on here.
    pub(crate) fn is_common(&self, field: Option<TextField>) -> bool {
        let Self {
            id: _,
            object: _,
            created: _,
            model: _,
            choices,
            usage: None,
            system_fingerprint: _,
            service_tier: _,
            obfuscation: _,
            prompt_filter_results,
            content_filter_results: None,
            delta: None,
            error: None,
            extra,
        } = self
        else {
            return false;
        };
        extra.members().is_none()
            && choices.iter().flatten().all(|choice| choice.is_common(field))
            && prompt_filter_results.iter().flatten().all(PromptFilterResult::has_only_verdicts)
    }
}

impl ChoiceBody {
    fn is_common(&self, field: Option<TextField>) -> bool {
        let Self {
            index: _,
            delta,
            finish_reason: _,
            logprobs: None,
            content_filter_results,
            content_filter_offsets: None,
            extra,
        } = self
        else {
            return false;
        };
        extra.members().is_none()
            && delta.as_ref().is_none_or(|delta| delta.is_common(field))
            && content_filter_results.as_ref().is_none_or(|results| results.has_only_verdicts())
    }
}

impl DeltaBody {
    /// Whether the text in `field` is all that the delta adds, tool calls and members without a field aside.
    pub(crate) fn adds_only_text(&self, field: Option<TextField>) -> bool {
        let Self {
            role: _,
            content,
            refusal,
            reasoning_content,
            tool_calls: _,
            function_call: None,
            audio: None,
            annotations: None,
            context: None,
            finish_reason: _,
            extra: _,
        } = self
        else {
            return false;
        };
        let is_free = |other, text: Option<&str>| field == Some(other) || text.unwrap_or_default().is_empty();
        content.as_ref().is_none_or(|content| content.parts().is_none())
            && is_free(TextField::Content, content.as_deref())
            && is_free(TextField::Refusal, refusal.as_deref())
            && is_free(TextField::Reasoning, reasoning_content.as_deref())
    }

    fn is_common(&self, field: Option<TextField>) -> bool {
        // only the arguments of the first call are replaced
        let calls_are_common = match self.tool_calls.as_deref().unwrap_or_default() {
            [] => true,
            [call] => field == Some(TextField::Arguments) && call.has_only_arguments(),
            _ => false,
        };
        calls_are_common && self.extra.members().is_none() && self.adds_only_text(field)
    }
}

impl ToolCallBody {
    fn has_only_arguments(&self) -> bool {
        let Self { index: _, id: None, kind: _, function: Some(function), custom: None, extra } = self else {
            return false;
        };
        extra.members().is_none() && function.name.is_none() && function.extra.members().is_none()
    }
}
