//! What only the program has: its flags, its first words and its log.

pub(crate) mod args;
pub(crate) mod guide;
pub(crate) mod log;
