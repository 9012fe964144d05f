//! The states of a structured answer that arrives, [`PartialAnswer`].
//!
//! Every byte is scanned once, whatever the pieces are. The scan keeps the brackets that are open, the state of a
//! string and of an escape in it, and the last position at which the text can be cut: the value so far is the text up
//! to there, with its string, lists and objects closed. A number that may go on, half a literal (`true`, `false`,
//! `null`), a member without its value and half an escape are left out until they are whole. The grammar is checked by
//! `serde_json`, which parses the closed text.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// The text is parsed again when it has grown by a 64th. So the sizes of all parses add up to at most 65 times the
/// text, however long it is.
const GROWTH: usize = 64;

/// The largest depth of nested lists and objects: that of `serde_json`.
const MAX_DEPTH: usize = 127;

/// The literals, which are whole after their last letter; a number may go on.
const LITERALS: [&[u8]; 3] = [b"true", b"false", b"null"];

/// Why a text is not the beginning of a JSON value. The texts have positions, never content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum PartialJsonError {
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

/// How far the text of a structured answer is scanned, and which of its states were returned. The methods take the whole
/// text so far.
#[derive(Default)]
pub(super) struct PartialAnswer {
    scanned: usize,
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
    /// Whether the value has grown since it was parsed last.
    has_grown: bool,
    /// The size of the text that was parsed last.
    parsed: usize,
    /// Whether that text gave an item.
    gave_item: bool,
    is_over: bool,
    /// The bytes given to `serde_json` so far, which a test bounds.
    #[cfg(test)]
    work: std::cell::Cell<usize>,
}

impl PartialAnswer {
    /// Whether the last state or an error was returned.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The state so far if it grew, is due and fits `T`.
    pub(super) fn grow<T: DeserializeOwned>(&mut self, text: &str) -> Result<Option<T>> {
        self.next_value(text).map_err(|error| self.fail(error))
    }

    /// The last state, if it was not returned yet.
    pub(super) fn end<T: DeserializeOwned>(&mut self, text: &str) -> Result<Option<T>> {
        self.is_over = true;
        let state = self.last_value(text).map_err(|error| self.fail(error))?;
        // the end of the text is the end of a number, too
        Ok(state.filter(|_| !self.gave_item || self.has_grown || (self.in_scalar && self.cut < text.len())))
    }

    /// Ends without another state, after an error of the stream.
    pub(super) fn abort(&mut self) {
        self.is_over = true;
    }

    fn fail(&mut self, error: PartialJsonError) -> Error {
        self.is_over = true;
        Error::new(ErrorKind::Decode, "the answer is not JSON").with_source(error)
    }

    fn next_value<T: DeserializeOwned>(&mut self, text: &str) -> Result<Option<T>, PartialJsonError> {
        self.scan(text)?;
        if !self.has_grown || text.len().saturating_sub(self.parsed).saturating_mul(GROWTH) < text.len() {
            return Ok(None);
        }
        self.has_grown = false;
        self.parsed = text.len();
        let state = self.value(text)?;
        self.gave_item = state.is_some();
        Ok(state)
    }

    /// Scans what is new of the text.
    fn scan(&mut self, text: &str) -> Result<(), PartialJsonError> {
        for (at, byte) in text.bytes().enumerate().skip(self.scanned) {
            if self.in_string {
                self.string_byte(byte, at.saturating_add(1));
            } else {
                self.outer_byte(text, byte, at)?;
            }
        }
        self.scanned = text.len();
        Ok(())
    }

    /// The value so far; `None` while there is none that fits the type. Copies and parses the text.
    fn value<T: DeserializeOwned>(&self, text: &str) -> Result<Option<T>, PartialJsonError> {
        match self.closed_text(text) {
            Some(text) => self.parse(&text),
            None => Ok(None),
        }
    }

    /// The value at the end of the text: of the whole text if that is JSON, else of the part that can be closed.
    fn last_value<T: DeserializeOwned>(&self, text: &str) -> Result<Option<T>, PartialJsonError> {
        match self.parse(text) {
            Ok(Some(value)) => Ok(Some(value)),
            // half a number is no fault: a digit may follow
            Err(fault) if !self.in_scalar || self.parse::<Value>(&format!("{text}0")).is_err() => Err(fault),
            _ => self.value(text),
        }
    }

    /// Parses a text. `None` for one that ends too early, or has a value that does not fit the type or an `f64`.
    fn parse<T: DeserializeOwned>(&self, text: &str) -> Result<Option<T>, PartialJsonError> {
        self.count_work(text.len());
        if let Ok(value) = serde_json::from_str(text) {
            return Ok(Some(value));
        }
        self.count_work(text.len());
        match serde_json::from_str::<Value>(text) {
            Err(error) if error.is_syntax() && !error.to_string().starts_with("number out of range") => {
                Err(PartialJsonError::Syntax { line: error.line(), column: error.column() })
            }
            _ => Ok(None),
        }
    }

    #[cfg(test)]
    fn count_work(&self, bytes: usize) {
        self.work.set(self.work.get() + bytes);
    }

    #[cfg(not(test))]
    fn count_work(&self, _bytes: usize) {}

    /// The value so far as JSON text; `None` while there is none.
    fn closed_text(&self, text: &str) -> Option<String> {
        let kept = text.get(..self.cut).filter(|kept| !kept.is_empty())?;
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

    /// A value is whole up to here, or a string, list or object begins.
    fn grow_to(&mut self, at: usize, in_string: bool) {
        self.cut_at(at, in_string);
        self.has_grown = true;
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
            self.grow_to(after, true);
        }
    }

    /// Scans a byte outside of strings.
    fn outer_byte(&mut self, text: &str, byte: u8, at: usize) -> Result<(), PartialJsonError> {
        let after = at.saturating_add(1);
        // a number ends here; a literal was whole before
        if std::mem::take(&mut self.in_scalar) && self.cut < at && b" \t\n\r,}]".contains(&byte) {
            self.grow_to(at, false);
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => return Ok(()),
            b'{' | b'[' => {
                if self.open.len() >= MAX_DEPTH {
                    return Err(PartialJsonError::TooDeep(at));
                }
                self.open.push(if byte == b'{' { b'}' } else { b']' });
                self.grow_to(after, false);
            }
            b'}' | b']' => {
                self.open.pop();
                self.cut_at(after, false);
            }
            b',' | b':' => {}
            b'"' => {
                self.in_string = true;
                self.is_name = self.open.last() == Some(&b'}') && matches!(self.last, b'{' | b',');
                if !self.is_name {
                    self.grow_to(after, true);
                }
            }
            _ => {
                self.in_scalar = true;
                let so_far = text.as_bytes().get(..after).unwrap_or_default();
                if matches!(byte, b'e' | b'l') && LITERALS.iter().any(|literal| so_far.ends_with(literal)) {
                    self.grow_to(after, false);
                }
            }
        }
        self.last = byte;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
