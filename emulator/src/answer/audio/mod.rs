//! Audio answers: a tone as long as the text would be when spoken, in files that decode. The compressed formats but FLAC
//! have silence of that length.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::tools::letters;
use crate::request::ChatRequest;

mod flac;
mod opus;

/// Samples a second, 16 bits each, as the service's `pcm16`.
const RATE: u32 = 24_000;

/// An audio answer.
pub(crate) struct Audio {
    format: Format,
    pub(crate) id: String,
    samples: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Aac,
    Flac,
    Mp3,
    Opus,
    Pcm16,
    Wav,
}

impl Audio {
    /// Audio of no length in the format of `audio.format`, if the request has the modality `audio`.
    pub(crate) fn requested(request: ChatRequest<'_>) -> Option<Self> {
        let format = format_of(requested_format(request)?)?;
        Some(Self { format, id: format!("audio_{}", letters(24)), samples: 0 })
    }

    /// The same with the duration of the spoken `text`: a third of a second for each word, at least that and at most 30
    /// seconds.
    pub(crate) fn lasting_as(self, text: &str) -> Self {
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
            Format::Aac => self.repeated(&SILENT_AAC, 1024),
            Format::Flac => flac::file(RATE, &self.tone()),
            Format::Mp3 => {
                let mut frame = vec![0; 144];
                frame.splice(..4, SILENT_MP3);
                self.repeated(&frame, 576)
            }
            Format::Opus => opus::silence(u64::try_from(self.samples).unwrap_or(0) * u64::from(opus::RATE / RATE)),
            Format::Pcm16 => little_endian(&self.tone()),
            Format::Wav => wav(&little_endian(&self.tone())),
        }
    }

    /// A frame of so many samples, for the whole duration.
    fn repeated(&self, frame: &[u8], samples: usize) -> Vec<u8> {
        frame.repeat(self.samples.div_ceil(samples))
    }

    /// A quiet tone of 440 Hz.
    fn tone(&self) -> Vec<i16> {
        let sample = |at: usize| {
            let phase = at as f64 * 440.0 * std::f64::consts::TAU / f64::from(RATE);
            #[expect(clippy::cast_possible_truncation, reason = "within the range of 16 bits")]
            let value = (phase.sin() * 2_000.0) as i16;
            value
        };
        (0..self.samples).map(sample).collect()
    }
}

/// A frame of AAC-LC in ADTS: one channel at 24 kHz, 11 bytes, without spectral data (`max_sfb` 0).
const SILENT_AAC: [u8; 11] = [0xff, 0xf1, 0x58, 0x40, 0x01, 0x7f, 0xfc, 0x00, 0x00, 0x00, 0x07];

/// The header of a frame of MPEG-2 layer III: one channel at 24 kHz, 48 kbit/s, 144 bytes. Zeros after it are silence.
const SILENT_MP3: [u8; 4] = [0xff, 0xf3, 0x64, 0xc4];

fn little_endian(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn wav(samples: &[u8]) -> Vec<u8> {
    let length = u32::try_from(samples.len()).unwrap_or(0);
    let mut wav = Vec::with_capacity(samples.len() + 44);
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
    wav.extend_from_slice(samples);
    wav
}

/// The cyclic redundancy check of so many bits (8, 16 or 32) that begins with 0 and shifts left, most significant byte
/// first.
fn crc(bytes: &[u8], bits: u32, polynomial: u64) -> Vec<u8> {
    let crc = bytes.iter().fold(0_u64, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte) << (bits - 8), |crc, _| {
            let shifted = crc << 1;
            if shifted >> bits & 1 == 0 { shifted } else { (shifted ^ polynomial) & ((1 << bits) - 1) }
        })
    });
    crc.to_be_bytes().into_iter().skip(usize::try_from(64 - bits).unwrap_or(0) / 8).collect()
}

/// The member `audio.format`, if the request has the modality `audio`.
fn requested_format(request: ChatRequest<'_>) -> Option<&str> {
    let has_audio = request.list("modalities").iter().any(|modality| modality == "audio");
    request.given("audio").filter(|_| has_audio)?.get("format").and_then(Value::as_str)
}

fn format_of(name: &str) -> Option<Format> {
    match name {
        "aac" => Some(Format::Aac),
        "flac" => Some(Format::Flac),
        "mp3" => Some(Format::Mp3),
        "opus" => Some(Format::Opus),
        "pcm16" => Some(Format::Pcm16),
        "wav" => Some(Format::Wav),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One second in a format.
    fn second(name: &str) -> Vec<u8> {
        let format = format_of(name).unwrap();
        Audio { format, id: String::new(), samples: 0 }.lasting_as("one two three").bytes()
    }

    #[test]
    fn each_format_begins_as_its_files_do() {
        let starts: [(&str, &[u8]); 5] =
            [("aac", &[0xff, 0xf1]), ("flac", b"fLaC"), ("mp3", &[0xff, 0xf3]), ("opus", b"OggS"), ("wav", b"RIFF")];
        for (name, start) in starts {
            assert!(second(name).starts_with(start), "{name}");
        }
        assert_eq!(second("pcm16").len(), 48_000);
    }

    #[test]
    fn checks_are_those_of_the_catalogue() {
        // CRC-8/SMBUS, CRC-16/UMTS, and CRC-32/MPEG-2 without its initial value, of the digits from 1 to 9
        for (bits, polynomial, check) in
            [(8, 0x07, vec![0xf4]), (16, 0x8005, vec![0xfe, 0xe8]), (32, 0x04c1_1db7, vec![0x89, 0xa1, 0x89, 0x7f])]
        {
            assert_eq!(crc(b"123456789", bits, polynomial), check);
        }
    }

    #[test]
    fn frames_of_one_length_last_the_whole_time() {
        assert_eq!(second("aac").len(), 24_000_usize.div_ceil(1024) * 11);
        assert_eq!(second("mp3").len(), 24_000_usize.div_ceil(576) * 144);
        // length of the frame in the 13 bits of the header
        assert_eq!(usize::from(SILENT_AAC[4]) << 3 | usize::from(SILENT_AAC[5]) >> 5, SILENT_AAC.len());
    }
}
