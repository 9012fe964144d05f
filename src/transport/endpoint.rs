//! Where a call goes: one parser for every address a user can paste.
//!
//! | Pasted | Base | Also tells |
//! |---|---|---|
//! | `https://my-resource.openai.azure.com` (or with `/`) | the same | |
//! | `https://my-resource.openai.azure.com/openai` | without `/openai` | |
//! | `https://my-resource.openai.azure.com/openai/deployments/gpt` | without the path | deployment `gpt` |
//! | `https://my-resource.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21` | without path and query | deployment `gpt`, api version `2024-10-21` |
//! | `https://my-resource.openai.azure.com/openai/v1` (or with `/chat/completions`) | without the path | api version `v1` |
//! | `https://gw.contoso.net/aoai/openai/deployments/gpt/..` | `https://gw.contoso.net/aoai` | deployment `gpt` |
//! | `https://my-resource.openai.azure.us`, `.azure.cn` | the same | the cloud, and with it the token scope |
//! | `https://my-foundry.services.ai.azure.com/api/projects/p` | without the path: chat is served by the resource, not the project | |
//! | `http://127.0.0.1:8080`, `http://localhost:8080` | the same | plain HTTP is for this machine only |
//!
//! Refused, with words that show the form to use: no scheme, plain HTTP to another machine, user
//! information, a fragment, query parameters other than `api-version`, the path of another operation,
//! and the `/models` route of Foundry. Hosts are never checked against a list, because a gateway may have
//! any name.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::error::{Error, ErrorKind, Result};
use crate::model::ApiVersion;

/// What an address should look like, for the texts of errors.
const FORM: &str = "use the form https://{resource}.openai.azure.com";

/// The base address of a resource or gateway, and what the pasted address told besides.
///
/// # Example: everything a portal shows is understood
///
/// ```
/// use azure_openai_chat::transport::Endpoint;
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
pub struct Endpoint {
    /// Scheme, host, port and gateway prefix; never a query, a fragment or a trailing slash.
    base: Url,
    text: String,
    deployment: Option<String>,
    api_version: Option<ApiVersion>,
    cloud: Cloud,
}

/// The Azure cloud behind a host, as far as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cloud {
    /// Hosts under `azure.com`.
    Public,
    /// Hosts under `azure.us`.
    UsGovernment,
    /// Hosts under `azure.cn`.
    China,
    /// Any other host, such as a gateway; tokens are asked for as in the public cloud.
    Other,
}

impl Endpoint {
    /// Reads an address in any of the forms of the [module's table](self).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] names the part that was not understood and shows the form to use.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Err(config(format!("the endpoint is empty; {FORM}")));
        }
        if !text.contains("://") {
            return Err(without_scheme(text));
        }
        let url = Url::parse(text).map_err(|error| config(format!("the endpoint is not a URL: {error}; {FORM}")))?;
        check_authority(&url)?;
        let cloud = Cloud::of(&url);
        let asked = api_version_of(&url)?;
        let path = Path::read(&url, cloud)?;
        let api_version = match (path.is_v1, asked) {
            (true, Some(version)) if !version.is_v1() => {
                return Err(config(format!(
                    "the endpoint's path is the v1 route, which takes no dated api version: remove '?api-version={version}'"
                )));
            }
            (true, None) => Some(ApiVersion::V1),
            (_, asked) => asked,
        };
        let mut base = url.clone();
        base.set_query(None);
        base.set_path(&path.prefix.join("/"));
        let text = base.as_str().trim_end_matches('/').to_owned();
        Ok(Self {
            base,
            text,
            deployment: path.deployment,
            api_version,
            cloud,
        })
    }

    /// The base address without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The deployment that the pasted address named. A request names its own, and that one is called.
    #[must_use]
    pub fn deployment(&self) -> Option<&str> {
        self.deployment.as_deref()
    }

    /// The api version that the pasted address implies, by its query or its route.
    #[must_use]
    pub fn api_version(&self) -> Option<&ApiVersion> {
        self.api_version.as_ref()
    }

    /// The cloud, by the host's name.
    #[must_use]
    pub fn cloud(&self) -> Cloud {
        self.cloud
    }

    /// The scope a token is asked for: `cognitiveservices.azure.com` for dated api versions,
    /// `ai.azure.com` for v1, with the domain of the cloud.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity>
    #[must_use]
    pub fn scope(&self, api_version: &ApiVersion) -> String {
        let service = if api_version.is_v1() { "ai" } else { "cognitiveservices" };
        let domain = match self.cloud {
            Cloud::Public | Cloud::Other => "com",
            Cloud::UsGovernment => "us",
            Cloud::China => "cn",
        };
        format!("https://{service}.azure.{domain}/.default")
    }

    /// Whether the host is this machine, the only one that plain HTTP and no proxy are right for.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.base)
    }

    /// The address of the chat operation. The deployment is one path segment on the dated route, and
    /// part of the body on the v1 route.
    pub(crate) fn url(&self, api_version: &ApiVersion, deployment: &str) -> Result<Url> {
        check_deployment(deployment)?;
        let mut url = self.base.clone();
        {
            let mut path = url
                .path_segments_mut()
                .map_err(|()| config(format!("the endpoint cannot carry a path; {FORM}")))?;
            path.pop_if_empty().push("openai");
            if api_version.is_v1() {
                path.push("v1");
            } else {
                path.push("deployments").push(deployment);
            }
            path.push("chat").push("completions");
        }
        if !api_version.is_v1() {
            url.query_pairs_mut().append_pair("api-version", api_version.as_str());
        } else if api_version.as_str() != ApiVersion::V1.as_str() {
            url.query_pairs_mut().append_pair("api-version", "preview");
        }
        Ok(url)
    }
}

impl Cloud {
    fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let under = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        if under("azure.com") {
            Self::Public
        } else if under("azure.us") {
            Self::UsGovernment
        } else if under("azure.cn") {
            Self::China
        } else {
            Self::Other
        }
    }
}

/// What the path of a pasted address says.
struct Path<'a> {
    prefix: Vec<&'a str>,
    deployment: Option<String>,
    is_v1: bool,
}

impl<'a> Path<'a> {
    fn read(url: &'a Url, cloud: Cloud) -> Result<Self> {
        let origin = url.origin().ascii_serialization();
        let all: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
        let (rest, is_operation) = match all.as_slice() {
            [rest @ .., "chat", "completions"] => (rest, true),
            rest => (rest, false),
        };
        let mut this = Self {
            prefix: Vec::new(),
            deployment: None,
            is_v1: false,
        };
        let prefix = match rest {
            [prefix @ .., "openai", "deployments", name] => {
                this.deployment = Some(decode(name)?);
                prefix
            }
            [prefix @ .., "openai", "v1"] => {
                this.is_v1 = true;
                prefix
            }
            [.., "models"] if cloud != Cloud::Other => {
                return Err(config(format!(
                    "the endpoint's path '/models' is the Foundry model inference route, which this crate does not \
                     speak; the same resource serves chat completions at {origin}"
                )));
            }
            _ if is_operation => {
                return Err(config(format!(
                    "the endpoint's path '{}' has 'chat/completions' without '/openai/v1' or \
                     '/openai/deployments/{{deployment}}' before it; use {origin} or the gateway's prefix alone",
                    url.path()
                )));
            }
            [prefix @ .., "openai"] | [prefix @ .., "openai", "deployments"] => prefix,
            prefix => prefix,
        };
        this.prefix = match prefix {
            // a project's address; chat is served by the resource
            [prefix @ .., "api", "projects", _] => prefix.to_vec(),
            prefix => prefix.to_vec(),
        };
        this.check_prefix(url, &origin, cloud)?;
        Ok(this)
    }

    /// A gateway may have any prefix, but not one that says it is another operation; Azure's own hosts
    /// have none.
    fn check_prefix(&self, url: &Url, origin: &str, cloud: Cloud) -> Result<()> {
        let odd = match self.prefix.as_slice() {
            [] => return Ok(()),
            [.., "v1"] => "/v1 without /openai",
            [
                ..,
                last @ ("completions" | "embeddings" | "responses" | "images" | "audio" | "assistants"),
            ] => last,
            [.., "deployments", _] => "/deployments without /openai",
            [..] if cloud != Cloud::Other => "a path that Azure OpenAI does not have",
            _ => return Ok(()),
        };
        Err(config(format!(
            "the endpoint's path '{}' was not understood ({odd}); use {origin}, {origin}/openai/v1, or a gateway's \
             address up to, without, its '/openai'",
            url.path()
        )))
    }
}

fn config(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}

/// Shows the address with the scheme it lacks, but nothing that may be a secret.
fn without_scheme(text: &str) -> Error {
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.contains('@') || host.contains(char::is_whitespace) {
        return config(format!("the endpoint has no scheme and host; {FORM}"));
    }
    config(format!("the endpoint '{host}' has no scheme; use https://{host}"))
}

fn check_authority(url: &Url) -> Result<()> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(config(
            "the endpoint holds user information before the host; remove it and pass a credential instead".to_owned(),
        ));
    }
    if url.fragment().is_some() {
        return Err(config(format!("the endpoint has a fragment ('#..'); {FORM}")));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err(config(format!(
            "the endpoint is plain http, which would show the credential to the network; use https://{} \
             (http is for loopback addresses)",
            url.host_str().unwrap_or_default()
        ))),
        scheme => Err(config(format!("the endpoint's scheme '{scheme}' is not https; {FORM}"))),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The only query parameter an endpoint may have. Others are refused rather than dropped, since a
/// gateway's key is the most likely one; their values are never shown.
fn api_version_of(url: &Url) -> Result<Option<ApiVersion>> {
    let mut found: Option<ApiVersion> = None;
    for (name, value) in url.query_pairs() {
        if !name.eq_ignore_ascii_case("api-version") {
            let shown = if value.is_empty() { "" } else { name.as_ref() };
            return Err(config(format!(
                "the endpoint's query parameter '{shown}' is not part of an endpoint; a gateway's key goes into the \
                 credential: ApiKey::new(key).with_header(\"Ocp-Apim-Subscription-Key\")"
            )));
        }
        if value.is_empty() || !value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(config(
                "the endpoint's api-version is not a version such as 2024-10-21 or v1".to_owned(),
            ));
        }
        let version = ApiVersion::from(value.as_ref());
        if found.as_ref().is_some_and(|earlier| *earlier != version) {
            return Err(config(
                "the endpoint has two different api-versions; keep one".to_owned(),
            ));
        }
        found = Some(version);
    }
    Ok(found)
}

fn decode(segment: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        let hex = |digit: Option<u8>| {
            char::from(digit?)
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
        };
        match byte {
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => bytes.push(high << 4 | low),
                _ => {
                    return Err(config(
                        "the endpoint's deployment is not percent-encoded correctly".to_owned(),
                    ));
                }
            },
            other => bytes.push(other),
        }
    }
    let name = String::from_utf8(bytes).map_err(|_| config("the endpoint's deployment is not UTF-8".to_owned()))?;
    check_deployment(&name)?;
    Ok(name)
}

/// A deployment is one name of the user's own; what could leave its path segment is refused.
pub(crate) fn check_deployment(name: &str) -> Result<()> {
    let wrong = if name.trim().is_empty() {
        "is empty"
    } else if name == "." || name == ".." {
        "is a step in a path"
    } else if name.contains(['/', '\\']) {
        "holds a slash"
    } else if name.chars().any(char::is_control) {
        "holds a control character"
    } else {
        return Ok(());
    };
    Err(config(format!(
        "the deployment name {name:?} {wrong}; use the name the deployment has in the resource"
    )))
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(text: &str) -> String {
        let error = Endpoint::parse(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    }

    #[test]
    fn every_form_a_user_can_paste_is_understood() {
        for (text, base, deployment, version) in [
            ("https://r.openai.azure.com", "https://r.openai.azure.com", None, None),
            (
                " https://r.openai.azure.com/ ",
                "https://r.openai.azure.com",
                None,
                None,
            ),
            (
                "https://r.openai.azure.com/openai",
                "https://r.openai.azure.com",
                None,
                None,
            ),
            (
                "https://r.openai.azure.com/openai/",
                "https://r.openai.azure.com",
                None,
                None,
            ),
            (
                "https://r.openai.azure.com/openai/deployments/gpt",
                "https://r.openai.azure.com",
                Some("gpt"),
                None,
            ),
            (
                "https://r.openai.azure.com/openai/deployments/a%20b",
                "https://r.openai.azure.com",
                Some("a b"),
                None,
            ),
            (
                "https://r.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
                "https://r.openai.azure.com",
                Some("gpt"),
                Some("2024-10-21"),
            ),
            (
                "https://r.openai.azure.com/openai/deployments/gpt/chat/completions",
                "https://r.openai.azure.com",
                Some("gpt"),
                None,
            ),
            (
                "https://r.openai.azure.com/?api-version=2024-10-21",
                "https://r.openai.azure.com",
                None,
                Some("2024-10-21"),
            ),
            (
                "https://r.openai.azure.com/openai/v1",
                "https://r.openai.azure.com",
                None,
                Some("v1"),
            ),
            (
                "https://r.openai.azure.com/openai/v1/",
                "https://r.openai.azure.com",
                None,
                Some("v1"),
            ),
            (
                "https://r.openai.azure.com/openai/v1/chat/completions",
                "https://r.openai.azure.com",
                None,
                Some("v1"),
            ),
            (
                "https://r.openai.azure.com/openai/v1?api-version=preview",
                "https://r.openai.azure.com",
                None,
                Some("preview"),
            ),
            (
                "https://gw.contoso.net/aoai/openai/deployments/gpt/chat/completions",
                "https://gw.contoso.net/aoai",
                Some("gpt"),
                None,
            ),
            (
                "https://gw.contoso.net:8443/a/b/openai/v1",
                "https://gw.contoso.net:8443/a/b",
                None,
                Some("v1"),
            ),
            (
                "https://gw.contoso.net/team-a",
                "https://gw.contoso.net/team-a",
                None,
                None,
            ),
            ("https://r.openai.azure.us", "https://r.openai.azure.us", None, None),
            (
                "https://r.openai.azure.cn/openai",
                "https://r.openai.azure.cn",
                None,
                None,
            ),
            (
                "https://r.cognitiveservices.azure.com/",
                "https://r.cognitiveservices.azure.com",
                None,
                None,
            ),
            (
                "https://f.services.ai.azure.com",
                "https://f.services.ai.azure.com",
                None,
                None,
            ),
            (
                "https://f.services.ai.azure.com/api/projects/p",
                "https://f.services.ai.azure.com",
                None,
                None,
            ),
            (
                "https://f.services.ai.azure.com/api/projects/p/openai/v1",
                "https://f.services.ai.azure.com",
                None,
                Some("v1"),
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", None, None),
            ("http://127.9.9.9", "http://127.9.9.9", None, None),
            ("http://[::1]:80/openai", "http://[::1]", None, None),
            (
                "http://localhost:3000/openai/v1",
                "http://localhost:3000",
                None,
                Some("v1"),
            ),
        ] {
            let endpoint = Endpoint::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (
                    endpoint.as_str(),
                    endpoint.deployment(),
                    endpoint.api_version().map(ApiVersion::as_str)
                ),
                (base, deployment, version),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_refused_is_named_and_the_right_form_shown() {
        for (text, words) in [
            ("", "empty"),
            ("   ", "empty"),
            (
                "my-resource.openai.azure.com/openai",
                "use https://my-resource.openai.azure.com",
            ),
            ("/openai/v1", "no scheme and host"),
            ("https://", "not a URL"),
            ("ftp://r.openai.azure.com", "scheme 'ftp'"),
            ("http://r.openai.azure.com", "use https://r.openai.azure.com"),
            ("http://localhost.example.com", "plain http"),
            ("http://128.0.0.1", "plain http"),
            ("https://r.openai.azure.com/#frag", "fragment"),
            (
                "https://f.services.ai.azure.com/models",
                "https://f.services.ai.azure.com",
            ),
            ("https://f.services.ai.azure.com/models/chat/completions", "/models"),
            (
                "https://r.openai.azure.com/openai/deployments/gpt/embeddings",
                "embeddings",
            ),
            ("https://r.openai.azure.com/openai/responses", "responses"),
            ("https://r.openai.azure.com/v1", "/v1 without /openai"),
            ("https://r.openai.azure.com/chat/completions", "without '/openai/v1'"),
            ("https://gw.contoso.net/deployments/gpt", "/deployments without /openai"),
            ("https://r.openai.azure.com/portal", "does not have"),
            (
                "https://r.openai.azure.com/openai/v1?api-version=2024-10-21",
                "no dated api version",
            ),
            (
                "https://r.openai.azure.com/?api-version=a&api-version=b",
                "two different",
            ),
            ("https://r.openai.azure.com/?api-version=%0a", "not a version"),
            ("https://r.openai.azure.com/openai/deployments/a%2Fb", "slash"),
            ("https://r.openai.azure.com/openai/deployments/a%zz", "percent-encoded"),
        ] {
            let error = fails(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn no_secret_of_an_address_is_printed() {
        for text in [
            "https://user:canary@r.openai.azure.com",
            "https://canary@r.openai.azure.com",
            "canary:canary@r.openai.azure.com/x",
            "https://r.openai.azure.com/?subscription-key=canary",
            "https://r.openai.azure.com/?canary",
            "https://r.openai.azure.com/#canary",
        ] {
            assert!(!fails(text).contains("canary"), "{text}");
        }
    }

    #[test]
    fn both_routes_are_built_from_any_base() {
        let dated = ApiVersion::from("2024-10-21");
        let preview = ApiVersion::from("preview");
        for (text, version, url) in [
            (
                "https://r.openai.azure.com",
                &dated,
                "https://r.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
            ),
            (
                "https://r.openai.azure.com",
                &ApiVersion::V1,
                "https://r.openai.azure.com/openai/v1/chat/completions",
            ),
            (
                "https://r.openai.azure.com",
                &preview,
                "https://r.openai.azure.com/openai/v1/chat/completions?api-version=preview",
            ),
            (
                "https://gw.contoso.net/aoai/openai/deployments/other",
                &dated,
                "https://gw.contoso.net/aoai/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
            ),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.url(version, "gpt").unwrap().as_str(), url);
        }
    }

    #[test]
    fn a_deployment_never_leaves_its_segment() {
        let endpoint = Endpoint::parse("https://r.openai.azure.com").unwrap();
        let version = ApiVersion::from("2024-10-21");
        for name in [
            "a b",
            "a?b",
            "a#b",
            "a%2Fb",
            "%2e%2e",
            "ü",
            "a;b",
            "...",
            "a&api-version=1",
            "a:b@c",
        ] {
            let url = endpoint.url(&version, name).unwrap();
            let segments: Vec<&str> = url.path_segments().unwrap().collect();
            assert_eq!(segments.len(), 5, "{url}");
            assert_eq!(
                (segments[1], segments[3], segments[4]),
                ("deployments", "chat", "completions"),
                "{url}"
            );
            assert_eq!(decode(segments[2]).unwrap(), name);
            assert_eq!(url.query(), Some("api-version=2024-10-21"));
        }
        for name in ["", " ", ".", "..", "a/b", "../x", "a\\b", "a\nb", "a\0"] {
            for version in [&version, &ApiVersion::V1] {
                let error = endpoint.url(version, name).expect_err(name);
                assert_eq!(error.kind(), ErrorKind::Config);
                assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
            }
        }
    }

    #[test]
    fn the_scope_follows_route_and_cloud() {
        let dated = ApiVersion::from("2024-10-21");
        for (host, on_dated, on_v1) in [
            (
                "r.openai.azure.com",
                "https://cognitiveservices.azure.com/.default",
                "https://ai.azure.com/.default",
            ),
            (
                "r.openai.azure.us",
                "https://cognitiveservices.azure.us/.default",
                "https://ai.azure.us/.default",
            ),
            (
                "r.openai.azure.cn",
                "https://cognitiveservices.azure.cn/.default",
                "https://ai.azure.cn/.default",
            ),
            (
                "gw.contoso.net",
                "https://cognitiveservices.azure.com/.default",
                "https://ai.azure.com/.default",
            ),
            (
                "evilazure.us",
                "https://cognitiveservices.azure.com/.default",
                "https://ai.azure.com/.default",
            ),
        ] {
            let endpoint = Endpoint::parse(&format!("https://{host}")).unwrap();
            assert_eq!(
                (
                    endpoint.scope(&dated).as_str(),
                    endpoint.scope(&ApiVersion::V1).as_str()
                ),
                (on_dated, on_v1)
            );
        }
    }
}
