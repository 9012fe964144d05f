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
use super::setters::setters;
use super::tool::{FunctionChoice, FunctionDefinition, Tool, ToolChoice};
use crate::model::{ApiVersion, ReasoningEffort};
use crate::response::{Role, ServiceTier};
use crate::wire::{self, Extra, List, Shared, wire_struct};

/// Calls a macro with its own arguments and, after them, the list of the settings that take one value. Each line of the list
/// becomes a member of the body, a setter of the builder and a getter of the request.
macro_rules! settings {
    ($make:ident { $($head:tt)* }) => { $make! { $($head)*

        /// Limits the visible answer, in tokens, from 1. Refused by reasoning models, which have
        /// [`max_completion_tokens`](Self::max_completion_tokens) instead. When unset, the model's output limit.
        max_tokens: Copied<u64> = "max_tokens", "reference#createchatcompletionrequest";
        /// Limits the answer and its hidden reasoning together, in tokens, from 1. The only limit that reasoning models
        /// accept; reserve about 25,000 tokens for the reasoning. When unset, the model's output limit; the o1 models
        /// require it here, or [`uncapped`](Self::uncapped).
        #[doc(alias = "max_output_tokens")]
        max_completion_tokens: Copied<u64> = "max_completion_tokens", "how-to/reasoning";
        /// Sets the sampling temperature, 0 to 2: higher is more random. When unset, 1. Reasoning models refuse it, most of
        /// them all values but 1.
        temperature: Number = "temperature", "reference#createchatcompletionrequest";
        /// Limits sampling to the likeliest tokens that together have this probability, 0 to 1. When unset, 1. Refused by
        /// reasoning models.
        top_p: Number = "top_p", "reference#createchatcompletionrequest";
        /// Sets the penalty of tokens that have occurred, -2 to 2: higher favours new topics. When unset, 0. Refused by
        /// reasoning models.
        presence_penalty: Number = "presence_penalty", "reference#createchatcompletionrequest";
        /// Sets the penalty of tokens by how often they have occurred, -2 to 2: higher avoids repetition. When unset, 0.
        /// Refused by reasoning models.
        frequency_penalty: Number = "frequency_penalty", "reference#createchatcompletionrequest";
        /// Sets how many choices are generated, 1 to 128; each is billed. When unset, 1.
        n: Copied<u64> = "n", "reference#createchatcompletionrequest";
        /// Sets the seed of sampling: equal requests with one seed give mostly equal answers. When unset, each call is
        /// sampled anew.
        seed: Copied<i64> = "seed", "reference#createchatcompletionrequest";
        /// Sets whether the answer has the log probability of each token. When unset, it has none. Refused by most
        /// reasoning models.
        logprobs: bool = "logprobs", "reference#createchatcompletionrequest";
        /// Sets how many alternatives the answer has for each token, 0 to 20; requires `logprobs`. When unset, none.
        /// Refused by most reasoning models.
        top_logprobs: Copied<u64> = "top_logprobs", "reference#createchatcompletionrequest";
        /// Sets how much a reasoning model reasons before it answers, such as `"low"`. When unset, the model's default.
        /// Models differ in the values they accept; models without reasoning refuse it.
        reasoning_effort: ReasoningEffort = "reasoning_effort", "how-to/reasoning#reasoning-effort";
        /// Sets how long answers are: `"low"`, `"medium"` or `"high"`. When unset, `medium`. Refused by models older than
        /// gpt-5.
        verbosity: Verbosity = "verbosity", "how-to/reasoning";
        /// Sets the expected answer, for shorter waits where most of it is known. Accepted by the gpt-4o and gpt-4.1
        /// models only; excludes tools, audio, `n` above 1, `logprobs`, and `max_completion_tokens`.
        #[doc(alias = "PredictionContent")]
        prediction: Shared<Prediction> = "prediction", "how-to/predicted-outputs";
        /// Sets the format of the answer. When unset, text. A JSON schema is refused by models without structured outputs.
        response_format: Shared<ResponseFormat> = "response_format", "how-to/structured-outputs";
        /// Sets whether and which tools the model calls: `"auto"`, `"none"`, `"required"`, or the function or custom tool
        /// that it must call. Requires `tools`. When unset, `auto`.
        tool_choice: ToolChoice = "tool_choice", "how-to/function-calling";
        /// Sets whether one answer may have several tool calls; requires `tools`. When unset, it may. Refused by
        /// reasoning models that call one tool at a time.
        parallel_tool_calls: bool = "parallel_tool_calls", "how-to/function-calling";
        /// Sets the voice and format of a spoken answer; requires the `audio` modality and an audio model.
        audio: AudioOutput = "audio", "audio-completions-quickstart";
        /// Sets what a stream has besides the answer. When unset,
        /// [`stream`](crate::ChatClient::stream) requests the usage wherever the api version has the option.
        stream_options: StreamOptions = "stream_options", "reference#createchatcompletionrequest";
        /// Sets whether the service stores the completion. When unset, it does not.
        store: bool = "store", "how-to/stored-completions";
        /// Sets the processing tier of the call: `"auto"`, `"default"`, `"priority"` or `"flex"`. When unset, `auto`.
        service_tier: ServiceTier = "service_tier", "reference#createchatcompletionrequest";
        /// Sets a key that routes requests with equal beginnings to the same prompt cache, for up to about 15 requests a
        /// minute. When unset, the service routes by the beginning alone. Api version `v1` only.
        prompt_cache_key: String = hidden "prompt_cache_key", "how-to/prompt-caching";
        /// Sets how long the prompt stays cached. When unset, `in_memory` (minutes) on
        /// models up to gpt-5.4, `24h` on newer ones. Api version `v1` only.
        prompt_cache_retention: PromptCacheRetention = "prompt_cache_retention", "how-to/prompt-caching";
        /// Sets a stable id of the end user, for abuse detection; hash names and addresses. When unset, none is sent. Api
        /// version `v1` only.
        safety_identifier: String = hidden "safety_identifier", "reference#createchatcompletionrequest";
        /// Sets the end user and application of the call, for the security alerts of Microsoft Defender. When unset, alerts
        /// do not name them.
        user_security_context: UserSecurityContext = "user_security_context", "reference-preview";
        /// Sets how search-enabled models search the web; other models refuse it. When unset, as the model decides.
        web_search_options: WebSearchOptions = "web_search_options", "reference-preview";
    } };
}
pub(super) use settings;

/// Declares the body: the members whose setters are written by hand, and one for each line of [`settings!`].
macro_rules! request_body {
    (
        { $( $other:ident: $Other:ty = $($oflag:ident)* $okey:literal, )* }
        $( $(#[$meta:meta])* $name:ident: $Outer:ident $(< $Inner:ident >)? = $($flag:ident)* $key:literal, $page:literal; )*
    ) => {
        wire_struct! {
            pub(crate) struct RequestBody {
                $( pub(crate) $other: $Other = $($oflag)* $okey, )*
                $( pub(crate) $name: setters!(@field $Outer $(< $Inner >)?) = $($flag)* $key, )*
            }
        }
    };
}

settings! { request_body { {
    messages: List<Message> = "messages",
    stop: Stop = hidden "stop",
    user: String = hidden "user",
    logit_bias: Map<String, Value> = "logit_bias",
    tools: Shared<List<Tool>> = "tools",
    functions: Shared<List<FunctionDefinition>> = "functions",
    function_call: FunctionChoice = "function_call",
    modalities: List<Modality> = "modalities",
    metadata: Map<String, Value> = hidden "metadata",
    data_sources: Shared<List<DataSource>> = "data_sources",
    stream: bool = "stream",
    model: String = "model",
} } }

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
