//! The audio of an answer, [`Audio`].

use crate::wire::{Merge, wire_struct};

wire_struct! {
    /// The answer as audio.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/audio-completions-quickstart>
    pub struct Audio {
        /// The id by which the assistant message of a later request refers to this audio.
        id: String = "id",
        /// When the service deletes the audio, in seconds since 1970.
        expires_at: u64 = "expires_at",
        /// The audio in base64, in the `format` of the request's `audio`.
        data: String = hidden "data",
        /// The text that is spoken.
        transcript: String = hidden "transcript",
    }
}

impl Audio {
    /// Adds the audio of a delta: `data` and `transcript` are appended.
    pub(crate) fn append(&mut self, piece: &Self) {
        let Self { id, expires_at, data, transcript, extra } = piece;
        if let Some(id) = id.as_ref().filter(|id| !id.is_empty()) {
            self.id = Some(id.clone());
        }
        self.expires_at = expires_at.or(self.expires_at);
        for (whole, piece) in [(&mut self.data, data), (&mut self.transcript, transcript)] {
            if let Some(piece) = piece {
                whole.get_or_insert_default().push_str(piece);
            }
        }
        self.extra.merge(extra, Merge::Piece);
    }
}
