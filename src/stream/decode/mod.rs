//! Decoding of events: from the bytes of an event to its chunk, without parsing where that gives the same.
//!
//! Consecutive chunks of a stream differ in few strings: `content` (or `refusal`, `reasoning_content`, a tool call's
//! `arguments`) and `obfuscation`. So the last parsed line of each kind is kept as a [`Template`]: the chunk it was
//! parsed to, and the bytes of the line around these strings. A line with the same bytes around its strings is the
//! same JSON with other strings in it, so it is compared, the strings are taken out, and nothing is parsed. Any other
//! line is parsed, and becomes a template in its turn.
//!
//! What makes this safe:
//!
//! - [`scan`] finds the strings in a line that was parsed, and refuses whatever could give the bytes around a string
//!   another meaning when the string changes: an escaped or repeated member name on the way to it.
//! - A string ends at its first unescaped quote, and has no control characters; what is no JSON string, and what is
//!   not UTF-8, is left to the parser and its error.
//! - The two ways give the same chunks, whole and error for every input: a property test holds them against each other.
//!
//! It is kept because a chunk costs a fifteenth of the parse (BENCHMARKS.md). Where no line is like the one before,
//! comparing and learning stop for a while ([`Backoff`]), so that such a stream costs little more than the parse.

use std::sync::Arc;

use bytes::Bytes;

use self::template::Template;
use super::chunk::{ChatCompletionChunk, ChunkBody};
use crate::error::{Error, ErrorKind, ServiceError};
use crate::wire::json_string::replace_lone_surrogates;

mod scan;
mod template;
#[cfg(test)]
mod tests;

/// So many kinds of lines are remembered; two choices with text and tool calls need four.
const TEMPLATES: usize = 6;
/// After so many parsed lines in a row nothing more is learned,
const MISSES: u32 = 12;
/// until so many lines have gone by.
const PAUSE: u32 = 200;
/// Lines larger than this are parsed and forgotten: no shape that large repeats.
const LEARNED_BYTES: usize = 64 * 1024;

/// What an event turned out to be.
#[derive(Debug)]
pub(super) enum Decoded {
    Chunk(ChatCompletionChunk),
    /// An error object in the middle of a stream.
    Refusal(Box<ServiceError>),
}

/// Decodes the events of one stream.
#[derive(Debug)]
pub(super) struct Decoder {
    templates: Vec<Known>,
    /// The template that was filled or learned last.
    last: usize,
    oldest: usize,
    backoff: Backoff,
    is_learning: bool,
}

/// Stops learning for a while after misses.
#[derive(Debug, Default)]
struct Backoff {
    misses: u32,
    pause: u32,
}

#[derive(Debug)]
struct Known {
    template: Template,
    /// The template that was used after this one the last time, and probably will be again: choices take
    /// turns.
    next: usize,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self { templates: Vec::new(), last: 0, oldest: 0, backoff: Backoff::default(), is_learning: true }
    }

    /// A decoder that always parses, to hold the other against.
    #[cfg(test)]
    pub(super) fn parsing_only() -> Self {
        Self { is_learning: false, ..Self::new() }
    }

    /// Puts the chunk of the event at the start of `text` into `chunk`, and says how large the event is with its
    /// line ends, if it is one line of data that fits a template. Does nothing with anything else.
    #[inline]
    pub(super) fn decode_by_template(&mut self, text: &[u8], chunk: &mut Option<ChatCompletionChunk>) -> Option<usize> {
        let line = text.strip_prefix(b"data: ")?;
        let left = self.fill(line, chunk, |rest| {
            let after = rest.strip_prefix(b"\n\n").or_else(|| rest.strip_prefix(b"\r\n\r\n"));
            after.map(<[u8]>::len)
        })?;
        Some(text.len() - left)
    }

    pub(super) fn decode(&mut self, line: &Bytes) -> Result<Decoded, Error> {
        let mut chunk = None;
        self.fill(line, &mut chunk, |rest| rest.is_empty().then_some(()));
        if let Some(chunk) = chunk {
            return Ok(Decoded::Chunk(chunk));
        }
        let body = parse(line)?;
        if is_refusal(&body) {
            return Ok(Decoded::Refusal(Box::new(ServiceError::from_body(line))));
        }
        let shape = Arc::new(body);
        self.learn(line, &shape);
        Ok(Decoded::Chunk(ChatCompletionChunk::whole(shape)))
    }

    /// Puts the chunk that a template makes of the start of `text` into `chunk`; what follows must be known to
    /// `end`.
    #[inline(always)]
    fn fill<T>(
        &mut self,
        text: &[u8],
        chunk: &mut Option<ChatCompletionChunk>,
        end: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let likely = self.templates.get(self.last)?.next;
        let known = self.templates.get(likely)?;
        let Some((strings, rest)) = known.template.take(text) else {
            return self.fill_other(text, chunk, end);
        };
        let end = end(rest)?;
        *chunk = Some(known.template.fill(strings)?);
        self.note_use(likely);
        self.backoff.misses = 0;
        Some(end)
    }

    /// The same with any template.
    #[inline(never)]
    fn fill_other<T>(
        &mut self,
        text: &[u8],
        chunk: &mut Option<ChatCompletionChunk>,
        end: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let found = self.templates.iter().enumerate().find_map(|(at, known)| {
            let (strings, rest) = known.template.take(text)?;
            Some((at, known.template.fill(strings)?, end(rest)?))
        });
        let (at, filled, end) = found?;
        *chunk = Some(filled);
        self.note_use(at);
        self.backoff.misses = 0;
        Some(end)
    }

    fn note_use(&mut self, at: usize) {
        if let Some(known) = self.templates.get_mut(self.last) {
            known.next = at;
        }
        self.last = at;
    }

    fn learn(&mut self, line: &Bytes, shape: &Arc<ChunkBody>) {
        if !self.is_learning || line.len() > LEARNED_BYTES {
            return;
        }
        if self.backoff.is_resting() {
            // without templates nothing is compared
            self.templates.clear();
            return;
        }
        let Some(template) = Template::of(line, shape) else {
            return;
        };
        let like = self.templates.iter().position(|known| known.template.is_like(&template));
        let at = like.unwrap_or_else(|| {
            if self.templates.len() < TEMPLATES {
                return self.templates.len();
            }
            self.oldest = (self.oldest + 1) % TEMPLATES;
            self.oldest
        });
        let learned = Known { template, next: at };
        match self.templates.get_mut(at) {
            Some(known) => *known = learned,
            None => self.templates.push(learned),
        }
        self.note_use(at);
    }
}

impl Backoff {
    /// Counts a parsed line; `true` if nothing should be learned from it.
    fn is_resting(&mut self) -> bool {
        if self.pause > 0 {
            self.pause -= 1;
            return true;
        }
        self.misses += 1;
        if self.misses > MISSES {
            self.misses = 0;
            self.pause = PAUSE;
            return true;
        }
        false
    }
}

/// An error object, or API Management's own error shape, which has no envelope.
fn is_refusal(body: &ChunkBody) -> bool {
    let has = |name: &str| body.extra().is_some_and(|extra| extra.contains_key(name));
    body.error.is_some() || (body.choices.is_none() && has("statusCode") && has("message"))
}

fn parse(line: &[u8]) -> Result<ChunkBody, Error> {
    // an event is text; checking that once is cheaper than string by string
    let body = match std::str::from_utf8(line) {
        Ok(line) => serde_json::from_str(line),
        Err(_) => serde_json::from_slice(line),
    };
    body.or_else(|error| {
        let mended = replace_lone_surrogates(line).and_then(|line| serde_json::from_slice(&line).ok());
        // the parser's own words can quote the line
        mended.ok_or_else(|| {
            Error::new(
                ErrorKind::Decode,
                format!("an event of the stream is not a JSON object (byte {} of {})", error.column(), line.len()),
            )
        })
    })
}
