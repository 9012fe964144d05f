//! The exchange of a request to a deployment for its answer: an error, a scripted answer or a computed one.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use azure_openai_chat::{ApiVersion, ChatCompletionRequest};
use serde::Deserialize;
use serde_json::Value;

use super::models;
use super::response::{Answered, Content};
use super::route::{Base, Operation, Route};
use crate::answer::Answer;
use crate::answer::compose::{ComposeInput, compose};
use crate::answer::embedding::embeddings;
use crate::answer::template::Context;
use crate::answer::wire::{Streaming, chunks, whole};
use crate::deployment::DeployedModel;
use crate::filter::FilterTrigger;
use crate::head::header;
use crate::quota::Charge;
use crate::refusal::{AzureError, Dialect, refusal};
use crate::request::ChatRequest;
use crate::session::{SESSION_HEADER, Session};
use crate::settings::{FilterMode, Strictness};
use crate::shared::Shared;
use crate::sign_in;

/// Status and body of the answer to one line of a batch, without quota and faults; `parts` are those of the request for
/// the results.
pub(crate) fn answer_line(shared: &Shared, parts: &Parts, body: &Value) -> (u16, Value) {
    let session_name = header(parts, SESSION_HEADER).unwrap_or_default();
    let session = shared.sessions.named(session_name);
    let request = ChatRequest::new(body);
    let exchange = Exchange {
        shared,
        parts,
        session: &session,
        session_name,
        route: None,
        api_version: None,
        json: Some(body),
        prompt: request.texts(),
    };
    let served = request.string("model").and_then(|name| session.settings().deployment(name));
    let answered = match served {
        Some(served) => {
            exchange.chat(request.of_model(&served.model), &served, Base::V1).unwrap_or_else(Answered::from)
        }
        None => AzureError::no_deployment().into(),
    };
    let body = match answered.content {
        Content::Whole(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Content::Events(_) | Content::Pieces(_) => Value::Null,
    };
    (answered.status, body)
}

/// A request and everything its answer depends on.
pub(super) struct Exchange<'a> {
    pub(super) shared: &'a Shared,
    pub(super) parts: &'a Parts,
    pub(super) session: &'a Session,
    pub(super) session_name: &'a str,
    pub(super) route: Option<&'a Route>,
    pub(super) api_version: Option<ApiVersion>,
    pub(super) json: Option<&'a Value>,
    /// The texts of the messages.
    pub(super) prompt: Vec<String>,
}

impl Exchange<'_> {
    /// The answer of a deployment, or the service's error.
    pub(super) fn answer(&self, name: Option<&str>) -> Answered {
        let mut limits = HeaderMap::new();
        let mut answered = self.try_answer(name, &mut limits).unwrap_or_else(Answered::from);
        limits.extend(answered.headers.drain().filter_map(|(name, value)| Some((name?, value))));
        answered.headers = limits;
        answered
    }

    /// The answer of the spillover deployment, where the first one failed and spillover is set:
    /// <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/spillover-traffic-management>.
    pub(super) fn spill_over(&self, first: Answered, deployed: Option<&DeployedModel>) -> Answered {
        let is_spilled =
            matches!(first.status, 429 | 500 | 503) || first.code.as_deref() == Some("context_length_exceeded");
        let of_the_deployment = deployed.and_then(|deployed| deployed.settings.spillover.as_deref());
        let target = of_the_deployment.or_else(|| header(self.parts, "x-ms-spillover-deployment"));
        let (true, Some(target), Some(deployed)) = (is_spilled, target, deployed) else {
            return first;
        };
        let mut second = self.answer(Some(target));
        if second.status < 400 {
            second.header("x-ms-spillover-from-deployment", deployed.name());
            return second;
        }
        let mut first = first;
        first.header("x-ms-spillover-error", &second.status.to_string());
        first
    }

    fn try_answer(&self, name: Option<&str>, limits: &mut HeaderMap) -> Result<Answered, AzureError> {
        let route = self.route.filter(|route| self.exists(route)).ok_or_else(AzureError::no_resource)?;
        self.sign_in(name)?;
        let settings = self.session.settings();
        let served = name.and_then(|name| settings.deployment(name));
        match &route.operation {
            Operation::Models(id) => {
                return Ok(Answered::json(&models::models(&settings, route.base, id.as_deref())?));
            }
            Operation::Deployments => return Ok(Answered::json(&models::deployments(&settings))),
            Operation::NotServed(name) => return Err(not_served(name)),
            _ => {}
        }
        let body = self.json.filter(|body| body.is_object()).ok_or_else(AzureError::not_json)?;
        let request = ChatRequest::new(body);
        let name = name.ok_or_else(|| AzureError::missing("model"))?;
        let Some(served) = served else {
            return Err(if route.base == Base::Compatible {
                AzureError::no_model(name)
            } else {
                AzureError::no_deployment()
            });
        };
        drop(settings);
        let request = request.of_model(&served.model);
        self.charge(request, &served, &route.operation, limits)?;
        match &route.operation {
            Operation::ChatCompletions if served.makes_embeddings() => {
                Err(AzureError::not_supported("chatCompletion", &served.model))
            }
            Operation::ChatCompletions => self.chat(request, &served, route.base),
            Operation::Embeddings if served.makes_embeddings() => {
                let body = embeddings(request, &served.model)?;
                let tokens = body.pointer("/usage/prompt_tokens").and_then(Value::as_u64);
                Ok(Answered { tokens: tokens.map(|tokens| (tokens, 0)), ..Answered::json(&body) })
            }
            Operation::Embeddings => Err(AzureError::not_supported("embeddings", &served.model)),
            Operation::Other(operation) => Err(AzureError::not_supported(operation, &served.model)),
            _ => Err(AzureError::no_resource()),
        }
    }

    /// Checks the request's key or token.
    pub(super) fn sign_in(&self, name: Option<&str>) -> Result<(), AzureError> {
        let settings = self.session.settings();
        let served = name.and_then(|name| settings.deployment(name));
        let key = served.as_ref().and_then(|served| served.settings.key.as_deref());
        sign_in::check(&self.parts.headers, &settings.sign_in, key)
    }

    /// Whether the service has the route with this method and api version.
    fn exists(&self, route: &Route) -> bool {
        let method = if route.operation.is_read() { Method::GET } else { Method::POST };
        let is_served = !matches!(route.operation, Operation::NotServed(_));
        if is_served && self.parts.method != method {
            return false;
        }
        let version = self.api_version.as_ref();
        match route.base {
            // The list of deployments is older than the versions of chat completions.
            Base::Dated if route.operation == Operation::Deployments => version.is_some(),
            Base::Dated => version.is_some_and(|version| version.is_known() && !version.is_v1()),
            Base::V1 => version.is_none_or(|version| version.is_known() && version.is_v1()),
            Base::Compatible => true,
        }
    }

    fn version(&self) -> ApiVersion {
        self.api_version.clone().unwrap_or(ApiVersion::V1)
    }

    /// Counts the request against the deployment's quota, and adds the `x-ratelimit-*` headers to `limits`.
    fn charge(
        &self,
        request: ChatRequest<'_>,
        served: &DeployedModel,
        operation: &Operation,
        limits: &mut HeaderMap,
    ) -> Result<(), AzureError> {
        let operation =
            if *operation == Operation::Embeddings { "Embeddings_Create" } else { "ChatCompletions_Create" };
        let version = self.version();
        let tokens = || request.quota_tokens();
        let quota = served.settings.quota;
        let charge =
            Charge { deployment: served.name(), operation, api_version: version.as_str(), quota, tokens: &tokens };
        self.session.windows().charge(&charge, limits)
    }

    fn chat(&self, request: ChatRequest<'_>, served: &DeployedModel, base: Base) -> Result<Answered, AzureError> {
        let dialect = if base == Base::Compatible { Dialect::OpenAi } else { Dialect::Azure };
        if served.strictness() != Strictness::Off
            && let Some(error) = refusal(request, served, &self.version(), dialect)
        {
            return Err(error);
        }
        let policy_name = header(self.parts, "x-policy-id").or(served.settings.policy.as_deref());
        // A copy, so that a closure that answers may change the settings.
        let policy = self.session.settings().policy(policy_name).cloned();
        let policy = policy.ok_or_else(|| AzureError::no_policy(policy_name.unwrap_or_default()))?;
        let mode = served.settings.filter.or(policy.mode).unwrap_or_default();
        let found: Vec<&FilterTrigger> = policy.in_prompt(&self.prompt).collect();
        if mode.blocks() && found.iter().any(|trigger| trigger.blocks()) {
            return Err(AzureError::filtered(found.into_iter()));
        }

        let draft = match self.given(request, served) {
            Some((answer, groups)) => {
                if let Some(error) = answer.as_error() {
                    return Err(AzureError::plain(error.status, &error.code, error.message.as_str()));
                }
                let (deployment, model, session) = (served.name(), served.model.as_str(), self.session_name);
                Some(answer.draft(&Context { request, deployment, model, session, groups }))
            }
            None => None,
        };
        let is_streamed = request.flag("stream");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let input = ComposeInput {
            served,
            draft,
            policy: &policy,
            mode,
            shows_filtered_text: is_streamed && mode == FilterMode::Asynchronous,
            created: now.as_secs(),
            cached_tokens: self.session.prompts().look_up(served.name(), request),
        };
        let reply = compose(request, input);
        let count = |name: &str| reply.usage.get(name).and_then(Value::as_u64).unwrap_or(0);
        let tokens = Some((count("prompt_tokens"), count("completion_tokens")));
        let mut answered = if is_streamed {
            let options = request.given("stream_options");
            let option = |name: &str| options.and_then(|options| options.get(name)?.as_bool());
            let how = Streaming {
                async_filter: mode == FilterMode::Asynchronous,
                usage: option("include_usage").unwrap_or(false),
                obfuscation: option("include_obfuscation").unwrap_or(served.settings.obfuscation.unwrap_or(false)),
                prompt_characters: request.prompt_characters(),
            };
            Answered::events(chunks(reply, how))
        } else {
            Answered::json(&whole(&reply))
        };
        answered.tokens = tokens;
        answered.clock = served.settings.pace.map(|pace| pace.clock());
        answered.header("x-ms-rai-invoked", "true");
        answered.header("azureml-model-session", "d000-20250101000000");
        answered.header("x-ms-deployment-name", served.name());
        Ok(answered)
    }

    /// The answer of a closure, a rule or a script, with the groups of the rule's regular expression.
    fn given(&self, request: ChatRequest<'_>, served: &DeployedModel) -> Option<(Answer, Vec<String>)> {
        if !self.shared.responders.is_empty()
            && let Ok(read) = ChatCompletionRequest::deserialize(request.body())
        {
            let read = read.with_deployment(served.deployment.clone());
            if let Some(answer) = self.shared.responders.iter().find_map(|responder| responder(&read)) {
                return Some((answer, Vec::new()));
            }
        }
        let of_a_rule = {
            let mut rules = self.session.rules();
            rules.iter_mut().find_map(|rule| rule.take(request, served.name(), self.session_name))
        };
        of_a_rule.or_else(|| Some((self.session.scripted(served.name())?, Vec::new())))
    }
}

/// The error for an operation that Azure has and the emulator has not.
fn not_served(name: &str) -> AzureError {
    let message = format!(
        "The emulator does not serve '{name}'. It serves chat completions, embeddings, files, batches and the list of models; deploy to \
         Azure for the rest."
    );
    AzureError::plain(404, "NotServedByEmulator", message)
}
