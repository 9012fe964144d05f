//! Errors of the HTTP client: which kind each is, whether another attempt can help, and what it says.

use std::error::Error as StdError;
use std::io;

use super::clock::Clock;
use super::http::{HEADER_BYTES, HEADER_FIELDS, Http};
use super::stage::Stage;
use crate::error::{Error, ErrorKind};

impl Http {
    /// Why no answer came. Whatever another attempt would not change is not retryable.
    pub(super) fn send_error(
        &self,
        error: reqwest::Error,
        host: &str,
        client: &reqwest::Client,
        stage: &Stage,
    ) -> Error {
        let error = error.without_url();
        let connect = |text: String| Error::new(ErrorKind::Connect, text);
        let made = if error.is_builder() {
            Error::new(ErrorKind::Config, "the request could not be built")
        } else if error.is_connect() {
            if let Some(refusal) = tls_refusal(&error, host).or_else(|| proxy_refusal(&error, host, client)) {
                refusal
            } else if error.is_timeout() && !is_timeout_of_system(&error) {
                Clock::Connect(self.connect_timeout).error()
            } else if error.is_dns() {
                connect(format!("the host '{host}' was not found"))
                    .with_hint("check the resource's name in the endpoint")
            } else {
                connect(format!("no connection to '{host}'"))
            }
        } else if error.is_timeout() && !is_timeout_of_system(&error) {
            Error::new(ErrorKind::Timeout, "a timeout set in configure_http passed before an answer came")
        } else if has_text(&error, "message head is too large") || is_head_refused(&error) {
            headers_too_large(host)
        } else if is_stream_refused(&error) {
            return connect(format!("'{host}' refused the request before looking at it")).with_source(error);
        } else if stage.is_sent() {
            connect(format!("the connection to '{host}' broke before an answer came"))
        } else {
            connect(format!("the connection to '{host}' broke before the request was sent"))
        };
        made.with_reached(stage.is_sent()).with_source(error)
    }
}

/// An answer that broke off.
pub(super) fn read_error(error: reqwest::Error, received: u64) -> Error {
    let error = error.without_url();
    let made = if error.is_timeout() && !is_timeout_of_system(&error) {
        Error::new(ErrorKind::Timeout, "a timeout set in configure_http passed while the answer was read")
    } else {
        Error::new(ErrorKind::Interrupted, format!("the connection broke after {received} bytes of the answer"))
    };
    made.with_source(error)
}

/// An answer whose header fields are above the limit.
pub(super) fn headers_too_large(host: &str) -> Error {
    let text = format!(
        "the headers of the answer from '{host}' are above the limit of {} KiB and {HEADER_FIELDS} fields",
        HEADER_BYTES / 1024
    );
    Error::new(ErrorKind::Connect, text).with_reached(true).not_retryable()
}

/// A proxy that wants to know who calls.
pub(super) fn proxy_sign_in(client: &reqwest::Client) -> Error {
    let text = format!("the proxy{} asks for a sign-in", proxy_name(client));
    Error::new(ErrorKind::Connect, text)
        .with_hint("put user and password into its address, as in HTTPS_PROXY=http://user:password@proxy:3128")
        .not_retryable()
}

/// The error and what caused it. An `io::Error` is passed over for the error it holds.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        held.map(|held| held as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

fn has_text(error: &reqwest::Error, text: &str) -> bool {
    chain(error).any(|error| error.to_string().contains(text))
}

/// A connection that the system gave up, because nothing was acknowledged for long. reqwest calls it a timeout, but
/// no clock of a caller has run out.
fn is_timeout_of_system(error: &reqwest::Error) -> bool {
    chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).any(|error| error.raw_os_error().is_some())
}

/// HTTP/2: the server says that it has not begun with this request.
#[cfg(feature = "http2")]
fn is_stream_refused(error: &reqwest::Error) -> bool {
    let errors = chain(error).filter_map(|error| error.downcast_ref::<h2::Error>());
    errors.filter(|error| error.is_remote()).any(|error| match error.reason() {
        Some(h2::Reason::REFUSED_STREAM) => error.is_reset(),
        Some(h2::Reason::NO_ERROR) => error.is_go_away(),
        _ => false,
    })
}

#[cfg(not(feature = "http2"))]
fn is_stream_refused(_: &reqwest::Error) -> bool {
    false
}

/// HTTP/2: the header fields are more than could be taken, or not those of HTTP/2.
#[cfg(feature = "http2")]
fn is_head_refused(error: &reqwest::Error) -> bool {
    let mut errors = chain(error).filter_map(|error| error.downcast_ref::<h2::Error>());
    errors.any(|error| error.is_library() && error.is_reset() && error.reason() == Some(h2::Reason::PROTOCOL_ERROR))
}

#[cfg(not(feature = "http2"))]
fn is_head_refused(_: &reqwest::Error) -> bool {
    false
}

fn proxy_refusal(error: &reqwest::Error, host: &str, client: &reqwest::Client) -> Option<Error> {
    // the type is not public; the texts are those of hyper-util
    if has_text(error, "proxy authorization required") {
        return Some(proxy_sign_in(client));
    }
    let text = || format!("the proxy{} did not connect to '{host}'", proxy_name(client));
    has_text(error, "tunnel error").then(|| Error::new(ErrorKind::Connect, text()))
}

/// The proxy's address where it can be known: reqwest shows it in its debug text alone, without the sign-in.
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

/// Why a server was not believed to be what it claims, or why it did not believe us.
fn tls_refusal(error: &reqwest::Error, host: &str) -> Option<Error> {
    let (text, hint) = rustls_refusal(error, host).or_else(|| system_refusal(error, host))?;
    let error = Error::new(ErrorKind::Connect, text).not_retryable();
    Some(if hint.is_empty() { error } else { error.with_hint(hint) })
}

/// What to do about it.
#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
mod next_step {
    pub(super) const PLAIN_HTTP: &str =
        "use the service's https port; plain http is for this machine, or for a gateway of your own";
    pub(super) const UNKNOWN_ROOT: &str =
        "a proxy that inspects TLS has a root of its own: add it with configure_http, or to the roots of the system";
    pub(super) const NAMES: &str = "check the host's name in the endpoint";
}

#[cfg(any(feature = "rustls", feature = "rustls-no-provider"))]
fn rustls_refusal(error: &reqwest::Error, host: &str) -> Option<(String, &'static str)> {
    use rustls::{AlertDescription, CertificateError, Error as Tls};

    /// Names of the certificate that are shown.
    const SHOWN: usize = 3;

    let error = chain(error).find_map(|error| error.downcast_ref::<Tls>())?;
    let certificate = match error {
        Tls::InvalidCertificate(certificate) => certificate,
        Tls::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
            return Some((format!("this port speaks plain http, not TLS: '{host}'"), next_step::PLAIN_HTTP));
        }
        // may pass, like a connection that breaks
        Tls::AlertReceived(AlertDescription::InternalError | AlertDescription::CloseNotify) => return None,
        Tls::AlertReceived(alert) => return Some((format!("'{host}' refused the TLS connection ({alert:?})"), "")),
        Tls::PeerIncompatible(_) | Tls::NoCertificatesPresented | Tls::UnsupportedNameType => {
            return Some((format!("no TLS with '{host}': {error}"), ""));
        }
        _ => return None,
    };
    let date = |time: rustls::pki_types::UnixTime| {
        let time = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(time.as_secs()));
        // `Fri, 21 Nov 2025 01:00:00 GMT` without its weekday and time
        time.and_then(|time| httpdate::fmt_http_date(time).get(5..16).map(str::to_owned)).unwrap_or_default()
    };
    Some(match certificate {
        CertificateError::ExpiredContext { not_after, .. } => {
            (format!("the certificate of '{host}' expired on {}", date(*not_after)), "")
        }
        CertificateError::Expired => (format!("the certificate of '{host}' has expired"), ""),
        CertificateError::NotValidYetContext { not_before, .. } => {
            (format!("the certificate of '{host}' is not valid before {}", date(*not_before)), "check the clock")
        }
        CertificateError::NotValidYet => (format!("the certificate of '{host}' is not valid yet"), "check the clock"),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let is_name =
                |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-*:".contains(&byte));
            let names = presented.iter().filter_map(|name| name.split('"').nth(1)).filter(is_name);
            let names: Vec<&str> = names.take(SHOWN).collect();
            match names.join(", ") {
                names if names.is_empty() => {
                    (format!("the certificate of '{host}' is for another name"), next_step::NAMES)
                }
                names => (format!("the certificate of '{host}' is for {names}"), next_step::NAMES),
            }
        }
        CertificateError::NotValidForName => {
            (format!("the certificate of '{host}' is for another name"), next_step::NAMES)
        }
        CertificateError::UnknownIssuer => {
            (format!("the certificate of '{host}' comes from an unknown root"), next_step::UNKNOWN_ROOT)
        }
        CertificateError::Revoked => (format!("the certificate of '{host}' was revoked"), ""),
        other => (format!("the certificate of '{host}' was not accepted: {other}"), ""),
    })
}

#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider")))]
fn rustls_refusal(_: &reqwest::Error, _: &str) -> Option<(String, &'static str)> {
    None
}

/// The same for the TLS library of the system, which has texts and no types.
#[cfg(feature = "native-tls")]
fn system_refusal(error: &reqwest::Error, host: &str) -> Option<(String, &'static str)> {
    let text: String = chain(error).map(|error| error.to_string().to_lowercase()).collect();
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    Some(if has(&["certificate has expired", "certificate is not valid (-67818)"]) {
        (format!("the certificate of '{host}' has expired"), "")
    } else if has(&["hostname mismatch", "ip address mismatch", "host name does not match"]) {
        (format!("the certificate of '{host}' is for another name"), next_step::NAMES)
    } else if has(&["local issuer", "self-signed", "self signed", "not trusted", "untrusted"]) {
        (format!("the certificate of '{host}' comes from an unknown root"), next_step::UNKNOWN_ROOT)
    } else if has(&["wrong version number", "http request"]) {
        (format!("this port speaks plain http, not TLS: '{host}'"), next_step::PLAIN_HTTP)
    } else if has(&["certificate verify failed"]) {
        (format!("the certificate of '{host}' was not accepted"), "")
    } else {
        return None;
    })
}

#[cfg(not(feature = "native-tls"))]
fn system_refusal(_: &reqwest::Error, _: &str) -> Option<(String, &'static str)> {
    None
}
