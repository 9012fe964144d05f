//! A conversation of several turns, [`Conversation`], and its trimming to a token budget.

use serde::{Deserialize, Serialize};

use super::{ChatCompletionRequest, ChatCompletionRequestBuilder, Message};
use crate::model::Deployment;
use crate::response::{ChatCompletion, Role};

/// The messages of a conversation of several turns.
///
/// It serializes as a JSON array, the member `messages` of a request. Cloning it, and building a request from it, copies no
/// text.
///
/// # Example: a chat without its oldest turns
///
/// ```
/// use azure_openai_chat::{ChatCompletion, Message};
/// use azure_openai_chat::request::Conversation;
///
/// # fn answer(_: &azure_openai_chat::ChatCompletionRequest) -> ChatCompletion {
/// #     serde_json::from_str(r#"{"choices":[{"message":{"content":"Hello."},"finish_reason":"stop"}]}"#).unwrap()
/// # }
/// let mut conversation = Conversation::new();
/// conversation.push(Message::system("Answer in one sentence."));
/// for line in ["Hi!", "What is a deployment?"] {
///     conversation.push(Message::user(line));
///     // about four letters a token; a tokenizer counts exactly
///     conversation.trim(8_000, |message| message.text().map_or(0, |text| text.len() / 4 + 4));
///     let request = conversation.request("gpt-4o-mini").max_tokens(500).build()?;
///     conversation.push_answer(&answer(&request));
/// }
/// assert_eq!(conversation.messages().len(), 5);
/// # Ok::<(), azure_openai_chat::ValidationError>(())
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/chatgpt>
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Conversation {
    messages: Vec<Message>,
}

/// The result of [`Conversation::trim`].
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Trimmed {
    /// The messages that were removed, oldest first.
    pub removed: Vec<Message>,
    /// The tokens of the remaining messages. More than the budget when the messages that are always kept have more.
    pub tokens: usize,
}

impl Conversation {
    /// A conversation without messages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The messages, oldest first.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Adds a message.
    pub fn push(&mut self, message: impl Into<Message>) {
        self.messages.push(message.into());
    }

    /// Adds the message of the first choice, and returns whether there is one.
    ///
    /// Of an answer that was cut by the token limit, the content filter or the end of its stream, the text is added and tool
    /// calls are not: their arguments may be cut, and the service refuses calls without results.
    pub fn push_answer(&mut self, completion: &ChatCompletion) -> bool {
        let Some(answer) = completion.message() else { return false };
        if completion.is_cut() && !answer.tool_calls().is_empty() {
            let Some(text) = answer.text() else { return false };
            self.push(Message::assistant(text));
        } else {
            self.push(answer);
        }
        true
    }

    /// Starts the builder of a request with these messages.
    pub fn request(&self, deployment: impl Into<Deployment>) -> ChatCompletionRequestBuilder {
        ChatCompletionRequest::builder(deployment).messages(&self.messages)
    }

    /// Removes the oldest messages until `count` adds up to at most `budget` tokens.
    ///
    /// Instructions (`system`, `developer`) are kept wherever they are, and so are the last message of the user and the
    /// last answer after it. An answer with tool calls is removed together with the results of its calls. First whole turns
    /// are removed, each a message of the user and all that follow it; then, in the last turn, the oldest answers with their
    /// tool results.
    pub fn trim(&mut self, budget: usize, mut count: impl FnMut(&Message) -> usize) -> Trimmed {
        let groups = groups(std::mem::take(&mut self.messages));
        let mut size = |group: &Group| group.messages.iter().map(&mut count).fold(0, usize::saturating_add);
        let sizes: Vec<usize> = groups.iter().map(&mut size).collect();
        let tokens = sizes.iter().copied().fold(0, usize::saturating_add);
        let mut trimmed = Trimmed { removed: Vec::new(), tokens };
        let last_user = groups.iter().rposition(|group| group.kind == Kind::User).unwrap_or(0);
        let last = groups.len().saturating_sub(1);
        let mut is_removing = false;
        for (at, (group, size)) in groups.into_iter().zip(sizes).enumerate() {
            if group.kind != Kind::Instructions {
                // a turn without its first message is removed as a whole
                let is_rest_of_turn = is_removing && at < last_user && group.kind == Kind::Answer;
                is_removing = at != last_user && at != last && (trimmed.tokens > budget || is_rest_of_turn);
            }
            if is_removing && group.kind != Kind::Instructions {
                trimmed.tokens = trimmed.tokens.saturating_sub(size);
                trimmed.removed.extend(group.messages);
            } else {
                self.messages.extend(group.messages);
            }
        }
        trimmed
    }
}

/// Messages that are kept or removed together: one, or an answer with the results of its tool calls.
struct Group {
    kind: Kind,
    messages: Vec<Message>,
}

#[derive(PartialEq)]
enum Kind {
    Instructions,
    User,
    Answer,
}

fn groups(messages: Vec<Message>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for message in messages {
        let kind = match message.role() {
            Role::System | Role::Developer => Kind::Instructions,
            Role::User => Kind::User,
            Role::Tool | Role::Function => {
                if let Some(group) = groups.last_mut().filter(|group| group.kind == Kind::Answer) {
                    group.messages.push(message);
                    continue;
                }
                Kind::Answer
            }
            _ => Kind::Answer,
        };
        groups.push(Group { kind, messages: vec![message] });
    }
    groups
}

impl From<Vec<Message>> for Conversation {
    fn from(messages: Vec<Message>) -> Self {
        Self { messages }
    }
}

impl IntoIterator for Conversation {
    type Item = Message;
    type IntoIter = std::vec::IntoIter<Message>;
    fn into_iter(self) -> Self::IntoIter {
        self.messages.into_iter()
    }
}

impl<'a> IntoIterator for &'a Conversation {
    type Item = &'a Message;
    type IntoIter = std::slice::Iter<'a, Message>;
    fn into_iter(self) -> Self::IntoIter {
        self.messages.iter()
    }
}

impl<M: Into<Message>> FromIterator<M> for Conversation {
    fn from_iter<I: IntoIterator<Item = M>>(messages: I) -> Self {
        Self { messages: messages.into_iter().map(Into::into).collect() }
    }
}

impl<M: Into<Message>> Extend<M> for Conversation {
    fn extend<I: IntoIterator<Item = M>>(&mut self, messages: I) {
        self.messages.extend(messages.into_iter().map(Into::into));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::response::ToolCall;

    fn with_tools() -> Conversation {
        Conversation::from(vec![
            Message::system("s"),
            Message::user("one"),
            Message::assistant_tool_calls([ToolCall::function("c1", "f", "{}"), ToolCall::function("c2", "f", "{}")]),
            Message::tool_result("c1", "r1"),
            Message::tool_result("c2", "r2"),
            Message::assistant("answer one"),
            Message::user("two"),
            Message::assistant_tool_calls([ToolCall::function("c3", "f", "{}")]),
            Message::tool_result("c3", "r3"),
            Message::assistant("answer two"),
            Message::user("three"),
        ])
    }

    fn roles(messages: &[Message]) -> Vec<String> {
        messages.iter().map(|message| message.role().as_str().to_owned()).collect()
    }

    #[test]
    fn nothing_is_removed_within_the_budget() {
        let mut conversation = with_tools();
        let trimmed = conversation.trim(11, |_| 1);
        assert_eq!((trimmed.removed.len(), trimmed.tokens), (0, 11));
        assert_eq!(conversation, with_tools());
    }

    #[test]
    fn whole_turns_are_removed_with_their_tool_results() {
        for budget in 6..11 {
            let mut conversation = with_tools();
            let trimmed = conversation.trim(budget, |_| 1);
            assert_eq!(roles(&trimmed.removed), ["user", "assistant", "tool", "tool", "assistant"], "{budget}");
            assert_eq!(trimmed.tokens, 6);
            assert_eq!(conversation.messages()[1].text(), Some("two"));
        }
    }

    #[test]
    fn instructions_and_the_last_message_stay_whatever_the_budget() {
        let mut conversation = with_tools();
        let trimmed = conversation.trim(0, |_| 1);
        assert_eq!(roles(conversation.messages()), ["system", "user"]);
        assert_eq!((trimmed.tokens, trimmed.removed.len()), (2, 9));
    }

    #[test]
    fn a_long_turn_loses_its_oldest_calls_with_their_results() {
        let mut conversation = Conversation::from(vec![Message::user("go")]);
        for id in ["c1", "c2", "c3"] {
            conversation.push(Message::assistant_tool_calls([ToolCall::function(id, "f", "{}")]));
            conversation.push(Message::tool_result(id, "r"));
        }
        conversation.trim(5, |_| 1);
        assert_eq!(roles(conversation.messages()), ["user", "assistant", "tool", "assistant", "tool"]);
        assert_eq!(conversation.messages()[2].tool_call_id(), Some("c2"));
        let request = conversation.request("gpt-4o").build().unwrap();
        assert_eq!(request.messages().len(), 5);
    }

    #[test]
    fn every_budget_leaves_a_conversation_that_can_be_sent() {
        for budget in 0..12 {
            let mut conversation = with_tools();
            conversation.trim(budget, |_| 1);
            assert!(conversation.request("gpt-4o").build().is_ok(), "{budget}");
            let again = conversation.trim(budget, |_| 1);
            assert!(again.removed.is_empty(), "{budget}");
        }
    }

    #[test]
    fn a_conversation_is_read_message_by_message() {
        let conversation = with_tools();
        let roles: Vec<_> = (&conversation).into_iter().map(Message::role).collect();
        assert_eq!((roles.len(), &roles[0]), (11, &Role::System));
        let request = ChatCompletionRequest::builder("gpt-4o").messages(&conversation).build().unwrap();
        assert_eq!(request.messages(), conversation.clone().into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn an_answer_cut_in_a_tool_call_is_added_without_it() {
        let cut = |content: serde_json::Value| -> ChatCompletion {
            serde_json::from_value(json!({"choices": [{"finish_reason": "length", "message": {
                "role": "assistant", "content": content,
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a"}}],
            }}]}))
            .unwrap()
        };
        let mut conversation = Conversation::new();
        assert!(!conversation.push_answer(&cut(json!(null))));
        assert!(conversation.push_answer(&cut(json!("so far"))));
        assert_eq!(conversation.messages(), [Message::assistant("so far")]);
    }

    #[test]
    fn what_came_of_an_unfinished_stream_is_added_without_its_tool_calls() {
        let chunk = |finish: &str| {
            let delta = json!({"content": "so far", "tool_calls": [
                {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a"}}]});
            serde_json::from_value(json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})).unwrap()
        };
        for (finish, calls) in [("", 0), ("tool_calls", 1)] {
            let mut stream = crate::ChatCompletionStream::from_chunks([chunk(finish)]);
            futures::executor::block_on(stream.next_chunk()).unwrap();
            let mut conversation = Conversation::new();
            assert!(conversation.push_answer(&stream.partial()));
            assert_eq!(conversation.messages()[0].tool_calls().len(), calls);
            assert_eq!(conversation.messages()[0].text(), Some("so far"));
        }
    }

    #[test]
    fn a_conversation_is_stored_as_the_list_of_its_messages() {
        let stored = serde_json::to_value(with_tools()).unwrap();
        assert_eq!(stored[0], json!({"role": "system", "content": "s"}));
        assert_eq!(serde_json::from_value::<Conversation>(stored).unwrap(), with_tools());
    }
}
