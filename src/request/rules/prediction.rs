//! The rules about `prediction`: the models that accept it, and the parameters it excludes.

use serde_json::Number;

use super::rule::{Check, Findings};
use crate::model::{Model, ModelCatalog, Parameter, Support};
use crate::request::violation::Rule;

pub(super) fn model(check: &Check<'_>, found: &mut Findings<'_>) {
    if check.body.prediction.is_some() && check.refuses(Parameter::Prediction) {
        let catalog = ModelCatalog::built_in();
        let taking =
            catalog.models().filter(|model| model.capabilities().supports(Parameter::Prediction) == Support::Yes);
        let taking: Vec<String> = taking.map(Model::id).collect();
        let problem = format!("takes no prediction: leave it out, or use one of {}", taking.join(", "));
        found.add_of_model("prediction", Rule::UnsupportedParameter, problem);
    }
}

/// The parameters that the page on predicted outputs excludes, on every model. Penalties of 0 or below and `max_tokens`
/// are not among them.
pub(super) fn conflicts(check: &Check<'_>, found: &mut Findings<'_>) {
    let body = check.body;
    if body.prediction.is_none() {
        return;
    }
    let positive = |penalty: &Option<Number>| penalty.as_ref().and_then(Number::as_f64).is_some_and(|p| p > 0.0);
    let hears = check.messages().flat_map(|(_, message)| message.parts().iter()).any(|part| part.input_audio.is_some());
    for (name, conflict, instead) in [
        ("tools", body.has_tools(), "leave the tools out"),
        ("functions", body.has_functions(), "leave the functions out"),
        ("audio", body.audio.is_some(), "leave audio out"),
        ("modalities", body.asks_for_audio(), "leave modalities out"),
        ("messages", hears, "leave the audio parts out"),
        ("n", body.n.is_some_and(|n| n > 1), "leave n at 1"),
        ("logprobs", body.logprobs == Some(true), "leave logprobs out"),
        ("presence_penalty", positive(&body.presence_penalty), "leave it at 0"),
        ("frequency_penalty", positive(&body.frequency_penalty), "leave it at 0"),
        ("max_completion_tokens", body.max_completion_tokens.is_some(), "leave it out, or use max_tokens"),
    ] {
        if conflict {
            found.add(name, Rule::PredictionConflict, format!("{name} cannot be combined with prediction: {instead}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{assert_fine, assert_refused, assert_violations, read, request_to, request_to_any};
    use super::*;
    use crate::request::{
        AudioFormat, AudioOutput, ContentPart, InputAudioFormat, Message, Modality, Prediction, Tool, Voice,
    };

    #[test]
    fn other_models_take_no_prediction() {
        for (model, id) in [
            (Model::GPT_4O_2024_05_13, "gpt-4o-2024-05-13"),
            (Model::O1_2024_12_17, "o1-2024-12-17"),
            (Model::GPT_5_2025_08_07, "gpt-5-2025-08-07"),
        ] {
            assert_refused(
                request_to(model).prediction("x"),
                "prediction",
                Rule::UnsupportedParameter,
                &format!(
                    "{id} takes no prediction: leave it out, or use one of gpt-4.1-2025-04-14, \
                     gpt-4.1-mini-2025-04-14, gpt-4.1-nano-2025-04-14, gpt-4o-2024-08-06, gpt-4o-2024-11-20, \
                     gpt-4o-mini-2024-07-18"
                ),
            );
        }
    }

    #[test]
    fn six_models_take_one() {
        let taking: Vec<String> = ModelCatalog::built_in()
            .models()
            .filter(|model| model.capabilities().supports(Parameter::Prediction) == Support::Yes)
            .map(|model| {
                assert_fine(request_to(model.clone()).prediction("x"));
                model.id()
            })
            .collect();
        assert_eq!(
            taking,
            [
                "gpt-4.1-2025-04-14",
                "gpt-4.1-mini-2025-04-14",
                "gpt-4.1-nano-2025-04-14",
                "gpt-4o-2024-08-06",
                "gpt-4o-2024-11-20",
                "gpt-4o-mini-2024-07-18"
            ]
        );
        assert_fine(request_to("gpt-4o".parse().unwrap()).prediction(Prediction::parts(["x", "y"])));
    }

    #[test]
    fn a_prediction_excludes_what_the_page_lists() {
        let builder = || request_to_any().prediction("x");
        for (builder, name, instead) in [
            (builder().tool(Tool::function("f")), "tools", "leave the tools out"),
            (builder().audio(AudioOutput::new(Voice::Alloy, AudioFormat::Mp3)), "audio", "leave audio out"),
            (builder().modalities([Modality::Text, Modality::Audio]), "modalities", "leave modalities out"),
            (
                builder().message(Message::user_parts([ContentPart::input_audio(InputAudioFormat::Mp3, b"beep")])),
                "messages",
                "leave the audio parts out",
            ),
            (builder().n(2), "n", "leave n at 1"),
            (builder().logprobs(true), "logprobs", "leave logprobs out"),
            (builder().presence_penalty(0.1), "presence_penalty", "leave it at 0"),
            (builder().frequency_penalty(2.0), "frequency_penalty", "leave it at 0"),
            (builder().max_completion_tokens(5), "max_completion_tokens", "leave it out, or use max_tokens"),
        ] {
            assert_refused(
                builder,
                name,
                Rule::PredictionConflict,
                &format!("{name} cannot be combined with prediction: {instead}"),
            );
        }
        assert_violations(
            &read(json!({
                "model": "d", "messages": [{"role": "user"}], "functions": [{"name": "f"}],
                "prediction": {"type": "content", "content": "x"}
            })),
            &[(
                "functions",
                Rule::PredictionConflict,
                "functions cannot be combined with prediction: leave the functions out",
            )],
        );
    }

    #[test]
    fn a_prediction_goes_with_everything_else() {
        assert_fine(
            request_to(Model::GPT_4O_2024_08_06)
                .prediction("x")
                .temperature(1.0)
                .max_tokens(5)
                .n(1)
                .logprobs(false)
                .presence_penalty(0.0)
                .frequency_penalty(-1.5)
                .modalities([Modality::Text])
                .tools(Vec::<Tool>::new())
                .stop(".")
                .message(Message::user_parts([ContentPart::image_url("https://contoso.com/u.png")])),
        );
    }
}
