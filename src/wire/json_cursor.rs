//! A position in JSON text that moves from value to value without parsing them.
//!
//! In valid JSON it stops where a parser would. In other text it stops anywhere, or a method returns `None`: text that
//! matters is parsed as well.

use std::ops::Range;

/// A position in JSON text. A method that returns `None` leaves the position anywhere.
#[derive(Debug)]
pub(crate) struct JsonCursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> JsonCursor<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The text after the position.
    pub(crate) fn remaining(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is not whitespace, which is skipped.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Skips this byte and the whitespace before it; `None` for another byte.
    pub(crate) fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Skips a string, and returns the range between its quotes.
    pub(crate) fn string(&mut self) -> Option<Range<usize>> {
        self.expect(b'"')?;
        let start = self.at;
        let end = start + string_end(self.remaining())?;
        self.at = end + 1;
        Some(start..end)
    }

    /// Skips a value, and returns the range of a string; `Some(None)` for a value of another type.
    pub(crate) fn value_string(&mut self) -> Option<Option<Range<usize>>> {
        if self.peek()? == b'"' {
            return self.string().map(Some);
        }
        self.skip_value()?;
        Some(None)
    }

    /// Skips an object. `member` is called at the value of every member, with its name, and skips the value. `None` for
    /// another type, and for a member's name with escapes.
    pub(crate) fn each_member(&mut self, mut member: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.expect(b'"')?;
            let name = self.remaining();
            let name = name.get(..memchr::memchr2(b'"', b'\\', name)?)?;
            self.at += name.len();
            self.expect(b'"')?;
            self.expect(b':')?;
            member(self, name)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Skips a list of exactly one element. `element` is called at the element, and skips it.
    pub(crate) fn only_element(&mut self, element: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        if self.peek()? == b']' {
            return None;
        }
        element(self)?;
        self.expect(b']')
    }

    /// Skips an empty list. `false`, without moving, for anything else.
    pub(crate) fn skip_empty_list(&mut self) -> bool {
        let start = self.at;
        let is_empty = self.expect(b'[').is_some() && self.expect(b']').is_some();
        if !is_empty {
            self.at = start;
        }
        is_empty
    }

    /// Skips a value, and returns the range of a number without sign, point and exponent; `Some(None)` for any other.
    pub(crate) fn value_digits(&mut self) -> Option<Option<Range<usize>>> {
        self.peek()?;
        let start = self.at;
        self.skip_value()?;
        let digits = self.text.get(start..self.at)?.trim_ascii_end();
        Some(digits.iter().all(u8::is_ascii_digit).then_some(start..start + digits.len()))
    }

    /// Skips a value of any type.
    pub(crate) fn skip_value(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' => self.skip_nested(),
            _ => {
                let length = self.remaining().iter().take_while(|byte| !matches!(byte, b',' | b'}' | b']')).count();
                self.at += length;
                Some(())
            }
        }
    }

    /// Skips an object or a list by counting its brackets.
    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0_u32;
        loop {
            let byte = self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => self.at += string_end(self.remaining())? + 1,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(());
                    }
                }
                _ => {}
            }
        }
    }
}

/// The offset of a string's closing quote in the text after the opening one.
fn string_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(found) == Some(&b'"') {
            return Some(found);
        }
        at = found + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_any_type_is_skipped() {
        for value in [
            "null",
            "-1.5e3",
            r#""""#,
            r#""a\"},{b\\""#,
            "{}",
            "[]",
            r#"{"a":[{"b":"]}"},[1, 2]],"c":{}}"#,
            "[ 1 , [ ] ]",
        ] {
            for (before, after) in [("", ",1"), (" \n", "}"), ("", "]"), ("\t", "")] {
                let text = format!("{before}{value}{after}");
                let mut cursor = JsonCursor::new(text.as_bytes());
                assert_eq!(cursor.skip_value(), Some(()), "{text}");
                assert_eq!(std::str::from_utf8(cursor.remaining()), Ok(after), "{text}");
            }
        }
    }

    #[test]
    fn a_value_that_does_not_end_is_not_skipped() {
        for text in ["", " ", "\"", r#""a\""#, "{", r#"{"a":["#, "[{]"] {
            assert_eq!(JsonCursor::new(text.as_bytes()).skip_value(), None, "{text}");
        }
    }

    #[test]
    fn members_come_with_their_names_unless_a_name_has_escapes() {
        let names = |text: &str| {
            let mut names = Vec::new();
            let end = JsonCursor::new(text.as_bytes()).each_member(|cursor, name| {
                names.push(String::from_utf8_lossy(name).into_owned());
                cursor.skip_value()
            });
            (names.join(" "), end.is_some())
        };
        assert_eq!(names(r#" { "a" : 1 , "b":{"c":2},"":[] } "#), ("a b ".to_owned(), true));
        assert_eq!(names("{}"), (String::new(), true));
        assert_eq!(names(r#"{"a":1,"\u0062":2,"c":3}"#), ("a".to_owned(), false));
        assert_eq!(names(r#"{"a":1,}"#), ("a".to_owned(), false));
        assert_eq!(names("[1]"), (String::new(), false));
    }
}
