//! An Azure OpenAI resource on loopback: inside your process, or as a program for every other language.
//!
//! The emulator has the service's HTTP interface: both URL shapes and OpenAI's base, keys and Entra tokens, Azure's error
//! bodies, Azure's chunk order, quotas, content filters. A deployed model refuses what it refuses on Azure, with Azure's
//! status and `code`, and its text where one was recorded (others are marked "unsourced" in the code): by the rules of
//! the client crate and the few that only the service has, such as the context length. Answers are computed from the
//! request: edits with a prediction are made and counted, schemas are satisfied, tools are called with arguments that
//! match their parameters. The same request has the same answer.
//!
//! Use it to try the client crate without a subscription, and to test a service: point the client at
//! [`Emulator::endpoint`], add [faults](Fault), answer by [rules](Rule), [scripts](EmulatorBuilder::script) or
//! [closures](EmulatorBuilder::respond), and check the [requests](Emulator::requests) that were received.
//!
//! Deployments are declared with [`EmulatorBuilder::deployment`]. Two exist from the start: `o1-new` (o1 of
//! 2024-12-17) and `gpt-4o-mini`; and the name of every model in the client crate's table is a deployment of that model.
//!
//! Embeddings are answered as well, with vectors of unit length that are near for texts that share words.
//!
//! It listens on 127.0.0.1 unless another address is given.
//!
//! `TESTING.md` in the repository is the guide for tests in Rust, pytest, vitest and GitHub Actions.
//!
//! # The program
//!
//! `azure-openai-emulator --port 8181 --config emulator.toml` is the same emulator for every language. It is set up by flags
//! and by the file, and changed while it runs over HTTP below `/__emulator/`, with the names that the methods have here.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../TESTING.md")]
struct Guide;

mod answer;
mod batch;
mod builder;
#[cfg(feature = "client")]
mod client;
mod control;
mod deployment;
mod emulator;
mod faults;
mod filter;
mod head;
mod journal;
mod quota;
mod record;
mod refusal;
mod request;
mod server;
mod session;
mod settings;
mod shared;
mod sign_in;
mod tokens;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Rule};
pub use batch::{BatchQuota, BatchTiming, Batches, LineOutcome};
pub use builder::EmulatorBuilder;
pub use emulator::Emulator;
pub use faults::{Fault, Preset};
pub use filter::{FilterPolicy, FilterTarget, FilterTrigger, TriggerSeverity};
pub use journal::{Outcome, RecordedRequest, Requests, Timing};
#[cfg(feature = "config")]
pub use settings::file::{Config, ConfigError};
pub use settings::{DeploymentSettings, FilterMode, Pace, Quota, SignIn, Strictness};
