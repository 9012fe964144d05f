//! Answers: by rule, by script, by closure, or computed from the request.

pub use self::rule::Rule;
pub use self::scripted::Answer;

pub(crate) mod audio;
pub(crate) mod compose;
pub(crate) mod embedding;
pub(crate) mod prompt_cache;
pub(crate) mod template;
pub(crate) mod wire;

mod prediction;
mod rule;
mod schema_value;
mod scripted;
mod tools;
