//! An operation of the service: a method and a path, of a deployment or of the whole resource.

#![cfg_attr(not(feature = "batch"), expect(dead_code, reason = "other operations than chat are those of Global Batch"))]

pub(crate) use reqwest::Method;

/// What is called.
#[derive(Debug, Clone)]
pub(crate) struct Operation<'a> {
    pub(crate) method: Method,
    /// The segments after those of the deployment or the resource, not percent-encoded.
    pub(crate) path: &'a [&'a str],
    /// Whether the address has no deployment: `files` and `batches`.
    pub(crate) is_of_resource: bool,
    /// Whether a second attempt does no harm where an earlier one may have reached the service. Where it does, only
    /// attempts that were not served are repeated: no connection, and 429.
    pub(crate) may_repeat: bool,
}

impl Operation<'static> {
    pub(crate) const CHAT_COMPLETIONS: Self = Self::post(&["chat", "completions"]);
}

impl<'a> Operation<'a> {
    /// An operation of a deployment.
    pub(crate) const fn post(path: &'a [&'a str]) -> Self {
        Self { method: Method::POST, path, is_of_resource: false, may_repeat: true }
    }

    /// An operation of the resource.
    pub(crate) fn of_resource(method: Method, path: &'a [&'a str]) -> Self {
        let may_repeat = method != Method::POST;
        Self { method, path, is_of_resource: true, may_repeat }
    }
}
