//! Errors of the service inside of a gateway's own: what counts is the inner one.

use azure_openai_chat::{Error, ErrorKind, ResponseMetadata, RetryPolicy};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{builder, client, question, quick, serving};

fn read(status: u16, body: &str) -> Error {
    Error::from_response(ResponseMetadata::new(status, [("content-type", "text/plain")]), body.as_bytes())
}

fn refusal() -> Value {
    json!({"error": {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model.",
        "type": "invalid_request_error", "param": "max_tokens", "code": "unsupported_parameter"
    }})
}

fn blocked() -> Value {
    json!({"code": "ResponsibleAIPolicyViolation", "content_filter_result": {
        "hate": {"filtered": true, "severity": "high"}, "violence": {"filtered": false, "severity": "safe"}
    }})
}

/// The refusal of a parameter, in every wrapping.
fn wrapped_refusals() -> Vec<(&'static str, String)> {
    let inner = refusal();
    let python = "Error code: 400 - {'error': {'message': \"Unsupported parameter: 'max_tokens' is not supported with \
                  this model.\", 'type': 'invalid_request_error', 'param': 'max_tokens', 'code': 'unsupported_parameter'}}";
    vec![
        ("details", json!({"error": {"code": "UpstreamError", "message": "the backend refused", "details": inner}}).to_string()),
        ("a list of details", json!({"error": {"code": "500", "message": "m", "details": [inner["error"]]}}).to_string()),
        ("details as text", json!({"error": {"code": 500, "message": "m", "details": inner.to_string()}}).to_string()),
        ("details at the top", json!({"statusCode": 500, "message": "failed", "details": inner}).to_string()),
        ("message as JSON text", json!({"error": {"message": inner.to_string(), "code": null}}).to_string()),
        ("message as an object", json!({"error": {"message": inner, "code": "internal_error"}}).to_string()),
        ("an error in the error", json!({"error": inner}).to_string()),
        (
            "text around JSON",
            json!({"error": {"message": format!("litellm.BadRequestError: AzureException - {inner}"), "type": null, "param": null, "code": "400"}})
                .to_string(),
        ),
        (
            "text around what Python prints",
            json!({"error": {"message": format!("litellm.BadRequestError: AzureException BadRequestError - {python}"), "code": "500"}})
                .to_string(),
        ),
        (
            "OpenRouter's raw",
            json!({"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": inner.to_string(), "provider_name": "Azure"}}})
                .to_string(),
        ),
        (
            "Portkey",
            json!({"error": {"message": "azure-openai error: Unsupported parameter: 'max_tokens' is not supported with this model.", "type": "invalid_request_error", "param": "max_tokens", "code": "unsupported_parameter"}, "provider": "azure-openai"})
                .to_string(),
        ),
        ("as it came from the service", inner.to_string()),
    ]
}

#[test]
fn a_wrapped_refusal_is_the_refusal_whatever_wraps_it() {
    for (name, body) in wrapped_refusals() {
        for status in [400, 500, 502, 503] {
            let error = read(status, &body);
            assert_eq!((error.code(), error.param()), (Some("unsupported_parameter"), Some("max_tokens")), "{name}");
            assert_eq!((error.kind(), error.status()), (ErrorKind::Rejected, Some(400)), "{name} in {status}");
            assert!(!error.is_retryable(), "{name} in {status}");
            assert_eq!(error.metadata().unwrap().status(), status);
            let text = error.to_string();
            assert!(
                text.ends_with("replace .max_tokens(..) by .max_completion_tokens(..) on the request builder"),
                "{name}: {text}"
            );
            assert!(error.message().contains("is not supported with this model"), "{name}: {}", error.message());
            assert_eq!(error.service_error().unwrap().body(), body, "{name}");
        }
    }
    assert_eq!(
        read(500, &wrapped_refusals()[0].1).to_string(),
        "the service answered 500 around a 400 (unsupported_parameter, parameter 'max_tokens'): Unsupported parameter: \
         'max_tokens' is not supported with this model; replace .max_tokens(..) by .max_completion_tokens(..) on the \
         request builder"
    );
}

#[tokio::test]
async fn a_400_wrapped_in_a_500_is_sent_once_and_repaired_like_any_other() {
    for (name, body) in wrapped_refusals() {
        let answer = ResponseTemplate::new(500).set_body_string(body);
        let server = serving(name, [answer.clone()]).await;
        let error = client(server.uri()).complete(&question()).await.unwrap_err();
        assert_eq!((error.attempts(), error.is_retryable()), (1, false), "{name}");

        let server = serving(name, [answer, crate::support::ok_json(&crate::support::completion("hi"))]).await;
        let client = builder(server.uri()).repair_once(true).build().unwrap();
        let request =
            azure_openai_chat::ChatCompletionRequest::builder("gpt").user("hi").max_tokens(7).build().unwrap();
        assert_eq!(client.complete(&request).await.unwrap().metadata().repaired(), ["max_tokens"], "{name}");
    }
}

#[tokio::test]
async fn a_plain_500_is_still_tried_again() {
    let outage =
        json!({"error": {"message": "The server had an error", "type": "server_error", "param": null, "code": null}});
    let wrapped = json!({"error": {"code": "UpstreamError", "message": "failed", "details": outage}});
    for body in
        [outage, wrapped, json!({"error": {"code": 500, "message": "failed", "details": {"error": {"code": 503}}}})]
    {
        let answer = ResponseTemplate::new(500).set_body_json(&body);
        let server = serving("an outage", [answer.clone(), answer.clone(), answer]).await;
        let client = builder(server.uri()).retry(quick()).build().unwrap();
        let error = client.complete(&question()).await.unwrap_err();
        assert_eq!((error.attempts(), error.is_retryable()), (3, true), "{body}");
    }
}

#[test]
fn a_blocked_prompt_is_a_blocked_prompt_behind_every_gateway() {
    let message = "litellm.BadRequestError: litellm.ContentPolicyViolationError: AzureException - The response was filtered \
                   due to the prompt triggering the policy.\nmodel=azure/gpt. fallbacks=None.";
    for (name, body) in [
        (
            "LiteLLM",
            json!({"error": {"message": message, "type": null, "param": null, "code": "400", "provider_specific_fields": {"innererror": blocked()}}}),
        ),
        (
            "details",
            json!({"error": {"code": "500", "message": "m", "details": {"error": {"code": "content_filter", "innererror": blocked()}}}}),
        ),
        (
            "JSON text",
            json!({"error": {"message": json!({"error": {"code": "content_filter", "innererror": blocked()}}).to_string()}}),
        ),
        ("the service", json!({"error": {"code": "content_filter", "message": "m", "innererror": blocked()}})),
    ] {
        for status in [400, 500] {
            let error = read(status, &body.to_string());
            assert_eq!((error.kind(), error.status()), (ErrorKind::ContentFiltered, Some(400)), "{name}");
            assert_eq!(error.content_filter().unwrap().filtered_categories(), ["hate"], "{name}");
            assert_eq!(error.service_error().unwrap().inner_code(), Some("ResponsibleAIPolicyViolation"), "{name}");
            assert!(!error.is_retryable(), "{name}");
            assert!(error.to_string().contains("the prompt was blocked by the content filter for hate"), "{error}");
        }
    }
    let error = read(
        400,
        &json!({"error": {"message": message, "code": "400", "provider_specific_fields": {"innererror": blocked()}}})
            .to_string(),
    );
    assert_eq!(
        error.to_string(),
        "the service answered 400: litellm.BadRequestError: litellm.ContentPolicyViolationError: AzureException - \
         The response was filtered due to the prompt triggering the policy; the prompt was blocked by the content filter \
         for hate; rephrase it, or review the deployment's filter"
    );
}

#[test]
fn a_rate_limit_wrapped_in_a_500_is_a_rate_limit() {
    let body = json!({"error": {"code": "500", "message": "failed", "details": {"error": {"code": "429", "message": "Please retry after 7 seconds."}}}});
    let error = read(500, &body.to_string());
    assert_eq!((error.kind(), error.status(), error.code()), (ErrorKind::RateLimited, Some(429), Some("429")));
    assert!(error.is_retryable());
    assert_eq!(error.retry_after().unwrap().as_secs(), 7);
}

#[test]
fn a_missing_deployment_behind_a_502_is_missing() {
    let error = read(502, r#"{"message":{"error":{"code":"DeploymentNotFound","message":"gone"}}}"#);
    assert_eq!((error.status(), error.code(), error.is_retryable()), (Some(404), Some("DeploymentNotFound"), false));
}

#[test]
fn json_in_a_message_that_is_no_error_stays_text() {
    for message in [r#"cannot parse {"code":"mine","a":1}"#, "see {'role': 'user'}", "at [0] of {", "{", "a } b"] {
        let error = read(400, &json!({"error": {"message": message, "code": "own"}}).to_string());
        assert_eq!((error.code(), error.param(), error.message()), (Some("own"), None, message));
    }
}

#[test]
fn layers_without_end_are_read_as_far_as_they_make_sense() {
    let mut body = refusal();
    for _ in 0..60 {
        body = json!({"error": {"message": body.clone()["error"]["code"], "details": body}});
    }
    let error = read(500, &body.to_string());
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

#[test]
fn a_reason_of_several_lines_is_printed_as_one() {
    let error = read(
        503,
        &json!({"error": {"code": "busy", "message": "\n  overloaded,\tplease wait\r\nmodel=gpt\n"}}).to_string(),
    );
    assert_eq!(error.to_string(), "the service answered 503 (busy): overloaded, please wait");
    let error = read(503, &json!({"error": {"message": {"reason": "overloaded", "line": "a\nb"}}}).to_string());
    assert_eq!(error.to_string(), r#"the service answered 503: {"line":"a\nb","reason":"overloaded"}"#);
    let error = read(500, &"x".repeat(5000));
    assert_eq!(error.to_string(), format!("the service answered 500: {}", "x".repeat(300)));
}

#[test]
fn ids_of_gateways_serve_where_azures_are_missing() {
    for (headers, body, id) in [
        (vec![("request-id", "g1")], "{}", Some("g1")),
        (vec![("x-litellm-call-id", "g2")], "{}", Some("g2")),
        (vec![("x-litellm-call-id", "g2"), ("apim-request-id", "a1")], "{}", Some("a1")),
        (vec![], r#"{"statusCode": 500, "message": "Internal server error", "activityId": "g3"}"#, Some("g3")),
        (vec![("x-ms-request-id", "a2")], r#"{"statusCode": 500, "message": "m", "activityId": "g3"}"#, Some("a2")),
        (vec![], r#"{"error": {"requestid": "g4", "code": 400, "message": "m"}}"#, Some("g4")),
        (vec![], "{}", None),
    ] {
        let error = Error::from_response(ResponseMetadata::new(500, headers), body.as_bytes());
        assert_eq!(error.request_id(), id, "{body}");
        let shown = id.map(|id| format!(" [request id {id}]")).unwrap_or_default();
        assert!(error.to_string().ends_with(&shown), "{error}");
    }
}

#[tokio::test]
async fn an_error_without_any_answer_prints_the_clients_own_id() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = builder(format!("http://{address}")).retry(RetryPolicy::none()).build().unwrap();
    let options = azure_openai_chat::CallOptions::new().client_request_id("mine-1");
    let error = client.complete_with(&question(), &options).await.unwrap_err();
    assert_eq!(error.to_string(), format!("no connection to '{address}' [client request id mine-1]"));
}
