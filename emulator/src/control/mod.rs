//! Control over HTTP, below `/__emulator/`: what can be set from Rust can be set from every language.
//!
//! Each path holds a list or a map of the same things that the file has, as JSON. GET reads it, POST adds, PUT replaces,
//! DELETE empties it. The header `x-emulator-session` makes a request concern that session alone.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::faults::Preset;
use crate::filter::FilterPolicy;
use crate::journal::{RecordedRequest, Requests};
use crate::server::Shared;
use crate::session::SESSION_HEADER;
use crate::settings::{DeploymentSettings, Quota};
use crate::sign_in::{AUDIENCE, TokenRequest, token};

/// The path of the overview.
pub(crate) const ROOT: &str = "/__emulator";
/// What the paths begin with.
pub(crate) const PREFIX: &str = "/__emulator/";

/// A request that is wrong.
struct ControlError {
    status: u16,
    message: String,
}

impl ControlError {
    fn new(message: impl ToString) -> Self {
        Self { status: 400, message: message.to_string() }
    }

    fn nothing() -> Self {
        Self { status: 404, message: "There is nothing here; GET /__emulator lists what there is.".to_owned() }
    }

    fn method() -> Self {
        Self { status: 405, message: "This method is not taken here; GET /__emulator lists what there is.".to_owned() }
    }
}

/// Answers a request below `/__emulator`.
pub(crate) async fn serve(shared: &Shared, parts: &Parts, content: &[u8]) -> Response {
    let control = Control::new(shared, parts, content);
    let (status, body) = match control.answer().await {
        Ok(body) => (200, body),
        Err(ControlError { status, message }) => {
            (status, json!({"error": {"code": status.to_string(), "message": message}}))
        }
    };
    let mut response = Response::new(format!("{body:#}\n").into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

struct Control<'a> {
    shared: &'a Shared,
    parts: &'a Parts,
    content: &'a [u8],
    /// The session of the header, if there is one.
    session: Option<String>,
    query: Vec<(String, String)>,
}

impl<'a> Control<'a> {
    fn new(shared: &'a Shared, parts: &'a Parts, content: &'a [u8]) -> Self {
        let session = parts.headers.get(SESSION_HEADER).and_then(|name| Some(name.to_str().ok()?.to_owned()));
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Self { shared, parts, content, session, query: query.into_owned().collect() }
    }

    async fn answer(&self) -> Result<Value, ControlError> {
        let path = self.parts.uri.path().trim_start_matches(ROOT).trim_matches('/');
        let (place, name) = path.split_once('/').map_or((path, None), |(place, name)| (place, Some(name)));
        let name = name.map(decoded).filter(|name| !name.is_empty());
        let session = self.shared.sessions.named(self.session.as_deref().unwrap_or_default());
        match (place, name.as_deref()) {
            ("", None) => Ok(overview()),
            ("deployments", name) => self.deployments(name),
            ("policies", name) => self.policies(name),
            ("rules", None) => self.list(&mut *session.rules()),
            ("faults", None) => self.list(&mut *session.faults()),
            ("scripts", name) => self.scripts(name),
            ("quotas", name) => self.quotas(name),
            ("journal", None) => self.journal().await,
            ("sessions", Some(name)) if self.parts.method == Method::DELETE => {
                self.shared.sessions.reset(Some(name));
                self.shared.journal.clear(Some(name));
                Ok(json!({}))
            }
            ("reset", None) if self.parts.method == Method::POST => {
                self.shared.sessions.reset(self.session.as_deref());
                self.shared.journal.clear(self.session.as_deref());
                Ok(json!({}))
            }
            ("token", None) if [Method::GET, Method::POST].contains(&self.parts.method) => self.token(),
            ("reset" | "token", None) => Err(ControlError::method()),
            _ => Err(ControlError::nothing()),
        }
    }

    /// The body as one thing.
    fn one<T: DeserializeOwned>(&self) -> Result<T, ControlError> {
        serde_json::from_slice(self.content).map_err(ControlError::new)
    }

    /// The body as a list of things, or as one of them.
    fn several<T: DeserializeOwned>(&self) -> Result<Vec<T>, ControlError> {
        let body: Value = self.one()?;
        let items = match body {
            Value::Array(items) => items,
            one => vec![one],
        };
        items.into_iter().map(|item| serde_json::from_value(item).map_err(ControlError::new)).collect()
    }

    /// A list that is read, added to, replaced and emptied.
    fn list<T: DeserializeOwned + Serialize>(&self, items: &mut Vec<T>) -> Result<Value, ControlError> {
        match self.parts.method {
            Method::GET => {}
            Method::POST => items.extend(self.several()?),
            Method::PUT => *items = self.several()?,
            Method::DELETE => items.clear(),
            _ => return Err(ControlError::method()),
        }
        Ok(json!(items))
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }

    fn deployments(&self, name: Option<&str>) -> Result<Value, ControlError> {
        let session = self.shared.sessions.named(self.session.as_deref().unwrap_or_default());
        let mut settings = session.settings_mut();
        let all = &mut settings.deployments;
        match (name, &self.parts.method) {
            (None, &Method::GET) => {}
            (None, &Method::PUT) => *all = self.one()?,
            (None, &Method::POST) => all.extend(self.one::<BTreeMap<String, DeploymentSettings>>()?),
            (None, &Method::DELETE) => all.clear(),
            (Some(name), &Method::GET) => return all.get(name).map(|one| json!(one)).ok_or_else(ControlError::nothing),
            (Some(name), &Method::PUT) => drop(all.insert(name.to_owned(), self.one()?)),
            (Some(name), &Method::PATCH) => {
                let changed = all.get(name).cloned().unwrap_or_default().overlaid(&self.one()?);
                all.insert(name.to_owned(), changed);
            }
            (Some(name), &Method::DELETE) => drop(all.remove(name).ok_or_else(ControlError::nothing)?),
            _ => return Err(ControlError::method()),
        }
        Ok(name.and_then(|name| all.get(name)).map_or_else(|| json!(all), |one| json!(one)))
    }

    fn policies(&self, name: Option<&str>) -> Result<Value, ControlError> {
        let session = self.shared.sessions.named(self.session.as_deref().unwrap_or_default());
        let mut settings = session.settings_mut();
        match (name, &self.parts.method) {
            (None, &Method::GET) => {}
            (Some("default"), &Method::PUT) => settings.policy = self.one()?,
            (Some("default"), &Method::DELETE) => settings.policy = FilterPolicy::default(),
            (Some(name), &Method::PUT) => drop(settings.policies.insert(name.to_owned(), self.one()?)),
            (Some(name), &Method::DELETE) => drop(settings.policies.remove(name).ok_or_else(ControlError::nothing)?),
            _ => return Err(ControlError::method()),
        }
        let named = settings.policies.iter().map(|(name, policy)| (name.as_str(), policy));
        Ok(json!(named.chain([("default", &settings.policy)]).collect::<BTreeMap<_, _>>()))
    }

    fn scripts(&self, name: Option<&str>) -> Result<Value, ControlError> {
        let session = self.shared.sessions.named(self.session.as_deref().unwrap_or_default());
        let mut scripts = session.scripts();
        match (name, &self.parts.method) {
            (_, &Method::GET) => {}
            (Some(name), &Method::POST) => {
                scripts.entry(name.to_owned()).or_default().extend(self.several::<Answer>()?);
            }
            (Some(name), &Method::PUT) => drop(scripts.insert(name.to_owned(), self.several()?.into())),
            (Some(name), &Method::DELETE) => drop(scripts.remove(name)),
            (None, &Method::POST | &Method::PUT) => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Script {
                    deployment: String,
                    answers: Vec<Answer>,
                }
                for script in self.several::<Script>()? {
                    scripts.entry(script.deployment).or_default().extend(script.answers);
                }
            }
            (None, &Method::DELETE) => scripts.clear(),
            _ => return Err(ControlError::method()),
        }
        let names: Vec<String> = scripts.keys().cloned().collect();
        let body = name.map_or_else(|| json!(&*scripts), |name| json!(scripts.get(name)));
        drop(scripts);
        // A script for a name that is no deployment makes it one.
        let mut settings = session.settings_mut();
        names.iter().for_each(|name| settings.deploy_unless_there(name));
        Ok(body)
    }

    fn quotas(&self, name: Option<&str>) -> Result<Value, ControlError> {
        let session = self.shared.sessions.named(self.session.as_deref().unwrap_or_default());
        let mut settings = session.settings_mut();
        let quota = match self.parts.method {
            Method::GET => None,
            Method::PUT | Method::POST => Some(Some(self.one::<Quota>()?)),
            Method::DELETE => Some(None),
            _ => return Err(ControlError::method()),
        };
        if let Some(quota) = quota {
            match name {
                Some(name) => settings.deployments.entry(name.to_owned()).or_default().quota = quota,
                None => settings.defaults.quota = quota,
            }
            session.windows().reset(name);
        }
        let all = settings.deployments.iter().filter_map(|(name, one)| Some((name.clone(), json!(one.quota?))));
        let mut all: serde_json::Map<String, Value> = all.collect();
        if let Some(default) = settings.defaults.quota {
            all.insert("default".to_owned(), json!(default));
        }
        Ok(name.map_or_else(|| json!(all), |name| json!(all.get(name))))
    }

    /// The journal: filtered by the query, and waited for until it has `wait` requests that have ended.
    async fn journal(&self) -> Result<Value, ControlError> {
        let journal = &self.shared.journal;
        let session = self.session.as_deref().or_else(|| self.query("session"));
        match self.parts.method {
            Method::GET => {}
            Method::DELETE => {
                journal.clear(session);
                return Ok(json!({"count": 0, "requests": []}));
            }
            _ => return Err(ControlError::method()),
        }
        let number = |name: &str| {
            let text = self.query(name);
            text.map(|text| text.parse::<f64>().map_err(|_| ControlError::new(format!("'{name}' is no number"))))
                .transpose()
        };
        let (status, wait, time) = (number("status")?, number("wait")?, number("timeout")?.unwrap_or(5.0));
        let found = || -> Requests {
            let all = journal.requests(session);
            all.that(|request| {
                self.query("deployment").is_none_or(|name| request.deployment() == Some(name))
                    && status.is_none_or(|status| request.status().map(f64::from) == Some(status))
                    && self.query("outcome").is_none_or(|outcome| request.outcome().as_str() == outcome)
                    && self.query("path").is_none_or(|path| request.path().contains(path))
            })
        };
        if let Some(wanted) = wait {
            let time = Duration::try_from_secs_f64(time.clamp(0.0, 600.0)).unwrap_or_default();
            let has_enough = || {
                let ended = found().iter().filter(|request| request.timing().total().is_some()).count();
                ended as f64 >= wanted
            };
            if !journal.wait(time, has_enough).await {
                let message =
                    format!("{} of {wanted} requests had ended after {} s", found().count(), time.as_secs_f64());
                return Err(ControlError { status: 408, message });
            }
        }
        let found = found();
        Ok(json!({"count": found.count(), "requests": found.iter().map(entry).collect::<Vec<_>>()}))
    }

    /// A test token: from JSON, a form, or the query.
    fn token(&self) -> Result<Value, ControlError> {
        let body: Option<Value> = serde_json::from_slice(self.content).ok();
        let form: Vec<(String, String)> = url::form_urlencoded::parse(self.content).into_owned().collect();
        let text = |name: &str| -> Option<String> {
            let of_json = body.as_ref().and_then(|body| match body.get(name)? {
                Value::String(text) => Some(text.clone()),
                Value::Null => None,
                other => Some(other.to_string()),
            });
            let of_form = || form.iter().find_map(|(key, value)| (key == name).then(|| value.clone()));
            of_json.or_else(|| self.query(name).map(str::to_owned)).or_else(of_form)
        };
        let lifetime =
            text("expires_in").map(|text| text.parse().map_err(|_| ControlError::new("'expires_in' is no number")));
        let audience = text("audience").or_else(|| text("resource")).or_else(|| text("scope"));
        let roles = text("roles").or_else(|| text("role"));
        let is_part = |letter: char| matches!(letter, ',' | '[' | ']' | '"');
        let roles = roles.map_or_else(
            || vec!["Cognitive Services OpenAI User".to_owned()],
            |roles| roles.split(is_part).map(|role| role.trim().to_owned()).filter(|role| !role.is_empty()).collect(),
        );
        Ok(token(&TokenRequest {
            audience: audience
                .map_or_else(|| AUDIENCE.to_owned(), |text| text.trim_end_matches("/.default").to_owned()),
            tenant: text("tenant"),
            roles,
            lifetime_seconds: lifetime.transpose()?.unwrap_or(3600),
        }))
    }
}

fn decoded(segment: &str) -> String {
    let pair = segment.replace('+', "%2B");
    url::form_urlencoded::parse(pair.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
}

/// A request of the journal as JSON. Keys and tokens are left out.
fn entry(request: &RecordedRequest) -> Value {
    #[derive(Serialize)]
    struct Entry<'a> {
        method: &'a str,
        path: &'a str,
        api_version: Option<String>,
        session: &'a str,
        deployment: Option<&'a str>,
        headers: BTreeMap<&'a str, &'a str>,
        body: &'a Value,
        received_at: f64,
        outcome: &'a str,
        status: Option<u16>,
        fault: Option<&'a str>,
        prompt_tokens: Option<u64>,
        completion_tokens: Option<u64>,
        to_headers_ms: Option<f64>,
        total_ms: Option<f64>,
    }
    const SECRET: [&str; 5] = ["authorization", "api-key", "ocp-apim-subscription-key", "x-api-key", "cookie"];
    let hidden = |(name, value)| if SECRET.contains(&name) { (name, "REDACTED") } else { (name, value) };
    let milliseconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1000.0);
    let since = request.received_at().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    json!(Entry {
        method: request.method(),
        path: request.path(),
        api_version: request.query("api-version"),
        session: request.session(),
        deployment: request.deployment(),
        headers: request.headers().map(hidden).collect(),
        body: request.body(),
        received_at: since.as_secs_f64(),
        outcome: request.outcome().as_str(),
        status: request.status(),
        fault: request.fault(),
        prompt_tokens: request.tokens().map(|(prompt, _)| prompt),
        completion_tokens: request.tokens().map(|(_, completion)| completion),
        to_headers_ms: milliseconds(request.timing().to_headers()),
        total_ms: milliseconds(request.timing().total()),
    })
}

fn overview() -> Value {
    let presets: Vec<&str> = Preset::ALL.iter().map(|preset| preset.as_str()).collect();
    json!({
        "name": "azure-openai-emulator",
        "version": env!("CARGO_PKG_VERSION"),
        "session_header": SESSION_HEADER,
        "fault_header": crate::faults::FAULT_HEADER,
        "presets": presets,
        "paths": {
            "GET PUT POST DELETE /__emulator/deployments": "all deployments, by name",
            "GET PUT PATCH DELETE /__emulator/deployments/{name}": "one deployment",
            "GET POST PUT DELETE /__emulator/rules": "answers for requests that fit",
            "GET POST PUT DELETE /__emulator/scripts/{deployment}": "answers in turn",
            "GET POST PUT DELETE /__emulator/faults": "what goes wrong, and when",
            "GET PUT DELETE /__emulator/quotas/{deployment}": "requests and tokens in a window",
            "GET PUT DELETE /__emulator/policies/{name}": "content filters; 'default' is that of all deployments",
            "GET DELETE /__emulator/journal?deployment=&status=&outcome=&path=&session=&wait=&timeout=": "requests received",
            "GET POST /__emulator/token?audience=&tenant=&roles=&expires_in=": "an unsigned token for tests",
            "POST /__emulator/reset": "begin again: all, or the session of the header",
            "DELETE /__emulator/sessions/{name}": "forget a session",
        },
    })
}
