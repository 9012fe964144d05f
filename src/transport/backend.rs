//! A backend: an endpoint with its credential, as the caller gives it and as it is called.

use std::collections::BTreeMap;
use std::fmt;

use reqwest::header::HeaderValue;

use super::credential::{Credential, Kind};
use super::endpoint::{Endpoint, EndpointInput, check_api_version};
use super::token::AuthHeader;
use super::token_cache::{BackendTokens, TokenCaches};
use crate::error::{Error, ErrorKind, Result, Sent};
use crate::model::ApiVersion;
use crate::wire::setters;

/// One endpoint of a client, with its credential.
///
/// Calls go to the backends with the lowest priority number; among those they are split by weight, or kept on one
/// backend by an affinity key (`prompt_cache_key`, else `user`). After a 429 a backend is avoided for that deployment,
/// after a 5xx, without a connection, or when no answer began within a timeout of a second or more, for all. The call that
/// timed out is not repeated. Where the service names a wait (`retry-after`), nothing is sent before it is over; when every
/// backend is in such a wait, the error has the shortest. Where it names none, the backend is avoided for one second,
/// doubling to 32 seconds while it keeps failing, and called all the same when no other is left. After the wait one call
/// probes the backend, and others follow when it succeeds.
///
/// Failures of calls that were under way at the same moment count once, and faults of a single call (a connection that
/// breaks, headers above the limit, any other 4xx) do not count. Each call has its own number of retries on each
/// backend, so that two backends never do worse than one.
///
/// # Example: provisioned capacity first, pay-as-you-go when it is busy
///
/// ```
/// use azure_openai_chat::{ApiKey, Backend};
///
/// let provisioned = Backend::new("https://ptu.openai.azure.com", ApiKey::new("key")).priority(0);
/// let standard = Backend::new("https://standard.openai.azure.com", ApiKey::new("key"))
///     .priority(1)
///     .deployment("gpt-4o", "gpt-4o-standard");
/// # let _ = (provisioned, standard);
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/architecture/ai-ml/guide/azure-openai-gateway-multi-backend>
#[derive(Clone)]
pub struct Backend {
    pub(crate) endpoint: EndpointInput,
    pub(crate) credential: Credential,
    pub(crate) priority: u32,
    pub(crate) weight: u32,
    pub(crate) api_version: Option<ApiVersion>,
    pub(crate) token_scope: Option<String>,
    pub(crate) deployments: BTreeMap<String, String>,
}

impl Backend {
    /// A backend of priority 0 and weight 1. The endpoint may have any form of [`Endpoint`](crate::Endpoint), and is
    /// checked when the client is built.
    #[must_use]
    pub fn new(endpoint: impl Into<EndpointInput>, credential: impl Into<Credential>) -> Self {
        Self {
            endpoint: endpoint.into(),
            credential: credential.into(),
            priority: 0,
            weight: 1,
            api_version: None,
            token_scope: None,
            deployments: BTreeMap::new(),
        }
    }

    setters! {
        []
        /// The order in which backends are called; 0 by default. Those with the lowest number go first, the next when
        /// all of those are avoided.
        priority: u32;

        /// The share of calls among backends of the same priority; 1 by default. Zero is refused when the client is
        /// built.
        weight: u32;

        /// The api version of this backend; by default that of the client. Anything but `v1`, `preview` or a date is
        /// refused when the client is built.
        api_version: into ApiVersion;

        /// The scope of this backend's tokens; by default that of the client, else it follows from host and api
        /// version.
        token_scope: into String;
    }

    /// The name on this backend of the deployment that requests call `name`; by default the same name.
    #[must_use]
    pub fn deployment(mut self, name: impl Into<String>, here: impl Into<String>) -> Self {
        self.deployments.insert(name.into(), here.into());
        self
    }
}

/// Without the endpoint, which is not checked yet and may hold a secret.
impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend")
            .field("credential", &self.credential)
            .field("priority", &self.priority)
            .field("weight", &self.weight)
            .field("api_version", &self.api_version)
            .field("deployments", &self.deployments)
            .finish_non_exhaustive()
    }
}

/// How a backend is signed in to.
#[derive(Debug)]
pub(crate) enum Auth {
    Key(AuthHeader),
    Token(BackendTokens),
}

impl Auth {
    /// The header's value as it is sent now, if there is one.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        match self {
            Self::Key(key) => Some(key.value.clone()),
            Self::Token(tokens) => Some(tokens.cache.current()?.header.value.clone()),
        }
    }

    /// The form of sign-in, for the text of an error; without the secret.
    pub(crate) fn sent(&self) -> Sent {
        match self {
            Self::Key(key) => Sent::Key { header: key.name.to_string() },
            Self::Token(tokens) if tokens.cache.is_given() => Sent::Token,
            Self::Token(tokens) => match tokens.cache.current().filter(|token| token.header.is_key) {
                Some(key) => Sent::Key { header: key.header.name.to_string() },
                None => Sent::Credential { scope: Some(tokens.cache.scope().to_owned()) },
            },
        }
    }
}

/// A backend with its endpoint parsed and its api version, scope and sign-in decided.
#[derive(Debug)]
pub(crate) struct ResolvedBackend {
    pub(crate) endpoint: Endpoint,
    pub(crate) api_version: ApiVersion,
    pub(crate) auth: Auth,
    deployments: BTreeMap<String, String>,
}

impl ResolvedBackend {
    /// `api_version` and `token_scope` are those of the client, for a backend without its own.
    pub(crate) fn new(
        backend: Backend,
        endpoint: Endpoint,
        api_version: Option<&ApiVersion>,
        token_scope: Option<&str>,
        caches: &mut TokenCaches<'_>,
    ) -> Result<Self> {
        if backend.weight == 0 {
            let text = format!("the backend {endpoint} has weight 0; leave it out, or give it 1 or more");
            return Err(Error::new(ErrorKind::Config, text));
        }
        if let Some(version) = &backend.api_version {
            check_api_version(version, &format!("the api version of the backend {endpoint}"))?;
        }
        let pasted = endpoint.api_version();
        let api_version = backend.api_version.as_ref().or(api_version).or(pasted).cloned().unwrap_or(ApiVersion::V1);
        endpoint.check_route(&api_version)?;
        let source = match backend.credential.0 {
            Kind::Key(key) => Err(key),
            Kind::Tokens(source) => Ok(source),
            #[cfg(feature = "azure_identity")]
            Kind::Default(credential) => Ok(caches.default_source(&credential, endpoint.cloud())),
        };
        let auth = match source {
            Err(key) => Auth::Key(key.header()?),
            Ok(source) => {
                let scope = backend.token_scope.or_else(|| token_scope.map(str::to_owned));
                let scope = scope.unwrap_or_else(|| endpoint.scope(&api_version));
                Auth::Token(BackendTokens::new(caches.cache(source, scope)))
            }
        };
        Ok(Self { endpoint, api_version, auth, deployments: backend.deployments })
    }

    /// The name that a deployment has here.
    pub(crate) fn deployment<'a>(&'a self, name: &'a str) -> &'a str {
        self.deployments.get(name).map_or(name, String::as_str)
    }

    /// A name that differs from those of other backends, the same in every process.
    pub(crate) fn name(&self) -> String {
        let deployments: Vec<&str> = self.deployments.values().map(String::as_str).collect();
        format!("{} {}", self.endpoint, deployments.join(" "))
    }
}
