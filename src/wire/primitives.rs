//! The field types that no macro makes: strings, numbers, booleans, any JSON, and `Box`.

use std::sync::Arc;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, MapAccess, SeqAccess};
use serde_json::{Map, Value};

use super::{Field, FieldVisitor, FromWire, Path};

impl FromWire for String {
    const EXPECTED: &'static str = "a string";
    const EXPECTED_LIST: &'static str = "a list of strings";

    fn visit<'a>(&'a self, path: &Path<'_>, visitor: &mut dyn FieldVisitor<'a>) {
        visitor.text(path, self);
    }
    fn from_str(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn from_string(text: String) -> Result<Self, String> {
        Ok(text)
    }
}

impl FromWire for Arc<str> {
    const EXPECTED: &'static str = "a string";
    const EXPECTED_LIST: &'static str = "a list of strings";

    fn visit<'a>(&'a self, path: &Path<'_>, visitor: &mut dyn FieldVisitor<'a>) {
        visitor.text(path, self);
    }
    fn from_str(text: &str) -> Option<Self> {
        Some(Self::from(text))
    }
}

impl FromWire for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

impl FromWire for u64 {
    const EXPECTED: &'static str = "a whole number of at least 0";
    const EXPECTED_LIST: &'static str = "a list of whole numbers";

    fn from_u64(value: u64) -> Option<Self> {
        Some(value)
    }
}

impl FromWire for u32 {
    const EXPECTED: &'static str = "a whole number of at least 0";

    fn from_u64(value: u64) -> Option<Self> {
        value.try_into().ok()
    }
}

impl FromWire for u8 {
    const EXPECTED: &'static str = "a whole number from 0 to 255";
    const EXPECTED_LIST: &'static str = "a list of whole numbers";

    fn from_u64(value: u64) -> Option<Self> {
        value.try_into().ok()
    }
}

impl FromWire for i64 {
    const EXPECTED: &'static str = "a whole number";

    fn from_u64(value: u64) -> Option<Self> {
        value.try_into().ok()
    }
    fn from_i64(value: i64) -> Option<Self> {
        Some(value)
    }
}

impl FromWire for serde_json::Number {
    const EXPECTED: &'static str = "a number";
    const EXPECTED_LIST: &'static str = "a list of numbers";

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

impl FromWire for Value {
    const EXPECTED: &'static str = "any value";

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
    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Field<Self>, A::Error> {
        Self::deserialize(SeqAccessDeserializer::new(seq)).map(Field::Typed)
    }
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Field<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(map)).map(Field::Typed)
    }
}

impl FromWire for Map<String, Value> {
    const EXPECTED: &'static str = "an object";
    const EXPECTED_LIST: &'static str = "a list of objects";

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Field<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(map)).map(Field::Typed)
    }
}

impl<T: FromWire> FromWire for Box<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const EXPECTED_LIST: &'static str = T::EXPECTED_LIST;

    fn visit<'a>(&'a self, path: &Path<'_>, visitor: &mut dyn FieldVisitor<'a>) {
        T::visit(self, path, visitor);
    }
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Field<Self>, A::Error> {
        T::from_map(map).map(|field| field.map(Self::new))
    }
}

/// Implements `From` every kind of string for a type that is made from a `String`.
macro_rules! text_converts {
    ($Name:ty, $from_text:expr) => {
        $crate::wire::text_converts!(@from $Name, $from_text, &str, String, &String, std::borrow::Cow<'_, str>);
    };
    (@from $Name:ty, $from_text:expr, $($Text:ty),*) => { $(
        impl From<$Text> for $Name {
            fn from(text: $Text) -> Self {
                $from_text(String::from(text))
            }
        }
    )* };
}
pub(crate) use text_converts;

/// Implements `From` a reference to the type itself, for types that setters take by `Into`.
macro_rules! clone_converts {
    ($($Name:ty),*) => { $(
        impl From<&Self> for $Name {
            fn from(value: &Self) -> Self {
                value.clone()
            }
        }
    )* };
}
pub(crate) use clone_converts;
