//! The states of a structured answer that arrives.

use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::response::{PartialJson, PartialJsonError};

/// The text is parsed again when it has grown by a 64th. So the sizes of all parses add up to at most 65 times the
/// text, however long it is.
const GROWTH: usize = 64;

/// The text of a structured answer, and which of its states were returned.
#[derive(Debug, Default)]
pub(super) struct PartialAnswer {
    json: PartialJson,
    /// The size of the text that was parsed last.
    parsed: usize,
    /// Whether that text gave an item.
    gave_item: bool,
    is_over: bool,
}

impl PartialAnswer {
    /// Whether the last state or an error was returned.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes over what `text`, the whole text so far, has more. Returns the state so far if it grew, is due and fits `T`.
    pub(super) fn grow<T: DeserializeOwned>(&mut self, text: &str) -> Result<Option<T>> {
        let state = match text.get(self.json.text().len()..).filter(|more| !more.is_empty()) {
            Some(more) => self.push(more),
            None => Ok(None),
        };
        state.map_err(|error| self.fail(error))
    }

    /// The last state, if it was not returned yet.
    pub(super) fn end<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        self.is_over = true;
        let state = self.json.last_value().map_err(|error| self.fail(error))?;
        Ok(state.filter(|_| !self.gave_item || self.parsed != self.json.text().len()))
    }

    /// Ends without another state, after an error of the stream.
    pub(super) fn abort(&mut self) {
        self.is_over = true;
    }

    fn push<T: DeserializeOwned>(&mut self, text: &str) -> Result<Option<T>, PartialJsonError> {
        let grew = self.json.push(text)?;
        let length = self.json.text().len();
        if !grew || length.saturating_sub(self.parsed).saturating_mul(GROWTH) < length {
            return Ok(None);
        }
        self.parsed = length;
        let state = self.json.value()?;
        self.gave_item = state.is_some();
        Ok(state)
    }

    fn fail(&mut self, error: PartialJsonError) -> Error {
        self.is_over = true;
        Error::new(ErrorKind::Decode, "the answer is not JSON").with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Reads a list of short strings, piece by piece. Returns the size of its text, and the bytes parsed.
    fn read<T: DeserializeOwned>(elements: usize) -> (usize, usize) {
        let (mut answer, mut text, mut items) = (PartialAnswer::default(), String::new(), 0);
        for piece in ["["].into_iter().chain(std::iter::repeat_n("\"word\",", elements)).chain(["\"end\"]"]) {
            text.push_str(piece);
            items += usize::from(answer.grow::<T>(&text).unwrap().is_some());
        }
        items += usize::from(answer.end::<T>().unwrap().is_some());
        assert!(text.len() > 7 * elements && items <= elements, "{} bytes, {items} items", text.len());
        (text.len(), answer.json.parsed_bytes())
    }

    #[test]
    fn the_bytes_parsed_are_linear_in_the_text() {
        for elements in [100, 2_000, 20_000] {
            let (length, parsed) = read::<Value>(elements);
            assert!(parsed <= 66 * length, "{parsed} bytes parsed for a text of {length}");
            assert!(parsed >= length, "the bytes are counted");
            // a state that does not fit the type is parsed once more, to see whether it is JSON
            let (length, parsed) = read::<bool>(elements);
            assert!(parsed <= 2 * 66 * length, "{parsed} bytes parsed in vain for a text of {length}");
        }
    }
}
