//! Lists, of answers and of requests.

use serde::de::{Error as _, SeqAccess};
use serde_json::Value;

use super::{Read, Slot, Wire};

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
