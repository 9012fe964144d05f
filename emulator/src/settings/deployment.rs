//! The settings of one deployment.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::pace::Pace;
use super::quota::Quota;

/// The model of a deployment and the settings in which it differs from the emulator's defaults.
///
/// In the configuration file and over HTTP the settings have the same names; a string in place of them is the model.
///
/// # Example: a deployment with a key and a quota of its own
///
/// ```
/// use std::time::Duration;
/// use azure_openai_emulator::{DeploymentSettings, Emulator, Quota};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let triage = DeploymentSettings::of("gpt-4.1-mini-2025-04-14").key("triage-key").quota(Quota::requests(60));
/// let emulator = Emulator::builder().deployment("triage", triage).start().await?;
/// # drop(emulator);
/// # Ok(()) }
/// ```
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct DeploymentSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    #[serde(skip_serializing)]
    pub(crate) key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quota: Option<Quota>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pace: Option<Pace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<FilterMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) obfuscation: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) strictness: Option<Strictness>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spillover: Option<String>,
}

/// When filter results are sent, and whether a match is blocked.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FilterMode {
    /// Each chunk has its results, and a match is blocked.
    #[default]
    Default,
    /// Content is sent at once, results later in chunks of their own; a match is blocked.
    Asynchronous,
    /// Results have the matches, and nothing is blocked.
    AnnotateOnly,
    /// The filter is unavailable: results are an error, and nothing is blocked.
    Outage,
    /// No results at all.
    Off,
}

impl FilterMode {
    /// Whether a match is blocked.
    pub(crate) fn blocks(self) -> bool {
        matches!(self, Self::Default | Self::Asynchronous)
    }
}

/// What a deployment refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Strictness {
    /// Everything that Azure refuses for the model.
    #[default]
    Strict,
    /// Everything that Azure refuses but unknown members, which are ignored.
    Lenient,
    /// Nothing: every request with a JSON object is answered.
    Off,
}

impl DeploymentSettings {
    /// A deployment of this model, by its id or its name: `gpt-4o-2024-11-20`, `text-embedding-3-small`.
    ///
    /// A model that is not in the client crate's table accepts every parameter, and refuses only values that no model
    /// accepts, such as a `temperature` of 3.
    #[must_use]
    pub fn of(model: impl Into<String>) -> Self {
        Self { model: Some(model.into()), ..Self::default() }
    }

    /// Sets the key of this deployment; those of the resource are accepted as well.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Limits the requests and tokens in a window; more are answered with 429. No limit by default.
    #[must_use]
    pub fn quota(mut self, quota: Quota) -> Self {
        self.quota = Some(quota);
        self
    }

    /// Sets how long an answer takes. No time by default.
    #[must_use]
    pub fn pace(mut self, pace: impl Into<Pace>) -> Self {
        self.pace = Some(pace.into());
        self
    }

    /// Sets when filter results are sent, and whether a match is blocked; [`FilterMode::Default`] by default.
    #[must_use]
    pub fn filter(mut self, mode: FilterMode) -> Self {
        self.filter = Some(mode);
        self
    }

    /// Selects a content filter policy by its name. The default policy when unset.
    #[must_use]
    pub fn policy(mut self, name: impl Into<String>) -> Self {
        self.policy = Some(name.into());
        self
    }

    /// Adds `obfuscation` to the chunks of a stream, where the request does not set `include_obfuscation`. Off by default.
    #[must_use]
    pub fn obfuscation(mut self, on: bool) -> Self {
        self.obfuscation = Some(on);
        self
    }

    /// Sets the region in the header `x-ms-region`. `East US 2` by default.
    #[must_use]
    pub fn region(mut self, name: impl Into<String>) -> Self {
        self.region = Some(name.into());
        self
    }

    /// Sets which requests are refused; [`Strictness::Strict`] by default.
    #[must_use]
    pub fn strictness(mut self, strictness: Strictness) -> Self {
        self.strictness = Some(strictness);
        self
    }

    /// Sets the deployment that answers instead of an error with 429, 500 or 503, or of a prompt that is too long.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/spillover-traffic-management>
    #[must_use]
    pub fn spillover(mut self, deployment: impl Into<String>) -> Self {
        self.spillover = Some(deployment.into());
        self
    }

    /// These settings, with those of `other` where they are set.
    pub(crate) fn overlaid(&self, other: &Self) -> Self {
        let Self { model, key, quota, pace, filter, policy, obfuscation, region, strictness, spillover } =
            other.clone();
        let own = self.clone();
        Self {
            model: model.or(own.model),
            key: key.or(own.key),
            quota: quota.or(own.quota),
            pace: pace.or(own.pace),
            filter: filter.or(own.filter),
            policy: policy.or(own.policy),
            obfuscation: obfuscation.or(own.obfuscation),
            region: region.or(own.region),
            strictness: strictness.or(own.strictness),
            spillover: spillover.or(own.spillover),
        }
    }
}

/// The model.
impl From<&str> for DeploymentSettings {
    fn from(model: &str) -> Self {
        Self::of(model)
    }
}

/// The model.
impl From<String> for DeploymentSettings {
    fn from(model: String) -> Self {
        Self::of(model)
    }
}

/// The model.
impl From<azure_openai_chat::Model> for DeploymentSettings {
    fn from(model: azure_openai_chat::Model) -> Self {
        Self::of(model.to_string())
    }
}

impl fmt::Debug for DeploymentSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_key = self.key.is_some();
        f.debug_struct("DeploymentSettings")
            .field("model", &self.model)
            .field("has_key", &has_key)
            .finish_non_exhaustive()
    }
}

/// By hand, so that a string is a model; with an untagged enum, an error would not have its line in the file.
impl<'de> Deserialize<'de> for DeploymentSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrTable;
        impl<'de> Visitor<'de> for TextOrTable {
            type Value = DeploymentSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a model or the settings of a deployment")
            }

            fn visit_str<E>(self, model: &str) -> Result<Self::Value, E> {
                Ok(DeploymentSettings::of(model))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                DeploymentSettings::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(TextOrTable)
    }
}

impl Serialize for DeploymentSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}
