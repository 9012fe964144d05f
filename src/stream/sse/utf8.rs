//! The UTF-8 check of bytes that may end inside a character.

use std::str;

/// The length of the text that the bytes begin with: all of them, but for the beginning of a character at their end. As an
/// error, the length of the text before a byte that cannot be UTF-8.
#[inline]
pub(super) fn text_length(bytes: &[u8]) -> Result<usize, usize> {
    // most lines are ASCII, which is cheaper to check than UTF-8
    if is_ascii(bytes) {
        return Ok(bytes.len());
    }
    match str::from_utf8(bytes) {
        Ok(text) => Ok(text.len()),
        Err(error) if error.error_len().is_none() => Ok(error.valid_up_to()),
        Err(error) => Err(error.valid_up_to()),
    }
}

/// Checks whole blocks, and then the last block of the piece, which may overlap: checking the remainder byte by byte
/// would take longer than all the blocks of a piece of one event.
fn is_ascii(bytes: &[u8]) -> bool {
    const BLOCK: usize = 128;
    let is_ascii = |block: &[u8; BLOCK]| block.iter().fold(0, |all, byte| all | byte) < 0x80;
    match bytes.last_chunk() {
        Some(last) => bytes.as_chunks().0.iter().all(is_ascii) && is_ascii(last),
        None => bytes.is_ascii(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_recognised_at_every_length() {
        for length in 0..200 {
            let mut bytes = vec![b'x'; length];
            assert!(is_ascii(&bytes));
            for at in 0..length {
                bytes[at] = 0x80;
                assert!(!is_ascii(&bytes), "byte {at} of {length}");
                bytes[at] = b'x';
            }
        }
    }

    #[test]
    fn a_character_may_be_cut_at_the_end_only() {
        assert_eq!(text_length("a\u{20ac}".as_bytes()), Ok(4));
        assert_eq!(text_length(b"a\xe2\x82"), Ok(1));
        assert_eq!(text_length(b"a\xe2\x82b"), Err(1));
        assert_eq!(text_length(b"\xff"), Err(0));
    }
}
