//! The differences of two JSON bodies.

use serde_json::Value;

/// The paths at which two values differ, with both values: `messages[0].content: recorded "a", sent "b"`.
pub(super) fn differences(recorded: &Value, sent: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", recorded, sent, &mut found);
    found
}

fn compare(path: &str, recorded: &Value, sent: &Value, found: &mut Vec<String>) {
    match (recorded, sent) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
            for name in names {
                let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let member = |all: &serde_json::Map<String, Value>| all.get(name).cloned().unwrap_or(Value::Null);
                compare(&place, &member(one), &member(other), found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (at, (one, other)) in one.iter().zip(other).enumerate() {
                compare(&format!("{path}[{at}]"), one, other, found);
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            found.push(format!("{path}: recorded {} items, sent {}", one.len(), other.len()));
        }
        _ if recorded == sent => {}
        _ => {
            let place = if path.is_empty() { "body" } else { path };
            found.push(format!("{place}: recorded {}, sent {}", short(recorded), short(sent)));
        }
    }
}

/// A value, cut where it is long.
fn short(value: &Value) -> String {
    const LONGEST: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}..", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_their_place_and_both_values() {
        let recorded = json!({"n": 1, "messages": [{"content": "a"}], "stop": ["x"]});
        let sent = json!({"messages": [{"content": "b"}], "stop": ["x", "y"], "user": "u"});
        assert_eq!(
            differences(&recorded, &sent),
            [
                "messages[0].content: recorded \"a\", sent \"b\"",
                "n: recorded 1, sent null",
                "stop: recorded 1 items, sent 2",
                "user: recorded null, sent \"u\""
            ]
        );
        assert!(differences(&sent, &sent).is_empty());
    }
}
