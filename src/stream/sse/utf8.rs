//! Pieces to text: lets through only what is UTF-8, however the pieces split it.
//!
//! Line ends are ASCII, so text that is checked as a whole is checked line by line as well, and piece by
//! piece is cheaper. A wrong byte is found when its piece is reached, and not when its line ends, which may be
//! megabytes or minutes later.

use std::mem;
use std::str;

use bytes::{Buf, Bytes, BytesMut};

use super::SseError;

/// The pieces that were pushed, and how far they are known to be text.
#[derive(Default)]
pub(super) struct Utf8Pieces {
    /// Not yet checked.
    piece: Bytes,
    /// What was pushed before `piece` was used up, joined: one buffer, however many pieces they were.
    waiting: BytesMut,
    /// The beginning of a character whose rest is still to come: at most three bytes.
    character: Vec<u8>,
    /// How many bytes of the stream were handed out: where the first unchecked one is.
    position: u64,
    /// Bytes looked at so far, the work that has to stay linear.
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

    /// The bytes at hand that are not yet checked, if no character is open.
    #[inline]
    pub(super) fn unchecked(&self) -> Option<&[u8]> {
        (self.character.is_empty() && !self.piece.is_empty()).then_some(&self.piece)
    }

    /// Steps over bytes at hand that somebody else knows to be text.
    #[inline]
    pub(super) fn pass(&mut self, size: usize) {
        self.pass_by(size);
        self.piece.advance(size);
        if self.piece.is_empty() {
            // even an empty slice keeps its whole buffer alive
            self.piece = Bytes::new();
        }
    }

    /// Counts bytes that are not pushed because somebody else read them and knows them to be text.
    #[inline]
    pub(super) fn pass_by(&mut self, size: usize) {
        self.position = self.position.saturating_add(size as u64);
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

    /// Where a character began that is not complete, if there is one.
    pub(super) fn open_character(&self) -> Option<u64> {
        (!self.character.is_empty()).then_some(self.position)
    }

    /// Takes the text at the start of the piece, or else the incomplete character there.
    fn check_piece(&mut self) -> Result<Option<Bytes>, SseError> {
        self.count_work(self.piece.len());
        // Most pieces are ASCII, which is cheaper to tell than UTF-8.
        if is_ascii(&self.piece) {
            return Ok(Some(mem::take(&mut self.piece)));
        }
        self.count_work(self.piece.len());
        match str::from_utf8(&self.piece) {
            Ok(_) => Ok(Some(mem::take(&mut self.piece))),
            Err(error) if error.valid_up_to() > 0 => Ok(Some(self.piece.split_to(error.valid_up_to()))),
            Err(error) if error.error_len().is_some() => Err(SseError::InvalidUtf8 { at: self.position }),
            Err(_) => {
                self.character.extend_from_slice(&mem::take(&mut self.piece));
                Ok(None)
            }
        }
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

/// Looks at whole blocks, and then at the last block again rather than at the odd bytes one by one, which
/// would take longer than all the rest of a piece of one event.
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
    fn a_wrong_byte_is_an_error_with_its_place_as_soon_as_it_is_certain() {
        let wrong = |at| Some(SseError::InvalidUtf8 { at });
        assert_eq!(read(&[b"ab\xff"]), (b"ab".to_vec(), wrong(2)));
        assert_eq!(read(&[b"ab", b"c\xc3", b"("]), (b"abc".to_vec(), wrong(3)));
        assert_eq!(read(&[b"\xe2\x82", b"\n"]), (vec![], wrong(0)));
        assert_eq!(read(&[b"a\xf0", b"\x80"]), (b"a".to_vec(), wrong(1)), "an overlong form");
        assert_eq!(read(&[b"a\xed", b"\xa0"]), (b"a".to_vec(), wrong(1)), "a surrogate");
    }

    #[test]
    fn a_character_without_its_end_stays_open() {
        let mut reader = Utf8Pieces::default();
        reader.push(Bytes::from_static(b"ab\xe2\x82"));
        assert_eq!(reader.next_text(), Ok(Some(Bytes::from_static(b"ab"))));
        assert_eq!(reader.next_text(), Ok(None));
        assert_eq!(reader.open_character(), Some(2));
    }

    #[test]
    fn ascii_is_told_from_the_rest_at_every_length_and_place() {
        for length in 0..200 {
            let mut bytes = vec![b'x'; length];
            assert!(is_ascii(&bytes));
            for place in 0..length {
                bytes[place] = 0x80;
                assert!(!is_ascii(&bytes), "byte {place} of {length}");
                bytes[place] = b'x';
            }
        }
    }

    #[test]
    fn pieces_that_nobody_takes_are_joined_in_order() {
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
