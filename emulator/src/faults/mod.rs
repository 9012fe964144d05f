//! Faults, [`Fault`]: failures between a client and the service, produced on demand.

use std::fmt;
use std::time::Duration;

use axum::http::HeaderMap;

pub(crate) use self::answer::FaultAnswer;
pub use self::preset::Preset;
pub(crate) use self::raw_answer::RawAnswer;

use self::answer::Base;
use self::when::When;

pub(crate) mod steps;

mod answer;
mod preset;
mod raw_answer;
mod table;
mod when;

/// A failure, and the requests that it applies to.
///
/// By default a fault applies to the next request, to any deployment. [`next`](Self::next), [`every`](Self::every),
/// [`always`](Self::always) and [`with_probability`](Self::with_probability) set how many, [`on`](Self::on),
/// [`if_header`](Self::if_header) and [`if_prompt_has`](Self::if_prompt_has) which. Faults come before authentication and
/// every other check. Of several that match a request, the one given first applies.
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
#[derive(Clone)]
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

    /// Answers with an error that Azure, or API Management before it, is known for.
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

    /// Answers with this status, from 100 to 999, and a small error body of Azure's shape. Another status becomes 500.
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
    /// of one of the same name. `content-length` and `transfer-encoding` follow the body, whatever is set.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Kind::Answer(answer) = &mut self.kind {
            answer.headers.insert(name.into().to_ascii_lowercase(), value.into());
        }
        self
    }

    /// Waits this long before the headers, and then answers as usual.
    #[must_use]
    pub fn delay(time: Duration) -> Self {
        Self::new(Kind::Delay(time))
    }

    /// Resets the connection instead of answering.
    #[must_use]
    pub fn reset() -> Self {
        Self::new(Kind::Reset)
    }

    /// Answers as usual, with this `content-type`.
    #[must_use]
    pub fn content_type(name: impl Into<String>) -> Self {
        Self::new(Kind::ContentType(name.into()))
    }

    /// Ends the body after this many chunks, as if it were complete: without the other chunks and without `[DONE]`.
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

    /// Sends only the first half of the chunk that follows this many others, and the other chunks as usual.
    #[must_use]
    pub fn malformed_after(chunks: usize) -> Self {
        Self::new(Kind::Malformed(chunks))
    }

    /// Sends an error object after this many chunks, then `[DONE]`; without streaming, the error object is the body.
    #[must_use]
    pub fn error_after(chunks: usize) -> Self {
        Self::new(Kind::Error(chunks))
    }

    /// Sends this text after the last byte of the answer.
    #[must_use]
    pub fn extra_after_done(text: impl Into<String>) -> Self {
        Self::new(Kind::AfterDone(text.into()))
    }

    /// Sends the whole answer, and ends the body after this time.
    #[must_use]
    pub fn late_end(time: Duration) -> Self {
        Self::new(Kind::LateEnd(time))
    }

    /// Sends the body byte by byte, with this time after each.
    #[must_use]
    pub fn trickle(between: Duration) -> Self {
        Self::new(Kind::Trickle(between))
    }

    /// Applies to the next so many requests that match; 1 by default.
    #[must_use]
    pub fn next(mut self, requests: usize) -> Self {
        self.when = When::Next(requests);
        self
    }

    /// Applies to every n-th request that matches: with 3, the third, the sixth and so on; with 0, none.
    #[must_use]
    pub fn every(mut self, requests: usize) -> Self {
        self.when = When::Every { interval: requests, seen: 0 };
        self
    }

    /// Applies to every request that matches.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.when = When::Always;
        self
    }

    /// Applies to this share of the requests that match, from 0 to 1, by chance: the same ones for the same seed.
    #[must_use]
    pub fn with_probability(mut self, share: f64, seed: u64) -> Self {
        self.when = When::chance(share, seed);
        self
    }

    /// Matches only requests to this deployment.
    #[must_use]
    pub fn on(mut self, deployment: impl Into<String>) -> Self {
        self.deployment = Some(deployment.into());
        self
    }

    /// Matches only requests with this header, of any value.
    #[must_use]
    pub fn if_header(mut self, name: impl Into<String>) -> Self {
        self.header = Some((name.into(), None));
        self
    }

    /// Matches only requests with a message that contains this phrase, case included.
    #[must_use]
    pub fn if_prompt_has(mut self, phrase: impl Into<String>) -> Self {
        self.phrase = Some(phrase.into());
        self
    }

    /// Whether the fault matches a request.
    fn matches(&self, target: &FaultTarget<'_>) -> bool {
        let has_header = |(name, wanted): &(String, Option<String>)| {
            let value = target.headers.get(name.as_str()).and_then(|value| value.to_str().ok());
            value.is_some_and(|value| wanted.as_deref().is_none_or(|wanted| wanted == value))
        };
        self.deployment.as_deref().is_none_or(|name| Some(name) == target.deployment)
            && self.header.as_ref().is_none_or(has_header)
            && self.phrase.as_deref().is_none_or(|phrase| target.prompt.iter().any(|text| text.contains(phrase)))
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

/// The properties of a request by which faults match.
pub(crate) struct FaultTarget<'a> {
    pub(crate) deployment: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) prompt: &'a [String],
}

/// The fault that applies to a request: the one named by its header, or the first that matches. Spent faults are removed.
pub(crate) fn take_fault(faults: &mut Vec<Fault>, target: &FaultTarget<'_>) -> Option<Kind> {
    if let Some(name) = target.headers.get(FAULT_HEADER) {
        return Some(Kind::Answer(FaultAnswer::named(&String::from_utf8_lossy(name.as_bytes()))));
    }
    let mut matching = faults.iter_mut().filter(|fault| fault.matches(target));
    let kind = matching.find_map(|fault| fault.when.applies().then(|| fault.kind.clone()));
    faults.retain(|fault| !fault.when.is_spent());
    kind
}
