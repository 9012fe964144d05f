//! The JSON of a chunk: [`ChunkBody`] and the objects in it.

use serde_json::Value;

use crate::response::{
    Annotation, AnswerContent, Audio, ContentFilterOffsets, ContentFilterResults, FinishReason, Logprobs,
    MessageContext, PromptFilterResult, Role, ServiceTier, ToolArguments, ToolCallType, Usage,
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
        pub(crate) function_call: Box<FunctionDelta> = "function_call",
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
        pub(crate) function: FunctionDelta = "function",
        pub(crate) custom: Box<CustomDelta> = "custom",
    }
}

wire_struct! {
    pub(crate) struct FunctionDelta {
        pub(crate) name: String = "name",
        pub(crate) arguments: ToolArguments = "arguments",
    }
}

wire_struct! {
    pub(crate) struct CustomDelta {
        pub(crate) name: String = "name",
        pub(crate) input: String = hidden "input",
    }
}
