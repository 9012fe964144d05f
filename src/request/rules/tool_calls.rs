//! The rules about tool calls in the conversation: each entry of `tool_calls` has its `tool` message right after it, and
//! each `tool` message has its call before it.

use std::collections::HashSet;

use super::rule::{Check, Findings, is_unread};
use crate::request::Message;
use crate::request::violation::Rule;
use crate::response::{Role, ToolCall};

/// How many calls without a result are named; the others are counted.
const NAMED: usize = 3;
/// How long an id may be to be printed. The service's own have about 30 characters.
const PRINTED: usize = 64;

/// The service requires a `tool` message for every entry of `tool_calls` before the next turn, and a call before each.
pub(super) fn results(check: &Check<'_>, found: &mut Findings<'_>) {
    let mut called: HashSet<&str> = HashSet::new();
    let mut all_are_read = true;
    let mut turn = None;
    for (at, message) in check.messages() {
        all_are_read &= has_readable_calls(message);
        called.extend(message.tool_calls().iter().map(ToolCall::id));
        if message.role() != Role::Tool {
            if let Some(turn) = turn.replace(at) {
                missing_results(check.request.messages().get(..at).unwrap_or_default(), turn, found);
            }
            continue;
        }
        let id = message.tool_call_id().unwrap_or_default();
        let parameter = || format!("messages[{at}].tool_call_id");
        if id.is_empty() {
            if !is_unread(message.extra(), "tool_call_id") {
                let message = "a tool message names the call it answers: pass the id of the tool call";
                found.add(parameter(), Rule::RequiredParameter, message);
            }
        } else if all_are_read && !called.contains(id) {
            found.add(
                parameter(),
                Rule::Contradiction,
                "no earlier assistant message made this tool call: put the answer with its tool calls before it",
            );
        }
    }
}

/// Calls at the end of the conversation are checked when the request is sent: until then their results may be added.
pub(super) fn last_results(check: &Check<'_>, found: &mut Findings<'_>) {
    let messages = check.request.messages();
    let last_turn = messages.iter().rposition(|message| message.role() != Role::Tool);
    if let Some(turn) = last_turn.filter(|_| check.api_version.is_some()) {
        missing_results(messages, turn, found);
    }
}

/// A call of a wrong type is reported by [`types::wrong_types`](super::types::wrong_types).
fn has_readable_calls(message: &Message) -> bool {
    !is_unread(message.extra(), "tool_calls") && message.tool_calls().iter().all(|call| !call.id().is_empty())
}

/// The calls of the message at `turn` that none of the messages after it answers.
fn missing_results(messages: &[Message], turn: usize, found: &mut Findings<'_>) {
    let Some((message, results)) = messages.get(turn..).and_then(<[_]>::split_first) else { return };
    if message.role() != Role::Assistant || !has_readable_calls(message) || message.tool_calls().is_empty() {
        return;
    }
    let answered: HashSet<&str> = results.iter().filter_map(Message::tool_call_id).collect();
    let unanswered = |(_, call): &(usize, &ToolCall)| !answered.contains(call.id());
    let mut missing = message.tool_calls().iter().enumerate().filter(unanswered);
    let named: Vec<String> = missing.by_ref().take(NAMED).map(|(at, call)| printed(at, call.id())).collect();
    if named.is_empty() {
        return;
    }
    let more = match missing.count() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    found.add(
        format!("messages[{turn}].tool_calls"),
        Rule::Contradiction,
        format!(
            "no result follows for {}{more}: put a tool message for each right after this turn, such as \
                 .tool_result(id, ..), or leave the calls out",
            named.join(", ")
        ),
    );
}

/// The id of a call if it looks like one, else its place in the list.
fn printed(at: usize, id: &str) -> String {
    if id.len() <= PRINTED && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        id.to_owned()
    } else {
        format!("tool_calls[{at}]")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{assert_fine, assert_refused, assert_violations, read, request_to_any};
    use super::*;
    use crate::model::ApiVersion;
    use crate::request::ChatCompletionRequestBuilder;

    const NO_CALL: &str =
        "no earlier assistant message made this tool call: put the answer with its tool calls before it";

    fn calls(ids: &[&str]) -> Message {
        Message::assistant_tool_calls(ids.iter().map(|id| ToolCall::function(*id, "f", "{}")))
    }

    /// As when a client is about to send.
    #[track_caller]
    fn assert_contradictions_when_sent(builder: ChatCompletionRequestBuilder, expected: &[(&str, &str)]) {
        let violations = builder.build_unchecked().violations(Some(false), Some(&ApiVersion::V1));
        assert!(violations.iter().all(|violation| violation.rule() == Rule::Contradiction));
        let findings: Vec<_> =
            violations.iter().map(|violation| (violation.parameter(), violation.message())).collect();
        assert_eq!(findings, expected);
    }

    fn no_result(ids: &str) -> String {
        format!(
            "no result follows for {ids}: put a tool message for each right after this turn, such as \
             .tool_result(id, ..), or leave the calls out"
        )
    }

    #[test]
    fn a_result_names_its_call() {
        for message in [
            json!({"role": "tool", "content": "1"}),
            json!({"role": "tool", "content": "1", "tool_call_id": ""}),
            json!({"role": "tool", "content": "1", "tool_call_id": null}),
        ] {
            assert_violations(
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
        assert_fine(request_to_any().message(calls(&["c1"])).tool_result("c1", "1"));
        assert_refused(
            request_to_any().tool_result("c1", "1"),
            "messages[1].tool_call_id",
            Rule::Contradiction,
            NO_CALL,
        );
        assert_contradictions_when_sent(
            request_to_any().tool_result("c1", "1").message(calls(&["c1"])),
            &[("messages[1].tool_call_id", NO_CALL), ("messages[2].tool_calls", &no_result("c1"))],
        );
        assert_contradictions_when_sent(
            request_to_any().message(calls(&["c1"])).tool_result("c2", "1"),
            &[("messages[2].tool_call_id", NO_CALL), ("messages[1].tool_calls", &no_result("c1"))],
        );
    }

    #[test]
    fn every_call_has_its_result_before_the_next_turn() {
        let open = || request_to_any().message(calls(&["c1", "c2"]));
        for (builder, missing) in [
            (open(), "c1, c2"),
            (open().tool_result("c2", "1"), "c1"),
            (open().tool_result("c1", "1").tool_result("c1", "2"), "c2"),
            (open().tool_result("c1", "1").user("and?"), "c2"),
            // a result that comes too late is reported once, where it is missing
            (open().tool_result("c1", "1").user("and?").tool_result("c2", "1"), "c2"),
            (open().tool_result("c1", "1").assistant("well"), "c2"),
        ] {
            assert_contradictions_when_sent(builder, &[("messages[1].tool_calls", &no_result(missing))]);
        }
        assert_refused(open().user("never mind"), "messages[1].tool_calls", Rule::Contradiction, &no_result("c1, c2"));
        assert_fine(open().tool_result("c1", "1"));
        let answered = || open().tool_result("c2", "2").tool_result("c1", "1");
        assert_fine(answered());
        assert_fine(answered().assistant("both").user("again").message(calls(&["c3"])).tool_result("c3", "3"));
        assert_contradictions_when_sent(
            open().user("never mind").message(calls(&["c3"])),
            &[("messages[1].tool_calls", &no_result("c1, c2")), ("messages[3].tool_calls", &no_result("c3"))],
        );
    }

    #[test]
    fn many_calls_are_counted_and_odd_ids_are_told_by_place() {
        assert_contradictions_when_sent(
            request_to_any().message(calls(&["a", "b", "c", "d", "e"])),
            &[("messages[1].tool_calls", &no_result("a, b, c and 2 more"))],
        );
        assert_contradictions_when_sent(
            request_to_any().message(calls(&["a", "two words", &"x".repeat(65)])),
            &[("messages[1].tool_calls", &no_result("a, tool_calls[1], tool_calls[2]"))],
        );
    }

    #[test]
    fn calls_that_cannot_be_read_accuse_no_result() {
        let answer = json!({"role": "tool", "content": "1", "tool_call_id": "c1"});
        assert_violations(
            &read(json!({"model": "d", "messages": [{"role": "assistant", "tool_calls": "c1"}, answer]})),
            &[("messages[0].tool_calls", Rule::WrongType, "tool_calls cannot be a string: pass a list of objects")],
        );
        for id in [Value::Null, json!("")] {
            let call = json!({"id": id, "type": "function", "function": {"name": "f", "arguments": ""}});
            let turn = json!({"role": "assistant", "tool_calls": [call]});
            assert_violations(&read(json!({"model": "d", "messages": [turn, answer, {"role": "user"}]})), &[]);
        }
    }

    #[test]
    fn only_an_assistant_calls() {
        let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}});
        assert_violations(&read(json!({"model": "d", "messages": [{"role": "user", "tool_calls": [call]}]})), &[]);
    }
}
