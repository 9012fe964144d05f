//! The rules for requests: one list, from which come the violations, the advice, and the table in the
//! documentation of [`request`](super).
//!
//! A rule is a value: what must hold, the parameters of the wire it is about, the models it applies to, its weight, the
//! page it comes from, and a pure function that finds what breaks it. One file a subject. A cell of the model
//! table that is unknown refuses nothing. The order of [`RULES`](list::RULES) is the order in which findings are reported.

use std::sync::{Arc, LazyLock, OnceLock};
use std::time::SystemTime;

use self::list::RULES;
use self::rule::{Check, Findings, RequestRule, Weight};
use super::ChatCompletionRequest;
use super::verdict::{Advised, Survey, Verdict};
use super::violation::{Advice, ValidationError, Violation};
use crate::model::ApiVersion;

pub(super) use self::limits::expected as expected_range;

mod api_version;
mod deployment;
mod limits;
mod list;
mod media;
mod prediction;
mod reasoning_effort;
mod roles;
mod rule;
mod sampling;
mod schema;
#[cfg(test)]
mod tests;
mod token_limits;
mod tool_calls;
mod tools;
mod types;

/// The rules whose findings depend on how a request is sent.
static PER_CALL: LazyLock<Vec<(usize, &RequestRule)>> =
    LazyLock::new(|| RULES.iter().enumerate().filter(|(_, rule)| rule.is_per_call).collect());

impl ChatCompletionRequest {
    /// Checks the request again, as `build()` does; one with `stream: true` in its JSON is checked as a stream.
    ///
    /// # Errors
    ///
    /// Every rule of the declared model, and of all models, that it breaks.
    pub fn validate(&self) -> Result<(), ValidationError> {
        ValidationError::unless_empty(self.violations(self.asks_for_stream(), None))
    }

    /// Every rule the request breaks when it is streamed or not and sent with an api version; what is not
    /// given is not checked.
    #[must_use]
    pub fn violations(&self, streaming: Option<bool>, api_version: Option<&ApiVersion>) -> Vec<Violation> {
        findings(&Check::of(self, streaming, api_version, SystemTime::UNIX_EPOCH), Weight::Refused)
    }

    /// What the documents discourage or date differently from the wire; of a request with `stream: true` in its
    /// JSON also what only concerns streams. Never stops a request by itself.
    #[must_use]
    pub fn advice(&self, api_version: &ApiVersion) -> Vec<Advice> {
        advice(self, api_version, self.asks_for_stream() == Some(true), now())
    }

    /// The advice for a call that streams or does not, whatever the `stream` of its JSON.
    #[cfg(feature = "client")]
    pub(crate) fn advice_for(&self, api_version: &ApiVersion, is_streamed: bool) -> Vec<Advice> {
        advice(self, api_version, is_streamed, now())
    }

    fn verdict(&self) -> &Verdict {
        self.body.found.verdict.get_or_init(|| {
            let refused = self.findings_of_all_calls(Weight::Refused);
            Arc::new(Verdict { refused, advised: OnceLock::new() })
        })
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
        match self.body.found.verdict.get() {
            Some(_) => self.advised().survey.text_length,
            None => Survey::of(&self.body).text_length,
        }
    }
}

/// What the documentation discourages, or documents for later api versions only. Recordings show that the service
/// accepts newer parameters on older api versions, so that advice never stops a request by itself.
pub(super) fn advice(
    request: &ChatCompletionRequest,
    api_version: &ApiVersion,
    streaming: bool,
    now: SystemTime,
) -> Vec<Advice> {
    let findings = findings(&Check::of(request, Some(streaming), Some(api_version), now), Weight::Advised);
    findings.into_iter().map(Advice::from).collect()
}

/// Every finding of a weight, in the order of the rules.
fn findings(check: &Check<'_>, weight: Weight) -> Vec<Violation> {
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
    let mut found = Findings::about(check);
    for (place, rule) in rules.filter(|(_, rule)| rule.weight == weight) {
        let before = found.list.len();
        (found.place, found.reference) = (place, rule.reference);
        (rule.check)(check, &mut found);
        if found.list.len() > before && !rule.applies_to.includes(check) {
            found.list.truncate(before);
        }
        #[cfg(test)]
        found.list.iter().skip(before).for_each(|(_, one)| tests::assert_listed(rule.parameters, one.parameter()));
    }
    found.list
}

/// The current time; on `wasm32-unknown-unknown`, which has no clock, the Unix epoch, so that no date has passed.
fn now() -> SystemTime {
    match cfg!(all(target_family = "wasm", target_os = "unknown")) {
        true => SystemTime::UNIX_EPOCH,
        false => SystemTime::now(),
    }
}

/// Every rule that requests are checked by, as a Markdown table: what must hold, about which parameters, for which
/// models, and whether breaking it is a violation or an advice. The table of this module's documentation is made by it.
///
/// # Example: the rules about one parameter
///
/// ```
/// use azure_openai_chat::request::rule_table;
///
/// let table = rule_table();
/// let about_stop: Vec<&str> = table.lines().filter(|line| line.contains("`stop`")).collect();
/// assert!(about_stop.iter().any(|line| line.contains("at most 4 stop sequences")));
/// ```
#[must_use]
pub fn rule_table() -> String {
    let mut table = String::from("| rule | parameters | applies to | weight |\n|---|---|---|---|\n");
    for rule in RULES {
        let parameters: Vec<String> = rule.parameters.iter().map(|name| format!("`{name}`")).collect();
        let parameters = if parameters.is_empty() { "any".to_owned() } else { parameters.join(", ") };
        let RequestRule { name, reference, applies_to, weight, .. } = rule;
        table.push_str(&format!("| {name} ([page]({reference})) | {parameters} | {applies_to} | {weight} |\n"));
    }
    table
}
