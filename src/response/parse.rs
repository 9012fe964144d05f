//! The parsing of answers and tool arguments into the caller's types, and its errors.
//!
//! A structured answer can fail in ways that need different next steps: the model declined, the content filter cut it,
//! the token limit cut it, there is no text, or the text does not fit the type. [`ParseOutcome`] is one of these, and
//! every [`ParseError`] has the whole answer.
//!
//! Neither `Display` nor `Debug` of an error prints the text of the model; [`ParseError::text`] and
//! [`ParseError::decode_error`] return it. How to request an answer that fits is in
//! [`request::schema`](crate::request::schema).

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::choice::{Choice, FinishReason};
use super::completion::ChatCompletion;
use super::content_filter::{ContentFilterResults, FilterState};
use super::tool_call::{FunctionCall, ToolCall, ToolCallType};
use crate::wire::{Hidden, closed_enum};

closed_enum! {
    /// Why an answer has no whole text, or could not be parsed.
    #[non_exhaustive]
    pub enum ParseOutcome {
        /// The model declined to answer.
        Refused = "refused",
        /// The content filter cut the answer.
        Filtered = "filtered",
        /// The token limit cut the answer.
        Length = "length",
        /// The stream of the answer has not come to its end, or broke.
        Interrupted = "interrupted",
        /// The answer has no text, or calls tools: then its text, if any, is not the answer yet.
        NoContent = "no_content",
        /// The text is not JSON, or does not fit the type.
        Decode = "decode",
    }
}

/// The error of parsing an answer or a tool's arguments, with the whole answer.
///
/// Its texts have the outcome and the position, never the text of the model. For the same reason it has no `source()`:
/// the message of the JSON parser can quote the text. It is in [`decode_error`](Self::decode_error).
///
/// # Example: what to do next
///
/// ```
/// use azure_openai_chat::{ChatCompletion, ParseOutcome};
///
/// # #[derive(serde::Deserialize)]
/// # struct Event { name: String }
/// fn read(completion: &ChatCompletion) -> Result<Event, String> {
///     completion.parse::<Event>().map_err(|error| match error.outcome() {
///         ParseOutcome::Refused => error.refusal().unwrap_or_default().to_owned(),
///         ParseOutcome::Length => format!("only got {} bytes", error.text().len()),
///         _ => error.to_string(),
///     })
/// }
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs>
#[derive(thiserror::Error)]
#[error("{}", self.0.message)]
pub struct ParseError(Box<Repr>);

struct Repr {
    outcome: ParseOutcome,
    message: String,
    text: String,
    /// The completion, and the position of the choice in it.
    completion: Option<(ChatCompletion, usize)>,
    decode: Option<serde_json::Error>,
}

impl ParseError {
    fn new(outcome: ParseOutcome, message: impl Into<String>, text: &str) -> Self {
        Self(Box::new(Repr { outcome, message: message.into(), text: text.to_owned(), completion: None, decode: None }))
    }

    /// `what` begins the message, and `way_out` ends it.
    fn decode(what: &str, way_out: &str, text: &str, error: serde_json::Error) -> Self {
        let kind = match error.classify() {
            Category::Data => "valid JSON but not of the expected type",
            Category::Eof => "JSON that ends too early",
            Category::Syntax | Category::Io => "not valid JSON",
        };
        let message = format!("{what} {kind}, at line {} column {}: {way_out}", error.line(), error.column());
        let mut this = Self::new(ParseOutcome::Decode, message, text);
        this.0.decode = Some(error);
        this
    }

    fn of(mut self, completion: &ChatCompletion, position: usize) -> Self {
        self.0.completion = Some((completion.clone(), position));
        self
    }

    /// Why the answer has no whole text, or could not be parsed.
    #[must_use]
    pub fn outcome(&self) -> ParseOutcome {
        self.0.outcome
    }

    /// The text of the model; empty when it wrote none.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The whole answer; `None` for the arguments of a tool call.
    #[must_use]
    pub fn completion(&self) -> Option<&ChatCompletion> {
        self.0.completion.as_ref().map(|(completion, _)| completion)
    }

    /// The refusal of the model. `None` when it did not decline.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        refusal(self.choice()?)
    }

    /// The content filter's results for the choice. `None` for the arguments of a tool call.
    #[must_use]
    pub fn content_filter(&self) -> Option<&ContentFilterResults> {
        self.choice().map(Choice::content_filter)
    }

    /// The error of the JSON parser, for [`ParseOutcome::Decode`]. It can quote the text: not for logs.
    #[must_use]
    pub fn decode_error(&self) -> Option<&serde_json::Error> {
        self.0.decode.as_ref()
    }

    fn choice(&self) -> Option<&Choice> {
        let (completion, position) = self.0.completion.as_ref()?;
        completion.choices().get(*position)
    }
}

impl fmt::Debug for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParseError")
            .field("outcome", &self.0.outcome)
            .field("message", &self.0.message)
            .field("text", &Hidden)
            .finish_non_exhaustive()
    }
}

fn refusal(choice: &Choice) -> Option<&str> {
    let refusal = choice.message.as_ref()?.refusal.as_deref();
    refusal.filter(|refusal| !refusal.is_empty())
}

impl ChatCompletion {
    /// The text of the first choice of an answer that was finished. [`text`](Self::text) is whatever came.
    ///
    /// # Errors
    ///
    /// The first of these that applies, in this order: [`ParseOutcome::Refused`], [`ParseOutcome::Filtered`],
    /// [`ParseOutcome::Length`], [`ParseOutcome::Interrupted`], [`ParseOutcome::NoContent`]. [`ParseError::text`] has
    /// what came all the same.
    ///
    /// # Example: an answer that was cut is no answer
    ///
    /// ```
    /// use azure_openai_chat::{ChatCompletion, FinishReason, ParseOutcome};
    ///
    /// let completion = ChatCompletion::builder().text("All of it.").build();
    /// assert_eq!(completion.whole_text()?, "All of it.");
    ///
    /// let cut = ChatCompletion::builder().text("Half of").finish_reason(FinishReason::Length).build();
    /// assert_eq!(cut.whole_text().unwrap_err().outcome(), ParseOutcome::Length);
    /// assert_eq!(cut.text(), Some("Half of"));
    /// # Ok::<(), azure_openai_chat::ParseError>(())
    /// ```
    pub fn whole_text(&self) -> Result<&str, ParseError> {
        self.whole_text_at(0, || "the answer has no choices: ask again".to_owned())
    }

    fn whole_text_at(&self, position: usize, no_choice: impl FnOnce() -> String) -> Result<&str, ParseError> {
        let text = match self.choices().get(position) {
            Some(choice) => whole_text(choice, self.is_partial),
            None => Err(ParseError::new(ParseOutcome::NoContent, no_choice(), "")),
        };
        text.map_err(|error| error.of(self, position))
    }

    /// Parses the text of the first choice, which must be JSON, into a value of the caller's type.
    ///
    /// Request such an answer with a JSON schema in `response_format`. An answer that the token limit or the content
    /// filter cut is an error even when its text happens to be whole JSON: the model had not finished.
    /// [`ParseError::text`] has it all the same.
    ///
    /// # Errors
    ///
    /// Those of [`whole_text`](Self::whole_text), then [`ParseOutcome::Decode`].
    ///
    /// # Example: a structured answer
    ///
    /// ```
    /// # let body = r#"{"choices":[{"message":{"content":"{\"name\":\"Science Fair\"}"},"finish_reason":"stop"}]}"#;
    /// use azure_openai_chat::ChatCompletion;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Event {
    ///     name: String,
    /// }
    ///
    /// let completion: ChatCompletion = serde_json::from_str(body)?;
    /// let event: Event = completion.parse()?;
    /// assert_eq!(event.name, "Science Fair");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs>
    #[doc(alias = "beta.chat.completions.parse")]
    #[doc(alias = "chat.completions.parse")]
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ParseError> {
        self.parse_at(0, || "the answer has no choices: ask again".to_owned())
    }

    /// Parses the text of the choice with this `index`, as [`parse`](Self::parse) does that of the first.
    ///
    /// The service numbers choices from 0 and may send them in any order. When it sends no `index`, their order counts.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse); [`ParseOutcome::NoContent`] when there is no such choice.
    pub fn parse_choice<T: DeserializeOwned>(&self, index: usize) -> Result<T, ParseError> {
        let numbered = |choice: &Choice| choice.index.is_some_and(|number| usize::try_from(number) == Ok(index));
        let unnumbered = self.choices().iter().all(|choice| choice.index.is_none());
        let position = match self.choices().iter().position(numbered) {
            Some(position) => position,
            None if unnumbered => index,
            None => usize::MAX,
        };
        self.parse_at(position, || format!("the answer has no choice {index}: ask for more with `n`"))
    }

    fn parse_at<T: DeserializeOwned>(
        &self,
        position: usize,
        no_choice: impl FnOnce() -> String,
    ) -> Result<T, ParseError> {
        let text = self.whole_text_at(position, no_choice)?;
        serde_json::from_str(text).map_err(|error| {
            let way_out = "ask for the type's JSON schema in `response_format`, or see `decode_error()`";
            ParseError::decode("the answer is", way_out, text, error).of(self, position)
        })
    }
}

/// The text of a choice that was finished. `is_partial`: the stream has not come to its end.
fn whole_text(choice: &Choice, is_partial: bool) -> Result<&str, ParseError> {
    let text = choice.text().unwrap_or_default();
    let fail = |outcome, message: String| Err(ParseError::new(outcome, message, text));
    if refusal(choice).is_some() {
        return fail(
            ParseOutcome::Refused,
            "the model declined to answer: show its `refusal()`, or ask differently".to_owned(),
        );
    }
    if choice.content_filter_state() == FilterState::Filtered {
        let named = match choice.content_filter().filtered_categories() {
            none if none.is_empty() => String::new(),
            some => format!(" ({})", some.join(", ")),
        };
        return fail(
            ParseOutcome::Filtered,
            format!("the content filter cut the answer{named}: ask differently, or see `content_filter()`"),
        );
    }
    if choice.finish_reason == Some(FinishReason::Length) {
        return fail(
            ParseOutcome::Length,
            format!(
                "the token limit cut the answer after {} bytes of text: raise `max_completion_tokens`, or ask for less",
                text.len()
            ),
        );
    }
    if is_partial && choice.finish_reason.is_none() {
        let message = "the stream has not come to the end of the answer: read it to its end, or see `text()`";
        return fail(ParseOutcome::Interrupted, message.to_owned());
    }
    let message = choice.message.as_ref();
    let calls = message.is_some_and(|message| !message.tool_calls().is_empty() || message.function_call().is_some());
    if calls || text.is_empty() {
        let message = match message {
            _ if calls && text.is_empty() => "the answer calls tools: run them and send their results",
            _ if calls => "the answer calls tools: run them and send their results; `text()` has the text before them",
            Some(message) if message.audio().is_some() => {
                "the answer is spoken and has no text: see the `audio()` of its message, and its `transcript()`"
            }
            _ => "the answer has no text: see `completion()` for what it has",
        };
        return fail(ParseOutcome::NoContent, message.to_owned());
    }
    Ok(text)
}

impl ToolCall {
    /// Parses the function's arguments into a value of the caller's type.
    ///
    /// The arguments of an answer that was cut can be whole JSON: check the answer's `finish_reason` before running a
    /// tool that changes something.
    ///
    /// # Errors
    ///
    /// - [`ParseOutcome::NoContent`]: the call is of a custom tool, or has no arguments.
    /// - [`ParseOutcome::Decode`]: the arguments are not JSON, or do not fit the type.
    ///
    /// # Example: typed arguments
    ///
    /// ```
    /// # let body = r#"{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Oslo\"}"}}"#;
    /// use azure_openai_chat::ToolCall;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Weather {
    ///     city: String,
    /// }
    ///
    /// let call: ToolCall = serde_json::from_str(body)?;
    /// assert_eq!(call.arguments::<Weather>()?.city, "Oslo");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling>
    pub fn arguments<T: DeserializeOwned>(&self) -> Result<T, ParseError> {
        let is_custom = self.kind == Some(ToolCallType::Custom) || self.custom.is_some();
        match &self.function {
            None if is_custom => {
                let message = "a custom tool is called with free text and has no arguments: read its `input()`";
                Err(ParseError::new(ParseOutcome::NoContent, message, self.input()))
            }
            function => function.as_ref().unwrap_or(&FunctionCall::EMPTY).arguments(),
        }
    }
}

impl FunctionCall {
    /// Parses the arguments into a value of the caller's type, as [`ToolCall::arguments`] does.
    ///
    /// # Errors
    ///
    /// - [`ParseOutcome::NoContent`]: the call has no arguments.
    /// - [`ParseOutcome::Decode`]: the arguments are not JSON, or do not fit the type.
    pub fn arguments<T: DeserializeOwned>(&self) -> Result<T, ParseError> {
        let text = self.input();
        if text.is_empty() {
            let message = "the tool call has no arguments: answer it with what is missing";
            return Err(ParseError::new(ParseOutcome::NoContent, message, text));
        }
        serde_json::from_str(text).map_err(|error| {
            let way_out = "make the tool `strict`, or answer the call with what is wrong";
            ParseError::decode("the tool's arguments are", way_out, text, error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::{Value, json};
    use std::error::Error as _;

    #[derive(Deserialize, Debug, PartialEq)]
    struct Event {
        name: String,
        #[serde(default)]
        count: u8,
    }

    fn answer(choice: Value) -> ChatCompletion {
        serde_json::from_value(json!({"id": "chatcmpl-1", "choices": [choice]})).unwrap()
    }

    fn answer_of(content: &str, finish_reason: &str) -> ChatCompletion {
        answer(json!({"message": {"content": content}, "finish_reason": finish_reason}))
    }

    fn fails(completion: &ChatCompletion) -> ParseError {
        completion.parse::<Event>().unwrap_err()
    }

    #[test]
    fn a_whole_answer_becomes_a_value() {
        let event: Event = answer_of(r#"{"name": "fair", "count": 2}"#, "stop").parse().unwrap();
        assert_eq!(event, Event { name: "fair".to_owned(), count: 2 });
    }

    #[test]
    fn a_refusal_comes_before_all_else() {
        let error = fails(&answer(json!({
            "message": {"content": "{\"name\":", "refusal": "I am sorry"}, "finish_reason": "content_filter"
        })));
        assert_eq!(error.outcome(), ParseOutcome::Refused);
        assert_eq!(error.refusal(), Some("I am sorry"));
        assert_eq!(error.to_string(), "the model declined to answer: show its `refusal()`, or ask differently");
    }

    #[test]
    fn a_filtered_answer_names_the_categories_and_keeps_the_text() {
        let error = fails(&answer(json!({
            "message": {"content": "{\"name\": \"f"},
            "finish_reason": "content_filter",
            "content_filter_results": {"hate": {"filtered": true, "severity": "high"}, "sexual": {"filtered": false}}
        })));
        assert_eq!(error.outcome(), ParseOutcome::Filtered);
        assert_eq!(
            error.to_string(),
            "the content filter cut the answer (hate): ask differently, or see `content_filter()`"
        );
        assert_eq!(error.text(), "{\"name\": \"f");
        assert_eq!(error.content_filter().unwrap().category("hate"), FilterState::Filtered);
        assert_eq!(
            fails(&answer_of("", "content_filter")).to_string(),
            "the content filter cut the answer: ask differently, or see `content_filter()`"
        );
    }

    #[test]
    fn an_answer_cut_by_the_token_limit_is_an_error_even_when_it_parses() {
        for content in [r#"{"name": "fair"}"#, r#"{"name": "fa"#, ""] {
            let error = fails(&answer_of(content, "length"));
            assert_eq!(error.outcome(), ParseOutcome::Length);
            assert_eq!(error.text(), content);
        }
        assert_eq!(
            fails(&answer_of("{\"n", "length")).to_string(),
            "the token limit cut the answer after 3 bytes of text: raise `max_completion_tokens`, or ask for less"
        );
    }

    #[test]
    fn the_error_of_an_answer_without_text_names_what_it_has() {
        let text = |completion: &ChatCompletion| {
            let error = fails(completion);
            assert_eq!(error.outcome(), ParseOutcome::NoContent);
            error.to_string()
        };
        let calls = |content: Value, message: Value| {
            let mut message = message;
            message["content"] = content;
            text(&answer(json!({"message": message, "finish_reason": "tool_calls"})))
        };
        for message in [json!({"tool_calls": [{"id": "1"}]}), json!({"function_call": {"name": "f"}})] {
            assert_eq!(calls(Value::Null, message.clone()), "the answer calls tools: run them and send their results");
            assert_eq!(
                calls(json!("Let me look."), message),
                "the answer calls tools: run them and send their results; `text()` has the text before them"
            );
        }
        assert_eq!(
            calls(Value::Null, json!({"audio": {"id": "a", "transcript": "secret"}})),
            "the answer is spoken and has no text: see the `audio()` of its message, and its `transcript()`"
        );
        for choice in [json!({}), json!({"message": {"content": "", "refusal": ""}, "finish_reason": "stop"})] {
            assert_eq!(text(&answer(choice)), "the answer has no text: see `completion()` for what it has");
        }
        assert_eq!(text(&ChatCompletion::default()), "the answer has no choices: ask again");
    }

    #[test]
    fn a_text_that_does_not_fit_has_a_position_and_a_reason() {
        for (content, expected) in [
            (
                r#"{"name": "a", "count": "secret"}"#,
                "the answer is valid JSON but not of the expected type, at line 1 column 31",
            ),
            ("{\n  secret", "the answer is not valid JSON, at line 2 column 3"),
            (r#"{"name": "secret"#, "the answer is JSON that ends too early, at line 1 column 16"),
        ] {
            let error = fails(&answer_of(content, "stop"));
            assert_eq!(error.outcome(), ParseOutcome::Decode);
            assert_eq!(
                error.to_string(),
                format!("{expected}: ask for the type's JSON schema in `response_format`, or see `decode_error()`")
            );
            assert_eq!(error.text(), content);
        }
    }

    #[test]
    fn no_text_of_ours_holds_what_the_model_wrote() {
        let wrong = answer_of(r#"{"name": "secret", "count": "secret"}"#, "stop");
        let refused = answer(json!({"message": {"refusal": "secret"}}));
        for error in [fails(&wrong), fails(&refused)] {
            assert!(!format!("{error} {error:?} {error:#?}").contains("secret"));
            assert!(error.source().is_none());
        }
        let quoted = fails(&wrong);
        assert!(quoted.decode_error().unwrap().to_string().contains("secret"));
        assert_eq!(
            format!("{:?}", fails(&answer_of("", "stop"))),
            "ParseError { outcome: NoContent, message: \"the answer has no text: see `completion()` for what it has\", \
             text: [hidden], .. }"
        );
    }

    #[test]
    fn every_error_of_an_answer_carries_the_answer() {
        for completion in
            [answer_of("", "stop"), answer_of("{", "stop"), answer_of("{", "length"), ChatCompletion::default()]
        {
            assert_eq!(fails(&completion).completion(), Some(&completion));
        }
    }

    #[test]
    fn choices_are_found_by_their_number_or_else_by_their_order() {
        let choice = |index: Option<u64>, name: &str| {
            let content = json!({"name": name}).to_string();
            json!({"index": index, "message": {"content": content}, "finish_reason": "stop"})
        };
        let two = |first, second| -> ChatCompletion {
            serde_json::from_value(json!({"choices": [choice(first, "a"), choice(second, "b")]})).unwrap()
        };
        let name = |completion: &ChatCompletion, index| completion.parse_choice::<Event>(index).unwrap().name;
        assert_eq!(name(&two(Some(1), Some(0)), 0), "b");
        assert_eq!(name(&two(Some(1), Some(0)), 1), "a");
        assert_eq!(name(&two(None, None), 1), "b");
        assert_eq!(two(Some(1), Some(0)).parse::<Event>().unwrap().name, "a");

        let error = two(Some(0), Some(2)).parse_choice::<Event>(1).unwrap_err();
        assert_eq!(error.outcome(), ParseOutcome::NoContent);
        assert_eq!(error.to_string(), "the answer has no choice 1: ask for more with `n`");
        assert_eq!(error.content_filter(), None);
    }

    #[test]
    fn arguments_become_a_value_or_an_error_with_the_reason() {
        let call = |function: Value| -> ToolCall { serde_json::from_value(json!({"function": function})).unwrap() };
        let event: Event = call(json!({"name": "f", "arguments": "{\"name\":\"x\"}"})).arguments().unwrap();
        assert_eq!(event.name, "x");

        let error = call(json!({"name": "f", "arguments": "{\"name\":3}"})).arguments::<Event>().unwrap_err();
        assert_eq!(error.outcome(), ParseOutcome::Decode);
        assert_eq!(error.text(), "{\"name\":3}");
        assert_eq!(error.completion(), None);
        assert_eq!(
            error.to_string(),
            "the tool's arguments are valid JSON but not of the expected type, at line 1 column 9: \
             make the tool `strict`, or answer the call with what is wrong"
        );

        for empty in [json!({"name": "f", "arguments": ""}), json!({"name": "f"}), Value::Null] {
            let error = call(empty).arguments::<Event>().unwrap_err();
            assert_eq!(error.outcome(), ParseOutcome::NoContent);
            assert_eq!(error.to_string(), "the tool call has no arguments: answer it with what is missing");
        }
        let custom: ToolCall =
            serde_json::from_value(json!({"type": "custom", "custom": {"name": "sql", "input": "select 1"}})).unwrap();
        let error = custom.arguments::<Event>().unwrap_err();
        assert_eq!(error.text(), "select 1");
        assert_eq!(
            error.to_string(),
            "a custom tool is called with free text and has no arguments: read its `input()`"
        );
    }

    #[test]
    fn the_error_goes_anywhere() {
        fn goes_anywhere<T: std::error::Error + Send + Sync + 'static>() {}
        goes_anywhere::<ParseError>();
    }
}
