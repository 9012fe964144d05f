//! Whole answers: what is sent, what comes back typed, and what only looks like an answer.

use std::time::Duration;

use azure_openai_chat::{
    ApiVersion, CallOptions, ChatCompletionRequest, ErrorKind, FilterState, FinishReason, Message, ReasoningEffort,
    RetryPolicy, Role,
};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{
    builder, client, completion, files, ok_json, question, sent_bodies, sent_headers, serving, shared, shown,
};

#[tokio::test]
async fn an_answer_is_typed() {
    let clean = json!({"filtered": false, "severity": "safe"});
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_740_000_000, "model": "gpt-4o-2024-08-06",
        "system_fingerprint": "fp_1", "service_tier": "default",
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": "It scatters.", "refusal": null},
            "content_filter_results": {"hate": clean, "violence": {"filtered": false, "severity": "low"}},
        }],
        "usage": {
            "prompt_tokens": 20, "completion_tokens": 60, "total_tokens": 80,
            "prompt_tokens_details": {"cached_tokens": 10, "audio_tokens": null},
            "completion_tokens_details": {
                "reasoning_tokens": 40, "accepted_prediction_tokens": 12, "rejected_prediction_tokens": 4,
                "audio_tokens": 0,
            },
        },
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"hate": clean}}],
    });
    let server = serving("a call", [ok_json(&body)]).await;
    let completion = client(server.uri()).complete(&question()).await.unwrap();

    assert_eq!(completion.text(), Some("It scatters."));
    assert_eq!(completion.model(), Some("gpt-4o-2024-08-06"));
    assert_eq!(completion.finish_reason(), Some(&FinishReason::Stop));
    assert_eq!(completion.message().unwrap().role(), Some(&Role::Assistant));
    assert_eq!(completion.system_fingerprint(), Some("fp_1"));
    let usage = completion.usage();
    assert_eq!((usage.prompt_tokens(), usage.completion_tokens(), usage.total_tokens()), (20, 60, 80));
    assert_eq!((usage.reasoning_tokens(), usage.cached_tokens()), (40, 10));
    assert_eq!((usage.accepted_prediction_tokens(), usage.rejected_prediction_tokens()), (12, 4));
    assert_eq!(usage.prediction_acceptance(), Some(0.75));
    assert_eq!(completion.content_filter_state(), FilterState::Clean);
    assert_eq!(completion.prompt_filter_results().len(), 1);
    let violence = completion.choices()[0].content_filter().violence().unwrap();
    assert_eq!(violence.severity().unwrap().as_str(), "low");
    assert_eq!(serde_json::to_value(&completion).unwrap(), body);
    assert_eq!(serde_json::from_slice::<Value>(completion.raw()).unwrap(), body);
}

#[tokio::test]
async fn an_answer_is_read_the_same_however_many_came_before() {
    let answer = |severity: &str, text: &str| {
        let results = json!({"hate": {"filtered": severity == "high", "severity": severity}});
        json!({
            "choices": [{"content_filter_results": results, "index": 0, "message": {"content": text}}], "id": "x",
            "prompt_filter_results": [{"content_filter_results": results, "prompt_index": 0}], "usage": {},
        })
    };
    let bodies = ["safe", "safe", "high", "safe", "high"].map(|severity| answer(severity, &format!("so {severity}")));
    let server = serving("five calls", bodies.iter().map(ok_json).collect::<Vec<_>>()).await;
    let client = client(server.uri());
    for body in &bodies {
        let completion = client.complete(&question()).await.unwrap();
        assert_eq!(&serde_json::to_value(&completion).unwrap(), body);
        assert_eq!(&serde_json::from_slice::<Value>(completion.raw()).unwrap(), body);
    }
}

#[tokio::test]
async fn the_headers_of_an_answer_are_its_metadata() {
    let answer = ok_json(&completion("hello"))
        .insert_header("apim-request-id", "a-1")
        .insert_header("x-request-id", "x-1")
        .insert_header("x-ms-client-request-id", "Not-Set")
        .insert_header("x-ms-region", "East US 2")
        .insert_header("x-ms-deployment-name", "gpt-standard")
        .insert_header("x-ms-spillover-from-deployment", "gpt-ptu")
        .insert_header("x-ms-spillover-error", "429")
        .insert_header("openai-processing-ms", "17.5")
        .insert_header("retry-after-ms", "250")
        .insert_header("x-ratelimit-limit-requests", "120")
        .insert_header("x-ratelimit-remaining-requests", "119")
        .insert_header("x-ratelimit-reset-requests", "6")
        .insert_header("x-ratelimit-limit-tokens", "-1")
        .insert_header("x-ratelimit-remaining-tokens", "0")
        .insert_header("x-ratelimit-reset-tokens", "59.5s")
        .insert_header("X-Not-Modelled", "kept");
    let server = serving("a call", [answer]).await;
    let options = CallOptions::new().client_request_id("mine");
    let completion = client(server.uri()).complete_with(&question(), &options).await.unwrap();

    let metadata = completion.metadata();
    assert_eq!((metadata.status(), metadata.attempts()), (200, 1));
    assert_eq!(metadata.request_id(), Some("a-1"));
    assert_eq!(metadata.client_request_id(), Some("mine"));
    assert_eq!(metadata.region(), Some("East US 2"));
    assert_eq!(metadata.deployment(), Some("gpt-standard"));
    assert_eq!(metadata.spillover_from(), Some("gpt-ptu"));
    assert_eq!(metadata.spillover_error(), Some("429"));
    assert_eq!(metadata.processing_time(), Some(Duration::from_micros(17_500)));
    assert_eq!(metadata.retry_after(), Some(Duration::from_millis(250)));
    assert_eq!(metadata.endpoint(), Some(server.uri().as_str()));
    assert_eq!(metadata.header("x-not-modelled"), Some("kept"));
    assert!(metadata.headers().any(|header| header == ("x-not-modelled", "kept")));
    assert!(metadata.time_to_headers().is_some_and(|time| time < Duration::from_secs(30)));
    assert!(metadata.repaired().is_empty());
    let limits = metadata.rate_limits();
    assert_eq!((limits.limit_requests(), limits.remaining_requests()), (Some(120), Some(119)));
    assert_eq!((limits.limit_tokens(), limits.remaining_tokens()), (Some(-1), Some(0)));
    assert_eq!(limits.reset_requests(), Some(Duration::from_secs(6)));
    assert_eq!(limits.reset_tokens(), Some(Duration::from_millis(59_500)));
}

#[tokio::test]
async fn every_recorded_response_comes_through_the_client_unchanged() {
    let Some(folder) = shared("wire/responses") else { return };
    for (name, text) in files(&folder, ".json") {
        let recorded: Value = serde_json::from_str(&text).unwrap();
        let body = recorded["body"].to_string();
        let mut answer = ResponseTemplate::new(recorded["status"].as_u64().unwrap() as u16)
            .set_body_raw(body.as_bytes(), "application/json");
        let kept = |name: &str| name != "transfer-encoding" && name != "content-type";
        let headers = recorded["headers"].as_object().unwrap();
        for (header, value) in headers.iter().filter(|(header, _)| kept(header)) {
            answer = answer.insert_header(header.as_str(), value.as_str().unwrap());
        }
        let server = serving(&name, [answer]).await;
        let completion = client(server.uri()).complete(&question()).await.unwrap();
        assert_eq!(serde_json::to_value(&completion).unwrap(), recorded["body"], "{name}");
        assert_eq!(completion.raw(), body.as_bytes(), "{name}");
        let metadata = completion.metadata();
        for (header, value) in headers.iter().filter(|(header, _)| kept(header)) {
            assert_eq!(metadata.header(header), value.as_str(), "{name}");
        }
        let id = headers.get("apim-request-id").or(headers.get("x-request-id"));
        assert_eq!(metadata.request_id(), id.and_then(Value::as_str), "{name}");
    }
}

#[tokio::test]
async fn the_body_on_the_wire_is_the_requests_body() {
    let plain = question();
    let full = ChatCompletionRequest::builder("gpt")
        .developer("Be brief.")
        .user("Why?")
        .message(Message::assistant("Because."))
        .user("Really?")
        .max_completion_tokens(5000)
        .reasoning_effort(ReasoningEffort::High)
        .seed(7)
        .stop(["END"])
        .metadata([("team", "a")])
        .extra("new_parameter", json!({"since": "yesterday"}))
        .build()
        .unwrap();
    let read: ChatCompletionRequest = serde_json::from_value(json!({
        "model": "gpt", "stream": true, "messages": [{"role": "user", "content": "hi", "unknown": 1}], "n": null,
    }))
    .unwrap();
    for request in [plain, full, read] {
        for version in [ApiVersion::V1, ApiVersion::V2024_10_21, ApiVersion::V2025_01_01_PREVIEW] {
            let server = serving("a call", [ok_json(&completion("hello"))]).await;
            let client = builder(server.uri()).api_version(version.clone()).build().unwrap();
            client.complete(&request).await.unwrap();
            let sent = &sent_bodies(&server).await[0];
            assert_eq!(sent, &serde_json::to_value(request.body(&version, false)).unwrap());
            assert_eq!(sent.get("stream"), None);
            assert_eq!(sent.get("model").is_some(), version.is_v1());
        }
    }
}

#[tokio::test]
async fn what_the_call_says_in_headers_arrives() {
    let server = serving("three calls", vec![ok_json(&completion("hello")); 3]).await;
    let client =
        builder(server.uri()).defaults(CallOptions::new().header("x-team", "a").header("x-app", "b")).build().unwrap();
    let options = CallOptions::new()
        .header("X-Team", "c")
        .header("x-policy-id", "strict")
        .client_request_id("mine")
        .spillover_deployment("paygo");
    client.complete_with(&question(), &options).await.unwrap();
    client.complete(&question()).await.unwrap();
    client.complete(&question()).await.unwrap();

    assert_eq!(sent_headers(&server, "x-team").await, ["c", "a", "a"]);
    assert_eq!(sent_headers(&server, "x-app").await, ["b", "b", "b"]);
    assert_eq!(sent_headers(&server, "x-policy-id").await, ["strict", "", ""]);
    assert_eq!(sent_headers(&server, "x-ms-spillover-deployment").await, ["paygo", "", ""]);
    assert_eq!(sent_headers(&server, "content-type").await, ["application/json"; 3]);
    let ids = sent_headers(&server, "x-ms-client-request-id").await;
    assert_eq!(ids[0], "mine");
    assert!(ids[1].len() == 36 && ids[1] != ids[2], "{ids:?}");
    assert!(sent_headers(&server, "user-agent").await[0].starts_with("azure-openai-chat/"));
}

#[tokio::test]
async fn a_call_may_be_less_patient_than_its_client() {
    let slow = ok_json(&completion("late")).set_delay(Duration::from_secs(5));
    let server = serving("a slow call", [slow]).await;
    let options = CallOptions::new().answer_timeout(Duration::from_millis(100));
    let error = client(server.uri()).complete_with(&question(), &options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.is_retryable());
    assert!(error.to_string().starts_with("deployment 'gpt': no answer within 0.1 s"), "{error}");
}

#[tokio::test]
async fn a_good_status_without_a_good_body_is_told_without_showing_it() {
    for (body, kind, words) in [
        ("<!DOCTYPE html><title>canary</title>", ErrorKind::Decode, "the answer is a page of HTML"),
        ("", ErrorKind::Interrupted, "the answer is empty"),
        (" \r\n", ErrorKind::Interrupted, "the answer is empty"),
        (r#"{"choices":[{"message":{"content":"canary"#, ErrorKind::Interrupted, "the answer ends in the middle"),
        (r#"{"choices":[{"message":{"content":"canary"}}]}{"choices":[]}"#, ErrorKind::Decode, "cannot be parsed"),
        (r#"["canary"]"#, ErrorKind::Decode, "not a JSON object"),
        (r#""canary""#, ErrorKind::Decode, "not a JSON object"),
        ("null", ErrorKind::Decode, "not a JSON object"),
        ("canary", ErrorKind::Decode, "not a JSON object"),
        ("{\"canary\": canary}", ErrorKind::Decode, "cannot be parsed"),
        ("data: {\"choices\":[]}\n\ndata: [DONE]\n\n", ErrorKind::Decode, "the answer is an event stream"),
        (
            r#"{"error":{"code":"server_error","message":"overloaded","type":"server_error"}}"#,
            ErrorKind::Service,
            "(server_error); message() has the service's text",
        ),
        ("\u{feff}<html>canary</html>", ErrorKind::Decode, "the answer is a page of HTML"),
        ("\u{feff}event: message\ndata: {}\n\n", ErrorKind::Decode, "the answer is an event stream"),
        (": keep-alive\n\ndata: {}\n\n", ErrorKind::Decode, "the answer is an event stream"),
        (r#"{"error":{"code":"429","message":"slow down"}}"#, ErrorKind::RateLimited, "(429): slow down"),
        (r#"{"error":{"code":"content_filter","message":"no"}}"#, ErrorKind::ContentFiltered, "content filter"),
    ] {
        let answer =
            ResponseTemplate::new(200).set_body_raw(body, "application/json").insert_header("apim-request-id", "a-1");
        // what ended early is asked for again
        let attempts = if kind == ErrorKind::Interrupted { 3 } else { 1 };
        let server = serving(body, vec![answer; attempts]).await;
        let error = client(server.uri()).complete(&question()).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (kind, Some(200)), "{body}: {error}");
        assert_eq!(error.attempts() as usize, attempts, "{body}: {error}");
        assert_eq!(error.request_id(), Some("a-1"), "{body}");
        assert!(error.to_string().contains(words), "{body}: {error}");
        assert!(!shown(&error).contains("canary"), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn no_content_type_is_needed() {
    let body = completion("hello").to_string();
    let bare = ResponseTemplate::new(200).set_body_bytes(body);
    let server = serving("an answer without a type", [bare]).await;
    assert_eq!(client(server.uri()).complete(&question()).await.unwrap().text(), Some("hello"));
}

#[tokio::test]
async fn an_answer_goes_back_into_the_conversation_as_it_is() {
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{\"q\":1}"}});
    let mut first = completion("");
    first["choices"][0]["message"] = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let server = serving("two turns", [ok_json(&first), ok_json(&completion("done"))]).await;
    let client = client(server.uri());
    let answer = client.complete(&question()).await.unwrap();
    let next = question()
        .with_message(answer.message().unwrap().clone())
        .with_message(Message::tool_result("call_1", "found"));
    client.complete(&next).await.unwrap();
    let sent = &sent_bodies(&server).await[1]["messages"];
    assert_eq!(sent[1], json!({"role": "assistant", "tool_calls": [call]}));
    assert_eq!(sent[2], json!({"role": "tool", "tool_call_id": "call_1", "content": "found"}));
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused() {
    let server = serving("a long answer", [ok_json(&completion(&"canary ".repeat(1000)))]).await;
    let client = builder(server.uri()).max_response_bytes(4096).retry(RetryPolicy::none()).build().unwrap();
    let error = client.complete(&question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(
        error.to_string(),
        "deployment 'gpt': the answer is larger than the limit of 4096 bytes; \
         .max_response_bytes(..) on the client builder raises it"
    );
    assert!(!shown(&error).contains("canary"));
}

#[tokio::test]
async fn an_answer_that_cannot_be_parsed_is_not_lost() {
    let body = r#"{"created":1e999,"choices":[{"message":{"content":"canary"}}]}"#;
    let server =
        serving("a number of its own", [ResponseTemplate::new(200).set_body_raw(body, "application/json")]).await;
    let error = client(server.uri()).complete(&question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("the answer cannot be parsed (line 1, column "), "{error}");
    assert_eq!(error.body().unwrap(), body);
    assert!(!shown(&error).contains("canary"));
}

#[tokio::test]
async fn half_a_pair_of_surrogates_is_replaced() {
    let body = r#"{"choices":[{"message":{"role":"assistant","content":"caf\u00e9 \ud83d!"}}]}"#;
    let server = serving("half a pair", [ResponseTemplate::new(200).set_body_raw(body, "application/json")]).await;
    let completion = client(server.uri()).complete(&question()).await.unwrap();
    assert_eq!(completion.text(), Some("caf\u{e9} \u{fffd}!"));
    assert_eq!(completion.raw(), body);
}

#[tokio::test]
async fn a_byte_order_mark_before_a_body_changes_nothing() {
    let body = format!("\u{feff}{}", completion("hello"));
    let server = serving("a mark", [ResponseTemplate::new(200).set_body_string(body)]).await;
    assert_eq!(client(server.uri()).complete(&question()).await.unwrap().text(), Some("hello"));
    let refusal = "\u{feff}{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"gone\"}}";
    let server = serving("a mark", [ResponseTemplate::new(404).set_body_string(refusal)]).await;
    assert_eq!(client(server.uri()).complete(&question()).await.unwrap_err().code(), Some("DeploymentNotFound"));
}
