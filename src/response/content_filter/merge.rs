//! Merging of the filter results of chunks: what is kept is the worst result of each category.

use serde_json::Value;

use super::{
    BlocklistResult, ContentFilterResults, CustomTopicResult, DetectionResult, ExternalSafetyResult, FilterError,
    PersonalInformationResult, ProtectedCodeResult, Severity, SeverityResult, UngroundedResult,
};

impl ContentFilterResults {
    /// Takes over every category that `newer` has, unless the result at hand is worse: the service judges the
    /// parts of a streamed text one by one, and the whole is as bad as its worst part.
    pub(crate) fn merge(&mut self, newer: &Self) {
        self.merge_modelled(newer);
        if let Some(error) = &newer.error
            && (self.error.is_none() || *error != FilterError::EMPTY)
        {
            self.error = Some(error.clone());
        }
        for (name, value) in newer.extra().into_iter().flatten() {
            let bad = |value: &Value| value.get("filtered").and_then(Value::as_bool) == Some(true);
            let known = self.extra().and_then(|extra| extra.get(name));
            let says_nothing = value.is_null() || value.as_str() == Some("");
            if known.is_none_or(|known| !says_nothing && (!bad(known) || bad(value))) {
                self.extra.keep(name, value.clone());
            }
        }
    }
}

/// Blocked before found before rated. A result without `filtered` or `detected` is less than one with it.
type Badness = (Option<bool>, Option<bool>, u8);

/// The result of one category.
pub(super) trait Category {
    /// The wire's `filtered`.
    fn filtered(&self) -> Option<bool>;

    /// Orders results of one category, for merging.
    fn badness(&self) -> Badness;
}

impl Category for SeverityResult {
    fn filtered(&self) -> Option<bool> {
        self.filtered
    }
    fn badness(&self) -> Badness {
        let rank = match self.severity {
            None => 0,
            Some(Severity::Safe) => 1,
            Some(Severity::Low) => 2,
            Some(Severity::Medium) => 3,
            Some(Severity::High | Severity::Unknown(_)) => 4,
        };
        (self.filtered, None, rank)
    }
}

impl Category for BlocklistResult {
    fn filtered(&self) -> Option<bool> {
        self.filtered()
    }
    fn badness(&self) -> Badness {
        (self.filtered(), Some(!self.details().is_empty()), 0)
    }
}

impl Category for CustomTopicResult {
    fn filtered(&self) -> Option<bool> {
        self.filtered
    }
    fn badness(&self) -> Badness {
        let found = self.details.iter().flatten().any(|topic| topic.detected == Some(true));
        (self.filtered, Some(found), 0)
    }
}

macro_rules! badness_of_detection {
    ($($Name:ty),*) => {
        $(
            impl Category for $Name {
                fn filtered(&self) -> Option<bool> {
                    self.filtered
                }
                fn badness(&self) -> Badness {
                    (self.filtered, self.detected, 0)
                }
            }
        )*
    };
}

badness_of_detection!(
    DetectionResult,
    ProtectedCodeResult,
    PersonalInformationResult,
    UngroundedResult,
    ExternalSafetyResult
);
