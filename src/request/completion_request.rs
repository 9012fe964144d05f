//! A request: its deployment and its body, read and changed, with what was found by checking it.

#[cfg(feature = "client")]
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde_json::{Map, Value};

use super::body::WireBody;
use super::verdict::Verdict;
use super::{Message, RequestBody};
use crate::model::{ApiVersion, Deployment};
use crate::wire::getters;

/// A chat completion request to a deployment.
///
/// Made by [`ChatCompletionRequest::builder`], or read from the OpenAI JSON shape, in which `model` names
/// the deployment. It is not changed by sending and can be sent again. A clone is cheap: it shares the messages, tools and
/// schemas.
///
/// # Example: every violation at once
///
/// ```
/// use azure_openai_chat::{ChatCompletionRequest, Deployment, Model};
///
/// let o1 = Deployment::new("o1-new").model(Model::O1_2024_12_17);
/// let error = ChatCompletionRequest::builder(o1)
///     .user("Why is the sky blue?")
///     .temperature(0.2)
///     .max_tokens(100)
///     .build()
///     .unwrap_err();
/// let parameters: Vec<_> = error.violations().iter().map(|violation| violation.parameter()).collect();
/// assert_eq!(parameters, ["temperature", "max_tokens", "max_completion_tokens"]);
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#createchatcompletionrequest>
#[derive(Debug, Clone)]
#[doc(alias = "CreateChatCompletionRequest")]
#[doc(alias = "CompletionCreateParams")]
pub struct ChatCompletionRequest {
    pub(crate) deployment: Deployment,
    pub(crate) body: CheckedBody,
    pub(crate) uncapped: bool,
    pub(crate) from_json: FromJson,
}

/// What was read from the member `declared` of JSON, and not set in code since. Whoever writes the JSON may be an
/// untrusted caller of a gateway, so what a client declares comes before it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FromJson {
    #[cfg_attr(not(feature = "client"), allow(dead_code, reason = "only a client declares models"))]
    pub(crate) model: bool,
    pub(crate) uncapped: bool,
}

impl ChatCompletionRequest {
    /// The same request to another deployment. Copies no message. An `uncapped` that was read from JSON ends with the
    /// deployment that it was read with.
    #[must_use]
    pub fn with_deployment(&self, deployment: impl Into<Deployment>) -> Self {
        let mut next = self.clone();
        next.changed();
        next.deployment = deployment.into();
        next.uncapped &= !next.from_json.uncapped;
        next.from_json = FromJson::default();
        next
    }

    /// The conversation so far.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        self.body.messages.as_deref().map(Vec::as_slice).unwrap_or_default()
    }

    /// The conversation so far, to be changed. Of a request read from JSON, messages that are no objects are dropped by
    /// this; [`validate`](Self::validate) reports them before.
    pub fn messages_mut(&mut self) -> &mut Vec<Message> {
        self.body_mut().messages_mut()
    }

    /// Adds a turn: a [`Message`], or an [answer](crate::AssistantMessage) of the model. Copies no other message.
    ///
    /// The request is checked again when it is sent.
    ///
    /// # Example: a conversation of several turns
    ///
    /// ```
    /// use azure_openai_chat::{ChatCompletion, ChatCompletionRequest, Message};
    ///
    /// # let body = r#"{"choices":[{"message":{"content":"Because of Rayleigh scattering."}}]}"#;
    /// let mut request = ChatCompletionRequest::builder("gpt-4o-mini").user("Why is the sky blue?").build()?;
    /// let completion: ChatCompletion = serde_json::from_str(body)?;
    /// if let Some(answer) = completion.message() {
    ///     request.push_message(answer);
    /// }
    /// request.push_message(Message::user("And at sunset?"));
    /// assert_eq!(request.messages()[1].text(), Some("Because of Rayleigh scattering."));
    /// assert_eq!(request.messages().len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn push_message(&mut self, message: impl Into<Message>) {
        self.body_mut().push_message(message.into());
    }

    /// The same request with one more turn. Copies no other message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Message>) -> Self {
        self.push_message(message);
        self
    }

    /// The same request, allowed to be sent without `max_completion_tokens` to the o1 models, for which this crate
    /// otherwise requires it: for requests read from JSON. Changes nothing that is sent.
    #[must_use]
    pub fn uncapped(mut self) -> Self {
        self.changed();
        self.uncapped = true;
        self.from_json.uncapped = false;
        self
    }

    /// Members that are sent as they are: unknown to this version, or with a value of another type.
    #[must_use]
    pub fn extra(&self) -> Option<&Map<String, Value>> {
        self.body.extra()
    }

    /// The body as it is sent with an api version, streamed or not.
    #[must_use]
    pub fn body<'a>(&'a self, api_version: &'a ApiVersion, stream: bool) -> impl Serialize + 'a {
        self.body_for(self.deployment.name(), api_version, stream)
    }

    pub(super) fn body_mut(&mut self) -> &mut RequestBody {
        self.body.edit()
    }

    /// Comes before a change beside the body: what was found by checking the request does not hold afterwards.
    pub(super) fn changed(&mut self) {
        self.body.edit();
    }

    pub(crate) fn body_for<'a>(
        &'a self,
        deployment: &'a str,
        api_version: &'a ApiVersion,
        stream: bool,
    ) -> impl Serialize + 'a {
        WireBody { body: &self.body, deployment, api_version, stream }
    }

    /// The same request to the deployment as a client declares it, one copy for all calls of that client. Another client
    /// may declare another model, and has a copy for each call.
    #[cfg(feature = "client")]
    pub(crate) fn declared_as(&self, deployment: Deployment, keeps_uncapped: bool) -> Cow<'_, Self> {
        let uncapped = self.uncapped && (keeps_uncapped || !self.from_json.uncapped);
        let declare = || Self { uncapped, ..self.with_deployment(deployment.clone()) };
        let remembered = self.body.found.declared.get_or_init(|| Arc::new(declare()));
        match remembered.deployment.is_declared_alike(&deployment) && remembered.uncapped == uncapped {
            true => Cow::Borrowed(remembered),
            false => Cow::Owned(declare()),
        }
    }

    #[cfg(feature = "client")]
    pub(crate) fn affinity_key(&self) -> Option<&str> {
        self.body.prompt_cache_key.as_deref().or(self.body.user.as_deref())
    }
}

getters! { request: ChatCompletionRequest => request;
    /// The deployment that serves the request, with the model declared for it.
    deployment: Ref<Deployment>;
    /// Whether the request may be sent without `max_completion_tokens` to the o1 models.
    is_uncapped = uncapped: Plain<bool>;
}

getters! { request: ChatCompletionRequest => request.body;
    /// The `stream` of the JSON this request was read from. Sending ignores it: the method decides.
    asks_for_stream = stream: bool;
}

/// Compares what is sent and declared: a request read from JSON is equal to the one that was written.
impl PartialEq for ChatCompletionRequest {
    fn eq(&self, other: &Self) -> bool {
        self.deployment == other.deployment && self.uncapped == other.uncapped && self.body == other.body
    }
}

/// The body of a request. It can be read like a [`RequestBody`]; [`edit`](Self::edit) is the only way to change it, so
/// that a change discards the findings.
#[derive(Clone)]
pub(crate) struct CheckedBody {
    body: RequestBody,
    pub(super) found: Found,
}

/// What is kept of the checks of a request until it is changed.
#[derive(Clone, Default)]
pub(super) struct Found {
    pub(super) verdict: OnceLock<Arc<Verdict>>,
    /// The request with the deployment that a client declares, which has a verdict of its own.
    #[cfg(feature = "client")]
    declared: OnceLock<Arc<ChatCompletionRequest>>,
}

impl CheckedBody {
    /// The body for a change, to itself or to what else the rules look at: the deployment, and `uncapped`.
    pub(crate) fn edit(&mut self) -> &mut RequestBody {
        self.found = Found::default();
        &mut self.body
    }

    pub(super) fn into_body(self) -> RequestBody {
        self.body
    }
}

impl From<RequestBody> for CheckedBody {
    fn from(body: RequestBody) -> Self {
        Self { body, found: Found::default() }
    }
}

impl Deref for CheckedBody {
    type Target = RequestBody;
    fn deref(&self) -> &RequestBody {
        &self.body
    }
}

/// Compares the bodies: whether one was checked makes no difference.
impl PartialEq for CheckedBody {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body
    }
}

impl fmt::Debug for CheckedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}
