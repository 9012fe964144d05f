//! Everything that crosses rooms: one binary, a module per behaviour.

mod support;

mod templates;
mod walk;
mod wire;
