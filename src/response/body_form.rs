//! The form of a body by its first bytes: JSON, a page of HTML, an event stream or other text.
//!
//! The content type decides nothing, since gateways send errors without one or with a wrong one. A byte order mark before
//! the text is passed over, as some gateways put one before JSON.

/// The form of a body.
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

/// A body without the byte order mark of UTF-8 that it may begin with.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// The title of a page of HTML; everything else in it is markup.
pub(crate) fn html_title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower.get(start..)?.find("</title>")?;
    let title = page.get(start..end)?.trim();
    (!title.is_empty()).then(|| title.to_owned())
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
