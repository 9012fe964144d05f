//! How JSON becomes our types without ever failing on a value we did not expect, and goes back.
//!
//! Two promises, kept by two macros for every wire type of the crate:
//!
//! - [`wire_struct!`]: every field may be missing, `null`, or of another type. A value of another type
//!   and a field we do not model are kept in `extra`, an explicit `null` is remembered, and all of it
//!   is written again by `Serialize`. So a body goes through our types unchanged, save key order.
//! - [`open_enum!`]: a word we do not know is kept as it is.
//!
//! Reading is one pass over the parser's events, with no `serde_json::Value` in between unless a value
//! has to be kept.

use std::fmt;
use std::sync::Arc;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

pub(crate) mod text;
pub(crate) mod walk;

/// What stood where a `T` was expected.
pub(crate) enum Read<T> {
    Is(T),
    Null,
    Odd(Value),
}

/// A type that can be read from any JSON value, or says that it cannot.
pub(crate) trait Wire: Sized {
    fn from_str(_: &str) -> Option<Self> {
        None
    }
    fn from_string(text: String) -> Result<Self, String> {
        Self::from_str(&text).ok_or(text)
    }
    fn from_bool(_: bool) -> Option<Self> {
        None
    }
    fn from_u64(_: u64) -> Option<Self> {
        None
    }
    fn from_i64(_: i64) -> Option<Self> {
        None
    }
    fn from_f64(_: f64) -> Option<Self> {
        None
    }
    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Read<Self>, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(seq)).map(Read::Odd)
    }
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Read<Self>, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Read::Odd)
    }
    /// The same, with the value made in its place.
    fn fill_from_map<'de, A: MapAccess<'de>>(slot: &mut Option<Self>, map: A) -> Result<Read<()>, A::Error> {
        Ok(Self::from_map(map)?.put_into(slot))
    }
}

impl<'de, T: Wire> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut slot = None;
        Ok(match Slot(&mut slot).deserialize(deserializer)? {
            Read::Is(()) => slot.map_or(Self::Null, Self::Is),
            Read::Null => Self::Null,
            Read::Odd(value) => Self::Odd(value),
        })
    }
}

/// Where a `T` is to be put if there is one: large values are made in their place, not moved there.
pub(crate) struct Slot<'a, T>(pub(crate) &'a mut Option<T>);

impl<T> Slot<'_, T> {
    fn put<E>(self, value: Option<T>, odd: impl FnOnce() -> Value) -> Result<Read<()>, E> {
        Ok(match value {
            Some(value) => {
                *self.0 = Some(value);
                Read::Is(())
            }
            None => Read::Odd(odd()),
        })
    }
}

impl<'de, T: Wire> DeserializeSeed<'de> for Slot<'_, T> {
    type Value = Read<()>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read<()>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Wire> Visitor<'de> for Slot<'_, T> {
    type Value = Read<()>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_unit<E>(self) -> Result<Read<()>, E> {
        Ok(Read::Null)
    }
    fn visit_none<E>(self) -> Result<Read<()>, E> {
        Ok(Read::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Read<()>, E> {
        self.put(T::from_bool(value), || value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Read<()>, E> {
        self.put(T::from_u64(value), || value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Read<()>, E> {
        self.put(T::from_i64(value), || value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Read<()>, E> {
        self.put(T::from_f64(value), || value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Read<()>, E> {
        self.put(T::from_str(value), || value.into())
    }
    fn visit_string<E>(self, value: String) -> Result<Read<()>, E> {
        Ok(match T::from_string(value) {
            Ok(value) => {
                *self.0 = Some(value);
                Read::Is(())
            }
            Err(text) => Read::Odd(text.into()),
        })
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Read<()>, A::Error> {
        T::from_seq(seq).map(|read| read.put_into(self.0))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Read<()>, A::Error> {
        T::fill_from_map(self.0, map)
    }
}

impl<T> Read<T> {
    fn put_into(self, slot: &mut Option<T>) -> Read<()> {
        match self {
            Self::Is(value) => {
                *slot = Some(value);
                Read::Is(())
            }
            Self::Null => Read::Null,
            Self::Odd(value) => Read::Odd(value),
        }
    }
}

/// Reads a whole `T`, for the `Deserialize` of a type that stands alone.
pub(crate) fn read<'de, T: Wire, D: Deserializer<'de>>(deserializer: D, what: &str) -> Result<T, D::Error> {
    match Read::<T>::deserialize(deserializer)? {
        Read::Is(value) => Ok(value),
        Read::Null => Err(D::Error::custom(format_args!("expected {what}, found null"))),
        Read::Odd(_) => Err(D::Error::custom(format_args!("expected {what}, found a value of another type"))),
    }
}

/// Gives a type that has `Wire` its `Deserialize`.
macro_rules! deserialize_wire {
    ($Name:ty, $what:literal) => {
        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::wire::read(deserializer, $what)
            }
        }
    };
}
pub(crate) use deserialize_wire;

impl Wire for String {
    fn from_str(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn from_string(text: String) -> Result<Self, String> {
        Ok(text)
    }
}

impl Wire for Arc<str> {
    fn from_str(text: &str) -> Option<Self> {
        Some(Self::from(text))
    }
}

impl Wire for bool {
    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

impl Wire for u64 {
    fn from_u64(value: u64) -> Option<Self> {
        Some(value)
    }
}

impl Wire for u32 {
    fn from_u64(value: u64) -> Option<Self> {
        value.try_into().ok()
    }
}

impl Wire for u8 {
    fn from_u64(value: u64) -> Option<Self> {
        value.try_into().ok()
    }
}

impl Wire for i64 {
    fn from_u64(value: u64) -> Option<Self> {
        value.try_into().ok()
    }
    fn from_i64(value: i64) -> Option<Self> {
        Some(value)
    }
}

impl Wire for serde_json::Number {
    fn from_u64(value: u64) -> Option<Self> {
        Some(value.into())
    }
    fn from_i64(value: i64) -> Option<Self> {
        Some(value.into())
    }
    fn from_f64(value: f64) -> Option<Self> {
        Self::from_f64(value)
    }
}

impl Wire for Value {
    fn from_str(text: &str) -> Option<Self> {
        Some(text.into())
    }
    fn from_bool(value: bool) -> Option<Self> {
        Some(value.into())
    }
    fn from_u64(value: u64) -> Option<Self> {
        Some(value.into())
    }
    fn from_i64(value: i64) -> Option<Self> {
        Some(value.into())
    }
    fn from_f64(value: f64) -> Option<Self> {
        Some(value.into())
    }
    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Read<Self>, A::Error> {
        Self::deserialize(SeqAccessDeserializer::new(seq)).map(Read::Is)
    }
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Read<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(map)).map(Read::Is)
    }
}

impl Wire for Map<String, Value> {
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Read<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(map)).map(Read::Is)
    }
}

impl<T: Wire> Wire for Box<T> {
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Read<Self>, A::Error> {
        Ok(match T::from_map(map)? {
            Read::Is(value) => Read::Is(Self::new(value)),
            Read::Null => Read::Null,
            Read::Odd(value) => Read::Odd(value),
        })
    }
}

/// A value that several owners read: made once, and not copied by `Clone`.
#[derive(Debug, PartialEq)]
pub(crate) struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    fn of(read: Read<T>) -> Read<Self> {
        match read {
            Read::Is(value) => Read::Is(Self(Arc::new(value))),
            Read::Null => Read::Null,
            Read::Odd(value) => Read::Odd(value),
        }
    }

    /// Whether both are the same value, not just equal ones.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> std::ops::Deref for Shared<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// What others share is copied before it is changed.
impl<T: Clone> std::ops::DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: serde::Serialize> serde::Serialize for Shared<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<T: Wire> Wire for Shared<T> {
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Read<Self>, A::Error> {
        T::from_map(map).map(Self::of)
    }
    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Read<Self>, A::Error> {
        T::from_seq(seq).map(Self::of)
    }
}

/// A list. An element of the wrong type makes no entry: in an answer the whole stays readable in
/// `raw()`. Lists of a request are read as [`List`], which loses nothing.
impl<T: Wire> Wire for Vec<T> {
    fn from_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Read<Self>, A::Error> {
        let mut list = Self::with_capacity(seq.size_hint().unwrap_or(0).min(64));
        let mut slot = None;
        while seq.next_element_seed(Slot(&mut slot))?.is_some() {
            if let Some(element) = slot.take() {
                list.push(element);
            }
        }
        Ok(Read::Is(list))
    }
}

/// A list in a request: one element of the wrong type sends the whole list to `extra`, where it is kept
/// and validation finds it.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> std::ops::Deref for List<T> {
    type Target = Vec<T>;
    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<T: Wire + serde::Serialize> Wire for List<T> {
    fn from_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Read<Self>, A::Error> {
        let mut list = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(64));
        while let Some(element) = seq.next_element::<Read<T>>()? {
            let odd = match element {
                Read::Is(element) => {
                    list.push(element);
                    continue;
                }
                Read::Null => Value::Null,
                Read::Odd(value) => value,
            };
            let values: Result<Vec<Value>, _> = list.iter().map(serde_json::to_value).collect();
            let mut values = values.map_err(A::Error::custom)?;
            values.push(odd);
            while let Some(value) = seq.next_element()? {
                values.push(value);
            }
            return Ok(Read::Odd(Value::Array(values)));
        }
        Ok(Read::Is(Self(list)))
    }
}

/// What a wire type keeps beside its own fields: unmodelled ones, and which of its own were `null`.
#[derive(Clone, Default)]
pub(crate) struct Rest {
    extra: Option<Box<Map<String, Value>>>,
    nulls: u64,
}

/// The bit of `nulls` that says that a member came again after it had a value.
const REPEATED: u32 = 63;

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

    pub(crate) fn note_repeat(&mut self) {
        self.note_null(REPEATED);
    }

    pub(crate) fn has_repeats(&self) -> bool {
        self.was_null(REPEATED)
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

/// Declares a wire type: each field an `Option`, each with its wire name. `hidden` before the name
/// keeps the value out of `Debug`.
macro_rules! wire_struct {
    (
        $(#[$meta:meta])*
        $vis:vis struct $Name:ident {
            $( $(#[$fmeta:meta])* $fvis:vis $field:ident : $ty:ty = $($hidden:ident)? $key:literal ),* $(,)?
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
                match key {
                    $( $key => {
                        if self.$field.is_some() {
                            self.rest.note_repeat();
                        }
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
                    if !skip($key) {
                        if let Some(value) = &self.$field {
                            map.serialize_entry($key, value)?;
                        } else if self.rest.was_null(Field::$field as u32)
                            && self.rest.extra().is_none_or(|extra| !extra.contains_key($key))
                        {
                            map.serialize_entry($key, &())?;
                        }
                    }
                )*
                for (key, value) in self.rest.extra().into_iter().flatten() {
                    let taken = match key.as_str() {
                        $( $key => self.$field.is_some(), )*
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

/// Declares an enum over words of the wire. A word that is not listed is kept in `Unknown`.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident {
            $( $(#[$vmeta:meta])* $Variant:ident = $word:literal ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $Name {
            $( $(#[$vmeta])* $Variant, )*
            /// A word this version does not know, as it came.
            Unknown(String),
        }

        impl $Name {
            /// Every word this version knows.
            pub const KNOWN: &'static [Self] = &[$( Self::$Variant ),*];

            /// The word on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$Variant => $word, )*
                    Self::Unknown(word) => word,
                }
            }
        }

        impl From<&str> for $Name {
            fn from(word: &str) -> Self {
                match word {
                    $( $word => Self::$Variant, )*
                    other => Self::Unknown(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::wire::Wire for $Name {
            fn from_str(word: &str) -> Option<Self> {
                Some(Self::from(word))
            }
        }

        $crate::wire::deserialize_wire!($Name, "a string");

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use open_enum;

#[cfg(test)]
#[allow(dead_code, unreachable_pub, reason = "the macros make public types")]
mod tests {
    use serde_json::json;

    use super::*;

    wire_struct! {
        /// A type with one field of each nature.
        struct Sample {
            count: u64 = "count",
            word: Word = "word",
            text: String = hidden "text",
            list: Vec<u64> = "list",
            inner: Box<Sample> = "inner",
        }
    }

    open_enum! {
        /// A word.
        pub enum Word { Yes = "yes", No = "no" }
    }

    fn round(value: Value) -> Value {
        let sample: Sample = serde_json::from_value(value).unwrap();
        serde_json::to_value(sample).unwrap()
    }

    #[test]
    fn what_comes_in_goes_out() {
        for value in [
            json!({"count": 3, "word": "yes", "text": "a", "list": [1], "inner": {"count": 1}}),
            json!({"count": null, "word": "perhaps", "new": {"a": [1, null]}}),
            json!({"count": "three", "word": 4, "text": {}, "list": {"a": 1}, "inner": []}),
            json!({"count": -1, "list": [], "inner": 1.5, "text": true}),
            json!({}),
        ] {
            assert_eq!(round(value.clone()), value);
        }
    }

    #[test]
    fn a_value_of_another_type_is_kept_aside() {
        let sample: Sample = serde_json::from_value(json!({"count": "three", "word": "no"})).unwrap();
        assert_eq!(sample.count, None);
        assert_eq!(sample.word, Some(Word::No));
        assert_eq!(sample.extra().unwrap()["count"], "three");
    }

    #[test]
    fn a_typed_field_wins_over_an_extra_of_the_same_name() {
        let mut sample: Sample = serde_json::from_value(json!({"count": "three"})).unwrap();
        sample.count = Some(3);
        assert_eq!(serde_json::to_value(&sample).unwrap(), json!({"count": 3}));
    }

    #[test]
    fn debug_hides_text_and_the_values_of_extras() {
        let sample: Sample = serde_json::from_value(json!({"text": "secret", "new": "secret", "count": 1})).unwrap();
        assert_eq!(format!("{sample:?}"), r#"Sample { count: 1, text: [hidden], extra: ["new"] }"#);
    }

    #[test]
    fn a_body_that_is_no_object_is_an_error() {
        for body in ["null", "[]", "3", "\"text\"", ""] {
            assert!(serde_json::from_str::<Sample>(body).is_err(), "{body}");
        }
    }
}
