//! TLS of the server, by a certificate that is made for each run, and printed in hexadecimal digits for the reader.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

#[derive(Clone)]
pub(crate) struct TlsServer {
    config: Arc<ServerConfig>,
    certificate: String,
}

impl TlsServer {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate can be made");
        let certificate = made.cert.der().iter().map(|byte| format!("{byte:02x}")).collect();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).expect("the key fits");
        Self { config: Arc::new(config), certificate }
    }

    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(crate) fn accept(self, connection: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
        StreamOwned::new(ServerConnection::new(self.config).expect("the configuration is whole"), connection)
    }
}

/// The certificate in these digits; none without digits.
pub(crate) fn parse(digits: &str) -> Option<reqwest::Certificate> {
    let bytes = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits"));
    let bytes: Vec<u8> = bytes.collect();
    (!bytes.is_empty()).then(|| reqwest::Certificate::from_der(&bytes).expect("a certificate"))
}
