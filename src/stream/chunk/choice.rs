//! The part of a chunk for one choice, [`ChunkChoice`], and for one tool call, [`ToolCallDelta`].

use std::fmt;

use serde_json::{Map, Value};

use super::body::{ChoiceBody, DeltaBody, TextField, ToolCallBody};
use crate::response::{
    Annotation, Audio, ContentFilterOffsets, ContentFilterResults, FinishReason, Logprobs, MessageContext, Role,
    ToolCallType,
};
use crate::wire::Shared;

/// What a chunk adds to one choice.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#createchatcompletionstreamresponse>
#[derive(Clone, Copy)]
pub struct ChunkChoice<'a> {
    pub(in crate::stream) body: &'a ChoiceBody,
    pub(in crate::stream) delta: Option<&'a DeltaBody>,
    /// The filter results, which chunks of one template share.
    pub(in crate::stream) results: Option<&'a Shared<ContentFilterResults>>,
    pub(super) position: usize,
    /// The text that replaces that of the body.
    pub(super) text: Option<(TextField, &'a str)>,
}

impl<'a> ChunkChoice<'a> {
    /// The text that replaces that of the body, if it is in this field.
    pub(in crate::stream) fn replaced_text(&self, field: TextField) -> Option<&'a str> {
        self.text.filter(|(replaced, _)| *replaced == field).map(|(_, text)| text)
    }

    fn text(&self, field: TextField, of_body: impl FnOnce(&'a DeltaBody) -> Option<&'a str>) -> Option<&'a str> {
        self.replaced_text(field).or_else(|| self.delta.and_then(of_body))
    }

    /// The number of the choice, from 0; its position in the chunk when the service sent no `index`.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.body.index.unwrap_or(self.position as u64)
    }

    /// The role of the message's author: in the first chunk of a choice.
    #[must_use]
    pub fn role(&self) -> Option<&'a Role> {
        self.delta?.role.as_ref()
    }

    /// The text added; of a list of parts, that of its `text` parts.
    #[must_use]
    pub fn content(&self) -> Option<&'a str> {
        self.text(TextField::Content, |delta| delta.content.as_ref()?.text())
    }

    /// The text of a refusal added.
    #[must_use]
    pub fn refusal(&self) -> Option<&'a str> {
        self.text(TextField::Refusal, |delta| delta.refusal.as_deref())
    }

    /// The reasoning added, from models that show it: `reasoning_content`, or the `thinking` parts of the content.
    #[must_use]
    pub fn reasoning_content(&self) -> Option<&'a str> {
        let field = self.text(TextField::Reasoning, |delta| delta.reasoning_content.as_deref());
        match field {
            None | Some("") => self.delta.and_then(|delta| delta.content.as_ref()?.reasoning()).or(field),
            some => some,
        }
    }

    /// The pieces of tool calls added.
    pub fn tool_calls(&self) -> impl Iterator<Item = ToolCallDelta<'a>> {
        let calls = self.delta.and_then(|delta| delta.tool_calls.as_deref()).unwrap_or_default();
        let replaced = self.replaced_text(TextField::Arguments);
        calls.iter().enumerate().map(move |(at, body)| ToolCallDelta { body, replaced: replaced.filter(|_| at == 0) })
    }

    /// The passages that On Your Data found.
    #[must_use]
    pub fn context(&self) -> Option<&'a MessageContext> {
        self.delta?.context.as_deref()
    }

    /// The annotations added.
    #[must_use]
    pub fn annotations(&self) -> &'a [Annotation] {
        self.delta.and_then(|delta| delta.annotations.as_deref()).unwrap_or_default()
    }

    /// The audio added.
    #[must_use]
    pub fn audio(&self) -> Option<&'a Audio> {
        self.delta?.audio.as_deref()
    }

    /// Why the choice ended: in its last chunk. Some gateways send it in the `delta`, which counts the same.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&'a FinishReason> {
        let in_delta = self.delta.and_then(|delta| delta.finish_reason.as_ref());
        match &self.body.finish_reason {
            Some(reason) if in_delta.is_none() || !reason.as_str().is_empty() => Some(reason),
            _ => in_delta,
        }
    }

    /// The log probabilities of the added tokens.
    #[must_use]
    pub fn logprobs(&self) -> Option<&'a Logprobs> {
        self.body.logprobs.as_deref()
    }

    /// The content filter's results for the text of this chunk or, in asynchronous mode, for the part of the answer
    /// that [`content_filter_offsets`](Self::content_filter_offsets) names.
    #[doc(alias = "content_filter_results")]
    #[must_use]
    pub fn content_filter(&self) -> Option<&'a ContentFilterResults> {
        self.results.map(|results| &**results)
    }

    /// How far the asynchronous content filter has checked the answer.
    #[must_use]
    pub fn content_filter_offsets(&self) -> Option<&'a ContentFilterOffsets> {
        self.body.content_filter_offsets.as_ref()
    }

    /// Fields of the choice that are not modelled here.
    #[must_use]
    pub fn extra(&self) -> Option<&'a Map<String, Value>> {
        self.body.extra()
    }

    /// Fields of the `delta` that are not modelled here, as gateways have.
    #[must_use]
    pub fn delta_extra(&self) -> Option<&'a Map<String, Value>> {
        self.delta?.extra()
    }
}

impl fmt::Debug for ChunkChoice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

/// A piece of a tool call.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling>
#[derive(Clone, Copy)]
pub struct ToolCallDelta<'a> {
    pub(in crate::stream) body: &'a ToolCallBody,
    /// The arguments that replace those of the body.
    pub(in crate::stream) replaced: Option<&'a str>,
}

impl<'a> ToolCallDelta<'a> {
    /// The number of the call within its choice. `None` from gateways that leave it out.
    #[must_use]
    pub fn index(&self) -> Option<u64> {
        self.body.index
    }

    /// The id of the call: in its first piece.
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.body.id.as_deref().filter(|id| !id.is_empty())
    }

    /// The type of the tool: in the first piece of a call.
    #[must_use]
    pub fn kind(&self) -> Option<&'a ToolCallType> {
        self.body.kind.as_ref()
    }

    /// The name of the tool: in the first piece of a call.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        let function = self.body.function.as_ref().and_then(|function| function.name.as_deref());
        function.or_else(|| self.body.custom.as_ref()?.name.as_deref())
    }

    /// The part of a function's arguments added.
    #[must_use]
    pub fn arguments(&self) -> Option<&'a str> {
        self.replaced.or_else(|| self.body.function.as_ref()?.arguments.as_deref())
    }

    /// The part of a custom tool's input added.
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
