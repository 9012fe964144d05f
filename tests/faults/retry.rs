//! When a call is sent again, what its caller hears of that, and what holds for all calls of a client together.

use std::time::{Duration, Instant};

use azure_openai_chat::{
    CallOptions, ChatClient, ChatCompletionRequest, ErrorKind, RetryCause, RetryEvent, RetryPolicy,
};

use crate::answers::{good_body, good_stream, http};
use crate::events::Events;
use crate::raw_server::{RawServer, Script, Step, send};
use crate::table::{call, client, no_roots, quick, request};

fn status(status: u16, headers: &str) -> Script {
    vec![send(http(status, headers, ""))]
}

fn shared(server: &RawServer) -> ChatClient {
    client(&server.url).configure_http(no_roots).build().unwrap()
}

#[tokio::test]
async fn a_fault_that_stays_is_met_three_times_and_every_retry_is_told() {
    for streamed in [false, true] {
        for (script, kind, cause) in [
            (status(503, ""), ErrorKind::Service, RetryCause::Status(503)),
            (status(429, "retry-after-ms: 20\r\n"), ErrorKind::RateLimited, RetryCause::Status(429)),
            (vec![Step::Close], ErrorKind::Connect, RetryCause::NoAnswer),
            (
                vec![send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"), Step::Close],
                ErrorKind::Interrupted,
                RetryCause::Read,
            ),
        ] {
            let server = RawServer::start(vec![script]).await;
            let events = Events::default();
            let client = client(&server.url).configure_http(no_roots).observer(events.clone()).build().unwrap();
            let options = CallOptions::new().client_request_id("id-1");
            let ended = call(&client, streamed, &options).await;
            let error = ended.result.unwrap_err();
            assert_eq!((error.kind(), error.attempts(), server.seen.tries()), (kind, 3, 3), "{error}");
            let retries = events.retries();
            let causes: Vec<_> = retries.iter().map(|retry| (retry.attempt(), retry.cause())).collect();
            assert_eq!(causes, [(1, cause), (2, cause)]);
            let least = if kind == ErrorKind::RateLimited { Duration::from_millis(20) } else { Duration::ZERO };
            let is_right = |retry: &RetryEvent| retry.wait() >= least && retry.client_request_id() == "id-1";
            assert!(retries.iter().all(is_right), "{retries:?}");
        }
    }
}

#[tokio::test]
async fn an_outage_does_not_become_a_storm() {
    let server = RawServer::start(vec![status(503, "")]).await;
    let client = shared(&server);
    for _ in 0..80 {
        call(&client.clone(), false, &CallOptions::new()).await.result.unwrap_err();
    }
    // each of the first fifty was sent three times; then the client's budget was spent
    assert_eq!(server.seen.tries(), 80 + 100);
}

#[tokio::test]
async fn all_calls_of_a_client_keep_the_pause_of_a_429_and_other_deployments_do_not() {
    let pause = Duration::from_millis(600);
    let script = |n: usize| {
        if n == 0 { status(429, "retry-after-ms: 600\r\n") } else { good_body() }
    };
    let server = RawServer::with(script, "").await;
    let client = shared(&server);
    call(&client, false, &CallOptions::new().retry(RetryPolicy::none())).await.result.unwrap_err();
    let started = Instant::now();
    let others = ChatCompletionRequest::builder("another").user("hi").build().unwrap();
    client.complete(&others).await.unwrap();
    assert!(started.elapsed() < pause / 2, "{:?}", started.elapsed());
    let options = CallOptions::new();
    let calls = (0..5).map(|_| call(&client, false, &options));
    let ended = futures::future::join_all(calls).await;
    assert!(ended.iter().all(|ended| ended.result.is_ok() && ended.attempts == 1));
    assert!(started.elapsed() >= pause - Duration::from_millis(100), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_caller_with_a_retry_layer_is_left_alone_per_client_and_per_call() {
    let server = RawServer::start(vec![status(503, "")]).await;
    let none = client(&server.url).configure_http(no_roots).retry(RetryPolicy::none()).build().unwrap();
    for streamed in [false, true] {
        let error = call(&none, streamed, &CallOptions::new()).await.result.unwrap_err();
        assert_eq!(error.attempts(), 1);
        let error = call(&none, streamed, &CallOptions::new().retry(quick())).await.result.unwrap_err();
        assert_eq!(error.attempts(), 3);
    }
    assert_eq!(server.seen.tries(), 8);
}

#[tokio::test]
async fn a_retry_that_cannot_end_in_time_is_not_started() {
    let server = RawServer::start(vec![status(503, "retry-after: 2\r\n")]).await;
    let client = shared(&server);
    let started = Instant::now();
    let policy = quick().retry_window(Duration::from_secs(1));
    for options in [CallOptions::new().total_timeout(Duration::from_secs(1)), CallOptions::new().retry(policy)] {
        let error = call(&client, false, &options).await.result.unwrap_err();
        assert_eq!((error.status(), error.attempts()), (Some(503), 1));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
    }
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(server.seen.tries(), 2);
}

#[tokio::test]
async fn plain_http_to_another_machine_is_refused_before_anything_is_sent() {
    for url in ["http://192.0.2.1", "http://my-resource.openai.azure.com", "http://127.0.0.1.example.net"] {
        let error = client(url).build().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Config, 0));
        assert!(error.to_string().contains("plain http"), "{error}");
    }
}

#[tokio::test]
async fn redirects_and_retries_of_the_callers_http_client_have_no_effect() {
    let other = RawServer::start(vec![good_stream()]).await;
    let redirect = "HTTP/1.1 307 X\r\nlocation: @OTHER@/x\r\ncontent-length: 0\r\n\r\n";
    let server = RawServer::with(move |_| vec![send(redirect)], &other.url).await;
    let follows = |http: reqwest::ClientBuilder| no_roots(http).redirect(reqwest::redirect::Policy::limited(5));
    let error = client(&server.url).configure_http(follows).build().unwrap().complete(&request()).await.unwrap_err();
    assert_eq!((error.status(), error.attempts()), (Some(307), 1), "{error}");
    assert_eq!((server.seen.tries(), other.seen.connections()), (1, 0));

    let server = RawServer::start(vec![status(503, "")]).await;
    let again = |http: reqwest::ClientBuilder| {
        let everything = reqwest::retry::for_host("127.0.0.1").no_budget().classify_fn(|answer| answer.retryable());
        no_roots(http).retry(everything)
    };
    let error = client(&server.url).configure_http(again).build().unwrap().complete(&request()).await.unwrap_err();
    assert_eq!((error.attempts(), server.seen.tries()), (3, 3));
}

#[tokio::test]
async fn times_of_the_callers_http_client_do_not_cut_a_call_short() {
    let slow = [vec![Step::Pause(Duration::from_millis(300))], good_body()].concat();
    let server = RawServer::start(vec![slow]).await;
    let hasty = |http: reqwest::ClientBuilder| no_roots(http).timeout(Duration::from_millis(50));
    client(&server.url).configure_http(hasty).build().unwrap().complete(&request()).await.unwrap();
    let hasty = |http: reqwest::ClientBuilder| no_roots(http).read_timeout(Duration::from_millis(50));
    let client = client(&server.url).configure_http(hasty).build().unwrap();
    let error = client.complete(&request()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1));
    assert!(error.to_string().contains("configure_http"), "{error}");
}
