//! The client: the only place where requests, transport and answers meet.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use self::body::{Source, is_same_model, read_completion, write_body};
use self::repair::{Streamed, Whole};
use crate::error::{Error, Result};
use crate::model::{ApiVersion, Deployment};
use crate::request::{Advice, ChatCompletionRequest, ValidationError, Violation};
use crate::response::{ChatCompletion, ResponseMetadata};
use crate::stream::ChatCompletionStream;
use crate::transport::{Answer, Backend, Call, CallOptions, Credential, Route, Transport};

pub use self::builder::ClientBuilder;

mod body;
mod builder;
mod repair;

/// So many different pieces of advice are remembered as told.
const TOLD: usize = 4096;

/// What happens to violations and advice before a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Validation {
    /// Violations stop the request; advice is logged once.
    #[default]
    Advisory,
    /// Violations and advice stop the request.
    Strict,
    /// Nothing is checked.
    Off,
}

/// Asks the deployed models of one resource.
///
/// Cheap to clone, and to be shared: one client has one pool of connections and one cache of tokens for all
/// its deployments.
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
/// println!("{}", completion.text().unwrap_or_default());
/// # Ok(())
/// # }
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chat-completions>
#[derive(Clone)]
pub struct ChatClient(Arc<Inner>);

struct Inner {
    transport: Transport,
    validation: Validation,
    repair_once: bool,
    max_event_bytes: Option<usize>,
    /// What was logged already: advice by deployment and text.
    told: Mutex<HashSet<u64>>,
}

/// What a client would say about a request, without sending it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestCheck {
    violations: Vec<Violation>,
    advice: Vec<Advice>,
}

impl RequestCheck {
    /// What would stop the request.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What the documents discourage.
    #[must_use]
    pub fn advice(&self) -> &[Advice] {
        &self.advice
    }

    /// Whether there is nothing to say at all.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.advice.is_empty()
    }
}

impl ChatClient {
    /// A client for an endpoint, in any form that Azure shows it, with an [`ApiKey`](crate::ApiKey), an
    /// `Arc` of any `azure_core` `TokenCredential`, or another [`Credential`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an endpoint that is none, and for a key that no header can carry.
    pub fn new(endpoint: impl Into<String>, credential: impl Into<Credential>) -> Result<Self> {
        Self::builder(endpoint, credential).build()
    }

    /// Starts a client with settings of its own.
    pub fn builder(endpoint: impl Into<String>, credential: impl Into<Credential>) -> ClientBuilder {
        ClientBuilder::new(Backend::new(endpoint, credential))
    }

    /// A client from the environment; see [`builder_from_env`](Self::builder_from_env).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when a variable is missing or wrong; the text names it.
    pub fn from_env() -> Result<Self> {
        Self::builder_from_env()?.build()
    }

    /// Starts a client from the environment: `AZURE_OPENAI_ENDPOINT`, then `AZURE_OPENAI_API_KEY` (or
    /// `AZURE_OPENAI_KEY`) or `AZURE_OPENAI_AD_TOKEN` or, with the feature `azure_identity`, the
    /// [default credential](crate::default_credential); and `OPENAI_API_VERSION` (or `AZURE_OPENAI_API_VERSION`) if it is
    /// set. Two names of one variable may both be set to the same value, not to different ones. Blanks around a value are
    /// left out, an empty value counts as unset, and quotes around one are an error.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when a variable is missing or wrong; the text names it.
    pub fn builder_from_env() -> Result<ClientBuilder> {
        builder::builder_from(&|name| std::env::var_os(name))
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`](crate::ErrorKind). `InvalidRequest` and `Config` mean that nothing was sent;
    /// `Interrupted` that the body broke off; retries have been made already where they help.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection over HTTP/1.1, and resets the stream over HTTP/2. The service may go
    /// on, and bill, all the same.
    pub async fn complete(&self, request: &ChatCompletionRequest) -> Result<ChatCompletion> {
        self.complete_with(request, &CallOptions::default()).await
    }

    /// As [`complete`](Self::complete), with options for this call.
    ///
    /// # Errors
    ///
    /// As [`complete`](Self::complete).
    pub async fn complete_with(
        &self,
        request: &ChatCompletionRequest,
        options: &CallOptions,
    ) -> Result<ChatCompletion> {
        repair::call::<Whole>(self, request, options).await
    }

    async fn send(
        &self,
        request: &ChatCompletionRequest,
        options: &CallOptions,
        unfit: &[usize],
    ) -> Result<ChatCompletion> {
        let deployment = request.deployment().name();
        let call = Call { deployment, options, affinity: request.affinity_key(), unfit };
        let write = |route: &Route<'_>| write_body(request, route, false);
        let read = |answer: Answer| {
            read_completion(answer.bytes, &answer.metadata).map_err(|error| error.with_deployment(deployment))
        };
        let completion = self.0.transport.post(call, write, read).await;
        let completion = completion.map_err(|error| self.withhold_secrets(error, request, options))?;
        self.watch_answer(request, completion.model(), completion.metadata());
        Ok(completion)
    }

    /// Keeps the service's message out of the error's text if it repeats a secret of the call or of the request's data
    /// sources.
    fn withhold_secrets(&self, error: Error, request: &ChatCompletionRequest, options: &CallOptions) -> Error {
        self.0.transport.withhold_secrets(error, options).withhold_secrets(request.secrets())
    }

    /// Sends a request and returns the answer as it arrives.
    ///
    /// Returns when the headers are there. Usage is asked for wherever the api version knows how, unless the
    /// request says otherwise.
    ///
    /// # Errors
    ///
    /// As [`complete`](Self::complete); what goes wrong later is an item of the stream.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream closes the connection over HTTP/1.1, and resets the stream over HTTP/2.
    pub async fn stream(&self, request: &ChatCompletionRequest) -> Result<ChatCompletionStream> {
        self.stream_with(request, &CallOptions::default()).await
    }

    /// As [`stream`](Self::stream), with options for this call.
    ///
    /// # Errors
    ///
    /// As [`stream`](Self::stream).
    pub async fn stream_with(
        &self,
        request: &ChatCompletionRequest,
        options: &CallOptions,
    ) -> Result<ChatCompletionStream> {
        repair::call::<Streamed>(self, request, options).await
    }

    async fn open(
        &self,
        request: &ChatCompletionRequest,
        options: &CallOptions,
        unfit: &[usize],
    ) -> Result<ChatCompletionStream> {
        let deployment = request.deployment().name();
        let call = Call { deployment, options, affinity: request.affinity_key(), unfit };
        let bytes = self.0.transport.post_stream(call, |route| write_body(request, route, true)).await;
        let bytes = bytes.map_err(|error| self.withhold_secrets(error, request, options))?;
        let metadata = Arc::clone(bytes.metadata());
        self.watch_answer(request, None, &metadata);
        let client = self.clone();
        let asked = request.deployment().declared_model().map(|_| request.deployment().clone());
        let mut stream = ChatCompletionStream::new(Box::new(Source(bytes)), metadata)
            .for_call(deployment, request.expected_choices());
        if let Some(limit) = self.0.max_event_bytes {
            stream = stream.max_event_bytes(limit);
        }
        if let Some(asked) = asked {
            stream = stream.watch_model(Box::new(move |model| client.watch_model(&asked, model)));
        }
        Ok(stream)
    }

    /// What [`complete`](Self::complete) would refuse and advise, without sending anything. A request read from JSON
    /// with `"stream": true` is checked as [`check_stream`](Self::check_stream) does.
    ///
    /// Of several backends with other api versions, one that can serve the request is enough. With
    /// [`Validation::Strict`] advice is among the violations too; with [`Validation::Off`] both are reported,
    /// although neither stops a call.
    #[must_use]
    pub fn check(&self, request: &ChatCompletionRequest) -> RequestCheck {
        self.look_over(request, request.asks_for_stream() == Some(true)).0
    }

    /// What [`stream`](Self::stream) would refuse and advise, without sending anything: what [`check`](Self::check)
    /// reports, and what only concerns streams.
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
        self.look_over(request, true).0
    }

    /// The exact address a request goes to, without sending it; with several backends that of the first. It has the
    /// values that [`ClientBuilder::query`] set, which may be secrets.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when the deployment's name cannot be part of an address.
    pub fn url_for(&self, request: &ChatCompletionRequest) -> Result<String> {
        self.0.transport.url_for(request.deployment().name())
    }

    /// The endpoint, with several backends the first.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.0.transport.endpoint().map_or("", |endpoint| endpoint.as_str())
    }

    /// The deployment in the address that the endpoint was given with, with several backends of the first. A request
    /// names its own, and that one is called; when it is another, this is logged once.
    ///
    /// # Example: the deployment that was pasted with the address
    ///
    /// ```
    /// use azure_openai_chat::{ApiKey, ChatClient};
    ///
    /// let pasted = "https://my-resource.openai.azure.com/openai/deployments/gpt-4o-mini/chat/completions";
    /// let client = ChatClient::new(pasted, ApiKey::new("key"))?;
    /// assert_eq!(client.deployment(), Some("gpt-4o-mini"));
    /// # Ok::<(), azure_openai_chat::Error>(())
    /// ```
    #[must_use]
    pub fn deployment(&self) -> Option<&str> {
        self.0.transport.endpoint()?.deployment()
    }

    /// The api version that calls are made with.
    #[must_use]
    pub fn api_version(&self) -> &ApiVersion {
        self.0.transport.api_version()
    }

    /// Stops a request that breaks a rule, and logs new advice. Of several backends with other api versions, returns
    /// the indices of those that cannot serve it.
    fn admit(&self, request: &ChatCompletionRequest, streaming: bool) -> Result<Vec<usize>> {
        if self.0.validation == Validation::Off {
            return Ok(Vec::new());
        }
        let (check, unfit) = self.look_over(request, streaming);
        if self.0.validation != Validation::Strict {
            check.advice.iter().for_each(|advice| self.tell(request.deployment().name(), advice));
        }
        ValidationError::unless_empty(check.violations)?;
        Ok(unfit)
    }

    /// The check of a call, and the backends that cannot serve it although another can.
    fn look_over(&self, request: &ChatCompletionRequest, streaming: bool) -> (RequestCheck, Vec<usize>) {
        let refused = |version: &ApiVersion, advice: &[Advice]| {
            let mut violations = request.violations(Some(streaming), Some(version));
            if self.0.validation == Validation::Strict {
                violations.extend(advice.iter().cloned().map(Violation::from));
            }
            violations
        };
        let version = self.api_version();
        let mut advice = request.advice_for(version, streaming);
        advice.extend(self.deployment_advice(request));
        let mut violations = refused(version, &advice);
        let (mut unfit, mut backends) = (Vec::new(), 0);
        for (index, other) in self.0.transport.api_versions().enumerate() {
            let is_fit = match other == version {
                true => violations.is_empty(),
                false => refused(other, &request.advice_for(other, streaming)).is_empty(),
            };
            if !is_fit {
                unfit.push(index);
            }
            backends = index + 1;
        }
        if unfit.len() < backends {
            violations.clear();
        }
        (RequestCheck { violations, advice }, unfit)
    }

    /// Advice where an endpoint was given with another deployment than the one a request goes to there.
    fn deployment_advice(&self, request: &ChatCompletionRequest) -> Vec<Advice> {
        let advice = |(pasted, used)| {
            let message = format!(
                "the endpoint was given with deployment '{pasted}', and the request calls '{used}': give the endpoint \
                 without it, or call it"
            );
            Advice::new("deployment", message)
        };
        self.0.transport.other_deployments(request.deployment().name()).map(advice).collect()
    }

    fn tell(&self, deployment: &str, advice: &Advice) {
        if self.is_news(&(deployment, advice)) {
            tracing::warn!(deployment, parameter = advice.parameter(), "{}", advice.message());
        }
    }

    fn is_news(&self, what: &impl Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < TOLD && told.insert(hasher.finish())
    }

    /// Looks at what the answer says about the deployment.
    fn watch_answer(&self, request: &ChatCompletionRequest, model: Option<&str>, metadata: &ResponseMetadata) {
        if self.0.validation == Validation::Off {
            return;
        }
        if let Some(model) = model {
            self.watch_model(request.deployment(), model);
        }
        if request.has_prediction()
            && metadata.region().is_some_and(|region| region.replace(' ', "").eq_ignore_ascii_case("southeastasia"))
        {
            let advice =
                Advice::new("prediction", "Southeast Asia does not offer predicted outputs: use another region");
            self.tell(request.deployment().name(), &advice);
        }
    }

    fn watch_model(&self, deployment: &Deployment, answered: &str) {
        let Some(declared) = deployment.declared_model() else {
            return;
        };
        // what was answered before has been looked at, and a name is looked up in the whole table
        let is_news = || self.is_news(&(deployment.name(), declared.name(), declared.version(), answered));
        if !answered.is_empty() && is_news() && !is_same_model(declared, answered) {
            let advice = Advice::new(
                "model",
                format!(
                    "the deployment is declared as {declared} but answered as {answered}: declare what is deployed"
                ),
            );
            self.tell(deployment.name(), &advice);
        }
    }
}

impl fmt::Debug for ChatClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatClient")
            .field("transport", &self.0.transport)
            .field("validation", &self.0.validation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_shared_between_threads() {
        fn is_shared<T: Clone + Send + Sync + 'static>() {}
        fn is_sent<T: Send + 'static>() {}
        is_shared::<ChatClient>();
        is_shared::<ChatCompletionRequest>();
        is_shared::<ChatCompletion>();
        is_sent::<ChatCompletionStream>();
    }
}
