//! The secrets of a request's data sources.

use serde_json::Value;

use super::ChatCompletionRequest;
use crate::wire::{FieldVisitor, FromWire, Path};

impl ChatCompletionRequest {
    /// The secrets that the service signs in to data sources with: what is hidden, or has no field, below a member
    /// `authentication`.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        let mut secrets = Secrets(Vec::new());
        self.body.visit(&Path::Root, &mut secrets);
        secrets.0
    }
}

const AUTHENTICATION: &str = "authentication";

struct Secrets<'a>(Vec<&'a str>);

impl<'a> FieldVisitor<'a> for Secrets<'a> {
    fn text(&mut self, path: &Path<'_>, text: &'a str) {
        if path.is_hidden() && path.names().any(|name| name == AUTHENTICATION) {
            self.0.push(text);
        }
    }

    fn mistyped(&mut self, path: &Path<'_>, _expected: &'static str, value: &'a Value) {
        self.unmodelled(path, value);
    }

    fn unmodelled(&mut self, path: &Path<'_>, value: &'a Value) {
        self.collect(path.names().any(|name| name == AUTHENTICATION), value);
    }
}

impl<'a> Secrets<'a> {
    fn collect(&mut self, is_secret: bool, value: &'a Value) {
        match value {
            Value::String(text) if is_secret => self.0.push(text),
            Value::Array(list) => list.iter().for_each(|value| self.collect(is_secret, value)),
            Value::Object(members) => {
                for (name, value) in members.iter().filter(|(name, _)| *name != "type") {
                    self.collect(is_secret || name == AUTHENTICATION, value);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(members: Value) -> ChatCompletionRequest {
        let mut body = json!({"model": "d", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn the_secrets_of_a_data_source_are_found_wherever_they_are() {
        let source = json!({"type": "azure_search", "parameters": {
            "endpoint": "https://s", "filter": "name", "authentication": {
                "type": "api_key", "key": "secret 1", "managed_identity_resource_id": "name", "new": {"a": ["secret 2"]}
            },
            "embedding_dependency": {"type": "endpoint", "authentication": {"type": "access_token", "access_token": "secret 3"}},
            "new": {"authentication": "secret 4", "name": "name"}
        }});
        let found = |sources: Value| {
            let request = request(json!({"data_sources": sources}));
            let mut secrets: Vec<String> = request.secrets().into_iter().map(str::to_owned).collect();
            secrets.sort_unstable();
            secrets
        };
        let all = ["secret 1", "secret 2", "secret 3", "secret 4"];
        assert_eq!(found(json!([source])), all);
        // the second element makes it a list of another type, of which it is unknown what is no secret
        assert_eq!(found(json!([source, 5])), [&["name"], all.as_slice()].concat());
        let other = json!([{"type": "mine", "parameters": [{"authentication": ["secret 1"]}]}]);
        assert_eq!(found(other), all[..1]);
    }

    #[test]
    fn a_request_without_data_sources_has_no_secrets() {
        assert!(request(json!({"user": "u", "metadata": {"a": "b"}})).secrets().is_empty());
    }
}
