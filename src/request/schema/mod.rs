//! JSON schemas for strict mode: the lint of what the service refuses, and the rewrite of what can be rewritten.
//!
//! With `strict: true`, in `response_format` and in function tools, the service accepts only a part of
//! JSON Schema. [`lint_schema`] names every place that is outside of it, so that a unit test finds it
//! and not the first call. [`make_strict`] rewrites a schema where that loses nothing, and reports the
//! rest. With the feature `schemars`, `schema_for` starts from a Rust type.
//!
//! The documentation and the service differ: the page allows 100 properties and 5 levels and calls ranges, lengths
//! and patterns unsupported, while newer models take more and honour them. What the service refuses is a violation
//! and stops the request; what only the page refuses is an [advice](SchemaFinding::is_advice) and does not.
//!
//! | What | Weight |
//! |---|---|
//! | the root is no object, or is `anyOf`; an object without `additionalProperties: false`; a property that is not in `required` | violation |
//! | more than [`MAX_NESTING`] levels of objects, [`MAX_PROPERTIES`] properties, [`MAX_ENUM_VALUES`] values in all `enum`s together | violation |
//! | any keyword beside a `$ref`, `description` too | violation |
//! | `uniqueItems`, `propertyNames`, `minProperties`, `maxProperties`, `patternProperties`, `unevaluatedProperties`, `unevaluatedItems`, `contains`, `minContains`, `maxContains` | violation |
//! | `oneOf`, `allOf`, `not`, `if`, `then`, `else`, `dependentRequired`, `dependentSchemas`, `prefixItems` | violation |
//! | a schema without a type, an unknown type, a `$ref` to nothing, a name in `required` that is no property | violation |
//! | more than 5 levels or 100 properties | advice |
//! | `minimum`, `maximum`, `multipleOf`, `minLength`, `maxLength`, `pattern`, `format`, `minItems`, `maxItems`; `default` | advice |
//! | more than 120,000 characters of names and values, or 15,000 in one string `enum` of more than 250 values: limits of OpenAI, not measured on Azure | advice |
//!
//! The builder reports the violations, and [`advice`](crate::ChatCompletionRequest::advice) the rest. The answer is
//! read with [`ChatCompletion::parse`](crate::ChatCompletion::parse).
//!
//! Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs>

use std::fmt;

use serde_json::{Map, Value};

use crate::wire::{closed_enum, getters};

pub use self::lint::lint_schema;
#[cfg(feature = "schemars")]
pub use self::rust_type::{schema_for, schema_name};
pub use self::strict::make_strict;

mod lint;
mod nesting;
mod references;
#[cfg(feature = "schemars")]
mod rust_type;
mod strict;

/// How many properties a strict schema may have, in all its objects together. The documentation allows 100.
pub const MAX_PROPERTIES: usize = 5_000;

/// How many objects may be nested, the root included. The documentation allows 5.
///
/// Lists and the branches of `anyOf` are no level of their own. A reference counts as what it points
/// to, and a schema that contains itself counts once.
pub const MAX_NESTING: usize = 10;

/// How many values a strict schema may have in all its `enum`s together; an `enum` in `$defs` counts once, however
/// often it is referred to.
pub const MAX_ENUM_VALUES: usize = 1_000;

const DOCUMENTED_PROPERTIES: usize = 100;
const DOCUMENTED_NESTING: usize = 5;

/// The depth of JSON up to which schemas are checked; `serde_json` reads no deeper text.
const MAX_DEPTH: usize = 128;

closed_enum! {
    /// A rule of strict mode.
    #[non_exhaustive]
    pub enum SchemaRule {
        /// The root is an object, not a union.
        RootObject = "root_object",
        /// Every object has `additionalProperties: false`.
        AdditionalProperties = "additional_properties",
        /// Every property is in `required`.
        Required = "required",
        /// `required` names only properties that exist.
        UnknownRequired = "unknown_required",
        /// At most [`MAX_PROPERTIES`] properties.
        PropertyCount = "property_count",
        /// At most [`MAX_ENUM_VALUES`] values in all `enum`s together.
        EnumCount = "enum_count",
        /// Names and values are not too long together.
        TextLength = "text_length",
        /// At most [`MAX_NESTING`] levels.
        Nesting = "nesting",
        /// Only supported keywords.
        UnsupportedKeyword = "unsupported_keyword",
        /// No keyword beside a `$ref`.
        RefSibling = "ref_sibling",
        /// Only supported types.
        UnsupportedType = "unsupported_type",
        /// Every `$ref` points to a schema.
        UnresolvedRef = "unresolved_ref",
        /// Every schema has a type.
        Untyped = "untyped",
    }
}

/// One place in a schema that strict mode refuses or its documentation discourages, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SchemaFinding {
    pointer: String,
    rule: SchemaRule,
    message: String,
    advice: bool,
    keyword: Option<String>,
    count: Option<usize>,
}

impl SchemaFinding {
    fn new(pointer: impl Into<String>, rule: SchemaRule, message: impl Into<String>) -> Self {
        let (pointer, message) = (pointer.into(), message.into());
        Self { pointer, rule, message, advice: false, keyword: None, count: None }
    }

    fn advice(self) -> Self {
        Self { advice: true, ..self }
    }

    fn about(self, keyword: &str) -> Self {
        Self { keyword: Some(keyword.to_owned()), ..self }
    }

    fn of(self, count: usize) -> Self {
        Self { count: Some(count), ..self }
    }
}

getters! { finding: SchemaFinding => finding;
    /// Whether only the documentation refuses it. The service was seen to accept it, or nobody measured it; any other
    /// finding is a violation, which the service refuses.
    is_advice = advice: Plain<bool>;
    /// The keyword that is refused or discouraged, where it is one.
    keyword: String;
    /// How many levels, properties, values or characters there are, where there are too many.
    count: Copied<usize>;
    /// Where, as a JSON pointer (RFC 6901); empty for the root.
    pointer: Text;
    /// Which rule.
    rule: Plain<SchemaRule>;
    /// What is wrong, and what to do.
    message: Text;
}

impl fmt::Display for SchemaFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "root" } else { &self.pointer };
        write!(f, "{place}: {}", self.message)
    }
}

/// Whether a schema may hold a JSON object.
fn is_object(node: &Map<String, Value>) -> bool {
    may_be_object(node.get("type"), node)
}

fn may_be_object(kind: Option<&Value>, node: &Map<String, Value>) -> bool {
    match kind {
        Some(Value::String(one)) => one == "object",
        Some(Value::Array(several)) => several.iter().any(|one| one == "object"),
        _ => node.contains_key("properties"),
    }
}

/// Whether an object is also a union or an intersection, and so cannot be closed on its own.
fn is_mixed(node: &Map<String, Value>) -> bool {
    is_object(node) && ["anyOf", "oneOf", "allOf"].iter().any(|key| node.contains_key(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_prints_its_place_and_its_message() {
        let inside = SchemaFinding::new("/properties/a~1b", SchemaRule::Required, "add it");
        assert_eq!(inside.to_string(), "/properties/a~1b: add it");
        let root = SchemaFinding::new("", SchemaRule::RootObject, "wrap it");
        assert_eq!(root.to_string(), "root: wrap it");
        assert_eq!(root.rule().to_string(), "root_object");
    }
}
