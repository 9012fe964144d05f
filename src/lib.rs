//! Chat completions of Azure OpenAI: typed, async, streaming, and checked against the deployed model before
//! a request leaves the process. This is no product of Microsoft.
//!
//! # Example: a question and its answer
//!
//! ```no_run
//! use azure_openai_chat::{ChatClient, ChatCompletionRequest};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // AZURE_OPENAI_ENDPOINT, and the identity of `az login`, or AZURE_OPENAI_API_KEY
//!     let client = ChatClient::from_env()?;
//!     let request = ChatCompletionRequest::builder("gpt-4o-mini").user("Why is the sky blue?").build()?;
//!     println!("{}", client.complete(&request).await?.whole_text()?);
//!     Ok(())
//! }
//! ```
//!
//! # Example: an answer as it comes
//!
//! ```no_run
//! use azure_identity::DeveloperToolsCredential;
//! use azure_openai_chat::{ChatClient, ChatCompletionRequest};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = ChatClient::new("https://my-resource.openai.azure.com", DeveloperToolsCredential::new(None)?)?;
//! let request = ChatCompletionRequest::builder("gpt-4o-mini").user("Why is the sky blue?").build()?;
//! let mut stream = client.stream(&request).await?;
//! while let Some(chunk) = stream.next_chunk().await? {
//!     print!("{}", chunk.text().unwrap_or_default());
//! }
//! println!("\n{} tokens", stream.into_completion()?.usage().total_tokens());
//! # Ok(())
//! # }
//! ```
//!
//! # How it fits together
//!
//! ```text
//! Deployment "triage"  --- declared as -->  Model o1-2024-12-17  --- has -->  Capabilities
//!   a name of yours                           what is behind it                 a row of the table in `model`
//!         |                                                                          |
//!         v                                                                          v
//! ChatCompletionRequest  -- build() -->  the rules over the request and what the model takes
//!                                           |                          |
//!                                    every violation,             a checked request
//!                                    nothing is sent                   |
//!                                                                      v
//! backend by priority and weight  ->  token or key  ->  attempt  <- complete(&request), stream(&request)
//!   ^                                                     |
//!   |   429, 5xx, no connection: wait, or next backend    |
//!   +-----------------------------------------------------+
//!                                                         v
//!               ChatCompletion, or ChatCompletionStream: polled, stopped by dropping it
//!               both with usage, filter results and metadata (request id, region, attempts)
//! ```
//!
//! # Guides
//!
//! [`guide`] has a page for each task: signing in with Entra ID, streaming to a browser, testing a service, errors,
//! timeouts and retries, content filters, what each model takes, predicted outputs, reasoning budgets, several regions,
//! gateways, observability, models of other makers, moving from async-openai and from the Python client, and changes of the
//! model behind a deployment.
//!
//! # Five questions, five rooms
//!
//! - [`model`]: what can a deployment do? A [`Deployment`] is a name of your own; the [`Model`] behind it is
//!   what you declare. Its [`Capabilities`] come from a table in this crate, or from yours.
//! - [`request`]: what is asked? [`ChatCompletionRequest::builder`] collects, and `build()` returns
//!   every rule that is broken, at once, each with the way out.
//! - [`response`]: what is answered? [`ChatCompletion`] reads any body of the service and loses nothing.
//! - [`stream`]: how does it arrive? [`ChatCompletionStream`] is polled, ends in success only when the
//!   answer is complete, and always has what came.
//! - [`transport`]: how does it travel? Endpoints in every form, keys and Entra ID, retries that keep the
//!   service's waits, several backends.
//!
//! The types that most programs name are here at the root, and nowhere else; what they are made of is in its room.
//!
//! [`tools`] runs a model's tool calls until there is an answer, and [`batch`] sends files of requests at half the price.
//! [`ChatClient`] puts them together. Errors are one type, [`Error`], with a kind, the service's own code, the
//! request id and the next step.
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
//! | feature | brings | crates |
//! |---|---|--:|
//! | none | types, validation, the event-stream reader and folding: no HTTP, builds for wasm32 | 17 |
//! | `client` | the transport, with API keys | 77 |
//! | `rustls` (default) | TLS; `rustls-no-provider` and `native-tls` are others | 90 |
//! | `azure_core` | Entra ID through any `TokenCredential` | 113 |
//! | `azure_identity` (default) | both, `ChatClient::from_env` with Entra ID and `default_credential` | 118 |
//! | `batch` | Global Batch | 77 |
//! | `http2` | HTTP/2, for clients that set it | 84 |
//! | `schemars` | schemas from Rust types | 23 |
//! | `telemetry` | a span a call and metrics, through OpenTelemetry | 79 |
//!
//! All are additive, and none changes what is sent. The default features together bring 131 crates.
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
// pages of the documentation, whose programs are tests; nothing of them is compiled into a program
#[cfg(any(doc, doctest))]
pub mod guide;
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
pub use model::{
    api_version::ApiVersion,
    capabilities::Capabilities,
    catalog::ModelCatalog,
    deployment::Deployment,
    language_model::Model,
    parameter::{Parameter, ReasoningEffort, Support},
};
pub use request::{
    builder::ChatCompletionRequestBuilder,
    completion_request::ChatCompletionRequest,
    content_part::{ContentPart, ImageDetail},
    message::Message,
    options::StreamOptions,
    prediction::Prediction,
    response_format::ResponseFormat,
    tool::{Tool, ToolChoice},
    violation::{Rule, ValidationError, Violation},
};
pub use response::{
    choice::{Choice, FinishReason},
    completion::{ChatCompletion, ServiceTier},
    content_filter::{ContentFilterResults, FilterState, PromptFilterResult, Severity},
    logprobs::Logprobs,
    message::{AssistantMessage, Role},
    metadata::ResponseMetadata,
    parse::{ParseError, ParseOutcome},
    tool_call::ToolCall,
    usage::Usage,
};
pub use stream::{
    chunk::ChatCompletionChunk, completion_stream::ChatCompletionStream, events::StreamEvent, fold::ChunkFold,
};
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
