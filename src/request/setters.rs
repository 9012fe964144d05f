//! The macro for setters that consume the value, and their getters.

/// Makes the setters and getters of a type, one field a line: the setter's documentation, the field's name, which is the
/// setter's, the getter's name, and the field's type. A setter takes anything that converts; `each` takes anything that
/// holds many. The head names the value, where a setter finds the fields, and, as an `Option`, where a getter does.
macro_rules! setters {
    (
        $this:ident: $Type:ty => $place:expr, $read:expr;
        $( $(#[$meta:meta])* $name:ident / $get:ident: $($kind:ident)+; )*
    ) => {
        impl $Type { $(
            $(#[$meta])*
            #[must_use]
            pub fn $name(mut self, $name: setters!(@argument $($kind)+)) -> Self {
                let $this = &mut self;
                $place.$name = Some(setters!(@value $name $($kind)+));
                self
            }

            #[doc = concat!("What [`", stringify!($name), "`](Self::", stringify!($name), ") was set to.")]
            #[must_use]
            pub fn $get(&self) -> setters!(@result $($kind)+) {
                let $this = self;
                setters!(@read $read, $name $($kind)+)
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
    (@result bool) => { Option<bool> };
    (@result u64) => { Option<u64> };
    (@result String) => { Option<&str> };
    (@result each $Type:ident) => { &[$Type] };
    (@result $Type:ident) => { Option<&$Type> };
    (@read $read:expr, $name:ident bool) => { $read.and_then(|fields| fields.$name) };
    (@read $read:expr, $name:ident u64) => { $read.and_then(|fields| fields.$name) };
    (@read $read:expr, $name:ident String) => { $read.and_then(|fields| fields.$name.as_deref()) };
    (@read $read:expr, $name:ident each $Type:ident) => {
        $read.and_then(|fields| fields.$name.as_ref()).map(|list| list.as_slice()).unwrap_or_default()
    };
    (@read $read:expr, $name:ident $Type:ident) => { $read.and_then(|fields| fields.$name.as_ref()) };
}
pub(super) use setters;
