//! Filter results that repeat: most of a line's bytes, and mostly the same as in a line before.
//!
//! A line that begins like one of the last, up to and including the first choice's filter results, is parsed
//! without them, and gets those of that line. What was parsed once is shared.

use bytes::Bytes;

use super::chunk::ChunkBody;
use super::locate::locate_results;
use crate::response::ContentFilterResults;
use crate::wire::Shared;

/// So many beginnings are remembered: a rating that changes with the words changes back.
const REMEMBERED: usize = 4;
/// So many lines of a stream are parsed before any is remembered. They begin it, and are unlike each other; and
/// where templates hold, there are no more, and nothing is kept for as long as the stream is open.
const FIRST: u32 = 3;

/// The beginnings of lines, and the filter results in them.
#[derive(Debug, Default)]
pub(super) struct KnownResults {
    known: Vec<Known>,
    /// The one that is forgotten next.
    oldest: usize,
    /// Lines that could have been learned from, up to [`FIRST`].
    passed: u32,
}

#[derive(Debug)]
pub(super) struct Known {
    /// The line up to the member after the results.
    beginning: Bytes,
    /// Where the results' member begins.
    cut: usize,
    results: Shared<ContentFilterResults>,
}

impl KnownResults {
    /// Learns from a line and what it was parsed to.
    pub(super) fn learn(&mut self, line: &Bytes, body: &ChunkBody) {
        if self.passed < FIRST {
            self.passed += 1;
            return;
        }
        let Some(new) = Known::of(line, body) else {
            return;
        };
        match self.known.get_mut(self.oldest) {
            Some(oldest) => *oldest = new,
            None => self.known.push(new),
        }
        self.oldest = (self.oldest + 1) % REMEMBERED;
    }

    /// The line without its results, in `room`, and what is known of them; `None` if it begins in no known way.
    pub(super) fn cut<'a>(&self, line: &[u8], room: &'a mut Vec<u8>) -> Option<(&Known, &'a [u8])> {
        let begins = |known: &&Known| line.starts_with(&known.beginning);
        let known = self.known.iter().find(begins)?;
        let after = line.get(known.beginning.len()..)?;
        if after.first() != Some(&b'"') {
            return None;
        }
        room.clear();
        room.extend_from_slice(known.beginning.get(..known.cut)?);
        room.extend_from_slice(after);
        Some((known, room))
    }
}

impl Known {
    fn of(line: &Bytes, body: &ChunkBody) -> Option<Self> {
        let choice = body.choices.as_ref()?.first()?;
        let results = choice.content_filter_results.as_ref()?;
        // of repeated members the last one counts, and it is the first one that would be found
        if body.rest.has_repeats() || choice.rest.has_repeats() {
            return None;
        }
        let place = locate_results(line)?;
        // the member after them must follow at once, so that the line stays JSON without them
        let end = place.end.checked_add(1)?;
        if line.get(place.end..)?.starts_with(b",\"") {
            return Some(Self {
                beginning: Bytes::copy_from_slice(line.get(..end)?),
                cut: place.start,
                results: results.clone(),
            });
        }
        None
    }

    /// Puts the results where they were cut out; `None` if it is not certain that this is the place.
    pub(super) fn put_back(&self, mut body: ChunkBody) -> Option<ChunkBody> {
        if body.rest.has_repeats() {
            return None;
        }
        let choice = body.choices.as_mut()?.first_mut()?;
        choice.content_filter_results.get_or_insert_with(|| self.results.clone());
        Some(body)
    }
}
