//! A tool call in an answer, [`ToolCall`], with its arguments.

use std::fmt;
use std::ops::Deref;

use serde::de::MapAccess;
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::wire::{
    Field, FieldVisitor, FromWire, Hidden, Path, deserialize_wire, open_enum, text_converts, wire_struct,
};

open_enum! {
    /// The type of a tool that is called.
    pub enum ToolCallType {
        /// A function with JSON arguments.
        Function = "function",
        /// A custom tool with free text as input.
        Custom = "custom",
    }
}

wire_struct! {
    /// A call of a tool.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling>
    #[doc(alias = "ChatCompletionMessageToolCall")]
    pub struct ToolCall {
        pub(crate) id: String = "id",
        pub(crate) kind: ToolCallType = "type",
        pub(crate) function: FunctionCall = "function",
        pub(crate) custom: CustomToolCall = "custom",
    }

    /// A function and its arguments, as the model wrote them.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling>
    pub struct FunctionCall {
        pub(crate) name: String = "name",
        pub(crate) arguments: ToolArguments = "arguments",
    }
}

/// The arguments of a function as JSON text. It dereferences to the text.
///
/// Some gateways send the JSON object itself where the service sends a string. It is read as its text, and written as an
/// object again, except in the next request, which takes a string only.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct ToolArguments {
    text: String,
    /// The object that came instead of a string.
    object: Option<Box<Map<String, Value>>>,
}

impl ToolArguments {
    /// Whether a JSON object came instead of a string.
    pub(crate) fn is_object(&self) -> bool {
        self.object.is_some()
    }

    /// The same as a string, for a request.
    pub(crate) fn into_string(self) -> Self {
        Self { object: None, ..self }
    }

    /// The text, to be taken or appended to.
    pub(crate) fn text_mut(&mut self) -> &mut String {
        self.object = None;
        &mut self.text
    }

    /// Adds a piece of text from a delta.
    #[inline]
    pub(crate) fn push_str(&mut self, more: &str) {
        self.text_mut().push_str(more);
    }

    /// Adds the arguments of a delta. An object is whole: it replaces `{}`, and an equal one adds nothing.
    pub(crate) fn append(&mut self, newer: &Self) {
        if newer.is_object() && (self.text == "{}" || self.text == newer.text) {
            self.text.clear();
        }
        if !(newer.is_object() && newer.text == "{}" && !self.text.is_empty()) {
            self.push_str(&newer.text);
        }
    }
}

impl Deref for ToolArguments {
    type Target = str;
    fn deref(&self) -> &str {
        &self.text
    }
}

text_converts!(ToolArguments, |text| Self { text, object: None });

impl fmt::Debug for ToolArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hidden.fmt(f)
    }
}

impl FromWire for ToolArguments {
    const EXPECTED: &'static str = "a string";

    fn visit<'a>(&'a self, path: &Path<'_>, visitor: &mut dyn FieldVisitor<'a>) {
        visitor.text(path, &self.text);
    }
    fn from_str(text: &str) -> Option<Self> {
        Some(text.into())
    }
    fn from_string(text: String) -> Result<Self, String> {
        Ok(text.into())
    }
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Field<Self>, A::Error> {
        Ok(match Value::from_map(map)? {
            Field::Typed(Value::Object(object)) => {
                let text = Value::Object(object.clone()).to_string();
                Field::Typed(Self { text, object: Some(Box::new(object)) })
            }
            Field::Typed(other) | Field::Mistyped(other) => Field::Mistyped(other),
            Field::Null => Field::Null,
        })
    }
}

deserialize_wire!(ToolArguments);

impl Serialize for ToolArguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.object {
            Some(object) => object.serialize(serializer),
            None => serializer.serialize_str(&self.text),
        }
    }
}

wire_struct! {
    /// A custom tool and its input, as the model wrote it.
    pub(crate) struct CustomToolCall {
        pub(crate) name: String = "name",
        pub(crate) input: String = hidden "input",
    }
}

impl FunctionCall {
    /// The name of the function; empty when the service left it out.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// The arguments as JSON text; empty when the service left them out. The model can write text that is not JSON.
    #[must_use]
    pub fn input(&self) -> &str {
        self.arguments.as_deref().unwrap_or_default()
    }

    /// The function as the next request takes it: with `arguments` that are a string.
    pub(crate) fn into_history(mut self) -> Self {
        self.arguments = self.arguments.map(ToolArguments::into_string);
        self
    }
}

impl ToolCall {
    /// A call of a function, for a conversation that came from elsewhere. `arguments` is JSON text.
    #[must_use]
    pub fn function(id: impl Into<String>, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        let function =
            FunctionCall { name: Some(name.into()), arguments: Some(arguments.into().into()), ..FunctionCall::EMPTY };
        Self { id: Some(id.into()), kind: Some(ToolCallType::Function), function: Some(function), ..Self::EMPTY }
    }

    /// A call of a custom tool, for a conversation that came from elsewhere.
    #[must_use]
    pub fn custom(id: impl Into<String>, name: impl Into<String>, input: impl Into<String>) -> Self {
        let custom = CustomToolCall { name: Some(name.into()), input: Some(input.into()), ..CustomToolCall::EMPTY };
        Self { id: Some(id.into()), kind: Some(ToolCallType::Custom), custom: Some(custom), ..Self::EMPTY }
    }

    /// The call as the next request takes it: with its `type`, which some gateways leave out, and with `arguments` that
    /// are a string.
    pub(crate) fn into_history(mut self) -> Self {
        self.set_type();
        self.function = self.function.map(FunctionCall::into_history);
        self
    }

    /// Sets `type` when it is missing or empty.
    pub(crate) fn set_type(&mut self) {
        if self.kind.as_ref().is_none_or(|kind| kind.as_str().is_empty()) {
            if self.function.is_some() {
                self.kind = Some(ToolCallType::Function);
            } else if self.custom.is_some() {
                self.kind = Some(ToolCallType::Custom);
            }
        }
    }

    /// The id, which the message with the result must have as `tool_call_id`; empty when the service left it out.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// The type of the tool. `None` from gateways that leave it out.
    #[must_use]
    pub fn kind(&self) -> Option<&ToolCallType> {
        self.kind.as_ref()
    }

    /// The name of the function or custom tool; empty when the service left it out.
    #[must_use]
    pub fn name(&self) -> &str {
        let function = self.function.as_ref().and_then(|function| function.name.as_deref());
        function.or_else(|| self.custom.as_ref()?.name.as_deref()).unwrap_or_default()
    }

    /// The input of the tool: a function's arguments as JSON text, or a custom tool's input. Empty without either.
    #[must_use]
    pub fn input(&self) -> &str {
        let function = self.function.as_ref().and_then(|function| function.arguments.as_deref());
        function.or_else(|| self.custom.as_ref()?.input.as_deref()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_that_are_an_object_are_read_as_their_text() {
        let value = json!({"id": "c1", "function": {"name": "f", "arguments": {"city": "Oslo", "days": [1, 2]}}});
        let call: ToolCall = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(call.input(), r#"{"city":"Oslo","days":[1,2]}"#);
        assert_eq!(call.arguments::<Value>().unwrap()["days"], json!([1, 2]));
        assert_eq!(serde_json::to_value(&call).unwrap(), value);
        assert!(!format!("{call:?}").contains("Oslo"));
        assert_eq!(
            serde_json::to_value(call.into_history()).unwrap(),
            json!({"id": "c1", "type": "function",
                "function": {"name": "f", "arguments": r#"{"city":"Oslo","days":[1,2]}"#}})
        );
    }

    #[test]
    fn objects_in_deltas_are_whole() {
        let read = |value: &Value| serde_json::from_value::<ToolArguments>(value.clone()).unwrap();
        for (pieces, expected) in [
            (vec![json!(""), json!({"a": 1})], r#"{"a":1}"#),
            (vec![json!({}), json!({"a": 1}), json!({"a": 1}), json!({}), json!("")], r#"{"a":1}"#),
            (vec![json!("{\"a\""), json!(":1}")], r#"{"a":1}"#),
        ] {
            let mut whole = ToolArguments::default();
            for piece in &pieces {
                whole.append(&read(piece));
            }
            assert_eq!(&*whole, expected);
        }
    }

    #[test]
    fn a_call_without_type_goes_back_with_one() {
        for (call, kind) in [
            (json!({"function": {"name": "f"}}), json!("function")),
            (json!({"type": "", "function": {"name": "f"}}), json!("function")),
            (json!({"type": null, "custom": {"name": "c"}}), json!("custom")),
            (json!({"type": "other", "function": {}}), json!("other")),
        ] {
            let read: ToolCall = serde_json::from_value(call.clone()).unwrap();
            assert_eq!(serde_json::to_value(read.into_history()).unwrap()["type"], kind, "{call}");
        }
    }
}
