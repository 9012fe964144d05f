//! Filter results that repeat: most of a line's bytes, and mostly the same as in a line before.
//!
//! A line whose first choice has results that were parsed before is parsed without them, wherever they stand, and
//! gets those. What was parsed once is shared.

use bytes::Bytes;

use super::chunk::ChunkBody;
use super::locate::locate_results;
use crate::response::ContentFilterResults;
use crate::wire::Shared;
use crate::wire::walk::Walk;

/// So many results are remembered: a rating that changes with the words changes back.
const REMEMBERED: usize = 4;
/// So many lines of a stream are parsed before any is remembered. They begin it, and are unlike each other; and
/// where templates hold, there are no more, and nothing is kept for as long as the stream is open.
const FIRST: u32 = 3;
/// How the results' member begins.
const MEMBER: &[u8] = b"\"content_filter_results\":";

/// The filter results of a stream's last parsed lines.
#[derive(Debug, Default)]
pub(super) struct KnownResults {
    known: Vec<Known>,
    /// The one that is forgotten next.
    oldest: usize,
    /// What stood before the results' member in the line that was learned last. In a line that begins the same they
    /// are at the same place.
    before: Bytes,
    /// Lines that could have been learned from, up to [`FIRST`].
    passed: u32,
}

#[derive(Debug)]
pub(super) struct Known {
    /// The object as it was written.
    object: Bytes,
    results: Shared<ContentFilterResults>,
}

impl KnownResults {
    /// Learns from a line and what it was parsed to.
    pub(super) fn learn(&mut self, line: &Bytes, body: &ChunkBody) {
        if self.passed < FIRST {
            self.passed += 1;
            return;
        }
        let Some((new, start)) = Known::of(line, body) else {
            return;
        };
        if let Some(before) = line.get(..start).filter(|before| *before != self.before) {
            self.before = Bytes::copy_from_slice(before);
        }
        match self.known.get_mut(self.oldest) {
            Some(oldest) => *oldest = new,
            None => self.known.push(new),
        }
        self.oldest = (self.oldest + 1) % REMEMBERED;
    }

    /// Nothing is known any more, nor looked for.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.oldest = 0;
    }

    /// The line without its results, in `room`, and what is known of them; `None` if nothing is.
    pub(super) fn cut<'a>(&self, line: &[u8], room: &'a mut Vec<u8>) -> Option<(&Known, &'a [u8])> {
        if self.known.is_empty() {
            return None;
        }
        let (before, found) = self.locate(line)?;
        let known = self.known.iter().find(|known| found.starts_with(&known.object))?;
        let after = found.get(known.object.len()..)?;
        let (before, after) = without_comma(before, after)?;
        room.clear();
        room.extend_from_slice(before);
        room.extend_from_slice(after);
        Some((known, room))
    }

    /// What stands before the results' member, and what from their object on.
    fn locate<'a>(&self, line: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let object = line.strip_prefix(&*self.before).and_then(|rest| rest.strip_prefix(MEMBER));
        if let Some(object) = object.filter(|object| object.first() == Some(&b'{')) {
            return Some((line.get(..self.before.len())?, object));
        }
        let (start, object) = locate_results(line)?;
        Some((line.get(..start)?, line.get(object..)?))
    }
}

/// What stands before and after a member without the comma that parts it from its neighbour, so that JSON without
/// the member is JSON and anything else is not; `None` for an only member.
fn without_comma<'a>(before: &'a [u8], after: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut walk = Walk::new(after);
    match walk.peek()? {
        b',' => {
            walk.expect(b',')?;
            (walk.peek()? == b'"').then_some((before, walk.rest()))
        }
        b'}' => Some((before.trim_ascii_end().strip_suffix(b",")?, after)),
        _ => None,
    }
}

impl Known {
    /// And where in the line the results' member begins.
    fn of(line: &Bytes, body: &ChunkBody) -> Option<(Self, usize)> {
        let choice = body.choices.as_ref()?.first()?;
        let results = choice.content_filter_results.as_ref()?;
        // of repeated members the last one counts, and it is the first one that would be found
        if body.rest.has_repeats() || choice.rest.has_repeats() {
            return None;
        }
        let (start, object) = locate_results(line)?;
        let mut walk = Walk::new(line.get(object..)?);
        walk.skip()?;
        Some((Self { object: Bytes::copy_from_slice(walk.before()), results: results.clone() }, start))
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

#[cfg(test)]
mod tests {
    use super::*;

    const SAFE: &str = r#"{"hate":{"filtered":false,"severity":"safe"}}"#;

    fn knowing(lines: &[&str]) -> KnownResults {
        let mut results = KnownResults { passed: FIRST, ..KnownResults::default() };
        for line in lines {
            results.learn(&Bytes::copy_from_slice(line.as_bytes()), &serde_json::from_str(line).unwrap());
        }
        results
    }

    fn cut(results: &KnownResults, line: &str) -> Option<String> {
        let mut room = Vec::new();
        let (_, cut) = results.cut(line.as_bytes(), &mut room)?;
        Some(String::from_utf8(cut.to_vec()).unwrap())
    }

    #[test]
    fn known_results_are_cut_out_wherever_they_stand() {
        let results =
            knowing(&[&format!(r#"{{"choices":[{{"content_filter_results":{SAFE},"delta":{{}}}}],"id":"a"}}"#)]);
        for (line, expected) in [
            (r#"{"choices":[{"content_filter_results":@,"delta":{}}]}"#, Some(r#"{"choices":[{"delta":{}}]}"#)),
            (
                r#"{"id":"b","choices":[{"content_filter_results":@,"index":0}]}"#,
                Some(r#"{"id":"b","choices":[{"index":0}]}"#),
            ),
            (r#"{"choices":[{"index":0,"content_filter_results":@}]}"#, Some(r#"{"choices":[{"index":0}]}"#)),
            (
                r#"{"choices":[{"index":0, "content_filter_results" : @ , "delta":{}}]}"#,
                Some(r#"{"choices":[{"index":0, "delta":{}}]}"#),
            ),
            // as it is no JSON, it must not become any
            (r#"{"choices":[{"content_filter_results":@,}]}"#, None),
            (r#"{"choices":[{"content_filter_results":@ "delta":{}}]}"#, None),
            (r#"{"choices":[{"index":0 "content_filter_results":@}]}"#, None),
            // nothing would be left to put them into
            (r#"{"choices":[{"content_filter_results":@}]}"#, None),
            (r#"{"choices":[{"content_filter_results":{},"delta":{}}]}"#, None),
            (r#"{"content_filter_results":@,"choices":[{"delta":{}}]}"#, None),
        ] {
            assert_eq!(cut(&results, &line.replace('@', SAFE)).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn the_first_lines_are_not_remembered_and_the_rest_for_a_while() {
        let line = |rating: usize| {
            format!(r#"{{"choices":[{{"content_filter_results":{{"hate":{{"severity":"{rating}"}}}},"index":0}}]}}"#)
        };
        let mut results = KnownResults::default();
        for rating in 0..FIRST as usize + REMEMBERED + 1 {
            let line = Bytes::from(line(rating));
            results.learn(&line, &serde_json::from_slice(&line).unwrap());
        }
        let first = FIRST as usize;
        for rating in 0..=first {
            assert_eq!(cut(&results, &line(rating)), None, "{rating}");
        }
        for rating in first + 1..=first + REMEMBERED {
            assert_eq!(cut(&results, &line(rating)).as_deref(), Some(r#"{"choices":[{"index":0}]}"#), "{rating}");
        }
        results.forget();
        assert_eq!(cut(&results, &line(first + 1)), None);
    }
}
