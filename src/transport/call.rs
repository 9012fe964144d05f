//! One call, and its parts that depend on the backend and on the form of the answer.

use std::time::Duration;

use super::call_event::{AttemptParts, CallObserver};
use super::operation::Operation;
use super::options::CallOptions;
use super::retry::RetryCause;
use crate::model::ApiVersion;

/// The operation, the deployment, and how it is called.
#[derive(Clone)]
pub(crate) struct Call<'a> {
    pub(crate) operation: Operation<'a>,
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
    pub(crate) fn new(operation: Operation<'a>, deployment: &'a str, options: &'a CallOptions) -> Self {
        Self {
            operation,
            deployment,
            options,
            affinity: None,
            unfit: &[],
            observer: None,
            left_out: &[],
            attempts_before: 0,
        }
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
