//! The steps of a response body: its pieces, the pauses between them, and the fault among them.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;

use super::Kind;
use crate::journal::Call;
use crate::refusal::AzureError;
use crate::settings::PaceClock;

/// One step of a body.
pub(crate) enum Step {
    /// Sends a piece, after this time.
    Send(Duration, Bytes),
    Wait(Duration),
    Stall,
    Cut,
}

/// The steps of a body, made lazily.
pub(crate) type Steps = Box<dyn Iterator<Item = Step> + Send>;

/// The body of an answer whose chunks are these, each after its time, with a fault in it.
pub(crate) fn distort(
    chunks: impl Iterator<Item = (Duration, Bytes)> + Send + 'static,
    streamed: bool,
    fault: Option<Kind>,
) -> Steps {
    let send = |(pause, chunk)| Step::Send(pause, chunk);
    let at_once = |chunk: Bytes| Step::Send(Duration::ZERO, chunk);
    match fault {
        Some(Kind::Truncate(after)) => Box::new(chunks.take(after).map(send)),
        Some(Kind::Cut(after)) => Box::new(chunks.take(after).map(send).chain([Step::Cut])),
        Some(Kind::Stall(after)) => Box::new(chunks.take(after).map(send).chain([Step::Stall])),
        Some(Kind::Malformed(after)) => Box::new(chunks.enumerate().map(move |(at, (pause, mut chunk))| {
            if at == after {
                chunk.truncate(chunk.len() / 2);
                if streamed {
                    chunk = [chunk.as_ref(), b"\n\n"].concat().into();
                }
            }
            Step::Send(pause, chunk)
        })),
        Some(Kind::Error(after)) => {
            let error = AzureError::server_error().text();
            if !streamed {
                return Box::new([at_once(error.into())].into_iter());
            }
            let ending = [event(&error), event("[DONE]")];
            Box::new(chunks.take(after).map(send).chain(ending.map(at_once)))
        }
        Some(Kind::AfterDone(text)) => Box::new(chunks.map(send).chain([at_once(text.into())])),
        Some(Kind::LateEnd(time)) => Box::new(chunks.map(send).chain([Step::Wait(time)])),
        Some(Kind::Trickle(between)) => Box::new(chunks.flat_map(move |(pause, chunk)| {
            let bytes = chunk.into_iter().map(|byte| Bytes::from(vec![byte]));
            let sent = bytes.flat_map(move |byte| [at_once(byte), Step::Wait(between)]);
            [Step::Wait(pause)].into_iter().chain(sent)
        })),
        _ => Box::new(chunks.map(send)),
    }
}

/// A payload as an event of a stream.
pub(crate) fn event(payload: &str) -> Bytes {
    format!("data: {payload}\n\n").into()
}

/// A body that is being sent.
pub(crate) struct Sending {
    steps: Steps,
    clock: Option<PaceClock>,
    sent: usize,
    call: Call,
}

/// Takes the steps as the connection polls for them, each at its time. The call ends with the last.
pub(crate) fn body(steps: Steps, clock: Option<PaceClock>, call: Call) -> Body {
    let sending = Sending { steps, clock, sent: 0, call };
    Body::from_stream(stream::unfold(Some(sending), |sending| async move {
        let mut sending = sending?;
        loop {
            match sending.steps.next() {
                None => {
                    sending.call.end();
                    return None;
                }
                Some(Step::Send(pause, bytes)) => {
                    let pause = sending.pause().saturating_add(pause);
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                    sending.sent += 1;
                    return Some((Ok(bytes), Some(sending)));
                }
                Some(Step::Wait(time)) => tokio::time::sleep(time).await,
                Some(Step::Stall) => std::future::pending().await,
                Some(Step::Cut) => {
                    // Time for the pieces before to be written: on an error hyper drops what it has buffered.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    sending.call.end();
                    return Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), None));
                }
            }
        }
    }))
}

impl Sending {
    /// The time before the next piece. The first is the prompt's filter results, before the first token.
    fn pause(&mut self) -> Duration {
        let Some(clock) = &mut self.clock else {
            return Duration::ZERO;
        };
        let first = if self.sent == 1 { clock.first() } else { Duration::ZERO };
        first.saturating_add(clock.chunk())
    }
}
