//! Batch jobs in a folder, [`BatchRun`], which another process can resume.

pub use self::job::BatchRun;
pub use self::results::BatchRunResults;
pub use self::status::{BatchRunPhase, BatchRunStatus};

mod finish;
mod job;
mod results;
mod state;
mod status;
mod step;
