//! The audio of an answer, [`Audio`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

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
        if let Some(piece) = transcript {
            self.transcript.get_or_insert_default().push_str(piece);
        }
        if let Some(piece) = data {
            append_base64(self.data.get_or_insert_default(), piece);
        }
        self.extra.merge(extra, Merge::Piece);
    }
}

/// Appends a piece of base64. Pieces may be encoded each for itself, with padding that base64 has only at its end: the bytes
/// of the padded end are then encoded once more, with those of the next piece.
fn append_base64(whole: &mut String, piece: &str) {
    let end = whole.len().saturating_sub(4);
    let padded = whole.get(end..).filter(|end| end.ends_with('=')).and_then(|end| STANDARD.decode(end).ok());
    match padded.zip(STANDARD.decode(piece).ok()) {
        Some((mut bytes, added)) => {
            bytes.extend(added);
            whole.truncate(end);
            STANDARD.encode_string(bytes, whole);
        }
        None => whole.push_str(piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_that_are_padded_each_for_itself_are_one_recording() {
        let whole = STANDARD.encode(b"a recording of 25 bytes..");
        for size in 1..=25 {
            let mut joined = String::new();
            for bytes in b"a recording of 25 bytes..".chunks(size) {
                append_base64(&mut joined, &STANDARD.encode(bytes));
            }
            assert_eq!(joined, whole, "{size}");
            // one text that is cut anywhere
            let mut joined = String::new();
            for at in (0..whole.len()).step_by(size) {
                append_base64(&mut joined, &whole[at..whole.len().min(at + size)]);
            }
            assert_eq!(joined, whole, "{size}");
        }
        let mut joined = "QQ==".to_owned();
        for piece in ["", "no base64"] {
            append_base64(&mut joined, piece);
        }
        assert_eq!(joined, "QQ==no base64");
    }
}
