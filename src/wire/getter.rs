//! The macros for getters of fields that are an `Option`.

/// Makes the getter of a field, which is an `Option` unless the table says otherwise. A field that is declared as `private`
/// has none.
///
/// | field | getter returns |
/// |---|---|
/// | `String` | `Option<&str>` |
/// | `u64`, `bool`, `Copied<T>` for any other `T` that is copied | `Option` of the type |
/// | `Count`, a number of tokens | `u64`, 0 when it is missing |
/// | `Timestamp` | `Option<u64>`, in seconds since 1970 |
/// | `Number` | `Option<f64>` |
/// | `Vec<T>`, `List<T>` | `&[T]`, empty when it is missing |
/// | any other `T`, `Shared<T>` | `Option<&T>` |
/// | `Text`, a `String` that is no `Option` | `&str` |
/// | `Plain<T>`, `Ref<T>`, a `T` that is no `Option` | `T`, `&T` |
/// | `Slice<T>`, a `Vec<T>` that is no `Option` | `&[T]` |
macro_rules! getter {
    ([private $($flag:ident)*] $($field:tt)*) => {};
    ([$($flag:ident)*] $(#[$meta:meta])* $vis:vis $field:ident: $Outer:ident $(< $($Inner:ty),+ >)?) => {
        $(#[$meta])*
        #[must_use]
        $vis fn $field(&self) -> $crate::wire::getter!(@type $Outer $(< $($Inner),+ >)?) {
            $crate::wire::getter!(@read self.$field, $Outer $(< $($Inner),+ >)?)
        }
    };
    (@type String) => { Option<&str> };
    (@type Text) => { &str };
    (@type Plain<$Type:ty>) => { $Type };
    (@type Ref<$Type:ty>) => { &$Type };
    (@type Slice<$Element:ty>) => { &[$Element] };
    (@type u64) => { Option<u64> };
    (@type bool) => { Option<bool> };
    (@type Copied<$Type:ty>) => { Option<$Type> };
    (@type Count) => { u64 };
    (@type Timestamp) => { Option<u64> };
    (@type Number) => { Option<f64> };
    (@type Vec<$Element:ty>) => { &[$Element] };
    (@type List<$Element:ty>) => { &[$Element] };
    (@type Shared<$Type:ty>) => { Option<&$Type> };
    (@type $Type:ty) => { Option<&$Type> };
    (@read $field:expr, String) => { $field.as_deref() };
    (@read $field:expr, Text) => { &$field };
    (@read $field:expr, Plain<$Type:ty>) => { $field };
    (@read $field:expr, Ref<$Type:ty>) => { &$field };
    (@read $field:expr, Slice<$Element:ty>) => { &$field };
    (@read $field:expr, u64) => { $field };
    (@read $field:expr, bool) => { $field };
    (@read $field:expr, Copied<$Type:ty>) => { $field };
    (@read $field:expr, Count) => { $field.unwrap_or(0) };
    (@read $field:expr, Timestamp) => { $field.as_ref()?.seconds() };
    (@read $field:expr, Number) => { $field.as_ref()?.as_f64() };
    (@read $field:expr, Vec<$Element:ty>) => { $field.as_deref().unwrap_or_default() };
    (@read $field:expr, List<$Element:ty>) => { $field.as_deref().map(Vec::as_slice).unwrap_or_default() };
    (@read $field:expr, Shared<$Type:ty>) => { $field.as_deref() };
    (@read $field:expr, $Type:ty) => { $field.as_ref() };
}
pub(crate) use getter;

/// Makes getters of fields that are inside a type, or have another name: its documentation, the getter's name, that of the
/// field where it differs, and the field's type as for [`getter!`]. The head names the value, and where it has the fields.
macro_rules! getters {
    (
        $this:ident: $Type:ty => $place:expr;
        $( $(#[$meta:meta])* $get:ident $(= $field:ident)?: $Outer:ident $(< $Inner:ty >)?; )*
    ) => {
        impl $Type { $(
            $(#[$meta])*
            #[must_use]
            pub fn $get(&self) -> $crate::wire::getter!(@type $Outer $(< $Inner >)?) {
                let $this = self;
                $crate::wire::getters!(@read [$place] $get $($field)?, $Outer $(< $Inner >)?)
            }
        )* }
    };
    (@read [$place:expr] $get:ident, $($Field:tt)+) => { $crate::wire::getter!(@read $place.$get, $($Field)+) };
    (@read [$place:expr] $get:ident $field:ident, $($Field:tt)+) => {
        $crate::wire::getter!(@read $place.$field, $($Field)+)
    };
}
pub(crate) use getters;
