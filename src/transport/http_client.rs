//! The HTTP clients, with the settings of this crate before and after those of the caller.
//!
//! The protocol is HTTP/1.1 with one call on a connection, as in the official clients for Python and Node. Over HTTP/2 all
//! calls share a connection and its faults, and four of them were measured (`tests/faults/protocols.rs`):
//!
//! - On a connection that is dead while TCP still acknowledges, as behind a load balancer that lost its state, every
//!   call waits for its whole timeout, and the next calls use the same connection. Over HTTP/1.1 only the call on it
//!   fails.
//! - After bursts of dropped streams, or of small unread frames, the `h2` library closes the connection of all other
//!   streams.
//! - Unread streams use up the connection's window, and other calls stall.
//! - Calls above the server's limit of streams wait unsent, within their timeouts.
//!
//! So HTTP/2 is a feature and a setting. With it a dead connection is noticed by pings after 25 seconds at most, and
//! the connection's window is far larger than that of a stream. What remains: until then calls wait, bursts of
//! dropped streams may still end other streams, and calls above the server's limit wait.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::ClientBuilder;

use super::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, Result};

pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Upper bound of the header fields of an answer, names and values, in bytes. Azure sends about two KiB.
pub(super) const HEADER_BYTES: usize = 64 * 1024;
/// Upper bound of the number of header fields of an answer. It is hyper's own, which takes another from the heap for each
/// answer, 4,000 instructions. Azure sends about 30.
pub(super) const HEADER_FIELDS: usize = 100;

const USER_AGENT: &str = concat!("azure-openai-chat/", env!("CARGO_PKG_VERSION"));

/// The settings from which the HTTP clients are built.
pub(crate) struct HttpSettings {
    /// Has the caller's settings after `configure`.
    pub(crate) builder: ClientBuilder,
    pub(crate) connect_timeout: Duration,
    #[cfg(feature = "http2")]
    pub(crate) http2: bool,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            builder: builder(),
            connect_timeout: CONNECT_TIMEOUT,
            #[cfg(feature = "http2")]
            http2: false,
        }
    }
}

impl HttpSettings {
    /// Applies the caller's settings. Those that the crate relies on are set after them, in `build`. A total timeout is
    /// removed, since [`CallOptions::answer_timeout`](super::CallOptions::answer_timeout) has that part.
    pub(crate) fn configure(&mut self, configure: impl FnOnce(ClientBuilder) -> ClientBuilder) {
        let builder = std::mem::take(&mut self.builder);
        self.builder = configure(builder).timeout(Duration::MAX);
    }

    /// No redirects, since credentials belong to one origin; no compression, since a stream is read as it comes and
    /// a small body must not become a large one; no retries but ours, so that attempts count.
    fn build(self) -> Result<reqwest::Client> {
        let builder = self
            .builder
            .connect_timeout(self.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate();
        #[cfg(feature = "http2")]
        let builder = if self.http2 { with_http2(builder) } else { builder.http1_only() };
        #[cfg(not(feature = "http2"))]
        let builder = builder.http1_only();
        builder.build().map_err(|error| {
            let error = error.without_url();
            let made = Error::new(ErrorKind::Config, "the HTTP client could not be built");
            let mut causes = std::iter::successors(Some(&error as &(dyn StdError + 'static)), |&error| error.source());
            let made = match causes.any(|cause| cause.to_string().contains("No CA certificates")) {
                true => {
                    made.with_hint("install the roots of the system (package ca-certificates), or set SSL_CERT_FILE")
                }
                false => made,
            };
            made.with_source(error)
        })
    }

    /// The same for plain HTTP on loopback: without the caller's settings, which are for TLS and proxies.
    fn for_loopback(&self) -> Self {
        Self { connect_timeout: self.connect_timeout, ..Self::default() }.without_proxy()
    }

    fn without_proxy(self) -> Self {
        Self { builder: self.builder.no_proxy(), ..self }
    }
}

/// The settings that the caller's may replace.
fn builder() -> ClientBuilder {
    let builder = reqwest::Client::builder().user_agent(USER_AGENT);
    // another crate of the program may have switched on another TLS in reqwest
    #[cfg(any(feature = "rustls", feature = "rustls-no-provider"))]
    return builder.tls_backend_rustls();
    #[cfg(all(feature = "native-tls", not(any(feature = "rustls", feature = "rustls-no-provider"))))]
    return builder.tls_backend_native();
    #[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
    return builder;
}

/// HTTP/2 where the server offers it in ALPN, else HTTP/1.1.
#[cfg(feature = "http2")]
fn with_http2(builder: ClientBuilder) -> ClientBuilder {
    /// The bytes that one unread stream may hold.
    const STREAM_WINDOW: u32 = 256 * 1024;
    /// Room for 4,096 unread streams. Nothing is reserved.
    const CONNECTION_WINDOW: u32 = 1 << 30;
    /// HTTP/2 counts 32 bytes more for each field; the limit of ours is checked when they have come.
    const HEADER_LIST: u32 = 128 * 1024;
    builder
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(Duration::from_secs(15))
        .http2_keep_alive_timeout(Duration::from_secs(10))
        .http2_keep_alive_while_idle(true)
        .http2_max_header_list_size(HEADER_LIST)
}

/// The HTTP clients of a transport.
#[derive(Clone)]
pub(crate) struct HttpClients {
    client: reqwest::Client,
    /// Without a proxy, for plain HTTP on loopback when there is more than that, and for metadata services.
    direct: Option<reqwest::Client>,
    pub(super) connect_timeout: Duration,
}

impl HttpClients {
    /// Builds the clients that are needed, since each takes milliseconds. `signs_in` when the default credential requests
    /// tokens, from Entra ID and from metadata services.
    pub(crate) fn new(settings: HttpSettings, endpoints: &[Endpoint], signs_in: bool) -> Result<Self> {
        let connect_timeout = settings.connect_timeout;
        check_tls(endpoints)?;
        let is_all_loopback = !signs_in && endpoints.iter().all(Endpoint::is_loopback);
        let needs_direct = signs_in || !is_all_loopback && endpoints.iter().any(is_plain_loopback);
        let direct = needs_direct.then(|| settings.for_loopback().build()).transpose()?;
        let settings = if is_all_loopback { settings.without_proxy() } else { settings };
        Ok(Self { client: settings.build()?, direct, connect_timeout })
    }

    pub(crate) fn client(&self, endpoint: &Endpoint) -> &reqwest::Client {
        if is_plain_loopback(endpoint) { self.direct() } else { &self.client }
    }

    /// The client for other machines, with the caller's settings and proxies.
    #[cfg(feature = "azure_identity")]
    pub(crate) fn proxied(&self) -> &reqwest::Client {
        &self.client
    }

    /// The client for this machine and its metadata service, without a proxy.
    pub(crate) fn direct(&self) -> &reqwest::Client {
        self.direct.as_ref().unwrap_or(&self.client)
    }
}

fn is_plain_loopback(endpoint: &Endpoint) -> bool {
    endpoint.is_loopback() && !endpoint.is_https()
}

/// Fails where TLS is needed and the build has none, or no provider of cryptography for it.
fn check_tls(endpoints: &[Endpoint]) -> Result<()> {
    #[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
    if let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.is_https()) {
        let text = format!("the endpoint {endpoint} needs TLS, which this build does not have");
        return Err(Error::new(ErrorKind::Config, text)
            .with_hint("switch on the feature rustls, native-tls or rustls-no-provider of azure-openai-chat"));
    }
    // reqwest panics without one, for plain HTTP too
    #[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let text = "no provider of cryptography is installed, and the feature rustls-no-provider brings none";
        return Err(Error::new(ErrorKind::Config, text)
            .with_hint("install one at start, such as rustls::crypto::ring::default_provider().install_default()"));
    }
    let _ = endpoints;
    Ok(())
}
