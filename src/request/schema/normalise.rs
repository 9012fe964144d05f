//! Rewrites of one schema that leave its meaning as it is.

use serde_json::{Map, Value, json};

use super::references::resolve;

type Node = Map<String, Value>;

/// Keywords that describe and do not check.
pub(super) const ANNOTATIONS: &[&str] = &["description", "title", "default", "examples", "$comment", "deprecated"];

/// The formats that say which Rust number a value becomes, with the smallest and the largest value
/// that `schemars` writes for them. Decoding checks both again.
const NUMBERS: &[(&str, Option<i64>, Option<i64>)] = &[
    ("int8", Some(i8::MIN as i64), Some(i8::MAX as i64)),
    ("int16", Some(i16::MIN as i64), Some(i16::MAX as i64)),
    ("int32", None, None),
    ("int64", None, None),
    ("int128", None, None),
    ("int", None, None),
    ("uint8", Some(0), Some(u8::MAX as i64)),
    ("uint16", Some(0), Some(u16::MAX as i64)),
    ("uint32", Some(0), None),
    ("uint64", Some(0), None),
    ("uint128", Some(0), None),
    ("uint", Some(0), None),
    ("float", None, None),
    ("double", None, None),
];

/// Removes a number's format, and the limits that say the same.
pub(super) fn drop_number_format(node: &mut Node) {
    let number = |one: &Value| one == "integer" || one == "number";
    let is_number = match node.get("type") {
        Some(Value::Array(several)) => several.iter().any(number),
        one => one.is_some_and(number),
    };
    let format = node.get("format").and_then(Value::as_str);
    let Some((_, smallest, largest)) = NUMBERS.iter().find(|(name, ..)| is_number && Some(*name) == format) else {
        return;
    };
    node.remove("format");
    for (key, limit) in [("minimum", smallest), ("maximum", largest)] {
        if limit.is_some() && node.get(key).and_then(Value::as_i64) == *limit {
            node.remove(key);
        }
    }
}

/// Writes `const` as an `enum` of one, with its type.
pub(super) fn const_to_enum(node: &mut Node) {
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

/// Takes the only part of an `allOf` out of it.
pub(super) fn unwrap_all_of(node: &mut Node) {
    let Some([Value::Object(only)]) = node.get("allOf").and_then(Value::as_array).map(Vec::as_slice) else {
        return;
    };
    let rest = |key: &String| key == "allOf" || ANNOTATIONS.contains(&key.as_str());
    let bare_reference = only.contains_key("$ref") && only.len() == 1 && !node.contains_key("$ref");
    if bare_reference || node.keys().all(rest) {
        let only = only.clone();
        node.remove("allOf");
        for (key, value) in only {
            node.entry(key).or_insert(value);
        }
    }
}

/// Writes `oneOf` as `anyOf` if no value can be of two branches.
pub(super) fn one_of_to_any_of(node: &mut Node, root: &Value) {
    let Some(branches) = node.get("oneOf").and_then(Value::as_array) else {
        return;
    };
    let later = |position: usize| branches.iter().skip(position + 1);
    let apart =
        branches.iter().enumerate().all(|(position, one)| later(position).all(|other| disjoint(one, other, root)));
    if apart
        && !node.contains_key("anyOf")
        && let Some(branches) = node.remove("oneOf")
    {
        node.insert("anyOf".to_owned(), branches);
    }
}

/// Whether it is plain to see that no value fits both schemas.
fn disjoint(one: &Value, other: &Value, root: &Value) -> bool {
    let (Some(one), Some(other)) = (target_of(one, root), target_of(other, root)) else {
        return false;
    };
    no_common_type(one, other)
        || no_common_value(one, other)
        || different_tag(one, other)
        || needs_what_is_closed(one, other)
        || needs_what_is_closed(other, one)
}

fn target_of<'a>(schema: &'a Value, root: &'a Value) -> Option<&'a Node> {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => resolve(root, reference)?.as_object(),
        None => schema.as_object(),
    }
}

fn no_common_type(one: &Node, other: &Node) -> bool {
    let (Some(one), Some(other)) = (one.get("type"), other.get("type")) else {
        return false;
    };
    let list = |types: &Value| match types {
        Value::Array(several) => several.clone(),
        single => vec![single.clone()],
    };
    // Every integer is a number too.
    let same = |a: &Value, b: &Value| a == b || (a == "integer" && b == "number") || (a == "number" && b == "integer");
    let other = list(other);
    !list(one).iter().any(|a| other.iter().any(|b| same(a, b)))
}

fn no_common_value(one: &Node, other: &Node) -> bool {
    match (values(one), values(other)) {
        (Some(one), Some(other)) => !one.iter().any(|value| other.contains(value)),
        _ => false,
    }
}

fn values(node: &Node) -> Option<Vec<&Value>> {
    match (node.get("const"), node.get("enum")) {
        (Some(value), _) => Some(vec![value]),
        (None, Some(Value::Array(several))) => Some(several.iter().collect()),
        _ => None,
    }
}

fn properties(node: &Node) -> Option<&Node> {
    node.get("properties")?.as_object()
}

fn requires(node: &Node, name: &str) -> bool {
    let required = node.get("required").and_then(Value::as_array);
    required.is_some_and(|required| required.iter().any(|one| one == name))
}

fn only_object(node: &Node) -> bool {
    node.get("type").is_some_and(|one| one == "object")
}

fn different_tag(one: &Node, other: &Node) -> bool {
    let (Some(ours), Some(theirs)) = (properties(one), properties(other)) else {
        return false;
    };
    only_object(one)
        && only_object(other)
        && ours.iter().any(|(name, tag)| {
            let both = requires(one, name) && requires(other, name);
            let tags = tag.as_object().zip(theirs.get(name).and_then(Value::as_object));
            both && tags.is_some_and(|(tag, other)| no_common_value(tag, other))
        })
}

/// Whether one needs a property that the other does not allow.
fn needs_what_is_closed(one: &Node, other: &Node) -> bool {
    let names = properties(one).into_iter().flatten().map(|(name, _)| name);
    let closed =
        other.get("additionalProperties") == Some(&Value::Bool(false)) && !other.contains_key("patternProperties");
    let unknown = |name: &String| properties(other).is_none_or(|theirs| !theirs.contains_key(name));
    only_object(one)
        && only_object(other)
        && closed
        && names.into_iter().any(|name| requires(one, name) && unknown(name))
}

/// Writes a union of bare word lists as one list.
pub(super) fn join_enums(node: &mut Node) {
    let Some(branches) = node.get("anyOf").and_then(Value::as_array) else {
        return;
    };
    let kind = branches.first().and_then(|branch| branch.get("type")).cloned();
    let mut words: Vec<Value> = Vec::new();
    for branch in branches {
        match (branch.as_object(), branch.get("enum")) {
            (Some(branch), Some(Value::Array(some))) if branch.len() == 2 && branch.get("type") == kind.as_ref() => {
                for word in some {
                    if !words.contains(word) {
                        words.push(word.clone());
                    }
                }
            }
            _ => return,
        }
    }
    if let Some(kind) = kind.filter(|_| !node.contains_key("type") && !node.contains_key("enum")) {
        node.remove("anyOf");
        node.insert("type".to_owned(), kind);
        node.insert("enum".to_owned(), words.into());
    }
}
