//! Waiting in tests: for something to become so, and for time that passes at once.
#![allow(dead_code, unreachable_pub, reason = "each user has a part")]

use std::time::{Duration, Instant};

/// Waits until something is so, and fails when it does not come within ten seconds.
pub async fn until(what: impl Fn() -> bool) {
    let started = Instant::now();
    while !what() {
        assert!(started.elapsed() < Duration::from_secs(10), "it did not come");
        tokio::task::yield_now().await;
    }
}

/// Lets the other tasks come as far as they can without a socket or a timer.
pub async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// Moves the clock of the runtime on without waiting, for a runtime of one thread. The ends of tokens are times of the
/// system, and what is under way on a socket stays under way.
pub async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
