//! The verdict on a request that was checked, which is kept until the request is changed.

use std::sync::OnceLock;
use std::time::SystemTime;

use super::body::RequestBody;
use super::violation::Violation;
use crate::model::first_documented;
use crate::wire::{FieldVisitor, FromWire, Path};

/// The findings about a request that do not depend on how it is sent, each with the place of its rule in the list of
/// rules.
pub(super) struct Verdict {
    pub(super) refused: Vec<(usize, Violation)>,
    /// Made for the first call: a request that is built to be written to a file needs none.
    pub(super) advised: OnceLock<Advised>,
}

/// The advice, and what the rules of advice that depend on the call look at.
pub(super) struct Advised {
    pub(super) findings: Vec<(usize, Violation)>,
    pub(super) survey: Survey,
    /// The moment from which the declared model is retired.
    pub(super) retires: Option<SystemTime>,
}

/// What one visit of a body collects for every call.
#[derive(Default)]
pub(super) struct Survey {
    /// Members, message roles and types that are documented from some api version on, each once, with the parameter
    /// where it is first.
    pub(super) dated: Vec<(&'static str, String)>,
    /// The bytes of all strings.
    pub(super) text_length: usize,
}

impl Survey {
    pub(super) fn of(body: &RequestBody) -> Self {
        let mut survey = Self::default();
        body.visit(&Path::Root, &mut survey);
        survey
    }

    fn note(&mut self, name: &str, path: &Path<'_>) {
        let Some((name, ..)) = first_documented(name) else { return };
        if !self.dated.iter().any(|(noted, _)| noted == name) {
            self.dated.push((name, path.names().last().unwrap_or_default().to_owned()));
        }
    }
}

impl<'a> FieldVisitor<'a> for Survey {
    fn typed(&mut self, path: &Path<'_>) {
        self.note(path.names().next().unwrap_or_default(), path);
    }

    fn text(&mut self, path: &Path<'_>, text: &'a str) {
        self.text_length = self.text_length.saturating_add(text.len());
        if matches!(path, Path::Member { name: "role" | "type", .. }) {
            self.note(text, path);
        }
    }
}
