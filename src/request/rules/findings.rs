//! What the rules find in a request: what depends on how it is sent is looked for in each call, the rest is remembered.

use std::sync::{LazyLock, OnceLock};
use std::time::SystemTime;

use super::list::RULES;
use super::rule::{Check, Findings, RequestRule, Weight};
use crate::request::ChatCompletionRequest;
use crate::request::verdict::{Advised, Survey, Verdict};
use crate::request::violation::Violation;

/// The rules whose findings depend on how a request is sent.
static PER_CALL: LazyLock<Vec<(usize, &RequestRule)>> =
    LazyLock::new(|| RULES.iter().enumerate().filter(|(_, rule)| rule.is_per_call).collect());

impl ChatCompletionRequest {
    fn verdict(&self) -> &Verdict {
        self.body.verdict(|| Verdict { refused: self.findings_of_all_calls(Weight::Refused), advised: OnceLock::new() })
    }

    pub(super) fn advised(&self) -> &Advised {
        self.verdict().advised.get_or_init(|| Advised {
            findings: self.findings_of_all_calls(Weight::Advised),
            survey: Survey::of(&self.body),
            retires: self.deployment.declared_model().and_then(|model| model.capabilities().lifecycle().begins()),
        })
    }

    fn findings_of_all_calls(&self, weight: Weight) -> Vec<(usize, Violation)> {
        let check = Check::of(self, None, None, SystemTime::UNIX_EPOCH);
        apply(RULES.iter().enumerate().filter(|(_, rule)| !rule.is_per_call), &check, weight)
    }

    /// The bytes of all strings in the fields of the request, nearly the size of its JSON.
    #[cfg(feature = "client")]
    pub(crate) fn text_length(&self) -> usize {
        match self.body.is_judged() {
            true => self.advised().survey.text_length,
            false => Survey::of(&self.body).text_length,
        }
    }
}

/// Every finding of a weight, in the order of the rules.
pub(super) fn findings(check: &Check<'_>, weight: Weight) -> Vec<Violation> {
    let remembered = match weight {
        Weight::Refused => &check.request.verdict().refused,
        Weight::Advised => &check.request.advised().findings,
    };
    let mut found = apply(PER_CALL.iter().copied(), check, weight);
    if found.is_empty() && remembered.is_empty() {
        return Vec::new();
    }
    found.extend_from_slice(remembered);
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, violation)| violation).collect()
}

/// What rules of a weight find, each with the place of its rule.
fn apply<'r>(
    rules: impl Iterator<Item = (usize, &'r RequestRule)>,
    check: &Check<'_>,
    weight: Weight,
) -> Vec<(usize, Violation)> {
    // some rules look at what was found before
    let (mut found, mut places) = (Findings::about(check), Vec::new());
    for (place, rule) in rules.filter(|(_, rule)| rule.weight == weight) {
        let before = found.list.len();
        (rule.check)(check, &mut found);
        if found.list.len() == before {
            continue;
        }
        if !rule.applies_to.includes(check) {
            found.list.truncate(before);
        }
        for finding in found.list.iter_mut().skip(before) {
            finding.set_reference(rule.reference);
            #[cfg(test)]
            super::tests::assert_listed(rule.parameters, finding.parameter());
        }
        places.resize(found.list.len(), place);
    }
    if found.list.is_empty() { Vec::new() } else { places.into_iter().zip(found.list).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{read, request_to};
    use super::*;
    use crate::model::{ApiVersion, Deployment, Model};
    use crate::request::Message;

    fn found(request: &ChatCompletionRequest) -> Vec<String> {
        request.violations(None, None).iter().map(|violation| violation.parameter().to_owned()).collect()
    }

    #[test]
    fn a_request_that_was_changed_is_checked_anew() {
        let request = request_to(Model::GPT_4O_2024_08_06).build().unwrap();
        let orphan = request.clone().with_message(Message::tool_result("call_1", "result"));
        assert_eq!(found(&orphan), ["messages[1].tool_call_id"]);
        assert_eq!(found(&request), [""; 0]);
        let request = ChatCompletionRequest::builder("d").user("hi").build().unwrap();
        let o1 = request.with_deployment(Deployment::new("d").model(Model::O1_2024_12_17));
        assert_eq!(found(&o1), ["max_completion_tokens"]);
        assert_eq!(found(&o1.with_deployment("d")), [""; 0]);
        assert_eq!(found(&o1.clone().uncapped()), [""; 0]);
        let mut emptied = request.clone();
        emptied.messages_mut().clear();
        assert_eq!(found(&emptied), ["messages"]);
        let rebuilt = request.to_builder().n(0).build_unchecked();
        assert_eq!(found(&rebuilt), ["n"]);
        let mut longer = request.clone();
        longer.push_message(Message::tool_result("call_1", "result"));
        assert_eq!(found(&longer), ["messages[1].tool_call_id"]);
        let adapted = o1.adapt().unwrap();
        assert_eq!(found(adapted.request()), [""; 0]);
    }

    #[test]
    fn a_copy_and_a_check_change_nothing_that_is_compared() {
        let unchecked = request_to(Model::GPT_4O_2024_08_06).build_unchecked();
        let checked = unchecked.clone();
        assert!(checked.validate().is_ok() && checked.clone() == unchecked);
        assert_eq!(format!("{checked:?}"), format!("{unchecked:?}"));
    }

    #[test]
    fn one_verdict_serves_calls_of_every_kind() {
        let request = request_to(Model::O1_2024_12_17).uncapped().prediction("x").build_unchecked();
        for _ in 0..2 {
            let violations = |streaming, version| request.violations(streaming, version).len();
            assert_eq!((violations(None, None), violations(Some(true), Some(&ApiVersion::V1))), (1, 2));
            let advice = |version| request.advice(&version).len();
            assert_eq!((advice(ApiVersion::V2024_10_21), advice(ApiVersion::V1)), (2, 1));
        }
    }

    #[cfg(feature = "client")]
    #[test]
    fn the_length_of_all_texts_is_nearly_the_size_of_the_body() {
        let long = "x".repeat(1000);
        let parts = json!([{"type": "text", "text": long}, {"type": "image_url", "image_url": {"url": long}}]);
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": long}});
        let request = read(json!({"model": "d", "messages": [
            {"role": "user", "content": parts}, {"role": "assistant", "tool_calls": [call]},
            {"role": "user", "content": long}
        ], "prediction": {"type": "content", "content": long}}));
        let size = serde_json::to_string(&request).unwrap().len();
        assert!((5000..size).contains(&request.text_length()) && size < 6000, "{size}");
    }
}
