//! The layers of an error body: the service's own envelope, and those that gateways put around it.
//!
//! Gateways wrap what the service answered in `details` (Azure's own front ends), in `provider_specific_fields`
//! (LiteLLM), in `metadata.raw` (OpenRouter), or as JSON text in `message` (LiteLLM, LangChain, Portkey). The
//! innermost value of each member counts; an outer layer fills in what the inner ones lack.

use serde_json::{Map, Value};

use super::refused::{self, Refused};
use crate::response::ContentFilterResults;
use crate::response::body_form::{BodyForm, html_title};

/// Layers beyond this are not looked into.
const DEPTH: u32 = 6;

/// The members whose value may hold another error.
const NESTED: [&str; 6] = ["error", "errors", "details", "provider_specific_fields", "body", "response"];
const INNER_ERROR: [&str; 3] = ["innererror", "inner_error", "innerError"];
/// Members that hold the reason, the best first.
const REASONS: [&str; 6] = ["message", "Message", "detail", "title", "error_description", "msg"];
/// Ids of the call in a body, where headers carry none: API Management's and On Your Data's.
const IDS: [&str; 5] = ["activityId", "activity_id", "requestid", "requestId", "request_id"];

/// What an error body holds, over all its layers.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Envelope {
    pub(super) code: Option<String>,
    /// The reason as text; compact JSON for an object or a list.
    pub(super) message: Option<String>,
    /// The innermost reason that is text, when `message` is JSON.
    pub(super) headline: Option<String>,
    pub(super) param: Option<String>,
    pub(super) error_type: Option<String>,
    pub(super) inner_code: Option<String>,
    pub(super) content_filter: Option<Box<ContentFilterResults>>,
    /// The status that a layer names.
    pub(super) status: Option<u16>,
    /// Whether `status` is that of an error inside of another.
    pub(super) is_wrapped: bool,
    pub(super) id: Option<String>,
    /// The parameters of `detail[].loc`.
    pub(super) located: Vec<Refused>,
}

impl Envelope {
    pub(super) fn read(text: &str) -> Self {
        let mut this = Self::default();
        match serde_json::from_str::<Value>(text) {
            Ok(Value::String(message)) => this.read_text(&message, 0),
            Ok(value) => this.read_value(&value, 0),
            Err(_) if BodyForm::of(text.as_bytes()) == BodyForm::Html => this.message = html_title(text),
            Err(_) => this.read_text(text, 0),
        }
        this
    }

    /// Reads an error that is text, or text with JSON inside.
    fn read_text(&mut self, text: &str, depth: u32) {
        if let Some(inner) = embedded(text) {
            self.read_value(&inner, depth.saturating_add(2));
            fill(&mut self.status, || {
                let (_, rest) = text.split_once("Error code: ")?;
                status_of(rest.get(..3)?)
            });
        }
        fill(&mut self.message, || non_empty(text));
        fill(&mut self.headline, || non_empty(text));
    }

    /// `depth` is 0 for the body, 1 for the service's own `error`, and more for what is wrapped in it.
    fn read_value(&mut self, value: &Value, depth: u32) {
        match value {
            Value::Object(object) if depth <= DEPTH => self.read_object(object, depth),
            Value::Array(list) if depth <= DEPTH => self.read_list(list, depth),
            Value::String(text) => self.read_text(text, depth),
            _ => {}
        }
    }

    /// A list of errors, of which the first counts, or FastAPI's list of `{"type", "loc", "msg"}`.
    fn read_list(&mut self, list: &[Value], depth: u32) {
        for entry in list {
            let Some(loc) = entry.get("loc").and_then(Value::as_array) else { continue };
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
            self.located.extend(refused::at_location(loc, text("type"), text("msg")));
            fill(&mut self.headline, || non_empty(text("msg")));
            fill(&mut self.error_type, || non_empty(text("type")));
        }
        if self.headline.is_none()
            && let Some(first @ Value::Object(_)) = list.first()
        {
            self.read_value(first, depth);
        }
    }

    fn read_object(&mut self, object: &Map<String, Value>, depth: u32) {
        for name in NESTED {
            match object.get(name) {
                Some(inner @ Value::Object(_)) if name == "error" => self.read_value(inner, depth.saturating_add(1)),
                Some(inner @ Value::Object(members)) if is_error(members) => {
                    self.read_value(inner, depth.saturating_add(2));
                }
                Some(inner @ Value::Array(_)) => self.read_value(inner, depth.saturating_add(1)),
                Some(Value::String(text)) if name == "error" => self.read_text(text, depth),
                Some(Value::String(text)) => {
                    if let Some(inner) = embedded(text) {
                        self.read_value(&inner, depth.saturating_add(2));
                    }
                }
                _ => {}
            }
        }
        if let Some(raw) = object.get("metadata").and_then(|metadata| metadata.get("raw")) {
            self.read_value(raw, depth.saturating_add(2));
        }
        self.read_reason(object, depth);
        let inner = INNER_ERROR.into_iter().find_map(|name| object.get(name)?.as_object());
        fill(&mut self.inner_code, || inner.and_then(code_of));
        if self.content_filter.is_none() {
            self.content_filter =
                inner.into_iter().chain([object]).find_map(ContentFilterResults::in_object).map(Box::new);
        }
        let code = code_of(object);
        // a name is worth more than the status of a layer around it
        let is_number = |code: &Option<String>| code.as_deref().is_none_or(|code| status_of(code).is_some());
        if self.code.is_none() || (is_number(&self.code) && !is_number(&code)) {
            self.code = code.or(self.code.take());
        }
        if self.status.is_none() {
            self.status = layer_status(object);
            self.is_wrapped = self.status.is_some() && depth > 1;
        }
        fill(&mut self.param, || ["param", "parameter", "target"].into_iter().find_map(|name| text_of(object, name)));
        fill(&mut self.error_type, || text_of(object, "type"));
        fill(&mut self.id, || IDS.into_iter().find_map(|name| text_of(object, name)));
    }

    /// The reason of one layer. One that is an object or a list may be an error itself.
    fn read_reason(&mut self, object: &Map<String, Value>, depth: u32) {
        let present = |name: &&str| object.get(*name).is_some_and(|value| !value.is_null() && *value != "");
        if let Some(value) = REASONS.iter().find(|name| present(name)).and_then(|name| object.get(*name)) {
            match value {
                Value::String(text) => self.read_text(text, depth),
                Value::Object(_) | Value::Array(_) => {
                    self.read_value(value, depth.saturating_add(2));
                    self.message = Some(value.to_string());
                }
                _ => {}
            }
            return;
        }
        let is_silent = |error: &&Value| match error {
            Value::Array(list) => !list.is_empty(),
            Value::Object(members) => {
                let known = ["code", "statusCode", "status_code", "param", "type"];
                !members.is_empty() && !is_error(members) && !known.iter().any(|name| members.contains_key(*name))
            }
            _ => false,
        };
        if let Some(error) = ["error", "errors"].into_iter().find_map(|name| object.get(name)).filter(is_silent) {
            self.message = Some(error.to_string());
        }
    }
}

/// Whether an object can be the error of the service.
fn is_error(object: &Map<String, Value>) -> bool {
    let has = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
    ["error", "message", "Message", "detail"]
        .into_iter()
        .chain(INNER_ERROR)
        .chain(ContentFilterResults::MEMBERS)
        .any(has)
        || (has("code") && (has("param") || has("type")))
}

/// The JSON inside of a text, or what Python prints for it, if it is an error.
fn embedded(text: &str) -> Option<Value> {
    let json = text.get(text.find(['{', '['])?..)?;
    let first = |text: &str| serde_json::Deserializer::from_str(text).into_iter::<Value>().next()?.ok();
    let value = first(json).or_else(|| first(&from_python(json)))?;
    match &value {
        Value::Object(object) if is_error(object) => Some(value),
        Value::Array(list) if list.iter().any(|entry| entry.get("loc").is_some()) => Some(value),
        _ => None,
    }
}

/// A Python literal as JSON: `{'error': {'param': None}}`.
fn from_python(text: &str) -> String {
    const OUTSIDE: [(&str, &str); 5] = [("None", "null"), ("True", "true"), ("False", "false"), ("(", "["), (")", "]")];
    const INSIDE: [(&str, &str); 3] = [("\\'", "'"), ("\\x", "\\u00"), ("\"", "\\\"")];
    let mut json = String::with_capacity(text.len());
    let (mut rest, mut quote) = (text, None);
    while let Some(char) = rest.chars().next() {
        let is_quote = quote.map_or(matches!(char, '\'' | '"'), |open| char == open);
        let pairs = if quote.is_some() { &INSIDE[..] } else { &OUTSIDE };
        let length = match pairs.iter().find(|(python, _)| !is_quote && rest.starts_with(python)) {
            Some((python, written)) => {
                json.push_str(written);
                python.len()
            }
            None if is_quote => {
                quote = quote.xor(Some(char));
                json.push('"');
                char.len_utf8()
            }
            None => {
                // an escape and what it escapes, which may be a quote
                let taken = rest.chars().take(if char == '\\' { 2 } else { 1 });
                json.extend(taken.clone());
                taken.map(char::len_utf8).sum()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    json
}

fn code_of(object: &Map<String, Value>) -> Option<String> {
    ["code", "statusCode", "status_code"].into_iter().find_map(|name| word_of(object, name))
}

/// The status that a layer names, as a member or as its code.
fn layer_status(object: &Map<String, Value>) -> Option<u16> {
    let names = ["status", "statusCode", "status_code", "http_status", "code"];
    names.into_iter().find_map(|name| status_of(&word_of(object, name)?))
}

/// A member that is a string or a number, as text.
fn word_of(object: &Map<String, Value>, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::Number(number) => Some(number.to_string()),
        other => other.as_str().and_then(non_empty),
    }
}

fn status_of(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (400..600).contains(status))
}

fn text_of(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().and_then(non_empty)
}

fn non_empty(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn fill<T>(place: &mut Option<T>, value: impl FnOnce() -> Option<T>) {
    if place.is_none() {
        *place = value();
    }
}
