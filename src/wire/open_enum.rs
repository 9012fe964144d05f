//! Enums of strings, with a variant for unknown strings.

use std::fmt;
use std::ops::Deref;

/// A value of the service that has no variant in this version of the crate.
///
/// It is made only by reading or converting text, which gives the variant where there is one. So values are equal
/// exactly when their texts are. See [how to match](crate#values-of-the-service) so that a later version changes nothing.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UnknownValue(pub(crate) Box<str>);

impl UnknownValue {
    /// The value as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for UnknownValue {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UnknownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for UnknownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Declares enums of strings. A string without a variant is kept in `Unknown`.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident {
            $( $(#[$vmeta:meta])* $Variant:ident = $value:literal ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        ///
        /// Later versions may have more variants: [how to match](crate#values-of-the-service).
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $Name {
            $( $(#[$vmeta])* $Variant, )*
            /// A value without a variant in this version of the crate.
            Unknown($crate::wire::UnknownValue),
        }

        impl $Name {
            /// Every value that has a variant.
            pub const KNOWN: &'static [Self] = &[$( Self::$Variant ),*];

            /// The value as it is on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$Variant => $value, )*
                    Self::Unknown(value) => value,
                }
            }

            fn known(value: &str) -> Option<Self> {
                match value {
                    $( $value => Some(Self::$Variant), )*
                    _ => None,
                }
            }
        }

        impl From<&str> for $Name {
            fn from(value: &str) -> Self {
                Self::known(value).unwrap_or_else(|| Self::Unknown($crate::wire::UnknownValue(value.into())))
            }
        }

        impl From<String> for $Name {
            fn from(value: String) -> Self {
                Self::known(&value).unwrap_or_else(|| Self::Unknown($crate::wire::UnknownValue(value.into())))
            }
        }

        impl From<&Self> for $Name {
            fn from(value: &Self) -> Self {
                value.clone()
            }
        }

        impl std::str::FromStr for $Name {
            type Err = std::convert::Infallible;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                Ok(value.into())
            }
        }

        impl AsRef<str> for $Name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $Name {
            fn eq(&self, value: &str) -> bool {
                self.as_str() == value
            }
        }

        impl PartialEq<&str> for $Name {
            fn eq(&self, value: &&str) -> bool {
                self.as_str() == *value
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
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
    ($( $(#[$meta:meta])* pub enum $Name:ident { $($values:tt)* } )+) => {
        $( $crate::wire::open_enum! { $(#[$meta])* pub enum $Name { $($values)* } } )+
    };
}
pub(crate) use open_enum;
