//! A language model: its name, its version, and its capabilities.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use super::Capabilities;
use crate::wire::getters;

/// A language model: its name, its version, and what it can do.
///
/// There is a constant for each version in the table. Others are parsed (`name`, `name-version` or
/// `name:version`, in any case) or declared with [`custom`](Self::custom). A name without a version has
/// what all its versions have in common, and so refuses only what every one of them refuses.
///
/// Two models are equal when their ids are.
///
/// In JSON and configuration files a model is its id, or, with capabilities of one's own, an entry of the
/// [`ModelCatalog`](crate::ModelCatalog).
///
/// # Example: constants, names, and a model of one's own
///
/// ```
/// use azure_openai_chat::{Capabilities, Model, Parameter, Support};
///
/// let o1 = Model::O1_2024_12_17;
/// assert_eq!(o1.to_string(), "o1-2024-12-17");
/// assert_eq!(o1.capabilities().supports(Parameter::Streaming), Support::No);
///
/// let any_gpt_4o: Model = "gpt-4o".parse()?;
/// assert_eq!(any_gpt_4o.version(), None);
/// assert_eq!("GPT-4o:2024-11-20".parse::<Model>()?, Model::GPT_4O_2024_11_20);
///
/// let mine = Model::custom("my-finetune", Capabilities::of(&Model::GPT_4O_2024_08_06));
/// assert!(!mine.capabilities().is_reasoning());
/// # Ok::<(), azure_openai_chat::model::UnknownModel>(())
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/models>
#[derive(Clone)]
pub struct Model(Repr);

#[derive(Clone)]
enum Repr {
    Listed(&'static Description),
    Declared(Arc<Description>),
}

/// What is known of a model: a line of the built-in table, or what the caller declares.
pub(super) struct Description {
    pub(super) name: Cow<'static, str>,
    pub(super) version: Option<Cow<'static, str>>,
    pub(super) capabilities: Capabilities,
}

impl Deref for Repr {
    type Target = Description;
    fn deref(&self) -> &Description {
        match self {
            Self::Listed(description) => description,
            Self::Declared(description) => description,
        }
    }
}

impl Model {
    /// A model with capabilities that the caller declares.
    #[must_use]
    pub fn custom(name: impl Into<String>, capabilities: Capabilities) -> Self {
        Self::declared(name, None, capabilities)
    }

    pub(super) fn declared(name: impl Into<String>, version: Option<&str>, capabilities: Capabilities) -> Self {
        let (name, version) = (Cow::Owned(name.into()), version.map(|version| Cow::Owned(version.to_owned())));
        Self(Repr::Declared(Arc::new(Description { name, version, capabilities })))
    }

    pub(super) const fn listed(description: &'static Description) -> Self {
        Self(Repr::Listed(description))
    }

    /// The version, such as `2024-08-06`; `None` for a name without a version.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.0.version.as_deref()
    }

    /// Name and version with a hyphen between them, or the name alone.
    #[must_use]
    pub fn id(&self) -> String {
        match self.version() {
            Some(version) => [self.name(), "-", version].concat(),
            None => self.name().to_owned(),
        }
    }

    /// Whether `id` is exactly the id of this model.
    pub(super) fn is(&self, id: &str) -> bool {
        match (id.strip_prefix(self.name()), self.version()) {
            (Some(rest), Some(version)) => rest.strip_prefix('-') == Some(version),
            (Some(rest), None) => rest.is_empty(),
            (None, _) => false,
        }
    }

    /// Whether the capabilities are the same as well; `==` compares the ids alone.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        std::ptr::eq(&*self.0, &*other.0) || (self == other && self.capabilities() == other.capabilities())
    }
}

getters! { model: Model => model.0;
    /// The name without its version, such as `gpt-4o`.
    name: Text;
    /// What the model can do.
    capabilities: Ref<Capabilities>;
}

impl Capabilities {
    /// The capabilities of a model, as a start for others.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        model.capabilities().clone()
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self.version() {
            Some(version) => write!(f, "-{version}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model({self})")
    }
}

impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.id())
    }
}

impl Eq for Model {}

impl Hash for Model {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::{Deployment, ModelCatalog};

    #[test]
    fn models_are_equal_and_hash_by_id() {
        let same = Model::custom("o1-2024-12-17", Capabilities::unknown());
        assert_eq!(same, Model::O1_2024_12_17);
        assert!(HashSet::from([same]).contains(&Model::O1_2024_12_17));
        assert_ne!(Model::custom("o1", Capabilities::unknown()), Model::O1_2024_12_17);
        assert_ne!(Model::GPT_5_MINI_2025_08_07, Model::GPT_5_2025_08_07);
    }

    #[test]
    fn a_model_writes_itself_as_its_id() {
        let model = Model::GPT_4_TURBO_2024_04_09;
        assert_eq!(model.to_string(), "gpt-4-turbo-2024-04-09");
        assert_eq!((model.name(), model.version()), ("gpt-4", Some("turbo-2024-04-09")));
        assert_eq!(format!("{model:?}"), "Model(gpt-4-turbo-2024-04-09)");
        assert_eq!(serde_json::to_string(&model).unwrap(), "\"gpt-4-turbo-2024-04-09\"");
    }

    #[test]
    fn an_unknown_name_is_an_error_with_neighbours() {
        let error = "gpt-4o-2024-08-07".parse::<Model>().unwrap_err();
        assert_eq!(error.near().first().map(String::as_str), Some("gpt-4o-2024-08-06"));
        assert!("".parse::<Model>().unwrap_err().near().is_empty());
    }

    #[test]
    fn the_data_cross_threads() {
        fn is_send_sync<T: Send + Sync + 'static>() {}
        is_send_sync::<Model>();
        is_send_sync::<ModelCatalog>();
        is_send_sync::<Deployment>();
    }
}
