//! The results of the content filter for a prompt or a choice: Azure's safety annotations.
//!
//! Any category may be missing, results may be `{}`, and new categories appear without a new api version. So the state
//! of a category is one of three, [`FilterState`]: clean, filtered, not evaluated. Categories that this version has no
//! field for are in `extra()`, and count in [`ContentFilterResults::state`] all the same.
//!
//! Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter-annotations>

use serde_json::{Map, Value};

use self::category::{Category, merge_text};
use crate::wire::{self, FieldVisitor, FromWire, Merge, Path, closed_enum, wire_struct};

pub use self::category::{
    BlocklistMatch, BlocklistResult, CodeCitation, CustomTopicMatch, CustomTopicResult, DetectionResult,
    ExternalSafetyFinding, ExternalSafetyResult, PersonalInformationCategory, PersonalInformationResult,
    ProtectedCodeResult, Severity, SeverityResult, TextSpan, UngroundedResult,
};

mod category;

closed_enum! {
    /// The state of one category, or of all together.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter-annotations>
    pub enum FilterState {
        /// The filter ran and did not block the text.
        Clean = "clean",
        /// The filter ran and blocked or cut the text.
        Filtered = "filtered",
        /// No result: the filter is off, did not finish, or sent none for this category.
        NotEvaluated = "not_evaluated",
    }
}

impl FilterState {
    fn of(filtered: Option<bool>) -> Self {
        match filtered {
            Some(true) => Self::Filtered,
            Some(false) => Self::Clean,
            None => Self::NotEvaluated,
        }
    }

    /// The state of several together: filtered if any is, else clean if any is.
    pub(crate) fn of_all(states: impl Iterator<Item = Self>) -> Self {
        let mut all = Self::NotEvaluated;
        for state in states {
            match state {
                Self::Filtered => return state,
                Self::Clean => all = state,
                Self::NotEvaluated => {}
            }
        }
        all
    }
}

/// Makes all that depends on the list of categories: the fields, the states and the merging. So a category in this list
/// cannot be missing in any of them.
macro_rules! filter_categories {
    ($( $(#[$meta:meta])* $field:ident : $Type:ident = $name:literal $(| $alias:literal)? ),* $(,)?) => {
        wire_struct! {
            /// The content filter's results for one prompt or one choice, by category.
            ///
            /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter-annotations>
            pub struct ContentFilterResults {
                $( $(#[$meta])* $field: $Type = $name $(| $alias)?, )*
                /// The error, when the filter did not finish: the state is then not evaluated, unless a category is
                /// filtered.
                error: FilterError = "error",
            }
        }

        impl ContentFilterResults {
            /// The wire names of the categories that this version has fields for.
            pub const CATEGORIES: &'static [&'static str] = &[$( $name ),*];

            /// The results of the modelled categories that the service sent, by wire name.
            fn modelled(&self) -> impl Iterator<Item = (&'static str, &dyn Category)> {
                let all = [$( ($name, self.$field.as_ref().map(|result| result as &dyn Category)) ),*];
                all.into_iter().filter_map(|(name, result)| Some((name, result?)))
            }

            /// Whether the result of a modelled category has this `filtered`.
            fn has_modelled(&self, filtered: bool) -> bool {
                false $( || self.$field.as_ref().and_then(Category::filtered) == Some(filtered) )*
            }

            fn merge_modelled(&mut self, newer: &Self) {
                $(
                    if let Some(newer) = &newer.$field {
                        match &mut self.$field {
                            Some(result) => result.merge(newer),
                            None => self.$field = Some(newer.clone()),
                        }
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
    /// Self-harm; `self-harm` in old api versions.
    self_harm: SeverityResult = "self_harm" | "self-harm",
    /// An attempt of the user to circumvent the system's rules; prompts only.
    jailbreak: DetectionResult = "jailbreak",
    /// An attack hidden in a document; prompts only.
    indirect_attack: DetectionResult = "indirect_attack",
    /// Profane words.
    profanity: DetectionResult = "profanity",
    /// Matches of the resource's own blocklists.
    custom_blocklists: BlocklistResult = "custom_blocklists",
    /// Topics that the resource's owner excluded.
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
    /// The results of third parties' filters.
    external_safety_provider: ExternalSafetyResult = "external_safety_provider",
}

wire_struct! {
    /// The error of a content filter that did not finish.
    pub struct FilterError {
        /// The code: a number, or text such as `content_filter_error`.
        code: Value = "code",
        /// The description.
        message: String = hidden "message",
    }

    /// How far the asynchronous filter has checked the text, in characters from the start of the prompt.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming>
    pub struct ContentFilterOffsets {
        /// The text before this offset is fully checked.
        check_offset: u64 = "check_offset",
        /// Where the text begins that these results are for.
        start_offset: u64 = "start_offset",
        /// Where that text ends.
        end_offset: u64 = "end_offset",
    }
}

impl FilterError {
    fn merge(&mut self, newer: &Self) {
        let Self { code, message, extra } = newer;
        self.code = code.clone().or(self.code.take());
        merge_text(&mut self.message, message, true);
        self.extra.merge(extra, Merge::Results { is_newer_worse: true });
    }
}

impl ContentFilterOffsets {
    /// Merges the offsets of a later chunk, of which some may be missing.
    pub(crate) fn merge(&mut self, newer: &Self) {
        let Self { check_offset, start_offset, end_offset, extra } = newer;
        self.check_offset = check_offset.or(self.check_offset);
        self.start_offset = start_offset.or(self.start_offset);
        self.end_offset = end_offset.or(self.end_offset);
        self.extra.merge(extra, Merge::Repeated);
    }
}

wire_struct! {
    /// The content filter's results for one prompt.
    pub struct PromptFilterResult {
        /// The number of the prompt, from 0.
        prompt_index: u64 = "prompt_index",
        content_filter_results: ContentFilterResults = private "content_filter_results" | "content_filter_result",
    }
}

impl PromptFilterResult {
    /// The results; without any category when the service sent none. The wire's `content_filter_results`, and
    /// `content_filter_result` in old api versions.
    #[doc(alias = "content_filter_results")]
    #[must_use]
    pub fn content_filter(&self) -> &ContentFilterResults {
        const NONE: &ContentFilterResults = &ContentFilterResults::EMPTY;
        self.content_filter_results.as_ref().unwrap_or(NONE)
    }

    pub(crate) fn state(&self) -> FilterState {
        self.content_filter().state()
    }

    /// As [`ContentFilterResults::has_only_verdicts`].
    pub(crate) fn has_only_verdicts(&self) -> bool {
        self.extra.members().is_none() && self.content_filter().has_only_verdicts()
    }
}

/// Finds anything in results that is not the `filtered`, `detected` or known severity of a category.
#[derive(Default)]
struct OtherThanVerdicts {
    was_found: bool,
}

impl<'a> FieldVisitor<'a> for OtherThanVerdicts {
    fn typed(&mut self, path: &Path<'_>) {
        let mut names = path.names();
        self.was_found |= match (names.next(), names.next(), names.next()) {
            (Some(name), None, None) => name == "error",
            (Some("filtered" | "detected" | "severity"), Some(_), None) => false,
            // lists, of which some categories have an empty one
            (Some("details" | "sub_categories" | "results"), Some(_), None) => false,
            _ => true,
        };
    }
    fn text(&mut self, _: &Path<'_>, text: &'a str) {
        self.was_found |= !Severity::KNOWN.iter().any(|severity| severity == text);
    }
    fn mistyped(&mut self, _: &Path<'_>, _: &'static str, _: &'a Value) {
        self.was_found = true;
    }
    fn unmodelled(&mut self, _: &Path<'_>, _: &'a Value) {
        self.was_found = true;
    }
}

impl ContentFilterResults {
    /// The members of an object that may hold the results.
    pub(crate) const MEMBERS: [&'static str; 2] = ["content_filter_results", "content_filter_result"];

    /// The results in one of these members of a choice, or of the error object of a refused prompt.
    pub(crate) fn in_object(object: &Map<String, Value>) -> Option<Self> {
        let results = Self::MEMBERS.into_iter().filter_map(|name| object.get(name));
        results.filter(|results| !results.is_null()).find_map(|results| wire::from_value(results).ok())
    }

    /// Merges the results for a later part of the text: the service sends results for each part of a streamed text, and
    /// the whole is as bad as its worst part.
    pub(crate) fn merge(&mut self, newer: &Self) {
        self.merge_modelled(newer);
        if let Some(newer) = &newer.error {
            self.error.get_or_insert_default().merge(newer);
        }
        let is_filtered = |value: &Value| value.get("filtered").and_then(Value::as_bool) == Some(true);
        self.extra.merge_by(&newer.extra, |value, newer| Merge::Results {
            is_newer_worse: !is_filtered(value) || is_filtered(newer),
        });
    }

    /// The state of every category that the service sent, by its wire name; also of those without a field here.
    pub fn states(&self) -> impl Iterator<Item = (&str, FilterState)> {
        let modelled = self.modelled().map(|(name, result)| (name, FilterState::of(result.filtered())));
        modelled.chain(self.unmodelled_states())
    }

    /// The states of the categories without a field here, by their wire names.
    fn unmodelled_states(&self) -> impl Iterator<Item = (&str, FilterState)> {
        let state = |value: &Value| FilterState::of(value.get("filtered").and_then(Value::as_bool));
        self.extra().into_iter().flatten().map(move |(name, value)| (name.as_str(), state(value)))
    }

    /// The state of one category by its wire name, such as `"hate"`.
    #[must_use]
    pub fn category(&self, name: &str) -> FilterState {
        self.states().find(|(category, _)| *category == name).map_or(FilterState::NotEvaluated, |(_, state)| state)
    }

    /// The state of all categories together: filtered if any is, clean if at least one was evaluated and none is
    /// filtered, not evaluated if none was or the filter did not finish.
    #[must_use]
    pub fn state(&self) -> FilterState {
        let has = |filtered, state| {
            self.has_modelled(filtered) || self.unmodelled_states().any(|(_, unmodelled)| unmodelled == state)
        };
        if has(true, FilterState::Filtered) {
            FilterState::Filtered
        } else if self.error.is_none() && has(false, FilterState::Clean) {
            FilterState::Clean
        } else {
            FilterState::NotEvaluated
        }
    }

    /// Whether there are only verdicts by category, which any answer may have: no text, no position in a text.
    pub(crate) fn has_only_verdicts(&self) -> bool {
        let mut visitor = OtherThanVerdicts::default();
        self.visit(&Path::Root, &mut visitor);
        !visitor.was_found
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
    fn a_category_that_was_not_sent_is_not_evaluated() {
        let some = results(json!({"violence": {"filtered": true, "severity": "medium"}, "jailbreak": {}}));
        assert_eq!(some.category("violence"), FilterState::Filtered);
        assert_eq!(some.category("jailbreak"), FilterState::NotEvaluated);
        assert_eq!(some.category("hate"), FilterState::NotEvaluated);
        assert_eq!(some.violence.unwrap().severity, Some(Severity::Medium));
    }

    #[test]
    fn severities_are_compared_by_level() {
        assert!(Severity::KNOWN.is_sorted_by(|one, next| one < next));
        let unknown = Severity::from("extreme");
        assert!(Severity::High < unknown && unknown <= unknown.clone());
        assert_eq!(unknown.partial_cmp(&Severity::from("dire")), None);

        let some = results(json!({"hate": {"filtered": false, "severity": "medium"}, "sexual": {"filtered": false}}));
        let limit = Some(&Severity::Medium);
        assert!(some.hate().and_then(SeverityResult::severity) >= limit);
        assert!(some.sexual().and_then(SeverityResult::severity) < limit);
        assert!(some.violence().and_then(SeverityResult::severity) < limit);
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

    /// What a result of any category can have in a list, with an id of its own.
    fn element(id: u64) -> Value {
        json!({"id": format!("list-{id}"), "sub_category": "Email", "provider_name": "p", "detected": true,
            "filtered": false, "completion_start_offset": id, "completion_end_offset": id + 1})
    }

    fn merged(values: &[Value]) -> Value {
        let mut whole = ContentFilterResults::EMPTY;
        for value in values {
            whole.merge(&results(value.clone()));
        }
        serde_json::to_value(whole).unwrap()
    }

    #[test]
    fn lists_of_every_category_are_joined_however_bad_the_results_are() {
        let names = ContentFilterResults::CATEGORIES.iter().copied().chain(["a_new_category", "error"]);
        for name in names {
            for list in ["details", "sub_categories", "results", "a_new_list"] {
                let result = |filtered: bool, ids: &[u64]| {
                    let elements: Vec<Value> = ids.iter().map(|id| element(*id)).collect();
                    json!({name: {"filtered": filtered, list: elements}})
                };
                for (first, second) in [(true, true), (true, false), (false, true), (false, false)] {
                    let whole = merged(&[
                        result(first, &[1]),
                        result(second, &[2, 1]),
                        result(first, &[1]),
                        json!({name: {"filtered": second}}),
                        result(second, &[]),
                        result(first, &[2, 3]),
                    ]);
                    let expected: Vec<Value> = (1..=3).map(element).collect();
                    assert_eq!(whole[name][list], json!(expected), "{list} of {name}, {first} then {second}");
                    if name != "error" {
                        assert_eq!(whole[name]["filtered"], first | second, "{name}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_member_that_only_one_of_two_results_has_is_kept() {
        let (worse, other) = (
            json!({"filtered": true, "redacted_text": "", "citation": {"URL": "u"}, "note": "a"}),
            json!({"filtered": false, "detected": true, "severity": "low", "redacted_text": "x", "note": "b"}),
        );
        for name in ContentFilterResults::CATEGORIES.iter().copied().chain(["a_new_category"]) {
            for pair in [[&worse, &other], [&other, &worse]] {
                let whole = merged(&pair.map(|result| json!({name: result})));
                assert_eq!(
                    whole[name],
                    json!({"filtered": true, "detected": true, "severity": "low", "redacted_text": "x",
                        "citation": {"URL": "u"}, "note": "a"}),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn blocklists_of_different_shapes_are_joined() {
        let (blocked, clean) = (json!({"id": "fruit", "filtered": true}), json!({"id": "nuts", "filtered": false}));
        for (first, second, expected) in [
            (json!([blocked]), json!([clean, blocked]), json!([blocked, clean])),
            (
                json!([blocked]),
                json!({"filtered": false, "details": [clean]}),
                json!({"filtered": true, "details": [blocked, clean]}),
            ),
            (
                json!({"filtered": false, "details": [clean]}),
                json!([blocked]),
                json!({"filtered": true, "details": [clean, blocked]}),
            ),
            (json!({"filtered": true}), json!([clean]), json!({"filtered": true, "details": [clean]})),
        ] {
            let whole = merged(&[json!({"custom_blocklists": first}), json!({"custom_blocklists": second})]);
            assert_eq!(whole["custom_blocklists"], expected, "{first} then {second}");
        }
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
    fn results_are_read_under_either_spelling() {
        let state =
            |value: Value| ContentFilterResults::in_object(value.as_object().unwrap()).map(|results| results.state());
        for name in ["content_filter_result", "content_filter_results"] {
            assert_eq!(state(json!({name: {"hate": {"filtered": true}}})), Some(FilterState::Filtered), "{name}");
            let prompt: PromptFilterResult =
                serde_json::from_value(json!({"prompt_index": 0, name: {"hate": {"filtered": true}}})).unwrap();
            assert_eq!(prompt.content_filter().state(), FilterState::Filtered, "{name}");
        }
        let beside_null =
            json!({"content_filter_results": null, "content_filter_result": {"hate": {"filtered": true}}});
        assert_eq!(state(beside_null), Some(FilterState::Filtered));
        assert_eq!(state(json!({"content_filter_results": null})), None);
        assert_eq!(state(json!({})), None);
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
