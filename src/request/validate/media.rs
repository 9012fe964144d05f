//! Images and sound.

use super::Check;
use crate::model::Parameter;
use crate::request::violation::{Rule, Violation};

pub(super) fn images_and_audio(check: &Check<'_>, found: &mut Vec<Violation>) {
    for (message_at, message) in check.messages() {
        let parts = message.content.iter().flat_map(|content| content.part_list());
        for (at, part) in parts.enumerate() {
            let problem = if part.image_url.is_some() && check.refuses(Parameter::Images) {
                "does not see images: leave the part out"
            } else if part.input_audio.is_some() && check.refuses(Parameter::Audio) {
                "does not hear audio: leave the part out"
            } else {
                continue;
            };
            found.push(Violation::new(
                format!("messages[{message_at}].content[{at}]"),
                Rule::UnsupportedParameter,
                format!("{} {problem}", check.model),
            ));
        }
    }
    if !check.refuses(Parameter::Audio) {
        return;
    }
    for (name, set) in [("modalities", check.body.asks_for_audio()), ("audio", check.body.audio.is_some())] {
        if set {
            let message = format!("{} does not speak: leave {name} out", check.model);
            found.push(Violation::new(name, Rule::UnsupportedParameter, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ask, ask_any, assert_fine, assert_refused, assert_told};
    use super::*;
    use crate::model::Model;
    use crate::request::{
        AudioFormat, AudioOutput, ChatCompletionRequestBuilder, ContentPart, InputAudioFormat, Message, Modality, Voice,
    };

    fn seeing(asked: ChatCompletionRequestBuilder) -> ChatCompletionRequestBuilder {
        asked.message(Message::user_parts([
            ContentPart::text("what is this?"),
            ContentPart::image_url("https://contoso.com/cat.png"),
        ]))
    }

    fn hearing(asked: ChatCompletionRequestBuilder) -> ChatCompletionRequestBuilder {
        asked.message(Message::user_parts([ContentPart::input_audio(InputAudioFormat::Wav, b"beep")]))
    }

    #[test]
    fn a_model_that_does_not_see_gets_no_images() {
        assert_refused(
            seeing(ask(Model::O3_MINI_2025_01_31)),
            "messages[1].content[1]",
            Rule::UnsupportedParameter,
            "o3-mini-2025-01-31 does not see images: leave the part out",
        );
        assert_fine(seeing(ask(Model::O1_2024_12_17)));
        assert_fine(seeing(ask_any()));
    }

    #[test]
    fn a_model_that_does_not_hear_gets_no_sound() {
        assert_refused(
            hearing(ask(Model::GPT_4O_2024_08_06)),
            "messages[1].content[0]",
            Rule::UnsupportedParameter,
            "gpt-4o-2024-08-06 does not hear audio: leave the part out",
        );
        assert_fine(hearing(ask(Model::GPT_AUDIO_2025_08_28)));
        assert_fine(hearing(ask_any()));
    }

    #[test]
    fn a_model_that_does_not_speak_is_not_asked_to() {
        let speech = AudioOutput::new(Voice::Alloy, AudioFormat::Mp3);
        assert_told(
            &ask(Model::GPT_4O_2024_08_06)
                .modalities([Modality::Text, Modality::Audio])
                .audio(speech.clone())
                .build_unchecked(),
            &[
                ("modalities", Rule::UnsupportedParameter, "gpt-4o-2024-08-06 does not speak: leave modalities out"),
                ("audio", Rule::UnsupportedParameter, "gpt-4o-2024-08-06 does not speak: leave audio out"),
            ],
        );
        assert_fine(ask(Model::GPT_4O_2024_08_06).modalities([Modality::Text]));
        // whether speech without its voice is refused, no source says
        assert_fine(ask(Model::GPT_AUDIO_2025_08_28).modalities([Modality::Audio]));
        assert_fine(ask(Model::GPT_AUDIO_2025_08_28).audio(speech));
    }
}
