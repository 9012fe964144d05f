//! The parts of a client, which its clones share.

use std::sync::Arc;

use super::deployments::Deployments;
use super::observer::Observers;
use super::preflight::Preflight;
#[cfg(feature = "telemetry")]
use super::telemetry::Instruments;
use crate::stream::TemplateStore;
use crate::transport::Transport;

pub(super) struct Parts {
    pub(super) transport: Transport,
    pub(super) deployments: Deployments,
    pub(super) preflight: Preflight,
    pub(super) observers: Observers,
    #[cfg(feature = "telemetry")]
    pub(super) telemetry: Option<Instruments>,
    pub(super) repair_once: bool,
    pub(super) max_event_bytes: Option<usize>,
    /// Of the lines of streams.
    pub(super) templates: Arc<TemplateStore>,
}
