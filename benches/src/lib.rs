//! The inputs of the benchmarks, shaped like recorded streams and answers, and the baseline readers.

pub mod peer;
pub mod shapes;
