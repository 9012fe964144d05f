//! Everything that crosses rooms: one binary, a module per behaviour.

mod support;

mod fixtures;
mod mutation;
mod templates;
mod walk;
mod wire;
