//! Models and what they accept: plain data, no I/O.
//!
//! The service calls a deployment by a name of its owner's choice; what a request may hold depends on the
//! model behind it. This room holds what is known about those models: [`Model`] has a constant for each
//! version in the table, [`Capabilities`] has what one accepts, [`ModelCatalog`] finds them by name and
//! lets a team add its own, [`Deployment`] is a name with the model behind it, and [`ApiVersion`] is the
//! `api-version` of a request.
//!
//! Nothing is guessed. A name that is not in the table declares nothing, a cell for which there is
//! no source is [`Support::Unknown`] and refuses nothing, a date of retirement is advice. How the table was
//! read where it leaves room:
//!
//! - A cell that does not apply, because the model has no chat completions, is unknown: the model is refused
//!   as a whole, and there is nothing to add parameter by parameter.
//! - The standard models refuse `reasoning_effort`, as the service was seen to do for `gpt-4o`, and so do the
//!   models of the reasoning family whose effort cannot be set (`o1-mini`, `o1-preview`, `gpt-chat-latest`). Of
//!   the audio models and the routers nobody measured it: there it is unknown.
//! - Where a limit differs by kind of deployment, the widest counts. An output limit that the sources print
//!   with a remark (prompt and answer share it, or it is a default) refuses no request.
//! - `o1`, `o1-mini` and `o1-preview` require `max_completion_tokens`. The service does not; this is a rule
//!   against surprising bills.
//!
//! [`capability_table`] shows the whole table. The rules that read it are in [`request`](crate::request).

pub use self::lifecycle::Lifecycle;
pub use self::parameter::{Family, ToolsAndEffort};
pub use self::spelling::UnknownModel;

pub(crate) use self::api_version::{ApiVersion, first_documented};
pub(crate) use self::capabilities::Capabilities;
pub(crate) use self::catalog::ModelCatalog;
pub(crate) use self::deployment::Deployment;
pub(crate) use self::language_model::Model;
#[cfg(feature = "batch")]
pub(crate) use self::lifecycle::days_since_1970;
pub(crate) use self::parameter::{Parameter, ReasoningEffort, Support};

pub(crate) mod api_version;
pub(crate) mod capabilities;
pub(crate) mod catalog;
mod common_capabilities;
pub(crate) mod deployment;
mod json;
pub(crate) mod language_model;
mod lifecycle;
mod markdown;
pub(crate) mod parameter;
mod source;
mod spelling;
mod table;

#[doc = include_str!("../../CAPABILITIES.md")]
pub mod capability_table {}
