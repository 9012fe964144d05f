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
use crate::transport::{Call, CallObserver, CallOptions, Method, Operation, RequestBody, Streamed};

/// An operation of the resource. Every second segment of the path is the id of an object.
pub(crate) struct ResourceCall<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a [&'a str],
    pub(crate) options: &'a CallOptions,
}

impl ResourceCall<'_> {
    /// The path without ids, by which observers know the operation.
    fn name(&self) -> String {
        self.path.iter().step_by(2).copied().collect::<Vec<_>>().join("/")
    }
}

impl ChatClient {
    /// Sends an operation, and reads its answer.
    pub(crate) async fn call_resource(&self, call: ResourceCall<'_>, body: RequestBody) -> Result<JsonResponse> {
        let send = async |call: Call<'_>| self.0.transport.answer(call, |_| Ok(body.clone()), read_json).await;
        self.follow(&call, send, JsonResponse::shared_metadata).await
    }

    /// Opens the content of a file. Its call ends with the headers of the answer.
    pub(crate) async fn open_resource(&self, call: ResourceCall<'_>) -> Result<ByteStream> {
        let send =
            async |call: Call<'_>| self.0.transport.stream(call, Streamed::File, |_| Ok(RequestBody::None)).await;
        self.follow(&call, send, ByteStream::metadata).await
    }

    async fn follow<T>(
        &self,
        call: &ResourceCall<'_>,
        send: impl AsyncFnOnce(Call<'_>) -> Result<T>,
        metadata: impl Fn(&T) -> &Arc<ResponseMetadata>,
    ) -> Result<T> {
        // an empty id would name the list instead
        if call.path.iter().any(|segment| segment.is_empty()) {
            return Err(Error::new(ErrorKind::Config, "the id of the file or batch is empty"));
        }
        let transport = &self.0.transport;
        let other_backends: Vec<usize> = (1..transport.backends().len()).collect();
        let record = CallRecord::of_json(&self.0, &Deployment::from(""), &call.name());
        let sent = send(Call {
            unfit: &other_backends,
            observer: record.as_deref().map(|record| record as &dyn CallObserver),
            ..Call::new(Operation::of_resource(call.method.clone(), call.path), "", call.options)
        });
        let answer = sent.await.map_err(|error| transport.withhold_secrets(error, call.options));
        CallRecord::end_json(record, answer.as_ref().map(|answer| (&Value::Null, metadata(answer))));
        answer
    }
}
