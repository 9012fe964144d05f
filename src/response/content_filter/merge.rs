//! What is said of parts of a text, as what is said of the whole.

use serde_json::Value;

use super::{
    BlocklistResult, ContentFilterResults, CustomTopicResult, DetectionResult, ExternalSafetyResult,
    PersonalInformationResult, ProtectedCodeResult, Severity, SeverityResult, UngroundedResult,
};

impl ContentFilterResults {
    /// Takes over every category that `newer` mentions, unless what is known already is worse: the parts of
    /// a streamed text are judged one by one, and the whole is as bad as its worst part.
    pub(crate) fn merge(&mut self, newer: &Self) {
        macro_rules! take {
            ($($field:ident),*) => {
                $(
                    if let Some(new) = &newer.$field
                        && self.$field.as_ref().is_none_or(|old| old.badness() <= new.badness())
                        && self.$field.as_ref() != Some(new)
                    {
                        self.$field = Some(new.clone());
                    }
                )*
            };
        }
        take!(
            hate,
            sexual,
            violence,
            self_harm,
            self_harm_hyphen,
            jailbreak,
            indirect_attack,
            profanity,
            custom_blocklists,
            custom_topics,
            protected_material_text,
            protected_material_code,
            personally_identifiable_information,
            ungrounded_material,
            task_adherence,
            external_safety_provider
        );
        if newer.error.is_some() {
            self.error.clone_from(&newer.error);
        }
        for (name, value) in newer.extra().into_iter().flatten() {
            let bad = |value: &Value| value.get("filtered").and_then(Value::as_bool) == Some(true);
            if !self.extra().and_then(|extra| extra.get(name)).is_some_and(bad) || bad(value) {
                self.rest.keep(name, value.clone());
            }
        }
    }
}

/// Orders results of one category, for merging.
trait Badness {
    /// Blocked before found before rated.
    fn badness(&self) -> (bool, bool, u8);
}

impl Badness for SeverityResult {
    fn badness(&self) -> (bool, bool, u8) {
        let rank = match self.severity {
            None => 0,
            Some(Severity::Safe) => 1,
            Some(Severity::Low) => 2,
            Some(Severity::Medium) => 3,
            Some(Severity::High | Severity::Unknown(_)) => 4,
        };
        (self.filtered == Some(true), false, rank)
    }
}

impl Badness for BlocklistResult {
    fn badness(&self) -> (bool, bool, u8) {
        (self.filtered() == Some(true), !self.details().is_empty(), 0)
    }
}

impl Badness for CustomTopicResult {
    fn badness(&self) -> (bool, bool, u8) {
        let found = self.details.iter().flatten().any(|topic| topic.detected == Some(true));
        (self.filtered == Some(true), found, 0)
    }
}

macro_rules! badness_of_detection {
    ($($Name:ty),*) => {
        $(
            impl Badness for $Name {
                fn badness(&self) -> (bool, bool, u8) {
                    (self.filtered == Some(true), self.detected == Some(true), 0)
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
