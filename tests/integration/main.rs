//! Everything that crosses rooms: one binary, a module per behaviour.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test binary"
)]

mod support;

mod conversation;
mod differences;
mod fixtures;
mod folding;
mod mutation;
mod templates;
mod validation;
mod walk;
mod wire;
