//! The credential of a backend: an API key, or a source of Entra ID tokens.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
#[cfg(feature = "azure_core")]
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::HeaderName;

use super::options::is_ours;
#[cfg(feature = "azure_identity")]
use super::token::DefaultSource;
use super::token::{AuthHeader, Token, TokenRequest, TokenSource, bearer, no_token, sensitive, without_scheme};
use crate::error::{Error, ErrorKind, Result};

/// Headers that the client sets and that may carry a key.
const CARRIERS: [&str; 2] = ["api-key", "authorization"];

/// How long a key that a function gave is used before the function is called again.
const KEY_LIFE: Duration = Duration::from_secs(3600);

/// The assumed life of a token that is given without its end.
const FIXED_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// A key of the resource or of a gateway in front of it.
///
/// # Example: the key of a gateway
///
/// ```
/// use azure_openai_chat::ApiKey;
///
/// let azure = ApiKey::new("0123456789abcdef");
/// let gateway = ApiKey::new("0123456789abcdef").with_header("Ocp-Apim-Subscription-Key");
/// assert_eq!(format!("{azure:?}"), "ApiKey");
/// # let _ = gateway;
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#authentication>
#[derive(Clone)]
pub struct ApiKey {
    key: String,
    /// None for `Authorization: Bearer`.
    header: Option<String>,
}

impl ApiKey {
    /// A key that is sent in the `api-key` header. A key that cannot be sent as a header is refused when the client is
    /// built, with [`ErrorKind::Config`].
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), header: Some("api-key".to_owned()) }
    }

    /// The same key, sent in another header, such as `Ocp-Apim-Subscription-Key`.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>) -> Self {
        self.header = Some(name.into());
        self
    }

    /// The same key, sent as `Authorization: Bearer`.
    #[must_use]
    pub fn with_bearer(mut self) -> Self {
        self.header = None;
        self
    }

    /// The header that carries the key, after checks of both.
    pub(crate) fn header(&self) -> Result<AuthHeader> {
        let wrong = if self.key.is_empty() {
            "is empty"
        } else if self.key.contains(['\n', '\r']) {
            "holds a line break, often left over from reading a file: trim it"
        } else if self.key.trim() != self.key {
            "begins or ends with a space: trim it"
        } else if !self.key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            "holds characters that a header cannot carry"
        } else {
            return match &self.header {
                None => {
                    let value = bearer(without_scheme(&self.key))?;
                    Ok(AuthHeader { name: reqwest::header::AUTHORIZATION, value, is_key: true })
                }
                Some(name) => {
                    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                        Error::new(ErrorKind::Config, format!("{name:?} is not a header name for an API key"))
                    })?;
                    if is_ours(&name) && !CARRIERS.contains(&name.as_str()) {
                        let text = format!("the header '{name}' is set by the client and cannot carry an API key");
                        return Err(Error::new(ErrorKind::Config, text));
                    }
                    Ok(AuthHeader { name, value: sensitive(&self.key)?, is_key: true })
                }
            };
        };
        Err(Error::new(ErrorKind::Config, format!("the API key {wrong}")))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey")
    }
}

/// The sign-in of a backend: an [`ApiKey`], or a source of Entra ID tokens.
///
/// A source is any `azure_core` `TokenCredential` (feature `azure_core`), a function, a given token, or the
/// default credential (feature `azure_identity`). The client keeps tokens and renews them early, in the
/// background. No `Debug`, log or error has a secret.
///
/// # A certificate
///
/// azure_identity reads certificates with its feature `client_certificate`, which needs OpenSSL and is therefore not
/// switched on by this crate:
///
/// ```text
/// // Cargo.toml: azure_identity = { version = "1", features = ["client_certificate"] }
/// let certificate = SecretBytes::new(std::fs::read("service.pfx")?);
/// let credential = ClientCertificateCredential::new(tenant_id, client_id, certificate, None)?;
/// let client = ChatClient::new(endpoint, credential)?;
/// ```
///
/// # Example: a credential of one's own
///
#[cfg_attr(feature = "azure_core", doc = "```")]
#[cfg_attr(not(feature = "azure_core"), doc = "```text")]
/// use std::sync::Arc;
/// use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
/// use azure_core::time::{Duration, OffsetDateTime};
/// use azure_openai_chat::ChatClient;
///
/// #[derive(Debug)]
/// struct Broker;
///
/// #[async_trait::async_trait]
/// impl TokenCredential for Broker {
///     async fn get_token(&self, _scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
///         Ok(AccessToken::new("eyJ..", OffsetDateTime::now_utc() + Duration::hours(1)))
///     }
/// }
///
/// let client = ChatClient::new("https://my-resource.openai.azure.com", Arc::new(Broker))?;
/// # Ok::<(), azure_openai_chat::Error>(())
/// ```
///
/// # Example: tokens from a place of one's own
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use azure_openai_chat::Credential;
/// use azure_openai_chat::transport::Token;
///
/// let credential = Credential::from_fn(|scope: String| async move {
///     // ask a broker for `scope`
///     # let _ = scope;
///     Ok::<_, std::io::Error>(Token::new("eyJ..", SystemTime::now() + Duration::from_secs(3600)))
/// });
/// # let _ = credential;
/// ```
///
/// # Example: a key that is rotated
///
/// ```
/// use azure_openai_chat::{ApiKey, Credential};
///
/// // read again after a 401, and every hour
/// let credential = Credential::from_fn(|_| async {
///     let key = std::fs::read_to_string("/run/secrets/azure-openai-key")?;
///     Ok::<_, std::io::Error>(ApiKey::new(key.trim()))
/// });
/// # let _ = credential;
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity>
#[derive(Clone)]
pub struct Credential(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    Key(ApiKey),
    Tokens(TokenSource),
    /// Becomes a source when the cloud and the HTTP clients are known.
    #[cfg(feature = "azure_identity")]
    Default(DefaultSource),
}

impl Credential {
    /// Tokens, or keys, of a function, which gets the scope. The client keeps the [`Token`] and calls the function again
    /// five minutes before it expires, or when the service refuses it with 401, then at most once in 30 seconds for each
    /// scope. An [`ApiKey`] counts as one that expires after an hour. After a failure the function is called once more,
    /// within the timeout of the call.
    #[must_use]
    #[doc(alias = "azure_ad_token_provider")]
    pub fn from_fn<F, Fut, T, E>(fetch: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Into<Token>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let source = TokenSource::new(move |request: TokenRequest| {
            let answer = fetch(request.scope);
            async move { answer.await.map(Into::into).map_err(|error| no_token("the credential failed").with_source(error)) }
        });
        Self(Kind::Tokens(TokenSource { tries: 2, ..source }))
    }

    /// One token, such as that of `az account get-access-token`. A leading `Bearer ` is left out. After the service refused
    /// it with 401, it is not sent again within 30 seconds.
    #[must_use]
    #[doc(alias = "azure_ad_token")]
    pub fn fixed_token(value: impl Into<String>) -> Self {
        let value = value.into();
        let source = TokenSource::new(move |_| {
            let token = Token::new(value.clone(), SystemTime::now() + FIXED_LIFE);
            async move { Ok(token) }
        });
        Self(Kind::Tokens(TokenSource { is_given: true, ..source }))
    }

    /// Whether it is the default credential, which needs the HTTP clients.
    pub(crate) fn is_default(&self) -> bool {
        match &self.0 {
            #[cfg(feature = "azure_identity")]
            Kind::Default(_) => true,
            Kind::Key(_) | Kind::Tokens(_) => false,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Key(_) => "Credential(ApiKey)",
            Kind::Tokens(_) => "Credential(Token)",
            #[cfg(feature = "azure_identity")]
            Kind::Default(_) => "Credential(Default)",
        })
    }
}

impl From<ApiKey> for Credential {
    fn from(key: ApiKey) -> Self {
        Self(Kind::Key(key))
    }
}

/// For a function that gives keys, see [`Credential::from_fn`].
impl From<ApiKey> for Token {
    fn from(key: ApiKey) -> Self {
        Self::of_key(key.header(), SystemTime::now() + KEY_LIFE)
    }
}

#[cfg(feature = "azure_core")]
impl<T> From<Arc<T>> for Credential
where
    T: azure_core::credentials::TokenCredential + ?Sized + 'static,
{
    fn from(credential: Arc<T>) -> Self {
        Self(Kind::Tokens(TokenSource::from_azure(credential)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_where_it_was_told_to() {
        for (key, name, value) in [
            (ApiKey::new("k"), "api-key", "k"),
            (ApiKey::new("k").with_header("Ocp-Apim-Subscription-Key"), "ocp-apim-subscription-key", "k"),
            (ApiKey::new("k").with_bearer(), "authorization", "Bearer k"),
            (ApiKey::new("Bearer k").with_bearer(), "authorization", "Bearer k"),
        ] {
            let AuthHeader { name: got_name, value: got_value, .. } = key.header().unwrap();
            assert_eq!((got_name.as_str(), got_value.to_str().unwrap()), (name, value));
            assert!(got_value.is_sensitive());
        }
    }

    #[test]
    fn a_malformed_key_is_a_config_error_that_does_not_show_it() {
        for (key, words) in [
            ("", "is empty"),
            ("canary\n", "line break"),
            ("canary ", "space"),
            ("canary\u{7}", "characters"),
            ("canary\u{fc}", "characters"),
        ] {
            let error = ApiKey::new(key).header().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(words), "{error}");
            assert!(!format!("{error:?}").contains("canary"));
        }
        for name in ["no header", "host", "Content-Type", "x-ms-client-request-id"] {
            let error = ApiKey::new("k").with_header(name).header().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(&name.to_lowercase()), "{error}");
        }
        assert!(ApiKey::new("k").with_header("Authorization").header().is_ok());
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = ApiKey::new("canary");
        let token = Token::new("canary", SystemTime::UNIX_EPOCH);
        for text in [
            format!("{key:?}"),
            format!("{token:?}"),
            format!("{:?}", Credential::from(key)),
            format!("{:?}", Credential::fixed_token("canary")),
        ] {
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[cfg(feature = "azure_identity")]
    #[test]
    fn any_azure_credential_is_one_shared_or_erased() {
        use azure_core::credentials::TokenCredential;

        let tools = azure_identity::DeveloperToolsCredential::new(None).unwrap();
        let erased: Arc<dyn TokenCredential> = Arc::<azure_identity::DeveloperToolsCredential>::clone(&tools);
        for credential in [Credential::from(tools), Credential::from(erased)] {
            assert!(matches!(credential.0, Kind::Tokens(_)));
        }
    }
}
