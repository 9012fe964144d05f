//! What an error tells: kind, code, words, ids, and the next step. And what it never tells.

use std::error::Error as StdError;
use std::time::Duration;

use azure_openai_chat::transport::Token;
use azure_openai_chat::{
    ChatClient, ChatCompletion, ChatCompletionRequest, Credential, Deployment, Error, ErrorKind, Model, RetryPolicy,
    ValidationError,
};
use futures::StreamExt;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::raw_server::answer;
use crate::support::{
    RawServer, Step, builder, chain, client, delta, event, files, kind_of, ok_stream, piece, question, send, serving,
    shared, shown, streaming,
};

mod gateways;
mod parameters;
mod sign_in;
mod uses;

/// Asks a server that answers as recorded.
async fn meet(name: &str, recorded: &Value) -> Error {
    let status = recorded["status"].as_u64().unwrap() as u16;
    let mut answer = ResponseTemplate::new(status).set_body_bytes(recorded["raw"].as_str().unwrap());
    for (header, value) in recorded["headers"].as_object().unwrap() {
        if header != "transfer-encoding" {
            answer = answer.insert_header(header.as_str(), value.as_str().unwrap());
        }
    }
    let server = serving(name, [answer]).await;
    client(server.uri()).complete(&question()).await.unwrap_err()
}

/// Asks a server that answers with this status and error.
async fn meet_error(status: u16, error: Value) -> Error {
    let recorded = json!({"status": status, "headers": {}, "raw": json!({"error": error}).to_string()});
    meet("an error", &recorded).await
}

#[tokio::test]
async fn every_recorded_error_comes_through_the_client() {
    let Some(folder) = shared("wire/errors") else { return };
    for (name, text) in files(&folder, ".json") {
        let recorded: Value = serde_json::from_str(&text).unwrap();
        let error = meet(&name, &recorded).await;
        let (status, body) = (recorded["status"].as_u64().unwrap() as u16, &recorded["body"]["error"]);
        let kind = match status {
            _ if body["code"] == "content_filter" => ErrorKind::ContentFiltered,
            status => kind_of(status),
        };
        assert_eq!((error.kind(), error.status()), (kind, Some(status)), "{name}");
        assert_eq!(error.code(), body["code"].as_str(), "{name}");
        assert_eq!(error.message(), body["message"].as_str().unwrap(), "{name}");
        assert_eq!(error.param(), body["param"].as_str(), "{name}");
        assert_eq!(error.service_error().unwrap().error_type(), body["type"].as_str(), "{name}");
        let headers = &recorded["headers"];
        let id = headers["apim-request-id"].as_str().or(headers["x-request-id"].as_str());
        assert_eq!(error.request_id(), id, "{name}");
        assert_eq!(error.attempts(), 1, "{name}");
        assert_eq!(error.is_retryable(), status == 429, "{name}");
        assert_eq!(error.retry_after(), (status == 429).then_some(Duration::from_secs(86_400)), "{name}");
        let filter = error.content_filter().map(|results| results.filtered_categories().join(" "));
        let category = name.strip_prefix("400-content-filter-").map(|rest| rest.trim_end_matches(".json"));
        let expected = category.map(|category| category.replace("blocklist", "custom_blocklists"));
        assert_eq!(filter, expected, "{name}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("deployment 'gpt' answered {status}")), "{name}: {text}");
        assert!(id.is_none_or(|id| text.ends_with(&format!("[request id {id}]"))), "{name}: {text}");
    }
}

#[tokio::test]
async fn a_missing_deployment_says_what_to_check() {
    let recorded = json!({
        "status": 404,
        "headers": {"apim-request-id": "127a131b"},
        "raw": r#"{"error":{"type":"invalid_request_error","code":"DeploymentNotFound","message":"The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."}}"#,
    });
    assert_eq!(
        meet("a missing deployment", &recorded).await.to_string(),
        "deployment 'gpt' answered 404 (DeploymentNotFound): The API deployment for this resource does not exist. If you \
         created the deployment within the last 5 minutes, please wait a moment and try again; check the deployment's \
         name (it is yours, not the model's) and the endpoint's resource; a new deployment needs up to five minutes \
         [request id 127a131b]"
    );
}

#[tokio::test]
async fn the_next_step_is_told_in_words() {
    for (status, error, text) in [
        (
            403,
            json!({"code": "AuthenticationTypeDisabled", "message": "Key based authentication is disabled for this resource."}),
            "deployment 'gpt' answered 403 (AuthenticationTypeDisabled): Key based authentication is disabled for this \
             resource; keys are switched off for this resource: sign in with Entra ID through a TokenCredential instead",
        ),
        (
            401,
            json!({"code": "PermissionDenied", "message": "Principal does not have access to API/Operation."}),
            "deployment 'gpt' answered 401 (PermissionDenied): Principal does not have access to API/Operation; the key \
             may not do this: compare it with the endpoint's Keys page",
        ),
        (
            401,
            json!({"code": "401", "message": "Access denied due to invalid subscription key or wrong API endpoint."}),
            "deployment 'gpt' answered 401: Access denied due to invalid subscription key or wrong API endpoint; \
             the key is wrong or belongs to another resource: compare it with the endpoint's Keys page",
        ),
        (
            403,
            json!({"code": "403", "message": "Access denied due to Virtual Network/Firewall rules."}),
            "deployment 'gpt' answered 403: Access denied due to Virtual Network/Firewall rules; the resource's \
             network rules refuse this address: add it, or call through the private endpoint",
        ),
        (
            404,
            json!({"code": "404", "message": "Resource not found"}),
            "deployment 'gpt' answered 404: Resource not found; the path does not exist: check the endpoint's \
             host and the api version (an api version such as 2024-10-21 is not a model version such as 2024-08-06)",
        ),
        (
            400,
            json!({"code": "OperationNotSupported", "message": "The chatCompletion operation does not work with the specified model."}),
            "deployment 'gpt' answered 400 (OperationNotSupported): The chatCompletion operation does not work with the \
             specified model; this deployment's model is not served by chat completions; some models answer only on \
             the Responses API",
        ),
        (
            400,
            json!({"code": "unsupported_parameter", "param": "max_tokens", "message": "Unsupported parameter."}),
            "deployment 'gpt' answered 400 (unsupported_parameter, parameter 'max_tokens'): Unsupported parameter; \
             replace .max_tokens(..) by .max_completion_tokens(..) on the request builder",
        ),
        (
            400,
            json!({"code": "context_length_exceeded", "param": "messages", "message": "Too long."}),
            "deployment 'gpt' answered 400 (context_length_exceeded, parameter 'messages'): Too long; shorten the \
             messages, or leave history out",
        ),
        (
            400,
            json!({"code": "content_filter", "param": "prompt", "message": "The response was filtered.",
                "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {
                    "hate": {"filtered": false, "severity": "safe"},
                    "jailbreak": {"filtered": true, "detected": true},
                    "violence": {"filtered": true, "severity": "high"}}}}),
            "deployment 'gpt' answered 400 (content_filter, parameter 'prompt'): The response was filtered; the prompt \
             was blocked by the content filter for violence, jailbreak; rephrase it, or review the deployment's filter",
        ),
    ] {
        assert_eq!(meet_error(status, error).await.to_string(), text);
    }
}

#[tokio::test]
async fn the_wait_that_the_service_names_is_told_once() {
    let quota = json!({"code": "429", "message": "The quota of the day is used up."});
    let told = json!({"code": "429", "message": "Too many tokens. Please retry after 7 seconds."});
    let down = json!({"code": "503", "message": "The service is down."});
    for (status, error, header, text) in [
        (429, &quota, "86400", "429: The quota of the day is used up; the service names a wait of 86400 seconds"),
        (429, &told, "7", "429: Too many tokens. Please retry after 7 seconds"),
        (
            429,
            &told,
            "60",
            "429: Too many tokens. Please retry after 7 seconds; the service names a wait of 60 seconds",
        ),
        (503, &down, "90", "503: The service is down; the service names a wait of 90 seconds"),
        (
            400,
            &json!({"code": "BadRequest", "message": "No."}),
            "9",
            "400 (BadRequest); message() has the service's text",
        ),
    ] {
        let answer = ResponseTemplate::new(status).insert_header("retry-after", header);
        let server = serving("a wait", [answer.set_body_json(json!({"error": error}))]).await;
        let client = builder(server.uri()).retry(RetryPolicy::none()).build().unwrap();
        let met = client.complete(&question()).await.unwrap_err();
        assert_eq!(met.to_string(), format!("deployment 'gpt' answered {text}"));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_is_compressed_names_its_deployment() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"choices\"";
    for (script, text) in [
        (vec![send(cut), Step::Close], "the connection broke after 10 bytes of the answer"),
        (answer(200, "content-encoding: gzip\r\n", "{}"), "the answer is compressed"),
    ] {
        let server = RawServer::start([script]).await;
        let client = builder(server.url.as_str()).retry(RetryPolicy::none()).build().unwrap();
        let error = client.complete(&question()).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("deployment 'gpt': {text}")), "{error}");
    }
}

/// What `message()` says where the service says nothing; no text of an error repeats it.
const NO_REASON: &str = "the service gave no reason";

#[tokio::test]
async fn bodies_of_every_shape_are_understood_and_none_is_lost() {
    for (status, body, code, message) in [
        (400, r#"{"error":{"requestid":"r","code":400,"message":"odd"}}"#, Some("400"), "odd"),
        (
            500,
            r#"{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}"#,
            None,
            "The server had an error",
        ),
        (401, r#"{"statusCode":401,"message":"missing subscription key"}"#, Some("401"), "missing subscription key"),
        (403, r#"{"code":"Quota","message":"out of call volume quota"}"#, Some("Quota"), "out of call volume quota"),
        (400, r#"{"error":"just words"}"#, None, "just words"),
        (422, r#"{"detail":"not so"}"#, None, "not so"),
        (502, "<html><head><title>502 Bad Gateway</title></head></html>", None, "502 Bad Gateway"),
        (503, "upstream connect error", None, "upstream connect error"),
        (500, "", None, NO_REASON),
        (500, "[]", None, NO_REASON),
    ] {
        let server = serving(body, [ResponseTemplate::new(status).set_body_bytes(body)]).await;
        let client = builder(server.uri()).retry(RetryPolicy::none()).build().unwrap();
        let error = client.complete(&question()).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (kind_of(status), Some(status)), "{body}");
        assert_eq!((error.code(), error.message()), (code, message), "{body}");
        assert_eq!(error.service_error().unwrap().body(), body);
        let text = error.to_string();
        assert!(text.starts_with(&format!("deployment 'gpt' answered {status}")), "{text}");
        // an unknown 400 or 422 may repeat what was sent
        let is_printed = message != NO_REASON && !matches!(status, 400 | 422);
        assert_eq!(text.contains(message), is_printed, "{text}");
        assert_eq!(text.contains("message() has the service's text"), matches!(status, 400 | 422), "{text}");
    }
}

const SECRET: &str = "my grandmother's recipe needs three eggs";

fn confiding() -> ChatCompletionRequest {
    ChatCompletionRequest::builder("gpt").user(SECRET).build().unwrap()
}

#[tokio::test]
async fn words_of_the_service_that_repeat_the_prompt_are_not_printed() {
    let body = json!({"error": {"code": "bad", "message": format!("cannot understand '{SECRET}'")}});
    for streaming in [false, true] {
        let server = serving("an echo", [ResponseTemplate::new(400).set_body_json(&body)]).await;
        let client = client(server.uri());
        let error = if streaming {
            client.stream(&confiding()).await.unwrap_err()
        } else {
            client.complete(&confiding()).await.unwrap_err()
        };
        assert!(!shown(&error).contains("recipe"), "{error:?}");
        assert_eq!(error.to_string(), "deployment 'gpt' answered 400 (bad); message() has the service's text");
        assert!(error.message().contains(SECRET), "still at hand");
    }
}

#[tokio::test]
async fn words_of_the_service_that_repeat_prompt_or_answer_in_a_stream_are_not_printed() {
    let answer = "the answer nobody else may see";
    for said in [SECRET, answer] {
        let error = json!({"error": {"code": "server_error", "message": format!("failed after: {said}")}});
        let body = event(&delta(answer)) + &event(&error);
        let server = serving("an echo in a stream", [ok_stream(body)]).await;
        let mut stream = client(server.uri()).stream(&confiding()).await.unwrap();
        stream.next().await.unwrap().unwrap();
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(!shown(&error).contains(said), "{error:?}");
        assert!(!format!("{stream:?}").contains(said), "{stream:?}");
        assert!(error.message().contains(said), "still at hand");
    }
}

#[tokio::test]
async fn an_error_in_a_whole_answer_that_repeats_the_prompt_is_not_printed() {
    let body = json!({"error": {"code": "server_error", "message": format!("failed at {SECRET}")}});
    let server = serving("an echo", [ResponseTemplate::new(200).set_body_json(body)]).await;
    let error = client(server.uri()).complete(&confiding()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Service);
    assert!(!shown(&error).contains("recipe"), "{error:?}");
}

#[tokio::test]
async fn the_source_says_the_rest_without_secrets() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/canary-prefix", listener.local_addr().unwrap());
    drop(listener);
    let error = client(url).complete(&confiding()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3));
    let causes = chain(&error);
    assert!(causes.iter().any(|cause| cause.to_lowercase().contains("refused")), "{causes:?}");
    assert!(!shown(&error).contains("canary"), "{error:?}");

    let cut = streaming([piece(event(&delta("hel"))), Step::Pause(Duration::from_millis(20)), Step::Close]);
    let server = RawServer::start([cut]).await;
    let mut stream = client(&server.url).stream(&question()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(!chain(&error).is_empty() && !shown(&error).contains("canary"), "{error:?}");
}

#[test]
fn a_refused_requests_violations_are_the_source() {
    let o1 = Deployment::new("o1-new").model(Model::O1_2024_12_17);
    let refused = ChatCompletionRequest::builder(o1).user("hi").temperature(0.5).build().unwrap_err();
    let error = Error::from(refused);
    assert_eq!((error.kind(), error.attempts(), error.status()), (ErrorKind::InvalidRequest, 0, None));
    let source = error.source().unwrap().downcast_ref::<ValidationError>().unwrap();
    assert_eq!(source.violations().len(), 2);
    assert_eq!(source.violations()[0].parameter(), "temperature");
}

#[tokio::test]
async fn the_chain_of_an_error_repeats_nothing() {
    let o1 = || ChatCompletionRequest::builder(Deployment::new("o1-new").model(Model::O1_2024_12_17)).user("hi");
    let one = o1().uncapped().temperature(0.5).build().unwrap_err();
    let two = o1().temperature(0.5).build().unwrap_err();
    let refused: Error = serde_json::from_str::<ChatCompletion>(r#"{"choices":[{"message":{"refusal":"no"}}]}"#)
        .unwrap()
        .whole_text()
        .unwrap_err()
        .into();

    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}", { gone }.local_addr().unwrap());
    let unreachable = client(gone).complete(&question()).await.unwrap_err();
    let server = RawServer::start([streaming([piece(event(&delta("hel"))), Step::Close])]).await;
    let broken = client(&server.url).stream(&question()).await.unwrap().finish().await.unwrap_err();
    let server = RawServer::start([answer(200, "", "<html>")]).await;
    let page = client(&server.url).complete(&question()).await.unwrap_err();
    let failing = Credential::from_fn(|_| async { Err::<Token, _>(std::io::Error::other("the broker is down")) });
    let tokenless = ChatClient::new(&server.url, failing).unwrap().complete(&question()).await.unwrap_err();
    assert_eq!(chain(&tokenless), ["the broker is down"]);

    for error in [one.into(), two.into(), refused, unreachable, broken, page, tokenless] {
        let texts: Vec<String> = [error.to_string()].into_iter().chain(chain(&error)).collect();
        for (at, text) in texts.iter().enumerate() {
            let others = texts.iter().enumerate().filter(|(other, _)| *other != at);
            assert!(others.into_iter().all(|(_, other)| !other.contains(text)), "{texts:?}");
        }
    }
}

#[test]
fn a_refusals_text_has_the_first_way_out_and_its_source_the_others() {
    let o1 = Deployment::new("o1-new").model(Model::O1_2024_12_17);
    let refused = ChatCompletionRequest::builder(o1).user("hi").temperature(0.5).build().unwrap_err();
    let [first, second] = [&refused.violations()[0].to_string(), &refused.violations()[1].to_string()];
    let error = Error::from(refused.clone());
    assert!(error.to_string().starts_with(&format!("the request was not sent: {first}")), "{error}");
    let source = error.source().unwrap();
    assert!(source.to_string().contains(second) && !source.to_string().contains(first), "{source}");
    assert_eq!(source.downcast_ref(), Some(&refused));
}

#[test]
fn an_error_is_small_and_goes_everywhere() {
    fn goes_everywhere<T: StdError + Send + Sync + 'static>() {}
    goes_everywhere::<Error>();
    goes_everywhere::<ValidationError>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert!(size_of::<Result<(), Error>>() == size_of::<usize>());
}
