//! Structured outputs: whether the model has them, and whether a schema is one that strict mode takes.

use super::{Check, is_name};
use crate::model::Parameter;
use crate::request::format::ResponseFormatType;
use crate::request::schema::lint_schema;
use crate::request::violation::{Rule, Violation};

pub(super) fn structured_outputs(check: &Check<'_>, found: &mut Vec<Violation>) {
    if !check.refuses(Parameter::StructuredOutputs) {
        return;
    }
    if check.body.asks_for_schema() {
        found.push(Violation::new(
            "response_format",
            Rule::UnsupportedParameter,
            format!("{} does not follow a JSON schema: describe the format in a message", check.model),
        ));
    }
    for (path, _) in check.functions().filter(|(_, function)| function.strict == Some(true)) {
        found.push(Violation::new(
            format!("{path}.strict"),
            Rule::UnsupportedParameter,
            format!("{} has no strict functions: leave strict out", check.model),
        ));
    }
}

/// Strict mode knows a part of JSON Schema; [`schema`](crate::request::schema) says which.
pub(super) fn strict(check: &Check<'_>, found: &mut Vec<Violation>) {
    let format = check.body.response_format.iter();
    let format = format
        .filter_map(|format| format.json_schema.as_ref())
        .filter(|format| format.strict == Some(true))
        .filter_map(|format| Some(("response_format.json_schema.schema".to_owned(), format.schema.as_ref()?)));
    let functions = check
        .functions()
        .filter(|(_, function)| function.strict == Some(true))
        .filter_map(|(path, function)| Some((format!("{path}.parameters"), function.parameters.as_ref()?)));
    for (path, schema) in format.chain(functions) {
        for finding in lint_schema(schema) {
            found.push(Violation::new(
                format!("{path}{}", finding.pointer()),
                Rule::StrictSchema,
                finding.message().to_owned(),
            ));
        }
    }
}

/// A schema has a name, in both modes.
pub(super) fn format(check: &Check<'_>, found: &mut Vec<Violation>) {
    let Some(format) = &check.body.response_format else {
        return;
    };
    if format.kind != Some(ResponseFormatType::JsonSchema)
        || format.extra().is_some_and(|extra| extra.contains_key("json_schema"))
    {
        return;
    }
    let Some(schema) = &format.json_schema else {
        found.push(Violation::new(
            "response_format.json_schema",
            Rule::RequiredParameter,
            "the format json_schema has no schema: pass json_schema with a name and a schema",
        ));
        return;
    };
    let name = schema.name.as_deref().unwrap_or_default();
    let unread = schema.extra().is_some_and(|extra| extra.contains_key("name"));
    if !unread && !is_name(name) {
        found.push(Violation::new(
            "response_format.json_schema.name",
            Rule::InvalidName,
            "a schema's name is 1 to 64 letters, digits, '_' or '-'",
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{ask, ask_any, assert_fine, assert_refused, assert_told, read};
    use super::*;
    use crate::model::Model;
    use crate::request::{ResponseFormat, Tool};

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {"age": {"type": "integer"}},
            "required": ["age"],
            "additionalProperties": false
        })
    }

    #[test]
    fn older_models_follow_no_schema() {
        assert_refused(
            ask(Model::GPT_4O_2024_05_13).response_format(ResponseFormat::json_schema("a", schema())),
            "response_format",
            Rule::UnsupportedParameter,
            "gpt-4o-2024-05-13 does not follow a JSON schema: describe the format in a message",
        );
        assert_refused(
            ask(Model::GPT_4O_2024_05_13).tool(Tool::function("f")).tool(Tool::function("g").strict(true)),
            "tools[1].function.strict",
            Rule::UnsupportedParameter,
            "gpt-4o-2024-05-13 has no strict functions: leave strict out",
        );
        for format in [ResponseFormat::text(), ResponseFormat::json_object()] {
            assert_fine(ask(Model::GPT_4O_2024_05_13).user("as JSON").response_format(format));
        }
        assert_fine(ask(Model::GPT_4O_2024_05_13).tool(Tool::function("f").strict(false)));
    }

    #[test]
    fn models_that_have_it_follow_one() {
        for model in [Model::GPT_4O_2024_08_06, Model::O1_2024_12_17, Model::GPT_4O_MINI_2024_07_18] {
            let format = ResponseFormat::json_schema("a", schema()).strict(true);
            assert_fine(ask(model).response_format(format).tool(Tool::function("f").strict(true).parameters(schema())));
        }
    }

    #[test]
    fn strict_schemas_are_checked_place_by_place() {
        let loose =
            json!({"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]});
        let minimum = "strict mode does not support `minimum`: say it in `description`, or check it in your code";
        let format = ResponseFormat::json_schema("a", loose.clone()).strict(true);
        let request = ask_any().response_format(format).build_unchecked();
        let told = request.violations(None, None);
        let places: Vec<&str> = told.iter().map(Violation::parameter).collect();
        assert_eq!(
            places,
            ["response_format.json_schema.schema", "response_format.json_schema.schema/properties/age/minimum"]
        );
        assert!(told.iter().all(|violation| violation.rule() == Rule::StrictSchema));
        assert_eq!(told[1].message(), minimum);

        let request = ask_any()
            .tool(Tool::custom("c"))
            .tool(Tool::function("f").strict(true).parameters(loose.clone()))
            .build_unchecked();
        let told = request.violations(None, None);
        assert_eq!(told[1].parameter(), "tools[1].function.parameters/properties/age/minimum");

        for strict in [
            ResponseFormat::json_schema("a", loose.clone()),
            ResponseFormat::json_schema("a", loose.clone()).strict(false),
        ] {
            assert_fine(ask_any().response_format(strict));
        }
        assert_fine(ask_any().tool(Tool::function("f").parameters(loose)));
    }

    #[cfg(feature = "schemars")]
    #[test]
    fn what_a_rust_type_cannot_say_strictly_is_told() {
        #[derive(schemars::JsonSchema)]
        #[expect(dead_code, reason = "only described, never made")]
        struct Loose {
            name: String,
            v: Value,
        }
        let message = "the schema does not say what it holds: give it a type";
        assert_refused(
            ask_any().response_format(ResponseFormat::json_schema_for::<Loose>()),
            "response_format.json_schema.schema/properties/v",
            Rule::StrictSchema,
            message,
        );
        assert_refused(
            ask_any().tool(Tool::function_for::<Loose>("f")),
            "tools[0].function.parameters/properties/v",
            Rule::StrictSchema,
            message,
        );
    }

    #[cfg(feature = "schemars")]
    #[test]
    fn a_rust_type_with_defaults_is_taken() {
        #[derive(schemars::JsonSchema)]
        #[expect(dead_code, reason = "only described, never made")]
        struct Settings {
            name: String,
            #[schemars(default)]
            retries: u32,
        }
        assert_fine(ask_any().response_format(ResponseFormat::json_schema_for::<Settings>()));
    }

    #[test]
    fn a_schema_has_a_name_the_service_takes() {
        let message = "a schema's name is 1 to 64 letters, digits, '_' or '-'";
        for name in ["", "two words", "größe", &"a".repeat(65)] {
            assert_refused(
                ask_any().response_format(ResponseFormat::json_schema(name, schema())),
                "response_format.json_schema.name",
                Rule::InvalidName,
                message,
            );
        }
        assert_fine(ask_any().response_format(ResponseFormat::json_schema("a_B-9".repeat(12), schema())));
    }

    #[test]
    fn a_schema_format_brings_its_schema() {
        let with =
            |format: Value| read(json!({"model": "d", "messages": [{"role": "user"}], "response_format": format}));
        assert_told(
            &with(json!({"type": "json_schema", "json_schema": null})),
            &[(
                "response_format.json_schema",
                Rule::RequiredParameter,
                "the format json_schema has no schema: pass json_schema with a name and a schema",
            )],
        );
        assert_told(
            &with(json!({"type": "json_schema", "json_schema": 5})),
            &[("response_format.json_schema", Rule::WrongType, "json_schema cannot be this number: pass an object")],
        );
        assert_told(&with(json!({"type": "tomorrow"})), &[]);
    }
}
