//! Streamed answers: what is asked for, what arrives and in which order, and what becomes of the connection.

mod endings;

use std::time::Duration;

use azure_openai_chat::{
    ApiVersion, ChatCompletionRequest, ChatCompletionStream, Deployment, ErrorKind, FinishReason, Model, StreamEvent,
    StreamOptions,
};
use azure_openai_emulator::{Answer, Emulator};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{
    RawServer, Step, builder, client, delta, end, event, events, files, finish, fixture, in_pieces, ok_stream, piece,
    question, read, read_pieces, sent_bodies, sent_headers, serving, shared, streaming, until, untouched,
};

const SHORT: Duration = Duration::from_millis(20);

fn mini(words: &str) -> ChatCompletionRequest {
    ChatCompletionRequest::builder("gpt-4o-mini").user(words).build().unwrap()
}

/// Opens a stream to a server of raw sockets that answers once.
async fn opened(steps: Vec<Step>) -> (ChatCompletionStream, RawServer) {
    let server = RawServer::start([steps]).await;
    let stream = client(&server.url).stream(&question()).await.unwrap();
    (stream, server)
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
        let parts = letters.chunks(97).map(|letters| piece(letters.iter().collect::<String>()));
        let server = RawServer::start([streaming(parts.chain([end()]))]).await;
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
        let parts = letters.chunks(size).map(|letters| piece(letters.iter().collect::<String>()));
        let server = RawServer::start([streaming(parts.chain([end()]))]).await;
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
    let names: Vec<String> =
        told.iter().map(|event| format!("{event:?}").split([' ', '(']).next().unwrap().to_owned()).collect();
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
    let Some(StreamEvent::ToolCallDone { tool_call, .. }) = told.get(6) else { panic!("{told:?}") };
    assert_eq!(serde_json::to_value(tool_call).unwrap()["function"], json!({"name": "look", "arguments": "{\"a\":1}"}));

    let mut stream = client.stream(&question()).await.unwrap();
    while let Some(chunk) = stream.try_next().await.unwrap() {
        assert!(chunk.text() != Some("lo") || stream.partial().text() == Some("Hello"));
    }
    let completion = stream.into_completion().unwrap();
    assert_eq!(completion.text(), Some("Hello"));
    assert_eq!(completion.finish_reason(), Some(&FinishReason::ToolCalls));
    assert_eq!(completion.message().unwrap().reasoning_content(), Some("hm"));
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
    let (wanted, unwanted) = (StreamOptions::new().include_usage(true), StreamOptions::new().include_usage(false));
    let padded = StreamOptions::new().include_obfuscation(false);
    let asked = json!({"include_usage": true});
    for (version, options, expected) in [
        (ApiVersion::V1, None, Some(asked.clone())),
        (ApiVersion::V2024_09_01_PREVIEW, None, Some(asked.clone())),
        (ApiVersion::V2025_04_01_PREVIEW, None, Some(asked.clone())),
        (ApiVersion::V2024_10_21, None, None),
        (ApiVersion::V2024_06_01, None, None),
        (ApiVersion::V1, Some(unwanted), None),
        (ApiVersion::V1, Some(padded), Some(json!({"include_usage": true, "include_obfuscation": false}))),
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
async fn what_the_body_is_called_does_not_matter() {
    for called in ["application/json", "text/plain; charset=utf-8", "text/html"] {
        let body = events(&[delta("Hello"), finish("stop")]);
        let answer = ResponseTemplate::new(200).set_body_raw(body, called);
        let server = serving(called, [answer]).await;
        let mut stream = client(server.uri()).stream(&question()).await.unwrap();
        while stream.try_next().await.unwrap().is_some() {}
        assert_eq!(stream.into_completion().unwrap().text(), Some("Hello"), "{called}");
    }
}

#[tokio::test]
async fn dropping_a_stream_closes_its_connection() {
    let (mut stream, server) = opened(streaming([piece(event(&delta("Hel"))), Step::Hang])).await;
    stream.next().await.unwrap().unwrap();
    assert_eq!(server.hung_up(), 0);
    drop(stream);
    until(|| server.hung_up() == 1).await;
}

#[tokio::test]
async fn finished_streams_share_one_connection() {
    let whole = events(&[delta("Hello"), finish("stop")]);
    // the end of the body comes only after the caller has left
    let late = streaming([piece(whole), Step::Pause(SHORT), end()]);
    let server = RawServer::start([late]).await;
    let client = client(&server.url);
    for _ in 0..5 {
        let mut stream = client.stream(&question()).await.unwrap();
        while stream.try_next().await.unwrap().is_some() {}
        assert_eq!(stream.into_completion().unwrap().text(), Some("Hello"));
        // on the real clock: the end of the body crosses a socket
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((server.requests().len(), server.connections()), (5, 1));
}

#[tokio::test]
async fn a_model_that_does_not_stream_is_not_asked_to() {
    let emulator = Emulator::start().await.unwrap();
    let o1 = Deployment::new("o1-new").model(Model::O1_2024_12_17);
    let request = ChatCompletionRequest::builder(o1).user("hi").max_completion_tokens(30_000).build().unwrap();
    let error = client(emulator.endpoint()).stream(&request).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidRequest, 0));
    assert!(error.to_string().contains("does not stream"), "{error:?}");
    assert!(emulator.requests().is_empty());
    client(emulator.endpoint()).complete(&request).await.unwrap();

    let server = untouched("a stream from o1").await;
    assert!(client(server.uri()).stream(&request).await.is_err());
}
