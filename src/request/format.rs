//! The shape the answer must have, and the answer that is expected.

use serde::de::{MapAccess, SeqAccess};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use super::message::{ContentPart, MessageContent};
use super::tool::ToolName;
use crate::wire::{Field, FromWire, List, deserialize_wire, open_enum, wire_struct};

open_enum! {
    /// What the answer is.
    pub enum ResponseFormatType {
        /// Text.
        Text = "text",
        /// Some JSON object; the messages must mention JSON.
        JsonObject = "json_object",
        /// JSON that follows a schema.
        JsonSchema = "json_schema",
    }
}

wire_struct! {
    /// The shape the answer must have.
    ///
    /// # Example: an answer that follows a schema
    ///
    /// ```
    /// use azure_openai_chat::ResponseFormat;
    /// use serde_json::json;
    ///
    /// let format = ResponseFormat::json_schema(
    ///     "event",
    ///     json!({
    ///         "type": "object",
    ///         "properties": {"name": {"type": "string"}},
    ///         "required": ["name"],
    ///         "additionalProperties": false,
    ///     }),
    /// )
    /// .strict(true);
    /// # let _ = format;
    /// ```
    ///
    /// The order in which the model writes members is the order of the schema's properties. A
    /// `serde_json::Value` sorts them by name unless the `preserve_order` feature of `serde_json` is on.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs>
    pub struct ResponseFormat {
        pub(crate) kind: ResponseFormatType = "type",
        pub(crate) json_schema: JsonSchemaFormat = "json_schema",
    }
}

wire_struct! {
    pub(crate) struct JsonSchemaFormat {
        pub(crate) name: String = "name",
        pub(crate) description: String = hidden "description",
        pub(crate) schema: Value = hidden "schema",
        pub(crate) strict: bool = "strict",
    }
}

impl ResponseFormat {
    /// Text.
    #[must_use]
    pub fn text() -> Self {
        Self { kind: Some(ResponseFormatType::Text), ..Self::EMPTY }
    }

    /// Some JSON object. The service wants the word JSON in a message.
    #[must_use]
    pub fn json_object() -> Self {
        Self { kind: Some(ResponseFormatType::JsonObject), ..Self::EMPTY }
    }

    /// JSON that follows a schema; the name is up to 64 letters, digits, `_` and `-`.
    #[must_use]
    pub fn json_schema(name: impl Into<String>, schema: impl Into<Value>) -> Self {
        let schema =
            JsonSchemaFormat { name: Some(name.into()), schema: Some(schema.into()), ..JsonSchemaFormat::EMPTY };
        Self { kind: Some(ResponseFormatType::JsonSchema), json_schema: Some(schema), ..Self::EMPTY }
    }

    /// JSON that reads into `T`, in strict mode.
    ///
    /// The schema is made valid for strict mode where that loses nothing: `Option<T>` may be
    /// `null`, and fields with `#[serde(default)]` are always written by the model. What cannot be made so,
    /// such as a map or a `serde_json::Value`, is reported when the request is built; `lint_schema` tells the same in a test.
    #[cfg(feature = "schemars")]
    #[must_use]
    pub fn json_schema_for<T: schemars::JsonSchema>() -> Self {
        let (schema, _) = super::schema::schema_for::<T>();
        Self::json_schema(super::schema::schema_name::<T>(), schema).strict(true)
    }

    /// What the schema describes, for the model.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        if let Some(schema) = &mut self.json_schema {
            schema.description = Some(description.into());
        }
        self
    }

    /// Whether the answer must follow the schema to the letter; when unset, the service takes `false`.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        if let Some(schema) = &mut self.json_schema {
            schema.strict = Some(strict);
        }
        self
    }
}

wire_struct! {
    /// The answer that is expected, mostly. What matches comes faster; what does not is billed all the same.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/predicted-outputs>
    pub struct Prediction {
        pub(crate) kind: String = "type",
        pub(crate) content: MessageContent = "content",
    }
}

impl Prediction {
    /// An expected answer in text parts.
    #[must_use]
    pub fn parts(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::of(MessageContent::parts(texts.into_iter().map(ContentPart::text)))
    }

    fn of(content: MessageContent) -> Self {
        Self { kind: Some("content".to_owned()), content: Some(content), ..Self::EMPTY }
    }
}

impl From<&str> for Prediction {
    fn from(text: &str) -> Self {
        Self::of(text.into())
    }
}

impl From<String> for Prediction {
    fn from(text: String) -> Self {
        Self::of(text.into())
    }
}

impl From<&String> for Prediction {
    fn from(text: &String) -> Self {
        Self::of(text.into())
    }
}

/// Where the answer ends: one sequence or up to four.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// One sequence.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Stop {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(list) => list.len(),
        }
    }
}

impl From<&str> for Stop {
    fn from(text: &str) -> Self {
        Self::One(text.to_owned())
    }
}

impl From<String> for Stop {
    fn from(text: String) -> Self {
        Self::One(text)
    }
}

impl<T: Into<String>> From<Vec<T>> for Stop {
    fn from(list: Vec<T>) -> Self {
        Self::Many(list.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for Stop {
    fn from(list: [T; N]) -> Self {
        Self::Many(list.into_iter().map(Into::into).collect())
    }
}

impl FromWire for Stop {
    fn from_str(text: &str) -> Option<Self> {
        Some(text.into())
    }
    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Field<Self>, A::Error> {
        List::from_seq(seq).map(|field| field.map(|List(list)| Self::Many(list)))
    }
}

deserialize_wire!(Stop, "a string or a list of strings");

impl Serialize for Stop {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(text) => serializer.serialize_str(text),
            Self::Many(list) => list.serialize(serializer),
        }
    }
}

/// A function choice of the old way: a word or a name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FunctionChoice {
    Word(String),
    Named(ToolName),
}

impl FromWire for FunctionChoice {
    fn from_str(word: &str) -> Option<Self> {
        Some(Self::Word(word.to_owned()))
    }
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Field<Self>, A::Error> {
        ToolName::read_map(map).map(|name| Field::Typed(Self::Named(name)))
    }
}

impl Serialize for FunctionChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Word(word) => serializer.serialize_str(word),
            Self::Named(name) => name.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_prediction_is_text_or_parts() {
        assert_eq!(serde_json::to_value(Prediction::from("x")).unwrap(), json!({"type": "content", "content": "x"}));
        assert_eq!(
            serde_json::to_value(Prediction::parts(["x"])).unwrap(),
            json!({"type": "content", "content": [{"type": "text", "text": "x"}]})
        );
    }

    #[test]
    fn stop_keeps_its_shape() {
        for wire in [json!("a"), json!(["a", "b"]), json!([])] {
            let stop: Stop = serde_json::from_value(wire.clone()).unwrap();
            assert_eq!(serde_json::to_value(&stop).unwrap(), wire);
        }
        assert!(serde_json::from_value::<Stop>(json!(["a", 1])).is_err());
    }
}
