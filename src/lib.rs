//! scaffold
mod error;
pub mod model;
pub mod request;
pub mod response;
pub mod stream;
pub(crate) mod wire;
pub use error::{Error, ErrorKind, Result, ServiceError};
pub use model::*;
pub use request::*;
pub use response::*;
pub use stream::*;
