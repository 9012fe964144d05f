//! Models, their capabilities and the catalog as JSON, read field by field, so that errors name the field.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::catalog::{is_built_in, shared};
use super::{
    Capabilities, Deployment, Family, Model, ModelCatalog, Parameter, ReasoningEffort, Support, ToolsAndEffort,
};
use crate::error::{Error, ErrorKind};

impl Capabilities {
    /// Takes one member of the JSON object. The error names the field and what it may hold.
    fn read_member(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let read = match (self.read_field(name, value), name) {
            (Some(read), _) => read.map_err(|error| error.to_string()),
            (None, "parameters") => self.read_parameters(value),
            (None, "reasoning_efforts") => Deserialize::deserialize(value)
                .map(|efforts: Option<Vec<ReasoningEffort>>| match efforts {
                    Some(efforts) => self.set_efforts(efforts),
                    None => self.set(Parameter::ReasoningEffort, Support::Unknown),
                })
                .map_err(|error| error.to_string()),
            _ => Err("it is not known; see the documentation of `ModelCatalog` for those that are".to_owned()),
        };
        read.map_err(|problem| format!("field '{name}': {problem}"))
    }

    fn read_parameters(&mut self, value: &Value) -> Result<(), String> {
        let cells = Map::deserialize(value).map_err(|error| error.to_string())?;
        for (name, cell) in cells {
            let parameter = Parameter::deserialize(json!(name)).map_err(|error| error.to_string())?;
            self.set(parameter, Support::deserialize(cell).map_err(|error| format!("'{name}': {error}"))?);
        }
        Ok(())
    }

    /// Every member about which something is known.
    fn members(&self) -> Map<String, Value> {
        let mut members = self.fields();
        let cells: Map<_, _> =
            self.cells.known().map(|(parameter, support)| (parameter.to_string(), json!(support))).collect();
        members.insert("parameters".to_owned(), cells.into());
        if let Some(efforts) = self.reasoning_efforts() {
            members.insert("reasoning_efforts".to_owned(), json!(efforts));
        }
        members
    }
}

/// Implements `Deserialize` for closed enums. The error lists all values, also where the JSON is no string.
macro_rules! deserialize_closed {
    ($($Name:ident),*) => { $(
        impl<'de> Deserialize<'de> for $Name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let given = Value::deserialize(deserializer)?;
                let known = Self::ALL.iter().find(|known| given == known.as_str());
                known.copied().ok_or_else(|| {
                    let all: Vec<String> = Self::ALL.iter().map(|known| format!("'{known}'")).collect();
                    D::Error::custom(format_args!("{given} is not one of {}", all.join(", ")))
                })
            }
        }
    )* };
}

deserialize_closed!(Family, Parameter, Support, ToolsAndEffort);

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.members().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    /// Fields that are left out stay unknown; a name that is no field is an error, so that a typing error does not allow
    /// what was meant to be refused.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut capabilities = Self::unknown();
        for (field, value) in &Map::<String, Value>::deserialize(deserializer)? {
            capabilities.read_member(field, value).map_err(D::Error::custom)?;
        }
        Ok(capabilities)
    }
}

impl ModelCatalog {
    /// Reads a table and lays it over the built-in one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the text is not JSON or not of the shape above. The error names the entry
    /// and the field.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let document: Value = serde_json::from_str(json)
            .map_err(|error| Error::new(ErrorKind::Config, "the model catalog is not JSON").with_source(error))?;
        Self::from_document(&document)
    }

    fn from_document(document: &Value) -> Result<Self, Error> {
        let entries = document.get("models").and_then(Value::as_array).ok_or_else(|| {
            Error::new(ErrorKind::Config, "the model catalog has no list 'models'")
                .with_hint("write {\"models\": [{\"name\": ...}]}")
        })?;
        let mut catalog = Self::built_in();
        let mut seen = BTreeSet::new();
        for (index, entry) in entries.iter().enumerate() {
            let model = read_entry(entry, &catalog).map_err(|reason| {
                let label = label(entry, index);
                Error::new(ErrorKind::Config, format!("model catalog, entry {label}: {reason}"))
            })?;
            if !seen.insert(model.id()) {
                let message = format!("model catalog, entry '{model}': is listed twice");
                return Err(Error::new(ErrorKind::Config, message).with_hint("keep one of the two"));
            }
            catalog = catalog.with(model);
        }
        Ok(catalog)
    }

    /// The whole catalog in the shape that [`from_json`](Self::from_json) reads, indented.
    #[must_use]
    pub fn to_json(&self) -> String {
        format!("{:#}", self.document())
    }

    fn document(&self) -> Value {
        let entries: Vec<Value> = self.models().map(write_entry).collect();
        json!({ "models": entries })
    }
}

impl Serialize for ModelCatalog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ModelCatalog {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_document(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for Model {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if is_built_in(self) { serializer.collect_str(self) } else { write_entry(self).serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Model {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(id) => id.parse().map_err(D::Error::custom),
            entry => read_entry(&entry, shared()).map_err(|reason| D::Error::custom(format_args!("model: {reason}"))),
        }
    }
}

impl Serialize for Deployment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_implied_by_name() {
            return serializer.serialize_str(self.name());
        }
        Declared { name: self.name().into(), model: self.declared_model().map(Cow::Borrowed) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Deployment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) => Ok(Self::from(name)),
            object => {
                let Declared { name, model } = Declared::deserialize(object).map_err(D::Error::custom)?;
                let deployment = Self::new(name);
                Ok(match model {
                    Some(model) => deployment.model(model.into_owned()),
                    None => deployment,
                })
            }
        }
    }
}

/// A deployment with the model declared for it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a name, or an object with `name` and `model`")]
struct Declared<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Cow<'a, Model>>,
}

/// Makes a model of one entry; the error does not name the entry.
fn read_entry(entry: &Value, catalog: &ModelCatalog) -> Result<Model, String> {
    let members = entry.as_object().ok_or("must be an object")?;
    let text = |field: &str| match members.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.as_str())),
        Some(_) => Err(format!("field '{field}' must be a string that is not empty")),
    };
    let name = text("name")?.ok_or("field 'name' is missing")?;
    let version = text("version")?;
    let mut capabilities = match text("base")? {
        None => Capabilities::unknown(),
        Some(base) => match catalog.find(base) {
            Some(model) => Capabilities::of(&model),
            None => return Err(format!("field 'base': {}", catalog.unknown(base))),
        },
    };
    for (field, value) in members {
        if !matches!(field.as_str(), "name" | "version" | "base") {
            capabilities.read_member(field, value)?;
        }
    }
    // A whole id in `name` means the model of that id, which keeps its name and version apart.
    let known = catalog.models().find(|model| version.is_none() && model.is(name));
    Ok(match known {
        Some(known) => Model::declared(known.name(), known.version(), capabilities),
        None => Model::declared(name, version, capabilities),
    })
}

/// The name of an entry in errors.
fn label(entry: &Value, index: usize) -> String {
    let text = |field: &str| entry.get(field).and_then(Value::as_str);
    match (text("name"), text("version")) {
        (Some(name), Some(version)) => format!("'{name}-{version}'"),
        (Some(name), None) => format!("'{name}'"),
        _ => format!("number {}", index.saturating_add(1)),
    }
}

/// The entry that reads as this model.
fn write_entry(model: &Model) -> Value {
    let mut entry = model.capabilities().members();
    entry.insert("name".to_owned(), model.name().into());
    if let Some(version) = model.version() {
        entry.insert("version".to_owned(), version.into());
    }
    Value::Object(entry)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_model_of_the_table_survives_json() {
        for model in ModelCatalog::built_in().models() {
            let json = serde_json::to_string(model.capabilities()).unwrap();
            let read: Capabilities = serde_json::from_str(&json).unwrap();
            assert_eq!(&read, model.capabilities(), "{model}");
        }
    }

    #[test]
    fn the_documentation_of_the_catalog_has_every_member() {
        let table = include_str!("catalog.rs");
        for name in Capabilities::FIELDS.iter().chain(&["parameters", "reasoning_efforts"]) {
            assert!(table.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn what_is_left_out_stays_unknown() {
        assert_eq!(serde_json::from_value::<Capabilities>(json!({})).unwrap(), Capabilities::unknown());
    }

    #[test]
    fn a_future_effort_is_taken() {
        let read: Capabilities = serde_json::from_value(json!({"reasoning_efforts": ["low", "max"]})).unwrap();
        assert_eq!(read.reasoning_efforts(), Some(&[ReasoningEffort::Low, ReasoningEffort::from("max")][..]));
    }

    #[test]
    fn each_mistake_is_named() {
        let parameters: Vec<String> = Parameter::ALL.iter().map(|parameter| format!("'{parameter}'")).collect();
        let parameters = parameters.join(", ");
        for (json, message) in [
            (
                json!({"family": "reasonning"}),
                "field 'family': \"reasonning\" is not one of 'standard', 'reasoning', 'audio', 'other'",
            ),
            (
                json!({"parameters": {"tools": "n/a"}}),
                "field 'parameters': 'tools': \"n/a\" is not one of 'yes', 'no', 'effort none', 'unknown'",
            ),
            (
                json!({"parameters": {"tools": true}}),
                "field 'parameters': 'tools': true is not one of 'yes', 'no', 'effort none', 'unknown'",
            ),
            (
                json!({"parameters": {"tool": "yes"}}),
                &format!("field 'parameters': \"tool\" is not one of {parameters}"),
            ),
            (json!({"parameters": ["tools"]}), "field 'parameters': invalid type: sequence, expected a map"),
            (json!({"context_tokens": -1}), "field 'context_tokens': invalid value: integer `-1`, expected u64"),
            (
                json!({"responses_only": "no"}),
                "field 'responses_only': invalid type: string \"no\", expected a boolean",
            ),
            (json!({"status": 4}), "field 'status': invalid type: integer `4`, expected a string"),
            (
                json!({"reasoning_efforts": ["low", 3]}),
                "field 'reasoning_efforts': expected a string, found a value of another type",
            ),
            (
                json!({"contxt": 4}),
                "field 'contxt': it is not known; see the documentation of `ModelCatalog` for those that are",
            ),
        ] {
            let error = serde_json::from_value::<Capabilities>(json).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn a_model_is_written_as_its_id_or_as_an_entry() {
        for id in ["o1-2024-12-17", "gpt-4o", "gpt-4-turbo-2024-04-09"] {
            let model: Model = serde_json::from_value(json!(id)).unwrap();
            assert_eq!((json!(model), model.id().as_str()), (json!(id), id));
        }
        let mine = Model::custom("mine", Capabilities::of(&Model::O1_2024_12_17).with_context_tokens(5));
        let corrected =
            ModelCatalog::from_json(r#"{"models": [{"name": "gpt-4o-2024-11-20", "max_output_tokens": 5}]}"#);
        for model in [mine, corrected.unwrap().find("gpt-4o-2024-11-20").unwrap()] {
            let read: Model = serde_json::from_str(&json!(model).to_string()).unwrap();
            assert_eq!((read.id(), read.version()), (model.id(), model.version()));
            assert_eq!(read.capabilities(), model.capabilities());
        }
        let error = serde_json::from_value::<Model>(json!("gpt-4o-2024-08-07")).unwrap_err();
        assert!(error.to_string().contains("gpt-4o-2024-08-06"), "{error}");
    }

    #[test]
    fn a_deployment_is_written_as_its_name_or_with_its_model() {
        for (deployment, written) in [
            (Deployment::from("gpt-4o"), json!("gpt-4o")),
            (Deployment::new("triage"), json!("triage")),
            (
                Deployment::new("o1-new").model(Model::O1_2024_12_17),
                json!({"name": "o1-new", "model": "o1-2024-12-17"}),
            ),
        ] {
            assert_eq!(json!(deployment), written);
            assert_eq!(serde_json::from_value::<Deployment>(written).unwrap(), deployment);
        }
        let mine = Deployment::new("d").model(Model::custom("mine", Capabilities::of(&Model::O1_2024_12_17)));
        let read: Deployment = serde_json::from_value(json!(mine)).unwrap();
        assert_eq!(read.declared_model().unwrap().capabilities(), Model::O1_2024_12_17.capabilities());
        assert_eq!(serde_json::from_value::<Deployment>(json!("triage")).unwrap(), Deployment::new("triage"));
        assert!(serde_json::from_value::<Deployment>(json!({"name": "d", "modle": "o1"})).is_err());
    }

    #[test]
    fn a_catalog_is_read_by_serde_as_by_its_own_function() {
        let catalog = ModelCatalog::built_in().with(Model::custom("mine", Capabilities::unknown()));
        assert_eq!(serde_json::from_value::<ModelCatalog>(json!(catalog)).unwrap(), catalog);
        let error = serde_json::from_value::<ModelCatalog>(json!({"models": [{"name": ""}]})).unwrap_err();
        assert!(error.to_string().contains("field 'name'"), "{error}");
    }

    #[test]
    fn null_takes_a_figure_back() {
        let mut capabilities =
            Capabilities::unknown().with_context_tokens(5).with_reasoning_efforts([ReasoningEffort::Low]);
        capabilities.read_member("context_tokens", &Value::Null).unwrap();
        capabilities.read_member("reasoning_efforts", &Value::Null).unwrap();
        assert_eq!(capabilities, Capabilities::unknown());
    }
}
