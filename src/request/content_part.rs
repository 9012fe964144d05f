//! The `content` of a message: text, or parts of text, images, audio and files.

use base64::Engine;
use base64::engine::general_purpose;

use super::audio::{InputAudio, InputAudioFormat};
use crate::wire::{List, clone_converts, getters, list_converts, open_enum, text_converts, wire_either, wire_struct};

open_enum! {
    /// The kind of a part.
    pub enum ContentPartType {
        /// Text.
        Text = "text",
        /// An earlier refusal of the model.
        Refusal = "refusal",
        /// An image.
        ImageUrl = "image_url",
        /// Audio.
        InputAudio = "input_audio",
        /// A file.
        File = "file",
    }

    /// The resolution in which the model processes an image.
    pub enum ImageDetail {
        /// The service decides.
        Auto = "auto",
        /// Scaled down, for few tokens.
        Low = "low",
        /// In tiles, for many tokens.
        High = "high",
    }
}

wire_struct! {
    /// A part of a message: text, an image, a recording or a file.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chatcompletionrequestmessagecontentpart>
    #[doc(alias = "ChatCompletionContentPartParam")]
    #[doc(alias = "ChatCompletionRequestUserMessageContentPart")]
    pub struct ContentPart {
        /// The wire's `type`.
        kind: ContentPartType = "type",
        text: String = private hidden "text",
        refusal: String = private hidden "refusal",
        image_url: ImageUrl = private "image_url",
        input_audio: InputAudio = private "input_audio",
        file: FilePart = private "file",
    }

    /// An image in a message.
    pub struct ImageUrl {
        /// The http(s) address, or the `data:` URL with the image itself.
        url: String = hidden "url",
        /// The resolution in which the model processes the image. When unset, `auto`.
        detail: ImageDetail = "detail",
    }

    /// A file in a message: its id, or its name and data.
    pub struct FilePart {
        /// The name of the file.
        filename: String = hidden "filename",
        /// The file itself, as a `data:` URL.
        file_data: String = hidden "file_data",
        /// The id of a file that was uploaded before.
        file_id: String = hidden "file_id",
    }
}

impl ContentPart {
    const fn of(kind: ContentPartType) -> Self {
        Self { kind: Some(kind), ..Self::EMPTY }
    }

    /// Text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::of(ContentPartType::Text) }
    }

    /// An earlier refusal of the model.
    #[must_use]
    pub fn refusal(text: impl Into<String>) -> Self {
        Self { refusal: Some(text.into()), ..Self::of(ContentPartType::Refusal) }
    }

    /// An image at an http(s) address that the service fetches, or a `data:` URL. Refused by models without image input.
    #[must_use]
    pub fn image_url(url: impl Into<String>) -> Self {
        let image_url = ImageUrl { url: Some(url.into()), ..ImageUrl::EMPTY };
        Self { image_url: Some(image_url), ..Self::of(ContentPartType::ImageUrl) }
    }

    /// An image from its bytes, with its media type such as `image/png`, or its format alone, such as `png`.
    #[must_use]
    pub fn image(media_type: &str, bytes: &[u8]) -> Self {
        match media_type.contains('/') {
            true => Self::image_url(data_url(media_type, bytes)),
            false => Self::image_url(data_url(&format!("image/{media_type}"), bytes)),
        }
    }

    /// Sets the resolution of this image, `auto` when unset; no effect on other parts.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<ImageDetail>) -> Self {
        if let Some(image) = &mut self.image_url {
            image.detail = Some(detail.into());
        }
        self
    }

    /// A recording from its bytes, at most 20 MB. Refused by models without audio.
    #[must_use]
    pub fn input_audio(format: impl Into<InputAudioFormat>, bytes: &[u8]) -> Self {
        let recording = InputAudio { data: Some(base64(bytes)), format: Some(format.into()), ..InputAudio::EMPTY };
        Self { input_audio: Some(recording), ..Self::of(ContentPartType::InputAudio) }
    }

    /// A file that was uploaded before.
    #[must_use]
    pub fn file_id(id: impl Into<String>) -> Self {
        let file = FilePart { file_id: Some(id.into()), ..FilePart::EMPTY };
        Self { file: Some(file), ..Self::of(ContentPartType::File) }
    }

    /// A file from its bytes, with its media type such as `application/pdf`.
    #[must_use]
    pub fn file(filename: impl Into<String>, media_type: &str, bytes: &[u8]) -> Self {
        let data = data_url(media_type, bytes);
        let file = FilePart { filename: Some(filename.into()), file_data: Some(data), ..FilePart::EMPTY };
        Self { file: Some(file), ..Self::of(ContentPartType::File) }
    }
}

getters! { part: ContentPart => part;
    /// The text of a text part.
    as_text = text: String;
    /// The text of an earlier refusal.
    as_refusal = refusal: String;
    /// The image of an image part.
    as_image_url = image_url: ImageUrl;
    /// The recording of an audio part.
    as_input_audio = input_audio: InputAudio;
    /// The file of a file part.
    as_file = file: FilePart;
}

/// Vector instructions where the processor has them: the crate's `STANDARD` takes 8.3 instructions a byte.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
fn engine() -> impl Engine {
    base64::engine::Simd::standard(general_purpose::PAD)
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
fn engine() -> impl Engine {
    general_purpose::STANDARD
}

/// Standard base64 with padding, RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    engine().encode(bytes)
}

/// `data:{media_type};base64,{bytes}`, RFC 2397.
fn data_url(media_type: &str, bytes: &[u8]) -> String {
    let mut url = format!("data:{media_type};base64,");
    url.reserve_exact(bytes.len().div_ceil(3).saturating_mul(4));
    engine().encode_string(bytes, &mut url);
    url
}

/// Text, or a list of parts. Strings and lists of parts convert.
#[derive(Clone, PartialEq)]
pub enum MessageContent {
    /// Text.
    Text(String),
    /// Parts, in order.
    Parts(Vec<ContentPart>),
}

impl MessageContent {
    /// The text, or the only text among the parts. `None` without text and with several.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Parts(parts) => {
                let mut texts = parts.iter().filter_map(ContentPart::as_text);
                texts.next().filter(|_| texts.next().is_none())
            }
        }
    }

    /// The parts; empty when the content is a string.
    #[must_use]
    pub fn parts(&self) -> &[ContentPart] {
        match self {
            Self::Text(_) => &[],
            Self::Parts(parts) => parts,
        }
    }
}

text_converts!(MessageContent, MessageContent::Text);

impl From<ContentPart> for MessageContent {
    fn from(part: ContentPart) -> Self {
        Self::Parts(vec![part])
    }
}

impl From<&ContentPart> for MessageContent {
    fn from(part: &ContentPart) -> Self {
        part.clone().into()
    }
}

clone_converts!(MessageContent);
list_converts!(MessageContent: [] [] ContentPart, ContentPart::clone);

impl FromIterator<ContentPart> for MessageContent {
    fn from_iter<I: IntoIterator<Item = ContentPart>>(parts: I) -> Self {
        Self::Parts(parts.into_iter().collect())
    }
}

impl std::fmt::Debug for MessageContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text([hidden])"),
            Self::Parts(parts) => f.debug_tuple("Parts").field(parts).finish(),
        }
    }
}

wire_either!(MessageContent: "a string or a list of parts" = Text(String) | Parts(List<ContentPart>));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_hold() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn a_data_url_fits_its_allocation() {
        let url = data_url("image/png", &[0; 100]);
        assert!(url.starts_with("data:image/png;base64,AAAA"));
        assert_eq!(url.len(), url.capacity());
    }
}
