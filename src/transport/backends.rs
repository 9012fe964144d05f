//! Several endpoints behind one client: who takes the next call.
//!
//! The lowest priority number goes first; within it, calls are split by weight, or kept on one backend by an
//! affinity key. A backend that answers 429 rests for that deployment, one that answers 5xx or does not
//! connect rests for all, as long as the server asks or else a growing while. When the rest is over one
//! call goes there as a probe, and the others follow when it succeeded. When all rest, the smallest wait is
//! told. A caller's own mistake (any other 4xx) never moves a call.

use std::collections::BTreeMap;
use std::fmt;

use super::auth::Credential;
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

    /// The api version of this backend alone; otherwise that of the client.
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
