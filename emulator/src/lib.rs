//! An Azure OpenAI resource on loopback, inside your process.
//!
//! The emulator speaks the service's wire: both URL shapes, both ways to sign in, Azure's error bodies,
//! Azure's chunk order, rate limits, content filters. A deployed model refuses what it refuses on Azure, with
//! Azure's `code`, `param` and text: by the rules of the client crate and the few that only the service has, such
//! as the context length. Answers are computed from the request: edits with a prediction really happen and are
//! counted, schemas are satisfied, tools are called with arguments that fit. The same request has the same answer,
//! and nothing is kept from one to the next.
//!
//! Use it to try this crate without a subscription, and to test a service: point the client at
//! [`Emulator::endpoint`], let [faults](Fault) happen, [script](EmulatorBuilder::script) answers, and look at
//! the requests in the [journal](Emulator::journal).
//!
//! Embeddings are answered as well, with vectors of unit length that are near for texts that share words.
//!
//! Deployments are declared with [`EmulatorBuilder::deployment`]. Two exist from the start: `o1-new` (o1 of
//! 2024-12-17) and `gpt-4o-mini`; and the name of every model this crate knows is a deployment of that model.
//!
//! It listens on 127.0.0.1 only and speaks plain HTTP. The tokenizer is a simple one (words, numbers, signs,
//! white space), so counts are plausible but not those of a real model.

mod answers;
mod azure_error;
mod body;
mod deployment;
mod embedding;
mod faults;
mod filter;
mod journal;
mod line;
mod prediction;
mod refusal;
mod request;
mod schema_refusal;
mod schema_value;
mod script;
mod server;
mod service_rule;
mod tokens;
mod tools;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use faults::Fault;
pub use journal::RecordedRequest;
pub use script::Answer;

use deployment::DeployedModel;
use filter::Trigger;
use journal::{Journal, KEPT};
use line::{Line, Lines, Switchboard};
use server::{Settings, Shared};

/// A running emulator.
///
/// It runs on the tokio runtime it was started on, whichever kind that is. Dropping it stops it and closes
/// its connections.
///
/// # Example: a question over plain HTTP
///
/// ```
/// use azure_openai_emulator::Emulator;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let emulator = Emulator::start().await?;
/// assert!(emulator.endpoint().starts_with("http://127.0.0.1:"));
/// assert!(emulator.journal().is_empty());
/// emulator.shutdown().await;
/// # Ok(()) }
/// ```
pub struct Emulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    lines: Lines,
    server: JoinHandle<()>,
}

impl Emulator {
    /// Starts an emulator with the built-in deployments, on a free port.
    ///
    /// # Errors
    ///
    /// When no port on loopback can be opened.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// A builder with the built-in deployments and nothing else set.
    #[must_use]
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder {
            settings: Settings {
                deployments: [("o1-new", "o1-2024-12-17"), ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")]
                    .map(|(name, model)| (name.to_owned(), DeployedModel::declared(name, model)))
                    .into(),
                key: None,
                pace: Duration::ZERO,
                async_filter: false,
                obfuscation: false,
                quota: None,
                region: "East US 2".to_owned(),
                prompt_triggers: Vec::new(),
                completion_triggers: Vec::new(),
            },
            scripts: HashMap::new(),
            faults: Vec::new(),
            journal_limit: KEPT,
        }
    }

    /// The resource's endpoint, such as `http://127.0.0.1:49152`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests received so far, oldest first; the last 10,000 are kept, or as many as
    /// [`journal_limit`](EmulatorBuilder::journal_limit) allows.
    #[must_use]
    pub fn journal(&self) -> Vec<RecordedRequest> {
        self.shared.journal.all()
    }

    /// Lets a fault happen from now on; see [`Fault`] for which requests it strikes.
    pub fn inject(&self, fault: Fault) {
        self.faults().push(fault);
    }

    /// Takes back every fault.
    pub fn clear_faults(&self) {
        self.faults().clear();
    }

    fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an answer to a deployment's [script](EmulatorBuilder::script) while the emulator runs.
    pub fn script(&self, deployment: impl Into<String>, answer: Answer) {
        let mut scripts = self.shared.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.entry(deployment.into()).or_default().push_back(answer);
    }

    /// Stops, closes all connections, and returns when nothing listens any more.
    pub async fn shutdown(mut self) {
        self.stop();
        // Aborted, so the only way to end is the one intended.
        let _ = (&mut self.server).await;
    }

    fn stop(&self) {
        self.server.abort();
        self.lines.close_all();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

/// Describes an emulator; made by [`Emulator::builder`].
///
/// # Example: a resource with a quota and a filter
///
/// ```
/// use std::time::Duration;
/// use azure_openai_emulator::Emulator;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let emulator = Emulator::builder()
///     .deployment("triage", "gpt-4.1-mini-2025-04-14")
///     .quota(60, Duration::from_secs(60))
///     .content_filter_trigger("make it bleed", "violence")
///     .start()
///     .await?;
/// # drop(emulator);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct EmulatorBuilder {
    settings: Settings,
    scripts: HashMap<String, VecDeque<Answer>>,
    faults: Vec<Fault>,
    journal_limit: usize,
}

impl EmulatorBuilder {
    /// Deploys a model under a name. A model that the client crate's table does not have takes every parameter, and
    /// refuses only what no model takes, such as a `temperature` of 3.
    #[must_use]
    pub fn deployment(mut self, name: impl Into<String>, model_id: impl Into<String>) -> Self {
        let name = name.into();
        let served = DeployedModel::declared(&name, &model_id.into());
        self.settings.deployments.insert(name, served);
        self
    }

    /// Lets in only this key, as `api-key` or as bearer token. Otherwise any credential that is not empty will do.
    #[must_use]
    pub fn require_key(mut self, key: impl Into<String>) -> Self {
        self.settings.key = Some(key.into());
        self
    }

    /// Waits this long before each chunk of a stream. Not at all by default.
    #[must_use]
    pub fn pace(mut self, before_each_chunk: Duration) -> Self {
        self.settings.pace = before_each_chunk;
        self
    }

    /// Streams under the asynchronous filter: content at once, annotations later. Off by default.
    #[must_use]
    pub fn async_filter(mut self, on: bool) -> Self {
        self.settings.async_filter = on;
        self
    }

    /// Pads the chunks of a stream with `obfuscation`, where a request has no `include_obfuscation`. Off by default.
    #[must_use]
    pub fn obfuscation(mut self, on: bool) -> Self {
        self.settings.obfuscation = on;
        self
    }

    /// Grants each deployment this many requests in each period; more are answered with 429 and the time to wait.
    #[must_use]
    pub fn quota(mut self, requests: u64, per: Duration) -> Self {
        self.settings.quota = Some((requests, per));
        self
    }

    /// The region in the header `x-ms-region`. `East US 2` by default.
    #[must_use]
    pub fn region(mut self, name: impl Into<String>) -> Self {
        self.settings.region = name.into();
        self
    }

    /// Blocks prompts with this phrase (in any case), as a match of this category: `hate`, `sexual`,
    /// `violence`, `self_harm`, `jailbreak`, `indirect_attack`, `profanity` or `custom_blocklists`.
    #[must_use]
    pub fn content_filter_trigger(mut self, phrase: impl Into<String>, category: impl Into<String>) -> Self {
        self.settings.prompt_triggers.push(Trigger::new(phrase.into(), category.into()));
        self
    }

    /// Stops answers at this phrase, with the finish reason `content_filter` and this category raised.
    #[must_use]
    pub fn completion_filter_trigger(mut self, phrase: impl Into<String>, category: impl Into<String>) -> Self {
        self.settings.completion_triggers.push(Trigger::new(phrase.into(), category.into()));
        self
    }

    /// Gives this answer on a deployment. Several are given in turn, and the last one from then on.
    ///
    /// A name that is neither declared nor a known model is deployed as `gpt-4o-mini`.
    #[must_use]
    pub fn script(mut self, deployment: impl Into<String>, answer: Answer) -> Self {
        let name = deployment.into();
        if !self.settings.deployments.contains_key(&name) && DeployedModel::known(&name, &name).is_none() {
            self = self.deployment(name.as_str(), "gpt-4o-mini-2024-07-18");
        }
        self.scripts.entry(name).or_default().push_back(answer);
        self
    }

    /// Lets a fault happen; see [`Fault`] for which requests it strikes.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// How many requests the [journal](Emulator::journal) keeps; 10,000 by default. The oldest are dropped.
    #[must_use]
    pub fn journal_limit(mut self, requests: usize) -> Self {
        self.journal_limit = requests;
        self
    }

    /// Starts the emulator on a free port.
    ///
    /// # Errors
    ///
    /// When no port on loopback can be opened.
    pub async fn start(self) -> io::Result<Emulator> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            settings: self.settings,
            journal: Journal::new(self.journal_limit),
            faults: Mutex::new(self.faults),
            scripts: Mutex::new(self.scripts),
            windows: Mutex::default(),
        });
        let lines = Lines::new();
        let app = server::router(Arc::clone(&shared)).into_make_service_with_connect_info::<Line>();
        let serving = axum::serve(Switchboard { listener, lines: lines.clone() }, app);
        // It serves until it is aborted; there is no error to report.
        let server = tokio::spawn(async move { drop(serving.await) });
        Ok(Emulator { address, shared, lines, server })
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorBuilder")
            .field("deployments", &self.settings.deployments.keys())
            .finish_non_exhaustive()
    }
}
