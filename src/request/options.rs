//! The smaller things a request can say.

use crate::wire::{open_enum, wire_struct};

open_enum! {
    /// How much the model writes.
    pub enum Verbosity {
        /// Short.
        Low = "low",
        /// As usual.
        Medium = "medium",
        /// At length.
        High = "high",
    }
}

open_enum! {
    /// What the answer is made of.
    pub enum Modality {
        /// Text.
        Text = "text",
        /// Speech; needs `audio`.
        Audio = "audio",
    }
}

open_enum! {
    /// Who speaks.
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
}

open_enum! {
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
        /// AAC; newer versions only.
        Aac = "aac",
        /// Raw 16-bit samples.
        Pcm16 = "pcm16",
    }
}

open_enum! {
    /// How long a prompt stays in the cache.
    pub enum PromptCacheRetention {
        /// Minutes; as the guide spells it.
        InMemory = "in_memory",
        /// Minutes; as the v1 specification spells it.
        InMemoryHyphen = "in-memory",
        /// A day.
        Hours24 = "24h",
    }
}

wire_struct! {
    /// A spoken answer: the voice and the format.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/audio-completions-quickstart>
    pub struct AudioOutput {
        /// Who speaks.
        pub voice: Voice = "voice",
        /// The format.
        pub format: AudioFormat = "format",
    }
}

impl AudioOutput {
    /// This voice in this format.
    #[must_use]
    pub fn new(voice: Voice, format: AudioFormat) -> Self {
        Self { voice: Some(voice), format: Some(format), ..Self::EMPTY }
    }
}

wire_struct! {
    /// What a stream carries besides the answer.
    pub struct StreamOptions {
        /// Whether a last chunk tells the usage. When unset, [`stream`](crate::ChatClient::stream) asks
        /// for it wherever the api version knows the option.
        pub include_usage: bool = "include_usage",
        /// Whether chunks are padded so that their size tells nothing; v1 only.
        pub include_obfuscation: bool = "include_obfuscation",
    }
}

impl StreamOptions {
    /// Options that say nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::EMPTY
    }

    /// Whether a last chunk tells the usage.
    #[must_use]
    pub fn include_usage(mut self, include: bool) -> Self {
        self.include_usage = Some(include);
        self
    }

    /// Whether chunks are padded so that their size tells nothing.
    #[must_use]
    pub fn include_obfuscation(mut self, include: bool) -> Self {
        self.include_obfuscation = Some(include);
        self
    }
}

wire_struct! {
    /// Who is behind the call, for the security alerts of Microsoft Defender.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference-preview>
    pub struct UserSecurityContext {
        /// The application's name.
        pub application_name: String = hidden "application_name",
        /// The end user's id.
        pub end_user_id: String = hidden "end_user_id",
        /// The end user's tenant.
        pub end_user_tenant_id: String = hidden "end_user_tenant_id",
        /// The end user's address.
        pub source_ip: String = hidden "source_ip",
    }
}

impl UserSecurityContext {
    /// A context that says nothing yet; set its fields.
    #[must_use]
    pub fn new() -> Self {
        Self::EMPTY
    }
}

wire_struct! {
    /// How search-enabled models search the web.
    pub struct WebSearchOptions {
        /// How much of what is found is read: `low`, `medium` or `high`.
        pub search_context_size: String = "search_context_size",
        /// Roughly where the user is.
        pub user_location: serde_json::Value = hidden "user_location",
    }
}

impl WebSearchOptions {
    /// Options that say nothing yet; set their fields.
    #[must_use]
    pub fn new() -> Self {
        Self::EMPTY
    }
}
