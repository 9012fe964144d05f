//! The error body of the service, in every shape it has been seen in.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::ErrorKind;
use crate::response::content_filter::ContentFilterResults;

/// Longest run of the service's words that a text of ours repeats.
const PRINTED: usize = 600;
/// A run of this many characters that the caller also said counts as an echo.
const ECHO: usize = 12;
/// Codes and parameters are names, and no name is longer.
const NAME: usize = 80;

/// What the service said when it refused.
///
/// Reads Azure's envelope (`{"error": {..}}`), API Management's (`{"statusCode", "message"}`), flat
/// ones (`{"code", "message"}`, `{"detail"}`), `{"error": "text"}`, and text or HTML. Codes may be
/// strings, numbers or null.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#errorresponse>
#[derive(Clone, PartialEq)]
pub struct ServiceError {
    code: Option<String>,
    message: Option<String>,
    param: Option<String>,
    error_type: Option<String>,
    inner_code: Option<String>,
    content_filter: Option<Box<ContentFilterResults>>,
    body: String,
    printable: bool,
    names_printable: bool,
}

impl ServiceError {
    /// Reads an error body. Never fails: what is no JSON becomes the message.
    #[must_use]
    pub fn from_body(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        match serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}').trim()) {
            Ok(value) => Self::from_value(&value, text.into_owned()),
            Err(_) => Self::from_text(text.into_owned()),
        }
    }

    fn from_text(text: String) -> Self {
        let message = if looks_like_html(&text) { html_title(&text) } else { non_empty(text.trim()) };
        Self { message, body: text, ..Self::empty() }
    }

    fn from_value(value: &Value, body: String) -> Self {
        let mut this = Self { body, ..Self::empty() };
        match value {
            Value::Object(top) => match top.get("error") {
                Some(Value::Object(error)) => this.read(error),
                Some(Value::String(message)) => {
                    this.message = non_empty(message);
                    this.code = code_of(top);
                    this.message = this.message.take().or_else(|| text_of(top, "message"));
                }
                _ => this.read(top),
            },
            Value::String(message) => this.message = non_empty(message),
            _ => {}
        }
        this
    }

    fn read(&mut self, error: &Map<String, Value>) {
        self.code = code_of(error);
        self.message =
            ["message", "detail", "Message", "title"].into_iter().find_map(|name| text_of(error, name)).or_else(|| {
                // FastAPI-style gateways send a list or an object as `detail`
                error.get("detail").filter(|detail| !detail.is_null()).map(Value::to_string)
            });
        self.param = text_of(error, "param").or_else(|| text_of(error, "parameter"));
        self.error_type = text_of(error, "type");
        let inner =
            ["innererror", "inner_error", "innerError"].into_iter().find_map(|name| error.get(name)?.as_object());
        self.inner_code = inner.and_then(code_of);
        self.content_filter = inner.into_iter().chain([error]).find_map(ContentFilterResults::in_object).map(Box::new);
    }

    fn empty() -> Self {
        Self {
            code: None,
            message: None,
            param: None,
            error_type: None,
            inner_code: None,
            content_filter: None,
            body: String::new(),
            printable: true,
            names_printable: true,
        }
    }

    /// The service's code: a name, or a number as text.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The service's words. They may quote what was sent.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The parameter complained about.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.param.as_deref()
    }

    /// The service's class of error, such as `invalid_request_error`.
    #[must_use]
    pub fn error_type(&self) -> Option<&str> {
        self.error_type.as_deref()
    }

    /// The code of the inner error, such as `ResponsibleAIPolicyViolation`.
    #[must_use]
    pub fn inner_code(&self) -> Option<&str> {
        self.inner_code.as_deref()
    }

    /// The filter results that blocked the prompt, when they were sent.
    #[must_use]
    pub fn content_filter(&self) -> Option<&ContentFilterResults> {
        self.content_filter.as_deref()
    }

    /// The whole body as it came. May quote what was sent.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The wait, for a body that gives it only in words ("retry after 12 seconds").
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let message = self.message.as_deref()?;
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

    /// Whether the body says that something is wrong.
    pub(crate) fn is_telling(&self) -> bool {
        self.code.is_some() || self.message.is_some()
    }

    pub(crate) fn kind(&self, status: u16) -> ErrorKind {
        let filtered = self.code.as_deref() == Some("content_filter")
            || self.inner_code.as_deref() == Some("ResponsibleAIPolicyViolation");
        if filtered {
            ErrorKind::ContentFiltered
        } else if status == 429 || (matches!(status, 0 | 200) && self.says_rate_limited()) {
            ErrorKind::RateLimited
        } else {
            ErrorKind::Service
        }
    }

    fn says_rate_limited(&self) -> bool {
        matches!(self.code.as_deref(), Some("429" | "rate_limit_exceeded" | "RateLimitReached" | "too_many_requests"))
    }

    /// Whether an error inside a 200 stream is of the passing kind.
    pub(crate) fn is_transient(&self) -> bool {
        self.says_rate_limited()
            || self.error_type.as_deref() == Some("server_error")
            || matches!(
                self.code.as_deref(),
                Some("server_error" | "InternalServerError" | "Timeout" | "500" | "502" | "503" | "504")
            )
    }

    /// The message as far as a text of ours may repeat it.
    pub(crate) fn printable_message(&self) -> Option<&str> {
        let message = self.message.as_deref().filter(|_| self.printable)?;
        match message.char_indices().nth(PRINTED) {
            Some((end, _)) => message.get(..end),
            None => Some(message),
        }
    }

    pub(crate) fn withhold_message(&mut self) {
        self.printable = false;
    }

    /// The code as far as a text of ours may repeat it: a name, not a sentence.
    pub(crate) fn printable_code(&self) -> Option<&str> {
        self.printable_name(&self.code)
    }

    /// The parameter as far as a text of ours may repeat it.
    pub(crate) fn printable_param(&self) -> Option<&str> {
        self.printable_name(&self.param)
    }

    fn printable_name<'a>(&self, name: &'a Option<String>) -> Option<&'a str> {
        name.as_deref().filter(|name| self.names_printable && is_name(name))
    }

    /// Marks the message as not printable when it shares a long run of characters with something the
    /// caller or the model said, as it is or as JSON writes it, or holds a short saying as a whole. Codes
    /// and parameters are looked at too.
    pub(crate) fn withhold_echo<'a>(&mut self, said: impl IntoIterator<Item = &'a str>) {
        let message = self.message.clone().unwrap_or_default();
        let names = [&self.code, &self.param, &self.error_type, &self.inner_code];
        let names: Vec<String> = names.into_iter().flatten().cloned().collect();
        let in_message: std::collections::HashSet<&str> = windows(&message).collect();
        let in_names: std::collections::HashSet<&str> = names.iter().flat_map(|name| windows(name)).collect();
        if message.is_empty() && in_names.is_empty() {
            return;
        }
        for text in said {
            let text = text.trim();
            if text.chars().nth(ECHO).is_none() {
                if text.chars().nth(3).is_some() && message.contains(text) {
                    self.printable = false;
                }
                continue;
            }
            let escaped = escaped(text);
            for run in windows(text).chain(windows(&escaped)) {
                self.printable &= !in_message.contains(run);
                self.names_printable &= !in_names.contains(run);
            }
        }
    }
}

/// The text as JSON writes it, without the quotes; empty when that is no different.
fn escaped(text: &str) -> String {
    if !text.contains(|c: char| c == '"' || c == '\\' || c < ' ') {
        return String::new();
    }
    let quoted = Value::from(text).to_string();
    quoted.trim_matches('"').to_owned()
}

/// Whether this can be the name of something: short, and without spaces.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= NAME && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Every run of [`ECHO`] characters.
fn windows(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]).skip(ECHO);
    text.char_indices().zip(ends).filter_map(|((start, _), end)| text.get(start..end))
}

fn code_of(object: &Map<String, Value>) -> Option<String> {
    ["code", "statusCode", "status_code"].into_iter().find_map(|name| match object.get(name)? {
        Value::String(code) => non_empty(code),
        Value::Number(code) => Some(code.to_string()),
        _ => None,
    })
}

fn text_of(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().and_then(non_empty)
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn looks_like_html(text: &str) -> bool {
    let start = text.trim_start().get(..15).unwrap_or(text.trim_start()).to_ascii_lowercase();
    start.starts_with("<!doctype") || start.starts_with("<html") || start.starts_with("<head")
}

/// A page's title stands for the page: the rest is markup.
fn html_title(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower.get(start..)?.find("</title>")?;
    text.get(start..end).map(str::trim).and_then(non_empty)
}

/// Prints codes only; words and body may quote what was sent.
impl fmt::Debug for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceError")
            .field("code", &self.printable_code())
            .field("param", &self.printable_param())
            .field("error_type", &self.printable_name(&self.error_type))
            .field("inner_code", &self.printable_name(&self.inner_code))
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
            let error = ServiceError { message: Some(words.to_owned()), ..ServiceError::empty() };
            assert_eq!(error.retry_after().map(|wait| wait.as_secs_f64()), seconds, "{words}");
        }
    }

    #[test]
    fn a_message_that_repeats_the_caller_is_not_printed() {
        let mut error = read(r#"{"error":{"message":"cannot parse: my secret recipe is salt"}}"#);
        error.withhold_echo(["unrelated words that are long enough", "short"]);
        assert!(error.printable_message().is_some());
        error.withhold_echo(["the secret recipe is salt and pepper"]);
        assert_eq!(error.printable_message(), None);
        assert!(error.message().is_some());
    }

    #[test]
    fn an_echo_is_known_as_json_writes_it_and_in_a_name() {
        let mut error = read(r#"{"error":{"message":"bad body: a\\nb\\nc\\nd\\ne","code":"key-0123456789"}}"#);
        error.withhold_echo(["unrelated words that are long enough"]);
        assert_eq!(error.printable_code(), Some("key-0123456789"));
        assert!(error.printable_message().is_some());
        error.withhold_echo(["a\nb\nc\nd\ne\nf\ng"]);
        assert_eq!(error.printable_message(), None);
        error.withhold_echo(["my-key-0123456789"]);
        assert_eq!(error.printable_code(), None);
        assert_eq!(error.code(), Some("key-0123456789"));
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
