//! The emulator over plain HTTP.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;

const DATED: &str = "api-version=2025-01-01-preview";
const MINI: &str = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2025-01-01-preview";

struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn events(&self) -> Vec<Value> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix("data: "));
        lines
            .map(|data| {
                if data == "[DONE]" {
                    json!("done")
                } else {
                    serde_json::from_str(data).unwrap()
                }
            })
            .collect()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn send(emulator: &Emulator, path: &str, body: impl ToString) -> reqwest::Result<Got> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let request = client
        .post(format!("{}{path}", emulator.endpoint()))
        .header("api-key", "key")
        .body(body.to_string());
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Got {
        status,
        headers,
        text: response.text().await?,
    })
}

async fn ask(emulator: &Emulator, body: Value) -> Got {
    send(emulator, MINI, body).await.unwrap()
}

fn hello() -> Value {
    json!({"messages": [{"role": "user", "content": "How do rivers carve valleys?"}]})
}

fn streamed() -> Value {
    filter::merge(
        hello(),
        json!({"stream": true, "stream_options": {"include_usage": true}}),
    )
}

#[tokio::test]
async fn the_documented_reasoning_conversation_has_the_documented_figures() {
    let emulator = Emulator::start().await.unwrap();
    let path = format!("/openai/deployments/o1-new/chat/completions?{DATED}");
    let question = "What steps should I think about when writing my first Python API?";
    let body = json!({"messages": [{"role": "user", "content": question}], "max_completion_tokens": 5000});
    let answer = send(&emulator, &path, &body).await.unwrap().json();
    assert_eq!(answer["usage"]["total_tokens"], 1863);
    assert_eq!(
        answer["usage"]["completion_tokens_details"],
        json!({"audio_tokens": null, "reasoning_tokens": 448})
    );
    assert_eq!(
        (&answer["created"], &answer["model"]),
        (&json!(1_728_073_417), &json!("o1-2024-12-17"))
    );
    assert_eq!(
        answer["prompt_filter_results"][0]["content_filter_results"]["custom_blocklists"],
        json!({"filtered": false})
    );

    let short = filter::merge(body, json!({"max_completion_tokens": 100}));
    let answer = send(&emulator, &path, short).await.unwrap().json();
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["choices"][0]["message"]["content"], "");
    assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 100);
}

#[tokio::test]
async fn a_predicted_edit_happens_and_is_counted() {
    let emulator = Emulator::start().await.unwrap();
    let code = "for n in range(1, 101):\n    print(\"FizzBuzz\")\n    print(\"Fizz\")\n";
    let body = json!({"prediction": {"type": "content", "content": code}, "messages": [
        {"role": "user", "content": "Replace string `FizzBuzz` with `MSFTBuzz`. Respond only with code."},
        {"role": "user", "content": code}]});
    let answer = ask(&emulator, body).await.json();
    assert_eq!(
        answer["choices"][0]["message"]["content"],
        code.replace("FizzBuzz", "MSFTBuzz")
    );
    let (usage, predicted) = (&answer["usage"], tokens::count(code));
    assert_eq!(
        usage["completion_tokens_details"]["accepted_prediction_tokens"],
        predicted - 1
    );
    assert_eq!(usage["completion_tokens_details"]["rejected_prediction_tokens"], 1);
    assert_eq!(usage["completion_tokens"], predicted + 1);
}

#[tokio::test]
async fn chunks_come_in_azures_order() {
    let emulator = Emulator::builder().obfuscation(true).start().await.unwrap();
    let got = ask(&emulator, streamed()).await;
    assert_eq!(got.header("content-type"), "text/event-stream; charset=utf-8");
    let events = got.events();
    assert_eq!(events[0]["id"], "");
    assert!(events[0]["prompt_filter_results"].is_array() && events[0].get("usage").is_none());
    assert_eq!(
        events[1]["choices"][0]["delta"],
        json!({"content": "", "refusal": null, "role": "assistant"})
    );
    assert_eq!(
        events[2]["choices"][0]["content_filter_results"]["hate"]["severity"],
        "safe"
    );
    let [.., finish, usage, done] = &events[..] else {
        panic!("too short")
    };
    assert_eq!(finish["choices"][0]["delta"], json!({}));
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!((&usage["choices"], done), (&json!([]), &json!("done")));
    assert!(
        events[1..events.len() - 2]
            .iter()
            .all(|e| e["usage"].is_null() && e["obfuscation"].is_string())
    );

    let text: String = events
        .iter()
        .filter_map(|e| e.pointer("/choices/0/delta/content")?.as_str())
        .collect();
    let whole = ask(&emulator, hello()).await.json();
    assert_eq!(whole["choices"][0]["message"]["content"], text);
    assert_eq!(whole["usage"], usage["usage"]);
}

#[tokio::test]
async fn the_asynchronous_filter_speaks_between_and_after_the_content() {
    let builder = Emulator::builder()
        .async_filter(true)
        .script("gpt-4o-mini", Answer::words(40));
    let emulator = builder.start().await.unwrap();
    let events = ask(&emulator, streamed()).await.events();
    let notes: Vec<usize> = (0..events.len())
        .filter(|&i| events[i].pointer("/choices/0/content_filter_offsets").is_some())
        .collect();
    let finish = events
        .iter()
        .position(|e| e.pointer("/choices/0/finish_reason") == Some(&json!("stop")))
        .unwrap();
    assert_eq!(notes.iter().filter(|&&i| i < finish).count(), 2);
    assert_eq!(notes.iter().filter(|&&i| i > finish).count(), 2);
    assert!(
        notes
            .iter()
            .all(|&i| events[i]["choices"][0].get("delta").is_none() && events[i]["id"] == "")
    );
    assert!(events[2]["choices"][0].get("content_filter_results").is_none());
}

#[tokio::test]
async fn choices_calls_and_logprobs_are_streamed() {
    let emulator = Emulator::start().await.unwrap();
    let extra = json!({"n": 2, "logprobs": true, "top_logprobs": 2});
    let events = ask(&emulator, filter::merge(streamed(), extra)).await.events();
    assert_eq!(
        events
            .iter()
            .filter(|e| e.pointer("/choices/0/finish_reason") == Some(&json!("stop")))
            .count(),
        2
    );
    let (zero, one) = (&events[3]["choices"][0], &events[4]["choices"][0]);
    assert_eq!((&zero["index"], &one["index"]), (&json!(0), &json!(1)));
    assert_eq!(zero["logprobs"]["content"][0]["token"], zero["delta"]["content"]);
    assert_eq!(
        zero["logprobs"]["content"][0]["top_logprobs"].as_array().unwrap().len(),
        2
    );

    let parameters = json!({"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]});
    let tools = json!([{"type": "function", "function": {"name": "find_rivers", "parameters": parameters}}]);
    let message = json!([{"role": "user", "content": "Which rivers are there in Oslo?"}]);
    let request = filter::merge(streamed(), json!({"tools": tools, "messages": message}));
    let events = ask(&emulator, request).await.events();
    let calls = events.iter().filter_map(|e| e.pointer("/choices/0/delta/tool_calls/0"));
    let arguments: String = calls
        .filter_map(|call| call.pointer("/function/arguments")?.as_str())
        .collect();
    assert_eq!(arguments, r#"{"place":"Oslo"}"#);
    assert_eq!(events[1]["choices"][0]["delta"]["content"], Value::Null);
    assert_eq!(
        events[1]["choices"][0]["delta"]["tool_calls"][0]["function"]["name"],
        "find_rivers"
    );
    assert_eq!(events[events.len() - 3]["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn requests_end_where_azure_ends_them() {
    let emulator = Emulator::builder().require_key("key").start().await.unwrap();
    let table = [
        (
            "/openai/deployments/nothing/chat/completions?api-version=2024-10-21",
            hello().to_string(),
            404,
            "DeploymentNotFound",
        ),
        (
            "/openai/deployments/gpt-4o-mini/chat/completions",
            hello().to_string(),
            404,
            "404",
        ),
        (
            "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2031-01-01",
            hello().to_string(),
            404,
            "404",
        ),
        ("/openai/v1/chat?api-version=preview", hello().to_string(), 404, "404"),
        (
            "/openai/v1/chat/completions",
            hello().to_string(),
            400,
            "missing_required_parameter",
        ),
        (
            "/gateway/eu/openai/v1/chat/completions",
            json!({"model": "o3-pro", "messages": []}).to_string(),
            400,
            "OperationNotSupported",
        ),
        (MINI, "{\"messages\":".to_owned(), 400, ""),
        (
            MINI,
            filter::merge(hello(), json!({"temperature": 9})).to_string(),
            400,
            "decimal_above_max_value",
        ),
    ];
    for (path, body, status, code) in table {
        let got = send(&emulator, path, body).await.unwrap();
        assert_eq!(
            (got.status, got.json()["error"]["code"].as_str().unwrap_or("")),
            (status, code),
            "{path}"
        );
        assert_eq!(
            got.header("content-type").is_empty(),
            code == "DeploymentNotFound",
            "{path}"
        );
        assert_eq!(got.header("apim-request-id").len(), 36);
    }
    let anonymous = reqwest::Client::new()
        .post(format!("{}{MINI}", emulator.endpoint()))
        .bearer_auth("other");
    let response = anonymous.body(hello().to_string()).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(response.text().await.unwrap().contains(r#""code":"401""#));
}

#[tokio::test]
async fn the_journal_keeps_what_was_asked_and_prints_none_of_it() {
    let emulator = Emulator::start().await.unwrap();
    let path = "/gateway/openai/v1/chat/completions?api-version=preview";
    let body = filter::merge(hello(), json!({"model": "gpt-4o-mini"}));
    assert_eq!(send(&emulator, path, &body).await.unwrap().status, 200);
    let journal = emulator.journal();
    let [request] = &journal[..] else { panic!("one request") };
    assert_eq!(
        (request.method(), request.path()),
        ("POST", "/gateway/openai/v1/chat/completions")
    );
    assert_eq!(
        (request.query("api-version").as_deref(), request.header("Api-Key")),
        (Some("preview"), Some("key"))
    );
    assert_eq!(request.body(), &body);
    assert!(!format!("{journal:?}").contains("rivers") && !format!("{journal:?}").contains("key"));
}

#[tokio::test]
async fn a_spent_quota_says_when_to_come_back() {
    let emulator = Emulator::builder()
        .quota(2, Duration::from_secs(20))
        .start()
        .await
        .unwrap();
    assert_eq!(
        ask(&emulator, hello()).await.header("x-ratelimit-remaining-requests"),
        "1"
    );
    assert_eq!(ask(&emulator, hello()).await.status, 200);
    let got = ask(&emulator, hello()).await;
    assert_eq!((got.status, got.header("retry-after")), (429, "20"));
    assert!(got.header("retry-after-ms").parse::<u64>().unwrap() <= 20_000);
    assert!(got.text.contains("Please retry after 20 seconds"));
}

#[tokio::test]
async fn filters_block_prompts_and_stop_answers() {
    let builder = Emulator::builder().content_filter_trigger("sharp knife", "violence");
    let emulator = builder
        .completion_filter_trigger("part to", "hate")
        .start()
        .await
        .unwrap();
    let error = ask(
        &emulator,
        json!({"messages": [{"role": "user", "content": "A Sharp Knife"}]}),
    )
    .await
    .json();
    assert_eq!(error["error"]["code"], "content_filter");
    assert_eq!(
        error["error"]["innererror"]["content_filter_result"]["violence"],
        json!({"filtered": true, "severity": "medium"})
    );
    let question = json!({"messages": [{"role": "user", "content": "Rivers?"}], "stream": true});
    let events = ask(&emulator, question).await.events();
    let last = &events[events.len() - 2]["choices"][0];
    assert_eq!(
        (
            &last["finish_reason"],
            &last["content_filter_results"]["hate"]["filtered"]
        ),
        (&json!("content_filter"), &json!(true))
    );
}

#[tokio::test]
async fn answers_are_cut_at_stops_and_limits() {
    let emulator = Emulator::builder()
        .script("gpt-4o-mini", Answer::text("one two three four"))
        .start()
        .await
        .unwrap();
    let choice = |extra: Value| {
        let request = ask(&emulator, filter::merge(hello(), extra));
        async { request.await.json()["choices"][0].take() }
    };
    let stopped = choice(json!({"stop": [" three"]})).await;
    assert_eq!(
        (&stopped["message"]["content"], &stopped["finish_reason"]),
        (&json!("one two"), &json!("stop"))
    );
    let limited = choice(json!({"max_tokens": 3})).await;
    assert_eq!(
        (&limited["message"]["content"], &limited["finish_reason"]),
        (&json!("one two three"), &json!("length"))
    );
}

#[tokio::test]
async fn formats_documents_and_images_are_answered() {
    let emulator = Emulator::start().await.unwrap();
    let content =
        async |extra: Value| ask(&emulator, filter::merge(hello(), extra)).await.json()["choices"][0]["message"].take();
    let schema = json!({"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}});
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}});
    assert_eq!(content(format).await["content"], r#"{"ok":true}"#);

    let source =
        json!({"type": "azure_search", "parameters": {"include_contexts": ["citations", "all_retrieved_documents"]}});
    let message = content(json!({"data_sources": [source]})).await;
    assert!(message["content"].as_str().unwrap().contains("[doc1]"));
    let context: crate::response::MessageContext = serde_json::from_value(message["context"].clone()).unwrap();
    assert_eq!(serde_json::to_value(&context).unwrap(), message["context"]);
    assert_eq!(message["context"]["all_retrieved_documents"][0]["data_source_index"], 0);

    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}});
    let parts = json!([{"type": "text", "text": "Compare"}, image, image]);
    let message = content(json!({"messages": [{"role": "user", "content": parts}]})).await;
    assert!(message["content"].as_str().unwrap().contains("2 images"));
}

#[tokio::test]
async fn faults_strike_when_and_where_they_are_told_to() {
    let emulator = Emulator::builder()
        .fault(Fault::html(502).every(2))
        .start()
        .await
        .unwrap();
    let first = (
        ask(&emulator, hello()).await.status,
        ask(&emulator, hello()).await.status,
    );
    assert_eq!(first, (200, 502));
    emulator.clear_faults();
    emulator.inject(Fault::status(503).header("retry-after-ms", "7").next(2).on("o1-new"));
    assert_eq!(ask(&emulator, hello()).await.status, 200);
    let path = format!("/openai/deployments/o1-new/chat/completions?{DATED}");
    let got = send(&emulator, &path, hello()).await.unwrap();
    assert_eq!((got.status, got.header("retry-after-ms")), (503, "7"));
}

#[tokio::test]
async fn faults_break_streams_in_their_own_way() {
    let emulator = Emulator::start().await.unwrap();
    let strike = async |fault: Fault| {
        emulator.inject(fault);
        tokio::time::timeout(Duration::from_millis(300), send(&emulator, MINI, streamed())).await
    };
    let whole = strike(Fault::content_type("text/plain")).await.unwrap().unwrap();
    assert_eq!(whole.header("content-type"), "text/plain");
    let truncated = strike(Fault::truncate_after(3)).await.unwrap().unwrap();
    assert_eq!(truncated.events().len(), 3);
    assert!(strike(Fault::cut_after(3)).await.unwrap().is_err());
    assert!(strike(Fault::reset()).await.unwrap().is_err());
    assert!(strike(Fault::stall_after(3)).await.is_err());
    let malformed = strike(Fault::malformed_after(2)).await.unwrap().unwrap();
    let broken = malformed
        .text
        .lines()
        .filter(|l| l.starts_with("data: {") && !l.ends_with('}'))
        .count();
    assert_eq!(broken, 1);
    let error = strike(Fault::error_after(2)).await.unwrap().unwrap().events();
    assert_eq!(
        (&error[2]["error"]["type"], &error[3]),
        (&json!("server_error"), &json!("done"))
    );
    let extra = strike(Fault::extra_after_done(": bye\n\n")).await.unwrap().unwrap();
    assert!(extra.text.ends_with("data: [DONE]\n\n: bye\n\n"));
    let begun = Instant::now();
    assert!(
        strike(Fault::late_end(Duration::from_millis(60)))
            .await
            .unwrap()
            .is_ok()
    );
    assert!(strike(Fault::delay(Duration::from_millis(60))).await.unwrap().is_ok());
    assert!(begun.elapsed() >= Duration::from_millis(120));
    assert!(strike(Fault::trickle(Duration::from_millis(20))).await.is_err());
}

#[tokio::test]
async fn long_streams_arrive_whole_and_paced_ones_take_their_time() {
    let builder = Emulator::builder()
        .script("load", Answer::words(20_000))
        .script("slow", Answer::words(5));
    let emulator = builder.pace(Duration::ZERO).start().await.unwrap();
    let path = format!("/openai/deployments/load/chat/completions?{DATED}");
    let events = send(&emulator, &path, streamed()).await.unwrap().events();
    let text: String = events
        .iter()
        .filter_map(|e| e.pointer("/choices/0/delta/content")?.as_str())
        .collect();
    assert_eq!(events.len(), 20_000 + 5);
    assert!(text.split(' ').map(|n| n.parse::<i32>().unwrap()).eq(1..=20_000));

    let emulator = Emulator::builder()
        .script("slow", Answer::words(5))
        .pace(Duration::from_millis(10))
        .start()
        .await
        .unwrap();
    let begun = Instant::now();
    let path = format!("/openai/deployments/slow/chat/completions?{DATED}");
    assert_eq!(send(&emulator, &path, streamed()).await.unwrap().events().len(), 10);
    assert!(begun.elapsed() >= Duration::from_millis(90));
}

#[tokio::test]
async fn dropping_the_emulator_closes_its_connections() {
    let emulator = Emulator::builder()
        .fault(Fault::stall_after(2).always())
        .start()
        .await
        .unwrap();
    let request = reqwest::Client::new()
        .post(format!("{}{MINI}", emulator.endpoint()))
        .header("api-key", "key");
    let response = request.body(streamed().to_string()).send().await.unwrap();
    let endpoint = emulator.endpoint();
    drop(emulator);
    let ended = tokio::time::timeout(Duration::from_secs(5), response.text()).await;
    assert!(ended.expect("the stalled stream ends").is_err());
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(reqwest::Client::new().get(endpoint).send().await.is_err());
}
