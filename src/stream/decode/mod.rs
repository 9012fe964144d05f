//! The decoder of a stream's events: from the bytes of an event to its chunk, parsed only where no template fits.
//!
//! Consecutive chunks of a stream differ in few values: `content` (or `refusal`, `reasoning_content`, a tool call's
//! `arguments`) and `obfuscation`; those of two streams also in `id` and `created`. So a parsed line is kept as a
//! [`Template`]: the chunk it was parsed to, and the bytes of the line around these values. A line with the same bytes
//! around its values is the same JSON with other values in it, so it is compared, the values are taken out, and nothing
//! is parsed. Any other line is parsed, and becomes a template in its turn.
//!
//! What makes this safe:
//!
//! - [`scan`] finds the values in a line that was parsed, and refuses whatever could give the bytes around a value
//!   another meaning when the value changes: an escaped or repeated member name on the way to it.
//! - A string ends at its first unescaped quote, and has no control characters; what is no JSON string, and what is
//!   not UTF-8, is left to the parser and its error.
//! - The two ways give the same chunks, whole and error for every input: a property test compares them.
//!
//! The streams of a client share their templates ([`TemplateStore`]): those of lines without ids, texts and counts of an
//! answer. So the first lines of a stream are not parsed either, and what many open streams compare is the same memory.
//!
//! Templates are kept because a chunk costs a fifteenth of the parse (BENCHMARKS.md). Where no line is like the one
//! before, lines are compared and learned ever less often ([`Backoff`]), so that such a stream costs hardly more than the
//! parse.

use std::sync::Arc;

use bytes::Bytes;

pub(crate) use self::store::TemplateStore;
use self::template::Template;
use super::chunk::{ChatCompletionChunk, ChunkBody, ChunkHead};
use crate::error::{Error, ErrorKind, ServiceError};
use crate::response::parse_json;

mod scan;
mod store;
mod template;
#[cfg(test)]
mod tests;

/// The number of templates that a stream uses: two choices with text and tool calls need four.
const TEMPLATES: usize = 6;
/// The number of lines that are compared and learned after each power of two of lines parsed in a row.
const ATTEMPTS: u32 = 8;
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
    /// The place of the client's template that is tried first: the one after the last that was used, since the lines of
    /// streams come in the same order.
    next_common: usize,
    backoff: Backoff,
    /// The templates of all streams of the client; `None` for a decoder that always parses.
    store: Option<Arc<TemplateStore>>,
}

/// A template that the stream uses.
#[derive(Debug)]
struct TemplateEntry {
    template: Arc<Template>,
    /// The head of the stream's chunks of this template.
    head: Arc<ChunkHead>,
    /// The bytes of their lines from `id` to `created`.
    answer: Box<[u8]>,
    /// The template that was used after this one the last time. It is tried first, since choices alternate.
    next: usize,
}

/// Compares and learns ever less often in a stream whose lines no template fits.
#[derive(Debug, Default)]
struct Backoff {
    /// The number of lines parsed in a row.
    misses: u32,
}

impl Decoder {
    pub(super) fn new(store: Arc<TemplateStore>) -> Self {
        Self {
            templates: Vec::new(),
            last: 0,
            oldest: 0,
            next_common: 0,
            backoff: Backoff::default(),
            store: Some(store),
        }
    }

    /// A decoder that always parses, for comparison.
    #[cfg(test)]
    pub(super) fn parsing_only() -> Self {
        Self { store: None, ..Self::new(Arc::default()) }
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
        let chunk = ChatCompletionChunk::parsed(body);
        self.learn(data, &chunk);
        Ok(Decoded::Chunk(chunk))
    }

    /// Puts the chunk that a template makes of the start of `text` into `chunk`, if `end` accepts what follows.
    #[inline(always)]
    fn fill<T>(
        &mut self,
        text: &[u8],
        chunk: &mut Option<ChatCompletionChunk>,
        end: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let likely = self.templates.get(self.last).map_or(0, |entry| entry.next);
        let entry = self.templates.get(likely);
        let matched = entry.and_then(|entry| Some((entry, entry.template.match_start(text, Some(&entry.answer))?)));
        let Some((entry, (values, remaining))) = matched else {
            return self.fill_other(text, chunk, end);
        };
        let end = end(remaining)?;
        *chunk = Some(ChatCompletionChunk::from_template(Arc::clone(&entry.head), entry.template.replaced(&values)?));
        self.note_use(likely);
        self.backoff.misses = 0;
        Some(end)
    }

    /// As [`fill`](Self::fill), with any template of the stream or its client.
    #[inline(never)]
    fn fill_other<T>(
        &mut self,
        text: &[u8],
        chunk: &mut Option<ChatCompletionChunk>,
        end: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        if self.backoff.is_pausing() {
            return None;
        }
        let own = self.templates.iter().map(|entry| (&entry.template, Some(entry)));
        let own_again = self.templates.iter().map(|entry| (&entry.template, None));
        let common = self.store.as_ref()?.templates();
        let (earlier, later) = common.split_at_checked(self.next_common).unwrap_or((&common, &[]));
        let common_in_order = later.iter().chain(earlier).map(|template| (template, None));
        let all = own.chain(own_again).chain(common_in_order);
        let (template, entry, values, remaining) = all.into_iter().find_map(|(template, entry)| {
            let (values, remaining) = template.match_start(text, entry.map(|entry| &*entry.answer))?;
            Some((template, entry, values, remaining))
        })?;
        let end = end(remaining)?;
        let replaced = template.replaced(&values)?;
        if let Some(at) = common.iter().position(|common| Arc::ptr_eq(common, template)) {
            self.next_common = at + 1;
        }
        let template = Arc::clone(template);
        let (head, answer) = match entry {
            Some(entry) => (Arc::clone(&entry.head), entry.answer.clone()),
            None => (template.head(&values)?, values.answer.into()),
        };
        *chunk = Some(ChatCompletionChunk::from_template(Arc::clone(&head), replaced));
        self.keep(template, head, answer);
        self.backoff.misses = 0;
        Some(end)
    }

    fn note_use(&mut self, at: usize) {
        if let Some(entry) = self.templates.get_mut(self.last) {
            entry.next = at;
        }
        self.last = at;
    }

    /// Keeps the template of a chunk with text, in place of one for the same text. Other lines come once a stream.
    fn keep(&mut self, template: Arc<Template>, head: Arc<ChunkHead>, answer: Box<[u8]>) {
        let Some(text) = template.text() else {
            return;
        };
        let like = self.templates.iter().position(|entry| entry.template.text() == Some(text));
        let at = like.unwrap_or_else(|| {
            if self.templates.len() < TEMPLATES {
                return self.templates.len();
            }
            self.oldest = (self.oldest + 1) % TEMPLATES;
            self.oldest
        });
        match self.templates.get_mut(at) {
            Some(entry) => *entry = TemplateEntry { template, head, answer, next: entry.next },
            None => self.templates.push(TemplateEntry { template, head, answer, next: at }),
        }
        self.note_use(at);
    }

    fn learn(&mut self, line: &Bytes, chunk: &ChatCompletionChunk) {
        let Some(store) = &self.store else {
            return;
        };
        if line.len() > LEARNED_BYTES {
            return;
        }
        self.backoff.misses = self.backoff.misses.saturating_add(1);
        if self.backoff.is_pausing() {
            // so that the lines of the pause are not compared
            self.templates.clear();
            return;
        }
        let Some(template) = Template::new(line, &chunk.head().body) else {
            return;
        };
        let template = Arc::new(template);
        if template.is_common {
            store.add(&template);
        }
        if template.text().is_some()
            && let Some((values, _)) = template.match_start(line, None)
            && let Some(head) = template.head(&values)
        {
            self.keep(template, head, values.answer.into());
        }
    }
}

impl Backoff {
    /// Whether lines are only parsed. A stream that becomes regular after so many lines has templates after at most as many
    /// again.
    fn is_pausing(&self) -> bool {
        let since_power_of_two = self.misses.checked_ilog2().map_or(0, |power| self.misses - (1 << power));
        since_power_of_two >= ATTEMPTS
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
