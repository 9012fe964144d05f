//! The part of the service's message that is printed: one line, and only where it cannot be the caller's own text.
//!
//! An unknown 400 may repeat the prompt, so its message stays in `message()`. The statuses about keys, paths,
//! limits and outages have nothing to repeat, and of the other refusals these codes and texts are known.

use super::refused::{MISSING, NAMED_AFTER, REFUSING, TOOLS_AND_EFFORT};

/// The longest part of a message that is printed, in characters.
const PRINTED: usize = 300;

/// Codes whose message is the service's own, beside those of [`REFUSING`].
const KNOWN_CODES: [&str; 10] = [
    "invalid_function_parameters",
    "string_above_max_length",
    "context_length_exceeded",
    "content_filter",
    "OperationNotSupported",
    "DeploymentNotFound",
    "model_not_found",
    "InvalidContentFilterPolicy",
    "unsupported_api_version",
    "rate_limit_exceeded",
];

/// The beginnings of messages of the service that come without a code, or with a general one such as `400`, beside those
/// before the names of refused parameters.
const KNOWN_TEXTS: [&str; 18] = [
    "Extra inputs are not permitted",
    MISSING,
    "Could not finish the message because max_tokens",
    "'messages' must contain the word 'json'",
    "Invalid schema for ",
    "max_tokens is too large: ",
    "max_completion_tokens is too large: ",
    "This model's maximum context length is ",
    "The response was filtered due to ",
    "response_format value as json_schema is enabled only for ",
    "The chatCompletion operation does not work with ",
    "The API deployment for this resource does not exist",
    "Requested API is currently not supported",
    "Invalid image data",
    "The server had an error",
    "The operation was timeout",
    "Rate limit reached for ",
    "Requests to the ChatCompletions_Create Operation ",
];

/// Members whose wrong value may be the caller's text.
const CALLERS_OWN: [&str; 5] = ["messages", "prediction", "metadata", "user", "stop"];

/// Whether the message of an answer with this status is printed whatever it is.
pub(super) fn is_plain_status(status: u16) -> bool {
    matches!(status, 401 | 403 | 404 | 408 | 409 | 429 | 500..=599)
}

/// The known part of a message that came with a 400, a 422 or another status.
pub(super) fn known_part<'a>(code: Option<&str>, param: Option<&str>, message: &'a str) -> Option<&'a str> {
    if code.is_some_and(|code| REFUSING.contains(&code) || KNOWN_CODES.contains(&code)) {
        return Some(message);
    }
    let is_own = param.is_some_and(|param| CALLERS_OWN.contains(&param.split(['.', '[']).next().unwrap_or(param)));
    if code == Some("invalid_value") && param.is_some() && !is_own {
        return Some(message);
    }
    let known = KNOWN_TEXTS.into_iter().chain(NAMED_AFTER).chain([TOOLS_AND_EFFORT]);
    let starts = known.filter_map(|text| message.find(text));
    let (before, known) = message.split_at_checked(starts.min()?)?;
    // what a gateway puts before it names a class or a provider, and quotes nothing
    (!before.contains(['\'', '"', '`', '\u{201c}', '\n'])).then_some(known)
}

/// The first line of a message, cut to what is printed.
pub(super) fn first_line(message: &str) -> String {
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let plain = line.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c });
    plain.take(PRINTED).collect()
}

/// Whether a text can be the name of a code or a parameter: a word, or a path such as `messages[0].role`.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 80
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'[' | b']'))
}

/// Whether a text is a plain word: what a place in a schema is made of.
pub(super) fn is_plain_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_text_is_printed_from_where_it_begins() {
        for (message, printed) in [
            ("Unknown parameter: 'top_k'.", Some("Unknown parameter: 'top_k'.")),
            (
                "litellm.BadRequestError: AzureException - Unsupported parameter: 'seed'",
                Some("Unsupported parameter: 'seed'"),
            ),
            ("cannot parse 'Unknown parameter: my secret'", None),
            ("my secret", None),
        ] {
            assert_eq!(known_part(None, None, message), printed, "{message}");
        }
    }

    #[test]
    fn a_wrong_value_is_printed_unless_it_can_be_the_callers_text() {
        let printed = |param| known_part(Some("invalid_value"), Some(param), "Invalid value: 'x'.").is_some();
        assert!(printed("reasoning_effort"));
        assert!(!printed("messages[0].content[0].type") && !printed("metadata.a") && !printed("user"));
    }

    #[test]
    fn a_message_is_printed_as_one_line_of_bounded_length() {
        assert_eq!(first_line("\n first \tline\r\nsecond"), "first  line");
        assert_eq!(first_line(&"é".repeat(1000)).chars().count(), 300);
        assert_eq!(first_line(" \n "), "");
    }
}
