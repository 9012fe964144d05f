//! An answer becomes a turn of the conversation in one call.

use azure_openai_chat::{ChatCompletion, ChatCompletionRequest, Message};
use serde_json::{Value, json};

use crate::support::fixture;

fn completion(message: &Value) -> ChatCompletion {
    serde_json::from_value(json!({"choices": [{"index": 0, "message": message}]})).unwrap()
}

/// The turn that the answer becomes.
fn turn(completion: &ChatCompletion) -> Value {
    let request = ChatCompletionRequest::builder("d").user("q").build().unwrap();
    let next = request.with_message(completion.message().cloned().unwrap());
    next.validate().unwrap();
    let written = json!(next);
    let turns = written["messages"].as_array().unwrap();
    assert_eq!(turns.len(), 2);
    assert_eq!(turns[0], json!({"role": "user", "content": "q"}));
    assert_eq!(request.messages().len(), 1, "the request itself stays as it is");
    turns[1].clone()
}

#[test]
fn text_tool_calls_refusal_and_audio_go_back() {
    let calls = json!([
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
        {"id": "call_2", "type": "custom", "custom": {"name": "c", "input": "text"}},
    ]);
    for (answer, expected) in [
        (
            json!({"role": "assistant", "content": "hello", "refusal": null, "annotations": []}),
            json!({"role": "assistant", "content": "hello"}),
        ),
        (
            json!({"role": "assistant", "content": null, "tool_calls": calls}),
            json!({"role": "assistant", "tool_calls": calls}),
        ),
        (
            json!({"role": "assistant", "content": "calling", "tool_calls": calls, "reasoning_content": "hm"}),
            json!({"role": "assistant", "content": "calling", "tool_calls": calls}),
        ),
        (json!({"role": "assistant", "content": null, "refusal": "no"}), json!({"role": "assistant", "refusal": "no"})),
        (
            json!({"role": "assistant", "content": null, "audio": {
                "id": "audio_1", "data": "UklGRg==", "transcript": "hi", "expires_at": 1
            }}),
            json!({"role": "assistant", "audio": {"id": "audio_1"}}),
        ),
        (
            json!({"content": null, "function_call": {"name": "f", "arguments": "{}"}}),
            json!({"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}),
        ),
    ] {
        assert_eq!(turn(&completion(&answer)), expected, "{answer}");
    }
}

#[test]
fn the_intent_of_on_your_data_goes_back_without_the_passages() {
    let completion: ChatCompletion = serde_json::from_str(&fixture("on_your_data.json")).unwrap();
    assert_eq!(
        turn(&completion),
        json!({
            "role": "assistant", "content": "Thirty days [doc1].", "context": {"intent": "[\"leave days\"]"}
        })
    );
}

#[test]
fn a_tool_loop_is_one_call_a_turn() {
    let answer = completion(&json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]}));
    let mut request = ChatCompletionRequest::builder("d").user("q").build().unwrap();
    request = request.with_message(answer.message().unwrap());
    for call in answer.tool_calls() {
        request = request.with_message(Message::tool(call.id(), "42"));
    }
    let roles: Vec<_> = request.messages().iter().filter_map(Message::role).collect();
    assert_eq!(roles, ["user", "assistant", "tool"]);
    assert_eq!(request.messages()[2].tool_call_id(), Some("call_1"));
    let built = ChatCompletionRequest::builder("d").user("q").message(answer.message().unwrap());
    assert_eq!(built.build().unwrap().messages(), &request.messages()[..2]);
}
