//! The value so far of a JSON text that is still arriving, [`PartialJson`].
//!
//! Every byte is scanned once, whatever the pieces are. The scan keeps the brackets that are open, the state of a
//! string and of an escape in it, and the last position at which the text can be cut: the value so far is the text up
//! to there, with its string, lists and objects closed. A number that may go on, half a literal (`true`, `false`,
//! `null`), a member without its value and half an escape are left out until they are whole. The grammar is checked by
//! `serde_json`, which parses the closed text.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// The largest depth of nested lists and objects: that of `serde_json`.
const MAX_DEPTH: usize = 127;

/// The literals, which are whole after their last letter; a number may go on.
const LITERALS: [&[u8]; 3] = [b"true", b"false", b"null"];

/// Why a text is not the beginning of a JSON value. The texts have positions, never content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PartialJsonError {
    /// The text is not JSON from this position on.
    #[error("not JSON at line {line}, column {column}")]
    Syntax {
        /// From 1.
        line: usize,
        /// In bytes, from 1.
        column: usize,
    },
    /// The nesting is too deep from this byte on.
    #[error("JSON nested more than {MAX_DEPTH} levels deep at byte {0}")]
    TooDeep(usize),
}

/// The state of an escape in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Escape {
    #[default]
    None,
    /// After the backslash.
    Begun,
    /// After `\u`: the number of digits still due, and the UTF-16 unit so far.
    Digits { due: u8, unit: u16 },
}

/// The JSON text so far. Its `Debug` prints sizes only.
#[derive(Clone, Default)]
pub(crate) struct PartialJson {
    text: String,
    /// The text up to here is a value once its string and brackets are closed.
    cut: usize,
    /// Whether the cut is within a string that is a value.
    cut_in_string: bool,
    /// The closing brackets of the lists and objects that are open.
    open: Vec<u8>,
    in_string: bool,
    /// Whether the open string is the name of a member.
    is_name: bool,
    escape: Escape,
    /// The first half of a surrogate pair has come.
    is_half: bool,
    /// Whether a number or a literal is open.
    in_scalar: bool,
    /// The last byte outside of strings that is not whitespace.
    last: u8,
    error: Option<PartialJsonError>,
    #[cfg(test)]
    parsed: std::cell::Cell<usize>,
}

impl std::fmt::Debug for PartialJson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartialJson")
            .field("bytes", &self.text.len())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl PartialJson {
    /// Adds a piece of the text. Returns whether the value so far has grown.
    pub(crate) fn push(&mut self, piece: &str) -> Result<bool, PartialJsonError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let before = self.cut;
        let start = self.text.len();
        self.text.push_str(piece);
        for (offset, byte) in piece.bytes().enumerate() {
            let at = start.saturating_add(offset);
            if self.in_string {
                self.string_byte(byte, at.saturating_add(1));
            } else if let Err(error) = self.outer_byte(byte, at) {
                self.error = Some(error);
                return Err(error);
            }
        }
        Ok(self.cut > before)
    }

    /// Everything that was pushed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The value so far; `None` while there is none that fits the type. Copies and parses the text.
    pub(crate) fn value<T: DeserializeOwned>(&self) -> Result<Option<T>, PartialJsonError> {
        match self.closed_text() {
            Some(text) => self.parse(&text),
            None => Ok(None),
        }
    }

    /// The value at the end of the text: of the whole text if that is JSON, else of the part that can be closed.
    pub(crate) fn last_value<T: DeserializeOwned>(&self) -> Result<Option<T>, PartialJsonError> {
        match self.parse(&self.text) {
            Ok(Some(value)) => Ok(Some(value)),
            // half a number is no fault: a digit may follow
            Err(fault) if !self.in_scalar || self.parse::<Value>(&format!("{}0", self.text)).is_err() => Err(fault),
            _ => self.value(),
        }
    }

    /// Parses a text. `None` for one that ends too early, or has a value that does not fit the type or an `f64`.
    fn parse<T: DeserializeOwned>(&self, text: &str) -> Result<Option<T>, PartialJsonError> {
        self.count_parsed(text.len());
        if let Ok(value) = serde_json::from_str(text) {
            return Ok(Some(value));
        }
        self.count_parsed(text.len());
        match serde_json::from_str::<Value>(text) {
            Err(error) if error.is_syntax() && !error.to_string().starts_with("number out of range") => {
                Err(PartialJsonError::Syntax { line: error.line(), column: error.column() })
            }
            _ => Ok(None),
        }
    }

    /// The bytes given to `serde_json` so far.
    #[cfg(test)]
    pub(crate) fn parsed_bytes(&self) -> usize {
        self.parsed.get()
    }

    #[cfg(test)]
    fn count_parsed(&self, bytes: usize) {
        self.parsed.set(self.parsed.get() + bytes);
    }

    #[cfg(not(test))]
    fn count_parsed(&self, _bytes: usize) {}

    /// The value so far as JSON text; `None` while there is none.
    fn closed_text(&self) -> Option<String> {
        let kept = self.text.get(..self.cut).filter(|kept| !kept.is_empty())?;
        let mut closed = String::with_capacity(kept.len().saturating_add(self.open.len()).saturating_add(1));
        closed.push_str(kept);
        if self.cut_in_string {
            closed.push('"');
        }
        closed.extend(self.open.iter().rev().map(|bracket| char::from(*bracket)));
        Some(closed)
    }

    fn cut_at(&mut self, at: usize, in_string: bool) {
        self.cut = at;
        self.cut_in_string = in_string;
    }

    /// Scans a byte of a string; `after` is the position after it.
    fn string_byte(&mut self, byte: u8, after: usize) {
        self.escape = match (self.escape, byte) {
            (Escape::None, b'"') => {
                self.in_string = false;
                self.last = byte;
                if !self.is_name {
                    self.cut_at(after, false);
                }
                return;
            }
            (Escape::None, b'\\') => Escape::Begun,
            (Escape::Begun, b'u') => Escape::Digits { due: 4, unit: 0 },
            (Escape::None | Escape::Begun, _) => {
                self.is_half = false;
                Escape::None
            }
            (Escape::Digits { due, unit }, digit) => {
                let digit = char::from(digit).to_digit(16).and_then(|digit| u16::try_from(digit).ok());
                let unit = unit << 4 | digit.unwrap_or(0);
                if due > 1 {
                    Escape::Digits { due: due - 1, unit }
                } else {
                    self.is_half = !self.is_half && (0xD800..0xDC00).contains(&unit);
                    Escape::None
                }
            }
        };
        if self.escape == Escape::None && !self.is_half && !self.is_name {
            self.cut_at(after, true);
        }
    }

    /// Scans a byte outside of strings.
    fn outer_byte(&mut self, byte: u8, at: usize) -> Result<(), PartialJsonError> {
        let after = at.saturating_add(1);
        let ends_scalar = std::mem::take(&mut self.in_scalar);
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                if ends_scalar {
                    self.cut_at(at, false);
                }
                return Ok(());
            }
            b'{' | b'[' => {
                if self.open.len() >= MAX_DEPTH {
                    return Err(PartialJsonError::TooDeep(at));
                }
                self.open.push(if byte == b'{' { b'}' } else { b']' });
                self.cut_at(after, false);
            }
            b'}' | b']' => {
                self.open.pop();
                self.cut_at(after, false);
            }
            b',' => self.cut_at(at, false),
            b':' => {}
            b'"' => {
                self.in_string = true;
                self.is_name = self.open.last() == Some(&b'}') && matches!(self.last, b'{' | b',');
                if !self.is_name {
                    self.cut_at(after, true);
                }
            }
            _ => {
                self.in_scalar = true;
                let so_far = self.text.as_bytes().get(..after).unwrap_or_default();
                if matches!(byte, b'e' | b'l') && LITERALS.iter().any(|literal| so_far.ends_with(literal)) {
                    self.cut_at(after, false);
                }
            }
        }
        self.last = byte;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn closed(text: &str) -> String {
        let mut partial = PartialJson::default();
        partial.push(text).unwrap();
        partial.closed_text().unwrap_or_default()
    }

    #[test]
    fn open_strings_and_brackets_are_closed() {
        for (text, expected) in [
            ("", ""),
            ("  ", ""),
            ("{", "{}"),
            (r#"{"a"#, "{}"),
            (r#"{"a":"#, "{}"),
            (r#"{"a": ""#, r#"{"a": ""}"#),
            (r#"{"a": "x"#, r#"{"a": "x"}"#),
            (r#"{"a": "x", "b"#, r#"{"a": "x"}"#),
            (r#"{"a": [1, {"b": [true"#, r#"{"a": [1, {"b": [true]}]}"#),
            (r#"[1, 23"#, "[1]"),
            (r#"[1, 23 "#, "[1, 23]"),
            (r#"[1, 23]"#, "[1, 23]"),
            ("[tru", "[]"),
            ("[-", "[]"),
            ("[1.5e", "[]"),
            ("\"\u{1f600}", "\"\u{1f600}\""),
        ] {
            assert_eq!(closed(text), expected, "{text}");
        }
    }

    #[test]
    fn half_an_escape_is_left_out() {
        let whole = r#""a\n\ud83d\ude00""#;
        let expected = [
            "", r#""""#, r#""a""#, r#""a""#, r#""a\n""#, r#""a\n""#, r#""a\n""#, r#""a\n""#, r#""a\n""#, r#""a\n""#,
            r#""a\n""#, r#""a\n""#, r#""a\n""#, r#""a\n""#, r#""a\n""#, r#""a\n""#, whole, whole,
        ];
        for (length, expected) in expected.iter().enumerate() {
            assert_eq!(closed(&whole[..length]), *expected, "{length}");
        }
    }

    #[test]
    fn the_object_so_far_is_parsed_into_a_type() {
        #[derive(serde::Deserialize, Debug, PartialEq)]
        struct Poem {
            #[serde(default)]
            title: String,
            #[serde(default)]
            lines: Vec<String>,
        }
        let mut partial = PartialJson::default();
        assert_eq!(partial.value::<Poem>(), Ok(None));
        partial.push(r#"{"title": "Fog", "lines": ["The fog co"#).unwrap();
        let poem = Poem { title: "Fog".to_owned(), lines: vec!["The fog co".to_owned()] };
        assert_eq!(partial.value::<Poem>(), Ok(Some(poem)));
        partial.push(r#"mes"]} "#).unwrap();
        assert_eq!(partial.last_value::<Poem>().unwrap().unwrap().lines, ["The fog comes"]);
        assert_eq!(partial.text(), r#"{"title": "Fog", "lines": ["The fog comes"]} "#);
    }

    #[test]
    fn push_returns_whether_the_value_grew() {
        let mut partial = PartialJson::default();
        let grew: Vec<bool> = ["{", "\"a", "\":", " \"", "x", "\\", "n", "\"", ",", " ", "\"b\": 1", "2", "}", "\n"]
            .iter()
            .map(|piece| partial.push(piece).unwrap())
            .collect();
        assert_eq!(grew, [true, false, false, true, true, false, true, true, false, false, false, false, true, false]);
    }

    #[test]
    fn what_is_no_json_is_an_error_with_its_position() {
        for text in [
            "}",
            "[1 2",
            "{]",
            "{1",
            "[1,]",
            r#"{"a" 1"#,
            r#"{"a":1,}"#,
            "tru ",
            "01",
            "-a",
            "1.e",
            "\"\n",
            r#""\x""#,
            r#""\u12g4"#,
            r#""\ud83dx""#,
            r#""\ud83d\n""#,
            r#""\ude00""#,
            "{} x",
            "{}{",
            "{},",
        ] {
            let mut partial = PartialJson::default();
            partial.push(text).unwrap();
            let last = partial.last_value::<Value>();
            assert!(matches!(last, Err(PartialJsonError::Syntax { .. })), "{text}: {last:?}");
        }
        let mut partial = PartialJson::default();
        partial.push(r#"{"a": "secret", "#).unwrap();
        assert_eq!(partial.value::<Value>(), Ok(Some(json!({"a": "secret"}))));
        partial.push("\u{1}}").unwrap();
        let error = partial.value::<Value>().unwrap_err();
        assert_eq!(error.to_string(), "not JSON at line 1, column 17");
        assert!(!format!("{partial:?}").contains("secret"));
    }

    #[test]
    fn what_may_go_on_or_does_not_fit_the_type_is_no_error() {
        for text in ["", " ", "tru", "-", "1.", "[1, 2", r#"{"a"#, r#"{"a" "#, r#""\ud83d"#, r#""\u12"#] {
            let mut partial = PartialJson::default();
            partial.push(text).unwrap();
            assert_eq!(partial.value::<bool>(), Ok(None), "{text}");
            assert_eq!(partial.last_value::<bool>(), Ok(None), "{text}");
        }
        let mut partial = PartialJson::default();
        partial.push("1e999 ").unwrap();
        assert_eq!(partial.value::<f64>(), Ok(None));
        let mut partial = PartialJson::default();
        partial.push("42").unwrap();
        assert_eq!((partial.value::<u8>(), partial.last_value::<u8>()), (Ok(None), Ok(Some(42))));
    }

    #[test]
    fn the_depth_is_that_of_serde_json() {
        let deep = "[".repeat(127);
        assert!(serde_json::from_str::<Value>(&closed(&deep)).is_ok());
        let error = PartialJson::default().push(&"[".repeat(128)).unwrap_err();
        assert_eq!(error, PartialJsonError::TooDeep(127));
        assert_eq!(error.to_string(), "JSON nested more than 127 levels deep at byte 127");
        assert!(serde_json::from_str::<Value>(&format!("{}{}", "[".repeat(128), "]".repeat(128))).is_err());
    }

    /// Whether `part` is a beginning of `whole`. Members are compared in the order of the text, which
    /// the generated objects keep because their keys are sorted.
    fn is_beginning(part: &Value, whole: &Value) -> bool {
        match (part, whole) {
            (Value::String(part), Value::String(whole)) => whole.starts_with(part.as_str()),
            (Value::Array(part), Value::Array(whole)) => {
                part.len() <= whole.len() && begins(part.iter().zip(whole).collect())
            }
            (Value::Object(part), Value::Object(whole)) => {
                part.len() <= whole.len()
                    && part.keys().zip(whole.keys()).all(|(a, b)| a == b)
                    && begins(part.values().zip(whole.values()).collect())
            }
            _ => part == whole,
        }
    }

    /// All but the last are whole.
    fn begins(mut pairs: Vec<(&Value, &Value)>) -> bool {
        let last = pairs.pop();
        pairs.iter().all(|(part, whole)| part == whole) && last.is_none_or(|(part, whole)| is_beginning(part, whole))
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            Just(json!(1.5e-30)),
            "\\PC{0,8}".prop_map(Value::from),
            "[a\"\\\\\n\u{1}\u{1f600}\u{e9}]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-d\"\u{e9}]{0,3}", inner, 0..5).prop_map(|members| json!(members)),
            ]
        })
    }

    /// Non-ASCII characters as `\u` escapes.
    fn escaped(text: &str) -> String {
        let mut units = [0; 2];
        let escape = |one: char| match one {
            ' '..='~' | '\n' => one.to_string(),
            _ => one.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        };
        text.chars().map(escape).collect()
    }

    proptest! {
        #[test]
        fn every_prefix_closes_to_a_beginning_of_the_whole(value in any_json(), pretty: bool, ascii: bool) {
            let mut text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            if ascii {
                text = escaped(&text);
            }
            let whole: Value = serde_json::from_str(&text).unwrap();
            let mut partial = PartialJson::default();
            for one in text.chars() {
                partial.push(one.encode_utf8(&mut [0; 4])).unwrap();
                prop_assert!(partial.value::<Value>().is_ok());
                if let Some(closed) = partial.closed_text() {
                    let part: Value = serde_json::from_str(&closed).unwrap();
                    prop_assert!(is_beginning(&part, &whole), "{} of {}", closed, text);
                }
            }
            prop_assert_eq!(partial.last_value::<Value>(), Ok(Some(whole.clone())));
            if whole.is_string() || whole.is_array() || whole.is_object() {
                prop_assert_eq!(partial.closed_text(), Some(text));
            }
        }

        #[test]
        fn it_accepts_what_serde_json_accepts(text in "[\\[\\]{}:,\"\\\\u0d8eE1.+tn \\-]{0,12}") {
            let mut partial = PartialJson::default();
            partial.push(&text).unwrap();
            let parsed = serde_json::from_str::<Value>(&text);
            let last = partial.last_value::<Value>();
            match parsed {
                Ok(value) => prop_assert_eq!(last, Ok(Some(value))),
                Err(error) if error.is_eof() || error.to_string().starts_with("number out of range") => {
                    prop_assert!(!matches!(&last, Ok(Some(value)) if value.is_number()), "{:?}", last);
                }
                Err(_) => prop_assert!(last.is_err(), "{:?}", last),
            }
        }
    }
}
