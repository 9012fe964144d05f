//! Object schemas without `properties`, and `json_object` without the word "json".

use std::io;

use serde_json::Value;

use super::Check;
use crate::request::Message;
use crate::request::format::ResponseFormatType;
use crate::request::violation::{Rule, Violation};

/// The service answers `object schema missing properties`, in strict mode and without
/// (Azure/azure-sdk-for-python#41447). A function without `parameters` has none and is taken.
pub(super) fn objects_without_properties(check: &Check<'_>, found: &mut Vec<Violation>) {
    let of_old = check.body.functions.iter().flat_map(|list| list.iter().enumerate());
    let of_old = of_old.map(|(at, function)| (format!("functions[{at}]"), function));
    for (place, function) in check.functions().chain(of_old) {
        let lacks_properties = function.parameters.as_ref().is_some_and(is_object_without_properties);
        if lacks_properties && check.is_in_table() {
            found.push(Violation::new(
                format!("{place}.parameters"),
                Rule::UnsupportedValue,
                "the schema is an object without properties: add \"properties\": {}, or leave parameters out",
            ));
        }
    }
}

/// Of a schema put together from others, whether it needs `properties` of its own is not known.
fn is_object_without_properties(schema: &Value) -> bool {
    let has = |keyword: &str| schema.get(keyword).is_some();
    let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
    is_object && !["properties", "$ref", "anyOf", "oneOf", "allOf"].into_iter().any(has)
}

/// The service answers `'messages' must contain the word 'json' in some form`.
pub(super) fn json_object(check: &Check<'_>, found: &mut Vec<Violation>) {
    let kind = check.body.response_format.as_ref().and_then(|format| format.kind.as_ref());
    let messages = check.request.messages();
    if kind == Some(&ResponseFormatType::JsonObject)
        && !messages.is_empty()
        && !contains_json(messages)
        && check.is_in_table()
    {
        found.push(Violation::new(
            "messages",
            Rule::Contradiction,
            "the format json_object needs the word \"json\" in a message: say in one that the answer is JSON, or use a \
             JSON schema",
        ));
    }
}

/// Whether the messages contain the word anywhere, in whatever member the service may look.
fn contains_json(messages: &[Message]) -> bool {
    let mut search = JsonWord { matched: 0, is_found: false };
    serde_json::to_writer(&mut search, messages).is_err() || search.is_found
}

/// Looks for the word in text that is written to it, so that a conversation is searched without a copy.
struct JsonWord {
    matched: usize,
    is_found: bool,
}

impl io::Write for JsonWord {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        for byte in text.iter().map(u8::to_ascii_lowercase) {
            // no letter of the word comes twice in it, so a mismatch is at most a new beginning
            self.matched = match b"json".get(self.matched) {
                Some(letter) if *letter == byte => self.matched + 1,
                _ => usize::from(byte == b'j'),
            };
            self.is_found |= self.matched == b"json".len();
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ask, ask_any, assert_fine, assert_refused, assert_told, model, read};
    use super::*;
    use crate::model::{Deployment, Model};
    use crate::request::{ChatCompletionRequest, ContentPart, ResponseFormat, Tool};
    use crate::response::ToolCall;

    const NO_PROPERTIES: &str =
        "the schema is an object without properties: add \"properties\": {}, or leave parameters out";
    const NO_WORD: &str = "the format json_object needs the word \"json\" in a message: say in one that the answer is JSON, or use a \
         JSON schema";

    #[test]
    fn a_functions_object_schema_has_properties() {
        let gpt_4o = || ask(Model::GPT_4O_2024_08_06);
        let bare = json!({"type": "object"});
        for parameters in [bare.clone(), json!({"type": "object", "additionalProperties": true, "required": []})] {
            assert_refused(
                gpt_4o().tool(Tool::custom("c")).tool(Tool::function("f").parameters(parameters)),
                "tools[1].function.parameters",
                Rule::UnsupportedValue,
                NO_PROPERTIES,
            );
        }
        assert_refused(
            gpt_4o().tool(Tool::function("f").strict(true).parameters(json!({
                "type": "object", "additionalProperties": false
            }))),
            "tools[0].function.parameters",
            Rule::UnsupportedValue,
            NO_PROPERTIES,
        );
        assert_told(
            &read(json!({
                "model": "gpt-4o", "messages": [{"role": "user"}], "functions": [{"name": "f", "parameters": bare}]
            })),
            &[("functions[0].parameters", Rule::UnsupportedValue, NO_PROPERTIES)],
        );
        for fine in [
            json!({}),
            json!({"type": "object", "properties": {}}),
            json!({"type": "object", "properties": {"a": {"type": "object"}}}),
            json!({"type": "object", "anyOf": [{"type": "object", "properties": {}}]}),
            json!({"type": "string"}),
        ] {
            assert_fine(gpt_4o().tool(Tool::function("f").parameters(fine)));
        }
        assert_fine(gpt_4o().tool(Tool::function("f")));
        assert_fine(ask_any().tool(Tool::function("f").parameters(bare.clone())));
        assert_fine(ask(model(|unknown| unknown)).tool(Tool::function("f").parameters(bare)));
    }

    #[test]
    fn adapting_gives_an_object_schema_its_properties() {
        let tool = Tool::function("f").parameters(json!({"type": "object"}));
        let adapted = ask(Model::GPT_4O_2024_08_06).tool(tool).adapt().unwrap();
        let changes: Vec<String> = adapted.adaptations().iter().map(ToString::to_string).collect();
        assert_eq!(changes, ["tools[0].function.parameters: got properties: {}"]);
        let sent = serde_json::to_value(adapted.request()).unwrap();
        assert_eq!(sent["tools"][0]["function"]["parameters"], json!({"type": "object", "properties": {}}));
    }

    #[test]
    fn the_format_json_object_needs_the_word_in_a_message() {
        let asked = |text: &str| {
            let deployment = Deployment::new("d").model(Model::GPT_4O_2024_08_06);
            ChatCompletionRequest::builder(deployment).user(text).response_format(ResponseFormat::json_object())
        };
        for text in ["a list of fruit", "j son", "js on", "jjso n", ""] {
            assert_refused(asked(text), "messages", Rule::Contradiction, NO_WORD);
            assert!(asked(text).adapt().is_err());
        }
        for text in ["as JSON", "some json", "jjson", "jsjson", "a JsonObject, please"] {
            assert_fine(asked(text));
        }
        // wherever it is: instructions, parts, tool calls, names
        assert_fine(asked("fruit").developer("answer in JSON"));
        assert_fine(asked("fruit").message(Message::user_parts([ContentPart::text("as json")])));
        let call = Message::assistant_tool_calls([ToolCall::function("c1", "to_json", "{}")]);
        assert_fine(asked("fruit").message(call).tool_result("c1", "1"));
        assert_fine(asked("fruit").message(Message::user("x").name("json")));
        let any = ChatCompletionRequest::builder(Deployment::new("d")).user("fruit");
        assert_fine(any.response_format(ResponseFormat::json_object()));
        assert_fine(ask(Model::GPT_4O_2024_08_06).response_format(ResponseFormat::text()));
    }
}
