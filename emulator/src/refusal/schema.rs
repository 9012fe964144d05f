//! Errors for strict schemas: the service's text for each finding of the client crate's lint.

use azure_openai_chat::request::schema::{
    MAX_ENUM_VALUES, MAX_NESTING, MAX_PROPERTIES, SchemaFinding, SchemaRule, lint_schema,
};
use serde_json::{Value, json};

use super::azure_error::AzureError;

/// The error for a strict schema that breaks a rule. The parameter is the place of the schema in the body, and behind it
/// the JSON pointer into the schema: `response_format.json_schema.schema/properties/age`.
pub(crate) fn refusal(body: &Value, param: &str) -> AzureError {
    let (place, pointer) = param.split_at(param.find('/').unwrap_or(param.len()));
    let at = super::pointer(place);
    let holder = at.rsplit_once('/').and_then(|(holder, _)| body.pointer(holder));
    let name = holder.and_then(|holder| holder.get("name")?.as_str()).unwrap_or_default();
    let schema = body.pointer(&at).unwrap_or(&Value::Null);
    let findings = lint_schema(schema);
    let finding = findings.iter().find(|finding| !finding.is_advice() && finding.pointer() == pointer);
    let why = finding.map(|finding| azure_text(schema, finding)).unwrap_or_default();
    let is_format = place.starts_with("response_format");
    let what = if is_format { "response_format" } else { "function" };
    let message = format!("Invalid schema for {what} '{name}': {why}");
    match is_format {
        true => AzureError::invalid(message, "response_format", Value::Null),
        false => AzureError::invalid(message, place, "invalid_function_parameters"),
    }
}

/// The service's text for a finding. Recorded are those about keywords, `$ref`, levels, `enum`, closed objects,
/// `required` and lists; the others are unsourced and follow their shape.
fn azure_text(schema: &Value, finding: &SchemaFinding) -> String {
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
    use azure_openai_chat::{ChatCompletionRequest, Message, Rule};
    use serde::Deserialize;

    use super::*;

    fn object(properties: Value) -> Value {
        let names: Vec<&String> = properties.as_object().unwrap().keys().collect();
        json!({"type": "object", "required": names, "properties": properties, "additionalProperties": false})
    }

    /// The error for the first violation.
    fn refused_at_first(body: &Value) -> Option<Value> {
        let request = ChatCompletionRequest::deserialize(body).unwrap().with_deployment("d");
        let violations = request.with_message(Message::user("hi")).violations(None, None);
        let violation = violations.first()?;
        assert_eq!(violation.rule(), Rule::StrictSchema, "{violation}");
        Some(super::refusal(body, violation.parameter()).body["error"].take())
    }

    /// Message, parameter and code for a schema as the format of the answer.
    #[track_caller]
    fn refused(schema: &Value) -> String {
        let format = json!({"name": "n", "strict": true, "schema": schema});
        let body = json!({"response_format": {"type": "json_schema", "json_schema": format}});
        let mut error = refused_at_first(&body).expect("an error");
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
        let error = refused_at_first(&body).unwrap();
        assert_eq!(error["param"], json!("tools[1].function.parameters"));
        assert_eq!(error["code"], json!("invalid_function_parameters"));
        assert_eq!(
            error["message"],
            json!("Invalid schema for function 'f': In context=(), 'minProperties' is not permitted.")
        );
        assert_eq!(refused_at_first(&json!({"tools": [tool(false)]})), None);
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
        assert_eq!(refused_at_first(&json!({"response_format": {"json_schema": format}})), None);
    }
}
