//! The lists of models and of deployments, as JSON.

use azure_openai_chat::ModelCatalog;
use serde_json::{Value, json};

use super::route::Base;
use crate::answer::embedding;
use crate::refusal::AzureError;
use crate::settings::Settings;

/// The member `created` of all models: the beginning of 2025.
const CREATED: u64 = 1_735_689_600;

/// The list of models, or one of them. On OpenAI's base a model is a deployment.
pub(crate) fn models(settings: &Settings, base: Base, id: Option<&str>) -> Result<Value, AzureError> {
    let deployed = || settings.names().into_iter().map(str::to_owned);
    let names: Vec<String> = match base {
        Base::Compatible => deployed().collect(),
        Base::Dated | Base::V1 => {
            let known = ModelCatalog::built_in().models().map(|model| model.to_string()).collect::<Vec<_>>();
            known.into_iter().chain(embedding::models().map(str::to_owned)).collect()
        }
    };
    match id {
        None => Ok(json!({"object": "list", "data": names.iter().map(|name| model(base, name)).collect::<Vec<_>>()})),
        Some(id) if names.iter().any(|name| name == id) || deployed().any(|name| name == id) => Ok(model(base, id)),
        Some(id) if base == Base::Compatible => Err(AzureError::no_model(id)),
        Some(_) => Err(AzureError::no_resource()),
    }
}

fn model(base: Base, name: &str) -> Value {
    if base == Base::Compatible {
        return json!({"id": name, "object": "model", "created": CREATED, "owned_by": "system"});
    }
    let makes_embeddings = embedding::known_model(name).is_some();
    json!({"id": name, "object": "model", "created_at": CREATED, "created": CREATED, "owned_by": "system",
        "status": "succeeded", "lifecycle_status": "generally-available",
        "capabilities": {"chat_completion": !makes_embeddings, "completion": false, "embeddings": makes_embeddings,
            "fine_tune": false, "inference": true}})
}

/// The list of deployments, in the form of the oldest api versions.
pub(crate) fn deployments(settings: &Settings) -> Value {
    let data = settings.names().into_iter().filter_map(|name| settings.deployment(name)).map(|deployed| {
        json!({"id": deployed.name(), "object": "deployment", "model": deployed.model, "status": "succeeded",
            "owner": "organization-owner", "created_at": CREATED, "updated_at": CREATED})
    });
    json!({"object": "list", "data": data.collect::<Vec<_>>()})
}
