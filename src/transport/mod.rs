//! How it travels: one POST made safe, knowing nothing of chat.
//!
//! A call names a deployment and gives a body; an answer is bytes and what the headers said. In between this
//! room finds the address ([`Endpoint`]), lets the client in ([`Credential`]), picks among several
//! [`Backend`]s, keeps the pauses the service asks for, sends again what may be sent again
//! ([`RetryPolicy`]), and watches the clocks ([`CallOptions`]).
//!
//! It refuses plain HTTP beyond this machine (unless the client builder allows it), redirects, compressed answers, and answers without bound. It
//! never sends a request again once a byte of its stream was handed out.
//!
//! # Logging
//!
//! Through `tracing`, and never a header, a body or a query:
//!
//! | level | prints |
//! |---|---|
//! | WARN | a redirect or an answer from another host, a credential that gave no token, a failed renewal, another default credential than before; once for a client, plain HTTP to another machine |
//! | INFO | which default credential signs in |
//! | DEBUG | a line for each attempt (method, host, path, status, request ids, number, time) and each retry (cause, wait) |
//!
//! # Cancel safety
//!
//! Dropping a call or a stream closes its connection at once over HTTP/1.1, and resets its stream over HTTP/2. Only a
//! token renewal goes on, since others may wait for it.
//!
//! # Connections
//!
//! A stream that was read to `[DONE]` gives its connection back, once the end of its body has come too.
//! Nobody waits for that at the end of a stream; a call that is made at that moment does, for 50 milliseconds at
//! most, because a new connection would take longer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use self::attempt::{Auth, Streamed, Whole};
use self::balancer::Balancer;
use self::body::ByteStream;
use self::budget::RetryBudget;
use self::clock::Limit;
use self::credential::Kind;
use self::drain::Drains;
use self::endpoint::check_api_version;
use self::http::{Http, HttpSettings};
use self::options::Settings;
use self::token::{BackendTokens, TokenCache, TokenSource};
use crate::error::{Error, ErrorKind, Result};
use crate::model::ApiVersion;
use crate::response::ResponseMetadata;

pub use self::backends::Backend;
pub use self::credential::{ApiKey, Credential, Token};
pub use self::endpoint::{Cloud, Endpoint};
#[cfg(feature = "azure_identity")]
pub use self::identity::default_credential;
pub use self::options::CallOptions;
pub use self::pacing::Pacing;
pub use self::retry::RetryPolicy;
pub use self::retry_event::{RetryCause, RetryEvent};

mod attempt;
pub mod backends;
mod balancer;
pub(crate) mod body;
mod budget;
mod call_state;
mod clock;
pub mod credential;
mod drain;
pub mod endpoint;
mod http;
mod http_error;
#[cfg(feature = "azure_identity")]
pub mod identity;
pub mod options;
pub mod pacing;
pub mod retry;
mod retry_event;
mod send;
mod stage;
mod token;

#[cfg(test)]
mod raw_server;
#[cfg(test)]
mod wire_tests;

/// The largest body of a whole answer.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// So many addresses are kept for each backend; others are made for each call.
const KNOWN_URLS: usize = 64;

/// What a transport is made of; [`Config::new`] is one backend and defaults. It has no `Debug`, because reqwest's
/// builder prints its default headers.
pub(crate) struct Config {
    pub(crate) backends: Vec<Backend>,
    /// For backends without one of their own; otherwise what the endpoint implies, otherwise v1.
    pub(crate) api_version: Option<ApiVersion>,
    /// For backends without one of their own; otherwise by cloud and api version.
    pub(crate) token_scope: Option<String>,
    /// Whether endpoints on other machines may have plain HTTP.
    pub(crate) allow_plain_http: bool,
    pub(crate) http: HttpSettings,
    pub(crate) defaults: CallOptions,
    pub(crate) pacing: Pacing,
    pub(crate) body_limit: usize,
}

impl Config {
    pub(crate) fn new(backend: Backend) -> Self {
        Self {
            backends: vec![backend],
            api_version: None,
            token_scope: None,
            allow_plain_http: false,
            http: HttpSettings::default(),
            defaults: CallOptions::new(),
            pacing: Pacing::off(),
            body_limit: BODY_LIMIT,
        }
    }
}

/// One call: where to, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) deployment: &'a str,
    pub(crate) options: &'a CallOptions,
    /// Calls with the same key go to the same backend while it can.
    pub(crate) affinity: Option<&'a str>,
    /// Backends that cannot serve it.
    pub(crate) unfit: &'a [usize],
}

/// What a body may depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route<'a> {
    pub(crate) api_version: &'a ApiVersion,
    /// The deployment's name on the backend that is called.
    pub(crate) deployment: &'a str,
}

/// A whole answer with a good status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) bytes: Bytes,
    pub(crate) metadata: Arc<ResponseMetadata>,
}

/// Sends calls. Clones share connections, tokens, pauses and the retry budget.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Inner>);

struct Inner {
    http: Http,
    lanes: Vec<Lane>,
    balancer: Mutex<Balancer>,
    /// One for each backend.
    budgets: Vec<RetryBudget>,
    defaults: CallOptions,
    pacing: Pacing,
    body_limit: usize,
    /// Start of the clock of balancer and calls.
    epoch: Instant,
}

/// A backend, checked.
#[derive(Debug)]
struct Lane {
    endpoint: Endpoint,
    api_version: ApiVersion,
    auth: Auth,
    deployments: BTreeMap<String, String>,
    drains: Arc<Drains>,
    /// The addresses of deployments that were called before.
    urls: Mutex<BTreeMap<String, Url>>,
}

impl Lane {
    fn new(backend: Backend, endpoint: Endpoint, config: &LaneDefaults, tokens: &mut Tokens<'_>) -> Result<Self> {
        if let Some(version) = &backend.api_version {
            check_api_version(version, &format!("the api version of the backend {endpoint}"))?;
        }
        let api_version = backend
            .api_version
            .or_else(|| config.api_version.clone())
            .or_else(|| endpoint.api_version().cloned())
            .unwrap_or(ApiVersion::V1);
        endpoint.check_route(&api_version)?;
        let source = match backend.credential.0 {
            Kind::Key(key) => Err(key),
            Kind::Tokens(source) => Ok(source),
            #[cfg(feature = "azure_identity")]
            Kind::Default(credential) => Ok(tokens.default_source(&credential, endpoint.cloud())),
        };
        let auth = match source {
            Err(key) => {
                let (name, value) = key.header()?;
                Auth::Key(name, value)
            }
            Ok(source) => {
                let scope = backend
                    .token_scope
                    .or_else(|| config.token_scope.clone())
                    .unwrap_or_else(|| endpoint.scope(&api_version));
                Auth::Token(BackendTokens::new(tokens.cache(source, scope)))
            }
        };
        let (drains, urls) = Default::default();
        Ok(Self { endpoint, api_version, auth, deployments: backend.deployments, drains, urls })
    }

    /// The name that a deployment has here.
    fn deployment<'a>(&'a self, name: &'a str) -> &'a str {
        self.deployments.get(name).map_or(name, String::as_str)
    }

    /// The address of a deployment, by the name it has here.
    fn url(&self, deployment: &str) -> Result<Url> {
        let mut known = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(url) = known.get(deployment) {
            return Ok(url.clone());
        }
        let url = self.endpoint.url(&self.api_version, deployment)?;
        if known.len() < KNOWN_URLS {
            known.insert(deployment.to_owned(), url.clone());
        }
        Ok(url)
    }

    /// What tells this backend from another, the same in every process.
    fn name(&self) -> String {
        let deployments: Vec<&str> = self.deployments.values().map(String::as_str).collect();
        format!("{} {}", self.endpoint, deployments.join(" "))
    }
}

struct LaneDefaults {
    api_version: Option<ApiVersion>,
    token_scope: Option<String>,
}

/// The sources and caches of tokens that the backends of a client share.
struct Tokens<'a> {
    #[cfg_attr(not(feature = "azure_identity"), expect(dead_code, reason = "only the default credential signs in"))]
    http: &'a Http,
    caches: Vec<TokenCache>,
    #[cfg(feature = "azure_identity")]
    defaults: Vec<(Arc<identity::DefaultCredential>, Cloud, TokenSource)>,
}

impl<'a> Tokens<'a> {
    fn new(http: &'a Http) -> Self {
        Self {
            http,
            caches: Vec::new(),
            #[cfg(feature = "azure_identity")]
            defaults: Vec::new(),
        }
    }

    /// The cache for a source and a scope.
    fn cache(&mut self, source: TokenSource, scope: String) -> TokenCache {
        if let Some(cache) = self.caches.iter().find(|cache| cache.serves(&source, &scope)) {
            return cache.clone();
        }
        let cache = TokenCache::new(source, scope);
        self.caches.push(cache.clone());
        cache
    }

    /// The source for a default credential in a cloud.
    #[cfg(feature = "azure_identity")]
    fn default_source(&mut self, credential: &Arc<identity::DefaultCredential>, cloud: Cloud) -> TokenSource {
        let is_known = |(known, its, _): &&(_, Cloud, _)| Arc::ptr_eq(known, credential) && *its == cloud;
        if let Some((_, _, source)) = self.defaults.iter().find(is_known) {
            return source.clone();
        }
        let source = credential.source(cloud, self.http);
        self.defaults.push((Arc::clone(credential), cloud, source.clone()));
        source
    }
}

impl Transport {
    pub(crate) fn new(config: Config) -> Result<Self> {
        if let Some(version) = &config.api_version {
            check_api_version(version, "the api version of the client builder")?;
        }
        let defaults = LaneDefaults { api_version: config.api_version, token_scope: config.token_scope };
        // a default that could never be sent is an error now
        Settings::new(&config.defaults, &CallOptions::new())?;
        if config.backends.is_empty() {
            return Err(send::no_backend());
        }
        let endpoints: Result<Vec<_>> =
            config.backends.iter().map(|backend| Endpoint::read(&backend.endpoint, config.allow_plain_http)).collect();
        let endpoints = endpoints?;
        let signs_in = config.backends.iter().any(|backend| backend.credential.is_default());
        let http = Http::new(config.http, &endpoints, signs_in)?;
        let (mut balancer, mut lanes, mut tokens) = (Balancer::default(), Vec::new(), Tokens::new(&http));
        for (backend, endpoint) in config.backends.into_iter().zip(endpoints) {
            let (priority, weight) = (backend.priority, backend.weight);
            let lane = Lane::new(backend, endpoint, &defaults, &mut tokens)?;
            if weight == 0 {
                let text = format!("the backend {} has weight 0; leave it out, or give it 1 or more", lane.endpoint);
                return Err(Error::new(ErrorKind::Config, text));
            }
            balancer.add(&lane.name(), priority, weight);
            lanes.push(lane);
        }
        let exposed: Vec<&str> =
            lanes.iter().map(|lane| &lane.endpoint).filter(|it| it.is_exposed()).map(Endpoint::as_str).collect();
        if !exposed.is_empty() {
            tracing::warn!(
                endpoints = exposed.join(", "),
                "plain http was allowed: keys, tokens, prompts and answers are readable on the way"
            );
        }
        Ok(Self(Arc::new(Inner {
            http,
            budgets: lanes.iter().map(|_| RetryBudget::new()).collect(),
            lanes,
            balancer: Mutex::new(balancer),
            defaults: config.defaults,
            pacing: config.pacing,
            body_limit: config.body_limit,
            epoch: Instant::now(),
        })))
    }

    /// Sends a call and waits for its whole answer. `body` runs once for each backend, and `read` for each answer with
    /// a good status; an answer that it finds `Interrupted` is asked for again.
    pub(crate) async fn post<F, G, T>(&self, call: Call<'_>, body: F, read: G) -> Result<T>
    where
        F: Fn(&Route<'_>) -> Result<Bytes> + Send + Sync,
        G: Fn(Answer) -> Result<T> + Send + Sync,
        T: Send,
    {
        let settings = Settings::new(&self.0.defaults, call.options)?;
        let started = Instant::now();
        let whole = clock::Clock::Call(settings.timeout).from(started);
        let end = Limit::first([whole, deadline(&settings, started)]);
        self.send(call, &settings, end, &Whole { limit: self.0.body_limit, read }, &body).await
    }

    /// Sends a call and waits for the first bytes of its stream.
    pub(crate) async fn post_stream<F>(&self, call: Call<'_>, body: F) -> Result<ByteStream>
    where
        F: Fn(&Route<'_>) -> Result<Bytes> + Send + Sync,
    {
        let settings = Settings::new(&self.0.defaults, call.options)?;
        let end = deadline(&settings, Instant::now());
        self.send(call, &settings, end, &Streamed, &body).await
    }

    /// The first backend's endpoint.
    pub(crate) fn endpoint(&self) -> Option<&Endpoint> {
        self.0.lanes.first().map(|lane| &lane.endpoint)
    }

    /// The first backend's api version, against which requests are checked.
    pub(crate) fn api_version(&self) -> &ApiVersion {
        self.0.lanes.first().map_or(&ApiVersion::V1, |lane| &lane.api_version)
    }

    /// The api version of each backend.
    pub(crate) fn api_versions(&self) -> impl Iterator<Item = &ApiVersion> {
        self.0.lanes.iter().map(|lane| &lane.api_version)
    }

    /// The address a call to `deployment` goes to at the first backend.
    pub(crate) fn url_for(&self, deployment: &str) -> Result<String> {
        let lane = self.0.lanes.first();
        let lane = lane.ok_or_else(send::no_backend)?;
        let mut url = lane.url(lane.deployment(deployment))?;
        self.0.defaults.query_parameters().append_to(&mut url);
        Ok(url.into())
    }

    /// The deployment that each endpoint was given with, and the one that a call to `deployment` goes to there, where
    /// these are two.
    pub(crate) fn other_deployments<'a>(&'a self, deployment: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.lanes.iter().filter_map(move |lane| {
            let used = lane.deployment(deployment);
            lane.endpoint.deployment().filter(|pasted| *pasted != used).map(|pasted| (pasted, used))
        })
    }

    /// Keeps what the service wrote out of the text of an error that repeats a key, a token, or a value of a header
    /// or of a query parameter.
    pub(crate) fn withhold_secrets(&self, error: Error, options: &CallOptions) -> Error {
        let tokens: Vec<_> = self.0.lanes.iter().filter_map(|lane| lane.auth.header()).collect();
        let secrets = tokens.iter().filter_map(|value| value.to_str().ok());
        let secrets = secrets.map(|text| text.strip_prefix("Bearer ").unwrap_or(text));
        let values = [&self.0.defaults, options].map(CallOptions::values).into_iter().flatten();
        error.withhold_secrets(secrets.chain(values))
    }

    fn balancer(&self) -> MutexGuard<'_, Balancer> {
        self.0.balancer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn deadline(settings: &Settings, started: Instant) -> Option<Limit> {
    clock::Clock::Deadline(settings.deadline?).from(started)
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("backends", &self.0.lanes).finish_non_exhaustive()
    }
}
