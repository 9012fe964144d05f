//! Everything that crosses rooms: one binary, a module per behaviour.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test binary")]

#[path = "../support/observer.rs"]
mod events;
#[path = "../support/raw_server.rs"]
mod raw_server;
mod support;
#[path = "../support/waiting.rs"]
mod waiting;

mod architecture;
mod auth;
mod client;
mod complete;
mod content_filter;
mod conversation;
mod deployments;
mod differences;
mod endpoint;
mod errors;
mod fixtures;
mod folding;
mod gateway;
mod json;
mod mutation;
mod observer;
mod openai_shape;
mod retry;
mod stored;
mod stream;
mod telemetry;
mod tool_runs;
mod uses;
mod validation;
mod walk;
mod wire;
