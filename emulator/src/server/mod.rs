//! The HTTP server: route, credential, deployment, quota, refusal or answer of each request.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use azure_openai_chat::{ApiVersion, ChatCompletionRequest};
use serde::Deserialize;
use serde_json::Value;

use self::response::{Answered, Content};
use self::route::{Base, Operation, Route};
use crate::answer::Answer;
use crate::answer::audio::Audio;
use crate::answer::compose::{Setting, compose};
use crate::answer::embedding::embeddings;
use crate::answer::template::Context;
use crate::answer::wire::{Streaming, chunks, whole};
use crate::batch::{self, BatchService};
use crate::deployment::{DeployedModel, REGION};
use crate::faults::{Kind, Struck, strike};
use crate::filter::FilterTrigger;
use crate::journal::Journal;
use crate::journal::record::Head;
use crate::quota::Charge;
use crate::record::RecordingMode;
use crate::refusal::{AzureError, Dialect, refusal};
use crate::request::{ChatRequest, text};
use crate::session::{SESSION_HEADER, Session, Sessions};
use crate::settings::{FilterMode, Strictness};
use crate::{control, sign_in};

use self::connections::ConnectionHandle;

pub(crate) mod connections;
pub(crate) mod tls;

mod models;
pub(crate) mod response;
mod route;

/// The largest body that is read: 20 MB of audio in base64, and as much again for the rest.
const LARGEST_BODY: usize = 64 << 20;

/// An answer by closure; none where the closure leaves the request to others.
pub(crate) type Responder = Arc<dyn Fn(&ChatCompletionRequest) -> Option<Answer> + Send + Sync>;

/// The state of a running emulator.
pub(crate) struct Shared {
    pub(crate) sessions: Sessions,
    pub(crate) journal: Arc<Journal>,
    pub(crate) responders: Vec<Responder>,
    pub(crate) recording: Option<RecordingMode>,
    /// Whether pages of other origins may ask.
    pub(crate) cors: bool,
    pub(crate) batches: BatchService,
}

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(handle): ConnectInfo<ConnectionHandle>,
    request: Request,
) -> Response {
    let (parts, content) = request.into_parts();
    let is_preflight = shared.cors && parts.method == Method::OPTIONS;
    let path = parts.uri.path();
    let mut response = if is_preflight {
        no_content()
    } else if path == "/health" {
        health()
    } else if batch::is_route(path) {
        batch::serve(&shared, &parts, content).await
    } else {
        match to_bytes(content, LARGEST_BODY).await {
            Err(_) => too_large(),
            Ok(content) if path == control::ROOT || path.starts_with(control::PREFIX) => {
                control::serve(&shared, &parts, &content).await
            }
            Ok(content) => resource(&shared, &parts, &content, &handle).await,
        }
    };
    if shared.cors {
        allow_origins(&parts.headers, response.headers_mut());
    }
    response
}

fn no_content() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn health() -> Response {
    let mut response = Response::new(r#"{"status":"healthy"}"#.into());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

/// The text is unsourced.
fn too_large() -> Response {
    let mut response = Response::new(r#"{"error":{"code":"413","message":"Request body too large."}}"#.into());
    *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

/// The headers of CORS: any origin may ask, with any header, and read every header of the answer.
fn allow_origins(asked: &HeaderMap, headers: &mut HeaderMap) {
    let of = |name: &str| asked.get(name).cloned();
    headers.insert("access-control-allow-origin", of("origin").unwrap_or(HeaderValue::from_static("*")));
    headers.insert("access-control-allow-methods", HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS"));
    let wanted = of("access-control-request-headers").unwrap_or(HeaderValue::from_static("*"));
    headers.insert("access-control-allow-headers", wanted);
    headers.insert("access-control-expose-headers", HeaderValue::from_static("*"));
    headers.insert("access-control-max-age", HeaderValue::from_static("600"));
}

/// A request to the resource that is emulated.
async fn resource(shared: &Shared, parts: &Parts, content: &Bytes, handle: &ConnectionHandle) -> Response {
    let json: Option<Value> = serde_json::from_slice(content).ok();
    let route = Route::of(parts.uri.path());
    let name = route.as_ref().and_then(|route| {
        let of_the_body = || json.as_ref().and_then(|body| body.get("model")?.as_str());
        route.deployment.as_deref().or_else(of_the_body)
    });
    let session_name = header(parts, SESSION_HEADER).unwrap_or_default();
    let session = shared.sessions.named(session_name);

    let mut head = Head::new(&parts.method, &parts.uri, &parts.headers, json.clone().unwrap_or_default());
    head.session = session_name.to_owned();
    head.deployment = name.map(str::to_owned);
    let api_version = head.query("api-version").map(ApiVersion::new);
    let call = shared.journal.add(head);

    let request = json.as_ref().map(ChatRequest::new);
    let prompt: Vec<String> = request.iter().flat_map(|request| request.messages()).map(text).collect();
    let struck = Struck { deployment: name, headers: &parts.headers, prompt: &prompt };
    let fault = strike(&mut session.faults(), &struck);
    if let Some(fault) = &fault {
        call.set_fault(fault.name());
    }
    match &fault {
        Some(Kind::Delay(time)) => tokio::time::sleep(*time).await,
        Some(Kind::Reset) => {
            handle.reset();
            // The connection is gone, and this task with it, before there is anything to answer.
            std::future::pending::<()>().await;
        }
        _ => {}
    }

    let exchange = Exchange {
        shared,
        parts,
        session: &session,
        session_name,
        route: route.as_ref(),
        api_version,
        json: json.as_ref(),
        prompt,
    };
    let first = match &fault {
        Some(Kind::Answer { status, headers, body, .. }) => Answered::fault(*status, headers, body),
        _ => match &shared.recording {
            #[cfg(feature = "record")]
            Some(RecordingMode::Record(recorder)) => recorder.answer(parts, content).await.into(),
            Some(RecordingMode::Replay(replay)) => match exchange.sign_in(name) {
                Ok(()) => replay.answer(&parts.method, parts.uri.path(), json.as_ref()).into(),
                Err(error) => error.into(),
            },
            None => exchange.answer(name),
        },
    };
    let deployed = name.and_then(|name| session.settings().deployment(name));
    let answered = exchange.spill_over(first, deployed.as_ref());
    let is_whole = matches!(fault, Some(Kind::Answer { .. } | Kind::Delay(_)));
    let defaults = session.settings().defaults.region.clone();
    let region = match &deployed {
        Some(deployed) => deployed.region(),
        None => defaults.as_deref().unwrap_or(REGION),
    };
    answered.send(parts, region, fault.filter(|_| !is_whole), call).await
}

pub(crate) fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

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
        prompt: request.messages().iter().map(text).collect(),
    };
    let served = request.word("model").and_then(|name| session.settings().deployment(name));
    let answered = match served {
        Some(served) => {
            exchange.chat(request.of_model(&served.model), &served, Base::V1).unwrap_or_else(Answered::from)
        }
        None => AzureError::no_deployment().into(),
    };
    let body = match answered.content {
        Content::Text(text) => serde_json::from_str(&text).unwrap_or_default(),
        Content::Events(_) | Content::Pieces(_) => Value::Null,
    };
    (answered.status, body)
}

/// A request and everything its answer depends on.
struct Exchange<'a> {
    shared: &'a Shared,
    parts: &'a Parts,
    session: &'a Session,
    session_name: &'a str,
    route: Option<&'a Route>,
    api_version: Option<ApiVersion>,
    json: Option<&'a Value>,
    /// The texts of the messages.
    prompt: Vec<String>,
}

impl Exchange<'_> {
    /// The answer of a deployment, or the service's error.
    fn answer(&self, name: Option<&str>) -> Answered {
        let mut limits = HeaderMap::new();
        let mut answered = self.try_answer(name, &mut limits).unwrap_or_else(Answered::from);
        limits.extend(answered.headers.drain().filter_map(|(name, value)| Some((name?, value))));
        answered.headers = limits;
        answered
    }

    /// What another deployment answers where this one could not, if one is set.
    fn spill_over(&self, first: Answered, deployed: Option<&DeployedModel>) -> Answered {
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

    /// Whether the request's key or token is taken.
    fn sign_in(&self, name: Option<&str>) -> Result<(), AzureError> {
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

    /// Counts the request against the deployment's quota. What is left goes into `limits` either way.
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
        let tokens = || request.prompt_tokens().saturating_add(request.limit().unwrap_or(0));
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
        if let Some(format) = Audio::unknown_format(request) {
            let message = format!("The emulator does not speak {format}; it speaks wav, mp3 and pcm16.");
            return Err(AzureError::plain(400, "NotServedByEmulator", message));
        }
        let settings = self.session.settings();
        let policy_name = header(self.parts, "x-policy-id").or(served.settings.policy.as_deref());
        let policy =
            settings.policy(policy_name).ok_or_else(|| AzureError::no_policy(policy_name.unwrap_or_default()))?;
        let mode = served.filter().or(policy.mode).unwrap_or_default();
        let found: Vec<&FilterTrigger> = policy.in_prompt(&self.prompt).collect();
        let blocks = matches!(mode, FilterMode::Default | FilterMode::Asynchronous);
        if blocks && found.iter().any(|trigger| trigger.blocks()) {
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
        let setting = Setting {
            served,
            draft,
            policy,
            mode,
            shows_filtered_text: is_streamed && mode == FilterMode::Asynchronous,
            created: now.as_secs(),
            cached_tokens: self.session.prompts().look_up(served.name(), request),
        };
        let reply = compose(request, setting);
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
            Answered { content: Content::Text(whole(&reply).to_string()), ..Answered::json(&Value::Null) }
        };
        answered.tokens = tokens;
        answered.clock = served.settings.pace.map(|pace| pace.clock());
        answered.header("x-ms-rai-invoked", "true");
        answered.header("azureml-model-session", "d000-20250101000000");
        answered.header("x-ms-deployment-name", served.name());
        Ok(answered)
    }

    /// The answer of a closure, a rule or a script, with what the rule's regular expression matched.
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

/// What Azure serves and the emulator does not.
fn not_served(name: &str) -> AzureError {
    let message = format!(
        "The emulator does not serve '{name}'. It serves chat completions, embeddings, files, batches and the list of models; deploy to \
         Azure for the rest."
    );
    AzureError::plain(404, "NotServedByEmulator", message)
}
