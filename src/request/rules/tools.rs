//! The rules about `tools`, `functions`, `tool_choice` and `parallel_tool_calls`.

use serde_json::Value;

use super::rule::{Check, Findings, is_name, is_unread};
use crate::model::{Capabilities, Parameter};
use crate::request::tool::{Tool, ToolChoice};
use crate::request::violation::Rule;

/// The service answers `empty_array` for `tools` and `tool_calls`, and another 400 for `functions`. Reports differ about
/// an empty `stop`, which therefore passes.
pub(super) fn empty_lists(check: &Check<'_>, found: &mut Findings<'_>) {
    let mut refuse = |parameter: String, name: &str| {
        let message = format!("an empty list is refused by the service: leave {name} out");
        found.add(parameter, Rule::UnsupportedValue, message);
    };
    if check.body.tools.as_ref().is_some_and(|tools| tools.is_empty()) {
        refuse("tools".to_owned(), "tools");
    }
    if check.body.functions.as_ref().is_some_and(|functions| functions.is_empty()) {
        refuse("functions".to_owned(), "functions");
    }
    for (at, message) in check.messages() {
        if message.fields().tool_calls.as_ref().is_some_and(|calls| calls.is_empty()) {
            refuse(format!("messages[{at}].tool_calls"), "tool_calls");
        }
    }
}

/// `tools` and `functions` on models older than function calling, and on the first of the o-series. Empty lists are
/// the subject of [`empty_lists`].
pub(super) fn offered(check: &Check<'_>, found: &mut Findings<'_>) {
    if !check.refuses(Parameter::Tools) {
        return;
    }
    for (name, offered) in [("tools", check.body.has_tools()), ("functions", check.body.has_functions())] {
        if offered {
            found.add_of_model(name, Rule::UnsupportedParameter, format!("does not call tools: leave {name} out"));
        }
    }
}

/// Reasoning models without parallel tool calls refuse `parallel_tool_calls` with either value; other models without
/// them accept `false`.
pub(super) fn in_parallel(check: &Check<'_>, found: &mut Findings<'_>) {
    let Some(is_wanted) = check.body.parallel_tool_calls else { return };
    if (is_wanted || check.holds(Capabilities::is_reasoning)) && check.refuses(Parameter::ParallelToolCalls) {
        let problem = "calls one tool at a time: leave parallel_tool_calls out";
        found.add_of_model("parallel_tool_calls", Rule::UnsupportedParameter, problem);
    }
}

/// `parallel_tool_calls` (openai/openai-agents-python#4326, UKGovernmentBEIS/inspect_ai#1460) and `tool_choice` require
/// `tools`. One that the model refuses altogether is reported once. Tools are a way out only where no other rule refuses
/// them.
pub(super) fn without_tools(check: &Check<'_>, found: &mut Findings<'_>) {
    if check.body.has_tools() || check.is_unread("tools") {
        return;
    }
    let is_refused = check.refuses(Parameter::Tools) || check.body.prediction.is_some();
    let instead = if is_refused { "" } else { "add .tool(..), or " };
    for (name, is_set) in [
        ("parallel_tool_calls", check.body.parallel_tool_calls.is_some()),
        ("tool_choice", check.body.tool_choice.is_some()),
    ] {
        if is_set && !found.has(name) {
            let message = format!("{name} needs tools: {instead}leave {name} out");
            found.add(name, Rule::Contradiction, message);
        }
    }
}

/// `tool_choice` with a function requires that function in `tools`.
pub(super) fn chosen(check: &Check<'_>, found: &mut Findings<'_>) {
    let (Some(ToolChoice::Only(choice)), Some(tools)) = (&check.body.tool_choice, &check.body.tools) else {
        return;
    };
    let Some(chosen) = choice.function.as_ref().and_then(|function| function.name.as_ref()) else {
        return;
    };
    let may_be = |tool: &Tool| match &tool.function {
        Some(function) => function.name.as_ref() == Some(chosen) || is_unread(function.extra(), "name"),
        None => is_unread(tool.extra(), "function"),
    };
    if !tools.is_empty() && !tools.iter().any(may_be) {
        found.add(
            "tool_choice",
            Rule::Contradiction,
            "tool_choice names a function that is not among tools: add it with .tool(..), or choose one of them",
        );
    }
}

/// The specification limits the names of functions; for custom tools no limit is documented.
pub(super) fn names(check: &Check<'_>, found: &mut Findings<'_>) {
    for (place, function) in check.all_functions() {
        if !is_name(function.name.as_deref().unwrap_or_default()) && !is_unread(function.extra(), "name") {
            let message = "a function's name is 1 to 64 letters, digits, '_' or '-'";
            found.add(format!("{place}.name"), Rule::InvalidName, message);
        }
    }
}

/// The service answers `object schema missing properties`, in strict mode and without
/// (Azure/azure-sdk-for-python#41447). A function without `parameters` has none and is taken.
pub(super) fn objects_without_properties(check: &Check<'_>, found: &mut Findings<'_>) {
    for (place, function) in check.all_functions() {
        let lacks_properties = function.parameters.as_ref().is_some_and(is_object_without_properties);
        if lacks_properties {
            let message = "the schema is an object without properties: add \"properties\": {}, or leave parameters out";
            found.add(format!("{place}.parameters"), Rule::UnsupportedValue, message);
        }
    }
}

/// A schema with `$ref`, `anyOf`, `oneOf` or `allOf` passes: whether the service requires `properties` there is not known.
fn is_object_without_properties(schema: &Value) -> bool {
    let has = |keyword: &str| schema.get(keyword).is_some();
    let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
    is_object && !["properties", "$ref", "anyOf", "oneOf", "allOf"].into_iter().any(has)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{
        assert_advised, assert_fine, assert_refused, assert_violations, model, read, request_to, request_to_any,
    };
    use super::*;
    use crate::model::{ApiVersion, Model, ReasoningEffort};

    #[test]
    fn a_model_that_calls_no_tools_gets_none() {
        for (tool, id) in [(Tool::function("f"), "o1-mini-2024-09-12"), (Tool::custom("c"), "gpt-35-turbo-0301")] {
            assert_refused(
                request_to(id.parse().unwrap()).tool(tool),
                "tools",
                Rule::UnsupportedParameter,
                &format!("{id} does not call tools: leave tools out"),
            );
        }
        assert_violations(
            &read(json!({
                "model": "gpt-4-0314", "messages": [{"role": "user"}],
                "functions": [{"name": "f"}], "function_call": {"name": "f"}
            })),
            &[("functions", Rule::UnsupportedParameter, "gpt-4-0314 does not call tools: leave functions out")],
        );
        assert_fine(request_to(Model::O1_MINI_2024_09_12).tools(Vec::<Tool>::new()));
    }

    #[test]
    fn a_list_in_json_holds_something() {
        assert_violations(
            &read(json!({
                "model": "d", "tools": [], "functions": [], "stop": [],
                "messages": [{"role": "user"}, {"role": "assistant", "content": "a", "tool_calls": []}]
            })),
            &[
                ("tools", Rule::UnsupportedValue, "an empty list is refused by the service: leave tools out"),
                ("functions", Rule::UnsupportedValue, "an empty list is refused by the service: leave functions out"),
                (
                    "messages[1].tool_calls",
                    Rule::UnsupportedValue,
                    "an empty list is refused by the service: leave tool_calls out",
                ),
            ],
        );
    }

    #[test]
    fn a_model_that_calls_tools_gets_them() {
        assert_fine(
            request_to(Model::O1_2024_12_17)
                .tool(Tool::function("f"))
                .tool_choice(ToolChoice::function("f"))
                .reasoning_effort(ReasoningEffort::Low),
        );
    }

    #[test]
    fn some_models_call_one_tool_at_a_time() {
        let o1 = || request_to(Model::O1_2024_12_17).tool(Tool::function("f"));
        assert_refused(
            o1().parallel_tool_calls(true),
            "parallel_tool_calls",
            Rule::UnsupportedParameter,
            "o1-2024-12-17 calls one tool at a time: leave parallel_tool_calls out",
        );
        assert_refused(
            o1().parallel_tool_calls(false),
            "parallel_tool_calls",
            Rule::UnsupportedParameter,
            "o1-2024-12-17 calls one tool at a time: leave parallel_tool_calls out",
        );
        let nano = || request_to(Model::GPT_4_1_NANO_2025_04_14).tool(Tool::function("f"));
        assert_refused(
            nano().parallel_tool_calls(true),
            "parallel_tool_calls",
            Rule::UnsupportedParameter,
            "gpt-4.1-nano-2025-04-14 calls one tool at a time: leave parallel_tool_calls out",
        );
        assert_fine(nano().parallel_tool_calls(false));
        assert_fine(request_to(Model::GPT_4O_2024_08_06).tool(Tool::function("f")).parallel_tool_calls(true));
    }

    #[test]
    fn tools_are_called_in_parallel_or_not_where_there_are_some() {
        let message = "parallel_tool_calls needs tools: add .tool(..), or leave parallel_tool_calls out";
        for wanted in [true, false] {
            for builder in [request_to_any(), request_to_any().tools(Vec::<Tool>::new())] {
                let builder = builder.parallel_tool_calls(wanted);
                assert_refused(builder, "parallel_tool_calls", Rule::Contradiction, message);
            }
        }
        assert_violations(
            &read(json!({"model": "d", "messages": [{"role": "user"}], "tools": 5, "parallel_tool_calls": true})),
            &[("tools", Rule::WrongType, "tools cannot be this number: pass a list of objects")],
        );
    }

    #[test]
    fn a_choice_needs_something_to_choose() {
        let message = "tool_choice needs tools: add .tool(..), or leave tool_choice out";
        for choice in [ToolChoice::none(), ToolChoice::auto(), ToolChoice::required(), ToolChoice::function("f")] {
            for builder in [request_to_any(), request_to_any().tools(Vec::<Tool>::new())] {
                assert_refused(builder.tool_choice(choice.clone()), "tool_choice", Rule::Contradiction, message);
            }
            assert_fine(request_to_any().tool(Tool::function("f")).tool_choice(choice));
        }
        assert_violations(
            &read(json!({"model": "d", "messages": [{"role": "user"}], "tools": 5, "tool_choice": "auto"})),
            &[("tools", Rule::WrongType, "tools cannot be this number: pass a list of objects")],
        );
    }

    #[test]
    fn tools_are_no_way_out_where_they_are_refused_as_well() {
        for builder in [request_to("gpt-4-0314".parse().unwrap()), request_to_any().prediction("x")] {
            let message = "tool_choice needs tools: leave tool_choice out";
            assert_refused(builder.clone().tool_choice("auto"), "tool_choice", Rule::Contradiction, message);
            builder.tool(Tool::function("f")).tool_choice("auto").parallel_tool_calls(true).adapt().unwrap();
        }
        let message = "parallel_tool_calls needs tools: leave parallel_tool_calls out";
        let builder = request_to_any().prediction("x").parallel_tool_calls(false);
        assert_refused(builder, "parallel_tool_calls", Rule::Contradiction, message);
    }

    #[test]
    fn a_function_that_is_chosen_is_offered() {
        let message =
            "tool_choice names a function that is not among tools: add it with .tool(..), or choose one of them";
        let builder = || request_to_any().tool(Tool::function("f")).tool(Tool::custom("c"));
        for name in ["g", "F", "c", ""] {
            assert_refused(
                builder().tool_choice(ToolChoice::function(name)),
                "tool_choice",
                Rule::Contradiction,
                message,
            );
        }
        for choice in [ToolChoice::function("f"), ToolChoice::custom("c"), ToolChoice::auto()] {
            assert_fine(builder().tool_choice(choice));
        }
        let choice = json!({"type": "function", "function": {"name": "g"}});
        assert_violations(
            &read(json!({
                "model": "d", "messages": [{"role": "user"}], "tool_choice": choice,
                "tools": [{"type": "function", "function": {"name": 5}}, {"type": "function", "function": 5}]
            })),
            &[
                ("tools[0].function.name", Rule::WrongType, "name cannot be this number: pass a string"),
                ("tools[1].function", Rule::WrongType, "function cannot be this number: pass an object"),
            ],
        );
    }

    #[test]
    fn a_function_has_a_name_the_service_takes() {
        let message = "a function's name is 1 to 64 letters, digits, '_' or '-'";
        for name in ["", "two words", "größe", "a.b", &"a".repeat(65)] {
            assert_refused(
                request_to_any().tool(Tool::custom("c")).tool(Tool::function(name)),
                "tools[1].function.name",
                Rule::InvalidName,
                message,
            );
        }
        assert_fine(request_to_any().tool(Tool::function("a_B-9".repeat(12))));
        // for the names of custom tools no limit is documented
        assert_fine(request_to_any().tool(Tool::custom("two words")));
        assert_violations(
            &read(json!({"model": "d", "messages": [{"role": "user"}], "functions": [{"name": "a b"}, {}]})),
            &[("functions[0].name", Rule::InvalidName, message), ("functions[1].name", Rule::InvalidName, message)],
        );
    }

    const NO_PROPERTIES: &str =
        "the schema is an object without properties: add \"properties\": {}, or leave parameters out";
    #[test]
    fn a_functions_object_schema_has_properties() {
        let gpt_4o = || request_to(Model::GPT_4O_2024_08_06);
        let bare = json!({"type": "object"});
        for parameters in [bare.clone(), json!({"type": "object", "additionalProperties": true, "required": []})] {
            assert_refused(
                gpt_4o().tool(Tool::custom("c")).tool(Tool::function("f").parameters(parameters)),
                "tools[1].function.parameters",
                Rule::UnsupportedValue,
                NO_PROPERTIES,
            );
        }
        assert_refused(
            gpt_4o().tool(Tool::function("f").strict(true).parameters(json!({
                "type": "object", "additionalProperties": false
            }))),
            "tools[0].function.parameters",
            Rule::UnsupportedValue,
            NO_PROPERTIES,
        );
        assert_violations(
            &read(json!({
                "model": "gpt-4o", "messages": [{"role": "user"}], "functions": [{"name": "f", "parameters": bare}]
            })),
            &[("functions[0].parameters", Rule::UnsupportedValue, NO_PROPERTIES)],
        );
        for fine in [
            json!({}),
            json!({"type": "object", "properties": {}}),
            json!({"type": "object", "properties": {"a": {"type": "object"}}}),
            json!({"type": "object", "anyOf": [{"type": "object", "properties": {}}]}),
            json!({"type": "string"}),
        ] {
            assert_fine(gpt_4o().tool(Tool::function("f").parameters(fine)));
        }
        assert_fine(gpt_4o().tool(Tool::function("f")));
        assert_fine(request_to_any().tool(Tool::function("f").parameters(bare.clone())));
        assert_fine(request_to(model(|unknown| unknown)).tool(Tool::function("f").parameters(bare)));
    }

    #[test]
    fn adapting_gives_an_object_schema_its_properties() {
        let tool = Tool::function("f").parameters(json!({"type": "object"}));
        let adapted = request_to(Model::GPT_4O_2024_08_06).tool(tool).adapt().unwrap();
        let changes: Vec<String> = adapted.adaptations().iter().map(ToString::to_string).collect();
        assert_eq!(changes, ["tools[0].function.parameters: got properties: {}"]);
        let sent = serde_json::to_value(adapted.request()).unwrap();
        assert_eq!(sent["tools"][0]["function"]["parameters"], json!({"type": "object", "properties": {}}));
    }

    #[test]
    fn parallel_tool_calls_are_no_advice_beside_what_is_refused() {
        for builder in [
            request_to_any().parallel_tool_calls(false),
            request_to("gpt-5-pro".parse().unwrap()).tool(Tool::function("f")).parallel_tool_calls(false),
            request_to("gpt-4.1-nano".parse().unwrap()).tool(Tool::function("f")).parallel_tool_calls(false),
        ] {
            assert_advised(builder, &ApiVersion::V1, &[]);
        }
        let one_at_a_time = request_to("gpt-5-pro".parse().unwrap()).tool(Tool::function("f"));
        for refused in [request_to_any().parallel_tool_calls(false), one_at_a_time.parallel_tool_calls(false)] {
            let violations = refused.build_unchecked().violations(None, None);
            assert!(violations.iter().any(|violation| violation.parameter() == "parallel_tool_calls"));
        }
    }
}
