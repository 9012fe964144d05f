//! The sources of the model table, by their keys.

use super::Capabilities;

/// Key, page, address. Older readings of a page have keys of their own.
const PAGES: &[(&str, &str, &str)] = &[
    ("D1", "reasoning guide, 2026", REASONING),
    ("D2", "reasoning guide, August 2025", REASONING),
    ("D3", "reasoning guide, January 2025", REASONING),
    ("D4", "models page, September 2026", MODELS),
    ("D4b", "models page, June 2026", MODELS),
    ("D5", "retirement schedule, September 2026", RETIREMENTS),
    ("D5b", "retirement schedule, April 2026", RETIREMENTS),
    (
        "D7",
        "api version page, 2024 and 2025",
        "https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle",
    ),
    ("D8", "predicted outputs guide", "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/predicted-outputs"),
    ("D16", "retirement schedule, December 2025", RETIREMENTS),
    ("D17", "retirement schedule, June 2025", RETIREMENTS),
    ("D18", "models page, 2024 and 2025", MODELS),
    ("D20", "what's new page", "https://learn.microsoft.com/azure/ai-foundry/openai/whats-new"),
    ("seedA", "reasoning guide, early 2025", REASONING),
    ("W2", "reports of what gpt-6-astra on Azure answered", "https://github.com/BerriAI/litellm/issues/39827"),
];

/// Key, and what was measured.
const MEASURED: &[(&str, &str)] = &[
    ("W1", "each parameter in one call to one Azure resource, September 2026"),
    ("W3", "gpt-6-luna and gpt-6-sol on OpenAI's own service, September 2026"),
    ("W4", "gpt-6.1-sol on OpenAI's own service, October 2026"),
    ("W5", "tools beside an effort on gpt-5.5 and the gpt-5.4 models of OpenAI's own service, 2026"),
];

const REASONING: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning";
const MODELS: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/models";
const RETIREMENTS: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/model-retirements";

impl Capabilities {
    /// Each source of [`source`](Self::source) spelled out: its key, what it is, and where.
    pub fn sources(&self) -> impl Iterator<Item = String> + '_ {
        self.source.split(';').map(str::trim).filter(|key| !key.is_empty()).map(spelled_out)
    }
}

fn spelled_out(source: &str) -> String {
    // a key may carry a remark: `D1 (general reasoning rules)`
    let (key, remark) = match source.split_once(" (") {
        Some((key, remark)) => (key, remark.trim_end_matches(')')),
        None => (source, ""),
    };
    if let Some((_, page, address)) = PAGES.iter().find(|(known, ..)| *known == key) {
        let remark = if remark.is_empty() { String::new() } else { format!(", {remark}") };
        return format!("{key}: {page}{remark}, <{address}>");
    }
    let kind = if key == "REC" {
        "a recorded answer"
    } else if let Some((_, measured)) = MEASURED.iter().find(|(known, _)| *known == key) {
        measured
    } else if key.contains('#') {
        "a report of what the service answered"
    } else if key.ends_with("@M") || key.starts_with("M:") {
        "a page of the documentation, by name"
    } else {
        return source.to_owned();
    };
    format!("{source}: {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelCatalog;

    #[test]
    fn every_source_of_the_table_is_spelled_out() {
        for model in ModelCatalog::built_in().models() {
            for source in model.capabilities().sources() {
                assert!(source.contains(": "), "{model}: {source}");
            }
        }
    }

    #[test]
    fn a_source_says_what_it_is_and_where() {
        let sources = |text: &str| -> Vec<String> { Capabilities::unknown().with_source(text).sources().collect() };
        assert_eq!(
            sources("D8; litellm#7693 ;REC"),
            [
                "D8: predicted outputs guide, <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/predicted-outputs>",
                "litellm#7693: a report of what the service answered",
                "REC: a recorded answer"
            ]
        );
        assert_eq!(
            sources("D1 (general rules)"),
            [
                "D1: reasoning guide, 2026, general rules, <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning>"
            ]
        );
        assert_eq!(sources("our own tests"), ["our own tests"]);
        assert!(sources("").is_empty());
    }
}
