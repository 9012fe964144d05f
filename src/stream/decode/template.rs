//! A template: a parsed chunk with the bytes of its line around the values that vary.

use std::str;
use std::sync::Arc;

use super::scan::{AnswerField, VaryingValue, find_varying_values};
use crate::stream::chunk::{ChunkBody, ChunkHead, ReplacedText, TextField};
use crate::wire::json_string::unescape;

/// A parsed chunk, and its line cut at the values that vary.
#[derive(Debug, PartialEq)]
pub(super) struct Template {
    /// The line without its values. First, as the derived comparison of templates goes field by field, and where the
    /// lines differ it ends here.
    literals: Box<[u8]>,
    /// The values in the order of the line, each with the length of the literal before it. `id`, `created` and what is
    /// between them are one of them.
    varying: Box<[(usize, VaryingValue)]>,
    /// `id` and `created` in the order of the line, each with the bytes since the one before.
    answer: Vec<(Box<[u8]>, AnswerField)>,
    body: Arc<ChunkBody>,
    /// The field of the text, and its choice; `None` for a line without text.
    text: Option<(TextField, u64)>,
    has_obfuscation: bool,
    /// Whether the body has nothing of its answer, so that other streams can use the template.
    pub(super) is_common: bool,
}

impl Template {
    /// Makes a template of a line and the chunk it was parsed to; `None` for a line with something in it that could
    /// change its meaning.
    pub(super) fn new(line: &[u8], body: &Arc<ChunkBody>) -> Option<Self> {
        // a line feed comes from an event of several `data` lines, which no one line is equal to; and the counts of
        // `usage` are those of one answer
        if memchr::memchr(b'\n', line).is_some() || body.usage.is_some() {
            return None;
        }
        let found = find_varying_values(line)?;
        let mut literals = Vec::with_capacity(line.len());
        let mut varying = Vec::with_capacity(found.values.len());
        let mut answer: Vec<(Box<[u8]>, AnswerField)> = Vec::new();
        let mut is_apart = false;
        let mut end = 0;
        for (kind, value) in found.values {
            let literal = line.get(end..value.start)?;
            match kind {
                VaryingValue::Answer(field) if answer.is_empty() => {
                    answer.push((Box::default(), field));
                }
                VaryingValue::Answer(field) if matches!(varying.last(), Some((_, VaryingValue::Answer(_)))) => {
                    answer.push((literal.into(), field));
                    end = value.end;
                    continue;
                }
                // not beside the other of the two: part of a literal, so that the template is of this stream alone
                VaryingValue::Answer(_) => {
                    is_apart = true;
                    continue;
                }
                VaryingValue::Text | VaryingValue::Obfuscation => {}
            }
            literals.extend_from_slice(literal);
            varying.push((literal.len(), kind));
            end = value.end;
        }
        literals.extend_from_slice(line.get(end..)?);
        let choice = body.choices.as_ref().and_then(|choices| choices.first()?.index).unwrap_or(0);
        let has_obfuscation = varying.iter().any(|(_, kind)| *kind == VaryingValue::Obfuscation);
        let is_common = !is_apart && body.is_common(found.field);
        let common = is_common.then(|| without_values(body, found.field, has_obfuscation, &answer));
        // The body without the values is as long as the line without them, but for the `0` of `created`. A longer line has
        // something that the body has not, and a client must not keep: a repeated member, an element of another type.
        let common = common.filter(|common| {
            let mut json = Vec::with_capacity(line.len());
            let is_written = serde_json::to_writer(&mut json, common).is_ok();
            let of_answer =
                answer.iter().map(|(literal, field)| literal.len() + usize::from(*field == AnswerField::Created));
            is_written && json.len() == literals.len() + of_answer.sum::<usize>()
        });
        Some(Self {
            is_common: common.is_some(),
            body: common.map_or_else(|| Arc::clone(body), Arc::new),
            text: found.field.map(|field| (field, choice)),
            has_obfuscation,
            literals: literals.into(),
            varying: varying.into(),
            answer,
        })
    }

    /// The text field and the choice whose text the template is for.
    pub(super) fn text(&self) -> Option<(TextField, u64)> {
        self.text
    }

    /// The length of the line without its values.
    pub(super) fn line_length(&self) -> usize {
        self.literals.len()
    }

    #[cfg(test)]
    pub(super) fn text_kept(&self) -> String {
        format!(
            "{} {}",
            String::from_utf8_lossy(&self.literals),
            serde_json::to_string(&*self.body).unwrap_or_default()
        )
    }

    /// The values at the start of `text`, and what follows the line, if the bytes around the values are those of the
    /// template, and those from `id` to `created` are `answer`, if it is given.
    #[inline(always)]
    pub(super) fn match_start<'a>(&self, mut text: &'a [u8], answer: Option<&[u8]>) -> Option<(Values<'a>, &'a [u8])> {
        let mut values = Values::default();
        let mut literals = &*self.literals;
        for (length, kind) in &self.varying {
            let (literal, others) = literals.split_at_checked(*length)?;
            literals = others;
            text = text.strip_prefix(literal)?;
            text = match (kind, answer) {
                (VaryingValue::Text, _) => {
                    let (inside, text, has_escapes) = take_string(text)?;
                    (values.text, values.has_escapes) = (inside, has_escapes);
                    text
                }
                (VaryingValue::Obfuscation, _) => {
                    let (obfuscation, text) = take_plain(text)?;
                    values.obfuscation = obfuscation;
                    text
                }
                (VaryingValue::Answer(_), Some(answer)) => text.strip_prefix(answer)?,
                (VaryingValue::Answer(_), None) => self.take_answer(text, &mut values)?,
            };
        }
        Some((values, text.strip_prefix(literals)?))
    }

    /// Takes the `id` and `created` of another answer.
    #[inline(never)]
    fn take_answer<'a>(&self, text: &'a [u8], values: &mut Values<'a>) -> Option<&'a [u8]> {
        let mut after = text;
        for (literal, field) in &self.answer {
            after = after.strip_prefix(&**literal)?;
            after = match field {
                AnswerField::Id => {
                    let (id, after) = take_plain(after)?;
                    values.id = Some(id);
                    after
                }
                AnswerField::Created => {
                    let (created, after) = take_number(after)?;
                    values.created = Some(created);
                    after
                }
            };
        }
        values.answer = text.get(..text.len() - after.len())?;
        Some(after)
    }

    /// The text and the obfuscation of the chunk with these values, if it has any; `None` if they are no JSON strings.
    #[inline(always)]
    pub(super) fn replaced(&self, values: &Values<'_>) -> Option<Option<ReplacedText>> {
        if self.text.is_none() && !self.has_obfuscation {
            return Some(None);
        }
        let Values { text, obfuscation, has_escapes, .. } = *values;
        let (text, at) = join(text, obfuscation, has_escapes)?;
        let field = self.text.map(|(field, _)| field);
        Some(Some(ReplacedText { field, text, obfuscation_at: self.has_obfuscation.then_some(at) }))
    }

    /// The head of chunks with this `id` and `created`; `None` if the `id` is not UTF-8.
    pub(super) fn head(&self, values: &Values<'_>) -> Option<Arc<ChunkHead>> {
        let id = match values.id {
            Some(id) => Some(str::from_utf8(id).ok()?.into()),
            None => None,
        };
        Some(Arc::new(ChunkHead { body: Arc::clone(&self.body), id, created: values.created }))
    }
}

/// A body without the values that its template replaces, so that a client keeps nothing of an answer: texts are empty, and
/// `created` is 0.
fn without_values(
    body: &ChunkBody,
    field: Option<TextField>,
    has_obfuscation: bool,
    answer: &[(Box<[u8]>, AnswerField)],
) -> ChunkBody {
    let mut body = body.clone();
    for (_, field) in answer {
        match field {
            AnswerField::Id => body.id = Some(String::new()),
            AnswerField::Created => body.created = Some(0),
        }
    }
    if has_obfuscation {
        body.obfuscation = Some(String::new());
    }
    if let Some(field) = field {
        body.set_text(field, "");
    }
    body
}

/// The values of a line: what is between the quotes of strings.
#[derive(Clone, Copy, Default)]
pub(super) struct Values<'a> {
    text: &'a [u8],
    /// Whether the text has escapes; the others have none.
    has_escapes: bool,
    obfuscation: &'a [u8],
    /// The bytes from `id` to `created`, where they are not those of the stream's answer so far.
    pub(super) answer: &'a [u8],
    id: Option<&'a [u8]>,
    created: Option<u64>,
}

/// A string up to its closing quote, the text from the quote on, and whether the string has escapes; `None` for what
/// is no JSON string, which the parser reports.
#[inline(always)]
fn take_string(text: &[u8]) -> Option<(&[u8], &[u8], bool)> {
    let (inside, after) = text.split_at_checked(plain_length(text))?;
    match after.first()? {
        b'"' => Some((inside, after, false)),
        b'\\' => take_escaped(text, inside.len()),
        _ => None,
    }
}

/// The same for a string whose first escape is at `at`. The escapes are checked when they are replaced.
#[inline(never)]
fn take_escaped(text: &[u8], mut at: usize) -> Option<(&[u8], &[u8], bool)> {
    while text.get(at)? == &b'\\' {
        at += 2;
        at += plain_length(text.get(at..)?);
    }
    let (inside, after) = text.split_at_checked(at)?;
    (after.first() == Some(&b'"')).then_some((inside, after, true))
}

/// A string without escapes, and the text from its closing quote on.
#[inline(always)]
fn take_plain(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (inside, after) = text.split_at_checked(plain_length(text))?;
    (after.first() == Some(&b'"')).then_some((inside, after))
}

/// A positive number that `u64` can hold, and what follows it.
fn take_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, after) = text.split_at_checked(length)?;
    let number = str::from_utf8(digits).ok()?.parse().ok()?;
    (!digits.starts_with(b"0")).then_some((number, after))
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

/// The text and the obfuscation as one string, and where the obfuscation begins; `None` for what is no JSON string.
#[inline(always)]
fn join(text: &[u8], obfuscation: &[u8], has_escapes: bool) -> Option<(String, usize)> {
    // no escape is shorter than its character
    let mut joined = Vec::with_capacity(text.len() + obfuscation.len());
    let mut at = text.len();
    if has_escapes {
        unescape(text, &mut joined)?;
        at = joined.len();
    } else {
        joined.extend_from_slice(text);
    }
    joined.extend_from_slice(obfuscation);
    let joined = String::from_utf8(joined).ok()?;
    // half a character of each must not become one
    joined.is_char_boundary(at).then_some((joined, at))
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
        for has_escapes in [false, true] {
            assert_eq!(join(b"\xc3", b"\xa9", has_escapes), None);
            assert_eq!(join(b"a", b"\xa9", has_escapes), None);
            assert_eq!(join(b"a", b"bc", has_escapes), Some(("abc".to_owned(), 1)));
        }
        assert_eq!(join(b"a\\n", b"bc", true), Some(("a\nbc".to_owned(), 2)));
    }
}
