//! Events with a large text, which the parser does not go through.
//!
//! A text of megabytes is nearly all of its event. So the event is parsed without it; and if the text has no
//! escapes, it stays in the buffer of the event, because to fill a fresh one costs as much as to receive it.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::chunk::{ChatCompletionChunk, ChunkBody, Filled, FilledText};
use super::locate::{Found, locate};
use crate::wire::text::{has_control, unescape};

/// The chunk of a line whose words take at least so many bytes, exactly as parsing all of it would give. Gives
/// back any other line, whatever it is; `parse` reads what is left of a line without its words.
pub(super) fn decode(
    line: Bytes,
    at_least: usize,
    parse: impl FnOnce(&[u8]) -> Option<ChunkBody>,
) -> Result<ChatCompletionChunk, Bytes> {
    let Some(Found { hole, words, .. }) = locate(&line).filter(|found| found.words.len() >= at_least) else {
        return Err(line);
    };
    let (Some(before), Some(inside), Some(after)) =
        (line.get(..words.start), line.get(words.clone()), line.get(words.end..))
    else {
        return Err(line);
    };
    let Some(body) = parse(&[before, after].concat()) else {
        return Err(line);
    };
    let is_its_text =
        memchr::memchr(b'\\', inside).is_none() && !has_control(inside) && std::str::from_utf8(inside).is_ok();
    let text = if is_its_text {
        String::from_utf8(cut(line, words)).unwrap_or_default()
    } else {
        match unescape(inside) {
            Some(text) => text,
            None => return Err(line),
        }
    };
    let filled = Filled { hole, text: FilledText::Shared(Arc::new(text)), padding: None };
    Ok(ChatCompletionChunk::from_shape(Arc::new(body), filled))
}

/// A part of the line, in the line's own buffer if nobody else has it.
fn cut(line: Bytes, part: Range<usize>) -> Vec<u8> {
    match line.try_into_mut() {
        Ok(mut line) => {
            line.truncate(part.end);
            line.advance(part.start.min(line.len()));
            line.into()
        }
        Err(line) => line.get(part).unwrap_or_default().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[u8]) -> Option<ChunkBody> {
        serde_json::from_slice(line).ok()
    }

    fn line(words: &str) -> String {
        format!(r#"{{"id":"a","choices":[{{"index":0,"delta":{{"content":"{words}"}}}}],"model":"m","odd":[1]}}"#)
    }

    #[test]
    fn it_is_the_chunk_that_parsing_gives() {
        for words in ["", "a", "a\\nb\\\"", "\\ud83d\\ude00", "\u{e9}", "\\\\", "}]", "\\u0022,\\\"id\\\":"] {
            let line = line(words);
            let chunk = decode(Bytes::from(line.clone().into_bytes()), 0, parse).unwrap();
            let parsed: ChatCompletionChunk = serde_json::from_str(&line).unwrap();
            assert_eq!(chunk, parsed);
            assert_eq!(chunk.text(), parsed.text());
            assert_eq!(serde_json::to_value(&chunk).unwrap(), serde_json::to_value(&parsed).unwrap());
            assert_eq!(chunk.into_text(), parsed.into_text());
        }
    }

    #[test]
    fn what_it_does_not_take_is_given_back_unchanged() {
        for line in [
            line("a\nb"),
            line("\\x"),
            line("\\ud800"),
            line("short"),
            r#"{"choices":[{"delta":{"content":"long enough","content":"b"}}]}"#.to_owned(),
            r#"{"choices":[{"delta":{"content":"long enough"}},{"delta":{"content":"b"}}]}"#.to_owned(),
            r#"{"choices":[{"delta":{"content":"long enough"}}"#.to_owned(),
            r#"{"choices":[{"delta":{"content":"long enough"}}],"id":nothing}"#.to_owned(),
        ] {
            let at_least = if line.contains("short") { 6 } else { 0 };
            for bytes in [Bytes::from(line.clone().into_bytes()), Bytes::from_static(line.clone().leak().as_bytes())] {
                assert_eq!(decode(bytes, at_least, parse).unwrap_err(), line);
            }
        }
    }

    #[test]
    fn the_text_is_in_the_buffer_of_the_line() {
        let line = Bytes::from(line(&"long ".repeat(100)).into_bytes());
        let place = line.as_ptr();
        let chunk = decode(line, 0, parse).unwrap();
        assert_eq!(chunk.text().unwrap().as_ptr(), place);
    }
}
