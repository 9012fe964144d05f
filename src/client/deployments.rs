//! The deployments that a client declares, and the models by which requests to them are checked.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Deployment, ModelCatalog};
use crate::request::ChatCompletionRequest;
use crate::transport::check_deployment;

/// The declared deployments by name, and the models to use in place of the built-in table.
#[derive(Default)]
pub(super) struct Deployments {
    declared: BTreeMap<String, Deployment>,
    catalog: Option<ModelCatalog>,
}

impl Deployments {
    pub(super) fn new(list: Vec<Deployment>, catalog: Option<ModelCatalog>) -> Result<Self> {
        let mut declared = BTreeMap::new();
        for deployment in list {
            check_deployment(deployment.name())?;
            let name = deployment.name().to_owned();
            if declared.get(&name).is_some_and(|earlier: &Deployment| !earlier.is_declared_alike(&deployment)) {
                let text = format!("the deployment '{name}' is declared twice, with two models; keep one");
                return Err(Error::new(ErrorKind::Config, text));
            }
            declared.insert(name, deployment);
        }
        Ok(Self { declared, catalog })
    }

    /// The deployment of this name as requests to it are checked.
    pub(super) fn get(&self, name: &str) -> Deployment {
        let named = Deployment::from(name);
        self.by_name(name).or_else(|| self.in_catalog(&named)).unwrap_or(named)
    }

    /// The request with the deployment that the client declares, where the request only names one. A model that the
    /// request declares in code counts before the client's, and one that was read from JSON after it.
    pub(super) fn declare<'a>(&self, request: &'a ChatCompletionRequest) -> Cow<'a, ChatCompletionRequest> {
        if self.declared.is_empty() && self.catalog.is_none() {
            return Cow::Borrowed(request);
        }
        let own = request.deployment();
        let may_name = request.from_json.model || own.is_implied_by_name();
        if let Some(deployment) = self.by_name(own.name()).filter(|_| may_name) {
            return request.declared_as(deployment, false);
        }
        match self.in_catalog(own) {
            Some(deployment) => request.declared_as(deployment, true),
            None => Cow::Borrowed(request),
        }
    }

    /// What the client declares for this name: a deployment, or a model of its catalog that has the name.
    fn by_name(&self, name: &str) -> Option<Deployment> {
        let declared = self.declared.get(name);
        let named = |catalog: &ModelCatalog| Some(Deployment::from(name).model(catalog.exact(name)?.clone()));
        match declared.filter(|declared| declared.declared_model().is_some()) {
            Some(deployment) => Some(self.in_catalog(deployment).unwrap_or_else(|| deployment.clone())),
            None => self.catalog.as_ref().and_then(named).or_else(|| declared.cloned()),
        }
    }

    /// The deployment with the catalog's entry for its model, which counts before the built-in one of the same id.
    fn in_catalog(&self, deployment: &Deployment) -> Option<Deployment> {
        let model = self.catalog.as_ref()?.find(&deployment.declared_model()?.id())?;
        Some(deployment.clone().model(model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApiVersion, Model};

    fn declaring(model: Model) -> Deployments {
        Deployments::new(vec![Deployment::new("triage").model(model)], None).unwrap()
    }

    fn request() -> ChatCompletionRequest {
        ChatCompletionRequest::builder("triage").user("Why is the sky blue?").build().unwrap()
    }

    fn violations(deployments: &Deployments, request: &ChatCompletionRequest) -> usize {
        deployments.declare(request).violations(Some(false), Some(&ApiVersion::V1)).len()
    }

    #[test]
    fn a_second_call_by_a_client_that_declares_the_model_checks_the_request_of_the_first() {
        let (o1, request) = (declaring(Model::O1_2024_12_17), request());
        assert_eq!(violations(&o1, &request), 1);
        let (Cow::Borrowed(first), Cow::Borrowed(second)) = (o1.declare(&request), o1.declare(&request)) else {
            panic!("the declared request was copied for one call");
        };
        assert!(std::ptr::eq(first, second) && request.deployment().declared_model().is_none());
    }

    #[test]
    fn each_client_checks_against_the_model_that_it_declares() {
        let (o1, gpt, request) = (declaring(Model::O1_2024_12_17), declaring(Model::GPT_4O_2024_08_06), request());
        assert_eq!([&o1, &gpt, &o1, &Deployments::default()].map(|client| violations(client, &request)), [1, 0, 1, 0]);
    }

    #[test]
    fn a_request_that_was_changed_is_declared_anew() {
        let (gpt, mut request) = (declaring(Model::GPT_4O_2024_08_06), request());
        assert_eq!(violations(&gpt, &request), 0);
        request.messages_mut().clear();
        assert_eq!(violations(&gpt, &request), 1);
        assert_eq!(violations(&gpt, &request.with_deployment("other")), 1);
    }
}
