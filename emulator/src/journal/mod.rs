//! The journal: requests that the emulator received, and what became of each.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use self::record::{Entry, Head};

pub use self::record::{Outcome, RecordedRequest, Timing};
pub use self::requests::Requests;

pub(crate) mod record;
mod requests;

pub(crate) use self::record::Call;

/// How many requests are kept by default; the oldest are dropped, so that a load test does not fill the memory.
pub(crate) const KEPT: usize = 10_000;

/// What is done with each request when it has ended, such as writing a line of a log.
pub(crate) type Watcher = Arc<dyn Fn(&RecordedRequest) + Send + Sync>;

pub(crate) struct Journal {
    limit: usize,
    kept: Mutex<VecDeque<Arc<Entry>>>,
    /// Notified when a request has arrived or ended.
    changed: Notify,
    watcher: Option<Watcher>,
}

impl Journal {
    pub(crate) fn new(limit: usize, watcher: Option<Watcher>) -> Self {
        Self { limit, kept: Mutex::default(), changed: Notify::new(), watcher }
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request; what becomes of it is set on the [`Call`].
    pub(crate) fn add(self: &Arc<Self>, head: Head) -> Call {
        let entry = Arc::new(Entry::new(head));
        {
            let mut kept = self.kept();
            kept.push_back(Arc::clone(&entry));
            while kept.len() > self.limit {
                kept.pop_front();
            }
        }
        self.changed.notify_waiters();
        Call::new(entry, Arc::clone(self))
    }

    fn ended(&self, entry: &Entry) {
        if let Some(watcher) = &self.watcher {
            watcher(&entry.snapshot());
        }
        self.changed.notify_waiters();
    }

    /// The requests of a session, or of all.
    pub(crate) fn requests(&self, session: Option<&str>) -> Requests {
        let kept = self.kept();
        let of_the_session = kept.iter().filter(|entry| session.is_none_or(|name| entry.session() == name));
        Requests::new(of_the_session.map(|entry| entry.snapshot()).collect())
    }

    /// Forgets the requests of a session, or of all.
    pub(crate) fn clear(&self, session: Option<&str>) {
        self.kept().retain(|entry| session.is_some_and(|name| entry.session() != name));
    }

    /// Waits until `is_enough` holds for what was received, or the time is over; the last look decides.
    pub(crate) async fn wait(&self, time: Duration, mut is_enough: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + time;
        loop {
            let changed = self.changed.notified();
            if is_enough() {
                return true;
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return is_enough();
            }
        }
    }
}
