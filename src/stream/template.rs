//! A parsed line with the places of the strings that vary: how most chunks are made.
//!
//! A line with the same bytes around these places is the same JSON with other strings in them. So it is
//! compared, the strings are taken out, and nothing is parsed.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::chunk::{ChatCompletionChunk, ChunkBody, Filled, Hole};
use super::locate::{Found, locate, string_end};

/// A parsed line with the places of the strings that vary.
#[derive(Debug)]
pub(super) struct Template {
    line: Bytes,
    shape: Arc<ChunkBody>,
    hole: Hole,
    choice: u64,
    /// The words, and the padding where there is any, in the order in which they stand. Each range is the
    /// string between its quotes.
    first: Place,
    second: Option<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    end: usize,
    is_padding: bool,
}

impl Template {
    pub(super) fn of(line: &Bytes, shape: &Arc<ChunkBody>) -> Option<Self> {
        // a line end inside JSON comes from an event of several lines, which a piece of text does not show
        if memchr::memchr(b'\n', line).is_some() {
            return None;
        }
        let Found { hole, words, padding } = locate(line)?;
        let choice = shape.choices.as_ref()?.first()?.index.unwrap_or(0);
        let words = Place { start: words.start, end: words.end, is_padding: false };
        let padding = padding.map(|range| Place { start: range.start, end: range.end, is_padding: true });
        let (first, second) = match padding {
            Some(padding) if padding.start < words.start => (padding, Some(words)),
            other => (words, other),
        };
        Some(Self {
            // a copy, so that a line of a few hundred bytes does not keep the piece it came in
            line: Bytes::copy_from_slice(line),
            shape: Arc::clone(shape),
            hole,
            choice,
            first,
            second,
        })
    }

    /// Whether it makes the same kind of chunk, for the same choice.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.hole == other.hole && self.choice == other.choice
    }

    /// The chunk that the start of `text` makes, if it has the template's bytes around the places, and
    /// what follows it is taken by `rest`.
    pub(super) fn fill(&self, text: &[u8], rest: impl FnOnce(&[u8]) -> bool) -> Option<ChatCompletionChunk> {
        let known: &[u8] = &self.line;
        let after = text.strip_prefix(known.get(..self.first.start)?)?;
        let (first, after) = take_string(after)?;
        let (second, after, tail) = match self.second {
            None => (None, after, known.get(self.first.end..)?),
            Some(place) => {
                let after = after.strip_prefix(known.get(self.first.end..place.start)?)?;
                let (second, after) = take_string(after)?;
                (Some(second), after, known.get(place.end..)?)
            }
        };
        if !rest(after.strip_prefix(tail)?) {
            return None;
        }
        let (words, padding) = if self.first.is_padding { (second?, Some(first)) } else { (first, second) };
        let (text, padding) = join(words, padding)?;
        let filled = Filled { hole: self.hole, text, padding };
        Some(ChatCompletionChunk::from_shape(Arc::clone(&self.shape), filled))
    }
}

/// The inside of a JSON string.
#[derive(Clone, Copy)]
struct Raw<'a> {
    bytes: &'a [u8],
    has_escapes: bool,
}

/// A string up to its closing quote, and what follows from the quote on; `None` for what is no JSON string,
/// which the parser then reports.
fn take_string(text: &[u8]) -> Option<(Raw<'_>, &[u8])> {
    let plain = plain_length(text);
    let has_escapes = text.get(plain) == Some(&b'\\');
    let end = if has_escapes { string_end(text)? } else { plain };
    let (bytes, after) = text.split_at_checked(end)?;
    let ends = after.first() == Some(&b'"') && !(has_escapes && bytes.iter().any(|byte| *byte < 0x20));
    ends.then_some((Raw { bytes, has_escapes }, after))
}

/// How many bytes there are before the first quote, backslash or control character.
fn plain_length(text: &[u8]) -> usize {
    let (blocks, rest) = text.as_chunks();
    for (at, block) in blocks.iter().enumerate() {
        let found = special(u64::from_le_bytes(*block));
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let plain = rest.iter().position(is_special).unwrap_or(rest.len());
    text.len() - rest.len() + plain
}

/// Eight bytes at a time: the lowest bit that is set lies in the first byte that is special. Bits above it
/// mean nothing, because a borrow may have put them there.
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let quotes = below(word ^ (ONES * b'"' as u64), 1);
    let escapes = below(word ^ (ONES * b'\\' as u64), 1);
    (quotes | escapes | below(word, 0x20)) & TOPS
}

/// The words and the padding as one text, and where in it the padding begins.
fn join(words: Raw<'_>, padding: Option<Raw<'_>>) -> Option<(String, Option<usize>)> {
    let words = words.plain()?;
    let Some(padding) = padding else {
        let text = String::from_utf8(words.into_owned()).ok()?;
        return Some((text, None));
    };
    let padding = padding.plain()?;
    let at = words.len();
    let mut text = Vec::with_capacity(at + padding.len());
    text.extend_from_slice(&words);
    text.extend_from_slice(&padding);
    let text = String::from_utf8(text).ok()?;
    text.is_char_boundary(at).then_some((text, Some(at)))
}

impl<'a> Raw<'a> {
    /// The text that it stands for.
    #[inline]
    fn plain(self) -> Option<Cow<'a, [u8]>> {
        if self.has_escapes {
            self.unescape().map(|text| Cow::Owned(text.into_bytes()))
        } else {
            Some(Cow::Borrowed(self.bytes))
        }
    }

    fn unescape(self) -> Option<String> {
        let mut quoted = Vec::with_capacity(self.bytes.len() + 2);
        quoted.push(b'"');
        quoted.extend_from_slice(self.bytes);
        quoted.push(b'"');
        serde_json::from_slice(&quoted).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_is_found_at_every_place() {
        for length in 0..40 {
            let plain = vec![b'!'; length];
            assert_eq!(plain_length(&plain), length);
            for place in 0..length {
                for byte in 0..=255 {
                    let mut text = plain.clone();
                    text[place] = byte;
                    let expected = if matches!(byte, b'"' | b'\\' | 0..0x20) { place } else { length };
                    assert_eq!(plain_length(&text), expected, "{byte} at {place} of {length}");
                }
            }
        }
    }

    #[test]
    fn what_follows_a_special_byte_does_not_move_it() {
        for first in [b'"', b'\\', 0, 0x1f] {
            for second in 0..=255 {
                assert_eq!(plain_length(&[b'a', b'b', first, second, b'"', 0, b'\\', b'a']), 2);
            }
        }
    }

    #[test]
    fn characters_cut_by_a_quote_make_no_text() {
        let raw = |bytes| Raw { bytes, has_escapes: false };
        assert_eq!(join(raw(b"\xc3"), Some(raw(b"\xa9"))), None);
        assert_eq!(join(raw(b"a"), Some(raw(b"\xa9"))), None);
        assert_eq!(join(raw(b"a"), Some(raw(b"bc"))), Some(("abc".to_owned(), Some(1))));
    }
}
