//! A template: a parsed line with the places of the strings that vary, and chunks made from it.

use std::sync::Arc;

use super::scan::{Found, locate, string_end};
use crate::stream::chunk::{ChatCompletionChunk, ChunkBody, Filled, Hole};
use crate::wire::json_string::unescape;

/// A parsed line with the places of the strings that vary.
#[derive(Debug)]
pub(super) struct Template {
    shape: Arc<ChunkBody>,
    hole: Hole,
    choice: u64,
    /// The line up to the first string's quote.
    before: Box<[u8]>,
    /// What stands between two strings, if there is padding.
    between: Option<Box<[u8]>>,
    /// The line from the last string's closing quote on.
    after: Box<[u8]>,
    is_padding_first: bool,
}

impl Template {
    pub(super) fn of(line: &[u8], shape: &Arc<ChunkBody>) -> Option<Self> {
        // a line end inside JSON comes from an event of several lines, which a piece of text does not show
        if memchr::memchr(b'\n', line).is_some() {
            return None;
        }
        let Found { hole, words, padding } = locate(line)?;
        let choice = shape.choices.as_ref()?.first()?.index.unwrap_or(0);
        let is_padding_first = padding.as_ref().is_some_and(|padding| padding.start < words.start);
        let (first, second) = match padding {
            Some(padding) if is_padding_first => (padding, Some(words)),
            other => (words, other),
        };
        let between = match &second {
            Some(second) => Some(line.get(first.end..second.start)?.into()),
            None => None,
        };
        let last = second.as_ref().unwrap_or(&first);
        Some(Self {
            shape: Arc::clone(shape),
            hole,
            choice,
            before: line.get(..first.start)?.into(),
            between,
            after: line.get(last.end..)?.into(),
            is_padding_first,
        })
    }

    /// Whether it makes the same kind of chunk, for the same choice.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.hole == other.hole && self.choice == other.choice
    }

    /// What the start of `text` has in the template's places, and what follows it, if around the places it
    /// has the template's bytes.
    #[inline(always)]
    pub(super) fn take<'a>(&self, text: &'a [u8]) -> Option<(Strings<'a>, &'a [u8])> {
        let (first, text, is_escaped) = take_string(text.strip_prefix(&*self.before)?)?;
        let mut strings = Strings { first, second: &[], has_escapes: is_escaped };
        let mut after = text;
        if let Some(between) = &self.between {
            let (second, text, is_escaped) = take_string(text.strip_prefix(&**between)?)?;
            strings = Strings { first, second, has_escapes: strings.has_escapes | is_escaped };
            after = text;
        }
        Some((strings, after.strip_prefix(&*self.after)?))
    }

    /// The chunk with these strings; `None` if they are no text.
    #[inline(always)]
    pub(super) fn fill(&self, strings: Strings<'_>) -> Option<ChatCompletionChunk> {
        let Strings { first, second, has_escapes } = strings;
        let (words, padding) = if self.is_padding_first { (second, first) } else { (first, second) };
        let (text, at) =
            if has_escapes { join_unescaped(words, padding)? } else { (join(words, padding)?, words.len()) };
        let padding = self.between.as_ref().map(|_| at);
        let filled = Filled { hole: self.hole, text, padding };
        Some(ChatCompletionChunk::from_shape(Arc::clone(&self.shape), filled))
    }
}

/// The insides of the JSON strings in the places of a template, in the order of the line. Without padding the
/// second is empty.
#[derive(Clone, Copy)]
pub(super) struct Strings<'a> {
    first: &'a [u8],
    second: &'a [u8],
    has_escapes: bool,
}

/// A string up to its closing quote, what follows from the quote on, and whether there are escapes in it; `None`
/// for what is no JSON string, which the parser then reports.
#[inline(always)]
fn take_string(text: &[u8]) -> Option<(&[u8], &[u8], bool)> {
    let (inside, after) = text.split_at_checked(plain_length(text))?;
    match after.first()? {
        b'"' => Some((inside, after, false)),
        b'\\' => take_escaped(text),
        _ => None,
    }
}

#[inline(never)]
fn take_escaped(text: &[u8]) -> Option<(&[u8], &[u8], bool)> {
    let (inside, after) = text.split_at_checked(string_end(text)?)?;
    (after.first() == Some(&b'"')).then_some((inside, after, true))
}

/// How many bytes there are before the first quote, backslash or control character.
#[inline]
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

/// The words and the padding as one text.
#[inline]
fn join(words: &[u8], padding: &[u8]) -> Option<String> {
    let mut text = Vec::with_capacity(words.len() + padding.len());
    text.extend_from_slice(words);
    text.extend_from_slice(padding);
    let text = String::from_utf8(text).ok()?;
    // a character must not be made of both
    text.is_char_boundary(words.len()).then_some(text)
}

/// The same of strings with escapes, and where in it the padding begins.
#[inline(never)]
fn join_unescaped(words: &[u8], padding: &[u8]) -> Option<(String, usize)> {
    let mut text = unescape(words)?;
    let at = text.len();
    text.push_str(&unescape(padding)?);
    Some((text, at))
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
        assert_eq!(join(b"\xc3", b"\xa9"), None);
        assert_eq!(join(b"a", b"\xa9"), None);
        assert_eq!(join(b"a", b"bc"), Some("abc".to_owned()));
    }
}
