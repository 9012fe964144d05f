//! The stage of an attempt: waiting for a token, for a connection, or sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const TOKEN: u8 = 0;
const CONNECTION: u8 = 1;
const SENT: u8 = 2;

/// How far one attempt has come. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage(Arc<AtomicU8>);

impl Stage {
    /// Notes that there is a token and that a connection is next.
    pub(super) fn set_connecting(&self) {
        self.0.store(CONNECTION, Ordering::Relaxed);
    }

    /// Whether the request may have reached the service. True from the moment at which it is handed to a
    /// connection, so it may be true for a request that never arrived, and is never false for one that did.
    pub(super) fn is_sent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == SENT
    }

    /// The thing that an unsent attempt waits for, for the text of an error.
    pub(super) fn waits_for(&self) -> Option<&'static str> {
        match self.0.load(Ordering::Relaxed) {
            TOKEN => Some("a token"),
            CONNECTION => Some("a connection"),
            _ => None,
        }
    }

    /// Notes that a connection has taken the request.
    pub(super) fn set_sent(&self) {
        self.0.store(SENT, Ordering::Relaxed);
    }
}
