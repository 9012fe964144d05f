//! What a wire type keeps beside its own fields, and what none of them prints.

use std::fmt;

use serde_json::{Map, Value};

/// What a wire type keeps beside its own fields: unmodelled ones, which of its own were `null`, and which came
/// under their second spelling.
#[derive(Clone, Default)]
pub(crate) struct Rest {
    extra: Option<Box<Map<String, Value>>>,
    nulls: u64,
}

/// The highest bit that a field's second spelling has in `nulls`; the field after has the one below.
const ALIASES: u32 = 63;

impl Rest {
    pub(crate) const EMPTY: Self = Self { extra: None, nulls: 0 };

    pub(crate) fn keep(&mut self, key: &str, value: Value) {
        self.extra.get_or_insert_default().insert(key.to_owned(), value);
    }

    pub(crate) fn extra(&self) -> Option<&Map<String, Value>> {
        self.extra.as_deref()
    }

    pub(crate) fn extra_mut(&mut self) -> &mut Map<String, Value> {
        self.extra.get_or_insert_default()
    }

    pub(crate) fn note_null(&mut self, field: u32) {
        self.nulls |= 1 << field;
    }

    pub(crate) fn was_null(&self, field: u32) -> bool {
        self.nulls & (1 << field) != 0
    }

    /// How many fields the bits are enough for.
    pub(crate) const fn fields(with_aliases: bool) -> usize {
        if with_aliases { 32 } else { 64 }
    }

    /// Whether the field came, or was `null`, under its second spelling.
    pub(crate) fn is_alias(&self, field: u32) -> bool {
        self.was_null(ALIASES - field)
    }

    /// Notes the spelling in which a field comes. `false` when it has a value under the other spelling already:
    /// then the first value is the field's. A `null` under the other spelling gives way.
    pub(crate) fn takes_spelling(&mut self, field: u32, alias: bool, other: &str, has_value: bool) -> bool {
        if self.is_alias(field) != alias {
            if has_value {
                return false;
            }
            if self.was_null(field) {
                self.nulls &= !(1 << field);
                self.keep(other, Value::Null);
            }
            self.nulls ^= 1 << (ALIASES - field);
        }
        true
    }
}

/// Two values are equal when they say the same; whether nothing was said by leaving a field out or by
/// `null` makes no difference.
impl PartialEq for Rest {
    fn eq(&self, other: &Self) -> bool {
        let empty = |rest: &Self| rest.extra.as_ref().is_none_or(|extra| extra.is_empty());
        self.extra == other.extra || (empty(self) && empty(other))
    }
}

/// Prints the names of the kept fields, never their values.
impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.extra.iter().flat_map(|extra| extra.keys())).finish()
    }
}

/// Stands in `Debug` for text that a user or a model wrote.
pub(crate) struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}
