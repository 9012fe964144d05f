//! A scan of a parsed line for the strings that vary from chunk to chunk.
//!
//! It goes through the few levels that matter: the top, its only choice, the delta, the first tool call.

use std::ops::Range;

use crate::stream::chunk::Hole;
use crate::wire::json_cursor::JsonCursor;

pub(super) use crate::wire::json_cursor::string_end;

/// The words of the only choice, and the padding.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) hole: Hole,
    pub(super) words: Range<usize>,
    pub(super) padding: Option<Range<usize>>,
}

pub(super) fn locate(line: &[u8]) -> Option<Found> {
    let mut cursor = JsonCursor::new(line);
    let mut words = None;
    let mut padding = None;
    let (mut choices, mut paddings) = (0, 0);
    cursor.each_member(|cursor, name| match name {
        b"choices" => {
            choices += 1;
            cursor.only_element(|cursor| {
                words = in_choice(cursor)?;
                Some(())
            })
        }
        b"obfuscation" => {
            paddings += 1;
            padding = cursor.value_string()?;
            Some(())
        }
        _ => cursor.skip_value(),
    })?;
    if choices != 1 || paddings > 1 {
        return None;
    }
    let (hole, words) = words?;
    Some(Found { hole, words, padding })
}

type Words = Option<(Hole, Range<usize>)>;

fn in_choice(cursor: &mut JsonCursor<'_>) -> Option<Words> {
    let mut words = None;
    let mut deltas = 0;
    cursor.each_member(|cursor, name| {
        if name != b"delta" {
            return cursor.skip_value();
        }
        deltas += 1;
        words = in_delta(cursor)?;
        Some(())
    })?;
    (deltas == 1).then_some(words)
}

fn in_delta(cursor: &mut JsonCursor<'_>) -> Option<Words> {
    let mut words: Words = None;
    let mut seen = [0_u8; 4];
    cursor.each_member(|cursor, name| {
        let (hole, count) = match (name, &mut seen) {
            (b"content", [count, ..]) => (Hole::Content, count),
            (b"refusal", [_, count, ..]) => (Hole::Refusal, count),
            (b"reasoning_content", [_, _, count, _]) => (Hole::Reasoning, count),
            (b"tool_calls", [_, _, _, count]) => (Hole::Arguments, count),
            _ => return cursor.skip_value(),
        };
        *count = count.saturating_add(1);
        let found = if hole == Hole::Arguments { in_tool_calls(cursor)? } else { cursor.value_string()? };
        if let Some(range) = found {
            // of several strings the last that says something varies; empty ones stay empty
            if words.is_none() || !range.is_empty() {
                words = Some((hole, range));
            }
        }
        Some(())
    })?;
    seen.iter().all(|count| *count <= 1).then_some(words)
}

fn in_tool_calls(cursor: &mut JsonCursor<'_>) -> Option<Option<Range<usize>>> {
    let mut found = None;
    cursor.only_element(|cursor| {
        let mut functions = 0;
        cursor.each_member(|cursor, name| {
            if name != b"function" {
                return cursor.skip_value();
            }
            functions += 1;
            let mut arguments = 0;
            cursor.each_member(|cursor, name| {
                if name != b"arguments" {
                    return cursor.skip_value();
                }
                arguments += 1;
                found = cursor.value_string()?;
                Some(())
            })?;
            (arguments <= 1).then_some(())
        })?;
        (functions <= 1).then_some(())
    })?;
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<(Hole, &str)> {
        let found = locate(line.as_bytes())?;
        Some((found.hole, &line[found.words]))
    }

    #[test]
    fn the_words_of_the_only_choice_are_found() {
        for (line, expected) in [
            (r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#, Some((Hole::Content, "a"))),
            (r#"{"choices":[{"delta":{"content":"","reasoning_content":"b"}}]}"#, Some((Hole::Reasoning, "b"))),
            (r#"{"choices":[{"delta":{"content":"x\"y"}}],"id":"{"}"#, Some((Hole::Content, "x\\\"y"))),
            (
                r#"{"choices":[{"delta":{"content":null,"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]}"#,
                Some((Hole::Arguments, "{")),
            ),
            (r#"{ "choices" : [ { "delta" : { "refusal" : "no" } } ] }"#, Some((Hole::Refusal, "no"))),
            (r#"{"choices":[]}"#, None),
            (r#"{"choices":[{"delta":{}}]}"#, None),
            (r#"{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}"#, None),
        ] {
            assert_eq!(words(line), expected, "{line}");
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
            assert_eq!(words(line), None, "{line}");
        }
    }

    #[test]
    fn padding_is_found_on_either_side() {
        let line = r#"{"obfuscation":"pad","choices":[{"delta":{"content":"a"}}]}"#;
        assert_eq!(locate(line.as_bytes()).unwrap().padding, Some(16..19));
    }
}
