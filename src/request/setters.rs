//! The macro for setters that consume the value.

/// Makes the setters of a type, one a line: its documentation, the field's name, which is the method's, and its type.
/// A setter takes anything that converts; `each` takes anything that holds many.
macro_rules! setters {
    ($this:ident: $Type:ty => $place:expr; $( $(#[$meta:meta])* $name:ident: $($kind:ident)+; )*) => {
        impl $Type { $(
            $(#[$meta])*
            #[must_use]
            pub fn $name(mut self, $name: setters!(@argument $($kind)+)) -> Self {
                let $this = &mut self;
                $place.$name = Some(setters!(@value $name $($kind)+));
                self
            }
        )* }
    };
    (@argument bool) => { bool };
    (@argument u64) => { u64 };
    (@argument each $Type:ident) => { impl IntoIterator<Item = impl Into<$Type>> };
    (@argument $Type:ident) => { impl Into<$Type> };
    (@value $name:ident each $Type:ident) => { $name.into_iter().map(Into::into).collect() };
    (@value $name:ident bool) => { $name };
    (@value $name:ident u64) => { $name };
    (@value $name:ident $Type:ident) => { $name.into() };
}
pub(super) use setters;
