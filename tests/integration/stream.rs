//! Streamed answers: what arrives and in which order, how a stream ends, and what is left when it breaks.

use std::time::Duration;

use azure_openai_chat::emulator::{Answer, Emulator, Fault};
use azure_openai_chat::{
    ApiVersion, CallOptions, ChatCompletionRequest, ChatCompletionStream, Deployment, Error, ErrorKind, FinishReason,
    Model, StreamEvent, StreamOptions,
};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{
    RawServer, Step, builder, chain, client, completion, delta, event, events, files, finish, fixture, in_pieces,
    ok_stream, question, read, read_pieces, sent_bodies, sent_headers, serving, shared, shown, streaming, until,
    untouched,
};

const SHORT: Duration = Duration::from_millis(20);

fn mini(words: &str) -> ChatCompletionRequest {
    ChatCompletionRequest::builder("gpt-4o-mini")
        .user(words)
        .build()
        .unwrap()
}

/// Opens a stream to a server of raw sockets that answers once.
async fn opened(steps: Vec<Step>) -> (ChatCompletionStream, RawServer) {
    let server = RawServer::start([steps]).await;
    let stream = client(&server.url).stream(&question()).await.unwrap();
    (stream, server)
}

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
async fn every_recorded_stream_is_the_same_over_http() {
    let Some(folder) = shared("wire/streams") else { return };
    for (name, body) in files(&folder, ".sse") {
        let from_file = read_pieces(in_pieces(body.as_bytes(), body.len())).await;
        let meta = std::fs::read_to_string(folder.join(name.replace(".sse", ".meta.json"))).unwrap();
        let meta: Value = serde_json::from_str(&meta).unwrap();
        let mut answer = ok_stream(body.clone());
        let headers = meta["headers"].as_object().unwrap();
        let kept = |name: &str| name != "transfer-encoding" && name != "content-type";
        for (header, value) in headers.iter().filter(|(header, _)| kept(header)) {
            answer = answer.insert_header(header.as_str(), value.as_str().unwrap());
        }
        let server = serving(&name, [answer]).await;
        let stream = client(server.uri()).stream(&question()).await.unwrap();
        let metadata = stream.metadata().clone();
        let over_http = read(stream).await;
        assert!(over_http.end.is_ok(), "{name}: {:?}", over_http.end);
        assert_eq!(over_http.chunks, from_file.chunks, "{name}");
        assert_eq!(over_http.whole, from_file.whole, "{name}");
        for (header, value) in headers.iter().filter(|(header, _)| kept(header)) {
            assert_eq!(metadata.header(header), value.as_str(), "{name}");
        }
    }
}

#[tokio::test]
async fn every_recorded_stream_may_come_in_small_pieces() {
    let Some(folder) = shared("wire/streams") else { return };
    for (name, body) in files(&folder, ".sse") {
        let from_file = read_pieces(in_pieces(body.as_bytes(), body.len())).await;
        // not between the bytes of a character, which is for the readers of bytes to test
        let letters: Vec<char> = body.chars().collect();
        let pieces = letters.chunks(97).map(|piece| Step::Piece(piece.iter().collect()));
        let server = RawServer::start([streaming(pieces.chain([Step::End]))]).await;
        let over_http = read(client(&server.url).stream(&question()).await.unwrap()).await;
        assert!(over_http.end.is_ok(), "{name}: {:?}", over_http.end);
        assert_eq!(over_http.chunks, from_file.chunks, "{name}");
        assert_eq!(over_http.whole, from_file.whole, "{name}");
    }
}

#[tokio::test]
async fn a_stream_as_a_gateway_may_rewrite_it_reads_the_same() {
    let body = fixture("integration_rewritten_by_a_gateway.sse");
    let letters: Vec<char> = body.chars().collect();
    for size in [1, 5, letters.len()] {
        let pieces = letters.chunks(size).map(|piece| Step::Piece(piece.iter().collect()));
        let server = RawServer::start([streaming(pieces.chain([Step::End]))]).await;
        let reading = read(client(&server.url).stream(&question()).await.unwrap()).await;
        assert!(reading.end.is_ok(), "{:?}", reading.end);
        assert_eq!(reading.chunks.len(), 7);
        let choice = &reading.whole["choices"][0];
        assert_eq!(choice["message"]["content"], "Grüße, 世界 😄");
        assert_eq!(choice["finish_reason"], "stop");
        assert_eq!(choice["content_filter_results"]["violence"]["severity"], "low");
        assert_eq!(reading.whole["usage"]["total_tokens"], 12);
        assert_eq!(reading.whole["id"], "chatcmpl-made-up");
    }
}

#[tokio::test]
async fn chunks_come_in_azures_order_and_add_up() {
    let script = Answer::text("one two");
    let emulator = Emulator::builder().script("gpt-4o-mini", script).start().await.unwrap();
    let stream = client(emulator.endpoint()).stream(&mini("count")).await.unwrap();
    assert_eq!((stream.metadata().status(), stream.chunk_count()), (200, 0));
    assert!(!stream.is_complete());
    let reading = read(stream).await;
    let kinds: Vec<&str> = reading.chunks.iter().map(kind_of).collect();
    let content = kinds.iter().filter(|kind| **kind == "content").count();
    assert!(content >= 2, "{kinds:?}");
    let mut expected = vec!["prompt filter", "role"];
    expected.extend(vec!["content"; content]);
    expected.extend(["finish", "usage"]);
    assert_eq!(kinds, expected);
    assert_eq!(reading.whole["choices"][0]["message"]["content"], "one two");
    assert!(reading.whole["usage"]["total_tokens"].as_u64().unwrap() > 0);
    assert!(reading.whole["prompt_filter_results"][0]["content_filter_results"]["hate"].is_object());
}

fn kind_of(chunk: &Value) -> &'static str {
    let choice = &chunk["choices"][0];
    match () {
        () if chunk["prompt_filter_results"].is_array() => "prompt filter",
        () if chunk["usage"].is_object() => "usage",
        () if choice["finish_reason"].is_string() => "finish",
        () if choice["delta"]["role"].is_string() => "role",
        () if choice["delta"]["content"].is_string() => "content",
        () => "other",
    }
}

#[tokio::test]
async fn a_stream_is_read_as_text_as_events_or_as_a_whole() {
    let body = events(&[
        json!({"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": false, "severity": "safe"}}}]}),
        json!({"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}),
        json!({"id": "c", "choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]}),
        delta("Hel"),
        delta("lo"),
        json!({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}}]}}]}),
        json!({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{\"a\":1}"}}]}}]}),
        finish("tool_calls"),
        json!({"id": "c", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}),
    ]);
    let server = serving("the same stream four times", vec![ok_stream(body); 4]).await;
    let client = client(server.uri());

    let mut stream = client.stream(&question()).await.unwrap();
    let words: Vec<String> = stream.text().try_collect().await.unwrap();
    assert_eq!(words, ["Hel", "lo"]);
    assert!(stream.is_complete());
    assert_eq!(stream.into_completion().unwrap().usage().total_tokens(), 3);

    let mut stream = client.stream(&question()).await.unwrap();
    let told: Vec<StreamEvent> = stream.events().try_collect().await.unwrap();
    let names: Vec<String> = told
        .iter()
        .map(|event| format!("{event:?}").split([' ', '(']).next().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "PromptFilter",
            "Reasoning",
            "Content",
            "Content",
            "ToolCallStarted",
            "ToolCallArguments",
            "ToolCallDone",
            "Finished",
            "Usage"
        ]
    );
    let Some(StreamEvent::ToolCallDone { tool_call, .. }) = told.get(6) else {
        panic!("{told:?}")
    };
    assert_eq!(
        serde_json::to_value(tool_call).unwrap()["function"],
        json!({"name": "look", "arguments": "{\"a\":1}"})
    );

    let mut stream = client.stream(&question()).await.unwrap();
    while let Some(chunk) = stream.try_next().await.unwrap() {
        assert!(chunk.text() != Some("lo") || stream.partial().text() == Some("Hello"));
    }
    let completion = stream.into_completion().unwrap();
    assert_eq!(completion.text(), Some("Hello"));
    assert_eq!(completion.finish_reason(), Some(&FinishReason::ToolCalls));
    assert_eq!(completion.message().unwrap().reasoning_content.as_deref(), Some("hm"));
    assert_eq!(completion.metadata().status(), 200);

    let stream = client.stream(&question()).await.unwrap();
    let error = stream.into_completion().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted, "it was not read");
}

#[tokio::test]
async fn usage_is_asked_for_where_the_version_has_it_and_the_caller_does_not_mind() {
    let with = |options: Option<StreamOptions>| {
        let builder = ChatCompletionRequest::builder("gpt").user("hi");
        let builder = match options {
            Some(options) => builder.stream_options(options),
            None => builder,
        };
        builder.build().unwrap()
    };
    let (wanted, unwanted) = (
        StreamOptions::new().include_usage(true),
        StreamOptions::new().include_usage(false),
    );
    let padded = StreamOptions::new().include_obfuscation(false);
    let asked = json!({"include_usage": true});
    for (version, options, expected) in [
        (ApiVersion::V1, None, Some(asked.clone())),
        (ApiVersion::V2024_09_01_PREVIEW, None, Some(asked.clone())),
        (ApiVersion::V2025_04_01_PREVIEW, None, Some(asked.clone())),
        (ApiVersion::V2024_10_21, None, None),
        (ApiVersion::V2024_06_01, None, None),
        (ApiVersion::V1, Some(unwanted), None),
        (
            ApiVersion::V1,
            Some(padded),
            Some(json!({"include_usage": true, "include_obfuscation": false})),
        ),
        // the caller knows better than the documents
        (ApiVersion::V2024_10_21, Some(wanted), Some(asked.clone())),
    ] {
        let server = serving("a stream", [ok_stream(events(&[finish("stop")]))]).await;
        let client = builder(server.uri()).api_version(version.clone()).build().unwrap();
        let request = with(options);
        client.stream(&request).await.unwrap();
        let sent = &sent_bodies(&server).await[0];
        assert_eq!(sent.get("stream_options"), expected.as_ref(), "{version}");
        assert_eq!(sent["stream"], true);
        assert_eq!(sent, &serde_json::to_value(request.body(&version, true)).unwrap());
        assert_eq!(sent_headers(&server, "accept").await, ["text/event-stream"]);
    }
}

#[tokio::test]
async fn a_stream_that_stops_is_interrupted_and_keeps_what_came() {
    let half = event(&delta("Hel"));
    let close_delimited = |body: String| vec![Step::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{body}"))];
    for (what, steps) in [
        (
            "cut between events",
            streaming([Step::Piece(half.clone()), Step::Pause(SHORT)]),
        ),
        ("ended in order", streaming([Step::Piece(half.clone()), Step::End])),
        ("ended by closing", close_delimited(half.clone())),
        (
            "cut in an event",
            streaming([
                Step::Piece(half.clone() + "data: {\"choices\":[{\"index\":0,\"del"),
                Step::End,
            ]),
        ),
        (
            "cut in a line end",
            streaming([Step::Piece(half.clone() + "data"), Step::End]),
        ),
        (
            "short of its length",
            vec![Step::Raw(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{half}"
            ))],
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
        let error = stream.into_completion().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{what}");
        assert_eq!(server.requests().len(), 1, "{what}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_an_interruption() {
    let emulator = Emulator::builder()
        .script("gpt-4o-mini", Answer::words(50))
        .start()
        .await
        .unwrap();
    emulator.inject(Fault::cut_after(12));
    let mut stream = client(emulator.endpoint()).stream(&mini("count")).await.unwrap();
    let error = broken(&mut stream).await;
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(stream.partial().text().unwrap().starts_with("1 2 3"));
    assert_eq!(emulator.journal().len(), 1);
}

#[tokio::test]
async fn nothing_at_all_is_an_interruption() {
    let empty = ResponseTemplate::new(200).set_body_raw("", "text/event-stream");
    let server = serving("an empty stream", [empty]).await;
    let mut stream = client(server.uri()).stream(&question()).await.unwrap();
    let error = broken(&mut stream).await;
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(error.to_string(), "the stream ended before its first event");
}

#[tokio::test]
async fn every_finish_reason_and_the_end_are_a_good_end_too() {
    let (mut stream, _server) = opened(streaming([
        Step::Piece(event(&delta("Hello")) + &event(&finish("stop"))),
        Step::End,
    ]))
    .await;
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
        (
            json!({"error": {"message": "slow down", "code": "429"}}),
            false,
            ErrorKind::RateLimited,
            true,
        ),
        (
            json!({"error": {"message": "no", "code": "content_filter"}}),
            false,
            ErrorKind::ContentFiltered,
            false,
        ),
        (
            json!({"error": {"message": "no", "code": "bad", "param": "seed"}}),
            false,
            ErrorKind::Service,
            false,
        ),
        (json!({"message": "no", "code": "bad"}), true, ErrorKind::Service, false),
        (json!("no"), true, ErrorKind::Service, false),
    ] {
        let name = if named { "event: error\n" } else { "" };
        let body = format!("{}{name}{}data: [DONE]\n\n", event(&delta("Hel")), event(&error));
        let server = serving("an error in a stream", [ok_stream(body)]).await;
        let mut stream = client(server.uri()).stream(&question()).await.unwrap();
        let met = broken(&mut stream).await;
        assert_eq!(
            (met.kind(), met.status(), met.is_retryable()),
            (kind, Some(200), retryable),
            "{error}: {met}"
        );
        let inner = if error["error"].is_object() {
            &error["error"]
        } else {
            &error
        };
        assert_eq!(
            (met.code(), met.param()),
            (inner["code"].as_str(), inner["param"].as_str()),
            "{error}"
        );
        assert!(
            met.to_string()
                .starts_with("deployment 'gpt' answered 200 and then sent an error"),
            "{met}"
        );
        assert_eq!(stream.partial().text(), Some("Hel"));
        assert!(!stream.is_complete());
    }
}

#[tokio::test]
async fn what_is_no_stream_is_told_without_showing_it() {
    for (body, kind, words) in [
        (
            "<html>canary</html>".to_owned(),
            ErrorKind::Decode,
            "a page of HTML, not an event stream",
        ),
        (
            completion("canary").to_string(),
            ErrorKind::Decode,
            "one JSON body, not an event stream",
        ),
        (
            json!({"error": {"code": "bad", "message": "no"}}).to_string(),
            ErrorKind::Service,
            "(bad): no",
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
    let (stream, server) = opened(streaming([Step::Piece(event(&delta("Hel"))), Step::Hang])).await;
    drop(stream);
    until(|| server.ended() == 1).await;

    let client = builder(&server.url)
        .stream_idle_timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    let mut stream = client.stream(&question()).await.unwrap();
    let error = broken(&mut stream).await;
    assert_eq!((error.kind(), error.status()), (ErrorKind::Timeout, Some(200)));
    assert_eq!(error.to_string(), "the stream was silent for 0.1 s");
    assert_eq!(stream.partial().text(), Some("Hel"));
    until(|| server.ended() == 2).await;
    assert_eq!(server.requests().len(), 2, "a stream that began is not asked for again");
}

#[tokio::test]
async fn comments_break_the_silence() {
    let mut steps = vec![Step::Piece(event(&delta("Hel")))];
    for _ in 0..8 {
        steps.extend([
            Step::Pause(Duration::from_millis(100)),
            Step::Piece(": still here\n\n".to_owned()),
        ]);
    }
    steps.extend([Step::Piece(events(&[delta("lo"), finish("stop")])), Step::End]);
    let server = RawServer::start([streaming(steps)]).await;
    let client = builder(&server.url)
        .stream_idle_timeout(Duration::from_millis(600))
        .build()
        .unwrap();
    let mut stream = client.stream(&question()).await.unwrap();
    let words: Vec<String> = stream.text().try_collect().await.unwrap();
    assert_eq!(words.concat(), "Hello");
}

#[tokio::test]
async fn comments_are_no_first_event() {
    let mut steps = Vec::new();
    for _ in 0..400 {
        steps.extend([Step::Piece(": wait\n\n".to_owned()), Step::Pause(SHORT)]);
    }
    let server = RawServer::start([streaming(steps)]).await;
    let options = CallOptions::new().first_event_timeout(Duration::from_millis(200));
    let mut stream = client(&server.url).stream_with(&question(), &options).await.unwrap();
    let error = broken(&mut stream).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.to_string(), "no first event within 0.2 s");
}

#[tokio::test]
async fn the_deadline_ends_a_stream_that_goes_on() {
    let mut steps = Vec::new();
    for _ in 0..400 {
        steps.extend([Step::Piece(event(&delta("a"))), Step::Pause(SHORT)]);
    }
    let server = RawServer::start([streaming(steps)]).await;
    let options = CallOptions::new().deadline(Duration::from_millis(200));
    let mut stream = client(&server.url).stream_with(&question(), &options).await.unwrap();
    let error = broken(&mut stream).await;
    assert_eq!(error.to_string(), "the deadline of 0.2 s has passed");
    assert!(stream.partial().text().unwrap().starts_with('a'));
}

#[tokio::test]
async fn a_slow_reader_is_not_silence() {
    let pieces = [
        Step::Piece(event(&delta("Hel"))),
        Step::Piece(events(&[delta("lo"), finish("stop")])),
        Step::End,
    ];
    let server = RawServer::start([streaming(pieces)]).await;
    let client = builder(&server.url)
        .stream_idle_timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    let mut stream = client.stream(&question()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    while stream.try_next().await.unwrap().is_some() {}
    assert_eq!(stream.into_completion().unwrap().text(), Some("Hello"));
}

#[tokio::test]
async fn dropping_a_stream_closes_its_connection() {
    let (mut stream, server) = opened(streaming([Step::Piece(event(&delta("Hel"))), Step::Hang])).await;
    stream.next().await.unwrap().unwrap();
    assert_eq!(server.ended(), 0);
    drop(stream);
    until(|| server.ended() == 1).await;
}

#[tokio::test]
async fn finished_streams_share_one_connection() {
    let whole = events(&[delta("Hello"), finish("stop")]);
    // the end of the body comes only after the caller has left
    let late = streaming([Step::Piece(whole), Step::Pause(SHORT), Step::End]);
    let server = RawServer::start([late]).await;
    let client = client(&server.url);
    for _ in 0..5 {
        let mut stream = client.stream(&question()).await.unwrap();
        while stream.try_next().await.unwrap().is_some() {}
        assert_eq!(stream.into_completion().unwrap().text(), Some("Hello"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((server.requests().len(), server.connections()), (5, 1));
}

#[tokio::test]
async fn a_model_that_does_not_stream_is_not_asked_to() {
    let emulator = Emulator::start().await.unwrap();
    let o1 = Deployment::new("o1-new").model(Model::O1_2024_12_17);
    let request = ChatCompletionRequest::builder(o1)
        .user("hi")
        .max_completion_tokens(30_000)
        .build()
        .unwrap();
    let error = client(emulator.endpoint()).stream(&request).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidRequest, 0));
    assert!(chain(&error).concat().contains("does not stream"), "{error:?}");
    assert!(emulator.journal().is_empty());
    client(emulator.endpoint()).complete(&request).await.unwrap();

    let server = untouched("a stream from o1").await;
    assert!(client(server.uri()).stream(&request).await.is_err());
}
