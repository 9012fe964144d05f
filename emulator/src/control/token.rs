//! The test tokens of `/__emulator/token`.

use serde_json::Value;

use super::{Control, ControlError};
use crate::sign_in::{AUDIENCE, TokenRequest, token};

impl Control<'_> {
    /// A test token: from JSON, a form, or the query.
    pub(super) fn token(&self) -> Result<Value, ControlError> {
        let body: Option<Value> = serde_json::from_slice(self.content).ok();
        let form: Vec<(String, String)> = url::form_urlencoded::parse(self.content).into_owned().collect();
        let text = |name: &str| -> Option<String> {
            let of_json = body.as_ref().and_then(|body| match body.get(name)? {
                Value::String(text) => Some(text.clone()),
                Value::Null => None,
                other => Some(other.to_string()),
            });
            let of_form = || form.iter().find_map(|(key, value)| (key == name).then(|| value.clone()));
            of_json.or_else(|| self.query(name).map(str::to_owned)).or_else(of_form)
        };
        let lifetime =
            text("expires_in").map(|text| text.parse().map_err(|_| ControlError::new("'expires_in' is no number")));
        let audience = text("audience").or_else(|| text("resource")).or_else(|| text("scope"));
        let roles = text("roles").or_else(|| text("role"));
        let is_part = |letter: char| matches!(letter, ',' | '[' | ']' | '"');
        let roles = roles.map_or_else(
            || vec!["Cognitive Services OpenAI User".to_owned()],
            |roles| roles.split(is_part).map(|role| role.trim().to_owned()).filter(|role| !role.is_empty()).collect(),
        );
        Ok(token(&TokenRequest {
            audience: audience
                .map_or_else(|| AUDIENCE.to_owned(), |text| text.trim_end_matches("/.default").to_owned()),
            tenant: text("tenant"),
            roles,
            lifetime_seconds: lifetime.transpose()?.unwrap_or(3600),
        }))
    }
}
