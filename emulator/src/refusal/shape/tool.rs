//! The shape of tools, functions and the choice among them.

use std::collections::HashSet;

use azure_openai_chat::request::{ToolChoiceMode, ToolType};
use serde_json::Value;

use super::node::Node;
use crate::refusal::azure_error::AzureError;

/// The longest description of a function, in characters.
const LONGEST_DESCRIPTION: usize = 1024;

pub(super) fn tools(tools: &Node<'_>) -> Result<(), AzureError> {
    let mut names = HashSet::new();
    tools.list()?.iter().try_for_each(|tool| {
        tool.object()?;
        let kind = tool.required("type")?;
        kind.one_of(ToolType::KNOWN)?;
        let definition = tool.required(kind.text()?)?;
        function(&definition)?;
        match definition.string("name") {
            // unsourced
            Some(name) if !names.insert(name) => {
                let message = format!("Invalid 'tools': tool names must be unique, but '{name}' is given twice.");
                Err(AzureError::invalid(message, definition.path_of("name"), "invalid_value"))
            }
            _ => Ok(()),
        }
    })
}

pub(super) fn functions(functions: &Node<'_>) -> Result<(), AzureError> {
    functions.list()?.iter().try_for_each(function)
}

fn function(function: &Node<'_>) -> Result<(), AzureError> {
    function.object()?;
    let name = function.required("name")?.text()?;
    if let Some(description) = function.member("description") {
        description.at_most(LONGEST_DESCRIPTION)?;
    }
    match function.member("parameters") {
        Some(parameters) => schema(&parameters, name),
        None => Ok(()),
    }
}

/// The rules for the schema of any function, strict or not.
fn schema(schema: &Node<'_>, function: &str) -> Result<(), AzureError> {
    schema.object()?;
    let refused = |why: String| {
        let message = format!("Invalid schema for function '{function}': {why}");
        Err(AzureError::invalid(message, schema.path(), "invalid_function_parameters"))
    };
    let is_empty = schema.value().as_object().is_some_and(serde_json::Map::is_empty);
    match schema.value().get("type") {
        _ if is_empty => Ok(()),
        Some(kind) if kind == "object" => match unknown_type(schema.value(), 0) {
            Some(kind) => refused(format!("'{kind}' is not valid under any of the given schemas.")),
            None => Ok(()),
        },
        kind => {
            let kind = kind.and_then(Value::as_str).unwrap_or("None");
            refused(format!("schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."))
        }
    }
}

/// A `type` that JSON Schema does not have, in the schema or in a schema inside it.
fn unknown_type(schema: &Value, depth: usize) -> Option<&str> {
    const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "object", "array", "null"];
    if depth > 32 {
        return None;
    }
    let own = schema.get("type").and_then(Value::as_str).filter(|kind| !TYPES.contains(kind));
    own.or_else(|| {
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|all| all.values());
        let mut inner = properties.chain(schema.get("items"));
        inner.find_map(|schema| unknown_type(schema, depth + 1))
    })
}

pub(super) fn choice(choice: &Node<'_>) -> Result<(), AzureError> {
    if choice.value().is_string() {
        return choice.one_of(ToolChoiceMode::KNOWN);
    }
    choice.object()?;
    let kind = choice.required("type")?;
    kind.one_of(&["function", "allowed_tools", "custom"])?;
    match kind.text()? {
        "allowed_tools" => choice.required("allowed_tools").map(drop),
        kind => choice.required(kind)?.required("name")?.text().map(drop),
    }
}
