//! The parts of a client, which its clones share.

use super::deployments::Deployments;
use super::preflight::Preflight;
use crate::transport::Transport;

pub(super) struct Parts {
    pub(super) transport: Transport,
    pub(super) deployments: Deployments,
    pub(super) preflight: Preflight,
    pub(super) repair_once: bool,
    pub(super) max_event_bytes: Option<usize>,
}
