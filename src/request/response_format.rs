//! The format of the answer: text, a JSON object, or JSON by a schema.

use serde_json::Value;

use crate::wire::{getters, open_enum, wire_struct};

open_enum! {
    /// The kind of a response format.
    pub enum ResponseFormatType {
        /// Text.
        Text = "text",
        /// A JSON object; a message must contain the word JSON.
        JsonObject = "json_object",
        /// JSON that follows a schema.
        JsonSchema = "json_schema",
    }
}

wire_struct! {
    /// The format of the answer.
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
        /// The wire's `type`.
        kind: ResponseFormatType = "type",
        json_schema: JsonSchemaFormat = private "json_schema",
    }

    /// The schema of an answer, its name and how strictly it holds.
    #[doc(alias = "ResponseFormatJsonSchema")]
    pub struct JsonSchemaFormat {
        /// The name.
        name: String = "name",
        /// The description, which the model reads.
        description: String = hidden "description",
        /// The JSON schema.
        schema: Value = hidden "schema",
        /// Whether the answer must follow the schema exactly.
        strict: bool = "strict",
    }
}

impl ResponseFormat {
    /// Text.
    #[must_use]
    pub fn text() -> Self {
        Self { kind: Some(ResponseFormatType::Text), ..Self::EMPTY }
    }

    /// A JSON object. The service requires the word JSON in a message.
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
    /// such as a map or a `serde_json::Value`, is reported when the request is built; `lint_schema` reports the same in a test.
    #[cfg(feature = "schemars")]
    #[must_use]
    pub fn json_schema_for<T: schemars::JsonSchema>() -> Self {
        let (schema, _) = super::schema::schema_for::<T>();
        Self::json_schema(super::schema::schema_name::<T>(), schema).strict(true)
    }

    /// Sets the description of the schema, which the model reads; no effect on other formats.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        if let Some(schema) = &mut self.json_schema {
            schema.description = Some(description.into());
        }
        self
    }

    /// Sets whether the answer must follow the schema exactly. When unset, `false`; no effect on other formats.
    /// Refused by models without structured outputs.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        if let Some(schema) = &mut self.json_schema {
            schema.strict = Some(strict);
        }
        self
    }
}

getters! { format: ResponseFormat => format;
    /// The schema of a format of that kind.
    as_json_schema = json_schema: JsonSchemaFormat;
}
