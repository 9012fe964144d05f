//! The credential for those who bring none: what the environment offers, in the order of other Azure SDKs.
//!
//! | Tried | When it can give a token |
//! |---|---|
//! | `EnvironmentCredential` | `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET` are set |
//! | `WorkloadIdentityCredential` | also `AZURE_FEDERATED_TOKEN_FILE`, as on Kubernetes |
//! | `ManagedIdentityCredential` | on App Service, Functions, and virtual machines; `AZURE_CLIENT_ID` picks a user-assigned identity |
//! | `AzureCliCredential` | after `az login` |
//! | `AzureDeveloperCliCredential` | after `azd auth login` |
//!
//! `AZURE_TOKEN_CREDENTIALS` narrows the list: `prod` is the first three, `dev` the last two, and a name from
//! the table is that one alone. The first that gives a token is asked from then on.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use azure_core::credentials::Secret;
use azure_identity::{
    AzureCliCredential, AzureDeveloperCliCredential, ClientSecretCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

use super::auth::{Credential, Kind, Token};
use super::source::{Failure, TokenSource};
use crate::error::{Error, ErrorKind, Result};

/// One of several may not use up the time of the others.
const LINK_TIMEOUT: Duration = Duration::from_secs(15);
const CHAIN_TIMEOUT: Duration = Duration::from_secs(60);
/// The metadata address of virtual machines; elsewhere nobody answers there, and a connection hangs.
const METADATA_ADDRESS: ([u8; 4], u16) = ([169, 254, 169, 254], 80);
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

const PRODUCTION: [&str; 3] = ["EnvironmentCredential", "WorkloadIdentityCredential", "ManagedIdentityCredential"];
const DEVELOPMENT: [&str; 2] = ["AzureCliCredential", "AzureDeveloperCliCredential"];

/// The credential that the environment offers, in the order of the [module's table](self).
///
/// Nothing is asked yet: a credential that cannot give a token shows at the first call, with the reason of
/// each that was tried.
///
/// # Errors
///
/// [`ErrorKind::Config`] when `AZURE_TOKEN_CREDENTIALS` holds an unknown value; the error lists the known.
///
/// # Example: sign in with whatever is there
///
/// ```
/// let credential = azure_openai_chat::transport::default_credential()?;
/// # let _ = credential;
/// # Ok::<(), azure_openai_chat::Error>(())
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/developer/rust/sdk/authentication/overview>
pub fn default_credential() -> Result<Credential> {
    default_credential_from(&|name| std::env::var(name).ok())
}

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// As [`default_credential`], over any environment.
pub(crate) fn default_credential_from(environment: Environment<'_>) -> Result<Credential> {
    let variable = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
    let names = choose(variable("AZURE_TOKEN_CREDENTIALS").as_deref())?;
    let is_alone = names.len() == 1;
    let link = |name| Link { name, source: source(name, is_alone, &variable) };
    Ok(Chain::new(names.into_iter().map(link).collect()).into_credential())
}

/// Which credentials a value of `AZURE_TOKEN_CREDENTIALS` asks for.
fn choose(setting: Option<&str>) -> Result<Vec<&'static str>> {
    let all = || PRODUCTION.into_iter().chain(DEVELOPMENT);
    let Some(setting) = setting.map(str::trim) else {
        return Ok(all().collect());
    };
    if setting.eq_ignore_ascii_case("prod") {
        Ok(PRODUCTION.to_vec())
    } else if setting.eq_ignore_ascii_case("dev") {
        Ok(DEVELOPMENT.to_vec())
    } else if let Some(name) = all().find(|name| name.eq_ignore_ascii_case(setting)) {
        Ok(vec![name])
    } else {
        let known: Vec<_> = all().collect();
        Err(Error::new(
            ErrorKind::Config,
            format!("AZURE_TOKEN_CREDENTIALS is {setting:?}, which is not known; use dev, prod, {}", known.join(", ")),
        ))
    }
}

/// Builds a credential of azure_identity, or says what it lacks.
fn source(name: &str, is_alone: bool, variable: Environment<'_>) -> Result<TokenSource, Failure> {
    let needed = |name: &str| variable(name).ok_or_else(|| Failure::new(format!("{name} is not set")));
    let refused = |error: azure_core::Error| Failure::from_foreign(&error);
    match name {
        "EnvironmentCredential" => {
            let tenant = needed("AZURE_TENANT_ID")?;
            let client = needed("AZURE_CLIENT_ID")?;
            let secret = Secret::new(needed("AZURE_CLIENT_SECRET")?);
            let credential = ClientSecretCredential::new(&tenant, client, secret, None).map_err(refused)?;
            Ok(TokenSource::from_azure(credential))
        }
        "WorkloadIdentityCredential" => {
            let options = WorkloadIdentityCredentialOptions {
                client_id: Some(needed("AZURE_CLIENT_ID")?),
                tenant_id: Some(needed("AZURE_TENANT_ID")?),
                token_file_path: Some(needed("AZURE_FEDERATED_TOKEN_FILE")?.into()),
                ..Default::default()
            };
            let credential = WorkloadIdentityCredential::new(Some(options)).map_err(refused)?;
            Ok(TokenSource::from_azure(credential))
        }
        "ManagedIdentityCredential" => {
            let options = ManagedIdentityCredentialOptions {
                user_assigned_id: variable("AZURE_CLIENT_ID").map(UserAssignedId::ClientId),
                ..Default::default()
            };
            let credential = ManagedIdentityCredential::new(Some(options)).map_err(refused)?;
            let source = TokenSource::from_azure(credential);
            let is_on_app_service = ["IDENTITY_ENDPOINT", "MSI_ENDPOINT"].iter().any(|name| variable(name).is_some());
            Ok(if is_alone || is_on_app_service { source } else { only_on_azure(source) })
        }
        "AzureCliCredential" => Ok(TokenSource::from_azure(AzureCliCredential::new(None).map_err(refused)?)),
        _ => Ok(TokenSource::from_azure(AzureDeveloperCliCredential::new(None).map_err(refused)?)),
    }
}

/// Looks whether the metadata address answers before asking it, so that a laptop does not wait for it.
fn only_on_azure(source: TokenSource) -> TokenSource {
    TokenSource::new(move |scope| {
        let source = source.clone();
        async move {
            let address = SocketAddr::from(METADATA_ADDRESS);
            let probe = tokio::task::spawn_blocking(move || TcpStream::connect_timeout(&address, METADATA_TIMEOUT));
            match probe.await {
                Ok(Ok(_)) => source.ask(scope).await,
                _ => Err(Failure::new("no managed identity endpoint answers here")),
            }
        }
    })
}

struct Link {
    name: &'static str,
    /// Or why it cannot even be asked.
    source: Result<TokenSource, Failure>,
}

struct Chain {
    links: Vec<Link>,
    first_good: OnceLock<TokenSource>,
}

impl Chain {
    fn new(links: Vec<Link>) -> Self {
        Self { links, first_good: OnceLock::new() }
    }

    fn into_credential(self) -> Credential {
        let chain = Arc::new(self);
        let source = TokenSource::new(move |scope| {
            let chain = Arc::clone(&chain);
            async move { chain.ask(scope).await }
        });
        Credential(Kind::Tokens(source.with_timeout(CHAIN_TIMEOUT)))
    }

    async fn ask(&self, scope: String) -> Result<Token, Failure> {
        if let Some(source) = self.first_good.get() {
            return source.ask(scope).await;
        }
        let mut reasons = Vec::new();
        for link in &self.links {
            let answer = match &link.source {
                Ok(source) => tokio::time::timeout(LINK_TIMEOUT, source.ask(scope.clone()))
                    .await
                    .unwrap_or_else(|_| Err(Failure::new(format!("no answer within {} s", LINK_TIMEOUT.as_secs())))),
                Err(failure) => Err(failure.clone()),
            };
            match (answer, &link.source) {
                (Ok(token), Ok(source)) => {
                    self.first_good.get_or_init(|| source.clone());
                    tracing::debug!(credential = link.name, "default credential chosen");
                    return Ok(token);
                }
                (Err(failure), _) => reasons.push(format!("{}: {}", link.name, failure.text())),
                (Ok(_), Err(_)) => {}
            }
        }
        Err(Failure::new(format!("none of {} credentials could sign in ({})", self.links.len(), reasons.join("; "))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::SystemTime;

    use super::*;
    use crate::transport::token::TokenCache;

    fn link(name: &'static str, asked: &Arc<AtomicU32>, good: bool) -> Link {
        let asked = Arc::clone(asked);
        let source = TokenSource::new(move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            async move {
                if good {
                    Ok(Token::new(name, SystemTime::now() + Duration::from_secs(3600)))
                } else {
                    Err(Failure::new("not here"))
                }
            }
        });
        Link { name, source: Ok(source) }
    }

    fn names(setting: &str) -> Vec<&'static str> {
        choose(Some(setting)).unwrap()
    }

    #[test]
    fn the_setting_narrows_the_order_in_any_case() {
        assert_eq!(choose(None).unwrap().len(), 5);
        assert_eq!(names("PROD"), PRODUCTION);
        assert_eq!(names("dev"), DEVELOPMENT);
        assert_eq!(names(" azureclicredential "), ["AzureCliCredential"]);
    }

    #[test]
    fn an_unknown_setting_lists_the_known() {
        let environment = |name: &str| (name == "AZURE_TOKEN_CREDENTIALS").then(|| "laptop".to_owned());
        let error = default_credential_from(&environment).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("\"laptop\""), "{error}");
        assert!(error.to_string().contains("prod, EnvironmentCredential"), "{error}");
    }

    #[test]
    fn a_credential_that_lacks_a_variable_names_it() {
        let environment = |name: &str| (name == "AZURE_TENANT_ID").then(|| "t".to_owned());
        for name in ["EnvironmentCredential", "WorkloadIdentityCredential"] {
            let failure = source(name, false, &environment).err().unwrap();
            assert_eq!(failure.text(), "AZURE_CLIENT_ID is not set");
        }
    }

    #[tokio::test]
    async fn the_first_that_works_is_remembered() {
        let (bad, good) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let chain = Chain::new(vec![link("a", &bad, false), link("b", &good, true), link("c", &bad, false)]);
        for _ in 0..3 {
            assert_eq!(
                chain.ask("s".to_owned()).await.map(|token| token.value().to_owned()).ok().as_deref(),
                Some("b")
            );
        }
        assert_eq!((bad.load(Ordering::SeqCst), good.load(Ordering::SeqCst)), (1, 3));
    }

    #[tokio::test]
    async fn when_none_works_each_reason_is_told_by_name() {
        let asked = Arc::new(AtomicU32::new(0));
        let broken = Link { name: "b", source: Err(Failure::new("B_VAR is not set")) };
        let credential = Chain::new(vec![link("a", &asked, false), broken]).into_credential();
        let Kind::Tokens(source) = credential.0 else { panic!("a key") };
        let error = TokenCache::new(source, "s".to_owned()).get(SystemTime::now()).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Credential);
        assert!(error.to_string().contains("(a: not here; b: B_VAR is not set)"), "{error}");
    }
}
