//! What is measured: streams and answers shaped like recorded ones, and the baselines they are read with.

pub mod peer;
pub mod shapes;
