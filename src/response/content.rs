//! The content of a message, [`AnswerContent`]: text, or a list of parts.
//!
//! Most models send a string. Mistral's reasoning models and some gateways send a list, in whole answers and in deltas:
//! `[{"type": "thinking", "thinking": [{"type": "text", "text": ".."}]}, {"type": "text", "text": ".."}]`. The text of
//! the `text` parts and that of the `thinking` parts are joined once, when the list is read; the list is kept beside
//! them, so that unknown parts and the order are not lost.

use std::fmt;
use std::ops::Deref;

use serde::de::SeqAccess;
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::wire::{Field, FieldVisitor, FromWire, Hidden, Path, deserialize_wire, text_converts};

/// The content of a message: text, or a list of parts, which some models and gateways send.
///
/// It dereferences to its text, which is empty without text parts.
///
/// # Example: a list of parts
///
/// ```
/// # let body = r#"{"content": [{"type": "thinking", "thinking": "2 + 2"}, {"type": "text", "text": "4"}]}"#;
/// let message: azure_openai_chat::AssistantMessage = serde_json::from_str(body)?;
/// assert_eq!(message.text(), Some("4"));
/// assert_eq!(message.reasoning_content(), Some("2 + 2"));
/// assert_eq!(message.content().unwrap().parts().unwrap().len(), 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Default)]
pub struct AnswerContent {
    text: String,
    list: Option<Box<PartList>>,
}

#[derive(Clone, PartialEq, Default)]
struct PartList {
    parts: Vec<Value>,
    reasoning: String,
    has_text: bool,
}

impl AnswerContent {
    /// The text: of a list, that of its `text` parts joined, and `None` if it has none.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.list.as_ref().is_none_or(|list| list.has_text).then_some(&self.text)
    }

    /// The text of the `thinking` parts joined; `None` without such parts.
    pub(crate) fn reasoning(&self) -> Option<&str> {
        self.list.as_ref().map(|list| list.reasoning.as_str()).filter(|reasoning| !reasoning.is_empty())
    }

    /// The parts in their order, unknown ones included; `None` for content that is a string.
    #[must_use]
    pub fn parts(&self) -> Option<&[Value]> {
        self.list.as_ref().map(|list| list.parts.as_slice())
    }

    /// An empty string or an empty list, whichever `first`, the content of the first delta, is.
    pub(crate) fn empty_like(first: &Self) -> Self {
        Self { text: String::new(), list: first.list.as_ref().map(|_| Box::default()) }
    }

    /// Adds a piece of text from a delta.
    #[inline]
    pub(crate) fn push_text(&mut self, text: &str) {
        self.text.push_str(text);
        if let Some(list) = &mut self.list {
            list.push_text(text);
        }
    }

    /// The text, to be taken or appended to; `None` for a list.
    pub(crate) fn text_mut(&mut self) -> Option<&mut String> {
        self.list.is_none().then_some(&mut self.text)
    }

    /// Adds the content of a delta, string or list. A part that continues the last part is joined with it.
    pub(crate) fn append(&mut self, newer: &Self) {
        let Some(newer) = &newer.list else {
            return self.push_text(&newer.text);
        };
        let list = self.list.get_or_insert_with(|| {
            let mut list = Box::<PartList>::default();
            list.push_text(&self.text);
            list
        });
        for part in &newer.parts {
            list.add_text(part, &mut self.text);
            push_or_join(&mut list.parts, part);
        }
    }

    /// The text and the reasoning of a list that `content` as a string and `reasoning_content` can hold as well: plain
    /// `thinking`, then plain `text`. Returns any other list unchanged, and one with reasoning if the message has
    /// `reasoning_content` already.
    pub(crate) fn flatten(self, has_reasoning: bool) -> Result<(Option<String>, Option<String>), Self> {
        let Some(list) = &self.list else {
            return Ok((Some(self.text), None));
        };
        if has_reasoning && !list.reasoning.is_empty() {
            return Err(self);
        }
        let is_flat = match list.parts.as_slice() {
            [] => true,
            [part] => is_plain(part, "text") || is_plain(part, "thinking"),
            [first, second] => is_plain(first, "thinking") && is_plain(second, "text"),
            _ => false,
        };
        match self.list {
            Some(list) if is_flat => {
                let reasoning = Some(list.reasoning).filter(|reasoning| !reasoning.is_empty());
                Ok((list.has_text.then_some(self.text), reasoning))
            }
            list => Err(Self { text: self.text, list }),
        }
    }

    /// The list, or the text as the error, by value.
    pub(crate) fn into_parts(self) -> Result<Vec<Value>, String> {
        self.list.map(|list| list.parts).ok_or(self.text)
    }
}

impl PartList {
    fn push_text(&mut self, text: &str) {
        self.has_text = true;
        if !text.is_empty() {
            push_or_join(&mut self.parts, &json!({"type": "text", "text": text}));
        }
    }

    /// Adds the text of a part to the text or to the reasoning.
    fn add_text(&mut self, part: &Value, text: &mut String) {
        match part {
            Value::String(piece) => {
                self.has_text = true;
                text.push_str(piece);
            }
            Value::Object(members) => match members.get("type").and_then(Value::as_str) {
                Some("text" | "output_text") | None => {
                    if let Some(piece) = members.get("text").and_then(Value::as_str) {
                        self.has_text = true;
                        text.push_str(piece);
                    }
                }
                Some("thinking") => match members.get("thinking") {
                    Some(Value::String(piece)) => self.reasoning.push_str(piece),
                    Some(Value::Array(pieces)) => {
                        let pieces =
                            pieces.iter().filter_map(|piece| piece.as_str().or_else(|| piece.get("text")?.as_str()));
                        self.reasoning.extend(pieces);
                    }
                    _ => {}
                },
                Some(_) => {}
            },
            _ => {}
        }
    }
}

/// Adds a part to a list: joined with the last part if it continues that, else as an element of its own.
fn push_or_join(parts: &mut Vec<Value>, part: &Value) {
    let joined = match (parts.last_mut(), part) {
        (Some(Value::Object(last)), Value::Object(part)) => join(last, part),
        _ => false,
    };
    if !joined {
        parts.push(part.clone());
    }
}

/// Joins two `text` or two `thinking` parts with equal other members. Returns whether they are such parts.
fn join(last: &mut Map<String, Value>, part: &Map<String, Value>) -> bool {
    let Some(kind @ ("text" | "thinking")) = part.get("type").and_then(Value::as_str) else {
        return false;
    };
    if last.len() != part.len() || !part.iter().all(|(name, value)| name == kind || last.get(name) == Some(value)) {
        return false;
    }
    match (last.get_mut(kind), part.get(kind)) {
        (Some(Value::String(text)), Some(Value::String(more))) => text.push_str(more),
        (Some(Value::Array(list)), Some(Value::Array(more))) => more.iter().for_each(|inner| push_or_join(list, inner)),
        _ => return false,
    }
    true
}

/// Whether a part has no members but its type and text.
fn is_plain(part: &Value, kind: &str) -> bool {
    let is_kind = part.as_object().is_some_and(|members| members.len() == 2) && part.get("type") == Some(&json!(kind));
    is_kind
        && match part.get(kind) {
            Some(Value::String(_)) => true,
            Some(Value::Array(inner)) => kind == "thinking" && inner.iter().all(|inner| is_plain(inner, "text")),
            _ => false,
        }
}

impl Deref for AnswerContent {
    type Target = str;
    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for AnswerContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl AsRef<str> for AnswerContent {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl PartialEq<str> for AnswerContent {
    fn eq(&self, text: &str) -> bool {
        self.text == text
    }
}

text_converts!(AnswerContent, |text| Self { text, list: None });

impl fmt::Debug for AnswerContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hidden.fmt(f)
    }
}

impl FromWire for AnswerContent {
    const EXPECTED: &'static str = "a string or a list of parts";

    fn visit<'a>(&'a self, path: &Path<'_>, visitor: &mut dyn FieldVisitor<'a>) {
        visitor.text(path, &self.text);
    }
    fn from_str(text: &str) -> Option<Self> {
        Some(text.into())
    }
    fn from_string(text: String) -> Result<Self, String> {
        Ok(text.into())
    }
    fn from_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Field<Self>, A::Error> {
        let (mut text, mut list) = (String::new(), Box::<PartList>::default());
        while let Some(part) = seq.next_element::<Value>()? {
            list.add_text(&part, &mut text);
            list.parts.push(part);
        }
        Ok(Field::Typed(Self { text, list: Some(list) }))
    }
}

deserialize_wire!(AnswerContent);

impl Serialize for AnswerContent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.list {
            Some(list) => list.parts.serialize(serializer),
            None => serializer.serialize_str(&self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(value: &Value) -> AnswerContent {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn joined(pieces: &[Value]) -> AnswerContent {
        let mut whole = AnswerContent::empty_like(&content(&pieces[0]));
        for piece in pieces {
            whole.append(&content(piece));
        }
        whole
    }

    #[test]
    fn a_list_is_read_for_its_text_and_written_as_it_came() {
        for (value, text, reasoning) in [
            (json!("plain"), Some("plain"), None),
            (json!(""), Some(""), None),
            (json!([]), None, None),
            (json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), Some("ab"), None),
            (json!(["a", {"text": "b"}]), Some("ab"), None),
            (
                json!([
                    {"type": "thinking", "thinking": [{"type": "text", "text": "so "}, {"type": "text", "text": "far"}]},
                    {"type": "image", "url": "u"}, 7, null,
                    {"type": "text", "text": "b", "annotations": []}
                ]),
                Some("b"),
                Some("so far"),
            ),
            (json!([{"type": "thinking", "thinking": "hm", "signature": "s"}]), None, Some("hm")),
        ] {
            let read = content(&value);
            assert_eq!((read.text(), read.reasoning()), (text, reasoning), "{value}");
            assert_eq!(serde_json::to_value(&read).unwrap(), value);
            assert_eq!(format!("{read:?}"), "[hidden]");
        }
    }

    #[test]
    fn strings_and_lists_of_deltas_add_up_in_their_order() {
        let thinking = |text: &str| json!([{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]);
        let whole = joined(&[
            json!(""),
            thinking("2 + "),
            thinking("2"),
            json!("It "),
            json!([{"type": "text", "text": "is "}, {"type": "chart", "id": 1}]),
            json!("4"),
            thinking("!"),
        ]);
        assert_eq!((whole.text(), whole.reasoning()), (Some("It is 4"), Some("2 + 2!")));
        assert_eq!(
            serde_json::to_value(&whole).unwrap(),
            json!([
                {"type": "thinking", "thinking": [{"type": "text", "text": "2 + 2"}]},
                {"type": "text", "text": "It is "},
                {"type": "chart", "id": 1},
                {"type": "text", "text": "4"},
                {"type": "thinking", "thinking": [{"type": "text", "text": "!"}]},
            ])
        );
        assert!(whole.flatten(false).is_err());
    }

    #[test]
    fn thinking_before_text_is_what_two_strings_can_hold() {
        let flat = |pieces: &[Value]| joined(pieces).flatten(false).ok();
        let text = |text: &str| json!([{"type": "text", "text": text}]);
        assert_eq!(flat(&[json!("a"), text("b"), json!("c")]), Some((Some("abc".to_owned()), None)));
        assert_eq!(flat(&[json!([])]), Some((None, None)));
        for with_string in [[json!(""), json!([])], [json!([]), json!("")]] {
            assert_eq!(flat(&with_string), Some((Some(String::new()), None)));
        }
        assert_eq!(
            flat(&[json!([{"type": "thinking", "thinking": "hm"}]), text("b")]),
            Some((Some("b".to_owned()), Some("hm".to_owned())))
        );
        assert!(joined(&[json!([{"type": "thinking", "thinking": "hm"}])]).flatten(true).is_err());
        for kept in [json!([{"type": "text", "text": "a", "id": 1}]), json!(["a"]), json!([{"type": "other"}])] {
            assert_eq!(flat(std::slice::from_ref(&kept)), None, "{kept}");
        }
    }
}
