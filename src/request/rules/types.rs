//! Members of another type than their field's, however deep they are in the request. They would be sent as they are, and
//! the service refuses them.

use serde_json::Value;

use super::limits;
use super::rule::{Check, Findings, kind_of};
use crate::request::violation::{Rule, Violation};
use crate::wire::{FieldVisitor, FromWire, Path};

pub(super) fn wrong_types(check: &Check<'_>, found: &mut Findings<'_>) {
    check.body.visit(&Path::Root, &mut WrongTypes { check, found });
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
