//! The decoder of a stream's events: from the bytes of an event to its chunk, parsed only where no template fits.
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
//! - The two ways give the same chunks, whole and error for every input: a property test compares them.
//!
//! Templates are kept because a chunk costs a fifteenth of the parse (BENCHMARKS.md). Where no line is like the one
//! before, comparing and learning stop for a while ([`Backoff`]), so that such a stream costs little more than the
//! parse.

use std::sync::Arc;

use bytes::Bytes;

use self::template::Template;
use super::chunk::{ChatCompletionChunk, ChunkBody};
use crate::error::{Error, ErrorKind, ServiceError};
use crate::response::parse_json;

mod scan;
mod template;
#[cfg(test)]
mod tests;

/// The number of templates kept: two choices with text and tool calls need four.
const TEMPLATES: usize = 6;
/// The number of lines parsed in a row after which learning stops.
const MISSES: u32 = 12;
/// The number of lines after which learning starts again.
const PAUSE: u32 = 200;
/// The size of the largest line that becomes a template, in bytes: larger lines do not repeat.
const LEARNED_BYTES: usize = 64 * 1024;

/// The content of an event.
#[derive(Debug)]
pub(super) enum Decoded {
    Chunk(ChatCompletionChunk),
    /// An error object in the middle of a stream.
    Refusal(Box<ServiceError>),
}

/// Decodes the events of one stream.
#[derive(Debug)]
pub(super) struct Decoder {
    templates: Vec<TemplateEntry>,
    /// The template that was used or learned last.
    last: usize,
    oldest: usize,
    backoff: Backoff,
    is_learning: bool,
}

#[derive(Debug)]
struct TemplateEntry {
    template: Template,
    /// The template that was used after this one the last time, and is tried first: choices alternate.
    next: usize,
}

/// Stops learning for [`PAUSE`] lines after [`MISSES`] lines in a row that no template fits.
#[derive(Debug, Default)]
struct Backoff {
    misses: u32,
    pause: u32,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self { templates: Vec::new(), last: 0, oldest: 0, backoff: Backoff::default(), is_learning: true }
    }

    /// A decoder that always parses, for comparison.
    #[cfg(test)]
    pub(super) fn parsing_only() -> Self {
        Self { is_learning: false, ..Self::new() }
    }

    /// Decodes the event at the start of `text` if it is one `data` line that fits a template: puts the chunk into
    /// `chunk`, and returns the size of the event, line ends included.
    #[inline]
    pub(super) fn decode_by_template(&mut self, text: &[u8], chunk: &mut Option<ChatCompletionChunk>) -> Option<usize> {
        let line = text.strip_prefix(b"data: ")?;
        let left = self.fill(line, chunk, |remaining| {
            let after = remaining.strip_prefix(b"\n\n").or_else(|| remaining.strip_prefix(b"\r\n\r\n"));
            after.map(<[u8]>::len)
        })?;
        Some(text.len() - left)
    }

    /// Decodes the data of an event, by template or by the parser.
    pub(super) fn decode(&mut self, data: &Bytes) -> Result<Decoded, Error> {
        let mut chunk = None;
        self.fill(data, &mut chunk, |remaining| remaining.is_empty().then_some(()));
        if let Some(chunk) = chunk {
            return Ok(Decoded::Chunk(chunk));
        }
        let body = parse(data)?;
        if is_refusal(&body) {
            return Ok(Decoded::Refusal(Box::new(ServiceError::from_body(data))));
        }
        let body = Arc::new(body);
        self.learn(data, &body);
        Ok(Decoded::Chunk(ChatCompletionChunk::parsed(body)))
    }

    /// Puts the chunk that a template makes of the start of `text` into `chunk`, if `end` accepts what follows.
    #[inline(always)]
    fn fill<T>(
        &mut self,
        text: &[u8],
        chunk: &mut Option<ChatCompletionChunk>,
        end: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let likely = self.templates.get(self.last)?.next;
        let entry = self.templates.get(likely)?;
        let Some((strings, remaining)) = entry.template.match_start(text) else {
            return self.fill_other(text, chunk, end);
        };
        let end = end(remaining)?;
        *chunk = Some(entry.template.fill(strings)?);
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
        let (at, filled, end) = self.templates.iter().enumerate().find_map(|(at, entry)| {
            let (strings, remaining) = entry.template.match_start(text)?;
            Some((at, entry.template.fill(strings)?, end(remaining)?))
        })?;
        *chunk = Some(filled);
        self.note_use(at);
        self.backoff.misses = 0;
        Some(end)
    }

    fn note_use(&mut self, at: usize) {
        if let Some(entry) = self.templates.get_mut(self.last) {
            entry.next = at;
        }
        self.last = at;
    }

    fn learn(&mut self, line: &Bytes, body: &Arc<ChunkBody>) {
        if !self.is_learning || line.len() > LEARNED_BYTES {
            return;
        }
        if self.backoff.is_pausing() {
            // without templates nothing is compared
            self.templates.clear();
            return;
        }
        let Some(template) = Template::new(line, body) else {
            return;
        };
        let like = self.templates.iter().position(|entry| entry.template.is_like(&template));
        let at = like.unwrap_or_else(|| {
            if self.templates.len() < TEMPLATES {
                return self.templates.len();
            }
            self.oldest = (self.oldest + 1) % TEMPLATES;
            self.oldest
        });
        let learned = TemplateEntry { template, next: at };
        match self.templates.get_mut(at) {
            Some(entry) => *entry = learned,
            None => self.templates.push(learned),
        }
        self.note_use(at);
    }
}

impl Backoff {
    /// Counts a line that was parsed. Returns whether learning is paused.
    fn is_pausing(&mut self) -> bool {
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

/// Whether the body is an error object: one with `error`, or API Management's own, with `statusCode` and `message`.
fn is_refusal(body: &ChunkBody) -> bool {
    let has = |name: &str| body.extra().is_some_and(|extra| extra.contains_key(name));
    body.error.is_some() || (body.choices.is_none() && has("statusCode") && has("message"))
}

fn parse(line: &[u8]) -> Result<ChunkBody, Error> {
    // the message of the parser can quote the line
    parse_json(line).map_err(|error| {
        let what = format!("an event of the stream is not a JSON object (byte {} of {})", error.column(), line.len());
        Error::new(ErrorKind::Decode, what)
    })
}
