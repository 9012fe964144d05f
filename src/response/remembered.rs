//! Filter results that come again: most of what there is to parse in a small answer, and mostly the very same
//! from answer to answer.
//!
//! A client remembers the last few, as they were written and as they were read. An answer that has one of them
//! is read with `null` in its place, and gets what was read before. This gives what reading the whole gives,
//! for every input; where that is not certain, the whole is read.
//!
//! What is remembered is small and tells nothing about anybody: no result that holds text of its own, such as a
//! citation, a redacted answer or the name of a blocklist.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use memchr::memmem::Finder;

use super::{CompletionBody, ContentFilterResults, PromptFilterResult, Severity};
use crate::wire::Shared;
use crate::wire::walk::Walk;

/// So many results of prompts are remembered, and as many of choices.
const REMEMBERED: usize = 8;
/// Longer results are forgotten.
const REMEMBERED_BYTES: usize = 1024;
/// In a longer answer there is so much else to read that results make little difference.
const SEARCHED_BYTES: usize = 16 * 1024;

static PROMPTS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"prompt_filter_results\":["));

/// The filter results of earlier answers.
#[derive(Default)]
pub(crate) struct RememberedResults(Mutex<Arc<Known>>);

#[derive(Clone, Default)]
struct Known {
    choices: Kept<Arc<ContentFilterResults>>,
    prompts: Kept<Shared<Vec<PromptFilterResult>>>,
}

/// Values with their JSON.
#[derive(Clone)]
struct Kept<T> {
    values: Vec<(Arc<str>, T)>,
    /// The one that is forgotten next.
    oldest: usize,
}

/// A value in the text of an answer.
struct Place<T> {
    at: Range<usize>,
    known: Option<T>,
}

/// Where the results of the first choice are, and behind them those of the prompts.
struct Found {
    choice: Option<Place<Arc<ContentFilterResults>>>,
    prompts: Option<Place<Shared<Vec<PromptFilterResult>>>>,
}

impl RememberedResults {
    /// Reads the body of an answer.
    pub(crate) fn read(&self, json: &str) -> Result<CompletionBody, serde_json::Error> {
        if json.len() > SEARCHED_BYTES {
            return serde_json::from_str(json);
        }
        let known = Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let found = known.find_in(json);
        // or else what is learned would be learned by a copy
        drop(known);
        let body = match found.read_others(json) {
            Some(body) => body,
            None => serde_json::from_str(json)?,
        };
        self.learn(json, &found, &body);
        Ok(body)
    }

    fn learn(&self, json: &str, found: &Found, body: &CompletionBody) {
        // of repeated members the last one counts, and it is the first one that was found
        if body.rest.has_repeats() {
            return;
        }
        let first = body.choices.iter().flatten().next().filter(|choice| !choice.rest.has_repeats());
        let choice = first.and_then(|choice| choice.content_filter_results.as_ref());
        let choice = found.choice.as_ref().and_then(|place| place.worth(json)).zip(choice);
        let prompts = body.prompt_filter_results.as_ref();
        let prompts = found.prompts.as_ref().and_then(|place| place.worth(json)).zip(prompts);
        if choice.is_none() && prompts.is_none() {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = Arc::make_mut(&mut known);
        if let Some((json, results)) = choice {
            known.choices.keep(json, Arc::new(results.clone()));
        }
        if let Some((json, results)) = prompts {
            known.prompts.keep(json, results.clone());
        }
    }
}

/// Where results are in a text, if it is JSON.
impl Known {
    fn find_in(&self, json: &str) -> Found {
        let json = json.as_bytes();
        let choice = self.choice_in(json);
        let after = choice.as_ref().map_or(0, |choice| choice.at.end);
        Found { choice, prompts: self.prompts_in(json, after) }
    }

    /// The results of the first choice. They come early, so this is a walk from the beginning.
    fn choice_in(&self, json: &[u8]) -> Option<Place<Arc<ContentFilterResults>>> {
        let mut walk = Walk::new(json);
        let mut found = None;
        // `None` from a member ends the walk, which is of no use once they are found
        let _ = walk.object(|walk, name| {
            if name != b"choices" {
                return walk.skip();
            }
            walk.expect(b'[')?;
            walk.object(|walk, name| {
                if name != b"content_filter_results" || walk.peek()? != b'{' {
                    return walk.skip();
                }
                found = self.choices.find_at(walk);
                None
            })
        });
        found
    }

    /// The results of the prompts. They come late, after the text, so they are searched for. They belong to the
    /// outermost object if what follows them closes one object and nothing else.
    fn prompts_in(&self, json: &[u8], after: usize) -> Option<Place<Shared<Vec<PromptFilterResult>>>> {
        let name = after + PROMPTS.find(json.get(after..)?)?;
        let mut walk = Walk::new(json);
        walk.step(name);
        // or else the quote may be a part of a longer name
        if !matches!(walk.before().last(), Some(b',' | b'{')) {
            return None;
        }
        walk.step(PROMPTS.needle().len().saturating_sub(1));
        let found = self.prompts.find_at(&mut walk)?;
        walk.leave(1)?;
        walk.peek().is_none().then_some(found)
    }
}

impl<T: Clone> Kept<T> {
    /// Steps over a value.
    fn find_at(&self, walk: &mut Walk<'_>) -> Option<Place<T>> {
        let start = walk.at();
        let known = self.values.iter().find(|(json, _)| walk.rest().starts_with(json.as_bytes()));
        match known {
            Some((json, _)) => walk.step(json.len()),
            None => walk.skip()?,
        }
        Some(Place { at: start..walk.at(), known: known.map(|(_, value)| value.clone()) })
    }

    fn keep(&mut self, json: &str, value: T) {
        let new = (Arc::from(json), value);
        match self.values.get_mut(self.oldest) {
            Some(oldest) => *oldest = new,
            None => self.values.push(new),
        }
        self.oldest = (self.oldest + 1) % REMEMBERED;
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { values: Vec::new(), oldest: 0 }
    }
}

impl<T> Place<T> {
    /// The value's JSON, if it is worth remembering.
    fn worth<'a>(&self, json: &'a str) -> Option<&'a str> {
        let value = json.get(self.at.clone()).filter(|value| value.len() <= REMEMBERED_BYTES)?;
        (self.known.is_none() && has_no_text(value)).then_some(value)
    }
}

impl Found {
    /// The answer from all but the known results, and these; `None` if there are none, or if others came too.
    ///
    /// A value takes the place of another, so the text is JSON if it was, and only then.
    fn read_others(&self, json: &str) -> Option<CompletionBody> {
        let choice = self.choice.as_ref().and_then(|place| Some((&place.at, place.known.as_ref()?)));
        let prompts = self.prompts.as_ref().and_then(|place| Some((&place.at, place.known.as_ref()?)));
        // in this order
        let places = [choice.map(|(at, _)| at), prompts.map(|(at, _)| at)];
        let known: usize = places.iter().flatten().map(|at| at.len()).sum();
        if known == 0 {
            return None;
        }
        let mut others = String::with_capacity(json.len().saturating_sub(known).saturating_add(8));
        let mut from = 0;
        for at in places.into_iter().flatten() {
            others.push_str(json.get(from..at.start)?);
            others.push_str("null");
            from = at.end;
        }
        others.push_str(json.get(from..)?);
        // what cannot be read is read again as a whole, for its error to name the place
        let mut body: CompletionBody = serde_json::from_str(&others).ok()?;
        if body.rest.has_repeats() {
            return None;
        }
        if let Some((_, results)) = choice {
            let first = body.choices.as_mut()?.first_mut()?;
            if first.rest.has_repeats() || first.content_filter_results.is_some() {
                return None;
            }
            first.content_filter_results = Some(results.as_ref().clone());
        }
        if let Some((_, results)) = prompts {
            if body.prompt_filter_results.is_some() {
                return None;
            }
            body.prompt_filter_results = Some(results.clone());
        }
        Some(body)
    }
}

/// Whether every string in a value is the name of a member or a severity.
fn has_no_text(json: &str) -> bool {
    let json = json.as_bytes();
    let mut walk = Walk::new(json);
    while let Some(before) = memchr::memchr(b'"', walk.rest()) {
        walk.step(before);
        let Some(text) = walk.string().and_then(|place| json.get(place)) else {
            return false;
        };
        let is_name = walk.rest().starts_with(b":");
        if !is_name && !Severity::KNOWN.iter().any(|severity| severity.as_str().as_bytes() == text) {
            return false;
        }
    }
    true
}

/// Prints how much is remembered.
impl fmt::Debug for RememberedResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("RememberedResults")
            .field("choices", &known.choices.values.len())
            .field("prompts", &known.prompts.values.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
