//! Runs of tools: what goes to the model, what comes back, and where a run goes on after an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use azure_openai_chat::request::ToolChoiceMode;
use azure_openai_chat::tools::{ToolBox, ToolEvent};
use azure_openai_chat::{ChatCompletionRequest, ErrorKind, Tool, ToolChoice};
use futures::{FutureExt, StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::support::{client, completion, events, finish, ok_json, ok_stream, sent_bodies, serving, untouched};

#[derive(Deserialize)]
struct City {
    city: String,
}

fn weather() -> ToolBox {
    ToolBox::new().add(Tool::function("get_weather"), |City { city }| async move {
        match city.as_str() {
            "Atlantis" => Err(format!("there is no city {city}")),
            _ => Ok(json!({"city": city, "celsius": 19})),
        }
    })
}

fn question() -> ChatCompletionRequest {
    ChatCompletionRequest::builder("gpt").user("Is Lisbon warmer than Porto?").build().unwrap()
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn calling(calls: &[Value]) -> Value {
    let mut answer = completion("");
    answer["choices"][0]["message"] = json!({"role": "assistant", "content": null, "tool_calls": calls});
    answer["choices"][0]["finish_reason"] = json!("tool_calls");
    answer
}

fn two_cities() -> Value {
    calling(&[call("c1", "get_weather", r#"{"city":"Lisbon"}"#), call("c2", "get_weather", r#"{"city":"Porto"}"#)])
}

#[tokio::test]
async fn an_answer_and_its_results_go_back_until_there_is_text() {
    let server = serving("two rounds", [ok_json(&two_cities()), ok_json(&completion("Both 19."))]).await;
    let mut run = weather().run(&client(server.uri()), &question()).unwrap();
    assert_eq!(run.finish().await.unwrap().whole_text().unwrap(), "Both 19.");
    assert_eq!((run.rounds(), run.usage().total_tokens(), run.reached_limit()), (2, 18, false));
    assert_eq!(run.request().messages().len(), 5);

    let bodies = sent_bodies(&server).await;
    assert_eq!(bodies[0]["tools"][0]["function"]["name"], "get_weather");
    let sent = &bodies[1]["messages"];
    assert_eq!(sent[1]["tool_calls"].as_array().unwrap().len(), 2);
    assert_eq!(sent[2], json!({"role": "tool", "tool_call_id": "c1", "content": r#"{"celsius":19,"city":"Lisbon"}"#}));
    assert_eq!(sent[3]["tool_call_id"], "c2");
    // a finished run sends nothing more
    assert_eq!(run.finish().await.unwrap().text(), Some("Both 19."));
}

#[tokio::test]
async fn the_calls_of_one_answer_run_at_the_same_time() {
    let server = serving("two rounds", [ok_json(&two_cities()), ok_json(&completion("a"))]).await;
    let barrier = Arc::new(tokio::sync::Barrier::new(2));
    let tools = ToolBox::new().add(Tool::function("get_weather"), move |_: City| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Ok::<_, String>("met")
        }
    });
    let mut run = tools.run(&client(server.uri()), &question()).unwrap();
    tokio::time::timeout(Duration::from_secs(20), run.finish()).await.unwrap().unwrap();
    let texts: Vec<_> = run.results().iter().map(|result| (result.call().id(), result.text())).collect();
    assert_eq!(texts, [("c1", "met"), ("c2", "met")]);
}

#[tokio::test]
async fn the_model_reads_why_a_call_failed() {
    let calls = calling(&[
        call("c1", "get_weather", r#"{"city":"Atlantis"}"#),
        call("c2", "get_weather", r#"{"town":"Porto"}"#),
        call("c3", "get_wether", "{}"),
    ]);
    let server = serving("two rounds", [ok_json(&calls), ok_json(&completion("sorry"))]).await;
    let mut run = weather().run(&client(server.uri()), &question()).unwrap();
    run.finish().await.unwrap();
    let bodies = sent_bodies(&server).await;
    let texts: Vec<_> = (2..5).map(|at| bodies[1]["messages"][at]["content"].as_str().unwrap()).collect();
    assert_eq!(texts[0], "The tool failed: there is no city Atlantis");
    assert!(texts[1].starts_with("The arguments are not valid: missing field `city`"), "{}", texts[1]);
    assert_eq!(texts[2], "There is no tool named 'get_wether'. The tools are: get_weather.");
    assert!(run.results().iter().all(|result| result.is_error()));
}

#[tokio::test]
async fn a_run_ends_at_the_limit_of_rounds_and_runs_no_tool_in_vain() {
    let server = serving("three rounds", vec![ok_json(&two_cities()); 3]).await;
    let mut run = weather().max_rounds(3).run(&client(server.uri()), &question()).unwrap();
    let completion = run.finish().await.unwrap();
    assert!(completion.whole_text().unwrap_err().to_string().contains("calls tools"));
    assert!(run.reached_limit());
    assert_eq!((run.rounds(), run.results().len()), (3, 4));
}

#[tokio::test]
async fn calls_of_an_answer_that_was_cut_are_not_run() {
    let mut cut = two_cities();
    cut["choices"][0]["finish_reason"] = json!("length");
    let server = serving("one round", [ok_json(&cut)]).await;
    let mut run = weather().run(&client(server.uri()), &question()).unwrap();
    assert!(run.finish().await.unwrap().whole_text().is_err());
    assert!(run.results().is_empty() && !run.reached_limit());
}

#[tokio::test]
async fn a_forced_tool_is_forced_once() {
    let server = serving("two rounds", [ok_json(&two_cities()), ok_json(&completion("a"))]).await;
    let forced = ChatCompletionRequest::builder("gpt")
        .user("q")
        .tool(Tool::function("get_weather"))
        .tool_choice(ToolChoice::function("get_weather"))
        .build()
        .unwrap();
    weather().run(&client(server.uri()), &forced).unwrap().finish().await.unwrap();
    let bodies = sent_bodies(&server).await;
    assert_eq!(bodies[0]["tool_choice"]["function"]["name"], "get_weather");
    assert_eq!(bodies[1]["tool_choice"], "auto");
    assert_eq!(bodies[1]["tools"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn tools_that_are_not_allowed_stay_so_after_the_first_request() {
    let (now, later) = (Tool::function("get_weather"), Tool::function("get_time"));
    for (mode, sent) in [(ToolChoiceMode::Required, "required"), (ToolChoiceMode::Auto, "auto")] {
        let server = serving("two rounds", [ok_json(&two_cities()), ok_json(&completion("a"))]).await;
        let request = ChatCompletionRequest::builder("gpt")
            .user("q")
            .tools([now.clone(), later.clone()])
            .tool_choice(ToolChoice::allowed(mode, [&now]))
            .build()
            .unwrap();
        let tools = weather().add(later.clone(), |_: Value| async { Ok::<_, String>("noon") });
        tools.run(&client(server.uri()), &request).unwrap().finish().await.unwrap();
        let choices: Vec<_> = sent_bodies(&server).await.iter().map(|body| body["tool_choice"].clone()).collect();
        assert_eq!(choices[0]["allowed_tools"]["mode"], sent);
        assert_eq!(choices[1]["allowed_tools"]["mode"], "auto");
        assert_eq!(choices[1]["allowed_tools"]["tools"], choices[0]["allowed_tools"]["tools"]);
    }
}

#[tokio::test]
async fn a_run_goes_on_after_an_error() {
    let failed = ResponseTemplate::new(400).set_body_json(json!({"error": {"code": "x", "message": "no"}}));
    let answers = [ok_json(&two_cities()), failed, ok_json(&completion("a"))];
    let server = serving("three calls", answers).await;
    let counted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&counted);
    let tools = ToolBox::new().add(Tool::function("get_weather"), move |_: City| {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, String>("warm") }
    });
    let mut run = tools.run(&client(server.uri()), &question()).unwrap();
    assert_eq!(run.finish().await.unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(run.usage().total_tokens(), 9);
    assert_eq!(run.finish().await.unwrap().text(), Some("a"));
    assert_eq!((counted.load(Ordering::SeqCst), run.usage().total_tokens()), (2, 18));
}

#[tokio::test]
async fn a_run_that_was_dropped_half_way_goes_on_with_its_handlers() {
    let server = serving("two rounds", [ok_json(&two_cities()), ok_json(&completion("a"))]).await;
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let started = Arc::new(AtomicUsize::new(0));
    let (opened, counter) = (Arc::clone(&gate), Arc::clone(&started));
    let tools = ToolBox::new().add(Tool::function("get_weather"), move |_: City| {
        counter.fetch_add(1, Ordering::SeqCst);
        let gate = Arc::clone(&opened);
        async move { gate.acquire().await.map(|_| "open") }
    });
    let mut run = tools.run(&client(server.uri()), &question()).unwrap();
    while run.completion().is_none() {
        let _ = tokio::time::timeout(Duration::from_millis(20), run.finish()).await;
    }
    gate.add_permits(2);
    assert_eq!(run.finish().await.unwrap().text(), Some("a"));
    assert_eq!(started.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_run_goes_on_after_a_panic_with_a_result_for_each_call() {
    for panics_at_once in [true, false] {
        let server = serving("two rounds", [ok_json(&two_cities()), ok_json(&completion("19."))]).await;
        let tools = ToolBox::new().add(Tool::function("get_weather"), move |City { city }| {
            assert!(city != "Porto" || !panics_at_once);
            async move {
                assert!(city != "Porto");
                Ok::<_, String>(city)
            }
        });
        let mut run = tools.run(&client(server.uri()), &question()).unwrap();
        assert!(std::panic::AssertUnwindSafe(run.finish()).catch_unwind().await.is_err());
        assert_eq!(run.finish().await.unwrap().whole_text().unwrap(), "19.");
        let sent = &sent_bodies(&server).await[1]["messages"];
        assert_eq!((&sent[2]["tool_call_id"], &sent[2]["content"]), (&json!("c1"), &json!("Lisbon")));
        assert_eq!((&sent[3]["tool_call_id"], &sent[3]["content"]), (&json!("c2"), &json!("The tool failed.")));
    }
}

#[tokio::test]
async fn a_request_under_way_is_not_sent_again_when_the_wait_for_it_is_dropped() {
    let slow = Duration::from_millis(150);
    for is_streamed in [false, true] {
        let answer = match is_streamed {
            true => ok_stream(events(&[super::support::delta("19."), finish("stop")])),
            false => ok_json(&completion("19.")),
        };
        let server = serving("one slow call", [answer.set_delay(slow)]).await;
        let mut run = weather().run(&client(server.uri()), &question()).unwrap();
        let mut waits = 0;
        while run.completion().is_none() {
            let next = async {
                match is_streamed {
                    true => run.next_event().await.map(drop),
                    false => run.finish().await.map(|_| ()),
                }
            };
            // the first wait is dropped as soon as the request is under way, however busy the machine is
            let end = match waits {
                0 => next.now_or_never(),
                _ => tokio::time::timeout(Duration::from_millis(10), next).await.ok(),
            };
            match end {
                Some(end) => end.unwrap(),
                None => waits += 1,
            }
            assert!(waits < 500, "the run does not go on");
        }
        assert_eq!(run.completion().unwrap().text(), Some("19."));
        assert_eq!((sent_bodies(&server).await.len(), waits > 0), (1, true));
    }
}

fn streamed_call() -> String {
    let delta = |call: Value| json!({"id": "1", "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": null}]});
    events(&[
        delta(
            json!({"index": 0, "id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}),
        ),
        delta(json!({"index": 0, "function": {"arguments": "{\"city\":"}})),
        delta(json!({"index": 0, "function": {"arguments": "\"Lisbon\"}"}})),
        finish("tool_calls"),
        json!({"id": "1", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}}),
    ])
}

#[tokio::test]
async fn events_come_in_order_and_the_stream_can_move_to_a_task() {
    let text = events(&[super::support::delta("19."), finish("stop")]);
    let server = serving("two rounds", [ok_stream(streamed_call()), ok_stream(text)]).await;
    let run = weather().run(&client(server.uri()), &question()).unwrap();
    let task = tokio::spawn(
        run.into_events()
            .map_ok(|event| match event {
                ToolEvent::Chunk(chunk) => chunk.text().unwrap_or_default().to_owned(),
                ToolEvent::Started(call) => format!("<{}>", call.name()),
                ToolEvent::Finished(result) => format!("<{}>", result.text()),
                _ => String::new(),
            })
            .try_collect::<String>(),
    );
    assert_eq!(task.await.unwrap().unwrap(), r#"<get_weather><{"celsius":19,"city":"Lisbon"}>19."#);
}

#[tokio::test]
async fn a_broken_stream_is_asked_for_again() {
    let broken = events(&[super::support::delta("1")]).replace("data: [DONE]\n\n", "");
    let whole = events(&[super::support::delta("19."), finish("stop")]);
    let server = serving("two calls", [ok_stream(broken), ok_stream(whole)]).await;
    let mut run = weather().run(&client(server.uri()), &question()).unwrap();
    assert!(matches!(run.next_event().await, Ok(Some(ToolEvent::Chunk(_)))));
    assert_eq!(run.next_event().await.unwrap_err().kind(), ErrorKind::Interrupted);
    while run.next_event().await.unwrap().is_some() {}
    assert_eq!(run.completion().unwrap().text(), Some("19."));
}

#[tokio::test]
async fn a_tool_without_a_handler_and_several_choices_are_refused_before_sending() {
    let server = untouched("refused").await;
    let client = client(server.uri());
    let stranger = ChatCompletionRequest::builder("gpt").user("q").tool(Tool::function("other")).build().unwrap();
    let error = weather().run(&client, &stranger).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.to_string().contains("'other', for which the tool box has no handler"), "{error}");
    let choices = ChatCompletionRequest::builder("gpt").user("q").n(2_u32).build().unwrap();
    assert!(weather().run(&client, &choices).unwrap_err().to_string().contains("remove .n(..)"));
}

#[tokio::test]
async fn custom_tools_read_text_and_functions_without_arguments_an_empty_object_or_nothing() {
    let calls = calling(&[
        json!({"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}),
        call("c2", "now", ""),
        call("c3", "tick", ""),
        call("c4", "tick", " {} "),
        call("c5", "tick", r#"{"of":"a clock"}"#),
    ]);
    let server = serving("two rounds", [ok_json(&calls), ok_json(&completion("a"))]).await;
    let tools = ToolBox::new()
        .add(Tool::custom("sql"), |query: String| async move { Ok::<_, String>(query.to_uppercase()) })
        .add(Tool::function("now"), |arguments: Value| async move { Ok::<_, String>(arguments) })
        .add(Tool::function("tick"), |_: ()| async { Ok::<_, String>("tock") });
    let mut run = tools.run(&client(server.uri()), &question()).unwrap();
    run.finish().await.unwrap();
    let texts: Vec<_> = run.results().iter().map(|result| result.text()).collect();
    assert_eq!(texts[..4], ["SELECT 1", "{}", "tock", "tock"]);
    assert!(texts[4].starts_with("The arguments are not valid: "), "{}", texts[4]);
}

#[tokio::test]
async fn debug_shows_no_words_of_model_or_handler() {
    let server = serving("two rounds", [ok_json(&two_cities()), ok_json(&completion("canary-answer"))]).await;
    let mut run = weather().run(&client(server.uri()), &question()).unwrap();
    run.finish().now_or_never();
    run.finish().await.unwrap();
    let shown = format!("{run:?} {:?} {:?}", run.results(), weather());
    assert!(!shown.contains("Lisbon") && !shown.contains("canary"), "{shown}");
    let mut events = weather().run(&client(server.uri()), &question()).unwrap().into_events().boxed();
    drop(events.next().now_or_never());
}
