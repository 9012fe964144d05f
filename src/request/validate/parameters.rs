//! Parameters that a model has or has not.

use serde_json::Number;

use super::Check;
use crate::model::{Capabilities, Parameter};
use crate::request::violation::{Rule, Violation};

/// The sampling parameters and their like.
///
/// `logprobs: false` and `n: 1` ask for nothing, and are taken everywhere; `temperature: 1` asks for nothing
/// either, and is taken by the models of which that was seen.
pub(super) fn plain(check: &Check<'_>, found: &mut Vec<Violation>) {
    let body = check.body;
    let only_default = check.holds(Capabilities::only_default_temperature);
    let is_default = body.temperature.as_ref().and_then(Number::as_f64) == Some(1.0);
    if body.temperature.is_some() && only_default && !is_default {
        found.push(Violation::new(
            "temperature",
            Rule::UnsupportedValue,
            format!("{} takes no temperature but 1, the default: leave temperature out", check.model),
        ));
    }
    for (name, set, parameter) in [
        ("temperature", body.temperature.is_some() && !only_default, Parameter::Temperature),
        ("top_p", body.top_p.is_some(), Parameter::TopP),
        ("presence_penalty", body.presence_penalty.is_some(), Parameter::PresencePenalty),
        ("frequency_penalty", body.frequency_penalty.is_some(), Parameter::FrequencyPenalty),
        ("logprobs", body.logprobs == Some(true), Parameter::Logprobs),
        ("top_logprobs", body.top_logprobs.is_some(), Parameter::TopLogprobs),
        ("logit_bias", body.logit_bias.is_some(), Parameter::LogitBias),
        ("max_tokens", body.max_tokens.is_some(), Parameter::MaxTokens),
        ("max_completion_tokens", body.max_completion_tokens.is_some(), Parameter::MaxCompletionTokens),
        ("verbosity", body.verbosity.is_some(), Parameter::Verbosity),
        ("stop", body.stop.is_some(), Parameter::Stop),
        ("n", body.n.is_some_and(|n| n > 1), Parameter::MultipleChoices),
    ] {
        if !set || !check.refuses(parameter) {
            continue;
        }
        let instead = match name {
            "max_tokens" if !check.refuses(Parameter::MaxCompletionTokens) => {
                "use max_completion_tokens instead".to_owned()
            }
            "max_completion_tokens" if !check.refuses(Parameter::MaxTokens) => "use max_tokens instead".to_owned(),
            "n" => "leave n at 1 and ask again".to_owned(),
            _ => format!("leave {name} out"),
        };
        found.push(Violation::new(
            name,
            Rule::UnsupportedParameter,
            format!("{} does not take {name}: {instead}", check.model),
        ));
    }
}

/// The service would take an o1 request without a limit; the bill is the caller's to decide.
pub(super) fn completion_limit(check: &Check<'_>, found: &mut Vec<Violation>) {
    let missing = check.body.max_completion_tokens.is_none() && !check.is_unread("max_completion_tokens");
    if missing && !check.request.uncapped && check.holds(Capabilities::max_completion_tokens_required) {
        found.push(Violation::new(
            "max_completion_tokens",
            Rule::RequiredParameter,
            format!(
                "{} spends hidden reasoning tokens without limit: set .max_completion_tokens(..), or say .uncapped()",
                check.model
            ),
        ));
    }
}

/// The alternatives to a token come with its own probability.
pub(super) fn alternatives(check: &Check<'_>, found: &mut Vec<Violation>) {
    if check.body.top_logprobs.is_some() && check.body.logprobs != Some(true) && !check.is_unread("logprobs") {
        found.push(Violation::new(
            "top_logprobs",
            Rule::Contradiction,
            "top_logprobs needs logprobs: set .logprobs(true)",
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ask, ask_any, assert_fine, assert_refused, assert_told, model, read};
    use super::*;
    use crate::model::{Model, Support};
    use crate::request::Verbosity;

    #[test]
    fn reasoning_models_take_no_sampling_parameters() {
        let o1 = || ask(Model::O1_2024_12_17);
        for (asked, name) in [
            (o1().temperature(1.0), "temperature"),
            (o1().top_p(1.0), "top_p"),
            (o1().presence_penalty(0.0), "presence_penalty"),
            (o1().frequency_penalty(0.0), "frequency_penalty"),
            (o1().logprobs(true), "logprobs"),
            (o1().logit_bias([(1, 5)]), "logit_bias"),
        ] {
            assert_refused(
                asked,
                name,
                Rule::UnsupportedParameter,
                &format!("o1-2024-12-17 does not take {name}: leave {name} out"),
            );
        }
        assert_told(
            &o1().logprobs(true).top_logprobs(2).build_unchecked(),
            &[
                ("logprobs", Rule::UnsupportedParameter, "o1-2024-12-17 does not take logprobs: leave logprobs out"),
                (
                    "top_logprobs",
                    Rule::UnsupportedParameter,
                    "o1-2024-12-17 does not take top_logprobs: leave top_logprobs out",
                ),
            ],
        );
    }

    #[test]
    fn where_one_is_the_only_temperature_it_is_taken() {
        for (model, id) in [
            (Model::GPT_5_2025_08_07, "gpt-5-2025-08-07"),
            (Model::GPT_5_1_2025_11_13, "gpt-5.1-2025-11-13"),
            (Model::O3_2025_04_16, "o3-2025-04-16"),
            (Model::O4_MINI_2025_04_16, "o4-mini-2025-04-16"),
            (Model::O1_MINI_2024_09_12, "o1-mini-2024-09-12"),
        ] {
            assert_fine(ask(model.clone()).temperature(1.0));
            let whole = ask(model.clone()).extra("temperature", 1).build_unchecked();
            assert_told(&whole, &[]);
            for other in [0.0, 0.99, 2.0] {
                assert_refused(
                    ask(model.clone()).temperature(other),
                    "temperature",
                    Rule::UnsupportedValue,
                    &format!("{id} takes no temperature but 1, the default: leave temperature out"),
                );
            }
            assert_refused(
                ask(model).top_p(1.0),
                "top_p",
                Rule::UnsupportedParameter,
                &format!("{id} does not take top_p: leave top_p out"),
            );
        }
        // these answer that they do not know the parameter
        for model in [Model::O1_2024_12_17, Model::O3_MINI_2025_01_31] {
            assert_eq!(ask(model).temperature(1.0).build_unchecked().violations(None, None).len(), 1);
        }
    }

    #[test]
    fn a_team_says_which_temperature_its_model_takes() {
        let refusing = |only_default| {
            model(|unknown| {
                unknown.with(Parameter::Temperature, Support::No).with_only_default_temperature(only_default)
            })
        };
        assert_fine(ask(refusing(true)).temperature(1.0));
        assert_refused(
            ask(refusing(false)).temperature(1.0),
            "temperature",
            Rule::UnsupportedParameter,
            "mine does not take temperature: leave temperature out",
        );
        let open = model(|unknown| unknown.with_only_default_temperature(true));
        assert_fine(ask(open).temperature(0.5));
    }

    #[test]
    fn what_asks_for_nothing_is_taken() {
        let alone = model(|unknown| {
            unknown.with(Parameter::Logprobs, Support::No).with(Parameter::MultipleChoices, Support::No)
        });
        assert_fine(ask(alone).logprobs(false).n(1));
    }

    #[test]
    fn the_old_limit_has_a_new_name() {
        assert_refused(
            ask(Model::O3_MINI_2025_01_31).max_tokens(5),
            "max_tokens",
            Rule::UnsupportedParameter,
            "o3-mini-2025-01-31 does not take max_tokens: use max_completion_tokens instead",
        );
        let old = model(|unknown| unknown.with(Parameter::MaxCompletionTokens, Support::No));
        assert_refused(
            ask(old).max_completion_tokens(5),
            "max_completion_tokens",
            Rule::UnsupportedParameter,
            "mine does not take max_completion_tokens: use max_tokens instead",
        );
        let neither = model(|unknown| {
            unknown.with(Parameter::MaxTokens, Support::No).with(Parameter::MaxCompletionTokens, Support::No)
        });
        assert_refused(
            ask(neither.clone()).max_tokens(5),
            "max_tokens",
            Rule::UnsupportedParameter,
            "mine does not take max_tokens: leave max_tokens out",
        );
        assert_refused(
            ask(neither).max_completion_tokens(5),
            "max_completion_tokens",
            Rule::UnsupportedParameter,
            "mine does not take max_completion_tokens: leave max_completion_tokens out",
        );
    }

    #[test]
    fn some_models_have_no_verbosity_stop_or_second_answer() {
        assert_refused(
            ask(Model::GPT_4O_2024_11_20).verbosity(Verbosity::Low),
            "verbosity",
            Rule::UnsupportedParameter,
            "gpt-4o-2024-11-20 does not take verbosity: leave verbosity out",
        );
        for (o, id) in [(Model::O3_2025_04_16, "o3-2025-04-16"), (Model::O4_MINI_2025_04_16, "o4-mini-2025-04-16")] {
            assert_refused(
                ask(o).stop("."),
                "stop",
                Rule::UnsupportedParameter,
                &format!("{id} does not take stop: leave stop out"),
            );
        }
        let single = model(|unknown| unknown.with(Parameter::MultipleChoices, Support::No));
        assert_refused(
            ask(single).n(2),
            "n",
            Rule::UnsupportedParameter,
            "mine does not take n: leave n at 1 and ask again",
        );
    }

    #[test]
    fn standard_models_take_them_all() {
        assert_fine(
            ask(Model::GPT_4O_2024_08_06)
                .temperature(2.0)
                .top_p(0.1)
                .presence_penalty(2.0)
                .frequency_penalty(-2.0)
                .logprobs(true)
                .top_logprobs(20)
                .logit_bias([(1, -100)])
                .max_tokens(5)
                .n(4)
                .stop(["a", "b", "c", "d"]),
        );
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
                "{id} spends hidden reasoning tokens without limit: set .max_completion_tokens(..), or say .uncapped()"
            );
            assert_told(&read(json), &[("max_completion_tokens", Rule::RequiredParameter, &message)]);
            assert_fine(ask(o1.clone()).uncapped());
            assert_fine(ask(o1).max_completion_tokens(1));
        }
        assert_fine(ask(Model::O3_MINI_2025_01_31));
    }

    #[test]
    fn alternatives_need_the_probabilities() {
        let message = "top_logprobs needs logprobs: set .logprobs(true)";
        for asked in [ask_any().top_logprobs(2), ask_any().top_logprobs(0), ask_any().logprobs(false).top_logprobs(2)] {
            assert_refused(asked, "top_logprobs", Rule::Contradiction, message);
        }
        assert_fine(ask_any().logprobs(true).top_logprobs(2));
    }
}
