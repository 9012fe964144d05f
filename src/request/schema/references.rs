//! What a `$ref` points to, and how to do without it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::is_object;
use super::normalise::ANNOTATIONS;

/// A member's name as a step of a JSON pointer.
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The JSON pointer in a `$ref` into the same document; `None` for any other `$ref`.
pub(super) fn pointer_of(reference: &str) -> Option<String> {
    let fragment = reference.strip_prefix('#')?;
    if !fragment.is_empty() && !fragment.starts_with('/') {
        return None;
    }
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let (code, tail) = after.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        rest = tail;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// The schema that a `$ref` points to.
pub(super) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(&pointer_of(reference)?)
}

/// Whether a keyword beside a `$ref` checks anything.
pub(super) fn constrains(key: &str) -> bool {
    !ANNOTATIONS.contains(&key) && !["$ref", "$defs", "definitions", "$schema", "$id"].contains(&key)
}

/// Makes a `$ref` stand alone: with words beside it, it becomes the only branch of an `anyOf`; with
/// properties beside it, what it points to is written out. Returns the size of what was written out.
pub(super) fn free_reference(node: &mut Map<String, Value>, root: &Value) -> usize {
    let Some(reference) = node.get("$ref").and_then(Value::as_str) else {
        return 0;
    };
    let beside: Vec<&str> = node.keys().map(String::as_str).filter(|key| *key != "$ref").collect();
    if beside.is_empty() {
        return 0;
    }
    if beside.iter().all(|key| ANNOTATIONS.contains(key)) {
        if let Some(reference) = node.remove("$ref") {
            node.insert("anyOf".to_owned(), json!([{"$ref": reference}]));
        }
        return 0;
    }
    let Some((resolved, target)) = resolve(root, reference).and_then(|target| Some((target, target.as_object()?)))
    else {
        return 0;
    };
    match merge_objects(node, target) {
        Some(merged) => {
            *node = merged;
            size(resolved)
        }
        None => 0,
    }
}

/// How many values there are in a value.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(size).fold(1, usize::saturating_add),
        Value::Object(node) => node.values().map(size).fold(1, usize::saturating_add),
        _ => 1,
    }
}

/// One object with the properties of both, if they share none and say nothing else.
fn merge_objects(node: &Map<String, Value>, target: &Map<String, Value>) -> Option<Map<String, Value>> {
    let plain = |one: &Map<String, Value>, also: &str| {
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

/// Leaves out the definitions that nothing refers to.
pub(super) fn drop_unused(root: &mut Value) {
    let Value::Object(node) = &*root else { return };
    let mut used = BTreeSet::new();
    let mut waiting = Vec::new();
    for (key, value) in node {
        match key.as_str() {
            "$defs" | "definitions" => {}
            "$ref" => waiting.extend(value.as_str()),
            _ => references_in(value, &mut waiting),
        }
    }
    while let Some(reference) = waiting.pop() {
        // Another kind of reference, such as an anchor, may point to any definition.
        let Some(pointer) = pointer_of(reference) else { return };
        let mut steps = pointer.split('/').skip(1);
        if let (Some(key @ ("$defs" | "definitions")), Some(name)) = (steps.next(), steps.next()) {
            let place = format!("/{key}/{name}");
            if let Some(definition) = root.pointer(&place).filter(|_| used.insert(place.clone())) {
                references_in(definition, &mut waiting);
            }
        }
    }
    let Value::Object(node) = root else { return };
    for key in ["$defs", "definitions"] {
        if let Some(Value::Object(definitions)) = node.get_mut(key) {
            definitions.retain(|name, _| used.contains(&format!("/{key}/{}", escape(name))));
            if definitions.is_empty() {
                node.remove(key);
            }
        }
    }
}

fn references_in<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(list) => list.iter().for_each(|child| references_in(child, found)),
        Value::Object(node) => {
            found.extend(node.get("$ref").and_then(Value::as_str));
            node.values().for_each(|child| references_in(child, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_pointers_in_a_uri_fragment() {
        assert_eq!(pointer_of("#").as_deref(), Some(""));
        assert_eq!(pointer_of("#/$defs/a%20b~1c").as_deref(), Some("/$defs/a b~1c"));
        for odd in ["other.json#/a", "#anchor", "#/%zz", "#/%e", "#/%ff", "#/%\u{e9}\u{e9}"] {
            assert_eq!(pointer_of(odd), None, "{odd}");
        }
        let root = json!({"$defs": {"a/b": {"type": "string"}}});
        assert_eq!(resolve(&root, "#/$defs/a~1b"), Some(&json!({"type": "string"})));
        assert_eq!(resolve(&root, "#/$defs/c"), None);
    }

    #[test]
    fn definitions_that_only_use_each_other_are_left_out() {
        let mut schema = json!({
            "properties": {"a": {"$ref": "#/$defs/a~1b"}},
            "$defs": {
                "a/b": {"items": {"$ref": "#/$defs/c/items"}},
                "c": {"items": {}},
                "d": {"$ref": "#/$defs/e"},
                "e": {"$ref": "#/$defs/d"}
            }
        });
        drop_unused(&mut schema);
        let left: Vec<&String> = schema["$defs"].as_object().unwrap().keys().collect();
        assert_eq!(left, ["a/b", "c"]);

        let mut anchored = json!({"$ref": "#here", "$defs": {"a": {"$anchor": "here"}}});
        drop_unused(&mut anchored);
        assert!(anchored.get("$defs").is_some());
    }
}
