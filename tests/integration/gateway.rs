//! The gateway of `examples/gateway`: OpenAI's shape to its callers, Azure behind it.

#[path = "../../examples/gateway/handler.rs"]
mod handler;

use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest, Deployment, ErrorKind, Model};
use azure_openai_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{builder, completion, delta, event, finish, ok_json, ok_stream, serving};

/// The gateway in front of a client; its address.
async fn gateway(client: ChatClient) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let router =
        axum::Router::new().route("/v1/chat/completions", axum::routing::post(handler::chat)).with_state(client);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Status, content type and body of a call, as a caller of any language gets them.
async fn call(url: &str, body: impl Into<reqwest::Body>) -> (u16, String, String) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.post(format!("{url}/chat/completions")).body(body).send().await.unwrap();
    let (status, kind) = (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap().to_owned());
    (status, kind, answer.text().await.unwrap())
}

fn question(extra: Value) -> String {
    let mut body = json!({"model": "gpt", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body.to_string()
}

#[tokio::test]
async fn a_whole_answer_comes_without_azures_members() {
    let mut body = completion("hello");
    body["prompt_filter_results"] = json!([{"prompt_index": 0}]);
    body["choices"][0]["content_filter_results"] = json!({"hate": {"filtered": false, "severity": "safe"}});
    let server = serving("one call", [ok_json(&body)]).await;
    let url = gateway(builder(server.uri()).build().unwrap()).await;
    let (status, _, text) = call(&url, question(json!({}))).await;
    assert_eq!((status, serde_json::from_str::<Value>(&text).unwrap()), (200, completion("hello")));
}

#[tokio::test]
async fn a_stream_comes_as_events_with_usage_only_where_it_is_requested() {
    let usage = json!({"id": "chatcmpl-1", "choices": [], "usage": {"total_tokens": 9}});
    let filters = json!({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]});
    let body = [filters, delta("hel"), delta("lo"), finish("stop"), usage].iter().map(event).collect::<String>();
    let server = serving("two calls", vec![ok_stream(body + "data: [DONE]\n\n"); 2]).await;
    let url = gateway(builder(server.uri()).build().unwrap()).await;
    for (options, has_usage) in [(json!({}), false), (json!({"stream_options": {"include_usage": true}}), true)] {
        let mut options = options;
        options["stream"] = true.into();
        let (status, kind, text) = call(&url, question(options)).await;
        assert_eq!((status, kind.as_str()), (200, "text/event-stream"));
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        assert_eq!(text.contains("total_tokens"), has_usage, "{text}");
        assert!(!text.contains("prompt_filter_results"), "{text}");
        assert_eq!(text.matches("data: ").count(), if has_usage { 5 } else { 4 }, "{text}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_error_and_not_with_done() {
    let server = serving("a broken stream", [ok_stream(event(&delta("hel")))]).await;
    let url = gateway(builder(server.uri()).build().unwrap()).await;
    let (status, _, text) = call(&url, question(json!({"stream": true}))).await;
    assert_eq!(status, 200);
    let last: Value = serde_json::from_str(text.trim().rsplit("data: ").next().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "interrupted");
}

#[tokio::test]
async fn what_cannot_be_served_is_an_error_in_openais_shape() {
    let emulator = Emulator::start().await.unwrap();
    let o1 = Deployment::new("triage").model(Model::O1_2024_12_17);
    let url = gateway(builder(emulator.endpoint()).deployment(o1).build().unwrap()).await;
    for (body, status, code) in [
        ("{".to_owned(), 400, Value::Null),
        (
            question(json!({"model": "triage", "temperature": 0.1, "max_completion_tokens": 9})),
            400,
            json!("invalid_request"),
        ),
        (question(json!({"model": "no-such-deployment"})), 404, json!("model_not_found")),
    ] {
        let (answer, _, text) = call(&url, body).await;
        let error = serde_json::from_str::<Value>(&text).unwrap()["error"].clone();
        assert_eq!((answer, &error["code"]), (status, &code), "{text}");
        assert!(error["message"].is_string() && error["type"].is_string() && error.get("param").is_some());
    }
}

#[tokio::test]
async fn a_client_of_this_crate_reads_the_gateway() {
    let emulator = Emulator::start().await.unwrap();
    let url = gateway(builder(emulator.endpoint()).build().unwrap()).await;
    let client = ChatClient::new(url, ApiKey::new("k").with_bearer()).unwrap();
    let request = ChatCompletionRequest::builder("gpt-4o-mini").user("Why is the sky blue?").build().unwrap();
    let whole = client.complete(&request).await.unwrap();
    let streamed = client.stream(&request).await.unwrap().finish().await.unwrap();
    assert_eq!(whole.text(), streamed.text());
    let absent = ChatCompletionRequest::builder("absent").user("hi").build().unwrap();
    assert_eq!(client.complete(&absent).await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// What a gateway needs beside its routing.
#[test]
fn the_handler_is_at_most_forty_lines() {
    let source = include_str!("../../examples/gateway/handler.rs");
    let is_code = |line: &&str| {
        !line.trim().is_empty() && !line.trim_start().starts_with("//") && !line.trim_start().starts_with("use ")
    };
    let lines = source.lines().filter(is_code).count();
    assert!(lines <= 40, "{lines} lines");
}
