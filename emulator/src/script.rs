//! Answers that a test writes itself.

use std::fmt;

use serde_json::Value;

use super::tools::Call;

/// An answer given as it is, in place of a computed one.
///
/// The rest of the emulator still applies: the request is checked, the answer is cut at `stop` and at the
/// token limit, filtered, counted and streamed.
///
/// # Example: an answer of many chunks
///
/// ```no_run
/// use azure_openai_emulator::{Answer, Emulator};
///
/// # async fn run() -> std::io::Result<()> {
/// let emulator = Emulator::builder().script("gpt-4o-mini", Answer::words(5_000)).start().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Answer {
    pub(super) text: String,
    pub(super) refuses: bool,
    pub(super) calls: Vec<Call>,
    pub(super) finish_reason: Option<String>,
    /// The documents that a computed answer rests on.
    pub(super) context: Option<Value>,
}

impl Answer {
    /// Says this text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Says the numbers from 1 to `count`; streamed, each of them is one chunk.
    ///
    /// So a reader can see that none was lost, repeated or swapped, however long the stream is (up to a
    /// million; larger numbers take two chunks each).
    #[must_use]
    pub fn words(count: usize) -> Self {
        let mut text = String::new();
        for number in 1..=count {
            if number > 1 {
                text.push(' ');
            }
            text.push_str(&number.to_string());
        }
        Self::text(text)
    }

    /// Declines, with this text as `refusal`.
    #[must_use]
    pub fn refusal(text: impl Into<String>) -> Self {
        Self { text: text.into(), refuses: true, ..Self::default() }
    }

    /// Calls a function; several of these on one answer are parallel calls.
    #[must_use]
    pub fn tool_call(mut self, name: impl Into<String>, arguments: &Value) -> Self {
        self.calls.push(Call::function(&name.into(), arguments));
        self
    }

    /// Ends with this finish reason instead of the natural one.
    #[must_use]
    pub fn finish_reason(mut self, reason: impl Into<String>) -> Self {
        self.finish_reason = Some(reason.into());
        self
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("characters", &self.text.chars().count())
            .field("calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}
