//! The macro for setters that consume the value, and their getters.

/// Makes the setters and getters of a type, one field a line: the setter's documentation, the field's name, which is the
/// setter's, the getter's name where it differs, the field's type, its wire name, and the page of its reference. The head has
/// the type of the setters and where they find the fields, then that of the getters and, as an `Option`, where those do. A
/// head that declares a struct makes it too, as [`wire_struct!`](crate::wire::wire_struct) does, with `new()`.
///
/// | type | setter takes | getter returns |
/// |---|---|---|
/// | `bool`, `u64` | the type | `Option` of the type |
/// | `Copied<T>` | any integer, which the builder checks | `Option<T>` |
/// | `Number` | `f64`, `f32` or an integer, which the builder checks | `Option<f64>` |
/// | `String` | any string | `Option<&str>` |
/// | `List<T>` | anything that holds what converts into `T` | `&[T]` |
/// | any other `T`, `Shared<T>` | anything that converts into `T` | `Option<&T>` |
macro_rules! setters {
    (
        $this:ident: $Type:ident => $place:expr; $from:ident: $From:ty => $read:expr;
        $( $(#[$meta:meta])* $name:ident / $get:ident: $Outer:ident $(< $Inner:ident >)? $(, $page:literal)?; )*
    ) => {
        impl $Type { $(
            $(#[$meta])*
            $( #[doc = concat!(
                "\n\nAzure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/", $page, ">"
            )] )?
            #[must_use]
            #[allow(clippy::double_must_use, reason = "one macro serves builders, which are must_use, and other types")]
            pub fn $name(mut self, $name: setters!(@argument $Outer $(< $Inner >)?)) -> Self {
                let $this = &mut self;
                $place.$name = setters!(@value $this $name $Outer $(< $Inner >)?);
                self
            }
        )* }

        impl $From { $(
            #[doc = concat!("What [`", stringify!($name), "`](", stringify!($Type), "::", stringify!($name), ") was set to.")]
            #[must_use]
            pub fn $get(&self) -> crate::wire::getter!(@type $Outer $(< $Inner >)?) {
                let $from = self;
                $read.map(|fields| crate::wire::getter!(@read fields.$name, $Outer $(< $Inner >)?)).unwrap_or_default()
            }
        )* }
    };
    (
        $this:ident: $Type:ident => $place:expr; $from:ident: $From:ty => $read:expr;
        $(
            $(#[$meta:meta])*
            $name:ident: $Outer:ident $(< $Inner:ident >)? = $($flag:ident)* $key:literal, $page:literal;
        )*
    ) => {
        setters! {
            $this: $Type => $place; $from: $From => $read;
            $( $(#[$meta])* $name / $name: $Outer $(< $Inner >)?, $page; )*
        }
    };
    (
        $(#[$type_meta:meta])*
        pub struct $Type:ident;
        $(
            $(#[$meta:meta])*
            $name:ident / $get:ident: $Outer:ident $(< $Inner:ident >)? = $($flag:ident)* $key:literal;
        )*
    ) => {
        crate::wire::wire_struct! {
            $(#[$type_meta])*
            pub struct $Type {
                $( pub(super) $name: setters!(@field $Outer $(< $Inner >)?) = $($flag)* $key, )*
            }
        }

        impl $Type {
            /// A value with nothing set.
            #[must_use]
            pub fn new() -> Self {
                Self::EMPTY
            }
        }

        setters! {
            value: $Type => value; value: $Type => Some(value);
            $( $(#[$meta])* $name / $get: $Outer $(< $Inner >)?; )*
        }
    };
    (@field Copied<$Type:ident>) => { $Type };
    (@field $Type:ty) => { $Type };
    (@argument bool) => { bool };
    (@argument u64) => { u64 };
    (@argument Number) => { impl Into<f64> };
    (@argument Copied<$Type:ident>) => { impl TryInto<$Type> };
    (@argument List<$Type:ident>) => { impl IntoIterator<Item = impl Into<$Type>> };
    (@argument Shared<$Type:ident>) => { impl Into<$Type> };
    (@argument $Type:ident) => { impl Into<$Type> };
    (@value $this:ident $name:ident bool) => { Some($name) };
    (@value $this:ident $name:ident u64) => { Some($name) };
    (@value $this:ident $name:ident Number) => { $this.number(stringify!($name), $name.into()) };
    (@value $this:ident $name:ident Copied<$Type:ident>) => { $this.whole_number(stringify!($name), $name) };
    (@value $this:ident $name:ident List<$Type:ident>) => { Some($name.into_iter().map(Into::into).collect()) };
    (@value $this:ident $name:ident Shared<$Type:ident>) => { Some($name.into().into()) };
    (@value $this:ident $name:ident $Type:ident) => { Some($name.into()) };
}
pub(super) use setters;
