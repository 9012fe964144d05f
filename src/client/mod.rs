//! The client, which sends requests by the transport and reads the answers.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use self::call::{Streamed, Whole, call};
use self::parts::Parts;
use crate::error::Result;
use crate::model::{ApiVersion, Deployment};
use crate::request::ChatCompletionRequest;
use crate::response::ChatCompletion;
use crate::stream::ChatCompletionStream;
use crate::transport::environment::Environment;
use crate::transport::{Backend, CallOptions, Credential, Endpoint, EndpointInput};

pub use self::builder::ClientBuilder;
pub use self::json::JsonResponse;
pub use self::observer::{FirstChunkEvent, Observer};
pub use self::preflight::{RequestCheck, Validation};
pub use self::summary::{CallEnd, CallSummary};
#[cfg(feature = "telemetry")]
pub use self::telemetry::Telemetry;

mod builder;
pub(crate) mod call;
mod deployments;
mod json;
mod observer;
mod parts;
mod preflight;
mod record;
mod repair;
#[cfg(feature = "batch")]
pub(crate) mod resource;
mod summary;
#[cfg(feature = "telemetry")]
mod telemetry;

/// The client of one Azure OpenAI resource and all its deployments, or of several resources as backends.
///
/// Cheap to clone, and to be shared: clones have one pool of connections and one cache of tokens.
///
/// Its calls and streams run on a Tokio runtime, with I/O and time enabled; polled outside of one, they panic. A client may
/// outlive a runtime and be used in the next, as in a `static`; an open stream belongs to the runtime that opened it.
///
/// # Example: one question
///
/// ```no_run
/// use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest};
///
/// # async fn run() -> azure_openai_chat::Result<()> {
/// let client = ChatClient::new("https://my-resource.openai.azure.com", ApiKey::new("key"))?;
/// let request = ChatCompletionRequest::builder("gpt-4o-mini").user("Why is the sky blue?").build()?;
/// let completion = client.complete(&request).await?;
/// println!("{}", completion.whole_text()?);
/// # Ok(())
/// # }
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chat-completions>
#[derive(Clone)]
#[doc(alias = "AzureOpenAI")]
#[doc(alias = "AsyncAzureOpenAI")]
#[doc(alias = "AzureOpenAIClient")]
pub struct ChatClient(Arc<Parts>);

impl ChatClient {
    /// A client for an endpoint, in any form of [`Endpoint`](crate::Endpoint), with an [`ApiKey`](crate::ApiKey), an
    /// `Arc` of any `azure_core` `TokenCredential`, or another [`Credential`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a malformed endpoint, and for a key that no header can carry.
    #[doc(alias = "with_config")]
    pub fn new(endpoint: impl Into<EndpointInput>, credential: impl Into<Credential>) -> Result<Self> {
        Self::builder(endpoint, credential).build()
    }

    /// Starts the builder of a client with other settings than the defaults.
    pub fn builder(endpoint: impl Into<EndpointInput>, credential: impl Into<Credential>) -> ClientBuilder {
        ClientBuilder::new(Backend::new(endpoint, credential))
    }

    /// A client from the environment; see [`builder_from_env`](Self::builder_from_env).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when a variable is missing or wrong; the text names it.
    #[doc(alias = "AZURE_OPENAI_API_KEY")]
    pub fn from_env() -> Result<Self> {
        Self::builder_from_env()?.build()
    }

    /// Starts the builder of a client from the environment: `AZURE_OPENAI_ENDPOINT`, then `AZURE_OPENAI_API_KEY` (or
    /// `AZURE_OPENAI_KEY`) or `AZURE_OPENAI_AD_TOKEN` or, with the feature `azure_identity`, the
    /// [default credential](crate::default_credential); and `OPENAI_API_VERSION` (or `AZURE_OPENAI_API_VERSION`) if it is
    /// set. Two names of one variable may both be set to the same value, not to different ones. Blanks around a value are
    /// left out, an empty value counts as unset, and quotes around one are an error.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when a variable is missing or wrong; the text names it.
    pub fn builder_from_env() -> Result<ClientBuilder> {
        builder::builder_from(&Environment::read(&|name| std::env::var_os(name)))
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`](crate::ErrorKind), after the retries of the [`RetryPolicy`](crate::RetryPolicy).
    ///
    /// - [`InvalidRequest`](crate::ErrorKind::InvalidRequest): the request violates a rule of the declared model; nothing
    ///   was sent.
    /// - [`Config`](crate::ErrorKind::Config): a header, query parameter or deployment name cannot be sent; nothing was.
    /// - [`Interrupted`](crate::ErrorKind::Interrupted): the body broke off.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection over HTTP/1.1, and resets the stream over HTTP/2. The service may still
    /// complete the answer, and bill it.
    #[doc(alias = "create")]
    #[doc(alias = "chat.completions.create")]
    #[doc(alias = "create_chat_completion")]
    pub async fn complete(&self, request: &ChatCompletionRequest) -> Result<ChatCompletion> {
        self.complete_with(request, &CallOptions::default()).await
    }

    /// As [`complete`](Self::complete), with options for this call; what they leave unset is as on the client.
    ///
    /// # Errors
    ///
    /// As [`complete`](Self::complete).
    #[doc(alias = "with_options")]
    pub async fn complete_with(
        &self,
        request: &ChatCompletionRequest,
        options: &CallOptions,
    ) -> Result<ChatCompletion> {
        call::<Whole>(&self.0, request, options).await
    }

    /// Sends a request and returns the answer as a stream, once its first bytes are there.
    ///
    /// `stream_options.include_usage` is set where the api version has it, unless the request sets it.
    ///
    /// # Errors
    ///
    /// As [`complete`](Self::complete); a later error is an item of the stream.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream closes the connection over HTTP/1.1, and resets the stream over HTTP/2.
    #[doc(alias = "create_stream")]
    #[doc(alias = "chat.completions.stream")]
    pub async fn stream(&self, request: &ChatCompletionRequest) -> Result<ChatCompletionStream> {
        self.stream_with(request, &CallOptions::default()).await
    }

    /// As [`stream`](Self::stream), with options for this call; what they leave unset is as on the client.
    ///
    /// # Errors
    ///
    /// As [`stream`](Self::stream).
    pub async fn stream_with(
        &self,
        request: &ChatCompletionRequest,
        options: &CallOptions,
    ) -> Result<ChatCompletionStream> {
        // boxed: the task of the caller keeps the size of this future for as long as it has the stream
        Box::pin(call::<Streamed>(&self.0, request, options)).await
    }

    /// Sends a JSON body to another operation of a deployment, such as `embeddings`, and waits for its answer: with the same
    /// sign-in, retries, backends and timeouts as [`complete`](Self::complete). `operation` is the path after the
    /// deployment, such as `images/generations`. Nothing in the body is checked; on the v1 route its `model` is set to the
    /// deployment.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`](crate::ErrorKind), after the retries of the [`RetryPolicy`](crate::RetryPolicy).
    ///
    /// - [`Config`](crate::ErrorKind::Config): the deployment's name or the operation cannot be part of an address.
    /// - [`InvalidRequest`](crate::ErrorKind::InvalidRequest): the body is no JSON object; nothing was sent.
    /// - [`Decode`](crate::ErrorKind::Decode): the answer is no JSON.
    ///
    /// # Example: embeddings
    ///
    /// ```no_run
    /// use azure_openai_chat::{ApiKey, ChatClient};
    /// use serde_json::json;
    ///
    /// # async fn run() -> azure_openai_chat::Result<()> {
    /// let client = ChatClient::new("https://my-resource.openai.azure.com", ApiKey::new("key"))?;
    /// let answer = client.post_json("text-embedding-3-small", "embeddings", &json!({"input": ["a", "b"]})).await?;
    /// println!("{} numbers", answer["data"][0]["embedding"].as_array().map_or(0, Vec::len));
    /// println!("request {}", answer.metadata().request_id().unwrap_or("-"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#data-plane-inference>
    #[doc(alias = "embeddings.create")]
    #[doc(alias = "images.generate")]
    pub async fn post_json(
        &self,
        deployment: impl Into<Deployment> + Send,
        operation: &str,
        body: &(impl Serialize + Sync + ?Sized),
    ) -> Result<JsonResponse> {
        self.post_json_with(deployment, operation, body, &CallOptions::default()).await
    }

    /// As [`post_json`](Self::post_json), with options for this call; what they leave unset is as on the client.
    ///
    /// # Errors
    ///
    /// As [`post_json`](Self::post_json).
    pub async fn post_json_with(
        &self,
        deployment: impl Into<Deployment> + Send,
        operation: &str,
        body: &(impl Serialize + Sync + ?Sized),
        options: &CallOptions,
    ) -> Result<JsonResponse> {
        json::post_json(&self.0, &deployment.into(), operation, body, options).await
    }

    /// What [`complete`](Self::complete) would refuse and advise, without sending anything. A request read from JSON
    /// with `"stream": true` is checked as [`check_stream`](Self::check_stream) does.
    ///
    /// Of several backends with other api versions, one that can serve the request is enough. With
    /// [`Validation::Strict`] advice is among the violations too; with [`Validation::Off`] both are reported,
    /// although neither stops a call.
    #[must_use]
    pub fn check(&self, request: &ChatCompletionRequest) -> RequestCheck {
        self.checked(request, request.asks_for_stream() == Some(true))
    }

    /// What [`stream`](Self::stream) would refuse and advise, without sending anything: what [`check`](Self::check)
    /// reports, and the rules that apply to streams only.
    ///
    /// # Example: o1 does not stream on Azure
    ///
    /// ```
    /// use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest, Deployment, Model};
    ///
    /// let client = ChatClient::new("https://my-resource.openai.azure.com", ApiKey::new("key"))?;
    /// let o1 = Deployment::new("o1-new").model(Model::O1_2024_12_17);
    /// let request = ChatCompletionRequest::builder(o1).user("Why is the sky blue?").uncapped().build()?;
    /// assert!(client.check(&request).violations().is_empty());
    /// assert_eq!(client.check_stream(&request).violations()[0].parameter(), "stream");
    /// # Ok::<(), azure_openai_chat::Error>(())
    /// ```
    #[must_use]
    pub fn check_stream(&self, request: &ChatCompletionRequest) -> RequestCheck {
        self.checked(request, true)
    }

    fn checked(&self, request: &ChatCompletionRequest, streaming: bool) -> RequestCheck {
        self.0.preflight.check(&self.0.transport, &self.0.deployments.declare(request), streaming).0
    }

    /// Refuses what [`complete`](Self::complete) would refuse.
    #[cfg(feature = "batch")]
    pub(crate) fn admit(&self, request: &ChatCompletionRequest) -> Result<()> {
        self.0.preflight.admit(&self.0.transport, &self.0.deployments.declare(request), false).map(|_| ())
    }

    /// The exact URL of a call, without sending it; with several backends that of the first. It has the values that
    /// [`CallOptions::query`] set, which may be secrets.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when the deployment's name is empty or cannot be a path segment.
    pub fn url_for(&self, request: &ChatCompletionRequest) -> Result<String> {
        self.0.transport.url_for(request.deployment().name())
    }

    /// The endpoint as parsed; with several backends the first.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        self.0.transport.endpoint()
    }

    /// The deployment of this name as requests to it are checked: what [`ClientBuilder::deployment`] declared, else what
    /// the name itself declares. Given to a request's builder, `build()` checks by the same model.
    ///
    /// # Example: a request to a declared deployment
    ///
    /// ```
    /// use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest, Deployment, Model};
    ///
    /// let client = ChatClient::builder("https://my-resource.openai.azure.com", ApiKey::new("key"))
    ///     .deployment(Deployment::new("triage").model(Model::O1_2024_12_17))
    ///     .build()?;
    /// assert_eq!(client.deployment("triage").declared_model(), Some(&Model::O1_2024_12_17));
    /// let request = ChatCompletionRequest::builder(client.deployment("triage")).user("hi").temperature(0.5).build();
    /// assert!(request.is_err());
    /// # Ok::<(), azure_openai_chat::Error>(())
    /// ```
    #[must_use]
    pub fn deployment(&self, name: &str) -> Deployment {
        self.0.deployments.get(name)
    }

    /// The api version of the calls; with several backends of the first.
    #[must_use]
    pub fn api_version(&self) -> &ApiVersion {
        self.0.transport.api_version()
    }
}

impl ClientBuilder {
    /// Checks the settings and builds the client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a malformed endpoint, api version, key, header or query
    /// parameter, for plain HTTP to another machine, and for TLS that the build does not have; the text names the setting
    /// and the way out.
    pub fn build(self) -> Result<ChatClient> {
        Ok(ChatClient(Arc::new(self.into_parts()?)))
    }
}

impl fmt::Debug for ChatClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatClient")
            .field("transport", &self.0.transport)
            .field("validation", &self.0.preflight.validation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::ApiKey;

    #[test]
    fn a_client_is_shared_between_threads() {
        fn is_shared<T: Clone + Send + Sync + 'static>() {}
        fn is_sent<T: Send + 'static>() {}
        is_shared::<ChatClient>();
        is_shared::<ChatCompletionRequest>();
        is_shared::<ChatCompletion>();
        is_sent::<ChatCompletionStream>();
    }

    #[test]
    fn opening_a_stream_keeps_little_of_the_task_of_the_caller() {
        let client = ChatClient::new("http://127.0.0.1:9", ApiKey::new("key")).unwrap();
        let request = ChatCompletionRequest::builder("gpt-4o").user("Hi").build().unwrap();
        assert!(size_of_val(&client.stream(&request)) <= 512);
    }
}
