//! Lists: `Vec` in answers, [`List`] in requests.

use serde::de::{Error as _, SeqAccess};
use serde_json::Value;

use super::{Field, FieldSeed, FieldVisitor, FromWire, Path};

/// A list in an answer. An element of another type is left out; the answer's `raw()` still has it.
impl<T: FromWire> FromWire for Vec<T> {
    const EXPECTED: &'static str = T::EXPECTED_LIST;

    fn visit<'a>(&'a self, path: &Path<'_>, visitor: &mut dyn FieldVisitor<'a>) {
        for (at, element) in self.iter().enumerate() {
            element.visit(&path.element(at), visitor);
        }
    }
    fn from_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Field<Self>, A::Error> {
        let mut list = Self::with_capacity(seq.size_hint().unwrap_or(0).min(64));
        let mut field = None;
        while seq.next_element_seed(FieldSeed(&mut field))?.is_some() {
            if let Some(element) = field.take() {
                list.push(element);
            }
        }
        Ok(Field::Typed(list))
    }
}

/// A list in a request. With one element of another type the whole list is kept in `extra`, where it is sent from and
/// where validation finds it.
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

impl<T: FromWire + serde::Serialize> FromWire for List<T> {
    const EXPECTED: &'static str = T::EXPECTED_LIST;

    fn visit<'a>(&'a self, path: &Path<'_>, visitor: &mut dyn FieldVisitor<'a>) {
        self.0.visit(path, visitor);
    }
    fn from_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Field<Self>, A::Error> {
        let mut list = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(64));
        while let Some(element) = seq.next_element::<Field<T>>()? {
            let mistyped = match element {
                Field::Typed(element) => {
                    list.push(element);
                    continue;
                }
                Field::Null => Value::Null,
                Field::Mistyped(value) => value,
            };
            let values: Result<Vec<Value>, _> = list.iter().map(serde_json::to_value).collect();
            let mut values = values.map_err(A::Error::custom)?;
            values.push(mistyped);
            while let Some(value) = seq.next_element()? {
                values.push(value);
            }
            return Ok(Field::Mistyped(Value::Array(values)));
        }
        Ok(Field::Typed(Self(list)))
    }
}

/// Implements `From` every kind of list for a type that has `FromIterator`: of lists of an element type, with the bounds of
/// elements by value and by reference, and what makes elements of references.
macro_rules! list_converts {
    ($Name:ty: [$($owned:tt)*] [$($lent:tt)*] $Element:ty, $lend:expr) => {
        $crate::wire::list_converts!(@owned $Name: [$($owned)*] Vec<$Element>, [$($owned)* const N: usize] [$Element; N]);
        $crate::wire::list_converts!(
            @lent $Name, $lend;
            [$($lent)*] &[$Element], [$($lent)*] &Vec<$Element>, [$($lent)* const N: usize] &[$Element; N]
        );
    };
    (@owned $Name:ty: $( [$($bound:tt)*] $List:ty ),*) => { $(
        impl<$($bound)*> From<$List> for $Name {
            fn from(list: $List) -> Self {
                Self::from_iter(list)
            }
        }
    )* };
    (@lent $Name:ty, $lend:expr; $( [$($bound:tt)*] $List:ty ),*) => { $(
        impl<$($bound)*> From<$List> for $Name {
            fn from(list: $List) -> Self {
                list.iter().map($lend).collect()
            }
        }
    )* };
}
pub(crate) use list_converts;

/// For types that hold the elements without the wrapper.
impl<T> From<List<T>> for Vec<T> {
    fn from(list: List<T>) -> Self {
        list.0
    }
}
