//! A job in a folder, which goes on after its process has ended.

pub use self::job::BatchRun;
pub use self::results::BatchRunResults;
pub use self::status::{BatchRunPhase, BatchRunStatus};

mod finish;
mod job;
mod results;
mod state;
mod status;
mod step;
