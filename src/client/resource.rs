//! Operations of the whole resource, such as the files and batches of Global Batch. They belong to one resource: of several
//! backends the first is called.

use std::sync::Arc;

use serde_json::Value;

use super::ChatClient;
use super::json::{JsonResponse, read_json};
use super::record::CallRecord;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Deployment;
use crate::response::ResponseMetadata;
use crate::transport::body::ByteStream;
use crate::transport::{Call, CallObserver, RequestBody, Streamed};

/// The next step after a 404 for an id.
const NO_OBJECT: &str = "the resource has no file or batch of this id, or no longer has it: check the id, and that the endpoint is \
                         of the resource where it was made";

impl ChatClient {
    /// Sends an operation, and reads its answer.
    pub(crate) async fn call_resource(&self, call: Call<'_>, body: RequestBody) -> Result<JsonResponse> {
        let send = async |call: Call<'_>| self.0.transport.answer(call, |_| Ok(body.clone()), read_json).await;
        self.follow(call, send, JsonResponse::shared_metadata).await
    }

    /// Opens the content of a file. Its call ends with the headers of the answer.
    pub(crate) async fn open_resource(&self, call: Call<'_>) -> Result<ByteStream> {
        let send =
            async |call: Call<'_>| self.0.transport.stream(call, Streamed::File, |_| Ok(RequestBody::None)).await;
        self.follow(call, send, ByteStream::metadata).await
    }

    async fn follow<T>(
        &self,
        call: Call<'_>,
        send: impl AsyncFnOnce(Call<'_>) -> Result<T>,
        metadata: impl Fn(&T) -> &Arc<ResponseMetadata>,
    ) -> Result<T> {
        // an empty id would name the list instead
        if call.path.iter().any(|segment| segment.is_empty()) {
            return Err(Error::new(ErrorKind::Config, "the id of the file or batch is empty"));
        }
        let (transport, names_an_object) = (&self.0.transport, call.path.len() > 1);
        let other_backends: Vec<usize> = (1..transport.backends().len()).collect();
        // for observers the operation is its path without ids, which are every second segment
        let name = call.path.iter().step_by(2).copied().collect::<Vec<_>>().join("/");
        let record = CallRecord::of_json(&self.0, &Deployment::from(""), &name);
        let (options, observer) = (call.options, record.as_deref().map(|record| record as &dyn CallObserver));
        let sent = send(Call { unfit: &other_backends, observer, ..call });
        let answer = sent.await.map_err(|error| {
            let is_unknown = names_an_object && error.status() == Some(404);
            let error = if is_unknown { error.with_step(NO_OBJECT) } else { error };
            transport.withhold_secrets(error, options)
        });
        CallRecord::end_json(record, answer.as_ref().map(|answer| (&Value::Null, metadata(answer))));
        answer
    }
}
