//! Deployments: a name, and the model that is served under it.

use azure_openai_chat::Deployment;
use azure_openai_chat::model::{Capabilities, Model, Parameter, Support};

use super::embedding;
use super::request::ChatRequest;

/// A deployment and the model behind it.
#[derive(Debug, Clone)]
pub(super) struct DeployedModel {
    /// The name, with the declared model where the client crate's table has it.
    pub(super) deployment: Deployment,
    /// The model as answers name it.
    pub(super) model: String,
}

impl DeployedModel {
    /// A deployment that the user declared, of any model.
    pub(super) fn declared(name: &str, model: &str) -> Self {
        Self::known(name, model).unwrap_or_else(|| Self { deployment: Deployment::new(name), model: model.to_owned() })
    }

    /// A deployment of a model that the table has.
    pub(super) fn known(name: &str, model: &str) -> Option<Self> {
        if let Some(model) = embedding::known_model(model) {
            return Some(Self { deployment: Deployment::new(name), model: model.to_owned() });
        }
        let model: Model = model.parse().ok()?;
        Some(Self { model: model.to_string(), deployment: Deployment::new(name).model(model) })
    }

    pub(super) fn name(&self) -> &str {
        self.deployment.name()
    }

    /// What the table has about the model; nothing for a model that it does not have.
    pub(super) fn capabilities(&self) -> Option<&Capabilities> {
        self.deployment.declared_model().map(Model::capabilities)
    }

    pub(super) fn makes_embeddings(&self) -> bool {
        embedding::known_model(&self.model).is_some()
    }

    pub(super) fn is_reasoning(&self) -> bool {
        self.capabilities().is_some_and(Capabilities::is_reasoning)
    }

    pub(super) fn calls_in_parallel(&self) -> bool {
        self.capabilities().is_none_or(|known| known.supports(Parameter::ParallelToolCalls) != Support::No)
    }

    /// How many tokens the model thinks before it answers: in steps of 64 like the real ones, more for a
    /// higher effort and for a longer prompt.
    pub(super) fn reasoning_tokens(&self, request: ChatRequest<'_>) -> u64 {
        if !self.is_reasoning() {
            return 0;
        }
        let default = self.capabilities().and_then(Capabilities::default_reasoning_effort);
        let default = default.map_or("medium", |effort| effort.as_str());
        let steps = match request.word("reasoning_effort").unwrap_or(default) {
            "none" | "minimal" => 0,
            "low" => 1,
            "high" => 6,
            "xhigh" | "max" => 10,
            _ => 3,
        };
        (steps * 64_u64).saturating_mul(1 + request.prompt_tokens() / 50)
    }
}
