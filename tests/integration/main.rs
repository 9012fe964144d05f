//! Everything that crosses rooms: one binary, a module per behaviour.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test binary"
)]

mod support;

mod architecture;
mod auth;
mod client;
mod complete;
mod content_filter;
mod endpoint;
mod errors;
mod retry;
mod stream;
mod templates;
mod validation;
mod wire;
