//! Several endpoints behind one client.
//!
//! The lowest priority number goes first; within it, calls are split by weight, or kept on one backend by an
//! affinity key. After a 429 a backend is avoided for that deployment, after a 5xx or without a connection for all
//! of them. Where the service names a wait (`retry-after`), nothing is sent before it is over; when every backend is
//! in such a wait, the error has the shortest. Where it names none, the backend is avoided for one second, doubling
//! to 32 seconds while it keeps failing, and called all the same when no other is left. After the wait one call
//! probes the backend, and the others follow when it succeeded.
//!
//! Failures of calls that were under way at the same moment count once, and faults of a single call (a connection
//! that breaks, headers that are too large, any other 4xx) do not count. Each call has its own number of retries on
//! each backend, so that two backends are never worse than one.

use std::collections::BTreeMap;
use std::fmt;

use super::credential::Credential;
use crate::model::ApiVersion;

/// One of the places a client may call.
///
/// # Example: provisioned capacity first, pay-as-you-go when it is busy
///
/// ```
/// use azure_openai_chat::transport::{ApiKey, Backend};
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
    pub(crate) endpoint: String,
    pub(crate) credential: Credential,
    pub(crate) priority: u32,
    pub(crate) weight: u32,
    pub(crate) api_version: Option<ApiVersion>,
    pub(crate) token_scope: Option<String>,
    pub(crate) deployments: BTreeMap<String, String>,
}

impl Backend {
    /// A backend of priority 0 and weight 1. The endpoint may have any form that
    /// [`Endpoint`](super::Endpoint) takes and is checked when the client is built.
    #[must_use]
    pub fn new(endpoint: impl Into<String>, credential: impl Into<Credential>) -> Self {
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

    /// When it is called: backends with the lowest number go first, the next when all of those rest.
    #[must_use]
    pub fn priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }

    /// Its share of the calls among backends of the same priority; at least 1.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// The api version of this backend alone; otherwise that of the client. What is neither `v1`, `preview` nor a date is
    /// refused when the client is built.
    #[must_use]
    pub fn api_version(mut self, version: impl Into<ApiVersion>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// The scope of this backend's tokens; otherwise it follows from host and api version.
    #[must_use]
    pub fn token_scope(mut self, scope: impl Into<String>) -> Self {
        self.token_scope = Some(scope.into());
        self
    }

    /// What the deployment that requests call `name` is called here.
    #[must_use]
    pub fn deployment(mut self, name: impl Into<String>, here: impl Into<String>) -> Self {
        self.deployments.insert(name.into(), here.into());
        self
    }
}

/// The endpoint may be malformed and hold anything, so it stays out.
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
