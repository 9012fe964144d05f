//! Connections that the emulator can close at any moment, from any task.
//!
//! The HTTP server owns each connection. Closing its [`ConnectionHandle`] makes its next read or write
//! fail, and wakes the task that waits for one.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;

use super::tls::{Connection, Tls};

/// A handle to one connection.
#[derive(Clone, Default)]
pub(crate) struct ConnectionHandle(Arc<State>);

#[derive(Default)]
struct State {
    closed: AtomicBool,
    /// Whether the connection is closed with RST instead of FIN.
    reset: AtomicBool,
    waker: AtomicWaker,
}

impl ConnectionHandle {
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        self.0.waker.wake();
    }

    pub(crate) fn reset(&self) {
        self.0.reset.store(true, Ordering::SeqCst);
        self.close();
    }
}

/// The connections that are open; none once all were closed.
#[derive(Clone)]
pub(crate) struct OpenConnections(Arc<Mutex<Option<Vec<Weak<State>>>>>);

impl OpenConnections {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Vec::new()))))
    }

    fn open(&self) -> ConnectionHandle {
        let handle = ConnectionHandle::default();
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(all) => {
                // Removing closed connections only when the list would grow keeps the cost of a connection constant.
                if all.len() == all.capacity() {
                    all.retain(|state| state.strong_count() > 0);
                }
                all.push(Arc::downgrade(&handle.0));
            }
            None => handle.close(),
        }
        handle
    }

    pub(crate) fn close_all(&self) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        all.iter().flatten().filter_map(Weak::upgrade).for_each(|state| ConnectionHandle(state).close());
    }
}

/// A listener that lists its open connections, so that they can be closed.
pub(crate) struct ClosableListener {
    listener: TcpListener,
    connections: OpenConnections,
    tls: Option<Tls>,
}

impl ClosableListener {
    pub(crate) fn new(listener: TcpListener, connections: OpenConnections, tls: Option<Tls>) -> Self {
        Self { listener, connections, tls }
    }
}

impl Listener for ClosableListener {
    type Io = ClosableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (ClosableStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Without it small chunks are delayed by Nagle's algorithm, which is not an error.
                    let _ = stream.set_nodelay(true);
                    let stream = match &self.tls {
                        Some(tls) => tls.accept(stream),
                        None => Connection::Plain(stream),
                    };
                    return (ClosableStream { stream, handle: self.connections.open() }, address);
                }
                // Out of file descriptors, most likely; some are free when a connection ends.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, ClosableListener>> for ConnectionHandle {
    fn connect_info(stream: IncomingStream<'_, ClosableListener>) -> Self {
        stream.io().handle.clone()
    }
}

/// A connection that fails once its handle is closed.
pub(crate) struct ClosableStream {
    stream: Connection,
    handle: ConnectionHandle,
}

impl ClosableStream {
    fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        self.handle.0.waker.register(cx.waker());
        if self.handle.0.closed.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl Drop for ClosableStream {
    fn drop(&mut self) {
        if self.handle.0.reset.load(Ordering::SeqCst) {
            // Deprecated because other times than zero block; `set_zero_linger` is not in every version of tokio that this
            // crate allows.
            #[expect(deprecated, reason = "`set_zero_linger` is newer than the oldest tokio allowed")]
            let _ = self.stream.tcp().map(|stream| stream.set_linger(Some(Duration::ZERO)));
        }
    }
}

impl AsyncRead for ClosableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for ClosableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
