//! Chat completions of Azure OpenAI: typed, async, streaming, and checked against the deployed model before
//! a request leaves the process.
//!
//! # Example: an answer as it comes
//!
//! ```no_run
//! use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest};
//! use futures::TryStreamExt;
//!
//! # async fn run() -> azure_openai_chat::Result<()> {
//! let client = ChatClient::new("https://my-resource.openai.azure.com", ApiKey::new("key"))?;
//! let request = ChatCompletionRequest::builder("gpt-4o-mini").user("Why is the sky blue?").build()?;
//! let mut stream = client.stream(&request).await?;
//! while let Some(chunk) = stream.try_next().await? {
//!     print!("{}", chunk.text().unwrap_or_default());
//! }
//! println!("\n{} tokens", stream.into_completion()?.usage().total_tokens());
//! # Ok(())
//! # }
//! ```
//!
//! # Five questions, five rooms
//!
//! - [`model`]: what can a deployment do? A [`Deployment`] is a name of your own; the [`Model`] behind it is
//!   what you declare. Its [`Capabilities`] come from a table in this crate, or from yours.
//! - [`request`]: what is asked? [`ChatCompletionRequest::builder`] collects, and `build()` answers with
//!   every rule that is broken, at once, each with the way out.
//! - [`response`]: what is answered? [`ChatCompletion`] reads any body of the service and loses nothing.
//! - [`stream`]: how does it arrive? [`ChatCompletionStream`] is polled, ends in success only when the
//!   answer is complete, and always has what came.
//! - [`transport`]: how does it travel? Endpoints in every form, keys and Entra ID, retries that keep the
//!   service's waits, several backends.
//!
//! [`ChatClient`] puts them together. Errors are one type, [`Error`], with a kind, the service's own code, the
//! request id and the next step in words.
//!
//! # Values of the service
//!
//! Roles, finish reasons, severities and the like are enums with a variant for each known value and `Unknown` for any
//! other, so that a new value of the service is read, kept and sent like those before it. A later version of this crate
//! may have a variant for it. So that this changes nothing in your program, match variants, compare a value without a
//! variant as text, and end with `_` instead of `Unknown(_)`:
//!
//! ```
//! # use azure_openai_chat::FinishReason;
//! # let reason = FinishReason::from("paused");
//! let is_whole = match &reason {
//!     FinishReason::Stop | FinishReason::ToolCalls => true,
//!     FinishReason::Length | FinishReason::ContentFilter => false,
//!     other if other == "paused" => false,
//!     _ => true,
//! };
//! assert!(!is_whole);
//! ```
//!
//! # Features
//!
//! | feature | brings |
//! |---|---|
//! | none | types, validation, the event-stream reader and folding: no HTTP, builds for wasm32 |
//! | `client` | the transport, with API keys |
//! | `azure_core` | Entra ID through any `TokenCredential` |
//! | `azure_identity` (default) | both, `ChatClient::from_env` with Entra ID and `default_credential` |
//! | `schemars` | schemas from Rust types |
//! | `telemetry` | a span a call and metrics, through OpenTelemetry |
//!
//! All are additive, and none changes what is sent.
//!
//! # Privacy
//!
//! Keys, tokens, prompts and answers are in no log, no error text and no `Debug` of this crate. Logging goes
//! through `tracing`; [`transport`] says what each level prints.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "batch")]
pub mod batch;
#[cfg(feature = "client")]
mod client;
mod error;
pub mod model;
pub mod request;
pub mod response;
pub mod stream;
#[cfg(feature = "client")]
pub mod tools;
#[cfg(feature = "client")]
pub mod transport;
mod wire;

#[cfg(feature = "telemetry")]
pub use client::Telemetry;
#[cfg(feature = "client")]
pub use client::{
    CallEnd, CallSummary, ChatClient, ClientBuilder, FirstChunkEvent, JsonResponse, Observer, RequestCheck, Validation,
};
pub use error::{Error, ErrorKind, Result, Sent, ServiceError};
pub use model::{ApiVersion, Capabilities, Deployment, Model, ModelCatalog, Parameter, ReasoningEffort, Support};
pub use request::{
    ChatCompletionRequest, ChatCompletionRequestBuilder, ContentPart, ImageDetail, Message, Prediction, ResponseFormat,
    Rule, StreamOptions, Tool, ToolChoice, ValidationError, Violation,
};
pub use response::{
    AssistantMessage, ChatCompletion, Choice, ContentFilterResults, FilterState, FinishReason, Logprobs, ParseError,
    ParseOutcome, PromptFilterResult, ResponseMetadata, Role, ServiceTier, Severity, ToolCall, Usage,
};
pub use stream::{ChatCompletionChunk, ChatCompletionStream, ChunkFold, StreamEvent};
#[cfg(feature = "azure_identity")]
pub use transport::identity::default_credential;
#[cfg(feature = "client")]
pub use transport::{
    backend::Backend,
    call_event::{AttemptEvent, RetryEvent},
    credential::{ApiKey, Credential},
    endpoint::Endpoint,
    options::CallOptions,
    pacing::Pacing,
    retry::{RetryCause, RetryPolicy},
};
pub use wire::UnknownValue;

/// The examples of the README compile and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
