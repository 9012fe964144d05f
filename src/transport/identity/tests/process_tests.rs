//! What depends on the environment of the whole process, since azure_identity and the TLS library read it themselves.

use super::*;

const APP_SERVICE: [(&str, &str); 2] =
    [("IDENTITY_ENDPOINT", "http://127.0.0.1:41000/msi/token"), ("IDENTITY_HEADER", "canary-header")];

/// The environment of the test has what azure_identity finds in that of the process.
fn app_service(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (TokenCache, Fake) {
    let local = Fake::new(move |number, _| script(number));
    let pairs = [APP_SERVICE[0], APP_SERVICE[1], ("AZURE_CLIENT_ID", "my-app")];
    (cache(&pairs, &Fake::nobody(), &local), local)
}

#[tokio::test]
async fn a_managed_identity_on_app_service_signs_a_call_in() {
    if !runs_with(module_path!(), "a_managed_identity_on_app_service_signs_a_call_in", &APP_SERVICE) {
        return;
    }
    let local = Fake::new(|number, _| Reply::Status(200, local_token(number)));
    let pairs = [APP_SERVICE[0], APP_SERVICE[1], ("AZURE_CLIENT_ID", "my-app")];
    assert_eq!(call_with(source(&pairs, &Fake::nobody(), &local)).await.unwrap(), "Bearer local-0");
    assert_eq!(local.count(), 1, "there is nothing to probe for");
    assert_eq!(local.header(0, "x-identity-header").as_deref(), Some("canary-header"));
    let url = local.url(0);
    assert!(url.starts_with("http://127.0.0.1:41000/msi/token?api-version=2019-08-01&resource="), "{url}");
    assert!(url.ends_with("client_id=my-app"), "{url}");
}

#[tokio::test(start_paused = true)]
async fn a_managed_identity_on_app_service_is_refused_slow_down_and_recovers() {
    if !runs_with(module_path!(), "a_managed_identity_on_app_service_is_refused_slow_down_and_recovers", &APP_SERVICE) {
        return;
    }
    let (tokens, local) = app_service(|number| match number {
        0 => Reply::Status(400, r#"{"statusCode":400,"message":"No User Assigned Identity found"}"#.to_owned()),
        1..=3 => Reply::Status(503, String::new()),
        4 => Reply::Hangs,
        number => Reply::After(Duration::from_secs(10), 200, local_token(number)),
    });
    let text = error(&tokens).await;
    let head = "ManagedIdentityCredential: App Service answered 400: No User Assigned Identity found; assign the \
                identity of AZURE_CLIENT_ID to this machine or app; no other";
    assert!(text.starts_with(head), "{text}");
    assert_eq!(local.count(), 1);
    let text = error(&tokens).await;
    assert!(text.starts_with("ManagedIdentityCredential: App Service answered 503; the settings"), "{text}");
    assert_eq!(local.count(), 4);
    let text = error(&tokens).await;
    assert!(text.contains("App Service at '127.0.0.1' gave no answer within 15 s"), "{text}");
    assert_eq!(token(&tokens).await, "local-5");
}

#[test]
fn without_any_root_certificate_the_client_is_not_built_and_nothing_panics() {
    let none = [("SSL_CERT_FILE", "/nonexistent/roots.pem"), ("SSL_CERT_DIR", "/nonexistent")];
    if !runs_with(module_path!(), "without_any_root_certificate_the_client_is_not_built_and_nothing_panics", &none) {
        return;
    }
    let credential = default_credential_from(Environment::read(&|_| None)).unwrap();
    for endpoint in ["https://r.openai.azure.com", "http://127.0.0.1:9"] {
        let error = Transport::new(Config::new(Backend::new(endpoint, credential.clone()))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
    let key = crate::transport::ApiKey::new("k");
    let error = Transport::new(Config::new(Backend::new("https://r.openai.azure.com", key))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

/// Answers every connection with a token, on a port of this machine.
fn identity_endpoint() -> u16 {
    use std::io::{Read, Write};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]).unwrap();
            let body = local_token(0);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            connection.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    port
}

#[tokio::test]
async fn on_the_clients_own_http_client_only_entra_goes_through_a_proxy() {
    let endpoint = format!("http://127.0.0.1:{}/msi/token", identity_endpoint());
    // nobody listens at the proxy's port
    let proxy = "http://127.0.0.1:9";
    let variables = [
        ("IDENTITY_ENDPOINT", endpoint.as_str()),
        APP_SERVICE[1],
        ("HTTP_PROXY", proxy),
        ("http_proxy", proxy),
        ("HTTPS_PROXY", proxy),
        ("https_proxy", proxy),
        ("NO_PROXY", ""),
        ("no_proxy", ""),
    ];
    let name = "on_the_clients_own_http_client_only_entra_goes_through_a_proxy";
    if !runs_with(module_path!(), name, &variables) {
        return;
    }
    let http = HttpClients::new(HttpSettings::default(), &[], true).unwrap();
    let read = |name: &str| std::env::var_os(name).filter(|_| name.starts_with("IDENTITY_"));
    let cache = |variable: &dyn Fn(&str) -> Option<std::ffi::OsString>| {
        let Kind::Default(source) = default_credential_from(Environment::read(variable)).unwrap().0 else {
            panic!("another credential")
        };
        TokenCache::new(source(Cloud::Public, &http), SCOPE.to_owned())
    };
    let tokens = cache(&read);
    assert_eq!(token(&tokens).await, "local-0");

    let tokens = cache(&|name| find(&SECRET, name).map(Into::into));
    let text = error(&tokens).await;
    let head =
        "EnvironmentCredential: no connection to Entra at 'login.microsoftonline.com': connection refused; check";
    assert!(text.starts_with(head), "{text}");
}
