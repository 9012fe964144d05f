//! Content filters: what they say when nothing is wrong, and the phrases that set them off.

use serde_json::{Map, Value, json};

/// A phrase that a filter reacts to.
#[derive(Clone)]
pub(super) struct Trigger {
    phrase: String,
    category: String,
}

impl Trigger {
    pub(super) fn new(phrase: String, category: String) -> Self {
        Self { phrase: phrase.to_ascii_lowercase(), category }
    }

    /// Where the phrase stands in a text, whatever its case.
    pub(super) fn find(&self, text: &str) -> Option<std::ops::Range<usize>> {
        // Lowering ASCII letters keeps every byte where it was.
        let start = text.to_ascii_lowercase().find(&self.phrase)?;
        Some(start..start + self.phrase.len())
    }

    /// The results with this category raised.
    pub(super) fn raise(&self, results: &Value) -> Value {
        let mut results = results.as_object().cloned().unwrap_or_default();
        let verdict = match self.category.as_str() {
            "hate" | "sexual" | "violence" | "self_harm" => json!({"filtered": true, "severity": "medium"}),
            "custom_blocklists" => json!({"details": [{"filtered": true, "id": "emulated"}], "filtered": true}),
            _ => json!({"filtered": true, "detected": true}),
        };
        results.insert(self.category.clone(), verdict);
        Value::Object(results)
    }
}

/// The four categories with a severity.
pub(super) fn harm() -> Value {
    let safe = || json!({"filtered": false, "severity": "safe"});
    json!({"hate": safe(), "self_harm": safe(), "sexual": safe(), "violence": safe()})
}

/// Known text and known code.
pub(super) fn protected_material() -> Value {
    let clean = || json!({"filtered": false, "detected": false});
    json!({"protected_material_code": clean(), "protected_material_text": clean()})
}

/// What the filters say of a clean prompt.
pub(super) fn clean_prompt() -> Value {
    merge(harm(), json!({"jailbreak": {"filtered": false, "detected": false}}))
}

/// What the filters say of a clean answer.
pub(super) fn clean_answer() -> Value {
    merge(harm(), protected_material())
}

pub(super) fn merge(one: Value, other: Value) -> Value {
    let members = [one, other].into_iter().filter_map(|v| if let Value::Object(m) = v { Some(m) } else { None });
    Value::Object(members.flatten().collect::<Map<_, _>>())
}
