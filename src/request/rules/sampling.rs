//! The rules about sampling parameters, `verbosity`, `stop` and `n`: accepted, refused, or accepted at the effort `none`.

use serde_json::Number;

use super::rule::{Check, Findings};
use crate::model::{Capabilities, Parameter, Support};
use crate::request::violation::Rule;

/// Parameters that the declared model refuses at the effort in force.
///
/// The defaults `logprobs: false` and `n: 1` pass on every model; the default `temperature: 1` passes on the models
/// that were seen to accept it.
pub(super) fn plain(check: &Check<'_>, found: &mut Findings<'_>) {
    let body = check.body;
    let only_default = check.holds(Capabilities::only_default_temperature);
    let is_default = body.temperature.as_ref().and_then(Number::as_f64) == Some(1.0);
    for (parameter, is_set) in [
        (Parameter::Temperature, body.temperature.is_some() && !(only_default && is_default)),
        (Parameter::TopP, body.top_p.is_some()),
        (Parameter::PresencePenalty, body.presence_penalty.is_some()),
        (Parameter::FrequencyPenalty, body.frequency_penalty.is_some()),
        (Parameter::Logprobs, body.logprobs == Some(true)),
        (Parameter::TopLogprobs, body.top_logprobs.is_some()),
        (Parameter::LogitBias, body.logit_bias.is_some()),
        (Parameter::MaxTokens, body.max_tokens.is_some()),
        (Parameter::MaxCompletionTokens, body.max_completion_tokens.is_some()),
        (Parameter::Verbosity, body.verbosity.is_some()),
        (Parameter::Stop, body.stop.is_some()),
        (Parameter::MultipleChoices, body.n.is_some_and(|n| n > 1)),
    ] {
        if !is_set || !check.refuses(parameter) {
            continue;
        }
        let name = if parameter == Parameter::MultipleChoices { "n" } else { parameter.as_str() };
        let (rule, problem) = if check.needs_effort_none(parameter) {
            (Rule::EffortConflict, needs_effort_none(check, name))
        } else if name == "temperature" && only_default {
            (Rule::UnsupportedValue, "takes no temperature but 1, the default: leave temperature out".to_owned())
        } else {
            (Rule::UnsupportedParameter, format!("does not take {name}: {}", instead_of(name, check)))
        };
        found.add_of_model(name, rule, problem);
    }
}

fn needs_effort_none(check: &Check<'_>, name: &str) -> String {
    let default = check.capabilities.and_then(Capabilities::default_reasoning_effort);
    let why = match default.filter(|_| check.body.reasoning_effort.is_none()) {
        Some(default) => format!(", and its default is '{default}'"),
        None => String::new(),
    };
    format!(
        "takes {name} only with the effort 'none'{why}: set .reasoning_effort(ReasoningEffort::None), or leave {name} out"
    )
}

fn instead_of(name: &str, check: &Check<'_>) -> String {
    match name {
        "max_tokens" if !check.refuses(Parameter::MaxCompletionTokens) => {
            "use max_completion_tokens instead".to_owned()
        }
        "max_completion_tokens" if !check.refuses(Parameter::MaxTokens) => "use max_tokens instead".to_owned(),
        "n" => "leave n at 1 and ask again".to_owned(),
        _ => format!("leave {name} out"),
    }
}

/// `top_logprobs` requires `logprobs`.
pub(super) fn alternatives(check: &Check<'_>, found: &mut Findings<'_>) {
    if check.body.top_logprobs.is_some() && check.body.logprobs != Some(true) && !check.is_unread("logprobs") {
        let is_refused = check.refuses(Parameter::Logprobs) || check.body.prediction.is_some();
        let instead = if is_refused { "" } else { "set .logprobs(true), or " };
        let message = format!("top_logprobs needs logprobs: {instead}leave top_logprobs out");
        found.add("top_logprobs", Rule::Contradiction, message);
    }
}

/// Every measured reasoning model with `verbosity`, which came with gpt-5, refuses `stop`. Those whose cell for `stop` is
/// unknown may refuse it too.
pub(super) fn stop_beside_verbosity(check: &Check<'_>, found: &mut Findings<'_>) {
    let supports = |parameter| check.capabilities.map(|capabilities| capabilities.supports(parameter));
    let is_alike = supports(Parameter::Verbosity) == Some(Support::Yes);
    if check.body.stop.is_some() && is_alike && supports(Parameter::Stop) == Some(Support::Unknown) {
        let problem = "may refuse stop, as the models beside it do: leave stop out, and cut the answer yourself";
        found.add_of_model("stop", Rule::Advice, problem);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_fine, assert_refused, assert_violations, model, request_to, request_to_any};
    use super::*;
    use crate::model::{ApiVersion, Model, ReasoningEffort};
    use crate::request::{ChatCompletionRequestBuilder as Asked, Verbosity};

    #[test]
    fn reasoning_models_take_no_sampling_parameters() {
        let o1 = || request_to(Model::O1_2024_12_17);
        for (builder, name) in [
            (o1().temperature(1.0), "temperature"),
            (o1().top_p(1.0), "top_p"),
            (o1().presence_penalty(0.0), "presence_penalty"),
            (o1().frequency_penalty(0.0), "frequency_penalty"),
            (o1().logprobs(true), "logprobs"),
            (o1().logit_bias([(1, 5)]), "logit_bias"),
        ] {
            assert_refused(
                builder,
                name,
                Rule::UnsupportedParameter,
                &format!("o1-2024-12-17 does not take {name}: leave {name} out"),
            );
        }
        assert_violations(
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
            (Model::GPT_5_5_2026_04_24, "gpt-5.5-2026-04-24"),
            (Model::O3_2025_04_16, "o3-2025-04-16"),
            (Model::O4_MINI_2025_04_16, "o4-mini-2025-04-16"),
            (Model::O1_MINI_2024_09_12, "o1-mini-2024-09-12"),
        ] {
            assert_fine(request_to(model.clone()).temperature(1.0));
            let whole = request_to(model.clone()).extra("temperature", 1).build_unchecked();
            assert_violations(&whole, &[]);
            for other in [0.0, 0.99, 2.0] {
                assert_refused(
                    request_to(model.clone()).temperature(other),
                    "temperature",
                    Rule::UnsupportedValue,
                    &format!("{id} takes no temperature but 1, the default: leave temperature out"),
                );
            }
            assert_refused(
                request_to(model).top_p(1.0),
                "top_p",
                Rule::UnsupportedParameter,
                &format!("{id} does not take top_p: leave top_p out"),
            );
        }
        // these answer that they do not know the parameter
        for model in [Model::O1_2024_12_17, Model::O3_MINI_2025_01_31] {
            assert_eq!(request_to(model).temperature(1.0).build_unchecked().violations(None, None).len(), 1);
        }
    }

    #[test]
    fn sampling_goes_with_the_effort_none_where_the_table_says_so() {
        type Use = (&'static str, fn(Asked) -> Asked);
        let uses: [Use; 5] = [
            ("temperature", |builder| builder.temperature(0.2)),
            ("top_p", |builder| builder.top_p(0.9)),
            ("presence_penalty", |builder| builder.presence_penalty(0.5)),
            ("frequency_penalty", |builder| builder.frequency_penalty(0.5)),
            ("logprobs", |builder| builder.logprobs(true)),
        ];
        for (name, sample) in uses {
            // the default is none, medium, and not known
            let (calm, thinking, open) =
                (Model::GPT_5_4_MINI_2026_03_17, Model::GPT_5_6_SOL_2026_07_09, Model::GPT_5_2_2025_12_11);
            let builder = |model: &Model| sample(request_to(model.clone()));
            let way_out = format!("set .reasoning_effort(ReasoningEffort::None), or leave {name} out");
            assert_fine(builder(&calm));
            assert_fine(builder(&open));
            assert_refused(
                builder(&thinking),
                name,
                Rule::EffortConflict,
                &format!(
                    "gpt-5.6-sol-2026-07-09 takes {name} only with the effort 'none', and its default is 'medium': {way_out}"
                ),
            );
            for model in [calm, thinking, open] {
                assert_fine(builder(&model).reasoning_effort(ReasoningEffort::None));
                assert_refused(
                    builder(&model).reasoning_effort(ReasoningEffort::Low),
                    name,
                    Rule::EffortConflict,
                    &format!("{model} takes {name} only with the effort 'none': {way_out}"),
                );
            }
        }
        // 1 is the default, which these models accept
        assert_fine(request_to(Model::GPT_5_6_SOL_2026_07_09).temperature(1.0));
        assert_fine(request_to(Model::GPT_5_1_2025_11_13).temperature(1.0).reasoning_effort(ReasoningEffort::High));
    }

    #[test]
    fn a_team_says_what_its_model_takes_at_the_effort_none() {
        let mine = model(|unknown| {
            let known = unknown.with(Parameter::Stop, Support::EffortNone);
            known.with_default_reasoning_effort(ReasoningEffort::Low)
        });
        assert_refused(
            request_to(mine.clone()).stop("."),
            "stop",
            Rule::EffortConflict,
            "mine takes stop only with the effort 'none', and its default is 'low': \
             set .reasoning_effort(ReasoningEffort::None), or leave stop out",
        );
        assert_fine(request_to(mine).stop(".").reasoning_effort(ReasoningEffort::None));
    }

    #[test]
    fn a_team_says_which_temperature_its_model_takes() {
        let refusing = |only_default| {
            model(|unknown| {
                unknown.with(Parameter::Temperature, Support::No).with_only_default_temperature(only_default)
            })
        };
        assert_fine(request_to(refusing(true)).temperature(1.0));
        assert_refused(
            request_to(refusing(false)).temperature(1.0),
            "temperature",
            Rule::UnsupportedParameter,
            "mine does not take temperature: leave temperature out",
        );
        let open = model(|unknown| unknown.with_only_default_temperature(true));
        assert_fine(request_to(open).temperature(0.5));
    }

    #[test]
    fn what_asks_for_nothing_is_taken() {
        let alone = model(|unknown| {
            unknown.with(Parameter::Logprobs, Support::No).with(Parameter::MultipleChoices, Support::No)
        });
        assert_fine(request_to(alone).logprobs(false).n(1));
    }

    #[test]
    fn the_old_limit_has_a_new_name() {
        assert_refused(
            request_to(Model::O3_MINI_2025_01_31).max_tokens(5),
            "max_tokens",
            Rule::UnsupportedParameter,
            "o3-mini-2025-01-31 does not take max_tokens: use max_completion_tokens instead",
        );
        let old = model(|unknown| unknown.with(Parameter::MaxCompletionTokens, Support::No));
        assert_refused(
            request_to(old).max_completion_tokens(5),
            "max_completion_tokens",
            Rule::UnsupportedParameter,
            "mine does not take max_completion_tokens: use max_tokens instead",
        );
        let neither = model(|unknown| {
            unknown.with(Parameter::MaxTokens, Support::No).with(Parameter::MaxCompletionTokens, Support::No)
        });
        assert_refused(
            request_to(neither.clone()).max_tokens(5),
            "max_tokens",
            Rule::UnsupportedParameter,
            "mine does not take max_tokens: leave max_tokens out",
        );
        assert_refused(
            request_to(neither).max_completion_tokens(5),
            "max_completion_tokens",
            Rule::UnsupportedParameter,
            "mine does not take max_completion_tokens: leave max_completion_tokens out",
        );
    }

    #[test]
    fn some_models_have_no_verbosity_stop_or_second_answer() {
        assert_refused(
            request_to(Model::GPT_4O_2024_11_20).verbosity(Verbosity::Low),
            "verbosity",
            Rule::UnsupportedParameter,
            "gpt-4o-2024-11-20 does not take verbosity: leave verbosity out",
        );
        for (o, id) in [
            (Model::O3_2025_04_16, "o3-2025-04-16"),
            (Model::GPT_5_NANO_2025_08_07, "gpt-5-nano-2025-08-07"),
            (Model::GPT_5_4_MINI_2026_03_17, "gpt-5.4-mini-2026-03-17"),
        ] {
            assert_refused(
                request_to(o).stop("."),
                "stop",
                Rule::UnsupportedParameter,
                &format!("{id} does not take stop: leave stop out"),
            );
        }
        let single = model(|unknown| unknown.with(Parameter::MultipleChoices, Support::No));
        assert_refused(
            request_to(single).n(2),
            "n",
            Rule::UnsupportedParameter,
            "mine does not take n: leave n at 1 and ask again",
        );
    }

    #[test]
    fn standard_models_take_them_all() {
        assert_fine(
            request_to(Model::GPT_4O_2024_08_06)
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
    fn alternatives_need_the_probabilities() {
        let message = "top_logprobs needs logprobs: set .logprobs(true), or leave top_logprobs out";
        for builder in [
            request_to_any().top_logprobs(2),
            request_to_any().top_logprobs(0),
            request_to_any().logprobs(false).top_logprobs(2),
        ] {
            assert_refused(builder, "top_logprobs", Rule::Contradiction, message);
        }
        assert_fine(request_to_any().logprobs(true).top_logprobs(2));
        // a prediction excludes them, so that they are no way out
        let message = "top_logprobs needs logprobs: leave top_logprobs out";
        let predicting = || request_to_any().prediction("x");
        assert_refused(predicting().top_logprobs(2), "top_logprobs", Rule::Contradiction, message);
        predicting().logprobs(true).top_logprobs(2).adapt().unwrap();
    }

    #[test]
    fn stop_is_advised_against_where_models_of_the_same_kind_refuse_it() {
        let advised = |model: &str| {
            let builder = request_to(model.parse().unwrap()).stop("a").build_unchecked();
            builder.advice(&ApiVersion::V1).iter().any(|advice| advice.parameter() == "stop")
        };
        for model in ["gpt-5.1", "gpt-5.2", "gpt-5.4", "gpt-5.4-nano", "gpt-5.5", "gpt-6-sol", "gpt-6.1-sol"] {
            assert!(advised(model), "{model}");
        }
        // refused, or of another kind
        for model in ["gpt-5", "gpt-5.4-mini", "gpt-5.6-sol", "o1", "o3-mini", "gpt-4o", "gpt-oss-20b"] {
            assert!(!advised(model), "{model}");
        }
    }
}
