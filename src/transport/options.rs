//! The options of one call, and the settings that they make with the defaults of the client.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::endpoint::check_deployment;
use super::retry::RetryPolicy;
use super::timeout::{Deadline, Timeout};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::setters;

/// Upper bound of custom headers; the service answers 431 to more.
const MOST_HEADERS: usize = 10;
/// Headers that the client sets itself.
const OURS: [&str; 14] = [
    "accept",
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    CLIENT_REQUEST_ID,
];
const CLIENT_REQUEST_ID: &str = "x-ms-client-request-id";
const SPILLOVER: &str = "x-ms-spillover-deployment";

/// Options for one call, or for every call of a client: headers, query parameters, timeouts, retries.
///
/// Passed to [`complete_with`](crate::ChatClient::complete_with) and its like, or to
/// [`ClientBuilder::defaults`](crate::ClientBuilder::defaults). What a call leaves unset is as on the client; headers and
/// query parameters add up, and those of the call win.
///
/// # Example: a call with a short timeout and no retries
///
/// ```
/// use std::time::Duration;
/// use azure_openai_chat::{CallOptions, RetryPolicy};
///
/// let options = CallOptions::new()
///     .answer_timeout(Duration::from_secs(20))
///     .retry(RetryPolicy::none())
///     .header("x-policy-id", "strict");
/// # let _ = options;
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chat-completions>
#[derive(Debug, Clone, Default)]
pub struct CallOptions {
    headers: NamedValues,
    query: NamedValues,
    answer_timeout: Option<Duration>,
    client_request_id: Option<String>,
    retry: Option<RetryPolicy>,
    first_event_timeout: Option<Duration>,
    stream_idle_timeout: Option<Duration>,
    total_timeout: Option<Duration>,
    spillover_deployment: Option<String>,
}

impl CallOptions {
    /// Options that set nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header; at most ten in all, client and call together. A name or value that cannot be sent, and a header that
    /// the client sets itself such as `api-key` and `authorization`, fail the call with
    /// [`ErrorKind::Config`](crate::ErrorKind::Config).
    #[doc(alias = "extra_headers")]
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.0.push((name.into(), value.into()));
        self
    }

    /// Adds a query parameter to the address, such as one that a gateway routes by; percent-encoded as needed. Of two
    /// with the same name the later one counts, and one of a call before one of the client.
    ///
    /// Its value is in no log, error or `Debug` of this crate. `api-version` is not set here but by
    /// [`ClientBuilder::api_version`](crate::ClientBuilder::api_version); it and a parameter without a name
    /// fail the call with [`ErrorKind::Config`](crate::ErrorKind::Config).
    ///
    /// # Example: a gateway that routes by team
    ///
    /// ```
    /// use azure_openai_chat::CallOptions;
    ///
    /// let options = CallOptions::new().query("team", "search & ads");
    /// assert!(!format!("{options:?}").contains("ads"));
    /// ```
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chat-completions>
    #[doc(alias = "extra_query")]
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.set(name.into(), value.into());
        self
    }

    setters! {
        []
        /// The time for a whole answer, retries and waits included; 600 seconds by default, because reasoning takes
        /// minutes. Does not apply to streams.
        #[doc(alias = "timeout")]
        answer_timeout: Duration;

        /// The value of `x-ms-client-request-id`, the same over all attempts; a random UUID by default, and in place of
        /// an empty value. It is for one call: as a default of a client it is refused with
        /// [`ErrorKind::Config`](crate::ErrorKind::Config).
        client_request_id: into String;

        /// Whether and when failed attempts are retried; see [`RetryPolicy`](crate::RetryPolicy) for the default.
        retry: RetryPolicy;

        /// The time of a stream from sending to its first event, for each attempt; 600 seconds by default. Keep-alive
        /// comments are no events.
        first_event_timeout: Duration;

        /// The time that a stream may be silent once it has begun; 120 seconds by default. Keep-alive comments break
        /// the silence. It is noticed at most an eighth of this time later.
        #[doc(alias = "read_timeout")]
        stream_idle_timeout: Duration;

        /// The time for the whole call, retries, waits and the last byte of a stream included; none by default.
        #[doc(alias = "deadline")]
        total_timeout: Duration;

        /// The standard deployment that takes the call over when a provisioned one is busy, sent in
        /// `x-ms-spillover-deployment`.
        ///
        /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/spillover-traffic-management>
        spillover_deployment: into String;
    }
}

impl CallOptions {
    /// These options, and those of `defaults` where they set nothing. Headers and query parameters add up.
    pub(crate) fn over(&self, defaults: &Self) -> Self {
        let (call, mut merged) = (self.clone(), defaults.clone());
        merged.headers.0.extend(call.headers.0);
        call.query.0.into_iter().for_each(|(name, value)| merged.query.set(name, value));
        Self {
            headers: merged.headers,
            query: merged.query,
            answer_timeout: call.answer_timeout.or(merged.answer_timeout),
            client_request_id: call.client_request_id.or(merged.client_request_id),
            retry: call.retry.or(merged.retry),
            first_event_timeout: call.first_event_timeout.or(merged.first_event_timeout),
            stream_idle_timeout: call.stream_idle_timeout.or(merged.stream_idle_timeout),
            total_timeout: call.total_timeout.or(merged.total_timeout),
            spillover_deployment: call.spillover_deployment.or(merged.spillover_deployment),
        }
    }

    /// Refuses as defaults what could never be sent, and what is for one call.
    pub(crate) fn check_defaults(&self) -> Result<()> {
        if self.client_request_id.is_some() {
            return Err(config("client_request_id is for one call: pass it to complete_with(..), not to defaults(..)"));
        }
        for (name, timeout) in [
            ("answer_timeout", self.answer_timeout),
            ("first_event_timeout", self.first_event_timeout),
            ("stream_idle_timeout", self.stream_idle_timeout),
            ("total_timeout", self.total_timeout),
        ] {
            check_positive(name, timeout != Some(Duration::ZERO))?;
        }
        Settings::new(&Self::new(), self).map(|_| ())
    }

    pub(crate) fn query_parameters(&self) -> &NamedValues {
        &self.query
    }

    /// The values of headers and query parameters, which may be secrets.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.headers.0.iter().chain(&self.query.0).map(|(_, value)| value.as_str())
    }
}

/// Refuses a limit of zero in the settings of a client, with which no call could succeed.
pub(crate) fn check_positive(name: &str, is_positive: bool) -> Result<()> {
    if is_positive {
        return Ok(());
    }
    let text = format!("{name} is zero, so that no call of this client could succeed");
    Err(config(text).with_hint("leave it out for its default; the largest value of its type is as good as no limit"))
}

fn config(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, text)
}

/// Headers or query parameters. Their values may be secrets, and are not printed.
#[derive(Clone, Default)]
pub(crate) struct NamedValues(Vec<(String, String)>);

impl NamedValues {
    fn set(&mut self, name: String, value: String) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
    }

    fn check_query(&self) -> Result<()> {
        for (name, _) in &self.0 {
            if name.trim().is_empty() {
                return Err(config("a query parameter has no name; .query(name, value) needs one"));
            }
            if name.trim().eq_ignore_ascii_case("api-version") {
                return Err(config(
                    "the query parameter 'api-version' is set by the client; use .api_version(..) on the client builder",
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn append_to_query(&self, url: &mut Url) {
        if !self.0.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.0);
        }
    }
}

impl fmt::Debug for NamedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The options of a call over the defaults of its client, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) headers: HeaderMap,
    pub(crate) query: NamedValues,
    pub(crate) client_request_id: (String, HeaderValue),
    pub(crate) retry: RetryPolicy,
    pub(crate) answer_timeout: Duration,
    pub(crate) first_event_timeout: Duration,
    pub(crate) stream_idle_timeout: Duration,
    pub(crate) total_timeout: Option<Duration>,
}

impl Settings {
    pub(crate) fn new(defaults: &CallOptions, call: &CallOptions) -> Result<Self> {
        let options = call.over(defaults);
        options.query.check_query()?;
        let headers = headers(&options)?;
        let id = options.client_request_id.filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| random_id(&mut fastrand::Rng::new()));
        let id_header = header_value(CLIENT_REQUEST_ID, &id)?;
        Ok(Self {
            headers,
            query: options.query,
            client_request_id: (id, id_header),
            retry: options.retry.unwrap_or_default(),
            answer_timeout: options.answer_timeout.unwrap_or(Duration::from_secs(600)),
            first_event_timeout: options.first_event_timeout.unwrap_or(Duration::from_secs(600)),
            stream_idle_timeout: options.stream_idle_timeout.unwrap_or(Duration::from_secs(120)),
            total_timeout: options.total_timeout,
        })
    }

    /// The moment at which a call that began at `started` must be over.
    pub(crate) fn end_from(&self, started: Instant) -> Option<Deadline> {
        Timeout::Total(self.total_timeout?).deadline_from(started)
    }
}

fn headers(options: &CallOptions) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &options.headers.0 {
        let parsed =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| config(format!("{name:?} is not a header name")))?;
        if is_ours(&parsed) {
            let instead = match parsed.as_str() {
                "api-key" | "authorization" => "; credentials are passed to ChatClient::new",
                CLIENT_REQUEST_ID => "; use .client_request_id(..) on CallOptions",
                _ => "",
            };
            return Err(config(format!("the header '{parsed}' is set by the client{instead}")));
        }
        headers.insert(parsed, header_value(name, value)?);
    }
    if let Some(deployment) = &options.spillover_deployment {
        check_deployment(deployment)?;
        headers.insert(HeaderName::from_static(SPILLOVER), header_value(SPILLOVER, deployment)?);
    }
    if headers.len() > MOST_HEADERS {
        return Err(config(format!(
            "{} custom headers are set and the service takes at most {MOST_HEADERS}; leave some out",
            headers.len()
        )));
    }
    Ok(headers)
}

/// Whether the client sets this header itself.
pub(super) fn is_ours(name: &HeaderName) -> bool {
    OURS.contains(&name.as_str())
}

/// A header value that `Debug` does not print, since it may be a secret.
fn header_value(name: &str, value: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| config(format!("the value of the header '{name}' holds characters that a header cannot carry")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A random UUID: version 4, and the variant of RFC 9562. It identifies a call and is no secret.
fn random_id(rng: &mut fastrand::Rng) -> String {
    let mut bytes = rng.u128(..).to_ne_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut id = String::with_capacity(36);
    for (at, byte) in bytes.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        id.extend([byte >> 4, byte & 0x0f].iter().filter_map(|digit| char::from_digit(u32::from(*digit), 16)));
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(call: &CallOptions) -> Result<Settings> {
        Settings::new(&CallOptions::new(), call)
    }

    #[test]
    fn what_a_call_sets_wins_over_the_client() {
        let client = CallOptions::new()
            .header("x-team", "a")
            .header("x-app", "b")
            .answer_timeout(Duration::from_secs(1))
            .stream_idle_timeout(Duration::from_secs(2));
        let call = CallOptions::new().header("X-Team", "c").answer_timeout(Duration::from_secs(3));
        let settings = Settings::new(&client, &call).unwrap();
        assert_eq!(settings.headers.get("x-team").unwrap(), "c");
        assert_eq!(settings.headers.get("x-app").unwrap(), "b");
        assert_eq!(settings.answer_timeout, Duration::from_secs(3));
        assert_eq!(settings.stream_idle_timeout, Duration::from_secs(2));
        assert_eq!(settings.first_event_timeout, Duration::from_secs(600));
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_named_without_its_value() {
        for (name, value, words) in [
            ("no name", "canary", "\"no name\""),
            ("", "canary", "\"\""),
            ("x-team", "canary\n", "'x-team'"),
            ("Api-Key", "canary", "'api-key'"),
            ("authorization", "canary", "'authorization'"),
            ("Host", "canary", "'host'"),
            ("content-length", "canary", "'content-length'"),
            ("x-ms-client-request-id", "canary", "use .client_request_id(..)"),
        ] {
            let error = settle(&CallOptions::new().header(name, value)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(words), "{error}");
            assert!(!format!("{error:?}").contains("canary"));
        }
        let error = settle(&CallOptions::new().header("content-type", "text/plain")).unwrap_err();
        assert_eq!(error.to_string(), "the header 'content-type' is set by the client");
        let error = settle(&CallOptions::new().client_request_id("a\nb")).unwrap_err();
        assert!(error.to_string().contains("x-ms-client-request-id"), "{error}");
    }

    #[test]
    fn an_empty_id_of_the_caller_gives_way_to_one_of_the_client() {
        let settings = settle(&CallOptions::new().client_request_id("")).unwrap();
        assert_eq!(settings.client_request_id.0.len(), 36);
    }

    #[test]
    fn ten_headers_pass_and_eleven_do_not() {
        let ten = (0..9)
            .fold(CallOptions::new().spillover_deployment("paygo"), |options, n| options.header(format!("x-{n}"), "v"));
        assert_eq!(settle(&ten).unwrap().headers.get(SPILLOVER).unwrap(), "paygo");
        let error = settle(&ten.header("x-more", "v")).unwrap_err();
        assert!(error.to_string().contains("11 custom headers"), "{error}");
    }

    #[test]
    fn query_parameters_add_up_and_those_of_the_call_win() {
        let client = CallOptions::new().query("team", "a").query("app", "b & c").query("app", "d=e");
        let call = CallOptions::new().query("team", "f/g").query("flag", "");
        let settings = Settings::new(&client, &call).unwrap();
        let mut url = Url::parse("https://gw.contoso.net/x?api-version=2024-10-21").unwrap();
        settings.query.append_to_query(&mut url);
        assert_eq!(url.query(), Some("api-version=2024-10-21&app=d%3De&team=f%2Fg&flag="));
        let mut bare = Url::parse("https://gw.contoso.net/x").unwrap();
        settle(&CallOptions::new()).unwrap().query.append_to_query(&mut bare);
        assert_eq!(bare.as_str(), "https://gw.contoso.net/x");
    }

    #[test]
    fn a_query_parameter_that_cannot_be_sent_is_refused_without_its_value() {
        for (name, text) in [
            ("", "a query parameter has no name; .query(name, value) needs one"),
            (" ", "a query parameter has no name; .query(name, value) needs one"),
            (
                "Api-Version",
                "the query parameter 'api-version' is set by the client; use .api_version(..) on the client builder",
            ),
        ] {
            let options = CallOptions::new().query(name, "canary");
            for error in [settle(&options).unwrap_err(), Settings::new(&options, &CallOptions::new()).unwrap_err()] {
                assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Config, text));
                assert!(!format!("{error:?}").contains("canary"));
            }
        }
    }

    #[test]
    fn ids_have_the_form_of_a_uuid_and_differ() {
        let mut rng = fastrand::Rng::with_seed(1);
        let ids: std::collections::HashSet<String> = (0..100).map(|_| random_id(&mut rng)).collect();
        assert_eq!(ids.len(), 100);
        for id in ids {
            let groups: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12]);
            assert_eq!(id.as_bytes()[14], b'4');
            assert!(b"89ab".contains(&id.as_bytes()[19]));
        }
    }

    #[test]
    fn debug_shows_no_value_of_a_header_or_a_query_parameter() {
        let options = CallOptions::new().header("x-secret", "canary").query("code", "canary");
        assert!(format!("{options:?}").contains("\"code\""));
        assert!(!format!("{options:?}").contains("canary"));
        assert!(!format!("{:?}", settle(&options).unwrap()).contains("canary"));
    }
}
