//! What can go wrong between a client and the service, on demand.

use std::fmt;
use std::time::Duration;

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

pub(crate) use self::answer::{FaultAnswer, RawAnswer};
pub use self::preset::Preset;

use self::answer::Base;
use self::table::FaultTable;
use self::when::When;

pub(crate) mod steps;

mod answer;
mod preset;
mod table;
mod when;

/// Something that goes wrong, and for which requests.
///
/// A fault strikes the next request, unless [`next`](Self::next), [`every`](Self::every) or
/// [`always`](Self::always) says otherwise, on any deployment, unless [`on`](Self::on) names one. Faults
/// come before everything else, so also a request without credentials meets them. Of several that fit, the
/// one given first strikes.
///
/// Where a fault counts chunks, these are the events of a stream (the prompt's filter results are the
/// first), or pieces of 64 bytes of an answer that is not streamed.
///
/// # Example: two failures, then an answer
///
/// ```no_run
/// use azure_openai_emulator::{Emulator, Fault};
///
/// # async fn run() -> std::io::Result<()> {
/// let emulator = Emulator::start().await?;
/// emulator.inject(Fault::status(503).header("retry-after-ms", "10").next(2));
/// # Ok(()) }
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "FaultTable", into = "FaultTable")]
pub struct Fault {
    kind: Kind,
    when: When,
    deployment: Option<String>,
    header: Option<(String, Option<String>)>,
    phrase: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Answer(FaultAnswer),
    Delay(Duration),
    Reset,
    ContentType(String),
    Truncate(usize),
    Cut(usize),
    Stall(usize),
    Malformed(usize),
    Error(usize),
    AfterDone(String),
    LateEnd(Duration),
    Trickle(Duration),
}

impl Kind {
    /// The name of the fault in the journal and in the log.
    pub(crate) fn name(&self) -> String {
        let name = match self {
            Self::Answer(answer) => return answer.name(),
            Self::Delay(_) => "delay",
            Self::Reset => "reset",
            Self::ContentType(_) => "content_type",
            Self::Truncate(_) => "truncate",
            Self::Cut(_) => "cut",
            Self::Stall(_) => "stall",
            Self::Malformed(_) => "malformed",
            Self::Error(_) => "error",
            Self::AfterDone(_) => "extra_after_done",
            Self::LateEnd(_) => "late_end",
            Self::Trickle(_) => "trickle",
        };
        name.to_owned()
    }
}

/// The header that names the fault of its own request.
pub(crate) const FAULT_HEADER: &str = "x-emulator-fault";

impl Fault {
    fn new(kind: Kind) -> Self {
        Self { kind, when: When::default(), deployment: None, header: None, phrase: None }
    }

    fn answer(base: Base) -> Self {
        Self::new(Kind::Answer(FaultAnswer::new(base)))
    }

    /// Answers as Azure, or API Management before it, answers in a well-known case.
    ///
    /// # Example: a quota of the gateway, used up for two seconds
    ///
    /// ```
    /// use std::time::Duration;
    /// use azure_openai_emulator::{Fault, Preset};
    ///
    /// let fault = Fault::preset(Preset::ApimRateLimit).retry_after(Duration::from_secs(2)).next(3);
    /// ```
    #[must_use]
    pub fn preset(preset: Preset) -> Self {
        Self::answer(Base::Preset(preset))
    }

    /// Sets the time to wait in the headers `retry-after` and `retry-after-ms` of an answer, and in the text of a
    /// [`preset`](Self::preset).
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        if let Kind::Answer(answer) = &mut self.kind {
            answer.retry_after = Some(wait);
        }
        self
    }

    /// Answers with this status and a small error body of Azure's shape.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::answer(Base::Status(status))
    }

    /// Answers with this status and a page of HTML, as a proxy in between does.
    #[must_use]
    pub fn html(status: u16) -> Self {
        Self::answer(Base::Html(status))
    }

    /// Gives a [`preset`](Self::preset), [`status`](Self::status) or [`html`](Self::html) answer this body.
    #[must_use]
    pub fn body(mut self, text: impl Into<String>) -> Self {
        if let Kind::Answer(answer) = &mut self.kind {
            answer.body = Some(text.into());
        }
        self
    }

    /// Gives a [`preset`](Self::preset), [`status`](Self::status) or [`html`](Self::html) answer this header, in place
    /// of one of the same name.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Kind::Answer(answer) = &mut self.kind {
            answer.headers.insert(name.into().to_ascii_lowercase(), value.into());
        }
        self
    }

    /// Answers as usual, but waits before the headers.
    #[must_use]
    pub fn delay(time: Duration) -> Self {
        Self::new(Kind::Delay(time))
    }

    /// Resets the connection instead of answering.
    #[must_use]
    pub fn reset() -> Self {
        Self::new(Kind::Reset)
    }

    /// Answers as usual, but calls it something else.
    #[must_use]
    pub fn content_type(name: impl Into<String>) -> Self {
        Self::new(Kind::ContentType(name.into()))
    }

    /// Ends the body in an orderly way after this many chunks, without the rest and without `[DONE]`.
    #[must_use]
    pub fn truncate_after(chunks: usize) -> Self {
        Self::new(Kind::Truncate(chunks))
    }

    /// Drops the connection after this many chunks.
    #[must_use]
    pub fn cut_after(chunks: usize) -> Self {
        Self::new(Kind::Cut(chunks))
    }

    /// Sends nothing more after this many chunks, and keeps the connection open.
    #[must_use]
    pub fn stall_after(chunks: usize) -> Self {
        Self::new(Kind::Stall(chunks))
    }

    /// Sends only half of the chunk that follows this many others; the rest is as usual.
    #[must_use]
    pub fn malformed_after(chunks: usize) -> Self {
        Self::new(Kind::Malformed(chunks))
    }

    /// Sends an error object after this many chunks, then `[DONE]`; without streaming, the error object is the body.
    #[must_use]
    pub fn error_after(chunks: usize) -> Self {
        Self::new(Kind::Error(chunks))
    }

    /// Sends this text after the end of the answer.
    #[must_use]
    pub fn extra_after_done(text: impl Into<String>) -> Self {
        Self::new(Kind::AfterDone(text.into()))
    }

    /// Sends the whole answer, but ends the body only after this time.
    #[must_use]
    pub fn late_end(time: Duration) -> Self {
        Self::new(Kind::LateEnd(time))
    }

    /// Sends the body byte by byte, with this time between two.
    #[must_use]
    pub fn trickle(between: Duration) -> Self {
        Self::new(Kind::Trickle(between))
    }

    /// Strikes this many requests in a row, then no more.
    #[must_use]
    pub fn next(mut self, requests: usize) -> Self {
        self.when = When::Next(requests);
        self
    }

    /// Strikes every so many requests: with 3, the third, the sixth and so on. With 0, none.
    #[must_use]
    pub fn every(mut self, requests: usize) -> Self {
        self.when = When::Every { interval: requests, seen: 0 };
        self
    }

    /// Strikes every request.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.when = When::Always;
        self
    }

    /// Strikes a share of the requests, from 0 to 1. The same seed strikes the same ones.
    #[must_use]
    pub fn with_probability(mut self, share: f64, seed: u64) -> Self {
        self.when = When::chance(share, seed);
        self
    }

    /// Strikes requests to this deployment only.
    #[must_use]
    pub fn on(mut self, deployment: impl Into<String>) -> Self {
        self.deployment = Some(deployment.into());
        self
    }

    /// Strikes requests with this header only, whatever its value.
    #[must_use]
    pub fn if_header(mut self, name: impl Into<String>) -> Self {
        self.header = Some((name.into(), None));
        self
    }

    /// Strikes requests only whose prompt has this phrase.
    #[must_use]
    pub fn if_prompt_has(mut self, phrase: impl Into<String>) -> Self {
        self.phrase = Some(phrase.into());
        self
    }

    /// Whether the fault is for a request such as this one.
    fn is_for(&self, struck: &Struck<'_>) -> bool {
        let has_header = |(name, wanted): &(String, Option<String>)| {
            let value = struck.headers.get(name.as_str()).and_then(|value| value.to_str().ok());
            value.is_some_and(|value| wanted.as_deref().is_none_or(|wanted| wanted == value))
        };
        self.deployment.as_deref().is_none_or(|name| Some(name) == struck.deployment)
            && self.header.as_ref().is_none_or(has_header)
            && self.phrase.as_deref().is_none_or(|phrase| struck.prompt.iter().any(|text| text.contains(phrase)))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("kind", &self.kind.name())
            .field("when", &self.when)
            .field("deployment", &self.deployment)
            .finish_non_exhaustive()
    }
}

/// A request that a fault may strike.
pub(crate) struct Struck<'a> {
    pub(crate) deployment: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) prompt: &'a [String],
}

/// The fault that strikes a request; those that are spent are forgotten. One that the request's own header names strikes
/// before all others.
pub(crate) fn strike(faults: &mut Vec<Fault>, struck: &Struck<'_>) -> Option<Kind> {
    if let Some(name) = struck.headers.get(FAULT_HEADER) {
        return Some(Kind::Answer(FaultAnswer::named(&String::from_utf8_lossy(name.as_bytes()))));
    }
    let mut fitting = faults.iter_mut().filter(|fault| fault.is_for(struck));
    let kind = fitting.find_map(|fault| fault.when.strikes().then(|| fault.kind.clone()));
    faults.retain(|fault| !fault.when.is_spent());
    kind
}
