//! The macro for the getter of one field of a wire type.

/// Makes the getter of a field: `String` is returned as `Option<&str>`, a `Vec` as a slice, which is empty when the
/// member is missing, a number or `bool` by value, a token count as 0 when it is missing, and anything else as
/// `Option<&T>`. A field that is declared as `private` has none.
macro_rules! getter {
    ([private $($flag:ident)*] $($field:tt)*) => {};
    ([$($flag:ident)*] $(#[$meta:meta])* $vis:vis $field:ident: String) => {
        $(#[$meta])*
        #[must_use]
        $vis fn $field(&self) -> Option<&str> {
            self.$field.as_deref()
        }
    };
    ([$($flag:ident)*] $(#[$meta:meta])* $vis:vis $field:ident: u64) => {
        $(#[$meta])*
        #[must_use]
        $vis fn $field(&self) -> Option<u64> {
            self.$field
        }
    };
    ([$($flag:ident)*] $(#[$meta:meta])* $vis:vis $field:ident: Count) => {
        $(#[$meta])*
        #[must_use]
        $vis fn $field(&self) -> u64 {
            self.$field.unwrap_or(0)
        }
    };
    ([$($flag:ident)*] $(#[$meta:meta])* $vis:vis $field:ident: Timestamp) => {
        $(#[$meta])*
        #[must_use]
        $vis fn $field(&self) -> Option<u64> {
            self.$field.as_ref()?.seconds()
        }
    };
    ([$($flag:ident)*] $(#[$meta:meta])* $vis:vis $field:ident: bool) => {
        $(#[$meta])*
        #[must_use]
        $vis fn $field(&self) -> Option<bool> {
            self.$field
        }
    };
    ([$($flag:ident)*] $(#[$meta:meta])* $vis:vis $field:ident: Number) => {
        $(#[$meta])*
        #[must_use]
        $vis fn $field(&self) -> Option<f64> {
            self.$field.as_ref()?.as_f64()
        }
    };
    ([$($flag:ident)*] $(#[$meta:meta])* $vis:vis $field:ident: Vec<$Element:ty>) => {
        $(#[$meta])*
        #[must_use]
        $vis fn $field(&self) -> &[$Element] {
            self.$field.as_deref().unwrap_or_default()
        }
    };
    ([$($flag:ident)*] $(#[$meta:meta])* $vis:vis $field:ident: $Type:ty) => {
        $(#[$meta])*
        #[must_use]
        $vis fn $field(&self) -> Option<&$Type> {
            self.$field.as_ref()
        }
    };
}
pub(crate) use getter;
