//! The transport: endpoints, sign-in, retries, backends and timeouts of the calls that a client makes.
//!
//! Most of it is set on the [`ClientBuilder`](crate::ClientBuilder), for one call by
//! [`CallOptions`]. In this room:
//!
//! - [`Endpoint`]: the address, in every form that a user can paste; [`Cloud`]: the Azure cloud of its host.
//! - [`Credential`]: an [`ApiKey`], any `TokenCredential`, a function that gives a [`Token`], or what the environment offers.
//! - [`Backend`]: one of several endpoints of a client, called by priority, weight and availability.
//! - [`RetryPolicy`]: whether and when a failed attempt is repeated; [`Pacing`]: waits before the service answers 429.
//!
//! Refused are plain HTTP to another machine (unless the client builder allows it), redirects, compressed answers, and
//! answers above the size limits. A stream is never retried once a byte of it was handed out.
//!
//! # Logging
//!
//! Through `tracing`, and never a header's value, a body or a query:
//!
//! | level | prints |
//! |---|---|
//! | WARN | a redirect, a credential that gave no token, a failed renewal, another default credential than before; once for a client, plain HTTP to another machine |
//! | INFO | the default credential that signs in |
//! | DEBUG | a line for each attempt (deployment, method, host, path, status, request ids, number, time), for each retry (cause, wait) and for the end of each call (completed, failed or dropped; tokens, finish reasons, filter state, times) |
//!
//! For anything else than a log, there is the [`Observer`](crate::Observer).
//!
//! # Cancel safety
//!
//! Dropping a call or a stream closes its connection at once over HTTP/1.1, and resets its stream over HTTP/2. Only a
//! token renewal goes on, since other calls may wait for it.
//!
//! # Connections
//!
//! Over HTTP/1.1 each call under way has a connection of its own, which serves the next call afterwards. A stream that was
//! read to `[DONE]` gives its connection back as soon as the end of its body has come, which is read in the
//! background, for one second and 64 KiB at most.

pub(crate) use self::attempt::Answer;
pub(crate) use self::backend::{Backend, ResolvedBackend};
#[cfg(feature = "batch")]
pub(crate) use self::call::Method;
pub(crate) use self::call::{CHAT_COMPLETIONS, Call, Route, Streamed};
pub(crate) use self::call_event::{AttemptEvent, AttemptParts, CallObserver, RetryEvent};
pub(crate) use self::credential::{ApiKey, Credential};
pub(crate) use self::endpoint::{Endpoint, check_deployment};
pub(crate) use self::options::CallOptions;
pub(crate) use self::pacing::Pacing;
#[cfg(feature = "batch")]
pub(crate) use self::request_body::{RequestBody, StreamBody};
pub(crate) use self::retry::{RetryCause, RetryPolicy};
pub(crate) use self::send::{Config, Transport};

pub use self::endpoint::{Cloud, EndpointInput};
pub use self::token::Token;

mod attempt;
pub(crate) mod backend;
mod balancer;
pub(crate) mod body;
mod call;
pub(crate) mod call_event;
mod call_state;
pub(crate) mod credential;
pub(crate) mod endpoint;
pub(crate) mod environment;
mod http_client;
mod http_error;
#[cfg(feature = "azure_identity")]
pub(crate) mod identity;
pub(crate) mod options;
pub(crate) mod pacing;
mod request_body;
pub(crate) mod retry;
mod send;
mod timeout;
mod token;
mod token_cache;

#[cfg(test)]
#[path = "../../tests/support/raw_server.rs"]
mod raw_server;
#[cfg(test)]
#[path = "../../tests/support/waiting.rs"]
mod waiting;
#[cfg(test)]
mod wire_tests;
