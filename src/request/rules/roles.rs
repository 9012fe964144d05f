//! The rules about the `role` of messages, and about `system` and `developer` messages in particular.

use super::rule::{Check, Findings, is_unread};
use crate::model::{Capabilities, Parameter};
use crate::request::violation::Rule;
use crate::response::Role;

/// `messages` has at least one entry, and each has a `role`.
pub(super) fn messages(check: &Check<'_>, found: &mut Findings<'_>) {
    if check.request.messages().is_empty() && !check.is_unread("messages") {
        let message = "there are no messages: add at least one turn, such as .user(\"..\")";
        found.add("messages", Rule::RequiredParameter, message);
    }
    for (at, message) in check.messages() {
        if message.fields().role.is_none() && !is_unread(message.extra(), "role") {
            let message = "the message has no role: say who speaks, such as user";
            found.add(format!("messages[{at}].role"), Rule::RequiredParameter, message);
        }
    }
}

/// `system` and `developer` messages on models that refuse them; o1-mini and o1-preview refuse both.
pub(super) fn instructions(check: &Check<'_>, found: &mut Findings<'_>) {
    for (role, parameter, other) in [
        (Role::Developer, Parameter::DeveloperMessages, Parameter::SystemMessages),
        (Role::System, Parameter::SystemMessages, Parameter::DeveloperMessages),
    ] {
        if !check.refuses(parameter) {
            continue;
        }
        let instead = match (check.refuses(other), &role) {
            (true, _) => "put the instructions into the first user message",
            (false, Role::System) => "use a developer message",
            (false, _) => "use a system message",
        };
        for (at, _) in check.messages().filter(|(_, message)| message.fields().role.as_ref() == Some(&role)) {
            let problem = format!("takes no {role} messages: {instead}");
            found.add_of_model(format!("messages[{at}].role"), Rule::UnsupportedRole, problem);
        }
    }
}

/// Reasoning models refuse `system` and `developer` messages in one request.
pub(super) fn mixed_instructions(check: &Check<'_>, found: &mut Findings<'_>) {
    let refused = check.refuses(Parameter::DeveloperMessages) || check.refuses(Parameter::SystemMessages);
    if !refused && check.body.has_role(&Role::System) && check.body.has_role(&Role::Developer) {
        let problem = "takes system or developer messages, not both: keep the developer messages";
        found.add_of_model("messages", Rule::MixedInstructions, problem);
    }
}

/// A model that accepts `system` and treats it as `developer`.
pub(super) fn system_as_developer(check: &Check<'_>, found: &mut Findings<'_>) {
    let becomes_developer = check.holds(Capabilities::system_becomes_developer);
    if becomes_developer && check.body.has_role(&Role::System) && !check.body.has_role(&Role::Developer) {
        let problem = "treats system messages as developer messages: write .developer(..)";
        found.add_of_model("messages", Rule::Advice, problem);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{
        assert_fine, assert_refused, assert_violations, model, read, request_to, request_to_any,
    };
    use super::*;
    use crate::model::{ApiVersion, Model, Support};
    use crate::request::{ChatCompletionRequest, ChatCompletionRequestBuilder};

    #[test]
    fn a_conversation_has_a_turn() {
        let message = "there are no messages: add at least one turn, such as .user(\"..\")";
        assert_refused(ChatCompletionRequest::builder("d"), "messages", Rule::RequiredParameter, message);
        for json in
            [json!({"model": "d"}), json!({"model": "d", "messages": null}), json!({"model": "d", "messages": []})]
        {
            assert_violations(&read(json), &[("messages", Rule::RequiredParameter, message)]);
        }
    }

    #[test]
    fn a_turn_has_a_speaker() {
        assert_violations(
            &read(json!({"model": "d", "messages": [{"role": "user"}, {"content": "hi", "role": null}]})),
            &[("messages[1].role", Rule::RequiredParameter, "the message has no role: say who speaks, such as user")],
        );
        assert_violations(
            &read(json!({"model": "d", "messages": [{"role": 5}]})),
            &[("messages[0].role", Rule::WrongType, "role cannot be this number: pass a string")],
        );
        assert_violations(&read(json!({"model": "d", "messages": [{"role": "narrator"}]})), &[]);
    }

    #[test]
    fn the_first_o1_models_take_no_instructions() {
        for (first, id) in
            [(Model::O1_MINI_2024_09_12, "o1-mini-2024-09-12"), (Model::O1_PREVIEW_2024_09_12, "o1-preview-2024-09-12")]
        {
            for (builder, role) in [
                (request_to(first.clone()).system("be kind"), "system"),
                (request_to(first.clone()).developer("be kind"), "developer"),
            ] {
                assert_refused(
                    builder,
                    "messages[1].role",
                    Rule::UnsupportedRole,
                    &format!("{id} takes no {role} messages: put the instructions into the first user message"),
                );
            }
        }
    }

    #[test]
    fn the_other_role_is_offered_when_it_is_taken() {
        let modern = model(|unknown| unknown.with(Parameter::SystemMessages, Support::No));
        assert_refused(
            request_to(modern).system("be kind"),
            "messages[1].role",
            Rule::UnsupportedRole,
            "mine takes no system messages: use a developer message",
        );
        let older = model(|unknown| unknown.with(Parameter::DeveloperMessages, Support::No));
        assert_refused(
            request_to(older).developer("be kind"),
            "messages[1].role",
            Rule::UnsupportedRole,
            "mine takes no developer messages: use a system message",
        );
    }

    #[test]
    fn reasoning_models_take_one_kind_of_instructions() {
        assert_refused(
            request_to(Model::O1_2024_12_17).system("a").developer("b"),
            "messages",
            Rule::MixedInstructions,
            "o1-2024-12-17 takes system or developer messages, not both: keep the developer messages",
        );
        assert_fine(request_to(Model::O1_2024_12_17).system("a").system("b"));
        assert_fine(request_to(Model::O1_2024_12_17).developer("a").developer("b"));
    }

    #[test]
    fn other_models_may_take_both() {
        assert_fine(request_to(Model::GPT_4O_2024_08_06).system("a").developer("b"));
        assert_fine(request_to_any().system("a").developer("b"));
    }

    #[test]
    fn o1_reads_system_messages_as_developer_messages() {
        let messages = |builder: ChatCompletionRequestBuilder| -> Vec<String> {
            let advice = builder.build_unchecked().advice(&ApiVersion::V1);
            let about = advice.into_iter().filter(|advice| advice.parameter() == "messages");
            about.map(|advice| advice.message().to_owned()).collect()
        };
        assert_eq!(
            messages(request_to("o1:2024-12-17".parse().unwrap()).system("a")),
            ["o1-2024-12-17 treats system messages as developer messages: write .developer(..)"]
        );
        assert!(messages(request_to("o1".parse().unwrap()).developer("a")).is_empty());
        assert!(messages(request_to("o3-mini".parse().unwrap()).system("a")).is_empty());
    }
}
