//! Operations beside chat completions, with bodies and answers as JSON.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::parts::Parts;
use super::record::CallRecord;
use crate::error::{Error, ErrorKind, Result, ServiceError, unexpected_body};
use crate::model::Deployment;
use crate::response::body_form::without_mark;
use crate::response::{ResponseMetadata, parse_json};
use crate::transport::body::NO_CONTENT;
use crate::transport::{Answer, Call, CallObserver, CallOptions, Route};
use crate::wire::getters;

/// The answer of [`ChatClient::post_json`](crate::ChatClient::post_json). It is read as its [`Value`], or
/// [parsed](Self::parse) into a type.
#[derive(Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct JsonResponse {
    value: Value,
    #[serde(skip)]
    metadata: Arc<ResponseMetadata>,
}

impl JsonResponse {
    /// Reads the answer into a type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] when it does not fit the type; the text names the type, and nothing of the answer.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.value).map_err(|_| {
            let text = format!("the answer is JSON, but does not fit {}", std::any::type_name::<T>());
            Error::new(ErrorKind::Decode, text).with_metadata(Arc::clone(&self.metadata))
        })
    }

    /// The answer as JSON.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.value
    }

    #[cfg(feature = "batch")]
    pub(crate) fn shared_metadata(&self) -> &Arc<ResponseMetadata> {
        &self.metadata
    }
}

getters! { answer: JsonResponse => answer;
    /// Status, headers, request id and attempts.
    metadata: Ref<ResponseMetadata>;
}

impl Deref for JsonResponse {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

/// Without the answer, which is not for logs.
impl fmt::Debug for JsonResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonResponse").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}

/// Sends a body to an operation of a deployment, such as `embeddings`.
pub(super) async fn post_json(
    client: &Arc<Parts>,
    deployment: &Deployment,
    operation: &str,
    body: &(impl Serialize + Sync + ?Sized),
    options: &CallOptions,
) -> Result<JsonResponse> {
    let record = CallRecord::of_json(client, deployment, operation);
    let answer = send(client, deployment.name(), operation, body, options, record.as_deref()).await;
    CallRecord::end_json(record, answer.as_ref().map(|answer| (&answer.value, &answer.metadata)));
    answer
}

async fn send(
    client: &Parts,
    deployment: &str,
    operation: &str,
    body: &(impl Serialize + Sync + ?Sized),
    options: &CallOptions,
    record: Option<&CallRecord>,
) -> Result<JsonResponse> {
    let path: Vec<&str> = operation.trim_matches('/').split('/').collect();
    let is_segment = |segment: &&str| {
        !matches!(*segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    if !path.iter().all(is_segment) {
        let text =
            format!("{operation:?} is no operation of a deployment; give a path such as embeddings or audio/speech");
        return Err(Error::new(ErrorKind::Config, text));
    }
    let body = serde_json::to_value(body).map_err(|error| {
        Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON").with_source(error)
    })?;
    let Value::Object(members) = body else {
        return Err(Error::new(ErrorKind::InvalidRequest, "the body is no JSON object, which every operation takes"));
    };
    let write = |route: &Route<'_>| {
        let mut members = members.clone();
        // the route names no deployment
        if route.api_version.is_v1() {
            members.insert("model".to_owned(), route.deployment.into());
        }
        Ok(Bytes::from(Value::Object(members).to_string()))
    };
    let observer = record.map(|record| record as &dyn CallObserver);
    let call = Call { observer, ..Call::post(&path, deployment, options) };
    let answer = client.transport.answer(call, write, read_json).await;
    answer.map_err(|error| {
        let error = match (error.status(), error.code()) {
            (Some(404), Some("DeploymentNotFound")) => error,
            (Some(404), _) | (_, Some("OperationNotSupported")) => error.with_step(format!(
                "check the operation '{operation}', which not every model has, the deployment's name, the endpoint's host and \
                 the api version"
            )),
            _ => error,
        };
        client.transport.withhold_secrets(error, options)
    })
}

/// The JSON of an answer with status 2xx. Gateways send their own errors with status 200.
pub(super) fn read_json(answer: Answer) -> Result<JsonResponse> {
    let Answer { bytes, metadata } = answer;
    match parse_json::<Value>(without_mark(&bytes)) {
        Ok(value) if value.get("error").is_some_and(|error| !error.is_null()) => {
            Err(Error::service(ServiceError::from_body(&bytes), metadata))
        }
        Ok(value) => Ok(JsonResponse { value, metadata }),
        Err(error) => {
            let may_be_cut = metadata.status() != NO_CONTENT;
            Err(unexpected_body::no_completion(bytes, &error, may_be_cut).with_metadata(metadata))
        }
    }
}
