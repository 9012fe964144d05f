//! Puts a request together, then checks it once.

use serde_json::{Map, Number, Value};

use super::rules::expected_range;
use super::violation::{Rule, ValidationError, Violation};
use super::{
    Adapted, AudioOutput, ChatCompletionRequest, DataSource, Message, MessageContent, Modality, Prediction,
    PromptCacheRetention, RequestBody, ResponseFormat, Stop, StreamOptions, Tool, ToolChoice, UserSecurityContext,
    Verbosity, WebSearchOptions,
};
use crate::model::{Deployment, ReasoningEffort};
use crate::response::ServiceTier;
use crate::wire::List;

impl ChatCompletionRequest {
    /// Starts a request to a deployment.
    ///
    /// A name that is exactly a known model id, such as `"gpt-4o"`, declares that model; any other name
    /// declares none, and then only the rules that hold for every model are checked.
    pub fn builder(deployment: impl Into<Deployment>) -> ChatCompletionRequestBuilder {
        ChatCompletionRequestBuilder::new(deployment.into())
    }
}

/// Collects a [`ChatCompletionRequest`]. Nothing fails before [`build`](Self::build), which reports
/// everything at once. What is not set is not sent, and the service decides. An empty list sets nothing: the
/// service refuses an empty list of tools.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until build() is called"]
pub struct ChatCompletionRequestBuilder {
    deployment: Deployment,
    body: RequestBody,
    uncapped: bool,
    early: Vec<Violation>,
}

/// One setter a line: the wire name is the method's name. After `into` the argument is anything that
/// converts.
macro_rules! setters {
    ($( $(#[$meta:meta])* $name:ident ( $($into:ident)? : $arg:ty ); )*) => {
        $(
            $(#[$meta])*
            pub fn $name(mut self, $name: setters!(@argument $($into)? $arg)) -> Self {
                self.body.$name = Some($name.into());
                self
            }
        )*
    };
    (@argument into $arg:ty) => { impl Into<$arg> };
    (@argument $arg:ty) => { $arg };
}

impl ChatCompletionRequestBuilder {
    pub(super) fn new(deployment: Deployment) -> Self {
        Self { deployment, body: RequestBody::EMPTY, uncapped: false, early: Vec::new() }
    }

    /// Adds a turn. An answer goes back as `.message(completion_message)`.
    pub fn message(mut self, message: impl Into<Message>) -> Self {
        self.body.messages.get_or_insert_default().0.push(message.into());
        self
    }

    /// Adds several turns.
    pub fn messages(self, messages: impl IntoIterator<Item = impl Into<Message>>) -> Self {
        messages.into_iter().fold(self, Self::message)
    }

    /// Adds instructions for models before the o-series.
    pub fn system(self, content: impl Into<MessageContent>) -> Self {
        self.message(Message::system(content))
    }

    /// Adds instructions for reasoning models.
    pub fn developer(self, content: impl Into<MessageContent>) -> Self {
        self.message(Message::developer(content))
    }

    /// Adds what the user says.
    pub fn user(self, content: impl Into<MessageContent>) -> Self {
        self.message(Message::user(content))
    }

    /// Adds what the model said earlier.
    pub fn assistant(self, content: impl Into<MessageContent>) -> Self {
        self.message(Message::assistant(content))
    }

    /// Adds the result of a tool call, by the call's id.
    pub fn tool_result(self, tool_call_id: impl Into<String>, content: impl Into<MessageContent>) -> Self {
        self.message(Message::tool(tool_call_id, content))
    }

    setters! {
        /// At most this many tokens of answer; older models only, see `max_completion_tokens`.
        max_tokens(: u64);
        /// At most this many tokens of answer, hidden reasoning included. Reasoning models take only this
        /// one; leave about 25,000 tokens for the reasoning.
        max_completion_tokens(: u64);
        /// How many answers to make; each is billed.
        n(: u64);
        /// The same seed gives mostly the same answer.
        seed(: i64);
        /// Whether to tell how likely each token was.
        logprobs(: bool);
        /// How many alternatives to tell for each token, 0 to 20; needs `logprobs`.
        top_logprobs(: u64);
        /// How long a reasoning model thinks.
        reasoning_effort(into: ReasoningEffort);
        /// How much the model writes.
        verbosity(into: Verbosity);
        /// The answer that is expected, mostly.
        prediction(into: Prediction);
        /// The shape the answer must have.
        response_format(into: ResponseFormat);
        /// Whether and which tools are called.
        tool_choice(into: ToolChoice);
        /// Whether several tools may be called at once.
        parallel_tool_calls(: bool);
        /// The voice and format of a spoken answer; needs the `audio` modality.
        audio(into: AudioOutput);
        /// What a stream carries besides the answer.
        stream_options(into: StreamOptions);
        /// Whether the service keeps the answer.
        store(: bool);
        /// Who serves the call, and how fast.
        service_tier(into: ServiceTier);
        /// Sends alike prompts to where they are cached.
        prompt_cache_key(into: String);
        /// How long the prompt stays in the cache.
        prompt_cache_retention(into: PromptCacheRetention);
        /// A stable, unreadable id of the end user, for abuse detection.
        safety_identifier(into: String);
        /// Who is behind the call, for security alerts.
        user_security_context(into: UserSecurityContext);
        /// How search-enabled models search the web.
        web_search_options(into: WebSearchOptions);
    }

    /// Where the answer ends: a sequence, or up to four.
    pub fn stop(mut self, stop: impl Into<Stop>) -> Self {
        let stop = stop.into();
        self.body.stop = (stop.len() > 0).then_some(stop);
        self
    }

    /// A stable, unreadable id of the end user: the wire's `user`, whose name here adds a turn.
    pub fn user_id(mut self, id: impl Into<String>) -> Self {
        self.body.user = Some(id.into());
        self
    }

    /// How freely the model chooses its words, 0 to 2.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.body.temperature = self.number("temperature", temperature);
        self
    }

    /// Chooses among the likeliest words that together have this probability, 0 to 1.
    pub fn top_p(mut self, top_p: f64) -> Self {
        self.body.top_p = self.number("top_p", top_p);
        self
    }

    /// Favours new topics, -2 to 2.
    pub fn presence_penalty(mut self, penalty: f64) -> Self {
        self.body.presence_penalty = self.number("presence_penalty", penalty);
        self
    }

    /// Favours new words, -2 to 2.
    pub fn frequency_penalty(mut self, penalty: f64) -> Self {
        self.body.frequency_penalty = self.number("frequency_penalty", penalty);
        self
    }

    /// Makes tokens, by their number, likelier or unlikelier: -100 to 100.
    pub fn logit_bias(mut self, biases: impl IntoIterator<Item = (u32, i32)>) -> Self {
        for (token, bias) in biases {
            self.body.logit_bias.get_or_insert_default().insert(token.to_string(), bias.into());
        }
        self
    }

    /// Adds a tool the model may call.
    pub fn tool(mut self, tool: Tool) -> Self {
        self.body.tools.get_or_insert_default().0.push(tool);
        self
    }

    /// Adds several tools.
    pub fn tools(self, tools: impl IntoIterator<Item = Tool>) -> Self {
        tools.into_iter().fold(self, Self::tool)
    }

    /// What the answer is made of; text alone when unset.
    pub fn modalities(mut self, modalities: impl IntoIterator<Item = Modality>) -> Self {
        self.body.modalities = Some(modalities.into_iter().collect::<List<_>>()).filter(|list| !list.is_empty());
        self
    }

    /// Words kept with a stored answer: up to 16 pairs, keys up to 64 and values up to 512 characters.
    pub fn metadata(mut self, pairs: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        let pairs = string_map(pairs);
        if !pairs.is_empty() {
            self.body.metadata.get_or_insert_default().extend(pairs);
        }
        self
    }

    /// Adds a source for On Your Data.
    pub fn data_source(mut self, source: DataSource) -> Self {
        self.body.data_sources.get_or_insert_default().0.push(source);
        self
    }

    /// Says on purpose that the answer has no limit, on models that otherwise ask for
    /// `max_completion_tokens`.
    pub fn uncapped(mut self) -> Self {
        self.uncapped = true;
        self
    }

    /// Sends a member this version does not model. One that it does model is read as such and checked like
    /// it; the builder's own method of that name wins.
    pub fn extra(mut self, name: impl AsRef<str>, value: impl Into<Value>) -> Self {
        self.body.extra.keep(name.as_ref(), value.into());
        self
    }

    /// Sends several members this version does not model.
    pub fn extras(mut self, members: Map<String, Value>) -> Self {
        self.body.extra.members_mut().extend(members);
        self
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
    /// refuses, and tells each change.
    ///
    /// # Errors
    ///
    /// The violations that no change of this kind can mend.
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
        (ChatCompletionRequest { deployment: self.deployment, body: self.body, uncapped: self.uncapped }, self.early)
    }

    fn number(&mut self, parameter: &str, value: f64) -> Option<Number> {
        self.early.retain(|violation| violation.parameter() != parameter);
        let number = Number::from_f64(value);
        if number.is_none() {
            let expected = expected_range(parameter).unwrap_or("a number");
            let message = format!("{parameter} is not finite, which JSON cannot carry: pass {expected}");
            self.early.push(Violation::new(parameter, Rule::OutOfRange, message));
        }
        number
    }
}

/// A map of words from pairs.
fn string_map(pairs: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Map<String, Value> {
    let sorted: std::collections::BTreeMap<String, String> =
        pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    sorted.into_iter().map(|(key, value)| (key, Value::String(value))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_without_entries_says_nothing() {
        let none: [(String, String); 0] = [];
        let asked = ChatCompletionRequestBuilder::new(Deployment::new("d"))
            .messages([Message::user("hi")])
            .messages(Vec::<Message>::new())
            .tools([])
            .stop(Vec::<String>::new())
            .modalities([])
            .logit_bias([])
            .metadata(none);
        let request = asked.build().unwrap();
        assert_eq!(
            serde_json::to_value(request).unwrap(),
            json!({"model": "d", "messages": [{"role": "user", "content": "hi"}]})
        );
    }

    #[test]
    fn an_empty_list_takes_nothing_back_that_was_added() {
        let asked = ChatCompletionRequestBuilder::new(Deployment::new("d")).tool(Tool::function("f")).tools([]);
        assert_eq!(asked.body.tools.map(|tools| tools.len()), Some(1));
        let replaced = ChatCompletionRequestBuilder::new(Deployment::new("d")).stop("a").stop(Vec::<String>::new());
        assert_eq!(replaced.body.stop, None);
    }
}
