//! The values of `custom_id` in an input file, [`CustomIds`], each used once.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

const PREFIX: &str = "request-";

/// The ids that were made here or come from the caller. Of each id of the caller a hash of 16 bytes is kept, since a file
/// may have 100,000; that two ids have the same one is as good as impossible.
#[derive(Debug, Default)]
pub(super) struct CustomIds {
    keys: [RandomState; 2],
    hashes: HashSet<[u64; 2]>,
    /// The number of the last id that was made here.
    last: u64,
}

impl CustomIds {
    /// Makes an id that no line has: `request-1`, `request-2` and so on, without the numbers that the caller used.
    pub(super) fn make(&mut self) -> String {
        loop {
            self.last = self.last.saturating_add(1);
            let id = format!("{PREFIX}{}", self.last);
            if !self.hashes.contains(&self.hash(&id)) {
                return id;
            }
        }
    }

    /// Keeps an id of the caller.
    pub(super) fn keep(&mut self, id: &str) {
        self.hashes.insert(self.hash(id));
    }

    /// Keeps an id of the caller that [`make`](Self::make) could make as well. Of other ids nothing is kept.
    pub(super) fn avoid(&mut self, id: &str) {
        if id.starts_with(PREFIX) {
            self.keep(id);
        }
    }

    /// Whether this id was made here or kept.
    pub(super) fn is_used(&self, id: &str) -> bool {
        let number = id.strip_prefix(PREFIX).and_then(|number| number.parse::<u64>().ok());
        let is_made = |number: u64| (1..=self.last).contains(&number) && id == format!("{PREFIX}{number}");
        number.is_some_and(is_made) || self.hashes.contains(&self.hash(id))
    }

    fn hash(&self, id: &str) -> [u64; 2] {
        self.keys.each_ref().map(|key| key.hash_one(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_made_is_none_that_was_given() {
        let mut ids = CustomIds::default();
        assert_eq!(ids.make(), "request-1");
        ["request-2", "a"].into_iter().for_each(|id| ids.keep(id));
        assert_eq!(ids.make(), "request-3");
        for known in ["request-1", "request-2", "request-3", "a"] {
            assert!(ids.is_used(known), "{known}");
        }
        for new in ["request-4", "request-x", "request-03", "b"] {
            assert!(!ids.is_used(new), "{new}");
        }
    }

    #[test]
    fn of_ids_to_avoid_only_those_that_could_be_made_are_kept() {
        let mut ids = CustomIds::default();
        (0..1000).for_each(|number| ids.avoid(&format!("line-{number}")));
        ids.avoid("request-1");
        assert_eq!((ids.hashes.len(), ids.make()), (1, "request-2".to_owned()));
    }
}
