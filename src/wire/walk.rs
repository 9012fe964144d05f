//! A walk through JSON that finds places and parses nothing.
//!
//! In text that is JSON every step lands where the parser would. In other text it lands anywhere, or says
//! `None`: whoever walks must parse, too, what is to be relied on.

use std::ops::Range;

/// A place in a text.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    /// Starts at the beginning.
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// What lies ahead.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is no space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Steps over a byte, and the spaces before it.
    pub(crate) fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// The bytes of a string between its quotes.
    pub(crate) fn string(&mut self) -> Option<Range<usize>> {
        self.expect(b'"')?;
        let start = self.at;
        let end = start + string_end(self.rest())?;
        self.at = end + 1;
        Some(start..end)
    }

    /// A string's place; `Some(None)` for a value that is no string.
    pub(crate) fn value_string(&mut self) -> Option<Option<Range<usize>>> {
        if self.peek()? == b'"' {
            return self.string().map(Some);
        }
        self.skip()?;
        Some(None)
    }

    /// Calls `member` at the value of every member; `None` for what is no object, or has an escaped name.
    pub(crate) fn object(&mut self, mut member: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.expect(b'"')?;
            let name = self.rest();
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

    /// Calls `element` at the element of a list that has exactly one.
    pub(crate) fn only_element(&mut self, element: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        if self.peek()? == b']' {
            return None;
        }
        element(self)?;
        self.expect(b']')
    }

    /// Steps over a value of any kind.
    pub(crate) fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' => self.skip_nested(),
            _ => {
                let word = self.rest().iter().take_while(|byte| !matches!(byte, b',' | b'}' | b']')).count();
                self.at += word;
                Some(())
            }
        }
    }

    /// Steps over an object or a list, by counting what opens and closes.
    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0_u32;
        loop {
            let byte = self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => self.at += string_end(self.rest())? + 1,
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

/// Where the closing quote of a string is, from just after the opening one.
pub(crate) fn string_end(text: &[u8]) -> Option<usize> {
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
    fn a_value_of_any_kind_is_stepped_over() {
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
                let mut walk = Walk::new(text.as_bytes());
                assert_eq!(walk.skip(), Some(()), "{text}");
                assert_eq!(std::str::from_utf8(walk.rest()), Ok(after), "{text}");
            }
        }
    }

    #[test]
    fn what_does_not_end_is_not_stepped_over() {
        for text in ["", " ", "\"", r#""a\""#, "{", r#"{"a":["#, "[{]"] {
            assert_eq!(Walk::new(text.as_bytes()).skip(), None, "{text}");
        }
    }

    #[test]
    fn members_are_named_unless_a_name_is_escaped() {
        let names = |text: &str| {
            let mut names = Vec::new();
            let end = Walk::new(text.as_bytes()).object(|walk, name| {
                names.push(String::from_utf8_lossy(name).into_owned());
                walk.skip()
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
