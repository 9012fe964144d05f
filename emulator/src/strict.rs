//! The refusal of a strict schema: what the client crate's lint finds, as Azure writes it.

use azure_openai_chat::request::schema::{
    MAX_ENUM_VALUES, MAX_NESTING, MAX_PROPERTIES, SchemaFinding, SchemaRule, lint_schema,
};
use serde_json::{Value, json};

use super::ask::Ask;
use super::refusals::Refusal;

/// Why the strict schemas of a request are refused, if one is.
pub(super) fn refusal(ask: Ask<'_>) -> Option<Refusal> {
    let format = ask.given("response_format").and_then(|format| format.get("json_schema")).and_then(|format| {
        let words = words(format, "schema", "response_format")?;
        Some(Refusal::invalid(words, "response_format", Value::Null))
    });
    format.or_else(|| {
        ask.list("tools").iter().enumerate().find_map(|(at, tool)| {
            let words = words(tool.get("function")?, "parameters", "function")?;
            Some(Refusal::invalid(words, format!("tools[{at}].function.parameters"), "invalid_function_parameters"))
        })
    })
}

/// What Azure writes about the schema under a member, if it is strict and breaks a rule.
fn words(holder: &Value, member: &str, what: &str) -> Option<String> {
    let schema = holder.get(member).filter(|_| holder.get("strict") == Some(&json!(true)))?;
    let finding = lint_schema(schema).into_iter().find(|finding| !finding.is_advice())?;
    let name = holder.get("name").and_then(Value::as_str).unwrap_or_default();
    Some(format!("Invalid schema for {what} '{name}': {}", in_azures_words(schema, &finding)))
}

/// A finding in Azure's words. Recorded ones are those about keywords, `$ref`, levels, `enum`, closed objects,
/// `required` and lists; the others are written like them.
fn in_azures_words(schema: &Value, finding: &SchemaFinding) -> String {
    let mut steps: Vec<String> =
        finding.pointer().split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let keyword = finding.keyword().unwrap_or_default();
    if finding.keyword().is_some() {
        steps.pop();
    }
    let count = finding.count().unwrap_or_default();
    let what = match finding.rule() {
        SchemaRule::RootObject => {
            let kind = schema.get("type").and_then(Value::as_str).unwrap_or("None");
            return format!("schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'.");
        }
        SchemaRule::Nesting => return format!("{count} levels of nesting exceeds limit of {MAX_NESTING}."),
        SchemaRule::PropertyCount => return at_most(MAX_PROPERTIES, "object properties", count),
        SchemaRule::EnumCount => return at_most(MAX_ENUM_VALUES, "enum values", count),
        SchemaRule::AdditionalProperties => {
            "'additionalProperties' is required to be supplied and to be false.".to_owned()
        }
        rule @ (SchemaRule::Required | SchemaRule::UnknownRequired) => {
            let name = match rule {
                SchemaRule::Required => steps.last().cloned().unwrap_or_default(),
                _ => schema.pointer(finding.pointer()).map(name_of).unwrap_or_default(),
            };
            steps.truncate(steps.len().saturating_sub(2));
            let list = "'required' is required to be supplied and to be an array including every key in properties.";
            match rule {
                SchemaRule::Required => format!("{list} Missing '{name}'."),
                _ => format!("{list} Extra required key '{name}' supplied."),
            }
        }
        SchemaRule::RefSibling => format!("$ref cannot have keywords {{'{keyword}'}}."),
        SchemaRule::UnsupportedType => {
            let kind = schema.pointer(finding.pointer()).map(name_of).unwrap_or_default();
            format!("'{kind}' is not valid under any of the given schemas.")
        }
        SchemaRule::UnresolvedRef => {
            let target = schema.pointer(finding.pointer()).map(name_of).unwrap_or_default();
            format!("reference to component '{target}' which was not found in the schema.")
        }
        SchemaRule::Untyped => match schema.pointer(finding.pointer()) {
            Some(list) if list.get("type") == Some(&json!("array")) => "array schema missing items.".to_owned(),
            _ => "schema must have a 'type' key.".to_owned(),
        },
        _ => format!("'{keyword}' is not permitted."),
    };
    format!("In context={}, {what}", tuple(&steps))
}

fn at_most(limit: usize, of: &str, count: usize) -> String {
    format!("Expected at most {limit} {of} in total within a schema, but received {count}.")
}

fn name_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The place in a schema, as Python prints a tuple.
fn tuple(steps: &[String]) -> String {
    match steps {
        [only] => format!("('{only}',)"),
        several => {
            let quoted: Vec<String> = several.iter().map(|step| format!("'{step}'")).collect();
            format!("({})", quoted.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(properties: Value) -> Value {
        let names: Vec<&String> = properties.as_object().unwrap().keys().collect();
        json!({"type": "object", "required": names, "properties": properties, "additionalProperties": false})
    }

    /// Message, parameter and code for a schema as the format of the answer.
    #[track_caller]
    fn refused(schema: &Value) -> String {
        let format = json!({"name": "n", "strict": true, "schema": schema});
        let body = json!({"response_format": {"type": "json_schema", "json_schema": format}});
        let mut error = refusal(Ask::new(&body)).expect("a refusal").body["error"].take();
        assert_eq!((&error["param"], &error["code"]), (&json!("response_format"), &Value::Null));
        let message = error["message"].take();
        message.as_str().unwrap().strip_prefix("Invalid schema for response_format 'n': ").unwrap().to_owned()
    }

    #[test]
    fn a_schema_is_refused_where_and_as_azure_refuses_it() {
        let in_a = |schema: Value| object(json!({"a": schema}));
        let text = json!({"type": "string"});
        let deep = (0..13).fold(text.clone(), |inner, _| object(json!({"in": inner})));
        let many = |count: usize| json!({"type": "integer", "enum": (0..count).collect::<Vec<_>>()});
        let mut missing = object(json!({"a": text, "b": text}));
        missing["required"] = json!(["a"]);
        let mut extra = in_a(text.clone());
        extra["required"] = json!(["a", "c"]);
        let list = "'required' is required to be supplied and to be an array including every key in properties.";
        for (schema, words) in [
            (
                in_a(json!({"type": "array", "items": text, "uniqueItems": true})),
                "In context=('properties', 'a'), 'uniqueItems' is not permitted.",
            ),
            (
                in_a(json!({"$ref": "#", "description": "again"})),
                "In context=('properties', 'a'), $ref cannot have keywords {'description'}.",
            ),
            (deep, "13 levels of nesting exceeds limit of 10."),
            (in_a(many(1003)), "Expected at most 1000 enum values in total within a schema, but received 1003."),
            (
                json!({"type": "object", "properties": {}}),
                "In context=(), 'additionalProperties' is required to be supplied and to be false.",
            ),
            (
                in_a(json!({"type": "object", "additionalProperties": {"type": "string"}})),
                "In context=('properties', 'a'), 'additionalProperties' is required to be supplied and to be false.",
            ),
            (in_a(missing), &format!("In context=('properties', 'a'), {list} Missing 'b'.")),
            (in_a(extra), &format!("In context=('properties', 'a'), {list} Extra required key 'c' supplied.")),
            (in_a(json!({})), "In context=('properties', 'a'), schema must have a 'type' key."),
            (in_a(json!({"type": "array"})), "In context=('properties', 'a'), array schema missing items."),
            (json!({"type": "string"}), "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"string\"'."),
            (json!({"anyOf": [text]}), "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."),
        ] {
            assert_eq!(refused(&schema), words);
        }
    }

    #[test]
    fn a_strict_function_is_refused_at_its_parameters() {
        let tool = |strict: bool| {
            let parameters = json!({"type": "object", "properties": {}, "minProperties": 1});
            json!({"type": "function", "function": {"name": "f", "strict": strict, "parameters": parameters}})
        };
        let body = json!({"tools": [tool(false), tool(true)]});
        let error = refusal(Ask::new(&body)).unwrap().body["error"].take();
        assert_eq!(error["param"], json!("tools[1].function.parameters"));
        assert_eq!(error["code"], json!("invalid_function_parameters"));
        assert_eq!(
            error["message"],
            json!("Invalid schema for function 'f': In context=(), 'minProperties' is not permitted.")
        );
        assert!(refusal(Ask::new(&json!({"tools": [tool(false)]}))).is_none());
    }

    #[test]
    fn what_azure_honours_against_its_documentation_is_answered() {
        let wide: serde_json::Map<String, Value> =
            (0..400).map(|n| (format!("p{n}"), json!({"type": "integer", "minimum": 0, "maximum": 9}))).collect();
        let deep = (0..9).fold(object(wide.into()), |inner, depth| match depth {
            8 => json!({"type": "array", "items": inner, "minItems": 1, "maxItems": 2}),
            _ => object(json!({"in": inner, "text": {"type": "string", "pattern": "^a", "maxLength": 5}})),
        });
        let schema = object(json!({"list": deep}));
        let format = json!({"name": "n", "strict": true, "schema": schema});
        assert!(refusal(Ask::new(&json!({"response_format": {"json_schema": format}}))).is_none());
    }
}
