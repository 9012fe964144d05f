//! The macro for closed enums: those whose strings are all known here.

/// Declares enums with a string for each variant, which `as_str`, `Display` and JSON have. Unlike `open_enum!`, without a
/// variant for unknown strings.
macro_rules! closed_enum {
    (
        $(#[$meta:meta])*
        $vis:vis enum $Name:ident { $( $(#[$vmeta:meta])* $Variant:ident = $word:literal ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
        $vis enum $Name { $( $(#[$vmeta])* #[serde(rename = $word)] $Variant ),* }

        #[allow(dead_code, reason = "not every type is public")]
        impl $Name {
            /// Every value, in the order of the declaration.
            $vis const ALL: &'static [Self] = &[$( Self::$Variant ),*];

            /// Its string in JSON and in messages.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                match self { $( Self::$Variant => $word ),* }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
    ($( $(#[$meta:meta])* $vis:vis enum $Name:ident { $($words:tt)* } )+) => {
        $( $crate::wire::closed_enum! { $(#[$meta])* $vis enum $Name { $($words)* } } )+
    };
}
pub(crate) use closed_enum;
