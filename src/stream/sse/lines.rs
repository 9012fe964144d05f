//! The lines of a stream: text cut at its line ends, with the beginning of a line kept until its end comes.
//!
//! Every byte is searched once, and checked once to be UTF-8. A line within one piece is a slice of it; only a line that
//! began in an earlier piece is copied, once, into a buffer that grows by doubling. So the cost is linear in the bytes
//! however they are split.

use std::mem;

use bytes::{Buf, Bytes};
use memchr::memchr2;

use super::event::SseError;
use super::utf8::text_length;

/// Cuts text into lines, without their line ends: LF, CR, or CR and LF.
pub(super) struct Lines {
    /// The bytes that are not searched yet.
    piece: Bytes,
    /// The position in the body of the first byte of `piece`.
    position: u64,
    /// The pieces that were pushed before `piece` was used up, joined.
    waiting: Vec<u8>,
    /// The largest event, in bytes.
    pub(super) limit: usize,
    /// The beginning of the current line, searched without finding its end.
    partial: Vec<u8>,
    /// The last line ended in CR; an LF that follows, perhaps in the next piece, is part of its line end.
    after_cr: bool,
    has_ended: bool,
    /// The length of `partial` without the beginning of a character whose other bytes are still to come.
    checked: usize,
    /// The bytes searched and checked so far, which a test bounds.
    #[cfg(test)]
    work: usize,
}

impl Lines {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            piece: Bytes::new(),
            position: 0,
            limit,
            partial: Vec::new(),
            after_cr: false,
            has_ended: false,
            checked: 0,
            waiting: Vec::new(),
            #[cfg(test)]
            work: 0,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: Bytes) {
        if self.piece.is_empty() {
            self.piece = bytes;
        } else {
            self.waiting.extend_from_slice(&bytes);
        }
    }

    /// Ends the input: text without a line end becomes the last line.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// Returns the next whole line, or `None` when more bytes are needed or none are left. `event_bytes` is the size of
    /// the earlier lines of the event, for the limit.
    #[inline]
    pub(super) fn next_line(&mut self, event_bytes: usize) -> Result<Option<Bytes>, SseError> {
        let room = self.limit.saturating_sub(event_bytes);
        loop {
            let Some(&first) = self.piece.first() else {
                return self.last_line();
            };
            if mem::take(&mut self.after_cr) && first == b'\n' {
                self.skip(1);
                continue;
            }
            // half of all lines are the empty ones between events
            if first == b'\n' && self.partial.is_empty() {
                self.skip(1);
                return Ok(Some(Bytes::new()));
            }
            let Some(end) = memchr2(b'\n', b'\r', &self.piece) else {
                let part = self.take(self.piece.len());
                self.keep(&part, room, false)?;
                continue;
            };
            let mut line = self.take(end);
            if self.partial.is_empty() {
                self.check(&line, self.position_before(line.len()), 0, room, true)?;
            } else {
                self.keep(&line, room, true)?;
                self.checked = 0;
                line = mem::take(&mut self.partial).into();
            }
            self.after_cr = self.piece.starts_with(b"\r");
            self.skip(1);
            return Ok(Some(line));
        }
    }

    /// Whether all that was pushed is read, and the input has not ended.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.piece.is_empty() && !self.has_ended
    }

    /// The bytes that are not searched yet, if a line begins with them. They may not be UTF-8.
    #[inline]
    pub(super) fn unread(&self) -> Option<&[u8]> {
        (!self.after_cr && self.partial.is_empty()).then_some(&*self.piece)
    }

    /// Skips unread bytes, which must be UTF-8.
    #[inline]
    pub(super) fn skip(&mut self, size: usize) {
        self.piece.advance(size);
        self.note_read(size);
    }

    /// Takes bytes that were searched.
    fn take(&mut self, size: usize) -> Bytes {
        let bytes = self.piece.split_to(size);
        self.note_read(size);
        bytes
    }

    #[inline]
    fn note_read(&mut self, size: usize) {
        self.count_work(size);
        self.position = self.position.saturating_add(size as u64);
        if self.piece.is_empty() {
            // an empty slice would keep its whole buffer alive
            self.piece = mem::take(&mut self.waiting).into();
        }
    }

    /// Returns the text without a line end, if the input has ended and there is some.
    fn last_line(&mut self) -> Result<Option<Bytes>, SseError> {
        if !self.has_ended {
            return Ok(None);
        }
        if self.checked < self.partial.len() {
            let incomplete = self.partial.len() - self.checked;
            return Err(SseError::CutCharacter { at: self.position.saturating_sub(incomplete as u64) });
        }
        self.checked = 0;
        let line = mem::take(&mut self.partial);
        Ok((!line.is_empty()).then(|| line.into()))
    }

    /// Adds to the beginning of a line what was just taken of it, unless the line is too long.
    fn keep(&mut self, part: &[u8], room: usize, is_whole: bool) -> Result<(), SseError> {
        let unchecked = self.partial.len().saturating_sub(self.checked);
        let start = self.position_before(part.len().saturating_add(unchecked));
        // of a line that is too long, only as much as shows that it is
        self.partial.extend_from_slice(part.get(..room.saturating_add(4)).unwrap_or(part));
        let partial = mem::take(&mut self.partial);
        let unchecked = partial.get(self.checked..).unwrap_or_default();
        let checked = self.check(unchecked, start, self.checked, room, is_whole);
        self.partial = partial;
        self.checked = self.checked.saturating_add(checked?);
        Ok(())
    }

    /// The position in the body of the last `taken` bytes that were taken of the piece.
    fn position_before(&self, taken: usize) -> u64 {
        self.position.saturating_sub(taken as u64)
    }

    /// Checks text that begins at `start` of the body, after `before` bytes of its line. Returns the length of the text,
    /// without the beginning of a character that is complete with the next piece.
    #[inline]
    fn check(
        &mut self,
        text: &[u8],
        start: u64,
        before: usize,
        room: usize,
        is_whole: bool,
    ) -> Result<usize, SseError> {
        self.count_work(text.len());
        let (length, is_wrong) = match text_length(text) {
            Ok(length) => (length, is_whole && length < text.len()),
            Err(length) => (length, true),
        };
        if before.saturating_add(length) > room {
            return Err(SseError::TooLarge { limit: self.limit });
        }
        if is_wrong {
            return Err(SseError::InvalidUtf8 { at: start.saturating_add(length as u64) });
        }
        Ok(length)
    }

    #[cfg(test)]
    fn count_work(&mut self, bytes: usize) {
        self.work += bytes;
    }

    #[cfg(not(test))]
    fn count_work(&self, _bytes: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    /// Pushes `body` in pieces, with all lines taken after each; returns the lines and the reader.
    fn read(body: &[u8], piece: usize) -> (Vec<Bytes>, Lines) {
        let mut lines = Lines::new(usize::MAX);
        let mut found = Vec::new();
        for part in body.chunks(piece) {
            lines.push(Bytes::copy_from_slice(part));
            while let Some(line) = lines.next_line(0).unwrap() {
                found.push(line);
            }
        }
        lines.end();
        found.extend(lines.next_line(0).unwrap());
        (found, lines)
    }

    #[test]
    fn every_line_end_ends_one_line() {
        for piece in 1..12 {
            let (lines, _) = read(b"a\nb\rc\r\n\r\n\n\r\rd", piece);
            assert_eq!(lines, ["a", "b", "c", "", "", "", "", "d"], "in pieces of {piece}");
        }
    }

    #[test]
    fn a_line_after_cr_does_not_wait_for_the_next_byte() {
        let mut lines = Lines::new(usize::MAX);
        lines.push(Bytes::from_static(b"a\r"));
        assert_eq!(lines.next_line(0), Ok(Some(Bytes::from_static(b"a"))));
        lines.push(Bytes::from_static("\u{e9}\n".as_bytes()));
        assert_eq!(lines.next_line(0), Ok(Some(Bytes::from_static("\u{e9}".as_bytes()))));
        assert_eq!(lines.next_line(0), Ok(None));
    }

    #[test]
    fn every_byte_is_searched_once_and_checked_once() {
        let mut body = vec![b'x'; 4 * MIB];
        body.extend_from_slice(b"\n\n");
        for piece in [1, 7, 1024, 16 * 1024, body.len()] {
            let (lines, reader) = read(&body, piece);
            assert_eq!(lines.iter().map(Bytes::len).collect::<Vec<_>>(), [4 * MIB, 0]);
            let work = reader.work;
            assert!(work <= 2 * body.len(), "{work} bytes of work in pieces of {piece}");
            assert!(reader.work >= body.len() - 1, "the counter counts");
        }
    }

    #[test]
    fn the_work_for_short_lines_is_linear_too() {
        let body = b"data: token\r\n\r\n".repeat(MIB / 16);
        for piece in [1, 1000, body.len()] {
            let (lines, reader) = read(&body, piece);
            assert_eq!(lines.len(), MIB / 8);
            let work = reader.work;
            assert!(work <= 2 * body.len(), "{work} bytes of work in pieces of {piece}");
        }
    }

    #[test]
    fn the_work_for_other_scripts_is_linear_too() {
        let body = "\u{65e5}\u{672c}".repeat(MIB / 8);
        for piece in [1, 2, 1000, body.len()] {
            let (lines, reader) = read(body.as_bytes(), piece);
            assert_eq!(lines, [body.as_str()]);
            let work = reader.work;
            assert!(work <= 5 * body.len(), "{work} bytes of work in pieces of {piece}");
        }
    }

    #[test]
    fn a_line_within_a_piece_is_a_slice_of_it() {
        let piece = Bytes::from(b"first\nsecond\n".to_vec());
        let mut lines = Lines::new(usize::MAX);
        lines.push(piece.clone());
        let first = lines.next_line(0).unwrap().unwrap();
        let second = lines.next_line(0).unwrap().unwrap();
        assert_eq!(first.as_ptr(), piece.as_ptr());
        assert_eq!(second.as_ptr(), piece[6..].as_ptr());
    }

    #[test]
    fn a_piece_that_is_used_up_is_dropped() {
        let piece = Bytes::from(b"a\nb".to_vec());
        let mut lines = Lines::new(usize::MAX);
        lines.push(piece.clone());
        while lines.next_line(0).unwrap().is_some() {}
        assert!(piece.is_unique());

        let piece = Bytes::from(b"a\n".to_vec());
        lines.push(piece.clone());
        assert!(lines.next_line(0).unwrap().is_some());
        assert!(piece.is_unique(), "before the next line is read");
    }

    #[test]
    fn the_beginning_of_a_line_is_kept_without_overhead_for_its_pieces() {
        let mut lines = Lines::new(usize::MAX);
        for _ in 0..MIB {
            lines.push(Bytes::from_static(b"x"));
            assert_eq!(lines.next_line(0), Ok(None));
        }
        assert!(lines.partial.capacity() <= 2 * MIB);
    }

    /// Pushes each piece and takes all lines; returns them joined, and where it went wrong.
    fn read_pieces(pieces: &[&[u8]]) -> (Vec<u8>, Option<SseError>) {
        let mut lines = Lines::new(usize::MAX);
        let mut text = Vec::new();
        for piece in pieces {
            lines.push(Bytes::copy_from_slice(piece));
            loop {
                match lines.next_line(0) {
                    Ok(Some(line)) => {
                        str::from_utf8(&line).unwrap();
                        text.extend_from_slice(&line);
                    }
                    Ok(None) => break,
                    Err(error) => return (text, Some(error)),
                }
            }
        }
        lines.end();
        match lines.next_line(0) {
            Ok(line) => ([text, line.unwrap_or_default().into()].concat(), None),
            Err(error) => (text, Some(error)),
        }
    }

    #[test]
    fn characters_may_be_split_anywhere() {
        let text = "a\u{e9}\u{20ac}\u{1f600}z".as_bytes();
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(read_pieces(&pieces), (text.to_vec(), None), "split at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_wrong_byte_is_an_error_with_its_position_as_soon_as_it_is_certain() {
        for (pieces, at) in [
            (&[&b"ab\xff"[..]][..], 2),
            (&[b"a\n", b"c\xc3", b"("], 3),
            (&[b"a\nb\xff\nc"], 3),
            (&[b"\xe2\x82", b"\n"], 0),
            (&[b"\xe2\x82\n"], 0),
            // an overlong form
            (&[b"a\xf0", b"\x80"], 1),
            // a surrogate
            (&[b"a\xed", b"\xa0"], 1),
        ] {
            assert_eq!(read_pieces(pieces).1, Some(SseError::InvalidUtf8 { at }), "{pieces:?}");
        }
    }

    #[test]
    fn a_character_without_its_end_is_cut() {
        assert_eq!(read_pieces(&[b"ab\xe2\x82"]).1, Some(SseError::CutCharacter { at: 2 }));
        assert_eq!(read_pieces(&[b"a\nb\xe2", b"\x82"]).1, Some(SseError::CutCharacter { at: 3 }));
    }

    #[test]
    fn pieces_pushed_in_a_row_are_joined_in_order() {
        let mut lines = Lines::new(usize::MAX);
        for piece in [&b"a"[..], b"b\xc3", b"\xa9", b"d\n"] {
            lines.push(Bytes::copy_from_slice(piece));
        }
        assert_eq!(lines.next_line(0).unwrap().unwrap(), "ab\u{e9}d");
    }
}
