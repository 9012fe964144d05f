//! A request in JSON: OpenAI's shape, and beside it what the caller declares, so that a stored request comes back whole.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::completion_request::FromJson;
use super::{ChatCompletionRequest, RequestBody};
use crate::model::{Deployment, Model};

/// The member with what is never sent.
const DECLARED: &str = "declared";

/// What the caller declares: the model behind the deployment, and that the request may be sent without a limit.
#[derive(Serialize, Deserialize)]
struct Declared<'a> {
    model: Option<Cow<'a, Model>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    uncapped: bool,
}

/// OpenAI's JSON shape, for storing a conversation: the members of the body, and `model` for the deployment. A declared
/// model that the deployment's name does not imply, and [`uncapped`](ChatCompletionRequest::uncapped), are in the member
/// `declared`, which no service has: what is sent is the [`body`](ChatCompletionRequest::body).
///
/// Read again, they count unless a client [declares](crate::ClientBuilder::deployment) the deployment or its
/// [catalog](crate::ClientBuilder::catalog) has a model of the deployment's name: then the client's model counts, and
/// `uncapped` must be called again. So JSON of untrusted callers lifts none of the client's rules.
///
/// Without a deployment, `model` is as it was read: absent, or no name.
impl Serialize for ChatCompletionRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.deployment.name().is_empty() {
            self.body.write_members(&mut map, |_| false)?;
            return map.end();
        }
        map.serialize_entry("model", self.deployment.name())?;
        self.body.write_members(&mut map, |name| name == "model")?;
        let is_free = self.extra().is_none_or(|extra| !extra.contains_key(DECLARED));
        if is_free && (self.uncapped || !self.deployment.is_implied_by_name()) {
            let model = self.deployment.declared_model().map(Cow::Borrowed);
            map.serialize_entry(DECLARED, &Declared { model, uncapped: self.uncapped })?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ChatCompletionRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut body = RequestBody::deserialize(deserializer)?;
        let mut deployment = Deployment::from(body.model.take_if(|name| !name.is_empty()).unwrap_or_default());
        let mut from_json = FromJson::default();
        if let Some(declared) = body.extra.get(DECLARED).filter(|value| is_declaration(value)) {
            let Declared { model, uncapped } = Declared::deserialize(declared)
                .map_err(|error| D::Error::custom(format_args!("{DECLARED}: {error}")))?;
            from_json = FromJson { model: model.is_some(), uncapped };
            if let Some(model) = model {
                deployment = deployment.model(model.into_owned());
            }
            body.extra.remove(DECLARED);
        }
        Ok(Self { deployment, body: body.into(), uncapped: from_json.uncapped, from_json })
    }
}

/// Whether a member `declared` is what [`Declared`] writes; one with other members is the caller's, and sent.
fn is_declaration(value: &Value) -> bool {
    let is_ours = |name: &String| matches!(name.as_str(), "model" | "uncapped");
    value.as_object().is_some_and(|members| !members.is_empty() && members.keys().all(is_ours))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{ApiVersion, Capabilities};

    #[track_caller]
    fn comes_back(request: &ChatCompletionRequest) -> Value {
        let stored = serde_json::to_string(request).unwrap();
        let loaded: ChatCompletionRequest = serde_json::from_str(&stored).unwrap();
        assert_eq!(&loaded, request);
        assert_eq!(loaded.is_uncapped(), request.is_uncapped());
        let declared = |request: &ChatCompletionRequest| {
            request.deployment().declared_model().map(|model| model.capabilities().clone())
        };
        assert_eq!(declared(&loaded), declared(request));
        let sent = json!(loaded.body(&ApiVersion::V1, false));
        assert_eq!((sent.get(DECLARED), sent["model"].as_str()), (None, Some(request.deployment().name())));
        serde_json::from_str(&stored).unwrap()
    }

    fn to(deployment: Deployment) -> ChatCompletionRequest {
        ChatCompletionRequest::builder(deployment).user("hi").extra("tomorrow", 5).build_unchecked()
    }

    #[test]
    fn a_stored_request_keeps_the_declared_model() {
        let o1 = to(Deployment::new("o1-new").model(Model::O1_2024_12_17));
        assert_eq!(comes_back(&o1)[DECLARED], json!({"model": "o1-2024-12-17"}));
        assert_eq!(comes_back(&o1.uncapped())[DECLARED], json!({"model": "o1-2024-12-17", "uncapped": true}));
        let mine = Model::custom("mine", Capabilities::of(&Model::O1_2024_12_17).with_context_tokens(5));
        comes_back(&to(Deployment::new("d").model(mine)));
        let corrected = Model::custom("gpt-4o", Capabilities::unknown());
        comes_back(&to(Deployment::new("gpt-4o").model(corrected)));
    }

    #[test]
    fn a_request_that_says_all_by_its_name_is_stored_in_openais_shape() {
        for name in ["triage", "gpt-4o", "o1-2024-12-17"] {
            let stored = comes_back(&to(Deployment::from(name)));
            let messages = json!([{"role": "user", "content": "hi"}]);
            assert_eq!(stored, json!({"model": name, "messages": messages, "tomorrow": 5}));
        }
    }

    #[test]
    fn a_member_of_the_callers_own_is_sent() {
        for value in [json!(5), json!({}), json!({"model": "no such model", "other": 1}), json!({"other": 1})] {
            let read: ChatCompletionRequest =
                serde_json::from_value(json!({"model": "d", "declared": value.clone()})).unwrap();
            assert_eq!(json!(read.body(&ApiVersion::V1, false))[DECLARED], value);
            comes_back_as(&read, &value);
        }
    }

    #[test]
    fn a_declaration_that_cannot_be_read_is_an_error() {
        for value in [json!({"model": "no such model"}), json!({"model": "gpt-4o", "uncapped": "yes"})] {
            let read: Result<ChatCompletionRequest, _> = serde_json::from_value(json!({"declared": value}));
            let error = read.unwrap_err().to_string();
            assert!(error.starts_with("declared: "), "{error}");
        }
    }

    fn comes_back_as(read: &ChatCompletionRequest, declared: &Value) {
        assert_eq!(&json!(read)[DECLARED], declared);
        let declares = read.with_deployment(Deployment::new("d").model(Model::O1_2024_12_17));
        assert_eq!(&json!(declares)[DECLARED], declared);
    }
}
