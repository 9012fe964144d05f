//! The transport on the wire.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::net::TcpListener;

use super::body::ByteStream;
use super::raw_server::{RawServer, Script, Step, answer, end, piece, send, streaming};
use super::retry::RetryCause;
use super::waiting::until;
use super::*;
use crate::error::{ErrorKind, Result};

#[cfg(test)]
mod stream_tests;

fn quick() -> RetryPolicy {
    RetryPolicy::default().base_backoff(Duration::from_millis(1))
}

fn transport(url: &str) -> Transport {
    with_credential(url, ApiKey::new("the-key"))
}

fn with_credential(url: &str, credential: impl Into<Credential>) -> Transport {
    let mut config = Config::new(Backend::new(url, credential));
    config.defaults = CallOptions::new().retry(quick());
    Transport::new(config).unwrap()
}

fn call(options: &CallOptions) -> Call<'_> {
    Call::post(CHAT_COMPLETIONS, "gpt", options)
}

/// The URL of a server that answers each request with the next script, and it.
async fn answering(scripts: Vec<Script>) -> (String, RawServer) {
    let server = RawServer::start(scripts).await;
    (server.url.clone(), server)
}

async fn post(transport: &Transport, options: &CallOptions) -> Result<Answer> {
    transport.answer(call(options), |_| Ok(Bytes::from_static(b"{}")), Ok).await
}

async fn open(transport: &Transport, options: &CallOptions) -> Result<ByteStream> {
    transport.stream(call(options), Streamed::Events, |_| Ok(Bytes::from_static(b"{}"))).await
}

async fn next(stream: &mut ByteStream) -> Option<Result<Bytes>> {
    std::future::poll_fn(|cx| stream.poll_next(cx)).await
}

fn counted(start: SystemTime) -> (Credential, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let credential = Credential::from_fn(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            tokio::task::yield_now().await;
            Ok::<_, String>(Token::new(format!("t{number}"), start + Duration::from_secs(3600)))
        }
    });
    (credential, asked)
}

#[derive(Default)]
struct Retries(Mutex<Vec<RetryEvent>>);

impl CallObserver for Retries {
    fn on_attempt(&self, _: AttemptParts<'_>) {}

    fn on_retry(&self, failed: AttemptParts<'_>, cause: RetryCause, wait: Duration) {
        let event = AttemptEvent::new(1, failed.deployment.into(), failed.endpoint, failed.client_request_id.into());
        self.0.lock().unwrap().push(RetryEvent::new(event, cause, wait));
    }
}

#[tokio::test]
async fn an_answer_carries_its_bytes_and_what_the_headers_said() {
    let (url, seen) = answering(vec![answer(200, "apim-request-id: r1\r\n", "{\"a\":1}")]).await;
    let options = CallOptions::new().header("x-policy-id", "strict").client_request_id("c1");
    let transport = transport(&url);
    let answer = post(&transport, &options).await.unwrap();
    assert_eq!(&answer.bytes[..], b"{\"a\":1}");
    assert_eq!(answer.metadata.request_id(), Some("r1"));
    assert_eq!(answer.metadata.client_request_id(), Some("c1"));
    assert_eq!(answer.metadata.endpoint(), Some(url.as_str()));
    let request = &seen.requests()[0];
    assert!(request.starts_with("POST /openai/v1/chat/completions HTTP/1.1"), "{request}");
    assert_eq!(transport.url_for("gpt").unwrap(), format!("{url}/openai/v1/chat/completions"));
    for (name, value) in [
        ("api-key", "the-key"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("x-policy-id", "strict"),
        ("x-ms-client-request-id", "c1"),
        ("accept-encoding", ""),
    ] {
        assert_eq!(seen.header(name), [value], "{name}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_then_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let options = CallOptions::new().client_request_id("c1");
    let error = post(&transport(&format!("http://{address}")), &options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(error.attempts(), 3);
    assert_eq!(error.to_string(), format!("no connection to '{address}'; 3 attempts [client request id c1]"));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_key_stays_here() {
    let (elsewhere, other) = answering(vec![answer(200, "", "{}")]).await;
    let location = format!("location: {elsewhere}/x\r\n");
    let (url, seen) = answering(vec![answer(307, &location, "")]).await;
    let error = post(&transport(&url), &CallOptions::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.status(), error.attempts()), (ErrorKind::Service, Some(307), 1));
    assert_eq!((seen.count(), other.count()), (1, 0));
}

#[tokio::test]
async fn the_servers_milliseconds_are_kept_and_the_ids_stay_the_same() {
    let busy = answer(429, "retry-after-ms: 60\r\nretry-after: 30\r\n", r#"{"error":{"code":"429"}}"#);
    let (url, seen) = answering(vec![busy, answer(200, "", "{}")]).await;
    let before = Instant::now();
    let answer = post(&transport(&url), &CallOptions::new()).await.unwrap();
    assert!(before.elapsed() >= Duration::from_millis(60));
    assert!(before.elapsed() < Duration::from_secs(5));
    assert_eq!(answer.metadata.attempts(), 2);
    let ids = seen.header("x-ms-client-request-id");
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[0].len(), 36);
}

#[tokio::test]
async fn a_wait_of_a_day_comes_back_at_once() {
    let (url, seen) = answering(vec![answer(429, "retry-after: 86400\r\n", "")]).await;
    let transport = transport(&url);
    let before = Instant::now();
    for _ in 0..2 {
        let error = post(&transport, &CallOptions::new()).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 1));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(86400)));
    }
    assert!(before.elapsed() < Duration::from_secs(5));
    assert_eq!(seen.count(), 2);
}

#[tokio::test]
async fn other_calls_keep_the_pause_of_a_429_unless_they_do_not_retry() {
    let busy = answer(429, "retry-after-ms: 300\r\n", "");
    let (url, _server) = answering(vec![busy, answer(200, "", "{}")]).await;
    let transport = transport(&url);
    let none = CallOptions::new().retry(RetryPolicy::none());
    post(&transport, &none).await.unwrap_err();
    let before = Instant::now();
    post(&transport, &CallOptions::new()).await.unwrap();
    assert!(before.elapsed() >= Duration::from_millis(200), "{:?}", before.elapsed());
    let (url, seen) = answering(vec![answer(429, "retry-after: 30\r\n", "")]).await;
    let transport = with_credential(&url, ApiKey::new("k"));
    for _ in 0..2 {
        let error = post(&transport, &none).await.unwrap_err();
        assert_eq!(error.attempts(), 1);
    }
    let hurried = CallOptions::new().answer_timeout(Duration::from_secs(5));
    let error = post(&transport, &hurried).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), seen.count()), (ErrorKind::RateLimited, 0, 2));
    assert!(error.retry_after().unwrap() > Duration::from_secs(20));
    assert!(error.is_retryable());
    assert!(error.to_string().contains("nothing was sent"), "{error}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_asked_for_again() {
    let half = send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\":");
    let (url, seen) = answering(vec![vec![half, Step::Close], answer(200, "", "{}")]).await;
    assert_eq!(post(&transport(&url), &CallOptions::new()).await.unwrap().metadata.attempts(), 2);
    assert_eq!(seen.count(), 2);

    let cut = send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab");
    let (url, _server) = answering(vec![vec![cut, Step::Close]]).await;
    let error = post(&transport(&url), &CallOptions::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Interrupted, 3));
    assert!(error.to_string().contains("broke after 2 bytes"), "{error}");
}

#[tokio::test]
async fn an_answer_without_bound_or_packed_is_refused() {
    let (url, _server) = answering(vec![answer(200, "", &"x".repeat(2000))]).await;
    let mut config = Config::new(Backend::new(&url, ApiKey::new("k")));
    config.max_response_bytes = 1000;
    let error = post(&Transport::new(config).unwrap(), &CallOptions::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decode, 1));
    assert!(error.to_string().contains("1000 bytes"), "{error}");

    let chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n{}\r\n0\r\n\r\n", "x".repeat(2000));
    let (url, _server) = answering(vec![vec![send(chunked)]]).await;
    let mut config = Config::new(Backend::new(&url, ApiKey::new("k")));
    config.max_response_bytes = 1000;
    let error = post(&Transport::new(config).unwrap(), &CallOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);

    let (url, _server) = answering(vec![answer(200, "content-encoding: gzip\r\n", "xx")]).await;
    let error = post(&transport(&url), &CallOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("compressed"), "{error}");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let (url, seen) = answering(vec![answer(401, "", ""), answer(200, "", "{}")]).await;
    let (credential, asked) = counted(SystemTime::now());
    let transport = with_credential(&url, credential);
    let options = CallOptions::new().retry(RetryPolicy::none());
    assert_eq!(post(&transport, &options).await.unwrap().metadata.attempts(), 2);
    assert_eq!(seen.header("authorization"), ["Bearer t1", "Bearer t2"]);
    assert_eq!(asked.load(Ordering::SeqCst), 2);

    let (url, seen) = answering(vec![answer(401, "", "")]).await;
    let (credential, _) = counted(SystemTime::now());
    let error = post(&with_credential(&url, credential), &options).await.unwrap_err();
    assert_eq!((error.status(), error.attempts(), seen.count()), (Some(401), 2, 2));
    assert!(error.to_string().contains("scope 'https://ai.azure.com/.default'"), "{error}");
    assert!(error.to_string().contains("token_scope"), "{error}");

    let (url, seen) = answering(vec![answer(401, "", "")]).await;
    let keyed = with_credential(&url, ApiKey::new("k"));
    let error = post(&keyed, &options).await.unwrap_err();
    assert_eq!((error.attempts(), seen.count()), (1, 1));
}

#[tokio::test]
async fn fifty_parallel_calls_ask_for_one_token() {
    let (url, seen) = answering(vec![answer(200, "", "{}")]).await;
    let (credential, asked) = counted(SystemTime::now());
    let transport = with_credential(&url, credential);
    let options = CallOptions::new();
    let answers = futures::future::join_all((0..50).map(|_| post(&transport, &options))).await;
    assert!(answers.iter().all(|answer| answer.is_ok()));
    assert_eq!((asked.load(Ordering::SeqCst), seen.count()), (1, 50));
}

#[tokio::test]
async fn an_ageing_token_is_replaced_behind_the_callers_back() {
    let (url, seen) = answering(vec![answer(200, "", "{}")]).await;
    // a token that lives for two seconds is renewed after one
    let start = SystemTime::now() - Duration::from_secs(3598);
    let (credential, asked) = counted(start);
    let transport = with_credential(&url, credential);
    post(&transport, &CallOptions::new()).await.unwrap();
    // on the real clock, as the ends of tokens are
    tokio::time::sleep(Duration::from_millis(1100)).await;
    post(&transport, &CallOptions::new()).await.unwrap();
    until(|| asked.load(Ordering::SeqCst) == 2).await;
    assert_eq!(seen.header("authorization"), ["Bearer t1", "Bearer t1"]);
}

#[tokio::test]
async fn each_clock_has_its_own_words() {
    let (url, seen) = answering(vec![vec![Step::Hang]]).await;
    let transport = transport(&url);
    let short = Duration::from_millis(50);
    let unary = post(&transport, &CallOptions::new().answer_timeout(short)).await.unwrap_err();
    assert!(unary.to_string().starts_with("deployment 'gpt': no answer within 0.05 s"), "{unary}");
    let options = || CallOptions::new().client_request_id("c1");
    let deadline = post(&transport, &options().total_timeout(short)).await.unwrap_err();
    assert_eq!(deadline.to_string(), "deployment 'gpt': the total timeout of 0.05 s has passed [client request id c1]");
    let event = open(&transport, &options().first_event_timeout(short)).await.unwrap_err();
    assert_eq!(event.to_string(), "deployment 'gpt': no first event within 0.05 s [client request id c1]");
    for error in [unary, deadline, event] {
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1));
    }
    assert_eq!(seen.count(), 3);
}

#[tokio::test]
async fn another_backend_takes_over_under_its_own_name_and_a_callers_mistake_stays() {
    let (busy, first) = answering(vec![answer(429, "retry-after: 20\r\n", "")]).await;
    let (good, second) = answering(vec![answer(200, "", "{}")]).await;
    let retries = Retries::default();
    let mut config = Config::new(Backend::new(&busy, ApiKey::new("k1")).api_version("2024-10-21"));
    config.backends.push(Backend::new(&good, ApiKey::new("k2")).priority(1).deployment("gpt", "gpt-b"));
    let transport = Transport::new(config).unwrap();
    let options = CallOptions::new().retry(RetryPolicy::none());
    let body = |route: &Route<'_>| Ok(Bytes::from(format!("{} {}", route.api_version, route.deployment)));
    for attempts in [2, 1, 1] {
        let call = Call { observer: Some(&retries), ..call(&options) };
        let answer = transport.answer(call, body, Ok).await.unwrap();
        assert_eq!(answer.metadata.attempts(), attempts);
        assert_eq!(answer.metadata.endpoint(), Some(good.as_str()));
    }
    assert_eq!((first.count(), second.count()), (1, 3));
    assert!(first.requests()[0].contains("/openai/deployments/gpt/chat/completions?api-version=2024-10-21"));
    assert!(first.requests()[0].ends_with("2024-10-21 gpt"));
    assert!(second.requests()[0].ends_with("v1 gpt-b"));
    assert_eq!((first.header("api-key"), second.header("api-key")[0].as_str()), (vec!["k1".to_owned()], "k2"));
    let retries = retries.0.into_inner().unwrap();
    let retried: Vec<_> = retries.iter().map(|retry| (retry.cause(), retry.wait(), retry.endpoint())).collect();
    assert_eq!(retried, [(RetryCause::Status(429), Duration::ZERO, busy.as_str())]);

    let (bad, _bad) = answering(vec![answer(400, "", "")]).await;
    let (idle, unasked) = answering(vec![answer(200, "", "{}")]).await;
    let mut config = Config::new(Backend::new(&bad, ApiKey::new("k")));
    config.backends.push(Backend::new(&idle, ApiKey::new("k")).priority(1));
    let error = post(&Transport::new(config).unwrap(), &CallOptions::new()).await.unwrap_err();
    assert_eq!((error.status(), error.attempts(), unasked.count()), (Some(400), 1, 0));
}

#[tokio::test]
async fn a_backend_without_a_token_is_passed_over() {
    let (one, unasked) = answering(vec![answer(200, "", "{}")]).await;
    let (two, _two) = answering(vec![answer(200, "", "{}")]).await;
    let silent = Credential::from_fn(|_| async { Err::<Token, _>("no sign-in") });
    let mut config = Config::new(Backend::new(&one, silent.clone()));
    config.backends.push(Backend::new(&two, ApiKey::new("k")).priority(1));
    let answer = post(&Transport::new(config).unwrap(), &CallOptions::new()).await.unwrap();
    assert_eq!((answer.metadata.endpoint(), unasked.count()), (Some(two.as_str()), 0));

    let error = post(&with_credential(&one, silent), &CallOptions::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Credential, 1));
    assert!(error.to_string().contains("https://ai.azure.com/.default"), "{error}");
}

#[tokio::test]
async fn a_retry_that_cannot_finish_or_is_not_wanted_is_not_started() {
    let (url, seen) = answering(vec![answer(503, "retry-after: 5\r\n", "")]).await;
    let hurried = CallOptions::new().answer_timeout(Duration::from_secs(4));
    let before = Instant::now();
    let error = post(&transport(&url), &hurried).await.unwrap_err();
    assert_eq!((error.status(), error.attempts(), seen.count()), (Some(503), 1, 1));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
    assert!(before.elapsed() < Duration::from_secs(4));

    let (url, _server) = answering(vec![answer(503, "x-should-retry: false\r\n", "")]).await;
    let error = post(&transport(&url), &CallOptions::new()).await.unwrap_err();
    assert_eq!((error.attempts(), error.is_retryable()), (1, false));

    let (url, _server) = answering(vec![answer(400, "x-should-retry: true\r\n", ""), answer(200, "", "{}")]).await;
    let answer = post(&transport(&url), &CallOptions::new()).await.unwrap();
    assert_eq!(answer.metadata.attempts(), 2);
}

#[tokio::test]
async fn the_smallest_wait_is_told_when_all_backends_rest() {
    let (one, _one) = answering(vec![answer(429, "retry-after: 200\r\n", "")]).await;
    let (two, _two) = answering(vec![answer(429, "retry-after: 100\r\n", "")]).await;
    let mut config = Config::new(Backend::new(&one, ApiKey::new("k")));
    config.backends.push(Backend::new(&two, ApiKey::new("k")));
    let transport = Transport::new(config).unwrap();
    for attempts in [2, 0] {
        let error = post(&transport, &CallOptions::new()).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, attempts));
        let wait = error.retry_after().unwrap();
        assert!((90..=100).contains(&wait.as_secs()), "{wait:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_for_a_bad_deployment_option_or_client() {
    let (url, seen) = answering(vec![answer(200, "", "{}")]).await;
    let transport = transport(&url);
    let options = CallOptions::new();
    for deployment in ["", "..", "a/b"] {
        let call = Call { deployment, ..call(&options) };
        let error = transport.answer(call, |_| Ok(Bytes::new()), Ok).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    }
    let error = post(&transport, &CallOptions::new().header("api-key", "x")).await.unwrap_err();
    assert_eq!((error.kind(), seen.count()), (ErrorKind::Config, 0));
    for backend in [
        Backend::new("", ApiKey::new("k")),
        Backend::new(&url, ApiKey::new("k\n")),
        Backend::new(&url, ApiKey::new("k")).weight(0),
    ] {
        assert_eq!(Transport::new(Config::new(backend)).unwrap_err().kind(), ErrorKind::Config);
    }
}

#[tokio::test]
async fn a_call_waits_when_the_headers_said_nothing_is_left() {
    let empty = "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 300ms\r\n";
    let (url, _server) = answering(vec![answer(200, empty, "{}"), answer(200, "", "{}")]).await;
    let mut config = Config::new(Backend::new(&url, ApiKey::new("k")));
    config.pacing = Pacing::FromHeaders;
    let transport = Transport::new(config).unwrap();
    post(&transport, &CallOptions::new()).await.unwrap();
    let before = Instant::now();
    post(&transport, &CallOptions::new()).await.unwrap();
    assert!(before.elapsed() >= Duration::from_millis(200), "{:?}", before.elapsed());
}

#[tokio::test]
async fn no_error_or_debug_shows_a_secret() {
    let (url, _server) = answering(vec![answer(500, "", "")]).await;
    let transport = with_credential(&url, ApiKey::new("canary"));
    let options = CallOptions::new().header("x-secret", "canary");
    let token = with_credential(&url, Credential::fixed_token("canary"));
    let error = transport.answer(call(&options), |_| Ok(Bytes::from_static(b"canary")), Ok).await.unwrap_err();
    for text in [format!("{error} {error:?}"), format!("{transport:?} {token:?} {options:?}")] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn a_transport_is_shared_and_its_calls_cross_threads() {
    fn is_shared<T: Clone + Send + Sync + 'static>() {}
    fn is_send<T: Send>(_: T) {}
    is_shared::<Transport>();
    is_shared::<Credential>();
    let transport = transport("http://127.0.0.1:9");
    let options = CallOptions::new();
    is_send(post(&transport, &options));
    is_send(open(&transport, &options));
}
