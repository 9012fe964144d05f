//! Everything that crosses rooms: one binary, a module per behaviour.

mod support;

mod conversation;
mod differences;
mod fixtures;
mod folding;
mod mutation;
mod templates;
mod walk;
mod wire;
