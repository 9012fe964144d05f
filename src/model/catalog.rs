//! The catalog of models, searched by name.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use super::spelling::{UnknownModel, normal};
use super::{Capabilities, Model, table};

/// The built-in table of models, with the additions and corrections of a team.
///
/// # The JSON
///
/// An object with one member, `models`, a list. Each entry has a `name` and, if it has one, a `version`;
/// together they are the id, `gpt-4o-2024-08-06`. An id that the table has is replaced, another is added.
/// `base` names an id, of the table or of an entry above, whose capabilities the entry starts from;
/// without it, every cell is unknown. All other members are the differences:
///
/// | member | holds |
/// |---|---|
/// | `family` | `standard`, `reasoning`, `audio` or `other` |
/// | `chat_completions` | `yes`, `no` or `unknown` |
/// | `parameters` | an object of [`Parameter`](super::Parameter) names, each `yes`, `no`, `effort none` (taken while the effort in force is `none`) or `unknown` |
/// | `reasoning_efforts` | a list of strings; empty: the parameter is refused; `null`: unknown |
/// | `default_reasoning_effort` | an effort such as `medium`, or `null` |
/// | `context_tokens`, `max_output_tokens` | a number of tokens, or `null` |
/// | `min_api_version` | an api version, or `null` |
/// | `responses_only`, `max_completion_tokens_required` | `true` or `false` |
/// | `only_default_temperature`, `system_becomes_developer`, `answers_as_another` | `true` or `false` |
/// | `tools_and_effort` | `any`, `only with none` or `not with explicit effort above none` |
/// | `output_limit_enforced` | `false` when a token limit above `max_output_tokens` is not refused |
/// | `status` | text, see [`Lifecycle::of_status`](super::Lifecycle::of_status) |
/// | `source`, `checked` | text; a day |
///
/// # Example: a table of one's own
///
/// ```
/// use azure_openai_chat::{Model, ModelCatalog, Parameter, Support};
///
/// let catalog = ModelCatalog::from_json(r#"{
///   "models": [
///     { "name": "support-bot", "base": "gpt-4o-2024-08-06",
///       "parameters": { "prediction": "no" }, "max_output_tokens": 4096 },
///     { "name": "o1", "version": "2024-12-17", "base": "o1-2024-12-17",
///       "parameters": { "streaming": "yes" } }
///   ]
/// }"#)?;
///
/// let bot = catalog.find("support-bot").unwrap();
/// assert_eq!(bot.capabilities().supports(Parameter::Prediction), Support::No);
/// assert_eq!(bot.capabilities().supports(Parameter::Temperature), Support::Yes);
///
/// let o1 = catalog.find("o1-2024-12-17").unwrap();
/// assert_eq!(o1.capabilities().supports(Parameter::Streaming), Support::Yes);
/// assert!(catalog.find("gpt-5").is_some());
/// # Ok::<(), azure_openai_chat::Error>(())
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/models>
#[derive(Clone)]
pub struct ModelCatalog {
    models: Arc<[Model]>,
    /// One model without a version for each name that has versions.
    names: Arc<[Model]>,
    /// Both, by id: every request that is built looks its deployment up.
    by_id: Arc<HashMap<String, Model>>,
}

static BUILT_IN: LazyLock<ModelCatalog> = LazyLock::new(|| ModelCatalog::of(table::models().collect()));

/// The built-in catalog, without a copy.
pub(super) fn shared() -> &'static ModelCatalog {
    &BUILT_IN
}

/// Whether the model is in the built-in table as it is.
pub(super) fn is_built_in(model: &Model) -> bool {
    shared().exact(&model.id()).is_some_and(|known| known.is_alike(model))
}

impl ModelCatalog {
    /// The table this crate came with. Cheap: all copies share it.
    #[must_use]
    pub fn built_in() -> Self {
        BUILT_IN.clone()
    }

    /// The catalog with one more model, which replaces one of the same id.
    #[must_use]
    pub fn with(&self, model: Model) -> Self {
        let mut models = self.models.to_vec();
        match models.iter_mut().find(|known| **known == model) {
            Some(known) => *known = model,
            None => models.push(model),
        }
        Self::of(models)
    }

    /// Finds a model by `name`, `name-version` or `name:version`, in any case.
    ///
    /// A name without a version gives what all its versions have in common, so it refuses only what every
    /// one of them refuses. `gpt-3.5-turbo` finds `gpt-35-turbo`.
    #[must_use]
    pub fn find(&self, model: &str) -> Option<Model> {
        let in_another_spelling = || {
            let meant = normal(model);
            self.all().find(|known| normal(&known.id()) == meant)
        };
        self.exact(model).or_else(in_another_spelling).cloned()
    }

    /// Every model with its version, those of the table first.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.iter()
    }

    /// The model of exactly this id, letter for letter.
    pub(crate) fn exact(&self, id: &str) -> Option<&Model> {
        self.by_id.get(id)
    }

    /// The error for a name that [`find`](Self::find) does not find.
    pub(super) fn unknown(&self, given: &str) -> UnknownModel {
        UnknownModel::among(given, self.all().map(Model::id))
    }

    fn of(models: Vec<Model>) -> Self {
        let mut names: Vec<Model> = Vec::new();
        for model in models.iter().filter(|model| model.version().is_some()) {
            let taken = |others: &[Model]| others.iter().any(|other| other.is(model.name()));
            if taken(&names) || taken(&models) {
                continue;
            }
            let versions: Vec<&Capabilities> =
                models.iter().filter(|other| other.name() == model.name()).map(Model::capabilities).collect();
            names.push(Model::custom(model.name(), Capabilities::in_common(&versions)));
        }
        let by_id = models.iter().chain(&names).map(|model| (model.id(), model.clone())).collect();
        Self { models: models.into(), names: names.into(), by_id: Arc::new(by_id) }
    }

    fn all(&self) -> impl Iterator<Item = &Model> {
        self.models.iter().chain(self.names.iter())
    }
}

impl Default for ModelCatalog {
    fn default() -> Self {
        Self::built_in()
    }
}

/// Models are equal by id; catalogs are equal only if the capabilities of each model are equal too.
impl PartialEq for ModelCatalog {
    fn eq(&self, other: &Self) -> bool {
        let content = |model: &'_ Model| (model.clone(), model.capabilities().clone());
        self.models.iter().map(content).eq(other.models.iter().map(content))
    }
}

impl fmt::Debug for ModelCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.models.iter()).finish()
    }
}

impl FromStr for Model {
    type Err = UnknownModel;

    /// Finds a model of the built-in table; see [`ModelCatalog::find`].
    fn from_str(model: &str) -> Result<Self, UnknownModel> {
        let catalog = shared();
        catalog.find(model).ok_or_else(|| catalog.unknown(model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::model::{Parameter, ReasoningEffort, Support};

    fn error(json: &str) -> String {
        let error = ModelCatalog::from_json(json).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    }

    #[test]
    fn every_model_is_found_in_each_spelling() {
        for model in ModelCatalog::built_in().models() {
            let version = model.version().unwrap();
            let dash = format!("{}-{version}", model.name());
            let colon = format!("{}:{version}", model.name());
            for text in [dash.clone(), colon, dash.to_uppercase(), format!(" {dash} ")] {
                let found: Model = text.parse().unwrap();
                assert_eq!(&found, model, "{text}");
                assert_eq!(found.to_string(), dash);
                assert_eq!((found.name(), found.version()), (model.name(), Some(version)));
            }
            let name: Model = model.name().parse().unwrap();
            assert_eq!((name.name(), name.version()), (model.name(), None));
        }
    }

    #[test]
    fn other_names_of_a_model_find_it() {
        for (text, expected) in [
            ("gpt-3.5-turbo-0125", Model::GPT_35_TURBO_0125),
            ("gpt-3.5-turbo-16k:0613", Model::GPT_35_TURBO_16K_0613),
            ("gpt-4-turbo", Model::GPT_4_TURBO_2024_04_09),
            ("gpt-4-turbo-2024-04-09", Model::GPT_4_TURBO_2024_04_09),
            ("gpt-4-vision-preview", Model::GPT_4_VISION_PREVIEW),
            ("gpt-5-codex-2025-09-11", Model::GPT_5_CODEX_2025_09_15),
            ("gpt-5.6-sol:2026-06-25", Model::GPT_5_6_SOL_2026_07_09),
        ] {
            assert_eq!(text.parse::<Model>().unwrap(), expected, "{text}");
        }
        let name: Model = "gpt-3.5-turbo".parse().unwrap();
        assert_eq!(name.id(), "gpt-35-turbo");
    }

    #[test]
    fn a_bare_name_refuses_only_what_all_its_versions_refuse() {
        let catalog = ModelCatalog::built_in();
        for name in catalog.models().map(Model::name) {
            let common = catalog.find(name).unwrap();
            let common = common.capabilities();
            for version in catalog.models().filter(|model| model.name() == name) {
                let version = version.capabilities();
                for parameter in Parameter::ALL {
                    if common.supports(*parameter) == Support::No {
                        assert_eq!(version.supports(*parameter), Support::No, "{name} {parameter}");
                    }
                }
                if let Some(efforts) = common.reasoning_efforts() {
                    let taken = version.reasoning_efforts().unwrap();
                    assert!(taken.iter().all(|effort| efforts.contains(effort)), "{name}");
                }
                assert!(!common.is_responses_only() || version.is_responses_only());
                assert!(
                    common.max_output_tokens() >= version.max_output_tokens() || common.max_output_tokens().is_none()
                );
            }
        }
        let gpt_4o = catalog.find("gpt-4o").unwrap();
        assert_eq!(gpt_4o.capabilities().supports(Parameter::Prediction), Support::Unknown);
        assert_eq!(gpt_4o.capabilities().supports(Parameter::Verbosity), Support::No);
        assert!(catalog.find("o1").unwrap().capabilities().max_completion_tokens_required());
    }

    #[test]
    fn the_whole_catalog_survives_json() {
        let built_in = ModelCatalog::built_in();
        let read = ModelCatalog::from_json(&built_in.to_json()).unwrap();
        assert_eq!(read, built_in);

        let own = built_in.with(Model::custom("mine", Capabilities::unknown().with_context_tokens(7)));
        assert_ne!(own, built_in);
        assert_eq!(ModelCatalog::from_json(&own.to_json()).unwrap(), own);
    }

    #[test]
    fn an_entry_replaces_its_id_and_changes_the_bare_name() {
        let json = r#"{"models": [
            {"name": "gpt-4o", "version": "2024-05-13", "base": "gpt-4o-2024-05-13", "parameters": {"prediction": "yes"}}
        ]}"#;
        let catalog = ModelCatalog::from_json(json).unwrap();
        assert_eq!(catalog.models().count(), ModelCatalog::built_in().models().count());
        let prediction = |name: &str| catalog.find(name).unwrap().capabilities().supports(Parameter::Prediction);
        assert_eq!(prediction("gpt-4o-2024-05-13"), Support::Yes);
        assert_eq!(prediction("gpt-4o"), Support::Yes);
        let untouched = "gpt-4o".parse::<Model>().unwrap();
        assert_eq!(untouched.capabilities().supports(Parameter::Prediction), Support::Unknown);
    }

    #[test]
    fn a_whole_id_in_name_means_the_model_of_that_id() {
        let json = r#"{"models": [{"name": "o1-2024-12-17", "context_tokens": 9}]}"#;
        let catalog = ModelCatalog::from_json(json).unwrap();
        let o1 = catalog.find("o1:2024-12-17").unwrap();
        assert_eq!((o1.name(), o1.version()), ("o1", Some("2024-12-17")));
        assert_eq!(o1.capabilities(), &Capabilities::unknown().with_context_tokens(9));
        assert_eq!(catalog.find("o1").unwrap().capabilities().context_tokens(), Some(9));
    }

    #[test]
    fn an_entry_builds_on_one_above_it() {
        let json = r#"{"models": [
            {"name": "gpt-7", "version": "2027-01-01", "base": "gpt-5:2025-08-07", "reasoning_efforts": ["none", "max"]},
            {"name": "mine", "base": "gpt-7-2027-01-01", "max_output_tokens": 5}
        ]}"#;
        let catalog = ModelCatalog::from_json(json).unwrap();
        let mine = catalog.find("mine").unwrap();
        let efforts = [ReasoningEffort::None, ReasoningEffort::from("max")];
        assert_eq!(mine.capabilities().reasoning_efforts(), Some(&efforts[..]));
        assert_eq!(mine.capabilities().max_output_tokens(), Some(5));
        assert_eq!(mine.capabilities().supports(Parameter::Temperature), Support::No);
        assert!(catalog.find("gpt-7").is_some());
        assert!(ModelCatalog::built_in().find("gpt-7").is_none());
    }

    #[test]
    fn errors_name_the_entry_and_the_field() {
        for (json, message) in [
            ("{", "the model catalog is not JSON"),
            ("[]", "the model catalog has no list 'models'; write {\"models\": [{\"name\": ...}]}"),
            (r#"{"models": [{"name": "a"}, 3]}"#, "model catalog, entry number 2: must be an object"),
            (r#"{"models": [{"version": "1"}]}"#, "model catalog, entry number 1: field 'name' is missing"),
            (
                r#"{"models": [{"name": "a", "version": 1}]}"#,
                "model catalog, entry 'a': field 'version' must be a string that is not empty",
            ),
            (
                r#"{"models": [{"name": "a", "version": "1", "family": "big"}]}"#,
                "model catalog, entry 'a-1': field 'family': \"big\" is not one of 'standard', 'reasoning', 'audio', 'other'",
            ),
            (
                r#"{"models": [{"name": "a", "base": "gpt-4p"}]}"#,
                "model catalog, entry 'a': field 'base': unknown model 'gpt-4p'; near it are gpt-4, gpt-4o, gpt-4.1; \
                 a model that is not in the table is declared with Model::custom",
            ),
            (
                r#"{"models": [{"name": "a"}, {"name": "a"}]}"#,
                "model catalog, entry 'a': is listed twice; keep one of the two",
            ),
        ] {
            assert_eq!(error(json), message);
        }
    }
}
