//! A credential of the chain: building it, probing whether it is available, and the reason when it gives no token.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, HttpClient, Method, Request, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential, AzureDeveloperCliCredentialOptions,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use serde_json::Value;
use url::Url;

use super::cli::CliExecutor;
use super::exchange::{Exchange, Problem};
use crate::transport::endpoint::Cloud;
use crate::transport::environment::Environment;
use crate::transport::token::{Token, TokenRequest, chain_text, one_line};
use crate::wire::closed_enum;

/// The identity endpoint of the metadata service of virtual machines. Elsewhere a connection to it hangs.
const METADATA: &str = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2019-08-01";
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest reason of one credential, in bytes.
const LONGEST_REASON: usize = 400;

closed_enum! {
    /// The credentials that the chain can hold, in the order in which they are tried.
    pub(super) enum LinkKind {
        Environment = "EnvironmentCredential",
        WorkloadIdentity = "WorkloadIdentityCredential",
        ManagedIdentity = "ManagedIdentityCredential",
        AzureCli = "AzureCliCredential",
        AzureDeveloperCli = "AzureDeveloperCliCredential",
    }
}

impl LinkKind {
    /// A service's identity, as opposed to that of a developer.
    pub(super) fn is_production(self) -> bool {
        matches!(self, Self::Environment | Self::WorkloadIdentity | Self::ManagedIdentity)
    }
}

/// Why a credential gave no token, with the reason as text.
#[derive(Debug)]
pub(super) enum LinkError {
    /// It is not set up on this machine.
    Unavailable(String),
    /// It is set up, and could not sign in.
    Failed(String),
}

/// What every credential is built from.
pub(super) struct SignIn {
    pub(super) environment: Environment,
    pub(super) cloud: Cloud,
    /// For Entra ID.
    pub(super) entra: Arc<dyn HttpClient>,
    /// For the metadata service and App Service, without a proxy.
    pub(super) local: Arc<dyn HttpClient>,
}

/// A credential of the chain.
pub(super) struct Link {
    pub(super) kind: LinkKind,
    /// It is the only one, so that it needs no probe.
    is_alone: bool,
    sign_in: Arc<SignIn>,
    /// The credential of azure_identity, while it gives tokens. After a failure it is built anew, since the token file of
    /// a pod may have changed.
    built: Mutex<Option<Arc<dyn TokenCredential>>>,
}

impl Link {
    pub(super) fn new(kind: LinkKind, is_alone: bool, sign_in: Arc<SignIn>) -> Self {
        Self { kind, is_alone, sign_in, built: Mutex::default() }
    }

    /// A token; `is_chosen` if this credential gave one before.
    pub(super) async fn token(&self, request: &TokenRequest, is_chosen: bool) -> Result<Token, LinkError> {
        // a new one has no cache yet
        let kept = self.keep(None).filter(|_| !request.bypass_cache);
        let credential = match kept {
            Some(credential) => credential,
            None => self.sign_in.build(self.kind)?,
        };
        let needs_probe = self.kind == LinkKind::ManagedIdentity && !is_chosen && !self.is_alone;
        if needs_probe && !self.sign_in.is_on_app_service() {
            self.sign_in.probe().await.map_err(LinkError::Unavailable)?;
        }
        let token = credential.get_token(&[request.scope.as_str()], None).await;
        let token = token.map_err(|error| self.explain(&error, is_chosen))?;
        self.keep(Some(credential));
        Ok(Token::new(token.token.secret().to_owned(), token.expires_on.into()))
    }

    /// Keeps a credential, and gives back the one that was kept.
    fn keep(&self, credential: Option<Arc<dyn TokenCredential>>) -> Option<Arc<dyn TokenCredential>> {
        std::mem::replace(&mut *self.built.lock().unwrap_or_else(PoisonError::into_inner), credential)
    }

    fn explain(&self, error: &azure_core::Error, is_chosen: bool) -> LinkError {
        if let Some(problem) = Problem::among(error) {
            let has_no_id = self.sign_in.environment.get("AZURE_CLIENT_ID").is_none();
            if self.kind == LinkKind::ManagedIdentity && problem.status() == Some(400) && has_no_id && !is_chosen {
                let text = format!("no identity is assigned to this machine ({problem})");
                return LinkError::Unavailable(one_line(&text, LONGEST_REASON));
            }
            let text = one_line(&problem.to_string(), LONGEST_REASON);
            return LinkError::Failed(match next_step(self.kind, problem) {
                Some(step) => format!("{}; {step}", text.trim_end_matches('.')),
                None => text,
            });
        }
        let text = chain_text(error);
        let text = without_frame(&text);
        if text.contains("not found on PATH") {
            return LinkError::Unavailable(text.to_owned());
        }
        LinkError::Failed(one_line(text, LONGEST_REASON))
    }
}

/// A text of azure_identity without the credential's name before it and the link to a page after it.
fn without_frame(text: &str) -> &str {
    let text = match text.split_once(" authentication failed.") {
        Some((name, rest)) if !name.contains(' ') => rest,
        _ => text,
    };
    let text = text.split(" To troubleshoot, visit").next().unwrap_or(text).trim();
    text.strip_prefix("timed out error: ").unwrap_or(text)
}

/// The next step for a problem, by its status and the `AADSTS` code in its text.
fn next_step(kind: LinkKind, problem: &Problem) -> Option<&'static str> {
    let (status, text) = match problem {
        Problem::Answered { status, text, .. } => (*status, text.as_str()),
        Problem::NotReached { reason, .. } if reason.starts_with("its certificate") => {
            return Some("trust the certificate's root on this machine, or name it with SSL_CERT_FILE");
        }
        Problem::NotReached { .. } | Problem::Silent { .. } => {
            return Some(match kind {
                LinkKind::ManagedIdentity => "check the network of this machine",
                _ => "check AZURE_AUTHORITY_HOST, the network and its proxy",
            });
        }
    };
    const BY_CODE: [(&str, &str); 7] = [
        ("AADSTS7000222", "the secret has expired: create another and set AZURE_CLIENT_SECRET"),
        ("AADSTS7000215", "AZURE_CLIENT_SECRET is not a secret of this application (its value is needed, not its id)"),
        ("AADSTS700016", "check AZURE_CLIENT_ID, and that AZURE_TENANT_ID is its tenant"),
        ("AADSTS90002", "check AZURE_TENANT_ID, and AZURE_AUTHORITY_HOST for a sovereign cloud"),
        ("AADSTS500011", "the scope is not known in this tenant: check it, and the endpoint's cloud"),
        ("AADSTS70021", "add a federated credential for this pod's service account to the application"),
        ("AADSTS700024", "the pod's token has expired: check that AZURE_FEDERATED_TOKEN_FILE is renewed"),
    ];
    let by_code = BY_CODE.iter().find(|(code, _)| {
        let is_code = |word: &str| word.trim_end_matches([':', ',', '.']) == *code;
        text.split_whitespace().any(is_code)
    });
    match (by_code, status, kind) {
        (Some((_, step)), ..) => Some(step),
        (None, 429 | 500..=599, _) => Some("the settings are not the reason; try again later"),
        (None, 400, LinkKind::ManagedIdentity) => Some("assign the identity of AZURE_CLIENT_ID to this machine or app"),
        (None, 300..=399, LinkKind::Environment | LinkKind::WorkloadIdentity) => Some("check AZURE_AUTHORITY_HOST"),
        _ => None,
    }
}

impl SignIn {
    /// Builds a credential of azure_identity.
    fn build(&self, kind: LinkKind) -> Result<Arc<dyn TokenCredential>, LinkError> {
        let failed = |error: azure_core::Error| LinkError::Failed(one_line(&chain_text(&error), LONGEST_REASON));
        Ok(match kind {
            LinkKind::Environment => {
                self.check_certificate()?;
                let secret = Secret::new(self.needed("AZURE_CLIENT_SECRET")?.to_owned());
                let (tenant, client) = (self.tenant()?, self.needed("AZURE_CLIENT_ID")?);
                let options = ClientSecretCredentialOptions { client_options: self.options(&self.entra, "Entra")? };
                ClientSecretCredential::new(tenant, client.to_owned(), secret, Some(options)).map_err(failed)?
            }
            LinkKind::WorkloadIdentity => {
                let file = self.needed("AZURE_FEDERATED_TOKEN_FILE")?;
                let options = WorkloadIdentityCredentialOptions {
                    client_id: Some(self.needed("AZURE_CLIENT_ID")?.to_owned()),
                    tenant_id: Some(self.tenant()?.to_owned()),
                    token_file_path: Some(file.into()),
                    credential_options: ClientAssertionCredentialOptions {
                        client_options: self.options(&self.entra, "Entra")?,
                    },
                };
                WorkloadIdentityCredential::new(Some(options)).map_err(|error| {
                    let text = format!("AZURE_FEDERATED_TOKEN_FILE cannot be used: {}", chain_text(&error));
                    LinkError::Failed(one_line(&text, LONGEST_REASON))
                })?
            }
            LinkKind::ManagedIdentity => {
                let id = match self.environment.get("AZURE_CLIENT_ID") {
                    Some(_) => Some(UserAssignedId::ClientId(self.needed("AZURE_CLIENT_ID")?.to_owned())),
                    None => None,
                };
                let who = if self.is_on_app_service() { "App Service" } else { "the metadata service" };
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id: id,
                    client_options: self.options(&self.local, who)?,
                };
                // Azure Arc, Service Fabric and others that azure_identity has no client for
                let unavailable =
                    |error: azure_core::Error| LinkError::Unavailable(one_line(&chain_text(&error), LONGEST_REASON));
                ManagedIdentityCredential::new(Some(options)).map_err(unavailable)?
            }
            LinkKind::AzureCli => {
                let options = AzureCliCredentialOptions { executor: Some(self.executor()), ..Default::default() };
                AzureCliCredential::new(Some(options)).map_err(failed)?
            }
            LinkKind::AzureDeveloperCli => {
                let options =
                    AzureDeveloperCliCredentialOptions { executor: Some(self.executor()), ..Default::default() };
                AzureDeveloperCliCredential::new(Some(options)).map_err(failed)?
            }
        })
    }

    /// The value of a variable without which a credential is not available.
    fn needed(&self, name: &str) -> Result<&str, LinkError> {
        match self.environment.value(name) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(LinkError::Unavailable(format!("{name} is not set"))),
            Err(error) => Err(LinkError::Failed(error.to_string())),
        }
    }

    fn tenant(&self) -> Result<&str, LinkError> {
        let tenant = self.needed("AZURE_TENANT_ID")?;
        if tenant.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')) {
            return Ok(tenant);
        }
        Err(LinkError::Failed("AZURE_TENANT_ID is not a tenant's id or domain name".to_owned()))
    }

    /// Fails for a certificate in the environment: that identity was set up, and azure_identity does not read it from there.
    fn check_certificate(&self) -> Result<(), LinkError> {
        let has = |name| self.environment.get(name).is_some();
        if !has("AZURE_CLIENT_CERTIFICATE_PATH") || has("AZURE_CLIENT_SECRET") {
            return Ok(());
        }
        let text = "AZURE_CLIENT_CERTIFICATE_PATH is set, which is not read: build azure_identity's \
                    ClientCertificateCredential (its feature client_certificate) and give it to the client";
        Err(LinkError::Failed(text.to_owned()))
    }

    /// No retries but those of [`Exchange`].
    fn options(&self, client: &Arc<dyn HttpClient>, who: &'static str) -> Result<ClientOptions, LinkError> {
        let exchange = Exchange { inner: Arc::clone(client), who };
        Ok(ClientOptions {
            transport: Some(Transport::new(Arc::new(exchange))),
            retry: RetryOptions::none(),
            cloud: Some(Arc::new(self.authority()?)),
            ..Default::default()
        })
    }

    /// The address of Entra ID.
    fn authority(&self) -> Result<CloudConfiguration, LinkError> {
        const VARIABLE: &str = "AZURE_AUTHORITY_HOST";
        if self.environment.get(VARIABLE).is_none() {
            return Ok(match self.cloud {
                Cloud::UsGovernment => CloudConfiguration::AzureGovernment,
                Cloud::China => CloudConfiguration::AzureChina,
                Cloud::Public | Cloud::Other => CloudConfiguration::AzurePublic,
            });
        }
        let host = self.needed(VARIABLE)?;
        // other SDKs take it without the scheme, too
        let address = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
        if !Url::parse(&address).is_ok_and(|url| url.scheme() == "https") {
            let text = format!("{VARIABLE} is not an https address such as https://login.microsoftonline.com");
            return Err(LinkError::Failed(text));
        }
        let mut custom = CustomConfiguration::default();
        custom.authority_host = address;
        Ok(custom.into())
    }

    fn executor(&self) -> Arc<CliExecutor> {
        Arc::new(CliExecutor { path: self.environment.get("PATH").map(str::to_owned) })
    }

    fn is_on_app_service(&self) -> bool {
        ["IDENTITY_ENDPOINT", "IDENTITY_HEADER"].iter().all(|name| self.environment.get(name).is_some())
    }

    /// Whether the metadata service answers, so that a laptop does not wait for it. As in other SDKs the request lacks the
    /// header `Metadata`, and the metadata service answers with its own error; other servers at that address (other
    /// clouds, a proxy) answer in another form.
    async fn probe(&self) -> Result<(), String> {
        let address = Url::parse(METADATA).map_err(|error| error.to_string())?;
        let request = Request::new(address, Method::Get);
        let answer = async {
            let answer = self.local.execute_request(&request).await?;
            answer.try_into_raw_response().await
        };
        let answer = match tokio::time::timeout(METADATA_TIMEOUT, answer).await {
            Ok(Ok(answer)) => answer,
            _ => return Err("no metadata service answers here, as it does on machines of Azure".to_owned()),
        };
        let body = serde_json::from_slice::<Value>(answer.body().as_ref()).unwrap_or_default();
        if body.get("error").is_some_and(Value::is_string) || body.get("access_token").is_some() {
            return Ok(());
        }
        let status = u16::from(answer.status());
        Err(format!("what answers at 169.254.169.254 is not the metadata service of Azure (status {status})"))
    }
}
