//! The preflight of a call: the rules that stop it, the advice that is logged, and what was logged before.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::model::{ApiVersion, Deployment, Model};
use crate::request::{Advice, ChatCompletionRequest, ValidationError, Violation};
use crate::response::ResponseMetadata;
use crate::transport::{ResolvedBackend, Transport};
use crate::wire::getters;

/// Upper bound of remembered advice, so that a client with many deployments stays small.
const MOST_LOGGED: usize = 4096;

/// Whether violations and advice stop a request before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Validation {
    /// Violations stop the request; each advice is logged once per client and deployment, at WARN. The default.
    #[default]
    Advisory,
    /// Violations and advice stop the request.
    Strict,
    /// Nothing is checked, and any request is sent.
    Off,
}

/// The violations and advice for a request that was not sent; see [`ChatClient::check`](crate::ChatClient::check).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestCheck {
    violations: Vec<Violation>,
    advice: Vec<Advice>,
}

getters! { check: RequestCheck => check;
    /// The violations, which would stop the request.
    violations: Slice<Violation>;
    /// The advice: what the documents discourage, and the service accepts.
    advice: Slice<Advice>;
}

impl RequestCheck {
    /// Whether there is neither a violation nor an advice.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.advice.is_empty()
    }
}

/// The checks of a client's requests, and the advice that was logged.
pub(super) struct Preflight {
    pub(super) validation: Validation,
    /// Hashes of the advice that was logged, with its deployment.
    logged: Mutex<HashSet<u64>>,
}

impl Preflight {
    pub(super) fn new(validation: Validation) -> Self {
        Self { validation, logged: Mutex::default() }
    }

    /// Refuses a request that violates a rule, and logs new advice. Returns the indices of the backends whose api version
    /// cannot serve it although another's can.
    pub(super) fn admit(
        &self,
        transport: &Transport,
        request: &ChatCompletionRequest,
        streaming: bool,
    ) -> Result<Vec<usize>> {
        if self.validation == Validation::Off {
            return Ok(Vec::new());
        }
        let (check, unfit) = self.check(transport, request, streaming);
        if self.validation != Validation::Strict {
            check.advice.iter().for_each(|advice| self.log(request.deployment().name(), advice));
        }
        ValidationError::unless_empty(check.violations)?;
        Ok(unfit)
    }

    /// The check of a call, and the indices of the backends that cannot serve it although another can.
    pub(super) fn check(
        &self,
        transport: &Transport,
        request: &ChatCompletionRequest,
        streaming: bool,
    ) -> (RequestCheck, Vec<usize>) {
        let refused = |version: &ApiVersion, advice: &[Advice]| {
            let mut violations = request.violations(Some(streaming), Some(version));
            if self.validation == Validation::Strict {
                violations.extend(advice.iter().cloned().map(Violation::from));
            }
            violations
        };
        let version = transport.api_version();
        let mut advice = request.advice_for(version, streaming);
        advice.extend(deployment_advice(transport, request));
        let mut violations = refused(version, &advice);
        let is_fit = |other: &ApiVersion| match other == version {
            true => violations.is_empty(),
            false => refused(other, &request.advice_for(other, streaming)).is_empty(),
        };
        let backends = transport.backends();
        let unfit: Vec<usize> =
            (0..).zip(backends).filter(|(_, it)| !is_fit(&it.api_version)).map(|(at, _)| at).collect();
        if unfit.len() < backends.len() {
            violations.clear();
        }
        (RequestCheck { violations, advice }, unfit)
    }

    /// Logs advice that was not logged before for this deployment.
    fn log(&self, deployment: &str, advice: &Advice) {
        if self.is_new(&(deployment, advice)) {
            tracing::warn!(deployment, parameter = advice.parameter(), "{}", advice.message());
        }
    }

    fn is_new(&self, what: &impl Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        logged.len() < MOST_LOGGED && logged.insert(hasher.finish())
    }

    /// Logs advice that follows from an answer.
    pub(super) fn watch_answer(
        &self,
        request: &ChatCompletionRequest,
        model: Option<&str>,
        metadata: &ResponseMetadata,
    ) {
        if self.validation == Validation::Off {
            return;
        }
        if let Some(model) = model {
            self.watch_model(request.deployment(), model);
        }
        if request.prediction().is_some()
            && metadata.region().is_some_and(|region| region.replace(' ', "").eq_ignore_ascii_case("southeastasia"))
        {
            let advice =
                Advice::new("prediction", "Southeast Asia does not offer predicted outputs: use another region");
            self.log(request.deployment().name(), &advice);
        }
    }

    /// Logs advice when another model than the declared one has answered.
    pub(super) fn watch_model(&self, deployment: &Deployment, answered: &str) {
        let Some(declared) = deployment.declared_model() else {
            return;
        };
        // a name is looked up in the whole table, so each pair is compared once
        let is_new = || self.is_new(&(deployment.name(), declared.name(), declared.version(), answered));
        if !answered.is_empty() && is_new() && !is_same_model(declared, answered) {
            let advice = Advice::new(
                "model",
                format!(
                    "the deployment is declared as {declared} but answered as {answered}: declare what is deployed"
                ),
            );
            self.log(deployment.name(), &advice);
        }
    }
}

/// Advice for each endpoint that was pasted with another deployment than the one that the request calls.
fn deployment_advice(transport: &Transport, request: &ChatCompletionRequest) -> Vec<Advice> {
    let advice = |backend: &ResolvedBackend| {
        let (pasted, used) = (backend.endpoint.deployment()?, backend.deployment(request.deployment().name()));
        let message = format!(
            "the endpoint was given with deployment '{pasted}', and the request calls '{used}': give the endpoint \
             without it, or call it"
        );
        (pasted != used).then(|| Advice::new("deployment", message))
    };
    transport.backends().iter().filter_map(advice).collect()
}

/// Whether the declared model can answer under this name: `gpt-4o` as `gpt-4o-2024-08-06`, but not one version as another.
/// A model that answers as others (a router, an alias), or that the table does not have, can answer under any.
fn is_same_model(declared: &Model, answered: &str) -> bool {
    if declared.capabilities().answers_as_another() {
        return true;
    }
    let (Ok(_), Ok(answered)) = (declared.name().parse::<Model>(), answered.parse::<Model>()) else {
        return true;
    };
    declared.name() == answered.name()
        && (declared.version().is_none() || answered.version().is_none() || declared.version() == answered.version())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_a_model_are_told_apart() {
        let declared: Model = "gpt-4o-2024-08-06".parse().unwrap();
        assert!(is_same_model(&declared, "gpt-4o-2024-08-06"));
        assert!(is_same_model(&declared, "gpt-4o"));
        assert!(is_same_model(&declared, "something-new"));
        assert!(!is_same_model(&declared, "gpt-4o-2024-11-20"));
        assert!(!is_same_model(&declared, "gpt-4o-mini-2024-07-18"));
        for other in ["model-router", "gpt-chat-latest"] {
            assert!(is_same_model(&other.parse().unwrap(), "gpt-4.1-nano-2025-04-14"), "{other}");
        }
        assert!(is_same_model(&Model::custom("mine", declared.capabilities().clone()), "gpt-4o-2024-11-20"));
    }
}
