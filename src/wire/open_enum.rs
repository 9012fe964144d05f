//! Enums of strings, with a variant for unknown strings.

/// Declares an enum of strings. A string without a variant is kept in `Unknown`.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident {
            $( $(#[$vmeta:meta])* $Variant:ident = $value:literal ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $Name {
            $( $(#[$vmeta])* $Variant, )*
            /// A value that this version of the crate does not know, as it came.
            Unknown(String),
        }

        impl $Name {
            /// Every value that this version of the crate knows.
            pub const KNOWN: &'static [Self] = &[$( Self::$Variant ),*];

            /// The value as it is on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$Variant => $value, )*
                    Self::Unknown(value) => value,
                }
            }
        }

        impl From<&str> for $Name {
            fn from(value: &str) -> Self {
                match value {
                    $( $value => Self::$Variant, )*
                    other => Self::Unknown(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::wire::FromWire for $Name {
            const EXPECTED: &'static str = <String as $crate::wire::FromWire>::EXPECTED;
            const EXPECTED_LIST: &'static str = <String as $crate::wire::FromWire>::EXPECTED_LIST;

            fn visit<'a>(&'a self, path: &$crate::wire::Path<'_>, visitor: &mut dyn $crate::wire::FieldVisitor<'a>) {
                visitor.text(path, self.as_str());
            }
            fn from_str(value: &str) -> Option<Self> {
                Some(Self::from(value))
            }
        }

        $crate::wire::deserialize_wire!($Name);

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use open_enum;
