//! The lint of strict mode: one pass over a schema that finds what is refused or discouraged, and where.

use serde_json::{Map, Value};

use super::SchemaRule as Rule;
use super::nesting::nesting;
use super::references::{Path, each_child, resolve};
use super::{
    DOCUMENTED_NESTING, DOCUMENTED_PROPERTIES, MAX_DEPTH, MAX_ENUM_VALUES, MAX_PROPERTIES, SchemaFinding, is_mixed,
    may_be_object,
};

/// String formats that OpenAI lists.
const FORMATS: &[&str] = &["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

const TYPES: &[&str] = &["string", "number", "boolean", "integer", "object", "array", "null"];

/// Keywords of a schema that needs no type beside them.
const INSTEAD_OF_A_TYPE: &[&str] = &["$ref", "properties", "anyOf", "enum", "const", "oneOf", "allOf"];

/// Keywords that the root may have beside a `$ref`.
const OF_THE_ROOT: &[&str] = &["$defs", "definitions", "$schema", "$id"];

/// OpenAI's limit for the names and values of a schema together, in characters.
const MAX_TEXT: usize = 120_000;

/// OpenAI's limit for the values of one string `enum`, in characters, where it has more than
/// [`LONG_ENUM`] values.
const MAX_ENUM_TEXT: usize = 15_000;
const LONG_ENUM: usize = 250;

/// The replacement for a keyword that the service refuses.
fn instead_of(keyword: &str) -> Option<&'static str> {
    Some(match keyword {
        "uniqueItems" | "propertyNames" | "minProperties" | "maxProperties" | "unevaluatedItems" | "contains"
        | "minContains" | "maxContains" => "put it into `description`, or check it in your code",
        "patternProperties" => "name every property, or use a list of key and value objects",
        "unevaluatedProperties" => "use `additionalProperties: false`",
        "prefixItems" => "use an object with a property for each place",
        "oneOf" => "use `anyOf`",
        "allOf" => "merge its parts into one schema",
        "not" => "check it in your code",
        "if" | "then" | "else" | "dependentRequired" | "dependentSchemas" => "use `anyOf` with a branch for each case",
        _ => return None,
    })
}

/// Whether the value of `format` is one that OpenAI lists for strict mode.
pub(super) fn is_supported_format(value: &Value) -> bool {
    value.as_str().is_some_and(|format| FORMATS.contains(&format))
}

/// Why to reconsider a keyword that the service was not seen to refuse.
fn reservation(keyword: &str, value: &Value) -> Option<&'static str> {
    Some(match keyword {
        "format" if !is_supported_format(value) => {
            "this format is not among those that strict mode supports: leave it out"
        }
        "minimum" | "maximum" | "multipleOf" | "minLength" | "maxLength" | "pattern" | "minItems" | "maxItems"
        | "format" => {
            "the documentation calls it unsupported; newer models honour it, older and fine-tuned ones refused it"
        }
        "default" => "OpenAI was seen to refuse it, and the model does not apply it: put it into `description`",
        _ => return None,
    })
}

/// Names every place of a schema that strict mode refuses, and what its documentation discourages.
///
/// A finding is a violation, which the service is known to refuse, or an [advice](SchemaFinding::is_advice), which
/// only the documentation refuses; an empty list means that neither is known. Nothing is sent, and no schema makes
/// this panic or run without end: the time is linear in the size of the schema.
///
/// # Example: a schema checked in a unit test
///
/// ```
/// use azure_openai_chat::request::schema::lint_schema;
/// use serde_json::json;
///
/// let findings = lint_schema(&json!({
///     "type": "object",
///     "properties": {"tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": true}},
///     "required": ["tags"],
///     "additionalProperties": false
/// }));
/// assert_eq!(
///     findings[0].to_string(),
///     "/properties/tags/uniqueItems: strict mode does not support `uniqueItems`: \
///      put it into `description`, or check it in your code"
/// );
/// assert!(!findings[0].is_advice());
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs>
#[must_use]
pub fn lint_schema(schema: &Value) -> Vec<SchemaFinding> {
    let mut lint = Lint { root: schema, objects: 0, properties: 0, enum_values: 0, text: 0, findings: Vec::new() };
    lint.root_rule();
    lint.schema(schema, &Path::Start(""), 0);
    lint.totals();
    lint.findings
}

struct Lint<'a> {
    root: &'a Value,
    objects: usize,
    properties: usize,
    enum_values: usize,
    text: usize,
    findings: Vec<SchemaFinding>,
}

impl<'a> Lint<'a> {
    fn violation(&mut self, at: &Path<'_>, rule: Rule, message: impl Into<String>) {
        self.findings.push(SchemaFinding::new(at.pointer(), rule, message));
    }

    fn root_rule(&mut self) {
        let mut target = self.root;
        for _ in 0..MAX_DEPTH {
            match target.get("$ref").and_then(Value::as_str).and_then(|to| resolve(self.root, to)) {
                Some(next) => target = next,
                None => break,
            }
        }
        let message = if target.is_string() {
            "the schema is a string: pass an object, which serde_json::from_str(..) reads from the text"
        } else if !target.is_object() {
            "the schema is not a JSON object: strict mode needs one that describes an object"
        } else if target.get("anyOf").is_some() {
            "the root is `anyOf`: put it into an object with one property"
        } else if target.get("type").and_then(Value::as_str) != Some("object") {
            "the root is not of type `object`: put it into an object with one property"
        } else {
            return;
        };
        self.violation(&Path::Start(""), Rule::RootObject, message);
    }

    fn schema(&mut self, schema: &'a Value, at: &Path<'_>, depth: usize) {
        let Value::Object(node) = schema else {
            if depth > 0 {
                self.violation(at, Rule::Untyped, "the schema does not say what it holds: give it a type");
            }
            return;
        };
        if depth >= MAX_DEPTH {
            self.violation(at, Rule::Nesting, "the schema is too deep to be checked: flatten it");
            return;
        }
        let (mut kind, mut reference) = (None, None);
        for (key, value) in node {
            match key.as_str() {
                "type" => kind = Some(value),
                "$ref" => reference = value.as_str(),
                // the most frequent of all
                "description" => {}
                "enum" | "const" => self.values(key, value, at),
                _ => self.keyword(key, value, at),
            }
        }
        self.types(kind, node, at, depth);
        if let Some(reference) = reference {
            self.reference(reference, node, at, depth);
        }
        if may_be_object(kind, node) {
            self.objects += 1;
            self.object(node, at);
        }
        each_child(node, at, &mut |child, at| self.schema(child, at, depth + 1));
        for key in ["$defs", "definitions"] {
            for (name, child) in node.get(key).and_then(Value::as_object).into_iter().flatten() {
                self.text += name.chars().count();
                self.schema(child, &Path::Name(&Path::Name(at, key), name), depth + 1);
            }
        }
    }

    fn keyword(&mut self, key: &str, value: &Value, at: &Path<'_>) {
        let finding = if let Some(way_out) = instead_of(key) {
            let message = format!("strict mode does not support `{key}`: {way_out}");
            SchemaFinding::new(Path::Name(at, key).pointer(), Rule::UnsupportedKeyword, message)
        } else if let Some(why) = reservation(key, value) {
            SchemaFinding::new(Path::Name(at, key).pointer(), Rule::UnsupportedKeyword, format!("`{key}`: {why}"))
                .advice()
        } else {
            return;
        };
        self.findings.push(finding.about(key));
    }

    /// Counts the values of an `enum`, and the characters of one or of a `const`.
    fn values(&mut self, key: &str, value: &Value, at: &Path<'_>) {
        let values = match value {
            Value::Array(several) if key == "enum" => several.as_slice(),
            single => std::slice::from_ref(single),
        };
        let text: usize = values.iter().filter_map(Value::as_str).map(|text| text.chars().count()).sum();
        self.text += text;
        if key == "enum" {
            self.enum_values += values.len();
            if values.len() > LONG_ENUM && text > MAX_ENUM_TEXT {
                let message = format!(
                    "the `enum` has {text} characters, and OpenAI allows {MAX_ENUM_TEXT} where it has more than \
                     {LONG_ENUM} values: shorten it"
                );
                self.advice(Path::Name(at, key).pointer(), Rule::TextLength, message, text);
            }
        }
    }

    fn types(&mut self, kind: Option<&Value>, node: &Map<String, Value>, at: &Path<'_>, depth: usize) {
        let has_any_of = |keys: &[&str]| keys.iter().any(|key| node.contains_key(*key));
        match kind {
            Some(Value::Array(several)) => {
                let place = Path::Name(at, "type");
                for (position, one) in several.iter().enumerate() {
                    self.one_type(one, &Path::Index(&place, position));
                }
            }
            Some(one) => {
                self.one_type(one, &Path::Name(at, "type"));
                if one == "array" && !has_any_of(&["items", "prefixItems"]) {
                    self.violation(at, Rule::Untyped, "the list does not say what it holds: add `items`");
                }
            }
            None if depth > 0 && !has_any_of(INSTEAD_OF_A_TYPE) => {
                self.violation(at, Rule::Untyped, "the schema does not say what it holds: give it a type");
            }
            None => {}
        }
    }

    fn one_type(&mut self, one: &Value, at: &Path<'_>) {
        let message = match one.as_str() {
            Some(name) if TYPES.contains(&name) => return,
            Some(name) => format!("strict mode does not know the type `{name}`: use one of {}", TYPES.join(", ")),
            None => format!("a type is a string: use one of {}", TYPES.join(", ")),
        };
        self.violation(at, Rule::UnsupportedType, message);
    }

    fn reference(&mut self, reference: &str, node: &Map<String, Value>, at: &Path<'_>, depth: usize) {
        let anchor = reference.starts_with('#') && !reference.starts_with("#/") && reference != "#";
        if !anchor && resolve(self.root, reference).is_none() {
            let message = format!("nothing in the schema is at `{reference}`: add it under `$defs`");
            self.violation(&Path::Name(at, "$ref"), Rule::UnresolvedRef, message);
        }
        for key in node.keys() {
            if key == "$ref" || (depth == 0 && OF_THE_ROOT.contains(&key.as_str())) {
                continue;
            }
            let message = format!(
                "`{key}` beside a `$ref` is refused: make the `$ref` the only branch of an `anyOf`, or write the schema \
                 out in full"
            );
            let finding = SchemaFinding::new(Path::Name(at, key).pointer(), Rule::RefSibling, message);
            self.findings.push(finding.about(key));
        }
    }

    fn object(&mut self, node: &Map<String, Value>, at: &Path<'_>) {
        match node.get("additionalProperties") {
            Some(Value::Bool(false)) => {}
            Some(_) => {
                let pointer = Path::Name(at, "additionalProperties").pointer();
                let message = "keys that the schema does not name are not allowed: name every property, or use a list \
                               of key and value objects";
                let finding = SchemaFinding::new(pointer, Rule::AdditionalProperties, message);
                self.findings.push(finding.about("additionalProperties"));
            }
            None if is_mixed(node) => self.violation(
                at,
                Rule::AdditionalProperties,
                "an object that is also a union cannot be closed: move its properties into every branch",
            ),
            None => {
                self.violation(at, Rule::AdditionalProperties, "the object is open: add `additionalProperties: false`")
            }
        }
        let properties = node.get("properties").and_then(Value::as_object);
        let required = node.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut sorted = Vec::new();
        // in a long list a name is found faster by halves
        if required.len() > 16 {
            sorted.extend(required.iter().filter_map(Value::as_str));
            sorted.sort_unstable();
        }
        let is_listed = |name: &str| match sorted.is_empty() {
            true => required.iter().any(|one| one == name),
            false => sorted.binary_search(&name).is_ok(),
        };
        for (name, property) in properties.into_iter().flatten() {
            self.properties += 1;
            self.text += name.chars().count();
            if is_listed(name) {
                continue;
            }
            let way_out = if property.get("default").is_some_and(|default| !default.is_null()) {
                "strict mode has no defaults: make it required, or allow `null` and fill in the default in your code"
            } else {
                "list it there, and allow `null` if it may be missing"
            };
            let message = format!("`{name}` is not in `required`: {way_out}");
            self.violation(&Path::Name(&Path::Name(at, "properties"), name), Rule::Required, message);
        }
        for (position, name) in required.iter().enumerate() {
            let known = |name| properties.is_some_and(|properties| properties.contains_key(name));
            if !name.as_str().is_some_and(known) {
                self.violation(
                    &Path::Index(&Path::Name(at, "required"), position),
                    Rule::UnknownRequired,
                    "`required` names a property that does not exist: add it or remove the name",
                );
            }
        }
    }

    fn advice(&mut self, pointer: String, rule: Rule, message: String, count: usize) {
        self.findings.push(SchemaFinding::new(pointer, rule, message).advice().of(count));
    }

    /// The limits of the whole schema.
    fn totals(&mut self) {
        let (properties, values) = (self.properties, self.enum_values);
        let split = "leave some out, or split the request";
        if properties > MAX_PROPERTIES {
            let message =
                format!("the schema has {properties} properties and strict mode allows {MAX_PROPERTIES}: {split}");
            self.findings.push(SchemaFinding::new("", Rule::PropertyCount, message).of(properties));
        } else if properties > DOCUMENTED_PROPERTIES {
            let message = format!(
                "the schema has {properties} properties; the documentation allows {DOCUMENTED_PROPERTIES}, and newer \
                 models take {MAX_PROPERTIES}"
            );
            self.advice(String::new(), Rule::PropertyCount, message, properties);
        }
        if values > MAX_ENUM_VALUES {
            let message = format!(
                "the schema has {values} values in its `enum`s and strict mode allows {MAX_ENUM_VALUES}: {split}"
            );
            self.findings.push(SchemaFinding::new("", Rule::EnumCount, message).of(values));
        }
        if self.text > MAX_TEXT {
            let text = self.text;
            let message = format!(
                "the names and values of the schema have {text} characters, and OpenAI allows {MAX_TEXT}: {split}"
            );
            self.advice(String::new(), Rule::TextLength, message, text);
        }
        // With fewer objects there cannot be more levels.
        if self.objects > DOCUMENTED_NESTING {
            self.findings.extend(nesting(self.root));
        }
    }
}

#[cfg(test)]
mod tests;
