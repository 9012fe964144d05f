//! The HTTP server: the handler of each path.

use std::sync::Arc;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use azure_openai_chat::ApiVersion;
use serde_json::Value;

use self::connections::ConnectionHandle;
use self::exchange::Exchange;
use self::response::json_response;
use self::route::Route;
use crate::faults::Kind;
use crate::head::{header, query};
use crate::journal::record::Head;
use crate::record::RecordingMode;
use crate::request::ChatRequest;
use crate::session::SESSION_HEADER;
use crate::shared::Shared;
use crate::{batch, control};

pub(crate) mod connections;
pub(crate) mod exchange;
pub(crate) mod response;
pub(crate) mod route;
pub(crate) mod tls;

mod models;

/// The largest body that is read: 20 MB of audio in base64, and as much again for the rest.
const LARGEST_BODY: usize = 64 << 20;

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
    } else if shared.recording.is_none() && batch::is_route(path) {
        batch::serve(&shared, &parts, content, &handle).await
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
    json_response(StatusCode::OK, r#"{"status":"healthy"}"#)
}

/// The text is unsourced.
fn too_large() -> Response {
    let body = r#"{"error":{"code":"413","message":"Request body too large."}}"#;
    json_response(StatusCode::PAYLOAD_TOO_LARGE, body)
}

/// Adds the headers of CORS, for any origin, any header of the request and every header of the answer.
fn allow_origins(request: &HeaderMap, headers: &mut HeaderMap) {
    let of = |name: &str| request.get(name).cloned();
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

    let mut head = Head::new(parts, json.clone().unwrap_or_default(), content.len());
    head.deployment = name.map(str::to_owned);
    let api_version = query(parts, "api-version").map(ApiVersion::new);
    let prompt = json.as_ref().map(|body| ChatRequest::new(body).texts()).unwrap_or_default();
    let (call, fault) = shared.begin(&session, parts, head, &prompt, handle).await;

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
    let deployed = name.and_then(|name| session.settings().deployment(name));
    let answered = match (&fault, &shared.recording) {
        (Some(Kind::Answer(fault)), Some(_)) => fault.into(),
        #[cfg(feature = "record")]
        (_, Some(RecordingMode::Record(recorder))) => recorder.answer(parts, content).await.into(),
        (_, Some(RecordingMode::Replay(replay))) => match exchange.sign_in(name) {
            Ok(()) => replay.answer(&parts.method, parts.uri.path(), json.as_ref()).into(),
            Err(error) => error.into(),
        },
        (Some(Kind::Answer(fault)), None) => exchange.spill_over(fault.into(), deployed.as_ref()),
        (_, None) => exchange.spill_over(exchange.answer(name), deployed.as_ref()),
    };
    let region = session.settings().region(deployed.as_ref());
    answered.send(parts, &region, fault, call).await
}
