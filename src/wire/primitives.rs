//! Field types that are no wire types: strings, numbers, booleans, any JSON, and `Box`.

use std::sync::Arc;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, MapAccess, SeqAccess};
use serde_json::{Map, Value};

use super::{Field, FromWire};

impl FromWire for String {
    fn from_str(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn from_string(text: String) -> Result<Self, String> {
        Ok(text)
    }
}

impl FromWire for Arc<str> {
    fn from_str(text: &str) -> Option<Self> {
        Some(Self::from(text))
    }
}

impl FromWire for bool {
    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

impl FromWire for u64 {
    fn from_u64(value: u64) -> Option<Self> {
        Some(value)
    }
}

impl FromWire for u32 {
    fn from_u64(value: u64) -> Option<Self> {
        value.try_into().ok()
    }
}

impl FromWire for u8 {
    fn from_u64(value: u64) -> Option<Self> {
        value.try_into().ok()
    }
}

impl FromWire for i64 {
    fn from_u64(value: u64) -> Option<Self> {
        value.try_into().ok()
    }
    fn from_i64(value: i64) -> Option<Self> {
        Some(value)
    }
}

impl FromWire for serde_json::Number {
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
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Field<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(map)).map(Field::Typed)
    }
}

impl<T: FromWire> FromWire for Box<T> {
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Field<Self>, A::Error> {
        T::from_map(map).map(|field| field.map(Self::new))
    }
}
