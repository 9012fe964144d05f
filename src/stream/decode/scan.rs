//! A scan of a parsed line for [`VaryingText`]: the strings that vary from chunk to chunk.
//!
//! It descends to the members `obfuscation` and `choices[0].delta`, and there to the [`TextField`]s.

use std::ops::Range;

use crate::stream::chunk::TextField;
use crate::wire::json_cursor::JsonCursor;

/// Where a line has the text of its only choice, and `obfuscation`: ranges between the quotes.
#[derive(Debug, PartialEq)]
pub(super) struct VaryingText {
    pub(super) field: TextField,
    pub(super) text: Range<usize>,
    pub(super) obfuscation: Option<Range<usize>>,
}

/// Finds the text in a line of valid JSON. `None` when there is not exactly one choice, no text, or a member on the
/// way to the text that is repeated or has escapes in its name.
pub(super) fn find_varying_text(line: &[u8]) -> Option<VaryingText> {
    let mut cursor = JsonCursor::new(line);
    let mut text = None;
    let mut obfuscation = None;
    let (mut choices, mut obfuscations) = (0, 0);
    cursor.each_member(|cursor, name| match name {
        b"choices" => {
            choices += 1;
            cursor.only_element(|cursor| {
                for_member(cursor, b"delta", |cursor| {
                    text = in_delta(cursor)?;
                    Some(())
                })
            })
        }
        b"obfuscation" => {
            obfuscations += 1;
            obfuscation = cursor.value_string()?;
            Some(())
        }
        _ => cursor.skip_value(),
    })?;
    if choices != 1 || obfuscations > 1 {
        return None;
    }
    let (field, text) = text?;
    Some(VaryingText { field, text, obfuscation })
}

fn in_delta(cursor: &mut JsonCursor<'_>) -> Option<Option<(TextField, Range<usize>)>> {
    let mut text = None;
    let mut counts = [0_u8; 4];
    cursor.each_member(|cursor, name| {
        let (field, count) = match (name, &mut counts) {
            (b"content", [count, ..]) => (TextField::Content, count),
            (b"refusal", [_, count, ..]) => (TextField::Refusal, count),
            (b"reasoning_content", [_, _, count, _]) => (TextField::Reasoning, count),
            (b"tool_calls", [_, _, _, count]) => (TextField::Arguments, count),
            _ => return cursor.skip_value(),
        };
        *count = count.saturating_add(1);
        let range = if field == TextField::Arguments { in_tool_calls(cursor)? } else { cursor.value_string()? };
        if let Some(range) = range {
            // of several strings the last that is not empty varies: a model that reasons sends `"content":""` beside it
            if text.is_none() || !range.is_empty() {
                text = Some((field, range));
            }
        }
        Some(())
    })?;
    counts.iter().all(|count| *count <= 1).then_some(text)
}

fn in_tool_calls(cursor: &mut JsonCursor<'_>) -> Option<Option<Range<usize>>> {
    let mut arguments = None;
    cursor.only_element(|cursor| {
        for_member(cursor, b"function", |cursor| {
            for_member(cursor, b"arguments", |cursor| {
                arguments = cursor.value_string()?;
                Some(())
            })
        })
    })?;
    Some(arguments)
}

/// Skips an object, calling `value` at the member of this name; `None` if there are several.
fn for_member(
    cursor: &mut JsonCursor<'_>,
    name: &[u8],
    mut value: impl FnMut(&mut JsonCursor<'_>) -> Option<()>,
) -> Option<()> {
    let mut count = 0;
    cursor.each_member(|cursor, member| {
        if member != name {
            return cursor.skip_value();
        }
        count += 1;
        value(cursor)
    })?;
    (count <= 1).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str) -> Option<(TextField, &str)> {
        let found = find_varying_text(line.as_bytes())?;
        Some((found.field, &line[found.text]))
    }

    #[test]
    fn the_text_of_the_only_choice_is_found() {
        for (line, expected) in [
            (r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#, Some((TextField::Content, "a"))),
            (r#"{"choices":[{"delta":{"content":"","reasoning_content":"b"}}]}"#, Some((TextField::Reasoning, "b"))),
            (r#"{"choices":[{"delta":{"content":"x\"y"}}],"id":"{"}"#, Some((TextField::Content, "x\\\"y"))),
            (
                r#"{"choices":[{"delta":{"content":null,"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]}"#,
                Some((TextField::Arguments, "{")),
            ),
            (r#"{ "choices" : [ { "delta" : { "refusal" : "no" } } ] }"#, Some((TextField::Refusal, "no"))),
            (r#"{"choices":[]}"#, None),
            (r#"{"choices":[{"delta":{}}]}"#, None),
            (r#"{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}"#, None),
        ] {
            assert_eq!(text(line), expected, "{line}");
        }
    }

    #[test]
    fn names_that_could_change_the_meaning_are_refused() {
        for line in [
            r#"{"choices":[{"delta":{"content":"a","content":"b"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a","con\u0074ent":"b"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a"},"delta":{"content":"b"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a"}}],"choices":[]}"#,
            r#"{"obfuscation":"a","choices":[{"delta":{"content":"a"}}],"obfuscation":"b"}"#,
        ] {
            assert_eq!(text(line), None, "{line}");
        }
    }

    #[test]
    fn obfuscation_is_found_on_either_side() {
        let line = r#"{"obfuscation":"pad","choices":[{"delta":{"content":"a"}}]}"#;
        assert_eq!(find_varying_text(line.as_bytes()).unwrap().obfuscation, Some(16..19));
    }
}
