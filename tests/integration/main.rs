//! Everything that crosses rooms: one binary, a module per behaviour.

mod support;

mod templates;
mod validation;
mod wire;
