//! The UTF-8 check of the pieces of a body, which may split a character.
//!
//! Line ends are ASCII, so text can be checked before it is cut into lines. A piece is checked up to its first line end,
//! since events that fit a template may follow, which are not checked here. A wrong byte is found when it is read, not
//! when its line ends, which may be megabytes or minutes later.

use std::mem;
use std::str;

use bytes::{Buf, Bytes, BytesMut};

use super::event::SseError;

/// The pieces that were pushed and not yet returned as text.
#[derive(Default)]
pub(super) struct Utf8Pieces {
    /// Not yet checked.
    piece: Bytes,
    /// The pieces that were pushed before `piece` was used up, joined in one buffer.
    waiting: BytesMut,
    /// The beginning of a character whose other bytes are still to come: at most three bytes.
    character: Vec<u8>,
    /// The number of bytes returned or skipped: the position in the body of the first unchecked byte.
    position: u64,
    /// The bytes checked so far, which a test bounds.
    #[cfg(test)]
    pub(super) work: usize,
}

impl Utf8Pieces {
    pub(super) fn push(&mut self, bytes: Bytes) {
        if self.is_empty() {
            self.piece = bytes;
        } else {
            self.waiting.extend_from_slice(&bytes);
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.piece.is_empty() && self.waiting.is_empty()
    }

    /// The bytes that are not checked yet, if they do not begin within a character.
    #[inline]
    pub(super) fn unchecked(&self) -> Option<&[u8]> {
        (self.character.is_empty() && !self.piece.is_empty()).then_some(&self.piece)
    }

    /// Skips unchecked bytes, which must be UTF-8.
    #[inline]
    pub(super) fn skip(&mut self, size: usize) {
        self.position = self.position.saturating_add(size as u64);
        self.piece.advance(size);
        if self.piece.is_empty() {
            // an empty slice would keep its whole buffer alive
            self.piece = Bytes::new();
        }
    }

    /// Returns the next run of text, never empty, or `None` when more bytes are needed.
    pub(super) fn next_text(&mut self) -> Result<Option<Bytes>, SseError> {
        loop {
            if self.piece.is_empty() {
                if self.waiting.is_empty() {
                    return Ok(None);
                }
                self.piece = mem::take(&mut self.waiting).freeze();
            }
            let text = if self.character.is_empty() { self.check_piece()? } else { self.check_character()? };
            if let Some(text) = text {
                self.position = self.position.saturating_add(text.len() as u64);
                return Ok(Some(text));
            }
        }
    }

    /// The position in the body of a character that is not complete, if there is one.
    pub(super) fn incomplete_character(&self) -> Option<u64> {
        (!self.character.is_empty()).then_some(self.position)
    }

    /// Takes text up to the first line end of the piece, or the incomplete character that the piece consists of.
    fn check_piece(&mut self) -> Result<Option<Bytes>, SseError> {
        let length = memchr::memchr(b'\n', &self.piece).map_or(self.piece.len(), |end| end.saturating_add(1));
        let line = self.piece.get(..length).unwrap_or(&self.piece);
        // most lines are ASCII, which is cheaper to check than UTF-8
        let checked = if is_ascii(line) { Ok(line) } else { str::from_utf8(line).map(str::as_bytes) };
        let valid = match checked {
            Ok(line) => line.len(),
            Err(error) if error.valid_up_to() > 0 => error.valid_up_to(),
            Err(error) if error.error_len().is_some() => return Err(SseError::InvalidUtf8 { at: self.position }),
            Err(_) => {
                self.character.extend_from_slice(&mem::take(&mut self.piece));
                return Ok(None);
            }
        };
        self.count_work(length);
        let text = self.piece.split_to(valid);
        if self.piece.is_empty() {
            // an empty slice would keep its whole buffer alive
            self.piece = Bytes::new();
        }
        Ok(Some(text))
    }

    /// Takes one more byte of a character that began in an earlier piece.
    fn check_character(&mut self) -> Result<Option<Bytes>, SseError> {
        self.character.extend_from_slice(&self.piece.split_to(1));
        self.count_work(self.character.len());
        match str::from_utf8(&self.character) {
            Ok(_) => Ok(Some(mem::take(&mut self.character).into())),
            Err(error) if error.error_len().is_some() => Err(SseError::InvalidUtf8 { at: self.position }),
            Err(_) => Ok(None),
        }
    }

    #[cfg(test)]
    fn count_work(&mut self, bytes: usize) {
        self.work += bytes;
    }

    #[cfg(not(test))]
    fn count_work(&self, _bytes: usize) {}
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

    /// Pushes each piece and takes all text; returns the text, and where it went wrong.
    fn read(pieces: &[&[u8]]) -> (Vec<u8>, Option<SseError>) {
        let mut reader = Utf8Pieces::default();
        let mut text = Vec::new();
        for piece in pieces {
            reader.push(Bytes::copy_from_slice(piece));
            loop {
                match reader.next_text() {
                    Ok(Some(part)) => {
                        str::from_utf8(&part).unwrap();
                        text.extend_from_slice(&part);
                    }
                    Ok(None) => break,
                    Err(error) => return (text, Some(error)),
                }
            }
        }
        (text, None)
    }

    #[test]
    fn characters_may_be_split_anywhere() {
        let text = "a\u{e9}\u{20ac}\u{1f600}z".as_bytes();
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(read(&pieces), (text.to_vec(), None), "split at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_wrong_byte_is_an_error_with_its_position_as_soon_as_it_is_certain() {
        let wrong = |at| Some(SseError::InvalidUtf8 { at });
        assert_eq!(read(&[b"ab\xff"]), (b"ab".to_vec(), wrong(2)));
        assert_eq!(read(&[b"ab", b"c\xc3", b"("]), (b"abc".to_vec(), wrong(3)));
        assert_eq!(read(&[b"\xe2\x82", b"\n"]), (vec![], wrong(0)));
        assert_eq!(read(&[b"a\xf0", b"\x80"]), (b"a".to_vec(), wrong(1)), "an overlong form");
        assert_eq!(read(&[b"a\xed", b"\xa0"]), (b"a".to_vec(), wrong(1)), "a surrogate");
    }

    #[test]
    fn a_character_without_its_end_is_incomplete() {
        let mut reader = Utf8Pieces::default();
        reader.push(Bytes::from_static(b"ab\xe2\x82"));
        assert_eq!(reader.next_text(), Ok(Some(Bytes::from_static(b"ab"))));
        assert_eq!(reader.next_text(), Ok(None));
        assert_eq!(reader.incomplete_character(), Some(2));
    }

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
    fn pieces_pushed_in_a_row_are_joined_in_order() {
        let mut reader = Utf8Pieces::default();
        for piece in [&b"a"[..], b"b\xc3", b"\xa9", b"d"] {
            reader.push(Bytes::copy_from_slice(piece));
        }
        let mut text = Vec::new();
        while let Some(part) = reader.next_text().unwrap() {
            text.extend_from_slice(&part);
        }
        assert_eq!(text, "ab\u{e9}d".as_bytes());
    }
}
