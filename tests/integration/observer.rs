//! What an observer gets of calls: attempts, retries, the first chunk, and the end.

use std::sync::Arc;
use std::time::Duration;

use azure_openai_chat::ApiKey;
use azure_openai_chat::{
    AttemptEvent, Backend, CallEnd, CallOptions, CallSummary, ChatClient, ChatCompletionRequest, Deployment, ErrorKind,
    FilterState, FinishReason, FirstChunkEvent, Model, Observer, RetryCause, RetryEvent, RetryPolicy,
};
use futures::{FutureExt, StreamExt, TryStreamExt};
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;
use wiremock::ResponseTemplate;

use crate::events::Events;
use crate::support::{
    KEY, Log, RawServer, Step, builder, completion, delta, end, event, events as body, finish, ok_json, ok_stream,
    piece, question, serving, streaming,
};

fn failing(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"error": {"code": status.to_string(), "message": "not now"}}))
}

fn watched(url: &str) -> (ChatClient, Events) {
    let events = Events::default();
    (builder(url).observer(events.clone()).build().unwrap(), events)
}

/// Three chunks, of which the last has the finish reason, and the tokens.
fn whole_stream() -> String {
    let usage = json!({"choices": [], "model": "gpt-4o-2024-08-06", "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}});
    body(&[delta("one"), delta(" two"), finish("stop"), usage])
}

#[tokio::test]
async fn a_whole_answer_is_attempted_once_and_completed() {
    let answer = ok_json(&completion("secret answer"))
        .insert_header("apim-request-id", "r1")
        .insert_header("x-ms-region", "East US 2")
        .insert_header("x-ms-spillover-from-deployment", "ptu");
    let server = serving("one call", [answer]).await;
    let (client, events) = watched(&server.uri());
    let deployment = Deployment::new("triage").model(Model::GPT_4O_2024_08_06);
    let request = ChatCompletionRequest::builder(deployment).user("secret question").build().unwrap();
    client.complete_with(&request, &CallOptions::new().client_request_id("c1")).await.unwrap();

    assert_eq!(events.names(), ["attempt 1", "completed"]);
    let attempt = &events.attempts()[0];
    assert_eq!((attempt.deployment(), attempt.client_request_id()), ("triage", "c1"));
    assert_eq!(attempt.endpoint(), server.uri());
    let call = events.end();
    assert_eq!((call.operation(), call.is_stream(), call.deployment()), ("chat/completions", false, "triage"));
    assert_eq!(call.declared_model(), Some(&Model::GPT_4O_2024_08_06));
    assert_eq!(call.model(), Some("gpt-4o-2024-08-06"));
    assert_eq!(call.usage().unwrap().total_tokens(), 9);
    assert_eq!(call.finish_reasons(), [FinishReason::Stop]);
    assert_eq!((call.request_id(), call.client_request_id(), call.status()), (Some("r1"), Some("c1"), Some(200)));
    assert_eq!((call.region(), call.spillover_from()), (Some("East US 2"), Some("ptu")));
    assert_eq!((call.attempts(), call.error_kind(), call.time_to_first_chunk()), (1, None, None));
    assert!(call.duration() > Duration::ZERO);
    assert!(!format!("{call:?}").contains("secret"), "{call:?}");
}

#[tokio::test]
async fn a_call_that_fails_after_retries_says_why() {
    let server = serving("busy, then broken", [failing(429), failing(500), failing(503)]).await;
    let (client, events) = watched(&server.uri());
    client.complete(&question()).await.unwrap_err();
    assert_eq!(events.names(), ["attempt 1", "retry 1", "attempt 2", "retry 2", "attempt 3", "failed"]);
    let causes: Vec<_> = events.retries().iter().map(RetryEvent::cause).collect();
    assert_eq!(causes, [RetryCause::Status(429), RetryCause::Status(500)]);
    let call = events.end();
    assert_eq!((call.error_kind(), call.error_code()), (Some(ErrorKind::Service), Some("503")));
    assert_eq!((call.status(), call.attempts()), (Some(503), 3));
    assert_eq!((call.usage(), call.model(), call.finish_reasons()), (None, None, &[][..]));
}

#[tokio::test]
async fn a_request_that_is_refused_before_it_is_sent_has_only_an_end() {
    let (client, events) = watched("http://127.0.0.1:9");
    let o1 = Deployment::new("o1").model(Model::O1_2024_12_17);
    let request = ChatCompletionRequest::builder(o1).user("hi").temperature(0.5).build_unchecked();
    client.complete(&request).await.unwrap_err();
    assert_eq!(events.names(), ["failed"]);
    let call = events.end();
    assert_eq!((call.error_kind(), call.attempts()), (Some(ErrorKind::InvalidRequest), 0));
    assert_eq!((call.status(), call.client_request_id()), (None, None));
}

#[tokio::test]
async fn a_prompt_that_is_filtered_is_told_from_other_refusals() {
    let refusal = json!({"error": {"code": "content_filter", "message": "filtered", "innererror": {
        "code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": true, "severity": "high"}}}}});
    let server = serving("filtered", [ResponseTemplate::new(400).set_body_json(refusal)]).await;
    let (client, events) = watched(&server.uri());
    client.complete(&question()).await.unwrap_err();
    let call = events.end();
    assert_eq!((call.end(), call.error_kind()), (CallEnd::Failed, Some(ErrorKind::ContentFiltered)));
    assert_eq!((call.content_filter_state(), call.error_code()), (FilterState::Filtered, Some("content_filter")));
}

#[tokio::test]
async fn a_future_that_is_dropped_ends_its_call() {
    let server = RawServer::start([vec![Step::Hang]]).await;
    let (client, events) = watched(&server.url);
    let question = question();
    for streamed in [false, true] {
        let mut call = if streamed {
            client.stream(&question).map(drop).boxed()
        } else {
            client.complete(&question).map(drop).boxed()
        };
        tokio::select! {
            biased;
            _ = &mut call => unreachable!("the server is silent"),
            () = crate::support::until(|| server.requests().len() == 1 + usize::from(streamed)) => {}
        }
        assert_eq!(events.ends().len(), usize::from(streamed));
        drop(call);
    }
    assert_eq!(events.names(), ["attempt 1", "dropped", "attempt 1", "dropped"]);
    let ends = events.ends();
    assert_eq!(ends.iter().map(CallSummary::is_stream).collect::<Vec<_>>(), [false, true]);
    assert!(ends.iter().all(|call| call.attempts() == 1 && call.client_request_id().is_some()));
}

#[tokio::test]
async fn a_stream_that_is_read_to_its_end_is_completed_then_and_not_before() {
    let server = serving("one stream", [ok_stream(whole_stream())]).await;
    let (client, events) = watched(&server.uri());
    let mut stream = client.stream(&question()).await.unwrap();
    assert_eq!(events.names(), ["attempt 1"]);
    stream.try_next().await.unwrap().unwrap();
    assert_eq!(events.names(), ["attempt 1", "first chunk"]);
    while stream.try_next().await.unwrap().is_some() {}
    assert_eq!(events.names(), ["attempt 1", "first chunk", "completed"]);
    stream.into_completion().unwrap();

    let call = events.end();
    let first = &events.first_chunks()[0];
    assert_eq!(first.deployment(), "gpt");
    assert_eq!(Some(first.client_request_id()), call.client_request_id());
    assert_eq!(Some(first.time_to_first_chunk()), call.time_to_first_chunk());
    assert!(call.time_to_first_chunk().unwrap() <= call.duration());
    assert_eq!((call.chunk_count(), call.is_stream()), (4, true));
    assert_eq!(call.usage().unwrap().completion_tokens(), 2);
    assert_eq!((call.finish_reasons(), call.model()), (&[FinishReason::Stop][..], Some("gpt-4o-2024-08-06")));
}

#[tokio::test]
async fn a_stream_that_breaks_in_the_middle_has_failed_with_what_came() {
    let parts = [piece(event(&delta("one"))), piece(event(&finish("length")))];
    let cut = json!({"error": {"code": "server_error", "message": "overloaded"}});
    let server = RawServer::start([streaming([parts.to_vec(), vec![piece(event(&cut)), end()]].concat())]).await;
    let (client, events) = watched(&server.url);
    let stream = client.stream(&question()).await.unwrap();
    let results: Vec<_> = stream.collect().await;
    assert!(results.last().unwrap().is_err());
    assert_eq!(events.names(), ["attempt 1", "first chunk", "failed"]);
    let call = events.end();
    assert_eq!((call.error_kind(), call.error_code()), (Some(ErrorKind::Service), Some("server_error")));
    assert_eq!((call.chunk_count(), call.finish_reasons()), (2, &[FinishReason::Length][..]));
}

#[tokio::test]
async fn a_stream_that_is_dropped_half_way_is_dropped_and_not_completed() {
    let server = serving("two streams", [ok_stream(whole_stream()), ok_stream(whole_stream())]).await;
    let (client, events) = watched(&server.uri());
    let mut stream = client.stream(&question()).await.unwrap();
    stream.try_next().await.unwrap().unwrap();
    drop(stream);
    let call = events.end();
    assert_eq!((call.end(), call.chunk_count(), call.usage()), (CallEnd::Dropped, 1, None));
    // into_completion ends it too
    let stream = client.stream(&question()).await.unwrap();
    stream.into_completion().unwrap_err();
    assert_eq!(events.names()[3..], ["attempt 1", "dropped"]);
}

#[tokio::test]
async fn every_view_of_a_stream_ends_its_call_once() {
    let answers: Vec<_> = (0..5).map(|_| ok_stream(body(&[delta("{\"a\":1}"), finish("stop")]))).collect();
    let server = serving("five streams", answers).await;
    let (client, events) = watched(&server.uri());
    let open = || async { client.stream(&question()).await.unwrap() };
    open().await.into_text().map_ok(drop).try_collect::<()>().await.unwrap();
    open().await.into_events().map_ok(drop).try_collect::<()>().await.unwrap();
    open().await.into_partial_json::<serde_json::Value>().map_ok(drop).try_collect::<()>().await.unwrap();
    open().await.finish().await.unwrap();
    let mut text = open().await.into_text();
    text.next().await.unwrap().unwrap();
    tokio::spawn(async move { drop(text) }).await.unwrap();
    let ends: Vec<_> = events.ends().iter().map(CallSummary::end).collect();
    let completed = CallEnd::Completed;
    assert_eq!(ends, [completed, completed, completed, completed, CallEnd::Dropped]);
}

#[tokio::test]
async fn another_backend_is_another_attempt_of_the_same_call() {
    let busy = serving("busy", [failing(429)]).await;
    let good = serving("good", [ok_json(&completion("hi")).insert_header("x-ms-region", "Sweden Central")]).await;
    let events = Events::default();
    let other = Backend::new(good.uri(), ApiKey::new(KEY)).priority(1).deployment("gpt", "gpt-sweden");
    let client =
        builder(busy.uri()).backend(other).retry(RetryPolicy::none()).observer(events.clone()).build().unwrap();
    client.complete(&question()).await.unwrap();
    assert_eq!(events.names(), ["attempt 1", "retry 1", "attempt 2", "completed"]);
    let called: Vec<_> =
        events.attempts().iter().map(|it| (it.endpoint().to_owned(), it.deployment().to_owned())).collect();
    assert_eq!(called, [(busy.uri(), "gpt".to_owned()), (good.uri(), "gpt-sweden".to_owned())]);
    assert_eq!(events.retries()[0].wait(), Duration::ZERO);
    let call = events.end();
    assert_eq!((call.deployment(), call.region()), ("gpt", Some("Sweden Central")));
    assert_eq!(call.metadata().unwrap().endpoint(), Some(good.uri().as_str()));
}

#[tokio::test]
async fn a_repaired_call_is_one_call_with_two_attempts() {
    let refusal =
        json!({"error": {"code": "unsupported_parameter", "param": "temperature", "message": "Unsupported parameter"}});
    let refused = ResponseTemplate::new(400).set_body_json(refusal);
    let server = serving("refused, then answered", [refused, ok_json(&completion("hi"))]).await;
    let events = Events::default();
    let client = builder(server.uri()).repair_once(true).observer(events.clone()).build().unwrap();
    let request = ChatCompletionRequest::builder("gpt").user("hi").temperature(0.5).build().unwrap();
    let answer = client.complete(&request).await.unwrap();
    assert_eq!(answer.metadata().repaired(), ["temperature"]);
    assert_eq!(events.names(), ["attempt 1", "attempt 2", "completed"]);
    assert_eq!(events.end().attempts(), answer.metadata().attempts());
}

#[tokio::test]
async fn another_operation_is_a_call_with_its_own_name() {
    let body = json!({"model": "text-embedding-3-small", "data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}});
    let server = serving("embeddings, then refused", [ok_json(&body), failing(404)]).await;
    let (client, events) = watched(&server.uri());
    client.post_json("embed", "embeddings", &json!({"input": "secret"})).await.unwrap();
    client.post_json("embed", "/embeddings", &json!({"input": "secret"})).await.unwrap_err();
    client.post_json("embed", "../x", &json!({})).await.unwrap_err();
    assert_eq!(events.names(), ["attempt 1", "completed", "attempt 1", "failed", "failed"]);
    let ends = events.ends();
    let call = &ends[0];
    assert_eq!((call.operation(), call.deployment(), call.is_stream()), ("embeddings", "embed", false));
    assert_eq!((call.model(), call.usage().unwrap().prompt_tokens()), (Some("text-embedding-3-small"), 8));
    assert_eq!((ends[1].operation(), ends[1].status()), ("embeddings", Some(404)));
    assert_eq!((ends[2].attempts(), ends[2].error_kind()), (0, Some(ErrorKind::Config)));
    assert!(!format!("{ends:?}").contains("secret"));
}

struct Panics;

impl Observer for Panics {
    fn on_attempt(&self, _: &AttemptEvent) {
        std::panic::panic_any("words of the caller");
    }

    fn on_retry(&self, _: &RetryEvent) {
        std::panic::panic_any("words of the caller");
    }

    fn on_first_chunk(&self, _: &FirstChunkEvent) {
        std::panic::panic_any("words of the caller");
    }

    fn on_end(&self, _: &CallSummary) {
        std::panic::panic_any("words of the caller");
    }
}

#[tokio::test]
async fn an_observer_that_panics_is_one_warning_and_the_next_gets_its_events() {
    let (log, _guard) = Log::listen(LevelFilter::WARN);
    let server = serving("two calls", [failing(500), ok_stream(whole_stream()), ok_stream(whole_stream())]).await;
    let events = Events::default();
    let client = builder(server.uri()).observer(Panics).observer(Arc::new(events.clone())).build().unwrap();
    client.stream(&question()).await.unwrap().finish().await.unwrap();
    drop(client.stream(&question()).await.unwrap());
    let expected = ["attempt 1", "retry 1", "attempt 2", "first chunk", "completed", "attempt 1", "dropped"];
    assert_eq!(events.names(), expected);
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("WARN") && lines[0].contains("an observer panicked"), "{lines:#?}");
    assert!(!lines[0].contains("words of the caller"), "{lines:#?}");
}

#[tokio::test]
async fn each_deployment_has_lines_of_its_own() {
    let (log, _guard) = Log::listen(LevelFilter::DEBUG);
    let server = serving("two calls", [ok_json(&completion("a")), failing(404)]).await;
    let client = builder(server.uri()).build().unwrap();
    for name in ["triage", "drafts"] {
        let request = ChatCompletionRequest::builder(name).user("hi").build().unwrap();
        let _ = client.complete(&request).await;
    }
    let ends = log.lines().into_iter().filter(|line| line.contains("ended")).collect::<Vec<_>>();
    assert!(ends[0].contains("deployment=\"triage\"") && ends[0].contains("end=\"completed\""), "{ends:#?}");
    assert!(ends[1].contains("deployment=\"drafts\"") && ends[1].contains("end=\"failed\""), "{ends:#?}");
}

#[tokio::test]
async fn debug_lines_name_the_deployment_and_how_a_call_ended_without_an_observer() {
    let (log, _guard) = Log::listen(LevelFilter::DEBUG);
    let answers = [
        failing(500),
        ok_json(&completion("secret answer")),
        ok_stream(whole_stream()),
        ok_stream(whole_stream()),
        failing(404),
    ];
    let server = serving("four calls", answers).await;
    let client = builder(server.uri()).build().unwrap();
    client.complete(&question()).await.unwrap();
    client.stream(&question()).await.unwrap().finish().await.unwrap();
    drop(client.stream(&question()).await.unwrap());
    client.complete(&question()).await.unwrap_err();
    let lines = log.lines();
    assert!(lines.iter().all(|line| line.contains("deployment=\"gpt\"")), "{lines:#?}");
    let ends: Vec<_> = lines.iter().filter(|line| line.contains("ended")).collect();
    assert_eq!(ends.len(), 4, "{lines:#?}");
    for (line, words) in ends.iter().zip([
        &[
            "end=\"completed\"",
            "attempts=2",
            "completion_tokens=2",
            "finish_reasons=\"stop\"",
            "operation=\"chat/completions\"",
        ][..],
        &["end=\"completed\"", "chunks=4", "time_to_first_chunk_ms=", "attempts=1"],
        &["end=\"dropped\"", "chunks=0"],
        &["end=\"failed\"", "kind=", "status=404", "code=\"404\""],
    ]) {
        assert!(words.iter().all(|word| line.contains(word)), "{words:?} in {line}");
    }
    assert!(lines.iter().any(|line| line.contains("trying again") && line.contains("cause=status 500")), "{lines:#?}");
    assert!(!lines.concat().contains("secret") && !lines.concat().contains("sky"), "{lines:#?}");
}
