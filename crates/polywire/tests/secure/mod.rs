//! A certificate that is made for these tests, those who show it and those who trust it.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::sync::OnceLock;

use polywire::adapters::tls::{TlsCertificates, TlsConnectConfig, TlsIdentity, TlsListenConfig};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};

/// Signs itself, for this machine.
pub fn certificate() -> &'static CertifiedKey<KeyPair> {
    static CERTIFICATE: OnceLock<CertifiedKey<KeyPair>> = OnceLock::new();
    let make = || {
        let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
        generate_simple_self_signed(names).unwrap()
    };
    CERTIFICATE.get_or_init(make)
}

pub fn identity() -> TlsIdentity {
    let CertifiedKey { cert, signing_key } = certificate();
    TlsIdentity::from_pem(cert.pem(), signing_key.serialize_pem()).unwrap()
}

pub fn root() -> TlsCertificates {
    TlsCertificates::from_pem(certificate().cert.pem()).unwrap()
}

/// One for all listeners, as a program has one.
pub fn listen() -> TlsListenConfig {
    static LISTEN: OnceLock<TlsListenConfig> = OnceLock::new();
    LISTEN.get_or_init(|| TlsListenConfig::new(identity())).clone()
}

/// One for all connections.
pub fn connect() -> TlsConnectConfig {
    static CONNECT: OnceLock<TlsConnectConfig> = OnceLock::new();
    CONNECT.get_or_init(|| TlsConnectConfig::new().with_roots(root())).clone()
}
