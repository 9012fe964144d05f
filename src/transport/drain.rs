//! The ends of answers that nobody waits for.
//!
//! After `[DONE]` the caller has what it wants, but the connection is free only when the end of the body has
//! come too. So that is read in the background, and a call that is made just then waits for it a moment:
//! less than a new connection would take.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use reqwest::{Response, Version};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot::{self, Receiver, error::TryRecvError};
use tokio::time::Instant;

use super::body::next_piece;

/// What is left after the end of a stream is read for at most this long and far.
const DRAIN_TIME: Duration = Duration::from_secs(1);
const DRAIN_BYTES: usize = 64 * 1024;

/// So long it takes a connection at most, once it is free, to be there for the next call.
const RETURN_TIME: Duration = Duration::from_millis(1);

/// How long a call waits for a connection that is nearly free.
const PATIENCE: Duration = Duration::from_millis(50);

/// The answers of one backend whose ends are being read.
#[derive(Debug, Default)]
pub(crate) struct Drains {
    running: Mutex<VecDeque<Receiver<()>>>,
    /// The last end came too late to be worth a wait.
    are_slow: AtomicBool,
}

impl Drains {
    /// Reads the rest of an answer, usually nothing but its terminator: now if it is there, and else in the
    /// background, bounded in time and bytes. Nobody is made to wait.
    pub(crate) fn drain(self: &Arc<Self>, mut response: Response) {
        let mut left = DRAIN_BYTES;
        loop {
            match next_piece(&mut response).now_or_never() {
                Some(Ok(Some(bytes))) if bytes.len() <= left => left = left.saturating_sub(bytes.len()),
                Some(_) => return,
                None => break,
            }
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (tell, told) = oneshot::channel();
        // other versions carry several calls on one connection
        if response.version() == Version::HTTP_11 {
            let mut running = self.lock();
            running.retain_mut(is_running);
            running.push_back(told);
        }
        let flavor = runtime.runtime_flavor();
        let (drains, start) = (Arc::clone(self), Instant::now());
        runtime.spawn(async move {
            let _ = tokio::time::timeout(DRAIN_TIME, async {
                while let Ok(Some(bytes)) = next_piece(&mut response).await {
                    if bytes.len() > left {
                        return;
                    }
                    left = left.saturating_sub(bytes.len());
                }
            })
            .await;
            drop(response);
            drains.are_slow.store(start.elapsed() > PATIENCE, Ordering::Relaxed);
            // the connection goes back to its pool in a task of its own: the next on this thread, or one on another
            if flavor == RuntimeFlavor::CurrentThread {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(RETURN_TIME).await;
            }
            let _ = tell.send(());
        });
    }

    /// Waits a moment if a connection is nearly free. Each one is waited for by one call.
    pub(crate) async fn wait(&self) {
        let Some(told) = self.next() else { return };
        if tokio::time::timeout(PATIENCE, told).await.is_err() {
            self.are_slow.store(true, Ordering::Relaxed);
        }
    }

    fn next(&self) -> Option<Receiver<()>> {
        if self.are_slow.load(Ordering::Relaxed) {
            return None;
        }
        let mut running = self.lock();
        running.retain_mut(is_running);
        running.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Receiver<()>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_running(told: &mut Receiver<()>) -> bool {
    told.try_recv() == Err(TryRecvError::Empty)
}
