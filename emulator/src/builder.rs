//! The builder of an emulator, [`EmulatorBuilder`], from its address to its recordings.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use azure_openai_chat::ChatCompletionRequest;

use crate::answer::{Answer, Rule};
use crate::faults::Fault;
use crate::filter::{FilterPolicy, FilterTrigger};
use crate::journal::{KEPT, RecordedRequest};
use crate::record::RecordingSettings;
use crate::session::InitialState;
use crate::settings::{DeploymentSettings, FilterMode, Pace, Quota, SignIn};
use crate::shared::Responder;

/// The settings with which an emulator starts; made by [`Emulator::builder`](crate::Emulator::builder).
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
    pub(crate) address: SocketAddr,
    pub(crate) initial: InitialState,
    pub(crate) responders: Vec<Responder>,
    pub(crate) cors: bool,
    pub(crate) tls: bool,
    pub(crate) journal_limit: usize,
    pub(crate) recording: RecordingSettings,
    pub(crate) watcher: Option<crate::journal::Watcher>,
}

impl EmulatorBuilder {
    pub(crate) fn new() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            initial: InitialState::default(),
            responders: Vec::new(),
            cors: false,
            tls: false,
            journal_limit: KEPT,
            recording: RecordingSettings::default(),
            watcher: None,
        }
    }

    fn defaults(&mut self) -> &mut DeploymentSettings {
        &mut self.initial.settings.defaults
    }

    /// Listens on this port. A free one by default.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Listens on this address, such as `0.0.0.0` for other machines. 127.0.0.1 by default.
    #[must_use]
    pub fn host(mut self, address: impl Into<IpAddr>) -> Self {
        self.address.set_ip(address.into());
        self
    }

    /// Adds the headers of CORS and answers preflight requests, so that web pages of any origin can send requests. Off by
    /// default.
    #[must_use]
    pub fn cors(mut self, on: bool) -> Self {
        self.cors = on;
        self
    }

    /// Serves TLS, with a certificate of its own for `localhost`, off by default. The one to trust is
    /// [`Emulator::root_certificate`](crate::Emulator::root_certificate).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, on: bool) -> Self {
        self.tls = on;
        self
    }

    /// Deploys a model under a name, with settings of its own or those of all deployments.
    #[must_use]
    pub fn deployment(mut self, name: impl Into<String>, settings: impl Into<DeploymentSettings>) -> Self {
        self.initial.settings.deployments.insert(name.into(), settings.into());
        self
    }

    /// Serves only declared deployments, so that other names are answered with 404. Off by default: the name of every
    /// known model is a deployment of it, and two exist from the start.
    #[must_use]
    pub fn only_declared(mut self, on: bool) -> Self {
        self.initial.settings.only_declared = on;
        self
    }

    /// Sets which keys and tokens are accepted. Any key and any token that has not expired by default.
    #[must_use]
    pub fn sign_in(mut self, sign_in: SignIn) -> Self {
        self.initial.settings.sign_in = sign_in;
        self
    }

    /// Accepts only this key, in any header for keys or as bearer token; the same as [`SignIn::key`]. Several may be given.
    #[must_use]
    pub fn require_key(mut self, key: impl Into<String>) -> Self {
        self.initial.settings.sign_in.keys.push(key.into());
        self
    }

    /// Sets how long an answer of any deployment takes: a [`Pace`], or the time before each chunk of a stream. No time by
    /// default.
    #[must_use]
    pub fn pace(mut self, pace: impl Into<Pace>) -> Self {
        self.defaults().pace = Some(pace.into());
        self
    }

    /// Applies the asynchronous filter to all deployments: a stream has the content at once, and annotations in later chunks
    /// of their own. Off by default.
    #[must_use]
    pub fn async_filter(mut self, on: bool) -> Self {
        self.defaults().filter = on.then_some(FilterMode::Asynchronous);
        self
    }

    /// Adds `obfuscation` to the chunks of a stream, where the request does not set `include_obfuscation`. Off by default.
    #[must_use]
    pub fn obfuscation(mut self, on: bool) -> Self {
        self.defaults().obfuscation = Some(on);
        self
    }

    /// Limits each deployment to this many requests in each period; more are answered with 429 and the time to wait. No
    /// limit by default.
    #[must_use]
    pub fn quota(mut self, requests: u64, per: Duration) -> Self {
        self.defaults().quota = Some(Quota::requests(requests).per(per));
        self
    }

    /// Sets the region in the header `x-ms-region`. `East US 2` by default.
    #[must_use]
    pub fn region(mut self, name: impl Into<String>) -> Self {
        self.defaults().region = Some(name.into());
        self
    }

    /// Blocks prompts with this phrase (in any case), as a match of this category: `hate`, `sexual`,
    /// `violence`, `self_harm`, `jailbreak`, `indirect_attack`, `profanity` or `custom_blocklists`.
    #[must_use]
    pub fn content_filter_trigger(mut self, phrase: impl Into<String>, category: impl Into<String>) -> Self {
        self.initial.settings.policy.triggers.push(FilterTrigger::in_prompts(phrase, category));
        self
    }

    /// Cuts answers at this phrase (in any case), with the finish reason `content_filter` and a match of this category.
    #[must_use]
    pub fn completion_filter_trigger(mut self, phrase: impl Into<String>, category: impl Into<String>) -> Self {
        self.initial.settings.policy.triggers.push(FilterTrigger::in_answers(phrase, category));
        self
    }

    /// Adds a content filter policy, which the settings of a deployment or the header `x-policy-id` of a request select by
    /// its name.
    #[must_use]
    pub fn policy(mut self, name: impl Into<String>, policy: FilterPolicy) -> Self {
        self.initial.settings.policies.insert(name.into(), policy);
        self
    }

    /// Answers by a closure. It returns an [`Answer`], or an `Option` of one that is `None` for requests that are answered
    /// otherwise. Of several closures the first that returns an answer is used; rules, scripts and the built-in answers
    /// follow.
    #[must_use]
    pub fn respond<R: Into<Option<Answer>>>(
        mut self,
        answer: impl Fn(&ChatCompletionRequest) -> R + Send + Sync + 'static,
    ) -> Self {
        self.responders.push(Arc::new(move |request| answer(request).into()));
        self
    }

    /// Answers requests that fit the rule; see [`Rule`].
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.initial.rules.push(rule);
        self
    }

    /// Adds an answer to the script of a deployment. Its answers are used in turn, and the last one from then on.
    ///
    /// A name that is neither declared nor a known model is deployed as `gpt-4o-mini`.
    #[must_use]
    pub fn script(mut self, deployment: impl Into<String>, answer: Answer) -> Self {
        let name = deployment.into();
        self.initial.settings.deploy_unless_there(&name);
        self.initial.scripts.entry(name).or_default().push_back(answer);
        self
    }

    /// Adds a fault; see [`Fault`] for which requests it applies to.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.initial.faults.push(fault);
        self
    }

    /// Forwards requests to a real resource, with their own credentials, and stores each with its answer as a JSON file in
    /// this folder, without credentials. An answer is returned when it is complete.
    #[cfg(feature = "record")]
    #[must_use]
    pub fn record(mut self, folder: impl Into<PathBuf>, upstream: impl Into<String>) -> Self {
        (self.recording.record, self.recording.upstream) = (Some(folder.into()), Some(upstream.into()));
        self
    }

    /// Answers from the recordings of a folder, each in the time that it took, divided by `speed`; with 0 at once. A
    /// request that was not recorded is answered with 404 and its differences to the nearest recording.
    #[must_use]
    pub fn replay(mut self, folder: impl Into<PathBuf>, speed: f64) -> Self {
        (self.recording.replay, self.recording.replay_speed) = (Some(folder.into()), Some(speed));
        self
    }

    /// Sets how many [requests](crate::Emulator::requests) are kept; 10,000 by default. The oldest are dropped, and also
    /// when the bodies of those that are kept have more than 256 MiB together.
    #[must_use]
    pub fn journal_limit(mut self, requests: usize) -> Self {
        self.journal_limit = requests;
        self
    }

    /// Calls the closure with each request whose answer has ended, for example to write a log line.
    #[must_use]
    pub fn on_request(mut self, watch: impl Fn(&RecordedRequest) + Send + Sync + 'static) -> Self {
        self.watcher = Some(Arc::new(watch));
        self
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorBuilder")
            .field("deployments", &self.initial.settings.deployments.keys())
            .finish_non_exhaustive()
    }
}
