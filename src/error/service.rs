//! The error body of the service or a gateway, in each of its known shapes.

use std::fmt;
use std::time::Duration;

use super::envelope::Envelope;
use super::kind::{ErrorKind, is_retryable_status};
use super::printed;
use super::refused::{self, Refused};
use crate::response::ContentFilterResults;
use crate::response::body_form::without_mark;
use crate::wire::getters;

/// A header's value shorter than this, in bytes, is not taken for a secret: it is part of many messages by chance.
const SECRET: usize = 8;

/// The error body of the service or a gateway.
///
/// Reads Azure's envelope (`{"error": {..}}`), API Management's (`{"statusCode", "message"}`), flat
/// ones (`{"code", "message"}`, `{"detail"}`), `{"error": "text"}`, and text or HTML. Codes may be
/// strings, numbers or null. Of an error that a gateway wraps in its own, the inner one counts.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#errorresponse>
#[derive(Clone, PartialEq)]
pub struct ServiceError {
    envelope: Envelope,
    /// What the error is about; the first is `param()`.
    parameters: Vec<Refused>,
    body: String,
    /// Message and names are not printed, since they hold a key or a token.
    is_withheld: bool,
}

impl ServiceError {
    /// Reads an error body. Never fails: a body that is no JSON becomes the message.
    #[must_use]
    pub fn from_body(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(without_mark(body));
        let envelope = Envelope::read(text.trim());
        let text = envelope.headline.as_deref().or(envelope.message.as_deref());
        let parameters =
            refused::parameters(envelope.code.as_deref(), envelope.param.as_deref(), &envelope.located, text);
        let body = String::from_utf8_lossy(body).into_owned();
        Self { envelope, parameters, body, is_withheld: false }
    }

    /// The refused parameter: the one in `param`, else the last name of `detail[].loc`, else the one that
    /// the message names.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.parameters.first().map(|parameter| parameter.name.as_str())
    }

    /// The id of the call that the body names, for answers without one in their headers.
    pub(crate) fn id(&self) -> Option<&str> {
        self.envelope.id.as_deref()
    }

    /// The names of all parameters the error is about.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|parameter| parameter.name.as_str())
    }

    /// The refused members of the request, if it may succeed without them.
    #[cfg_attr(not(feature = "client"), allow(dead_code, reason = "for the client's repair"))]
    pub(crate) fn removable(&self) -> Vec<&str> {
        let all_are = self.parameters.iter().all(|parameter| parameter.is_removable);
        if all_are { self.parameters().collect() } else { Vec::new() }
    }

    /// The status of the refusal: that of the answer, or of the error that a gateway wraps in its own answer.
    pub(crate) fn status(&self, answered: u16) -> u16 {
        match self.envelope.status {
            Some(inner) if answered >= 500 && (self.envelope.is_wrapped || inner < 500) => inner,
            Some(inner) if answered == 400 && self.envelope.is_wrapped => inner,
            _ if answered >= 500 => self.status_by_code().unwrap_or(answered),
            _ => answered,
        }
    }

    /// The status that the kind and the texts go by: inside of a 200, such as in a stream, the one that the error itself
    /// names, by number or by code.
    pub(super) fn explained_status(&self, answered: u16) -> u16 {
        match answered {
            0 | 200 => self.envelope.status.or_else(|| self.status_by_code()).unwrap_or(answered),
            _ => self.status(answered),
        }
    }

    fn status_by_code(&self) -> Option<u16> {
        let named = self.code().and_then(status_of_code).or_else(|| self.error_type().and_then(status_of_code));
        named.or_else(|| (self.is_filtered() || !self.removable().is_empty()).then_some(400))
    }

    /// The wait in a message such as "retry after 12 seconds"; the headers come first.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let message = self.message()?;
        let rest = ["retry after ", "try again in ", "Try again in ", "Retry after "]
            .into_iter()
            .find_map(|cue| message.split_once(cue).map(|(_, rest)| rest))?;
        let digits = rest.split(|c: char| c != '.' && !c.is_ascii_digit()).next()?;
        let unit = rest.strip_prefix(digits)?.trim_start();
        let value: f64 = digits.trim_end_matches('.').parse().ok()?;
        let scale = match unit {
            _ if unit.starts_with("ms") || unit.starts_with("milli") => 0.001,
            _ if unit.starts_with("min") => 60.0,
            _ if unit.starts_with("hour") => 3600.0,
            _ if unit.starts_with("day") => 86400.0,
            _ if unit.starts_with('s') => 1.0,
            _ => return None,
        };
        Duration::try_from_secs_f64(value * scale).ok()
    }

    /// Whether the body has a code or a message.
    pub(super) fn has_code_or_message(&self) -> bool {
        self.code().is_some() || self.message().is_some()
    }

    pub(crate) fn kind(&self, answered: u16) -> ErrorKind {
        if self.is_filtered() {
            ErrorKind::ContentFiltered
        } else {
            ErrorKind::of_status(self.explained_status(answered))
        }
    }

    /// Gateways leave the code out, and keep the text.
    pub(super) fn is_context_length(&self) -> bool {
        self.code() == Some("context_length_exceeded")
            || self.message().is_some_and(|message| message.contains("maximum context length"))
    }

    pub(super) fn is_filtered(&self) -> bool {
        self.code() == Some("content_filter") || self.inner_code() == Some("ResponsibleAIPolicyViolation")
    }

    fn is_rate_limit(&self) -> bool {
        self.code() == Some("429") || self.status_by_code() == Some(429) || self.envelope.status == Some(429)
    }

    /// Whether an error inside a 200 stream is of the passing kind.
    pub(crate) fn is_transient(&self) -> bool {
        self.is_rate_limit()
            || self.error_type() == Some("server_error")
            || matches!(self.code(), Some("server_error" | "InternalServerError" | "Timeout"))
            || self.envelope.status.is_some_and(is_retryable_status)
    }

    /// The message as far as a text of ours may repeat it; see [`printed`].
    pub(super) fn printable_message(&self, answered: u16) -> Option<String> {
        let message = self.message().filter(|_| !self.is_withheld)?;
        let status = self.explained_status(answered);
        // inside of a stream the message has not been searched for the key that was sent
        let is_of_sign_in = matches!(answered, 0 | 200) && matches!(status, 401 | 403);
        if printed::is_plain_status(status) && !is_of_sign_in {
            return Some(printed::first_line(message));
        }
        let message = self.envelope.headline.as_deref().unwrap_or(message);
        let code = if self.is_filtered() { Some("content_filter") } else { self.code() };
        printed::known_part(code, self.param(), message).map(printed::first_line)
    }

    /// The code as far as a text of ours may repeat it: a name, not a sentence.
    pub(crate) fn printable_code(&self) -> Option<&str> {
        self.printable_name(self.code())
    }

    /// The parameter as far as a text of ours may repeat it.
    pub(crate) fn printable_param(&self) -> Option<&str> {
        self.printable_name(self.param())
    }

    pub(super) fn printable_name<'a>(&self, name: Option<&'a str>) -> Option<&'a str> {
        name.filter(|name| !self.is_withheld && printed::is_name(name))
    }

    /// Keeps message and names out of every text of ours if they hold one of these keys or tokens.
    #[cfg_attr(not(feature = "client"), allow(dead_code, reason = "the transport has the secrets"))]
    pub(crate) fn withhold_secrets<'a>(&mut self, secrets: impl IntoIterator<Item = &'a str>) {
        let Envelope { code, message, headline, error_type, inner_code, id, .. } = &self.envelope;
        let texts = [code, message, headline, error_type, inner_code, id].into_iter().flatten().map(String::as_str);
        let texts: Vec<&str> = texts.chain(self.parameters()).collect();
        let is_held = |secret: &str| texts.iter().any(|text| text.contains(secret));
        self.is_withheld |= secrets.into_iter().filter(|secret| secret.len() >= SECRET).any(is_held);
    }
}

getters! { error: ServiceError => error.envelope;
    /// The service's code: a name, or a number as text.
    code: String;
    /// `message` or a member like it (`detail`, `title`); an object or a list as compact JSON. It may quote the request.
    message: String;
    /// The service's class of error, such as `invalid_request_error`.
    error_type: String;
    /// The code of the inner error, such as `ResponsibleAIPolicyViolation`.
    inner_code: String;
    /// The filter results that blocked the prompt, when they were sent.
    content_filter: Shared<ContentFilterResults>;
}

getters! { error: ServiceError => error;
    /// The whole body as it came. May quote what was sent.
    body: Text;
}

/// The status of a code, for an answer whose own status a gateway has made a 5xx.
fn status_of_code(code: &str) -> Option<u16> {
    Some(match code {
        "content_filter"
        | "context_length_exceeded"
        | "invalid_function_parameters"
        | "invalid_request_error"
        | "invalid_value"
        | "OperationNotSupported" => 400,
        _ if refused::REFUSING.contains(&code) => 400,
        "invalid_api_key" | "PermissionDenied" | "Unauthorized" => 401,
        "AccessDenied" | "AuthenticationTypeDisabled" => 403,
        "DeploymentNotFound" | "model_not_found" => 404,
        "rate_limit_exceeded" | "RateLimitReached" | "too_many_requests" => 429,
        _ => return None,
    })
}

/// Prints codes only; message and body may quote the request.
impl fmt::Debug for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceError")
            .field("code", &self.printable_code())
            .field("param", &self.printable_param())
            .field("error_type", &self.printable_name(self.error_type()))
            .field("inner_code", &self.printable_name(self.inner_code()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> ServiceError {
        ServiceError::from_body(body.as_bytes())
    }

    #[test]
    fn every_known_shape_gives_code_and_message() {
        for (body, code, message) in [
            (r#"{"error":{"code":"DeploymentNotFound","message":"gone"}}"#, Some("DeploymentNotFound"), Some("gone")),
            (r#"{"error":{"code":400,"message":"bad","requestid":"1"}}"#, Some("400"), Some("bad")),
            (r#"{"error":{"code":null,"message":"odd","param":null}}"#, None, Some("odd")),
            (r#"{"statusCode":429,"message":"Token limit"}"#, Some("429"), Some("Token limit")),
            (r#"{"code":"x","message":"flat"}"#, Some("x"), Some("flat")),
            (r#"{"error":"just text"}"#, None, Some("just text")),
            (r#"{"detail":"nope"}"#, None, Some("nope")),
            (r#"{"detail":[{"loc":1}]}"#, None, Some(r#"[{"loc":1}]"#)),
            ("upstream connect error", None, Some("upstream connect error")),
            ("<html><head><title>502 Bad Gateway</title></head></html>", None, Some("502 Bad Gateway")),
            ("\u{feff}{\"error\":{\"code\":\"marked\"}}", Some("marked"), None),
            ("", None, None),
            ("[]", None, None),
            ("7", None, None),
        ] {
            let error = read(body);
            assert_eq!((error.code(), error.message()), (code, message), "{body}");
            assert_eq!(error.body(), body);
        }
    }

    #[test]
    fn a_reason_that_is_no_text_is_compact_json() {
        for (body, message) in [
            (r#"{"error": {"message": {"reason": "no", "n": 1}}}"#, r#"{"n":1,"reason":"no"}"#),
            (r#"{"error": {"message": ["a", "b"]}}"#, r#"["a","b"]"#),
            (
                r#"{"error": [{"code": 2001, "message": "set up the gateway"}]}"#,
                r#"[{"code":2001,"message":"set up the gateway"}]"#,
            ),
            (r#"{"error": {"reason": "odd"}}"#, r#"{"reason":"odd"}"#),
            (r#"{"title": {"en": "no"}}"#, r#"{"en":"no"}"#),
            (r#"{"detail": {"limit": 5}}"#, r#"{"limit":5}"#),
        ] {
            assert_eq!(read(body).message(), Some(message), "{body}");
        }
    }

    #[test]
    fn filter_details_are_found_under_either_spelling() {
        for body in [
            r#"{"error":{"code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"violence":{"filtered":true,"severity":"high"}}}}}"#,
            r#"{"error":{"code":"content_filter","inner_error":{"content_filter_results":{"violence":{"filtered":true,"severity":"high"}}}}}"#,
        ] {
            let error = read(body);
            assert_eq!(error.kind(400), ErrorKind::ContentFiltered);
            assert!(error.content_filter().unwrap().violence.is_some(), "{body}");
        }
        assert_eq!(read(r#"{"error":{"code":"content_filter"}}"#).kind(400), ErrorKind::ContentFiltered);
    }

    #[test]
    fn a_wait_in_words_is_read() {
        for (words, seconds) in [
            ("Please retry after 86400 seconds. Contact us", Some(86400.0)),
            ("Token limit is exceeded. Try again in 17 seconds.", Some(17.0)),
            ("try again in 20ms", Some(0.02)),
            ("retry after 2 minutes", Some(120.0)),
            ("retry after a while", None),
            ("retry after 3", None),
        ] {
            assert_eq!(read(words).retry_after().map(|wait| wait.as_secs_f64()), seconds, "{words}");
        }
    }

    #[test]
    fn a_message_about_sign_in_inside_of_a_stream_is_not_printed() {
        for code in ["401", "403"] {
            let error =
                read(&format!(r#"{{"error":{{"code":"{code}","message":"the key 0123456789abcdef is unknown"}}}}"#));
            assert_eq!(error.printable_message(200), None, "{code}");
        }
    }

    #[test]
    fn a_message_with_a_key_is_not_printed_whatever_the_status() {
        let body = r#"{"error":{"code":"KeyWrong","message":"the key 0123456789abcdef is unknown"}}"#;
        let mut error = read(body);
        error.withhold_secrets(["another-key", "", "is"]);
        assert!(error.printable_message(401).is_some());
        assert_eq!(error.printable_code(), Some("KeyWrong"));
        error.withhold_secrets(["0123456789abcdef"]);
        assert_eq!((error.printable_message(401), error.printable_code()), (None, None));
        assert_eq!(error.message(), Some("the key 0123456789abcdef is unknown"));
    }

    #[test]
    fn a_code_that_is_a_sentence_is_not_printed() {
        let error = read(r#"{"error":{"code":"you said a b c","param":"messages[0].role"}}"#);
        assert_eq!((error.printable_code(), error.printable_param()), (None, Some("messages[0].role")));
    }

    #[test]
    fn debug_shows_no_words() {
        let error = read(r#"{"error":{"code":"x","message":"canary"}}"#);
        assert!(!format!("{error:?}").contains("canary"));
    }
}
