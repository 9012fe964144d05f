//! Spoken answers: a tone that is as long as the text would be, in bytes that decode.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::tools::letters;
use crate::request::ChatRequest;

/// Samples a second, 16 bits each, as the service's `pcm16`.
const RATE: u32 = 24_000;

/// A spoken answer.
pub(crate) struct Audio {
    format: Format,
    pub(crate) id: String,
    samples: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Wav,
    Pcm16,
    Mp3,
}

impl Audio {
    /// The formats that the emulator does not speak.
    pub(crate) fn unknown_format(request: ChatRequest<'_>) -> Option<&str> {
        let format = wanted(request)?;
        format_of(format).is_none().then_some(format)
    }

    /// An empty answer in the format that a request asks for, if it asks for sound.
    pub(crate) fn asked_for(request: ChatRequest<'_>) -> Option<Self> {
        let format = format_of(wanted(request)?)?;
        Some(Self { format, id: format!("audio_{}", letters(24)), samples: 0 })
    }

    /// Sets the duration of the sound: a third of a second for each word of `text`, from 1 to 90 words, so at most 30
    /// seconds.
    pub(crate) fn speaking(self, text: &str) -> Self {
        let words = text.split_whitespace().count().clamp(1, 90);
        Self { samples: words * usize::try_from(RATE / 3).unwrap_or(0), ..self }
    }

    /// Audio tokens of the answer: 20 a second (unsourced).
    pub(crate) fn tokens(&self) -> u64 {
        u64::try_from(self.samples).unwrap_or(0) * 20 / u64::from(RATE)
    }

    /// The bytes, in base64.
    pub(crate) fn data(&self) -> String {
        STANDARD.encode(self.bytes())
    }

    /// The bytes in pieces for a stream, each in base64.
    pub(crate) fn pieces(&self) -> Vec<String> {
        self.bytes().chunks(12_000).map(|piece| STANDARD.encode(piece)).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        match self.format {
            Format::Pcm16 => self.tone(),
            Format::Wav => {
                let tone = self.tone();
                let length = u32::try_from(tone.len()).unwrap_or(0);
                let mut wav = Vec::with_capacity(tone.len() + 44);
                wav.extend_from_slice(b"RIFF");
                wav.extend_from_slice(&(length + 36).to_le_bytes());
                wav.extend_from_slice(b"WAVEfmt ");
                // 16 bytes of format: PCM, one channel, rate, bytes a second, bytes a sample, bits a sample
                wav.extend_from_slice(&16_u32.to_le_bytes());
                wav.extend_from_slice(&1_u16.to_le_bytes());
                wav.extend_from_slice(&1_u16.to_le_bytes());
                wav.extend_from_slice(&RATE.to_le_bytes());
                wav.extend_from_slice(&(RATE * 2).to_le_bytes());
                wav.extend_from_slice(&2_u16.to_le_bytes());
                wav.extend_from_slice(&16_u16.to_le_bytes());
                wav.extend_from_slice(b"data");
                wav.extend_from_slice(&length.to_le_bytes());
                wav.extend(tone);
                wav
            }
            // Frames of 128 kbit/s at 44.1 kHz without side information, which decode to silence of 26 ms each.
            Format::Mp3 => {
                let frames = self.samples * 1000 / usize::try_from(RATE).unwrap_or(1) / 26 + 1;
                let mut frame = vec![0_u8; 417];
                frame.splice(..4, [0xff, 0xfb, 0x90, 0x64]);
                frame.repeat(frames)
            }
        }
    }

    /// A quiet tone of 440 Hz.
    fn tone(&self) -> Vec<u8> {
        let sample = |at: usize| {
            let phase = at as f64 * 440.0 * std::f64::consts::TAU / f64::from(RATE);
            #[expect(clippy::cast_possible_truncation, reason = "within the range of 16 bits")]
            let value = (phase.sin() * 2_000.0) as i16;
            value.to_le_bytes()
        };
        (0..self.samples).flat_map(sample).collect()
    }
}

/// The format that a request wants sound in, if it wants sound.
fn wanted(request: ChatRequest<'_>) -> Option<&str> {
    let speaks = request.list("modalities").iter().any(|modality| modality == "audio");
    request.given("audio").filter(|_| speaks)?.get("format").and_then(Value::as_str)
}

fn format_of(name: &str) -> Option<Format> {
    match name {
        "wav" => Some(Format::Wav),
        "pcm16" => Some(Format::Pcm16),
        "mp3" => Some(Format::Mp3),
        _ => None,
    }
}
