//! The rules about images and audio: `image_url` and `input_audio` parts, `modalities`, `audio`.

use super::rule::{Check, Findings};
use crate::model::Parameter;
use crate::request::violation::Rule;
use crate::request::{AudioFormat, ContentPart};

pub(super) fn images(check: &Check<'_>, found: &mut Findings<'_>) {
    if check.refuses(Parameter::Images) {
        let problem = "does not see images: leave the part out";
        refuse_parts(check, |part| part.image_url.is_some(), problem, found);
    }
}

/// `input_audio` parts, the modality `audio`, and the parameter `audio`.
pub(super) fn audio(check: &Check<'_>, found: &mut Findings<'_>) {
    if !check.refuses(Parameter::Audio) {
        return;
    }
    refuse_parts(check, |part| part.input_audio.is_some(), "does not hear audio: leave the part out", found);
    for (name, set) in [("modalities", check.body.asks_for_audio()), ("audio", check.body.audio.is_some())] {
        if set {
            found.add_of_model(name, Rule::UnsupportedParameter, format!("does not speak: leave {name} out"));
        }
    }
}

/// gpt-audio-mini on OpenAI's own service answers "'audio.format' does not support 'wav' when stream=true"
/// (agentfield#584); nothing is known of Azure.
pub(super) fn streamed_audio(check: &Check<'_>, found: &mut Findings<'_>) {
    let format = check.body.audio.as_ref().and_then(|audio| audio.format.as_ref());
    if let Some(format) = format.filter(|format| check.streaming == Some(true) && **format != AudioFormat::Pcm16) {
        let message =
            format!("a stream may be spoken in no format but pcm16: use it in place of {format}, or complete()");
        found.add("audio.format", Rule::Advice, message);
    }
}

fn refuse_parts(check: &Check<'_>, is_refused: fn(&ContentPart) -> bool, problem: &str, found: &mut Findings<'_>) {
    for (place, _) in parts(check).filter(|(_, part)| is_refused(part)) {
        found.add_of_model(place, Rule::UnsupportedParameter, problem);
    }
}

/// The parts of all messages, each with its place.
fn parts<'a>(check: &'a Check<'_>) -> impl Iterator<Item = (String, &'a ContentPart)> {
    check.messages().flat_map(|(message_at, message)| {
        let parts = message.parts().iter().enumerate();
        parts.map(move |(at, part)| (format!("messages[{message_at}].content[{at}]"), part))
    })
}

/// The first base64 characters of each image format, which encode its signature.
const BASE64_IMAGES: &[(&str, &str)] =
    &[("iVBORw0KGgo", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp")];

/// The service takes an http(s) address or a "data URL with an image MIME type", by its own text; other APIs take bare
/// base64, so that code ported from them has it here.
pub(super) fn urls(check: &Check<'_>, found: &mut Findings<'_>) {
    for (place, part) in parts(check) {
        let image = part.image_url.as_ref().and_then(|image| image_problem(image.url.as_deref()?));
        let file = part.file.as_ref().and_then(|file| file_problem(file.file_data.as_deref()?));
        let problems = [("image_url.url", image), ("file.file_data", file)];
        for (member, problem) in problems.into_iter().filter_map(|(member, problem)| Some((member, problem?))) {
            if !found.has(&place) {
                found.add(format!("{place}.{member}"), Rule::UnsupportedValue, problem);
            }
        }
    }
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// The media type of a `data:` URL, empty where it has none; `None` of another URL.
fn media_type(url: &str) -> Option<&str> {
    let data = url.get("data:".len()..).filter(|_| has_scheme(url, "data:"))?;
    Some(data.split([';', ',']).next().unwrap_or_default().trim())
}

fn image_problem(url: &str) -> Option<String> {
    let url = url.trim_start();
    if let Some(media_type) = media_type(url) {
        let way_out = "write data:image/png;base64, or that of the image's format, or pass the bytes with \
                       ContentPart::image(\"image/png\", &bytes)";
        let is_image = has_scheme(media_type, "image/") && media_type.len() > "image/".len();
        return (!is_image).then(|| format!("the url is a data: URL whose media type is not one of images: {way_out}"));
    }
    if ["http://", "https://"].into_iter().any(|scheme| has_scheme(url, scheme)) {
        return None;
    }
    Some(match BASE64_IMAGES.iter().find(|(start, _)| url.starts_with(start)) {
        Some((_, media_type)) => format!(
            "the url is bare base64: write data:{media_type};base64, before it, or pass the bytes with \
             ContentPart::image(\"{media_type}\", &bytes)"
        ),
        None => "the url is neither an http(s) address nor a data: URL: pass one of these, or the image's bytes with \
                 ContentPart::image(media_type, &bytes)"
            .to_owned(),
    })
}

fn file_problem(data: &str) -> Option<String> {
    media_type(data.trim_start()).filter(|media_type| !media_type.contains('/')).map(|_| {
        "file_data is a data: URL without a media type: write data:application/pdf;base64, or that of the file's format, \
         or pass the bytes with ContentPart::file(filename, \"application/pdf\", &bytes)"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{
        assert_advised, assert_fine, assert_refused, assert_violations, request_to, request_to_any,
    };
    use super::*;
    use crate::model::{ApiVersion, Model};
    use crate::request::{AudioOutput, ChatCompletionRequestBuilder, InputAudioFormat, Message, Modality, Voice};

    fn seeing(builder: ChatCompletionRequestBuilder) -> ChatCompletionRequestBuilder {
        builder.message(Message::user_parts([
            ContentPart::text("what is this?"),
            ContentPart::image_url("https://contoso.com/cat.png"),
        ]))
    }

    fn hearing(builder: ChatCompletionRequestBuilder) -> ChatCompletionRequestBuilder {
        builder.message(Message::user_parts([ContentPart::input_audio(InputAudioFormat::Wav, b"beep")]))
    }

    #[test]
    fn a_model_that_does_not_see_gets_no_images() {
        assert_refused(
            seeing(request_to(Model::O3_MINI_2025_01_31)),
            "messages[1].content[1]",
            Rule::UnsupportedParameter,
            "o3-mini-2025-01-31 does not see images: leave the part out",
        );
        assert_fine(seeing(request_to(Model::O1_2024_12_17)));
        assert_fine(seeing(request_to_any()));
    }

    #[test]
    fn a_model_that_does_not_hear_gets_no_sound() {
        assert_refused(
            hearing(request_to(Model::GPT_4O_2024_08_06)),
            "messages[1].content[0]",
            Rule::UnsupportedParameter,
            "gpt-4o-2024-08-06 does not hear audio: leave the part out",
        );
        assert_fine(hearing(request_to(Model::GPT_AUDIO_2025_08_28)));
        assert_fine(hearing(request_to_any()));
    }

    #[test]
    fn a_model_that_does_not_speak_is_not_asked_to() {
        let speech = AudioOutput::new(Voice::Alloy, AudioFormat::Mp3);
        assert_violations(
            &request_to(Model::GPT_4O_2024_08_06)
                .modalities([Modality::Text, Modality::Audio])
                .audio(speech.clone())
                .build_unchecked(),
            &[
                ("modalities", Rule::UnsupportedParameter, "gpt-4o-2024-08-06 does not speak: leave modalities out"),
                ("audio", Rule::UnsupportedParameter, "gpt-4o-2024-08-06 does not speak: leave audio out"),
            ],
        );
        assert_fine(request_to(Model::GPT_4O_2024_08_06).modalities([Modality::Text]));
        // whether the modality is refused without `audio`, or the reverse, is not documented
        assert_fine(request_to(Model::GPT_AUDIO_2025_08_28).modalities([Modality::Audio]));
        assert_fine(request_to(Model::GPT_AUDIO_2025_08_28).audio(speech));
    }

    #[test]
    fn an_images_url_is_an_address_or_a_data_url() {
        let shown = |model: Model, url: &str| {
            request_to(model)
                .message(Message::user_parts([ContentPart::text("what is this?"), ContentPart::image_url(url)]))
        };
        let neither = "the url is neither an http(s) address nor a data: URL: pass one of these, or the image's bytes \
                       with ContentPart::image(media_type, &bytes)";
        let bare = |media_type: &str| {
            format!(
                "the url is bare base64: write data:{media_type};base64, before it, or pass the bytes with \
                 ContentPart::image(\"{media_type}\", &bytes)"
            )
        };
        for (url, message) in [
            ("cat.png", neither.to_owned()),
            ("", neither.to_owned()),
            ("file:///home/me/cat.png", neither.to_owned()),
            ("QUJDREVGR0g=", neither.to_owned()),
            ("größe", neither.to_owned()),
            ("iVBORw0KGgoAAAANSUhEUgAA", bare("image/png")),
            ("/9j/4AAQSkZJRgABAQ", bare("image/jpeg")),
            ("R0lGODlhAQABAIAA", bare("image/gif")),
            ("UklGRiQAAABXRUJQ", bare("image/webp")),
        ] {
            let place = "messages[1].content[1].image_url.url";
            assert_refused(shown(Model::GPT_4O_2024_08_06, url), place, Rule::UnsupportedValue, &message);
            assert_refused(shown(Model::O1_2024_12_17, url), place, Rule::UnsupportedValue, &message);
            assert_fine(seeing(request_to_any()).message(Message::user_parts([ContentPart::image_url(url)])));
        }
        for url in ["https://contoso.com/a", "HTTP://contoso.com/a.png", "data:image/png;base64,AAAA", " https://a.b/c"]
        {
            assert_fine(shown(Model::GPT_4O_2024_08_06, url));
        }
        assert_fine(
            request_to(Model::GPT_4O_2024_08_06).message(Message::user_parts([ContentPart::image("image/png", b"x")])),
        );
        let no_image = "the url is a data: URL whose media type is not one of images: write data:image/png;base64, or that \
                        of the image's format, or pass the bytes with ContentPart::image(\"image/png\", &bytes)";
        for url in [
            "data:png;base64,AAAA",
            "data:;base64,AAAA",
            "data:image/;base64,AAAA",
            "data:application/pdf;base64,AAAA",
            "data:",
            "DATA:a,b",
        ] {
            let place = "messages[1].content[1].image_url.url";
            assert_refused(shown(Model::GPT_4O_2024_08_06, url), place, Rule::UnsupportedValue, no_image);
        }
        for url in ["data:image/svg+xml,%3Csvg", "DATA:IMAGE/PNG;charset=utf-8;base64,AAAA"] {
            assert_fine(shown(Model::GPT_4O_2024_08_06, url));
        }
        // a model that does not see: the part is reported once
        assert_refused(
            shown(Model::O3_MINI_2025_01_31, "cat.png"),
            "messages[1].content[1]",
            Rule::UnsupportedParameter,
            "o3-mini-2025-01-31 does not see images: leave the part out",
        );
    }

    #[test]
    fn a_format_alone_is_the_media_type_of_an_image_and_none_of_a_file() {
        let shown =
            |part| request_to(Model::GPT_4O_2024_08_06).message(Message::user_parts([ContentPart::text("?"), part]));
        for (media_type, start) in [("png", "data:image/png;base64,"), ("image/webp", "data:image/webp;base64,")] {
            let image = ContentPart::image(media_type, b"a");
            assert!(image.as_image_url().unwrap().url().unwrap().starts_with(start));
            assert_fine(shown(image));
        }
        assert_refused(
            shown(ContentPart::file("a.pdf", "pdf", b"a")),
            "messages[1].content[1].file.file_data",
            Rule::UnsupportedValue,
            "file_data is a data: URL without a media type: write data:application/pdf;base64, or that of the file's format, \
             or pass the bytes with ContentPart::file(filename, \"application/pdf\", &bytes)",
        );
        assert_fine(shown(ContentPart::file("a.txt", "text/plain", b"a")));
        assert_fine(shown(ContentPart::file_id("file-1")));
    }

    #[test]
    fn a_streamed_answer_is_spoken_in_pcm16() {
        let spoken =
            |format: AudioFormat| request_to(Model::GPT_AUDIO_2025_08_28).audio(AudioOutput::new(Voice::Alloy, format));
        let wav = "a stream may be spoken in no format but pcm16: use it in place of wav, or complete()";
        let streamed = spoken(AudioFormat::Wav).extra("stream", true);
        assert_advised(streamed, &ApiVersion::V1, &[("audio.format", wav)]);
        assert_advised(spoken(AudioFormat::Pcm16).extra("stream", true), &ApiVersion::V1, &[]);
        assert_advised(spoken(AudioFormat::Wav), &ApiVersion::V1, &[]);
    }
}
