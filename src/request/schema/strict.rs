//! The rewrite of a schema for strict mode, in one pass, where that loses nothing.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::lint::{is_supported_format, lint_schema};
use super::references::{escape, pointer_of, resolve};
use super::{MAX_WALK, SchemaFinding, is_mixed, is_object};

type Node = Map<String, Value>;

/// How much may be written out in place of references, in JSON values.
const MAX_WRITTEN_OUT: usize = 20_000;

/// Keywords that describe and do not check.
const ANNOTATIONS: &[&str] = &["description", "title", "default", "examples", "$comment", "deprecated"];

/// Members of the root that hold schemas to refer to.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];

/// Makes a schema valid for strict mode, and names what cannot be made so.
///
/// One pass over the schema rewrites:
///
/// - an object that is silent about other keys is closed, and all its properties become required;
///   one that was optional may be `null` instead, which serde reads as `None`. A property with a
///   default is left as it is and reported: `null` is not its default.
/// - `oneOf` becomes `anyOf`, the only union that strict mode has: a value that fits two branches, which `oneOf`
///   excludes, is allowed from then on. `const` becomes `enum`, and an `allOf` of one part becomes that part.
/// - a `$ref` stands alone: with a description beside it, it becomes the only branch of an `anyOf`; with properties
///   beside it, what it points to is written out.
/// - `$schema`, the formats of numbers such as `uint32`, and definitions that nothing uses are left out.
///
/// What is none of these stays and is reported: maps with free keys, tuples, schemas without a type. Ranges, lengths,
/// patterns and formats of strings stay too, since newer models honour them; for them the report is
/// [advice](SchemaFinding::is_advice). The findings are about the schema that is returned. Making a schema strict
/// twice is the same as once. A schema without an end, that adds properties to a reference to itself, or one of more
/// than 128 levels of JSON, is returned as it is. The time is linear in the size of the schema and of what is written out.
///
/// # Example: an optional property
///
/// ```
/// use azure_openai_chat::request::schema::make_strict;
/// use serde_json::json;
///
/// let (schema, findings) = make_strict(json!({
///     "type": "object",
///     "properties": {"name": {"type": "string"}, "nick": {"type": "string"}},
///     "required": ["name"]
/// }));
/// assert!(findings.is_empty());
/// assert_eq!(schema, json!({
///     "type": "object",
///     "properties": {"name": {"type": "string"}, "nick": {"type": ["string", "null"]}},
///     "required": ["name", "nick"],
///     "additionalProperties": false
/// }));
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs>
#[must_use]
pub fn make_strict(schema: Value) -> (Value, Vec<SchemaFinding>) {
    rewrite(schema, Source::Json)
}

/// Where a schema comes from, which decides what becomes of a property that is not required.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// It may be `null`. One that has a default is reported instead.
    Json,
    /// It must be there, and its default is left out: it is a field with `#[serde(default)]` or an `Option`, and an
    /// answer that has it reads into the same type. A format that strict mode does not support is left out too:
    /// decoding checks the text again.
    #[cfg(feature = "schemars")]
    RustType,
}

pub(super) fn rewrite(schema: Value, source: Source) -> (Value, Vec<SchemaFinding>) {
    let schema = rewritten(&schema, source).unwrap_or(schema);
    let findings = lint_schema(&schema);
    (schema, findings)
}

/// The schema after the pass; `None` if it is too deep, or if writing it out does not come to an end.
fn rewritten(schema: &Value, source: Source) -> Option<Value> {
    if is_deeper_than(schema, MAX_WALK) {
        return None;
    }
    let mut pass = Pass { root: schema, source, left: MAX_WRITTEN_OUT };
    let mut root = schema.clone();
    let mut definitions = Vec::new();
    if let Value::Object(node) = &mut root {
        node.remove("$schema");
        // Apart from the root, which is rewritten as if it had none.
        definitions.extend(DEFINITIONS.into_iter().filter_map(|key| node.remove_entry(key)));
        pass.write_out_root(node)?;
    }
    pass.schema(&mut root, 0)?;
    for (key, mut schemas) in definitions {
        for (_, definition) in schemas.as_object_mut().into_iter().flatten() {
            pass.schema(definition, 1)?;
        }
        if let Value::Object(node) = &mut root {
            node.insert(key, schemas);
        }
    }
    drop_unused(&mut root);
    Some(root)
}

fn is_deeper_than(value: &Value, levels: usize) -> bool {
    let Some(left) = levels.checked_sub(1) else {
        return true;
    };
    match value {
        Value::Array(list) => list.iter().any(|child| is_deeper_than(child, left)),
        Value::Object(node) => node.values().any(|child| is_deeper_than(child, left)),
        _ => false,
    }
}

struct Pass<'a> {
    /// The schema before the pass, which references point into.
    root: &'a Value,
    source: Source,
    /// How much may still be written out.
    left: usize,
}

impl Pass<'_> {
    /// The root must be an object itself, not a reference to one.
    fn write_out_root(&mut self, node: &mut Node) -> Option<()> {
        let silent = |key: &String| ANNOTATIONS.contains(&key.as_str()) || key == "$ref" || key == "$id";
        let Some(reference) = node.get("$ref").and_then(Value::as_str).filter(|_| node.keys().all(silent)) else {
            return Some(());
        };
        let Some(target) = self.target(reference, 0)? else { return Some(()) };
        if !target.contains_key("$ref") && is_object(&target) {
            node.remove("$ref");
            for (key, value) in target {
                node.entry(key).or_insert(value);
            }
        }
        Some(())
    }

    /// What a reference points to, as this pass leaves it: taken out of an `allOf`, and with its own `$ref` alone or
    /// written out. The outer `None` when that does not come to an end.
    fn target(&mut self, reference: &str, depth: usize) -> Option<Option<Node>> {
        let Some(Value::Object(target)) = resolve(self.root, reference) else { return Some(None) };
        let mut target = target.clone();
        while unwrap_all_of(&mut target) {}
        if target.contains_key("$ref") {
            if depth >= MAX_WALK {
                return None;
            }
            self.free_reference(&mut target, depth + 1)?;
        }
        Some(Some(target))
    }

    fn schema(&mut self, schema: &mut Value, depth: usize) -> Option<()> {
        let Value::Object(node) = schema else { return Some(()) };
        if depth >= MAX_WALK {
            return None;
        }
        while unwrap_all_of(node) {}
        self.free_reference(node, 0)?;
        if node.contains_key("$ref") || node.contains_key("allOf") || is_mixed(node) {
            return Some(());
        }
        self.drop_format(node);
        const_to_enum(node);
        if !node.contains_key("anyOf")
            && let Some(branches) = node.remove("oneOf")
        {
            node.insert("anyOf".to_owned(), branches);
        }
        for (key, value) in node.iter_mut() {
            match (key.as_str(), value) {
                ("properties", Value::Object(properties)) => {
                    properties.iter_mut().try_for_each(|(_, property)| self.schema(property, depth + 1))?;
                }
                ("items" | "anyOf" | "oneOf" | "prefixItems", Value::Array(list)) => {
                    list.iter_mut().try_for_each(|child| self.schema(child, depth + 1))?;
                }
                ("items", child) => self.schema(child, depth + 1)?,
                _ => {}
            }
        }
        if is_object(node) {
            self.object(node);
        }
        Some(())
    }

    /// Makes a `$ref` stand alone; `None` when too much is written out.
    fn free_reference(&mut self, node: &mut Node, depth: usize) -> Option<()> {
        let beside = || node.keys().filter(|key| *key != "$ref");
        if beside().next().is_none() {
            return Some(());
        }
        let described = beside().all(|key| ANNOTATIONS.contains(&key.as_str()));
        let Some(reference) = node.get("$ref").and_then(Value::as_str) else {
            return Some(());
        };
        if described {
            if let Some(reference) = node.remove("$ref") {
                node.insert("anyOf".to_owned(), json!([{"$ref": reference}]));
            }
        } else if let Some(target) = self.target(reference, depth)?
            && let Some(merged) = merge_objects(node, &target)
        {
            self.left = target.values().try_fold(self.left, |left, value| left.checked_sub(size(value)))?;
            *node = merged;
        }
        Some(())
    }

    /// Removes the format of a number, which only decoding needs.
    fn drop_format(&self, node: &mut Node) {
        let is = |kind: &Value, name: &str| match kind {
            Value::Array(several) => several.iter().any(|one| one == name),
            single => single == name,
        };
        let Some(kind) = node.get("type") else { return };
        let number = (is(kind, "integer") || is(kind, "number")) && !is(kind, "string");
        if number || (self.source != Source::Json && !node.get("format").is_some_and(is_supported_format)) {
            node.remove("format");
        }
    }

    fn object(&self, node: &mut Node) {
        if !["patternProperties", "unevaluatedProperties"].iter().any(|key| node.contains_key(*key)) {
            node.entry("additionalProperties").or_insert(Value::Bool(false));
        }
        let mut required = match node.get("required") {
            None => Vec::new(),
            Some(Value::Array(names)) => names.clone(),
            Some(_) => return,
        };
        let listed: HashSet<String> = required.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        for (name, property) in node.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
            if !listed.contains(name) && self.becomes_required(property) {
                required.push(name.as_str().into());
            }
        }
        if !required.is_empty() {
            node.insert("required".to_owned(), required.into());
        }
    }

    /// Makes a property fit to be required, if it can be.
    fn becomes_required(&self, property: &mut Value) -> bool {
        if self.source == Source::Json {
            if property.get("default").is_some_and(|default| !default.is_null()) {
                return false;
            }
            allow_null(property);
        }
        if let Value::Object(property) = property {
            property.remove("default");
        }
        true
    }
}

/// Writes `const` as an `enum` of one, with its type.
fn const_to_enum(node: &mut Node) {
    if node.contains_key("enum") {
        return;
    }
    if let Some(value) = node.remove("const") {
        let name = match &value {
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Null => "null",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        node.entry("type").or_insert_with(|| name.into());
        node.insert("enum".to_owned(), json!([value]));
    }
}

/// Takes the only part of an `allOf` out of it, and whether there was one.
fn unwrap_all_of(node: &mut Node) -> bool {
    let Some([Value::Object(only)]) = node.get("allOf").and_then(Value::as_array).map(Vec::as_slice) else {
        return false;
    };
    let bare_reference = only.contains_key("$ref") && only.len() == 1 && !node.contains_key("$ref");
    if !bare_reference && !node.keys().all(|key| key == "allOf" || ANNOTATIONS.contains(&key.as_str())) {
        return false;
    }
    if let Some(Value::Array(parts)) = node.remove("allOf")
        && let Some(Value::Object(only)) = parts.into_iter().next()
    {
        for (key, value) in only {
            node.entry(key).or_insert(value);
        }
    }
    true
}

/// One object with the properties of both, if they share none and say nothing else.
fn merge_objects(node: &Node, target: &Node) -> Option<Node> {
    let plain = |one: &Node, also: &str| {
        let known = ["type", "properties", "required", "additionalProperties", also];
        one.get("type").is_none_or(|kind| kind == "object")
            && one.keys().all(|key| known.contains(&key.as_str()) || ANNOTATIONS.contains(&key.as_str()))
    };
    if !plain(node, "$ref") || !plain(target, "type") || !is_object(target) {
        return None;
    }
    let mut merged = target.clone();
    for (key, value) in node {
        match (key.as_str(), merged.get_mut(key), value) {
            ("$ref", ..) => {}
            ("properties", Some(Value::Object(ours)), Value::Object(theirs)) => {
                if theirs.keys().any(|name| ours.contains_key(name)) {
                    return None;
                }
                ours.extend(theirs.clone());
            }
            ("additionalProperties", Some(ours), theirs) if ours != theirs => return None,
            ("required", Some(Value::Array(ours)), Value::Array(theirs)) => ours.extend(theirs.clone()),
            _ => {
                merged.insert(key.clone(), value.clone());
            }
        }
    }
    Some(merged)
}

/// How many values there are in a value.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(size).fold(1, usize::saturating_add),
        Value::Object(node) => node.values().map(size).fold(1, usize::saturating_add),
        _ => 1,
    }
}

/// Makes a schema accept `null` too; one that does already, or has no type, stays as it is.
fn allow_null(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    let is_null =
        |kind: &Value| kind == "null" || kind.as_array().is_some_and(|kinds| kinds.iter().any(|one| one == "null"));
    let describes = |key: &String| ANNOTATIONS.contains(&key.as_str());
    let combined = ["anyOf", "oneOf", "allOf", "$ref", "not", "if"].iter().any(|key| node.contains_key(*key));
    if let Some(kind) = node.get_mut("type").filter(|_| !combined) {
        if !is_null(kind) {
            match kind {
                Value::Array(several) => several.push("null".into()),
                single => *single = json!([single.take(), "null"]),
            }
        }
        if let Some(Value::Array(values)) = node.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
    } else if let Some(Value::Array(branches)) = node.get("anyOf")
        && node.keys().all(|key| key == "anyOf" || describes(key))
    {
        if !branches.iter().any(|branch| branch.get("type").is_some_and(is_null))
            && let Some(Value::Array(branches)) = node.get_mut("anyOf")
        {
            branches.push(json!({"type": "null"}));
        }
    } else if !node.keys().all(describes) {
        let (outside, inside): (Node, Node) = std::mem::take(node).into_iter().partition(|(key, _)| describes(key));
        *node = outside;
        node.insert("anyOf".to_owned(), json!([inside, {"type": "null"}]));
    }
}

/// Leaves out the definitions that nothing refers to.
fn drop_unused(root: &mut Value) {
    let Value::Object(node) = &*root else { return };
    let mut used = HashSet::new();
    let mut waiting: Vec<&Value> =
        node.iter().filter(|(key, _)| !DEFINITIONS.contains(&key.as_str())).map(|(_, value)| value).collect();
    let mut references: Vec<&str> = node.get("$ref").and_then(Value::as_str).into_iter().collect();
    loop {
        if let Some(reference) = references.pop() {
            // Another kind of reference, such as an anchor, may point to any definition.
            let Some(pointer) = pointer_of(reference) else { return };
            let mut steps = pointer.split('/').skip(1);
            if let (Some(key), Some(name)) = (steps.next(), steps.next())
                && DEFINITIONS.contains(&key)
                && let place = format!("/{key}/{name}")
                && let Some(definition) = root.pointer(&place)
                && used.insert(place)
            {
                waiting.push(definition);
            }
            continue;
        }
        match waiting.pop() {
            None => break,
            Some(Value::Array(list)) => waiting.extend(list),
            Some(Value::Object(node)) => {
                references.extend(node.get("$ref").and_then(Value::as_str));
                waiting.extend(node.values());
            }
            Some(_) => {}
        }
    }
    let Value::Object(node) = root else { return };
    for key in DEFINITIONS {
        if let Some(Value::Object(definitions)) = node.get_mut(key) {
            definitions.retain(|name, _| used.contains(&format!("/{key}/{}", escape(name))));
            if definitions.is_empty() {
                node.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::schema::SchemaRule;
    use proptest::prelude::*;

    fn in_object(property: &Value) -> Value {
        json!({"type": "object", "properties": {"a": property}, "required": ["a"], "additionalProperties": false})
    }

    /// What becomes of a required property `a`, in a schema where the service is left with nothing to refuse.
    fn property(before: Value) -> Value {
        let (mut schema, findings) = make_strict(in_object(&before));
        assert!(findings.iter().all(SchemaFinding::is_advice), "{before}: {findings:?}");
        schema["properties"]["a"].take()
    }

    fn places(findings: &[SchemaFinding]) -> Vec<(&str, SchemaRule)> {
        findings.iter().map(|one| (one.pointer(), one.rule())).collect()
    }

    #[test]
    fn optional_properties_become_required_and_nullable() {
        let optional = |schema: Value| {
            let root = json!({"properties": {"a": schema}, "type": "object", "$defs": {"d": {"type": "string"}}});
            let (mut strict, findings) = make_strict(root);
            assert_eq!(findings, []);
            assert_eq!(strict["required"], json!(["a"]));
            assert_eq!(strict["additionalProperties"], json!(false));
            strict["properties"]["a"].take()
        };
        assert_eq!(optional(json!({"type": "string"})), json!({"type": ["string", "null"]}));
        assert_eq!(optional(json!({"type": ["string", "integer"]})), json!({"type": ["string", "integer", "null"]}));
        assert_eq!(
            optional(json!({"type": "string", "enum": ["x"]})),
            json!({"type": ["string", "null"], "enum": ["x", null]})
        );
        assert_eq!(optional(json!({"type": ["string", "null"], "default": null})), json!({"type": ["string", "null"]}));
        assert_eq!(
            optional(json!({"$ref": "#/$defs/d", "description": "word"})),
            json!({"anyOf": [{"$ref": "#/$defs/d"}, {"type": "null"}], "description": "word"})
        );
        assert_eq!(optional(json!({"$ref": "#/$defs/d"})), json!({"anyOf": [{"$ref": "#/$defs/d"}, {"type": "null"}]}));
        assert_eq!(
            optional(json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/d"}]})),
            json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/d"}, {"type": "null"}]})
        );
    }

    #[test]
    fn a_property_with_a_default_stays_and_is_reported() {
        for kind in [json!("integer"), json!(["integer", "null"])] {
            let before = json!({
                "type": "object",
                "properties": {"a": {"type": kind, "default": 3}},
                "additionalProperties": false
            });
            let (after, findings) = make_strict(before.clone());
            assert_eq!(after, before);
            assert_eq!(
                places(&findings),
                [("/properties/a", SchemaRule::Required), ("/properties/a/default", SchemaRule::UnsupportedKeyword)]
            );
        }
    }

    #[test]
    fn numbers_lose_their_format_and_keep_their_range() {
        assert_eq!(
            property(json!({"type": "integer", "format": "uint32", "minimum": 0})),
            json!({"type": "integer", "minimum": 0})
        );
        assert_eq!(
            property(json!({"type": ["integer", "null"], "format": "int8", "minimum": 1, "maximum": 127})),
            json!({"type": ["integer", "null"], "minimum": 1, "maximum": 127})
        );
        assert_eq!(property(json!({"type": "number", "format": "double"})), json!({"type": "number"}));
    }

    #[test]
    fn what_newer_models_honour_stays_and_is_advice() {
        for kept in [
            json!({"type": "string", "format": "date-time"}),
            json!({"type": "string", "format": "uint8"}),
            json!({"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a"}),
            json!({"type": "array", "items": {"type": "number", "multipleOf": 5}, "minItems": 1, "maxItems": 3}),
        ] {
            assert_eq!(property(kept.clone()), kept);
            let keywords = make_strict(in_object(&kept)).1;
            assert!(!keywords.is_empty() && keywords.iter().all(|one| one.keyword().is_some()));
        }
    }

    #[test]
    fn one_of_becomes_any_of() {
        let described = json!({"oneOf": [{"const": "a", "description": "first"}, {"const": 2}, {"type": "null"}]});
        assert_eq!(
            property(described),
            json!({"anyOf": [
                {"type": "string", "enum": ["a"], "description": "first"},
                {"type": "integer", "enum": [2]},
                {"type": "null"}
            ]})
        );
        let closed =
            |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]});
        let after = property(json!({"oneOf": [closed("x"), closed("y")]}));
        assert_eq!(after["anyOf"][1]["additionalProperties"], json!(false));

        let both = json!({"oneOf": [{"type": "string"}], "anyOf": [{"type": "string"}]});
        let (schema, findings) = make_strict(in_object(&both));
        assert_eq!(schema["properties"]["a"], both);
        assert_eq!(places(&findings), [("/properties/a/oneOf", SchemaRule::UnsupportedKeyword)]);
    }

    #[test]
    fn an_all_of_of_one_part_becomes_the_part_however_often_it_is_wrapped() {
        let wrapped = json!({"description": "d", "allOf": [{"allOf": [{"type": "string", "description": "inner"}]}]});
        assert_eq!(property(wrapped), json!({"type": "string", "description": "d"}));
        let two = json!({"allOf": [{"type": "string"}, {"minLength": 1}]});
        assert_eq!(make_strict(in_object(&two)).0["properties"]["a"], two);
    }

    #[test]
    fn references_stand_alone() {
        let mut schema = in_object(&json!({"description": "whose", "allOf": [{"$ref": "#/definitions/p"}]}));
        schema["definitions"] =
            json!({"p": {"type": "string"}, "unused": {"$ref": "#/definitions/other"}, "other": {}});
        let (strict, findings) = make_strict(schema);
        assert_eq!(findings, []);
        assert_eq!(strict["properties"]["a"], json!({"description": "whose", "anyOf": [{"$ref": "#/definitions/p"}]}));
        assert_eq!(strict["definitions"], json!({"p": {"type": "string"}}));
    }

    #[test]
    fn properties_beside_a_reference_are_written_out_with_it() {
        let beside = json!({
            "$ref": "#/$defs/p", "type": "object", "properties": {"kind": {"const": "p"}}, "required": ["kind"]
        });
        let mut schema = in_object(&beside);
        schema["$defs"] = json!({"p": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}});
        let (strict, findings) = make_strict(schema.clone());
        assert_eq!(findings, []);
        assert_eq!(
            strict["properties"]["a"],
            json!({
                "type": "object",
                "properties": {"kind": {"type": "string", "enum": ["p"]}, "x": {"type": "string"}},
                "required": ["x", "kind"],
                "additionalProperties": false
            })
        );
        assert_eq!(strict.get("$defs"), None);

        schema["$defs"]["p"]["properties"]["kind"] = json!({"type": "string"});
        let (strict, findings) = make_strict(schema);
        assert_eq!(strict["properties"]["a"], beside);
        assert!(findings.iter().any(|one| one.rule() == SchemaRule::RefSibling && one.keyword() == Some("properties")));
    }

    #[test]
    fn a_root_that_is_a_reference_is_written_out() {
        let node = json!({"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}});
        let (strict, findings) = make_strict(json!({"$ref": "#/$defs/node", "$defs": {"node": node}}));
        assert_eq!(findings, []);
        assert_eq!(strict["type"], json!("object"));
        assert_eq!(strict["required"], json!(["next"]));
        assert_eq!(strict["$defs"]["node"]["additionalProperties"], json!(false));
    }

    #[test]
    fn what_cannot_be_strict_is_named_and_stays() {
        for (stays, place, rule) in [
            (
                json!({"type": "object", "additionalProperties": {"type": "string"}}),
                "/additionalProperties",
                SchemaRule::AdditionalProperties,
            ),
            (
                json!({"type": "object", "additionalProperties": true}),
                "/additionalProperties",
                SchemaRule::AdditionalProperties,
            ),
            (
                json!({"type": "array", "prefixItems": [{"type": "string"}]}),
                "/prefixItems",
                SchemaRule::UnsupportedKeyword,
            ),
            (json!(true), "", SchemaRule::Untyped),
            (json!({}), "", SchemaRule::Untyped),
            (json!({"type": "array"}), "", SchemaRule::Untyped),
            (json!({"type": "array", "items": true}), "/items", SchemaRule::Untyped),
            (json!({"type": "string", "not": {"const": "x"}}), "/not", SchemaRule::UnsupportedKeyword),
        ] {
            let (schema, findings) = make_strict(in_object(&stays));
            assert_eq!(schema["properties"]["a"], stays);
            assert_eq!(places(&findings), [(format!("/properties/a{place}").as_str(), rule)]);
        }
        let flattened = json!({
            "type": "object", "properties": {"x": {"type": "string"}},
            "anyOf": [{"type": "object", "properties": {"y": {"type": "string"}}}]
        });
        let (schema, findings) = make_strict(in_object(&flattened));
        assert_eq!(schema["properties"]["a"], flattened);
        assert!(places(&findings).contains(&("/properties/a", SchemaRule::AdditionalProperties)));
    }

    #[test]
    fn a_schema_without_an_end_is_returned_as_it_is() {
        let endless = json!({"$ref": "#/$defs/s", "type": "object", "properties": {"t": {"const": "s"}}});
        let mut schema = in_object(&endless);
        schema["$defs"] = json!({"s": {"type": "object", "properties": {"c": endless}}});
        let (strict, findings) = make_strict(schema.clone());
        assert_eq!(strict, schema);
        assert!(!findings.is_empty());
    }

    #[test]
    fn references_that_cross_are_followed_once() {
        let again = json!({"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]});
        let schema = json!({
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/a"}},
            "$defs": {"a": again, "b": again}
        });
        let (strict, findings) = make_strict(schema);
        assert_eq!(findings, []);
        assert_eq!(strict["properties"]["a"], json!({"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}));

        let definitions: Map<String, Value> = (0..60)
            .map(|n| {
                let next =
                    json!({"$ref": format!("#/$defs/d{}", n + 1), "properties": {format!("p{n}"): {"type": "null"}}});
                (format!("d{n}"), json!({"type": "object", "properties": {"x": next, "y": next}}))
            })
            .collect();
        let doubling = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions});
        assert_eq!(make_strict(doubling.clone()).0, doubling);
    }

    fn any_schema() -> impl Strategy<Value = Value> {
        let name = "[a-c]";
        let leaf = prop_oneof![
            Just(json!(true)),
            Just(json!({})),
            Just(json!({"$ref": "#"})),
            name.prop_map(|name| json!({"$ref": format!("#/$defs/{name}")})),
            name.prop_map(|name| json!({"$ref": format!("#/$defs/{name}"), "description": "d"})),
            name.prop_map(|name| json!({"$ref": format!("#/$defs/{name}"), "properties": {"t": {"const": name}}})),
            name.prop_map(|name| json!({"const": name})),
            Just(json!({"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255})),
            Just(json!({"type": ["string", "null"], "default": null})),
            Just(json!({"type": "boolean", "default": true})),
            Just(json!({"type": "string", "enum": ["x", "y"], "pattern": "."})),
        ];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            let properties = prop::collection::btree_map(name, inner.clone(), 0..3);
            let branches = prop::collection::vec(inner.clone(), 0..3);
            let union = prop::sample::select(vec!["anyOf", "oneOf", "allOf", "prefixItems"]);
            prop_oneof![
                (properties.clone(), prop::collection::vec(name, 0..3)).prop_map(
                    |(properties, required)| json!({"type": "object", "properties": properties, "required": required})
                ),
                inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
                inner.prop_map(|values| json!({"type": "object", "additionalProperties": values})),
                (union.clone(), branches.clone()).prop_map(|(union, branches)| json!({union: branches})),
                (properties, union, branches).prop_map(
                    |(properties, union, branches)| json!({"properties": properties, union: branches, "title": "t"})
                ),
            ]
        })
    }

    #[test]
    fn a_reference_to_what_the_pass_rewrites_is_written_out_at_once() {
        let object = json!({"type": "object", "properties": {}, "required": []});
        let beside = |name: &str, property: &str| json!({"$ref": format!("#/$defs/{name}"), "properties": {property: {"type": "string"}}});
        for definition in [json!({"allOf": [object]}), json!({"allOf": [{"allOf": [object]}]}), beside("b", "s")] {
            for root in [in_object(&beside("a", "t")), json!({"$ref": "#/$defs/a"})] {
                let mut schema = root;
                schema["$defs"] =
                    json!({"a": definition, "b": {"type": "object", "properties": {"u": {"type": "string"}}}});
                let once = make_strict(schema);
                assert_eq!(once.0.get("$defs"), None, "{}", once.0);
                assert_eq!(make_strict(once.0.clone()), once);
            }
        }
        // one that refers to itself comes to no end, and is returned as it is
        let endless =
            json!({"type": "object", "properties": {"a": beside("a", "t")}, "$defs": {"a": beside("a", "s")}});
        assert_eq!(make_strict(endless.clone()).0, endless);
    }

    proptest! {
        #[test]
        fn strict_twice_is_strict_once(
            mut schema in any_schema(),
            definitions in prop::collection::btree_map("[a-c]", any_schema(), 0..3),
        ) {
            if let Value::Object(root) = &mut schema {
                root.insert("$defs".to_owned(), json!(definitions));
            }
            for source in [Source::Json, #[cfg(feature = "schemars")] Source::RustType] {
                let once = rewrite(schema.clone(), source);
                let twice = rewrite(once.0.clone(), source);
                prop_assert_eq!(&once, &twice);
            }
        }

        #[test]
        fn what_the_lint_refuses_is_never_hidden(schema in any_schema()) {
            let (strict, findings) = make_strict(schema);
            for finding in lint_schema(&strict) {
                prop_assert!(findings.contains(&finding), "{}", finding);
            }
        }
    }
}
