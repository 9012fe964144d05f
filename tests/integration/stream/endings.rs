//! How a stream ends, well or badly, and what is left when it breaks.

use std::time::Duration;

use azure_openai_chat::{CallOptions, ChatCompletionRequest, ChatCompletionStream, Error, ErrorKind};
use azure_openai_emulator::{Answer, Emulator, Fault};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use wiremock::ResponseTemplate;

use super::{SHORT, mini, opened};
use crate::support::{
    RawServer, Step, builder, client, completion, delta, end, event, events, finish, ok_stream, pass, piece, question,
    send, serving, shown, streaming, until,
};

/// Reads to the end, which is expected to be bad.
async fn broken(stream: &mut ChatCompletionStream) -> Error {
    while let Some(chunk) = stream.next().await {
        if let Err(error) = chunk {
            assert!(stream.next().await.is_none(), "after an error there is nothing");
            return error;
        }
    }
    panic!("the stream ended well");
}

#[tokio::test]
async fn a_stream_that_stops_is_interrupted_and_keeps_what_came() {
    let half = event(&delta("Hel"));
    let close_delimited = |body: String| vec![send(format!("HTTP/1.1 200 OK\r\n\r\n{body}")), Step::Close];
    for (what, steps) in [
        ("cut between events", streaming([piece(half.clone()), Step::Pause(SHORT), Step::Close])),
        ("ended in order", streaming([piece(half.clone()), end()])),
        ("ended by closing", close_delimited(half.clone())),
        ("cut in an event", streaming([piece(half.clone() + "data: {\"choices\":[{\"index\":0,\"del"), end()])),
        ("cut in a line end", streaming([piece(half.clone() + "data"), end()])),
        (
            "short of its length",
            vec![send(format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{half}")), Step::Close],
        ),
    ] {
        let (mut stream, server) = opened(steps).await;
        let error = broken(&mut stream).await;
        assert_eq!(
            (error.kind(), error.status(), error.attempts()),
            (ErrorKind::Interrupted, Some(200), 1),
            "{what}: {error}"
        );
        assert!(error.is_retryable(), "{what}");
        assert_eq!(stream.partial().text(), Some("Hel"), "{what}");
        assert!(!stream.is_complete(), "{what}");
        assert!(!shown(&error).contains("Hel"), "{what}: {error:?}");
        assert_eq!(stream.into_completion().unwrap_err().to_string(), error.to_string(), "{what}");
        assert_eq!(server.requests().len(), 1, "{what}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_an_interruption() {
    let emulator = Emulator::builder().script("gpt-4o-mini", Answer::words(50)).start().await.unwrap();
    emulator.inject(Fault::cut_after(12));
    let mut stream = client(emulator.endpoint()).stream(&mini("count")).await.unwrap();
    let error = broken(&mut stream).await;
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(stream.partial().text().unwrap().starts_with("1 2 3"));
    assert_eq!(emulator.requests().len(), 1);
}

#[tokio::test]
async fn nothing_at_all_is_an_interruption() {
    let empty = ResponseTemplate::new(200).set_body_raw("", "text/event-stream");
    let server = serving("an empty stream", vec![empty; 3]).await;
    // nothing was handed out, so it is asked for again
    let error = client(server.uri()).stream(&question()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Interrupted, 3));
    assert_eq!(error.to_string(), "deployment 'gpt': the answer ended before its first event; 3 attempts");
}

#[tokio::test]
async fn every_finish_reason_and_the_end_are_a_good_end_too() {
    let (mut stream, _server) =
        opened(streaming([piece(event(&delta("Hello")) + &event(&finish("stop"))), end()])).await;
    while stream.try_next().await.unwrap().is_some() {}
    assert!(stream.is_complete());
    assert_eq!(stream.into_completion().unwrap().text(), Some("Hello"));
}

#[tokio::test]
async fn one_of_two_choices_is_not_all() {
    let body = event(&json!({"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}]}));
    let server = serving("a stream of two choices", [ok_stream(body)]).await;
    let request = ChatCompletionRequest::builder("gpt").user("hi").n(2).build().unwrap();
    let mut stream = client(server.uri()).stream(&request).await.unwrap();
    assert_eq!(broken(&mut stream).await.kind(), ErrorKind::Interrupted);
}

#[tokio::test]
async fn an_error_inside_of_a_stream_is_the_services() {
    for (error, named, kind, retryable) in [
        (
            json!({"error": {"message": "The server had an error", "type": "server_error", "param": null, "code": null}}),
            false,
            ErrorKind::Service,
            true,
        ),
        (json!({"error": {"message": "slow down", "code": "429"}}), false, ErrorKind::RateLimited, true),
        (json!({"error": {"message": "no", "code": "content_filter"}}), false, ErrorKind::ContentFiltered, false),
        (json!({"error": {"message": "no", "code": "bad", "param": "seed"}}), false, ErrorKind::Service, false),
        (json!({"message": "no", "code": "bad"}), true, ErrorKind::Service, false),
        (json!("no"), true, ErrorKind::Service, false),
    ] {
        let name = if named { "event: error\n" } else { "" };
        let body = format!("{}{name}{}data: [DONE]\n\n", event(&delta("Hel")), event(&error));
        let server = serving("an error in a stream", [ok_stream(body)]).await;
        let mut stream = client(server.uri()).stream(&question()).await.unwrap();
        let met = broken(&mut stream).await;
        assert_eq!((met.kind(), met.status(), met.is_retryable()), (kind, Some(200), retryable), "{error}: {met}");
        let inner = if error["error"].is_object() { &error["error"] } else { &error };
        assert_eq!((met.code(), met.param()), (inner["code"].as_str(), inner["param"].as_str()), "{error}");
        assert!(met.to_string().starts_with("deployment 'gpt' answered 200 and then sent an error"), "{met}");
        assert_eq!(stream.partial().text(), Some("Hel"));
        assert!(!stream.is_complete());
    }
}

#[tokio::test]
async fn what_is_no_stream_is_told_without_showing_it() {
    for (body, kind, words) in [
        ("<html>canary</html>".to_owned(), ErrorKind::Decode, "a page of HTML, not an event stream"),
        (completion("canary").to_string(), ErrorKind::Decode, "one JSON body, not an event stream"),
        (
            json!({"error": {"code": "bad", "message": "canary"}}).to_string(),
            ErrorKind::Service,
            "(bad); message() has the service's text",
        ),
        ("data: canary\n\n".to_owned(), ErrorKind::Decode, ""),
        ("data: {\"choices\": canary}\n\n".to_owned(), ErrorKind::Decode, ""),
    ] {
        let server = serving("no stream", [ok_stream(body.clone())]).await;
        let mut stream = client(server.uri()).stream(&question()).await.unwrap();
        let error = broken(&mut stream).await;
        assert_eq!((error.kind(), error.status()), (kind, Some(200)), "{body}: {error}");
        assert!(error.to_string().contains(words), "{body}: {error}");
        assert!(!shown(&error).contains("canary"), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn an_event_beyond_the_limit_is_refused_and_what_came_before_is_kept() {
    let body = event(&delta("Hel")) + &event(&delta(&"canary".repeat(1000)));
    let server = serving("a long event", [ok_stream(body)]).await;
    let client = builder(server.uri()).max_event_bytes(2000).build().unwrap();
    let mut stream = client.stream(&question()).await.unwrap();
    let error = broken(&mut stream).await;
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(!shown(&error).contains("canary"), "{error:?}");
    assert_eq!(stream.partial().text(), Some("Hel"));
}

#[tokio::test]
async fn silence_ends_a_stream_and_its_connection() {
    let (stream, server) = opened(streaming([piece(event(&delta("Hel"))), Step::Hang])).await;
    drop(stream);
    until(|| server.hung_up() == 1).await;

    let client = builder(&server.url).stream_idle_timeout(Duration::from_millis(100)).build().unwrap();
    let mut stream = client.stream(&question()).await.unwrap();
    let error = broken(&mut stream).await;
    assert_eq!((error.kind(), error.status()), (ErrorKind::Timeout, Some(200)));
    assert!(error.may_have_reached_service());
    assert_eq!(error.to_string(), "deployment 'gpt': the stream was silent for 0.1 s");
    assert_eq!(stream.partial().text(), Some("Hel"));
    until(|| server.hung_up() == 2).await;
    assert_eq!(server.requests().len(), 2, "a stream that began is not asked for again");
}

#[tokio::test]
async fn comments_break_the_silence() {
    let mut steps = vec![piece(event(&delta("Hel")))];
    for _ in 0..8 {
        steps.extend([Step::Pause(Duration::from_millis(100)), piece(": still here\n\n")]);
    }
    steps.extend([piece(events(&[delta("lo"), finish("stop")])), end()]);
    let server = RawServer::start([streaming(steps)]).await;
    let client = builder(&server.url).stream_idle_timeout(Duration::from_millis(600)).build().unwrap();
    let mut stream = client.stream(&question()).await.unwrap();
    let words: Vec<String> = stream.text().try_collect().await.unwrap();
    assert_eq!(words.concat(), "Hello");
}

#[tokio::test]
async fn comments_are_no_first_event() {
    let mut steps = Vec::new();
    for _ in 0..400 {
        steps.extend([piece(": wait\n\n"), Step::Pause(SHORT)]);
    }
    let server = RawServer::start([streaming(steps)]).await;
    let options = CallOptions::new().first_event_timeout(Duration::from_millis(200));
    let mut stream = client(&server.url).stream_with(&question(), &options).await.unwrap();
    let error = broken(&mut stream).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.to_string(), "deployment 'gpt': no first event within 0.2 s");
}

#[tokio::test]
async fn after_the_first_event_its_clock_stands_still() {
    let mut steps = Vec::new();
    for word in ["a", "b", "c", "d", "e"] {
        steps.extend([piece(event(&delta(word))), Step::Pause(Duration::from_millis(120))]);
    }
    steps.extend([piece(events(&[finish("stop")])), end()]);
    let server = RawServer::start([streaming(steps)]).await;
    let options = CallOptions::new().first_event_timeout(Duration::from_millis(400));
    let mut stream = client(&server.url).stream_with(&question(), &options).await.unwrap();
    let words: Vec<String> = stream.text().try_collect().await.unwrap();
    assert_eq!(words.concat(), "abcde");
}

#[tokio::test]
async fn a_first_chunk_that_is_like_one_of_another_stream_stops_the_clock_too() {
    let mut steps = vec![piece(": wait\n\n"), Step::Pause(SHORT)];
    for word in ["a", "b", "c", "d", "e"] {
        steps.extend([piece(event(&delta(word))), Step::Pause(Duration::from_millis(120))]);
    }
    steps.extend([piece(events(&[finish("stop")])), end()]);
    let server = RawServer::start([streaming(steps)]).await;
    let client = client(&server.url);
    let options = CallOptions::new().first_event_timeout(Duration::from_millis(400));
    for _ in 0..2 {
        let mut stream = client.stream_with(&question(), &options).await.unwrap();
        let words: Vec<String> = stream.text().try_collect().await.unwrap();
        assert_eq!(words.concat(), "abcde");
    }
}

#[tokio::test]
async fn the_deadline_ends_a_stream_that_goes_on() {
    let mut steps = Vec::new();
    for _ in 0..400 {
        steps.extend([piece(event(&delta("a"))), Step::Pause(SHORT)]);
    }
    let server = RawServer::start([streaming(steps)]).await;
    let options = CallOptions::new().total_timeout(Duration::from_millis(200));
    let mut stream = client(&server.url).stream_with(&question(), &options).await.unwrap();
    let error = broken(&mut stream).await;
    assert_eq!(error.to_string(), "deployment 'gpt': the total timeout of 0.2 s has passed");
    assert!(stream.partial().text().unwrap().starts_with('a'));
}

#[tokio::test]
async fn a_slow_reader_is_not_silence() {
    let pieces = [piece(event(&delta("Hel"))), piece(events(&[delta("lo"), finish("stop")])), end()];
    let server = RawServer::start([streaming(pieces)]).await;
    let client = builder(&server.url).stream_idle_timeout(Duration::from_millis(50)).build().unwrap();
    let mut stream = client.stream(&question()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    pass(Duration::from_millis(200)).await;
    while stream.try_next().await.unwrap().is_some() {}
    assert_eq!(stream.into_completion().unwrap().text(), Some("Hello"));
}
