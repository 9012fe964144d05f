//! The macro for setters that consume the value.

/// Makes setters, one a line: its documentation, the field's name, which is the setter's, and its type; `into` before the
/// type takes anything that converts. The head names where the fields are, as `[config]` for those of `self.config`.
macro_rules! setters {
    ([$($place:ident).*]) => {};
    ([$($place:ident).*] $(#[$meta:meta])* $name:ident: into $Type:ty; $($others:tt)*) => {
        $(#[$meta])*
        #[must_use]
        pub fn $name(mut self, $name: impl Into<$Type>) -> Self {
            self.$($place.)*$name = Some($name.into());
            self
        }
        $crate::wire::setters! { [$($place).*] $($others)* }
    };
    ([$($place:ident).*] $(#[$meta:meta])* $name:ident: $Type:ty; $($others:tt)*) => {
        $(#[$meta])*
        #[must_use]
        pub fn $name(mut self, $name: $Type) -> Self {
            self.$($place.)*$name = $name.into();
            self
        }
        $crate::wire::setters! { [$($place).*] $($others)* }
    };
}
pub(crate) use setters;
