//! The macro for closed enums of words.

/// Declares enums without a value for unknown words: `as_str`, `Display`, and the word in JSON.
macro_rules! word_enum {
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

            /// The word for it in JSON and in messages.
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
        $( $crate::wire::word_enum! { $(#[$meta])* $vis enum $Name { $($words)* } } )+
    };
}
pub(crate) use word_enum;
