//! What is sent again, when, and how often.

use std::time::{Duration, Instant};

use azure_openai_chat::{CallOptions, ChatCompletionRequest, ErrorKind, RetryCause, RetryPolicy};
use azure_openai_emulator::{Emulator, Fault};
use futures::StreamExt;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::events::Events;
use crate::support::{
    RawServer, Step, builder, client, completion, delta, end, event, events, finish, kind_of, ok_json, ok_stream,
    piece, question, quick, sent_bodies, sent_headers, serving, streaming,
};

fn failing(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"error": {"code": status.to_string(), "message": "not now"}}))
}

fn fine() -> ResponseTemplate {
    ok_json(&completion("hello"))
}

#[tokio::test]
async fn what_may_pass_is_sent_again_under_the_same_id() {
    for status in [408, 409, 429, 500, 502, 503, 504] {
        let server = serving("two failures, then an answer", [failing(status), failing(status), fine()]).await;
        let completion = client(server.uri()).complete(&question()).await.unwrap();
        assert_eq!(completion.metadata().attempts(), 3, "{status}");
        let ids = sent_headers(&server, "x-ms-client-request-id").await;
        assert!(ids.iter().all(|id| *id == ids[0] && !id.is_empty()), "{ids:?}");
        assert_eq!(completion.metadata().client_request_id(), Some(ids[0].as_str()));
        let bodies = sent_bodies(&server).await;
        assert!(bodies.iter().all(|body| *body == bodies[0]));
    }
}

#[tokio::test]
async fn what_will_not_pass_is_sent_once() {
    for status in [400, 401, 403, 404, 413, 422, 431, 501] {
        let server = serving("one failure", [failing(status)]).await;
        let error = client(server.uri()).complete(&question()).await.unwrap_err();
        assert_eq!((error.kind(), error.status(), error.attempts()), (kind_of(status), Some(status), 1));
        assert!(!error.is_retryable(), "{status}");
    }
}

#[tokio::test]
async fn after_the_last_retry_the_error_tells_how_often() {
    let server = serving("three failures", vec![failing(503); 3]).await;
    let error = client(server.uri()).complete(&question()).await.unwrap_err();
    assert_eq!((error.kind(), error.status(), error.attempts()), (ErrorKind::Service, Some(503), 3));
    assert_eq!(error.metadata().unwrap().attempts(), 3);
    assert!(error.is_retryable());
    assert_eq!(error.to_string(), "deployment 'gpt' answered 503: not now; 3 attempts");
}

#[tokio::test]
async fn retries_are_as_many_as_the_client_or_the_call_says() {
    let server = serving("five failures, then one", vec![failing(500); 6]).await;
    let client = builder(server.uri()).retry(quick().max_retries(4)).build().unwrap();
    assert_eq!(client.complete(&question()).await.unwrap_err().attempts(), 5);
    let once = CallOptions::new().retry(RetryPolicy::none());
    assert_eq!(client.complete_with(&question(), &once).await.unwrap_err().attempts(), 1);
}

#[tokio::test]
async fn the_servers_own_word_on_retrying_counts() {
    let stop = failing(503).insert_header("x-should-retry", "false");
    let server = serving("told to stop", [stop]).await;
    let error = client(server.uri()).complete(&question()).await.unwrap_err();
    assert_eq!(error.attempts(), 1);
    assert!(!error.is_retryable());

    let go_on = failing(400).insert_header("x-should-retry", "true");
    let server = serving("told to go on", [go_on, fine()]).await;
    assert_eq!(client(server.uri()).complete(&question()).await.unwrap().metadata().attempts(), 2);
}

#[tokio::test]
async fn the_servers_wait_is_kept_in_every_form() {
    for (headers, at_least) in [
        (vec![("retry-after-ms", "150")], 150),
        (vec![("x-ms-retry-after-ms", "150")], 150),
        // the finer one wins
        (vec![("retry-after-ms", "150"), ("retry-after", "30")], 150),
        (vec![("retry-after", "1")], 1000),
        // a date that has passed
        (vec![("retry-after", "Tue, 01 Apr 2025 12:00:00 GMT")], 0),
        (vec![("retry-after", "soon")], 0),
    ] {
        let mut busy = failing(429);
        for (name, value) in &headers {
            busy = busy.insert_header(*name, *value);
        }
        let server = serving("busy, then an answer", [busy, fine()]).await;
        let begun = Instant::now();
        let completion = client(server.uri()).complete(&question()).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(at_least), "{headers:?}: {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(20), "{headers:?}");
        assert_eq!(completion.metadata().attempts(), 2);
    }
}

#[tokio::test]
async fn a_wait_beyond_patience_comes_back_at_once() {
    for (name, value, seconds) in [
        ("retry-after", "61", Some(61)),
        ("retry-after", "86400", Some(86_400)),
        ("retry-after-ms", "86400000", Some(86_400)),
        ("retry-after", "Fri, 31 Dec 2049 23:59:59 GMT", None),
    ] {
        let server = serving("a long wait", [failing(429).insert_header(name, value)]).await;
        let begun = Instant::now();
        let error = client(server.uri()).complete(&question()).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 1), "{value}");
        let wait = error.retry_after().unwrap();
        assert!(wait > Duration::from_secs(60), "{value}: {wait:?}");
        assert!(seconds.is_none_or(|seconds| wait.as_secs() == seconds), "{value}: {wait:?}");
    }
    let patient = quick().max_server_wait(Duration::from_millis(100));
    let server =
        serving("a wait above the caller's own bound", [failing(429).insert_header("retry-after-ms", "200")]).await;
    let client = builder(server.uri()).retry(patient).build().unwrap();
    let error = client.complete(&question()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_millis(200)));
}

#[tokio::test]
async fn a_wait_past_the_deadline_is_not_begun() {
    let answers = [failing(503).insert_header("retry-after", "30")];
    let server = serving("a wait past the deadline", answers).await;
    let client = builder(server.uri()).total_timeout(Duration::from_secs(10)).build().unwrap();
    let begun = Instant::now();
    let error = client.complete(&question()).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(9));
    assert_eq!((error.status(), error.retry_after()), (Some(503), Some(Duration::from_secs(30))));
}

#[tokio::test]
async fn the_deadline_ends_attempts_and_waits() {
    let slow = failing(503).set_delay(Duration::from_secs(30));
    let server = serving("a slow failure", [slow]).await;
    let client = builder(server.uri()).total_timeout(Duration::from_millis(150)).build().unwrap();
    let begun = Instant::now();
    let options = CallOptions::new().client_request_id("c1");
    let error = client.complete_with(&question(), &options).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.to_string(), "deployment 'gpt': the total timeout of 0.15 s has passed [client request id c1]");
}

#[tokio::test]
async fn every_retry_is_told_before_its_wait() {
    let events = Events::default();
    let server = serving(
        "two failures, then an answer",
        [failing(500), failing(429).insert_header("retry-after-ms", "20"), fine()],
    )
    .await;
    let client = builder(server.uri()).observer(events.clone()).build().unwrap();
    let options = CallOptions::new().client_request_id("mine");
    client.complete_with(&question(), &options).await.unwrap();

    let seen = events.retries();
    let causes: Vec<_> = seen.iter().map(|event| (event.cause(), event.attempt())).collect();
    assert_eq!(causes, [(RetryCause::Status(500), 1), (RetryCause::Status(429), 2)]);
    assert!(seen[0].wait() <= Duration::from_millis(1));
    assert!(seen[1].wait() >= Duration::from_millis(20));
    assert!(seen.iter().all(|event| event.client_request_id() == "mine"));
    assert!(seen.iter().all(|event| event.deployment() == "gpt" && event.endpoint() == server.uri()));
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again() {
    let emulator = Emulator::builder().fault(Fault::reset().next(2)).start().await.unwrap();
    let request = ChatCompletionRequest::builder("gpt-4o-mini").user("hi").build().unwrap();
    let completion = client(emulator.endpoint()).complete(&request).await.unwrap();
    assert_eq!(completion.metadata().attempts(), 3);
    emulator.inject(Fault::reset().always());
    let error = client(emulator.endpoint()).complete(&request).await.unwrap_err();
    assert_eq!((error.kind(), error.status(), error.attempts()), (ErrorKind::Connect, None, 3));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_stream_is_opened_again_until_its_first_byte() {
    let good = events(&[delta("hello"), finish("stop")]);
    let server = serving("two failures, then a stream", [failing(503), failing(429), ok_stream(good.clone())]).await;
    let stream = client(server.uri()).stream(&question()).await.unwrap();
    assert_eq!(stream.metadata().attempts(), 3);

    let whole = streaming([piece(good), end()]);
    let server = RawServer::start([streaming([Step::Close]), whole]).await;
    let stream = client(&server.url).stream(&question()).await.unwrap();
    assert_eq!((stream.metadata().attempts(), server.requests().len()), (2, 2));
}

#[tokio::test]
async fn a_stream_is_not_opened_again_after_its_first_byte() {
    let cut = streaming([piece(event(&delta("hel"))), Step::Pause(Duration::from_millis(20)), Step::Close]);
    let server = RawServer::start([cut]).await;
    let mut stream = client(&server.url).stream(&question()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().text(), Some("hel"));
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Interrupted, 1));
    assert_eq!(server.requests().len(), 1);
    assert_eq!(stream.partial().text(), Some("hel"));
}

fn refusing(parameter: &str) -> ResponseTemplate {
    let error = json!({"code": "unsupported_parameter", "param": parameter, "message": "not supported with this model", "type": "invalid_request_error"});
    ResponseTemplate::new(400).set_body_json(json!({"error": error}))
}

fn warm() -> ChatCompletionRequest {
    ChatCompletionRequest::builder("gpt").user("hi").temperature(0.5).top_p(0.5).build().unwrap()
}

#[tokio::test]
async fn a_refused_parameter_is_left_out_once_when_the_client_may() {
    let server = serving("refused, then repaired", [refusing("temperature"), fine()]).await;
    let client = builder(server.uri()).repair_once(true).build().unwrap();
    let completion = client.complete(&warm()).await.unwrap();
    let metadata = completion.metadata();
    assert_eq!((metadata.repaired(), metadata.attempts()), (&["temperature".to_owned()][..], 2));
    let ids = sent_headers(&server, "x-ms-client-request-id").await;
    assert_eq!(ids[0], ids[1]);
    let bodies = sent_bodies(&server).await;
    let mut expected = bodies[0].clone();
    assert_eq!(expected.as_object_mut().unwrap().remove("temperature"), Some(json!(0.5)));
    assert_eq!(bodies[1], expected);

    let server =
        serving("refused, then repaired, as a stream", [refusing("temperature"), ok_stream(events(&[finish("stop")]))])
            .await;
    let client = builder(server.uri()).repair_once(true).build().unwrap();
    let stream = client.stream(&warm()).await.unwrap();
    assert_eq!(stream.metadata().repaired(), ["temperature"]);
    assert_eq!(sent_bodies(&server).await[1].get("temperature"), None);
}

#[tokio::test]
async fn a_repaired_limit_is_still_a_limit() {
    let server = serving("refused, then repaired", [refusing("max_tokens"), fine()]).await;
    let client = builder(server.uri()).repair_once(true).build().unwrap();
    let request = ChatCompletionRequest::builder("gpt").user("hi").max_tokens(7).build().unwrap();
    client.complete(&request).await.unwrap();
    let bodies = sent_bodies(&server).await;
    assert_eq!((bodies[1].get("max_tokens"), &bodies[1]["max_completion_tokens"]), (None, &json!(7)));
}

#[tokio::test]
async fn one_repair_is_all() {
    let server = serving("refused twice", [refusing("temperature"), refusing("top_p")]).await;
    let client = builder(server.uri()).repair_once(true).build().unwrap();
    let error = client.complete(&warm()).await.unwrap_err();
    assert_eq!((error.code(), error.param()), (Some("unsupported_parameter"), Some("top_p")));
    assert_eq!(error.attempts(), 2);
}

#[tokio::test]
async fn what_cannot_be_left_out_is_not_repaired() {
    for parameter in ["seed", "messages", "messages[0].role", "model", "stream", ""] {
        let server = serving(parameter, [refusing(parameter)]).await;
        let client = builder(server.uri()).repair_once(true).build().unwrap();
        let request: ChatCompletionRequest = serde_json::from_value(
            json!({"model": "gpt", "stream": false, "messages": [{"role": "user", "content": "hi"}]}),
        )
        .unwrap();
        let error = client.complete(&request).await.unwrap_err();
        assert_eq!(error.code(), Some("unsupported_parameter"), "{parameter}");
    }
}

#[tokio::test]
async fn nothing_is_repaired_unless_asked() {
    let server = serving("refused", [refusing("temperature")]).await;
    let error = client(server.uri()).complete(&warm()).await.unwrap_err();
    assert_eq!(error.param(), Some("temperature"));
    assert!(error.to_string().contains("remove .temperature(..) from the request builder"), "{error}");
}
