//! Objects: types whose fields are members of the wire.

use std::fmt;

use serde::de::{Deserializer, Visitor};

/// Declares a wire type: each field an `Option`, each with its wire name. `hidden` before the name
/// keeps the value out of `Debug`. `"name" | "other"` is a member with two spellings: either fills the field,
/// and it is written in the spelling that came.
macro_rules! wire_struct {
    (
        $(#[$meta:meta])*
        $vis:vis struct $Name:ident {
            $( $(#[$fmeta:meta])* $fvis:vis $field:ident : $ty:ty = $($hidden:ident)? $key:literal $(| $alias:literal)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Default)]
        #[non_exhaustive]
        $vis struct $Name {
            $( $(#[$fmeta])* $fvis $field: Option<$ty>, )*
            pub(crate) rest: $crate::wire::Rest,
        }

        #[allow(dead_code, reason = "one macro serves types with and without these needs")]
        impl $Name {
            /// A value that says nothing.
            pub(crate) const EMPTY: Self = Self { $( $field: None, )* rest: $crate::wire::Rest::EMPTY };

            /// The wire names of the modelled fields.
            pub(crate) const FIELDS: &'static [&'static str] = &[$( $key ),*];

            /// The second spellings of those fields that have two.
            pub(crate) const ALIASES: &'static [&'static str] = &[$( $( $alias, )? )*];

            /// Fields that came from the wire and are not modelled here, or hold a value of a type
            /// that was not expected.
            #[must_use]
            $vis fn extra(&self) -> Option<&serde_json::Map<String, serde_json::Value>> {
                self.rest.extra()
            }

            /// Takes in one member of the JSON object; `false` when its name is not ours.
            fn read_member<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                #[allow(non_camel_case_types, clippy::enum_variant_names, reason = "named after the fields")]
                enum Field { $( $field ),* }
                const { assert!(Self::FIELDS.len() <= $crate::wire::Rest::fields(!Self::ALIASES.is_empty())) };
                match key {
                    $( $key $( | $alias )? => {
                        $(
                            let field = Field::$field as u32;
                            let other = if key == $key { $alias } else { $key };
                            if !self.rest.takes_spelling(field, key == $alias, other, self.$field.is_some()) {
                                let value = map.next_value()?;
                                self.rest.keep(key, value);
                                return Ok(true);
                            }
                        )?
                        match map.next_value_seed($crate::wire::Slot(&mut self.$field))? {
                            $crate::wire::Read::Is(()) => {}
                            $crate::wire::Read::Null => self.rest.note_null(Field::$field as u32),
                            $crate::wire::Read::Odd(value) => self.rest.keep(key, value),
                        }
                        Ok(true)
                    } )*
                    _ => Ok(false),
                }
            }

            pub(crate) fn read_map<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
                let mut this = Self::EMPTY;
                this.read_members(map)?;
                Ok(this)
            }

            fn read_members<'de, A: serde::de::MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
                while let Some(key) = map.next_key_seed($crate::wire::Key)? {
                    if !self.read_member(&key, &mut map)? {
                        let value = map.next_value()?;
                        self.rest.keep(&key, value);
                    }
                }
                Ok(())
            }

            /// Writes every member, except those whose names are to be skipped.
            pub(crate) fn write_members<M: serde::ser::SerializeMap>(
                &self,
                map: &mut M,
                skip: impl Fn(&str) -> bool,
            ) -> Result<(), M::Error> {
                #[allow(non_camel_case_types, clippy::enum_variant_names, reason = "named after the fields")]
                enum Field { $( $field ),* }
                $(
                    let name = $crate::wire::spelling!(self.rest, Field::$field as u32, $key $(, $alias)?);
                    if !skip(name) {
                        if let Some(value) = &self.$field {
                            map.serialize_entry(name, value)?;
                        } else if self.rest.was_null(Field::$field as u32)
                            && self.rest.extra().is_none_or(|extra| !extra.contains_key(name))
                        {
                            map.serialize_entry(name, &())?;
                        }
                    }
                )*
                for (key, value) in self.rest.extra().into_iter().flatten() {
                    let taken = match key.as_str() {
                        $( $key $( | $alias )? => {
                            self.$field.is_some()
                                && key == $crate::wire::spelling!(self.rest, Field::$field as u32, $key $(, $alias)?)
                        } )*
                        _ => false,
                    };
                    if !taken && !skip(key) {
                        map.serialize_entry(key, value)?;
                    }
                }
                Ok(())
            }
        }

        impl $crate::wire::Wire for $Name {
            fn from_map<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<$crate::wire::Read<Self>, A::Error> {
                Self::read_map(map).map($crate::wire::Read::Is)
            }
            fn fill_from_map<'de, A: serde::de::MapAccess<'de>>(
                slot: &mut Option<Self>,
                map: A,
            ) -> Result<$crate::wire::Read<()>, A::Error> {
                slot.insert(Self::EMPTY).read_members(map)?;
                Ok($crate::wire::Read::Is(()))
            }
        }

        $crate::wire::deserialize_wire!($Name, "an object");

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                self.write_members(&mut map, |_| false)?;
                map.end()
            }
        }

        impl std::fmt::Debug for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut out = f.debug_struct(stringify!($Name));
                $(
                    if let Some(_value) = &self.$field {
                        out.field(stringify!($field), $crate::wire::debug_value!(_value $(, $hidden)?));
                    }
                )*
                if self.rest.extra().is_some() {
                    out.field("extra", &self.rest);
                }
                out.finish()
            }
        }
    };
}
pub(crate) use wire_struct;

/// The name under which a field is written.
macro_rules! spelling {
    ($rest:expr, $field:expr, $key:literal) => {
        $key
    };
    ($rest:expr, $field:expr, $key:literal, $alias:literal) => {
        if $rest.is_alias($field) { $alias } else { $key }
    };
}
pub(crate) use spelling;

macro_rules! debug_value {
    ($value:ident) => {
        $value
    };
    ($value:ident, hidden) => {
        &$crate::wire::Hidden
    };
}
pub(crate) use debug_value;

/// A member name, borrowed from the input where it can be.
pub(crate) struct Key;

impl<'de> serde::de::DeserializeSeed<'de> for Key {
    type Value = std::borrow::Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = std::borrow::Cow<'de, str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(name.into())
            }
            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(name.to_owned().into())
            }
            fn visit_string<E>(self, name: String) -> Result<Self::Value, E> {
                Ok(name.into())
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}
