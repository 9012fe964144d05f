//! Refused parameters, however the service names them: `param()`, the next step and the repair follow.

use azure_openai_chat::{ChatCompletionRequest, Error, ResponseMetadata, StreamOptions};
use futures::StreamExt;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{builder, completion, events, finish, ok_json, ok_stream, sent_bodies, serving};

fn envelope(code: Option<&str>, param: Option<&str>, message: &str) -> Value {
    json!({"error": {"code": code, "param": param, "message": message, "type": "invalid_request_error"}})
}

/// Every way in which `seed` is refused, with the status that comes with it.
fn refusals_of(name: &str) -> Vec<(u16, Value)> {
    let at =
        json!({"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted", "input": 7});
    vec![
        (400, envelope(Some("unsupported_parameter"), Some(name), "no")),
        (400, envelope(Some("unknown_parameter"), Some(name), "no")),
        (400, envelope(Some("unsupported_value"), Some(name), "no")),
        (400, envelope(Some("unknown_parameter"), None, &format!("Unknown parameter: '{name}'."))),
        (400, envelope(None, None, &format!("Unrecognized request argument supplied: {name}"))),
        (400, envelope(None, None, &format!("Unsupported parameter: '{name}' is not supported with this model."))),
        (
            400,
            envelope(
                None,
                None,
                &format!("Extra parameters ['{name}'] are not allowed when extra-parameters is not set."),
            ),
        ),
        (400, json!({"object": "error", "message": {"detail": [at]}, "type": "invalid_request_error", "code": null})),
        (422, json!({"detail": [at]})),
        (422, json!({"error": {"code": "422", "message": json!({"detail": [at]}).to_string()}})),
        (400, json!({"error": {"message": {"error": {"code": "unknown_parameter", "param": name, "message": "no"}}}})),
    ]
}

#[test]
fn a_refused_parameter_is_known_from_every_place_that_names_it() {
    for (status, body) in refusals_of("seed") {
        let error = Error::from_response(ResponseMetadata::new(status, [("a", "b")]), body.to_string().as_bytes());
        assert_eq!(error.param(), Some("seed"), "{body}");
        assert!(error.to_string().contains("; remove .seed(..) from the request builder"), "{error}");
        assert!(error.to_string().starts_with(&format!("the service answered {status}")), "{error}");
    }
}

#[tokio::test]
async fn a_refused_extra_is_named_by_the_method_that_set_it() {
    let request = ChatCompletionRequest::builder("gpt").user("hi").extra("top_k", 5).build().unwrap();
    for (status, body) in refusals_of("top_k") {
        let server = serving("refused", [ResponseTemplate::new(status).set_body_json(&body)]).await;
        let error = builder(server.uri()).build().unwrap().complete(&request).await.unwrap_err();
        assert!(error.to_string().contains("; remove .extra(\"top_k\", ..) from the request builder"), "{error}");
    }
}

#[tokio::test]
async fn a_refused_parameter_is_left_out_however_it_is_named() {
    let request = ChatCompletionRequest::builder("gpt").user("hi").seed(7).temperature(0.5).build().unwrap();
    for (status, body) in refusals_of("seed") {
        let refusal = ResponseTemplate::new(status).set_body_json(&body);
        let server = serving("refused, then fine", [refusal, ok_json(&completion("hi"))]).await;
        let client = builder(server.uri()).repair_once(true).build().unwrap();
        let completion = client.complete(&request).await.unwrap();
        assert_eq!(completion.metadata().repaired(), ["seed"], "{body}");
        let bodies = sent_bodies(&server).await;
        assert_eq!((bodies[1].get("seed"), &bodies[1]["temperature"]), (None, &json!(0.5)), "{body}");
    }
}

#[tokio::test]
async fn several_refused_parameters_are_left_out_together() {
    let message = "Unrecognized request arguments supplied: seed, temperature";
    let refusal = ResponseTemplate::new(400).set_body_json(envelope(None, None, message));
    let server = serving("two refused", [refusal, ok_json(&completion("hi"))]).await;
    let client = builder(server.uri()).repair_once(true).build().unwrap();
    let request = ChatCompletionRequest::builder("gpt").user("hi").seed(7).temperature(0.5).build().unwrap();
    let answer = client.complete(&request).await.unwrap();
    assert_eq!(answer.metadata().repaired(), ["seed", "temperature"]);
    let sent = &sent_bodies(&server).await[1];
    assert_eq!((sent.get("seed"), sent.get("temperature")), (None, None));
}

#[tokio::test]
async fn stream_options_are_left_out_when_they_are_refused_though_the_client_added_them() {
    let own = |options| ChatCompletionRequest::builder("gpt").user("hi").stream_options(options).build().unwrap();
    let requests = [
        ChatCompletionRequest::builder("gpt").user("hi").build().unwrap(),
        own(StreamOptions::new().include_usage(true)),
        own(StreamOptions::new().include_obfuscation(false)),
    ];
    for request in requests {
        for (status, body) in refusals_of("stream_options") {
            let refusal = ResponseTemplate::new(status).set_body_json(&body);
            let fine = ok_stream(events(&[finish("stop")]));
            let server = serving("refused, then fine", [refusal, fine]).await;
            let client = builder(server.uri()).repair_once(true).build().unwrap();
            let mut stream = client.stream(&request).await.unwrap();
            assert_eq!(stream.metadata().repaired(), ["stream_options"], "{body}");
            while let Some(chunk) = stream.next().await {
                chunk.unwrap();
            }
            let bodies = sent_bodies(&server).await;
            assert!(bodies[0].get("stream_options").is_some(), "{body}");
            assert_eq!((bodies[1].get("stream_options"), &bodies[1]["stream"]), (None, &json!(true)), "{body}");
        }
    }
}

#[tokio::test]
async fn stream_options_that_were_not_sent_are_not_repaired() {
    let refusal =
        ResponseTemplate::new(400).set_body_json(envelope(Some("unknown_parameter"), Some("stream_options"), "no"));
    let server = serving("refused once", [refusal]).await;
    let client = builder(server.uri()).repair_once(true).build().unwrap();
    let request = ChatCompletionRequest::builder("gpt").user("hi").build().unwrap();
    let error = client.complete(&request).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "deployment 'gpt' answered 400 (unknown_parameter, parameter 'stream_options'): no; pass .stream_options(..) with \
         include_usage(false) on the request builder, since a stream asks for its usage otherwise; .repair_once(true) on \
         the client builder leaves it out by itself"
    );
}

#[tokio::test]
async fn either_limit_is_sent_under_its_other_name() {
    for (refused, other) in [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")] {
        let refusal = ResponseTemplate::new(422).set_body_json(
            json!({"detail": [{"type": "extra_forbidden", "loc": ["body", refused], "msg": "Extra inputs are not permitted"}]}),
        );
        let server = serving(refused, [refusal, ok_json(&completion("hi"))]).await;
        let client = builder(server.uri()).repair_once(true).build().unwrap();
        let request: ChatCompletionRequest = serde_json::from_value(
            json!({"model": "gpt", "messages": [{"role": "user", "content": "hi"}], refused: 9}),
        )
        .unwrap();
        client.complete(&request).await.unwrap();
        let sent = &sent_bodies(&server).await[1];
        assert_eq!((sent.get(refused), &sent[other]), (None, &json!(9)));
    }
}

#[tokio::test]
async fn an_effort_that_the_model_lacks_is_left_out() {
    let message = "Invalid value: 'none'. Supported values are: 'low', 'medium', and 'high'.";
    let refusal =
        ResponseTemplate::new(400).set_body_json(envelope(Some("invalid_value"), Some("reasoning_effort"), message));
    let server = serving("an effort", [refusal, ok_json(&completion("hi"))]).await;
    let client = builder(server.uri()).repair_once(true).build().unwrap();
    let request = ChatCompletionRequest::builder("gpt").user("hi").reasoning_effort("none").build().unwrap();
    assert_eq!(client.complete(&request).await.unwrap().metadata().repaired(), ["reasoning_effort"]);
}

#[tokio::test]
async fn what_is_no_refusal_of_a_member_is_not_repaired() {
    for (status, body) in [
        (
            422,
            json!({"detail": [{"type": "extra_forbidden", "loc": ["body", "messages", 0, "seed"], "msg": "Extra inputs are not permitted"}]}),
        ),
        (422, json!({"detail": [{"type": "missing", "loc": ["body", "seed"], "msg": "Field required"}]})),
        (400, envelope(Some("invalid_value"), Some("seed"), "seed is too large: 7. This model supports at most 5")),
        (400, envelope(None, None, "Unrecognized request arguments supplied: seed, messages")),
        (400, envelope(None, None, "the parameter seed is odd")),
    ] {
        let refusal = ResponseTemplate::new(status).set_body_json(&body);
        let server = serving("refused once", [refusal]).await;
        let client = builder(server.uri()).repair_once(true).build().unwrap();
        let request = ChatCompletionRequest::builder("gpt").user("hi").seed(7).build().unwrap();
        let error = client.complete(&request).await.unwrap_err();
        assert_eq!((error.status(), error.attempts()), (Some(status), 1), "{body}");
    }
}
