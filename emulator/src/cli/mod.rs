//! The program's flags, start-up text and request log.

pub(crate) mod args;
pub(crate) mod guide;
pub(crate) mod log;
