//! Limits of output tokens: `max_tokens` and `max_completion_tokens`.

use super::rule::{Check, Findings};
use crate::model::{Capabilities, Parameter, ReasoningEffort};
use crate::request::violation::Rule;

/// A rule of this crate against surprising bills: the service accepts an o1 request without `max_completion_tokens`, and
/// bills all hidden reasoning.
pub(super) fn completion_limit(check: &Check<'_>, found: &mut Findings<'_>) {
    let missing = check.body.max_completion_tokens.is_none() && !check.is_unread("max_completion_tokens");
    if missing && !check.request.uncapped && check.holds(Capabilities::max_completion_tokens_required) {
        found.add_of_model(
            "max_completion_tokens",
            Rule::RequiredParameter,
            "spends hidden reasoning tokens without limit: set .max_completion_tokens(..), or call .uncapped()",
        );
    }
}

/// Above the model's output limit the service answers `invalid_value`: `max_tokens is too large: 20000. This
/// model supports at most 16384 completion tokens, whereas you provided 20000.`
pub(super) fn output_limit(check: &Check<'_>, found: &mut Findings<'_>) {
    let Some(most) = check.capabilities.and_then(Capabilities::output_limit) else { return };
    for (name, limit, parameter) in [
        ("max_tokens", check.body.max_tokens, Parameter::MaxTokens),
        ("max_completion_tokens", check.body.max_completion_tokens, Parameter::MaxCompletionTokens),
    ] {
        if let Some(limit) = limit.filter(|limit| *limit > most && !check.refuses(parameter)) {
            let problem = format!("answers with at most {most} tokens, not {limit}: set {name} to {most} or less");
            found.add_limit(name, most, found.of_model(problem));
        }
    }
}

/// `max_tokens` and `max_completion_tokens` limit the same tokens.
pub(super) fn both(check: &Check<'_>, found: &mut Findings<'_>) {
    if check.body.max_tokens.is_some() && check.body.max_completion_tokens.is_some() {
        let message = "max_completion_tokens limits the same tokens: keep one of them";
        found.add("max_tokens", Rule::Advice, message);
    }
}

/// Tokens to reserve for hidden reasoning, by the reasoning guide.
const BUDGET: u64 = 25_000;

/// `max_completion_tokens` includes hidden reasoning, of which there is none at the effort `none`.
pub(super) fn budget(check: &Check<'_>, found: &mut Findings<'_>) {
    let default = check.capabilities.and_then(Capabilities::default_reasoning_effort);
    let reasons = check.body.reasoning_effort.as_ref().or(default) != Some(&ReasoningEffort::None);
    if let Some(limit) = check.body.max_completion_tokens.filter(|limit| reasons && *limit < BUDGET) {
        let message = format!(
            "{limit} tokens include the hidden reasoning: leave about {BUDGET} for it, or the answer may be cut or empty"
        );
        found.add("max_completion_tokens", Rule::Advice, message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{
        assert_advised, assert_fine, assert_refused, assert_violations, model, read, request_to, request_to_any,
    };
    use super::*;
    use crate::model::{ApiVersion, Model};

    #[test]
    fn a_limit_above_the_models_is_told_with_both_numbers() {
        let message = "gpt-4o-2024-08-06 answers with at most 16384 tokens, not 20000: set max_tokens to 16384 or less";
        assert_refused(request_to(Model::GPT_4O_2024_08_06).max_tokens(20_000), "max_tokens", Rule::Limit, message);
        assert_fine(request_to(Model::GPT_4O_2024_08_06).max_tokens(16_384));
        assert_refused(
            request_to(Model::O1_2024_12_17).max_completion_tokens(100_001),
            "max_completion_tokens",
            Rule::Limit,
            "o1-2024-12-17 answers with at most 100000 tokens, not 100001: set max_completion_tokens to 100000 or less",
        );
        // prompt and answer share this model's 8192 tokens, so that the figure is no limit of the answer
        assert_fine(request_to(Model::GPT_4_0613).max_tokens(9_000));
        // a name without a version: the largest limit of its versions
        assert_fine(request_to("gpt-4o".parse().unwrap()).max_tokens(16_384));
        let own = model(|unknown| unknown.with_max_output_tokens(10));
        assert_refused(
            request_to(own).max_tokens(11),
            "max_tokens",
            Rule::Limit,
            "mine answers with at most 10 tokens, not 11: set max_tokens to 10 or less",
        );
        let open = model(|unknown| unknown.with_max_output_tokens(10).with_output_limit_enforced(false));
        assert_fine(request_to(open).max_tokens(11));
    }

    #[test]
    fn the_first_reasoning_models_ask_for_a_limit() {
        for (o1, id) in [
            (Model::O1_2024_12_17, "o1-2024-12-17"),
            (Model::O1_MINI_2024_09_12, "o1-mini-2024-09-12"),
            (Model::O1_PREVIEW_2024_09_12, "o1-preview-2024-09-12"),
        ] {
            let json = json!({"model": id, "messages": [{"role": "user", "content": "hi"}]});
            let message = format!(
                "{id} spends hidden reasoning tokens without limit: set .max_completion_tokens(..), or call .uncapped()"
            );
            assert_violations(&read(json), &[("max_completion_tokens", Rule::RequiredParameter, &message)]);
            assert_fine(request_to(o1.clone()).uncapped());
            assert_fine(request_to(o1).max_completion_tokens(1));
        }
        assert_fine(request_to(Model::O3_MINI_2025_01_31));
    }

    #[test]
    fn two_limits_are_one_too_many() {
        assert_advised(
            request_to_any().max_tokens(5).max_completion_tokens(5),
            &ApiVersion::V1,
            &[("max_tokens", "max_completion_tokens limits the same tokens: keep one of them")],
        );
    }

    #[test]
    fn hidden_reasoning_needs_a_budget() {
        let message = "5000 tokens include the hidden reasoning: leave about 25000 for it, or the answer may be cut \
                       or empty";
        let budget = &[("max_completion_tokens", message)];
        assert_advised(request_to("gpt-5".parse().unwrap()).max_completion_tokens(5000), &ApiVersion::V1, budget);
        assert_advised(request_to("gpt-5".parse().unwrap()).max_completion_tokens(25_000), &ApiVersion::V1, &[]);
        assert_advised(request_to("gpt-4.1".parse().unwrap()).max_completion_tokens(5), &ApiVersion::V1, &[]);
        // the default effort of 5.1 is none
        let low = request_to("gpt-5.1".parse().unwrap()).max_completion_tokens(5000);
        assert_advised(low.clone(), &ApiVersion::V1, &[]);
        assert_advised(low.reasoning_effort(ReasoningEffort::Low), &ApiVersion::V1, budget);
        let silent = request_to("gpt-5.6-sol".parse().unwrap()).max_completion_tokens(5);
        assert_advised(silent.reasoning_effort(ReasoningEffort::None), &ApiVersion::V1, &[]);
    }
}
