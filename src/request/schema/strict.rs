//! Rewrites a schema for strict mode, where that loses nothing.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::lint::lint_schema;
use super::normalise::{const_to_enum, drop_number_format, join_enums, one_of_to_any_of, unwrap_all_of};
use super::references::{constrains, drop_unused, free_reference, resolve};
use super::{MAX_WALK, SchemaFinding, is_mixed, is_object};

/// How often a schema is gone through until nothing changes. Each round resolves one level of
/// references inside references.
const MAX_ROUNDS: usize = 16;

/// How much may be written out in place of references, in JSON values.
const MAX_WRITTEN_OUT: usize = 20_000;

/// Makes a schema valid for strict mode, and names what cannot be made so.
///
/// What is rewritten says the same afterwards, in the words that strict mode knows:
///
/// - an object that says nothing about other keys is closed, and all its properties become required;
///   one that was optional may be `null` instead, which serde reads as `None`. A property with a
///   default is left as it is and reported: `null` is not its default.
/// - `oneOf` becomes `anyOf` where no value fits two branches, `const` becomes `enum`, an `allOf` of one
///   part becomes that part, and a `$ref` stands alone.
/// - `$schema`, number formats such as `uint32` with their limits, and definitions that nothing uses
///   are left out. Decoding checks the range of a number again.
///
/// Everything that would change the meaning stays and is reported: maps with free keys, tuples,
/// schemas without a type, limits and patterns. The findings are about the schema that is returned.
/// Making a schema strict twice is the same as once. A schema without an end, that adds properties to
/// a reference to itself, is returned as it is.
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
    rewrite(schema, Optional::BecomesNull)
}

/// What becomes of a property that is not required.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Optional {
    /// It may be `null`. One that has a default is reported instead.
    BecomesNull,
    /// It must be there, and its default is left out. In a schema from a Rust type it is a field with
    /// `#[serde(default)]` or an `Option`, and an answer that says it reads into the same type.
    #[cfg(feature = "schemars")]
    BecomesRequired,
}

pub(super) fn rewrite(schema: Value, optional: Optional) -> (Value, Vec<SchemaFinding>) {
    let schema = fixed_point(&schema, optional).unwrap_or(schema);
    let findings = lint_schema(&schema);
    (schema, findings)
}

/// Goes through the schema until nothing changes; `None` if that does not come to an end.
fn fixed_point(schema: &Value, optional: Optional) -> Option<Value> {
    if is_deeper_than(schema, MAX_WALK) {
        return None;
    }
    let mut current = schema.clone();
    let mut written_out = 0;
    for _ in 0..MAX_ROUNDS {
        let mut round = Round { root: &current, optional, written_out };
        let next = round.document();
        written_out = round.written_out;
        if next == current {
            return Some(next);
        }
        if written_out > MAX_WRITTEN_OUT || is_deeper_than(&next, MAX_WALK) {
            return None;
        }
        current = next;
    }
    None
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

struct Round<'a> {
    root: &'a Value,
    optional: Optional,
    written_out: usize,
}

impl Round<'_> {
    fn document(&mut self) -> Value {
        let mut root = self.root.clone();
        if let Value::Object(node) = &mut root {
            node.remove("$schema");
            self.write_out_root(node);
            for key in ["$defs", "definitions"] {
                for definition in node.get_mut(key).and_then(Value::as_object_mut).into_iter().flatten() {
                    self.schema(definition.1);
                }
            }
        }
        self.schema(&mut root);
        drop_unused(&mut root);
        root
    }

    /// The root must be an object itself, not a reference to one.
    fn write_out_root(&self, node: &mut Map<String, Value>) {
        let target = node.get("$ref").and_then(Value::as_str).and_then(|to| resolve(self.root, to));
        let Some(Value::Object(target)) = target else { return };
        if target.contains_key("$ref") || !is_object(target) || node.keys().any(|key| constrains(key)) {
            return;
        }
        node.remove("$ref");
        for (key, value) in target {
            node.entry(key.as_str()).or_insert_with(|| value.clone());
        }
    }

    fn schema(&mut self, schema: &mut Value) {
        let Value::Object(node) = schema else { return };
        unwrap_all_of(node);
        let size = free_reference(node, self.root);
        self.written_out = self.written_out.saturating_add(size);
        // What has just been written out waits for the next round: it may hold the same reference.
        let waits = size > 0 || node.contains_key("$ref") || node.contains_key("allOf") || is_mixed(node);
        if waits || self.written_out > MAX_WRITTEN_OUT {
            return;
        }
        self.children(node);
        drop_number_format(node);
        const_to_enum(node);
        one_of_to_any_of(node, self.root);
        join_enums(node);
        if is_object(node) {
            self.object(node);
        }
    }

    fn children(&mut self, node: &mut Map<String, Value>) {
        for (_, property) in node.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
            self.schema(property);
        }
        for key in ["items", "anyOf", "oneOf", "prefixItems"] {
            match node.get_mut(key) {
                Some(Value::Array(list)) => list.iter_mut().for_each(|child| self.schema(child)),
                Some(child) if key == "items" => self.schema(child),
                _ => {}
            }
        }
    }

    fn object(&mut self, node: &mut Map<String, Value>) {
        let free_keys = ["patternProperties", "unevaluatedProperties"];
        if !free_keys.iter().any(|key| node.contains_key(*key)) {
            node.entry("additionalProperties").or_insert(Value::Bool(false));
        }
        let mut required = match node.get("required") {
            None => Vec::new(),
            Some(Value::Array(names)) => names.clone(),
            Some(_) => return,
        };
        let Some(properties) = node.get_mut("properties").and_then(Value::as_object_mut) else {
            return;
        };
        for (name, property) in properties {
            let listed = required.iter().any(|one| one == name);
            if !listed && self.may_be_required(property) {
                required.push(name.as_str().into());
            }
        }
        if !required.is_empty() {
            node.insert("required".to_owned(), required.into());
        }
    }

    /// Makes a property fit to be required, if it can be.
    fn may_be_required(&self, property: &mut Value) -> bool {
        if self.optional == Optional::BecomesNull {
            if property.get("default").is_some_and(|default| !default.is_null()) {
                return false;
            }
            if !self.allows_null(property, 0, &mut HashMap::new()) {
                allow_null(property);
            }
        }
        if let Value::Object(property) = property {
            property.remove("default");
        }
        true
    }

    /// `known` holds the answers for what references point to, so that references that cross are
    /// followed once. A schema that is only itself again does not allow `null`.
    fn allows_null(&self, schema: &Value, depth: usize, known: &mut HashMap<String, bool>) -> bool {
        let (Value::Object(node), 0..MAX_WALK) = (schema, depth) else {
            return schema == &Value::Bool(true);
        };
        node.iter().all(|(key, value)| match (key.as_str(), value) {
            ("type", Value::Array(several)) => several.iter().any(|one| one == "null"),
            ("type", one) => one == "null",
            ("enum", Value::Array(several)) => several.contains(&Value::Null),
            ("const", only) => only.is_null(),
            ("$ref", Value::String(to)) => {
                if let Some(answer) = known.get(to) {
                    return *answer;
                }
                known.insert(to.clone(), false);
                let target = resolve(self.root, to);
                let answer = target.is_some_and(|target| self.allows_null(target, depth + 1, known));
                known.insert(to.clone(), answer);
                answer
            }
            ("anyOf" | "oneOf", Value::Array(branches)) => {
                branches.iter().any(|branch| self.allows_null(branch, depth + 1, known))
            }
            ("allOf" | "not" | "if", _) => false,
            _ => true,
        })
    }
}

/// Makes a schema accept `null` too.
fn allow_null(schema: &mut Value) {
    let nothing = json!({"type": "null"});
    let Value::Object(node) = schema else {
        *schema = json!({"anyOf": [schema.take(), nothing]});
        return;
    };
    let words = |key: &str| ["description", "title", "default"].contains(&key);
    let combines = ["anyOf", "oneOf", "allOf", "$ref", "not", "if"];
    let is_combined = combines.iter().any(|key| node.contains_key(*key));
    if let Some(kind) = node.get_mut("type").filter(|_| !is_combined) {
        match kind {
            Value::Array(several) if several.iter().any(|one| one == "null") => {}
            Value::Array(several) => several.push("null".into()),
            single => *single = json!([single.take(), "null"]),
        }
        if let Some(Value::Array(values)) = node.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
    } else if node.keys().all(|key| key == "anyOf" || words(key)) {
        if let Some(Value::Array(branches)) = node.get_mut("anyOf") {
            branches.push(nothing);
        }
    } else {
        let (outside, inside): (Map<_, _>, Map<_, _>) =
            std::mem::take(node).into_iter().partition(|(key, _)| words(key));
        *node = outside;
        node.insert("anyOf".to_owned(), json!([inside, nothing]));
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

    /// What becomes of a required property `a`, in a schema where nothing is left to report.
    fn property(before: Value) -> Value {
        let (mut schema, findings) = make_strict(in_object(&before));
        assert_eq!(findings, [], "{before}");
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
            assert_eq!(places(&findings), [("/properties/a", SchemaRule::Required)]);
        }
    }

    #[test]
    fn rust_numbers_lose_their_format_and_its_limits_only() {
        assert_eq!(property(json!({"type": "integer", "format": "uint32", "minimum": 0})), json!({"type": "integer"}));
        assert_eq!(
            property(json!({"type": ["integer", "null"], "format": "int8", "minimum": -128, "maximum": 127})),
            json!({"type": ["integer", "null"]})
        );
        assert_eq!(property(json!({"type": "number", "format": "double"})), json!({"type": "number"}));

        let limited = json!({"type": "integer", "format": "uint8", "minimum": 1, "maximum": 255});
        let (schema, findings) = make_strict(in_object(&limited));
        assert_eq!(schema["properties"]["a"], json!({"type": "integer", "minimum": 1}));
        assert_eq!(places(&findings), [("/properties/a/minimum", SchemaRule::UnsupportedKeyword)]);

        for kept in [json!({"type": "string", "format": "date-time"}), json!({"type": "string", "format": "uint8"})] {
            let (schema, findings) = make_strict(in_object(&kept));
            assert_eq!(schema["properties"]["a"], kept);
            assert_eq!(places(&findings), [("/properties/a/format", SchemaRule::UnsupportedKeyword)]);
        }
    }

    #[test]
    fn branches_that_exclude_each_other_become_any_of() {
        let words = json!({"oneOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "string", "const": "c"}]});
        assert_eq!(property(words), json!({"type": "string", "enum": ["a", "b", "c"]}));

        let described = json!({"oneOf": [{"const": "a", "description": "first"}, {"const": "b"}]});
        assert_eq!(
            property(described),
            json!({"anyOf": [
                {"type": "string", "enum": ["a"], "description": "first"},
                {"type": "string", "enum": ["b"]}
            ]})
        );

        let closed =
            |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]});
        let tagged = |tag: &str| json!({"type": "object", "properties": {"t": {"const": tag}, "x": {"type": "string"}}, "required": ["t", "x"]});
        for one_of in [json!([closed("x"), closed("y"), {"type": "null"}]), json!([tagged("x"), tagged("y")])] {
            let after = property(json!({"oneOf": one_of}));
            assert_eq!(after["anyOf"].as_array().unwrap().len(), one_of.as_array().unwrap().len());
            assert_eq!(after["anyOf"][0]["additionalProperties"], json!(false));
        }
    }

    #[test]
    fn branches_that_overlap_stay_and_are_reported() {
        for overlapping in [
            json!({"oneOf": [{"type": "integer"}, {"type": "number"}]}),
            json!({"oneOf": [{"type": "string"}, {"type": "string", "enum": ["a"]}]}),
        ] {
            let (schema, findings) = make_strict(in_object(&overlapping));
            assert_eq!(schema["properties"]["a"], overlapping);
            assert_eq!(places(&findings), [("/properties/a/oneOf", SchemaRule::UnsupportedKeyword)]);
        }
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
        assert!(
            findings
                .iter()
                .any(|one| one.message() == "`properties` stands beside a `$ref`: write the schema out in full")
        );
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
            (json!({"type": "string", "minLength": 1}), "/minLength", SchemaRule::UnsupportedKeyword),
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

    proptest! {
        #[test]
        fn strict_twice_is_strict_once(
            mut schema in any_schema(),
            definitions in prop::collection::btree_map("[a-c]", any_schema(), 0..3),
        ) {
            if let Value::Object(root) = &mut schema {
                root.insert("$defs".to_owned(), json!(definitions));
            }
            for optional in [Optional::BecomesNull, #[cfg(feature = "schemars")] Optional::BecomesRequired] {
                let once = rewrite(schema.clone(), optional);
                let twice = rewrite(once.0.clone(), optional);
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
