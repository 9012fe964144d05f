//! Lists of journal requests, [`Requests`], with filters.

use std::ops::Deref;

use super::record::{Outcome, RecordedRequest};

/// Requests that an emulator received, oldest first; a slice of them.
///
/// # Example: the number of requests to a deployment
///
/// ```
/// use azure_openai_emulator::Emulator;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let emulator = Emulator::start().await?;
/// assert_eq!(emulator.requests().to("o1-new").count(), 0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Requests(Vec<RecordedRequest>);

impl Requests {
    pub(super) fn new(requests: Vec<RecordedRequest>) -> Self {
        Self(requests)
    }

    /// Those to this deployment.
    #[must_use]
    pub fn to(self, deployment: &str) -> Self {
        self.that(|request| request.deployment() == Some(deployment))
    }

    /// Those of this session.
    #[must_use]
    pub fn in_session(self, session: &str) -> Self {
        self.that(|request| request.session() == session)
    }

    /// Those that were answered with this status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        self.that(|request| request.status() == Some(status))
    }

    /// Those with this outcome.
    #[must_use]
    pub fn with_outcome(self, outcome: Outcome) -> Self {
        self.that(|request| request.outcome() == outcome)
    }

    /// Those for which the closure returns true.
    #[must_use]
    pub fn that(mut self, holds: impl FnMut(&RecordedRequest) -> bool) -> Self {
        self.0.retain(holds);
        self
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl Deref for Requests {
    type Target = [RecordedRequest];

    fn deref(&self) -> &[RecordedRequest] {
        &self.0
    }
}

impl IntoIterator for Requests {
    type Item = RecordedRequest;
    type IntoIter = std::vec::IntoIter<RecordedRequest>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Requests {
    type Item = &'a RecordedRequest;
    type IntoIter = std::slice::Iter<'a, RecordedRequest>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
