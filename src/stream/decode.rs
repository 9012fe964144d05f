//! Bytes of an event to a chunk, without parsing where that gives the same.
//!
//! Consecutive chunks of a stream differ in few strings: the words, and padding. So the last parsed line of
//! each kind is kept as a [`Template`], with the places of those strings. A line with the same bytes around
//! these places is the same JSON with other strings in them, and becomes a chunk by taking the strings out.
//! Anything else is parsed. The two ways give the same chunk for every input; a property test holds them
//! against each other.

use std::sync::Arc;

use bytes::Bytes;

use super::chunk::{ChatCompletionChunk, ChunkBody, Hole};
use super::locate::{Found, locate, string_end};
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
    templates: Vec<Template>,
    use_templates: bool,
    misses: u32,
    pause: u32,
    next: usize,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            templates: Vec::new(),
            use_templates: true,
            misses: 0,
            pause: 0,
            next: 0,
        }
    }

    /// A decoder that always parses, to hold the other against.
    pub(super) fn parsing_only() -> Self {
        Self {
            use_templates: false,
            ..Self::new()
        }
    }

    pub(super) fn decode(&mut self, line: &Bytes) -> Result<Decoded, Error> {
        if self.use_templates && self.pause == 0 {
            if let Some(chunk) = self.templates.iter().find_map(|template| template.fill(line)) {
                self.misses = 0;
                return Ok(Decoded::Chunk(chunk));
            }
        }
        let body = parse(line)?;
        if body.error.is_some() || is_gateway_error(&body) {
            return Ok(Decoded::Refusal(Box::new(ServiceError::from_body(line))));
        }
        let shape = Arc::new(body);
        self.learn(line, &shape);
        Ok(Decoded::Chunk(ChatCompletionChunk::whole(shape)))
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
            self.templates.clear();
            self.misses = 0;
            self.pause = PAUSE;
            return;
        }
        let Some(template) = Template::of(line, shape) else {
            return;
        };
        let same_kind = |known: &Template| known.hole == template.hole && known.choice == template.choice;
        if let Some(known) = self.templates.iter_mut().find(|known| same_kind(known)) {
            *known = template;
        } else if self.templates.len() < TEMPLATES {
            self.templates.push(template);
        } else {
            self.next = (self.next + 1) % TEMPLATES;
            if let Some(oldest) = self.templates.get_mut(self.next) {
                *oldest = template;
            }
        }
    }
}

/// API Management's own error shape, which has no envelope.
fn is_gateway_error(body: &ChunkBody) -> bool {
    let has = |name: &str| body.extra().is_some_and(|extra| extra.contains_key(name));
    body.choices.is_none() && has("statusCode") && has("message")
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

/// A parsed line with the places of the strings that vary.
#[derive(Debug)]
struct Template {
    line: Bytes,
    shape: Arc<ChunkBody>,
    hole: Hole,
    choice: u64,
    /// The words, and the padding where there is any, in the order in which they stand. Each range is the
    /// string between its quotes.
    first: Place,
    second: Option<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    end: usize,
    is_padding: bool,
}

impl Template {
    fn of(line: &Bytes, shape: &Arc<ChunkBody>) -> Option<Self> {
        let Found { hole, words, padding } = locate(line)?;
        let choice = shape.choices.as_ref()?.first()?.index.unwrap_or(0);
        let words = Place {
            start: words.start,
            end: words.end,
            is_padding: false,
        };
        let padding = padding.map(|range| Place {
            start: range.start,
            end: range.end,
            is_padding: true,
        });
        let (first, second) = match padding {
            Some(padding) if padding.start < words.start => (padding, Some(words)),
            other => (words, other),
        };
        Some(Self {
            line: line.clone(),
            shape: Arc::clone(shape),
            hole,
            choice,
            first,
            second,
        })
    }

    /// The chunk this line makes, if it has the template's bytes around the places.
    fn fill(&self, line: &[u8]) -> Option<ChatCompletionChunk> {
        let known: &[u8] = &self.line;
        let prefix = known.get(..self.first.start)?;
        let rest = line.strip_prefix(prefix)?;
        let (first, rest) = take_string(rest)?;
        let (second, rest, tail) = match self.second {
            None => (None, rest, known.get(self.first.end..)?),
            Some(place) => {
                let rest = rest.strip_prefix(known.get(self.first.end..place.start)?)?;
                let (second, rest) = take_string(rest)?;
                (Some(second), rest, known.get(place.end..)?)
            }
        };
        if rest != tail {
            return None;
        }
        let (words, padding) = if self.first.is_padding {
            (second?, Some(first))
        } else {
            (first, second)
        };
        let words = unescape(words)?;
        let padding = match padding {
            Some(padding) => Some(unescape(padding)?),
            None => None,
        };
        Some(ChatCompletionChunk::from_shape(
            Arc::clone(&self.shape),
            self.hole,
            words,
            padding,
        ))
    }
}

/// A string up to its closing quote, and what follows from the quote on.
fn take_string(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    rest.split_at_checked(string_end(rest)?)
}

/// The text of a string without its quotes; `None` for what is no JSON string, which the parser then
/// reports.
fn unescape(raw: &[u8]) -> Option<String> {
    if raw.iter().any(|byte| *byte < 0x20) {
        return None;
    }
    if memchr::memchr(b'\\', raw).is_none() {
        return std::str::from_utf8(raw).ok().map(str::to_owned);
    }
    let mut quoted = Vec::with_capacity(raw.len().saturating_add(2));
    quoted.push(b'"');
    quoted.extend_from_slice(raw);
    quoted.push(b'"');
    serde_json::from_slice(&quoted).ok()
}
