//! The values of `custom_id` in an input file, [`CustomIds`], each used once.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

const PREFIX: &str = "request-";

/// The ids that were made here or come from the caller. Of each id of the caller a hash of eight bytes is kept.
///
/// An id with a new hash is new. With a known hash the written lines have to be searched for it; among a million different
/// ids that happens by chance once in forty million times.
#[derive(Debug, Default)]
pub(super) struct CustomIds {
    hashes: HashSet<u64>,
    /// The number of the last id that was made here.
    last: u64,
}

impl CustomIds {
    /// Makes an id that no line has: `request-1`, `request-2` and so on, without the numbers that the caller used.
    pub(super) fn make(&mut self) -> String {
        loop {
            self.last = self.last.saturating_add(1);
            let id = format!("{PREFIX}{}", self.last);
            if self.hashes.is_empty() || !self.hashes.contains(&hash(&id)) {
                return id;
            }
        }
    }

    /// Keeps an id of the caller that [`make`](Self::make) could make as well. Of other ids nothing is kept.
    pub(super) fn avoid(&mut self, id: &str) {
        if id.starts_with(PREFIX) {
            self.hashes.insert(hash(id));
        }
    }

    /// Whether a line may have this id of the caller already. If none has, it is kept.
    pub(super) fn may_be_used(&mut self, id: &str) -> bool {
        let number = id.strip_prefix(PREFIX).and_then(|number| number.parse::<u64>().ok());
        number.is_some_and(|number| number <= self.last) || !self.hashes.insert(hash(id))
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_made_is_none_that_was_given() {
        let mut ids = CustomIds::default();
        assert_eq!(ids.make(), "request-1");
        assert!(!ids.may_be_used("request-2") && !ids.may_be_used("a"));
        assert_eq!(ids.make(), "request-3");
        for known in ["request-1", "request-2", "request-3", "a"] {
            assert!(ids.may_be_used(known), "{known}");
        }
        assert!(!ids.may_be_used("request-4") && !ids.may_be_used("request-x"));
    }

    #[test]
    fn of_ids_to_avoid_only_those_that_could_be_made_are_kept() {
        let mut ids = CustomIds::default();
        (0..1000).for_each(|number| ids.avoid(&format!("line-{number}")));
        ids.avoid("request-1");
        assert_eq!((ids.hashes.len(), ids.make()), (1, "request-2".to_owned()));
    }
}
