//! Batches against the emulator: files, batches, runs that are killed.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test binary")]

mod client;
mod killed;
mod run;
mod run_now;
mod support;
mod writer;
