//! The parameters that an error refuses: by code and `param`, by place, or by name in the text.

use serde_json::Value;

/// A parameter of the request that an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) name: String,
    /// Whether the request may succeed without it: it is refused, and a member of the request itself.
    pub(super) is_removable: bool,
}

/// The texts before the names of refused parameters.
pub(super) const NAMED_AFTER: [&str; 8] = [
    "Unrecognized request argument supplied: ",
    "Unrecognized request arguments supplied: ",
    "Unknown parameter: ",
    "Unsupported parameter: ",
    "Unsupported parameter(s): ",
    "Unsupported value: ",
    "Extra parameters [",
    "Argument not supported on this model: ",
];

/// The text before the name of a parameter that is missing.
pub(super) const MISSING: &str = "Missing required parameter: ";

/// The texts before the name of a parameter whose value is wrong or missing.
const WRONG_AFTER: [&str; 3] = [MISSING, "Invalid type for ", "Invalid '"];

/// The refusal of function tools together with an effort; the parameter to leave out is the effort.
pub(super) const TOOLS_AND_EFFORT: &str = "Function tools with reasoning_effort are not supported";

/// Codes and types that refuse the parameter in `param`.
pub(super) const REFUSING: [&str; 4] =
    ["unsupported_parameter", "unsupported_value", "unknown_parameter", "extra_forbidden"];

/// Every parameter an error is about, the first of which is its `param()`.
pub(super) fn parameters(
    code: Option<&str>,
    param: Option<&str>,
    located: &[Refused],
    text: Option<&str>,
) -> Vec<Refused> {
    let text = text.unwrap_or_default();
    let named = named_in(text);
    let Some(param) = param else {
        return if located.is_empty() { named } else { located.to_vec() };
    };
    let by_code = code.is_some_and(|code| REFUSING.contains(&code));
    let by_text = named.iter().any(|named| named.name == param && named.is_removable);
    // an effort, a tier or a verbosity: one of a few values, and the service has a default
    let by_value = matches!(code, None | Some("invalid_value")) && text.contains("Supported values are");
    let is_removable = (by_code || by_text || by_value) && is_member(param);
    let first = Refused { name: param.to_owned(), is_removable };
    let others = named.into_iter().filter(|named| named.name != param);
    std::iter::once(first).chain(others).collect()
}

/// The parameter at a place such as `["body", "max_completion_tokens"]`: its last name.
pub(super) fn at_location(loc: &[Value], kind: &str, reason: &str) -> Option<Refused> {
    let path = loc.strip_prefix(&[Value::from("body")]).unwrap_or(loc);
    let name = path.iter().rev().find_map(Value::as_str)?.to_owned();
    let is_refused = kind == "extra_forbidden" || reason.starts_with("Extra inputs are not permitted");
    Some(Refused { is_removable: is_refused && path.len() == 1, name })
}

fn named_in(text: &str) -> Vec<Refused> {
    if text.contains(TOOLS_AND_EFFORT) {
        return vec![Refused { name: "reasoning_effort".to_owned(), is_removable: true }];
    }
    let refused = NAMED_AFTER.into_iter().find_map(|words| text.split_once(words));
    if let Some((_, rest)) = refused {
        return names(rest).into_iter().map(|name| Refused { is_removable: is_member(&name), name }).collect();
    }
    let wrong = WRONG_AFTER.into_iter().find_map(|words| text.split_once(words));
    let too_large = || text.split_once(" is too large: ").and_then(|(before, _)| before.rsplit(' ').next());
    let name = match wrong {
        Some((_, rest)) => names(rest.trim_start_matches('\'')).into_iter().next(),
        None => too_large().filter(|name| is_name(name)).map(str::to_owned),
    };
    name.into_iter().map(|name| Refused { name, is_removable: false }).collect()
}

/// The names at the start of a text: `a, b`, `'a'`, `['a', 'b']`.
fn names(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches(['[', ' ']);
    loop {
        rest = rest.trim_start_matches(['\'', '"', '`']);
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']')))
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        // the end of a list, or of a sentence
        let name = if name.contains('[') { name } else { name.trim_end_matches(']') }.trim_end_matches('.');
        if !is_name(name) {
            return found;
        }
        found.push(name.to_owned());
        let after = after.trim_start_matches(['\'', '"', '`']);
        match after.strip_prefix(", ").or_else(|| after.strip_prefix(" and ")) {
            Some(next) => rest = next,
            None => return found,
        }
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Whether a name is that of a member of the request, and not of something inside of one.
fn is_member(name: &str) -> bool {
    is_name(name) && !name.contains(['.', '['])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_every_form_of_the_text() {
        for (text, found) in [
            ("Unrecognized request argument supplied: top_k", vec!["top_k"]),
            ("Unrecognized request arguments supplied: top_k, min_p", vec!["top_k", "min_p"]),
            ("azure-openai error: Unknown parameter: 'verbosity'.", vec!["verbosity"]),
            ("Unsupported parameter: 'max_tokens' is not supported with this model.", vec!["max_tokens"]),
            ("Unsupported value: 'messages[0].role' does not support 'system'.", vec!["messages[0].role"]),
            (
                "Extra parameters ['top_k', 'min_p'] are not allowed when extra-parameters is not set",
                vec!["top_k", "min_p"],
            ),
            ("Argument not supported on this model: stop", vec!["stop"]),
            ("Missing required parameter: 'messages[0].content[0].file'.", vec!["messages[0].content[0].file"]),
            ("Invalid 'user': string too long.", vec!["user"]),
            ("max_tokens is too large: 20000. This model supports at most 16384", vec!["max_tokens"]),
            (
                "Function tools with reasoning_effort are not supported for m in /v1/chat/completions.",
                vec!["reasoning_effort"],
            ),
            ("Unknown parameter: 7", vec![]),
            ("the weather is nice", vec![]),
        ] {
            let names: Vec<String> = named_in(text).into_iter().map(|refused| refused.name).collect();
            assert_eq!(names, found, "{text}");
        }
    }

    #[test]
    fn only_a_refused_member_of_the_request_can_be_left_out() {
        let removable = |code, param, text| {
            let all = parameters(code, param, &[], Some(text));
            all.into_iter().filter(|one| one.is_removable).map(|one| one.name).collect::<Vec<_>>()
        };
        assert_eq!(removable(Some("unknown_parameter"), Some("verbosity"), "no"), ["verbosity"]);
        assert_eq!(removable(None, None, "Unrecognized request arguments supplied: a, b"), ["a", "b"]);
        let effort = "Invalid value: 'none'. Supported values are: 'low', 'medium', and 'high'.";
        assert_eq!(removable(Some("invalid_value"), Some("reasoning_effort"), effort), ["reasoning_effort"]);
        let limit = "max_tokens is too large: 20000.";
        assert!(removable(Some("invalid_value"), Some("max_tokens"), limit).is_empty());
        assert!(removable(Some("unsupported_value"), Some("messages[0].role"), "no").is_empty());
        assert!(removable(Some("DeploymentNotFound"), Some("user"), "no").is_empty());
        assert!(removable(None, None, "Missing required parameter: 'messages'").is_empty());
    }

    #[test]
    fn a_place_gives_its_last_name() {
        let at = |loc: Value, kind: &str| at_location(loc.as_array().unwrap(), kind, "");
        let refused = at(serde_json::json!(["body", "seed"]), "extra_forbidden").unwrap();
        assert_eq!((refused.name.as_str(), refused.is_removable), ("seed", true));
        let inner = at(serde_json::json!(["body", "messages", 0, "user"]), "extra_forbidden").unwrap();
        assert_eq!((inner.name.as_str(), inner.is_removable), ("user", false));
        let missing = at(serde_json::json!(["body", "messages"]), "missing").unwrap();
        assert_eq!((missing.name.as_str(), missing.is_removable), ("messages", false));
        assert_eq!(at(serde_json::json!(["body"]), "missing"), None);
    }
}
