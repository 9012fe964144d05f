//! Signing in with the credentials of azure_identity, over a transport that stands for Entra ID, the metadata service
//! and App Service.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request};
use bytes::Bytes;
use tokio::time::Instant;

use super::exchange::LINK_TIMEOUT;
use super::*;
use crate::transport::endpoint::Cloud;
use crate::transport::http_client::{HttpClients, HttpSettings};
use crate::transport::raw_server::{RawServer, answer};
use crate::transport::token_cache::TokenCache;
use crate::transport::{Backend, CHAT_COMPLETIONS, Call, CallOptions, Config, Transport};

#[cfg(test)]
mod cli_tests;
#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod process_tests;

const SCOPE: &str = "https://ai.azure.com/.default";

/// What a fake answers.
enum Reply {
    Status(u16, String),
    /// With `retry-after`.
    WithWait(u16, String, String),
    After(Duration, u16, String),
    Refused,
    Broken(&'static str),
    Hangs,
}

type Script = dyn Fn(usize, &Request) -> Reply + Send + Sync;

/// A server in this process: answers by the number of the request, from 0, and keeps what it was sent.
#[derive(Clone)]
struct Fake {
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    fn new(script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        Self { script: Arc::new(script), seen: Arc::default() }
    }

    /// Nobody is there.
    fn nobody() -> Self {
        Self::new(|_, _| Reply::Refused)
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    fn url(&self, number: usize) -> String {
        self.seen.lock().unwrap()[number].url().to_string()
    }

    fn header(&self, number: usize, name: &'static str) -> Option<String> {
        let seen = self.seen.lock().unwrap();
        seen[number].headers().get_optional_str(&name.into()).map(str::to_owned)
    }

    fn body(&self, number: usize) -> String {
        match self.seen.lock().unwrap()[number].body() {
            Body::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Body::SeekableStream(_) => panic!("a body in pieces"),
        }
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

/// An error as deep as that of an HTTP client.
#[derive(Debug)]
struct Deep(&'static str, Option<Box<Self>>);

impl fmt::Display for Deep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl StdError for Deep {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.1.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[async_trait::async_trait]
impl HttpClient for Fake {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let of = |status: u16, headers, body: String| Ok(AsyncRawResponse::from_bytes(status.into(), headers, body));
        let connection = azure_core::error::ErrorKind::Connection;
        match (self.script)(number, request) {
            Reply::Status(status, body) => of(status, Headers::new(), body),
            Reply::WithWait(status, retry_after, body) => {
                let mut headers = Headers::new();
                headers.insert("retry-after", retry_after);
                of(status, headers, body)
            }
            Reply::After(pause, status, body) => {
                tokio::time::sleep(pause).await;
                of(status, Headers::new(), body)
            }
            Reply::Refused => {
                let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
                Err(azure_core::Error::with_error(connection, refused, "failed to execute the request"))
            }
            Reply::Broken(reason) => {
                let deep = Deep("client error (Connect)", Some(Box::new(Deep(reason, None))));
                Err(azure_core::Error::with_error(connection, deep, "failed to execute the request"))
            }
            Reply::Hangs => std::future::pending().await,
        }
    }
}

/// A token of Entra ID, named for the request it answers.
fn entra_token(number: usize) -> String {
    format!(r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"entra-{number}"}}"#)
}

/// A token of the metadata service or App Service.
fn local_token(number: usize) -> String {
    let ends = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 3600;
    format!(r#"{{"access_token":"local-{number}","expires_on":"{ends}","resource":"r","token_type":"Bearer"}}"#)
}

const PROBED: &str = r#"{"error":"invalid_request","error_description":"Required metadata header not specified"}"#;

/// A metadata service that answers the probe and a request for a token differently.
fn metadata_service(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Fake {
    let tokens = AtomicU32::new(0);
    Fake::new(move |_, request| match request.headers().get_optional_str(&"metadata".into()) {
        None => Reply::Status(400, PROBED.to_owned()),
        Some(_) => script(tokens.fetch_add(1, Ordering::SeqCst) as usize),
    })
}

const SECRET: [(&str, &str); 3] =
    [("AZURE_TENANT_ID", " my-tenant "), ("AZURE_CLIENT_ID", "my-app\n"), ("AZURE_CLIENT_SECRET", "canary-secret")];

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn find(pairs: Pairs<'_>, name: &str) -> Option<String> {
    pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

fn chain(pairs: Pairs<'_>, cloud: Cloud, entra: &Fake, local: &Fake) -> Chain {
    let environment = Environment::read(&|name| find(pairs, name).map(Into::into));
    let kinds = choose(environment.get("AZURE_TOKEN_CREDENTIALS")).unwrap();
    Chain::new(&kinds, SignIn { environment, cloud, entra: Arc::new(entra.clone()), local: Arc::new(local.clone()) })
}

fn source(pairs: Pairs<'_>, entra: &Fake, local: &Fake) -> TokenSource {
    chain(pairs, Cloud::Public, entra, local).into_source()
}

/// Tokens of the default chain in this environment.
fn cache(pairs: Pairs<'_>, entra: &Fake, local: &Fake) -> TokenCache {
    TokenCache::new(source(pairs, entra, local), SCOPE.to_owned())
}

async fn token(cache: &TokenCache) -> String {
    match cache.get(SystemTime::now()).await {
        Ok(token) => token.header().to_str().unwrap().trim_start_matches("Bearer ").to_owned(),
        Err(error) => panic!("{error}"),
    }
}

async fn error(cache: &TokenCache) -> String {
    let error = cache.get(SystemTime::now()).await.expect_err("a token");
    assert_eq!(error.kind(), ErrorKind::Credential);
    let text = format!("{error}");
    for secret in ["canary", "entra-", "local-"] {
        assert!(!format!("{text} {error:?}").contains(secret), "{text}");
    }
    assert_eq!(text.lines().count(), 1, "{text}");
    let text = text.strip_prefix(&format!("the credential gave no token for scope '{SCOPE}': "));
    text.expect("the scope first").to_owned()
}

/// One credential, and how to set it up: the environment, and which of the two servers gives its tokens.
struct Real {
    name: &'static str,
    pairs: Vec<(&'static str, String)>,
    is_local: bool,
    /// Who answers, as the texts have it.
    who: &'static str,
}

impl Real {
    fn all(folder: &std::path::Path) -> Vec<Self> {
        let file = folder.join("token");
        std::fs::write(&file, "pod-assertion").unwrap();
        let secret = SECRET.map(|(name, value)| (name, value.to_owned())).to_vec();
        let workload = vec![
            ("AZURE_TENANT_ID", "my-tenant".to_owned()),
            ("AZURE_CLIENT_ID", "my-app".to_owned()),
            ("AZURE_FEDERATED_TOKEN_FILE", format!(" {} ", file.display())),
        ];
        let machine = vec![("AZURE_CLIENT_ID", "my-app".to_owned())];
        vec![
            Self { name: "EnvironmentCredential", pairs: secret, is_local: false, who: "Entra" },
            Self { name: "WorkloadIdentityCredential", pairs: workload, is_local: false, who: "Entra" },
            Self { name: "ManagedIdentityCredential", pairs: machine, is_local: true, who: "the metadata service" },
        ]
    }

    /// Its tokens when the server answers so, and the server.
    fn serving(&self, script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (TokenCache, Fake) {
        let server = if self.is_local { metadata_service(script) } else { Fake::new(move |number, _| script(number)) };
        let (entra, local) =
            if self.is_local { (Fake::nobody(), server.clone()) } else { (server.clone(), Fake::nobody()) };
        let pairs: Vec<(&str, &str)> = self.pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        (cache(&pairs, &entra, &local), server)
    }

    fn token(&self, number: usize) -> String {
        if self.is_local { local_token(number) } else { entra_token(number) }
    }

    fn name_of(&self, number: usize) -> String {
        if self.is_local { format!("local-{number}") } else { format!("entra-{number}") }
    }
}

/// A folder of this test, removed with everything in it at the end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("signing-in-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the test of that name again, alone in a process with these variables, since those of this process are shared by
/// all tests. True in that process, where the test goes on.
fn runs_with(module: &str, name: &str, variables: &[(&str, &str)]) -> bool {
    const MARK: &str = "SIGNING_IN_CHILD";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let name = format!("{}::{name}", module.split_once("::").unwrap().1);
    let mut command = std::process::Command::new(program);
    command.args(["--exact", &name, "--nocapture", "--test-threads", "1"]).env(MARK, "1");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
}

/// Sends a call that is signed in so, and gives the header it was sent with.
async fn call_with(source: TokenSource) -> Result<String> {
    let seen = RawServer::start([answer(200, "", "{}")]).await;
    let transport = Transport::new(Config::new(Backend::new(&seen.url, Credential(Kind::Tokens(source)))))?;
    let options = CallOptions::new();
    let call = Call::post(CHAT_COMPLETIONS, "gpt", &options);
    transport.answer(call, |_| Ok(Bytes::from_static(b"{}")), Ok).await?;
    Ok(seen.header("authorization").remove(0))
}

#[tokio::test]
async fn each_credential_signs_a_call_in() {
    let folder = Folder::new();
    for real in Real::all(&folder.0) {
        let (is_local, good) = (real.is_local, real.token(7));
        let server = if is_local {
            metadata_service(move |_| Reply::Status(200, good.clone()))
        } else {
            Fake::new(move |_, _| Reply::Status(200, good.clone()))
        };
        let pairs: Vec<(&str, &str)> = real.pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (entra, local) = if is_local { (Fake::nobody(), server) } else { (server, Fake::nobody()) };
        let sent = call_with(source(&pairs, &entra, &local)).await.unwrap();
        assert_eq!(sent, format!("Bearer {}", real.name_of(7)), "{}", real.name);
    }
}

#[tokio::test]
async fn what_each_credential_sends_is_what_the_environment_has_without_its_spaces() {
    let folder = Folder::new();
    for real in Real::all(&folder.0) {
        let good = real.token(0);
        let (tokens, server) = real.serving(move |_| Reply::Status(200, good.clone()));
        token(&tokens).await;
        if real.is_local {
            assert_eq!((server.count(), server.header(0, "metadata")), (2, None), "a probe and a request");
            assert_eq!(server.header(1, "metadata").as_deref(), Some("true"));
            let url = server.url(1);
            assert!(url.starts_with("http://169.254.169.254/metadata/identity/oauth2/token?"), "{url}");
            assert!(url.contains("resource=https%3A%2F%2Fai.azure.com") && url.ends_with("client_id=my-app"), "{url}");
            continue;
        }
        assert_eq!(server.url(0), "https://login.microsoftonline.com/my-tenant/oauth2/v2.0/token");
        let body = server.body(0);
        let mark = match real.name {
            "EnvironmentCredential" => "client_secret=canary-secret",
            _ => "client_assertion=pod-assertion",
        };
        for part in [mark, "client_id=my-app", "scope=https%3A%2F%2Fai.azure.com%2F.default"] {
            assert!(body.split('&').any(|pair| pair == part), "{part}: {body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_credential_that_is_refused_ends_the_chain_at_once() {
    const REFUSED: &str = r#"{"error":"invalid_client","error_codes":[7000222],"error_description":"AADSTS7000222: The provided client secret keys for app 'my-app' are expired.\r\nTrace ID: 0a1b Correlation ID: 2c3d Timestamp: 2026-01-02"}"#;
    const UNKNOWN: &str = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
    let folder = Folder::new();
    for real in Real::all(&folder.0) {
        let (status, body) = if real.is_local { (400, UNKNOWN) } else { (401, REFUSED) };
        let (tokens, server) = real.serving(move |_| Reply::Status(status, body.to_owned()));
        let text = error(&tokens).await;
        let expected = if real.is_local {
            "ManagedIdentityCredential: the metadata service answered 400: Identity not found; assign the identity of \
             AZURE_CLIENT_ID to this machine or app"
                .to_owned()
        } else {
            format!(
                "{}: Entra answered 401: AADSTS7000222: The provided client secret keys for app 'my-app' are expired \
                 (trace id 0a1b); the secret has expired: create another and set AZURE_CLIENT_SECRET",
                real.name
            )
        };
        let end = "; no other credential is used in its place, unless AZURE_TOKEN_CREDENTIALS names one";
        assert_eq!(text, format!("{expected}{end}"));
        assert_eq!(server.count(), 1 + usize::from(real.is_local), "{}: nothing is tried twice", real.name);
    }
}

#[tokio::test(start_paused = true)]
async fn each_credential_that_is_down_is_tried_three_times_and_recovers() {
    let folder = Folder::new();
    for real in Real::all(&folder.0) {
        let good = real.token(9);
        let (tokens, server) = real.serving(move |number| {
            if number < 4 { Reply::Status(503, "<html>".to_owned()) } else { Reply::Status(200, good.clone()) }
        });
        let started = Instant::now();
        let text = error(&tokens).await;
        let head =
            format!("{}: {} answered 503; the settings are not the reason; try again later", real.name, real.who);
        assert!(text.starts_with(&head), "{text}");
        assert_eq!(server.count(), 3 + usize::from(real.is_local), "{}", real.name);
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
        // the next call is answered 503 once, and then with a token
        assert_eq!(token(&tokens).await, real.name_of(9));
    }
}

#[tokio::test(start_paused = true)]
async fn each_credential_that_is_slow_is_waited_for_and_one_that_is_silent_is_not() {
    let folder = Folder::new();
    for real in Real::all(&folder.0) {
        let good = real.token(1);
        let (tokens, _) = real.serving(move |_| Reply::After(Duration::from_secs(10), 200, good.clone()));
        assert_eq!(token(&tokens).await, real.name_of(1));

        let good = real.token(2);
        let (tokens, _) =
            real.serving(move |number| if number == 0 { Reply::Hangs } else { Reply::Status(200, good.clone()) });
        let started = Instant::now();
        let text = error(&tokens).await;
        assert!(text.contains(real.who) && text.contains("gave no answer within 15 s; check"), "{text}");
        assert_eq!(started.elapsed().as_secs(), 15);
        assert_eq!(token(&tokens).await, real.name_of(2));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_keeps_its_cause() {
    let folder = Folder::new();
    let network = "; check AZURE_AUTHORITY_HOST, the network and its proxy;";
    let root = "; trust the certificate's root on this machine, or name it with SSL_CERT_FILE;";
    for (reason, said, step) in [
        ("", "connection refused", network),
        ("dns error: failed to lookup address information: Name or service not known", "host not found", network),
        ("invalid peer certificate: UnknownIssuer", "its certificate comes from an unknown root", root),
        ("invalid peer certificate: Expired", "its certificate has expired", root),
        ("tunnel error: unsuccessful", "tunnel error: unsuccessful", network),
    ] {
        for real in Real::all(&folder.0).into_iter().filter(|real| !real.is_local) {
            let script = move |_| if reason.is_empty() { Reply::Refused } else { Reply::Broken(reason) };
            let (tokens, server) = real.serving(script);
            let text = error(&tokens).await;
            let head = format!("{}: no connection to Entra at 'login.microsoftonline.com': {said}{step}", real.name);
            assert!(text.starts_with(&head), "{text}");
            assert_eq!(server.count(), 3);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_entra_asks_for_is_kept_when_it_is_short() {
    let script = |number: usize, _: &Request| match number {
        0 => Reply::WithWait(429, "5".to_owned(), String::new()),
        _ => Reply::Status(200, entra_token(number)),
    };
    let entra = Fake::new(script);
    let started = Instant::now();
    assert_eq!(token(&cache(&SECRET, &entra, &Fake::nobody())).await, "entra-1");
    assert_eq!(started.elapsed().as_secs(), 5);

    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(60));
    for wait in ["60".to_owned(), date] {
        let entra = Fake::new(move |_, _| Reply::WithWait(429, wait.clone(), String::new()));
        let started = Instant::now();
        let text = error(&cache(&SECRET, &entra, &Fake::nobody())).await;
        assert!(text.contains("Entra answered 429"), "{text}");
        assert_eq!((started.elapsed(), entra.count()), (Duration::ZERO, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_at_the_start_pins_nobody_else() {
    let entra =
        Fake::new(|number, _| if number < 3 { Reply::Refused } else { Reply::Status(200, entra_token(number)) });
    let local = metadata_service(|_| Reply::Status(200, local_token(0)));
    let tokens = cache(&SECRET, &entra, &local);
    assert!(error(&tokens).await.starts_with("EnvironmentCredential"));
    assert_eq!(token(&tokens).await, "entra-3");
    assert_eq!(local.count(), 0, "the identity of the machine was asked for");
}

#[tokio::test]
async fn a_token_file_that_comes_later_is_found_then() {
    let folder = Folder::new();
    let file = folder.0.join("not-yet");
    let path = file.display().to_string();
    let pairs = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_FEDERATED_TOKEN_FILE", path.as_str())];
    let entra = Fake::new(|number, _| Reply::Status(200, entra_token(number)));
    let local = metadata_service(|_| Reply::Status(200, local_token(0)));
    let tokens = cache(&pairs, &entra, &local);
    let text = error(&tokens).await;
    assert!(text.starts_with("WorkloadIdentityCredential: AZURE_FEDERATED_TOKEN_FILE cannot be used: "), "{text}");
    assert!(text.contains("No such file"), "{text}");
    std::fs::write(&file, "assertion").unwrap();
    assert_eq!(token(&tokens).await, "entra-0");
    assert_eq!(local.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn only_the_metadata_service_is_believed() {
    let alien = |status: u16, body: &'static str| Fake::new(move |_, _| Reply::Status(status, body.to_owned()));
    let stranger = "what answers at 169.254.169.254 is not the metadata service of Azure";
    let nobody = "no metadata service answers here, as it does on machines of Azure";
    for (local, reason) in [
        (alien(404, "<html>not found</html>"), format!("{stranger} (status 404)")),
        (alien(403, "Missing Metadata-Flavor:Google header."), format!("{stranger} (status 403)")),
        (alien(200, "welcome to this network"), format!("{stranger} (status 200)")),
        (alien(302, ""), format!("{stranger} (status 302)")),
        (alien(401, r#"{"message":"unauthorized"}"#), format!("{stranger} (status 401)")),
        (Fake::nobody(), nobody.to_owned()),
        (Fake::new(|_, _| Reply::Hangs), nobody.to_owned()),
    ] {
        let started = Instant::now();
        let tokens = cache(&[("AZURE_TOKEN_CREDENTIALS", "prod")], &Fake::nobody(), &local);
        let text = error(&tokens).await;
        assert!(text.contains(&format!("| ManagedIdentityCredential: {reason} |")), "{text}");
        assert_eq!(local.count(), 1, "a request for a token went to a stranger");
        assert!(started.elapsed() <= Duration::from_secs(1), "{:?}", started.elapsed());
    }
    let local = metadata_service(|_| Reply::Status(200, local_token(0)));
    assert_eq!(token(&cache(&[], &Fake::nobody(), &local)).await, "local-0");
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_alone_is_asked_without_a_probe() {
    let local = metadata_service(|number| match number {
        0 => Reply::After(Duration::from_secs(3), 200, local_token(0)),
        _ => Reply::Refused,
    });
    let alone = [("AZURE_TOKEN_CREDENTIALS", " managedidentitycredential ")];
    assert_eq!(token(&cache(&alone, &Fake::nobody(), &local)).await, "local-0");
    assert_eq!(local.count(), 1);
    let text = error(&cache(&alone, &Fake::nobody(), &local)).await;
    assert_eq!(
        text,
        "ManagedIdentityCredential: no connection to the metadata service at '169.254.169.254': connection refused; \
         check the network of this machine"
    );
}

#[tokio::test]
async fn a_fresh_token_comes_from_a_credential_built_anew() {
    let folder = Folder::new();
    for real in Real::all(&folder.0) {
        let name = real.name;
        let is_local = real.is_local;
        let give = move |number| Reply::Status(200, if is_local { local_token(number) } else { entra_token(number) });
        let server = if is_local { metadata_service(give) } else { Fake::new(move |number, _| give(number)) };
        let (entra, local) = if is_local { (Fake::nobody(), server) } else { (server, Fake::nobody()) };
        let pairs: Vec<(&str, &str)> = real.pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let chain = chain(&pairs, Cloud::Public, &entra, &local);
        let mut got = Vec::new();
        for bypass_cache in [false, false, true, false, true] {
            let request = TokenRequest { scope: SCOPE.to_owned(), bypass_cache };
            got.push(chain.token(request).await.unwrap().value().to_owned());
        }
        let expected = [0, 0, 1, 1, 2].map(|number| real.name_of(number));
        assert_eq!(got, expected, "{name}");
    }
}

#[tokio::test]
async fn the_authority_is_that_of_the_cloud_unless_the_environment_names_one() {
    for (cloud, named, host) in [
        (Cloud::Public, None, "login.microsoftonline.com"),
        (Cloud::Other, None, "login.microsoftonline.com"),
        (Cloud::UsGovernment, None, "login.microsoftonline.us"),
        (Cloud::China, None, "login.chinacloudapi.cn"),
        (Cloud::UsGovernment, Some(" https://login.contoso.net/ "), "login.contoso.net"),
        (Cloud::Public, Some("login.microsoftonline.us"), "login.microsoftonline.us"),
    ] {
        let entra = Fake::new(|number, _| Reply::Status(200, entra_token(number)));
        let mut pairs = SECRET.to_vec();
        pairs.extend(named.map(|named| ("AZURE_AUTHORITY_HOST", named)));
        let source = chain(&pairs, cloud, &entra, &Fake::nobody()).into_source();
        token(&TokenCache::new(source, SCOPE.to_owned())).await;
        assert_eq!(entra.url(0), format!("https://{host}/my-tenant/oauth2/v2.0/token"), "{cloud:?} {named:?}");
    }
}

#[tokio::test]
async fn a_variable_that_cannot_be_right_is_named_and_not_passed_over() {
    let with = |name: &'static str, value: &'static str| {
        let mut pairs = SECRET.to_vec();
        pairs.retain(|(known, _)| *known != name);
        pairs.push((name, value));
        pairs
    };
    let certificate = [("AZURE_CLIENT_CERTIFICATE_PATH", "/canary.pem"), SECRET[0], SECRET[1]];
    for (pairs, reason) in [
        (with("AZURE_TENANT_ID", "my tenant"), "AZURE_TENANT_ID is not a tenant's id or domain name"),
        (with("AZURE_TENANT_ID", "\"my-tenant\""), "AZURE_TENANT_ID has quotes around its value: remove them"),
        (with("AZURE_CLIENT_SECRET", "'canary'"), "AZURE_CLIENT_SECRET has quotes around its value: remove them"),
        (with("AZURE_AUTHORITY_HOST", "http://canary"), "AZURE_AUTHORITY_HOST is not an https address"),
        (certificate.to_vec(), "AZURE_CLIENT_CERTIFICATE_PATH is set, which is not read: build azure_identity's"),
    ] {
        let local = metadata_service(|_| Reply::Status(200, local_token(0)));
        let text = error(&cache(&pairs, &Fake::nobody(), &local)).await;
        assert!(text.starts_with(&format!("EnvironmentCredential: {reason}")), "{text}");
        assert_eq!(local.count(), 0);
    }
}

#[tokio::test]
async fn when_nothing_is_set_up_each_credential_has_its_reason() {
    let pairs = [("AZURE_TENANT_ID", "  "), ("PATH", "/nonexistent")];
    let text = error(&cache(&pairs, &Fake::nobody(), &Fake::nobody())).await;
    assert_eq!(
        text.split(" | ").collect::<Vec<_>>(),
        [
            "none of 5 credentials could sign in",
            "EnvironmentCredential: AZURE_CLIENT_SECRET is not set",
            "WorkloadIdentityCredential: AZURE_FEDERATED_TOKEN_FILE is not set",
            "ManagedIdentityCredential: no metadata service answers here, as it does on machines of Azure",
            "AzureCliCredential: az not found on PATH",
            "AzureDeveloperCliCredential: azd not found on PATH",
            "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, assign a managed identity, or run az login",
        ]
    );
}

#[test]
fn the_setting_narrows_the_chain_in_any_case() {
    let names = |setting| choose(Some(setting)).unwrap().into_iter().map(LinkKind::as_str).collect::<Vec<_>>();
    assert_eq!(choose(None).unwrap(), LinkKind::ALL);
    let production = ["EnvironmentCredential", "WorkloadIdentityCredential", "ManagedIdentityCredential"];
    assert_eq!(names("PROD"), production);
    assert_eq!(names("dev"), ["AzureCliCredential", "AzureDeveloperCliCredential"]);
    assert_eq!(names("azureclicredential"), ["AzureCliCredential"]);
}

#[test]
fn an_unknown_setting_lists_the_known() {
    let environment = |name: &str| (name == "AZURE_TOKEN_CREDENTIALS").then(|| " laptop ".into());
    let error = default_credential_from(Environment::read(&environment)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "AZURE_TOKEN_CREDENTIALS is \"laptop\", which is not known; use dev, prod, EnvironmentCredential, \
         WorkloadIdentityCredential, ManagedIdentityCredential, AzureCliCredential, AzureDeveloperCliCredential"
    );
}
