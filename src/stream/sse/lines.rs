//! The lines of a stream: text cut at its line ends, with the beginning of a line kept until its end comes.
//!
//! Every byte is searched once. A line within one piece is a slice of it; only a line that began in an earlier piece is
//! copied, once, into a buffer that grows by doubling. So the cost is linear in the bytes however they are split.

use std::mem;

use bytes::{Buf, Bytes};
use memchr::memchr2;

use super::event::SseError;
use super::utf8::Utf8Pieces;

/// Cuts text into lines, without their line ends: LF, CR, or CR and LF.
pub(super) struct Lines {
    /// The largest event, in bytes.
    pub(super) limit: usize,
    pieces: Utf8Pieces,
    /// Text that is not searched yet.
    text: Bytes,
    /// The beginning of the current line, searched without finding its end.
    partial: Vec<u8>,
    /// The last line ended in CR; an LF that follows, perhaps in the next piece, is part of its line end.
    after_cr: bool,
    has_ended: bool,
    /// The bytes searched so far, which a test bounds.
    #[cfg(test)]
    work: usize,
}

impl Lines {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            pieces: Utf8Pieces::default(),
            text: Bytes::new(),
            partial: Vec::new(),
            after_cr: false,
            has_ended: false,
            #[cfg(test)]
            work: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        self.pieces.push(bytes);
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
            let Some(&first) = self.text.first() else {
                match self.next_text()? {
                    Some(text) => self.text = text,
                    None => return self.last_line(),
                }
                continue;
            };
            if mem::take(&mut self.after_cr) && first == b'\n' {
                self.advance(1);
                continue;
            }
            // half of all lines are the empty ones between events
            if first == b'\n' && self.partial.is_empty() {
                self.advance(1);
                return Ok(Some(Bytes::new()));
            }
            let line_end = memchr2(b'\n', b'\r', &self.text);
            self.count_work(line_end.map_or(self.text.len(), |end| end + 1));
            let Some(end) = line_end else {
                let part = mem::take(&mut self.text);
                self.keep(&part, room)?;
                continue;
            };
            let mut line = self.text.split_to(end);
            self.after_cr = self.text.starts_with(b"\r");
            self.advance(1);
            if !self.partial.is_empty() {
                self.keep(&line, room)?;
                line = mem::take(&mut self.partial).into();
            }
            return self.fits(line.len(), room).map(|()| Some(line));
        }
    }

    /// Whether all that was pushed is read, and the input has not ended.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.pieces.is_empty() && !self.has_ended
    }

    /// The bytes that are not searched yet, if a line begins with them. They may not be UTF-8.
    #[inline]
    pub(super) fn unread(&self) -> Option<&[u8]> {
        if self.after_cr || !self.partial.is_empty() {
            None
        } else if self.text.is_empty() {
            self.pieces.unchecked()
        } else {
            Some(&self.text)
        }
    }

    /// Skips whole lines, which must be UTF-8, at the start of the unread bytes.
    #[inline]
    pub(super) fn skip(&mut self, size: usize) {
        self.count_work(size);
        if self.text.is_empty() {
            self.pieces.skip(size);
        } else {
            self.advance(size);
        }
    }

    #[inline]
    fn advance(&mut self, size: usize) {
        self.text.advance(size);
        if self.text.is_empty() {
            // an empty slice would keep its whole buffer alive
            self.text = Bytes::new();
        }
    }

    #[inline]
    fn next_text(&mut self) -> Result<Option<Bytes>, SseError> {
        if self.pieces.is_empty() {
            return Ok(None);
        }
        self.pieces.next_text()
    }

    /// Returns the text without a line end, if the input has ended and there is some.
    fn last_line(&mut self) -> Result<Option<Bytes>, SseError> {
        if !self.has_ended {
            return Ok(None);
        }
        if let Some(at) = self.pieces.incomplete_character() {
            return Err(SseError::CutCharacter { at });
        }
        let line = mem::take(&mut self.partial);
        Ok((!line.is_empty()).then(|| line.into()))
    }

    /// Keeps a part of a line, unless the line is too long already.
    fn keep(&mut self, part: &[u8], room: usize) -> Result<(), SseError> {
        self.fits(self.partial.len().saturating_add(part.len()), room)?;
        self.partial.extend_from_slice(part);
        Ok(())
    }

    fn fits(&self, line_len: usize, room: usize) -> Result<(), SseError> {
        if line_len > room {
            return Err(SseError::TooLarge { limit: self.limit });
        }
        Ok(())
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
            let work = reader.work + reader.pieces.work;
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
            let work = reader.work + reader.pieces.work;
            assert!(work <= 2 * body.len(), "{work} bytes of work in pieces of {piece}");
        }
    }

    #[test]
    fn the_work_for_other_scripts_is_linear_too() {
        let body = "\u{65e5}\u{672c}".repeat(MIB / 8);
        for piece in [1, 2, 1000, body.len()] {
            let (lines, reader) = read(body.as_bytes(), piece);
            assert_eq!(lines, [body.as_str()]);
            let work = reader.work + reader.pieces.work;
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
}
