//! Finds objects that lie too deep in each other, through references.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::lint::each_child;
use super::references::pointer_of;
use super::{MAX_NESTING, MAX_WALK, SchemaFinding, SchemaRule, is_object};

/// The first object of every branch that lies deeper than [`MAX_NESTING`].
pub(super) fn too_deep(root: &Value) -> Vec<SchemaFinding> {
    let mut nesting = Nesting::new(root);
    nesting.schema(root, &mut String::new(), 0, 0);
    nesting.findings
}

struct Nesting<'a> {
    root: &'a Value,
    /// The references that lead to where we are.
    path: Vec<String>,
    /// For every target of a reference, the deepest level at which it has been looked at. It makes
    /// the work proportional to the schema, however its references cross.
    seen: HashMap<String, usize>,
    too_deep: HashSet<String>,
    findings: Vec<SchemaFinding>,
}

impl<'a> Nesting<'a> {
    fn new(root: &'a Value) -> Self {
        Self { root, path: vec![String::new()], seen: HashMap::new(), too_deep: HashSet::new(), findings: Vec::new() }
    }

    fn schema(&mut self, schema: &Value, at: &mut String, level: usize, depth: usize) {
        let Value::Object(node) = schema else { return };
        if depth >= MAX_WALK {
            return;
        }
        let level = level + usize::from(is_object(node));
        if level > MAX_NESTING {
            if self.too_deep.insert(at.clone()) {
                let message = format!(
                    "the object is on level {level} and strict mode allows {MAX_NESTING}: flatten the schema, or split the request"
                );
                self.findings.push(SchemaFinding::new(at, SchemaRule::Nesting, message));
            }
            return;
        }
        if let Some(target) = node.get("$ref").and_then(Value::as_str).and_then(pointer_of) {
            self.follow(target, level, depth);
        }
        each_child(node, at, |child, at| self.schema(child, at, level, depth + 1));
    }

    fn follow(&mut self, mut target: String, level: usize, depth: usize) {
        if self.path.contains(&target) || self.seen.get(&target).is_some_and(|seen| *seen >= level) {
            return;
        }
        if let Some(schema) = self.root.pointer(&target) {
            self.seen.insert(target.clone(), level);
            self.path.push(target.clone());
            self.schema(schema, &mut target, level, depth + 1);
            self.path.pop();
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

    fn nested(levels: usize) -> Value {
        (1..levels).fold(object(json!({"end": {"type": "string"}})), |inner, _| object(json!({"in": inner})))
    }

    fn places(schema: &Value) -> Vec<String> {
        too_deep(schema).iter().map(|one| one.pointer().to_owned()).collect()
    }

    #[test]
    fn five_levels_of_objects_are_allowed() {
        assert_eq!(too_deep(&nested(5)), []);
        assert_eq!(
            too_deep(&nested(6))[0].to_string(),
            "/properties/in/properties/in/properties/in/properties/in/properties/in: \
             the object is on level 6 and strict mode allows 5: flatten the schema, or split the request"
        );
    }

    #[test]
    fn lists_unions_and_references_are_no_level_but_what_they_hold_is() {
        let chain = |last: Value| {
            let list = json!({"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}});
            let mut schema = object(json!({"list": list}));
            schema["$defs"] = json!({"a": object(json!({"in": last}))});
            schema
        };
        assert_eq!(places(&chain(nested(3))), [""; 0]);
        let place = "/$defs/a/properties/in/properties/in/properties/in/properties/in";
        assert_eq!(places(&chain(nested(4))), [place]);
    }

    #[test]
    fn a_schema_that_contains_itself_counts_once() {
        let mut schema = object(json!({"next": {"$ref": "#"}, "tree": {"$ref": "#/$defs/tree"}}));
        schema["$defs"] = json!({"tree": object(json!({"left": {"$ref": "#/$defs/tree"}}))});
        assert_eq!(too_deep(&schema), []);
    }
}
