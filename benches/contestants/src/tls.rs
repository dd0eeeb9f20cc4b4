//! TLS as all contestants have it: the same provider, version, cipher and certificate.

use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig,
};

/// Made by hand: valid until 2120 for `localhost` and 127.0.0.1, signed by itself, ECDSA on P-256.
pub(crate) const CERTIFICATE: &str = include_str!("tls/certificate.pem");
pub(crate) const KEY: &str = include_str!("tls/key.pem");
/// The only one of TLS 1.3.
const VERSIONS: [&rustls::SupportedProtocolVersion; 1] = [&TLS13];
/// What rustls agrees with itself on, and so with polywire.
const CIPHER: CipherSuite = CipherSuite::TLS13_AES_256_GCM_SHA384;

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).expect("a certificate")
}

/// With tickets instead of the cache of 256 sessions, as polywire.
pub(crate) fn server() -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&VERSIONS)
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(vec![certificate()], key)
        .expect("a certificate and its key");
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.ticketer = aws_lc_rs::Ticketer::new().expect("a ticketer");
    Arc::new(config)
}

pub(crate) fn client(resumes: bool) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).expect("a certificate");
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&VERSIONS)
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    if !resumes {
        config.resumption = Resumption::disabled();
    }
    Arc::new(config)
}

pub(crate) fn name() -> ServerName<'static> {
    static NAME: OnceLock<ServerName<'static>> = OnceLock::new();
    NAME.get_or_init(|| "localhost".try_into().expect("a name")).clone()
}

/// Whether the handshake came to what all are measured with, and whether it resumed a session.
pub(crate) fn is_resumed(connection: &ClientConnection) -> bool {
    let suite = connection.negotiated_cipher_suite().expect("the handshake is done");
    assert_eq!(suite.suite(), CIPHER, "all use the same cipher");
    connection.handshake_kind() == Some(HandshakeKind::Resumed)
}
