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
use serde_json::Value;

use crate::wire::{Read, Wire, deserialize_wire, open_enum, wire_struct};

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

wire_struct! {
    /// The filter results of one prompt or one choice, by category.
    pub struct ContentFilterResults {
        /// Hate and unfairness.
        pub hate: SeverityResult = "hate",
        /// Sexual content.
        pub sexual: SeverityResult = "sexual",
        /// Violence.
        pub violence: SeverityResult = "violence",
        /// Self-harm.
        pub self_harm: SeverityResult = "self_harm",
        /// The same, as old versions spell it.
        pub self_harm_hyphen: SeverityResult = "self-harm",
        /// An attempt of the user to break out of the rules; prompts only.
        pub jailbreak: DetectionResult = "jailbreak",
        /// An attack hidden in a document; prompts only.
        pub indirect_attack: DetectionResult = "indirect_attack",
        /// Profane words.
        pub profanity: DetectionResult = "profanity",
        /// Words on the resource's own blocklists.
        pub custom_blocklists: BlocklistResult = "custom_blocklists",
        /// Topics the resource's owner excluded.
        pub custom_topics: CustomTopicResult = "custom_topics",
        /// Known protected text; answers only.
        pub protected_material_text: DetectionResult = "protected_material_text",
        /// Known protected code, with its licence; answers only.
        pub protected_material_code: ProtectedCodeResult = "protected_material_code",
        /// Personal data in the answer.
        pub personally_identifiable_information: PersonalInformationResult = "personally_identifiable_information",
        /// Statements that the sources do not support; answers only.
        pub ungrounded_material: UngroundedResult = "ungrounded_material",
        /// Whether an agent kept to its task.
        pub task_adherence: DetectionResult = "task_adherence",
        /// The findings of a third party's filter.
        pub external_safety_provider: ExternalSafetyResult = "external_safety_provider",
        /// The filter did not finish: everything else is unknown.
        pub error: FilterError = "error",
    }
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

wire_struct! {
    /// The filter results of one prompt.
    pub struct PromptFilterResult {
        /// Which prompt, from 0.
        pub prompt_index: u64 = "prompt_index",
        /// The results.
        pub content_filter_results: ContentFilterResults = "content_filter_results",
        /// The results as old versions spell them.
        pub content_filter_result: ContentFilterResults = "content_filter_result",
    }
}

impl PromptFilterResult {
    /// The results, under either spelling.
    #[must_use]
    pub fn results(&self) -> &ContentFilterResults {
        const NONE: &ContentFilterResults = &ContentFilterResults::EMPTY;
        self.content_filter_results.as_ref().or(self.content_filter_result.as_ref()).unwrap_or(NONE)
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

impl Wire for BlocklistResult {
    fn from_map<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<Read<Self>, A::Error> {
        Ok(Read::Is(Self { object: BlocklistObject::read_map(map)?, bare: false }))
    }
    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Read<Self>, A::Error> {
        let value = Value::deserialize(SeqAccessDeserializer::new(seq))?;
        Ok(match serde_json::from_value::<Vec<BlocklistMatch>>(value.clone()) {
            Ok(details) => Read::Is(Self {
                object: BlocklistObject { details: Some(details), ..BlocklistObject::EMPTY },
                bare: true,
            }),
            Err(_) => Read::Odd(value),
        })
    }
}

deserialize_wire!(BlocklistResult, "an object or a list");

impl Serialize for BlocklistResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.bare { self.details().serialize(serializer) } else { self.object.serialize(serializer) }
    }
}

impl ContentFilterResults {
    /// The state of every category that the service mentioned, known and unknown.
    pub fn states(&self) -> impl Iterator<Item = (&str, FilterState)> {
        let of = FilterState::of as fn(Option<bool>) -> FilterState;
        let known = [
            ("hate", self.hate.as_ref().map(|result| of(result.filtered))),
            ("sexual", self.sexual.as_ref().map(|result| of(result.filtered))),
            ("violence", self.violence.as_ref().map(|result| of(result.filtered))),
            ("self_harm", self.self_harm.as_ref().or(self.self_harm_hyphen.as_ref()).map(|result| of(result.filtered))),
            ("jailbreak", self.jailbreak.as_ref().map(|result| of(result.filtered))),
            ("indirect_attack", self.indirect_attack.as_ref().map(|result| of(result.filtered))),
            ("profanity", self.profanity.as_ref().map(|result| of(result.filtered))),
            ("custom_blocklists", self.custom_blocklists.as_ref().map(|result| of(result.filtered()))),
            ("custom_topics", self.custom_topics.as_ref().map(|result| of(result.filtered))),
            ("protected_material_text", self.protected_material_text.as_ref().map(|result| of(result.filtered))),
            ("protected_material_code", self.protected_material_code.as_ref().map(|result| of(result.filtered))),
            (
                "personally_identifiable_information",
                self.personally_identifiable_information.as_ref().map(|result| of(result.filtered)),
            ),
            ("ungrounded_material", self.ungrounded_material.as_ref().map(|result| of(result.filtered))),
            ("task_adherence", self.task_adherence.as_ref().map(|result| of(result.filtered))),
            ("external_safety_provider", self.external_safety_provider.as_ref().map(|result| of(result.filtered))),
        ];
        let unknown = self
            .extra()
            .into_iter()
            .flatten()
            .map(move |(name, value)| (name.as_str(), of(value.get("filtered").and_then(Value::as_bool))));
        known.into_iter().filter_map(|(name, state)| Some((name, state?))).chain(unknown)
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
