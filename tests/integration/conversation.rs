//! An answer becomes a turn of the conversation in one call.

use azure_openai_chat::{
    ApiVersion, ChatCompletion, ChatCompletionRequest, ContentPart, Deployment, Message, Model, Prediction, Role, Rule,
    Tool, ToolCall,
};
use serde_json::{Value, json};

use crate::support::fixture;

fn completion(message: &Value) -> ChatCompletion {
    serde_json::from_value(json!({"choices": [{"index": 0, "message": message}]})).unwrap()
}

/// The turn that the answer becomes.
fn turn(completion: &ChatCompletion) -> Value {
    let request = ChatCompletionRequest::builder("d").user("q").build().unwrap();
    let next = request.clone().with_message(completion.message().cloned().unwrap());
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
        request = request.with_message(Message::tool_result(call.id(), "42"));
    }
    let roles: Vec<_> = request.messages().iter().map(Message::role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool]);
    assert_eq!(request.messages()[2].tool_call_id(), Some("call_1"));
    let built = ChatCompletionRequest::builder("d").user("q").message(answer.message().unwrap());
    assert_eq!(built.build().unwrap().messages(), &request.messages()[..2]);
}

/// The addresses of the long texts of a request: equal for texts that are shared, other for copies.
fn addresses(request: &ChatCompletionRequest) -> Vec<*const u8> {
    let texts = request.messages().iter().flat_map(|message| {
        let calls = message.tool_calls().iter().map(ToolCall::input);
        let images = message.parts().iter().filter_map(|part| part.as_image_url()?.url());
        message.text().into_iter().chain(calls).chain(images)
    });
    let prediction = request.prediction().and_then(|prediction| prediction.content()?.text());
    let schemas = request.tools().iter().filter_map(|tool| tool.as_function()?.parameters()?["description"].as_str());
    texts.chain(prediction).chain(schemas).map(str::as_ptr).collect()
}

/// A conversation of 400 KB, with every kind of long text.
fn long_conversation() -> ChatCompletionRequest {
    let text = "x".repeat(50_000);
    let parameters = json!({"type": "object", "properties": {}, "description": text});
    ChatCompletionRequest::builder("d")
        .system(&text)
        .user([ContentPart::text(&text), ContentPart::image("image/png", text.as_bytes())])
        .message(Message::assistant_tool_calls([ToolCall::function("call_1", "f", &text)]))
        .tool_result("call_1", &text)
        .user(&text)
        .prediction(Prediction::from(&text))
        .tool(Tool::function("f").parameters(parameters))
        .build_unchecked()
}

#[test]
fn adding_a_turn_copies_nothing_of_the_history() {
    let request = long_conversation();
    let before = addresses(&request);
    assert_eq!(before.len(), 8);
    let is_shared = |next: &ChatCompletionRequest| before.iter().all(|address| addresses(next).contains(address));

    assert!(is_shared(&request.clone().with_message(Message::user("next"))));
    assert!(is_shared(&request.to_builder().user("next").temperature(1).build_unchecked()));
    assert!(is_shared(&request.with_deployment("other")));
    let mut pushed = request.clone();
    for _ in 0..500 {
        pushed.push_message(Message::user("next"));
    }
    assert!(is_shared(&pushed));
    let kept: Vec<Message> = request.messages().to_vec();
    drop(request);
    assert_eq!(kept[0].text().map(str::as_ptr), Some(before[0]));
}

#[test]
fn what_is_done_to_a_copy_leaves_the_first_as_it_was() {
    let first = long_conversation();
    let mut copy = first.clone();
    copy.messages_mut()[0] = Message::system("be brief").with_name("ann");
    copy.messages_mut().truncate(1);
    copy = copy.into_builder().tool(Tool::function("g")).build_unchecked();
    assert_eq!((copy.messages().len(), copy.tools().len()), (1, 2));
    assert_eq!(first, long_conversation());

    let named = Message::from(&first.messages()[4]).with_name("ann");
    assert_eq!((named.name(), first.messages()[4].name()), (Some("ann"), None));
}

#[test]
fn a_tool_loop_of_five_hundred_turns_stays_valid() {
    let mut request = ChatCompletionRequest::builder("d").user("q").tool(Tool::function("f")).build().unwrap();
    for turn in 0..500 {
        let ids = [format!("call_{turn}_a"), format!("call_{turn}_b")];
        let calls = ids
            .each_ref()
            .map(|id| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}));
        let answer = completion(&json!({"role": "assistant", "content": null, "tool_calls": calls}));
        request.push_message(answer.message().unwrap());
        assert!(turn % 100 > 0 || request.validate().is_ok());
        for call in answer.tool_calls() {
            request.push_message(Message::tool_result(call.id(), format!("result of {}", call.name())));
        }
        request.push_message(Message::user("and then?"));
    }
    assert_eq!(request.messages().len(), 1 + 500 * 4);
    request.validate().unwrap();
}

#[test]
fn a_conversation_stored_and_loaded_goes_on_as_it_was() {
    let o1 = Deployment::new("o1-new").model(Model::O1_2024_12_17);
    let mut request = ChatCompletionRequest::builder(o1)
        .developer("be brief")
        .user([ContentPart::text("what is this?"), ContentPart::image_url("https://contoso.com/u.png")])
        .reasoning_effort("low")
        .extra("tomorrow", json!({"a": 1}))
        .uncapped()
        .build()
        .unwrap();
    request.push_message(completion(&json!({"role": "assistant", "content": "a cat"})).message().unwrap());

    let stored = serde_json::to_string(&request).unwrap();
    let mut loaded: ChatCompletionRequest = serde_json::from_str(&stored).unwrap();
    assert_eq!(loaded, request);
    assert_eq!(loaded.deployment().declared_model(), Some(&Model::O1_2024_12_17));
    loaded.push_message(Message::user("and its colour?"));
    loaded.validate().unwrap();
    // the model is still checked
    let error = loaded.to_builder().temperature(0.2).build().unwrap_err();
    assert_eq!(error.violations()[0].parameter(), "temperature");
    let sent = json!(loaded.body(&ApiVersion::V1, false));
    assert_eq!((&sent["model"], &sent["tomorrow"], sent.get("declared")), (&json!("o1-new"), &json!({"a": 1}), None));
}

#[test]
fn a_change_after_build_is_checked_again() {
    let built = ChatCompletionRequest::builder("o1").user("q").max_completion_tokens(100).build().unwrap();
    built.validate().unwrap();
    let broken_by = |change: fn(&mut ChatCompletionRequest)| {
        let mut request = built.clone();
        change(&mut request);
        request.validate().unwrap_err().violations()[0].rule()
    };
    assert_eq!(broken_by(|request| request.messages_mut().clear()), Rule::RequiredParameter);
    assert_eq!(broken_by(|request| request.push_message(Message::tool_result("call_1", "42"))), Rule::Contradiction);
    assert_eq!(broken_by(|request| *request = request.with_deployment("o3-pro")), Rule::NoChatCompletions);
    built.validate().unwrap();
    let capped = built.into_builder().temperature(0.2).build().unwrap_err();
    assert_eq!(capped.violations()[0].parameter(), "temperature");
}

#[test]
fn a_request_from_json_is_allowed_to_have_no_limit() {
    let request: ChatCompletionRequest =
        serde_json::from_value(json!({"model": "o1", "messages": [{"role": "user", "content": "q"}]})).unwrap();
    assert_eq!(request.validate().unwrap_err().violations()[0].parameter(), "max_completion_tokens");
    let request = request.uncapped();
    assert!(request.is_uncapped());
    request.validate().unwrap();
    request.into_builder().build().unwrap();
}

#[test]
fn a_turn_after_one_that_is_no_message_loses_neither() {
    let read = json!({"model": "d", "messages": [{"role": "user", "content": "q"}, 7]});
    let mut request: ChatCompletionRequest = serde_json::from_value(read).unwrap();
    request.push_message(Message::user("next"));
    assert_eq!(
        json!(request)["messages"],
        json!([{"role": "user", "content": "q"}, 7, {"role": "user", "content": "next"}])
    );
    assert_eq!(request.validate().unwrap_err().violations()[0].rule(), Rule::WrongType);
}

#[test]
fn changing_the_turns_keeps_those_that_can_be_read() {
    let read = json!({"model": "d", "messages": [{"role": "user", "content": "q"}, 7]});
    let mut request: ChatCompletionRequest = serde_json::from_value(read).unwrap();
    request.messages_mut().push(Message::user("next"));
    assert_eq!(
        json!(request)["messages"],
        json!([{"role": "user", "content": "q"}, {"role": "user", "content": "next"}])
    );
    request.validate().unwrap();
}

#[test]
fn a_tool_or_source_after_one_that_is_none_loses_neither() {
    let read = json!({"model": "d", "tools": [7], "data_sources": [{"type": "x"}, 7]});
    let request: ChatCompletionRequest = serde_json::from_value(read).unwrap();
    let added = request
        .into_builder()
        .tool(Tool::function("f"))
        .data_source(azure_openai_chat::request::DataSource::other("y", json!({})));
    let added = json!(added.build_unchecked());
    assert_eq!(added["tools"], json!([7, {"type": "function", "function": {"name": "f"}}]));
    assert_eq!(added["data_sources"][1], 7);
    assert_eq!(added["data_sources"][2]["type"], "y");
}
