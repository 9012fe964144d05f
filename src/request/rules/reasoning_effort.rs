//! The rules about `reasoning_effort`: the values a model accepts, and what each excludes.

use super::rule::{Check, Findings};
use crate::model::{Capabilities, Parameter, ReasoningEffort, ToolsAndEffort};
use crate::request::violation::Rule;

/// Models differ in the values they accept, and some refuse the parameter.
pub(super) fn accepted(check: &Check<'_>, found: &mut Findings<'_>) {
    let (Some(effort), Some(capabilities)) = (&check.body.reasoning_effort, check.capabilities) else {
        return;
    };
    if check.refuses(Parameter::ReasoningEffort) {
        let problem = "does not take reasoning_effort: leave it out";
        found.add_of_model("reasoning_effort", Rule::UnsupportedParameter, problem);
    } else if let Some(accepted) = capabilities.reasoning_efforts()
        && !accepted.contains(effort)
    {
        let words: Vec<&str> = accepted.iter().map(ReasoningEffort::as_str).collect();
        let problem = format!("does not take the effort '{effort}': use {}", words.join(", "));
        found.add_of_model("reasoning_effort", Rule::UnsupportedValue, problem);
    }
}

/// The effort `minimal` excludes parallel tool calls.
pub(super) fn in_parallel(check: &Check<'_>, found: &mut Findings<'_>) {
    if check.body.reasoning_effort == Some(ReasoningEffort::Minimal)
        && check.body.parallel_tool_calls == Some(true)
        && check.holds(Capabilities::minimal_excludes_parallel_tool_calls)
    {
        found.add(
            "parallel_tool_calls",
            Rule::EffortConflict,
            "the effort 'minimal' excludes parallel tool calls: leave parallel_tool_calls out, or use the effort 'low'",
        );
    }
}

/// On some models `tools` require the effort `none`, or exclude an explicit effort above it.
pub(super) fn tools(check: &Check<'_>, found: &mut Findings<'_>) {
    let Some(capabilities) = check.capabilities else { return };
    if check.body.offers_tools() && capabilities.effort_excludes_tools(check.body.reasoning_effort.as_ref()) {
        let problem = match capabilities.tools_and_effort() {
            ToolsAndEffort::NotAboveNone => {
                "refuses tools beside an effort above 'none': leave reasoning_effort or the tools out"
            }
            _ => {
                "takes tools on chat completions only with the effort 'none': \
                 set .reasoning_effort(ReasoningEffort::None), or leave the tools out"
            }
        };
        found.add_of_model("reasoning_effort", Rule::EffortConflict, problem);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{
        assert_fine, assert_refused, assert_violations, model, read, request_to, request_to_any,
    };
    use super::*;
    use crate::model::Model;
    use crate::request::Tool;

    #[test]
    fn a_model_without_efforts_refuses_the_parameter() {
        for (model, id) in [
            (Model::O1_MINI_2024_09_12, "o1-mini-2024-09-12"),
            (Model::O1_PREVIEW_2024_09_12, "o1-preview-2024-09-12"),
            (Model::GPT_CHAT_LATEST_2026_08_06, "gpt-chat-latest-2026-08-06"),
            (Model::GPT_4O_2024_11_20, "gpt-4o-2024-11-20"),
            (Model::GPT_4_0613, "gpt-4-0613"),
        ] {
            assert_refused(
                request_to(model).reasoning_effort(ReasoningEffort::Low),
                "reasoning_effort",
                Rule::UnsupportedParameter,
                &format!("{id} does not take reasoning_effort: leave it out"),
            );
        }
    }

    #[test]
    fn an_effort_the_model_does_not_know_is_refused_with_those_it_knows() {
        assert_refused(
            request_to(Model::O1_2024_12_17).reasoning_effort(ReasoningEffort::Minimal),
            "reasoning_effort",
            Rule::UnsupportedValue,
            "o1-2024-12-17 does not take the effort 'minimal': use low, medium, high",
        );
        assert_refused(
            request_to(Model::GPT_5_1_2025_11_13).reasoning_effort("max"),
            "reasoning_effort",
            Rule::UnsupportedValue,
            "gpt-5.1-2025-11-13 does not take the effort 'max': use none, low, medium, high",
        );
        assert_fine(request_to(Model::O1_2024_12_17).reasoning_effort(ReasoningEffort::High));
    }

    #[test]
    fn where_nothing_is_known_every_effort_goes() {
        for model in [Model::GPT_AUDIO_2025_08_28, Model::GPT_OSS_20B_11, Model::MODEL_ROUTER_2025_11_18] {
            assert_fine(request_to(model).reasoning_effort("max"));
        }
        assert_fine(request_to_any().reasoning_effort(ReasoningEffort::Minimal));
    }

    #[test]
    fn minimal_thinking_calls_one_tool_at_a_time() {
        let gpt_5 =
            || request_to(Model::GPT_5_2025_08_07).tool(Tool::function("f")).reasoning_effort(ReasoningEffort::Minimal);
        assert_refused(
            gpt_5().parallel_tool_calls(true),
            "parallel_tool_calls",
            Rule::EffortConflict,
            "the effort 'minimal' excludes parallel tool calls: leave parallel_tool_calls out, or use the effort 'low'",
        );
        assert_fine(gpt_5().parallel_tool_calls(false));
        assert_fine(gpt_5());
        assert_fine(gpt_5().parallel_tool_calls(true).reasoning_effort(ReasoningEffort::Low));
        assert_fine(
            request_to_any()
                .tool(Tool::function("f"))
                .parallel_tool_calls(true)
                .reasoning_effort(ReasoningEffort::Minimal),
        );
    }

    #[test]
    fn the_5_6_models_take_tools_only_without_thinking() {
        let sol = || request_to(Model::GPT_5_6_SOL_2026_07_09).tool(Tool::function("f"));
        let message = "gpt-5.6-sol-2026-07-09 takes tools on chat completions only with the effort 'none': \
                       set .reasoning_effort(ReasoningEffort::None), or leave the tools out";
        for builder in [sol(), sol().reasoning_effort(ReasoningEffort::Medium)] {
            assert_refused(builder, "reasoning_effort", Rule::EffortConflict, message);
        }
        assert_violations(
            &read(json!({
                "model": "gpt-5.6-sol-2026-07-09",
                "messages": [{"role": "user"}],
                "functions": [{"name": "f"}]
            })),
            &[("reasoning_effort", Rule::EffortConflict, message)],
        );
        assert_fine(sol().reasoning_effort(ReasoningEffort::None));
        assert_fine(request_to(Model::GPT_5_6_SOL_2026_07_09).reasoning_effort(ReasoningEffort::High));
        for model in [Model::GPT_6_ASTRA_2026_09_03, Model::GPT_6_LUNA_2026_09_22, Model::GPT_6_SOL_2026_09_22] {
            let builder = request_to(model).tool(Tool::function("f"));
            assert_eq!(builder.clone().build_unchecked().violations(None, None).len(), 1);
            assert_fine(builder.reasoning_effort(ReasoningEffort::None));
        }
        let mine = |default| {
            model(|unknown| {
                unknown.with_tools_and_effort(ToolsAndEffort::OnlyWithNone).with_default_reasoning_effort(default)
            })
        };
        assert_fine(request_to(mine(ReasoningEffort::None)).tool(Tool::function("f")));
        let thinking = request_to(mine(ReasoningEffort::Low)).tool(Tool::function("f")).build_unchecked();
        assert_eq!(thinking.violations(None, None).len(), 1);
    }

    #[test]
    fn the_5_4_models_and_5_5_take_tools_or_an_effort() {
        for model in [Model::GPT_5_4_MINI_2026_03_17, Model::GPT_5_4_NANO_2026_03_17, Model::GPT_5_5_2026_04_24] {
            let builder = || request_to(model.clone()).tool(Tool::function("f"));
            assert_fine(builder());
            assert_fine(builder().reasoning_effort(ReasoningEffort::None));
            let refused = builder().reasoning_effort(ReasoningEffort::Low).build_unchecked();
            assert_eq!(refused.violations(None, None).len(), 1, "{model}");
        }

        let builder = || request_to(Model::GPT_5_4_2026_03_05).tool(Tool::function("f"));
        assert_refused(
            builder().reasoning_effort(ReasoningEffort::Low),
            "reasoning_effort",
            Rule::EffortConflict,
            "gpt-5.4-2026-03-05 refuses tools beside an effort above 'none': leave reasoning_effort or the tools out",
        );
        assert_fine(builder());
        assert_fine(builder().reasoning_effort(ReasoningEffort::None));
        assert_fine(request_to(Model::GPT_5_4_2026_03_05).reasoning_effort(ReasoningEffort::Low));
    }
}
