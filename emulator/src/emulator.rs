//! A running emulator, [`Emulator`], and what can be changed while it runs.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::answer::Answer;
use crate::batch::{BatchService, Batches};
use crate::builder::EmulatorBuilder;
#[cfg(feature = "client")]
use crate::client;
use crate::faults::Fault;
use crate::journal::{Journal, Requests};
use crate::server;
use crate::server::connections::{ClosableListener, ConnectionHandle, OpenConnections};
use crate::session::{Session, Sessions};
use crate::settings::DeploymentSettings;
use crate::shared::Shared;

/// A running emulator.
///
/// It runs on the tokio runtime on which it was started, of either kind, and ends with it: each `#[tokio::test]` has a runtime of
/// its own, so that each starts its own emulator, and one in a `static` ends with the first test. Dropping it stops it and closes
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
/// assert!(emulator.requests().is_empty());
/// emulator.shutdown().await;
/// # Ok(()) }
/// ```
pub struct Emulator {
    pub(crate) address: SocketAddr,
    pub(crate) endpoint: String,
    pub(crate) root_certificate: Option<String>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) connections: OpenConnections,
    pub(crate) server: JoinHandle<()>,
    #[cfg(feature = "client")]
    pub(crate) client: azure_openai_chat::ChatClient,
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
        EmulatorBuilder::new()
    }

    /// The resource's endpoint, such as `http://127.0.0.1:49152`. With TLS the host is `localhost`, which its
    /// certificate names.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate that clients have to trust, in PEM; none without TLS.
    #[must_use]
    pub fn root_certificate(&self) -> Option<&str> {
        self.root_certificate.as_deref()
    }

    /// A client of this emulator, without a declared model. It signs in as the emulator was started: with a key that is
    /// accepted, or with a test token where keys are disabled or a deployment has a key of its own. Over TLS it trusts
    /// [`root_certificate`](Self::root_certificate) alone.
    ///
    /// # Example: a question and its answer
    ///
    /// ```
    /// use azure_openai_chat::ChatCompletionRequest;
    /// use azure_openai_emulator::{Answer, Emulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::builder().respond(|_| Answer::text("Hello!")).start().await?;
    /// let request = ChatCompletionRequest::builder("gpt-4o-mini").user("Hello?").build()?;
    /// let completion = emulator.client().complete(&request).await?;
    /// assert_eq!(completion.text(), Some("Hello!"));
    /// assert_eq!(emulator.requests().to("gpt-4o-mini").count(), 1);
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "client")]
    #[must_use]
    pub fn client(&self) -> azure_openai_chat::ChatClient {
        self.client.clone()
    }

    /// The requests received so far, oldest first; the last 10,000 are kept, or as many as
    /// [`journal_limit`](EmulatorBuilder::journal_limit) allows, and fewer where their bodies have more than 256 MiB.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.shared.journal.requests(None)
    }

    /// Waits until `count` requests have ended, for at most `time`. Returns whether they have.
    pub async fn wait_for_requests(&self, count: usize, time: Duration) -> bool {
        let journal = &self.shared.journal;
        let has_enough =
            || journal.requests(None).iter().filter(|request| request.timing().total().is_some()).count() >= count;
        journal.wait(time, has_enough).await
    }

    /// Adds a fault; see [`Fault`] for which requests it applies to.
    pub fn inject(&self, fault: Fault) {
        self.session().faults().push(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.session().faults().clear();
    }

    /// Deploys a model under a name while the emulator runs, or changes a deployment.
    pub fn deploy(&self, name: impl Into<String>, settings: impl Into<DeploymentSettings>) {
        self.session().settings_mut().deployments.insert(name.into(), settings.into());
    }

    /// Adds an answer to a deployment's [script](EmulatorBuilder::script) while the emulator runs. A name that is no
    /// deployment becomes one.
    pub fn script(&self, deployment: impl Into<String>, answer: Answer) {
        let (session, name) = (self.session(), deployment.into());
        session.settings_mut().deploy_unless_there(&name);
        session.scripts().entry(name).or_default().push_back(answer);
    }

    /// The control of the resource's files and batches: clock, quota, outcomes of lines.
    ///
    /// # Example: a day passes
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let emulator = azure_openai_emulator::Emulator::start().await?;
    /// emulator.batches().advance(std::time::Duration::from_secs(24 * 3600));
    /// assert_eq!(emulator.batches().created(), 0);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn batches(&self) -> Batches<'_> {
        Batches::of(&self.shared.batches)
    }

    /// Restores the settings, scripts, rules and faults of the start, for every session, and clears the list of requests.
    /// Files and batches stay; see [`Batches::reset`].
    pub fn reset(&self) {
        self.shared.sessions.reset(None);
        self.shared.journal.clear(None);
    }

    /// The session of requests that name none.
    fn session(&self) -> Arc<Session> {
        self.shared.sessions.named("")
    }

    /// Stops the emulator, closes all connections, and returns when the port is closed.
    pub async fn shutdown(mut self) {
        self.stop();
        // The task was aborted; the error of an aborted task is expected.
        let _ = (&mut self.server).await;
    }

    fn stop(&self) {
        self.server.abort();
        self.connections.close_all();
    }
}

impl EmulatorBuilder {
    /// Starts the emulator.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on, the folder of recordings cannot be read or created, or answers are to be both
    /// recorded and replayed.
    pub async fn start(self) -> io::Result<Emulator> {
        let listener = TcpListener::bind(self.address).await.map_err(|error| named(error, self.address))?;
        let address = listener.local_addr()?;
        let recording = self.recording.open()?;
        // Reading the vocabulary takes long, and the thread of the runtime may be the only one.
        let _ = tokio::task::spawn_blocking(crate::tokens::prepare).await;
        let shared = Arc::new(Shared {
            recording,
            sessions: Sessions::new(self.initial),
            journal: Arc::new(Journal::new(self.journal_limit, self.watcher)),
            responders: self.responders,
            cors: self.cors,
            batches: BatchService::default(),
        });
        let connections = OpenConnections::new();
        let tls = if self.tls { Some(server::tls::Tls::new(address.ip())?) } else { None };
        let root_certificate = tls.as_ref().map(|tls| tls.root().to_owned());
        let app = server::router(Arc::clone(&shared)).into_make_service_with_connect_info::<ConnectionHandle>();
        let endpoint = endpoint(address, tls.is_some());
        let serving = axum::serve(ClosableListener::new(listener, connections.clone(), tls), app);
        // It serves until it is aborted; there is no error to report.
        let server = tokio::spawn(async move { drop(serving.await) });
        Ok(Emulator {
            #[cfg(feature = "client")]
            client: client::client(&endpoint, root_certificate.as_deref(), &shared)?,
            address,
            endpoint,
            root_certificate,
            shared,
            connections,
            server,
        })
    }
}

/// The endpoint of clients on this machine; with TLS the host is `localhost`, which the certificate names.
fn endpoint(address: SocketAddr, is_secure: bool) -> String {
    let (scheme, port) = (if is_secure { "https" } else { "http" }, address.port());
    match address.ip() {
        ip if is_secure && (ip.is_loopback() || ip.is_unspecified()) => format!("{scheme}://localhost:{port}"),
        ip if ip.is_unspecified() => format!("{scheme}://127.0.0.1:{port}"),
        _ => format!("{scheme}://{address}"),
    }
}

/// The error with the address in it.
fn named(error: io::Error, address: SocketAddr) -> io::Error {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "the port is taken by another program".to_owned(),
        io::ErrorKind::PermissionDenied => "the port is not allowed for this user".to_owned(),
        io::ErrorKind::AddrNotAvailable => "the address is none of this machine".to_owned(),
        _ => error.to_string(),
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {why}"))
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
