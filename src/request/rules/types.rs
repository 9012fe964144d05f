//! Members of another type than their field's, however deep they are in the request. They would be sent as they are, and
//! the service refuses them.

use std::fmt::Display;

use serde_json::Value;

use super::limits;
use super::rule::{Check, Findings, kind_of};
use crate::request::violation::{Rule, Violation};
use crate::wire::{FieldVisitor, FromWire, Path};

pub(super) fn wrong_types(check: &Check<'_>, found: &mut Findings<'_>) {
    check.body.visit(&Path::Root, &mut WrongTypes { check, found });
    schemas(check, found);
}

/// A schema is any JSON by its field, and an object by the specification. The rules of strict mode name the root of a strict
/// schema.
fn schemas(check: &Check<'_>, found: &mut Findings<'_>) {
    let mut refuse_other = |place: &dyn Display, name: &str, schema: Option<&Value>| {
        let Some(schema) = schema.filter(|schema| !schema.is_object() && !schema.is_null()) else { return };
        let way_out = if schema.is_string() { ", which serde_json::from_str(..) reads from the text" } else { "" };
        let message = format!("{name} cannot be {}: pass an object{way_out}", kind_of(schema));
        found.push(Violation::new(format!("{place}.{name}"), Rule::WrongType, message).expecting("an object"));
    };
    for (place, function) in check.all_functions().filter(|(_, function)| function.strict != Some(true)) {
        refuse_other(&place, "parameters", function.parameters.as_ref());
    }
    let format = check.body.response_format.as_ref().and_then(|format| format.json_schema.as_ref());
    if let Some(format) = format.filter(|format| format.strict != Some(true)) {
        refuse_other(&"response_format.json_schema", "schema", format.schema.as_ref());
    }
}

struct WrongTypes<'c, 'f> {
    check: &'c Check<'c>,
    found: &'c mut Findings<'f>,
}

impl<'a> FieldVisitor<'a> for WrongTypes<'_, '_> {
    fn mistyped(&mut self, path: &Path<'_>, expected: &'static str, value: &'a Value) {
        let name = path.names().next().unwrap_or_default();
        let expected = match path {
            // the deployment's name is sent instead
            Path::Member { of: Path::Root, name: "model", .. } if !self.check.request.deployment.name().is_empty() => {
                return;
            }
            Path::Member { of: Path::Root, name, .. } if limits::is_negative_count(name, value) => return,
            Path::Member { of: Path::Root, name, .. } => limits::expected(name).unwrap_or(expected),
            _ => expected,
        };
        let message = format!("{name} cannot be {}: pass {expected}", kind_of(value));
        self.found.push(Violation::new(path.to_string(), Rule::WrongType, message).expecting(expected));
    }
}

#[cfg(test)]
mod tests;
