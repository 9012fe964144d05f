//! What callers do with an error: ask it, keep it, log it, pass it on.

use azure_openai_chat::{
    ApiKey, ChatClient, ChatCompletion, ChatCompletionRequest, ChatCompletionStream, Deployment, Error, ErrorKind,
    Model, ParseOutcome, ResponseMetadata,
};
use serde_json::{Value, json};

fn answered(status: u16, body: &Value) -> Error {
    Error::from_response(ResponseMetadata::new(status, [("apim-request-id", "r1")]), body.to_string().as_bytes())
}

fn refusal(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message, "param": "messages"}})
}

/// The error of a request that breaks three rules of o1.
fn invalid() -> Error {
    let o1 = Deployment::new("o1-new").model(Model::O1_2024_12_17);
    let request = ChatCompletionRequest::builder(o1).user("hi").temperature(0.2).max_tokens(9);
    request.build().unwrap_err().into()
}

fn unfinished(reason: &str) -> ChatCompletion {
    serde_json::from_value(json!({"choices": [{
        "index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": "canary"}
    }]}))
    .unwrap()
}

#[test]
fn an_error_is_asked_for_what_it_is() {
    let long = refusal("context_length_exceeded", "This model's maximum context length is 8192 tokens");
    assert!(answered(400, &long).is_context_length());
    assert!(answered(400, &json!({"message": "maximum context length is 5"})).is_context_length());
    assert!(!answered(400, &refusal("invalid_value", "no")).is_context_length());
    assert!(answered(429, &json!({})).is_rate_limited());
    assert!(answered(404, &refusal("DeploymentNotFound", "no")).is_not_found());
    assert!(answered(401, &json!({})).is_unauthorized() && answered(403, &json!({})).is_unauthorized());
    assert!(answered(408, &json!({})).is_timeout() && answered(504, &json!({})).is_timeout());
    assert!(answered(400, &refusal("content_filter", "no")).is_content_filtered());
    assert!(answered(503, &json!({})).is_retryable() && !answered(400, &json!({})).is_retryable());
    let pieces =
        futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from_static(b"data: {\"choices\":[]}\n\n"))]);
    let cut = futures::executor::block_on(ChatCompletionStream::from_bytes(pieces).finish()).unwrap_err();
    assert!(cut.is_interrupted() && cut.is_retryable() && cut.may_have_reached_service());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_connect_error() {
    let client = ChatClient::new("http://127.0.0.1:1", ApiKey::new("k")).unwrap();
    let request = ChatCompletionRequest::builder("gpt").user("hi").build().unwrap();
    let error = client.complete(&request).await.unwrap_err();
    assert!(error.is_connect() && error.is_retryable() && !error.is_timeout());
    let copy = error.clone();
    assert_eq!((copy.to_string(), copy.attempts()), (error.to_string(), error.attempts()));
    assert!(std::error::Error::source(&copy).is_some());
}

#[test]
fn an_answer_that_cannot_be_used_goes_through_the_question_mark() {
    fn read(completion: &ChatCompletion) -> azure_openai_chat::Result<Vec<u8>> {
        Ok(completion.parse::<Vec<u8>>()?)
    }
    for (reason, outcome) in [("content_filter", ParseOutcome::Filtered), ("length", ParseOutcome::Length)] {
        let error = read(&unfinished(reason)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Parse);
        assert_eq!(error.parse_error().unwrap().outcome(), outcome);
        assert_eq!(error.is_content_filtered(), outcome == ParseOutcome::Filtered);
        assert!(!format!("{error}{error:?}").contains("canary"));
    }
}

#[test]
fn the_text_of_a_refused_request_is_one_line_with_the_first_way_out() {
    assert_eq!(
        invalid().to_string(),
        "the request was not sent: temperature: o1-2024-12-17 does not take temperature: leave temperature out; \
         and 2 more: max_tokens, max_completion_tokens"
    );
    assert_eq!(invalid().violations().len(), 3);
}

#[test]
fn an_error_as_data_has_nothing_of_prompt_or_answer() {
    let error = answered(400, &refusal("odd", "you asked: canary"));
    let data = serde_json::to_value(&error).unwrap();
    assert_eq!(
        data,
        json!({
            "kind": "rejected",
            "message": error.to_string(),
            "status": 400,
            "code": "odd",
            "param": "messages",
            "request_id": "r1",
            "attempts": 1,
            "is_retryable": false,
        })
    );
    assert!(error.message().contains("canary") && !data.to_string().contains("canary"));
    let limited =
        serde_json::to_value(Error::from_response(ResponseMetadata::new(429, [("retry-after-ms", "1500")]), b"{}"));
    assert_eq!(limited.unwrap()["retry_after"], 1.5);
}

#[test]
fn an_error_becomes_one_of_azure_core_and_comes_back_as_itself() {
    use azure_core::error::ErrorKind as Azure;

    let error = answered(404, &refusal("DeploymentNotFound", "no"));
    let text = error.to_string();
    let azure = azure_core::Error::from(error);
    assert!(matches!(azure.kind(), Azure::HttpResponse { error_code: Some(code), .. } if code == "DeploymentNotFound"));
    assert_eq!(u16::from(azure.http_status().unwrap()), 404);
    let back = Error::from(azure);
    assert_eq!((back.kind(), back.to_string()), (ErrorKind::NotFound, text));
    assert!(matches!(azure_core::Error::from(invalid()).kind(), Azure::Other));
}

#[test]
fn an_error_of_azure_core_has_a_kind_by_its_own() {
    use azure_core::error::ErrorKind as Azure;

    let http = Azure::HttpResponse { status: 429.into(), error_code: Some("slow".to_owned()), raw_response: None };
    for (azure, kind) in [
        (http, ErrorKind::RateLimited),
        (Azure::Connection, ErrorKind::Connect),
        (Azure::Io, ErrorKind::Connect),
        (Azure::Credential, ErrorKind::Credential),
        (Azure::DataConversion, ErrorKind::Decode),
        (Azure::Other, ErrorKind::Service),
    ] {
        let error = Error::from(azure_core::Error::with_message(azure, "why"));
        assert_eq!(error.kind(), kind);
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "why");
    }
}

#[test]
fn an_answer_in_an_error_of_azure_core_is_read_as_an_answer_of_the_service() {
    use azure_core::error::ErrorKind as Azure;
    use azure_core::http::{RawResponse, headers::Headers};

    let mut headers = Headers::new();
    headers.insert("retry-after", "7");
    let body = r#"{"error": {"code": "429", "message": "Slow down."}}"#;
    let answer = RawResponse::from_bytes(429.into(), headers, body);
    let azure = Azure::HttpResponse { status: 429.into(), error_code: None, raw_response: Some(Box::new(answer)) };
    let error = Error::from(azure_core::Error::with_message(azure, "why"));
    assert_eq!((error.kind(), error.status()), (ErrorKind::RateLimited, Some(429)));
    assert_eq!(error.message(), "Slow down.");
    assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(7)));
    let back = azure_core::Error::from(error);
    assert!(matches!(back.kind(), Azure::HttpResponse { status, .. } if u16::from(*status) == 429));
}

#[test]
fn errors_go_into_anyhow_with_their_kind_at_hand() {
    fn ask() -> anyhow::Result<()> {
        let o1 = Deployment::new("o1-new").model(Model::O1_2024_12_17);
        let request = ChatCompletionRequest::builder(o1).user("hi").uncapped().build()?;
        let _ = ChatClient::new("nowhere", ApiKey::new("k"))?.check(&request);
        Ok(())
    }
    let error = ask().unwrap_err();
    assert_eq!(error.downcast_ref::<Error>().unwrap().kind(), ErrorKind::Config);
}

#[test]
fn an_error_for_callers_has_openais_shape_and_says_nothing_of_the_setup() {
    for (error, status, code, message) in [
        (answered(429, &refusal("429", "Slow down.")), 429, "rate_limit_exceeded", "Slow down."),
        (answered(413, &refusal("odd", "canary")), 413, "odd", "the model refused the request"),
        (
            answered(401, &refusal("401", "Access denied due to invalid subscription key.")),
            500,
            "server_error",
            "the service is not set up for this model",
        ),
        (answered(404, &refusal("DeploymentNotFound", "no")), 404, "model_not_found", "the model does not exist"),
        (answered(503, &json!({})), 502, "server_error", "the model is unavailable"),
        (Error::from(unfinished("length").parse::<u8>().unwrap_err()), 502, "parse", "the answer could not be used"),
    ] {
        let (answer, body) = error.to_openai();
        let error = &body["error"];
        assert_eq!((answer, &error["code"], &error["message"]), (status, &json!(code), &json!(message)));
        assert_eq!(body.as_object().unwrap().len(), 1);
        assert!(error["type"].is_string() && !body.to_string().contains("canary"));
    }
    let (status, body) = invalid().to_openai();
    assert_eq!((status, &body["error"]["param"]), (400, &json!("temperature")));
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("temperature: o1-2024-12-17 does not take temperature"), "{message}");
    assert!(message.contains("; max_tokens: "), "{message}");
}
