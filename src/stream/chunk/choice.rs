//! What a chunk adds: to a choice, and to a tool call.

use std::fmt;

use serde_json::{Map, Value};

use super::Hole;
use super::body::{ChoiceBody, DeltaBody, ToolCallBody};
use crate::response::content_filter::{ContentFilterOffsets, ContentFilterResults};
use crate::response::context::MessageContext;
use crate::response::{Audio, FinishReason, Logprobs, Role, ToolCallType};
use crate::wire::Shared;

/// What a chunk adds to one choice.
#[derive(Clone, Copy)]
pub struct ChunkChoice<'a> {
    pub(super) body: &'a ChoiceBody,
    pub(super) delta: Option<&'a DeltaBody>,
    pub(super) results: Option<&'a Shared<ContentFilterResults>>,
    pub(super) position: usize,
    pub(super) text: Option<(Hole, &'a str)>,
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

    /// The chunk's own text in a hole of its shape.
    pub(crate) fn text_in(&self, hole: Hole) -> Option<&'a str> {
        self.text.filter(|(filled, _)| *filled == hole).map(|(_, text)| text)
    }

    fn hole_or(&self, hole: Hole, shape: impl FnOnce(&'a DeltaBody) -> Option<&'a str>) -> Option<&'a str> {
        self.text_in(hole).or_else(|| self.delta().and_then(shape))
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

    /// The text added; of a list of parts, that of its `text` parts.
    #[must_use]
    pub fn content(&self) -> Option<&'a str> {
        self.hole_or(Hole::Content, |delta| delta.content.as_ref()?.text())
    }

    /// The words of a refusal added.
    #[must_use]
    pub fn refusal(&self) -> Option<&'a str> {
        self.hole_or(Hole::Refusal, |delta| delta.refusal.as_deref())
    }

    /// The reasoning added, from models that show it: `reasoning_content`, or the `thinking` parts of the content.
    #[must_use]
    pub fn reasoning_content(&self) -> Option<&'a str> {
        let field = self.hole_or(Hole::Reasoning, |delta| delta.reasoning_content.as_deref());
        match field {
            None | Some("") => self.delta().and_then(|delta| delta.content.as_ref()?.reasoning()).or(field),
            some => some,
        }
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

    /// Why the choice ended: in its last chunk. Some gateways send it in the `delta`, which counts the same.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&'a FinishReason> {
        let in_delta = self.delta().and_then(|delta| delta.finish_reason.as_ref());
        match &self.body.finish_reason {
            Some(reason) if in_delta.is_none() || !reason.as_str().is_empty() => Some(reason),
            _ => in_delta,
        }
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

    /// The chunk's own text in the place of the shape's arguments.
    pub(crate) fn filled(&self) -> Option<&'a str> {
        self.arguments
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
