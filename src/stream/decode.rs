//! Bytes of an event to a chunk, without parsing where that gives the same.
//!
//! Consecutive chunks of a stream differ in few strings: the words, and padding. So the last parsed line of
//! each kind is kept as a [`Template`], and a line that fits it becomes a chunk by taking the strings out.
//! Anything else is parsed. The two ways give the same chunk for every input; a property test holds them
//! against each other.

use std::sync::Arc;

use bytes::Bytes;

use super::chunk::{ChatCompletionChunk, ChunkBody};
use super::large;
use super::results::KnownResults;
use super::template::Template;
use crate::error::{Error, ErrorKind, ServiceError};
use crate::wire::text::mend_surrogates;

/// So many kinds of lines are remembered; two choices with words and tool calls need four.
const TEMPLATES: usize = 6;
/// After so many lines from which nothing was gained, nothing more is learned,
const PATIENCE: u32 = 12;
/// until so many lines have gone by.
const PAUSE: u32 = 200;
/// Lines larger than this are parsed and forgotten: they are no shape that repeats.
const LEARNED_BYTES: usize = 64 * 1024;
/// In such a line, words that take this much are not parsed.
const LARGE_WORDS: usize = 32 * 1024;

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
    template_patience: Patience,
    results: KnownResults,
    results_patience: Patience,
    /// A line without its filter results.
    cut: Vec<u8>,
    is_learning: bool,
}

/// How long to go on learning from lines when nothing comes of it.
#[derive(Debug, Default)]
struct Patience {
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
        Self {
            templates: Vec::new(),
            last: 0,
            oldest: 0,
            template_patience: Patience::default(),
            results: KnownResults::default(),
            results_patience: Patience::default(),
            cut: Vec::new(),
            is_learning: true,
        }
    }

    /// A decoder that always parses, to hold the other against.
    pub(super) fn parsing_only() -> Self {
        Self { is_learning: false, ..Self::new() }
    }

    /// Puts the chunk of the event at the start of `text` into `chunk`, and says how large the event is with its
    /// line ends, if it is one line of data that fits a template. Does nothing with anything else.
    #[inline]
    pub(super) fn decode_familiar(&mut self, text: &[u8], chunk: &mut Option<ChatCompletionChunk>) -> Option<usize> {
        let line = text.strip_prefix(b"data: ")?;
        let left = self.fill(line, chunk, |rest| {
            let after = rest.strip_prefix(b"\n\n").or_else(|| rest.strip_prefix(b"\r\n\r\n"));
            after.map(<[u8]>::len)
        })?;
        Some(text.len() - left)
    }

    /// The chunk of a line that is nearly all text; gives back any other.
    pub(super) fn decode_large(&self, line: Bytes) -> Result<ChatCompletionChunk, Bytes> {
        if line.len() <= LEARNED_BYTES || !self.is_learning {
            return Err(line);
        }
        large::decode(line, LARGE_WORDS, |frame| parse(frame).ok().filter(|body| !is_refusal(body)))
    }

    pub(super) fn decode(&mut self, line: &Bytes) -> Result<Decoded, Error> {
        let mut familiar = None;
        self.fill(line, &mut familiar, |rest| rest.is_empty().then_some(()));
        if let Some(chunk) = familiar {
            return Ok(Decoded::Chunk(chunk));
        }
        let body = self.parse(line)?;
        if is_refusal(&body) {
            return Ok(Decoded::Refusal(Box::new(ServiceError::from_body(line))));
        }
        let shape = Arc::new(body);
        self.learn(line, &shape);
        Ok(Decoded::Chunk(ChatCompletionChunk::whole(shape)))
    }

    fn parse(&mut self, line: &Bytes) -> Result<ChunkBody, Error> {
        if let Some((known, cut)) = self.results.cut(line, &mut self.cut)
            // what cannot be read is read again as a whole, for its error to name the place
            && let Some(body) = parse(cut).ok().and_then(|body| known.put_back(body))
        {
            self.results_patience.misses = 0;
            return Ok(body);
        }
        let body = parse(line)?;
        if self.can_learn(line) {
            if self.results_patience.is_over() {
                self.results.forget();
            } else {
                self.results.learn(line, &body);
            }
        }
        Ok(body)
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
        self.template_patience.misses = 0;
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
        self.template_patience.misses = 0;
        Some(end)
    }

    fn note_use(&mut self, at: usize) {
        if let Some(known) = self.templates.get_mut(self.last) {
            known.next = at;
        }
        self.last = at;
    }

    fn can_learn(&self, line: &[u8]) -> bool {
        self.is_learning && line.len() <= LEARNED_BYTES
    }

    fn learn(&mut self, line: &Bytes, shape: &Arc<ChunkBody>) {
        if !self.can_learn(line) {
            return;
        }
        if self.template_patience.is_over() {
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

impl Patience {
    /// Counts a line from which something could be learned; `true` if nothing should be.
    fn is_over(&mut self) -> bool {
        if self.pause > 0 {
            self.pause -= 1;
            return true;
        }
        self.misses += 1;
        if self.misses > PATIENCE {
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
        let mended = mend_surrogates(line).and_then(|line| serde_json::from_slice(&line).ok());
        // the parser's own words can quote the line
        mended.ok_or_else(|| {
            Error::new(
                ErrorKind::Decode,
                format!("an event of the stream is not a JSON object (byte {} of {})", error.column(), line.len()),
            )
        })
    })
}
