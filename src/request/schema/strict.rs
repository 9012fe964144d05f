//! The rewrite of a schema for strict mode, in one pass, where that loses nothing.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::lint::{is_supported_format, lint_schema};
use super::references::{escape, pointer_of, resolve};
use super::{MAX_DEPTH, SchemaFinding, is_mixed, is_object};

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
/// - an object without `additionalProperties` gets `false` there, and all its properties become required;
///   one that was optional may be `null` instead, which serde reads as `None`. A property with a
///   default is left as it is and reported: `null` is not its default.
/// - `oneOf` becomes `anyOf`, the only union that strict mode has: a value that fits two branches, which `oneOf`
///   excludes, is allowed from then on. `const` becomes `enum`, and an `allOf` of one part becomes that part.
/// - a `$ref` becomes the only keyword of its schema: with a description beside it, it becomes the only branch of an
///   `anyOf`; with properties beside it, what it points to is written out.
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
    if is_deeper_than(schema, MAX_DEPTH) {
        return None;
    }
    let mut pass = Pass { root: schema, source, left: MAX_WRITTEN_OUT };
    let mut root = schema.clone();
    let mut definitions = Vec::new();
    if let Value::Object(node) = &mut root {
        node.remove("$schema");
        // Apart from the root, which is rewritten as if it had none.
        definitions.extend(DEFINITIONS.into_iter().filter_map(|key| node.remove_entry(key)));
        while unwrap_all_of(node) {}
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
        let annotates = |key: &String| ANNOTATIONS.contains(&key.as_str()) || key == "$ref" || key == "$id";
        let Some(reference) = node.get("$ref").and_then(Value::as_str).filter(|_| node.keys().all(annotates)) else {
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

    /// What a reference points to, as this pass leaves it, so that another pass finds nothing more to write out: taken
    /// out of an `allOf`, respelled, and with its own `$ref` alone or written out. The outer `None` when that does not
    /// come to an end.
    fn target(&mut self, reference: &str, depth: usize) -> Option<Option<Node>> {
        let Some(Value::Object(target)) = resolve(self.root, reference) else { return Some(None) };
        let mut target = target.clone();
        while unwrap_all_of(&mut target) {}
        if target.contains_key("$ref") {
            if depth >= MAX_DEPTH {
                return None;
            }
            self.free_reference(&mut target, depth + 1)?;
        }
        self.respell(&mut target);
        Some(Some(target))
    }

    fn schema(&mut self, schema: &mut Value, depth: usize) -> Option<()> {
        let Value::Object(node) = schema else { return Some(()) };
        if depth >= MAX_DEPTH {
            return None;
        }
        while unwrap_all_of(node) {}
        self.free_reference(node, 0)?;
        if !self.respell(node) {
            return Some(());
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

    /// Makes a `$ref` the only keyword of its schema; `None` when too much is written out.
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

    /// Rewrites the keywords of one node; `false` for a node that stays as it is.
    fn respell(&self, node: &mut Node) -> bool {
        if node.contains_key("$ref") || node.contains_key("allOf") || is_mixed(node) {
            return false;
        }
        self.drop_format(node);
        const_to_enum(node);
        if !node.contains_key("anyOf")
            && let Some(branches) = node.remove("oneOf")
        {
            node.insert("anyOf".to_owned(), branches);
        }
        true
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

/// One object with the properties of both, if they share none and have no other keywords.
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
            ("properties", Some(Value::Object(properties)), Value::Object(others)) => {
                if others.keys().any(|name| properties.contains_key(name)) {
                    return None;
                }
                properties.extend(others.clone());
            }
            ("additionalProperties", Some(one), other) if one != other => return None,
            ("required", Some(Value::Array(names)), Value::Array(others)) => names.extend(others.clone()),
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
    let mut used = HashSet::new();
    let mut waiting = vec![&*root];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(list) => waiting.extend(list),
            Value::Object(node) => {
                if let Some(reference) = node.get("$ref").and_then(Value::as_str) {
                    // Another kind of reference, such as an anchor, may point to any definition.
                    let Some(pointer) = pointer_of(reference) else { return };
                    let place: Vec<&str> = pointer.split('/').take(3).collect();
                    let definition = root.pointer(&place.join("/")).filter(|_| used.insert(place.join("/")));
                    waiting.extend(definition.filter(|_| place.get(1).is_some_and(|key| DEFINITIONS.contains(key))));
                }
                let is_definitions = |key: &String| std::ptr::eq(value, root) && DEFINITIONS.contains(&key.as_str());
                waiting.extend(node.iter().filter(|(key, _)| !is_definitions(key)).map(|(_, child)| child));
            }
            _ => {}
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
mod tests;
