//! scaffold
mod error;
pub mod response;
pub mod stream;
pub(crate) mod wire;
pub use error::{Error, ErrorKind, Result, ServiceError};
pub use response::*;
