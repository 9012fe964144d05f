//! What is asked.

pub mod schema;
