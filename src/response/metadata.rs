//! The metadata of an answer, [`ResponseMetadata`]: status, headers, and how many attempts it took.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::rate_limits::RateLimits;
use crate::wire::getters;

/// Status and headers of an answer, and how it was reached.
///
/// It is part of [`ChatCompletion`](crate::ChatCompletion), the stream and the [`Error`](crate::Error) alike. Header
/// names are lower case. Values that are not UTF-8 have U+FFFD in place of the wrong bytes.
///
/// A completion is stored as the service's JSON, which has no headers: store its metadata beside it, and put both
/// together by [`ChatCompletion::with_metadata`](crate::ChatCompletion::with_metadata).
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#response-headers>
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponseMetadata {
    status: u16,
    /// In the order they came, with names in lower case.
    headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_id: Option<String>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_to_headers: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    repaired: Vec<String>,
}

/// What the transport adds to the status and the headers.
#[cfg(feature = "client")]
impl ResponseMetadata {
    pub(crate) fn with_call(mut self, client_request_id: String, attempts: u32, time_to_headers: Duration) -> Self {
        self.client_request_id = Some(client_request_id);
        self.attempts = attempts;
        self.time_to_headers = Some(time_to_headers);
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    pub(crate) fn with_endpoint(mut self, endpoint: String) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    pub(crate) fn with_repaired(mut self, parameters: &[String]) -> Self {
        self.repaired = parameters.to_vec();
        self
    }
}

getters! { metadata: ResponseMetadata => metadata;
    /// The HTTP status; 0 when the answer did not come over HTTP.
    status: Plain<u16>;
    /// The id this client sent in `x-ms-client-request-id`, the same over all attempts.
    client_request_id: String;
    /// How long to wait before the next call, from `retry-after-ms`, `x-ms-retry-after-ms` or `retry-after`, in
    /// seconds or as a date, which counts from the answer's own `date`, else from when it came.
    retry_after: Copied<Duration>;
    /// The number of times the request was sent.
    attempts: Plain<u32>;
    /// The time from sending the last attempt to having its headers.
    time_to_headers: Copied<Duration>;
    /// The endpoint that answered, of interest with several backends.
    endpoint: String;
    /// The parameters that were removed after the service refused them, when `repair_once` is on.
    repaired: Slice<String>;
}

impl ResponseMetadata {
    /// Metadata from a status and headers, in the order they came. Names may have any case.
    #[must_use]
    pub fn new<N, V>(status: u16, headers: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str>,
        V: Into<String>,
    {
        let headers = headers.into_iter().map(|(name, value)| (name.as_ref().to_ascii_lowercase(), value.into()));
        let mut metadata = Self { status, headers: headers.collect(), attempts: 1, ..Self::default() };
        metadata.retry_after = metadata.read_retry_after();
        metadata
    }

    /// A header by its name, in any case; the first if there are several.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut of_name = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        of_name.next().map(|(_, value)| value.as_str())
    }

    /// Every header, in the order they came.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The id to quote to Azure support: `apim-request-id`, else `x-request-id`, else `x-ms-request-id`; where a gateway
    /// sends none of them, its own `request-id` or `x-litellm-call-id`.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        ["apim-request-id", "x-request-id", "x-ms-request-id", "request-id", "x-litellm-call-id"]
            .into_iter()
            .find_map(|name| self.header(name).filter(|id| !id.is_empty()))
    }

    /// The region that answered, such as `East US 2`.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.header("x-ms-region")
    }

    /// The deployment that answered, which after a spillover is not that of the request.
    #[must_use]
    pub fn deployment(&self) -> Option<&str> {
        self.header("x-ms-deployment-name")
    }

    /// The provisioned deployment from which the call spilled over to a standard one.
    #[must_use]
    pub fn spillover_from(&self) -> Option<&str> {
        self.header("x-ms-spillover-from-deployment")
    }

    /// The error of the spillover, when both deployments refused.
    #[must_use]
    pub fn spillover_error(&self) -> Option<&str> {
        self.header("x-ms-spillover-error")
    }

    /// The time the service spent on the answer, from `openai-processing-ms`.
    #[must_use]
    pub fn processing_time(&self) -> Option<Duration> {
        seconds(self.header("openai-processing-ms")?.trim().parse::<f64>().ok()? / 1000.0)
    }

    fn read_retry_after(&self) -> Option<Duration> {
        let millis = |name| seconds(self.header(name)?.trim().parse::<f64>().ok()? / 1000.0);
        millis("retry-after-ms").or_else(|| millis("x-ms-retry-after-ms")).or_else(|| {
            let text = self.header("retry-after")?.trim();
            match text.parse() {
                Ok(number) => seconds(number),
                Err(_) => self.time_until(httpdate::parse_http_date(text).ok()?),
            }
        })
    }

    fn time_until(&self, date: SystemTime) -> Option<Duration> {
        let answered = self.header("date").and_then(|date| httpdate::parse_http_date(date.trim()).ok());
        // wasm32 without a host has no clock
        let now = answered.or_else(|| (!cfg!(target_family = "wasm")).then(SystemTime::now))?;
        Some(date.duration_since(now).unwrap_or_default())
    }

    /// The `x-should-retry` header: whether the request is to be retried.
    pub(crate) fn should_retry(&self) -> Option<bool> {
        match self.header("x-should-retry")?.trim() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The `x-ratelimit-*` headers. A reset is a bare number of seconds on Azure, and `17ms`, `1m2.5s` and the like behind
    /// some gateways; both are read.
    #[must_use]
    pub fn rate_limits(&self) -> RateLimits {
        RateLimits::read(|name| self.header(name))
    }
}

/// A duration from seconds, unless they are negative, not finite or too large.
fn seconds(value: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(value).ok()
}

/// Prints the ids of the call; other header values can have anything, and are left out.
impl fmt::Debug for ResponseMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseMetadata")
            .field("status", &self.status)
            .field("request_id", &self.request_id())
            .field("client_request_id", &self.client_request_id)
            .field("region", &self.region())
            .field("deployment", &self.deployment())
            .field("attempts", &self.attempts)
            .field("time_to_headers", &self.time_to_headers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> ResponseMetadata {
        ResponseMetadata::new(429, [(name, value)])
    }

    #[test]
    fn the_apim_id_is_preferred() {
        let metadata = ResponseMetadata::new(200, [("X-Request-ID", "b"), ("apim-request-id", "a")]);
        assert_eq!(metadata.request_id(), Some("a"));
        assert_eq!(metadata.header("x-request-id"), Some("b"));
    }

    #[test]
    fn what_is_stored_is_loaded() {
        let metadata = ResponseMetadata::new(200, [("apim-request-id", "a"), ("set-cookie", "b"), ("set-cookie", "c")])
            .with_call("mine".to_owned(), 2, Duration::from_millis(15))
            .with_endpoint("https://a.b".to_owned())
            .with_repaired(&["stop".to_owned()]);
        for metadata in [metadata, ResponseMetadata::new(429, [("retry-after", "2")]), ResponseMetadata::default()] {
            let stored = serde_json::to_string(&metadata).unwrap();
            assert_eq!(serde_json::from_str::<ResponseMetadata>(&stored).unwrap(), metadata, "{stored}");
        }
        let earlier: ResponseMetadata = serde_json::from_str(r#"{"status": 200, "member_of_tomorrow": 1}"#).unwrap();
        assert_eq!((earlier.status(), earlier.request_id()), (200, None));
    }

    #[test]
    fn headers_keep_their_order_and_names_become_lower_case() {
        let sent = [("Date", "today"), ("X-Empty", ""), ("set-cookie", "A=1"), ("Set-Cookie", "B=\u{fffd}")];
        let metadata = ResponseMetadata::new(200, sent);
        let kept: Vec<(&str, &str)> = metadata.headers().collect();
        assert_eq!(kept, [("date", "today"), ("x-empty", ""), ("set-cookie", "A=1"), ("set-cookie", "B=\u{fffd}")]);
        assert_eq!(metadata.header("SET-COOKIE"), Some("A=1"));
        assert_eq!(metadata.header("today"), None);
    }

    #[test]
    fn waits_are_read_in_milliseconds_and_seconds() {
        assert_eq!(with("retry-after-ms", "1500").retry_after(), Some(Duration::from_millis(1500)));
        assert_eq!(with("x-ms-retry-after-ms", "20").retry_after(), Some(Duration::from_millis(20)));
        assert_eq!(with("Retry-After", "2").retry_after(), Some(Duration::from_secs(2)));
        for value in ["-1", "soon", "nan", "inf", "1e300", ""] {
            assert_eq!(with("retry-after", value).retry_after(), None, "{value}");
        }
    }

    #[test]
    fn a_wait_is_read_in_every_form_dates_included() {
        for (name, value, millis) in [
            ("retry-after-ms", "1500", Some(1500)),
            ("x-ms-retry-after-ms", "20", Some(20)),
            ("retry-after", "7", Some(7000)),
            ("retry-after", " 2.5 ", Some(2500)),
            ("retry-after", "Fri, 21 Nov 2025 01:00:30 GMT", Some(30_000)),
            ("retry-after", "Friday, 21-Nov-25 01:00:30 GMT", Some(30_000)),
            ("retry-after", "Fri, 21 Nov 2025 00:00:00 GMT", Some(0)),
            ("retry-after", "-5", None),
            ("retry-after", "tomorrow", None),
        ] {
            let date = ("date", "Fri, 21 Nov 2025 01:00:00 GMT");
            let metadata = ResponseMetadata::new(429, [date, (name, value)]);
            assert_eq!(metadata.retry_after(), millis.map(Duration::from_millis), "{name}: {value}");
        }
        let past = ResponseMetadata::new(429, [("retry-after", "Fri, 21 Nov 2025 00:00:00 GMT")]);
        assert_eq!(past.retry_after(), Some(Duration::ZERO), "counted from when it came");
    }
}
