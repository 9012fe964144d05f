//! A request's body with what was found by checking it, which any change drops.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

#[cfg(feature = "client")]
use super::ChatCompletionRequest;
use super::body::RequestBody;
use super::verdict::Verdict;

/// The body of a request. It can be read like a [`RequestBody`]; [`edit`](Self::edit) is the only way to change it, so
/// that nothing found outlives what it was about.
#[derive(Clone)]
pub(crate) struct CheckedBody {
    body: RequestBody,
    found: Found,
}

#[derive(Clone, Default)]
struct Found {
    verdict: OnceLock<Arc<Verdict>>,
    /// The request with the deployment that a client declares, which has a verdict of its own.
    #[cfg(feature = "client")]
    declared: OnceLock<Arc<ChatCompletionRequest>>,
}

impl CheckedBody {
    /// The body for a change, to itself or to what else the rules look at: the deployment, and `uncapped`.
    pub(crate) fn edit(&mut self) -> &mut RequestBody {
        self.found = Found::default();
        &mut self.body
    }

    pub(super) fn into_body(self) -> RequestBody {
        self.body
    }

    /// The verdict, made by `judge` unless it is remembered.
    pub(super) fn verdict(&self, judge: impl FnOnce() -> Verdict) -> &Verdict {
        self.found.verdict.get_or_init(|| Arc::new(judge()))
    }

    /// The copy of the request with a declared deployment, made by `declare` unless one is remembered.
    #[cfg(feature = "client")]
    pub(super) fn declared(&self, declare: impl FnOnce() -> ChatCompletionRequest) -> &ChatCompletionRequest {
        self.found.declared.get_or_init(|| Arc::new(declare()))
    }

    /// The verdict, if it is remembered.
    #[cfg(feature = "client")]
    pub(super) fn known_verdict(&self) -> Option<&Verdict> {
        self.found.verdict.get().map(Arc::as_ref)
    }
}

impl From<RequestBody> for CheckedBody {
    fn from(body: RequestBody) -> Self {
        Self { body, found: Found::default() }
    }
}

impl Deref for CheckedBody {
    type Target = RequestBody;
    fn deref(&self) -> &RequestBody {
        &self.body
    }
}

/// Compares the bodies: whether one was checked makes no difference.
impl PartialEq for CheckedBody {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body
    }
}

impl fmt::Debug for CheckedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}
