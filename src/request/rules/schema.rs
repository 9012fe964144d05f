//! The rules about JSON answers: `response_format`, and strict schemas there and in `tools`.

use std::fmt::Display;

use serde_json::Value;

use super::rule::{Check, Findings, is_name, is_unread};
use crate::model::Parameter;
use crate::request::Message;
use crate::request::response_format::ResponseFormatType;
use crate::request::schema::{SchemaFinding, lint_schema};
use crate::request::violation::Rule;

pub(super) fn structured_outputs(check: &Check<'_>, found: &mut Findings<'_>) {
    if !check.refuses(Parameter::StructuredOutputs) {
        return;
    }
    if check.body.asks_for_schema() {
        let problem = "does not follow a JSON schema: describe the format in a message";
        found.add_of_model("response_format", Rule::UnsupportedParameter, problem);
    }
    for (path, _) in check.functions().filter(|(_, function)| function.strict == Some(true)) {
        let problem = "has no strict functions: leave strict out";
        found.add_of_model(format!("{path}.strict"), Rule::UnsupportedParameter, problem);
    }
}

/// Strict mode supports the part of JSON Schema that [`schema`](crate::request::schema) lists.
pub(super) fn strict(check: &Check<'_>, found: &mut Findings<'_>) {
    for (place, finding) in schema_findings(check).into_iter().filter(|(_, finding)| !finding.is_advice()) {
        found.add(format!("{place}{}", finding.pointer()), Rule::StrictSchema, finding.message());
    }
}

/// What only the documentation refuses in strict schemas: one advice for each keyword or limit of a schema, at its
/// first place.
pub(super) fn documented(check: &Check<'_>, found: &mut Findings<'_>) {
    let mut kinds: Vec<(String, SchemaFinding, usize)> = Vec::new();
    for (place, finding) in schema_findings(check).into_iter().filter(|(_, finding)| finding.is_advice()) {
        match kinds.iter_mut().find(|(of, first, _)| *of == place && first.message() == finding.message()) {
            Some((.., more)) => *more += 1,
            None => kinds.push((place, finding, 0)),
        }
    }
    for (place, first, more) in kinds {
        let more = if more == 0 { String::new() } else { format!(" ({more} more in this schema)") };
        let message = format!("{}{more}", first.message());
        found.add(format!("{place}{}", first.pointer()), Rule::Advice, message);
    }
}

/// The findings in each strict schema, with the parameter that holds it.
fn schema_findings(check: &Check<'_>) -> Vec<(String, SchemaFinding)> {
    let mut findings = Vec::new();
    let mut lint = |place: &dyn Display, schema: Option<&Value>| {
        let found = schema.map(lint_schema).into_iter().flatten();
        findings.extend(found.map(|finding| (place.to_string(), finding)));
    };
    let format = check.body.response_format.as_ref().and_then(|format| format.json_schema.as_ref());
    if let Some(format) = format.filter(|format| format.strict == Some(true)) {
        lint(&"response_format.json_schema.schema", format.schema.as_ref());
    }
    for (place, function) in check.functions().filter(|(_, function)| function.strict == Some(true)) {
        lint(&format_args!("{place}.parameters"), function.parameters.as_ref());
    }
    findings
}

/// `json_schema` has a `schema` and a valid `name`, in strict mode and without.
pub(super) fn format(check: &Check<'_>, found: &mut Findings<'_>) {
    let Some(format) = &check.body.response_format else {
        return;
    };
    if format.kind != Some(ResponseFormatType::JsonSchema) || is_unread(format.extra(), "json_schema") {
        return;
    }
    let Some(schema) = &format.json_schema else {
        let message = "the format json_schema has no schema: pass json_schema with a name and a schema";
        found.add("response_format.json_schema", Rule::RequiredParameter, message);
        return;
    };
    let name = schema.name.as_deref().unwrap_or_default();
    if !is_unread(schema.extra(), "name") && !is_name(name) {
        let message = "a schema's name is 1 to 64 letters, digits, '_' or '-'";
        found.add("response_format.json_schema.name", Rule::InvalidName, message);
    }
}

/// The service answers `'messages' must contain the word 'json' in some form`.
pub(super) fn json_object(check: &Check<'_>, found: &mut Findings<'_>) {
    let kind = check.body.response_format.as_ref().and_then(|format| format.kind.as_ref());
    let messages = check.request.messages();
    if kind == Some(&ResponseFormatType::JsonObject) && !messages.is_empty() && !contains_json(messages) {
        found.add(
            "messages",
            Rule::Contradiction,
            "the format json_object needs the word \"json\" in a message: say in one that the answer is JSON, or use a \
             JSON schema",
        );
    }
}

/// Whether the messages contain the word anywhere: in which members the service searches for it is not documented.
fn contains_json(messages: &[Message]) -> bool {
    let json = serde_json::to_vec(messages).unwrap_or_default();
    json.windows(4).any(|letters| letters.eq_ignore_ascii_case(b"json"))
}

/// Parallel tool calls may break a strict schema, by the page on structured outputs.
pub(super) fn in_parallel(check: &Check<'_>, found: &mut Findings<'_>) {
    let is_strict = check.functions().any(|(_, function)| function.strict == Some(true));
    let follows_schema = is_strict || (check.body.asks_for_schema() && check.body.offers_tools());
    let may_be_parallel = check.body.parallel_tool_calls != Some(false) && !check.refuses(Parameter::ParallelToolCalls);
    if follows_schema && may_be_parallel {
        let message = "a JSON schema is not kept in parallel tool calls: set .parallel_tool_calls(false)";
        found.add("parallel_tool_calls", Rule::Advice, message);
    }
}

/// Structured outputs are not supported with On Your Data, by the page on structured outputs.
pub(super) fn with_data_sources(check: &Check<'_>, found: &mut Findings<'_>) {
    if check.body.asks_for_schema() && check.body.data_sources.is_some() {
        let message = "a JSON schema is not kept together with data_sources";
        found.add("response_format", Rule::Advice, message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{
        assert_advised, assert_fine, assert_refused, assert_violations, read, request_to, request_to_any,
    };
    use super::*;
    use crate::model::{ApiVersion, Deployment, Model};
    use crate::request::violation::Violation;
    use crate::request::{
        Advice, ChatCompletionRequest, ChatCompletionRequestBuilder, ContentPart, DataSource, DataSourceAuthentication,
        ResponseFormat, Tool,
    };
    use crate::response::ToolCall;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {"age": {"type": "integer"}},
            "required": ["age"],
            "additionalProperties": false
        })
    }

    #[test]
    fn the_word_json_counts_wherever_a_message_has_it() {
        let asking = |message: Value| -> ChatCompletionRequest {
            read(json!({"model": "gpt-4o", "messages": [message], "response_format": {"type": "json_object"}}))
        };
        for message in [
            json!({"role": "user", "content": "as Json"}),
            json!({"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "JSON"}]}),
            json!({"role": "user", "content": {"note": "json"}}),
            json!({"role": "user", "content": "hi", "json": true}),
            json!({"role": "user", "content": "hi", "tomorrow": ["json"]}),
            json!({"role": "user", "content": "hi", "name": "json"}),
        ] {
            let violations = asking(message.clone()).violations(None, None);
            assert!(violations.iter().all(|found| found.rule() != Rule::Contradiction), "{message}");
        }
        let without = asking(json!({"role": "user", "content": "js on"})).violations(None, None);
        assert_eq!(without[0].rule(), Rule::Contradiction);
    }

    #[test]
    fn older_models_follow_no_schema() {
        assert_refused(
            request_to(Model::GPT_4O_2024_05_13).response_format(ResponseFormat::json_schema("a", schema())),
            "response_format",
            Rule::UnsupportedParameter,
            "gpt-4o-2024-05-13 does not follow a JSON schema: describe the format in a message",
        );
        assert_refused(
            request_to(Model::GPT_4O_2024_05_13).tool(Tool::function("f")).tool(Tool::function("g").strict(true)),
            "tools[1].function.strict",
            Rule::UnsupportedParameter,
            "gpt-4o-2024-05-13 has no strict functions: leave strict out",
        );
        for format in [ResponseFormat::text(), ResponseFormat::json_object()] {
            assert_fine(request_to(Model::GPT_4O_2024_05_13).user("as JSON").response_format(format));
        }
        assert_fine(request_to(Model::GPT_4O_2024_05_13).tool(Tool::function("f").strict(false)));
    }

    #[test]
    fn models_that_have_it_follow_one() {
        for model in [Model::GPT_4O_2024_08_06, Model::O1_2024_12_17, Model::GPT_4O_MINI_2024_07_18] {
            let format = ResponseFormat::json_schema("a", schema()).strict(true);
            assert_fine(
                request_to(model).response_format(format).tool(Tool::function("f").strict(true).parameters(schema())),
            );
        }
    }

    #[test]
    fn strict_schemas_are_checked_place_by_place() {
        let loose = json!({
            "type": "object", "required": ["ages"],
            "properties": {"ages": {"type": "array", "items": {"type": "integer"}, "uniqueItems": true}}
        });
        let unique = "strict mode does not support `uniqueItems`: put it into `description`, or check it in your code";
        let format = ResponseFormat::json_schema("a", loose.clone()).strict(true);
        let request = request_to_any().response_format(format).build_unchecked();
        let findings = request.violations(None, None);
        let places: Vec<&str> = findings.iter().map(Violation::parameter).collect();
        assert_eq!(
            places,
            ["response_format.json_schema.schema", "response_format.json_schema.schema/properties/ages/uniqueItems"]
        );
        assert!(findings.iter().all(|violation| violation.rule() == Rule::StrictSchema));
        assert_eq!(findings[1].message(), unique);

        let request = request_to_any()
            .tool(Tool::custom("c"))
            .tool(Tool::function("f").strict(true).parameters(loose.clone()))
            .build_unchecked();
        let findings = request.violations(None, None);
        assert_eq!(findings[1].parameter(), "tools[1].function.parameters/properties/ages/uniqueItems");

        for strict in [
            ResponseFormat::json_schema("a", loose.clone()),
            ResponseFormat::json_schema("a", loose.clone()).strict(false),
        ] {
            assert_fine(request_to_any().response_format(strict));
        }
        assert_fine(request_to_any().tool(Tool::function("f").parameters(loose)));
    }

    #[test]
    fn what_only_the_documentation_refuses_is_advice_once_for_each_keyword() {
        let schema = json!({
            "type": "object", "required": ["age", "size", "name"], "additionalProperties": false,
            "properties": {
                "age": {"type": "integer", "minimum": 0, "maximum": 150},
                "size": {"type": "number", "minimum": 0},
                "name": {"type": "string", "minLength": 1}
            }
        });
        let why =
            "the documentation calls it unsupported; newer models honour it, older and fine-tuned ones refused it";
        let expected = |place: &str| {
            [
                format!("{place}/properties/age/maximum: `maximum`: {why}"),
                format!("{place}/properties/age/minimum: `minimum`: {why} (1 more in this schema)"),
                format!("{place}/properties/name/minLength: `minLength`: {why}"),
            ]
        };
        let findings = |builder: ChatCompletionRequestBuilder| -> Vec<String> {
            let request = builder.parallel_tool_calls(false).build().unwrap();
            let advice = request.advice(&ApiVersion::V1);
            let about_schemas = advice.iter().filter(|advice| advice.parameter().contains('/'));
            about_schemas.map(ToString::to_string).collect()
        };
        let function = |schema: &Value| Tool::function("f").parameters(schema.clone());
        let format = ResponseFormat::json_schema("a", schema.clone());
        let builder = request_to_any().tool(function(&schema));
        assert_eq!(findings(builder.clone()), [""; 0]);
        assert_eq!(findings(builder.clone().response_format(format.clone())), [""; 0]);
        assert_eq!(
            findings(builder.clone().response_format(format.strict(true))),
            expected("response_format.json_schema.schema")
        );
        assert_eq!(findings(builder.tool(function(&schema).strict(true))), expected("tools[1].function.parameters"));
    }

    #[test]
    fn a_schema_that_the_service_takes_and_the_page_does_not_is_sent() {
        let text = json!({"type": "string"});
        let wide: serde_json::Map<String, Value> = (0..589).map(|n| (format!("p{n}"), text.clone())).collect();
        let names: Vec<&String> = wide.keys().collect();
        let wide = json!({"type": "object", "required": names, "properties": wide, "additionalProperties": false});
        let deep = (0..9).fold(text, |inner, _| {
            json!({"type": "object", "required": ["in"], "properties": {"in": inner}, "additionalProperties": false})
        });
        for (schema, message) in [
            (wide, "the schema has 589 properties; the documentation allows 100, and newer models take 5000"),
            (deep, "the object is on level 9; the documentation allows 5, and newer models take 10"),
        ] {
            let format = ResponseFormat::json_schema("a", schema).strict(true);
            let request = request_to_any().response_format(format).build().unwrap();
            let advice = request.advice(&ApiVersion::V1);
            assert_eq!(advice.iter().map(Advice::message).collect::<Vec<_>>(), [message]);
        }
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
            request_to_any().response_format(ResponseFormat::json_schema_for::<Loose>()),
            "response_format.json_schema.schema/properties/v",
            Rule::StrictSchema,
            message,
        );
        assert_refused(
            request_to_any().tool(Tool::function_for::<Loose>("f")),
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
        assert_fine(request_to_any().response_format(ResponseFormat::json_schema_for::<Settings>()));
    }

    #[test]
    fn a_schema_has_a_name_the_service_takes() {
        let message = "a schema's name is 1 to 64 letters, digits, '_' or '-'";
        for name in ["", "two words", "größe", &"a".repeat(65)] {
            assert_refused(
                request_to_any().response_format(ResponseFormat::json_schema(name, schema())),
                "response_format.json_schema.name",
                Rule::InvalidName,
                message,
            );
        }
        assert_fine(request_to_any().response_format(ResponseFormat::json_schema("a_B-9".repeat(12), schema())));
    }

    #[test]
    fn a_schema_format_brings_its_schema() {
        let with =
            |format: Value| read(json!({"model": "d", "messages": [{"role": "user"}], "response_format": format}));
        assert_violations(
            &with(json!({"type": "json_schema", "json_schema": null})),
            &[(
                "response_format.json_schema",
                Rule::RequiredParameter,
                "the format json_schema has no schema: pass json_schema with a name and a schema",
            )],
        );
        assert_violations(
            &with(json!({"type": "json_schema", "json_schema": 5})),
            &[("response_format.json_schema", Rule::WrongType, "json_schema cannot be this number: pass an object")],
        );
        assert_violations(&with(json!({"type": "tomorrow"})), &[]);
    }

    const NO_WORD: &str = "the format json_object needs the word \"json\" in a message: say in one that the answer is JSON, or use a \
         JSON schema";

    #[test]
    fn the_format_json_object_needs_the_word_in_a_message() {
        let builder = |text: &str| {
            let deployment = Deployment::new("d").model(Model::GPT_4O_2024_08_06);
            ChatCompletionRequest::builder(deployment).user(text).response_format(ResponseFormat::json_object())
        };
        for text in ["a list of fruit", "j son", "js on", "jjso n", ""] {
            assert_refused(builder(text), "messages", Rule::Contradiction, NO_WORD);
            assert!(builder(text).adapt().is_err());
        }
        for text in ["as JSON", "some json", "jjson", "jsjson", "a JsonObject, please"] {
            assert_fine(builder(text));
        }
        // wherever it is: instructions, parts, tool calls, names
        assert_fine(builder("fruit").developer("answer in JSON"));
        assert_fine(builder("fruit").message(Message::user_parts([ContentPart::text("as json")])));
        let call = Message::assistant_tool_calls([ToolCall::function("c1", "to_json", "{}")]);
        assert_fine(builder("fruit").message(call).tool_result("c1", "1"));
        assert_fine(builder("fruit").message(Message::user("x").with_name("json")));
        let any = ChatCompletionRequest::builder(Deployment::new("d")).user("fruit");
        assert_fine(any.response_format(ResponseFormat::json_object()));
        assert_fine(request_to(Model::GPT_4O_2024_08_06).response_format(ResponseFormat::text()));
    }

    #[test]
    fn schemas_are_not_kept_in_parallel_calls() {
        let format = || ResponseFormat::json_schema("a", json!({}));
        let message = "a JSON schema is not kept in parallel tool calls: set .parallel_tool_calls(false)";
        let findings = &[("parallel_tool_calls", message)];
        let both = request_to_any().response_format(format()).tool(Tool::function("f"));
        assert_advised(both.clone(), &ApiVersion::V1, findings);
        assert_advised(request_to_any().tool(Tool::function("f").strict(true)), &ApiVersion::V1, findings);
        assert_advised(both.parallel_tool_calls(false), &ApiVersion::V1, &[]);
        assert_advised(request_to_any().response_format(format()), &ApiVersion::V1, &[]);
        assert_advised(
            request_to("gpt-5-pro".parse().unwrap()).response_format(format()).tool(Tool::function("f")),
            &ApiVersion::V1,
            &[],
        );
    }

    #[test]
    fn schemas_are_not_kept_with_data_sources() {
        let source = DataSource::azure_search("https://s", "i", DataSourceAuthentication::api_key("k"));
        assert_advised(
            request_to_any().response_format(ResponseFormat::json_schema("a", json!({}))).data_source(source),
            &ApiVersion::V1_PREVIEW,
            &[("response_format", "a JSON schema is not kept together with data_sources")],
        );
    }
}
