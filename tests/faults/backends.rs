//! Several backends behind one client, over the wire. The split over 100,000 calls is simulated in the balancer's
//! own tests, where time and randomness are arguments.

use std::time::{Duration, Instant};

use azure_openai_chat::{
    ApiKey, Backend, CallOptions, ChatCompletionRequest, ClientBuilder, ErrorKind, Pacing, RetryPolicy,
};

use crate::answers::{begun, good_body, good_stream, http, streamed};
use crate::raw_server::{RawServer, Script, Step, send};
use crate::table::{call, client, no_roots, quick, request};
use crate::waiting::pass;

fn two(first: &RawServer, second: Backend) -> ClientBuilder {
    client(&first.url).configure_http(no_roots).retry(quick()).backend(second)
}

fn backend(server: &RawServer) -> Backend {
    Backend::new(&server.url, ApiKey::new("key-of-the-second"))
}

fn status(status: u16, headers: &str) -> Script {
    vec![send(http(status, headers, ""))]
}

#[tokio::test]
async fn the_next_backend_takes_over_at_once_in_both_kinds_of_call() {
    for streams in [false, true] {
        let good = if streams { good_stream() } else { good_body() };
        for fault in [status(429, "retry-after: 30\r\n"), status(503, "retry-after: 30\r\n"), vec![Step::ResetAtAccept]]
        {
            let busy = RawServer::start(vec![fault.clone()]).await;
            let good = RawServer::start(vec![good.clone()]).await;
            let client = two(&busy, backend(&good).priority(1).deployment("gpt", "gpt-second")).build().unwrap();
            let started = Instant::now();
            // a connection that breaks may be the fault of one call, so the next one begins there again
            let is_reset = matches!(fault[0], Step::ResetAtAccept);
            for attempts in if is_reset { [2, 2, 2] } else { [2, 1, 1] } {
                // even for those who do not want retries
                let ended = call(&client, streams, &CallOptions::new().retry(RetryPolicy::none())).await;
                assert_eq!((ended.text.as_str(), ended.attempts), ("one two", attempts), "{:?}", ended.result);
            }
            assert!(started.elapsed() < Duration::from_secs(1));
            assert_eq!((busy.seen.tries(), good.seen.tries()), (if is_reset { 3 } else { 1 }, 3));
            assert!(good.seen.requests()[0].contains("\"gpt-second\""));
            assert_eq!(good.seen.header("api-key")[0], "key-of-the-second");
        }
    }
}

#[tokio::test]
async fn a_backend_that_hung_is_avoided_by_the_next_calls() {
    for streams in [false, true] {
        let good = if streams { good_stream() } else { good_body() };
        let hung = RawServer::start(vec![vec![Step::Hang]]).await;
        let good = RawServer::start(vec![good]).await;
        let client = two(&hung, backend(&good).priority(1)).build().unwrap();
        let with = |timeout| CallOptions::new().answer_timeout(timeout).first_event_timeout(timeout);
        // too short for anything to be wrong with the backend
        let hasty = with(Duration::from_millis(50));
        for tries in [1, 2] {
            let ended = call(&client, streams, &hasty).await;
            assert_eq!(ended.result.unwrap_err().kind(), ErrorKind::Timeout);
            assert_eq!((hung.seen.tries(), good.seen.tries()), (tries, 0));
        }
        let ended = call(&client, streams, &with(Duration::from_millis(1100))).await;
        let error = ended.result.unwrap_err();
        assert_eq!((error.kind(), error.attempts(), good.seen.tries()), (ErrorKind::Timeout, 1, 0), "{error}");
        for tries in [1, 2, 3] {
            let ended = call(&client, streams, &CallOptions::new()).await;
            assert_eq!((ended.text.as_str(), good.seen.tries()), ("one two", tries), "{:?}", ended.result);
        }
        assert_eq!(hung.seen.tries(), 3);
    }
}

#[tokio::test]
async fn twenty_calls_at_once_survive_one_blip_of_both_backends() {
    let blip = |n: usize| {
        if n < 10 { status(503, "") } else { good_body() }
    };
    let one = RawServer::with(blip, "").await;
    let other = RawServer::with(blip, "").await;
    let client = two(&one, backend(&other)).build().unwrap();
    let request = request();
    let started = Instant::now();
    let calls = (0..20).map(|_| client.complete(&request));
    let failed = futures::future::join_all(calls).await.into_iter().filter_map(Result::err).count();
    assert_eq!(failed, 0);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    // and the next call is not kept waiting for a cooldown
    let started = Instant::now();
    client.complete(&request).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_callers_own_mistake_and_a_broken_stream_do_not_move() {
    let error = r#"{"error":{"code":"c7","message":"no"}}"#;
    for code in [400, 401, 403, 404, 413, 422] {
        let bad = RawServer::start(vec![vec![send(http(code, "", error))]]).await;
        let idle = RawServer::start(vec![good_body()]).await;
        let client = two(&bad, backend(&idle).priority(1)).build().unwrap();
        let error = client.complete(&request()).await.unwrap_err();
        assert_eq!((error.status(), error.attempts(), idle.seen.connections()), (Some(code), 1, 0));
    }
    let cut = RawServer::start(vec![streamed(begun())]).await;
    let idle = RawServer::start(vec![good_stream()]).await;
    let client = two(&cut, backend(&idle).priority(1)).build().unwrap();
    let ended = call(&client, true, &CallOptions::new()).await;
    assert_eq!((ended.text.as_str(), ended.attempts), ("one ", 1));
    assert_eq!(ended.result.unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(idle.seen.connections(), 0);
}

#[tokio::test]
async fn the_smallest_wait_comes_back_as_a_429_when_all_rest() {
    let one = RawServer::start(vec![status(429, "retry-after: 300\r\n")]).await;
    let two_ = RawServer::start(vec![status(429, "retry-after: 90\r\n")]).await;
    let client = two(&one, backend(&two_)).build().unwrap();
    for (attempts, seen) in [(2, 2), (0, 2)] {
        let error = client.complete(&request()).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::RateLimited, Some(429)));
        assert_eq!((error.attempts(), one.seen.tries() + two_.seen.tries()), (attempts, seen));
        let wait = error.retry_after().unwrap().as_secs();
        assert!((80..=90).contains(&wait), "{wait}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_backend_that_rested_is_looked_at_again_and_comes_back() {
    let script = |n: usize| {
        if n == 0 { status(503, "retry-after-ms: 300\r\n") } else { good_body() }
    };
    let first = RawServer::with(script, "").await;
    let second = RawServer::start(vec![good_body()]).await;
    let client = two(&first, backend(&second).priority(1)).build().unwrap();
    for _ in 0..3 {
        client.complete(&request()).await.unwrap();
    }
    assert_eq!((first.seen.tries(), second.seen.tries()), (1, 3));
    pass(Duration::from_millis(400)).await;
    for _ in 0..3 {
        client.complete(&request()).await.unwrap();
    }
    assert_eq!((first.seen.tries(), second.seen.tries()), (4, 3));
}

#[tokio::test]
async fn a_conversation_stays_on_its_backend_and_calls_without_a_key_are_split() {
    let one = RawServer::start(vec![good_body()]).await;
    let other = RawServer::start(vec![good_body()]).await;
    let client = two(&one, backend(&other)).build().unwrap();
    let ask = |key: Option<String>| {
        let builder = ChatCompletionRequest::builder("gpt").user("hi");
        match key {
            Some(key) => builder.prompt_cache_key(key).build().unwrap(),
            None => builder.build().unwrap(),
        }
    };
    let mut homes = [0, 0];
    for conversation in 0..12 {
        let request = ask(Some(format!("conversation {conversation}")));
        let before = one.seen.tries();
        for _ in 0..4 {
            client.complete(&request).await.unwrap();
        }
        let here = one.seen.tries() - before;
        assert!(here == 0 || here == 4, "a conversation moved: {here}");
        homes[here / 4] += 1;
    }
    assert!(homes.iter().all(|home| *home > 0), "{homes:?}");
    let before = (one.seen.tries(), other.seen.tries());
    for _ in 0..40 {
        client.complete(&ask(None)).await.unwrap();
    }
    assert!(one.seen.tries() - before.0 > 5 && other.seen.tries() - before.1 > 5);
}

#[tokio::test]
async fn spillover_is_asked_for_and_told() {
    let headers = "x-ms-spillover-from-deployment: ptu\r\nx-ms-deployment-name: paygo\r\n";
    let failed = "x-ms-spillover-error: 429 from paygo\r\n";
    let server =
        RawServer::start(vec![vec![send(http(200, headers, crate::answers::BODY))], vec![send(http(400, failed, ""))]])
            .await;
    let client = client(&server.url).configure_http(no_roots).build().unwrap();
    let options = CallOptions::new().spillover_deployment("paygo");
    let completion = client.complete_with(&request(), &options).await.unwrap();
    assert_eq!(server.seen.header("x-ms-spillover-deployment"), ["paygo"]);
    assert_eq!(completion.metadata().spillover_from(), Some("ptu"));
    assert_eq!(completion.metadata().deployment(), Some("paygo"));
    let error = client.complete(&request()).await.unwrap_err();
    assert_eq!(error.metadata().unwrap().spillover_error(), Some("429 from paygo"));
    assert_eq!(server.seen.header("x-ms-spillover-deployment")[1], "");
}

#[tokio::test]
async fn pacing_waits_for_the_limits_that_were_told_and_is_off_by_default() {
    let empty =
        "x-ratelimit-limit-requests: 10\r\nx-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 1\r\n";
    for (pacing, waits) in [(None, false), (Some(Pacing::FromHeaders), true)] {
        let server = RawServer::start(vec![vec![send(http(200, empty, crate::answers::BODY))]]).await;
        let mut builder = client(&server.url).configure_http(no_roots);
        if let Some(pacing) = pacing {
            builder = builder.pacing(pacing);
        }
        let client = builder.build().unwrap();
        let limits = client.complete(&request()).await.unwrap().metadata().rate_limits();
        assert_eq!((limits.limit_requests(), limits.remaining_requests()), (Some(10), Some(0)));
        assert_eq!(limits.reset_requests(), Some(Duration::from_secs(1)));
        let started = Instant::now();
        client.complete(&request()).await.unwrap();
        assert_eq!(started.elapsed() >= Duration::from_millis(900), waits, "{:?}", started.elapsed());
    }
}
