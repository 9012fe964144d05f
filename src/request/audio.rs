//! Audio in a request: the spoken answer that is requested, recordings in messages, earlier spoken answers.

use crate::wire::{open_enum, wire_struct};

open_enum! {
    /// A form of the answer.
    pub enum Modality {
        /// Text.
        Text = "text",
        /// Speech; requires the parameter `audio`.
        Audio = "audio",
    }

    /// The voice of a spoken answer.
    pub enum Voice {
        /// Alloy.
        Alloy = "alloy",
        /// Ash.
        Ash = "ash",
        /// Ballad.
        Ballad = "ballad",
        /// Coral.
        Coral = "coral",
        /// Echo.
        Echo = "echo",
        /// Fable; dated api versions only.
        Fable = "fable",
        /// Onyx; dated api versions only.
        Onyx = "onyx",
        /// Nova; dated api versions only.
        Nova = "nova",
        /// Sage.
        Sage = "sage",
        /// Shimmer.
        Shimmer = "shimmer",
        /// Verse.
        Verse = "verse",
        /// Marin.
        Marin = "marin",
        /// Cedar.
        Cedar = "cedar",
    }

    /// The format of the spoken answer.
    pub enum AudioFormat {
        /// WAV.
        Wav = "wav",
        /// MP3.
        Mp3 = "mp3",
        /// FLAC.
        Flac = "flac",
        /// Opus.
        Opus = "opus",
        /// AAC; newer api versions only.
        Aac = "aac",
        /// Raw 16-bit samples.
        Pcm16 = "pcm16",
    }
}

wire_struct! {
    /// A spoken answer: the voice and the format.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/audio-completions-quickstart>
    pub struct AudioOutput {
        /// The voice.
        voice: Voice = "voice",
        /// The format.
        format: AudioFormat = "format",
    }
}

impl AudioOutput {
    /// A spoken answer with this voice in this format.
    #[must_use]
    pub fn new(voice: impl Into<Voice>, format: impl Into<AudioFormat>) -> Self {
        Self { voice: Some(voice.into()), format: Some(format.into()), ..Self::EMPTY }
    }
}

open_enum! {
    /// The format of a recording in a message.
    pub enum InputAudioFormat {
        /// WAV.
        Wav = "wav",
        /// MP3.
        Mp3 = "mp3",
    }
}

wire_struct! {
    /// A recording in a message.
    pub struct InputAudio {
        /// The recording in base64.
        data: String = hidden "data",
        /// The format of the recording.
        format: InputAudioFormat = "format",
    }

    /// An earlier spoken answer, by its id.
    pub(crate) struct AudioReference {
        pub(crate) id: String = "id",
    }
}
