//! scaffold
mod error;
pub mod model;
pub mod response;
#[cfg(feature = "client")]
pub mod transport;
pub(crate) mod wire;
pub use error::{Error, ErrorKind, Result, ServiceError};
pub use response::*;
