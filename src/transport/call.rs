//! One call: its operation, how it is called, and its parts that depend on the backend and on the form of the answer.

use std::time::Duration;

pub(crate) use reqwest::Method;

use super::call_event::{AttemptParts, CallObserver};
use super::options::CallOptions;
use super::retry::RetryCause;
use crate::model::ApiVersion;

/// The operation, the deployment, and how it is called.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// The segments after those of the deployment or the resource, not percent-encoded.
    pub(crate) path: &'a [&'a str],
    /// Whether it is an operation of the whole resource, as of files and batches, whose address has no deployment.
    pub(crate) is_of_resource: bool,
    /// Empty for an operation of the resource.
    pub(crate) deployment: &'a str,
    pub(crate) options: &'a CallOptions,
    /// Calls with the same key go to the same backend while it is available.
    pub(crate) affinity: Option<&'a str>,
    /// Indices of the backends that cannot serve it.
    pub(crate) unfit: &'a [usize],
    pub(crate) observer: Option<&'a dyn CallObserver>,
    /// The parameters that were left out of a request that is sent once more.
    pub(crate) left_out: &'a [String],
    /// The attempts with those parameters.
    pub(crate) attempts_before: u32,
}

impl<'a> Call<'a> {
    /// A call to an operation of a deployment.
    pub(crate) fn post(path: &'a [&'a str], deployment: &'a str, options: &'a CallOptions) -> Self {
        Self {
            method: Method::POST,
            path,
            is_of_resource: false,
            deployment,
            options,
            affinity: None,
            unfit: &[],
            observer: None,
            left_out: &[],
            attempts_before: 0,
        }
    }

    /// A call to an operation of the resource.
    #[cfg(feature = "batch")]
    pub(crate) fn of_resource(method: Method, path: &'a [&'a str], options: &'a CallOptions) -> Self {
        Self { method, is_of_resource: true, ..Self::post(path, "", options) }
    }

    /// Whether a second attempt does no harm where an earlier one may have reached the service. Where it does, only
    /// attempts that were not served are repeated: no connection, and 429.
    pub(crate) fn may_repeat(&self) -> bool {
        !self.is_of_resource || self.method != Method::POST
    }

    /// Logs a retry and notifies the observer.
    pub(crate) fn observe_retry(&self, failed: AttemptParts<'_>, cause: RetryCause, wait: Duration) {
        tracing::debug!(
            deployment = self.deployment,
            %cause,
            wait_ms = wait.as_millis(),
            attempt = failed.number,
            endpoint = failed.endpoint.as_str(),
            client_request_id = failed.client_request_id,
            "trying again"
        );
        if let Some(observer) = self.observer {
            observer.on_retry(failed, cause, wait);
        }
    }
}

/// The path of chat completions.
pub(crate) const CHAT_COMPLETIONS: &[&str] = &["chat", "completions"];

/// The form of an answer that is read as it comes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Streamed {
    /// An event stream, which has at least one event.
    Events,
    /// The content of a file, which may be empty.
    #[cfg(feature = "batch")]
    File,
}

/// The backend's part in a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route<'a> {
    pub(crate) api_version: &'a ApiVersion,
    /// The deployment's name on the backend that is called.
    pub(crate) deployment: &'a str,
}
