//! The builder of a client, and the environment variables that set it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::deployments::Deployments;
use super::observer::{Observer, Observers};
use super::parts::Parts;
use super::preflight::{Preflight, Validation};
#[cfg(feature = "telemetry")]
use super::telemetry::Telemetry;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ApiVersion, Deployment, ModelCatalog};
use crate::transport::endpoint::check_api_version;
use crate::transport::environment::Environment;
use crate::transport::options::check_positive;
use crate::transport::{ApiKey, Backend, CallOptions, Config, Credential, Endpoint, Pacing, RetryPolicy, Transport};
use crate::wire::setters;

/// Builds a [`ChatClient`](crate::ChatClient); see [`ChatClient::builder`](crate::ChatClient::builder). Every setting has a default.
#[must_use = "a builder does nothing until build() is called"]
#[doc(alias = "AzureConfig")]
#[doc(alias = "OpenAIConfig")]
pub struct ClientBuilder {
    config: Config,
    deployments: Vec<Deployment>,
    catalog: Option<ModelCatalog>,
    validation: Validation,
    observers: Observers,
    #[cfg(feature = "telemetry")]
    telemetry: Option<Telemetry>,
    repair_once: bool,
    max_event_bytes: Option<usize>,
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("validation", &self.validation).finish_non_exhaustive()
    }
}

#[expect(clippy::double_must_use, reason = "`setters!` marks each setter, also where the type is marked")]
impl ClientBuilder {
    pub(super) fn new(backend: Backend) -> Self {
        Self {
            config: Config::new(backend),
            deployments: Vec::new(),
            catalog: None,
            validation: Validation::default(),
            observers: Observers::default(),
            #[cfg(feature = "telemetry")]
            telemetry: None,
            repair_once: false,
            max_event_bytes: None,
        }
    }

    setters! {
        [config]
        /// The api version: [`ApiVersion::V1`] unless the endpoint names another. A dated version puts the
        /// deployment into the path, `V1` puts it into the body. What is neither `v1`, `preview` nor a date is refused by
        /// [`build`](Self::build), and so is any other than `v1` for an OpenAI-compatible base.
        api_version: into ApiVersion;

        /// The scope of the tokens; by default it follows from the cloud and the api version, see
        /// [`Endpoint::scope`](crate::Endpoint::scope).
        token_scope: into String;

        /// Whether calls wait by the `x-ratelimit-*` headers of earlier answers; off by default. See [`Pacing`].
        pacing: Pacing;

        /// Upper bound of a whole answer, in bytes; 256 MiB by default. A larger one is [`ErrorKind::Decode`].
        max_response_bytes: usize;
    }

    setters! {
        [config.http]
        /// The time for a connection, TLS included; 10 seconds by default. Zero is refused by [`build`](Self::build), as for
        /// every time and size of a client.
        connect_timeout: Duration;

        /// Whether HTTP/2 is used where the server offers it; off by default, so that HTTP/1.1 is.
        ///
        /// Over HTTP/1.1 each call under way has a connection of its own, as with the official clients for Python and
        /// Node. Over HTTP/2 all calls to a host share one, which saves connections and shares faults: a connection that
        /// died unnoticed is found by a ping after 25 seconds at most, and calls wait until then; bursts of dropped
        /// streams may end others; calls above the server's limit of streams, often 100, wait unsent.
        #[cfg(feature = "http2")]
        http2: bool;
    }

    setters! {
        []
        /// The models by which requests are checked, instead of the built-in table: for a declared model, the catalog's
        /// entry of the same id; for a deployment named as a model's id, that model.
        catalog: ModelCatalog;

        /// Whether violations and advice stop a request; [`Validation::Advisory`] by default.
        validation: Validation;

        /// Whether a request is sent once more without the parameters that the service refused: by a code such as
        /// `unsupported_parameter`, `unsupported_value` or `unknown_parameter`, by place in a 422, or by name in its text.
        /// [`ResponseMetadata::repaired`](crate::ResponseMetadata::repaired) lists them. `max_tokens` is sent as
        /// `max_completion_tokens` instead, and the reverse, so that a limit stays one; `stream_options` is left out also
        /// where the client added it, and then the stream has no usage. Off when unset.
        repair_once: bool;

        /// Upper bound of one event of a stream, and of a body that comes in place of a stream, in bytes; 16 MiB by default. A
        /// larger one ends the stream with [`ErrorKind::Decode`].
        max_event_bytes: usize;

        /// Records a span for each call, and metrics, through OpenTelemetry; see [`Telemetry`].
        #[cfg(feature = "telemetry")]
        telemetry: Telemetry;
    }

    /// Allows endpoints with plain `http://` on other machines, for a gateway in one's own network; refused when unset,
    /// this machine aside. The key or token, the prompts and the answers can then be read on the way, which is logged
    /// once at WARN when the client is built.
    ///
    /// # Example: a gateway in the cluster
    ///
    /// ```
    /// use azure_openai_chat::{ApiKey, ChatClient};
    ///
    /// let client = ChatClient::builder("http://litellm.internal:4000/v1", ApiKey::new("key").with_bearer())
    ///     .allow_plain_http()
    ///     .build()?;
    /// # Ok::<(), azure_openai_chat::Error>(())
    /// ```
    pub fn allow_plain_http(mut self) -> Self {
        self.config.allow_plain_http = true;
        self
    }

    /// Adds an endpoint that takes over, or shares the load, by its priority and weight; see [`Backend`].
    pub fn backend(mut self, backend: Backend) -> Self {
        self.config.backends.push(backend);
        self
    }

    /// Declares what a deployment serves, for every request of the client that names it and declares no model itself,
    /// requests read from JSON included. Two models for one name are refused by [`build`](Self::build).
    ///
    /// # Example: the deployments of a service
    ///
    /// ```
    /// use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest, Deployment, Model};
    ///
    /// let client = ChatClient::builder("https://my-resource.openai.azure.com", ApiKey::new("key"))
    ///     .deployment(Deployment::new("triage").model(Model::O1_2024_12_17))
    ///     .build()?;
    /// let json = r#"{"model": "triage", "temperature": 0.5, "messages": [{"role": "user", "content": "hi"}]}"#;
    /// let request: ChatCompletionRequest = serde_json::from_str(json).unwrap();
    /// assert_eq!(client.check(&request).violations()[0].parameter(), "temperature");
    /// # Ok::<(), azure_openai_chat::Error>(())
    /// ```
    pub fn deployment(self, deployment: impl Into<Deployment>) -> Self {
        self.deployments([deployment])
    }

    /// Declares several deployments, as from a configuration file; see [`deployment`](Self::deployment).
    pub fn deployments(mut self, deployments: impl IntoIterator<Item = impl Into<Deployment>>) -> Self {
        self.deployments.extend(deployments.into_iter().map(Into::into));
        self
    }

    /// Options for every call: headers, query parameters, timeouts, retries. What is not set stays as it is, and what
    /// a call sets wins.
    ///
    /// # Example: a header and a window for retries
    ///
    /// ```
    /// use std::time::Duration;
    /// use azure_openai_chat::{ApiKey, CallOptions, ChatClient, RetryPolicy};
    ///
    /// let defaults = CallOptions::new()
    ///     .header("x-team", "search")
    ///     .retry(RetryPolicy::default().retry_window(Duration::from_secs(60)));
    /// let client = ChatClient::builder("https://my-resource.openai.azure.com", ApiKey::new("key"))
    ///     .defaults(defaults)
    ///     .build()?;
    /// # Ok::<(), azure_openai_chat::Error>(())
    /// ```
    pub fn defaults(mut self, options: CallOptions) -> Self {
        self.config.defaults = options.over(&self.config.defaults);
        self
    }

    /// The time for a whole answer, retries included; 600 seconds by default. See [`CallOptions::answer_timeout`].
    #[doc(alias = "timeout")]
    pub fn answer_timeout(self, timeout: Duration) -> Self {
        self.defaults(CallOptions::new().answer_timeout(timeout))
    }

    /// The time for every call, retries and streams included; none by default. See [`CallOptions::total_timeout`].
    pub fn total_timeout(self, timeout: Duration) -> Self {
        self.defaults(CallOptions::new().total_timeout(timeout))
    }

    /// The time that a stream may be silent; 120 seconds by default. See [`CallOptions::stream_idle_timeout`].
    pub fn stream_idle_timeout(self, timeout: Duration) -> Self {
        self.defaults(CallOptions::new().stream_idle_timeout(timeout))
    }

    /// Whether and when failed attempts are retried; at most twice by default. See [`RetryPolicy`].
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.defaults(CallOptions::new().retry(policy))
    }

    /// Changes the HTTP client: proxies, private roots, client certificates, the TLS used, addresses of hosts.
    ///
    /// What this crate relies on is set afterwards, whatever is set here: no redirects, so that no other host sees a
    /// key; no retries but those of [`RetryPolicy`]; no decompression; HTTP/1.1, or what
    #[cfg_attr(feature = "http2", doc = "[`http2`](Self::http2)")]
    #[cfg_attr(not(feature = "http2"), doc = "`http2`")]
    /// sets; at most 64 KiB in 100 fields of headers; and the time limits of this builder, but for `read_timeout`,
    /// which ends a call with [`ErrorKind::Timeout`]. Loopback endpoints are called without a proxy; when there are
    /// others too, plain http on loopback has none of these settings.
    ///
    /// # Example: a proxy
    ///
    /// ```no_run
    /// use azure_openai_chat::{ApiKey, ChatClient};
    ///
    /// # fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let proxy = reqwest::Proxy::https("http://proxy.example:3128")?;
    /// let client = ChatClient::builder("https://my-resource.openai.azure.com", ApiKey::new("key"))
    ///     .configure_http(|http| http.proxy(proxy))
    ///     .build()?;
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Example: a private root, as of a proxy that inspects TLS
    ///
    /// ```no_run
    /// use azure_openai_chat::{ApiKey, ChatClient};
    ///
    /// # fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let root = reqwest::Certificate::from_pem(&std::fs::read("private-root.pem")?)?;
    /// let client = ChatClient::builder("https://my-resource.openai.azure.com", ApiKey::new("key"))
    ///     .configure_http(|http| http.tls_certs_merge([root]))
    ///     .build()?;
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Example: a client certificate, for a gateway with mutual TLS
    ///
    /// ```no_run
    /// use azure_openai_chat::{ApiKey, ChatClient};
    ///
    /// # fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// // the certificate and its private key, one after the other
    /// let identity = reqwest::Identity::from_pem(&std::fs::read("client.pem")?)?;
    /// let client = ChatClient::builder("https://gateway.example/v1", ApiKey::new("key"))
    ///     .configure_http(|http| http.identity(identity))
    ///     .build()?;
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    pub fn configure_http(mut self, configure: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> Self {
        self.config.http.configure(configure);
        self
    }

    /// Adds an observer, which gets the attempts, the retries, the first chunk and the end of every call of the client;
    /// see [`Observer`]. Several get each event in the order in which they were added.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observers.push(observer);
        self
    }

    pub(super) fn into_parts(self) -> Result<Parts> {
        for (name, is_positive) in [
            ("connect_timeout", !self.config.http.connect_timeout.is_zero()),
            ("max_response_bytes", self.config.max_response_bytes > 0),
            ("max_event_bytes", self.max_event_bytes != Some(0)),
        ] {
            check_positive(name, is_positive)?;
        }
        let transport = Transport::new(self.config)?;
        Ok(Parts {
            #[cfg(feature = "telemetry")]
            telemetry: self
                .telemetry
                .map(|telemetry| telemetry.instruments(transport.backends().iter().map(|backend| &backend.endpoint))),
            transport,
            deployments: Deployments::new(self.deployments, self.catalog)?,
            preflight: Preflight::new(self.validation),
            observers: self.observers,
            repair_once: self.repair_once,
            max_event_bytes: self.max_event_bytes,
            templates: Arc::default(),
        })
    }
}

pub(super) fn builder_from(environment: &Environment) -> Result<ClientBuilder> {
    // refused here rather than in build(), for an error with the variable's name
    let endpoint = environment.value("AZURE_OPENAI_ENDPOINT")?.ok_or_else(|| {
        Error::new(ErrorKind::Config, "AZURE_OPENAI_ENDPOINT is not set")
            .with_hint("set it to the resource's address, such as https://my-resource.openai.azure.com")
    })?;
    let endpoint = Endpoint::read(endpoint).map_err(|error| error.with_context("AZURE_OPENAI_ENDPOINT"))?;
    let key = environment.either("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_KEY")?;
    let token = environment.value("AZURE_OPENAI_AD_TOKEN")?;
    let credential = match (key, token) {
        (Some((name, key)), _) => {
            let unused = identities(environment);
            if !unused.is_empty() {
                tracing::info!(used = name, unused = unused.join(", "), "the key signs in, the identity does not");
            }
            let key = ApiKey::new(key);
            key.header().map_err(|error| error.with_context(name))?;
            Credential::from(key)
        }
        (None, Some(token)) => Credential::fixed_token(token),
        (None, None) => identity(environment)?,
    };
    let builder = ClientBuilder::new(Backend::new(endpoint, credential));
    Ok(match environment.either("OPENAI_API_VERSION", "AZURE_OPENAI_API_VERSION")? {
        Some((name, version)) => {
            let version = ApiVersion::new(version);
            check_api_version(&version, name)?;
            builder.api_version(version)
        }
        None => builder,
    })
}

/// The variables of an identity that are set; `IDENTITY_ENDPOINT` is that of App Service.
fn identities(environment: &Environment) -> Vec<&'static str> {
    const VARIABLES: [&str; 6] = [
        "AZURE_OPENAI_AD_TOKEN",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_TOKEN_CREDENTIALS",
        "IDENTITY_ENDPOINT",
    ];
    VARIABLES.into_iter().filter(|name| environment.get(name).is_some()).collect()
}

#[cfg(feature = "azure_identity")]
fn identity(environment: &Environment) -> Result<Credential> {
    crate::transport::identity::default_credential_from(environment.clone())
}

#[cfg(not(feature = "azure_identity"))]
fn identity(_: &Environment) -> Result<Credential> {
    Err(Error::new(ErrorKind::Config, "AZURE_OPENAI_API_KEY is not set")
        .with_hint("set it, or switch on the feature azure_identity to sign in with Entra ID"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::client::ChatClient;
    use crate::request::ChatCompletionRequest;

    type Pairs = [(&'static str, &'static str)];

    fn environment(pairs: &Pairs) -> Result<ChatClient> {
        let variable =
            |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(*value));
        builder_from(&Environment::read(&variable))?.build()
    }

    /// With an endpoint and a key beside the pairs, which come first.
    fn fails(pairs: &Pairs) -> String {
        let rest = [("AZURE_OPENAI_ENDPOINT", "https://a.openai.azure.com"), ("AZURE_OPENAI_API_KEY", "k")];
        let error = environment(&[pairs, &rest].concat()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        error.to_string()
    }

    fn url(client: &ChatClient) -> String {
        client.url_for(&ChatCompletionRequest::builder("d").user("hi").build().unwrap()).unwrap()
    }

    #[test]
    fn the_environment_names_endpoint_key_and_version() {
        for (key, version) in [
            ("AZURE_OPENAI_API_KEY", "OPENAI_API_VERSION"),
            ("AZURE_OPENAI_KEY", "AZURE_OPENAI_API_VERSION"),
            ("AZURE_OPENAI_AD_TOKEN", "OPENAI_API_VERSION"),
        ] {
            let client = environment(&[
                ("AZURE_OPENAI_ENDPOINT", " https://a.openai.azure.com "),
                (key, "k"),
                (version, "2025-01-01-preview"),
            ]);
            assert_eq!(
                url(&client.unwrap()),
                "https://a.openai.azure.com/openai/deployments/d/chat/completions?api-version=2025-01-01-preview"
            );
        }
    }

    #[test]
    fn a_limit_of_zero_is_refused_by_its_name() {
        let client = || ChatClient::builder("https://a.openai.azure.com", ApiKey::new("k"));
        let options = CallOptions::new;
        for (builder, name) in [
            (client().connect_timeout(Duration::ZERO), "connect_timeout"),
            (client().answer_timeout(Duration::ZERO), "answer_timeout"),
            (client().total_timeout(Duration::ZERO), "total_timeout"),
            (client().stream_idle_timeout(Duration::ZERO), "stream_idle_timeout"),
            (client().defaults(options().first_event_timeout(Duration::ZERO)), "first_event_timeout"),
            (client().max_response_bytes(0), "max_response_bytes"),
            (client().max_event_bytes(0), "max_event_bytes"),
        ] {
            let error = builder.build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().starts_with(&format!("{name} is zero")), "{error}");
        }
        let huge = client().connect_timeout(Duration::MAX).answer_timeout(Duration::MAX).total_timeout(Duration::MAX);
        huge.stream_idle_timeout(Duration::MAX)
            .max_response_bytes(usize::MAX)
            .max_event_bytes(usize::MAX)
            .build()
            .unwrap();
    }

    #[test]
    fn of_several_backends_the_one_that_is_wrong_is_named() {
        let first = || ChatClient::builder("https://a.openai.azure.com", ApiKey::new("k"));
        for (endpoint, key) in [("", "k"), ("https://b.openai.azure.com", "")] {
            let error = first().backend(Backend::new(endpoint, ApiKey::new(key))).build().unwrap_err();
            assert!(error.to_string().starts_with("backend 2 of 2: the "), "{error}");
        }
    }

    #[test]
    fn a_variable_under_both_its_names_is_one_when_the_values_agree() {
        let client = environment(&[
            ("AZURE_OPENAI_ENDPOINT", "https://a.openai.azure.com"),
            ("AZURE_OPENAI_API_KEY", "k"),
            ("AZURE_OPENAI_KEY", " k "),
            ("OPENAI_API_VERSION", "2024-10-21"),
            ("AZURE_OPENAI_API_VERSION", "2024-10-21"),
        ]);
        assert_eq!(client.unwrap().api_version(), &ApiVersion::V2024_10_21);
        assert_eq!(
            fails(&[("AZURE_OPENAI_KEY", "canary")]),
            "AZURE_OPENAI_API_KEY and AZURE_OPENAI_KEY are set to different values: remove one of them"
        );
        assert_eq!(
            fails(&[("OPENAI_API_VERSION", "v1"), ("AZURE_OPENAI_API_VERSION", "2024-10-21")]),
            "OPENAI_API_VERSION and AZURE_OPENAI_API_VERSION are set to different values: remove one of them"
        );
    }

    #[test]
    fn a_key_is_used_where_an_identity_is_set_too_and_which_are_unused_is_said() {
        let pairs = [("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", " "), ("AZURE_OPENAI_AD_TOKEN", "t")];
        let variable = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, it)| OsString::from(*it));
        assert_eq!(identities(&Environment::read(&variable)), ["AZURE_OPENAI_AD_TOKEN", "AZURE_CLIENT_ID"]);
        assert!(identities(&Environment::read(&|_| None)).is_empty());
        let rest = [("AZURE_OPENAI_ENDPOINT", "https://a.openai.azure.com"), ("AZURE_OPENAI_API_KEY", "k")];
        assert!(format!("{:?}", environment(&[&pairs[..], &rest].concat()).unwrap()).contains("Key"));
        let error = environment(&[rest[0], ("AZURE_TOKEN_CREDENTIALS", "laptop")]).unwrap_err();
        assert!(error.to_string().starts_with("AZURE_TOKEN_CREDENTIALS is \"laptop\""), "{error}");
    }

    #[test]
    fn a_missing_endpoint_names_the_variable() {
        let error = environment(&[("AZURE_OPENAI_ENDPOINT", "  ")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().starts_with("AZURE_OPENAI_ENDPOINT is not set"), "{error}");
    }

    #[test]
    fn quotes_around_a_value_are_named_with_the_variable() {
        for name in [
            "AZURE_OPENAI_ENDPOINT",
            "AZURE_OPENAI_API_KEY",
            "AZURE_OPENAI_KEY",
            "AZURE_OPENAI_AD_TOKEN",
            "OPENAI_API_VERSION",
            "AZURE_OPENAI_API_VERSION",
        ] {
            for value in ["\"canary\"", "'canary'", "\"canary", "canary'", " “canary” "] {
                assert_eq!(fails(&[(name, value)]), format!("{name} has quotes around its value: remove them"));
            }
        }
    }

    #[test]
    fn a_value_that_cannot_be_used_is_named_with_its_variable_and_not_repeated() {
        let version = "is not an api version; use v1, or a date such as 2024-10-21 or 2025-04-01-preview";
        for name in ["OPENAI_API_VERSION", "AZURE_OPENAI_API_VERSION"] {
            for value in ["canary", "2024-10", "2024-10-21 canary", "2024-10-21preview", "latest", "2024/10/21"] {
                assert_eq!(fails(&[(name, value)]), format!("{name} {version}"));
            }
        }
        assert_eq!(
            fails(&[("AZURE_OPENAI_ENDPOINT", "Endpoint=https://a.openai.azure.com/;Key=canary")]),
            "AZURE_OPENAI_ENDPOINT: the endpoint is a connection string ('Endpoint=..;Key=..'): give its address as the \
             endpoint, and its key as the credential, ApiKey::new(key)"
        );
        assert_eq!(
            fails(&[("AZURE_OPENAI_API_KEY", "canary\ncanary")]),
            "AZURE_OPENAI_API_KEY: the API key holds a line break, often left over from reading a file: trim it"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_no_text_is_not_taken_for_a_missing_one() {
        use std::os::unix::ffi::OsStringExt;
        for name in ["AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "OPENAI_API_VERSION"] {
            let error = builder_from(&Environment::read(&|asked| match asked {
                asked if asked == name => Some(OsString::from_vec(vec![0xff, b'k'])),
                "AZURE_OPENAI_ENDPOINT" => Some("https://a.openai.azure.com".into()),
                "AZURE_OPENAI_API_KEY" => Some("k".into()),
                _ => None,
            }));
            assert_eq!(error.unwrap_err().to_string(), format!("{name} is not UTF-8"));
        }
    }

    #[test]
    fn plain_http_of_the_environment_is_allowed_by_the_builder_alone() {
        let variable = |name: &str| match name {
            "AZURE_OPENAI_ENDPOINT" => Some(OsString::from("http://gw.contoso.net/v1")),
            "AZURE_OPENAI_API_KEY" => Some("k".into()),
            _ => None,
        };
        let error = builder_from(&Environment::read(&variable)).unwrap().build().unwrap_err();
        assert!(error.to_string().contains(".allow_plain_http()"), "{error}");
        let client = builder_from(&Environment::read(&variable)).unwrap().allow_plain_http().build().unwrap();
        assert_eq!(url(&client), "http://gw.contoso.net/v1/chat/completions");
    }
}
