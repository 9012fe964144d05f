//! Answers with a large text, which the parser does not go through.
//!
//! The text of the first choice is nearly all of a long answer. So the answer is parsed without it, and the text
//! is read by whoever has only that to do.

use std::ops::Range;

use super::CompletionBody;
use crate::wire::text::take_text;
use crate::wire::walk::Walk;

/// In a shorter answer there is so much else to read that the text makes little difference.
const LARGE_TEXT: usize = 4 * 1024;

/// The body of an answer whose text is large, exactly as `read` would read all of it. `None` for any other, and
/// for what `read` cannot read, which is to be read as a whole, for its error to name the place.
pub(super) fn read<E>(json: &str, read: impl FnOnce(&str) -> Result<CompletionBody, E>) -> Option<CompletionBody> {
    if json.len() < LARGE_TEXT {
        return None;
    }
    let (place, text) = find_text(json.as_bytes())?;
    let frame = [json.get(..place.start)?, json.get(place.end..)?].concat();
    let mut body = read(&frame).ok()?;
    let first = body.choices.as_mut()?.first_mut()?;
    // of repeated members the last one counts, and it is the first one that was found
    if body.rest.has_repeats() || first.rest.has_repeats() {
        return None;
    }
    let message = first.message.as_mut().filter(|message| !message.rest.has_repeats())?;
    let content = message.content.as_mut().filter(|content| content.is_empty())?;
    *content = text;
    Some(body)
}

/// Where the content of the first choice is between its quotes, and the text that it is.
fn find_text(json: &[u8]) -> Option<(Range<usize>, String)> {
    let mut walk = Walk::new(json);
    let mut found = None;
    // `None` from a member ends the walk, which is of no use once the text is found
    let _ = walk.object(|walk, name| {
        if name != b"choices" {
            return walk.skip();
        }
        walk.expect(b'[')?;
        walk.object(|walk, name| {
            if name != b"message" {
                return walk.skip();
            }
            walk.object(|walk, name| {
                if name != b"content" || walk.peek()? != b'"' {
                    return walk.skip();
                }
                walk.expect(b'"')?;
                let (text, length) = take_text(walk.rest())?;
                found = Some((walk.at()..walk.at() + length, text));
                None
            })
        })
    });
    found.filter(|(place, _)| place.len() >= LARGE_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(json: &str) -> Result<CompletionBody, serde_json::Error> {
        serde_json::from_str(json)
    }

    fn answer(text: &str) -> String {
        format!(
            r#"{{"x":"choices","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null}}}}],"id":"a"}}"#
        )
    }

    #[test]
    fn it_is_what_reading_the_whole_gives() {
        for part in ["plain ", "a \\n \\\"b\\\" ", "\\ud83d\\ude00 \u{e9} ", "\\\\", "}], "] {
            let json = answer(&part.repeat(3000));
            assert_eq!(read(&json, whole), whole(&json).ok(), "{part}");
            assert!(read(&json, whole).is_some());
        }
    }

    #[test]
    fn what_is_not_certain_is_left_to_the_parser() {
        let long = "long enough ".repeat(500);
        for json in [
            answer("short"),
            answer(&format!("{long}\\x")),
            answer(&format!("{long}\n")),
            answer(&format!("{long}\\ud800")),
            answer(&long).replace(r#""refusal":null"#, r#""content":"b""#),
            answer(&long).replace(r#""refusal":null"#, r#""cont\u0065nt":"b""#),
            answer(&long).replace(r#""id":"a""#, r#""choices":[]"#),
            answer(&long).replace(r#"}],"id""#, r#","message":null}],"id""#),
            answer(&long).replace(r#""id":"a""#, r#""id":nothing"#),
            answer(&long).replace(r#"[{"index""#, r#"[7,{"index""#),
            answer(&long).trim_end_matches('}').to_owned(),
            format!("[{}]", answer(&long)),
        ] {
            assert_eq!(read(&json, whole), None, "{}", &json[json.len() - 60..]);
        }
    }
}
