//! The results of the content filter's categories, and the merging of the results of one category.

use std::cmp::Ordering;
use std::fmt;

use serde::de::{MapAccess, SeqAccess};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use crate::wire::{
    Field, FieldVisitor, FromWire, List, Merge, Path, deserialize_wire, extend_distinct, open_enum, wire_struct,
};

open_enum! {
    /// How harmful a text is.
    ///
    /// Severities are ordered by level: `Safe` < `Low` < `Medium` < `High` < any unknown one. A result without severity
    /// is below all: `results.hate().and_then(SeverityResult::severity) >= Some(&Severity::Medium)`.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter-severity-levels>
    pub enum Severity {
        /// No harm found.
        Safe = "safe",
        /// Mild.
        Low = "low",
        /// Moderate.
        Medium = "medium",
        /// Severe.
        High = "high",
    }
}

wire_struct! {
    /// The result of a category with a severity.
    pub struct SeverityResult {
        /// Whether the text was blocked for this category.
        filtered: bool = "filtered",
        /// How harmful the text is.
        severity: Severity = "severity",
    }

    /// The result of a category that is detected or not.
    pub struct DetectionResult {
        /// Whether the text was blocked for this category.
        filtered: bool = "filtered",
        /// Whether it was detected.
        detected: bool = "detected",
    }

    /// The result for protected code, with its source.
    pub struct ProtectedCodeResult {
        /// Whether the text was blocked for this category.
        filtered: bool = "filtered",
        /// Whether it was detected.
        detected: bool = "detected",
        /// The public source of the code.
        citation: CodeCitation = "citation",
    }

    /// The source of protected code.
    pub struct CodeCitation {
        /// The URL of the repository.
        url: String = "URL",
        /// The name of the licence.
        license: String = "license",
    }

    /// The result of one blocklist.
    pub struct BlocklistMatch {
        /// Whether the text was blocked for this category.
        filtered: bool = "filtered",
        /// The name of the blocklist.
        id: String = "id",
    }

    /// The result of custom topics.
    pub struct CustomTopicResult {
        /// Whether the text was blocked for one of them.
        filtered: bool = "filtered",
        /// The results topic by topic.
        details: Vec<CustomTopicMatch> = "details",
    }

    /// The result of one topic.
    pub struct CustomTopicMatch {
        /// Whether the text is about the topic.
        detected: bool = "detected",
        /// The name of the topic.
        id: String = "id",
    }

    /// The result for personal data.
    pub struct PersonalInformationResult {
        /// Whether the text was blocked for this category.
        filtered: bool = "filtered",
        /// Whether any was detected.
        detected: bool = "detected",
        /// The text without the personal data.
        redacted_text: String = hidden "redacted_text",
        /// The results by kind of data.
        sub_categories: Vec<PersonalInformationCategory> = "sub_categories",
    }

    /// The result for one kind of personal data.
    pub struct PersonalInformationCategory {
        /// The kind, such as `Email`.
        sub_category: String = "sub_category",
        /// Whether it was detected.
        detected: bool = "detected",
        /// Whether the text was blocked for this category.
        filtered: bool = "filtered",
        /// Whether it was removed from the text.
        redacted: bool = "redacted",
    }

    /// The result for statements without support in the sources.
    pub struct UngroundedResult {
        /// Whether the text was blocked for it; this category only annotates so far.
        filtered: bool = "filtered",
        /// Whether any was detected.
        detected: bool = "detected",
        /// Where the answer has such statements.
        details: Vec<TextSpan> = "details",
    }

    /// A part of the answer, in characters.
    pub struct TextSpan {
        /// The index of the first character.
        completion_start_offset: u64 = "completion_start_offset",
        /// The index after the last character.
        completion_end_offset: u64 = "completion_end_offset",
    }

    /// The result of the filters of third parties.
    pub struct ExternalSafetyResult {
        /// Whether the text was blocked for this category.
        filtered: bool = "filtered",
        /// Whether anything was detected.
        detected: bool = "detected",
        /// The results by provider.
        results: Vec<ExternalSafetyFinding> = "results",
    }

    /// The result of one third-party filter.
    pub struct ExternalSafetyFinding {
        /// The name of the provider.
        provider_name: String = "provider_name",
        /// The error, when the filter gave no result.
        error: Value = hidden "error",
        /// Whether anything was detected.
        detected: bool = "detected",
        /// Whether the text was blocked for this category.
        filtered: bool = "filtered",
        /// The role of the message that was checked.
        role: String = "role",
        /// Where the text that was checked came from.
        source: String = "source",
        /// The details, in the format of the provider.
        details: Value = hidden "details",
        /// The id of the profile that the filter used.
        profile_id: String = "profile_id",
    }
}

/// The result of the resource's blocklists.
///
/// The service sends an object with `details`, an object with `filtered` alone, or a bare list. All are read, and
/// written back as they came.
#[derive(Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct BlocklistResult {
    object: BlocklistObject,
    is_list: bool,
}

wire_struct! {
    struct BlocklistObject {
        filtered: bool = "filtered",
        details: Vec<BlocklistMatch> = "details",
    }
}

impl BlocklistResult {
    /// Whether the text was blocked for a match of any list. `None` when the service sent no `filtered`.
    #[must_use]
    pub fn filtered(&self) -> Option<bool> {
        self.object
            .filtered
            .or_else(|| self.is_list.then(|| self.details().iter().any(|list| list.filtered == Some(true))))
    }

    /// The results list by list.
    #[must_use]
    pub fn details(&self) -> &[BlocklistMatch] {
        self.object.details()
    }
}

impl fmt::Debug for BlocklistResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)
    }
}

impl FromWire for BlocklistResult {
    const EXPECTED: &'static str = "an object or a list";

    fn visit<'a>(&'a self, path: &Path<'_>, visitor: &mut dyn FieldVisitor<'a>) {
        self.object.visit(path, visitor);
    }
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Field<Self>, A::Error> {
        Ok(Field::Typed(Self { object: BlocklistObject::read_map(map)?, is_list: false }))
    }
    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Field<Self>, A::Error> {
        Ok(List::from_seq(seq)?.map(|List(details)| Self {
            object: BlocklistObject { details: Some(details), ..BlocklistObject::EMPTY },
            is_list: true,
        }))
    }
}

deserialize_wire!(BlocklistResult);

impl Serialize for BlocklistResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_list { self.details().serialize(serializer) } else { self.object.serialize(serializer) }
    }
}

/// The result of one category.
pub(super) trait Category {
    /// The wire's `filtered`.
    fn filtered(&self) -> Option<bool>;

    /// Merges the result for a later part of the text: values of the worse of both, a member that only one has, and
    /// the elements of both lists. Of two equally bad results the later counts as the worse.
    fn merge(&mut self, newer: &Self)
    where
        Self: Sized;
}

/// Orders results of one category: blocked, then detected, then by severity. A missing member is below any other.
type Badness = (Option<bool>, Option<bool>, u8);

/// By level, `safe` the lowest. A severity without a variant is above all with one, so that a check such as
/// `severity >= Severity::Medium` errs on the safe side; two different ones cannot be compared.
impl PartialOrd for Severity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match rank(Some(self)).cmp(&rank(Some(other))) {
            Ordering::Equal if self != other => None,
            ordering => Some(ordering),
        }
    }
}

fn rank(severity: Option<&Severity>) -> u8 {
    match severity.map(Severity::as_str) {
        None | Some("") => 0,
        Some("safe") => 1,
        Some("low") => 2,
        Some("medium") => 3,
        Some("high") => 4,
        // an unknown severity is taken for the worst
        Some(_) => 5,
    }
}

/// Implements [`Category`] for a struct, which is taken apart without `..`, so that no field is forgotten.
macro_rules! merge_category {
    ($Name:ident, $badness:expr; $($value:ident),*; $($text:ident),*; $($list:ident),*) => {
        impl Category for $Name {
            fn filtered(&self) -> Option<bool> {
                self.filtered
            }
            fn merge(&mut self, newer: &Self) {
                let badness: fn(&Self) -> Badness = $badness;
                let is_newer_worse = badness(self) <= badness(newer);
                let Self { $($value,)* $($text,)* $($list,)* extra } = newer;
                $( merge_value(&mut self.$value, $value.as_ref(), is_newer_worse); )*
                $( merge_text(&mut self.$text, $text, is_newer_worse); )*
                $(
                    if let Some(newer) = $list {
                        extend_distinct(self.$list.get_or_insert_default(), newer);
                    }
                )*
                self.extra.merge(extra, Merge::Results { is_newer_worse });
            }
        }
    };
}

merge_category!(SeverityResult, |result| (result.filtered, None, rank(result.severity.as_ref())); filtered, severity;;);
merge_category!(DetectionResult, |result| (result.filtered, result.detected, 0); filtered, detected;;);
merge_category!(ProtectedCodeResult, |result| (result.filtered, result.detected, 0); filtered, detected, citation;;);
merge_category!(BlocklistObject, |result| (result.filtered, None, 0); filtered;; details);
merge_category!(CustomTopicResult, |result| (result.filtered, None, 0); filtered;; details);
merge_category!(
    PersonalInformationResult, |result| (result.filtered, result.detected, 0);
    filtered, detected; redacted_text; sub_categories
);
merge_category!(UngroundedResult, |result| (result.filtered, result.detected, 0); filtered, detected;; details);
merge_category!(ExternalSafetyResult, |result| (result.filtered, result.detected, 0); filtered, detected;; results);

impl Category for BlocklistResult {
    fn filtered(&self) -> Option<bool> {
        self.filtered()
    }
    fn merge(&mut self, newer: &Self) {
        let filtered = self.filtered().max(newer.filtered());
        self.object.merge(&newer.object);
        // a list has no `filtered` of its own, and an object can hold all that a list can
        self.is_list &= newer.is_list;
        if !self.is_list {
            self.object.filtered = filtered;
        }
    }
}

fn merge_value<T: Clone>(value: &mut Option<T>, newer: Option<&T>, is_newer_worse: bool) {
    if let Some(newer) = newer.filter(|_| is_newer_worse || value.is_none()) {
        *value = Some(newer.clone());
    }
}

/// As [`merge_value`], for texts: an empty one counts as missing.
pub(super) fn merge_text(text: &mut Option<String>, newer: &Option<String>, is_newer_worse: bool) {
    let text_is_empty = text.as_deref().unwrap_or_default().is_empty();
    let newer = newer.as_ref().filter(|newer| !newer.is_empty() || text.is_none());
    merge_value(text, newer, is_newer_worse || text_is_empty);
}
