//! Chat completion requests: plain data with a builder, checked before they are sent.
//!
//! [`ChatCompletionRequest::builder`] collects a request and [`build`](ChatCompletionRequestBuilder::build)
//! returns every rule it breaks at once. A request can also be deserialised from the OpenAI JSON shape,
//! [`validate`](ChatCompletionRequest::validate)d and passed on: members this version does not model, or
//! whose value has another type, are kept and sent.
//!
//! The types that most programs name are at the root of the crate: [`Message`] and [`ContentPart`], [`Tool`] and
//! [`ToolChoice`], [`ResponseFormat`], [`Prediction`], [`StreamOptions`], and for what a rule finds
//! [`ValidationError`], [`Violation`] and [`Rule`]. What they are
//! made of is here.
//!
//! Nothing here does I/O or reads the environment. Whether to stream is the choice of the method that sends,
//! never a field.
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
//! [`adapt`](ChatCompletionRequest::adapt) makes a request fit instead, and lists each change.

pub use self::adapt::{Adaptation, Adapted};
pub use self::audio::{AudioFormat, AudioOutput, InputAudio, InputAudioFormat, Modality, Voice};
pub use self::content_part::{ContentPartType, FilePart, ImageUrl, MessageContent};
pub use self::conversation::{Conversation, Trimmed};
pub use self::data_source::{
    DataSource, DataSourceAuthentication, DataSourceType, EmbeddingDependency, FieldsMapping, IncludeContext, QueryType,
};
pub use self::options::{PromptCacheRetention, Stop, UserSecurityContext, Verbosity, WebSearchOptions};
pub use self::response_format::{JsonSchemaFormat, ResponseFormatType};
pub use self::rules::rule_table;
pub use self::tool::{
    CustomTool, FunctionDefinition, Grammar, GrammarSyntax, NamedToolChoice, ToolChoiceMode, ToolType,
};
pub use self::violation::Advice;

pub(crate) use self::body::RequestBody;
pub(crate) use self::builder::ChatCompletionRequestBuilder;
pub(crate) use self::completion_request::ChatCompletionRequest;
pub(crate) use self::content_part::ContentPart;
pub(crate) use self::message::Message;
pub(crate) use self::options::StreamOptions;
pub(crate) use self::prediction::Prediction;
pub(crate) use self::response_format::ResponseFormat;
pub(crate) use self::tool::{Tool, ToolChoice};
#[cfg(any(test, feature = "batch"))]
pub(crate) use self::violation::Rule;
#[cfg(feature = "client")]
pub(crate) use self::violation::{ValidationError, Violation};

mod adapt;
mod audio;
mod body;
pub(crate) mod builder;
pub(crate) mod completion_request;
pub(crate) mod content_part;
mod conversation;
mod data_source;
pub(crate) mod message;
pub(crate) mod options;
pub(crate) mod prediction;
pub(crate) mod response_format;
mod rules;
pub mod schema;
#[cfg(feature = "client")]
mod secrets;
mod setters;
mod settings;
mod stored;
pub(crate) mod tool;
mod verdict;
pub(crate) mod violation;
