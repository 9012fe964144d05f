//! A request's body with the verdict of the rules on it, which any change drops.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::body::RequestBody;
use super::verdict::Verdict;

/// The body of a request. It can be read like a [`RequestBody`]; [`edit`](Self::edit) is the only way to change it, so
/// that no verdict outlives what it was about.
#[derive(Clone)]
pub(crate) struct CheckedBody {
    body: RequestBody,
    verdict: OnceLock<Arc<Verdict>>,
}

impl CheckedBody {
    /// The body for a change, to itself or to what else the rules look at: the deployment, and `uncapped`.
    pub(crate) fn edit(&mut self) -> &mut RequestBody {
        self.verdict = OnceLock::new();
        &mut self.body
    }

    pub(super) fn into_body(self) -> RequestBody {
        self.body
    }

    /// The verdict, made by `judge` unless it is remembered.
    pub(super) fn verdict(&self, judge: impl FnOnce() -> Verdict) -> &Verdict {
        self.verdict.get_or_init(|| Arc::new(judge()))
    }

    /// The verdict, if it is remembered.
    #[cfg(feature = "client")]
    pub(super) fn known_verdict(&self) -> Option<&Verdict> {
        self.verdict.get().map(Arc::as_ref)
    }
}

impl From<RequestBody> for CheckedBody {
    fn from(body: RequestBody) -> Self {
        Self { body, verdict: OnceLock::new() }
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
