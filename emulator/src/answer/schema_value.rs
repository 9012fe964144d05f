//! JSON values that satisfy a schema, filled with names and numbers of the user's text where they fit.
//!
//! It covers what structured outputs allow (types, `enum`, `const`, `anyOf`, `$ref` with recursion,
//! null unions) and the usual keywords of schemas that are not strict (`oneOf`, lengths, ranges,
//! formats). `allOf` and `pattern` are ignored.

use serde_json::{Map, Number, Value};

use crate::tokens::topics;

/// Below this depth a value is kept as small as the schema allows, so that recursion ends.
const DEEP: usize = 5;
/// How many values are made, and of how many bytes of text; the rest is `null`, so that recursion, `minItems` and
/// `minLength` do not fill the memory.
const NODES: usize = 2_000;
const BYTES: usize = 1 << 20;

/// Names, numbers and topics of a text, each used in its order.
pub(crate) struct Material {
    lower: String,
    names: Vec<String>,
    words: Vec<String>,
    numbers: Vec<f64>,
    next_word: usize,
    next_number: usize,
    nodes: usize,
    bytes: usize,
}

impl Material {
    pub(crate) fn new(text: &str) -> Self {
        let (names, openers) = names(text);
        let mut words = names.clone();
        words.extend(openers);
        words.extend(topics(text).into_iter().filter(|t| t.chars().all(char::is_lowercase)));
        let numbers = text.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'));
        Self {
            lower: text.to_lowercase(),
            names,
            words,
            numbers: numbers.filter_map(|n| n.trim_matches('.').parse().ok()).collect(),
            next_word: 0,
            next_number: 0,
            nodes: 0,
            bytes: 0,
        }
    }

    /// The quoted texts and proper names, in their order.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The same, with this text before all others.
    pub(crate) fn preferring(mut self, text: &str) -> Self {
        self.words.insert(0, text.to_owned());
        self
    }

    fn mentions(&self, value: &Value) -> bool {
        let word = value.as_str().unwrap_or_default();
        !word.is_empty() && self.lower.contains(&word.to_lowercase())
    }

    fn word(&mut self) -> String {
        let word = self.words.get(self.next_word).or_else(|| self.words.last()).cloned();
        self.next_word = self.next_word.saturating_add(1).min(self.words.len());
        word.unwrap_or_else(|| "example".to_owned())
    }

    fn number(&mut self) -> f64 {
        let number = self.numbers.get(self.next_number).or_else(|| self.numbers.last()).copied();
        self.next_number = self.next_number.saturating_add(1);
        number.unwrap_or(1.0)
    }
}

/// Quoted texts and capitalised words inside sentences (several in a row are one name), then the
/// capitalised words that open a sentence.
fn names(text: &str) -> (Vec<String>, Vec<String>) {
    let quoted = text.split(['"', '`']).skip(1).step_by(2).filter(|quoted| !quoted.is_empty());
    let mut found: Vec<String> = quoted.map(str::to_owned).collect();
    let mut openers = Vec::new();
    let known = topics(text);
    let (mut opening, mut joins) = (true, false);
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let named = bare.chars().next().is_some_and(char::is_uppercase)
            && (joins || known.iter().any(|t| bare.starts_with(t.as_str())));
        if let (true, Some(last)) = (named && joins, found.last_mut()) {
            last.push(' ');
            last.push_str(bare);
        } else if named && opening {
            openers.push(bare.to_owned());
        } else if named && !found.iter().any(|f| f == bare) {
            found.push(bare.to_owned());
        }
        joins = named && !opening && word.ends_with(bare);
        opening = word.ends_with(['.', '!', '?', ':']);
    }
    (found, openers)
}

/// A value that satisfies the schema.
pub(crate) fn fill(schema: &Value, material: &mut Material) -> Value {
    Filler { root: schema, material }.value(schema, 0)
}

struct Filler<'a, 'm> {
    root: &'a Value,
    material: &'m mut Material,
}

impl<'a> Filler<'a, '_> {
    fn value(&mut self, schema: &'a Value, depth: usize) -> Value {
        self.material.nodes += 1;
        if self.material.nodes > NODES || self.material.bytes > BYTES || depth > 4 * DEEP {
            return Value::Null;
        }
        if let Some(target) = self.target(schema) {
            return self.value(target, depth + 1);
        }
        if let Some(only) = schema.get("const") {
            return self.copy(only);
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            let pick = values.iter().find(|value| self.material.mentions(value));
            let pick = pick.or_else(|| values.iter().find(|value| !value.is_null()));
            return pick.or(values.first()).map_or(Value::Null, |value| self.copy(value));
        }
        for union in ["anyOf", "oneOf"] {
            if let Some(options) = schema.get(union).and_then(Value::as_array) {
                let null = |option: &&Value| kind(option) == "null";
                let small = options.iter().find(null).filter(|_| depth >= DEEP);
                let pick = small.or_else(|| options.iter().find(|o| !null(o))).or(options.first());
                return pick.map_or(Value::Null, |option| self.value(option, depth + 1));
            }
        }
        match kind(schema) {
            _ if depth >= DEEP && allows_null(schema) => Value::Null,
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" => Value::String(self.string(schema)),
            "integer" => number(schema, self.material.number().round(), true),
            "number" => number(schema, self.material.number(), false),
            "boolean" => Value::Bool(!self.material.lower.contains(" not ")),
            _ => Value::Null,
        }
    }

    fn copy(&mut self, value: &Value) -> Value {
        self.material.bytes += value.to_string().len();
        value.clone()
    }

    fn target(&self, schema: &Value) -> Option<&'a Value> {
        let pointer = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
        self.root.pointer(pointer)
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> Value {
        let required = schema.get("required").and_then(Value::as_array);
        let required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
        let mut object = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            if depth < DEEP || required(name) {
                self.material.bytes += name.len();
                object.insert(name.clone(), self.value(property, depth + 1));
            }
        }
        Value::Object(object)
    }

    fn array(&mut self, schema: &'a Value, depth: usize) -> Value {
        let items = schema.get("items").unwrap_or(&Value::Null);
        let items = self.target(items).unwrap_or(items);
        let (least, most) = sizes(schema, "minItems", "maxItems");
        let wanted = match kind(items) {
            _ if depth >= DEEP => least,
            "string" if items.get("enum").is_none() => self.material.names.len().clamp(1, 3),
            _ => 1,
        };
        let count = wanted.max(least).min(most).min(NODES);
        Value::Array((0..count).map(|_| self.value(items, depth + 1)).collect())
    }

    fn string(&mut self, schema: &Value) -> String {
        let fixed = match schema.get("format").and_then(Value::as_str) {
            Some("date") => "2025-01-31",
            Some("date-time") => "2025-01-31T09:30:00Z",
            Some("email") => "someone@example.com",
            Some("uri") => "https://example.com/",
            Some("uuid") => "123e4567-e89b-42d3-a456-426614174000",
            _ => "",
        };
        let word = if fixed.is_empty() { self.material.word() } else { fixed.to_owned() };
        let (least, most) = sizes(schema, "minLength", "maxLength");
        let missing = least.saturating_sub(word.chars().count()).min(65_536);
        let padded = word.chars().chain(std::iter::repeat_n('.', missing));
        let text: String = padded.take(most).collect();
        self.material.bytes += text.len();
        text
    }
}

fn sizes(schema: &Value, least: &str, most: &str) -> (usize, usize) {
    let size = |keyword| schema.get(keyword)?.as_u64().and_then(|n| usize::try_from(n).ok());
    (size(least).unwrap_or(0), size(most).unwrap_or(usize::MAX))
}

/// The type to produce: the first that is not `null`, or what the keywords imply.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(one)) => one,
        Some(Value::Array(several)) => {
            let mut types = several.iter().filter_map(Value::as_str);
            types.find(|name| *name != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

fn allows_null(schema: &Value) -> bool {
    let types = schema.get("type").and_then(Value::as_array);
    types.is_some_and(|types| types.iter().any(|name| name == "null"))
}

fn number(schema: &Value, wanted: f64, whole: bool) -> Value {
    let bound = |keyword| schema.get(keyword).and_then(Value::as_f64);
    let step = bound("multipleOf").filter(|step| *step > 0.0);
    let nudge = step.unwrap_or(if whole { 1.0 } else { 0.5 });
    let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|least| least + nudge));
    let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|most| most - nudge));
    let mut value = wanted.min(most.unwrap_or(f64::MAX)).max(least.unwrap_or(f64::MIN));
    if let Some(step) = step {
        value = (value / step).floor() * step;
        if least.is_some_and(|least| value < least) {
            value += step;
        }
    }
    // Within the range where every whole number is exact, so that the cast changes nothing.
    if value.fract() == 0.0 && value.abs() < 9e15 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_has_its_properties_filled_from_the_text() {
        let schema = json!({"type": "object", "required": ["city", "unit", "days"], "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["fahrenheit", "celsius"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 7},
        }});
        let mut material = Material::new("What will the weather be in New York over the next 12 days, in Celsius?");
        assert_eq!(fill(&schema, &mut material), json!({"city": "New York", "unit": "celsius", "days": 7}));
    }

    #[test]
    fn references_unions_and_lists_are_followed() {
        let schema = json!({
        "type": "object", "required": ["people", "where"], "$defs": {"person": {"type": "object",
            "required": ["name", "age"], "properties": {"name": {"type": "string"}, "age": {"type": ["number", "null"]}}}},
        "properties": {
            "people": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/person"}},
            "where": {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 3}]},
        }});
        let value = fill(&schema, &mut Material::new("Take Alice, 30.5, and Bob, 41, to the Zoo"));
        assert_eq!(
            value,
            json!({"people": [{"name": "Alice", "age": 30.5}, {"name": "Bob", "age": 41}], "where": "Zoo"})
        );
    }

    #[test]
    fn recursion_ends_where_the_schema_lets_it() {
        let schema = json!({"type": "object", "required": ["value", "next", "all"], "properties": {
            "value": {"type": "integer"},
            "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
            "all": {"type": "array", "items": {"$ref": "#"}},
        }});
        let text = fill(&schema, &mut Material::new("")).to_string();
        assert!(text.contains("\"next\":null") && text.contains("\"all\":[]"), "{text}");
        let endless = json!({"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]});
        assert!(fill(&endless, &mut Material::new("")).is_object());
    }

    #[test]
    fn a_value_has_at_most_a_megabyte_of_text_and_one_text_more() {
        let long = "n".repeat(100_000);
        for items in [
            json!({"type": "string", "minLength": 65_536}),
            json!({"const": long}),
            json!({"enum": [long]}),
            json!({"properties": {long.clone(): {"type": "integer"}}}),
        ] {
            let schema = json!({"type": "array", "minItems": 1_900, "items": items});
            let length = fill(&schema, &mut Material::new("")).to_string().len();
            assert!((BYTES..2 * BYTES).contains(&length), "{length}");
        }
    }

    #[test]
    fn numbers_keep_their_bounds() {
        assert_eq!(number(&json!({"exclusiveMinimum": 3}), 1.0, true), json!(4));
        assert_eq!(number(&json!({"multipleOf": 5, "minimum": 6}), 7.0, true), json!(10));
        assert_eq!(number(&json!({"maximum": 0.25}), 1.0, false), json!(0.25));
    }
}
