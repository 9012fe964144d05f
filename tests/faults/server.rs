//! The raw server over TLS, with HTTP/1.1 and HTTP/2.

use std::sync::LazyLock;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::http2;
use crate::raw_server::{Line, RawServer, Script};
use crate::tls::{Leaf, authority};

/// What server and client speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Plain,
    Tls,
    /// HTTP/2 over TLS, and so many streams at once.
    Http2(u32),
}

impl Line for TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}

/// A server that answers request number `n`, from 0, with `script(n)`.
pub async fn over<F>(protocol: Protocol, script: F, other: &str) -> RawServer
where
    F: Fn(usize) -> Script + Send + Sync + 'static,
{
    static TLS: LazyLock<TlsAcceptor> = LazyLock::new(|| authority().acceptor(Leaf::Good, &["http/1.1"]));
    static HTTP2: LazyLock<TlsAcceptor> = LazyLock::new(|| authority().acceptor(Leaf::Good, &["h2"]));
    let acceptor = match protocol {
        Protocol::Plain => return RawServer::with(script, other).await,
        Protocol::Tls => &TLS,
        Protocol::Http2(_) => &HTTP2,
    };
    RawServer::over("https", other, script, move |socket, connection| async move {
        let Ok(mut socket) = acceptor.accept(socket).await else {
            return;
        };
        match protocol {
            Protocol::Http2(limit) => http2::serve(socket, limit, connection).await,
            _ => connection.serve(&mut socket).await,
        }
    })
    .await
}
