//! The members of an object that have no field, and the marker for text that `Debug` hides.

use std::fmt;

use serde_json::{Map, Value};

use super::{FieldVisitor, Path};

/// The members of an object beside its fields: those without a field or of another type than their field's, with
/// their values; the fields that were `null`; the fields that came under their second spelling.
#[derive(Clone, Default)]
pub(crate) struct Extra {
    members: Option<Box<Map<String, Value>>>,
    /// From the lowest bit on, the fields that were `null`; from the highest bit down, those under their second
    /// spelling.
    bits: u64,
}

/// The bit for the second spelling of field 0.
const ALIASES: u32 = 63;

impl Extra {
    pub(crate) const EMPTY: Self = Self { members: None, bits: 0 };

    pub(crate) fn keep(&mut self, key: &str, value: Value) {
        self.members_mut().insert(key.to_owned(), value);
    }

    pub(crate) fn members(&self) -> Option<&Map<String, Value>> {
        self.members.as_deref()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.members.as_ref()?.get(key)
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.members.as_mut().and_then(|members| members.remove(key));
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.members.as_mut()?.get_mut(key)
    }

    pub(crate) fn members_mut(&mut self) -> &mut Map<String, Value> {
        self.members.get_or_insert_default()
    }

    /// Visits the members. `field` returns what the field of a member expects and whether it is hidden, unless it has a
    /// value, and `None` for a member without a field.
    pub(crate) fn visit<'a>(
        &'a self,
        path: &Path<'_>,
        visitor: &mut dyn FieldVisitor<'a>,
        field: impl Fn(&str) -> Option<(&'static str, bool)>,
    ) {
        for (name, value) in self.members().into_iter().flatten() {
            match field(name) {
                Some(_) if value.is_null() => {}
                Some((expected, is_hidden)) => visitor.mistyped(&path.member(name, is_hidden), expected, value),
                None => visitor.unmodelled(&path.member(name, false), value),
            }
        }
    }

    pub(crate) fn note_null(&mut self, field: u32) {
        self.bits |= 1 << field;
    }

    pub(crate) fn was_null(&self, field: u32) -> bool {
        self.bits & (1 << field) != 0
    }

    /// The number of fields that the bits have room for.
    pub(crate) const fn fields(with_aliases: bool) -> usize {
        if with_aliases { 32 } else { 64 }
    }

    /// Whether the field came, or was `null`, under its second spelling.
    pub(crate) fn is_alias(&self, field: u32) -> bool {
        self.was_null(ALIASES - field)
    }

    /// Notes the spelling under which a field is read. Returns `false` when the field has a value already, which came
    /// under the other spelling and stays; a `null` under the other spelling moves to `extra`.
    pub(crate) fn takes_spelling(&mut self, field: u32, alias: bool, other: &str, has_value: bool) -> bool {
        if self.is_alias(field) != alias {
            if has_value {
                return false;
            }
            if self.was_null(field) {
                self.bits &= !(1 << field);
                self.keep(other, Value::Null);
            }
            self.bits ^= 1 << (ALIASES - field);
        }
        true
    }
}

/// A missing field equals one that was `null`, and spellings make no difference.
impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        let is_empty = |extra: &Self| extra.members.as_ref().is_none_or(|members| members.is_empty());
        self.members == other.members || (is_empty(self) && is_empty(other))
    }
}

/// Prints the names of the members, never their values.
impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.members.iter().flat_map(|members| members.keys())).finish()
    }
}

/// Printed by `Debug` in place of text that a user or a model wrote.
pub(crate) struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}
