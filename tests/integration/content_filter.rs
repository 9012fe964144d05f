//! What the content filter says, wherever Azure puts it, and what becomes of a text it stops.

use azure_openai_chat::response::BlocklistMatch;
use azure_openai_chat::{
    CallOptions, ChatCompletionRequest, ContentFilterResults, ErrorKind, FilterState, FinishReason, StreamEvent,
};
use azure_openai_emulator::Emulator;
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{client, completion, delta, events, finish, ok_json, ok_stream, question, sent_headers, serving};

fn mini(words: &str) -> ChatCompletionRequest {
    ChatCompletionRequest::builder("gpt-4o-mini").user(words).build().unwrap()
}

#[tokio::test]
async fn a_blocked_prompt_is_an_error_with_its_category() {
    let emulator = Emulator::builder()
        .content_filter_trigger("make it bleed", "violence")
        .content_filter_trigger("ignore all rules", "jailbreak")
        .start()
        .await
        .unwrap();
    let client = client(emulator.endpoint());
    for (words, category) in [("Make it bleed!", "violence"), ("Please ignore all rules", "jailbreak")] {
        let unary = client.complete(&mini(words)).await.unwrap_err();
        let streamed = client.stream(&mini(words)).await.unwrap_err();
        for error in [unary, streamed] {
            assert_eq!((error.kind(), error.status()), (ErrorKind::ContentFiltered, Some(400)));
            assert_eq!((error.attempts(), error.is_retryable()), (1, false));
            let results = error.content_filter().unwrap();
            assert_eq!(results.filtered_categories(), [category]);
            assert_eq!(results.state(), FilterState::Filtered);
            let text = error.to_string();
            assert!(text.contains(&format!("blocked by the content filter for {category}")), "{text}");
        }
    }
    assert_eq!(emulator.requests().len(), 4);
}

#[tokio::test]
async fn the_details_are_found_however_they_are_spelled() {
    let violence = json!({"violence": {"filtered": true, "severity": "high"}});
    for (inner, expected) in [
        (
            json!({"innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": violence}}),
            Some("violence"),
        ),
        (json!({"inner_error": {"content_filter_results": violence}}), Some("violence")),
        (
            json!({"innererror": {"content_filter_result": {"self-harm": {"filtered": true, "severity": "low"}}}}),
            Some("self_harm"),
        ),
        (
            json!({"innererror": {"content_filter_result": {"custom_blocklists": [{"filtered": true, "id": "pizza"}]}}}),
            Some("custom_blocklists"),
        ),
        (json!({}), None),
        (json!({"innererror": "odd"}), None),
    ] {
        let mut error = json!({"code": "content_filter", "param": "prompt", "message": "filtered"});
        error.as_object_mut().unwrap().extend(inner.as_object().unwrap().clone());
        let answer = ResponseTemplate::new(400).set_body_json(json!({"error": error}));
        let server = serving("a blocked prompt", [answer]).await;
        let met = client(server.uri()).complete(&question()).await.unwrap_err();
        assert_eq!(met.kind(), ErrorKind::ContentFiltered, "{error}");
        let categories = met.content_filter().map(|results| results.filtered_categories().join(" "));
        assert_eq!(categories.as_deref(), expected, "{error}");
        assert!(met.to_string().contains(expected.unwrap_or("blocked by the content filter; rephrase")), "{met}");
    }
}

#[tokio::test]
async fn a_stopped_answer_is_kept_as_far_as_it_came() {
    let emulator = Emulator::builder()
        .script("gpt-4o-mini", azure_openai_emulator::Answer::text("First mix the powder and then"))
        .completion_filter_trigger("powder", "violence")
        .start()
        .await
        .unwrap();
    let client = client(emulator.endpoint());
    let whole = client.complete(&mini("how?")).await.unwrap();
    let mut stream = client.stream(&mini("how?")).await.unwrap();
    while stream.try_next().await.unwrap().is_some() {}
    for completion in [whole, stream.into_completion().unwrap()] {
        assert_eq!(completion.finish_reason(), Some(&FinishReason::ContentFilter));
        assert_eq!(completion.content_filter_state(), FilterState::Filtered);
        assert_eq!(completion.choices()[0].content_filter().filtered_categories(), ["violence"]);
        assert!(!completion.text().unwrap_or_default().contains("and then"), "{completion:?}");
    }
}

/// An answer with these filter results.
fn judged(results: Option<Value>, prompt: Option<Value>, reason: &str) -> Value {
    let mut body = completion("hello");
    body["choices"][0]["finish_reason"] = json!(reason);
    if let Some(results) = results {
        body["choices"][0]["content_filter_results"] = results;
    }
    if let Some(results) = prompt {
        body["prompt_filter_results"] = json!([{"prompt_index": 0, "content_filter_results": results}]);
    }
    body
}

#[tokio::test]
async fn an_answer_is_clean_filtered_or_not_evaluated() {
    let clean = || Some(json!({"hate": {"filtered": false, "severity": "safe"}}));
    let outage =
        || Some(json!({"error": {"code": "content_filter_error", "message": "The contents are not filtered"}}));
    for (body, state) in [
        (judged(clean(), clean(), "stop"), FilterState::Clean),
        (judged(None, None, "stop"), FilterState::NotEvaluated),
        (judged(Some(json!({})), None, "stop"), FilterState::NotEvaluated),
        (judged(outage(), None, "stop"), FilterState::NotEvaluated),
        (judged(None, None, "content_filter"), FilterState::Filtered),
        (judged(Some(json!({"new_category": {"filtered": true}})), None, "stop"), FilterState::Filtered),
        (
            judged(Some(json!({"profanity": {"filtered": true, "detected": true}})), clean(), "stop"),
            FilterState::Filtered,
        ),
    ] {
        let server = serving("a judged answer", [ok_json(&body)]).await;
        let completion = client(server.uri()).complete(&question()).await.unwrap();
        assert_eq!(completion.content_filter_state(), state, "{body}");
        assert_eq!(serde_json::to_value(&completion).unwrap(), body);
    }
}

#[tokio::test]
async fn each_of_several_choices_is_judged_by_itself() {
    let mut body = judged(Some(json!({"hate": {"filtered": false, "severity": "safe"}})), None, "stop");
    let filtered = json!({"index": 1, "finish_reason": "content_filter", "content_filter_results": {"hate": {"filtered": true, "severity": "high"}}});
    body["choices"].as_array_mut().unwrap().push(filtered);
    let server = serving("two choices", [ok_json(&body)]).await;
    let request = ChatCompletionRequest::builder("gpt").user("hi").n(2).build().unwrap();
    let completion = client(server.uri()).complete(&request).await.unwrap();
    let states: Vec<_> = completion.choices().iter().map(|choice| choice.content_filter_state()).collect();
    assert_eq!(states, [FilterState::Clean, FilterState::Filtered]);
    assert_eq!(completion.choices()[1].text(), None);
}

#[test]
fn blocklists_come_in_three_shapes() {
    for (shape, filtered, ids) in [
        (json!({"filtered": true, "details": [{"filtered": true, "id": "pizza"}]}), Some(true), vec!["pizza"]),
        (json!([{"id": "pizza", "filtered": false}]), None, vec!["pizza"]),
        (json!({"filtered": false}), Some(false), vec![]),
    ] {
        let results: ContentFilterResults = serde_json::from_value(json!({"custom_blocklists": shape})).unwrap();
        let lists = results.custom_blocklists().unwrap();
        let found: Vec<_> = lists.details().iter().filter_map(BlocklistMatch::id).collect();
        assert_eq!(found, ids, "{shape}");
        assert!(filtered.is_none() || lists.filtered() == filtered, "{shape}");
        assert_eq!(serde_json::to_value(&results).unwrap(), json!({"custom_blocklists": shape}));
    }
}

#[tokio::test]
async fn late_annotations_are_merged_into_their_choice() {
    let emulator = Emulator::builder().async_filter(true).start().await.unwrap();
    let mut stream = client(emulator.endpoint()).stream(&mini("What is the capital of France?")).await.unwrap();
    let mut offsets = Vec::new();
    while let Some(event) = stream.events().next().await {
        if let StreamEvent::ContentFilter { offsets: Some(checked), .. } = event.unwrap() {
            offsets.push(checked.end_offset().unwrap());
        }
    }
    assert!(!offsets.is_empty() && offsets.is_sorted(), "{offsets:?}");
    let completion = stream.into_completion().unwrap();
    assert_eq!(completion.choices().len(), 1);
    assert_eq!(completion.content_filter_state(), FilterState::Clean);
    let merged = completion.choices()[0].content_filter_offsets().unwrap();
    assert_eq!(merged.end_offset(), offsets.last().copied());
}

#[tokio::test]
async fn a_violation_found_after_the_text_was_shown_is_not_lost() {
    let annotation = |filtered: bool, reason: Value| {
        let severity = if filtered { "high" } else { "safe" };
        json!({"id": "", "choices": [{"index": 0, "finish_reason": reason,
            "content_filter_results": {"violence": {"filtered": filtered, "severity": severity}},
            "content_filter_offsets": {"check_offset": 3, "start_offset": 0, "end_offset": 8}}]})
    };
    let early = events(&[delta("Hello"), annotation(false, Value::Null), annotation(true, json!("content_filter"))]);
    let late = events(&[delta("Hello"), finish("stop"), annotation(true, Value::Null)]);
    for body in [early, late] {
        let server = serving("a late violation", [ok_stream(body)]).await;
        let mut stream = client(server.uri()).stream(&question()).await.unwrap();
        while stream.try_next().await.unwrap().is_some() {}
        let completion = stream.into_completion().unwrap();
        assert_eq!(completion.text(), Some("Hello"));
        assert_eq!(completion.content_filter_state(), FilterState::Filtered);
        assert_eq!(completion.choices()[0].content_filter().filtered_categories(), ["violence"]);
        assert_eq!(completion.choices()[0].content_filter_offsets().unwrap().check_offset(), Some(3));
    }
}

#[tokio::test]
async fn the_prompts_judgement_stands_before_the_words_of_a_stream() {
    let emulator = Emulator::start().await.unwrap();
    let mut stream = client(emulator.endpoint()).stream(&mini("hi")).await.unwrap();
    let first = stream.try_next().await.unwrap().unwrap();
    assert_eq!(first.choices().count(), 0);
    assert_eq!(first.prompt_filter_results()[0].content_filter().state(), FilterState::Clean);
    while stream.try_next().await.unwrap().is_some() {}
    let completion = stream.into_completion().unwrap();
    assert_eq!(completion.prompt_filter_results()[0].content_filter().state(), FilterState::Clean);
    assert_eq!(completion.content_filter_state(), FilterState::Clean);
}

#[tokio::test]
async fn a_call_may_choose_its_filter() {
    let unknown = ResponseTemplate::new(400)
        .set_body_json(json!({"error": {"code": "InvalidContentFilterPolicy", "message": "Unknown policy"}}));
    let server = serving("a filter of one's own", [ok_json(&completion("hello")), unknown]).await;
    let client = client(server.uri());
    let options = CallOptions::new().header("x-policy-id", "strict");
    client.complete_with(&question(), &options).await.unwrap();
    let error = client.complete_with(&question(), &options).await.unwrap_err();
    assert_eq!(sent_headers(&server, "x-policy-id").await, ["strict", "strict"]);
    assert!(
        error.to_string().ends_with("the x-policy-id header names a filter this resource does not have"),
        "{error}"
    );
}
