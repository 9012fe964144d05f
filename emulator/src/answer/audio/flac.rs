//! The FLAC encoder (RFC 9639): one channel of 16 bits, in blocks whose samples are not compressed.

use super::crc;

/// Samples of a block but the last.
const BLOCK: u16 = 4096;

/// The file of these samples.
pub(super) fn file(rate: u32, samples: &[i16]) -> Vec<u8> {
    let mut file = Vec::with_capacity(samples.len() * 2 + 1024);
    // The last metadata block is the first, STREAMINFO, of 34 bytes.
    file.extend_from_slice(b"fLaC\x80\0\0\x22");
    file.extend_from_slice(&BLOCK.to_be_bytes());
    file.extend_from_slice(&BLOCK.to_be_bytes());
    // The smallest and the largest frame in bytes: 0 for unknown.
    file.extend_from_slice(&[0; 6]);
    // Rate in 20 bits, channels less one in 3, bits less one in 5, number of samples in 36.
    let samples_in_all = u64::try_from(samples.len()).unwrap_or(0);
    file.extend_from_slice(&(u64::from(rate) << 44 | 15 << 36 | samples_in_all).to_be_bytes());
    // The MD5 of the samples: 0 for unknown.
    file.extend_from_slice(&[0; 16]);
    for (block, number) in samples.chunks(usize::from(BLOCK)).zip('\0'..) {
        file.extend(frame(block, number));
    }
    file
}

/// A frame of 24 kHz; its number is coded as UTF-8 codes a character.
fn frame(block: &[i16], number: char) -> Vec<u8> {
    // Blocks of one size; their size in 16 bits below, 24 kHz; one channel, 16 bits a sample.
    let mut frame = vec![0xff, 0xf8, 0x77, 0x08];
    frame.extend_from_slice(number.encode_utf8(&mut [0; 4]).as_bytes());
    frame.extend_from_slice(&u16::try_from(block.len()).unwrap_or(BLOCK).saturating_sub(1).to_be_bytes());
    frame.extend(crc(&frame, 8, 0x07));
    // A subframe of samples as they are.
    frame.push(0x02);
    frame.extend(block.iter().flat_map(|sample| sample.to_be_bytes()));
    frame.extend(crc(&frame, 16, 0x8005));
    frame
}
