//! The nesting of objects in a schema.

use std::collections::HashMap;

use serde_json::Value;

use super::references::{Path, each_child, pointer_of};
use super::{DOCUMENTED_NESTING, MAX_DEPTH, MAX_NESTING, SchemaFinding, SchemaRule as Rule, is_object};

/// The finding about the deepest object, if it is on too deep a level.
pub(super) fn nesting(root: &Value) -> Option<SchemaFinding> {
    let mut levels = Levels { root, heights: HashMap::new(), deepest: (0, String::new()) };
    levels.height(root, &Path::Start(""), 0, 0);
    let (level, pointer) = levels.deepest;
    if level > MAX_NESTING {
        let message = format!(
            "the object is on level {level} and strict mode allows {MAX_NESTING}: flatten the schema, or split the request"
        );
        Some(SchemaFinding::new(pointer, Rule::Nesting, message).of(level))
    } else if level > DOCUMENTED_NESTING {
        let message = format!(
            "the object is on level {level}; the documentation allows {DOCUMENTED_NESTING}, and newer models take {MAX_NESTING}"
        );
        Some(SchemaFinding::new(pointer, Rule::Nesting, message).advice().of(level))
    } else {
        None
    }
}

/// The count of nested objects, through references.
struct Levels<'a> {
    root: &'a Value,
    /// How many levels each visited node has below and with itself, 0 during the visit: a node
    /// is visited once, however references cross, and what contains itself counts once.
    heights: HashMap<*const Value, usize>,
    deepest: (usize, String),
}

impl<'a> Levels<'a> {
    fn height(&mut self, schema: &'a Value, at: &Path<'_>, above: usize, depth: usize) -> usize {
        let Value::Object(node) = schema else { return 0 };
        if let Some(height) = self.heights.get(&std::ptr::from_ref(schema)).copied() {
            self.note(above + height, at);
            return height;
        }
        if depth >= MAX_DEPTH {
            return 0;
        }
        self.heights.insert(schema, 0);
        let own = usize::from(is_object(node));
        let above = above + own;
        self.note(above, at);
        let mut below = 0;
        if let Some(pointer) = node.get("$ref").and_then(Value::as_str).and_then(pointer_of)
            && let Some(target) = self.root.pointer(&pointer)
        {
            below = self.height(target, &Path::Start(&pointer), above, depth + 1);
        }
        each_child(node, at, &mut |child, at| below = below.max(self.height(child, at, above, depth + 1)));
        self.heights.insert(schema, own + below);
        own + below
    }

    fn note(&mut self, level: usize, at: &Path<'_>) {
        if level > self.deepest.0 {
            let pointer = if level > DOCUMENTED_NESTING { at.pointer() } else { String::new() };
            self.deepest = (level, pointer);
        }
    }
}
