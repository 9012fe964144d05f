//! The text of JSON strings: unescaping, and strings that no Rust string can hold.

use memchr::{memchr, memchr2};

/// Adds the text of a JSON string, from what is between its quotes, which is not checked to be UTF-8; `None` for what is
/// no JSON string.
///
/// Text between escapes is copied as a whole, where serde_json goes byte by byte and through a buffer of its own.
pub(crate) fn unescape(inside: &[u8], text: &mut Vec<u8>) -> Option<()> {
    let mut remaining = inside;
    while let Some(plain) = memchr2(b'"', b'\\', remaining) {
        let (run, end) = remaining.split_at_checked(plain)?;
        text.extend_from_slice(run);
        // an unescaped quote is no escape
        let (character, after) = take_escape(end)?;
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        remaining = after;
    }
    text.extend_from_slice(remaining);
    (!has_control(inside)).then_some(())
}

/// JSON with U+FFFD for each escape of a surrogate without its other half, if there is one. JavaScript writes such
/// strings, and no Rust string can hold them.
pub(crate) fn replace_lone_surrogates(text: &str) -> Option<String> {
    let json = text.as_bytes();
    let mut replaced: Option<String> = None;
    let mut at = 0;
    while let Some(rest) = json.get(at..)
        && let Some(found) = memchr(b'\\', rest)
    {
        at += found;
        let escape = json.get(at..)?;
        let digits = escape.strip_prefix(b"\\u").and_then(take_unit);
        at += match digits {
            Some((unit, _)) if (0xD800..0xE000).contains(&unit) => match take_escape(escape) {
                Some((_, after)) => escape.len() - after.len(),
                None => {
                    // the digits of the escape are ASCII
                    replaced.get_or_insert_with(|| text.to_owned()).replace_range(at + 2..at + 6, "fffd");
                    6
                }
            },
            Some(_) => 6,
            None => 2,
        };
    }
    replaced
}

/// Whether there is a control character, which JSON has in strings only as an escape.
fn has_control(inside: &[u8]) -> bool {
    // no early return inside a block, so that the compiler can vectorise it
    inside.chunks(1024).any(|block| block.iter().fold(false, |found, byte| found | (*byte < 0x20)))
}

/// The character of the escape at the start of the text, and the text after it; `None` for what is no escape.
fn take_escape(text: &[u8]) -> Option<(char, &[u8])> {
    let (kind, rest) = text.strip_prefix(b"\\")?.split_first()?;
    let character = match kind {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return take_unicode(rest),
        _ => return None,
    };
    Some((character, rest))
}

/// The character of an escape from its four digits on, or of a surrogate pair of two escapes.
fn take_unicode(text: &[u8]) -> Option<(char, &[u8])> {
    let (first, rest) = take_unit(text)?;
    if !(0xD800..0xE000).contains(&first) {
        return Some((char::from_u32(first)?, rest));
    }
    let (second, rest) = take_unit(rest.strip_prefix(b"\\u")?)?;
    let pair = first < 0xDC00 && (0xDC00..0xE000).contains(&second);
    let code = 0x1_0000 + ((first & 0x3FF) << 10) + (second & 0x3FF);
    pair.then(|| char::from_u32(code))?.map(|character| (character, rest))
}

fn take_unit(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let mut unit = 0;
    for digit in digits {
        unit = unit * 16 + char::from(*digit).to_digit(16)?;
    }
    Some((unit, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text as serde_json reads it.
    fn parsed(inside: &[u8]) -> Option<String> {
        serde_json::from_slice(&[b"\"", inside, b"\""].concat()).ok()
    }

    fn unescaped(inside: &[u8]) -> Option<String> {
        let mut text = Vec::new();
        unescape(inside, &mut text)?;
        String::from_utf8(text).ok()
    }

    fn check(inside: &[u8]) {
        assert_eq!(unescaped(inside), parsed(inside), "{}", String::from_utf8_lossy(inside));
    }

    #[test]
    fn every_escape_is_its_character() {
        for (inside, text) in [
            (r"", ""),
            (r"plain", "plain"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u0041\u00e9\u20ac", "A\u{e9}\u{20ac}"),
            (r"\ud83d\ude00\uD83D\uDE00", "\u{1f600}\u{1f600}"),
            (r"a\\n", "a\\n"),
            ("\u{1f600}\\n\u{e9}", "\u{1f600}\n\u{e9}"),
        ] {
            assert_eq!(unescaped(inside.as_bytes()).as_deref(), Some(text));
            check(inside.as_bytes());
        }
    }

    #[test]
    fn what_is_no_json_string_has_no_text() {
        for inside in [
            &br"\"[..],
            br"\x",
            br"\u",
            br"\u00",
            br"\u00g0",
            br"\u+041",
            br"\ud83d",
            br"\ud83d\n",
            br"\ud83d\u0041",
            br"\ude00\ud83d",
            br"\ude00",
            b"a\nb",
            b"\x00",
            b"\xff",
            b"\xc3",
        ] {
            assert_eq!(unescaped(inside), None, "{}", String::from_utf8_lossy(inside));
            check(inside);
        }
        assert_eq!(unescaped(br"\"), None);
        assert_eq!(unescaped(b"a\"b"), None, "a quote ends it");
    }

    #[test]
    fn lone_surrogates_are_replaced_and_pairs_are_not() {
        for (json, replaced) in [
            (r#"["\ud83d"]"#, Some(r#"["\ufffd"]"#)),
            (
                r#"["\ude00x\ud83d\n\ud83d\ude00\ud83d\ud83d\ude00"]"#,
                Some(r#"["\ufffdx\ufffd\n\ud83d\ude00\ufffd\ud83d\ude00"]"#),
            ),
            (r#"["\ud83d\ude00 \u00e9"]"#, None),
            (r#"["\\ud83d"]"#, None),
            (r#"["\"#, None),
            (r#"["\ud8"#, None),
        ] {
            assert_eq!(replace_lone_surrogates(json).as_deref(), replaced, "{json}");
        }
    }

    proptest! {
        #[test]
        fn the_text_is_as_serde_json_reads_it(parts in prop::collection::vec(prop_oneof![
            4 => r#"[a-z \\/bfnrtu0-9d-f]{0,6}"#.prop_map(String::into_bytes),
            2 => r"\\[\\/bfnrt]".prop_map(String::into_bytes),
            2 => r"\\u[0-9a-fA-F]{4}".prop_map(String::into_bytes),
            1 => r"\\ud[89a-f][0-9a-f]{2}\\ud[89a-f][0-9a-f]{2}".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>().prop_filter("a quote ends it", |byte| *byte != b'"'), 0..4),
            1 => "\\PC{0,3}".prop_map(|text| text.replace('"', "").into_bytes()),
        ], 0..8)) {
            check(&parts.concat());
        }
    }
}
