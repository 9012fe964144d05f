#![doc = include_str!("../guide/batch.md")]

pub use self::client::BatchClient;
pub use self::create_batch::CreateBatch;
pub use self::download::BatchResults;
pub use self::item::BatchItem;
pub use self::object::{Batch, BatchError, BatchFile, BatchUsage, RequestCounts};
pub use self::run::{BatchRun, BatchRunPhase, BatchRunResults, BatchRunStatus};
pub use self::run_now::{BatchRequest, RunNow, RunNowStatus};
pub use self::status::{BatchErrorCode, BatchFileStatus, BatchStatus};
pub use self::upload::Upload;
pub use self::writer::{BatchInput, BatchWriter, BatchWriterOptions};

mod client;
mod create_batch;
mod custom_id;
mod download;
mod item;
mod object;
mod run;
mod run_now;
mod status;
mod timestamp;
mod upload;
mod wait;
mod writer;
