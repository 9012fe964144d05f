//! The control interface over HTTP, below `/__emulator/`: the changes of a running emulator for tests in any language.
//!
//! Each path has a list or a map of JSON, with the names of the configuration file. GET reads it, POST adds, PUT replaces,
//! DELETE empties it. A request with the header `x-emulator-session` changes that session only.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::faults::Preset;
use crate::filter::FilterPolicy;
use crate::head::header;
use crate::server::response::json_response;
use crate::server::route::decoded;
use crate::session::{SESSION_HEADER, Session};
use crate::settings::{DeploymentSettings, Quota};
use crate::shared::Shared;

mod batches;
mod journal;
mod token;

/// The path of the overview.
pub(crate) const ROOT: &str = "/__emulator";
/// The prefix of the other paths.
pub(crate) const PREFIX: &str = "/__emulator/";

/// The error of a request that has no effect.
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

    fn no_deployment(name: &str) -> Self {
        Self { status: 404, message: format!("There is no deployment '{name}'.") }
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
    json_response(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), format!("{body:#}\n"))
}

struct Control<'a> {
    shared: &'a Shared,
    parts: &'a Parts,
    content: &'a [u8],
    /// The session of the header, or that of requests without the header.
    session: Arc<Session>,
    session_name: Option<&'a str>,
    query: Vec<(String, String)>,
}

impl<'a> Control<'a> {
    fn new(shared: &'a Shared, parts: &'a Parts, content: &'a [u8]) -> Self {
        let session_name = header(parts, SESSION_HEADER);
        let session = shared.sessions.named(session_name.unwrap_or_default());
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Self { shared, parts, content, session, session_name, query: query.into_owned().collect() }
    }

    async fn answer(&self) -> Result<Value, ControlError> {
        let path = self.parts.uri.path().strip_prefix(ROOT).unwrap_or_default().trim_matches('/');
        let (place, name) = path.split_once('/').map_or((path, None), |(place, name)| (place, Some(name)));
        let name = name.map(decoded).filter(|name| !name.is_empty());
        match (place, name.as_deref()) {
            ("", None) => Ok(overview()),
            ("deployments", name) => self.deployments(name),
            ("policies", name) => self.policies(name),
            ("rules", None) => self.list(&mut self.session.rules()),
            ("faults", None) => self.list(&mut self.session.faults()),
            ("scripts", name) => self.scripts(name),
            ("quotas", name) => self.quotas(name),
            ("batches", None) => self.batches(),
            ("journal", None) => self.journal().await,
            ("sessions", Some(name)) if self.parts.method == Method::DELETE => {
                self.shared.sessions.reset(Some(name));
                self.shared.journal.clear(Some(name));
                Ok(json!({}))
            }
            ("reset", None) if self.parts.method == Method::POST => {
                self.shared.sessions.reset(self.session_name);
                self.shared.journal.clear(self.session_name);
                Ok(json!({}))
            }
            ("token", None) if [Method::GET, Method::POST].contains(&self.parts.method) => self.token(),
            ("reset" | "token", None) | ("sessions", Some(_)) => Err(ControlError::method()),
            _ => Err(ControlError::nothing()),
        }
    }

    /// The body as one value.
    fn one<T: DeserializeOwned>(&self) -> Result<T, ControlError> {
        serde_json::from_slice(self.content).map_err(ControlError::new)
    }

    /// The body as a list of values, or as one of them.
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
        let mut settings = self.session.settings_mut();
        let mut all = settings.deployments.clone();
        match (name, &self.parts.method) {
            (_, &Method::GET) => {}
            (None, &Method::PUT) => all = self.one()?,
            (None, &Method::POST) => all.extend(self.one::<BTreeMap<String, DeploymentSettings>>()?),
            (None, &Method::DELETE) => all.clear(),
            (Some(name), &Method::PUT) => drop(all.insert(name.to_owned(), self.one()?)),
            (Some(name), &Method::PATCH) => {
                let changed = all.get(name).cloned().unwrap_or_default().overlaid(&self.one()?);
                all.insert(name.to_owned(), changed);
            }
            (Some(name), &Method::DELETE) => drop(all.remove(name).ok_or_else(|| ControlError::no_deployment(name))?),
            _ => return Err(ControlError::method()),
        }
        let mut changed = all.iter().filter(|(name, one)| settings.deployments.get(*name) != Some(one));
        if let Some((name, _)) = changed.find(|(name, one)| !settings.has_model(name, one)) {
            return Err(ControlError::new(format!("`{name}`: missing `model`")));
        }
        settings.deployments = all;
        let all = &settings.deployments;
        match name {
            Some(name) if self.parts.method == Method::GET => {
                all.get(name).map(|one| json!(one)).ok_or_else(|| ControlError::no_deployment(name))
            }
            _ => Ok(name.and_then(|name| all.get(name)).map_or_else(|| json!(all), |one| json!(one))),
        }
    }

    fn policies(&self, name: Option<&str>) -> Result<Value, ControlError> {
        let mut settings = self.session.settings_mut();
        match (name, &self.parts.method) {
            (_, &Method::GET) => {}
            (Some("default"), &Method::PUT) => settings.policy = self.one()?,
            (Some("default"), &Method::DELETE) => settings.policy = FilterPolicy::default(),
            (Some(name), &Method::PUT) => drop(settings.policies.insert(name.to_owned(), self.one()?)),
            (Some(name), &Method::DELETE) => drop(settings.policies.remove(name).ok_or_else(ControlError::nothing)?),
            _ => return Err(ControlError::method()),
        }
        let named = settings.policies.iter().map(|(name, policy)| (name.as_str(), policy));
        let all: BTreeMap<_, _> = named.chain([("default", &settings.policy)]).collect();
        match name {
            Some(name) if self.parts.method == Method::GET => {
                all.get(name).map(|one| json!(one)).ok_or_else(ControlError::nothing)
            }
            _ => Ok(json!(all)),
        }
    }

    fn scripts(&self, name: Option<&str>) -> Result<Value, ControlError> {
        // Locked in this order everywhere, so that no two requests wait for each other.
        let mut settings = self.session.settings_mut();
        let mut scripts = self.session.scripts();
        let mut added: Vec<(String, Vec<Answer>)> = Vec::new();
        match (name, &self.parts.method) {
            (_, &Method::GET) => {}
            (Some(name), &Method::POST) => added.push((name.to_owned(), self.several()?)),
            (Some(name), &Method::PUT) => {
                added.push((name.to_owned(), self.several()?));
                scripts.remove(name);
            }
            (None, &Method::POST | &Method::PUT) => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Script {
                    deployment: String,
                    answers: Vec<Answer>,
                }
                added = self.several::<Script>()?.into_iter().map(|one| (one.deployment, one.answers)).collect();
                if self.parts.method == Method::PUT {
                    scripts.clear();
                }
            }
            (Some(name), &Method::DELETE) => drop(scripts.remove(name)),
            (None, &Method::DELETE) => scripts.clear(),
            _ => return Err(ControlError::method()),
        }
        for (name, answers) in added {
            // A script creates its deployment where there is none.
            settings.deploy_unless_there(&name);
            scripts.entry(name).or_default().extend(answers);
        }
        Ok(name.map_or_else(|| json!(&*scripts), |name| json!(scripts.get(name))))
    }

    fn quotas(&self, name: Option<&str>) -> Result<Value, ControlError> {
        let mut settings = self.session.settings_mut();
        if let Some(name) = name.filter(|name| settings.deployment(name).is_none()) {
            return Err(ControlError::no_deployment(name));
        }
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
            self.session.windows().reset(name);
        }
        let all = settings.deployments.iter().filter_map(|(name, one)| Some((name.clone(), json!(one.quota?))));
        let mut all: serde_json::Map<String, Value> = all.collect();
        if let Some(default) = settings.defaults.quota {
            all.insert("default".to_owned(), json!(default));
        }
        Ok(name.map_or_else(|| json!(all), |name| json!(all.get(name))))
    }
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
            "GET PUT POST DELETE /__emulator/deployments": "all deployments, by name; keys are not shown",
            "GET PUT PATCH DELETE /__emulator/deployments/{name}": "one deployment",
            "GET POST PUT DELETE /__emulator/rules": "answers for requests that fit",
            "GET POST PUT DELETE /__emulator/scripts/{deployment}": "answers in turn",
            "GET POST PUT DELETE /__emulator/faults": "what goes wrong, and when",
            "GET PUT DELETE /__emulator/quotas/{deployment}": "requests and tokens in a window; without a name, the default",
            "GET PUT DELETE /__emulator/policies/{name}": "content filters; 'default' is that of all deployments",
            "GET POST DELETE /__emulator/batches": "files and batches of all sessions: their clock, times, quota and lines",
            "GET DELETE /__emulator/journal?deployment=&status=&outcome=&path=&session=&wait=&timeout=": "requests received",
            "GET POST /__emulator/token?audience=&tenant=&roles=&expires_in=": "an unsigned token for tests",
            "POST /__emulator/reset": "begin again: all, or the session of the header",
            "DELETE /__emulator/sessions/{name}": "forget a session",
        },
    })
}
