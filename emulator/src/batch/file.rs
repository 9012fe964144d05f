//! A file of the resource, [`StoredFile`].

use std::time::Duration;

use axum::body::Bytes;

#[derive(Clone)]
pub(super) struct StoredFile {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) purpose: &'static str,
    pub(super) content: Bytes,
    pub(super) created: Duration,
    pub(super) expires_after: Option<Duration>,
}

impl StoredFile {
    pub(super) fn has_expired(&self, now: Duration) -> bool {
        self.expires_after.is_some_and(|time| now >= self.created + time)
    }
}
