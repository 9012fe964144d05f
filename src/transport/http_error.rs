//! The errors of the HTTP client as errors of this crate: the kind, whether another attempt can help, and the reason.
//!
//! The one list of reasons why no connection came about is [`ConnectFailure`]; signing in uses it too.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use super::http_client::{HEADER_BYTES, HEADER_FIELDS};
use super::request_body::Stage;
use crate::error::{Error, ErrorKind};

/// Why no answer came. What another attempt would not change is not retryable.
pub(super) fn send_error(
    error: reqwest::Error,
    host: &str,
    client: &reqwest::Client,
    connect_timeout: Duration,
    stage: &Stage,
) -> Error {
    let error = error.without_url();
    let is_connect = error.is_connect();
    let (is_unprocessed, is_head_refused) = http2_faults(&error);
    let connect = |text: String| Error::new(ErrorKind::Connect, text);
    let made = if error.is_builder() {
        Error::new(ErrorKind::Config, "the request could not be built")
    } else if is_connect {
        let failure = ConnectFailure::find(&error);
        if let Some(refusal) = failure.as_ref().and_then(|failure| failure.tls_error(host)) {
            refusal
        } else if let Some(refusal) = proxy_refusal(&error, host, client) {
            refusal
        } else if error.is_timeout() && !is_timeout_of_system(&error) {
            let seconds = connect_timeout.as_secs_f64();
            Error::new(ErrorKind::Timeout, format!("no connection to '{host}' within {seconds} s"))
        } else if matches!(failure, Some(ConnectFailure::HostNotFound)) {
            connect(format!("the host '{host}' was not found")).with_hint("check the resource's name in the endpoint")
        } else {
            connect(format!("no connection to '{host}'"))
        }
    } else if error.is_timeout() && !is_timeout_of_system(&error) {
        Error::new(ErrorKind::Timeout, "a timeout set in configure_http passed before an answer came")
    } else if has_text(&error, "message head is too large") || is_head_refused {
        headers_too_large(host)
    } else if is_unprocessed {
        return connect(format!("'{host}' refused the request before processing it")).with_source(error);
    } else if stage.is_sent() {
        connect(format!("the connection to '{host}' broke before an answer came"))
    } else {
        connect(format!("the connection to '{host}' broke before the request was sent"))
    };
    made.with_reached(stage.is_sent() && !is_connect).with_source(error)
}

/// The error for an answer that broke off.
pub(super) fn read_error(error: reqwest::Error, received: u64) -> Error {
    let error = error.without_url();
    let made = if error.is_timeout() && !is_timeout_of_system(&error) {
        Error::new(ErrorKind::Timeout, "a timeout set in configure_http passed while the answer was read")
    } else {
        Error::new(ErrorKind::Interrupted, format!("the connection broke after {received} bytes of the answer"))
    };
    made.with_source(error)
}

/// The error for an answer whose header fields are above the limit.
pub(super) fn headers_too_large(host: &str) -> Error {
    let text = format!(
        "the headers of the answer from '{host}' are above the limit of {} KiB and {HEADER_FIELDS} fields",
        HEADER_BYTES / 1024
    );
    Error::new(ErrorKind::Connect, text).with_reached(true).not_retryable()
}

/// The error for a proxy that answers 407.
pub(super) fn proxy_sign_in(client: &reqwest::Client) -> Error {
    let text = format!("the proxy{} requires a sign-in", proxy_name(client));
    Error::new(ErrorKind::Connect, text)
        .with_hint("put user and password into its address, as in HTTPS_PROXY=http://user:password@proxy:3128")
        .not_retryable()
}

/// The error and its sources. An `io::Error` is passed over for the error it holds.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        held.map(|held| held as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

fn has_text(error: &reqwest::Error, text: &str) -> bool {
    chain(error).any(|error| error.to_string().contains(text))
}

/// A connection that the system gave up, because nothing was acknowledged for long. reqwest calls it a timeout, although
/// none that a caller has set.
fn is_timeout_of_system(error: &reqwest::Error) -> bool {
    chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).any(|error| error.raw_os_error().is_some())
}

/// Over HTTP/2: whether the request was refused before it was processed, by `REFUSED_STREAM` or a graceful `GOAWAY` (RFC
/// 9113, section 8.7), and whether the header fields of the answer are above the limit, or malformed.
#[cfg(feature = "http2")]
fn http2_faults(error: &reqwest::Error) -> (bool, bool) {
    let errors = || chain(error).filter_map(|error| error.downcast_ref::<h2::Error>());
    let is_unprocessed = |error: &h2::Error| match error.reason() {
        Some(h2::Reason::REFUSED_STREAM) => error.is_remote() && error.is_reset(),
        Some(h2::Reason::NO_ERROR) => error.is_remote() && error.is_go_away(),
        _ => false,
    };
    let is_head_refused = |error: &h2::Error| {
        error.is_library() && error.is_reset() && error.reason() == Some(h2::Reason::PROTOCOL_ERROR)
    };
    (errors().any(is_unprocessed), errors().any(is_head_refused))
}

#[cfg(not(feature = "http2"))]
fn http2_faults(_: &reqwest::Error) -> (bool, bool) {
    (false, false)
}

fn proxy_refusal(error: &reqwest::Error, host: &str, client: &reqwest::Client) -> Option<Error> {
    // hyper-util does not make the type public
    if has_text(error, "proxy authorization required") {
        return Some(proxy_sign_in(client));
    }
    let text = || format!("the proxy{} did not connect to '{host}'", proxy_name(client));
    has_text(error, "tunnel error").then(|| Error::new(ErrorKind::Connect, text()))
}

/// The proxy's address, from the `Debug` text of reqwest's client, the only place that shows it; it has no sign-in.
fn proxy_name(client: &reqwest::Client) -> String {
    let text = format!("{client:?}");
    let proxies = text.split_once("proxies: [").map_or("", |(_, proxies)| proxies);
    let name = ["https: Intercept { uri: ", "http: Intercept { uri: "].iter().find_map(|start| {
        let (uri, _) = proxies.split_once(start)?.1.split_once([' ', '}'])?;
        let authority = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        let authority = authority.rsplit('@').next()?.trim_end_matches('/');
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        (!authority.is_empty() && authority.bytes().all(is_name)).then(|| format!(" '{authority}'"))
    });
    name.unwrap_or_default()
}

const PLAIN_HTTP: &str = "use the service's https port; plain http is for this machine, or for a gateway of your own";
const FROM_UNKNOWN_ROOT: &str = "comes from an unknown root";
const UNKNOWN_ROOT: &str =
    "a proxy that inspects TLS has a root of its own: add it with configure_http, or to the roots of the system";
const OTHER_NAME: &str = "check the host's name in the endpoint";
const TIMED_OUT: &str = "connection timed out";

/// Why no connection came about.
#[derive(Debug)]
#[cfg_attr(
    not(any(feature = "rustls", feature = "rustls-no-provider")),
    expect(dead_code, reason = "the TLS libraries of the systems report fewer kinds of failure")
)]
pub(super) enum ConnectFailure {
    HostNotFound,
    /// A failure that may pass.
    Transient(&'static str),
    /// The port is one of plain HTTP, not of TLS.
    PlainHttp,
    /// One side refused TLS, for this reason.
    NoTls(String),
    /// What is wrong with the certificate, and the next step if there is one.
    Certificate(String, &'static str),
}

impl ConnectFailure {
    /// The failure among the causes of an error: by type, else by text.
    pub(super) fn find(error: &(dyn StdError + 'static)) -> Option<Self> {
        rustls_failure(error).or_else(|| Self::of_io(error)).or_else(|| Self::of_text(error))
    }

    fn of_io(error: &(dyn StdError + 'static)) -> Option<Self> {
        chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).find_map(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Self::Transient("connection refused")),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Some(Self::Transient("connection reset")),
            io::ErrorKind::TimedOut => Some(Self::Transient(TIMED_OUT)),
            _ => None,
        })
    }

    /// For errors without a public type: those of name resolution, and of the TLS libraries of the systems.
    fn of_text(error: &(dyn StdError + 'static)) -> Option<Self> {
        const CERTIFICATES: [(&[&str], &str, &str); 4] = [
            (
                &["certificate has expired", "certificate: expired", "certificate is not valid (-67818)"],
                "has expired",
                "",
            ),
            (
                &[
                    "hostname mismatch",
                    "ip address mismatch",
                    "host name does not match",
                    "notvalidforname",
                    "certificate not valid for name",
                ],
                "is for another name",
                OTHER_NAME,
            ),
            (
                &["local issuer", "self-signed", "self signed", "not trusted", "untrusted", "unknownissuer"],
                FROM_UNKNOWN_ROOT,
                UNKNOWN_ROOT,
            ),
            (&["certificate verify failed"], "was not accepted", ""),
        ];
        let text: String = chain(error).map(|error| error.to_string().to_ascii_lowercase() + "\n").collect();
        let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
        if has(&["dns error", "failed to lookup address"]) {
            return Some(Self::HostNotFound);
        }
        if let Some((_, fault, hint)) = CERTIFICATES.into_iter().find(|(parts, ..)| has(parts)) {
            return Some(Self::Certificate(fault.to_owned(), hint));
        }
        if has(&["wrong version number", ":http request"]) {
            return Some(Self::PlainHttp);
        }
        has(&["operation timed out"]).then_some(Self::Transient(TIMED_OUT))
    }

    /// The error for a TLS connection that was refused, by either side; none for failures that may pass.
    fn tls_error(&self, host: &str) -> Option<Error> {
        let (text, hint) = match self {
            Self::HostNotFound | Self::Transient(_) => return None,
            Self::PlainHttp => (format!("this port speaks plain http, not TLS: '{host}'"), PLAIN_HTTP),
            Self::NoTls(reason) => (format!("no TLS with '{host}': {reason}"), ""),
            Self::Certificate(fault, hint) => (format!("the certificate of '{host}' {fault}"), *hint),
        };
        let error = Error::new(ErrorKind::Connect, text).not_retryable();
        Some(if hint.is_empty() { error } else { error.with_hint(hint) })
    }
}

/// The failure without the host, such as `host not found`, for error texts that name the host themselves.
impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostNotFound => f.write_str("host not found"),
            Self::Transient(reason) => f.write_str(reason),
            Self::PlainHttp => f.write_str("plain http, not TLS"),
            Self::NoTls(reason) => f.write_str(reason),
            Self::Certificate(fault, _) => write!(f, "its certificate {fault}"),
        }
    }
}

#[cfg(any(feature = "rustls", feature = "rustls-no-provider"))]
fn rustls_failure(error: &(dyn StdError + 'static)) -> Option<ConnectFailure> {
    use rustls::{AlertDescription, CertificateError, Error as Tls};

    /// Names of the certificate that are shown.
    const SHOWN: usize = 3;
    let certificate = match chain(error).find_map(|error| error.downcast_ref::<Tls>())? {
        Tls::InvalidCertificate(certificate) => certificate,
        Tls::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => return Some(ConnectFailure::PlainHttp),
        // may pass, like a connection that breaks
        Tls::AlertReceived(AlertDescription::InternalError | AlertDescription::CloseNotify) => return None,
        Tls::AlertReceived(alert) => return Some(ConnectFailure::NoTls(format!("the server refused it ({alert:?})"))),
        error @ (Tls::PeerIncompatible(_) | Tls::NoCertificatesPresented | Tls::UnsupportedNameType) => {
            return Some(ConnectFailure::NoTls(error.to_string()));
        }
        _ => return None,
    };
    let date = |time: &rustls::pki_types::UnixTime| {
        let time = std::time::UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()))?;
        // `Fri, 21 Nov 2025 01:00:00 GMT` without its weekday and time
        httpdate::fmt_http_date(time).get(5..16).map(str::to_owned)
    };
    let (fault, hint) = match certificate {
        CertificateError::ExpiredContext { not_after, .. } => {
            (date(not_after).map_or_else(|| "has expired".to_owned(), |date| format!("expired on {date}")), "")
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            let fault = date(not_before).map(|date| format!("is not valid before {date}"));
            (fault.unwrap_or_else(|| "is not valid yet".to_owned()), "check the clock")
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let is_name =
                |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-*:".contains(&byte));
            let names = presented.iter().filter_map(|name| name.split('"').nth(1)).filter(is_name);
            let names = names.take(SHOWN).collect::<Vec<_>>().join(", ");
            (format!("is for {}", if names.is_empty() { "another name" } else { &names }), OTHER_NAME)
        }
        CertificateError::NotValidForName => ("is for another name".to_owned(), OTHER_NAME),
        CertificateError::UnknownIssuer => (FROM_UNKNOWN_ROOT.to_owned(), UNKNOWN_ROOT),
        CertificateError::Revoked => ("was revoked".to_owned(), ""),
        other => (format!("was not accepted: {other}"), ""),
    };
    Some(ConnectFailure::Certificate(fault, hint))
}

#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider")))]
fn rustls_failure(_: &(dyn StdError + 'static)) -> Option<ConnectFailure> {
    None
}
