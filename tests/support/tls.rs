//! TLS for test servers: an authority of the tests' own, and the certificates that it signs, good and bad.

use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// The name, beside loopback's, that good certificates are for.
pub const HOST: &str = "my-resource.openai.azure.test";

/// What a server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaf {
    Good,
    Expired,
    NotYet,
    OtherName,
}

/// An authority whose root clients can be given.
pub struct Authority {
    root: String,
    issuer: Issuer<'static, KeyPair>,
}

/// The authority that the clients of these tests trust.
pub fn authority() -> &'static Authority {
    static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("the root of these tests"));
    &AUTHORITY
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().pem();
        Self { root, issuer: Issuer::new(params, key) }
    }

    /// The root as a PEM file has it.
    pub fn root_pem(&self) -> &str {
        &self.root
    }

    pub fn root(&self) -> reqwest::Certificate {
        reqwest::Certificate::from_pem(self.root.as_bytes()).unwrap()
    }

    /// Takes connections with a certificate of this authority, for the protocols that ALPN names.
    pub fn acceptor(&self, leaf: Leaf, protocols: &[&str]) -> TlsAcceptor {
        let names = match leaf {
            Leaf::OtherName => vec!["another.example".to_owned()],
            _ => vec!["localhost".to_owned(), "127.0.0.1".to_owned(), HOST.to_owned()],
        };
        let mut params = CertificateParams::new(names).unwrap();
        match leaf {
            Leaf::Expired => params.not_after = date_time_ymd(2024, 2, 29),
            Leaf::NotYet => params.not_before = date_time_ymd(2094, 3, 1),
            Leaf::Good | Leaf::OtherName => {}
        }
        let key = KeyPair::generate().unwrap();
        let chain = vec![params.signed_by(&key, &self.issuer).unwrap().der().clone()];
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}
