//! Answers that a test provides, [`Answer`], in place of computed ones.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::template::{Context, render};
use super::tools::Call;

/// The largest `count` of [`Answer::words`]; a larger one counts as this.
const MOST_WORDS: usize = 1_000_000;

/// An answer in place of a computed one.
///
/// The request is checked and the answer treated as any other: it is cut at `stop` and at the token limit, filtered, counted
/// and streamed.
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
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ScriptedCall>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    citations: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ScriptedError>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptedCall {
    name: String,
    #[serde(default)]
    arguments: Value,
}

/// An error instead of an answer.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScriptedError {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) message: String,
}

/// An answer before it is cut at `stop`, at a filter's phrase and at the token limit.
#[derive(Clone, Default)]
pub(crate) struct Draft {
    pub(crate) text: String,
    pub(crate) refuses: bool,
    pub(crate) calls: Vec<Call>,
    pub(crate) finish_reason: Option<String>,
    /// The member `context`, with the citations.
    pub(crate) context: Option<Value>,
    /// The text of `reasoning_content`.
    pub(crate) reasoning: Option<String>,
    /// Whether the call is one of `functions`, in `function_call`.
    pub(crate) is_legacy_call: bool,
    /// Whether a stream has a chunk for each word, as for [`Answer::words`], instead of for each token.
    pub(crate) by_words: bool,
}

impl Draft {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl Answer {
    /// An answer with this text as `content`.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    /// An answer with this text as `content`, in which placeholders are replaced: `{{question}}` by the last user message,
    /// `{{deployment}}`, `{{model}}` and `{{session}}` by their names, `{{turn}}` by the number of user messages, `{{0}}` and
    /// `{{1}}` by the match of a rule's regular expression and its first group, and `{{/user}}` by the value at that JSON
    /// pointer in the request's body. Other placeholders stay as they are.
    #[must_use]
    pub fn template(text: impl Into<String>) -> Self {
        Self { template: Some(text.into()), ..Self::default() }
    }

    /// An answer with the numbers from 1 to `count`, at most a million, separated by spaces; in a stream each is one chunk.
    ///
    /// A test can check with it that no chunk was lost, repeated or swapped. Numbers above 999,999 take two chunks.
    #[must_use]
    pub fn words(count: usize) -> Self {
        Self { words: Some(count), ..Self::default() }
    }

    /// An answer with this text as `refusal` and without `content`.
    #[must_use]
    pub fn refusal(text: impl Into<String>) -> Self {
        Self { refusal: Some(text.into()), ..Self::default() }
    }

    /// An error of the service with this status, code and message, instead of an answer.
    #[must_use]
    pub fn error(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        let error = ScriptedError { status, code: code.into(), message: message.into() };
        Self { error: Some(error), ..Self::default() }
    }

    /// Adds a call of a function; several on one answer are parallel calls. Arguments that are a JSON string are sent as they
    /// are, so that a test can send invalid JSON.
    #[must_use]
    pub fn tool_call(mut self, name: impl Into<String>, arguments: &Value) -> Self {
        self.tool_calls.push(ScriptedCall { name: name.into(), arguments: arguments.clone() });
        self
    }

    /// Adds a document to `context.citations`, as of an answer with `data_sources`.
    #[must_use]
    pub fn citation(mut self, title: impl Into<String>, content: impl Into<String>) -> Self {
        let (title, content) = (title.into(), content.into());
        self.citations
            .push(json!({"title": title, "content": content, "url": null, "filepath": null, "chunk_id": "0"}));
        self
    }

    /// Sets the text of `reasoning_content`.
    #[must_use]
    pub fn reasoning(mut self, text: impl Into<String>) -> Self {
        self.reasoning = Some(text.into());
        self
    }

    /// Sets the finish reason, in place of `stop`, `tool_calls` or `function_call`.
    #[must_use]
    pub fn finish_reason(mut self, reason: impl Into<String>) -> Self {
        self.finish_reason = Some(reason.into());
        self
    }

    pub(crate) fn as_error(&self) -> Option<&ScriptedError> {
        self.error.as_ref()
    }

    /// The answer to one request.
    pub(crate) fn draft(self, context: &Context<'_>) -> Draft {
        let numbers = |count: usize| (1..=count).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
        let text = match (self.refusal.as_ref(), self.text, self.template, self.words) {
            (Some(refusal), ..) => refusal.clone(),
            (_, Some(text), ..) => text,
            (_, _, Some(template), _) => render(&template, context),
            (.., Some(count)) => numbers(count.min(MOST_WORDS)),
            _ => String::new(),
        };
        let documents = (!self.citations.is_empty()).then(|| json!({"citations": self.citations, "intent": "[]"}));
        Draft {
            text,
            refuses: self.refusal.is_some(),
            calls: self.tool_calls.iter().map(|call| Call::function(&call.name, &call.arguments)).collect(),
            finish_reason: self.finish_reason,
            context: documents,
            reasoning: self.reasoning,
            is_legacy_call: context.request.list("tools").is_empty() && !context.request.list("functions").is_empty(),
            by_words: self.words.is_some(),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let characters = self.text.as_deref().or(self.template.as_deref()).map(|text| text.chars().count());
        f.debug_struct("Answer")
            .field("characters", &characters)
            .field("tool_calls", &self.tool_calls.len())
            .finish_non_exhaustive()
    }
}
