//! What services do with the client, one test a use. Others are in `examples/` and in the modules of their subject: the
//! gateway, two regions with failover (`client`), errors into axum and anyhow (`gateway`, `errors::uses`), conversations.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use azure_openai_chat::{
    CallOptions, ChatClient, ChatCompletion, ChatCompletionRequest, ChatCompletionStream, Deployment, Message, Model,
    ParseOutcome, RetryPolicy, Tool, Usage,
};
use azure_openai_emulator::Emulator;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};

use crate::support::{
    RawServer, Step, builder, client, completion, delta, event, ok_json, piece, question, sent_bodies, serving,
    streaming, until,
};

#[tokio::test]
async fn a_chat_that_is_cancelled_keeps_what_came_and_ends_the_call() {
    let server = RawServer::start([streaming([piece(event(&delta("hello"))), Step::Hang])]).await;
    let mut stream = client(&server.url).stream(&question()).await.unwrap();
    let (cancel, cancelled) = tokio::sync::oneshot::channel::<()>();
    let mut cancel = Some(cancel);
    let reading = async {
        while stream.next_chunk().await.unwrap().is_some() {
            // as Ctrl-C does
            cancel.take().map(|cancel| cancel.send(()));
        }
    };
    tokio::select! {
        () = reading => panic!("the answer has no end"),
        _ = cancelled => {}
    }
    assert_eq!(stream.partial().text(), Some("hello"));
    drop(stream);
    until(|| server.hung_up() == 1).await;
}

#[tokio::test]
async fn two_parallel_tools_are_answered_in_one_turn() {
    let calls = json!([
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}},
        {"id": "c2", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Rome\"}"}},
    ]);
    let message = json!({"role": "assistant", "content": null, "tool_calls": calls});
    let first = json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]});
    let server = serving("two rounds", [ok_json(&first), ok_json(&completion("cold and warm"))]).await;
    let tool = Tool::function("weather").parameters(json!({"type": "object", "properties": {"city": {}}}));
    let request = ChatCompletionRequest::builder("gpt").user("Oslo and Rome?").tool(tool).build().unwrap();
    let client = client(server.uri());

    let answer = client.complete(&request).await.unwrap().message().unwrap().clone();
    let run = |city: String| async move { format!("{city}: 4 degrees") };
    let results = answer.tool_calls().iter().map(|call| async move {
        let city = call.arguments::<Value>().unwrap()["city"].as_str().unwrap().to_owned();
        Message::tool_result(call.id(), run(city).await)
    });
    let results = futures::future::join_all(results).await;
    let request = results.into_iter().fold(request.with_message(&answer), ChatCompletionRequest::with_message);
    assert_eq!(client.complete(&request).await.unwrap().whole_text().unwrap(), "cold and warm");
    let sent = &sent_bodies(&server).await[1]["messages"];
    assert_eq!(sent[2]["content"], "Oslo: 4 degrees");
    assert_eq!(sent[3]["tool_call_id"], "c2");
}

#[test]
fn structured_extraction_has_its_outcomes() {
    let parse = |message: Value, reason: &str| {
        let body = json!({"choices": [{"index": 0, "message": message, "finish_reason": reason}]});
        serde_json::from_value::<ChatCompletion>(body).unwrap().parse::<Vec<u8>>().map_err(|error| error.outcome())
    };
    assert_eq!(parse(json!({"content": "[1, 2]"}), "stop"), Ok(vec![1, 2]));
    assert_eq!(parse(json!({"refusal": "no"}), "stop"), Err(ParseOutcome::Refused));
    assert_eq!(parse(json!({"content": "[1"}), "length"), Err(ParseOutcome::Length));
    assert_eq!(parse(json!({"content": "[1"}), "content_filter"), Err(ParseOutcome::Filtered));
    assert_eq!(parse(json!({"content": "[300]"}), "stop"), Err(ParseOutcome::Decode));
}

#[tokio::test]
async fn five_hundred_calls_run_twenty_at_a_time_and_their_usage_adds_up() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(emulator.endpoint());
    let (under_way, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let call = async |number: usize| {
        most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let request = ChatCompletionRequest::builder("gpt-4o-mini").user(format!("question {number}")).build()?;
        let completion = client.complete(&request).await;
        under_way.fetch_sub(1, Ordering::SeqCst);
        completion.map(|completion| completion.usage().clone())
    };
    let each: Vec<Usage> = stream::iter(0..500).map(call).buffer_unordered(20).try_collect().await.unwrap();
    let total: Usage = each.iter().sum();
    assert_eq!((each.len(), emulator.requests().count(), most.load(Ordering::SeqCst)), (500, 500, 20));
    assert!(each.iter().all(|usage| usage.total_tokens() > 0));
    assert_eq!(total.total_tokens(), each.iter().map(|usage| usage.total_tokens()).sum::<u64>());
}

/// The part of a service that is tested without a service behind it.
trait Answers {
    fn answer(&self, question: &str) -> impl Future<Output = azure_openai_chat::Result<String>> + Send;
}

impl Answers for ChatClient {
    async fn answer(&self, question: &str) -> azure_openai_chat::Result<String> {
        let request = ChatCompletionRequest::builder("gpt").user(question).build()?;
        Ok(self.complete(&request).await?.whole_text()?.to_owned())
    }
}

struct Fake(ChatCompletion);

impl Answers for Fake {
    async fn answer(&self, _: &str) -> azure_openai_chat::Result<String> {
        Ok(self.0.whole_text()?.to_owned())
    }
}

#[tokio::test]
async fn a_fake_stands_in_for_the_client() {
    async fn greet(answers: &(impl Answers + Sync)) -> String {
        answers.answer("hi").await.unwrap_or_else(|error| error.kind().to_string())
    }
    assert_eq!(greet(&Fake(ChatCompletion::builder().text("hello").build())).await, "hello");
    assert_eq!(greet(&Fake(ChatCompletion::builder().refusal("no").build())).await, "parse");
    let server = serving("one call", [ok_json(&completion("hello"))]).await;
    assert_eq!(greet(&client(server.uri())).await, "hello");
}

#[tokio::test]
async fn endpoint_deployments_and_timeout_come_from_a_file() {
    #[derive(serde::Deserialize)]
    struct Settings {
        endpoint: String,
        timeout_ms: u64,
        deployments: Vec<Deployment>,
    }
    let server = serving("a slow answer", [ok_json(&completion("late")).set_delay(Duration::from_secs(30))]).await;
    let file = json!({
        "endpoint": server.uri(),
        "timeout_ms": 100,
        "deployments": [{"name": "triage", "model": "o1-2024-12-17"}, "gpt-4o"],
    });
    let settings: Settings = serde_json::from_str(&file.to_string()).unwrap();
    let client = builder(settings.endpoint)
        .answer_timeout(Duration::from_millis(settings.timeout_ms))
        .deployments(settings.deployments)
        .build()
        .unwrap();
    assert_eq!(client.deployment("triage").declared_model(), Some(&Model::O1_2024_12_17));
    assert_eq!(client.deployment("gpt-4o").declared_model().unwrap().name(), "gpt-4o");
    let request = ChatCompletionRequest::builder("gpt-4o").user("hi").build().unwrap();
    let once = CallOptions::new().retry(RetryPolicy::none());
    assert!(client.complete_with(&request, &once).await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn a_stream_moves_from_the_task_that_opened_it_to_another() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(emulator.endpoint());
    let (sender, receiver) = tokio::sync::oneshot::channel::<ChatCompletionStream>();
    let request = ChatCompletionRequest::builder("gpt-4o-mini").user("hi").build().unwrap();
    let opening = tokio::spawn(async move { sender.send(client.stream(&request).await.unwrap()).is_ok() });
    let reading = tokio::spawn(async move { receiver.await.unwrap().finish().await });
    assert!(opening.await.unwrap());
    assert!(!reading.await.unwrap().unwrap().whole_text().unwrap().is_empty());
}
