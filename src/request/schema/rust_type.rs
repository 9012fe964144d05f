//! Schemas from Rust types.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::SchemaFinding;
use super::strict::{Source, rewrite};

/// How long the name of a schema or of a function may be.
const MAX_NAME: usize = 64;

/// The schema of a Rust type, made valid for strict mode, and what could not be made so.
///
/// As [`make_strict`](super::make_strict), with what is known of Rust types: `Option<T>` may be `null`,
/// and a field with `#[serde(default)]` becomes required, without its default. Strict mode has no
/// defaults, and nothing is lost: the type has the field either way, and the model now always writes it;
/// the default still counts where the type reads other JSON. Formats of numbers, and formats of texts that strict
/// mode does not support, are left out, since decoding checks both. The type's name is left out of the schema;
/// [`schema_name`] has it.
///
/// Ranges, lengths and patterns stay, those of `#[schemars(range(..), length(..), regex(..))]` and those that a type
/// such as `u8` implies: newer models keep to them, so that an answer always reads into the type. For older and
/// fine-tuned models, which refused such keywords, the findings name each as [advice](SchemaFinding::is_advice); a
/// field of type `i64`, `f64` or `String` has none.
///
/// # Example: a struct that the model fills in
///
/// ```
/// # use schemars::JsonSchema;
/// use azure_openai_chat::request::schema::{schema_for, schema_name};
/// use serde_json::json;
///
/// #[derive(serde::Deserialize, JsonSchema)]
/// struct Event {
///     name: String,
///     guests: Option<u32>,
/// }
///
/// let (schema, findings) = schema_for::<Event>();
/// assert!(findings.iter().all(|finding| finding.is_advice()));
/// assert_eq!(schema_name::<Event>(), "Event");
/// assert_eq!(schema, json!({
///     "type": "object",
///     "properties": {"name": {"type": "string"}, "guests": {"type": ["integer", "null"], "minimum": 0}},
///     "required": ["name", "guests"],
///     "additionalProperties": false
/// }));
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs>
#[must_use]
pub fn schema_for<T: JsonSchema>() -> (Value, Vec<SchemaFinding>) {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    rewrite(schema.to_value(), Source::RustType)
}

/// The name of a Rust type, as the service allows names: at most 64 of `A-Z a-z 0-9 _ -`.
///
/// Every other character becomes `_`.
#[must_use]
pub fn schema_name<T: JsonSchema>() -> String {
    allowed_name(&T::schema_name())
}

fn allowed_name(name: &str) -> String {
    let allowed = |one: char| {
        if one.is_ascii_alphanumeric() || one == '-' { one } else { '_' }
    };
    let name: String = name.chars().map(allowed).take(MAX_NAME).collect();
    if name.is_empty() { "schema".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    #![allow(dead_code, reason = "the types are only described, never made")]

    use super::*;
    use crate::request::schema::SchemaRule;
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;
    use std::collections::HashMap;

    fn strict<T: JsonSchema>() -> Value {
        let (schema, findings) = schema_for::<T>();
        assert!(findings.iter().all(SchemaFinding::is_advice), "{findings:?} {schema:#}");
        schema
    }

    /// Where the service refuses the schema of a type.
    fn places<T: JsonSchema>() -> Vec<(String, SchemaRule)> {
        let findings = schema_for::<T>().1;
        let refused = findings.iter().filter(|one| !one.is_advice());
        refused.map(|one| (one.pointer().to_owned(), one.rule())).collect()
    }

    /// How urgent it is.
    #[derive(Deserialize, JsonSchema)]
    enum Urgency {
        Low,
        /// Wakes somebody up.
        High,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "kind")]
    enum Step {
        Wait { seconds: u64 },
        Call(Contact),
        Stop,
    }

    #[derive(Deserialize, JsonSchema)]
    enum Amount {
        Exact(i8),
        Between { low: f32, high: f64 },
        Unknown,
    }

    #[derive(Deserialize, JsonSchema)]
    struct Contact {
        name: String,
        /// Where to reach them.
        phone: Option<String>,
    }

    #[derive(Deserialize, JsonSchema)]
    struct Ticket {
        /// In one line.
        title: String,
        urgency: Urgency,
        steps: Vec<Step>,
        amount: Amount,
        /// Who reported it.
        reporter: Contact,
        deputy: Option<Contact>,
        fallback: Option<Urgency>,
        children: Vec<Self>,
    }

    #[test]
    fn a_type_of_many_shapes_becomes_strict() {
        let schema = strict::<Ticket>();
        assert_eq!(schema.get("title"), None);
        assert_eq!(schema.get("$schema"), None);
        assert_eq!(schema["properties"]["reporter"]["description"], json!("Who reported it."));
        assert_eq!(schema["properties"]["children"]["items"], json!({"$ref": "#"}));
        assert_eq!(
            schema["$defs"]["Urgency"],
            json!({"description": "How urgent it is.", "anyOf": [
                {"type": "string", "enum": ["Low"]},
                {"type": "string", "enum": ["High"], "description": "Wakes somebody up."}
            ]})
        );
        assert_eq!(
            schema["$defs"]["Step"]["anyOf"][1],
            json!({
                "type": "object",
                "properties": {
                    "kind": {"type": "string", "enum": ["Call"]},
                    "name": {"type": "string"},
                    "phone": {"type": ["string", "null"], "description": "Where to reach them."}
                },
                "required": ["name", "kind", "phone"],
                "additionalProperties": false
            })
        );
        assert_eq!(
            schema["$defs"]["Amount"]["anyOf"],
            json!([
                {"type": "string", "enum": ["Unknown"]},
                {
                    "type": "object",
                    "properties": {"Exact": {"type": "integer", "minimum": -128, "maximum": 127}},
                    "required": ["Exact"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "properties": {"Between": {
                        "type": "object",
                        "properties": {"high": {"type": "number"}, "low": {"type": "number"}},
                        "required": ["low", "high"],
                        "additionalProperties": false
                    }},
                    "required": ["Between"],
                    "additionalProperties": false
                }
            ])
        );
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "t", content = "c")]
    enum Adjacent {
        Text(String),
        Nothing,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(untagged)]
    enum Untagged {
        Number(i64),
        Contact(Contact),
    }

    #[derive(Deserialize, JsonSchema)]
    struct Flat {
        #[serde(flatten)]
        contact: Contact,
        adjacent: Adjacent,
        untagged: Option<Untagged>,
        parent: Option<Box<Self>>,
        flags: [bool; 2],
    }

    #[test]
    fn other_ways_to_write_an_enum_or_a_struct_become_strict() {
        let (schema, findings) = schema_for::<Flat>();
        let texts: Vec<&str> = findings.iter().map(SchemaFinding::pointer).collect();
        assert_eq!(texts, ["/properties/flags/maxItems", "/properties/flags/minItems"]);
        assert!(findings.iter().all(SchemaFinding::is_advice));
        assert_eq!(schema["properties"]["name"], json!({"type": "string"}));
        assert_eq!(schema["properties"]["parent"], json!({"anyOf": [{"$ref": "#"}, {"type": "null"}]}));
        assert_eq!(schema["$defs"]["Adjacent"]["anyOf"].as_array().unwrap().len(), 2);
        assert_eq!(schema["$defs"]["Untagged"]["anyOf"].as_array().unwrap().len(), 2);
    }

    #[derive(Deserialize, Default)]
    struct Unwritable(u8);

    impl JsonSchema for Unwritable {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "Unwritable".into()
        }
        fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
            schemars::json_schema!({"type": "integer"})
        }
    }

    #[derive(Deserialize, JsonSchema)]
    struct Loose {
        #[serde(default)]
        count: u32,
        #[serde(default)]
        unwritable: Unwritable,
        #[serde(default)]
        maybe: Option<String>,
        map: HashMap<String, u8>,
        pair: (u8, String),
        anything: Value,
    }

    #[test]
    fn what_cannot_be_strict_is_named() {
        let at = |pointer: &str, rule| (pointer.to_owned(), rule);
        assert_eq!(
            places::<Loose>(),
            [
                at("/properties/anything", SchemaRule::Untyped),
                at("/properties/map/additionalProperties", SchemaRule::AdditionalProperties),
                at("/properties/pair/prefixItems", SchemaRule::UnsupportedKeyword),
            ]
        );
    }

    #[derive(Deserialize, JsonSchema)]
    struct Rating {
        #[schemars(range(min = 1, max = 9))]
        stars: u8,
        share: f32,
        #[schemars(range(min = 0.5))]
        weight: f64,
        #[schemars(length(min = 2, max = 3), regex(pattern = r"^[a-z]+$"))]
        country: String,
        #[schemars(length(min = 1, max = 4))]
        tags: Vec<String>,
        #[schemars(email)]
        by: String,
        #[schemars(url)]
        page: Option<String>,
        #[schemars(length(equal = 2))]
        pair: Option<Vec<u64>>,
    }

    #[test]
    fn what_newer_models_honour_stays_in_the_schema_of_a_type() {
        let schema = strict::<Rating>();
        let field = |name: &str| schema["properties"][name].clone();
        assert_eq!(field("stars"), json!({"type": "integer", "minimum": 1, "maximum": 9}));
        assert_eq!(field("share"), json!({"type": "number"}));
        assert_eq!(field("weight"), json!({"type": "number", "minimum": 0.5}));
        assert_eq!(field("country"), json!({"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^[a-z]+$"}));
        assert_eq!(field("tags"), json!({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 4}));
        assert_eq!(field("by"), json!({"type": "string", "format": "email"}));
        // `uri` is no format of strict mode
        assert_eq!(field("page"), json!({"type": ["string", "null"]}));
        assert_eq!(
            field("pair"),
            json!({
                "type": ["array", "null"], "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2
            })
        );
    }

    /// Every shape of type that the schema of a request is made from is taken as it is.
    #[test]
    fn the_schema_of_a_type_goes_through_the_rewrite_unchanged() {
        for schema in [strict::<Ticket>(), strict::<Flat>(), strict::<Settings>(), strict::<Rating>()] {
            let (again, findings) = rewrite(schema.clone(), Source::Json);
            assert_eq!(again, schema);
            assert!(findings.iter().all(SchemaFinding::is_advice), "{findings:?}");
        }
    }

    #[derive(Deserialize, JsonSchema)]
    struct Settings {
        name: String,
        #[serde(default)]
        retries: u32,
        #[serde(default = "three")]
        level: Option<u8>,
        #[serde(default)]
        unwritable: Unwritable,
        #[serde(default)]
        limits: Limits,
        #[serde(default)]
        tags: Vec<String>,
    }

    #[derive(Deserialize, JsonSchema, serde::Serialize)]
    #[serde(default)]
    struct Limits {
        low: i64,
        high: i64,
    }

    impl Default for Limits {
        fn default() -> Self {
            Self { low: 1, high: 9 }
        }
    }

    fn three() -> Option<u8> {
        Some(3)
    }

    #[test]
    fn fields_with_a_default_become_required_without_it() {
        let schema = strict::<Settings>();
        assert!(!schema.to_string().contains("default"), "{schema:#}");
        let mut required: Vec<&str> =
            schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        required.sort_unstable();
        assert_eq!(required, ["level", "limits", "name", "retries", "tags", "unwritable"]);
        assert_eq!(schema["properties"]["retries"], json!({"type": "integer", "minimum": 0}));
        assert_eq!(schema["properties"]["level"], json!({"type": ["integer", "null"], "minimum": 0, "maximum": 255}));
        assert_eq!(schema["$defs"]["Limits"]["required"], json!(["high", "low"]));
    }

    #[test]
    fn a_root_that_is_no_object_is_named() {
        assert_eq!(places::<Vec<String>>(), [(String::new(), SchemaRule::RootObject)]);
        assert_eq!(places::<Urgency>(), [(String::new(), SchemaRule::RootObject)]);
    }

    #[test]
    fn names_keep_to_what_the_service_allows() {
        assert_eq!(schema_name::<Contact>(), "Contact");
        assert_eq!(schema_name::<Option<Contact>>(), "Nullable_Contact");
        assert_eq!(allowed_name("a::b<\u{e9}>"), "a__b___");
        assert_eq!(allowed_name(&"x".repeat(80)).len(), 64);
        assert_eq!(allowed_name(""), "schema");
    }
}
