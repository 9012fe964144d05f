//! The HTTP server: route, credential, deployment, quota, refusal or answer of each request.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use azure_openai_chat::ApiVersion;
use serde_json::Value;
use tokio::time::Instant;

use super::answers::{Setting, compose};
use super::azure_error::AzureError;
use super::body::{Streaming, chunks, whole};
use super::deployment::DeployedModel;
use super::embedding::embeddings;
use super::faults::{Fault, Kind, body, distort, event, strike};
use super::filter::Trigger;
use super::journal::{Journal, RecordedRequest};
use super::line::Line;
use super::refusal::refusal;
use super::request::{ChatRequest, text};
use super::script::Answer;

/// The largest body that is read: 20 MB of audio in base64, and as much again for the rest.
const LARGEST_BODY: usize = 64 << 20;

/// The quota that the `x-ratelimit-*` headers have where none is set; nothing is refused by it.
const PLENTY: (u64, Duration) = (1_000_000, Duration::from_secs(60));

/// The state of a running emulator.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) journal: Journal,
    pub(super) faults: Mutex<Vec<Fault>>,
    pub(super) scripts: Mutex<HashMap<String, VecDeque<Answer>>>,
    /// When each deployment's current window began, and how many requests it has seen.
    pub(super) windows: Mutex<HashMap<String, (Instant, u64)>>,
}

/// The settings of the builder, fixed once the emulator runs.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) deployments: HashMap<String, DeployedModel>,
    pub(super) key: Option<String>,
    pub(super) pace: Duration,
    pub(super) async_filter: bool,
    pub(super) obfuscation: bool,
    pub(super) quota: Option<(u64, Duration)>,
    pub(super) region: String,
    pub(super) prompt_triggers: Vec<Trigger>,
    pub(super) completion_triggers: Vec<Trigger>,
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

/// The shapes of the path, below any prefix of a gateway.
enum Route {
    Dated(String),
    V1,
    /// A base that OpenAI's clients take, such as that of a gateway: `/v1`.
    Compatible,
}

/// What is asked of a deployment.
#[derive(Clone, Copy, PartialEq)]
enum Operation {
    ChatCompletion,
    Embeddings,
}

impl Route {
    fn of(path: &str) -> Option<(Self, Operation)> {
        let (base, operation) = match path.strip_suffix("/chat/completions") {
            Some(base) => (base, Operation::ChatCompletion),
            None => (path.strip_suffix("/embeddings")?, Operation::Embeddings),
        };
        if base.ends_with("/openai/v1") {
            return Some((Self::V1, operation));
        }
        if base.ends_with("/v1") {
            return Some((Self::Compatible, operation));
        }
        let (_, deployment) = base.rsplit_once("/openai/deployments/")?;
        (!deployment.is_empty() && !deployment.contains('/')).then(|| (Self::Dated(decoded(deployment)), operation))
    }
}

/// A path segment without its percent signs.
fn decoded(segment: &str) -> String {
    // Form decoding reads a plus sign as a space, which a path does not.
    let pair = segment.replace('+', "%2B");
    url::form_urlencoded::parse(pair.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
}

async fn serve(State(shared): State<Arc<Shared>>, ConnectInfo(line): ConnectInfo<Line>, request: Request) -> Response {
    let (parts, content) = request.into_parts();
    let content = to_bytes(content, LARGEST_BODY).await.unwrap_or_default();
    let json: Option<Value> = serde_json::from_slice(&content).ok();
    let record = RecordedRequest::new(&parts.method, &parts.uri, &parts.headers, json.clone().unwrap_or_default());
    let api_version = record.query("api-version");
    shared.journal.add(record);

    let (route, operation) = Route::of(parts.uri.path()).unzip();
    let deployment = match &route {
        Some(Route::Dated(name)) => Some(name.as_str()),
        Some(Route::V1 | Route::Compatible) => json.as_ref().and_then(|body| body.get("model")?.as_str()),
        None => None,
    };
    let fault = strike(&mut shared.faults.lock().unwrap_or_else(PoisonError::into_inner), deployment);
    match &fault {
        Some(Kind::Answer { status, headers, body }) => {
            let mut response = shared.respond(&parts, *status, None, Body::from(body.clone()));
            let headers = headers.iter().filter_map(|(name, value)| pair(name, value));
            response.headers_mut().extend(headers);
            return response;
        }
        Some(Kind::Delay(time)) => tokio::time::sleep(*time).await,
        Some(Kind::Reset) => {
            line.reset();
            // The connection is gone, and this task with it, before there is anything to answer.
            std::future::pending::<()>().await;
        }
        _ => {}
    }
    let version = api_version.map(ApiVersion::new);
    let mut limits = HeaderMap::new();
    let known = shared.identify(&parts, route.as_ref(), version.as_ref(), deployment, json.as_ref());
    let version = version.unwrap_or(ApiVersion::V1);
    let operation = operation.unwrap_or(Operation::ChatCompletion);
    let admitted = known.and_then(|(request, served)| shared.admit(request, served, operation, &version, &mut limits));
    let answered = admitted.and_then(|(request, served)| match operation {
        Operation::ChatCompletion => Ok(shared.answer(&parts, request, &served, fault.clone())),
        Operation::Embeddings => {
            let body = unstreamed(embeddings(request, &served.model)?.to_string(), fault.clone());
            Ok(shared.respond(&parts, 200, Some("application/json"), body))
        }
    });
    let mut response = match answered {
        Ok(response) => response,
        Err(AzureError { status, body, is_bare: true }) => {
            shared.respond(&parts, status, None, Body::from(format!("{body:#}")))
        }
        Err(AzureError { status, body, .. }) => {
            let body = unstreamed(body.to_string(), fault);
            shared.respond(&parts, status, Some("application/json"), body)
        }
    };
    response.headers_mut().extend(limits);
    response
}

impl Shared {
    /// Lets a request pass that the quota, the model and the filters allow. What is left of the quota goes
    /// into `limits` either way.
    fn admit<'a>(
        &self,
        request: ChatRequest<'a>,
        served: DeployedModel,
        operation: Operation,
        version: &ApiVersion,
        limits: &mut HeaderMap,
    ) -> Result<(ChatRequest<'a>, DeployedModel), AzureError> {
        let (limit, per) = self.settings.quota.unwrap_or(PLENTY);
        let (seen, wait) = self.count(served.name(), per);
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let remaining = limit.saturating_sub(seen);
        // A deployment is granted about a thousand tokens for each request of its quota.
        let values = [
            ("x-ratelimit-limit-requests", limit),
            ("x-ratelimit-remaining-requests", remaining),
            ("x-ratelimit-reset-requests", seconds),
            ("x-ratelimit-limit-tokens", limit.saturating_mul(1000)),
            ("x-ratelimit-remaining-tokens", remaining.saturating_mul(1000)),
            ("x-ratelimit-reset-tokens", seconds),
        ];
        limits.extend(values.map(|(name, value)| (HeaderName::from_static(name), value.into())));
        if self.settings.quota.is_some() && seen > limit {
            let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            limits.insert("retry-after", seconds.into());
            limits.insert("retry-after-ms", milliseconds.into());
            return Err(AzureError::rate_limit(version.as_str(), seconds));
        }
        match operation {
            Operation::Embeddings if served.makes_embeddings() => return Ok((request, served)),
            Operation::Embeddings => return Err(AzureError::not_supported("embeddings", &served.model)),
            Operation::ChatCompletion if served.makes_embeddings() => {
                return Err(AzureError::not_supported("chatCompletion", &served.model));
            }
            Operation::ChatCompletion => {}
        }
        let texts: Vec<String> = request.messages().iter().map(text).collect();
        let mut triggers = self.settings.prompt_triggers.iter();
        let blocked = triggers.find(|trigger| texts.iter().any(|text| trigger.find(text).is_some()));
        match refusal(request, &served, version).or_else(|| blocked.map(AzureError::filtered)) {
            Some(error) => Err(error),
            None => Ok((request, served)),
        }
    }

    /// Counts a request: its number within the quota's window, and the time until the window ends.
    fn count(&self, deployment: &str, per: Duration) -> (u64, Duration) {
        let now = Instant::now();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, seen) = windows.entry(deployment.to_owned()).or_insert((now, 0));
        if now.duration_since(*began) >= per {
            (*began, *seen) = (now, 0);
        }
        *seen = seen.saturating_add(1);
        (*seen, per.saturating_sub(now.duration_since(*began)))
    }

    /// The request and its deployment, where the route exists, the credential is taken and the body is JSON.
    fn identify<'a>(
        &self,
        parts: &Parts,
        route: Option<&Route>,
        version: Option<&ApiVersion>,
        name: Option<&str>,
        json: Option<&'a Value>,
    ) -> Result<(ChatRequest<'a>, DeployedModel), AzureError> {
        let exists = match route {
            _ if parts.method != Method::POST => false,
            Some(Route::Dated(_)) => version.is_some_and(|version| version.is_known() && !version.is_v1()),
            Some(Route::V1) => version.is_none_or(|version| version.is_known() && version.is_v1()),
            Some(Route::Compatible) => true,
            None => false,
        };
        if !exists {
            return Err(AzureError::no_resource());
        }
        if !self.lets_in(&parts.headers) {
            return Err(AzureError::no_access());
        }
        let body = json.filter(|body| body.is_object()).ok_or_else(AzureError::not_json)?;
        let name = name.ok_or_else(|| AzureError::missing("model"))?;
        let served = self.settings.deployments.get(name).cloned().or_else(|| DeployedModel::known(name, name));
        let served = served.ok_or_else(AzureError::no_deployment)?;
        Ok((ChatRequest::new(body), served))
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let given = text("api-key").or_else(|| text("authorization")?.strip_prefix("Bearer "));
        given.is_some_and(|given| !given.is_empty() && self.settings.key.as_deref().is_none_or(|key| key == given))
    }

    fn answer(&self, parts: &Parts, request: ChatRequest<'_>, served: &DeployedModel, fault: Option<Kind>) -> Response {
        let settings = &self.settings;
        let streamed = request.flag("stream");
        let options = request.given("stream_options");
        let option = |name: &str| options.and_then(|options| options.get(name)?.as_bool());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let setting = Setting {
            served,
            script: self.scripted(served.name()),
            completion_triggers: &settings.completion_triggers,
            shows_filtered_text: streamed && settings.async_filter,
            created: now.as_secs(),
        };
        let reply = compose(request, setting);
        let renamed = if let Some(Kind::ContentType(name)) = &fault { Some(name.clone()) } else { None };
        let (content_type, content) = if streamed {
            let how = Streaming {
                async_filter: settings.async_filter,
                usage: option("include_usage").unwrap_or(false),
                obfuscation: option("include_obfuscation").unwrap_or(settings.obfuscation),
                prompt_characters: request.prompt_characters(),
            };
            let steps = distort(chunks(reply, how).map(|payload| event(&payload)), true, fault);
            ("text/event-stream; charset=utf-8", body(steps, settings.pace))
        } else {
            ("application/json", unstreamed(whole(&reply).to_string(), fault))
        };
        let mut response = self.respond(parts, 200, renamed.as_deref().or(Some(content_type)), content);
        let pairs = [
            ("x-ms-rai-invoked", "true"),
            ("azureml-model-session", "d000-20250101000000"),
            ("x-ms-deployment-name", served.name()),
        ];
        let headers = pairs.into_iter().filter_map(|(name, value)| pair(name, value));
        response.headers_mut().extend(headers);
        response
    }

    /// The next answer of a script; the last one stays.
    fn scripted(&self, deployment: &str) -> Option<Answer> {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        let script = scripts.get_mut(deployment)?;
        if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
    }

    /// A response with the headers that all of Azure's have.
    fn respond(&self, parts: &Parts, status: u16, content_type: Option<&str>, content: Body) -> Response {
        let mut response = Response::new(content);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let (gateway, service) = (uuid(), uuid());
        let pairs = [
            ("apim-request-id", gateway.as_str()),
            ("x-request-id", &service),
            ("x-ms-region", &self.settings.region),
            ("x-content-type-options", "nosniff"),
        ];
        headers.extend(pairs.into_iter().filter_map(|(name, value)| pair(name, value)));
        headers.extend(content_type.and_then(|name| pair("content-type", name)));
        if let Some(id) = parts.headers.get("x-ms-client-request-id") {
            headers.insert("x-ms-client-request-id", id.clone());
        }
        response
    }
}

/// A body that is not a stream; with a fault it goes out in small pieces.
fn unstreamed(text: String, fault: Option<Kind>) -> Body {
    if fault.is_none() {
        return Body::from(text);
    }
    let mut rest = Bytes::from(text);
    let pieces = std::iter::from_fn(move || {
        let piece = rest.split_to(rest.len().min(64));
        (!piece.is_empty()).then_some(piece)
    });
    body(distort(pieces, false, fault), Duration::ZERO)
}

/// A header; one that HTTP does not allow is left out.
fn pair(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, HeaderValue::from_str(value).ok()?))
}

/// A random UUID: version 4, with the variant that belongs to it.
fn uuid() -> String {
    let (start, end) = (fastrand::u64(..), fastrand::u64(..));
    let version = 0x4000 | (start & 0xfff);
    let variant = 0x8000 | ((end >> 48) & 0x3fff);
    let node = end & 0xffff_ffff_ffff;
    format!("{:08x}-{:04x}-{version:04x}-{variant:04x}-{node:012x}", start >> 32, (start >> 16) & 0xffff)
}
