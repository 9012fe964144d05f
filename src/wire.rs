//! Lenient JSON: the wire types of the crate, which read any JSON value without failing and write it again.
//!
//! Two macros make every wire type:
//!
//! - [`wire_struct!`] makes an object. Every field may be missing, `null`, or of another type. A value of another type
//!   and a member without a field are kept in `extra`, an explicit `null` is remembered, and `Serialize` writes all of
//!   them. So a body goes through these types unchanged, except for the order of its members. Types of answers have
//!   private fields, with a getter for each.
//! - [`open_enum!`] makes an enum of strings. A string without a variant is kept in `Unknown`.
//!
//! Reading is one pass over the parser's events. A `serde_json::Value` is made only for what is kept in `extra`.

use std::fmt;

use serde::Serialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;

pub(crate) use self::closed_enum::closed_enum;
pub(crate) use self::extra::{Extra, Hidden};
pub(crate) use self::getter::{getter, getters};
pub(crate) use self::list::{List, list_converts};
pub(crate) use self::merge::{Merge, extend_distinct, extend_repeated};
pub use self::open_enum::UnknownValue;
pub(crate) use self::open_enum::open_enum;
pub(crate) use self::primitives::{clone_converts, text_converts};
#[cfg(feature = "client")]
pub(crate) use self::setters::setters;
pub(crate) use self::shared::Shared;
pub(crate) use self::visit::{FieldVisitor, Path};
pub(crate) use self::wire_either::wire_either;
pub(crate) use self::wire_struct::{Key, debug_value, is_hidden, spelling, wire_struct};

mod closed_enum;
mod extra;
mod getter;
pub(crate) mod json_cursor;
pub(crate) mod json_string;
mod list;
mod merge;
mod open_enum;
mod primitives;
#[cfg(feature = "client")]
mod setters;
mod shared;
mod visit;
mod wire_either;
mod wire_struct;

/// The value of a field of type `T`, as it was read.
pub(crate) enum Field<T> {
    /// A value of the field's type.
    Typed(T),
    Null,
    /// A value of another type.
    Mistyped(Value),
}

/// A type that can be read from any JSON value. Each `from_` method reads one JSON type; those that are not implemented
/// read no value of `Self`.
pub(crate) trait FromWire: Sized {
    /// The JSON values that can be read, in words: `a string`.
    const EXPECTED: &'static str;
    /// The same for a list of them: `a list of strings`.
    const EXPECTED_LIST: &'static str = "a list";

    /// Visits the members inside the value.
    fn visit<'a>(&'a self, _path: &Path<'_>, _visitor: &mut dyn FieldVisitor<'a>) {}

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
    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Field<Self>, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(seq)).map(Field::Mistyped)
    }
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Field<Self>, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Self::from_value)
    }
    /// Reads a number that came as an object. The feature `arbitrary_precision` of serde_json, which any crate of a
    /// build can turn on for all, makes the parser give every number as an object that only `serde_json::Number` reads.
    fn from_value(value: Value) -> Field<Self> {
        let read = match &value {
            Value::Number(number) => (number.as_u64().and_then(Self::from_u64))
                .or_else(|| number.as_i64().and_then(Self::from_i64))
                .or_else(|| number.as_f64().and_then(Self::from_f64)),
            _ => None,
        };
        read.map_or(Field::Mistyped(value), Field::Typed)
    }
    /// [`from_map`](Self::from_map) into the field itself, so that a large struct is not moved.
    fn fill_from_map<'de, A: MapAccess<'de>>(field: &mut Option<Self>, map: A) -> Result<Field<()>, A::Error> {
        Ok(Self::from_map(map)?.put_into(field))
    }
}

impl<'de, T: FromWire> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = None;
        Ok(match FieldSeed(&mut value).deserialize(deserializer)? {
            Field::Typed(()) => value.map_or(Self::Null, Self::Typed),
            Field::Null => Self::Null,
            Field::Mistyped(value) => Self::Mistyped(value),
        })
    }
}

/// The field that a value is read into, if it is of type `T`. Large values are made in place and not moved there.
pub(crate) struct FieldSeed<'a, T>(pub(crate) &'a mut Option<T>);

impl<T> FieldSeed<'_, T> {
    fn put<E>(self, value: Option<T>, mistyped: impl FnOnce() -> Value) -> Result<Field<()>, E> {
        Ok(match value {
            Some(value) => {
                *self.0 = Some(value);
                Field::Typed(())
            }
            None => Field::Mistyped(mistyped()),
        })
    }
}

impl<'de, T: FromWire> DeserializeSeed<'de> for FieldSeed<'_, T> {
    type Value = Field<()>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field<()>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: FromWire> Visitor<'de> for FieldSeed<'_, T> {
    type Value = Field<()>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_unit<E>(self) -> Result<Field<()>, E> {
        Ok(Field::Null)
    }
    fn visit_none<E>(self) -> Result<Field<()>, E> {
        Ok(Field::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Field<()>, E> {
        self.put(T::from_bool(value), || value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Field<()>, E> {
        self.put(T::from_u64(value), || value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Field<()>, E> {
        self.put(T::from_i64(value), || value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Field<()>, E> {
        self.put(T::from_f64(value), || value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Field<()>, E> {
        self.put(T::from_str(value), || value.into())
    }
    fn visit_string<E>(self, value: String) -> Result<Field<()>, E> {
        Ok(match T::from_string(value) {
            Ok(value) => {
                *self.0 = Some(value);
                Field::Typed(())
            }
            Err(text) => Field::Mistyped(text.into()),
        })
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Field<()>, A::Error> {
        T::from_seq(seq).map(|field| field.put_into(self.0))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field<()>, A::Error> {
        T::fill_from_map(self.0, map)
    }
}

impl<T> Field<T> {
    /// The same with the value in a wrapper, such as `Box`.
    pub(crate) fn map<U>(self, wrap: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Typed(value) => Field::Typed(wrap(value)),
            Self::Null => Field::Null,
            Self::Mistyped(value) => Field::Mistyped(value),
        }
    }

    fn put_into(self, field: &mut Option<T>) -> Field<()> {
        self.map(|value| *field = Some(value))
    }
}

/// Reads a whole `T`, for the `Deserialize` of a type.
pub(crate) fn read<'de, T: FromWire, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let expected = T::EXPECTED;
    match Field::<T>::deserialize(deserializer)? {
        Field::Typed(value) => Ok(value),
        Field::Null => Err(D::Error::custom(format_args!("expected {expected}, found null"))),
        Field::Mistyped(_) => Err(D::Error::custom(format_args!("expected {expected}, found a value of another type"))),
    }
}

/// Reads a value that was kept as JSON, by its text: the parser's code for each type is in a program anyway, and that
/// for reading from a `Value` would be as large again.
pub(crate) fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
    serde_json::from_str(&value.to_string())
}

/// A value as JSON, by its text for the same reason.
pub(crate) fn to_value(value: &impl Serialize) -> Result<Value, serde_json::Error> {
    serde_json::from_str(&serde_json::to_string(value)?)
}

/// Implements `Deserialize` for a type that has `FromWire`.
macro_rules! deserialize_wire {
    ($Name:ty) => {
        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::wire::read(deserializer)
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
        /// A type with a field of each kind.
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
        /// A string with two known values.
        pub enum Word { Yes = "yes", No = "no" }
    }

    fn round(value: Value) -> Value {
        let sample: Sample = serde_json::from_value(value).unwrap();
        serde_json::to_value(sample).unwrap()
    }

    #[test]
    fn what_is_read_is_written_again() {
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
            // of two values the first fills the field, and the other is kept
            (json!({"self-harm": 1, "self_harm": 2}), Some(1)),
            (json!({}), None),
        ] {
            let read: Spelled = serde_json::from_str(&value.to_string()).unwrap();
            assert_eq!(read.harm, harm, "{value}");
            assert_eq!(serde_json::to_value(&read).unwrap(), value);
        }
    }

    #[test]
    fn a_value_of_another_type_is_kept_in_extra() {
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

    /// Everything that a visitor is called with, one line each.
    #[derive(Default)]
    struct Visits(Vec<String>);

    impl<'a> FieldVisitor<'a> for Visits {
        fn typed(&mut self, path: &Path<'_>) {
            self.0.push(format!("{path}"));
        }
        fn text(&mut self, path: &Path<'_>, text: &'a str) {
            self.0.push(format!("{path} = {text}{}", if path.is_hidden() { ", hidden" } else { "" }));
        }
        fn mistyped(&mut self, path: &Path<'_>, expected: &'static str, value: &'a Value) {
            self.0.push(format!("{path} is {value} and not {expected}"));
        }
        fn unmodelled(&mut self, path: &Path<'_>, value: &'a Value) {
            self.0.push(format!("{path} is {value}"));
        }
    }

    fn visits<T: FromWire + serde::de::DeserializeOwned>(value: Value) -> Vec<String> {
        let mut visits = Visits::default();
        serde_json::from_value::<T>(value).unwrap().visit(&Path::Root, &mut visits);
        visits.0
    }

    #[test]
    fn a_visitor_sees_every_member_with_its_path_and_what_its_field_expects() {
        let value = json!({
            "count": "three", "word": "maybe", "text": "a", "list": [1], "new": 5,
            "inner": {"count": 1, "list": {}, "text": true, "word": null, "inner": {"word": [], "inner": "x"}}
        });
        assert_eq!(
            visits::<Sample>(value),
            [
                r#"count is "three" and not a whole number of at least 0"#,
                "new is 5",
                "word",
                "word = maybe",
                "text",
                "text = a, hidden",
                "list",
                "inner",
                "inner.list is {} and not a list of whole numbers",
                "inner.text is true and not a string",
                "inner.count",
                "inner.inner",
                r#"inner.inner.inner is "x" and not an object"#,
                "inner.inner.word is [] and not a string",
            ]
        );
        assert_eq!(
            visits::<Spelled>(json!({"self-harm": "x", "result": 1})),
            [r#"self-harm is "x" and not a whole number of at least 0"#, "results",]
        );
    }

    #[test]
    fn the_path_of_an_element_has_its_place() {
        let path = Path::Root.member("messages", false);
        let path = path.element(2);
        let path = path.member("content", true);
        let (first, second) = (path.element(0), path.element(1));
        assert_eq!(
            (first.to_string(), second.to_string()),
            ("messages[2].content[0]".into(), "messages[2].content[1]".into())
        );
        assert_eq!(second.names().collect::<Vec<_>>(), ["content", "messages"]);
        assert!(second.is_hidden());
        assert!(!Path::Root.member("messages", false).is_hidden());
    }

    #[test]
    fn a_body_that_is_no_object_is_an_error() {
        for body in ["null", "[]", "3", "\"text\"", ""] {
            assert!(serde_json::from_str::<Sample>(body).is_err(), "{body}");
        }
    }
}
