//! Names every place of a schema that strict mode refuses.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::SchemaRule as Rule;
use super::nesting::too_deep;
use super::references::{constrains, escape, resolve};
use super::{MAX_PROPERTIES, MAX_WALK, SchemaFinding, is_mixed, is_object};

/// Keywords that check a value once it is there; the model can only be told about them in words.
const CONSTRAINTS: &[&str] = &[
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "multipleOf",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "unevaluatedItems",
    "contains",
    "minContains",
    "maxContains",
    "minItems",
    "maxItems",
    "uniqueItems",
];

/// Keywords that build the schema another way, each with the way that works. The service names
/// `anyOf` as the only combination it knows.
const BUILDERS: &[(&str, &str)] = &[
    ("patternProperties", "name every property, or use a list of key and value objects"),
    ("unevaluatedProperties", "use `additionalProperties: false`"),
    ("prefixItems", "use an object with a property for each place"),
    ("oneOf", "use `anyOf`"),
    ("allOf", "merge its parts into one schema"),
    ("not", "check it in your code"),
    ("if", "use `anyOf` with a branch for each case"),
    ("then", "use `anyOf` with a branch for each case"),
    ("else", "use `anyOf` with a branch for each case"),
    ("dependentRequired", "use `anyOf` with a branch for each case"),
    ("dependentSchemas", "use `anyOf` with a branch for each case"),
];

const TYPES: &[&str] = &["string", "number", "boolean", "integer", "object", "array", "null"];

/// Names every place of a schema that strict mode refuses; an empty list means none is known.
///
/// Findings come in the order of the schema. Nothing is sent, and no schema makes this panic or run
/// without end.
///
/// # Example: a schema checked in a unit test
///
/// ```
/// use azure_openai_chat::request::schema::lint_schema;
/// use serde_json::json;
///
/// let findings = lint_schema(&json!({
///     "type": "object",
///     "properties": {"age": {"type": "integer", "minimum": 0}},
///     "required": ["age"],
///     "additionalProperties": false
/// }));
/// assert_eq!(
///     findings[0].to_string(),
///     "/properties/age/minimum: strict mode does not support `minimum`: \
///      say it in `description`, or check it in your code"
/// );
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs>
#[must_use]
pub fn lint_schema(schema: &Value) -> Vec<SchemaFinding> {
    Lint::new(schema).run()
}

struct Lint<'a> {
    root: &'a Value,
    properties: usize,
    findings: Vec<SchemaFinding>,
}

impl<'a> Lint<'a> {
    fn new(root: &'a Value) -> Self {
        Self { root, properties: 0, findings: Vec::new() }
    }

    fn run(mut self) -> Vec<SchemaFinding> {
        self.root_rule();
        self.schema(self.root, &mut String::new(), 0);
        if self.properties > MAX_PROPERTIES {
            let message = format!(
                "the schema has {} properties and strict mode allows {MAX_PROPERTIES}: leave some out, or split the request",
                self.properties
            );
            self.findings.push(SchemaFinding::new("", Rule::PropertyCount, message));
        }
        self.findings.extend(too_deep(self.root));
        self.findings
    }

    fn found(&mut self, pointer: &str, rule: Rule, message: impl Into<String>) {
        self.findings.push(SchemaFinding::new(pointer, rule, message));
    }

    fn root_rule(&mut self) {
        let mut target = self.root;
        for _ in 0..MAX_WALK {
            match target.get("$ref").and_then(Value::as_str).and_then(|to| resolve(self.root, to)) {
                Some(next) => target = next,
                None => break,
            }
        }
        let message = if !target.is_object() {
            "the schema is not a JSON object: strict mode needs one that describes an object"
        } else if target.get("anyOf").is_some() {
            "the root is `anyOf`: put it into an object with one property"
        } else if target.get("type").and_then(Value::as_str) != Some("object") {
            "the root is not of type `object`: put it into an object with one property"
        } else {
            return;
        };
        self.found("", Rule::RootObject, message);
    }

    fn schema(&mut self, schema: &Value, at: &mut String, depth: usize) {
        let Value::Object(node) = schema else {
            if depth > 0 {
                self.found(at, Rule::Untyped, "the schema does not say what it holds: give it a type");
            }
            return;
        };
        if depth >= MAX_WALK {
            self.found(at, Rule::Nesting, "the schema is too deep to be checked: flatten it");
            return;
        }
        self.keywords(node, at);
        self.types(node, at);
        self.reference(node, at);
        if is_object(node) {
            self.object(node, at);
        }
        self.children(node, at, depth);
    }

    fn keywords(&mut self, node: &Map<String, Value>, at: &str) {
        for key in node.keys() {
            let way_out = if CONSTRAINTS.contains(&key.as_str()) {
                "say it in `description`, or check it in your code"
            } else if let Some((_, way_out)) = BUILDERS.iter().find(|(name, _)| name == key) {
                way_out
            } else {
                continue;
            };
            let message = format!("strict mode does not support `{key}`: {way_out}");
            self.found(&format!("{at}/{key}"), Rule::UnsupportedKeyword, message);
        }
    }

    fn types(&mut self, node: &Map<String, Value>, at: &str) {
        match node.get("type") {
            Some(Value::Array(several)) => {
                for (position, one) in several.iter().enumerate() {
                    self.one_type(one, &format!("{at}/type/{position}"));
                }
            }
            Some(one) => self.one_type(one, &format!("{at}/type")),
            None => {
                let says = ["enum", "const", "anyOf", "oneOf", "allOf", "$ref", "properties"];
                if !at.is_empty() && !says.iter().any(|key| node.contains_key(*key)) {
                    self.found(at, Rule::Untyped, "the schema does not say what it holds: give it a type");
                }
            }
        }
        if node.get("type").is_some_and(|one| one == "array") {
            let typed = ["items", "prefixItems"].iter().any(|key| node.contains_key(*key));
            if !typed {
                self.found(at, Rule::Untyped, "the list does not say what it holds: add `items`");
            }
        }
    }

    fn one_type(&mut self, one: &Value, at: &str) {
        let message = match one.as_str() {
            Some(name) if TYPES.contains(&name) => return,
            Some(name) => format!("strict mode does not know the type `{name}`: use one of {}", TYPES.join(", ")),
            None => format!("a type is a string: use one of {}", TYPES.join(", ")),
        };
        self.found(at, Rule::UnsupportedType, message);
    }

    fn reference(&mut self, node: &Map<String, Value>, at: &str) {
        let Some(reference) = node.get("$ref").and_then(Value::as_str) else {
            return;
        };
        let anchor = reference.starts_with('#') && !reference.starts_with("#/") && reference != "#";
        if !anchor && resolve(self.root, reference).is_none() {
            let message = format!("nothing in the schema is at `{reference}`: add it under `$defs`");
            self.found(&format!("{at}/$ref"), Rule::UnresolvedRef, message);
        }
        if let Some(key) = node.keys().find(|key| constrains(key)) {
            let message = format!("`{key}` stands beside a `$ref`: write the schema out in full");
            self.found(&format!("{at}/{key}"), Rule::UnsupportedKeyword, message);
        }
    }

    fn object(&mut self, node: &Map<String, Value>, at: &str) {
        match node.get("additionalProperties") {
            Some(Value::Bool(false)) => {}
            Some(_) => self.found(
                &format!("{at}/additionalProperties"),
                Rule::AdditionalProperties,
                "keys that the schema does not name are not allowed: name every property, or use a list of key and value objects",
            ),
            None if is_mixed(node) => self.found(
                at,
                Rule::AdditionalProperties,
                "an object that is also a union cannot be closed: move its properties into every branch",
            ),
            None => self.found(
                at,
                Rule::AdditionalProperties,
                "the object is open: add `additionalProperties: false`",
            ),
        }
        let none = Map::new();
        let properties = node.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let required = node.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let names: HashSet<&str> = required.iter().filter_map(Value::as_str).collect();
        self.properties = self.properties.saturating_add(properties.len());
        for (name, property) in properties {
            if names.contains(name.as_str()) {
                continue;
            }
            let way_out = if property.get("default").is_some_and(|default| !default.is_null()) {
                "strict mode has no defaults: make it required, or allow `null` and fill in the default in your code"
            } else {
                "list it there, and allow `null` if it may be missing"
            };
            let message = format!("`{name}` is not in `required`: {way_out}");
            self.found(&format!("{at}/properties/{}", escape(name)), Rule::Required, message);
        }
        for (position, name) in required.iter().enumerate() {
            if !name.as_str().is_some_and(|name| properties.contains_key(name)) {
                self.found(
                    &format!("{at}/required/{position}"),
                    Rule::UnknownRequired,
                    "`required` names a property that does not exist: add it or remove the name",
                );
            }
        }
    }

    fn children(&mut self, node: &Map<String, Value>, at: &mut String, depth: usize) {
        each_child(node, at, |child, at| self.schema(child, at, depth + 1));
        for key in ["$defs", "definitions"] {
            for (name, child) in node.get(key).and_then(Value::as_object).into_iter().flatten() {
                step(at, &[key, &escape(name)], |at| self.schema(child, at, depth + 1));
            }
        }
    }
}

/// Goes to a child in the pointer, and back.
fn step(at: &mut String, path: &[&str], then: impl FnOnce(&mut String)) {
    let length = at.len();
    for part in path {
        at.push('/');
        at.push_str(part);
    }
    then(at);
    at.truncate(length);
}

/// Every schema directly inside a schema, definitions apart.
pub(super) fn each_child(node: &Map<String, Value>, at: &mut String, mut then: impl FnMut(&Value, &mut String)) {
    for (name, child) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        step(at, &["properties", &escape(name)], |at| then(child, at));
    }
    for key in ["items", "anyOf", "oneOf", "allOf", "prefixItems"] {
        match node.get(key) {
            Some(Value::Array(list)) => {
                for (position, child) in list.iter().enumerate() {
                    step(at, &[key, &position.to_string()], |at| then(child, at));
                }
            }
            Some(child) if key == "items" => step(at, &[key], |at| then(child, at)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(properties: Value) -> Value {
        let names: Vec<&String> = properties.as_object().unwrap().keys().collect();
        json!({"type": "object", "required": names, "properties": properties, "additionalProperties": false})
    }

    fn found(schema: &Value) -> Vec<(String, Rule)> {
        let findings = lint_schema(schema);
        findings.iter().map(|one| (one.pointer().to_owned(), one.rule())).collect()
    }

    fn at(pointer: &str, rule: Rule) -> Vec<(String, Rule)> {
        vec![(pointer.to_owned(), rule)]
    }

    #[test]
    fn everything_that_is_supported_makes_no_finding() {
        let schema = json!({
            "type": "object",
            "title": "Order",
            "description": "an order",
            "properties": {
                "text": {"type": "string", "description": "free text"},
                "word": {"type": "string", "enum": ["a", "b"]},
                "one": {"const": "x"},
                "maybe": {"type": ["string", "null"], "default": null},
                "numbers": {"type": "array", "items": {"type": "number"}},
                "either": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/node"}, {"type": "boolean"}]},
                "root": {"$ref": "#"}
            },
            "required": ["text", "word", "one", "maybe", "numbers", "either", "root"],
            "additionalProperties": false,
            "$defs": {"node": object(json!({"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}))}
        });
        assert_eq!(lint_schema(&schema), []);
    }

    #[test]
    fn every_schema_says_what_it_holds() {
        let schema = object(json!({
            "a": true, "b": {}, "c": {"description": "anything"}, "d": {"type": "array"},
            "e": {"type": "array", "items": {}}, "f": {"anyOf": [{"type": "string"}, {}]}
        }));
        let places: Vec<(String, Rule)> = found(&schema);
        let untyped = ["a", "b", "c", "d", "e/items", "f/anyOf/1"];
        assert_eq!(places, untyped.map(|place| (format!("/properties/{place}"), Rule::Untyped)));
    }

    #[test]
    fn a_reference_stands_alone_but_for_words() {
        let with = |beside: Value| {
            let mut property = json!({"$ref": "#/$defs/p"});
            property.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
            let mut schema = object(json!({"a": property}));
            schema["$defs"] = json!({"p": object(json!({}))});
            found(&schema)
        };
        assert_eq!(with(json!({"description": "words"})), []);
        assert_eq!(with(json!({"minProperties": 1})).len(), 2);
        assert_eq!(with(json!({"type": "string"})), at("/properties/a/type", Rule::UnsupportedKeyword));
    }

    #[test]
    fn the_root_is_an_object_and_no_union() {
        let text = |schema: Value| lint_schema(&schema).first().map(ToString::to_string).unwrap_or_default();
        assert_eq!(
            text(json!(true)),
            "root: the schema is not a JSON object: strict mode needs one that describes an object"
        );
        assert_eq!(
            text(json!({"anyOf": [{"type": "string"}]})),
            "root: the root is `anyOf`: put it into an object with one property"
        );
        for schema in [json!({}), json!({"type": "string"}), json!({"type": ["object", "null"]})] {
            assert_eq!(text(schema), "root: the root is not of type `object`: put it into an object with one property");
        }
        let by_reference = json!({"$ref": "#/$defs/a", "$defs": {"a": object(json!({}))}});
        assert_eq!(found(&by_reference), []);
        assert_eq!(found(&json!({"$ref": "#"})), at("", Rule::RootObject));
    }

    #[test]
    fn objects_are_closed() {
        let mut schema = object(json!({"in": {"type": "object"}}));
        assert_eq!(
            lint_schema(&schema)[0].to_string(),
            "/properties/in: the object is open: add `additionalProperties: false`"
        );
        for open in [json!(true), json!({"type": "string"})] {
            schema["properties"]["in"]["additionalProperties"] = open;
            assert_eq!(
                lint_schema(&schema)[0].to_string(),
                "/properties/in/additionalProperties: keys that the schema does not name are not allowed: \
                 name every property, or use a list of key and value objects"
            );
        }
        let mixed = object(json!({"in": {"type": "object", "anyOf": []}}));
        assert_eq!(
            lint_schema(&mixed)[0].message(),
            "an object that is also a union cannot be closed: move its properties into every branch"
        );
    }

    #[test]
    fn properties_and_required_name_the_same() {
        let mut schema = object(json!({"a/b": {"type": "string"}, "n": {"type": "integer", "default": 3}}));
        schema["required"] = json!(["gone", 7]);
        let texts: Vec<String> = lint_schema(&schema).iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "/properties/a~1b: `a/b` is not in `required`: list it there, and allow `null` if it may be missing",
                "/properties/n: `n` is not in `required`: strict mode has no defaults: make it required, \
                 or allow `null` and fill in the default in your code",
                "/required/0: `required` names a property that does not exist: add it or remove the name",
                "/required/1: `required` names a property that does not exist: add it or remove the name",
            ]
        );
    }

    #[test]
    fn a_hundred_properties_are_allowed_in_all_objects_together() {
        let wide = |count: usize| {
            let inner: Map<String, Value> = (1..count).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect();
            object(json!({"in": object(inner.into())}))
        };
        assert_eq!(lint_schema(&wide(100)), []);
        assert_eq!(
            lint_schema(&wide(101))[0].to_string(),
            "root: the schema has 101 properties and strict mode allows 100: leave some out, or split the request"
        );
    }

    #[test]
    fn every_refused_keyword_is_named_with_a_way_out() {
        for key in CONSTRAINTS.iter().chain(BUILDERS.iter().map(|(key, _)| key)) {
            let mut property = json!({"type": "string"});
            property[*key] = json!([]);
            let findings = lint_schema(&object(json!({"a": property})));
            assert_eq!(findings.len(), 1, "{key}");
            assert_eq!(findings[0].pointer(), format!("/properties/a/{key}"));
            assert_eq!(findings[0].rule(), Rule::UnsupportedKeyword);
            assert!(findings[0].message().starts_with(&format!("strict mode does not support `{key}`: ")));
        }
    }

    #[test]
    fn names_and_values_are_no_keywords() {
        let names = ["pattern", "oneOf", "$ref", "properties", "type", "required", "$defs"];
        let properties: Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
        assert_eq!(lint_schema(&object(properties.into())), []);
        let value =
            json!({"type": "string", "enum": ["a"], "default": {"pattern": "a"}, "examples": [{"$ref": "#/no"}]});
        assert_eq!(lint_schema(&object(json!({"a": value}))), []);
    }

    #[test]
    fn unknown_types_are_named() {
        let schema = object(json!({"a": {"type": "date"}, "b": {"type": ["string", "void"]}, "c": {"type": 3}}));
        let texts: Vec<String> = lint_schema(&schema).iter().map(ToString::to_string).collect();
        let list = "string, number, boolean, integer, object, array, null";
        assert_eq!(
            texts,
            [
                format!("/properties/a/type: strict mode does not know the type `date`: use one of {list}"),
                format!("/properties/b/type/1: strict mode does not know the type `void`: use one of {list}"),
                format!("/properties/c/type: a type is a string: use one of {list}"),
            ]
        );
    }

    #[test]
    fn a_reference_to_nothing_is_named() {
        let schema =
            object(json!({"a": {"$ref": "#/$defs/no"}, "b": {"$ref": "other.json"}, "c": {"$ref": "#anchor"}}));
        let texts: Vec<String> = lint_schema(&schema).iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "/properties/a/$ref: nothing in the schema is at `#/$defs/no`: add it under `$defs`",
                "/properties/b/$ref: nothing in the schema is at `other.json`: add it under `$defs`",
            ]
        );
    }

    #[test]
    fn hostile_schemas_end() {
        let deep = (0..500).fold(json!({"type": "string"}), |inner, _| json!({"type": "array", "items": inner}));
        assert!(found(&deep).iter().any(|(_, rule)| *rule == Rule::Nesting));

        let doubling: Map<String, Value> = (0..200)
            .map(|n| {
                let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
                (format!("d{n}"), json!({"anyOf": [next, next, next]}))
            })
            .collect();
        let mut schema = object(json!({"a": {"$ref": "#/$defs/d0"}}));
        schema["$defs"] = doubling.into();
        assert_eq!(found(&schema).len(), 3);

        let circle = json!({"type": "object", "$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}});
        assert_eq!(found(&circle)[0].1, Rule::RootObject);
    }
}
