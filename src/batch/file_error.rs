//! The conversion of file errors into errors of this crate.

use std::io;
use std::path::Path;

use crate::error::{Error, ErrorKind};

/// The error for a file or folder that could not be read or written: `what` is `read`, `written` and the like.
pub(super) fn file_error(path: &Path, what: &str, error: io::Error) -> Error {
    let text = format!("'{}' could not be {what}", path.display());
    Error::new(ErrorKind::Config, text).with_source(error)
}
