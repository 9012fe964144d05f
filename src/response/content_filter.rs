//! Azure's safety annotations on prompts and answers.
//!
//! Any category may be missing, results may be `{}`, and new categories appear without a new api
//! version. So every question about them has three answers, [`FilterState`]: clean, filtered, not
//! evaluated. Categories this version does not know are in `extra()` and count in
//! [`ContentFilterResults::state`] all the same.
//!
//! Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter-annotations>

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, SeqAccess};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

use self::merge::Category;
use crate::wire::{Field, FieldVisitor, FromWire, Merge, Path, deserialize_wire, open_enum, wire_struct};

mod merge;

/// What is known about one category, or about all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FilterState {
    /// The filter ran and let the text pass.
    Clean,
    /// The filter ran and blocked or cut the text.
    Filtered,
    /// No result: the filter is off, did not finish, or said nothing about it.
    NotEvaluated,
}

impl FilterState {
    fn of(filtered: Option<bool>) -> Self {
        match filtered {
            Some(true) => Self::Filtered,
            Some(false) => Self::Clean,
            None => Self::NotEvaluated,
        }
    }

    /// The state in words: `clean`, `filtered` or `not_evaluated`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Filtered => "filtered",
            Self::NotEvaluated => "not_evaluated",
        }
    }
}

open_enum! {
    /// How harmful a text was rated.
    pub enum Severity {
        /// No harm seen.
        Safe = "safe",
        /// Mild.
        Low = "low",
        /// Moderate.
        Medium = "medium",
        /// Severe.
        High = "high",
    }
}

/// Makes everything that depends on the list of categories: the fields, what each of them says, and merging. A
/// category in this list cannot be forgotten in any of them.
macro_rules! filter_categories {
    ($( $(#[$meta:meta])* $field:ident : $Type:ty = $name:literal $(| $alias:literal)? ),* $(,)?) => {
        wire_struct! {
            /// The filter results of one prompt or one choice, by category.
            pub struct ContentFilterResults {
                $( $(#[$meta])* pub $field: $Type = $name $(| $alias)?, )*
                /// The filter did not finish: everything else is unknown.
                pub error: FilterError = "error",
            }
        }

        impl ContentFilterResults {
            /// The wire names of the categories this version has fields for.
            pub const CATEGORIES: &'static [&'static str] = &[$( $name ),*];

            /// The results of the modelled categories that came, by wire name.
            fn modelled(&self) -> impl Iterator<Item = (&'static str, &dyn Category)> {
                let all = [$( ($name, self.$field.as_ref().map(|result| result as &dyn Category)) ),*];
                all.into_iter().filter_map(|(name, result)| Some((name, result?)))
            }

            /// Takes over every modelled category that `newer` has, unless the result at hand is worse.
            fn merge_modelled(&mut self, newer: &Self) {
                $(
                    if let Some(new) = &newer.$field
                        && self.$field.as_ref().is_none_or(|old| old.badness() <= new.badness())
                        && self.$field.as_ref() != Some(new)
                    {
                        self.$field = Some(new.clone());
                    }
                )*
            }
        }
    };
}

filter_categories! {
    /// Hate and unfairness.
    hate: SeverityResult = "hate",
    /// Sexual content.
    sexual: SeverityResult = "sexual",
    /// Violence.
    violence: SeverityResult = "violence",
    /// Self-harm; `self-harm` in old versions.
    self_harm: SeverityResult = "self_harm" | "self-harm",
    /// An attempt of the user to break out of the rules; prompts only.
    jailbreak: DetectionResult = "jailbreak",
    /// An attack hidden in a document; prompts only.
    indirect_attack: DetectionResult = "indirect_attack",
    /// Profane words.
    profanity: DetectionResult = "profanity",
    /// Words on the resource's own blocklists.
    custom_blocklists: BlocklistResult = "custom_blocklists",
    /// Topics the resource's owner excluded.
    custom_topics: CustomTopicResult = "custom_topics",
    /// Known protected text; answers only.
    protected_material_text: DetectionResult = "protected_material_text",
    /// Known protected code, with its licence; answers only.
    protected_material_code: ProtectedCodeResult = "protected_material_code",
    /// Personal data in the answer.
    personally_identifiable_information: PersonalInformationResult = "personally_identifiable_information",
    /// Statements that the sources do not support; answers only.
    ungrounded_material: UngroundedResult = "ungrounded_material",
    /// Whether an agent kept to its task.
    task_adherence: DetectionResult = "task_adherence",
    /// The findings of a third party's filter.
    external_safety_provider: ExternalSafetyResult = "external_safety_provider",
}

wire_struct! {
    /// The result of a category that is rated.
    pub struct SeverityResult {
        /// Whether the text was blocked for it.
        pub filtered: bool = "filtered",
        /// The rating.
        pub severity: Severity = "severity",
    }
}

wire_struct! {
    /// The result of a category that is found or not.
    pub struct DetectionResult {
        /// Whether the text was blocked for it.
        pub filtered: bool = "filtered",
        /// Whether it was found.
        pub detected: bool = "detected",
    }
}

wire_struct! {
    /// Protected code, and where it is from.
    pub struct ProtectedCodeResult {
        /// Whether the text was blocked for it.
        pub filtered: bool = "filtered",
        /// Whether it was found.
        pub detected: bool = "detected",
        /// Where it is from.
        pub citation: CodeCitation = "citation",
    }
}

wire_struct! {
    /// The source of protected code.
    pub struct CodeCitation {
        /// The repository.
        pub url: String = "URL",
        /// The licence's name.
        pub license: String = "license",
    }
}

wire_struct! {
    /// One blocklist's verdict.
    pub struct BlocklistMatch {
        /// Whether the text was blocked for it.
        pub filtered: bool = "filtered",
        /// The blocklist's name.
        pub id: String = "id",
    }
}

wire_struct! {
    /// The result of excluded topics.
    pub struct CustomTopicResult {
        /// Whether the text was blocked for one of them.
        pub filtered: bool = "filtered",
        /// The topics, one by one.
        pub details: Vec<CustomTopicMatch> = "details",
    }
}

wire_struct! {
    /// One topic's verdict.
    pub struct CustomTopicMatch {
        /// Whether the text is about it.
        pub detected: bool = "detected",
        /// The topic's name.
        pub id: String = "id",
    }
}

wire_struct! {
    /// Personal data that was found, and what became of it.
    pub struct PersonalInformationResult {
        /// Whether the text was blocked for it.
        pub filtered: bool = "filtered",
        /// Whether any was found.
        pub detected: bool = "detected",
        /// The text with the personal data taken out.
        pub redacted_text: String = hidden "redacted_text",
        /// The kinds of data looked for.
        pub sub_categories: Vec<PersonalInformationCategory> = "sub_categories",
    }
}

wire_struct! {
    /// One kind of personal data.
    pub struct PersonalInformationCategory {
        /// The kind, such as `Email`.
        pub sub_category: String = "sub_category",
        /// Whether it was found.
        pub detected: bool = "detected",
        /// Whether the text was blocked for it.
        pub filtered: bool = "filtered",
        /// Whether it was taken out of the text.
        pub redacted: bool = "redacted",
    }
}

wire_struct! {
    /// Statements without support in the sources.
    pub struct UngroundedResult {
        /// Whether the text was blocked for it; this category only annotates so far.
        pub filtered: bool = "filtered",
        /// Whether any was found.
        pub detected: bool = "detected",
        /// Where in the answer.
        pub details: Vec<TextSpan> = "details",
    }
}

wire_struct! {
    /// A part of the answer, in characters.
    pub struct TextSpan {
        /// The first character.
        pub completion_start_offset: u64 = "completion_start_offset",
        /// One past the last character.
        pub completion_end_offset: u64 = "completion_end_offset",
    }
}

wire_struct! {
    /// What third-party filters found.
    pub struct ExternalSafetyResult {
        /// Whether the text was blocked for it.
        pub filtered: bool = "filtered",
        /// Whether anything was found.
        pub detected: bool = "detected",
        /// Provider by provider.
        pub results: Vec<ExternalSafetyFinding> = "results",
    }
}

wire_struct! {
    /// What one third-party filter found.
    pub struct ExternalSafetyFinding {
        /// The provider's name.
        pub provider_name: String = "provider_name",
        /// Why it gave no result.
        pub error: Value = hidden "error",
        /// Whether anything was found.
        pub detected: bool = "detected",
        /// Whether the text was blocked for it.
        pub filtered: bool = "filtered",
        /// Whose text it looked at.
        pub role: String = "role",
        /// Where the text is from.
        pub source: String = "source",
        /// What it says about it.
        pub details: Value = hidden "details",
        /// The profile it worked with.
        pub profile_id: String = "profile_id",
    }
}

wire_struct! {
    /// Why the filter did not finish.
    pub struct FilterError {
        /// A number or a word such as `content_filter_error`.
        pub code: Value = "code",
        /// In words.
        pub message: String = hidden "message",
    }
}

wire_struct! {
    /// How far the asynchronous filter has looked, in characters from the start of the prompt.
    pub struct ContentFilterOffsets {
        /// Up to here the text has been checked completely.
        pub check_offset: u64 = "check_offset",
        /// Where the text that was checked with this result begins.
        pub start_offset: u64 = "start_offset",
        /// Where it ends.
        pub end_offset: u64 = "end_offset",
    }
}

impl ContentFilterOffsets {
    /// Takes over the offsets of a later chunk that it has.
    pub(crate) fn merge(&mut self, newer: &Self) {
        let Self { check_offset, start_offset, end_offset, extra } = newer;
        self.check_offset = check_offset.or(self.check_offset);
        self.start_offset = start_offset.or(self.start_offset);
        self.end_offset = end_offset.or(self.end_offset);
        self.extra.merge(extra, Merge::Repeated);
    }
}

wire_struct! {
    /// The filter results of one prompt.
    pub struct PromptFilterResult {
        /// Which prompt, from 0.
        pub prompt_index: u64 = "prompt_index",
        /// The results; `content_filter_result` in old versions.
        pub content_filter_results: ContentFilterResults = "content_filter_results" | "content_filter_result",
    }
}

impl PromptFilterResult {
    /// The results; without any category when the service sent none.
    #[must_use]
    pub fn results(&self) -> &ContentFilterResults {
        const NONE: &ContentFilterResults = &ContentFilterResults::EMPTY;
        self.content_filter_results.as_ref().unwrap_or(NONE)
    }
}

/// The verdict of the resource's blocklists.
///
/// The wire has three shapes: an object with `details`, an object with `filtered` alone, and a bare
/// list. All are read, and written back as they came.
#[derive(Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct BlocklistResult {
    object: BlocklistObject,
    bare: bool,
}

wire_struct! {
    struct BlocklistObject {
        filtered: bool = "filtered",
        details: Vec<BlocklistMatch> = "details",
    }
}

impl BlocklistResult {
    /// Whether the text was blocked for a word on a list.
    #[must_use]
    pub fn filtered(&self) -> Option<bool> {
        self.object
            .filtered
            .or_else(|| self.bare.then(|| self.details().iter().any(|list| list.filtered == Some(true))))
    }

    /// The lists, one by one.
    #[must_use]
    pub fn details(&self) -> &[BlocklistMatch] {
        self.object.details.as_deref().unwrap_or_default()
    }
}

impl std::fmt::Debug for BlocklistResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.object.fmt(f)
    }
}

impl FromWire for BlocklistResult {
    const EXPECTED: &'static str = "an object or a list";

    fn visit<'a>(&'a self, path: &Path<'_>, visitor: &mut dyn FieldVisitor<'a>) {
        self.object.visit(path, visitor);
    }
    fn from_map<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<Field<Self>, A::Error> {
        Ok(Field::Typed(Self { object: BlocklistObject::read_map(map)?, bare: false }))
    }
    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Field<Self>, A::Error> {
        let value = Value::deserialize(SeqAccessDeserializer::new(seq))?;
        Ok(match serde_json::from_value::<Vec<BlocklistMatch>>(value.clone()) {
            Ok(details) => Field::Typed(Self {
                object: BlocklistObject { details: Some(details), ..BlocklistObject::EMPTY },
                bare: true,
            }),
            Err(_) => Field::Mistyped(value),
        })
    }
}

deserialize_wire!(BlocklistResult);

impl Serialize for BlocklistResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.bare { self.details().serialize(serializer) } else { self.object.serialize(serializer) }
    }
}

impl ContentFilterResults {
    /// The results in an object that has them under either spelling, `content_filter_results` or
    /// `content_filter_result`: a choice, or the error object of a refused prompt.
    pub(crate) fn in_object(object: &Map<String, Value>) -> Option<Self> {
        let results =
            ["content_filter_results", "content_filter_result"].into_iter().filter_map(|name| object.get(name));
        results.filter(|results| !results.is_null()).find_map(|results| Self::deserialize(results).ok())
    }

    /// The state of every category that the service mentioned, known and unknown.
    pub fn states(&self) -> impl Iterator<Item = (&str, FilterState)> {
        let modelled = self.modelled().map(|(name, result)| (name, FilterState::of(result.filtered())));
        let unknown = self
            .extra()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), FilterState::of(value.get("filtered").and_then(Value::as_bool))));
        modelled.chain(unknown)
    }

    /// The state of one category by its wire name, such as `"hate"`.
    #[must_use]
    pub fn category(&self, name: &str) -> FilterState {
        self.states().find(|(known, _)| *known == name).map_or(FilterState::NotEvaluated, |(_, state)| state)
    }

    /// The state of the whole: filtered if any category is, clean if all that were evaluated are, and
    /// not evaluated if none was or the filter did not finish.
    #[must_use]
    pub fn state(&self) -> FilterState {
        let mut whole = FilterState::NotEvaluated;
        for (_, state) in self.states() {
            match state {
                FilterState::Filtered => return state,
                FilterState::Clean => whole = state,
                FilterState::NotEvaluated => {}
            }
        }
        if self.error.is_some() { FilterState::NotEvaluated } else { whole }
    }

    /// The wire names of the categories that blocked the text.
    #[must_use]
    pub fn filtered_categories(&self) -> Vec<&str> {
        self.states().filter(|(_, state)| *state == FilterState::Filtered).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn results(value: Value) -> ContentFilterResults {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_whole_is_three_way() {
        assert_eq!(results(json!({})).state(), FilterState::NotEvaluated);
        assert_eq!(results(json!({"hate": {"filtered": false, "severity": "safe"}})).state(), FilterState::Clean);
        assert_eq!(
            results(json!({"hate": {"filtered": false}, "new_kind": {"filtered": true}})).filtered_categories(),
            ["new_kind"]
        );
        assert_eq!(
            results(json!({"error": {"code": "content_filter_error", "message": "late"}})).state(),
            FilterState::NotEvaluated
        );
    }

    #[test]
    fn a_category_that_was_not_mentioned_is_not_evaluated() {
        let some = results(json!({"violence": {"filtered": true, "severity": "medium"}, "jailbreak": {}}));
        assert_eq!(some.category("violence"), FilterState::Filtered);
        assert_eq!(some.category("jailbreak"), FilterState::NotEvaluated);
        assert_eq!(some.category("hate"), FilterState::NotEvaluated);
        assert_eq!(some.violence.unwrap().severity, Some(Severity::Medium));
    }

    #[test]
    fn blocklists_have_three_shapes() {
        for (shape, filtered) in [
            (json!({"filtered": true, "details": [{"filtered": true, "id": "fruit"}]}), Some(true)),
            (json!({"filtered": false}), Some(false)),
            (json!([{"id": "fruit", "filtered": true}]), Some(true)),
            (json!([]), Some(false)),
            (json!({}), None),
        ] {
            let read = results(json!({"custom_blocklists": shape}));
            assert_eq!(read.custom_blocklists.as_ref().unwrap().filtered(), filtered, "{shape}");
            assert_eq!(serde_json::to_value(&read).unwrap(), json!({"custom_blocklists": shape}));
        }
    }

    /// A result of each category that blocked, of any category's type.
    fn blocked(name: &str) -> ContentFilterResults {
        results(json!({name: {"filtered": true, "detected": true, "severity": "high"}}))
    }

    #[test]
    fn every_category_counts_for_the_state_and_survives_merging() {
        for name in ContentFilterResults::CATEGORIES {
            let one = blocked(name);
            assert!(one.extra().is_none(), "{name} has a field");
            assert_eq!(one.states().collect::<Vec<_>>(), [(*name, FilterState::Filtered)]);
            let clean = results(json!({*name: {"filtered": false, "detected": false, "severity": "safe"}}));
            for (first, second) in [(&one, &clean), (&clean, &one), (&one, &ContentFilterResults::EMPTY)] {
                let mut merged = first.clone();
                merged.merge(second);
                assert_eq!(merged, one, "{name}");
                let mut merged = ContentFilterResults::EMPTY;
                merged.merge(first);
                merged.merge(second);
                assert_eq!(merged, one, "{name}, from nothing");
            }
        }
        let others =
            ContentFilterResults::FIELDS.iter().filter(|name| !ContentFilterResults::CATEGORIES.contains(name));
        assert_eq!(others.collect::<Vec<_>>(), [&"error"]);
    }

    #[test]
    fn the_old_spelling_of_self_harm_is_the_same_category() {
        for name in ["self-harm", "self_harm"] {
            let mut read = results(json!({name: {"filtered": false, "severity": "low"}}));
            assert_eq!(read.self_harm.as_ref().unwrap().severity, Some(Severity::Low), "{name}");
            assert_eq!(read.states().collect::<Vec<_>>(), [("self_harm", FilterState::Clean)]);
            assert_eq!(serde_json::to_value(&read).unwrap(), json!({name: {"filtered": false, "severity": "low"}}));
            read.merge(&results(json!({"self-harm": {"filtered": true, "severity": "high"}})));
            read.merge(&results(json!({"self_harm": {"filtered": false, "severity": "safe"}})));
            assert_eq!(read.filtered_categories(), ["self_harm"], "{name}");
        }
    }

    #[test]
    fn results_are_found_under_either_spelling() {
        let found =
            |value: Value| ContentFilterResults::in_object(value.as_object().unwrap()).map(|found| found.state());
        for name in ["content_filter_result", "content_filter_results"] {
            assert_eq!(found(json!({name: {"hate": {"filtered": true}}})), Some(FilterState::Filtered), "{name}");
            let prompt: PromptFilterResult =
                serde_json::from_value(json!({"prompt_index": 0, name: {"hate": {"filtered": true}}})).unwrap();
            assert_eq!(prompt.results().state(), FilterState::Filtered, "{name}");
        }
        let beside_null =
            json!({"content_filter_results": null, "content_filter_result": {"hate": {"filtered": true}}});
        assert_eq!(found(beside_null), Some(FilterState::Filtered));
        assert_eq!(found(json!({"content_filter_results": null})), None);
        assert_eq!(found(json!({})), None);
    }

    #[test]
    fn merging_takes_what_is_newer_and_keeps_what_is_worse() {
        let mut all = results(json!({"hate": {"filtered": false}, "violence": {"filtered": false}}));
        all.merge(&results(json!({"violence": {"filtered": true}, "later": 1})));
        assert_eq!(all.filtered_categories(), ["violence"]);
        all.merge(&results(json!({"violence": {"filtered": false}})));
        assert_eq!(all.filtered_categories(), ["violence"]);
        assert_eq!(all.extra().unwrap()["later"], 1);
    }
}
