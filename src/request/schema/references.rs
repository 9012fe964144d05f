//! JSON pointers: the target of a `$ref`, and the place of a node.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The JSON pointer in a `$ref` into the same document; `None` for any other `$ref`.
pub(super) fn pointer_of(reference: &str) -> Option<Cow<'_, str>> {
    let fragment = reference.strip_prefix('#')?;
    if !fragment.is_empty() && !fragment.starts_with('/') {
        return None;
    }
    if !fragment.contains('%') {
        return Some(fragment.into());
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
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// The schema that a `$ref` points to.
pub(super) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(&pointer_of(reference)?)
}

/// A member's name as a step of a JSON pointer.
pub(super) fn escape(name: &str) -> Cow<'_, str> {
    match name.contains(['~', '/']) {
        true => name.replace('~', "~0").replace('/', "~1").into(),
        false => name.into(),
    }
}

/// The place of a node, linked to the places around it. It is kept on the stack, so that a pointer is
/// written only for a finding.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    /// The root, or what a `$ref` points to.
    Start(&'a str),
    Name(&'a Self, &'a str),
    Index(&'a Self, usize),
}

impl Path<'_> {
    pub(super) fn pointer(&self) -> String {
        match self {
            Self::Start(pointer) => (*pointer).to_owned(),
            Self::Name(parent, name) => parent.pointer() + "/" + &escape(name),
            Self::Index(parent, index) => format!("{}/{index}", parent.pointer()),
        }
    }
}

/// Every schema directly inside a schema, definitions apart.
pub(super) fn each_child<'a>(node: &'a Map<String, Value>, at: &Path<'_>, then: &mut dyn FnMut(&'a Value, &Path<'_>)) {
    for (key, value) in node {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                let place = Path::Name(at, key);
                properties.iter().for_each(|(name, child)| then(child, &Path::Name(&place, name)));
            }
            ("items" | "anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(list)) => {
                let place = Path::Name(at, key);
                list.iter().enumerate().for_each(|(position, child)| then(child, &Path::Index(&place, position)));
            }
            ("items", child) => then(child, &Path::Name(at, key)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
    fn a_place_is_a_pointer_with_its_names_escaped() {
        let root = Path::Start("");
        let properties = Path::Name(&root, "properties");
        let name = Path::Name(&properties, "a/b~c");
        assert_eq!(Path::Index(&name, 2).pointer(), "/properties/a~1b~0c/2");
    }
}
