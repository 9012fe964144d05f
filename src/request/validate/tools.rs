//! Tools: whether the model calls them, and whether the conversation's calls and results fit together.

use super::Check;
use crate::model::Parameter;
use crate::request::violation::{Rule, Violation};
use crate::response::Role;

/// The service answers `empty_array`, for `functions` in other words; what it does with an empty `stop` differs
/// from report to report.
pub(super) fn empty_lists(check: &Check<'_>, found: &mut Vec<Violation>) {
    let mut told = |parameter: String, name: &str| {
        let message = format!("an empty list is refused by the service: leave {name} out");
        found.push(Violation::new(parameter, Rule::UnsupportedValue, message));
    };
    if check.body.tools.as_ref().is_some_and(|tools| tools.is_empty()) {
        told("tools".to_owned(), "tools");
    }
    if check.body.functions.as_ref().is_some_and(|functions| functions.is_empty()) {
        told("functions".to_owned(), "functions");
    }
    for (at, message) in check.messages() {
        if message.tool_calls.as_ref().is_some_and(|calls| calls.is_empty()) {
            told(format!("messages[{at}].tool_calls"), "tool_calls");
        }
    }
}

/// Models before function calling, and the first of the o-series. An empty list offers nothing.
pub(super) fn offered(check: &Check<'_>, found: &mut Vec<Violation>) {
    if !check.refuses(Parameter::Tools) {
        return;
    }
    for (name, offered) in [("tools", check.body.has_tools()), ("functions", check.body.has_functions())] {
        if offered {
            let message = format!("{} does not call tools: leave {name} out", check.model);
            found.push(Violation::new(name, Rule::UnsupportedParameter, message));
        }
    }
}

pub(super) fn in_parallel(check: &Check<'_>, found: &mut Vec<Violation>) {
    if check.body.parallel_tool_calls == Some(true) && check.refuses(Parameter::ParallelToolCalls) {
        found.push(Violation::new(
            "parallel_tool_calls",
            Rule::UnsupportedParameter,
            format!("{} calls one tool at a time: leave parallel_tool_calls out", check.model),
        ));
    }
}

/// A choice is among something.
pub(super) fn choice(check: &Check<'_>, found: &mut Vec<Violation>) {
    if check.body.tool_choice.is_some() && !check.body.has_tools() && !check.is_unread("tools") {
        found.push(Violation::new(
            "tool_choice",
            Rule::Contradiction,
            "tool_choice needs tools: add .tool(..), or leave tool_choice out",
        ));
    }
}

/// A tool's result answers a call made earlier in the conversation.
pub(super) fn results(check: &Check<'_>, found: &mut Vec<Violation>) {
    let mut called: Vec<&str> = Vec::new();
    for (at, message) in check.messages() {
        let unread = |member| message.extra().is_some_and(|extra| extra.contains_key(member));
        if unread("tool_calls") || message.tool_calls().iter().any(|call| call.id.is_none()) {
            // told as a wrong type; which calls were made is not known from here on
            return;
        }
        called.extend(message.tool_calls().iter().map(|call| call.id()));
        if message.role != Some(Role::Tool) || unread("tool_call_id") {
            continue;
        }
        let parameter = format!("messages[{at}].tool_call_id");
        match message.tool_call_id.as_deref() {
            None | Some("") => found.push(Violation::new(
                parameter,
                Rule::RequiredParameter,
                "a tool message names the call it answers: pass the id of the tool call",
            )),
            Some(id) if !called.contains(&id) => found.push(Violation::new(
                parameter,
                Rule::Contradiction,
                "no earlier assistant message made this tool call: put the answer with its tool calls before it",
            )),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ask, ask_any, assert_fine, assert_refused, assert_told, read};
    use super::*;
    use crate::model::{Model, ReasoningEffort};
    use crate::request::{Message, Tool, ToolChoice};

    #[test]
    fn a_model_that_calls_no_tools_gets_none() {
        for (tool, id) in [(Tool::function("f"), "o1-mini-2024-09-12"), (Tool::custom("c"), "gpt-35-turbo-0301")] {
            assert_refused(
                ask(id.parse().unwrap()).tool(tool),
                "tools",
                Rule::UnsupportedParameter,
                &format!("{id} does not call tools: leave tools out"),
            );
        }
        assert_told(
            &read(json!({
                "model": "gpt-4-0314", "messages": [{"role": "user"}],
                "functions": [{"name": "f"}], "function_call": {"name": "f"}
            })),
            &[("functions", Rule::UnsupportedParameter, "gpt-4-0314 does not call tools: leave functions out")],
        );
        assert_fine(ask(Model::O1_MINI_2024_09_12).tools([]));
    }

    #[test]
    fn a_list_in_json_holds_something() {
        assert_told(
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
            ask(Model::O1_2024_12_17)
                .tool(Tool::function("f"))
                .tool_choice(ToolChoice::function("f"))
                .reasoning_effort(ReasoningEffort::Low),
        );
    }

    #[test]
    fn some_models_call_one_tool_at_a_time() {
        let o1 = || ask(Model::O1_2024_12_17).tool(Tool::function("f"));
        assert_refused(
            o1().parallel_tool_calls(true),
            "parallel_tool_calls",
            Rule::UnsupportedParameter,
            "o1-2024-12-17 calls one tool at a time: leave parallel_tool_calls out",
        );
        assert_fine(o1().parallel_tool_calls(false));
        assert_fine(ask(Model::GPT_4O_2024_08_06).tool(Tool::function("f")).parallel_tool_calls(true));
    }

    #[test]
    fn a_choice_needs_something_to_choose() {
        let message = "tool_choice needs tools: add .tool(..), or leave tool_choice out";
        for choice in [ToolChoice::none(), ToolChoice::auto(), ToolChoice::required(), ToolChoice::function("f")] {
            for asked in [ask_any(), ask_any().tools([])] {
                assert_refused(asked.tool_choice(choice.clone()), "tool_choice", Rule::Contradiction, message);
            }
            assert_fine(ask_any().tool(Tool::function("f")).tool_choice(choice));
        }
        assert_told(
            &read(json!({"model": "d", "messages": [{"role": "user"}], "tools": 5, "tool_choice": "auto"})),
            &[("tools", Rule::WrongType, "tools cannot be this number: pass a list of objects")],
        );
    }

    #[test]
    fn a_result_names_its_call() {
        for message in [
            json!({"role": "tool", "content": "1"}),
            json!({"role": "tool", "content": "1", "tool_call_id": ""}),
            json!({"role": "tool", "content": "1", "tool_call_id": null}),
        ] {
            assert_told(
                &read(json!({"model": "d", "messages": [message]})),
                &[(
                    "messages[0].tool_call_id",
                    Rule::RequiredParameter,
                    "a tool message names the call it answers: pass the id of the tool call",
                )],
            );
        }
    }

    #[test]
    fn a_result_follows_its_call() {
        let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let calls: Message = serde_json::from_value(json!({"role": "assistant", "tool_calls": [call]})).unwrap();
        assert_fine(ask_any().message(calls.clone()).tool_result("c1", "1"));
        for asked in [ask_any().tool_result("c1", "1"), ask_any().tool_result("c1", "1").message(calls.clone())] {
            assert_refused(
                asked,
                "messages[1].tool_call_id",
                Rule::Contradiction,
                "no earlier assistant message made this tool call: put the answer with its tool calls before it",
            );
        }
        assert_refused(
            ask_any().message(calls).tool_result("c2", "1"),
            "messages[2].tool_call_id",
            Rule::Contradiction,
            "no earlier assistant message made this tool call: put the answer with its tool calls before it",
        );
    }

    #[test]
    fn calls_that_cannot_be_read_accuse_no_result() {
        assert_told(
            &read(json!({"model": "d", "messages": [
                {"role": "assistant", "tool_calls": "c1"},
                {"role": "tool", "content": "1", "tool_call_id": "c1"}
            ]})),
            &[(
                "messages[0].tool_calls",
                Rule::WrongType,
                "tool_calls cannot be a string: pass a list of calls with id, type and function",
            )],
        );
    }
}
