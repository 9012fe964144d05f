//! TLS connections with a certificate of the emulator's own.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The certificate and the acceptor of TLS connections.
#[derive(Clone)]
pub(crate) struct Tls {
    #[cfg(feature = "tls")]
    acceptor: tokio_rustls::TlsAcceptor,
    root: String,
}

impl Tls {
    /// The certificate to trust, in PEM.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// A certificate for `localhost` and this address, signed by a root that is made anew.
    #[cfg(feature = "tls")]
    pub(crate) fn new(address: IpAddr) -> io::Result<Self> {
        use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
        use tokio_rustls::rustls::ServerConfig;
        use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
        use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

        let root_key = KeyPair::generate().map_err(io::Error::other)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "azure-openai-emulator root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root = params.self_signed(&root_key).map_err(io::Error::other)?;
        let issuer = Issuer::new(params, root_key);

        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        if !address.is_loopback() && !address.is_unspecified() {
            names.push(address.to_string());
        }
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, "azure-openai-emulator");
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &issuer).map_err(io::Error::other)?;

        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(io::Error::other)?;
        Ok(Self { acceptor: Arc::new(config).into(), root: root.pem() })
    }

    #[cfg(not(feature = "tls"))]
    pub(crate) fn new(_: IpAddr) -> io::Result<Self> {
        Err(io::Error::other("this build has no TLS: it needs the feature `tls`"))
    }

    /// A connection; its handshake takes place at the first read.
    pub(crate) fn accept(&self, stream: TcpStream) -> Connection {
        #[cfg(feature = "tls")]
        return Connection::Handshake(Box::new(self.acceptor.accept(stream)));
        #[cfg(not(feature = "tls"))]
        Connection::Plain(stream)
    }
}

/// A connection, with TLS or without.
pub(crate) enum Connection {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Handshake(Box<tokio_rustls::Accept<TcpStream>>),
    #[cfg(feature = "tls")]
    Secure(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

impl Connection {
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            #[cfg(feature = "tls")]
            Self::Handshake(accept) => accept.get_ref(),
            #[cfg(feature = "tls")]
            Self::Secure(stream) => Some(stream.get_ref().0),
        }
    }

    /// Ends the handshake, if one is under way.
    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        #[cfg(feature = "tls")]
        if let Self::Handshake(accept) = self {
            let stream = std::task::ready!(Pin::new(accept).poll(cx))?;
            *self = Self::Secure(Box::new(stream));
        }
        let _ = cx;
        Poll::Ready(Ok(()))
    }
}

/// Calls a method of the stream inside, after the handshake.
macro_rules! forward {
    ($connection:ident, $cx:ident, $stream:ident => $call:expr) => {{
        let connection = $connection.get_mut();
        std::task::ready!(connection.poll_handshake($cx))?;
        match connection {
            Self::Plain($stream) => $call,
            #[cfg(feature = "tls")]
            Self::Secure($stream) => $call,
            #[cfg(feature = "tls")]
            Self::Handshake(_) => Poll::Pending,
        }
    }};
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        forward!(self, cx, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self, cx, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, cx, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, cx, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
