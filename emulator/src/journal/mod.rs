//! The journal: the requests that the emulator received, each with its outcome.

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

/// How many requests are kept by default; the oldest are dropped, so that a load test does not fill the memory.
pub(crate) const KEPT: usize = 10_000;

/// Upper bound of the bytes of all kept bodies, since one body may have 64 MB. The newest is kept whatever its size.
const KEPT_BYTES: usize = 256 << 20;

/// The callback for each request that has ended, such as one that writes a log line.
pub(crate) type Watcher = Arc<dyn Fn(&RecordedRequest) + Send + Sync>;

pub(crate) struct Journal {
    limit: usize,
    limit_bytes: usize,
    kept: Mutex<Kept>,
    /// Notified when a request has arrived or ended.
    changed: Notify,
    watcher: Option<Watcher>,
}

/// The requests that are kept, oldest first.
#[derive(Default)]
struct Kept {
    entries: VecDeque<Arc<Entry>>,
    /// Of all their bodies.
    bytes: usize,
}

impl Journal {
    pub(crate) fn new(limit: usize, watcher: Option<Watcher>) -> Self {
        Self { limit, limit_bytes: KEPT_BYTES, kept: Mutex::default(), changed: Notify::new(), watcher }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request; its outcome is set on the [`Call`].
    pub(crate) fn add(self: &Arc<Self>, head: Head) -> Call {
        let entry = Arc::new(Entry::new(head));
        {
            let kept = &mut *self.kept();
            kept.entries.push_back(Arc::clone(&entry));
            kept.bytes = kept.bytes.saturating_add(entry.body_bytes());
            while kept.entries.len() > self.limit || (kept.bytes > self.limit_bytes && kept.entries.len() > 1) {
                let dropped = kept.entries.pop_front();
                kept.bytes = kept.bytes.saturating_sub(dropped.map_or(0, |entry| entry.body_bytes()));
            }
        }
        self.changed.notify_waiters();
        Call { entry, journal: Arc::clone(self), has_ended: false }
    }

    fn ended(&self, entry: &Entry) {
        if let Some(watcher) = &self.watcher {
            watcher(&entry.snapshot());
        }
        self.changed.notify_waiters();
    }

    /// The requests of a session, or all.
    pub(crate) fn requests(&self, session: Option<&str>) -> Requests {
        let kept = self.kept();
        let of_the_session = kept.entries.iter().filter(|entry| session.is_none_or(|name| entry.session() == name));
        Requests::new(of_the_session.map(|entry| entry.snapshot()).collect())
    }

    /// Removes the requests of a session, or all.
    pub(crate) fn clear(&self, session: Option<&str>) {
        let kept = &mut *self.kept();
        kept.entries.retain(|entry| session.is_some_and(|name| entry.session() != name));
        kept.bytes = kept.entries.iter().map(|entry| entry.body_bytes()).sum();
    }

    /// Waits until `is_enough` returns true, for at most this time. Returns what it returned last.
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

/// A request that is being answered. Dropped before [`end`](Self::end), its outcome is a disconnected client.
pub(crate) struct Call {
    entry: Arc<Entry>,
    journal: Arc<Journal>,
    has_ended: bool,
}

impl Call {
    pub(crate) fn set_status(&self, status: u16) {
        let mut end = self.entry.end();
        end.status = Some(status);
        end.timing.to_headers = Some(self.entry.started.elapsed());
    }

    pub(crate) fn set_fault(&self, name: String) {
        self.entry.end().fault = Some(name);
    }

    pub(crate) fn set_tokens(&self, prompt: u64, completion: u64) {
        self.entry.end().tokens = Some((prompt, completion));
    }

    /// Sets the outcome when the answer was sent, or the part of it that a fault left.
    pub(crate) fn end(mut self) {
        let status = self.entry.end().status;
        let is_faulted = self.entry.end().fault.is_some();
        self.close(match status {
            _ if is_faulted => Outcome::Faulted,
            Some(200..300) => Outcome::Answered,
            _ => Outcome::Refused,
        });
    }

    fn close(&mut self, outcome: Outcome) {
        self.has_ended = true;
        {
            let mut end = self.entry.end();
            end.outcome = outcome;
            end.timing.total = Some(self.entry.started.elapsed());
        }
        self.journal.ended(&self.entry);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.has_ended {
            let is_faulted = self.entry.end().fault.is_some();
            self.close(if is_faulted { Outcome::Faulted } else { Outcome::Disconnected });
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_oldest_are_dropped_beyond_a_number_of_bytes() {
        let journal = Arc::new(Journal { limit_bytes: 10, ..Journal::new(KEPT, None) });
        let add = |path: &str, bytes: usize| {
            let (parts, ()) = Request::builder().uri(path).body(()).unwrap().into_parts();
            journal.add(Head::new(&parts, Value::Null, bytes)).end();
        };
        let paths = || journal.requests(None).iter().map(|request| request.path().to_owned()).collect::<Vec<_>>();
        add("/one", 4);
        add("/two", 6);
        assert_eq!(paths(), ["/one", "/two"]);
        add("/three", 1);
        assert_eq!(paths(), ["/two", "/three"]);
        add("/large", 100);
        assert_eq!(paths(), ["/large"]);
        journal.clear(None);
        add("/four", 10);
        assert_eq!(paths(), ["/four"]);
    }
}
