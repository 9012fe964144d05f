//! The macro for wire types that are JSON objects.

use std::fmt;

use serde::de::{Deserializer, Visitor};

/// Declares wire types, each a struct whose fields are members of a JSON object. A field of type `T` is an
/// `Option<T>`, declared with the name of its member:
///
/// - `text: String = hidden "text"` keeps the value out of `Debug`, because a user or a model wrote it.
/// - `harm: u64 = "self_harm" | "self-harm"` reads a member under either spelling, and writes it under the one it had.
///
/// Fields are declared with a visibility, or all without. Without, each has a [`getter!`](super::getter) in place of it,
/// unless it is `private`: `intent: String = private hidden "intent"`.
macro_rules! wire_struct {
    (
        $(#[$meta:meta])*
        $vis:vis struct $Name:ident {
            $(
                $(#[$fmeta:meta])*
                $field:ident : $Outer:ident $(< $($Inner:ty),+ >)? = $($flag:ident)* $key:literal $(| $alias:literal)?
            ),* $(,)?
        }
    ) => {
        $crate::wire::wire_struct! {
            $(#[$meta])*
            $vis struct $Name {
                $( pub(crate) $field: $Outer $(< $($Inner),+ >)? = $($flag)* $key $(| $alias)? ),*
            }
        }

        #[allow(dead_code, reason = "not every type is public")]
        impl $Name {
            $( $crate::wire::getter! {
                [$($flag)*] $(#[$fmeta])* $vis $field: $Outer $(< $($Inner),+ >)?
            } )*
        }
    };
    (
        $(#[$meta:meta])*
        $vis:vis struct $Name:ident {
            $( $(#[$fmeta:meta])* $fvis:vis $field:ident : $ty:ty = $($flag:ident)* $key:literal $(| $alias:literal)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Default)]
        #[non_exhaustive]
        $vis struct $Name {
            $( $(#[$fmeta])* $fvis $field: Option<$ty>, )*
            pub(crate) extra: $crate::wire::Extra,
        }

        const _: () = assert!($Name::FIELDS.len() <= $crate::wire::Extra::fields(!$Name::ALIASES.is_empty()));

        #[allow(dead_code, reason = "one macro serves types with and without these needs")]
        impl $Name {
            /// A value without members.
            pub(crate) const EMPTY: Self = Self { $( $field: None, )* extra: $crate::wire::Extra::EMPTY };

            /// The wire names of the modelled fields.
            pub(crate) const FIELDS: &'static [&'static str] = &[$( $key ),*];

            /// The second spellings of the fields that have two.
            pub(crate) const ALIASES: &'static [&'static str] = &[$( $( $alias, )? )*];

            /// Members that have no field here, or a value of another type than their field.
            #[must_use]
            $vis fn extra(&self) -> Option<&serde_json::Map<String, serde_json::Value>> {
                self.extra.members()
            }

            /// Reads a member of the JSON object. Returns `false`, and reads nothing, when it has no field.
            fn read_member<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                #[allow(non_camel_case_types, clippy::enum_variant_names, reason = "named after the fields")]
                enum Index { $( $field ),* }
                match key {
                    $( $key $( | $alias )? => {
                        $(
                            let field = Index::$field as u32;
                            let other = if key == $key { $alias } else { $key };
                            if !self.extra.takes_spelling(field, key == $alias, other, self.$field.is_some()) {
                                let value = map.next_value()?;
                                self.extra.keep(key, value);
                                return Ok(true);
                            }
                        )?
                        match map.next_value_seed($crate::wire::FieldSeed(&mut self.$field))? {
                            $crate::wire::Field::Typed(()) => {}
                            $crate::wire::Field::Null => self.extra.note_null(Index::$field as u32),
                            $crate::wire::Field::Mistyped(value) => self.extra.keep(key, value),
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
                        self.extra.keep(&key, value);
                    }
                }
                Ok(())
            }

            /// Writes every member except those that `skip` names.
            pub(crate) fn write_members<M: serde::ser::SerializeMap>(
                &self,
                map: &mut M,
                skip: impl Fn(&str) -> bool,
            ) -> Result<(), M::Error> {
                #[allow(non_camel_case_types, clippy::enum_variant_names, reason = "named after the fields")]
                enum Index { $( $field ),* }
                $(
                    let name = $crate::wire::spelling!(self.extra, Index::$field as u32, $key $(, $alias)?);
                    if !skip(name) {
                        if let Some(value) = &self.$field {
                            map.serialize_entry(name, value)?;
                        } else if self.extra.was_null(Index::$field as u32)
                            && self.extra.members().is_none_or(|extra| !extra.contains_key(name))
                        {
                            map.serialize_entry(name, &())?;
                        }
                    }
                )*
                for (key, value) in self.extra.members().into_iter().flatten() {
                    let is_written = match key.as_str() {
                        $( $key $( | $alias )? => {
                            self.$field.is_some()
                                && key == $crate::wire::spelling!(self.extra, Index::$field as u32, $key $(, $alias)?)
                        } )*
                        _ => false,
                    };
                    if !is_written && !skip(key) {
                        map.serialize_entry(key, value)?;
                    }
                }
                Ok(())
            }
        }

        impl $crate::wire::FromWire for $Name {
            const EXPECTED: &'static str = "an object";
            const EXPECTED_LIST: &'static str = "a list of objects";

            fn visit<'a>(&'a self, path: &$crate::wire::Path<'_>, visitor: &mut dyn $crate::wire::FieldVisitor<'a>) {
                use $crate::wire::FromWire;
                self.extra.visit(path, visitor, |name| match name {
                    $( $key $( | $alias )? if self.$field.is_none() => {
                        Some((<$ty as FromWire>::EXPECTED, $crate::wire::is_hidden!($($flag)*)))
                    } )*
                    _ => None,
                });
                $(
                    if let Some(value) = &self.$field {
                        let path = path.member($key, $crate::wire::is_hidden!($($flag)*));
                        visitor.typed(&path);
                        FromWire::visit(value, &path, visitor);
                    }
                )*
            }

            fn from_map<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<$crate::wire::Field<Self>, A::Error> {
                Self::read_map(map).map($crate::wire::Field::Typed)
            }
            fn fill_from_map<'de, A: serde::de::MapAccess<'de>>(
                field: &mut Option<Self>,
                map: A,
            ) -> Result<$crate::wire::Field<()>, A::Error> {
                field.insert(Self::EMPTY).read_members(map)?;
                Ok($crate::wire::Field::Typed(()))
            }
        }

        $crate::wire::deserialize_wire!($Name);

        impl From<&Self> for $Name {
            fn from(value: &Self) -> Self {
                value.clone()
            }
        }

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
                        out.field(stringify!($field), $crate::wire::debug_value!(_value $(, $flag)*));
                    }
                )*
                if self.extra.members().is_some() {
                    out.field("extra", &self.extra);
                }
                out.finish()
            }
        }
    };
    ($( $(#[$meta:meta])* $vis:vis struct $Name:ident { $($fields:tt)* } )+) => {
        $( $crate::wire::wire_struct! { $(#[$meta])* $vis struct $Name { $($fields)* } } )+
    };
}
pub(crate) use wire_struct;

/// The spelling under which a field is written.
macro_rules! spelling {
    ($extra:expr, $field:expr, $key:literal) => {
        $key
    };
    ($extra:expr, $field:expr, $key:literal, $alias:literal) => {
        if $extra.is_alias($field) { $alias } else { $key }
    };
}
pub(crate) use spelling;

/// What `Debug` prints for a field.
macro_rules! debug_value {
    ($value:ident) => {
        $value
    };
    ($value:ident, private) => {
        $value
    };
    ($value:ident $(, private)?, hidden) => {
        &$crate::wire::Hidden
    };
}
pub(crate) use debug_value;

/// Whether a field is declared as hidden.
macro_rules! is_hidden {
    ($(private)?) => {
        false
    };
    ($(private)? hidden) => {
        true
    };
}
pub(crate) use is_hidden;

/// The name of a member, borrowed from the input unless it has escapes.
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
