//! The tokens of audio in a prompt, by its duration.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Unsourced for chat completions; the documents of the Realtime API have one token for 100 ms.
const TOKENS_A_SECOND: u64 = 10;

/// Bytes a second of other formats than WAV: those of an MP3 of 128 kbit/s.
const COMPRESSED: u64 = 16_000;

/// The tokens of the data of an `input_audio` part, in base64.
pub(crate) fn audio_tokens(data: &str) -> u64 {
    let bytes = u64::try_from(data.len() / 4 * 3).unwrap_or(0);
    // The bytes a second of a WAV file are its bytes 28 to 31.
    let head = data.get(..44).and_then(|head| STANDARD.decode(head).ok()).filter(|head| head.starts_with(b"RIFF"));
    let rate = head.and_then(|head| Some(u64::from(u32::from_le_bytes(head.get(28..32)?.try_into().ok()?))));
    (bytes * TOKENS_A_SECOND).div_ceil(rate.filter(|rate| *rate > 0).unwrap_or(COMPRESSED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_has_tokens_for_its_duration() {
        let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        wav.extend(24_000_u32.to_le_bytes());
        wav.extend(48_000_u32.to_le_bytes());
        wav.resize(2 * 48_000, 0);
        assert_eq!(audio_tokens(&STANDARD.encode(&wav)), 20);
        assert_eq!(audio_tokens(&STANDARD.encode(vec![0; 15_999])), 10);
        wav[28..32].fill(0);
        assert_eq!(audio_tokens(&STANDARD.encode(&wav)), 60);
        assert_eq!(audio_tokens("größe"), 1);
    }
}
