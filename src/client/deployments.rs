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
            if declared.get(&name).is_some_and(|earlier| *earlier != deployment) {
                let text = format!("the deployment '{name}' is declared twice, with two models; keep one");
                return Err(Error::new(ErrorKind::Config, text));
            }
            declared.insert(name, deployment);
        }
        Ok(Self { declared, catalog })
    }

    /// The deployment of this name as requests to it are checked.
    pub(super) fn get(&self, name: &str) -> Deployment {
        let own = Deployment::from(name);
        self.find(&own).unwrap_or(own)
    }

    /// The request with the deployment that the client declares, where the request only names one.
    pub(super) fn declare<'a>(&self, request: &'a ChatCompletionRequest) -> Cow<'a, ChatCompletionRequest> {
        match self.find(request.deployment()) {
            Some(deployment) => Cow::Owned(request.with_deployment(deployment)),
            None => Cow::Borrowed(request),
        }
    }

    /// What the client declares in place of a request's own deployment. A model that the request declares counts before
    /// the client's, and an entry of the catalog before the built-in one of the same id.
    fn find(&self, own: &Deployment) -> Option<Deployment> {
        let declared = self.declared.get(own.name()).filter(|_| *own == Deployment::from(own.name()));
        let deployment = declared.unwrap_or(own);
        let in_catalog = self.catalog.as_ref().and_then(|catalog| match deployment.declared_model() {
            Some(model) => catalog.find(&model.id()),
            None => catalog.find(own.name()).filter(|model| model.id() == own.name()),
        });
        match in_catalog {
            Some(model) => Some(deployment.clone().model(model)),
            None => declared.cloned(),
        }
    }
}
