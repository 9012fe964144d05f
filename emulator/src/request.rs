//! The chat completion request as it arrived, [`ChatRequest`]: JSON of any shape, read member by member.

use serde_json::Value;

use crate::tokens::{Encoding, audio_tokens, image_tokens};

/// The body of a chat completion request, with the tokenizer of the model that it is sent to.
#[derive(Clone, Copy)]
pub(crate) struct ChatRequest<'a> {
    body: &'a Value,
    encoding: Encoding,
}

impl<'a> ChatRequest<'a> {
    pub(crate) fn new(body: &'a Value) -> Self {
        Self { body, encoding: Encoding::default() }
    }

    /// The same request to this model.
    pub(crate) fn of_model(self, model: &str) -> Self {
        Self { encoding: Encoding::of(model), ..self }
    }

    pub(crate) fn encoding(self) -> Encoding {
        self.encoding
    }

    /// The body as it arrived.
    pub(crate) fn body(self) -> &'a Value {
        self.body
    }

    /// A member that is present and not `null`.
    pub(crate) fn given(self, name: &str) -> Option<&'a Value> {
        self.body.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn flag(self, name: &str) -> bool {
        self.given(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn number(self, name: &str) -> Option<u64> {
        self.given(name).and_then(Value::as_u64)
    }

    pub(crate) fn string(self, name: &str) -> Option<&'a str> {
        self.given(name).and_then(Value::as_str)
    }

    pub(crate) fn list(self, name: &str) -> &'a [Value] {
        self.given(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn messages(self) -> &'a [Value] {
        self.list("messages")
    }

    /// The texts of the messages.
    pub(crate) fn texts(self) -> Vec<String> {
        self.messages().iter().map(text).collect()
    }

    /// The text of the last `user` message.
    pub(crate) fn question(self) -> String {
        self.messages().iter().rfind(|m| role(m) == "user").map(text).unwrap_or_default()
    }

    /// The text of the last message, whoever sent it.
    pub(crate) fn last_text(self) -> String {
        self.messages().last().map(text).unwrap_or_default()
    }

    /// How many user messages there are.
    pub(crate) fn turn(self) -> usize {
        self.messages().iter().filter(|message| role(message) == "user").count()
    }

    /// Whether a tool or a function of this name is offered.
    pub(crate) fn offers(self, name: &str) -> bool {
        let tools = self.list("tools").iter().filter_map(tool_definition);
        tools.chain(self.list("functions")).any(|tool| tool.get("name").and_then(Value::as_str) == Some(name))
    }

    /// The tool messages at the end of the conversation, oldest first.
    pub(crate) fn tool_results(self) -> &'a [Value] {
        let all = self.messages();
        let start = all.iter().rposition(|m| !matches!(role(m), "tool" | "function")).map_or(0, |at| at + 1);
        all.get(start..).unwrap_or_default()
    }

    /// How many content parts of a kind the last user message has.
    pub(crate) fn parts(self, kind: &str) -> usize {
        let last = self.messages().iter().rfind(|m| role(m) == "user");
        last.and_then(|m| m.get("content")?.as_array()).map_or(0, |parts| {
            parts.iter().filter(|part| part.get("type").and_then(Value::as_str) == Some(kind)).count()
        })
    }

    /// The type of the response format.
    pub(crate) fn format(self) -> Option<&'a str> {
        self.given("response_format")?.get("type")?.as_str()
    }

    /// The predicted text.
    pub(crate) fn prediction(self) -> Option<String> {
        self.given("prediction").map(text)
    }

    /// The smaller of the two output limits.
    pub(crate) fn limit(self) -> Option<u64> {
        [self.number("max_completion_tokens"), self.number("max_tokens")].into_iter().flatten().min()
    }

    /// The sequences of `stop`, which is a string or a list of strings.
    pub(crate) fn stops(self) -> Vec<&'a str> {
        match self.given("stop") {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one],
            _ => Vec::new(),
        }
    }

    /// The tokens of the sounds in the prompt.
    pub(crate) fn audio_tokens(self) -> u64 {
        let parts = self.messages().iter().filter_map(|message| message.get("content")?.as_array()).flatten();
        let data = parts.filter_map(|part| part.pointer("/input_audio/data")?.as_str());
        data.map(audio_tokens).sum()
    }

    /// The tokens of the prompt: those of its sounds and of each message's role, name, text and images, three around each
    /// message, and three for the start of the answer.
    pub(crate) fn prompt_tokens(self) -> u64 {
        let count = |text: &str| self.encoding.count(text);
        let message = |message: &Value| {
            let name = message.get("name").and_then(Value::as_str).map_or(0, |name| 1 + count(name));
            let calls = message.get("tool_calls").map_or(0, |calls| count(&calls.to_string()));
            let parts = message.get("content").and_then(Value::as_array).into_iter().flatten();
            let images = parts.filter_map(|part| {
                let image = part.get("image_url")?;
                Some(image_tokens(image.get("url")?.as_str()?, image.get("detail").and_then(Value::as_str)))
            });
            3 + count(role(message)) + name + count(&text(message)) + calls + images.sum::<u64>()
        };
        let tools = self.list("tools").iter().chain(self.list("functions"));
        let messages: u64 = self.messages().iter().map(message).sum();
        messages + self.audio_tokens() + tools.map(|tool| count(&tool.to_string())).sum::<u64>() + 3
    }

    /// The tokens that count against a quota: those of the prompt, and the most of the answer.
    pub(crate) fn quota_tokens(self) -> u64 {
        self.prompt_tokens().saturating_add(self.limit().unwrap_or(0))
    }

    /// How many characters the prompt has: the offsets of the asynchronous filter count from its start.
    pub(crate) fn prompt_characters(self) -> usize {
        self.messages().iter().map(|m| text(m).chars().count()).sum()
    }
}

/// The definition inside a tool, a tool call or a tool choice: the member `function` or `custom`.
pub(crate) fn tool_definition(tool: &Value) -> Option<&Value> {
    tool.get("function").or_else(|| tool.get("custom"))
}

/// A message's role.
pub(crate) fn role(message: &Value) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or_default()
}

/// The text of a message or of a prediction: a string, or the text parts of a list.
pub(crate) fn text(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().concat()
        }
        _ => String::new(),
    }
}
