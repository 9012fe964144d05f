//! The builder of requests, which checks a request once when it is built.

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
        self.message(Message::tool(tool_call_id, content))
    }

    setters! {
        /// Limits the visible answer, in tokens, from 1. Refused by reasoning models, which have
        /// `max_completion_tokens` instead. When unset, the model's output limit.
        max_tokens(: u64);
        /// Limits the answer and its hidden reasoning together, in tokens, from 1. The only limit that reasoning models
        /// accept; reserve about 25,000 tokens for the reasoning. When unset, the model's output limit; the o1 models
        /// require it here, or [`uncapped`](Self::uncapped).
        max_completion_tokens(: u64);
        /// Sets how many choices are generated, 1 to 128; each is billed. When unset, 1.
        n(: u64);
        /// Sets the seed of sampling: equal requests with one seed give mostly equal answers.
        seed(: i64);
        /// Sets whether the answer has the log probability of each token. When unset, it has none. Refused by most
        /// reasoning models.
        logprobs(: bool);
        /// Sets how many alternatives the answer has for each token, 0 to 20; requires `logprobs`. When unset, none.
        top_logprobs(: u64);
        /// Sets how much a reasoning model reasons before it answers. When unset, the model's default. Models differ in
        /// the values they accept; models without reasoning refuse it.
        reasoning_effort(into: ReasoningEffort);
        /// Sets how long answers are, on models from gpt-5 on; others refuse it. When unset, the model decides.
        verbosity(into: Verbosity);
        /// Sets the expected answer, for shorter waits where most of it is known. Accepted by the gpt-4o and gpt-4.1
        /// models only; excludes tools, audio, `n` above 1, `logprobs`, and `max_completion_tokens`.
        prediction(into: Prediction);
        /// Sets the format of the answer. When unset, text.
        response_format(into: ResponseFormat);
        /// Sets whether and which tools the model calls; requires `tools`. When unset, the model decides.
        tool_choice(into: ToolChoice);
        /// Sets whether one answer may have several tool calls; requires `tools`. When unset, it may. Refused by
        /// reasoning models that call one tool at a time.
        parallel_tool_calls(: bool);
        /// Sets the voice and format of a spoken answer; requires the `audio` modality and an audio model.
        audio(into: AudioOutput);
        /// Sets what a stream has besides the answer. When unset,
        /// [`stream`](crate::ChatClient::stream) requests the usage wherever the api version has the option.
        stream_options(into: StreamOptions);
        /// Sets whether the service stores the completion. When unset, it does not.
        store(: bool);
        /// Sets the processing tier of the call. When unset, `auto`.
        service_tier(into: ServiceTier);
        /// Sets a key that routes requests with equal beginnings to the same prompt cache.
        prompt_cache_key(into: String);
        /// Sets how long the prompt stays cached. When unset, `in_memory` (minutes) on
        /// models up to gpt-5.4, `24h` on newer ones; api version `v1` only.
        prompt_cache_retention(into: PromptCacheRetention);
        /// Sets a stable id of the end user, for abuse detection; hash names and addresses.
        safety_identifier(into: String);
        /// Sets the end user and application of the call, for the security alerts of Microsoft Defender.
        user_security_context(into: UserSecurityContext);
        /// Sets how search-enabled models search the web.
        web_search_options(into: WebSearchOptions);
    }

    /// Sets up to four sequences at which the answer ends; they are not part of it. Refused by reasoning models from o3 on.
    /// When unset, or empty, the model decides.
    pub fn stop(mut self, stop: impl Into<Stop>) -> Self {
        let stop = stop.into();
        self.body.stop = (stop.len() > 0).then_some(stop);
        self
    }

    /// Sets a stable id of the end user, for abuse detection: the wire's `user`. The method `user` adds a message.
    pub fn user_id(mut self, id: impl Into<String>) -> Self {
        self.body.user = Some(id.into());
        self
    }

    /// Sets the sampling temperature, 0 to 2: higher is more random. When unset, 1. Reasoning models refuse it, most of
    /// them all values but 1.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.body.temperature = self.number("temperature", temperature);
        self
    }

    /// Limits sampling to the likeliest tokens that together have this probability, 0 to 1. When unset, 1. Refused by
    /// reasoning models.
    pub fn top_p(mut self, top_p: f64) -> Self {
        self.body.top_p = self.number("top_p", top_p);
        self
    }

    /// Sets the penalty of tokens that have occurred, -2 to 2: higher favours new topics. When unset, 0. Refused by
    /// reasoning models.
    pub fn presence_penalty(mut self, penalty: f64) -> Self {
        self.body.presence_penalty = self.number("presence_penalty", penalty);
        self
    }

    /// Sets the penalty of tokens by how often they have occurred, -2 to 2: higher avoids repetition. When unset, 0.
    /// Refused by reasoning models.
    pub fn frequency_penalty(mut self, penalty: f64) -> Self {
        self.body.frequency_penalty = self.number("frequency_penalty", penalty);
        self
    }

    /// Adds a bias to the likelihood of tokens, by token id, -100 to 100. Refused by reasoning models.
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

    /// Sets the modalities of the answer. When unset, text alone.
    pub fn modalities(mut self, modalities: impl IntoIterator<Item = Modality>) -> Self {
        self.body.modalities = Some(modalities.into_iter().collect::<List<_>>()).filter(|list| !list.is_empty());
        self
    }

    /// Adds to the `metadata` of a stored completion: up to 16 pairs, keys up to 64, values up to 512 characters.
    pub fn metadata(mut self, pairs: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        let pairs = string_map(pairs);
        if !pairs.is_empty() {
            self.body.metadata.get_or_insert_default().extend(pairs);
        }
        self
    }

    /// Adds a data source for On Your Data. Refused on api version `v1`.
    pub fn data_source(mut self, source: DataSource) -> Self {
        self.body.data_sources.get_or_insert_default().0.push(source);
        self
    }

    /// Allows a request without `max_completion_tokens` on the o1 models, for which this crate otherwise requires it.
    /// Changes nothing that is sent.
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

/// A JSON object of strings.
fn string_map(pairs: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Map<String, Value> {
    pairs.into_iter().map(|(key, value)| (key.into(), Value::String(value.into()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_without_entries_says_nothing() {
        let none: [(String, String); 0] = [];
        let builder = ChatCompletionRequestBuilder::new(Deployment::new("d"))
            .messages([Message::user("hi")])
            .messages(Vec::<Message>::new())
            .tools([])
            .stop(Vec::<String>::new())
            .modalities([])
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
        let builder = ChatCompletionRequestBuilder::new(Deployment::new("d")).tool(Tool::function("f")).tools([]);
        assert_eq!(builder.body.tools.map(|tools| tools.len()), Some(1));
        let replaced = ChatCompletionRequestBuilder::new(Deployment::new("d")).stop("a").stop(Vec::<String>::new());
        assert_eq!(replaced.body.stop, None);
    }
}
