//! What a program is told about certificates that are not as they should be: what it is, and what to do.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use std::fs;
use std::path::PathBuf;

use polywire_tls::{
    TlsAlert, TlsCertificates, TlsConfigError, TlsConnectConfig, TlsError, TlsIdentity,
    TlsListenConfig, TlsPin, TlsRevocations,
};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_ED25519,
};

use support::certificates::{Authority, Both, Issued};
use support::node::{Node, tls_error};
use support::over::Over;

/// What a client that trusts `both`'s authority says of a server that shows `issued`.
#[track_caller]
fn refused(connect: &TlsConnectConfig, issued: &Issued) -> TlsError {
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(TlsListenConfig::new(issued.identity())));
    tls_error(&client.connect_in_vain(Over::framed(connect.clone()), addr))
}

#[track_caller]
fn assert_says(error: impl ToString, parts: &[&str]) {
    let text = error.to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "{parts:?} in: {text}");
}

#[test]
fn the_names_of_a_certificate_are_written_as_people_do() {
    let both = Both::new();
    let mut params = CertificateParams::new(["localhost".to_owned(), "::1".to_owned()]).unwrap();
    params.use_authority_key_identifier_extension = true;
    let issued = both.authority.sign(&params);
    let error = refused(&both.connect, &issued);
    let names = vec!["localhost".to_owned(), "::1".to_owned()];
    assert_eq!(error, TlsError::WrongName { expected: "127.0.0.1".into(), presented: names });
    assert_says(error, &["but for localhost, ::1:"]);
}

#[test]
fn a_certificate_without_names_is_told() {
    let both = Both::new();
    let issued = both.authority.sign(&CertificateParams::default());
    assert_says(refused(&both.connect, &issued), &["names nobody", "subjectAltName", "the CN"]);
}

#[test]
fn an_authority_in_the_place_of_a_server_is_told() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    let issued = Issued { chain: certificate.pem(), key: key.serialize_pem() };
    let connect = TlsConnectConfig::new().with_roots(issued.certificates());
    assert_says(refused(&connect, &issued), &["CA:TRUE", "basicConstraints=CA:FALSE", "pin it"]);
}

#[test]
fn a_certificate_for_another_use_is_told() {
    let both = Both::new();
    let client = both.authority.issue_with("127.0.0.1", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert_says(refused(&both.connect, &client), &["not for servers", "serverAuth"]);
}

/// As one that was made anew has, with keys of the same kind and of another.
#[test]
fn an_authority_with_the_name_of_a_trusted_one_is_unknown_to_both_sides() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
        let old = Authority::with_key("the same", KeyPair::generate_for(algorithm).unwrap());
        let both = Both::of(Authority::named("the same"));
        let server = Node::new();
        let addr = server.listen(Over::framed(both.listen.clone()));
        let client = Node::new();
        let connect = TlsConnectConfig::new().with_roots(old.roots());
        let error = tls_error(&client.connect_in_vain(Over::framed(connect), addr));
        assert_eq!(error, TlsError::UnknownIssuer);
        server.assert_refused(&TlsError::AlertReceived(TlsAlert::UNKNOWN_CA));

        // And of clients.
        let addr =
            server.listen(Over::framed(both.listen.with_client_roots(both.authority.roots())));
        let identity = old.issue("client").identity();
        client.begin(Over::framed(both.connect.with_identity(identity)), addr);
        server.assert_refused(&TlsError::UnknownIssuer);
    }
    assert_says(TlsError::UnknownIssuer, &["same name with another key"]);
}

#[test]
fn alerts_say_what_they_mean() {
    assert_says(TlsAlert::DECRYPT_ERROR, &["DecryptError, 51", "same name"]);
    assert_says(TlsAlert::UNSUPPORTED_CERTIFICATE, &["43", "extendedKeyUsage"]);
    assert_says(TlsAlert::CERTIFICATE_UNKNOWN, &["CertificateUnknown, 46", "authority"]);
}

#[test]
fn a_peer_that_is_another_one_or_none_is_told_with_what_to_do() {
    let presented = TlsPin::new([7; 32]);
    let mismatch = TlsError::PinMismatch { presented };
    assert_says(mismatch, &["new key", "somebody stands in between", &presented.to_string()]);
    assert_says(TlsError::ClosedDuringHandshake, &["a port for TLS?", "PROXY header"]);
    assert_says(TlsError::NoClientCertificate, &["with_identity"]);
}

const VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----
MIIBIzCBywIUUbi37UV0q4MDmXdUdMl26GhjF/wwCgYIKoZIzj0EAwIwFDESMBAG
A1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOTA2MDM1OVoYDzIxMjYxMTA1MDYwMzU5
WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARZ9TPDXHImUPSyI7OLCTCK0g7yiKe5aYMW0UwZBAwce/ak/ftRmZpAqziBMbO8
exeiSyRCUXXj6f+oLma04XtoMAoGCCqGSM49BAMCA0cAMEQCIF4i6WZ0ic0n2Wou
PCTpHshXuk73KKl4L6sumJb2svovAiBwGx2Tgy4ZZZP3z6aSs7bEyYF4yJvISM1F
NOkuyDyE9A==
-----END CERTIFICATE-----
";

#[test]
fn a_certificate_of_version_1_is_told() {
    let key = Both::new().issued.key;
    let listen = TlsListenConfig::new(TlsIdentity::from_pem(VERSION_1, key).unwrap());
    assert_says(listen.check().unwrap_err(), &["X.509 version 1", "subjectAltName"]);
    let pin = TlsPin::of_certificate(&TlsCertificates::from_pem(VERSION_1).unwrap());
    assert_says(pin.unwrap_err(), &["X.509 version 1"]);
}

/// A file of that name and content.
fn file(dir: &str, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(dir);
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join(name);
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn files_that_hold_something_else_are_named_with_what_to_do() {
    let Issued { chain, key } = Both::new().issued;
    let der = TlsCertificates::from_pem(&chain).unwrap().iter_der().next().unwrap().to_vec();
    let at = |name, content: &[u8]| file("texts", name, content);
    let (cert, key) = (at("cert.pem", chain.as_bytes()), at("key.pem", key.as_bytes()));
    let der = at("cert.der", &der);
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = at("encrypted.pem", encrypted.as_bytes());
    let empty = at("empty.pem", b"");

    let identity = |cert, key| TlsIdentity::from_pem_files(cert, key).unwrap_err();
    assert_says(identity(&cert, &encrypted), &["encrypted.pem: it is encrypted", "openssl pkey"]);
    assert_says(identity(&key, &cert), &["key.pem: ", "swapped"]);
    assert_says(identity(&cert, &cert), &["cert.pem: ", "swapped"]);
    assert_says(identity(&cert, &empty), &["not a PEM private key", "empty.pem: it holds none"]);
    assert_says(identity(&der, &key), &["cert.der: it looks like DER", "from_der"]);
    assert_says(TlsCertificates::from_pem_file(&empty).unwrap_err(), &["empty.pem: it holds none"]);
    let lists = TlsRevocations::from_pem_file(&empty).unwrap_err();
    assert_says(&lists, &["revocation list", "empty.pem: it holds none"]);
    assert!(matches!(lists, TlsConfigError::Malformed("a PEM revocation list", _)));
}

#[test]
fn the_pin_of_a_peer_is_told_on_both_sides() {
    let both = Both::mutual();
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(both.listen.clone()));
    let endpoint = client.connect(Over::framed(both.connect.clone()), addr);
    let pin = TlsPin::of_certificate(&both.issued.certificates()).unwrap();
    assert_eq!(client.info(endpoint).peer_pin(), Some(pin));
    let theirs = server.info(server.accepted());
    let shown = TlsCertificates::from_der(theirs.peer_certificates.clone());
    assert_eq!(theirs.peer_pin(), Some(TlsPin::of_certificate(&shown).unwrap()));
    assert_ne!(theirs.peer_pin(), Some(pin));

    let addr = server.listen(Over::framed(Both::of(both.authority).listen));
    client.connect(Over::framed(both.connect), addr);
    assert_eq!(server.info(server.accepted()).peer_pin(), None);
}
