//! Tests of the errors by model and request: code and parameter, then the texts.

use serde_json::json;

use super::super::filter::merge;
use super::*;

/// The error for a plain question with more members.
fn error(model: &str, extra: Value) -> Option<Value> {
    let body = merge(json!({"messages": [{"role": "user", "content": "hi"}]}), extra);
    let deployed = DeployedModel::declared("d", model.into());
    let error = refusal(ChatRequest::new(&body), &deployed, &ApiVersion::V1, Dialect::Azure)?;
    assert_eq!(error.status, 400);
    Some(error.body["error"].clone())
}

/// One case a line: model, members added to the request, code and parameter of the error, if there is one.
const TABLE: &str = r#"
    o1-2024-12-17      | {"max_tokens": 5}                        | unsupported_parameter | max_tokens
    o1-2024-12-17      | {"temperature": 1}                       | unsupported_parameter | temperature
    o1-2024-12-17      | {"logprobs": true}                       | unsupported_parameter | logprobs
    o1-2024-12-17      | {"prediction": {"content": ""}}          | unsupported_parameter | prediction
    o1-2024-12-17      | {"stream": true}                         | unsupported_value     | stream
    o1-2024-12-17      | {"reasoning_effort": "minimal"}          | unsupported_value     | reasoning_effort
    o1-2024-12-17      | {"max_completion_tokens": 5, "reasoning_effort": "high", "temperature": null}
    o1-2024-12-17      | {}
    o3-mini-2025-01-31 | {"messages": [{"role": "user", "content": [IMAGE]}, {"role": "user", "content": "hi"}]} | null | messages.[0].content.[0].type
    gpt-4o-2024-08-06  | {"messages": [{"role": "user", "content": [IMAGE]}, {"role": "user", "content": "hi"}]}
    gpt-4o-2024-08-06  | {"messages": [{"role": "user", "content": [SOUND]}, {"role": "user", "content": "hi"}]} | null | messages.[0].content.[0].type
    o1-mini-2024-09-12 | {"tools": [TOOL]}                        | unsupported_parameter | tools
    o1-mini-2024-09-12 | {"reasoning_effort": "low"}              | unsupported_parameter | reasoning_effort
    o1-mini-2024-09-12 | {"messages": [{"role": "system"}]}       | unsupported_value     | messages[0].role
    o3-mini-2025-01-31 | {"messages": [{"role": "system"}, {"role": "developer"}]} | unsupported_value | messages
    o3-pro-2025-06-10  | {}                                       | OperationNotSupported | null
    gpt-4o-2024-05-13  | {"prediction": {"content": ""}}          | unsupported_parameter | prediction
    gpt-4o-2024-08-06  | {"prediction": {"content": ""}, "n": 2}  | unsupported_parameter | n
    gpt-4o-2024-08-06  | {"prediction": {"content": ""}, "tools": [TOOL]} | unsupported_parameter | tools
    gpt-4o-2024-08-06  | {"prediction": {}, "presence_penalty": 1} | unsupported_parameter | presence_penalty
    gpt-4o-2024-08-06  | {"prediction": {}, "max_completion_tokens": 9} | unsupported_parameter | max_completion_tokens
    gpt-4o-2024-08-06  | {"prediction": {"type": "content", "content": ""}, "presence_penalty": -1, "n": 1, "logprobs": false}
    gpt-4o-2024-08-06  | {"stream": true, "n": 2, "logprobs": true, "top_logprobs": 2}
    gpt-4o-2024-08-06  | {"messages": []}                         | empty_array           | messages
    gpt-4o-2024-08-06  | {"messages": null}                       | missing_required_parameter | messages
    gpt-4o-2024-08-06  | {"tool_choice": "auto"}                  | null                  | tool_choice
    gpt-4o-2024-08-06  | {"parallel_tool_calls": false}           | null                  | parallel_tool_calls
    gpt-4o-2024-08-06  | {"response_format": {"type": "json_object"}} | null              | messages
    gpt-5.6-sol-2026-07-09 | {"tools": [TOOL]}                    | null                  | reasoning_effort
    gpt-5.6-sol-2026-07-09 | {"tools": [TOOL], "reasoning_effort": "none"}
    gpt-5.6-sol-2026-07-09 | {"functions": [{"name": "f"}]}       | null                  | reasoning_effort
    gpt-5.4-2026-03-05 | {"tools": [TOOL], "reasoning_effort": "low"} | null              | reasoning_effort
    gpt-5.4-2026-03-05 | {"tools": [TOOL]}
    gpt-5.6-sol-2026-07-09 | {"temperature": 0.7}                 | unsupported_value     | temperature
    gpt-5.6-sol-2026-07-09 | {"temperature": 1}
    gpt-5.6-sol-2026-07-09 | {"temperature": 0.7, "reasoning_effort": "none"}
    gpt-5.6-sol-2026-07-09 | {"logprobs": true}                   | unsupported_parameter | logprobs
    gpt-5.6-sol-2026-07-09 | {"logprobs": true, "reasoning_effort": "none"}
    gpt-5.6-sol-2026-07-09 | {"logit_bias": {}, "reasoning_effort": "none"} | unsupported_parameter | logit_bias
    gpt-5.6-sol-2026-07-09 | {"stop": "a"}                        | unsupported_parameter | stop
    gpt-5.2-2025-12-11 | {"top_p": 0.7}
    gpt-5.2-2025-12-11 | {"top_p": 0.7, "reasoning_effort": "low"} | unsupported_parameter | top_p
    gpt-4o-2024-08-06  | {"reasoning_effort": "low"}              | null                  | null
    gpt-4o-2024-08-06  | {"max_tokens": 16384}
    gpt-4o-2024-08-06  | {"max_tokens": 16385}                    | invalid_value         | max_tokens
    o3-mini-2025-01-31 | {"max_completion_tokens": 100001}        | invalid_value         | max_completion_tokens
    gpt-4-0613         | {"max_tokens": 9000}
    gpt-5-2025-08-07   | {"temperature": 0.7}                     | unsupported_value     | temperature
    gpt-5-2025-08-07   | {"temperature": 1}
    gpt-5-2025-08-07   | {"top_p": 1}                             | unsupported_parameter | top_p
    gpt-5-2025-08-07   | {"logprobs": false}
    gpt-4o-2024-08-06  | {"tools": []}                            | empty_array           | tools
    gpt-4o-2024-08-06  | {"tool_choice": "none"}                  | null                  | tool_choice
    gpt-4o-2024-08-06  | {"metadata": {"a": 1}}                   | invalid_type          | metadata.a
    gpt-4o-2024-05-13  | {"tools": [{"type": "function", "function": {"name": "f", "strict": true}}]} | null | tools
"#;

#[test]
fn each_model_refuses_what_azure_refuses_and_nothing_else() {
    let table = TABLE.replace("TOOL", r#"{"type": "function", "function": {"name": "f"}}"#);
    let table = table.replace("IMAGE", r#"{"type": "image_url", "image_url": {"url": "https://contoso.com/a.png"}}"#);
    let table = table.replace("SOUND", r#"{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}"#);
    for line in table.lines().filter(|line| line.contains('|')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let error = error(cells[0], serde_json::from_str(cells[1]).unwrap());
        let got = error.map(|error| (error["code"].clone(), error["param"].clone()));
        let value = |word: &str| if word == "null" { Value::Null } else { word.into() };
        let wanted = (cells.len() > 2).then(|| (value(cells[2]), value(cells[3])));
        assert_eq!(got, wanted, "{line}");
    }
}

#[test]
fn tool_messages_answer_the_turn_before_them() {
    let call = json!({"role": "assistant", "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    ]});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": ""});
    let user = json!({"role": "user", "content": "hi"});
    let refused = |all: &[&Value]| error("gpt-4o-2024-08-06", json!({"messages": all}));
    assert_eq!(refused(&[&call, &result("2"), &result("1")]), None);
    let unanswered = refused(&[&call, &result("2"), &user]).unwrap();
    assert!(unanswered["message"].as_str().unwrap().ends_with("did not have response messages: 1"), "{unanswered}");
    assert_eq!(unanswered["param"], "messages");
    let without_call = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with \
                        'tool_calls'.";
    for (messages, param) in [
        (vec![&call, &result("3")], "messages.[1].role"),
        (vec![&result("1")], "messages.[0].role"),
        (vec![&call, &result("1"), &result("2"), &user, &result("1")], "messages.[4].role"),
    ] {
        let error = refused(&messages).unwrap();
        assert_eq!((&error["message"], &error["param"]), (&json!(without_call), &json!(param)));
    }
}

#[test]
fn texts_are_the_services() {
    let gpt_4o = "gpt-4o-2024-08-06";
    let tool = |function: Value| json!({"tools": [{"type": "function", "function": function}]});
    let user = |part: Value| json!({"messages": [{"role": "user", "content": [part]}]});
    let format = |name: &str| json!({"response_format": {"type": "json_schema", "json_schema": {"name": name}}});
    let numbered = |count: usize| (0..count).map(|n| (n.to_string(), json!("v"))).collect::<serde_json::Map<_, _>>();
    let functions =
        |count: usize| (0..count).map(|n| json!({"type": "function", "function": {"name": format!("f{n}")}}));
    for (model, extra, message) in [
        (
            gpt_4o,
            json!({"temperature": 200}),
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 200 instead.",
        ),
        (
            gpt_4o,
            json!({"top_p": -0.5}),
            "Invalid 'top_p': decimal below minimum value. Expected a value >= 0, but got -0.5 instead.",
        ),
        (
            gpt_4o,
            json!({"n": 0}),
            "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
        ),
        (
            gpt_4o,
            json!({"n": 129}),
            "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 129 instead.",
        ),
        (
            gpt_4o,
            json!({"max_tokens": -1}),
            "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got -1 instead.",
        ),
        (
            gpt_4o,
            json!({"logit_bias": {"7": 1, "50256": 101}}),
            "Invalid 'logit_bias.50256': integer above maximum value. Expected a value <= 100, but got 101 instead.",
        ),
        (
            gpt_4o,
            json!({"logit_bias": {"7": "1"}}),
            "Invalid type for 'logit_bias.7': expected a number from -100 to 100, but got a string instead.",
        ),
        (
            gpt_4o,
            json!({"max_tokens": 20_000}),
            "max_tokens is too large: 20000. This model supports at most 16384 completion tokens, whereas you provided 20000.",
        ),
        (gpt_4o, json!({"user": 5}), "Invalid type for 'user': expected a string, but got an integer instead."),
        (
            gpt_4o,
            json!({"messages": [{"role": "user", "content": {}}]}),
            "Invalid type for 'messages[0].content': expected a string or a list of parts, but got an object instead.",
        ),
        (gpt_4o, json!({"messages": [{"content": "hi"}]}), "Missing required parameter: 'messages[0].role'."),
        (
            gpt_4o,
            json!({"messages": [{"role": "wizard"}]}),
            "Invalid value: 'wizard'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
        ),
        (
            gpt_4o,
            json!({"stop": ["a", "b", "c", "d", "e"]}),
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 instead.",
        ),
        (
            gpt_4o,
            json!({"tools": functions(129).collect::<Vec<_>>()}),
            "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 129 instead.",
        ),
        (
            gpt_4o,
            json!({"metadata": numbered(17)}),
            "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object with 17 properties instead.",
        ),
        (
            gpt_4o,
            json!({"metadata": {"a": "v".repeat(513)}}),
            "Invalid 'metadata.a': string too long. Expected a string with maximum length 512, but got a string with length 513 instead.",
        ),
        (gpt_4o, json!({"functions": []}), "[] is too short - 'functions'"),
        (
            gpt_4o,
            tool(json!({"name": "a b"})),
            "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
        ),
        (
            gpt_4o,
            tool(json!({"name": "f", "parameters": {"type": "object"}})),
            "Invalid schema for function 'f': In context=(), object schema missing properties.",
        ),
        (
            gpt_4o,
            format(""),
            "Invalid 'response_format.json_schema.name': empty string. Expected a string with minimum length 1, but got an empty string instead.",
        ),
        (
            gpt_4o,
            format(&"n".repeat(65)),
            "Invalid 'response_format.json_schema.name': string too long. Expected a string with maximum length 64, but got a string with length 65 instead.",
        ),
        (
            gpt_4o,
            json!({"response_format": {"type": "json_schema"}}),
            "Missing required parameter: 'response_format.json_schema'.",
        ),
        (
            gpt_4o,
            user(json!({"type": "image_url", "image_url": {"url": "iVBORw0KGgo="}})),
            "Invalid image URL: 'messages[0].content[0].image_url.url'. Expected a base64-encoded data URL with an image MIME type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value without the 'data:' prefix.",
        ),
        (
            gpt_4o,
            merge(tool(json!({"name": "f"})), json!({"tool_choice": {"type": "function", "function": {"name": "g"}}})),
            "Invalid value for 'tool_choice': no function named 'g' was specified in the 'tools' parameter.",
        ),
        (
            gpt_4o,
            json!({"tool_choice": "auto"}),
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        ),
        (
            gpt_4o,
            json!({"data_sources": [{"type": "azure_search", "parameters": {}}]}),
            "Unrecognized request argument supplied: data_sources",
        ),
        (
            gpt_4o,
            json!({"tomorrow": 1, "today": 2, "never": null}),
            "Unrecognized request arguments supplied: today, tomorrow",
        ),
        (gpt_4o, json!({"declared": {"model": "o1-2024-12-17"}}), "Unrecognized request argument supplied: declared"),
        (gpt_4o, json!({"reasoning_effort": "low"}), "Unrecognized request argument supplied: reasoning_effort"),
        (
            "o1-2024-12-17",
            json!({"max_tokens": 5}),
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        ),
        (
            "o1-2024-12-17",
            json!({"reasoning_effort": "minimal"}),
            "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. Supported values are: 'low', 'medium', and 'high'.",
        ),
        (
            "o1-mini-2024-09-12",
            json!({"messages": [{"role": "system"}]}),
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        ),
        (
            "o4-mini-2025-04-16",
            json!({"temperature": 0.1}),
            "Unsupported value: 'temperature' does not support 0.1 with this model. Only the default (1) value is supported.",
        ),
        (
            "gpt-35-turbo-0125",
            user(json!({"type": "image_url", "image_url": {"url": "https://contoso.com/a.png"}})),
            "Invalid content type. image_url is only supported by certain models.",
        ),
        (
            "gpt-5.6-sol-2026-07-09",
            tool(json!({"name": "f"})),
            "Function tools with reasoning_effort are not supported for gpt-5.6-sol-2026-07-09 in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'.",
        ),
    ] {
        assert_eq!(error(model, extra.clone()).map(|error| error["message"].clone()), Some(json!(message)), "{extra}");
    }
}

#[test]
fn a_model_that_the_table_does_not_have_refuses_what_no_model_takes() {
    let refused = |extra: Value| error("DeepSeek-V4-Pro", extra);
    assert_eq!(
        refused(json!({"max_tokens": 5, "reasoning_effort": "low", "temperature": 2, "safe_prompt": true})),
        None
    );
    assert_eq!(refused(json!({"temperature": 3})).unwrap()["code"], "decimal_above_max_value");
}

#[test]
fn the_client_crates_own_policy_is_not_the_services() {
    // The client crate requires a limit for o1, or that its absence is declared.
    let read: ChatCompletionRequest =
        serde_json::from_value(json!({"model": "o1-2024-12-17", "messages": [{"role": "user"}]})).unwrap();
    let violations = read.violations(Some(false), None);
    assert!(violations.iter().all(|violation| violation.rule() == Rule::RequiredParameter));
    assert_eq!((violations.len(), error("o1-2024-12-17", json!({}))), (1, None));
}

#[test]
fn a_prompt_longer_than_the_context_is_refused_with_both_figures() {
    let long = json!({"messages": [{"role": "user", "content": "one two ".repeat(70_000)}]});
    let error = error("gpt-4o-2024-08-06", long).unwrap();
    assert_eq!(error["code"], "context_length_exceeded");
    assert!(error["message"].as_str().unwrap().starts_with("This model's maximum context length is 128000 tokens."));
}
