//! An operation of the service: a method and a path, of a deployment or of the whole resource.

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    #[cfg(feature = "batch")]
    Delete,
    #[cfg(feature = "batch")]
    Get,
    Post,
}

/// What is called.
#[derive(Debug, Clone, Copy)]
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
        Self { method: Method::Post, path, is_of_resource: false, may_repeat: true }
    }

    /// An operation of the resource.
    #[cfg(feature = "batch")]
    pub(crate) const fn of_resource(method: Method, path: &'a [&'a str]) -> Self {
        Self { method, path, is_of_resource: true, may_repeat: !matches!(method, Method::Post) }
    }
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            #[cfg(feature = "batch")]
            Self::Delete => "DELETE",
            #[cfg(feature = "batch")]
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            #[cfg(feature = "batch")]
            Method::Delete => Self::DELETE,
            #[cfg(feature = "batch")]
            Method::Get => Self::GET,
            Method::Post => Self::POST,
        }
    }
}
