//! Content filter policies, [`FilterPolicy`]: phrases, each with its category and severity.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::settings::FilterMode;

/// A content filter policy: the phrases that are found, and whether they are blocked.
///
/// # Example: a policy that a request picks with the header `x-policy-id`
///
/// ```
/// use azure_openai_emulator::{Emulator, FilterPolicy, FilterTrigger};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let policy = FilterPolicy::new().trigger(FilterTrigger::in_prompts("make it bleed", "violence"));
/// let emulator = Emulator::builder().policy("strict", policy).start().await?;
/// # drop(emulator);
/// # Ok(()) }
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter-annotations>
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilterPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<FilterMode>,
    pub(crate) triggers: Vec<FilterTrigger>,
}

impl FilterPolicy {
    /// A policy without triggers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets when filter results are sent and whether a match is blocked, for deployments that do not set it.
    #[must_use]
    pub fn mode(self, mode: FilterMode) -> Self {
        Self { mode: Some(mode), ..self }
    }

    /// Adds a phrase to be found.
    #[must_use]
    pub fn trigger(mut self, trigger: FilterTrigger) -> Self {
        self.triggers.push(trigger);
        self
    }

    /// The triggers whose phrases are in one of these texts of a prompt.
    pub(crate) fn in_prompt<'a>(&'a self, texts: &'a [String]) -> impl Iterator<Item = &'a FilterTrigger> {
        let triggers = self.triggers.iter().filter(|trigger| trigger.on != FilterTarget::Answer);
        triggers.filter(|trigger| texts.iter().any(|text| trigger.find(text).is_some()))
    }

    /// The triggers whose phrases are in an answer, with their places.
    pub(crate) fn in_answer<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (Range<usize>, &'a FilterTrigger)> {
        let triggers = self.triggers.iter().filter(|trigger| trigger.on != FilterTarget::Prompt);
        triggers.filter_map(|trigger| Some((trigger.find(text)?, trigger)))
    }
}

/// The texts that a trigger searches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FilterTarget {
    /// Prompts only.
    #[default]
    Prompt,
    /// Answers only.
    Answer,
    /// Both.
    Both,
}

/// The severity of a match. As on Azure, a match below `medium` is annotated and not blocked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TriggerSeverity {
    /// Annotated, not blocked.
    Safe,
    /// Annotated, not blocked.
    Low,
    /// Blocked.
    #[default]
    Medium,
    /// Blocked.
    High,
}

/// A phrase that a content filter finds, whatever its case, with its category and severity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterTrigger {
    phrase: String,
    /// `hate`, `sexual`, `violence`, `self_harm`, `jailbreak`, `indirect_attack`, `profanity`, `custom_blocklists`, ..
    category: String,
    #[serde(default)]
    severity: TriggerSeverity,
    #[serde(default)]
    on: FilterTarget,
    #[serde(default)]
    annotate_only: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blocklist: Option<String>,
}

impl FilterTrigger {
    /// A phrase in prompts, as a match of this category: `hate`, `sexual`, `violence`, `self_harm`, `jailbreak`,
    /// `indirect_attack`, `profanity` or `custom_blocklists`.
    #[must_use]
    pub fn in_prompts(phrase: impl Into<String>, category: impl Into<String>) -> Self {
        Self { phrase: phrase.into(), category: category.into(), ..Self::default() }
    }

    /// A phrase in answers, as a match of this category; `protected_material_text` and `protected_material_code` are
    /// others.
    #[must_use]
    pub fn in_answers(phrase: impl Into<String>, category: impl Into<String>) -> Self {
        Self { on: FilterTarget::Answer, ..Self::in_prompts(phrase, category) }
    }

    /// Sets the severity, for the four categories that have one; `medium` by default.
    #[must_use]
    pub fn severity(self, severity: TriggerSeverity) -> Self {
        Self { severity, ..self }
    }

    /// Annotates a match without blocking it.
    #[must_use]
    pub fn annotate_only(self) -> Self {
        Self { annotate_only: true, ..self }
    }

    /// Sets the id of the blocklist, for the category `custom_blocklists`; `emulated` by default.
    #[must_use]
    pub fn blocklist(self, id: impl Into<String>) -> Self {
        Self { blocklist: Some(id.into()), ..self }
    }

    /// The position of the phrase in a text, whatever its case.
    fn find(&self, text: &str) -> Option<Range<usize>> {
        // Lowering ASCII letters keeps every byte where it was.
        let start = text.to_ascii_lowercase().find(&self.phrase.to_ascii_lowercase())?;
        Some(start..start + self.phrase.len())
    }

    fn has_severity(&self) -> bool {
        matches!(self.category.as_str(), "hate" | "sexual" | "violence" | "self_harm")
    }

    /// Whether what it finds is blocked.
    pub(crate) fn blocks(&self) -> bool {
        !self.annotate_only && (!self.has_severity() || self.severity >= TriggerSeverity::Medium)
    }

    /// Results with this category found; filtered where `is_blocked`.
    pub(crate) fn raise(&self, results: &Value, is_blocked: bool) -> Value {
        let mut results = results.as_object().cloned().unwrap_or_default();
        let verdict = match self.category.as_str() {
            _ if self.has_severity() => json!({"filtered": is_blocked, "severity": self.severity}),
            "custom_blocklists" => {
                let id = self.blocklist.as_deref().unwrap_or("emulated");
                json!({"details": [{"filtered": is_blocked, "id": id}], "filtered": is_blocked})
            }
            "protected_material_code" => json!({"filtered": is_blocked, "detected": true,
                "citation": {"URL": "https://github.com/contoso/emulated", "license": "MIT"}}),
            _ => json!({"filtered": is_blocked, "detected": true}),
        };
        results.insert(self.category.clone(), verdict);
        Value::Object(results)
    }
}
