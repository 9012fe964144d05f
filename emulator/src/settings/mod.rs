//! Settings of the resource: its deployments, authentication and content filter policies.
//!
//! Each type has setters, and is read from the configuration file and over HTTP with the same names.

use std::collections::{BTreeMap, BTreeSet};

use crate::deployment::DeployedModel;
use crate::filter::FilterPolicy;

pub use self::deployment::{DeploymentSettings, FilterMode, Strictness};
pub use self::pace::Pace;
pub use self::quota::Quota;
pub use self::sign_in::SignIn;

pub(crate) use self::number::{from_zero, share};
pub(crate) use self::pace::{PaceClock, milliseconds};
pub(crate) use self::quota::seconds;

mod deployment;
#[cfg(feature = "config")]
pub(crate) mod file;
mod number;
mod pace;
mod quota;
mod sign_in;

/// The region of a resource that sets none.
const REGION: &str = "East US 2";

/// The model of a deployment that exists only because it has a script.
pub(crate) const DEFAULT_MODEL: &str = "gpt-4o-mini-2024-07-18";

/// The deployments that exist without a declaration, unless `only_declared` is set: those of the guides' examples.
const BUILT_IN: [(&str, &str); 2] = [("o1-new", "o1-2024-12-17"), ("gpt-4o-mini", DEFAULT_MODEL)];

/// The settings of a resource.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// The settings of each deployment that does not set its own.
    pub(crate) defaults: DeploymentSettings,
    pub(crate) deployments: BTreeMap<String, DeploymentSettings>,
    /// Whether only declared deployments exist, and not one for each model.
    pub(crate) only_declared: bool,
    pub(crate) sign_in: SignIn,
    /// The policy of deployments that name none.
    pub(crate) policy: FilterPolicy,
    pub(crate) policies: BTreeMap<String, FilterPolicy>,
}

impl Settings {
    /// A deployment by its name: a declared one, else the model of that name.
    pub(crate) fn deployment(&self, name: &str) -> Option<DeployedModel> {
        let settings = self.declared(name);
        match settings {
            Some(settings) => Some(DeployedModel::declared(name, self.defaults.overlaid(&settings))),
            None if self.only_declared => None,
            None => DeployedModel::known(name, self.defaults.clone()),
        }
    }

    /// Whether a deployment with this name and these settings has a model: in the settings, by its name, or as a built-in
    /// one.
    pub(crate) fn has_model(&self, name: &str, settings: &DeploymentSettings) -> bool {
        let without = Self { only_declared: self.only_declared, ..Self::default() };
        settings.model.is_some()
            || without.deployment(name).is_some()
            || DeployedModel::known(name, DeploymentSettings::default()).is_some()
    }

    /// The region of a deployment, or of the resource.
    pub(crate) fn region(&self, deployed: Option<&DeployedModel>) -> String {
        let settings = deployed.map_or(&self.defaults, |deployed| &deployed.settings);
        settings.region.clone().unwrap_or_else(|| REGION.to_owned())
    }

    fn declared(&self, name: &str) -> Option<DeploymentSettings> {
        let built_in = BUILT_IN.iter().filter(|_| !self.only_declared).find(|(known, _)| *known == name);
        let built_in = built_in.map(|(_, model)| DeploymentSettings::of(*model));
        match (built_in, self.deployments.get(name)) {
            (Some(built_in), Some(declared)) => Some(built_in.overlaid(declared)),
            (built_in, declared) => declared.cloned().or(built_in),
        }
    }

    /// The names of all deployments but those of the models' own names.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let built_in = BUILT_IN.iter().filter(|_| !self.only_declared).map(|(name, _)| *name);
        self.deployments.keys().map(String::as_str).chain(built_in).collect()
    }

    /// Deploys the default model under a name that has no deployment.
    pub(crate) fn deploy_unless_there(&mut self, name: &str) {
        if self.deployment(name).is_none() {
            self.deployments.insert(name.to_owned(), DeploymentSettings::of(DEFAULT_MODEL));
        }
    }

    /// The content filter's policy of a deployment, or the one of a request's header.
    pub(crate) fn policy(&self, name: Option<&str>) -> Option<&FilterPolicy> {
        match name {
            None | Some("Microsoft.Default" | "Microsoft.DefaultV2") => Some(&self.policy),
            Some(name) => self.policies.get(name),
        }
    }
}
