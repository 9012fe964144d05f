//! Bytes of an event to a chunk, without parsing where that gives the same.
//!
//! Consecutive chunks of a stream differ in few strings: the words, and padding. So the last parsed line of
//! each kind is kept as a [`Template`], and a line that fits it becomes a chunk by taking the strings out.
//! Anything else is parsed. The two ways give the same chunk for every input; a property test holds them
//! against each other.

use std::iter;
use std::sync::Arc;

use bytes::Bytes;

use super::chunk::{ChatCompletionChunk, ChunkBody};
use super::template::Template;
use crate::error::{Error, ErrorKind, ServiceError};

/// So many kinds of lines are remembered; two choices with words and tool calls need four.
const TEMPLATES: usize = 6;
/// After so many misses in a row, lines are not compared any more, and only parsed,
const PATIENCE: u32 = 12;
/// until so many lines have gone by.
const PAUSE: u32 = 200;

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
    use_templates: bool,
    misses: u32,
    pause: u32,
    oldest: usize,
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
            use_templates: true,
            misses: 0,
            pause: 0,
            oldest: 0,
        }
    }

    /// A decoder that always parses, to hold the other against.
    pub(super) fn parsing_only() -> Self {
        Self {
            use_templates: false,
            ..Self::new()
        }
    }

    /// The chunk of the event at the start of `text`, and the event's size with its line ends, if it is one
    /// line of data that fits a template. Says nothing about anything else.
    pub(super) fn decode_familiar(&mut self, text: &[u8]) -> Option<(ChatCompletionChunk, usize)> {
        let line = text.strip_prefix(b"data: ")?;
        let mut left = 0;
        let chunk = self.fill(line, |rest| {
            let after = rest.strip_prefix(b"\n\n").or_else(|| rest.strip_prefix(b"\r\n\r\n"));
            left = after.map_or(0, <[u8]>::len);
            after.is_some()
        })?;
        Some((chunk, text.len() - left))
    }

    pub(super) fn decode(&mut self, line: &Bytes) -> Result<Decoded, Error> {
        if let Some(chunk) = self.fill(line, <[u8]>::is_empty) {
            return Ok(Decoded::Chunk(chunk));
        }
        let body = parse(line)?;
        if body.error.is_some() {
            return Ok(Decoded::Refusal(Box::new(ServiceError::from_body(line))));
        }
        let shape = Arc::new(body);
        self.learn(line, &shape);
        Ok(Decoded::Chunk(ChatCompletionChunk::whole(shape)))
    }

    /// The chunk that a template makes of the start of `text`; what follows must be taken by `rest`.
    #[inline]
    fn fill(&mut self, text: &[u8], mut rest: impl FnMut(&[u8]) -> bool) -> Option<ChatCompletionChunk> {
        let likely = self.templates.get(self.last)?.next;
        let others = (0..self.templates.len()).filter(|at| *at != likely);
        let (at, chunk) = iter::once(likely).chain(others).find_map(|at| {
            let known = self.templates.get(at)?;
            Some((at, known.template.fill(text, &mut rest)?))
        })?;
        self.note_use(at);
        self.misses = 0;
        Some(chunk)
    }

    fn note_use(&mut self, at: usize) {
        if let Some(known) = self.templates.get_mut(self.last) {
            known.next = at;
        }
        self.last = at;
    }

    fn learn(&mut self, line: &Bytes, shape: &Arc<ChunkBody>) {
        if !self.use_templates {
            return;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return;
        }
        self.misses += 1;
        if self.misses > PATIENCE {
            // without templates nothing is compared
            self.templates.clear();
            self.misses = 0;
            self.pause = PAUSE;
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

fn parse(line: &[u8]) -> Result<ChunkBody, Error> {
    serde_json::from_slice(line).map_err(|error| {
        // the parser's own words can quote the line
        Error::new(
            ErrorKind::Decode,
            format!(
                "an event of the stream is not a JSON object (byte {} of {})",
                error.column(),
                line.len()
            ),
        )
    })
}
