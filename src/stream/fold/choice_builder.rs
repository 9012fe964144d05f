//! A choice of the answer that is built from the deltas of chunks.

use crate::response::{
    AnswerContent, AssistantMessage, Choice, ContentFilterOffsets, ContentFilterResults, CustomToolCall, FilterState,
    FinishReason, FunctionCall, Logprobs, ToolCall,
};
use crate::stream::chunk::{ChoiceBody, ChunkChoice, DeltaBody, TextField, ToolCallBody, ToolCallDelta};
use crate::wire::{Extra, Merge, Shared};

/// A [`Choice`] that grows. Its large parts are boxed, because a service may have many streams open.
#[derive(Debug, Default, Clone)]
pub(super) struct ChoiceBuilder {
    pub(super) index: u64,
    message: Option<Box<AssistantMessage>>,
    pub(super) finish_reason: Option<FinishReason>,
    logprobs: Option<Box<Logprobs>>,
    filter: FilterBuilder,
    offsets: Option<ContentFilterOffsets>,
    extra: Extra,
    calls: Vec<CallBuilder>,
}

/// The filter results of a choice. The last are merged only when others come, since chunks of one template share theirs.
#[derive(Debug, Default, Clone)]
struct FilterBuilder {
    merged: Option<Box<ContentFilterResults>>,
    last: Option<Shared<ContentFilterResults>>,
}

impl FilterBuilder {
    fn push(&mut self, results: &Shared<ContentFilterResults>) {
        if self.last.as_ref().is_some_and(|last| last.is(results)) {
            return;
        }
        if let Some(last) = self.last.replace(results.clone()) {
            self.merged.get_or_insert_default().merge(&last);
        }
    }

    #[cfg_attr(not(feature = "client"), allow(dead_code, reason = "read by the client"))]
    fn state(&self) -> FilterState {
        let all = [self.merged.as_deref(), self.last.as_deref()];
        FilterState::of_all(all.into_iter().flatten().map(ContentFilterResults::state))
    }

    fn build(self) -> Option<ContentFilterResults> {
        let Some(last) = self.last else {
            return self.merged.map(|merged| *merged);
        };
        let mut merged = self.merged.unwrap_or_default();
        merged.merge(&last);
        Some(*merged)
    }
}

/// A tool call that grows, and the `index` of its pieces.
#[derive(Debug, Clone)]
struct CallBuilder {
    index: Option<u64>,
    call: ToolCall,
}

impl ChoiceBuilder {
    pub(super) fn new(index: u64) -> Self {
        Self { index, ..Self::default() }
    }

    pub(super) fn content(&self) -> Option<&str> {
        self.message.as_ref()?.content.as_deref()
    }

    pub(super) fn function_call(&self) -> Option<&FunctionCall> {
        self.message.as_ref()?.function_call.as_ref()
    }

    /// As [`Choice::content_filter_state`].
    #[cfg_attr(not(feature = "client"), allow(dead_code, reason = "read by the client"))]
    pub(super) fn content_filter_state(&self) -> FilterState {
        match self.finish_reason {
            Some(FinishReason::ContentFilter) => FilterState::Filtered,
            _ => self.filter.state(),
        }
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.calls.iter().map(|builder| &builder.call)
    }

    /// Whether pushing another chunk of the same template can only append text to `field`. `call` is the tool call that
    /// this chunk's piece was added to.
    ///
    /// The body is taken apart without `..`, so that a new field must be decided on here. A field that is ignored has the
    /// same value in every chunk of the template, and merging it again changes nothing.
    pub(super) fn only_appends(&self, choice: &ChunkChoice<'_>, field: TextField, call: Option<usize>) -> bool {
        let ChoiceBody {
            index: _,
            delta: Some(delta),
            finish_reason: _,
            logprobs: None,
            content_filter_results: _,
            content_filter_offsets: _,
            extra: _,
        } = choice.body
        else {
            return false;
        };
        let calls_are_free = match (field, delta.tool_calls.as_deref().unwrap_or_default()) {
            (TextField::Arguments, [piece]) => call.is_some() && has_only_arguments(piece),
            (TextField::Arguments, _) => false,
            (_, calls) => calls.is_empty(),
        };
        delta.adds_only_text(Some(field))
            && calls_are_free
            && choice.tool_calls().all(|piece| self.call_of(&piece) == call)
            && delta.extra.brings_nothing()
    }

    /// The text in `field`, or in the arguments of this tool call; `None` for content that is a list of parts.
    pub(super) fn text_mut(&mut self, field: TextField, call: Option<usize>) -> Option<&mut String> {
        let message = self.message.get_or_insert_default();
        match field {
            TextField::Content => message.content.get_or_insert_default().text_mut(),
            TextField::Refusal => Some(message.refusal.get_or_insert_default()),
            TextField::Reasoning => Some(message.reasoning_content.get_or_insert_default()),
            TextField::Arguments => {
                let call = &mut self.calls.get_mut(call?)?.call;
                let function = call.function.get_or_insert(FunctionCall::EMPTY);
                Some(function.arguments.get_or_insert_default().text_mut())
            }
        }
    }

    /// Adds what the chunk has for this choice. The position of the tool call that each of its pieces was added to is
    /// pushed to `placed`.
    pub(super) fn push(&mut self, choice: &ChunkChoice<'_>, placed: &mut Vec<usize>) {
        // taken apart without `..` here and below, so that no field is forgotten; `ChunkChoice` reads those that are ignored
        let ChoiceBody {
            index: _,
            delta: _,
            finish_reason: _,
            logprobs,
            content_filter_results: _,
            content_filter_offsets,
            extra,
        } = choice.body;
        if let Some(delta) = choice.delta {
            self.push_delta(delta, choice);
            placed.extend(choice.tool_calls().map(|piece| self.push_call(&piece)));
        }
        // some gateways send `""` instead of `null` until the choice ends
        if let Some(reason) = choice.finish_reason().filter(|reason| !reason.as_str().is_empty()) {
            self.finish_reason = Some(reason.clone());
        }
        if let Some(logprobs) = logprobs {
            self.logprobs.get_or_insert_default().append(logprobs);
        }
        if let Some(results) = choice.results {
            self.filter.push(results);
        }
        if let Some(offsets) = content_filter_offsets {
            self.offsets.get_or_insert_default().merge(offsets);
        }
        self.extra.merge(extra, Merge::Repeated);
    }

    fn push_delta(&mut self, delta: &DeltaBody, choice: &ChunkChoice<'_>) {
        let DeltaBody {
            role,
            content,
            refusal: _,
            reasoning_content,
            tool_calls: _,
            function_call,
            audio,
            annotations,
            context,
            finish_reason: _,
            extra,
        } = delta;
        let message = self.message.get_or_insert_default();
        if let Some(role) = role.as_ref().filter(|role| !role.as_str().is_empty()) {
            message.role = Some(role.clone());
        }
        match (choice.replaced_text(TextField::Content), content) {
            (Some(text), _) => message.content.get_or_insert_default().push_text(text),
            (None, Some(content)) => {
                message.content.get_or_insert_with(|| AnswerContent::empty_like(content)).append(content);
            }
            (None, None) => {}
        }
        append(&mut message.refusal, choice.refusal());
        let reasoning = choice.replaced_text(TextField::Reasoning).or(reasoning_content.as_deref());
        append(&mut message.reasoning_content, reasoning);
        if let Some(piece) = function_call {
            push_function(message.function_call.get_or_insert(FunctionCall::EMPTY), piece, None);
        }
        if let Some(piece) = audio {
            message.audio.get_or_insert_default().append(piece);
        }
        if let Some(annotations) = annotations {
            message.annotations.get_or_insert_default().extend_from_slice(annotations);
        }
        if let Some(context) = context {
            message.context.get_or_insert_default().merge(context);
        }
        message.extra.merge(extra, Merge::Delta);
    }

    fn push_call(&mut self, piece: &ToolCallDelta<'_>) -> usize {
        let (at, call) = self.call_or_new(piece);
        let ToolCallBody { index: _, id: _, kind, function, custom, extra } = piece.body;
        if let Some(kind) = kind.as_ref().filter(|kind| !kind.as_str().is_empty()) {
            call.kind = Some(kind.clone());
        }
        if let Some(function) = function {
            push_function(call.function.get_or_insert(FunctionCall::EMPTY), function, piece.replaced);
        }
        if let Some(custom) = custom {
            let CustomToolCall { name, input, extra } = &**custom;
            let whole = call.custom.get_or_insert(CustomToolCall::EMPTY);
            set_name(&mut whole.name, name.as_deref());
            append(&mut whole.input, input.as_deref());
            whole.extra.merge(extra, Merge::Piece);
        }
        call.extra.merge(extra, Merge::Piece);
        at
    }

    /// The tool call that a piece belongs to, and its position; a new one if [`Self::call_of`] finds none.
    fn call_or_new(&mut self, piece: &ToolCallDelta<'_>) -> (usize, &mut ToolCall) {
        let at = self.call_of(piece).unwrap_or_else(|| {
            self.calls.push(CallBuilder { index: piece.index(), call: ToolCall::EMPTY });
            self.calls.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "`at` is the position of a call that exists")]
        let call = &mut self.calls[at].call;
        if call.id.is_none() {
            call.id = piece.id().map(str::to_owned);
        }
        (at, call)
    }

    /// The position of the tool call that a piece belongs to. A piece with an `id` belongs to the call of that id, or
    /// to a call of its `index` that has no id yet, else begins a call, even under an index that is in use. Without an
    /// id it belongs to the latest call of its `index`. Without both it belongs to the last call, or begins one if it
    /// has a `name` and the last call has one too.
    fn call_of(&self, piece: &ToolCallDelta<'_>) -> Option<usize> {
        let calls = &self.calls;
        match (piece.id(), piece.index()) {
            (Some(id), index) => {
                calls.iter().position(|builder| builder.call.id.as_deref() == Some(id)).or_else(|| {
                    calls
                        .iter()
                        .rposition(|builder| builder.call.id.is_none() && builder.index == index && index.is_some())
                })
            }
            (None, Some(index)) => calls.iter().rposition(|builder| builder.index == Some(index)),
            (None, None) => match piece.name().filter(|name| !name.is_empty()) {
                Some(_) if calls.last().is_some_and(|builder| !builder.call.name().is_empty()) => None,
                _ => calls.len().checked_sub(1),
            },
        }
    }

    pub(super) fn build(self) -> Choice {
        let mut message = self.message;
        if !self.calls.is_empty() {
            let calls = self.calls.into_iter().map(|CallBuilder { mut call, .. }| {
                call.set_type();
                call
            });
            message.get_or_insert_default().tool_calls = Some(calls.collect());
        }
        if let Some(message) = &mut message {
            flatten_content(message);
        }
        Choice {
            index: Some(self.index),
            message: message.map(|message| *message),
            finish_reason: self.finish_reason,
            logprobs: self.logprobs.map(|logprobs| *logprobs),
            content_filter_results: self.filter.build(),
            content_filter_offsets: self.offsets,
            extra: self.extra,
        }
    }
}

#[inline]
fn append(field: &mut Option<String>, more: Option<&str>) {
    if let Some(more) = more {
        field.get_or_insert_default().push_str(more);
    }
}

/// Sets a text, unless the newer one is missing or empty.
pub(super) fn set_text(field: &mut Option<String>, newer: Option<&str>) {
    if let Some(newer) = newer.filter(|text| !text.is_empty())
        && field.as_deref() != Some(newer)
    {
        *field = Some(newer.to_owned());
    }
}

/// Sets a name that is not set: it comes whole in the first piece, and some gateways repeat it or send it empty later.
fn set_name(field: &mut Option<String>, newer: Option<&str>) {
    if field.as_deref().unwrap_or_default().is_empty() {
        set_text(field, newer);
    }
}

/// Adds a piece of a function's name and arguments; `replaced` are arguments that replace those of the piece.
fn push_function(whole: &mut FunctionCall, piece: &FunctionCall, replaced: Option<&str>) {
    let FunctionCall { name, arguments, extra } = piece;
    set_name(&mut whole.name, name.as_deref());
    match (replaced, arguments) {
        (Some(text), _) => whole.arguments.get_or_insert_default().push_str(text),
        (None, Some(arguments)) => whole.arguments.get_or_insert_default().append(arguments),
        (None, None) => {}
    }
    whole.extra.merge(extra, Merge::Piece);
}

/// Whether adding the piece again can only append arguments.
fn has_only_arguments(piece: &ToolCallBody) -> bool {
    let ToolCallBody { index: _, id: _, kind: _, function: Some(function), custom: None, extra } = piece else {
        return false;
    };
    let FunctionCall { name: _, arguments: _, extra: of_function } = function;
    extra.brings_nothing() && of_function.brings_nothing()
}

/// Turns `content` that is a list of parts into a string and `reasoning_content`, if these can hold all of it.
fn flatten_content(message: &mut AssistantMessage) {
    let Some(content) = message.content.take_if(|content| content.parts().is_some()) else {
        return;
    };
    let has_reasoning = message.reasoning_content.as_deref().is_some_and(|reasoning| !reasoning.is_empty());
    match content.flatten(has_reasoning) {
        Ok((text, reasoning)) => {
            message.content = text.map(Into::into);
            message.reasoning_content = reasoning.or(message.reasoning_content.take());
        }
        Err(content) => message.content = Some(content),
    }
}
