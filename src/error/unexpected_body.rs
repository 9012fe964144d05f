//! A body of another form than was requested: a page, an event stream for JSON, JSON for an event stream.
//!
//! The content type decides nothing, since gateways send errors without one or with a wrong one; the first bytes
//! do. A byte order mark before them is passed over, as some gateways put one before JSON.

use bytes::Bytes;

use super::{Error, ErrorKind};

/// What a body is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyForm {
    /// Nothing but spaces.
    Empty,
    Html,
    EventStream,
    Json,
    Text,
}

impl BodyForm {
    pub(crate) fn of(body: &[u8]) -> Self {
        let text = without_mark(body).trim_ascii_start();
        let is_field = |name: &&str| text.starts_with(name.as_bytes());
        match text.first() {
            None => Self::Empty,
            Some(b'<') => Self::Html,
            Some(b'{' | b'[') => Self::Json,
            Some(_) if ["data:", "event:", "id:", "retry:", ":"].iter().any(is_field) => Self::EventStream,
            Some(_) => Self::Text,
        }
    }
}

/// Without the byte order mark that some gateways begin with.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

pub(super) fn is_html(body: &[u8]) -> bool {
    BodyForm::of(body) == BodyForm::Html
}

/// The title of a page; the rest is markup.
pub(super) fn html_title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower.get(start..)?.find("</title>")?;
    let title = page.get(start..end)?.trim();
    (!title.is_empty()).then(|| title.to_owned())
}

/// The error for a body that should have been a completion and cannot be parsed as one. One that ends too early
/// without a fault of the connection, as a gateway's may, is `Interrupted` if it `may_be_cut`.
#[cfg(feature = "client")]
pub(crate) fn no_completion(body: Bytes, error: &serde_json::Error, may_be_cut: bool) -> Error {
    let is_cut = error.is_eof() && may_be_cut;
    let kind = if is_cut { ErrorKind::Interrupted } else { ErrorKind::Decode };
    let (kind, what, hint) = match BodyForm::of(&body) {
        BodyForm::Empty => (kind, "is empty", "the connection or a gateway lost it"),
        BodyForm::Html => (ErrorKind::Decode, "is a page of HTML", "a proxy or a wrong endpoint answered"),
        BodyForm::EventStream => {
            (ErrorKind::Decode, "is an event stream", "use stream() for this deployment, or check the gateway")
        }
        _ if is_cut => (kind, "ends in the middle", "the connection or a gateway cut it"),
        BodyForm::Json if without_mark(&body).trim_ascii_start().first() == Some(&b'{') => {
            (kind, "cannot be parsed", "a gateway may have changed it; the error's body() has it")
        }
        _ => (kind, "is not a JSON object", "a gateway may have changed it"),
    };
    // the parser's own text can quote the body
    let place = format!("line {}, column {} of {} bytes", error.line(), error.column(), body.len());
    Error::new(kind, format!("the answer {what} ({place})")).with_hint(hint).with_body(body)
}

/// The error for a body that parses and is neither a completion nor an error.
pub(super) fn other_json(body: Bytes, is_stream: bool) -> Error {
    let what = if is_stream { "no completion and no event stream" } else { "no completion" };
    Error::new(ErrorKind::Decode, format!("the answer is {what}"))
        .with_hint("a gateway or another operation answered")
        .with_body(body)
}

/// The error for a whole completion that came where an event stream was requested.
pub(crate) fn whole_completion() -> Error {
    Error::new(ErrorKind::Decode, "the answer is one JSON body, not an event stream")
        .with_hint("partial() has it; use complete() for this deployment, or check the gateway")
}

/// The error for a JSON body that came where an event stream was requested, and is larger than an event may be.
pub(crate) fn too_large(limit: usize) -> Error {
    Error::new(ErrorKind::Decode, format!("the answer is one JSON body larger than {limit} bytes, not an event stream"))
        .with_hint("use complete() for this deployment, or check the gateway")
}

/// The error for a body that is neither JSON nor an event stream.
pub(crate) fn no_stream(body: Bytes, error: &serde_json::Error) -> Error {
    match BodyForm::of(&body) {
        BodyForm::Html => Error::new(ErrorKind::Decode, "the answer is a page of HTML, not an event stream")
            .with_hint("a proxy or a wrong endpoint answered")
            .with_body(body),
        _ if error.is_eof() => {
            Error::new(ErrorKind::Interrupted, "the answer ended in the middle of a JSON body").with_body(body)
        }
        _ => Error::new(ErrorKind::Decode, "the answer is neither an event stream nor a JSON object").with_body(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_known_by_its_first_bytes() {
        for (body, form) in [
            ("", BodyForm::Empty),
            (" \r\n", BodyForm::Empty),
            ("\u{feff}", BodyForm::Empty),
            ("<!DOCTYPE html><p>", BodyForm::Html),
            ("\u{feff} <html>", BodyForm::Html),
            ("data: {}", BodyForm::EventStream),
            ("\u{feff}event: error\n", BodyForm::EventStream),
            (": ping\n\n", BodyForm::EventStream),
            ("\u{feff}{\"id\":", BodyForm::Json),
            ("[1]", BodyForm::Json),
            ("upstream connect error", BodyForm::Text),
        ] {
            assert_eq!(BodyForm::of(body.as_bytes()), form, "{body:?}");
        }
    }

    #[test]
    fn a_page_is_known_by_its_title() {
        assert_eq!(html_title("<HTML><Title> 502 Bad Gateway </title>").as_deref(), Some("502 Bad Gateway"));
        assert_eq!(html_title("<html><title></title>"), None);
        assert_eq!(html_title("<html>"), None);
    }
}
