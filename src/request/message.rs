//! The messages of a conversation.

use std::fmt;

use serde::Serialize;
use serde::de::MapAccess;
use serde_json::{Map, Value};

use super::audio::AudioReference;
use super::content_part::{ContentPart, MessageContent};
use crate::response::{AssistantMessage, Citation, FunctionCall, MessageContext, Role, ToolCall};
use crate::wire::{
    Field, FieldVisitor, FromWire, List, Path, Shared, clone_converts, deserialize_wire, getters, wire_struct,
};

/// One turn of the conversation.
///
/// Clones share one copy of the turn, so that adding to a long conversation copies none of its texts.
///
/// # Example: a conversation with an image
///
/// ```
/// use azure_openai_chat::{ContentPart, Message, Role};
///
/// let messages = [
///     Message::developer("Answer in one sentence."),
///     Message::user_parts([
///         ContentPart::text("What is on this picture?"),
///         ContentPart::image_url("https://contoso.com/cat.png"),
///     ]),
/// ];
/// assert_eq!(messages[0].role(), Role::Developer);
/// assert_eq!(messages[0].text(), Some("Answer in one sentence."));
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chatrequestmessage>
#[derive(Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
#[doc(alias = "ChatCompletionMessageParam")]
#[doc(alias = "ChatCompletionRequestMessage")]
pub struct Message(Shared<MessageFields>);

wire_struct! {
    pub(crate) struct MessageFields {
        pub(crate) role: Role = "role",
        pub(crate) content: MessageContent = "content",
        pub(crate) name: String = hidden "name",
        pub(crate) refusal: String = hidden "refusal",
        pub(crate) tool_calls: List<ToolCall> = "tool_calls",
        pub(crate) function_call: FunctionCall = "function_call",
        pub(crate) tool_call_id: String = "tool_call_id",
        pub(crate) audio: AudioReference = "audio",
        pub(crate) context: EarlierContext = "context",
    }

    /// The `context` of an earlier On Your Data answer: the members that the service accepts in a request.
    pub(crate) struct EarlierContext {
        pub(crate) citations: List<Citation> = "citations",
        pub(crate) intent: String = hidden "intent",
    }
}

impl Message {
    fn new(role: Role, content: impl Into<MessageContent>) -> Self {
        MessageFields { role: Some(role), content: Some(content.into()), ..MessageFields::EMPTY }.into()
    }

    fn earlier_answer(fields: MessageFields) -> Self {
        MessageFields { role: Some(Role::Assistant), ..fields }.into()
    }

    pub(crate) fn fields(&self) -> &MessageFields {
        &self.0
    }

    pub(super) fn fields_mut(&mut self) -> &mut MessageFields {
        &mut self.0
    }

    /// Instructions for models older than the o-series.
    #[must_use]
    #[doc(alias = "ChatCompletionRequestSystemMessageArgs")]
    #[doc(alias = "ChatCompletionSystemMessageParam")]
    pub fn system(content: impl Into<MessageContent>) -> Self {
        Self::new(Role::System, content)
    }

    /// Instructions for reasoning models.
    #[must_use]
    #[doc(alias = "ChatCompletionRequestDeveloperMessageArgs")]
    #[doc(alias = "ChatCompletionDeveloperMessageParam")]
    pub fn developer(content: impl Into<MessageContent>) -> Self {
        Self::new(Role::Developer, content)
    }

    /// A message of the user: text, or [parts](ContentPart).
    #[must_use]
    #[doc(alias = "ChatCompletionRequestUserMessageArgs")]
    #[doc(alias = "ChatCompletionUserMessageParam")]
    pub fn user(content: impl Into<MessageContent>) -> Self {
        Self::new(Role::User, content)
    }

    /// A message of the user in parts of text, images, audio and files.
    #[must_use]
    pub fn user_parts(parts: impl IntoIterator<Item = impl Into<ContentPart>>) -> Self {
        Self::new(Role::User, parts.into_iter().map(Into::into).collect::<MessageContent>())
    }

    /// An earlier answer. `Message::from` an answer of this crate keeps its tool calls and refusal too.
    #[must_use]
    #[doc(alias = "ChatCompletionRequestAssistantMessageArgs")]
    #[doc(alias = "ChatCompletionAssistantMessageParam")]
    pub fn assistant(content: impl Into<MessageContent>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// An earlier answer that consists of tool calls.
    #[must_use]
    pub fn assistant_tool_calls(calls: impl IntoIterator<Item = impl Into<ToolCall>>) -> Self {
        Self::earlier_answer(MessageFields::EMPTY).with_tool_calls(calls)
    }

    /// An earlier refusal of the model.
    #[must_use]
    pub fn assistant_refusal(refusal: impl Into<String>) -> Self {
        Self::earlier_answer(MessageFields { refusal: Some(refusal.into()), ..MessageFields::EMPTY })
    }

    /// An earlier spoken answer, by the id of its audio.
    #[must_use]
    pub fn assistant_audio(id: impl Into<String>) -> Self {
        let audio = AudioReference { id: Some(id.into()), ..AudioReference::EMPTY };
        Self::earlier_answer(MessageFields { audio: Some(audio), ..MessageFields::EMPTY })
    }

    /// The result of a tool call, by the call's id.
    #[must_use]
    #[doc(alias = "tool")]
    #[doc(alias = "ChatCompletionRequestToolMessageArgs")]
    #[doc(alias = "ChatCompletionToolMessageParam")]
    pub fn tool_result(tool_call_id: impl Into<String>, content: impl Into<MessageContent>) -> Self {
        let mut message = Self::new(Role::Tool, content);
        message.fields_mut().tool_call_id = Some(tool_call_id.into());
        message
    }

    /// The result of a `function_call`, which `tool_calls` have replaced, by the function's name.
    #[must_use]
    #[doc(alias = "function")]
    pub fn function_result(name: impl Into<String>, content: impl Into<MessageContent>) -> Self {
        Self::new(Role::Function, content).with_name(name)
    }

    /// The same message with the `name` of its participant, which distinguishes several of one role.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.fields_mut().name = Some(name.into());
        self
    }

    /// The same message with tool calls; an empty list is not sent.
    #[must_use]
    pub fn with_tool_calls(mut self, calls: impl IntoIterator<Item = impl Into<ToolCall>>) -> Self {
        let calls = calls.into_iter().map(|call| call.into().into_history()).collect::<List<_>>();
        self.fields_mut().tool_calls = Some(calls).filter(|calls| !calls.is_empty());
        self
    }

    /// The same message with the citations and the intent of an On Your Data answer; the service accepts no other member.
    #[must_use]
    pub fn with_context(mut self, context: MessageContext) -> Self {
        self.fields_mut().context = Some(EarlierContext {
            citations: context.citations.map(List),
            intent: context.intent,
            ..EarlierContext::EMPTY
        });
        self
    }

    /// The role. Of a message read from JSON without one, an unknown role whose text is empty; the service refuses it.
    #[must_use]
    pub fn role(&self) -> Role {
        self.0.role.clone().unwrap_or_else(|| Role::from(""))
    }

    /// The text: content that is a string, or the only text among its parts. `None` for a message without text, and for
    /// one with several texts, which are in [`parts`](Self::parts).
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.content()?.text()
    }

    /// The parts of the content; empty when it is a string.
    #[must_use]
    pub fn parts(&self) -> &[ContentPart] {
        self.content().map(MessageContent::parts).unwrap_or_default()
    }

    /// The id of an earlier spoken answer's audio.
    #[must_use]
    pub fn audio_id(&self) -> Option<&str> {
        self.0.audio.as_ref()?.id.as_deref()
    }

    /// Members that have no getter here, or a value of another type than theirs.
    #[must_use]
    pub fn extra(&self) -> Option<&Map<String, Value>> {
        self.0.extra()
    }
}

getters! { message: Message => message.0;
    /// The text or the parts.
    content: MessageContent;
    /// The `name` of the participant, or of the function whose result this is.
    name: String;
    /// The refusal of an earlier answer.
    refusal: String;
    /// Tools the model called in this turn.
    tool_calls: List<ToolCall>;
    /// The id of the tool call whose result this is.
    tool_call_id: String;
}

impl From<MessageFields> for Message {
    fn from(fields: MessageFields) -> Self {
        Self(Shared::from(fields))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromWire for Message {
    const EXPECTED: &'static str = MessageFields::EXPECTED;
    const EXPECTED_LIST: &'static str = MessageFields::EXPECTED_LIST;

    fn visit<'a>(&'a self, path: &Path<'_>, visitor: &mut dyn FieldVisitor<'a>) {
        self.0.visit(path, visitor);
    }
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Field<Self>, A::Error> {
        Shared::from_map(map).map(|field| field.map(Self))
    }
}

deserialize_wire!(Message);
clone_converts!(Message);

/// An answer becomes a turn of the conversation: text, refusal, tool calls and the id of spoken text are
/// kept. What the service refuses in a request (annotations, reasoning, citations) is left out;
/// of an On Your Data context the intent is kept, as the service requires.
impl From<AssistantMessage> for Message {
    fn from(answer: AssistantMessage) -> Self {
        let calls = answer.tool_calls.filter(|calls| !calls.is_empty());
        let tool_calls = calls.map(|calls| calls.into_iter().map(ToolCall::into_history).collect::<List<_>>());
        let has_other = tool_calls.is_some() || answer.function_call.is_some() || answer.audio.is_some();
        let content = match answer.content.map(|content| (content.text().map(str::to_owned), content.into_parts())) {
            Some((_, Err(text))) => Some(MessageContent::Text(text)),
            // a list that holds what a request cannot have goes back as its text
            Some((text, Ok(parts))) => crate::wire::read(Value::Array(parts)).ok().or(text.map(MessageContent::Text)),
            None if !has_other && answer.refusal.is_none() => Some(MessageContent::Text(String::new())),
            None => None,
        };
        Self::earlier_answer(MessageFields {
            content,
            refusal: answer.refusal,
            tool_calls,
            function_call: answer.function_call.map(FunctionCall::into_history),
            audio: answer.audio.map(|audio| AudioReference { id: audio.id, ..AudioReference::EMPTY }),
            context: answer
                .context
                .and_then(|context| context.intent)
                .map(|intent| EarlierContext { intent: Some(intent), ..EarlierContext::EMPTY }),
            ..MessageFields::EMPTY
        })
    }
}

impl From<&AssistantMessage> for Message {
    fn from(answer: &AssistantMessage) -> Self {
        answer.clone().into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::InputAudioFormat;
    use crate::request::content_part::ImageDetail;

    fn wire(message: &Message) -> Value {
        serde_json::to_value(message).unwrap()
    }

    #[test]
    fn parts_and_tool_calls_are_taken_by_value_and_by_reference() {
        let parts = [ContentPart::text("a"), ContentPart::text("b")];
        let (message, list) = (Message::user(parts.clone()), parts.to_vec());
        for other in [
            Message::user(&parts),
            Message::user(&list),
            Message::user(list.as_slice()),
            Message::user_parts(&parts),
            Message::user_parts(parts.clone()),
            Message::user(message.content().unwrap()),
        ] {
            assert_eq!(other, message);
        }
        assert_eq!(Message::user(&parts[0]), Message::user(parts[0].clone()));
        let calls = Message::assistant_tool_calls([ToolCall::function("c", "f", "{}")]);
        assert_eq!(Message::assistant_tool_calls(calls.tool_calls()), calls);
    }

    #[test]
    fn each_role_has_its_shape() {
        assert_eq!(wire(&Message::system("a")), json!({"role": "system", "content": "a"}));
        assert_eq!(wire(&Message::user("a").with_name("ann")), json!({"role": "user", "content": "a", "name": "ann"}));
        assert_eq!(
            wire(&Message::tool_result("call_1", "42")),
            json!({"role": "tool", "tool_call_id": "call_1", "content": "42"})
        );
    }

    #[test]
    fn parts_carry_text_images_sound_and_files() {
        let message = Message::user_parts([
            ContentPart::text("look"),
            ContentPart::image("image/png", b"abc").detail(ImageDetail::Low),
            ContentPart::input_audio(InputAudioFormat::Wav, b"ab"),
            ContentPart::file("a.pdf", "application/pdf", b"a"),
            ContentPart::file_id("file-1"),
        ]);
        assert_eq!(
            wire(&message)["content"],
            json!([
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,YWJj", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "YWI=", "format": "wav"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,YQ=="}},
                {"type": "file", "file": {"file_id": "file-1"}},
            ])
        );
    }

    #[test]
    fn what_a_message_was_made_of_can_be_read() {
        let message = Message::user([
            ContentPart::text("look"),
            ContentPart::image_url("https://contoso.com/u.png").detail(ImageDetail::Low),
            ContentPart::input_audio(InputAudioFormat::Wav, b"ab"),
            ContentPart::file_id("file-1"),
        ]);
        assert_eq!((message.role(), message.text()), (Role::User, Some("look")));
        let [text, image, audio, file] = message.parts() else { panic!("four parts") };
        assert_eq!((text.as_text(), text.as_image_url()), (Some("look"), None));
        let image = image.as_image_url().unwrap();
        assert_eq!((image.url(), image.detail()), (Some("https://contoso.com/u.png"), Some(&ImageDetail::Low)));
        assert_eq!(audio.as_input_audio().unwrap().data(), Some("YWI="));
        assert_eq!(file.as_file().unwrap().file_id(), Some("file-1"));

        let result = Message::tool_result("call_1", "42");
        assert_eq!((result.role(), result.tool_call_id(), result.text()), (Role::Tool, Some("call_1"), Some("42")));
        let result = Message::function_result("f", "42");
        assert_eq!((result.role(), result.name()), (Role::Function, Some("f")));
        assert_eq!(Message::assistant_refusal("no").refusal(), Some("no"));
        assert_eq!(Message::assistant_audio("audio_1").audio_id(), Some("audio_1"));
    }

    #[test]
    fn several_texts_are_no_single_text() {
        let message = Message::user([ContentPart::text("a"), ContentPart::text("b")]);
        assert_eq!(message.text(), None);
        let texts: Vec<_> = message.parts().iter().filter_map(ContentPart::as_text).collect();
        assert_eq!(texts, ["a", "b"]);
        let without_role: Message = serde_json::from_value(json!({"content": "a"})).unwrap();
        assert_eq!((without_role.role().as_str(), without_role.text()), ("", Some("a")));
    }

    #[test]
    fn an_answer_becomes_history_as_it_is() {
        let answer: AssistantMessage = serde_json::from_value(json!({
            "role": "assistant", "content": null, "refusal": null, "annotations": [],
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            "audio": null
        }))
        .unwrap();
        assert_eq!(
            wire(&answer.into()),
            json!({
                "role": "assistant",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
            })
        );
    }

    #[test]
    fn an_answer_in_parts_goes_back_in_parts() {
        let said = json!([{"type": "text", "text": "hello"}]);
        let answer: AssistantMessage =
            serde_json::from_value(json!({"role": "assistant", "content": said.clone()})).unwrap();
        assert_eq!(answer.text(), Some("hello"));
        assert_eq!(wire(&Message::from(answer)), json!({"role": "assistant", "content": said}));
    }

    #[test]
    fn a_thinking_answer_goes_back_in_its_parts() {
        let said =
            json!([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}]);
        let answer: AssistantMessage = serde_json::from_value(json!({"role": "assistant", "content": said})).unwrap();
        assert_eq!((answer.text(), answer.reasoning_content()), (Some("a"), Some("hm")));
        assert_eq!(wire(&Message::from(answer)), json!({"role": "assistant", "content": said}));
        let odd: AssistantMessage = serde_json::from_value(json!({"content": ["a", {"text": "b"}]})).unwrap();
        assert_eq!(wire(&Message::from(odd)), json!({"role": "assistant", "content": "ab"}));
    }

    #[test]
    fn tool_calls_go_back_with_their_type_and_with_arguments_in_a_string() {
        let answer = json!({"tool_calls": [
            {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}},
            {"id": "c2", "type": "", "custom": {"name": "c", "input": "i"}},
        ], "function_call": {"name": "g", "arguments": {"b": 2}}});
        let answer: AssistantMessage = serde_json::from_value(answer).unwrap();
        let calls = json!([
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
            {"id": "c2", "type": "custom", "custom": {"name": "c", "input": "i"}},
        ]);
        assert_eq!(wire(&Message::assistant_tool_calls(answer.tool_calls().to_vec()))["tool_calls"], calls);
        let turn = wire(&Message::from(answer));
        assert_eq!(turn["tool_calls"], calls);
        assert_eq!(turn["function_call"], json!({"name": "g", "arguments": "{\"b\":2}"}));
    }

    #[test]
    fn a_turn_without_tool_calls_sends_no_list_of_them() {
        assert_eq!(
            wire(&Message::assistant("a").with_tool_calls([] as [ToolCall; 0])),
            json!({"role": "assistant", "content": "a"})
        );
        assert_eq!(wire(&Message::assistant_tool_calls([] as [ToolCall; 0])), json!({"role": "assistant"}));
    }

    #[test]
    fn an_empty_answer_becomes_an_empty_turn() {
        let answer: AssistantMessage = serde_json::from_value(json!({"role": "assistant", "tool_calls": []})).unwrap();
        assert_eq!(wire(&answer.into()), json!({"role": "assistant", "content": ""}));
        let refused: AssistantMessage = serde_json::from_value(json!({"refusal": "no"})).unwrap();
        assert_eq!(wire(&refused.into()), json!({"role": "assistant", "refusal": "no"}));
    }

    #[test]
    fn debug_shows_no_words() {
        let message = Message::user_parts([ContentPart::text("canary"), ContentPart::image("image/png", b"canary")]);
        let text = format!("{message:?} {:?}", Message::user("canary"));
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn content_of_another_type_is_kept() {
        for content in [json!(5), json!({"a": 1}), json!([{"type": "text"}, 7, null])] {
            let value = json!({"role": "user", "content": content});
            let message: Message = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(wire(&message), value);
            assert!(message.content().is_none());
        }
    }
}
