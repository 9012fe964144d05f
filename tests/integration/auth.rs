//! Who calls: keys and tokens as the server sees them, and what happens when there are none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_openai_chat::transport::Token;
use azure_openai_chat::{ApiKey, ApiVersion, ChatClient, Credential, ErrorKind, RetryCause, RetryPolicy};
use serde_json::json;
use tokio::sync::Semaphore;
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::events::Events;
use crate::support::{
    InTurn, chain, completion, ok_json, question, quick, sent_headers, serving, settle, shown, until, untouched,
};

/// Numbers its tokens and remembers the scopes it was asked for.
#[derive(Debug)]
struct Numbered {
    scopes: Mutex<Vec<String>>,
    life: Duration,
    /// How many tokens may be given; whoever asks for more waits.
    open: Semaphore,
}

impl Numbered {
    fn living(life: Duration, tokens: usize) -> Arc<Self> {
        Arc::new(Self { scopes: Mutex::default(), life, open: Semaphore::new(tokens) })
    }

    fn new() -> Arc<Self> {
        Self::living(Duration::from_secs(3600), 100)
    }

    fn scopes(&self) -> Vec<String> {
        self.scopes.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl TokenCredential for Numbered {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let number = {
            let mut seen = self.scopes.lock().unwrap();
            seen.push(scopes.join(" "));
            seen.len()
        };
        self.open.acquire().await.unwrap().forget();
        // fifty calls come meanwhile
        tokio::task::yield_now().await;
        let ends = SystemTime::now() + self.life;
        Ok(AccessToken::new(format!("t{number}"), ends.into()))
    }
}

/// Has no token for anybody.
#[derive(Debug)]
struct Locked;

#[async_trait::async_trait]
impl TokenCredential for Locked {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let kind = azure_core::error::ErrorKind::Credential;
        Err(azure_core::Error::with_message(kind, "nobody is signed in"))
    }
}

#[tokio::test]
async fn a_token_of_any_credential_goes_out_as_bearer() {
    let of_its_type = Credential::from(Numbered::new());
    let as_a_trait_object = Credential::from(Numbered::new() as Arc<dyn TokenCredential>);
    let closure = Credential::from_fn(|_| async {
        Ok::<_, std::io::Error>(Token::new("t1", SystemTime::now() + Duration::from_secs(3600)))
    });
    for credential in [of_its_type, as_a_trait_object, closure, Credential::fixed_token("t1")] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(header("authorization", "Bearer t1"))
            .respond_with(ok_json(&completion("hello")))
            .expect(2)
            .named("calls with the token")
            .mount(&server)
            .await;
        let client = ChatClient::new(server.uri(), credential).unwrap();
        client.complete(&question()).await.unwrap();
        client.complete(&question()).await.unwrap();
        assert_eq!(sent_headers(&server, "api-key").await, ["", ""]);
    }
}

#[tokio::test]
async fn the_scope_is_that_of_the_route_unless_the_client_names_another() {
    for (version, named, scope) in [
        (ApiVersion::V1, None, "https://ai.azure.com/.default"),
        (ApiVersion::V1_PREVIEW, None, "https://ai.azure.com/.default"),
        (ApiVersion::V2024_10_21, None, "https://cognitiveservices.azure.com/.default"),
        (
            ApiVersion::V1,
            Some("https://cognitiveservices.azure.com/.default"),
            "https://cognitiveservices.azure.com/.default",
        ),
        (ApiVersion::V2024_10_21, Some("api://gateway/.default"), "api://gateway/.default"),
    ] {
        let server = serving("a call with a token", [ok_json(&completion("hello"))]).await;
        let tokens = Numbered::new();
        let mut builder = ChatClient::builder(server.uri(), Arc::clone(&tokens)).api_version(version);
        if let Some(named) = named {
            builder = builder.token_scope(named);
        }
        builder.build().unwrap().complete(&question()).await.unwrap();
        assert_eq!(tokens.scopes(), [scope]);
    }
}

#[tokio::test]
async fn the_scope_is_that_of_the_cloud() {
    for (host, on_v1, on_dated) in [
        ("r.openai.azure.com", "https://ai.azure.com/.default", "https://cognitiveservices.azure.com/.default"),
        ("r.openai.azure.us", "https://ai.azure.us/.default", "https://cognitiveservices.azure.us/.default"),
        ("r.openai.azure.cn", "https://ai.azure.cn/.default", "https://cognitiveservices.azure.cn/.default"),
    ] {
        for (version, scope) in [(ApiVersion::V1, on_v1), (ApiVersion::V2024_10_21, on_dated)] {
            // nothing is sent, because there is no token
            let client = ChatClient::builder(format!("https://{host}"), Arc::new(Locked)).api_version(version);
            let error = client.build().unwrap().complete(&question()).await.unwrap_err();
            assert!(error.to_string().contains(&format!("scope '{scope}'")), "{error}");
        }
    }
}

#[tokio::test]
async fn fifty_calls_at_once_ask_for_one_token() {
    let answers = vec![ok_json(&completion("hello")); 50];
    let server = serving("fifty calls", answers).await;
    let tokens = Numbered::new();
    let client = ChatClient::new(server.uri(), Arc::clone(&tokens)).unwrap();
    let request = question();
    let answers = futures::future::join_all((0..50).map(|_| client.complete(&request))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(tokens.scopes().len(), 1);
    assert!(sent_headers(&server, "authorization").await.iter().all(|sent| sent == "Bearer t1"));
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_while_nobody_waits() {
    let server = serving("three calls", vec![ok_json(&completion("hello")); 3]).await;
    // it lives for two seconds and is renewed after half of them; the second is not given out yet
    let tokens = Numbered::living(Duration::from_secs(2), 1);
    let client = ChatClient::new(server.uri(), Arc::clone(&tokens)).unwrap();
    client.complete(&question()).await.unwrap();
    // on the real clock, as the ends of tokens are
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let request = question();
    let waited = tokio::time::timeout(Duration::from_secs(1), client.complete(&request));
    waited.await.expect("an answer while the renewal hangs").unwrap();
    until(|| tokens.scopes().len() == 2).await;
    tokens.open.add_permits(1);
    settle().await;
    client.complete(&question()).await.unwrap();
    assert_eq!(sent_headers(&server, "authorization").await, ["Bearer t1", "Bearer t1", "Bearer t2"]);
    assert_eq!(tokens.scopes().len(), 2);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_scope_is_named() {
    let server = untouched("calls without a token").await;
    let client = ChatClient::builder(server.uri(), Arc::new(Locked)).retry(quick()).build().unwrap();
    let unary = client.complete(&question()).await.unwrap_err();
    let streamed = client.stream(&question()).await.unwrap_err();
    for error in [unary, streamed] {
        assert_eq!((error.kind(), error.status()), (ErrorKind::Credential, None));
        assert!(!error.is_retryable());
        let text = error.to_string();
        assert!(text.contains("scope 'https://ai.azure.com/.default'"), "{text}");
        assert!(text.contains("nobody is signed in"), "{text}");
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_a_credential_error_that_hides_it() {
    let server = untouched("calls with a broken token").await;
    let client = ChatClient::new(server.uri(), Credential::fixed_token("canary\ntoken")).unwrap();
    let error = client.complete(&question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credential);
    assert!(!shown(&error).contains("canary"), "{error:?}");
}

fn refused() -> ResponseTemplate {
    let body = serde_json::json!({"error": {"code": "Unauthorized", "message": "Access token is missing, invalid, audience is incorrect, or have expired."}});
    ResponseTemplate::new(401).set_body_json(body)
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let server = serving("refused, then let in", [refused(), ok_json(&completion("hello"))]).await;
    let tokens = Numbered::new();
    let events = Events::default();
    // a replaced token is no retry of the policy
    let client = ChatClient::builder(server.uri(), Arc::clone(&tokens))
        .retry(RetryPolicy::none())
        .observer(events.clone())
        .build()
        .unwrap();
    let completion = client.complete(&question()).await.unwrap();
    assert_eq!(completion.metadata().attempts(), 2);
    assert_eq!(sent_headers(&server, "authorization").await, ["Bearer t1", "Bearer t2"]);
    let retries: Vec<_> = events.retries().iter().map(|retry| (retry.cause(), retry.wait())).collect();
    assert_eq!(retries, [(RetryCause::TokenRefused, Duration::ZERO)]);
    let ids = sent_headers(&server, "x-ms-client-request-id").await;
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_token_refused_twice_is_an_error_that_names_the_scope() {
    for streaming in [false, true] {
        let server = serving("refused twice", [refused(), refused()]).await;
        let client = ChatClient::new(server.uri(), Numbered::new()).unwrap();
        let error = if streaming {
            client.stream(&question()).await.unwrap_err()
        } else {
            client.complete(&question()).await.unwrap_err()
        };
        assert_eq!((error.kind(), error.status(), error.attempts()), (ErrorKind::Unauthorized, Some(401), 2));
        assert_eq!(
            error.to_string(),
            "deployment 'gpt' answered 401 (Unauthorized): Access token is missing, invalid, audience is incorrect, or \
             have expired; the token is missing, expired or for another audience; the token was requested for scope \
             'https://ai.azure.com/.default'; another is set with .token_scope(..) on the client builder; 2 attempts"
        );
    }
}

#[tokio::test]
async fn a_refused_token_does_not_cost_the_others_theirs() {
    // the first answer refuses the token that both calls went out with
    let tokens = Numbered::new();
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer t1"))
        .respond_with(InTurn::new([refused().set_delay(Duration::from_millis(50))]))
        .expect(2)
        .named("two calls with the old token")
        .mount(&server)
        .await;
    Mock::given(header("authorization", "Bearer t2"))
        .respond_with(ok_json(&completion("hello")))
        .expect(2)
        .named("two calls with the new one")
        .mount(&server)
        .await;
    let client = ChatClient::new(server.uri(), Arc::clone(&tokens)).unwrap();
    let request = question();
    let (one, other) = tokio::join!(client.complete(&request), client.complete(&request));
    one.unwrap();
    other.unwrap();
    assert_eq!(tokens.scopes().len(), 2);
}

#[tokio::test]
async fn a_key_goes_out_in_the_header_it_was_given_for() {
    for (key, name, value) in [
        (ApiKey::new("k-1"), "api-key", "k-1"),
        (ApiKey::new("k-1").with_header("Ocp-Apim-Subscription-Key"), "ocp-apim-subscription-key", "k-1"),
        (ApiKey::new("k-1").with_bearer(), "authorization", "Bearer k-1"),
    ] {
        let server = serving("a call with a key", [ok_json(&completion("hello"))]).await;
        ChatClient::new(server.uri(), key).unwrap().complete(&question()).await.unwrap();
        for header in ["api-key", "ocp-apim-subscription-key", "authorization"] {
            let expected = if header == name { value } else { "" };
            assert_eq!(sent_headers(&server, header).await, [expected], "{header}");
        }
    }
}

#[tokio::test]
async fn a_wrong_key_is_not_tried_again() {
    let server = serving("a wrong key", [refused()]).await;
    let client = ChatClient::builder(server.uri(), ApiKey::new("canary-key")).retry(quick()).build().unwrap();
    let error = client.complete(&question()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unauthorized, 1));
    assert!(!shown(&error).contains("canary"), "{error:?}");
    assert!(!format!("{client:?}").contains("canary"), "{client:?}");
}

#[test]
fn a_key_that_no_header_can_carry_is_told_when_the_client_is_built_and_not_shown() {
    for (key, words) in [
        ("", "the API key is empty"),
        ("canary\n", "line break"),
        ("canary\r\nx: y", "line break"),
        (" canary", "space"),
        ("canary\t", "space"),
        ("can\0ary", "cannot carry"),
        ("canäry", "cannot carry"),
    ] {
        for key in [ApiKey::new(key), ApiKey::new(key).with_header("x-key"), ApiKey::new(key).with_bearer()] {
            let error = ChatClient::new("https://r.openai.azure.com", key).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(words), "{error}");
            let shown = shown(&error);
            assert!(["canary", "can\0ary", "canäry"].iter().all(|key| !shown.contains(key)), "{shown}");
        }
    }
    let odd = ApiKey::new("canary").with_header("no name");
    let error = ChatClient::new("https://r.openai.azure.com", odd).unwrap_err();
    assert!(error.to_string().contains("\"no name\"") && !shown(&error).contains("canary"), "{error}");
}

#[tokio::test]
async fn a_token_function_is_tried_twice_in_a_call_and_again_by_the_next() {
    let server = serving("a call after signing in", [ok_json(&completion("hello"))]).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let credential = Credential::from_fn(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move {
            let ends = SystemTime::now() + Duration::from_secs(3600);
            if number < 3 { Err("not yet signed in") } else { Ok(Token::new("t", ends)) }
        }
    });
    let client = ChatClient::new(server.uri(), credential).unwrap();
    let error = client.complete(&question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credential);
    assert!(error.to_string().ends_with(": the credential failed"), "{error}");
    assert_eq!(chain(&error), ["not yet signed in"]);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    // one failure, and the second try of the same call has a token
    client.complete(&question()).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_key_of_a_function_is_asked_for_again_when_it_is_refused() {
    let refused = ResponseTemplate::new(401).set_body_json(json!({"error": {"code": "401", "message": "no"}}));
    let server = serving("a rotation", [refused, ok_json(&completion("hello")), ok_json(&completion("hello"))]).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let rotated = Credential::from_fn(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, std::io::Error>(ApiKey::new(format!("key-{number}"))) }
    });
    let client = ChatClient::builder(server.uri(), rotated).retry(quick()).build().unwrap();
    for _ in 0..2 {
        client.complete(&question()).await.unwrap();
    }
    assert_eq!(sent_headers(&server, "api-key").await, ["key-0", "key-1", "key-1"]);
    assert_eq!(sent_headers(&server, "authorization").await, ["", "", ""]);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_key_of_a_function_that_cannot_be_sent_is_an_error_that_hides_it() {
    for (key, why) in [
        (ApiKey::new("canary\n"), "line break"),
        (ApiKey::new("canary "), "a space"),
        (ApiKey::new("canary").with_header("no header"), "not a header name"),
        (ApiKey::new("canary").with_header("host"), "set by the client"),
        (ApiKey::new(""), "is empty"),
    ] {
        let credential = Credential::from_fn(move |_| {
            let key = key.clone();
            async { Ok::<_, std::io::Error>(key) }
        });
        let client = ChatClient::new("http://127.0.0.1:1", credential).unwrap();
        let error = client.complete(&question()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credential);
        assert!(error.to_string().contains(why), "{error}");
        assert!(!shown(&error).contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn a_refused_key_of_a_function_is_called_a_key_in_whatever_header() {
    for key in [ApiKey::new("k"), ApiKey::new("k").with_bearer(), ApiKey::new("k").with_header("x-key")] {
        let refused = ResponseTemplate::new(401).set_body_json(json!({"error": {"code": "401", "message": "no"}}));
        let server = serving("refused, and the same key again is not sent again", [refused]).await;
        let credential = Credential::from_fn(move |_| {
            let key = key.clone();
            async { Ok::<_, std::io::Error>(key) }
        });
        let client = ChatClient::builder(server.uri(), credential).retry(quick()).build().unwrap();
        let error = client.complete(&question()).await.unwrap_err();
        assert!(error.to_string().contains("the key") && !error.to_string().contains("scope"), "{error}");
    }
}
