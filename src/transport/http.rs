//! The HTTP client and what its errors mean.

use std::time::Duration;

use super::clock::Clock;
use crate::error::{Error, ErrorKind, Result};

pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!("azure-openai-chat/", env!("CARGO_PKG_VERSION"));

/// The clients that requests go out on.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    /// For loopback endpoints, which a proxy of the environment must not see.
    direct: reqwest::Client,
    /// Unknown when the caller brought the client.
    connect_timeout: Option<Duration>,
}

impl Http {
    /// For endpoints on loopback, elsewhere, or both; building a client is not cheap, so only those needed
    /// are made.
    pub(crate) fn new(connect_timeout: Duration, on_loopback: bool, elsewhere: bool) -> Result<Self> {
        let build = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| {
                Error::new(ErrorKind::Config, "the HTTP client could not be built").with_source(error.without_url())
            })
        };
        let proxied = elsewhere.then(|| build(builder(connect_timeout))).transpose()?;
        let direct = (on_loopback || !elsewhere).then(|| build(builder(connect_timeout).no_proxy())).transpose()?;
        let (Some(client), Some(direct)) = (proxied.clone().or(direct.clone()), direct.or(proxied)) else {
            return Err(Error::new(ErrorKind::Config, "the client has no backend"));
        };
        Ok(Self { client, direct, connect_timeout: Some(connect_timeout) })
    }

    pub(crate) fn brought(client: reqwest::Client) -> Self {
        Self { direct: client.clone(), client, connect_timeout: None }
    }

    pub(crate) fn client(&self, is_loopback: bool) -> &reqwest::Client {
        if is_loopback { &self.direct } else { &self.client }
    }

    /// Why no answer came.
    pub(crate) fn send_error(&self, error: reqwest::Error, host: &str) -> Error {
        let error = error.without_url();
        let made = if error.is_timeout() {
            match self.connect_timeout.filter(|_| error.is_connect()) {
                Some(set) => Clock::Connect(set).error(),
                None => Error::new(ErrorKind::Timeout, "a timeout of the HTTP client passed before an answer came"),
            }
        } else if error.is_redirect() {
            Error::new(ErrorKind::Config, "the HTTP client follows redirects")
                .with_hint("build it with reqwest::redirect::Policy::none()")
        } else if error.is_builder() {
            Error::new(ErrorKind::Config, "the request could not be built")
        } else if error.is_dns() {
            Error::new(ErrorKind::Connect, format!("the host '{host}' was not found"))
                .with_hint("check the resource's name in the endpoint")
        } else if error.is_connect() {
            Error::new(ErrorKind::Connect, format!("no connection to '{host}'"))
        } else {
            Error::new(ErrorKind::Connect, format!("the connection to '{host}' broke before an answer came"))
        };
        made.with_source(error)
    }
}

/// No redirects, since credentials belong to one origin; no compression, since a stream is read as it
/// comes and a small body must not become a large one; no retries but ours, so that attempts count.
fn builder(connect_timeout: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
}

/// An answer that broke off.
pub(crate) fn read_error(error: reqwest::Error, received: u64) -> Error {
    let error = error.without_url();
    let made = if error.is_timeout() {
        Error::new(ErrorKind::Timeout, "a timeout of the HTTP client passed while reading the answer")
    } else {
        Error::new(ErrorKind::Interrupted, format!("the connection broke after {received} bytes of the answer"))
    };
    made.with_source(error)
}
