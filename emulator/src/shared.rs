//! The state of a running emulator, [`Shared`], which the handlers of all requests have in common.

use std::sync::Arc;

use axum::http::request::Parts;
use azure_openai_chat::ChatCompletionRequest;

use crate::answer::Answer;
use crate::batch::BatchService;
use crate::faults::{FaultTarget, Kind, take_fault};
use crate::head::header;
use crate::journal::record::Head;
use crate::journal::{Call, Journal};
use crate::record::RecordingMode;
use crate::server::connections::ConnectionHandle;
use crate::session::{SESSION_HEADER, Session, Sessions};

/// An answer by closure; `None` where the closure has no answer to the request.
pub(crate) type Responder = Arc<dyn Fn(&ChatCompletionRequest) -> Option<Answer> + Send + Sync>;

/// The state of a running emulator.
pub(crate) struct Shared {
    pub(crate) sessions: Sessions,
    pub(crate) journal: Arc<Journal>,
    pub(crate) responders: Vec<Responder>,
    pub(crate) recording: Option<RecordingMode>,
    /// Whether answers have the headers of CORS.
    pub(crate) cors: bool,
    pub(crate) batches: BatchService,
}

impl Shared {
    /// Adds a request to the journal and chooses its fault. A delay is waited for here; after a reset of the connection this
    /// does not return.
    pub(crate) async fn begin(
        &self,
        session: &Session,
        parts: &Parts,
        mut head: Head,
        prompt: &[String],
        handle: &ConnectionHandle,
    ) -> (Call, Option<Kind>) {
        head.session = header(parts, SESSION_HEADER).unwrap_or_default().to_owned();
        let target = FaultTarget { deployment: head.deployment.as_deref(), headers: &parts.headers, prompt };
        let fault = take_fault(&mut session.faults(), &target);
        let call = self.journal.add(head);
        if let Some(fault) = &fault {
            call.set_fault(fault.name());
        }
        match &fault {
            Some(Kind::Delay(time)) => tokio::time::sleep(*time).await,
            Some(Kind::Reset) => {
                handle.reset();
                // The connection ends, and this task with it.
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        (call, fault)
    }
}
