//! A template: a parsed chunk with the bytes of its line around the strings that vary.

use std::sync::Arc;

use super::scan::{VaryingText, find_varying_text};
use crate::stream::chunk::{ChatCompletionChunk, ChunkBody, ReplacedText, TextField};
use crate::wire::json_cursor::string_end;
use crate::wire::json_string::unescape;

/// A parsed chunk, and its line cut at the text and at `obfuscation`.
#[derive(Debug)]
pub(super) struct Template {
    body: Arc<ChunkBody>,
    field: TextField,
    choice: u64,
    /// The line up to and including the opening quote of the first string.
    before: Box<[u8]>,
    /// The line from the closing quote of the first string to the opening quote of the second; `None` without
    /// `obfuscation`.
    between: Option<Box<[u8]>>,
    /// The line from the closing quote of the last string on.
    after: Box<[u8]>,
    is_obfuscation_first: bool,
}

impl Template {
    /// Makes a template of a line and the chunk it was parsed to; `None` for a line without text that can vary.
    pub(super) fn new(line: &[u8], body: &Arc<ChunkBody>) -> Option<Self> {
        // a line feed in the JSON comes from an event of several `data` lines, and is not in the bytes of the body
        if memchr::memchr(b'\n', line).is_some() {
            return None;
        }
        let VaryingText { field, text, obfuscation } = find_varying_text(line)?;
        let choice = body.choices.as_ref()?.first()?.index.unwrap_or(0);
        let is_obfuscation_first = obfuscation.as_ref().is_some_and(|obfuscation| obfuscation.start < text.start);
        let (first, second) = match obfuscation {
            Some(obfuscation) if is_obfuscation_first => (obfuscation, Some(text)),
            other => (text, other),
        };
        let between = match &second {
            Some(second) => Some(line.get(first.end..second.start)?.into()),
            None => None,
        };
        let last = second.as_ref().unwrap_or(&first);
        Some(Self {
            body: Arc::clone(body),
            field,
            choice,
            before: line.get(..first.start)?.into(),
            between,
            after: line.get(last.end..)?.into(),
            is_obfuscation_first,
        })
    }

    /// Whether both are for the same text field of the same choice.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.field == other.field && self.choice == other.choice
    }

    /// The strings at the start of `text`, and what follows the line, if the bytes around the strings are those of the
    /// template.
    #[inline(always)]
    pub(super) fn match_start<'a>(&self, text: &'a [u8]) -> Option<(Strings<'a>, &'a [u8])> {
        let (first, text, has_escapes) = take_string(text.strip_prefix(&*self.before)?)?;
        let mut strings = Strings { first, second: &[], has_escapes };
        let mut after = text;
        if let Some(between) = &self.between {
            let (second, text, has_escapes) = take_string(text.strip_prefix(&**between)?)?;
            strings = Strings { first, second, has_escapes: strings.has_escapes | has_escapes };
            after = text;
        }
        Some((strings, after.strip_prefix(&*self.after)?))
    }

    /// The chunk with these strings; `None` if they are no JSON strings.
    #[inline(always)]
    pub(super) fn fill(&self, strings: Strings<'_>) -> Option<ChatCompletionChunk> {
        let Strings { first, second, has_escapes } = strings;
        let (text, obfuscation) = if self.is_obfuscation_first { (second, first) } else { (first, second) };
        let (text, at) =
            if has_escapes { join_unescaped(text, obfuscation)? } else { (join(text, obfuscation)?, text.len()) };
        let obfuscation_at = self.between.as_ref().map(|_| at);
        let replaced = ReplacedText { field: self.field, text, obfuscation_at };
        Some(ChatCompletionChunk::from_template(Arc::clone(&self.body), replaced))
    }
}

/// What is between the quotes of the strings, in the order of the line. Without `obfuscation` the second is empty.
#[derive(Clone, Copy)]
pub(super) struct Strings<'a> {
    first: &'a [u8],
    second: &'a [u8],
    has_escapes: bool,
}

/// A string up to its closing quote, the text from the quote on, and whether the string has escapes; `None` for what
/// is no JSON string, which the parser reports.
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

/// The number of bytes before the first quote, backslash or control character, eight at a time.
#[inline]
fn plain_length(text: &[u8]) -> usize {
    let (blocks, remainder) = text.as_chunks();
    for (at, block) in blocks.iter().enumerate() {
        let special = special_bytes(u64::from_le_bytes(*block));
        if special != 0 {
            return at * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let plain = remainder.iter().position(is_special).unwrap_or(remainder.len());
    text.len() - remainder.len() + plain
}

/// Sets the top bit of bytes that are a quote, a backslash or a control character. The lowest bit that is set is right;
/// a borrow may have set those above it.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let quotes = below(word ^ (ONES * b'"' as u64), 1);
    let escapes = below(word ^ (ONES * b'\\' as u64), 1);
    (quotes | escapes | below(word, 0x20)) & TOPS
}

/// The text and the obfuscation as one string; `None` for what is not UTF-8.
#[inline]
fn join(text: &[u8], obfuscation: &[u8]) -> Option<String> {
    let mut joined = Vec::with_capacity(text.len() + obfuscation.len());
    joined.extend_from_slice(text);
    joined.extend_from_slice(obfuscation);
    let joined = String::from_utf8(joined).ok()?;
    // half a character of each must not become one
    joined.is_char_boundary(text.len()).then_some(joined)
}

/// The same of strings with escapes, and where the obfuscation begins.
#[inline(never)]
fn join_unescaped(text: &[u8], obfuscation: &[u8]) -> Option<(String, usize)> {
    let mut joined = unescape(text)?;
    let at = joined.len();
    joined.push_str(&unescape(obfuscation)?);
    Some((joined, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_is_found_at_every_place() {
        for length in 0..40 {
            let plain = vec![b'!'; length];
            assert_eq!(plain_length(&plain), length);
            for at in 0..length {
                for byte in 0..=255 {
                    let mut text = plain.clone();
                    text[at] = byte;
                    let expected = if matches!(byte, b'"' | b'\\' | 0..0x20) { at } else { length };
                    assert_eq!(plain_length(&text), expected, "{byte} at {at} of {length}");
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
