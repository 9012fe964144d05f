//! The values of JSON itself: what a field holds that is no type of ours.

use std::sync::Arc;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, MapAccess, SeqAccess};
use serde_json::{Map, Value};

use super::{Read, Wire};

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
