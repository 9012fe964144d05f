//! Validation, held against its sources: the comparison table, the two founding documents, the models a team
//! declares, and JSON of any shape.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "these helpers are tests, too")]

use azure_openai_chat::{ApiVersion, ChatCompletionRequest, ChatCompletionRequestBuilder, Deployment, Model};

mod adapting;
mod agreement;
mod any_json;
mod documents;
mod own_models;
mod printed;
mod requests;
mod table;

/// A question to a model that breaks no rule by itself.
fn ask(model: &Model) -> ChatCompletionRequestBuilder {
    ChatCompletionRequest::builder(Deployment::new("d").model(model.clone())).user("hi").uncapped()
}

/// The parameters that are told, in order.
fn told(asked: ChatCompletionRequestBuilder, streaming: bool) -> Vec<String> {
    let violations = asked.build_unchecked().violations(Some(streaming), None);
    violations.iter().map(|violation| violation.parameter().to_owned()).collect()
}

/// The parameters about which there is advice.
fn advised(asked: ChatCompletionRequestBuilder, version: &ApiVersion) -> Vec<String> {
    let advice = asked.build_unchecked().advice(version);
    advice.iter().map(|advice| advice.parameter().to_owned()).collect()
}
