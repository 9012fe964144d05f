//! A deployment: the name a model is served under, and the model that the caller declares for it.

use std::fmt;
use std::sync::Arc;

use super::{Model, catalog};
use crate::wire::{clone_converts, getters, text_converts};

/// The name a model is served under, and the model that the caller declares for it.
///
/// The owner of a resource chooses the name, and no call returns the model before the first answer. With a declared
/// model, requests are checked against what that model can do; without, only against what holds for every model.
///
/// A name that is exactly the id of a model in the table (`gpt-4o`, `gpt-4o-2024-11-20`) declares that model, since few
/// would name a deployment after another one. Any other name declares none.
///
/// In JSON and configuration files a deployment is its name, or an object of its `name` and its `model`:
/// `{"name": "o1-new", "model": "o1-2024-12-17"}`.
///
/// # Example: three ways to name a deployment
///
/// ```
/// use azure_openai_chat::{Deployment, Model};
///
/// let declared = Deployment::new("o1-new").model(Model::O1_2024_12_17);
/// assert_eq!(declared.declared_model(), Some(&Model::O1_2024_12_17));
///
/// let by_its_name = Deployment::from("gpt-4o-2024-11-20");
/// assert_eq!(by_its_name.declared_model(), Some(&Model::GPT_4O_2024_11_20));
///
/// assert_eq!(Deployment::from("triage").declared_model(), None);
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/create-resource>
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(alias = "azure_deployment")]
#[doc(alias = "with_deployment_id")]
pub struct Deployment {
    name: Arc<str>,
    model: Option<Model>,
}

impl Deployment {
    /// A deployment of this name, which declares a model if it is the id of one.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let model = catalog::shared().exact(&name).cloned();
        Self { name: name.into(), model }
    }

    /// Declares the model behind the deployment.
    #[must_use]
    pub fn model(mut self, model: Model) -> Self {
        self.model = Some(model);
        self
    }

    #[cfg(feature = "client")]
    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// The id of the declared model, else the name.
    #[cfg(feature = "telemetry")]
    pub(crate) fn shared_model_id(&self) -> Arc<str> {
        match &self.model {
            Some(model) if !model.is(&self.name) => model.id().into(),
            _ => self.shared_name(),
        }
    }

    /// Whether the name alone, as text, converts into this deployment.
    pub(crate) fn is_implied_by_name(&self) -> bool {
        let of_the_name = || catalog::shared().exact(&self.name);
        self.model.as_ref().is_none_or(|model| of_the_name().is_some_and(|known| known.is_alike(model)))
    }

    /// Whether requests to both are checked alike: also the models' capabilities are the same, which `==` does not compare.
    #[cfg(feature = "client")]
    pub(crate) fn is_declared_alike(&self, other: &Self) -> bool {
        self == other && self.model.iter().zip(&other.model).all(|(model, other)| model.is_alike(other))
    }
}

getters! { deployment: Deployment => deployment;
    /// The name, a segment of the URL or the body's `model`.
    name: Text;
    /// The declared model, if there is one.
    declared_model = model: Model;
}

text_converts!(Deployment, Deployment::new);
clone_converts!(Deployment);

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Capabilities;

    #[test]
    fn what_is_no_deployment_in_a_configuration_file_says_which_two_forms_there_are() {
        let error = serde_json::from_str::<Deployment>("5").unwrap_err().to_string();
        assert!(error.contains("expected a name, or an object with `name` and `model`"), "{error}");
    }

    #[test]
    fn a_known_id_declares_its_model() {
        let dated = Deployment::from("gpt-4o-2024-11-20");
        assert_eq!(dated.declared_model(), Some(&Model::GPT_4O_2024_11_20));

        let owned = "gpt-4o".to_owned();
        let new = Deployment::new("gpt-4o");
        let all = [Deployment::from("gpt-4o"), Deployment::from(&owned), owned.into(), Deployment::from(&new), new];
        for deployment in all {
            assert_eq!(deployment.name(), "gpt-4o");
            let model = deployment.declared_model().unwrap();
            assert_eq!((model.name(), model.version()), ("gpt-4o", None));
        }
    }

    #[test]
    fn deployments_are_declared_alike_when_their_models_can_do_the_same() {
        let o1 = Deployment::new("d").model(Model::O1_2024_12_17);
        let corrected = Model::custom("o1-2024-12-17", Capabilities::unknown());
        assert!(o1.is_declared_alike(&o1.clone()) && o1 == o1.clone().model(corrected.clone()));
        assert!(!o1.is_declared_alike(&o1.clone().model(corrected)) && !o1.is_declared_alike(&Deployment::new("d")));
    }

    #[test]
    fn any_other_name_declares_nothing() {
        for name in [
            "GPT-4o",
            "gpt-4o:2024-11-20",
            "gpt-4-turbo",
            "gpt-3.5-turbo",
            "gpt-5-codex-2025-09-11",
            " gpt-4o",
            "",
            "my-gpt-4o",
        ] {
            assert_eq!(Deployment::from(name).declared_model(), None, "{name}");
        }
    }

    #[test]
    fn what_the_user_declares_stands() {
        let deployment = Deployment::from("gpt-4o").model(Model::O1_2024_12_17);
        assert_eq!(deployment.declared_model(), Some(&Model::O1_2024_12_17));
        assert_eq!(deployment.to_string(), "gpt-4o");
    }
}
