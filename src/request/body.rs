//! The members of a request's body, and the body as it is sent with an api version.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Number, Value};

use super::audio::{AudioOutput, Modality};
use super::data_source::DataSource;
use super::message::Message;
use super::options::{PromptCacheRetention, Stop, StreamOptions, UserSecurityContext, Verbosity, WebSearchOptions};
use super::prediction::Prediction;
use super::response_format::{ResponseFormat, ResponseFormatType};
use super::tool::{FunctionChoice, FunctionDefinition, Tool, ToolChoice};
use crate::model::{ApiVersion, ReasoningEffort};
use crate::response::{Role, ServiceTier};
use crate::wire::{self, Extra, List, Shared, wire_struct};

wire_struct! {
    pub(crate) struct RequestBody {
        pub(crate) messages: List<Message> = "messages",
        pub(crate) max_tokens: u64 = "max_tokens",
        pub(crate) max_completion_tokens: u64 = "max_completion_tokens",
        pub(crate) temperature: Number = "temperature",
        pub(crate) top_p: Number = "top_p",
        pub(crate) presence_penalty: Number = "presence_penalty",
        pub(crate) frequency_penalty: Number = "frequency_penalty",
        pub(crate) n: u64 = "n",
        pub(crate) stop: Stop = hidden "stop",
        pub(crate) seed: i64 = "seed",
        pub(crate) user: String = hidden "user",
        pub(crate) logprobs: bool = "logprobs",
        pub(crate) top_logprobs: u64 = "top_logprobs",
        pub(crate) logit_bias: Map<String, Value> = "logit_bias",
        pub(crate) reasoning_effort: ReasoningEffort = "reasoning_effort",
        pub(crate) verbosity: Verbosity = "verbosity",
        pub(crate) prediction: Shared<Prediction> = "prediction",
        pub(crate) response_format: Shared<ResponseFormat> = "response_format",
        pub(crate) tools: Shared<List<Tool>> = "tools",
        pub(crate) tool_choice: ToolChoice = "tool_choice",
        pub(crate) parallel_tool_calls: bool = "parallel_tool_calls",
        pub(crate) functions: Shared<List<FunctionDefinition>> = "functions",
        pub(crate) function_call: FunctionChoice = "function_call",
        pub(crate) modalities: List<Modality> = "modalities",
        pub(crate) audio: AudioOutput = "audio",
        pub(crate) stream_options: StreamOptions = "stream_options",
        pub(crate) store: bool = "store",
        pub(crate) metadata: Map<String, Value> = hidden "metadata",
        pub(crate) service_tier: ServiceTier = "service_tier",
        pub(crate) prompt_cache_key: String = hidden "prompt_cache_key",
        pub(crate) prompt_cache_retention: PromptCacheRetention = "prompt_cache_retention",
        pub(crate) safety_identifier: String = hidden "safety_identifier",
        pub(crate) user_security_context: UserSecurityContext = "user_security_context",
        pub(crate) web_search_options: WebSearchOptions = "web_search_options",
        pub(crate) data_sources: Shared<List<DataSource>> = "data_sources",
        pub(crate) stream: bool = "stream",
        pub(crate) model: String = "model",
    }
}

/// A body with what the method of sending and the api version add to it.
pub(super) struct WireBody<'a> {
    pub(super) body: &'a RequestBody,
    pub(super) deployment: &'a str,
    pub(super) api_version: &'a ApiVersion,
    pub(super) stream: bool,
}

impl Serialize for WireBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let body = self.body;
        let mut map = serializer.serialize_map(None)?;
        if self.api_version.is_v1() {
            map.serialize_entry("model", self.deployment)?;
        }
        body.write_members(&mut map, |name| matches!(name, "model" | "stream" | "stream_options"))?;
        if !self.stream {
            return map.end();
        }
        map.serialize_entry("stream", &true)?;
        // one of another type is sent as it is
        let mistyped = body.extra().and_then(|extra| extra.get("stream_options"));
        let mut options = body.stream_options.clone().unwrap_or_default();
        if let Some(mistyped) = mistyped {
            map.serialize_entry("stream_options", mistyped)?;
        } else if self.api_version.documents("stream_options") == Some(true) {
            options.include_usage.get_or_insert(body.data_sources.is_none());
            if options.include_usage != Some(false) || options.include_obfuscation.is_some() {
                map.serialize_entry("stream_options", &options)?;
            }
        } else if body.stream_options.is_some() && options != StreamOptions::new().include_usage(false) {
            map.serialize_entry("stream_options", &options)?;
        }
        map.end()
    }
}

impl RequestBody {
    pub(super) fn push_message(&mut self, message: Message) {
        add("messages", message, &mut self.messages, &mut self.extra, |list, message| list.0.push(message));
    }

    pub(super) fn push_tool(&mut self, tool: Tool) {
        add("tools", tool, &mut self.tools, &mut self.extra, |list, tool| list.0.push(tool));
    }

    pub(super) fn push_data_source(&mut self, source: DataSource) {
        add("data_sources", source, &mut self.data_sources, &mut self.extra, |list, source| list.0.push(source));
    }

    /// The turns, without those read from JSON that are no objects.
    pub(super) fn messages_mut(&mut self) -> &mut Vec<Message> {
        let extra = &mut self.extra;
        let turns = self.messages.get_or_insert_with(|| {
            let kept = extra.get("messages").and_then(Value::as_array);
            kept.into_iter().flatten().filter_map(|turn| wire::from_value(turn).ok()).collect()
        });
        extra.remove("messages");
        &mut turns.0
    }

    pub(crate) fn has_role(&self, role: &Role) -> bool {
        self.messages
            .iter()
            .flat_map(|messages| messages.iter())
            .any(|message| message.fields().role.as_ref() == Some(role))
    }

    pub(super) fn has_tools(&self) -> bool {
        self.tools.as_ref().is_some_and(|tools| !tools.is_empty())
    }

    pub(super) fn has_functions(&self) -> bool {
        self.functions.as_ref().is_some_and(|functions| !functions.is_empty())
    }

    pub(crate) fn offers_tools(&self) -> bool {
        self.has_tools() || self.has_functions()
    }

    pub(super) fn asks_for_audio(&self) -> bool {
        let modalities = self.modalities.as_ref();
        modalities.is_some_and(|modalities| modalities.contains(&Modality::Audio))
    }

    pub(super) fn asks_for_schema(&self) -> bool {
        let format = self.response_format.as_ref().and_then(|format| format.kind.as_ref());
        format == Some(&ResponseFormatType::JsonSchema)
    }

    /// The same body after a change to its JSON.
    pub(super) fn edited(&self, change: impl FnOnce(&mut Value) -> Option<()>) -> Option<Self> {
        let mut body = wire::to_value(self).ok()?;
        change(&mut body)?;
        wire::from_value(&body).ok()
    }
}

/// Adds to a list. Where one of the elements read from JSON has another type, the list is kept as JSON and added to there.
fn add<L: Default, T: Serialize>(
    name: &str,
    value: T,
    field: &mut Option<L>,
    extra: &mut Extra,
    push: impl FnOnce(&mut L, T),
) {
    match extra.get_mut(name) {
        Some(Value::Array(list)) if field.is_none() => list.extend(wire::to_value(&value)),
        _ => push(field.get_or_insert_default(), value),
    }
}
