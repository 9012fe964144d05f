//! The macro for closed enums of words.

/// Declares an enum without a value for unknown words: `as_str`, `Display`, and the word in JSON.
macro_rules! word_enum {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident { $( $(#[$vmeta:meta])* $Variant:ident = $word:literal ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
        pub enum $Name { $( $(#[$vmeta])* #[serde(rename = $word)] $Variant ),* }

        impl $Name {
            /// Every value, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$( Self::$Variant ),*];

            /// The word for it in JSON and in messages.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$Variant => $word ),* }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use word_enum;
