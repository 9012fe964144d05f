//! Deployments: a name, the model that is served under it, and its settings.

use azure_openai_chat::{Capabilities, Deployment, Model, Parameter, Support};

use crate::answer::embedding;
use crate::request::ChatRequest;
use crate::settings::{DeploymentSettings, Strictness};

/// A deployment and the model behind it.
#[derive(Debug, Clone)]
pub(crate) struct DeployedModel {
    /// The name, with the declared model where the client crate's table has it.
    pub(crate) deployment: Deployment,
    /// The member `model` of answers.
    pub(crate) model: String,
    /// Its own settings, and the defaults for what it does not set.
    pub(crate) settings: DeploymentSettings,
}

impl DeployedModel {
    /// A declared deployment, of any model; without a model in its settings, of the model with the deployment's name.
    pub(crate) fn declared(name: &str, settings: DeploymentSettings) -> Self {
        let model = settings.model.as_deref().unwrap_or(name);
        match Self::model(name, model) {
            Some((deployment, model)) => Self { deployment, model, settings },
            None => Self { deployment: Deployment::new(name), model: model.to_owned(), settings },
        }
    }

    /// The deployment of a known model under the name of the model.
    pub(crate) fn known(name: &str, settings: DeploymentSettings) -> Option<Self> {
        let (deployment, model) = Self::model(name, name)?;
        Some(Self { deployment, model, settings })
    }

    fn model(name: &str, model: &str) -> Option<(Deployment, String)> {
        if let Some(model) = embedding::known_model(model) {
            return Some((Deployment::new(name), model.to_owned()));
        }
        let model: Model = model.parse().ok()?;
        let id = model.to_string();
        Some((Deployment::new(name).model(model), id))
    }

    pub(crate) fn name(&self) -> &str {
        self.deployment.name()
    }

    /// The capabilities of the model; `None` for a model that is not in the client crate's table.
    pub(crate) fn capabilities(&self) -> Option<&Capabilities> {
        self.deployment.declared_model().map(Model::capabilities)
    }

    pub(crate) fn makes_embeddings(&self) -> bool {
        embedding::known_model(&self.model).is_some()
    }

    pub(crate) fn is_reasoning(&self) -> bool {
        self.capabilities().is_some_and(Capabilities::is_reasoning)
    }

    pub(crate) fn calls_in_parallel(&self) -> bool {
        self.capabilities().is_none_or(|known| known.supports(Parameter::ParallelToolCalls) != Support::No)
    }

    pub(crate) fn strictness(&self) -> Strictness {
        self.settings.strictness.unwrap_or_default()
    }

    /// The reasoning tokens of an answer: a multiple of 64 as on the service, more for a higher effort and for a longer
    /// prompt.
    pub(crate) fn reasoning_tokens(&self, request: ChatRequest<'_>) -> u64 {
        if !self.is_reasoning() {
            return 0;
        }
        let default = self.capabilities().and_then(Capabilities::default_reasoning_effort);
        let default = default.map_or("medium", |effort| effort.as_str());
        let steps = match request.string("reasoning_effort").unwrap_or(default) {
            "none" | "minimal" => 0,
            "low" => 1,
            "high" => 6,
            "xhigh" | "max" => 10,
            _ => 3,
        };
        (steps * 64_u64).saturating_mul(1 + request.prompt_tokens() / 50)
    }
}
