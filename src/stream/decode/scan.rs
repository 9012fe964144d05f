//! A scan of a parsed line for its [`VaryingValue`]s, which vary from chunk to chunk, or from stream to stream.
//!
//! It descends to the members `id`, `created`, `obfuscation` and `choices[0].delta`, and there to the [`TextField`]s.

use std::ops::Range;

use crate::stream::chunk::TextField;
use crate::wire::json_cursor::JsonCursor;

/// A value that varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VaryingValue {
    /// The text of the only choice.
    Text,
    Obfuscation,
    /// A value that is the same in all lines of an answer.
    Answer(AnswerField),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerField {
    Id,
    Created,
}

/// Where a line has values that vary: ranges between the quotes of strings, in the order of the line.
#[derive(Debug, PartialEq)]
pub(super) struct VaryingValues {
    pub(super) field: Option<TextField>,
    pub(super) values: Vec<(VaryingValue, Range<usize>)>,
}

/// Finds the values in a line of valid JSON. `None` when there are several choices, or a member on the way to a value
/// that is repeated or has escapes in its name.
pub(super) fn find_varying_values(line: &[u8]) -> Option<VaryingValues> {
    let mut cursor = JsonCursor::new(line);
    let mut field = None;
    let mut values = Vec::new();
    let mut counts = [0_u8; 4];
    cursor.each_member(|cursor, name| {
        let (kind, count) = match (name, &mut counts) {
            (b"choices", [count, ..]) => (VaryingValue::Text, count),
            (b"obfuscation", [_, count, ..]) => (VaryingValue::Obfuscation, count),
            (b"id", [_, _, count, _]) => (VaryingValue::Answer(AnswerField::Id), count),
            (b"created", [_, _, _, count]) => (VaryingValue::Answer(AnswerField::Created), count),
            _ => return cursor.skip_value(),
        };
        *count = count.saturating_add(1);
        let range = match kind {
            VaryingValue::Text => in_choices(cursor)?.map(|(found, text)| {
                field = Some(found);
                text
            }),
            VaryingValue::Obfuscation => cursor.value_string()?,
            // Azure's chunks of filter results have an empty id and 0, in every stream
            VaryingValue::Answer(AnswerField::Id) => cursor.value_string()?.filter(|id| !id.is_empty()),
            VaryingValue::Answer(AnswerField::Created) => {
                cursor.value_digits()?.filter(|digits| line.get(digits.start) != Some(&b'0'))
            }
        };
        values.extend(range.map(|range| (kind, range)));
        Some(())
    })?;
    counts.iter().all(|count| *count <= 1).then_some(VaryingValues { field, values })
}

fn in_choices(cursor: &mut JsonCursor<'_>) -> Option<Option<(TextField, Range<usize>)>> {
    let mut text = None;
    if !cursor.skip_empty_list() {
        cursor.only_element(|cursor| {
            for_member(cursor, b"delta", |cursor| {
                text = in_delta(cursor)?;
                Some(())
            })
        })?;
    }
    Some(text)
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
        let found = find_varying_values(line.as_bytes())?;
        let (_, range) = found.values.into_iter().find(|(kind, _)| *kind == VaryingValue::Text)?;
        Some((found.field?, &line[range]))
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
    fn values_are_found_in_the_order_of_the_line() {
        let line = r#"{"obfuscation":"pad","created":12,"choices":[{"delta":{"content":"a"}}],"id":"x"}"#;
        let found = find_varying_values(line.as_bytes()).unwrap();
        let values: Vec<_> = found.values.into_iter().map(|(kind, range)| (kind, &line[range])).collect();
        let (id, created) = (VaryingValue::Answer(AnswerField::Id), VaryingValue::Answer(AnswerField::Created));
        assert_eq!(values, [(VaryingValue::Obfuscation, "pad"), (created, "12"), (VaryingValue::Text, "a"), (id, "x")]);
    }

    #[test]
    fn values_that_are_not_those_of_an_answer_are_left_out() {
        for line in [
            r#"{"choices":[],"created":0,"id":""}"#,
            r#"{"choices":[],"created":1.5,"id":null}"#,
            r#"{"choices":[],"created":-1,"id":7}"#,
            r#"{"choices":[],"created":"12"}"#,
        ] {
            assert_eq!(find_varying_values(line.as_bytes()).unwrap().values, [], "{line}");
        }
        assert_eq!(find_varying_values(br#"{"id":"a","id":"b","choices":[]}"#), None);
        assert_eq!(find_varying_values(br#"{"created":1,"created":2,"choices":[]}"#), None);
    }
}
