//! The setters of the builder and the getters of the request.

use serde_json::{Map, Number, Value};

use super::body;
use super::setters::setters;
use super::{
    AudioOutput, ChatCompletionRequest, ChatCompletionRequestBuilder, DataSource, Modality, Prediction,
    PromptCacheRetention, ResponseFormat, Stop, StreamOptions, Tool, ToolChoice, UserSecurityContext, Verbosity,
    WebSearchOptions,
};
use crate::model::ReasoningEffort;
use crate::response::ServiceTier;
use crate::wire::{List, getters};

/// A JSON object.
type Object = Map<String, Value>;

body::settings! { setters {
    builder: ChatCompletionRequestBuilder => builder.body; request: ChatCompletionRequest => Some(&request.body);
} }

/// Settings that are lists, or whose method is not called as on the wire.
impl ChatCompletionRequestBuilder {
    /// Sets a stable id of the end user, for abuse detection: the wire's `user`. When unset, none is sent.
    /// ([`user`](Self::user) adds a message.)
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#createchatcompletionrequest>
    #[doc(alias = "user")]
    #[doc(alias = "user_id")]
    pub fn end_user(mut self, id: impl Into<String>) -> Self {
        self.body.user = Some(id.into());
        self
    }

    /// Sets up to four sequences at which the answer ends; they are not part of it. Refused by reasoning models from o3 on.
    /// When unset, or empty, the answer ends where the model ends it.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#createchatcompletionrequest>
    #[doc(alias = "stop_sequences")]
    pub fn stop(mut self, stop: impl Into<Stop>) -> Self {
        self.body.stop = Some(stop.into()).filter(|stop| !stop.as_slice().is_empty());
        self
    }

    /// Adds a bias to the likelihood of tokens, by token id, -100 to 100. When unset, 0. Refused by reasoning models.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#createchatcompletionrequest>
    pub fn logit_bias(mut self, biases: impl IntoIterator<Item = (u32, i32)>) -> Self {
        for (token, bias) in biases {
            self.body.logit_bias.get_or_insert_default().insert(token.to_string(), bias.into());
        }
        self
    }

    /// Adds a tool the model may call. Up to 128; refused by o1-mini and o1-preview.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling>
    pub fn tool(mut self, tool: impl Into<Tool>) -> Self {
        self.body.push_tool(tool.into());
        self
    }

    /// Adds several tools: [`tool`](Self::tool) for each.
    pub fn tools(self, tools: impl IntoIterator<Item = impl Into<Tool>>) -> Self {
        tools.into_iter().fold(self, Self::tool)
    }

    /// Sets the modalities of the answer. When unset, or empty, text alone. `audio` is refused by models without it.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/audio-completions-quickstart>
    pub fn modalities(mut self, modalities: impl IntoIterator<Item = impl Into<Modality>>) -> Self {
        let modalities: List<Modality> = modalities.into_iter().map(Into::into).collect();
        self.body.modalities = Some(modalities).filter(|list| !list.is_empty());
        self
    }

    /// Adds to the `metadata` of a stored completion: up to 16 pairs, keys up to 64, values up to 512 characters. When
    /// unset, it has none.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/stored-completions>
    pub fn metadata(mut self, pairs: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        for (key, value) in pairs {
            self.body.metadata.get_or_insert_default().insert(key.into(), Value::String(value.into()));
        }
        self
    }

    /// Adds a data source for On Your Data. Refused on api version `v1`.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data>
    #[doc(alias = "data_sources")]
    pub fn data_source(mut self, source: impl Into<DataSource>) -> Self {
        self.body.push_data_source(source.into());
        self
    }

    fn whole_number<T>(&mut self, parameter: &str, value: impl TryInto<T>) -> Option<T> {
        let number = value.try_into().ok();
        self.note_number(parameter, number.is_some(), "out of range");
        number
    }

    fn number(&mut self, parameter: &str, value: f64) -> Option<Number> {
        // an `f32` of 0.7 is sent as 0.7, without the digits that it has as an `f64`
        let narrow = value as f32;
        let shortest = (f64::from(narrow) == value).then(|| narrow.to_string().parse().ok());
        let number = Number::from_f64(shortest.flatten().unwrap_or(value));
        self.note_number(parameter, number.is_some(), "not finite, which JSON cannot carry");
        number
    }
}

getters! { request: ChatCompletionRequest => request.body;
    /// What [`end_user`](ChatCompletionRequestBuilder::end_user) was set to: the wire's `user`.
    #[doc(alias = "user")]
    end_user = user: String;
    /// The bias of each token, by its id; `None` when unset.
    logit_bias: Object;
    /// The modalities of the answer; empty when unset.
    modalities: List<Modality>;
    /// The `metadata` of a stored completion; `None` when unset.
    metadata: Object;
}

/// Settings that are lists with several owners, or one of two types.
impl ChatCompletionRequest {
    /// The sequences at which the answer ends; empty when unset.
    #[must_use]
    pub fn stop(&self) -> &[String] {
        self.body.stop.as_ref().map(Stop::as_slice).unwrap_or_default()
    }

    /// The tools the model may call; empty when there are none.
    #[must_use]
    pub fn tools(&self) -> &[Tool] {
        self.body.tools.as_ref().map(|tools| tools.as_slice()).unwrap_or_default()
    }

    /// The data sources of On Your Data; empty when there are none.
    #[must_use]
    pub fn data_sources(&self) -> &[DataSource] {
        self.body.data_sources.as_ref().map(|sources| sources.as_slice()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::{BTreeMap, HashMap};

    use serde_json::json;

    use super::*;
    use crate::request::{DataSourceAuthentication, Message, RequestBody, Rule};

    fn builder() -> ChatCompletionRequestBuilder {
        ChatCompletionRequest::builder("d").user("hi")
    }

    /// The members that are sent beside the messages.
    fn members(builder: ChatCompletionRequestBuilder) -> Value {
        let mut members = json!(builder.build_unchecked());
        members.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "model" | "messages"));
        members
    }

    #[test]
    fn every_kind_of_number_is_taken() {
        let request = builder().max_tokens(5u32).n(2usize).top_logprobs(3i64).logprobs(true).seed(-1).temperature(1);
        let request = request.build().unwrap();
        assert_eq!((request.max_tokens(), request.n(), request.top_logprobs()), (Some(5), Some(2), Some(3)));
        assert_eq!((request.seed(), request.temperature()), (Some(-1), Some(1.0)));
    }

    /// A request in which every setting is set.
    fn full() -> ChatCompletionRequest {
        let source = DataSource::azure_search("https://s", "i", DataSourceAuthentication::api_key("k"));
        builder()
            .max_tokens(1)
            .max_completion_tokens(2)
            .temperature(0.5)
            .top_p(0.25)
            .presence_penalty(-1)
            .frequency_penalty(1)
            .n(3)
            .stop(["a", "b"])
            .seed(-4)
            .end_user("u")
            .logprobs(true)
            .top_logprobs(5)
            .logit_bias([(7, -100)])
            .reasoning_effort("low")
            .verbosity("high")
            .prediction("expected")
            .response_format(ResponseFormat::json_object())
            .tool(Tool::function("f"))
            .tool_choice("required")
            .parallel_tool_calls(false)
            .modalities(["text", "audio"])
            .audio(AudioOutput::new("alloy", "mp3"))
            .stream_options(StreamOptions::new().include_usage(true))
            .store(true)
            .metadata([("key", "value")])
            .service_tier("flex")
            .prompt_cache_key("c")
            .prompt_cache_retention("24h")
            .safety_identifier("s")
            .user_security_context(UserSecurityContext::new().source_ip("192.0.2.1"))
            .web_search_options(WebSearchOptions::new().search_context_size("low"))
            .data_source(source)
            .build_unchecked()
    }

    #[test]
    fn every_setting_is_sent_under_its_name() {
        let (sent, older) = (json!(full()), ["functions", "function_call", "stream"]);
        let unset = RequestBody::FIELDS.iter().copied().filter(|name| sent.get(name).is_none());
        assert_eq!(unset.collect::<Vec<_>>(), older);
    }

    #[test]
    fn what_a_setter_set_is_read_by_its_getter() {
        let request = full();
        let whole = [request.max_tokens(), request.max_completion_tokens(), request.n(), request.top_logprobs()];
        assert_eq!((whole, request.seed()), ([Some(1), Some(2), Some(3), Some(5)], Some(-4)));
        let numbers = [request.temperature(), request.top_p(), request.presence_penalty(), request.frequency_penalty()];
        assert_eq!(numbers, [Some(0.5), Some(0.25), Some(-1.0), Some(1.0)]);
        let flags = [request.logprobs(), request.parallel_tool_calls(), request.store()];
        assert_eq!(flags, [Some(true), Some(false), Some(true)]);
        let texts = [request.end_user(), request.prompt_cache_key(), request.safety_identifier()];
        assert_eq!(texts, [Some("u"), Some("c"), Some("s")]);
        let words = [
            request.reasoning_effort().map(ReasoningEffort::as_str),
            request.verbosity().map(Verbosity::as_str),
            request.service_tier().map(ServiceTier::as_str),
            request.prompt_cache_retention().map(PromptCacheRetention::as_str),
        ];
        assert_eq!(words, [Some("low"), Some("high"), Some("flex"), Some("24h")]);
        assert_eq!((request.stop(), request.modalities()), (&["a", "b"].map(str::to_owned)[..], Modality::KNOWN));
        assert_eq!(
            (request.logit_bias().unwrap()["7"].as_i64(), &request.metadata().unwrap()["key"]),
            (Some(-100), &json!("value"))
        );
        assert_eq!(request.prediction().unwrap().content().unwrap().text(), Some("expected"));
        assert_eq!(request.response_format(), Some(&ResponseFormat::json_object()));
        assert_eq!((request.tools()[0].name(), request.tool_choice()), ("f", Some(&ToolChoice::required())));
        assert_eq!(request.audio(), Some(&AudioOutput::new("alloy", "mp3")));
        assert_eq!(request.stream_options().unwrap().includes_usage(), Some(true));
        assert_eq!(request.user_security_context().unwrap().get_source_ip(), Some("192.0.2.1"));
        assert_eq!(request.web_search_options().unwrap().get_search_context_size(), Some("low"));
        assert_eq!(request.data_sources()[0].kind().unwrap(), &"azure_search");
    }

    #[test]
    fn values_of_another_request_are_taken_by_reference() {
        let first = full();
        let second = ChatCompletionRequest::builder(first.deployment())
            .messages(first.messages())
            .stop(first.stop())
            .reasoning_effort(first.reasoning_effort().unwrap())
            .verbosity(first.verbosity().unwrap())
            .prediction(first.prediction().unwrap())
            .response_format(first.response_format().unwrap())
            .tools(first.tools())
            .tool_choice(first.tool_choice().unwrap())
            .modalities(first.modalities())
            .audio(first.audio().unwrap())
            .stream_options(first.stream_options().unwrap())
            .service_tier(first.service_tier().unwrap())
            .prompt_cache_retention(first.prompt_cache_retention().unwrap())
            .user_security_context(first.user_security_context().unwrap())
            .web_search_options(first.web_search_options().unwrap())
            .data_source(&first.data_sources()[0])
            .build_unchecked();
        let (mut first, second) = (json!(first), json!(second));
        first.as_object_mut().unwrap().retain(|name, _| second.get(name).is_some());
        assert_eq!((first.as_object().unwrap().len(), first), (17, second));
    }

    #[test]
    fn an_optional_value_goes_in_by_apply() {
        let ask = |limit: Option<u32>| {
            builder().apply(|builder| match limit {
                Some(limit) => builder.max_tokens(limit),
                None => builder,
            })
        };
        assert_eq!([ask(None), ask(Some(7))].map(members), [json!({}), json!({"max_tokens": 7})]);
    }

    #[test]
    fn a_number_of_32_bits_is_sent_with_its_own_digits() {
        for (value, text) in [(0.7_f32, "0.7"), (1.1, "1.1"), (0.0, "0.0"), (1.0, "1.0"), (-0.15, "-0.15")] {
            let sent = members(builder().presence_penalty(value))["presence_penalty"].to_string();
            assert_eq!(sent, text);
            assert_eq!(
                members(builder().presence_penalty(text.parse::<f64>().unwrap()))["presence_penalty"],
                json!(value.to_string().parse::<f64>().unwrap())
            );
        }
        assert_eq!(members(builder().top_p(0.1234567890123))["top_p"], json!(0.1234567890123));
    }

    #[test]
    fn a_number_that_cannot_be_one_is_a_violation() {
        let error = builder().max_tokens(-5).seed(u64::MAX).top_p(f32::NAN).build().unwrap_err();
        let found: Vec<_> = error.violations().iter().map(|found| (found.parameter(), found.rule())).collect();
        assert_eq!(found, ["max_tokens", "seed", "top_p"].map(|name| (name, Rule::OutOfRange)));
        assert_eq!(error.violations()[0].message(), "max_tokens is out of range: pass a whole number of at least 1");
        assert_eq!(error.violations()[1].message(), "seed is out of range: pass a whole number that fits an i64");
        builder().max_tokens(-5).max_tokens(5).build().unwrap();
    }

    #[test]
    fn strings_and_lists_are_taken_as_people_have_them() {
        let (owned, borrowed) = ("end".to_owned(), Cow::Borrowed("end"));
        for stop in [Stop::from(&owned), borrowed.clone().into(), "end".into(), owned.clone().into()] {
            assert_eq!(members(builder().stop(stop)), json!({"stop": "end"}));
        }
        let list = vec![owned.clone(), "fin".to_owned()];
        let lists: [Stop; 6] = [
            (&list).into(),
            list.as_slice().into(),
            ["end", "fin"].into(),
            (&["end", "fin"]).into(),
            list.iter().collect(),
            list.into(),
        ];
        for stop in lists {
            let request = builder().stop(stop).build().unwrap();
            assert_eq!(request.stop(), ["end", "fin"]);
        }
        let (tools, history) = ([Tool::function("f"), Tool::function("g")], vec![Message::user("q")]);
        let request =
            builder().messages(&history).messages(history.as_slice()).tools(&tools).tools(tools.iter().skip(2));
        let request = request.user(&owned).user(borrowed).modalities(["text"]).build().unwrap();
        assert_eq!(
            (request.messages().len(), request.tools(), request.modalities()),
            (5, &tools[..], &[Modality::Text][..])
        );
        let pairs = BTreeMap::from([(owned.clone(), owned.clone())]);
        assert_eq!(members(builder().metadata(&pairs)), json!({"metadata": {"end": "end"}}));
        let extras = HashMap::from([("tomorrow", 5)]);
        assert_eq!(members(builder().extras(extras)), json!({"tomorrow": 5}));
    }

    #[test]
    fn a_tool_is_chosen_by_word_by_name_or_by_itself() {
        let tools = [Tool::function("f"), Tool::custom("c")];
        let chosen = |choice: ToolChoice| {
            let request = builder().tools(&tools).tool_choice(choice).build().unwrap();
            json!(request.tool_choice())
        };
        for word in ["auto", "none", "required"] {
            assert_eq!(chosen(word.into()), word);
        }
        assert_eq!(chosen("f".into()), json!({"type": "function", "function": {"name": "f"}}));
        assert_eq!(chosen((&tools[1]).into()), json!({"type": "custom", "custom": {"name": "c"}}));
        let error = builder().tools(&tools).tool_choice("requierd").build().unwrap_err();
        assert_eq!(error.violations()[0].parameter(), "tool_choice");
    }

    #[test]
    fn a_request_goes_into_its_builder_and_comes_back() {
        let request = builder()
            .tool(Tool::function("f"))
            .temperature(0.5)
            .end_user("u")
            .logit_bias([(7, -100)])
            .reasoning_effort("low")
            .extra("tomorrow", 5)
            .build()
            .unwrap();
        assert_eq!(request.end_user(), Some("u"));
        assert_eq!(request.logit_bias().unwrap()["7"], -100);
        assert_eq!(request.reasoning_effort(), Some(&ReasoningEffort::Low));
        assert_eq!(request.to_builder().build().unwrap(), request);
        assert_eq!(request.clone().into_builder().build().unwrap(), request);
    }
}
