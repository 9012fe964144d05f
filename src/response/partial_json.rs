//! JSON that arrives in pieces: the value so far, at any time.
//!
//! [`PartialJson`] reads every byte once, whatever the pieces are, and remembers up to where the text
//! is worth keeping. The value so far is that text with its open strings, lists and objects closed.
//! What cannot be closed truthfully is left out until it is whole: a number or a word such as `true`
//! that may go on, a member without its value, half an escape.
//!
//! It accepts what `serde_json` accepts, and stops where that stops.

use serde::de::DeserializeOwned;

/// How many lists and objects may lie inside each other: as many as `serde_json` reads.
const MAX_DEPTH: usize = 127;

/// Why a text is not the beginning of any JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PartialJsonError {
    /// The byte at this place cannot stand there.
    #[error("not JSON at byte {0}")]
    Syntax(usize),
    /// At this byte the nesting grew too deep.
    #[error("JSON nested more than {MAX_DEPTH} levels deep at byte {0}")]
    TooDeep(usize),
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Value,
    /// After `[`: an element or the end.
    Element,
    /// After `{`: a key or the end.
    Member,
    /// After a comma in an object.
    Key,
    Colon,
    /// After a value: a comma, the end of what holds it, or nothing.
    After,
    /// In a string.
    Text,
    /// After a backslash.
    Escape,
    /// After `\u`, with the digits still to come and what they say so far.
    Hex {
        left: u8,
        unit: u16,
    },
    /// After the first half of a pair: the backslash of the second.
    Pair,
    /// And its `u`.
    PairEscape,
    /// What is missing of `true`, `false` or `null`.
    Word(&'static [u8]),
    Number(Number),
}

/// How much of a number has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// The JSON text so far. Its `Debug` does not print it.
#[derive(Clone)]
pub(crate) struct PartialJson {
    text: String,
    /// The text up to here makes a value when its strings, lists and objects are closed.
    kept: usize,
    /// Whether `kept` lies in a string that is a value.
    in_text: bool,
    /// Whether the string that is being read is a key.
    is_key: bool,
    /// The first half of a pair of `\u` escapes has been read.
    is_pair: bool,
    /// The brackets that close what is open.
    open: Vec<u8>,
    state: State,
    error: Option<PartialJsonError>,
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
    pub(crate) fn new() -> Self {
        Self {
            text: String::new(),
            kept: 0,
            in_text: false,
            is_key: false,
            is_pair: false,
            open: Vec::new(),
            state: State::Value,
            error: None,
        }
    }

    /// Takes in the next piece; says whether the value so far has grown.
    ///
    /// After an error it stays as it was before the wrong byte, and every further piece is the same
    /// error.
    pub(crate) fn push(&mut self, piece: &str) -> Result<bool, PartialJsonError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let before = self.kept;
        let start = self.text.len();
        self.text.push_str(piece);
        for (offset, byte) in piece.bytes().enumerate() {
            let at = start.saturating_add(offset);
            if let Err(error) = self.byte(byte, at) {
                self.error = Some(error);
                return Err(error);
            }
        }
        Ok(self.kept > before)
    }

    /// Everything that was pushed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    #[cfg(test)]
    /// Whether the value is whole. A number that stands alone never is: it may go on.
    fn is_complete(&self) -> bool {
        self.state == State::After && self.open.is_empty()
    }

    /// The value so far as valid JSON text; `None` while there is none. Costs a copy of the text.
    pub(crate) fn closed_text(&self) -> Option<String> {
        let kept = self.text.get(..self.kept).filter(|kept| !kept.is_empty())?;
        let mut closed = String::with_capacity(kept.len() + 1 + self.open.len());
        closed.push_str(kept);
        if self.in_text {
            closed.push('"');
        }
        closed.extend(self.open.iter().rev().map(|bracket| char::from(*bracket)));
        Some(closed)
    }

    /// The value so far as a `T`; `None` while there is none. Costs a parse of the text so far.
    pub(crate) fn value<T: DeserializeOwned>(&self) -> Option<Result<T, serde_json::Error>> {
        self.closed_text().map(|text| serde_json::from_str(&text))
    }

    fn byte(&mut self, byte: u8, at: usize) -> Result<(), PartialJsonError> {
        let next = match self.state {
            State::Text => self.in_string(byte, at),
            State::Escape => match byte {
                b'u' => Some(State::Hex { left: 4, unit: 0 }),
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(self.character(at)),
                _ => None,
            },
            State::Hex { left, unit } => char::from(byte).to_digit(16).and_then(|digit| {
                let unit = unit << 4 | u16::try_from(digit).ok()?;
                match left {
                    2.. => Some(State::Hex { left: left - 1, unit }),
                    _ => self.code_unit(unit, at),
                }
            }),
            State::Pair => (byte == b'\\').then_some(State::PairEscape),
            State::PairEscape => (byte == b'u').then_some(State::Hex { left: 4, unit: 0 }),
            State::Word(rest) => match rest.split_first() {
                Some((expected, rest)) if *expected == byte => Some(match rest {
                    [] => self.end_of_value(at),
                    _ => State::Word(rest),
                }),
                _ => None,
            },
            State::Number(number) => match number.after(byte) {
                Some(number) => Some(State::Number(number)),
                // The byte after a number is the first that says where it ended.
                None if number.is_whole() => {
                    let next = self.between(State::After, byte, at)?;
                    if next.is_some() {
                        self.kept = self.kept.max(at);
                    }
                    next
                }
                None => None,
            },
            state => self.between(state, byte, at)?,
        };
        self.state = next.ok_or(PartialJsonError::Syntax(at))?;
        Ok(())
    }

    /// Outside of strings, numbers and words. `None` is a byte that cannot stand there.
    fn between(&mut self, state: State, byte: u8, at: usize) -> Result<Option<State>, PartialJsonError> {
        let value = matches!(state, State::Value | State::Element);
        let next = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => state,
            b'{' if value => self.begin(b'}', State::Member, at)?,
            b'[' if value => self.begin(b']', State::Element, at)?,
            b'"' if value => {
                self.is_key = false;
                self.in_text = true;
                self.character(at)
            }
            b'"' if matches!(state, State::Member | State::Key) => {
                self.is_key = true;
                State::Text
            }
            b't' if value => State::Word(b"rue"),
            b'f' if value => State::Word(b"alse"),
            b'n' if value => State::Word(b"ull"),
            b'-' if value => State::Number(Number::Minus),
            b'0' if value => State::Number(Number::Zero),
            b'1'..=b'9' if value => State::Number(Number::Integer),
            b':' if state == State::Colon => State::Value,
            b',' if state == State::After => match self.open.last() {
                Some(b'}') => State::Key,
                Some(_) => State::Value,
                None => return Ok(None),
            },
            b'}' if matches!(state, State::Member | State::After) && self.open.last() == Some(&byte) => self.end(at),
            b']' if matches!(state, State::Element | State::After) && self.open.last() == Some(&byte) => self.end(at),
            _ => return Ok(None),
        };
        Ok(Some(next))
    }

    fn begin(&mut self, bracket: u8, next: State, at: usize) -> Result<State, PartialJsonError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(PartialJsonError::TooDeep(at));
        }
        self.open.push(bracket);
        self.kept = at.saturating_add(1);
        Ok(next)
    }

    fn end(&mut self, at: usize) -> State {
        self.open.pop();
        self.end_of_value(at)
    }

    fn end_of_value(&mut self, at: usize) -> State {
        self.kept = at.saturating_add(1);
        State::After
    }
}

/// The parts of a string.
impl PartialJson {
    fn in_string(&mut self, byte: u8, at: usize) -> Option<State> {
        match byte {
            b'"' if self.is_key => Some(State::Colon),
            b'"' => {
                self.in_text = false;
                Some(self.end_of_value(at))
            }
            b'\\' => Some(State::Escape),
            0..b' ' => None,
            _ => Some(self.character(at)),
        }
    }

    /// A character of a string ends here. Keys are kept only when their value begins.
    fn character(&mut self, at: usize) -> State {
        if !self.is_key {
            self.kept = at.saturating_add(1);
        }
        State::Text
    }

    /// The last digit of a `\u` escape: a character, or a half of one. Halves come in pairs only.
    fn code_unit(&mut self, unit: u16, at: usize) -> Option<State> {
        match (std::mem::take(&mut self.is_pair), unit) {
            (true, 0xDC00..=0xDFFF) => Some(self.character(at)),
            (false, 0xD800..=0xDBFF) => {
                self.is_pair = true;
                Some(State::Pair)
            }
            (true, _) | (false, 0xDC00..=0xDFFF) => None,
            (false, _) => Some(self.character(at)),
        }
    }
}

impl Number {
    /// The number with one more byte; `None` when that does not belong to it.
    fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Integer, b'0'..=b'9') => Self::Integer,
            (Self::Zero | Self::Integer, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => Self::ExponentDigits,
            _ => return None,
        })
    }

    /// Whether it may end here.
    fn is_whole(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::ExponentDigits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn closed(text: &str) -> String {
        let mut partial = PartialJson::new();
        partial.push(text).unwrap();
        partial.closed_text().unwrap_or_default()
    }

    #[test]
    fn what_is_open_is_closed() {
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
    fn the_object_so_far_is_read_into_a_type() {
        #[derive(serde::Deserialize, Debug, PartialEq)]
        struct Poem {
            #[serde(default)]
            title: String,
            #[serde(default)]
            lines: Vec<String>,
        }
        let mut partial = PartialJson::new();
        assert!(partial.value::<Poem>().is_none());
        partial.push(r#"{"title": "Fog", "lines": ["The fog co"#).unwrap();
        let poem = Poem { title: "Fog".to_owned(), lines: vec!["The fog co".to_owned()] };
        assert_eq!(partial.value::<Poem>().unwrap().unwrap(), poem);
        assert!(!partial.is_complete());
        partial.push(r#"mes"]} "#).unwrap();
        assert!(partial.is_complete());
        assert_eq!(partial.text(), r#"{"title": "Fog", "lines": ["The fog comes"]} "#);
    }

    #[test]
    fn a_piece_says_whether_the_value_grew() {
        let mut partial = PartialJson::new();
        let grew: Vec<bool> = ["{", "\"a", "\":", " \"", "x", "\\", "n", "\"", ",", " ", "\"b\": 1", "2", "}", "\n"]
            .iter()
            .map(|piece| partial.push(piece).unwrap())
            .collect();
        assert_eq!(grew, [true, false, false, true, true, false, true, true, false, false, false, false, true, false]);
    }

    #[test]
    fn an_error_has_a_place_and_stays() {
        for (text, at) in [
            ("}", 0),
            ("[1 2", 3),
            ("{]", 1),
            ("{1", 1),
            ("[1,]", 3),
            (r#"{"a" "#, usize::MAX),
            (r#"{"a" 1"#, 5),
            (r#"{"a":1,}"#, 7),
            ("tru ", 3),
            ("01", 1),
            ("-a", 1),
            ("1.e", 2),
            ("\"\n", 1),
            (r#""\x"#, 2),
            (r#""\u12g"#, 5),
            (r#""\ud83dx"#, 7),
            (r#""\ud83d\n"#, 8),
            (r#""\ud83d\ud83d"#, 12),
            (r#""\ude00"#, 6),
            ("{} x", 3),
            ("{}{", 2),
            ("{},", 2),
        ] {
            let mut partial = PartialJson::new();
            let expected = if at == usize::MAX { Ok(()) } else { Err(PartialJsonError::Syntax(at)) };
            assert_eq!(partial.push(text).map(|_| ()), expected, "{text}");
            assert_eq!(partial.push("").map(|_| ()), expected, "{text}");
        }
        let mut partial = PartialJson::new();
        partial.push(r#"{"a": "secret"#).unwrap();
        let error = partial.push("\u{1}").unwrap_err();
        assert_eq!(error.to_string(), "not JSON at byte 13");
        assert_eq!(partial.closed_text().unwrap(), r#"{"a": "secret"}"#);
        assert!(!format!("{partial:?}").contains("secret"));
    }

    #[test]
    fn nesting_ends_where_serde_json_ends() {
        let deep = "[".repeat(127);
        assert!(serde_json::from_str::<Value>(&closed(&deep)).is_ok());
        let error = PartialJson::new().push(&"[".repeat(128)).unwrap_err();
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
            let mut partial = PartialJson::new();
            for one in text.chars() {
                partial.push(one.encode_utf8(&mut [0; 4])).unwrap();
                if let Some(closed) = partial.closed_text() {
                    let part: Value = serde_json::from_str(&closed).unwrap();
                    prop_assert!(is_beginning(&part, &whole), "{} of {}", closed, text);
                }
            }
            prop_assert!(partial.is_complete() || whole.is_number());
            if !whole.is_number() {
                prop_assert_eq!(partial.closed_text(), Some(text));
            }
        }

        #[test]
        fn it_accepts_what_serde_json_accepts(text in "[\\[\\]{}:,\"\\\\u0d8eE1.+tn \\-]{0,12}") {
            let mut partial = PartialJson::new();
            let taken = partial.push(&text).is_ok();
            let parsed = serde_json::from_str::<Value>(&text);
            if parsed.is_ok() {
                prop_assert!(taken);
            }
            if taken && partial.is_complete() {
                let out_of_range = parsed.as_ref().is_err_and(|error| error.to_string().starts_with("number out of range"));
                prop_assert!(parsed.is_ok() || out_of_range, "{:?}", parsed);
            }
        }
    }
}
