//! What is asked: plain data with a builder, checked before it leaves.
//!
//! [`ChatCompletionRequest::builder`] collects a request and [`build`](ChatCompletionRequestBuilder::build)
//! answers with every rule it breaks at once. A request can also be deserialised from the OpenAI JSON shape,
//! [`validate`](ChatCompletionRequest::validate)d and passed on: members this version does not model, or
//! whose value has another type, are kept and sent.
//!
//! Nothing here does I/O, reads the environment or knows how a request travels. Whether to stream is the
//! choice of the method that sends, never a field.
//!
//! # The rules
//!
//! A *violation* is what the service is known to refuse; it stops the request. An *advice* is what the documents
//! discourage, or date differently from the wire; it is logged once. Which model takes what is in the
//! [table](crate::model::capability_table); a cell without a source refuses nothing, and a deployment without
//! a declared model is held only to the rules for every model.
//!
#![doc = include_str!("../../RULES.md")]
//!
//! [`adapt`](ChatCompletionRequest::adapt) makes a request fit instead, and tells each change.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Number, Value};

use crate::model::{ApiVersion, Deployment, ReasoningEffort};
use crate::response::{Role, ServiceTier};
use crate::wire::{List, wire_struct};

pub use self::adapt::{Adaptation, Adapted};
pub use self::builder::ChatCompletionRequestBuilder;
pub use self::data_source::{
    DataSource, DataSourceAuthentication, DataSourceType, EmbeddingDependency, FieldsMapping, IncludeContext, QueryType,
};
pub use self::format::{Prediction, ResponseFormat, ResponseFormatType, Stop};
pub use self::message::{ContentPart, ContentPartType, ImageDetail, InputAudioFormat, Message, MessageContent};
pub use self::options::{
    AudioFormat, AudioOutput, Modality, PromptCacheRetention, StreamOptions, UserSecurityContext, Verbosity, Voice,
    WebSearchOptions,
};
pub use self::rules::rule_table;
pub use self::tool::{FunctionDefinition, GrammarSyntax, NamedToolChoice, Tool, ToolChoice, ToolChoiceMode, ToolType};
pub use self::violation::{Advice, Rule, ValidationError, Violation};

mod adapt;
mod builder;
mod data_source;
mod format;
mod media;
mod message;
mod options;
mod rules;
pub mod schema;
mod tool;
mod violation;

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
        pub(crate) prediction: Prediction = "prediction",
        pub(crate) response_format: ResponseFormat = "response_format",
        pub(crate) tools: List<Tool> = "tools",
        pub(crate) tool_choice: ToolChoice = "tool_choice",
        pub(crate) parallel_tool_calls: bool = "parallel_tool_calls",
        pub(crate) functions: List<FunctionDefinition> = "functions",
        pub(crate) function_call: format::FunctionChoice = "function_call",
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
        pub(crate) data_sources: List<DataSource> = "data_sources",
        pub(crate) stream: bool = "stream",
        pub(crate) model: String = "model",
    }
}

/// A question to a deployed model.
///
/// Made by [`ChatCompletionRequest::builder`], or read from the OpenAI JSON shape, in which `model` names
/// the deployment. It is not changed by sending and can be sent again.
///
/// # Example: every violation at once
///
/// ```
/// use azure_openai_chat::{ChatCompletionRequest, Deployment, Model};
///
/// let o1 = Deployment::new("o1-new").model(Model::O1_2024_12_17);
/// let error = ChatCompletionRequest::builder(o1)
///     .user("Why is the sky blue?")
///     .temperature(0.2)
///     .max_tokens(100)
///     .build()
///     .unwrap_err();
/// let parameters: Vec<_> = error.violations().iter().map(|violation| violation.parameter()).collect();
/// assert_eq!(parameters, ["temperature", "max_tokens", "max_completion_tokens"]);
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#createchatcompletionrequest>
#[derive(Debug, Clone, PartialEq)]
pub struct ChatCompletionRequest {
    pub(crate) deployment: Deployment,
    pub(crate) body: RequestBody,
    pub(crate) uncapped: bool,
}

impl ChatCompletionRequest {
    /// Starts a request to a deployment.
    ///
    /// A name that is exactly a known model id, such as `"gpt-4o"`, declares that model; any other name
    /// declares none, and then only the rules that hold for every model are checked.
    pub fn builder(deployment: impl Into<Deployment>) -> ChatCompletionRequestBuilder {
        ChatCompletionRequestBuilder::new(deployment.into())
    }

    /// The deployment that is asked, with the model declared for it.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The same question to another deployment.
    #[must_use]
    pub fn with_deployment(&self, deployment: impl Into<Deployment>) -> Self {
        Self { deployment: deployment.into(), ..self.clone() }
    }

    /// The conversation so far.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        self.body.messages.as_deref().map(Vec::as_slice).unwrap_or_default()
    }

    /// The same request with one more turn.
    #[must_use]
    pub fn with_message(&self, message: impl Into<Message>) -> Self {
        let mut next = self.clone();
        next.body.messages.get_or_insert_default().0.push(message.into());
        next
    }

    /// Whether the JSON this request was read from asked for a stream. Sending ignores it: the method
    /// decides.
    #[must_use]
    pub fn asks_for_stream(&self) -> Option<bool> {
        self.body.stream
    }

    /// Members that are sent as they are: unknown to this version, or with a value of another type.
    #[must_use]
    pub fn extra(&self) -> Option<&Map<String, Value>> {
        self.body.extra()
    }

    /// Checks the request again, as `build()` does; one whose JSON asks for a stream is checked as one.
    ///
    /// # Errors
    ///
    /// Every rule of the declared model, and of all models, that it breaks.
    pub fn validate(&self) -> Result<(), ValidationError> {
        ValidationError::unless_empty(self.violations(self.asks_for_stream(), None))
    }

    /// Every rule the request breaks when it is streamed or not and sent with an api version; what is not
    /// given is not checked.
    #[must_use]
    pub fn violations(&self, streaming: Option<bool>, api_version: Option<&ApiVersion>) -> Vec<Violation> {
        rules::violations(self, streaming, api_version)
    }

    /// What the documents discourage or date differently from the wire; of a request whose JSON asks for a stream
    /// also what only concerns streams. Never stops a request by itself.
    #[must_use]
    pub fn advice(&self, api_version: &ApiVersion) -> Vec<Advice> {
        rules::advice(self, api_version, self.asks_for_stream() == Some(true), now())
    }

    /// The advice for a call that streams or does not, whatever the JSON of the request asked for.
    #[cfg(feature = "client")]
    pub(crate) fn advice_for(&self, api_version: &ApiVersion, is_streamed: bool) -> Vec<Advice> {
        rules::advice(self, api_version, is_streamed, now())
    }

    /// The body as it is sent with an api version, streamed or not.
    #[must_use]
    pub fn body<'a>(&'a self, api_version: &'a ApiVersion, stream: bool) -> impl Serialize + 'a {
        WireBody { request: self, deployment: self.deployment.name(), api_version, stream }
    }

    #[cfg(feature = "client")]
    pub(crate) fn body_for<'a>(
        &'a self,
        deployment: &'a str,
        api_version: &'a ApiVersion,
        stream: bool,
    ) -> impl Serialize + 'a {
        WireBody { request: self, deployment, api_version, stream }
    }

    #[cfg(feature = "client")]
    pub(crate) fn has_prediction(&self) -> bool {
        self.body.prediction.is_some()
    }

    #[cfg(feature = "client")]
    pub(crate) fn expected_choices(&self) -> u64 {
        self.body.n.unwrap_or(1)
    }

    #[cfg(feature = "client")]
    pub(crate) fn affinity_key(&self) -> Option<&str> {
        self.body.prompt_cache_key.as_deref().or(self.body.user.as_deref())
    }

    /// The same request without one parameter, for [`repair_once`](crate::ClientBuilder::repair_once); none when it
    /// is not sent, or makes the request what it is. A limit stays one, under its other name.
    #[cfg(feature = "client")]
    pub(crate) fn without(&self, parameter: &str, is_stream: bool) -> Option<Self> {
        let other_limit = match parameter {
            "messages" | "model" | "stream" => return None,
            // the client adds it to streams
            "stream_options" if !is_stream => return None,
            "stream_options" => {
                let silent = StreamOptions::new().include_usage(false);
                let mut without = self.clone();
                // one of a wrong type is sent as it is
                without.body = without.body.edited(|members| {
                    members.remove(parameter);
                    Some(())
                })?;
                without.body.stream_options = Some(silent);
                return Some(without);
            }
            "max_tokens" => Some("max_completion_tokens"),
            "max_completion_tokens" => Some("max_tokens"),
            _ => None,
        };
        let body = self.body.edited(|members| {
            let value = members.remove(parameter)?;
            if let Some(other) = other_limit {
                members.entry(other).or_insert(value);
            }
            Some(())
        })?;
        Some(Self { body, ..self.clone() })
    }
}

struct WireBody<'a> {
    request: &'a ChatCompletionRequest,
    deployment: &'a str,
    api_version: &'a ApiVersion,
    stream: bool,
}

impl Serialize for WireBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let body = &self.request.body;
        let mut map = serializer.serialize_map(None)?;
        if self.api_version.is_v1() {
            map.serialize_entry("model", self.deployment)?;
        }
        body.write_members(&mut map, |name| matches!(name, "model" | "stream" | "stream_options"))?;
        if !self.stream {
            return map.end();
        }
        map.serialize_entry("stream", &true)?;
        let odd = body.extra().and_then(|extra| extra.get("stream_options"));
        let mut options = body.stream_options.clone().unwrap_or_default();
        if let Some(odd) = odd {
            map.serialize_entry("stream_options", odd)?;
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

/// The OpenAI JSON shape: the members of the body, and `model` for the deployment. Without a deployment,
/// `model` is as it was read: absent, or no name.
impl Serialize for ChatCompletionRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.deployment.name().is_empty() {
            self.body.write_members(&mut map, |_| false)?;
        } else {
            map.serialize_entry("model", self.deployment.name())?;
            self.body.write_members(&mut map, |name| name == "model")?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ChatCompletionRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let body = RequestBody::deserialize(deserializer)?;
        let deployment = Deployment::from(body.model.as_deref().unwrap_or_default());
        Ok(Self { deployment, body, uncapped: false })
    }
}

impl RequestBody {
    pub(crate) fn has_role(&self, role: &Role) -> bool {
        self.messages.iter().flat_map(|messages| messages.iter()).any(|message| message.role.as_ref() == Some(role))
    }

    fn has_tools(&self) -> bool {
        self.tools.as_ref().is_some_and(|tools| !tools.is_empty())
    }

    fn has_functions(&self) -> bool {
        self.functions.as_ref().is_some_and(|functions| !functions.is_empty())
    }

    pub(crate) fn offers_tools(&self) -> bool {
        self.has_tools() || self.has_functions()
    }

    fn asks_for_audio(&self) -> bool {
        let modalities = self.modalities.as_ref();
        modalities.is_some_and(|modalities| modalities.contains(&Modality::Audio))
    }

    fn asks_for_schema(&self) -> bool {
        let format = self.response_format.as_ref().and_then(|format| format.kind.as_ref());
        format == Some(&ResponseFormatType::JsonSchema)
    }

    /// The same body after a change to its JSON.
    fn edited(&self, change: impl FnOnce(&mut Map<String, Value>) -> Option<()>) -> Option<Self> {
        let Ok(Value::Object(mut members)) = serde_json::to_value(self) else {
            return None;
        };
        change(&mut members)?;
        serde_json::from_value(Value::Object(members)).ok()
    }
}

/// A map of words from pairs.
fn string_map(pairs: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Map<String, Value> {
    let sorted: BTreeMap<String, String> = pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    sorted.into_iter().map(|(key, value)| (key, Value::String(value))).collect()
}
/// The time by which dates have passed. `wasm32-unknown-unknown` has no clock: there none has.
fn now() -> SystemTime {
    match cfg!(all(target_family = "wasm", target_os = "unknown")) {
        true => SystemTime::UNIX_EPOCH,
        false => SystemTime::now(),
    }
}
