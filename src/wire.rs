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

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

pub(crate) use self::lists::List;
pub(crate) use self::merge::Merge;
pub(crate) use self::objects::{Key, debug_value, spelling, wire_struct};
pub(crate) use self::rest::{Hidden, Rest};
pub(crate) use self::shared::Shared;
pub(crate) use self::words::open_enum;

mod lists;
mod merge;
mod objects;
mod rest;
mod shared;
pub(crate) mod text;
mod values;
pub(crate) mod walk;
mod words;

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
        Value::deserialize(MapAccessDeserializer::new(map)).map(Self::from_value)
    }
    /// With serde_json's `arbitrary_precision`, which any crate of a build may turn on for all, a number comes as
    /// an object that only its own types understand.
    fn from_value(value: Value) -> Read<Self> {
        let read = match &value {
            Value::Number(number) => (number.as_u64().and_then(Self::from_u64))
                .or_else(|| number.as_i64().and_then(Self::from_i64))
                .or_else(|| number.as_f64().and_then(Self::from_f64)),
            _ => None,
        };
        read.map_or(Read::Odd(value), Read::Is)
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

    wire_struct! {
        /// A type whose members have two spellings.
        struct Spelled {
            harm: u64 = "self_harm" | "self-harm",
            results: Value = "results" | "result",
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
    fn a_member_of_two_spellings_is_one_field_and_is_written_as_it_came() {
        for (value, harm) in [
            (json!({"self_harm": 1, "results": [2]}), Some(1)),
            (json!({"self-harm": 1, "result": [2]}), Some(1)),
            (json!({"self-harm": 1, "self_harm": null}), Some(1)),
            (json!({"self-harm": null, "self_harm": 1}), Some(1)),
            (json!({"self-harm": null, "result": null}), None),
            (json!({"self-harm": null, "self_harm": null}), None),
            (json!({"self-harm": "high", "results": null}), None),
            // of two values the first is the field's, and the other is kept
            (json!({"self-harm": 1, "self_harm": 2}), Some(1)),
            (json!({}), None),
        ] {
            let read: Spelled = serde_json::from_str(&value.to_string()).unwrap();
            assert_eq!(read.harm, harm, "{value}");
            assert_eq!(serde_json::to_value(&read).unwrap(), value);
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
