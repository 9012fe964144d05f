//! The `content` of a message: text, or parts of text, images, audio and files.

use serde::de::SeqAccess;
use serde::ser::{Serialize, Serializer};

use super::audio::{InputAudio, InputAudioFormat};
use super::base64::{base64, data_url};
use crate::wire::{Field, FieldVisitor, FromWire, List, Path, deserialize_wire, open_enum, wire_struct};

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
}

open_enum! {
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
    /// A part of a message.
    pub struct ContentPart {
        pub(crate) kind: ContentPartType = "type",
        pub(crate) text: String = hidden "text",
        pub(crate) refusal: String = hidden "refusal",
        pub(crate) image_url: ImageUrl = "image_url",
        pub(crate) input_audio: InputAudio = "input_audio",
        pub(crate) file: FilePart = "file",
    }
}

wire_struct! {
    pub(crate) struct ImageUrl {
        pub(crate) url: String = hidden "url",
        pub(crate) detail: ImageDetail = "detail",
    }
}

wire_struct! {
    pub(crate) struct FilePart {
        pub(crate) filename: String = hidden "filename",
        pub(crate) file_data: String = hidden "file_data",
        pub(crate) file_id: String = hidden "file_id",
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

    /// An image from its bytes, with its media type such as `image/png`.
    #[must_use]
    pub fn image(media_type: &str, bytes: &[u8]) -> Self {
        Self::image_url(data_url(media_type, bytes))
    }

    /// Sets the resolution of this image, `auto` when unset; no effect on other parts.
    #[must_use]
    pub fn detail(mut self, detail: ImageDetail) -> Self {
        if let Some(image) = &mut self.image_url {
            image.detail = Some(detail);
        }
        self
    }

    /// A recording from its bytes, at most 20 MB. Refused by models without audio.
    #[must_use]
    pub fn input_audio(format: InputAudioFormat, bytes: &[u8]) -> Self {
        let sound = InputAudio { data: Some(base64(bytes)), format: Some(format), ..InputAudio::EMPTY };
        Self { input_audio: Some(sound), ..Self::of(ContentPartType::InputAudio) }
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

    /// The wire's `type`.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_ref().map(ContentPartType::as_str)
    }
}

/// Text, or a list of parts.
#[derive(Clone, PartialEq)]
pub enum MessageContent {
    /// Text.
    Text(String),
    /// Parts, in order.
    Parts(Vec<ContentPart>),
}

impl MessageContent {
    /// A list of parts.
    #[must_use]
    pub fn parts(parts: impl IntoIterator<Item = ContentPart>) -> Self {
        Self::Parts(parts.into_iter().collect())
    }

    pub(crate) fn part_list(&self) -> &[ContentPart] {
        match self {
            Self::Text(_) => &[],
            Self::Parts(parts) => parts,
        }
    }
}

impl From<&str> for MessageContent {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for MessageContent {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for MessageContent {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Vec<ContentPart>> for MessageContent {
    fn from(parts: Vec<ContentPart>) -> Self {
        Self::Parts(parts)
    }
}

impl<const N: usize> From<[ContentPart; N]> for MessageContent {
    fn from(parts: [ContentPart; N]) -> Self {
        Self::Parts(parts.into())
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

impl FromWire for MessageContent {
    const EXPECTED: &'static str = "a string or a list of parts";

    fn visit<'a>(&'a self, path: &Path<'_>, visitor: &mut dyn FieldVisitor<'a>) {
        match self {
            Self::Text(text) => text.visit(path, visitor),
            Self::Parts(parts) => parts.visit(path, visitor),
        }
    }
    fn from_str(text: &str) -> Option<Self> {
        Some(text.into())
    }
    fn from_string(text: String) -> Result<Self, String> {
        Ok(Self::Text(text))
    }
    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Field<Self>, A::Error> {
        List::from_seq(seq).map(|field| field.map(|List(list)| Self::Parts(list)))
    }
}

deserialize_wire!(MessageContent);

impl Serialize for MessageContent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Parts(parts) => parts.serialize(serializer),
        }
    }
}
