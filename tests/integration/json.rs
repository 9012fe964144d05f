//! Operations beside chat completions, as JSON.

use azure_openai_chat::{ApiKey, ApiVersion, Backend, CallOptions, ChatClient, ErrorKind, RetryPolicy};
use azure_openai_emulator::Emulator;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{builder, client, quick, sent_bodies, sent_headers, serving, shown, untouched};

#[derive(Serialize)]
struct Question<'a> {
    input: &'a [&'a str],
}

#[derive(Deserialize)]
struct Embeddings {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    embedding: Vec<f64>,
}

fn answer() -> ResponseTemplate {
    let body = json!({"object": "list", "data": [{"index": 0, "embedding": [0.6, 0.8]}]});
    ResponseTemplate::new(200).set_body_json(body).insert_header("apim-request-id", "r1")
}

#[tokio::test]
async fn embeddings_of_the_emulator_are_vectors_of_unit_length() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(emulator.endpoint());
    let question = Question { input: &["the sky is blue", "the sky is grey"] };
    let answer = client.post_json("text-embedding-3-small", "embeddings", &question).await.unwrap();
    assert_eq!(answer["object"], "list");
    let typed: Embeddings = answer.parse().unwrap();
    assert_eq!(typed.data.len(), 2);
    for vector in typed.data {
        let length: f64 = vector.embedding.iter().map(|number| number * number).sum();
        assert!((length - 1.0).abs() < 1e-3, "{length}");
    }
}

#[tokio::test]
async fn the_answer_is_json_with_its_metadata() {
    let server = serving("one call", [answer()]).await;
    let answer = client(server.uri()).post_json("embed", "embeddings", &json!({"input": ["a"]})).await.unwrap();
    assert_eq!(answer["data"][0]["embedding"][1], 0.8);
    assert_eq!(answer.get("object").and_then(Value::as_str), Some("list"));
    assert_eq!(answer.metadata().request_id(), Some("r1"));
    assert!(!format!("{answer:?}").contains("0.8"));
    let text = answer.parse::<Vec<u8>>().unwrap_err().to_string();
    assert!(text.starts_with("the answer is JSON, but does not fit alloc::vec::Vec<u8>"), "{text}");
    assert_eq!(answer.into_value()["object"], "list");
}

#[tokio::test]
async fn the_deployment_is_in_the_body_on_v1_and_in_the_path_with_a_dated_version() {
    let server = serving("two calls", [answer(), answer()]).await;
    let body = json!({"input": "a"});
    client(server.uri()).post_json("embed", "embeddings", &body).await.unwrap();
    let dated = builder(server.uri()).api_version(ApiVersion::V2024_10_21).build().unwrap();
    dated.post_json("embed", "/embeddings", &body).await.unwrap();
    let paths: Vec<String> =
        server.received_requests().await.unwrap().iter().map(|request| request.url.path().to_owned()).collect();
    assert_eq!(paths, ["/openai/v1/embeddings", "/openai/deployments/embed/embeddings"]);
    assert_eq!(sent_bodies(&server).await, [json!({"input": "a", "model": "embed"}), body]);
}

#[tokio::test]
async fn it_is_retried_moved_and_signed_in_as_any_call() {
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "9");
    let first = serving("busy", [busy]).await;
    let second = serving("one fault", [ResponseTemplate::new(503), answer()]).await;
    let backend = Backend::new(second.uri(), ApiKey::new("second")).priority(1).deployment("embed", "embed-2");
    let client =
        ChatClient::builder(first.uri(), ApiKey::new("first")).retry(quick()).backend(backend).build().unwrap();
    let options = CallOptions::new().header("x-team", "search").client_request_id("c1");
    let answer = client.post_json_with("embed", "embeddings", &json!({"input": "a"}), &options).await.unwrap();
    assert_eq!(answer.metadata().attempts(), 3);
    assert_eq!(answer.metadata().client_request_id(), Some("c1"));
    assert_eq!(sent_headers(&first, "api-key").await, ["first"]);
    assert_eq!(sent_headers(&second, "api-key").await, ["second", "second"]);
    assert_eq!(sent_headers(&second, "x-team").await, ["search", "search"]);
    assert_eq!(sent_bodies(&second).await[1]["model"], "embed-2");
}

#[tokio::test]
async fn what_is_no_operation_or_no_object_is_not_sent() {
    let server = untouched("refused before sending").await;
    let client = client(server.uri());
    for operation in ["", "/", "a//b", "../secrets", "embeddings?x=1", "a b"] {
        let error = client.post_json("embed", operation, &json!({})).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{operation}");
    }
    for body in [json!([1]), json!("text"), Value::Null] {
        let error = client.post_json("embed", "embeddings", &body).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
    assert_eq!(client.post_json("", "embeddings", &json!({})).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn an_error_and_an_answer_that_is_no_json_are_errors() {
    for (template, kind) in [
        (
            ResponseTemplate::new(404).set_body_json(json!({"error": {"code": "DeploymentNotFound"}})),
            ErrorKind::NotFound,
        ),
        (ResponseTemplate::new(200).set_body_json(json!({"error": {"code": "x"}})), ErrorKind::Service),
        (ResponseTemplate::new(200).set_body_string("<html>canary"), ErrorKind::Decode),
        (ResponseTemplate::new(200).set_body_string("data: {}\n\n"), ErrorKind::Decode),
    ] {
        let server = serving("one call", [template]).await;
        let client = builder(server.uri()).retry(RetryPolicy::none()).build().unwrap();
        let error = client.post_json("embed", "embeddings", &json!({"input": "a"})).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains("'embed'") && !shown(&error).contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn an_operation_that_the_model_lacks_is_named_in_place_of_chat() {
    for (status, code) in [(400, "OperationNotSupported"), (404, "404")] {
        let refusal = ResponseTemplate::new(status).set_body_json(json!({"error": {"code": code, "message": "no"}}));
        let server = serving("one call", [refusal]).await;
        let error = client(server.uri()).post_json("gpt", "embeddings", &json!({"input": "a"})).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("check the operation 'embeddings'") && !text.contains("chat completions"), "{text}");
    }
}
