//! Filter results that repeat: most of a line's bytes, and mostly the same as in the line before.
//!
//! A line that begins like the one before, up to and including the first choice's filter results, is parsed
//! without them, and gets those of the line before. What was parsed once is shared.

use bytes::Bytes;

use super::chunk::ChunkBody;
use super::locate::locate_results;
use crate::response::ContentFilterResults;
use crate::wire::Shared;

/// The beginning of a line, and the filter results in it.
#[derive(Debug)]
pub(super) struct KnownResults {
    /// The line up to the member after the results.
    beginning: Bytes,
    /// Where the results' member begins.
    cut: usize,
    results: Shared<ContentFilterResults>,
}

impl KnownResults {
    /// Learns from a line and what it was parsed to.
    pub(super) fn of(line: &Bytes, body: &ChunkBody) -> Option<Self> {
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

    /// The line without its results, in `room`; `None` if it begins otherwise.
    pub(super) fn cut<'a>(&self, line: &[u8], room: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let after = line.strip_prefix(&*self.beginning)?;
        if after.first() != Some(&b'"') {
            return None;
        }
        room.clear();
        room.extend_from_slice(self.beginning.get(..self.cut)?);
        room.extend_from_slice(after);
        Some(room)
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
