//! The default credential: what the environment offers, in the order of other Azure SDKs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::link::{Link, LinkError, LinkKind, SignIn};
use super::credential::{Credential, Kind};
use super::environment::Environment;
use super::token::{Token, TokenRequest, TokenSource, no_token};
use crate::error::{Error, ErrorKind, Result};

mod cli;
mod exchange;
mod link;
#[cfg(test)]
mod tests;

/// Of all credentials together: at most one of them calls Entra ID, and each tool has a timeout of its own.
const CHAIN_TIMEOUT: Duration = Duration::from_secs(60);

/// The credential that the environment offers.
///
/// | Tried, in this order | When it is available |
/// |---|---|
/// | `EnvironmentCredential` | `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET` are set |
/// | `WorkloadIdentityCredential` | `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_FEDERATED_TOKEN_FILE` are set, as on Kubernetes |
/// | `ManagedIdentityCredential` | on App Service, Functions, and virtual machines; `AZURE_CLIENT_ID` picks a user-assigned identity |
/// | `AzureCliCredential` | `az` is on the path; it gives tokens after `az login` |
/// | `AzureDeveloperCliCredential` | `azd` is on the path; it gives tokens after `azd auth login` |
///
/// `AZURE_TOKEN_CREDENTIALS` narrows the list: `prod` is the first three, `dev` the last two, and a name from
/// the table is that one alone. `AZURE_AUTHORITY_HOST` is the address of Entra ID; when it is unset, that of the
/// endpoint's cloud is used.
///
/// # Which one signs in
///
/// A credential that is not available is passed over. One of the first three that is available and fails (an
/// expired secret, a wrong tenant, an outage of Entra ID) ends the search with its reason, so that no other identity
/// takes the place of the one that was set up. The tools of a developer are tried one after the other. The first
/// that gives a token is used from then on; its name is logged once at INFO, and at WARN if it changes.
///
/// # How it signs in
///
/// The requests go out on the HTTP client of this crate: no redirects, and no proxy for the managed identity. A
/// request is tried three times, within 8 seconds; a credential has 15 seconds in all. Nothing is sent before the first
/// call: a credential that cannot give a token shows there, with the reason of each that was tried.
///
/// # Errors
///
/// [`ErrorKind::Config`] when `AZURE_TOKEN_CREDENTIALS` holds an unknown value; the error lists the known.
///
/// # Example: sign in with whatever is there
///
/// ```
/// let credential = azure_openai_chat::default_credential()?;
/// # let _ = credential;
/// # Ok::<(), azure_openai_chat::Error>(())
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/developer/rust/sdk/authentication/overview>
pub fn default_credential() -> Result<Credential> {
    default_credential_from(Environment::read(&|name| std::env::var_os(name)))
}

/// As [`default_credential`], over any environment. The endpoint's cloud and the HTTP clients are known later.
pub(crate) fn default_credential_from(environment: Environment) -> Result<Credential> {
    let kinds = choose(environment.get("AZURE_TOKEN_CREDENTIALS"))?;
    Ok(Credential(Kind::Default(Arc::new(move |cloud, http| {
        let (entra, local) = (Arc::new(http.proxied().clone()), Arc::new(http.direct().clone()));
        let sign_in = SignIn { environment: environment.clone(), cloud, entra, local };
        Chain::new(&kinds, sign_in).into_source()
    }))))
}

/// The credentials that a value of `AZURE_TOKEN_CREDENTIALS` selects.
fn choose(setting: Option<&str>) -> Result<Vec<LinkKind>> {
    let of = |is_chosen: &dyn Fn(LinkKind) -> bool| {
        LinkKind::ALL.iter().copied().filter(|kind| is_chosen(*kind)).collect::<Vec<_>>()
    };
    let Some(setting) = setting else {
        return Ok(LinkKind::ALL.to_vec());
    };
    let chosen = match setting.to_ascii_lowercase().as_str() {
        "prod" => of(&LinkKind::is_production),
        "dev" => of(&|kind| !kind.is_production()),
        name => of(&|kind| kind.as_str().eq_ignore_ascii_case(name)),
    };
    if chosen.is_empty() {
        let known: Vec<&str> = LinkKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let text = format!("AZURE_TOKEN_CREDENTIALS is {setting:?}, which is not known");
        return Err(Error::new(ErrorKind::Config, text).with_hint(format!("use dev, prod, {}", known.join(", "))));
    }
    Ok(chosen)
}

/// The credentials of the environment in their order, and which of them is used.
struct Chain {
    links: Vec<Link>,
    chosen: Mutex<Option<LinkKind>>,
}

impl Chain {
    fn new(kinds: &[LinkKind], sign_in: SignIn) -> Self {
        let (is_alone, sign_in) = (kinds.len() == 1, Arc::new(sign_in));
        let link = |kind: &LinkKind| Link::new(*kind, is_alone, Arc::clone(&sign_in));
        Self { links: kinds.iter().map(link).collect(), chosen: Mutex::default() }
    }

    fn into_source(self) -> TokenSource {
        let chain = Arc::new(self);
        let fetch = move |request| {
            let chain = Arc::clone(&chain);
            async move { chain.token(request).await }
        };
        TokenSource { timeout: CHAIN_TIMEOUT, ..TokenSource::new(fetch) }
    }

    async fn token(&self, request: TokenRequest) -> Result<Token> {
        let mut reasons = Vec::new();
        let chosen = *self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        let first = self.links.iter().find(|link| Some(link.kind) == chosen);
        let others = self.links.iter().filter(|link| Some(link.kind) != chosen);
        for link in first.into_iter().chain(others) {
            let is_chosen = Some(link.kind) == chosen;
            let reason = match link.token(&request, is_chosen).await {
                Ok(token) => {
                    self.choose(link.kind, &reasons);
                    return Ok(token);
                }
                Err(LinkError::Unavailable(reason)) if !(is_chosen && link.kind.is_production()) => reason,
                Err(LinkError::Failed(reason)) if !link.kind.is_production() => reason,
                Err(LinkError::Unavailable(reason) | LinkError::Failed(reason)) => {
                    return Err(no_token(self.ended(link.kind, &reason)));
                }
            };
            reasons.push(format!("{}: {reason}", link.kind.as_str()));
        }
        Err(no_token(format!(
            "none of {} credentials could sign in | {} | {}",
            self.links.len(),
            reasons.join(" | "),
            "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, assign a managed identity, or run az login"
        )))
    }

    /// The text for a credential that is set up and could not sign in.
    fn ended(&self, kind: LinkKind, reason: &str) -> String {
        match self.links.as_slice() {
            [_] => format!("{}: {reason}", kind.as_str()),
            _ => format!(
                "{}: {reason}; no other credential is used in its place, unless AZURE_TOKEN_CREDENTIALS names one",
                kind.as_str()
            ),
        }
    }

    /// Logs which credential signs in, when that is new.
    fn choose(&self, kind: LinkKind, passed_over: &[String]) {
        let before = self.chosen.lock().unwrap_or_else(PoisonError::into_inner).replace(kind);
        let (credential, passed_over) = (kind.as_str(), passed_over.join(" | "));
        match before.map(LinkKind::as_str) {
            None => tracing::info!(credential, passed_over, "the default credential signs in"),
            Some(before) if before != credential => {
                tracing::warn!(credential, before, passed_over, "another credential signs in than before");
            }
            Some(_) => {}
        }
    }
}
