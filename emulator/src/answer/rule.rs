//! Rules, [`Rule`]: answers for the requests that match their conditions.

use std::collections::VecDeque;
use std::fmt;
use std::io;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::scripted::Answer;
use crate::request::ChatRequest;

/// Answers for requests that match: by deployment, last message, turn, tools, tool results and session.
///
/// All conditions of a rule have to match. Of several rules the first that matches is used; without one, scripts and then
/// the built-in answers are. The answers of a rule are used in turn, and the last one from then on.
///
/// # Example: an answer to every question about refunds
///
/// ```
/// use azure_openai_emulator::{Answer, Emulator, Rule};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let refunds = Rule::new().matches(r"refund of (\d+)")?.answer(Answer::template("{{1}} will be paid back."));
/// let emulator = Emulator::builder().rule(refunds).start().await?;
/// # drop(emulator);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contains: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<Pattern>,
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_results: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    answers: VecDeque<Answer>,
}

impl Rule {
    /// A rule that matches every request and has no answer yet; without an answer it is skipped.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Matches only requests to this deployment.
    #[must_use]
    pub fn on(self, deployment: impl Into<String>) -> Self {
        Self { deployment: Some(deployment.into()), ..self }
    }

    /// Matches only requests whose last message contains this text, case included.
    #[must_use]
    pub fn contains(self, text: impl Into<String>) -> Self {
        Self { contains: Some(text.into()), ..self }
    }

    /// Matches only requests whose last message matches this regular expression, in the syntax of the crate `regex`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when it is no regular expression.
    pub fn matches(self, pattern: impl Into<String>) -> io::Result<Self> {
        let pattern =
            Pattern::try_from(pattern.into()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(Self { matches: Some(pattern), ..self })
    }

    /// Matches only requests with this many user messages: 1 in the first turn of a conversation.
    #[must_use]
    pub fn turn(self, number: usize) -> Self {
        Self { turn: Some(number), ..self }
    }

    /// Matches only requests that offer a tool of this name.
    #[must_use]
    pub fn offers_tool(self, name: impl Into<String>) -> Self {
        Self { tool: Some(name.into()), ..self }
    }

    /// Matches only requests that end with results of tools, or with `false` only those that do not.
    #[must_use]
    pub fn has_tool_results(self, has: bool) -> Self {
        Self { tool_results: Some(has), ..self }
    }

    /// Matches only requests of this session.
    #[must_use]
    pub fn in_session(self, name: impl Into<String>) -> Self {
        Self { session: Some(name.into()), ..self }
    }

    /// Adds an answer, after those that were added before.
    #[must_use]
    pub fn answer(mut self, answer: Answer) -> Self {
        self.answers.push_back(answer);
        self
    }

    /// The next answer, if the request matches, and the groups of the regular expression.
    pub(crate) fn take(
        &mut self,
        request: ChatRequest<'_>,
        deployment: &str,
        session: &str,
    ) -> Option<(Answer, Vec<String>)> {
        let last = request.last_text();
        let groups = match &self.matches {
            Some(Pattern(pattern)) => {
                let groups = pattern.captures(&last)?;
                groups.iter().map(|group| group.map_or_else(String::new, |group| group.as_str().to_owned())).collect()
            }
            None => Vec::new(),
        };
        let fits = self.deployment.as_deref().is_none_or(|name| name == deployment)
            && self.contains.as_deref().is_none_or(|text| last.contains(text))
            && self.turn.is_none_or(|turn| turn == request.turn())
            && self.tool.as_deref().is_none_or(|name| request.offers(name))
            && self.tool_results.is_none_or(|has| has != request.tool_results().is_empty())
            && self.session.as_deref().is_none_or(|name| name == session);
        if !fits {
            return None;
        }
        let answer = if self.answers.len() > 1 { self.answers.pop_front() } else { self.answers.front().cloned() };
        Some((answer?, groups))
    }
}

/// A regular expression, checked when it is read.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Regex::new(&text).map(Self).map_err(|error| error.to_string())
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.as_str().to_owned()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_str().fmt(f)
    }
}
