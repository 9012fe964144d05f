//! A visitor over the members of wire types, and the path of each member.

use std::fmt;

use serde_json::Value;

/// A visitor of the members of a wire type, down to the innermost. It is called by [`FromWire::visit`], which
/// [`wire_struct!`] implements from the fields, so that no list of fields is kept by hand.
///
/// [`FromWire::visit`]: super::FromWire::visit
/// [`wire_struct!`]: super::wire_struct
pub(crate) trait FieldVisitor<'a> {
    /// A member of its field's type, before the members inside it.
    fn typed(&mut self, _path: &Path<'_>) {}
    /// A string, or the value of an open enum; also each of a list.
    fn text(&mut self, _path: &Path<'_>, _text: &'a str) {}
    /// A member of another type than its field's, which `expected` describes.
    fn mistyped(&mut self, _path: &Path<'_>, _expected: &'static str, _value: &'a Value) {}
    /// A member without a field.
    fn unmodelled(&mut self, _path: &Path<'_>, _value: &'a Value) {}
}

/// The place of a value in a body, such as `messages[0].content`: linked to the place around it, so that visiting
/// allocates nothing.
#[derive(Clone, Copy)]
pub(crate) enum Path<'p> {
    Root,
    Member {
        of: &'p Self,
        name: &'p str,
        /// Whether `Debug` hides the value.
        is_hidden: bool,
    },
    Element {
        of: &'p Self,
        at: usize,
    },
}

impl<'p> Path<'p> {
    pub(crate) fn member(&'p self, name: &'p str, is_hidden: bool) -> Self {
        Path::Member { of: self, name, is_hidden }
    }

    pub(crate) fn element(&'p self, at: usize) -> Self {
        Path::Element { of: self, at }
    }

    /// The names of the members on the path, from the innermost to that of the body itself.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'p str> {
        self.members().map(|(name, _)| name)
    }

    /// Whether `Debug` hides the value.
    #[cfg_attr(not(feature = "client"), allow(dead_code, reason = "only what is sent has secrets to look for"))]
    pub(crate) fn is_hidden(&self) -> bool {
        self.members().next().is_some_and(|(_, is_hidden)| is_hidden)
    }

    fn members(&self) -> impl Iterator<Item = (&'p str, bool)> {
        let around = |path: &Self| match *path {
            Path::Root => None,
            Path::Member { of, .. } | Path::Element { of, .. } => Some(*of),
        };
        std::iter::successors(Some(*self), around).filter_map(|path| match path {
            Path::Member { name, is_hidden, .. } => Some((name, is_hidden)),
            _ => None,
        })
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Member { of: Path::Root, name, .. } => f.write_str(name),
            Path::Member { of, name, .. } => write!(f, "{of}.{name}"),
            Path::Element { of, at } => write!(f, "{of}[{at}]"),
        }
    }
}
