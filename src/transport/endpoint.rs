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

use super::pasted_path::PastedPath;
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
        let path = PastedPath::read(&url, cloud)?;
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
        Ok(Self { base, text, deployment: path.deployment, api_version, cloud })
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
            let mut path =
                url.path_segments_mut().map_err(|()| config(format!("the endpoint cannot carry a path; {FORM}")))?;
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

pub(super) fn config(message: String) -> Error {
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
            return Err(config("the endpoint's api-version is not a version such as 2024-10-21 or v1".to_owned()));
        }
        let version = ApiVersion::from(value.as_ref());
        if found.as_ref().is_some_and(|earlier| *earlier != version) {
            return Err(config("the endpoint has two different api-versions; keep one".to_owned()));
        }
        found = Some(version);
    }
    Ok(found)
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
    Err(config(format!("the deployment name {name:?} {wrong}; use the name the deployment has in the resource")))
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
    use super::super::pasted_path::decode;
    use super::*;

    /// What is pasted, the base, the deployment and the api version it tells (`-` for none).
    const ACCEPTED: &str = "
        https://r.openai.azure.com                                  https://r.openai.azure.com  -    -
        https://r.openai.azure.com/                                 https://r.openai.azure.com  -    -
        https://r.openai.azure.com/openai                           https://r.openai.azure.com  -    -
        https://r.openai.azure.com/openai/                          https://r.openai.azure.com  -    -
        https://r.openai.azure.com/openai/deployments/gpt           https://r.openai.azure.com  gpt  -
        https://r.openai.azure.com/openai/deployments/a%2Db         https://r.openai.azure.com  a-b  -
        https://r.openai.azure.com/openai/deployments/gpt/chat/completions https://r.openai.azure.com gpt -
        https://r.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21 https://r.openai.azure.com gpt 2024-10-21
        https://r.openai.azure.com/?api-version=2024-10-21          https://r.openai.azure.com  -    2024-10-21
        https://r.openai.azure.com/openai/v1                        https://r.openai.azure.com  -    v1
        https://r.openai.azure.com/openai/v1/                       https://r.openai.azure.com  -    v1
        https://r.openai.azure.com/openai/v1/chat/completions       https://r.openai.azure.com  -    v1
        https://r.openai.azure.com/openai/v1?api-version=preview    https://r.openai.azure.com  -    preview
        https://r.openai.azure.com/openai/deployments/..            https://r.openai.azure.com  -    -
        https://gw.contoso.net/aoai/openai/deployments/gpt/chat/completions https://gw.contoso.net/aoai gpt -
        https://gw.contoso.net:8443/a/b/openai/v1                   https://gw.contoso.net:8443/a/b - v1
        https://gw.contoso.net/team-a                               https://gw.contoso.net/team-a -  -
        https://r.openai.azure.us                                   https://r.openai.azure.us   -    -
        https://r.openai.azure.cn/openai                            https://r.openai.azure.cn   -    -
        https://r.cognitiveservices.azure.com/                      https://r.cognitiveservices.azure.com - -
        https://f.services.ai.azure.com                             https://f.services.ai.azure.com - -
        https://f.services.ai.azure.com/api/projects/p              https://f.services.ai.azure.com - -
        https://f.services.ai.azure.com/api/projects/p/openai/v1    https://f.services.ai.azure.com - v1
        https://gw.contoso.net/api/projects/a/api/projects/b        https://gw.contoso.net      -    -
        http://127.0.0.1:8080                                       http://127.0.0.1:8080       -    -
        http://127.9.9.9                                            http://127.9.9.9            -    -
        http://[::1]:80/openai                                      http://[::1]                -    -
        http://localhost:3000/openai/v1                             http://localhost:3000       -    v1
        https://r.openai.azure.com/OpenAI/V1/                       https://r.openai.azure.com  -    v1
        https://gw.contoso.net/OpenAI                               https://gw.contoso.net/OpenAI -  -
    ";

    /// What is pasted, and words of the error.
    const REFUSED: &str = "
        my-resource.openai.azure.com/openai                 | use https://my-resource.openai.azure.com
        /openai/v1                                          | no scheme and host
        https://                                            | not a URL
        ftp://r.openai.azure.com                            | scheme 'ftp'
        http://r.openai.azure.com                           | use https://r.openai.azure.com
        http://localhost.example.com                        | plain http
        http://128.0.0.1                                    | plain http
        https://r.openai.azure.com/#frag                    | fragment
        https://f.services.ai.azure.com/models              | completions at https://f.services.ai.azure.com
        https://f.services.ai.azure.com/models/chat/completions | /models
        https://r.openai.azure.com/openai/deployments/gpt/embeddings | embeddings
        https://r.openai.azure.com/openai/responses         | responses
        https://r.openai.azure.com/v1                       | /v1 without /openai
        https://r.openai.azure.com/chat/completions         | without '/openai/v1'
        https://gw.contoso.net/deployments/gpt              | /deployments without /openai
        https://r.openai.azure.com/portal                   | does not have
        https://r.openai.azure.com/openai/v1?api-version=2024-10-21 | no dated api version
        https://r.openai.azure.com/?api-version=a&api-version=b | two different
        https://r.openai.azure.com/?api-version=%0a         | not a version
        https://r.openai.azure.com/openai/deployments/a%2Fb | slash
        https://r.openai.azure.com/openai/deployments/a%zz  | percent-encoded
    ";

    fn rows(table: &str) -> impl Iterator<Item = &str> {
        table.lines().map(str::trim).filter(|row| !row.is_empty())
    }

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn fails(text: &str) -> String {
        let error = Endpoint::parse(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    }

    #[test]
    fn every_form_a_user_can_paste_is_understood() {
        for row in rows(ACCEPTED) {
            let columns: Vec<&str> = row.split_whitespace().collect();
            let endpoint = endpoint(&format!(" {} ", columns[0]));
            let version = endpoint.api_version().map_or("-", ApiVersion::as_str);
            let told = [endpoint.as_str(), endpoint.deployment().unwrap_or("-"), version];
            assert_eq!(told, columns[1..], "{row}");
        }
    }

    #[test]
    fn what_is_refused_is_named_and_the_right_form_shown() {
        for row in rows(REFUSED) {
            let (text, words) = row.split_once('|').unwrap();
            let error = fails(text);
            assert!(error.contains(words.trim()), "{row}: {error}");
        }
        for blank in ["", "  "] {
            assert!(fails(blank).contains("the endpoint is empty"));
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
        for (base, version, path) in [
            ("", "2024-10-21", "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"),
            ("", "v1", "/openai/v1/chat/completions"),
            ("", "preview", "/openai/v1/chat/completions?api-version=preview"),
            ("/aoai", "2024-10-21", "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"),
        ] {
            let base = format!("https://gw.contoso.net{base}");
            let endpoint = endpoint(&format!("{base}/openai/deployments/other"));
            let url = endpoint.url(&ApiVersion::from(version), "gpt").unwrap();
            assert_eq!(url.as_str(), format!("{base}{path}"));
        }
    }

    #[test]
    fn a_deployment_never_leaves_its_segment() {
        let endpoint = endpoint("https://r.openai.azure.com");
        let version = ApiVersion::from("2024-10-21");
        for name in ["a b", "a?b", "a#b", "a%2Fb", "%2e%2e", "ü", "a;b", "...", "a&api-version=1", "a:b@c"] {
            let url = endpoint.url(&version, name).unwrap();
            let segments: Vec<&str> = url.path_segments().unwrap().collect();
            assert_eq!(segments.len(), 5, "{url}");
            assert_eq!([segments[1], segments[3], segments[4]], ["deployments", "chat", "completions"]);
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
        for (host, domain) in [
            ("r.openai.azure.com", "com"),
            ("r.openai.azure.us", "us"),
            ("r.openai.azure.cn", "cn"),
            ("gw.contoso.net", "com"),
            ("evilazure.us", "com"),
        ] {
            let endpoint = endpoint(&format!("https://{host}"));
            let scope = endpoint.scope(&ApiVersion::from("2024-10-21"));
            assert_eq!(scope, format!("https://cognitiveservices.azure.{domain}/.default"));
            assert_eq!(endpoint.scope(&ApiVersion::V1), format!("https://ai.azure.{domain}/.default"));
        }
    }
}
