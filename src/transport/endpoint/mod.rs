//! The endpoint: the parser of a pasted address, and the URL of a call.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use url::Url;

use self::host::{check_host, is_loopback};
use self::path::{PastedPath, PathForm};
use self::text::{FORM, check_text, config};
use crate::error::{Error, Result};
use crate::model::ApiVersion;

pub use self::host::Cloud;
pub(crate) use self::path::check_deployment;
pub(crate) use self::text::is_quoted;

mod host;
mod path;
#[cfg(test)]
mod tests;
mod text;

/// The base address of a resource or gateway, with the deployment and the api version that were pasted with it.
///
#[doc = include_str!("forms.md")]
///
/// # Example: an address as the portal shows it
///
/// ```
/// use azure_openai_chat::Endpoint;
///
/// let endpoint = Endpoint::parse(
///     "https://my-resource.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
/// )?;
/// assert_eq!(endpoint.as_str(), "https://my-resource.openai.azure.com");
/// assert_eq!(endpoint.deployment(), Some("gpt"));
/// assert_eq!(endpoint.api_version().unwrap().as_str(), "2024-10-21");
/// # Ok::<(), azure_openai_chat::Error>(())
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/endpoints>
#[derive(Clone, PartialEq, Eq)]
#[doc(alias = "azure_endpoint")]
#[doc(alias = "base_url")]
#[doc(alias = "with_api_base")]
pub struct Endpoint {
    /// Scheme, host, port and the path to which a route is added; never a query, a fragment or a trailing slash.
    base: Url,
    text: Arc<str>,
    deployment: Option<String>,
    api_version: Option<ApiVersion>,
    cloud: Cloud,
    /// Whether `base` is an OpenAI-compatible base, to which only the operation is added.
    is_compatible: bool,
}

impl Endpoint {
    /// Parses an address in any of the forms above.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) names the part that is wrong, without repeating it, and
    /// shows the form to use.
    pub fn parse(text: &str) -> Result<Self> {
        let endpoint = Self::read(text)?;
        endpoint.check_exposure()?;
        Ok(endpoint)
    }

    /// As [`parse`](Self::parse), and accepts plain HTTP to another machine.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let text = text.trim();
        check_text(text)?;
        let url = Url::parse(text).map_err(|error| config(format!("the endpoint is not a URL: {error}; {FORM}")))?;
        let cloud = Cloud::of(&url);
        check_host(&url, cloud)?;
        if url.fragment().is_some() {
            return Err(config(format!("the endpoint has a fragment ('#..'); {FORM}")));
        }
        if !matches!(url.scheme(), "https" | "http") {
            return Err(config(format!("the endpoint's scheme is not https; {FORM}")));
        }
        let pasted = api_version_of(&url)?;
        let path = PastedPath::read(&url, cloud)?;
        let route = match path.form {
            PathForm::Base => None,
            PathForm::V1 => Some("the v1 route, which takes no dated api version"),
            PathForm::Compatible => Some("an OpenAI-compatible base, which takes no api version"),
        };
        let is_compatible = path.form == PathForm::Compatible;
        let api_version = match (route, pasted) {
            (Some(route), Some(version)) if !version.is_v1() || (is_compatible && version != ApiVersion::V1) => {
                return Err(config(format!("the endpoint's path is {route}: remove '?api-version={version}'")));
            }
            (Some(_), None) => Some(ApiVersion::V1),
            (_, pasted) => pasted,
        };
        let mut base = url.clone();
        base.set_query(None);
        base.set_path(&path.prefix.join("/"));
        let mut text = base.as_str().trim_end_matches('/').to_owned();
        // without `/v1` at its end, only the whole address is read as what it is
        if is_compatible && path.prefix.last() != Some(&"v1") {
            text.push_str("/chat/completions");
        }
        Ok(Self { base, text: text.into(), deployment: path.deployment, api_version, cloud, is_compatible })
    }

    /// The base address without a trailing slash. Parsed again, it is the same base.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// The host, and the port also where it is the scheme's own.
    #[cfg(feature = "telemetry")]
    pub(crate) fn server(&self) -> (&str, u16) {
        (self.base.host_str().unwrap_or_default(), self.base.port_or_known_default().unwrap_or_default())
    }

    /// The deployment in the pasted address. A call goes to the deployment of its request; when that is another, the client
    /// logs a WARN once.
    ///
    /// # Example: the deployment that was pasted with the address
    ///
    /// ```
    /// use azure_openai_chat::{ApiKey, ChatClient};
    ///
    /// let pasted = "https://my-resource.openai.azure.com/openai/deployments/gpt-4o-mini/chat/completions";
    /// let client = ChatClient::new(pasted, ApiKey::new("key"))?;
    /// assert_eq!(client.endpoint().deployment(), Some("gpt-4o-mini"));
    /// # Ok::<(), azure_openai_chat::Error>(())
    /// ```
    #[must_use]
    pub fn deployment(&self) -> Option<&str> {
        self.deployment.as_deref()
    }

    /// The api version of the pasted address: `api-version` in its query, or `v1` in its path.
    #[must_use]
    pub fn api_version(&self) -> Option<&ApiVersion> {
        self.api_version.as_ref()
    }

    /// The Azure cloud of the host, by its name.
    #[must_use]
    pub fn cloud(&self) -> Cloud {
        self.cloud
    }

    /// The scope of a token: `cognitiveservices.azure.com` for dated api versions, `ai.azure.com` for v1, with the domain
    /// of the cloud.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity>
    #[must_use]
    pub fn scope(&self, api_version: &ApiVersion) -> String {
        let service = if api_version.is_v1() { "ai" } else { "cognitiveservices" };
        format!("https://{service}.azure.{}/.default", self.cloud.domain())
    }

    /// Whether the host is this machine, for which no proxy is used.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.base)
    }

    /// Whether a credential travels unencrypted to another machine.
    pub(crate) fn is_exposed(&self) -> bool {
        !self.is_https() && !self.is_loopback()
    }

    /// Refuses plain HTTP to another machine.
    pub(crate) fn check_exposure(&self) -> Result<()> {
        if !self.is_exposed() {
            return Ok(());
        }
        Err(config(format!(
            "the endpoint is plain http, which would show the credential to the network; use https://{}, or, for a \
             gateway in your own network, .allow_plain_http() on the client builder",
            self.base.host_str().unwrap_or_default()
        )))
    }

    /// Whether it is a gateway's OpenAI-compatible base.
    pub(crate) fn is_compatible(&self) -> bool {
        self.is_compatible
    }

    /// Refuses an api version that this endpoint's route cannot carry.
    pub(crate) fn check_route(&self, api_version: &ApiVersion) -> Result<()> {
        if !self.is_compatible || *api_version == ApiVersion::V1 {
            return Ok(());
        }
        Err(config(format!(
            "the endpoint {self} is an OpenAI-compatible base, which takes no api version, and the api version \
             {api_version} is set; leave it out, set v1 for this backend, or use the gateway's address for Azure OpenAI"
        )))
    }

    /// Whether calls are encrypted.
    pub(crate) fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The address of an operation of a deployment, or of the resource. The deployment is one path segment on the dated
    /// route, and part of the body on the v1 route and behind an OpenAI-compatible base.
    pub(crate) fn url(&self, api_version: &ApiVersion, deployment: Option<&str>, path: &[&str]) -> Result<Url> {
        deployment.map_or(Ok(()), check_deployment)?;
        let route: &[&str] = match (api_version.is_v1(), deployment) {
            _ if self.is_compatible => &[],
            (true, _) => &["openai", "v1"],
            (false, None) => &["openai"],
            (false, Some(deployment)) => &["openai", "deployments", deployment],
        };
        let mut url = self.base.clone();
        let base = url.path_segments_mut().map_err(|()| config(format!("the endpoint cannot carry a path; {FORM}")));
        base?.pop_if_empty().extend(route.iter().chain(path));
        if !api_version.is_v1() {
            url.query_pairs_mut().append_pair("api-version", api_version.as_str());
        } else if *api_version != ApiVersion::V1 {
            url.query_pairs_mut().append_pair("api-version", "preview");
        }
        Ok(url)
    }
}

/// The `api-version` of the query. Other parameters are refused rather than dropped, since a gateway's key is the most
/// likely one; their names are printed only where they are known to be no secret, and their values never.
fn api_version_of(url: &Url) -> Result<Option<ApiVersion>> {
    const KEYS: [&str; 6] = ["api-key", "code", "key", "ocp-apim-subscription-key", "subscription-key", "token"];
    let mut found: Option<ApiVersion> = None;
    for (name, value) in url.query_pairs() {
        let name = name.to_ascii_lowercase();
        if name != "api-version" {
            let shown = KEYS.into_iter().find(|known| *known == name).map(|known| format!(" '{known}'"));
            return Err(config(format!(
                "the endpoint has a query parameter{} that is not part of an endpoint; a gateway's key goes into the \
                 credential, ApiKey::new(key).with_header(\"Ocp-Apim-Subscription-Key\"), and another parameter into \
                 .defaults(CallOptions::new().query(name, value)) on the client builder",
                shown.unwrap_or_default()
            )));
        }
        let version = ApiVersion::from(value.as_ref());
        check_api_version(&version, "the endpoint's api-version")?;
        if found.as_ref().is_some_and(|earlier| *earlier != version) {
            return Err(config("the endpoint has two different api-versions; keep one"));
        }
        found = Some(version);
    }
    Ok(found)
}

/// Refuses what is no api version. `name` is that of the setting; the value is not printed, since it can be a key that was
/// set in the wrong place.
pub(crate) fn check_api_version(version: &ApiVersion, name: &str) -> Result<()> {
    let text = version.as_str();
    let what = if version.is_well_formed() {
        return Ok(());
    } else if text.is_empty() {
        "is empty"
    } else if is_quoted(text) {
        "has quotes around it"
    } else {
        "is not an api version"
    };
    Err(config(format!("{name} {what}; use v1, or a date such as 2024-10-21 or 2025-04-01-preview")))
}

/// The endpoint that a client or a backend is given: text in any form of [`Endpoint`], a `Url`, or an [`Endpoint`]. What is
/// no endpoint is refused when the client is built, and so is plain HTTP to another machine without
/// [`allow_plain_http`](crate::ClientBuilder::allow_plain_http).
///
/// # Example: text, or an endpoint that was parsed before
///
/// ```
/// use azure_openai_chat::{ApiKey, ChatClient, Endpoint};
///
/// let endpoint: Endpoint = "https://my-resource.openai.azure.com".parse()?;
/// let client = ChatClient::new(endpoint, ApiKey::new("key"))?;
/// assert_eq!(client.endpoint().as_str(), "https://my-resource.openai.azure.com");
/// # Ok::<(), azure_openai_chat::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct EndpointInput(Result<Endpoint>);

impl EndpointInput {
    /// The endpoint, or why there is none.
    pub(crate) fn check(&self, allow_plain_http: bool) -> Result<Endpoint> {
        let endpoint = self.0.clone()?;
        if !allow_plain_http {
            endpoint.check_exposure()?;
        }
        Ok(endpoint)
    }
}

macro_rules! from_text {
    ($($Type:ty),*) => { $(
        impl From<$Type> for EndpointInput {
            fn from(text: $Type) -> Self {
                Self(Endpoint::read(text.as_ref()))
            }
        }
    )* };
}
from_text!(String, &String, &str, Url, &Url);

impl From<Endpoint> for EndpointInput {
    fn from(endpoint: Endpoint) -> Self {
        Self(Ok(endpoint))
    }
}

impl From<&Endpoint> for EndpointInput {
    fn from(endpoint: &Endpoint) -> Self {
        endpoint.clone().into()
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl PartialEq<str> for Endpoint {
    fn eq(&self, text: &str) -> bool {
        *self.text == *text
    }
}

impl AsRef<str> for Endpoint {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.text).finish()
    }
}
