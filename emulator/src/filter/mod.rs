//! Content filters: the results for a text without a match, and the policies.

use serde_json::{Map, Value, json};

pub use self::policy::{FilterPolicy, FilterTarget, FilterTrigger, TriggerSeverity};

mod policy;

/// The four categories with a severity.
pub(crate) fn harm() -> Value {
    let safe = || json!({"filtered": false, "severity": "safe"});
    json!({"hate": safe(), "self_harm": safe(), "sexual": safe(), "violence": safe()})
}

/// `protected_material_text` and `_code`, both not detected.
pub(crate) fn protected_material() -> Value {
    let clean = || json!({"filtered": false, "detected": false});
    json!({"protected_material_code": clean(), "protected_material_text": clean()})
}

/// The results of a clean prompt.
pub(crate) fn clean_prompt() -> Value {
    merge(harm(), json!({"jailbreak": {"filtered": false, "detected": false}}))
}

/// The results of a clean answer.
pub(crate) fn clean_answer() -> Value {
    merge(harm(), protected_material())
}

/// The results when the filter is unavailable.
pub(crate) fn outage() -> Value {
    json!({"error": {"code": "content_filter_error", "message": "The contents are not filtered"}})
}

/// The members of both objects; of two with the same name the second.
pub(crate) fn merge(one: Value, other: Value) -> Value {
    let members = [one, other].into_iter().filter_map(|v| if let Value::Object(m) = v { Some(m) } else { None });
    Value::Object(members.flatten().collect::<Map<_, _>>())
}
