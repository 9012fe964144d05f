//! The macro for wire types that are one of two JSON types.

/// Implements reading, writing and visiting for an enum of two variants, of which one is read from a string and the other
/// from what its type is read from: `Stop: "a string or a list of strings" = One(String) | Many(List<String>)`. The second
/// variant holds what its type converts into.
macro_rules! wire_either {
    ($Name:ty: $expected:literal = $Text:ident($TextType:ty) | $Other:ident($OtherType:ty)) => {
        impl $crate::wire::FromWire for $Name {
            const EXPECTED: &'static str = $expected;

            fn visit<'a>(&'a self, path: &$crate::wire::Path<'_>, visitor: &mut dyn $crate::wire::FieldVisitor<'a>) {
                match self {
                    Self::$Text(value) => value.visit(path, visitor),
                    Self::$Other(value) => value.visit(path, visitor),
                }
            }
            fn from_str(text: &str) -> Option<Self> {
                <$TextType>::from_str(text).map(Self::$Text)
            }
            fn from_string(text: String) -> Result<Self, String> {
                <$TextType>::from_string(text).map(Self::$Text)
            }
            fn from_seq<'de, A: serde::de::SeqAccess<'de>>(seq: A) -> Result<$crate::wire::Field<Self>, A::Error> {
                Ok(<$OtherType>::from_seq(seq)?.map(|value| Self::$Other(value.into())))
            }
            fn from_map<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<$crate::wire::Field<Self>, A::Error> {
                Ok(<$OtherType>::from_map(map)?.map(|value| Self::$Other(value.into())))
            }
        }

        $crate::wire::deserialize_wire!($Name);

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Self::$Text(value) => value.serialize(serializer),
                    Self::$Other(value) => value.serialize(serializer),
                }
            }
        }
    };
}
pub(crate) use wire_either;
