//! scaffold
mod error;
pub mod request;
pub mod response;
pub(crate) mod wire;
pub use error::{Error, ErrorKind, Result, ServiceError};
pub use response::*;
