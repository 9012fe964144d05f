//! Tokens over the wire: what a 401 does, and what a credential that fails does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use azure_openai_chat::Backend;
use azure_openai_chat::transport::Token;
use azure_openai_chat::{CallOptions, ChatClient, ClientBuilder, Credential, ErrorKind, RetryPolicy};

use crate::answers::{good_body, good_stream, http};
use crate::raw_server::{RawServer, Script, send};
use crate::table::{call, no_roots, quick, request};
use crate::waiting::{settle, until};

/// Tokens `t1`, `t2` and so on, each good for this long.
fn numbered(life: Duration) -> (Credential, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let credential = Credential::from_fn(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            tokio::task::yield_now().await;
            Ok::<_, std::io::Error>(Token::new(format!("t{number}"), SystemTime::now() + life))
        }
    });
    (credential, asked)
}

const HOUR: Duration = Duration::from_secs(3600);

fn builder(server: &RawServer, credential: Credential) -> ClientBuilder {
    ChatClient::builder(&server.url, credential).configure_http(no_roots).retry(quick())
}

fn refused() -> Script {
    vec![send(http(401, "", r#"{"error":{"code":"Unauthorized","message":"expired"}}"#))]
}

#[tokio::test]
async fn a_401_is_answered_with_a_new_token_once_and_no_more() {
    for streamed in [false, true] {
        let good = if streamed { good_stream() } else { good_body() };
        let server = RawServer::start(vec![refused(), good]).await;
        let (credential, asked) = numbered(HOUR);
        let client = builder(&server, credential).build().unwrap();
        // also for those who do not want retries: nothing was done with the first one
        let ended = call(&client, streamed, &CallOptions::new().retry(RetryPolicy::none())).await;
        assert_eq!((ended.text.as_str(), ended.attempts), ("one two", 2));
        assert_eq!(server.seen.header("authorization"), ["Bearer t1", "Bearer t2"]);
        assert_eq!(asked.load(Ordering::SeqCst), 2);

        let server = RawServer::start(vec![refused()]).await;
        let (credential, asked) = numbered(HOUR);
        let client = builder(&server, credential).build().unwrap();
        let error = call(&client, streamed, &CallOptions::new()).await.result.unwrap_err();
        assert_eq!((error.status(), error.attempts(), server.seen.tries()), (Some(401), 2, 2));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn the_text_of_a_401_names_the_scope_of_the_route() {
    for (version, scope) in
        [("v1", "https://ai.azure.com/.default"), ("2024-10-21", "https://cognitiveservices.azure.com/.default")]
    {
        let server = RawServer::start(vec![refused()]).await;
        let client = builder(&server, numbered(HOUR).0).api_version(version).build().unwrap();
        let text = client.complete(&request()).await.unwrap_err().to_string();
        assert!(text.contains(&format!("scope '{scope}'")) && text.contains("token_scope"), "{text}");
    }
}

#[tokio::test]
async fn many_calls_at_once_ask_for_one_token_and_an_ageing_one_makes_nobody_wait() {
    let server = RawServer::start(vec![good_body()]).await;
    let (credential, asked) = numbered(Duration::from_millis(1500));
    let client = builder(&server, credential).build().unwrap();
    let options = CallOptions::new();
    let ended = futures::future::join_all((0..30).map(|_| call(&client, false, &options))).await;
    assert!(ended.iter().all(|ended| ended.result.is_ok()));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // half of its life is over: the old one is used, and a new one asked for behind the caller's back
    // on the real clock, as the ends of tokens are
    tokio::time::sleep(Duration::from_millis(900)).await;
    call(&client, false, &options).await.result.unwrap();
    assert_eq!(server.seen.header("authorization").last().unwrap(), "Bearer t1");
    until(|| asked.load(Ordering::SeqCst) == 2).await;
    settle().await;
    call(&client, false, &options).await.result.unwrap();
    assert_eq!(server.seen.header("authorization").last().unwrap(), "Bearer t2");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_credential_that_fails_hangs_or_panics_ends_its_call_and_nothing_is_sent() {
    let server = RawServer::start(vec![good_body()]).await;
    let failing = Credential::from_fn(|_| async { Err::<Token, _>("no sign-in") });
    let panicking = Credential::from_fn(|scope: String| async move {
        if !scope.is_empty() {
            std::panic::panic_any(());
        }
        Err::<Token, _>("never")
    });
    for (credential, words) in [(failing, "the credential failed"), (panicking, "panicked")] {
        let client = builder(&server, credential).build().unwrap();
        for streamed in [false, true] {
            let error = call(&client, streamed, &CallOptions::new()).await.result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Credential);
            assert!(error.to_string().contains(words), "{error}");
        }
    }
    let hanging = Credential::from_fn(|_| std::future::pending::<Result<Token, std::io::Error>>());
    let client = builder(&server, hanging).build().unwrap();
    let short = Duration::from_millis(200);
    let started = Instant::now();
    for (streamed, options) in [
        (false, CallOptions::new().answer_timeout(short)),
        (true, CallOptions::new().first_event_timeout(short)),
        (true, CallOptions::new().total_timeout(short)),
    ] {
        let error = call(&client, streamed, &options).await.result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(server.seen.tries(), 0);
}

#[tokio::test]
async fn endless_401s_count_their_token_requests() {
    let server = RawServer::start(vec![refused()]).await;
    let (credential, asked) = numbered(HOUR);
    let client = builder(&server, credential).build().unwrap();
    for number in 0..20 {
        let streamed = number % 2 == 1;
        let error = call(&client, streamed, &CallOptions::new()).await.result.unwrap_err();
        assert_eq!(error.status(), Some(401), "{error}");
        let is_first = number == 0;
        assert_eq!(error.to_string().contains("nothing was sent"), !is_first, "{error}");
        assert_eq!(error.retry_after().is_some(), !is_first);
    }
    let asking = request();
    let together = futures::future::join_all((0..20).map(|_| client.complete(&asking))).await;
    assert!(together.into_iter().all(|ended| ended.unwrap_err().status() == Some(401)));
    assert_eq!((asked.load(Ordering::SeqCst), server.seen.tries()), (2, 2));
}

#[tokio::test]
async fn the_same_token_is_never_sent_twice() {
    let ends = SystemTime::now() + HOUR;
    let given = Credential::fixed_token("fixed");
    let cached = Credential::from_fn(move |_| async move { Ok::<_, std::io::Error>(Token::new("fixed", ends)) });
    for credential in [given, cached] {
        let server = RawServer::start(vec![refused()]).await;
        let client = builder(&server, credential).build().unwrap();
        for text in ["the credential has no other token", "nothing was sent", "nothing was sent"] {
            let error = client.complete(&request()).await.unwrap_err();
            assert_eq!((error.status(), error.attempts()), (Some(401), 1));
            assert!(error.to_string().contains(text), "{error}");
        }
        assert_eq!(server.seen.header("authorization"), ["Bearer fixed"]);
    }
}

#[tokio::test]
async fn a_backend_that_refuses_every_token_does_not_stop_another_with_the_same_credential() {
    let (strict, lenient) = (RawServer::start(vec![refused()]).await, RawServer::start(vec![good_body()]).await);
    let (credential, asked) = numbered(HOUR);
    let client_of = |server: &RawServer| builder(server, credential.clone());
    let refusing = client_of(&strict).backend(Backend::new(&lenient.url, credential.clone()).priority(1));
    let (refusing, serving) = (refusing.build().unwrap(), client_of(&lenient).build().unwrap());
    for _ in 0..5 {
        assert_eq!(refusing.complete(&request()).await.unwrap_err().status(), Some(401));
        serving.complete(&request()).await.unwrap();
    }
    assert_eq!(strict.seen.tries(), 2);
    // two for the one client, one for the other
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}
