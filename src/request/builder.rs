//! The builder of requests, which checks a request once when it is built.

use serde_json::Value;

use super::completion_request::FromJson;
use super::rules::expected_range;
use super::violation::{Rule, ValidationError, Violation};
use super::{Adapted, ChatCompletionRequest, Message, MessageContent, RequestBody};
use crate::model::Deployment;

impl ChatCompletionRequest {
    /// Starts a request to a deployment.
    ///
    /// A name that is exactly a known model id, such as `"gpt-4o"`, declares that model; any other name
    /// declares none, and then only the rules that hold for every model are checked.
    pub fn builder(deployment: impl Into<Deployment>) -> ChatCompletionRequestBuilder {
        ChatCompletionRequestBuilder::new(deployment.into())
    }

    /// The builder that this request would come from, to add to it or to change its settings; `build()` checks it again.
    ///
    /// # Example: the settings of a file
    ///
    /// ```
    /// use azure_openai_chat::ChatCompletionRequest;
    ///
    /// let settings = r#"{"model": "triage", "temperature": 0.2, "max_tokens": 500}"#;
    /// let settings: ChatCompletionRequest = serde_json::from_str(settings)?;
    /// let request = settings.to_builder().user("Is this urgent: my screen is on fire").build()?;
    /// assert_eq!(request.temperature(), Some(0.2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_builder(self) -> ChatCompletionRequestBuilder {
        let Self { deployment, body, uncapped, from_json } = self;
        ChatCompletionRequestBuilder { deployment, body: body.into_body(), uncapped, from_json, early: Vec::new() }
    }

    /// As [`into_builder`](Self::into_builder), of a request that is used again. Copies no message.
    pub fn to_builder(&self) -> ChatCompletionRequestBuilder {
        self.clone().into_builder()
    }
}

/// Collects a [`ChatCompletionRequest`]; each setting has a setter here and a getter there. Nothing fails before [`build`](Self::build), which reports
/// everything at once. What is not set is not sent, and the service decides. An empty list sets nothing: the
/// service refuses an empty list of tools.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until build() is called"]
#[doc(alias = "CreateChatCompletionRequestArgs")]
pub struct ChatCompletionRequestBuilder {
    deployment: Deployment,
    pub(super) body: RequestBody,
    uncapped: bool,
    from_json: FromJson,
    /// What the values that cannot be kept in `body` violate.
    early: Vec<Violation>,
}

impl ChatCompletionRequestBuilder {
    pub(super) fn new(deployment: Deployment) -> Self {
        Self {
            deployment,
            body: RequestBody::EMPTY,
            uncapped: false,
            from_json: FromJson::default(),
            early: Vec::new(),
        }
    }

    /// Adds a turn. An answer goes back as `.message(completion_message)`.
    pub fn message(mut self, message: impl Into<Message>) -> Self {
        self.body.push_message(message.into());
        self
    }

    /// Adds several turns.
    pub fn messages(self, messages: impl IntoIterator<Item = impl Into<Message>>) -> Self {
        messages.into_iter().fold(self, Self::message)
    }

    /// Adds a `system` message: instructions for models older than the o-series. Refused by o1-mini and o1-preview;
    /// o1 treats it as a `developer` message.
    pub fn system(self, content: impl Into<MessageContent>) -> Self {
        self.message(Message::system(content))
    }

    /// Adds a `developer` message: instructions for reasoning models. Refused by o1-mini and o1-preview.
    pub fn developer(self, content: impl Into<MessageContent>) -> Self {
        self.message(Message::developer(content))
    }

    /// Adds a `user` message.
    pub fn user(self, content: impl Into<MessageContent>) -> Self {
        self.message(Message::user(content))
    }

    /// Adds an `assistant` message: an earlier answer.
    pub fn assistant(self, content: impl Into<MessageContent>) -> Self {
        self.message(Message::assistant(content))
    }

    /// Adds a `tool` message: the result of the tool call with this id.
    pub fn tool_result(self, tool_call_id: impl Into<String>, content: impl Into<MessageContent>) -> Self {
        self.message(Message::tool_result(tool_call_id, content))
    }

    /// Allows a request without `max_completion_tokens` on the o1 models, for which this crate otherwise requires it.
    /// Changes nothing that is sent.
    pub fn uncapped(mut self) -> Self {
        self.uncapped = true;
        self.from_json.uncapped = false;
        self
    }

    /// Sends a member this version does not model. One that it does model is read as such and checked like
    /// it; the builder's own method of that name wins.
    pub fn extra(mut self, name: impl AsRef<str>, value: impl Into<Value>) -> Self {
        self.body.extra.keep(name.as_ref(), value.into());
        self
    }

    /// Sends several members this version does not model: [`extra`](Self::extra) for each.
    pub fn extras(self, members: impl IntoIterator<Item = (impl AsRef<str>, impl Into<Value>)>) -> Self {
        members.into_iter().fold(self, |builder, (name, value)| builder.extra(name, value))
    }

    /// Passes the builder through a function, in the middle of a chain: for optional values, and for settings that several
    /// requests share.
    ///
    /// # Example: settings from a configuration, each of them optional
    ///
    /// ```
    /// use azure_openai_chat::{ChatCompletionRequest, ChatCompletionRequestBuilder};
    ///
    /// #[derive(Default)]
    /// struct Settings {
    ///     temperature: Option<f32>,
    ///     max_tokens: Option<u32>,
    /// }
    ///
    /// impl Settings {
    ///     fn set(&self, mut builder: ChatCompletionRequestBuilder) -> ChatCompletionRequestBuilder {
    ///         if let Some(temperature) = self.temperature {
    ///             builder = builder.temperature(temperature);
    ///         }
    ///         if let Some(limit) = self.max_tokens {
    ///             builder = builder.max_tokens(limit);
    ///         }
    ///         builder
    ///     }
    /// }
    ///
    /// let settings = Settings { temperature: Some(0.7), max_tokens: None };
    /// let request = ChatCompletionRequest::builder("triage").apply(|b| settings.set(b)).user("hi").build()?;
    /// assert_eq!((request.temperature(), request.max_tokens()), (Some(0.7), None));
    /// # Ok::<(), azure_openai_chat::ValidationError>(())
    /// ```
    pub fn apply(self, change: impl FnOnce(Self) -> Self) -> Self {
        change(self)
    }

    /// Checks everything at once.
    ///
    /// # Errors
    ///
    /// Every rule of the declared model, and of all models, that the request breaks.
    pub fn build(self) -> Result<ChatCompletionRequest, ValidationError> {
        let (request, early) = self.finish();
        let mut violations = early;
        violations.extend(request.violations(None, None));
        ValidationError::unless_empty(violations)?;
        Ok(request)
    }

    /// Like [`build`](Self::build), but first rewrites what has an equal and drops what the declared model
    /// refuses, and lists each change.
    ///
    /// # Errors
    ///
    /// The violations that no such change removes.
    pub fn adapt(self) -> Result<Adapted, ValidationError> {
        let (request, early) = self.finish();
        ValidationError::unless_empty(early)?;
        request.adapt()
    }

    /// The request unchecked, for [`Validation::Off`](crate::Validation::Off) and for tests of a service's
    /// refusals.
    #[must_use]
    pub fn build_unchecked(self) -> ChatCompletionRequest {
        self.finish().0
    }

    fn finish(mut self) -> (ChatCompletionRequest, Vec<Violation>) {
        let ours = |name: &String| RequestBody::FIELDS.contains(&name.as_str());
        if self.body.extra().is_some_and(|extra| extra.keys().any(ours)) {
            // read again, so that a member of ours among the extras is found by the rules
            self.body = self.body.edited(|_| Some(())).unwrap_or(self.body);
        }
        let Self { deployment, body, uncapped, from_json, early } = self;
        (ChatCompletionRequest { deployment, body: body.into(), uncapped, from_json }, early)
    }

    /// Notes whether the last value of a parameter was no number that JSON can carry, for [`build`](Self::build) to report.
    pub(super) fn note_number(&mut self, parameter: &str, is_number: bool, problem: &str) {
        self.early.retain(|violation| violation.parameter() != parameter);
        if !is_number {
            let expected = expected_range(parameter).unwrap_or("a whole number that fits an i64");
            let message = format!("{parameter} is {problem}: pass {expected}");
            self.early.push(Violation::new(parameter, Rule::OutOfRange, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::{Modality, Tool};

    #[test]
    fn a_list_without_entries_says_nothing() {
        let none: [(String, String); 0] = [];
        let builder = ChatCompletionRequestBuilder::new(Deployment::new("d"))
            .messages([Message::user("hi")])
            .messages(Vec::<Message>::new())
            .tools([] as [Tool; 0])
            .stop(Vec::<String>::new())
            .modalities([] as [Modality; 0])
            .logit_bias([])
            .metadata(none);
        let request = builder.build().unwrap();
        assert_eq!(
            serde_json::to_value(request).unwrap(),
            json!({"model": "d", "messages": [{"role": "user", "content": "hi"}]})
        );
    }

    #[test]
    fn an_empty_list_takes_nothing_back_that_was_added() {
        let builder =
            ChatCompletionRequestBuilder::new(Deployment::new("d")).tool(Tool::function("f")).tools([] as [Tool; 0]);
        assert_eq!(builder.body.tools.map(|tools| tools.len()), Some(1));
        let replaced = ChatCompletionRequestBuilder::new(Deployment::new("d")).stop("a").stop(Vec::<String>::new());
        assert_eq!(replaced.body.stop, None);
    }
}
