//! Tests of the emulator over plain HTTP.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;

const QUERY: &str = "chat/completions?api-version=2025-01-01-preview";

/// Asserts a value inside a JSON document.
#[track_caller]
fn same(document: &Value, pointer: &str, wanted: impl Into<Value>) {
    assert_eq!(document.pointer(pointer), Some(&wanted.into()), "{pointer}");
}

struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The payloads of a stream that ends as it should.
    fn events(&self) -> Vec<Value> {
        let stream = self.text.strip_suffix("data: [DONE]\n\n").expect("a last event");
        let events = stream.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
        events.map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The text that the chunks add up to.
fn content(events: &[Value]) -> String {
    let contents = events.iter().filter_map(|e| e.pointer("/choices/0/delta/content")?.as_str());
    contents.collect()
}

async fn send(emulator: &Emulator, path: &str, body: impl ToString) -> reqwest::Result<Got> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let request = client.post(format!("{}{path}", emulator.endpoint())).body(body.to_string());
    let response = request.header("api-key", "key").send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    Ok(Got { status, headers, text })
}

async fn ask_of(emulator: &Emulator, deployment: &str, body: impl ToString) -> Got {
    let path = format!("/openai/deployments/{deployment}/{QUERY}");
    send(emulator, &path, body).await.unwrap()
}

async fn ask(emulator: &Emulator, body: Value) -> Got {
    ask_of(emulator, "gpt-4o-mini", body).await
}

/// A small question, with more members.
fn hello(extra: Value) -> Value {
    let question = json!({"messages": [{"role": "user", "content": "How do rivers carve valleys?"}]});
    filter::merge(question, extra)
}

fn streamed(extra: Value) -> Value {
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    filter::merge(hello(options), extra)
}

#[tokio::test]
async fn the_documented_reasoning_conversation_has_the_documented_figures() {
    let emulator = Emulator::start().await.unwrap();
    let question = "What steps should I think about when writing my first Python API?";
    let body = json!({"messages": [{"role": "user", "content": question}], "max_completion_tokens": 5000});
    let answer = ask_of(&emulator, "o1-new", &body).await.json();
    let details = json!({"audio_tokens": null, "reasoning_tokens": 448});
    same(&answer, "/usage/total_tokens", 1863);
    same(&answer, "/usage/completion_tokens_details", details);
    same(&answer, "/created", 1_728_073_417);
    same(&answer, "/model", "o1-2024-12-17");
    let filter = "/prompt_filter_results/0/content_filter_results/custom_blocklists";
    same(&answer, filter, json!({"filtered": false}));

    let short = filter::merge(body, json!({"max_completion_tokens": 100}));
    let answer = ask_of(&emulator, "o1-new", short).await.json();
    same(&answer, "/choices/0/finish_reason", "length");
    same(&answer, "/choices/0/message/content", "");
    same(&answer, "/usage/completion_tokens_details/reasoning_tokens", 100);
}

#[tokio::test]
async fn a_predicted_edit_happens_and_is_counted() {
    let emulator = Emulator::start().await.unwrap();
    let code = "for n in range(1, 101):\n    print(\"FizzBuzz\")\n    print(\"Fizz\")\n";
    let body = json!({"prediction": {"type": "content", "content": code}, "messages": [
        {"role": "user", "content": "Replace string `FizzBuzz` with `MSFTBuzz`. Respond only with code."},
        {"role": "user", "content": code}]});
    let answer = ask(&emulator, body).await.json();
    let count = |text: &str| tokens::Encoding::of("gpt-4o-mini").count(text);
    let edited = code.replace("FizzBuzz", "MSFTBuzz");
    same(&answer, "/choices/0/message/content", edited.as_str());
    let used = |name: &str| answer["usage"]["completion_tokens_details"][name].as_u64().unwrap();
    let (accepted, rejected) = (used("accepted_prediction_tokens"), used("rejected_prediction_tokens"));
    // One word of many tokens was changed.
    assert!(accepted > count(code) / 2 && (1..6).contains(&rejected) && accepted + rejected <= count(code));
    same(&answer, "/usage/completion_tokens", count(&edited) + rejected);
}

#[tokio::test]
async fn chunks_come_in_azures_order() {
    let emulator = Emulator::builder().obfuscation(true).start().await.unwrap();
    let got = ask(&emulator, streamed(json!({}))).await;
    assert_eq!(got.header("content-type"), "text/event-stream; charset=utf-8");
    let events = got.events();
    let [prompt, role, contents @ .., finish, usage] = &events[..] else { panic!("too few chunks") };
    same(prompt, "/id", "");
    assert!(prompt["prompt_filter_results"].is_array() && prompt.get("usage").is_none());
    let opening = json!({"content": "", "refusal": null, "role": "assistant"});
    same(role, "/choices/0/delta", opening);
    same(role, "/choices/0/content_filter_results", json!({}));
    same(&contents[0], "/choices/0/content_filter_results/hate/severity", "safe");
    same(finish, "/choices/0/delta", json!({}));
    same(finish, "/choices/0/finish_reason", "stop");
    same(usage, "/choices", json!([]));
    assert!(contents.iter().all(|e| e["usage"].is_null() && e["obfuscation"].is_string()));

    let whole = ask(&emulator, hello(json!({}))).await.json();
    same(&whole, "/choices/0/message/content", content(&events));
    same(&whole, "/usage", usage["usage"].clone());
}

#[tokio::test]
async fn annotations_of_the_asynchronous_filter_come_between_and_after_the_content() {
    let builder = Emulator::builder().async_filter(true).script("gpt-4o-mini", Answer::words(40));
    let events = ask(&builder.start().await.unwrap(), streamed(json!({}))).await.events();
    let notes = |part: &[Value]| {
        let notes = part.iter().filter(|e| e.pointer("/choices/0/content_filter_offsets").is_some());
        notes.filter(|e| e["id"] == "" && e.pointer("/choices/0/delta").is_none()).count()
    };
    let finish = |e: &Value| e.pointer("/choices/0/finish_reason") == Some(&json!("stop"));
    let at = events.iter().position(finish).unwrap();
    assert_eq!((notes(&events[..at]), notes(&events[at..])), (2, 2));
    assert!(events[2].pointer("/choices/0/content_filter_results").is_none());
}

#[tokio::test]
async fn choices_and_logprobs_are_streamed() {
    let emulator = Emulator::start().await.unwrap();
    let extra = json!({"n": 2, "logprobs": true, "top_logprobs": 2});
    let events = ask(&emulator, streamed(extra)).await.events();
    same(&events[3], "/choices/0/index", 0);
    same(&events[4], "/choices/0/index", 1);
    let chunk = &events[3]["choices"][0];
    same(chunk, "/logprobs/content/0/token", chunk["delta"]["content"].clone());
    assert_eq!(chunk["logprobs"]["content"][0]["top_logprobs"].as_array().unwrap().len(), 2);
    let ends = events.iter().filter(|e| e.pointer("/choices/0/finish_reason") == Some(&json!("stop")));
    assert_eq!(ends.count(), 2);
}

#[tokio::test]
async fn tool_calls_are_streamed_in_fragments() {
    let emulator = Emulator::start().await.unwrap();
    let parameters = json!({"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]});
    let tool = json!({"type": "function", "function": {"name": "find_rivers", "parameters": parameters}});
    let message = json!({"role": "user", "content": "Which rivers are there in Oslo?"});
    let events = ask(&emulator, streamed(json!({"tools": [tool], "messages": [message]}))).await.events();
    same(&events[1], "/choices/0/delta/content", Value::Null);
    same(&events[1], "/choices/0/delta/tool_calls/0/function/name", "find_rivers");
    let calls = events.iter().filter_map(|e| e.pointer("/choices/0/delta/tool_calls/0/function/arguments"));
    let arguments: String = calls.filter_map(Value::as_str).collect();
    assert_eq!(arguments, r#"{"place":"Oslo"}"#);
    same(&events[events.len() - 2], "/choices/0/finish_reason", "tool_calls");
}

#[tokio::test]
async fn requests_end_where_azure_ends_them() {
    let emulator = Emulator::builder().require_key("key").start().await.unwrap();
    let table = r#"
        /openai/deployments/nothing/chat/completions?api-version=2024-10-21     | {}  | 404 | DeploymentNotFound
        /openai/deployments/gpt-4o-mini/chat/completions                        | {}  | 404 | 404
        /openai/deployments/gpt-4o-mini/chat/completions?api-version=2031-01-01 | {}  | 404 | 404
        /openai/v1/chat/completions?api-version=2024-10-21                      | {}  | 404 | 404
        /openai/v1/chat                                                         | {}  | 404 | 404
        /openai/v1/chat/completions                                             | {}  | 400 | missing_required_parameter
        /openai/v1/chat/completions                                             | {"x | 400 |
        /gateway/eu/openai/v1/chat/completions              | {"model": "o3-pro"}     | 400 | OperationNotSupported
    "#;
    for line in table.lines().filter(|line| line.contains('|')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let got = send(&emulator, cells[0], cells[1]).await.unwrap();
        let code = got.json()["error"]["code"].as_str().unwrap_or("").to_owned();
        assert_eq!((got.status.to_string().as_str(), code.as_str()), (cells[2], cells[3]), "{line}");
        assert_eq!(got.header("content-type").is_empty(), code == "DeploymentNotFound", "{line}");
        assert_eq!(got.header("apim-request-id").len(), 36);
    }
    let url = format!("{}/openai/deployments/gpt-4o-mini/{QUERY}", emulator.endpoint());
    let response = reqwest::Client::new().post(url).bearer_auth("other").send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(response.text().await.unwrap().contains(r#""code":"401""#));
}

#[tokio::test]
async fn embeddings_are_answered_on_their_deployments_alone() {
    let emulator = Emulator::builder().deployment("vectors", "text-embedding-3-small").start().await.unwrap();
    let of = |name: &str| format!("/openai/deployments/{name}/embeddings?api-version=2024-10-21");
    let answer = send(&emulator, &of("vectors"), json!({"input": ["a", "b"]})).await.unwrap().json();
    same(&answer, "/object", "list");
    same(&answer, "/model", "text-embedding-3-small");
    assert_eq!(answer["data"][1]["embedding"].as_array().unwrap().len(), 1536);
    for path in ["/openai/v1/embeddings", "/v1/embeddings"] {
        let body = json!({"model": "text-embedding-3-large", "input": "a"});
        let answer = send(&emulator, path, body).await.unwrap().json();
        assert_eq!(answer["data"][0]["embedding"].as_array().unwrap().len(), 3072);
    }
    let refused = send(&emulator, &of("gpt-4o-mini"), json!({"input": "a"})).await.unwrap();
    same(&refused.json(), "/error/code", "OperationNotSupported");
    assert!(refused.text.contains("The embeddings operation does not work with the specified model, gpt-4o-mini"));
    let refused = ask_of(&emulator, "vectors", hello(json!({}))).await;
    same(&refused.json(), "/error/code", "OperationNotSupported");
}

#[tokio::test]
async fn a_base_of_openais_form_is_served_without_an_api_version() {
    let emulator = Emulator::start().await.unwrap();
    let body = hello(json!({"model": "gpt-4o-mini"}));
    assert_eq!(send(&emulator, "/gateway/v1/chat/completions", body).await.unwrap().status, 200);
}

#[tokio::test]
async fn the_journal_drops_the_oldest_beyond_its_limit() {
    let emulator = Emulator::builder().journal_limit(2).start().await.unwrap();
    for question in ["one", "two", "three"] {
        let path = format!("/openai/deployments/gpt-4o-mini/{QUERY}");
        send(&emulator, &path, json!({"messages": [{"role": "user", "content": question}]})).await.unwrap();
    }
    let kept: Vec<_> =
        emulator.requests().iter().map(|request| request.body()["messages"][0]["content"].clone()).collect();
    assert_eq!(kept, ["two", "three"]);
}

#[tokio::test]
async fn the_journal_keeps_requests_and_prints_none_of_their_content() {
    let emulator = Emulator::start().await.unwrap();
    let body = hello(json!({"model": "gpt-4o-mini"}));
    let path = "/gateway/openai/v1/chat/completions";
    let got = send(&emulator, &format!("{path}?api-version=preview"), &body).await.unwrap();
    assert_eq!(got.status, 200);
    let journal = emulator.requests();
    let request = &journal[0];
    assert_eq!((request.method(), request.path()), ("POST", path));
    assert_eq!(request.query("api-version").as_deref(), Some("preview"));
    assert_eq!(request.header("Api-Key"), Some("key"));
    assert_eq!(request.body(), &body);
    assert!(!format!("{journal:?}").contains("rivers") && !format!("{journal:?}").contains("key"));
}

#[tokio::test]
async fn a_spent_quota_is_answered_with_the_time_to_wait() {
    let emulator = Emulator::builder().quota(2, Duration::from_secs(20)).start().await.unwrap();
    let begun = Instant::now();
    let got = ask(&emulator, hello(json!({}))).await;
    assert_eq!(got.header("x-ratelimit-remaining-requests"), "1");
    assert_eq!(ask(&emulator, hello(json!({}))).await.status, 200);
    let got = ask(&emulator, hello(json!({}))).await;
    let seconds: u64 = got.header("retry-after").parse().unwrap();
    assert!(got.status == 429 && (20 - begun.elapsed().as_secs()..=20).contains(&seconds), "{seconds}");
    assert_eq!(got.header("retry-after-ms").parse::<u64>().unwrap().div_ceil(1000), seconds);
    assert!(got.text.contains(&format!("Please retry after {seconds} seconds")));
}

#[tokio::test]
async fn filters_block_prompts_and_stop_answers() {
    let builder = Emulator::builder().content_filter_trigger("sharp knife", "violence");
    let emulator = builder.completion_filter_trigger("smallest", "hate").start().await.unwrap();
    let prompt = json!({"messages": [{"role": "user", "content": "A Sharp Knife"}]});
    let error = ask(&emulator, prompt).await.json();
    same(&error, "/error/code", "content_filter");
    let verdict = "/error/innererror/content_filter_result/violence";
    same(&error, verdict, json!({"filtered": true, "severity": "medium"}));
    let events = ask(&emulator, streamed(json!({}))).await.events();
    let last = &events[events.len() - 2];
    same(last, "/choices/0/finish_reason", "content_filter");
    same(last, "/choices/0/content_filter_results/hate/filtered", true);
    assert!(content(&events).ends_with("in its "));
}

#[tokio::test]
async fn answers_are_cut_at_stops_and_limits() {
    let script = Answer::text("one two three four");
    let emulator = Emulator::builder().script("gpt-4o-mini", script).start().await.unwrap();
    for (extra, text, reason) in
        [(json!({"stop": [" three"]}), "one two", "stop"), (json!({"max_tokens": 3}), "one two three", "length")]
    {
        let answer = ask(&emulator, hello(extra)).await.json();
        same(&answer, "/choices/0/message/content", text);
        same(&answer, "/choices/0/finish_reason", reason);
    }
}

#[tokio::test]
async fn formats_documents_and_images_are_answered() {
    let emulator = Emulator::start().await.unwrap();
    let schema = json!({"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": schema}});
    let answer = ask(&emulator, hello(json!({"response_format": format}))).await.json();
    same(&answer, "/choices/0/message/content", r#"{"ok":true}"#);

    let sources = json!({"data_sources": [{"type": "azure_search", "parameters": {}}]});
    let message = ask(&emulator, hello(sources)).await.json()["choices"][0]["message"].take();
    assert!(message["content"].as_str().unwrap().ends_with("[doc1]."));
    let context: azure_openai_chat::response::MessageContext =
        serde_json::from_value(message["context"].clone()).unwrap();
    same(&message, "/context", serde_json::to_value(&context).unwrap());
    same(&message, "/context/citations/0/filepath", "document-1.md");

    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}});
    let parts = json!([{"type": "text", "text": "Compare rivers"}, image, image]);
    let answer = ask(&emulator, json!({"messages": [{"role": "user", "content": parts}]})).await.json();
    let text = "I received 2 images, and a question about Compare and rivers.";
    same(&answer, "/choices/0/message/content", text);
}

#[tokio::test]
async fn faults_apply_to_the_requests_and_deployments_that_are_set() {
    let emulator = Emulator::builder().fault(Fault::html(502).every(2)).start().await.unwrap();
    assert_eq!(ask(&emulator, hello(json!({}))).await.status, 200);
    assert_eq!(ask(&emulator, hello(json!({}))).await.status, 502);
    emulator.clear_faults();
    emulator.inject(Fault::status(503).header("retry-after-ms", "7").next(2).on("o1-new"));
    assert_eq!(ask(&emulator, hello(json!({}))).await.status, 200);
    for status in [503, 503, 200] {
        let got = ask_of(&emulator, "o1-new", hello(json!({}))).await;
        assert_eq!((got.status, got.header("retry-after-ms") == "7"), (status, status == 503));
    }
}

#[tokio::test]
async fn faults_break_streams_in_their_own_way() {
    let emulator = Emulator::start().await.unwrap();
    let path = format!("/openai/deployments/gpt-4o-mini/{QUERY}");
    let outcome = async |fault: Fault| {
        emulator.inject(fault);
        let answer = send(&emulator, &path, streamed(json!({})));
        tokio::time::timeout(Duration::from_secs(60), answer).await.expect("an end")
    };
    let got = async |fault: Fault| outcome(fault).await.expect("an answer");
    // no end 200 ms after the request has arrived: one that has not arrived would leave its fault to the next request
    let is_endless = async |fault: Fault| {
        emulator.inject(fault);
        let earlier = emulator.requests().count();
        let later = async {
            while emulator.requests().count() == earlier {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        tokio::select! { _ = send(&emulator, &path, streamed(json!({}))) => false, () = later => true }
    };
    let renamed = got(Fault::content_type("text/plain")).await;
    assert_eq!(renamed.header("content-type"), "text/plain");
    let truncated = got(Fault::truncate_after(3)).await;
    assert_eq!(truncated.text.matches("\n\n").count(), 3);
    assert!(outcome(Fault::cut_after(3)).await.is_err());
    assert!(outcome(Fault::reset()).await.is_err());
    assert!(is_endless(Fault::stall_after(3)).await);
    assert!(is_endless(Fault::trickle(Duration::from_millis(20))).await);
    let malformed = got(Fault::malformed_after(2)).await.text;
    let broken = malformed.lines().filter(|line| line.starts_with("data: {") && !line.ends_with('}'));
    assert_eq!(broken.count(), 1);
    same(&got(Fault::error_after(2)).await.events()[2], "/error/type", "server_error");
    assert!(got(Fault::extra_after_done(": bye\n\n")).await.text.ends_with("data: [DONE]\n\n: bye\n\n"));
    let begun = Instant::now();
    got(Fault::late_end(Duration::from_millis(60))).await;
    got(Fault::delay(Duration::from_millis(60))).await;
    assert!(begun.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn long_streams_arrive_whole_and_paced_ones_take_their_time() {
    let emulator = Emulator::builder().script("load", Answer::words(20_000)).start().await.unwrap();
    let events = ask_of(&emulator, "load", streamed(json!({}))).await.events();
    assert_eq!(events.len(), 20_000 + 4);
    assert!(content(&events).split(' ').map(|n| n.parse::<i32>().unwrap()).eq(1..=20_000));

    let builder = Emulator::builder().pace(Duration::from_millis(10));
    let emulator = builder.script("slow", Answer::words(5)).start().await.unwrap();
    let begun = Instant::now();
    assert_eq!(ask_of(&emulator, "slow", streamed(json!({}))).await.events().len(), 9);
    assert!(begun.elapsed() >= Duration::from_millis(90));
}

#[tokio::test]
async fn dropping_the_emulator_closes_its_connections() {
    let emulator = Emulator::builder().fault(Fault::stall_after(2)).start().await.unwrap();
    let url = format!("{}/openai/deployments/gpt-4o-mini/{QUERY}", emulator.endpoint());
    let request = reqwest::Client::new().post(&url).bearer_auth("token");
    let response = request.body(streamed(json!({})).to_string()).send().await.unwrap();
    drop(emulator);
    let ended = tokio::time::timeout(Duration::from_secs(5), response.text()).await;
    assert!(ended.expect("the stalled stream ends").is_err());
    assert!(reqwest::Client::new().get(&url).send().await.is_err());
}
