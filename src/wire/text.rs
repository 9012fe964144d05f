//! The inside of a JSON string, and the text that it stands for.
//!
//! A parser has to stop at every byte that could end a string. Whoever knows where a string ends has only to
//! look for backslashes, and writes the text where the string was: long answers are read in one buffer.

use memchr::memchr;

/// Turns the inside of a JSON string into its text, in the same buffer. Gives back what is no inside of a
/// string. A quote without a backslash is not looked for.
pub(crate) fn unescape(mut inside: Vec<u8>) -> Result<String, Vec<u8>> {
    if has_control(&inside) {
        return Err(inside);
    }
    if memchr(b'\\', &inside).is_some() {
        // there is no way back from what follows
        if !has_good_escapes(&inside) || std::str::from_utf8(&inside).is_err() {
            return Err(inside);
        }
        unescape_in_place(&mut inside);
    }
    String::from_utf8(inside).map_err(std::string::FromUtf8Error::into_bytes)
}

/// JSON with U+FFFD for each half of a surrogate pair that has lost its other half, if there is one. JavaScript
/// writes such strings, and no text of ours can hold them.
pub(crate) fn mend_surrogates(json: &[u8]) -> Option<Vec<u8>> {
    let mut mended: Option<Vec<u8>> = None;
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
                    mended.get_or_insert_with(|| json.to_vec()).get_mut(at + 2..at + 6)?.copy_from_slice(b"fffd");
                    6
                }
            },
            Some(_) => 6,
            None => 2,
        };
    }
    mended
}

/// Whether there is a byte that a string may only contain escaped.
fn has_control(inside: &[u8]) -> bool {
    // without an early end inside a block, so that blocks are looked at as a whole
    inside.chunks(1024).any(|block| block.iter().fold(false, |found, byte| found | (*byte < 0x20)))
}

fn has_good_escapes(inside: &[u8]) -> bool {
    let mut rest = inside;
    while let Some(at) = memchr(b'\\', rest) {
        let Some((_, after)) = rest.get(at..).and_then(take_escape) else {
            return false;
        };
        rest = after;
    }
    true
}

/// Writes over the string, which is never shorter than its text. The escapes are known to be good.
fn unescape_in_place(inside: &mut Vec<u8>) {
    let (mut read, mut write) = (0, 0);
    while let Some(rest) = inside.get(read..) {
        let plain = memchr(b'\\', rest).unwrap_or(rest.len());
        let escape = rest.get(plain..).and_then(take_escape).map(|(character, after)| (character, after.len()));
        if read != write {
            inside.copy_within(read..read + plain, write);
        }
        write += plain;
        let Some((character, left)) = escape else { break };
        if let Some(place) = inside.get_mut(write..write + character.len_utf8()) {
            character.encode_utf8(place);
        }
        write += character.len_utf8();
        read = inside.len() - left;
    }
    inside.truncate(write);
}

/// The character of the escape at the start, and what follows.
fn take_escape(text: &[u8]) -> Option<(char, &[u8])> {
    let (kind, rest) = text.get(1..)?.split_first()?;
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

/// The character of four digits, or of two times four that make a pair.
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

    /// What the parser makes of it.
    fn parsed(inside: &[u8]) -> Option<String> {
        serde_json::from_slice(&[b"\"", inside, b"\""].concat()).ok()
    }

    fn check(inside: &[u8]) {
        let ours = unescape(inside.to_vec());
        assert_eq!(ours.clone().ok(), parsed(inside), "{}", String::from_utf8_lossy(inside));
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
            assert_eq!(unescape(inside.into()).as_deref(), Ok(text));
            check(inside.as_bytes());
        }
    }

    #[test]
    fn what_is_no_string_is_given_back() {
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
            assert!(unescape(inside.to_vec()).is_err(), "{}", String::from_utf8_lossy(inside));
            check(inside);
        }
    }

    #[test]
    fn what_cannot_be_turned_is_as_it_was() {
        for inside in [&br"a\n\x"[..], b"a\n", br"\"] {
            assert_eq!(unescape(inside.to_vec()).as_deref().map_err(|inside| &**inside), Err(inside));
        }
    }

    #[test]
    fn halves_of_pairs_are_replaced_and_pairs_are_not() {
        for (json, mended) in [
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
            let ours = mend_surrogates(json.as_bytes());
            assert_eq!(ours.as_deref(), mended.map(str::as_bytes), "{json}");
        }
    }

    proptest! {
        #[test]
        fn it_is_what_the_parser_makes_of_it(parts in prop::collection::vec(prop_oneof![
            4 => r#"[a-z \\/bfnrtu0-9d-f]{0,6}"#.prop_map(String::into_bytes),
            2 => r"\\[\\/bfnrt]".prop_map(String::into_bytes),
            2 => r"\\u[0-9a-fA-F]{4}".prop_map(String::into_bytes),
            1 => r"\\ud[89a-f][0-9a-f]{2}\\ud[89a-f][0-9a-f]{2}".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>().prop_filter("a quote ends it", |byte| *byte != b'"'), 0..4),
            1 => "\\PC{0,3}".prop_map(|text| text.replace('"', "").into_bytes()),
        ], 0..8)) {
            let inside = parts.concat();
            // a backslash at the end would hide the closing quote
            prop_assume!(inside.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0);
            check(&inside);
        }
    }
}
