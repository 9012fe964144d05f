//! The head of an HTTP request: its headers and the values of its query, by name.

use axum::http::request::Parts;

/// A value of the request's query, decoded.
pub(crate) fn query(parts: &Parts, name: &str) -> Option<String> {
    query_value(parts.uri.query().unwrap_or_default(), name)
}

/// A value of a query, decoded.
pub(crate) fn query_value(query: &str, name: &str) -> Option<String> {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.into_iter().find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

pub(crate) fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}
