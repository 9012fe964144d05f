//! Settings of a client, and those that the environment holds.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{ChatClient, Inner, Validation};
use crate::error::{Error, ErrorKind, Result};
use crate::model::ApiVersion;
use crate::response::remembered::RememberedResults;
use crate::transport::{ApiKey, Backend, CallOptions, Config, Credential, Pacing, RetryPolicy, Transport};

/// Settings of a [`ChatClient`]. Everything has a default.
#[must_use = "a builder does nothing until build() is called"]
pub struct ClientBuilder {
    config: Config,
    validation: Validation,
    repair_once: bool,
    max_event_bytes: Option<usize>,
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("validation", &self.validation).finish_non_exhaustive()
    }
}

impl ClientBuilder {
    pub(super) fn new(backend: Backend) -> Self {
        Self {
            config: Config::new(backend),
            validation: Validation::default(),
            repair_once: false,
            max_event_bytes: None,
        }
    }

    /// The api version: [`ApiVersion::V1`] unless the endpoint names another. A dated version puts the
    /// deployment into the path, `V1` puts it into the body.
    pub fn api_version(mut self, version: impl Into<ApiVersion>) -> Self {
        self.config.api_version = Some(version.into());
        self
    }

    /// The scope that tokens are asked for, when the one that follows from the cloud and the route is not
    /// right.
    pub fn token_scope(mut self, scope: impl Into<String>) -> Self {
        self.config.token_scope = Some(scope.into());
        self
    }

    /// Adds an endpoint that takes over, or shares the load, as its priority and weight say.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.config.backends.push(backend);
        self
    }

    /// What happens to violations and advice; advisory when unset.
    pub fn validation(mut self, validation: Validation) -> Self {
        self.validation = validation;
        self
    }

    /// Whether a request is sent once more without the parameter that the service refused with
    /// `unsupported_parameter` or `unsupported_value`; the metadata tells. `max_tokens` is sent as
    /// `max_completion_tokens` instead, so that a limit stays one. Off when unset.
    pub fn repair_once(mut self, repair: bool) -> Self {
        self.repair_once = repair;
        self
    }

    fn options(mut self, change: impl FnOnce(CallOptions) -> CallOptions) -> Self {
        self.config.defaults = change(std::mem::take(&mut self.config.defaults));
        self
    }

    /// A header for every call; ten at most.
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options(|options| options.header(name, value))
    }

    /// How long a whole answer may take; 600 seconds when unset.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.options(|options| options.timeout(timeout))
    }

    /// How long connecting may take; 10 seconds when unset.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// How long a stream may take to its first event; 600 seconds when unset.
    pub fn first_event_timeout(self, timeout: Duration) -> Self {
        self.options(|options| options.first_event_timeout(timeout))
    }

    /// How long a stream may be silent; 120 seconds when unset. Keep-alive comments break the silence.
    pub fn stream_idle_timeout(self, timeout: Duration) -> Self {
        self.options(|options| options.idle_timeout(timeout))
    }

    /// The end of every call, retries and streams included; none when unset.
    pub fn deadline(self, deadline: Duration) -> Self {
        self.options(|options| options.deadline(deadline))
    }

    /// Whether and when calls are sent again; twice at most when unset.
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.options(|options| options.retry(policy))
    }

    /// Whether calls wait for the limits that the service tells; off when unset.
    pub fn pacing(mut self, pacing: Pacing) -> Self {
        self.config.pacing = pacing;
        self
    }

    /// The size of the largest event of a stream, in bytes; 16 MiB when unset.
    pub fn max_event_bytes(mut self, limit: usize) -> Self {
        self.max_event_bytes = Some(limit);
        self
    }

    /// The size of the largest whole answer, in bytes; 256 MiB when unset.
    pub fn max_response_bytes(mut self, limit: usize) -> Self {
        self.config.body_limit = limit;
        self
    }

    /// An HTTP client with proxies, private roots or TLS settings of its own. It should not follow
    /// redirects.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.config.http_client = Some(client);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for whatever cannot work; the text names it and the way out.
    pub fn build(self) -> Result<ChatClient> {
        Ok(ChatClient(Arc::new(Inner {
            transport: Transport::new(self.config)?,
            validation: self.validation,
            repair_once: self.repair_once,
            max_event_bytes: self.max_event_bytes,
            told: Mutex::default(),
            results: RememberedResults::default(),
        })))
    }
}

pub(super) fn builder_from(variable: &dyn Fn(&str) -> Option<String>) -> Result<ClientBuilder> {
    let read = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let endpoint = read("AZURE_OPENAI_ENDPOINT").ok_or_else(|| {
        Error::new(ErrorKind::Config, "AZURE_OPENAI_ENDPOINT is not set")
            .with_hint("set it to the resource's address, such as https://my-resource.openai.azure.com")
    })?;
    let credential = match (read("AZURE_OPENAI_API_KEY"), read("AZURE_OPENAI_AD_TOKEN")) {
        (Some(key), _) => Credential::from(ApiKey::new(key)),
        (None, Some(token)) => Credential::token(token),
        (None, None) => identity()?,
    };
    let builder = ChatClient::builder(endpoint, credential);
    Ok(match read("OPENAI_API_VERSION") {
        Some(version) => builder.api_version(ApiVersion::new(version)),
        None => builder,
    })
}

#[cfg(feature = "azure_identity")]
fn identity() -> Result<Credential> {
    crate::transport::default_credential()
}

#[cfg(not(feature = "azure_identity"))]
fn identity() -> Result<Credential> {
    Err(Error::new(ErrorKind::Config, "AZURE_OPENAI_API_KEY is not set")
        .with_hint("set it, or switch on the feature azure_identity to sign in with Entra ID"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::ChatCompletionRequest;

    fn environment(pairs: &'static [(&'static str, &'static str)]) -> Result<ChatClient> {
        let variable =
            move |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        builder_from(&variable)?.build()
    }

    #[test]
    fn the_environment_names_endpoint_key_and_version() {
        let client = environment(&[
            ("AZURE_OPENAI_ENDPOINT", " https://a.openai.azure.com "),
            ("AZURE_OPENAI_API_KEY", "k"),
            ("OPENAI_API_VERSION", "2025-01-01-preview"),
        ])
        .unwrap();
        let request = ChatCompletionRequest::builder("d").user("hi").build().unwrap();
        assert_eq!(
            client.url_for(&request).unwrap(),
            "https://a.openai.azure.com/openai/deployments/d/chat/completions?api-version=2025-01-01-preview"
        );
    }

    #[test]
    fn a_missing_endpoint_names_the_variable() {
        let error = environment(&[("AZURE_OPENAI_ENDPOINT", "  ")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("AZURE_OPENAI_ENDPOINT"), "{error}");
    }
}
