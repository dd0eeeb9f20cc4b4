use std::sync::{Arc, Mutex};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{
    CipherSuiteCommon, ClientConfig, RootCertStore, ServerConfig, SupportedCipherSuite,
    Tls12CipherSuite, Tls13CipherSuite,
};

use super::*;
use crate::provider::TlsProvider;

/// Suites are `'static` to rustls: those made here are kept for good, where a sanitizer finds them.
static KEPT: Mutex<Vec<Arc<CryptoProvider>>> = Mutex::new(Vec::new());

/// The cryptography of the default, whose keys are good for so many records.
fn limited(records: u64) -> Arc<CryptoProvider> {
    let mut provider = CryptoProvider::clone(&TlsProvider::default().crypto());
    let common = |common: &CipherSuiteCommon| CipherSuiteCommon {
        suite: common.suite,
        hash_provider: common.hash_provider,
        confidentiality_limit: records,
    };
    for suite in &mut provider.cipher_suites {
        *suite = match suite {
            SupportedCipherSuite::Tls12(suite) => {
                let copy = Tls12CipherSuite { common: common(&suite.common), ..**suite };
                SupportedCipherSuite::Tls12(Box::leak(Box::new(copy)))
            }
            SupportedCipherSuite::Tls13(suite) => {
                let copy = Tls13CipherSuite { common: common(&suite.common), ..**suite };
                SupportedCipherSuite::Tls13(Box::leak(Box::new(copy)))
            }
        };
    }
    let provider = Arc::new(provider);
    KEPT.lock().unwrap().push(Arc::clone(&provider));
    provider
}

/// A client and a server of this version, their handshake done.
fn pair(version: TlsVersion, crypto: &Arc<CryptoProvider>) -> (Session, Session) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let listen = ServerConfig::builder_with_provider(Arc::clone(crypto))
        .with_protocol_versions(&[version.supported()])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key);
    let connect = ClientConfig::builder_with_provider(Arc::clone(crypto))
        .with_protocol_versions(&[version.supported()])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let client = ClientConnection::new(Arc::new(connect), name).unwrap();
    let server = ServerConnection::new(Arc::new(listen.unwrap())).unwrap();
    let (mut client, mut server) = (Session::client(client), Session::server(server));
    while client.is_handshaking() || server.is_handshaking() {
        shake_hands(&mut client, &mut server);
        shake_hands(&mut server, &mut client);
    }
    (client, server)
}

fn shake_hands(from: &mut Session, to: &mut Session) {
    let mut records = Vec::new();
    from.take_records(&mut records);
    to.shake_hands(&mut &records[..]).unwrap();
}

/// Opens all of `records`.
fn open(session: &mut Session, mut records: &[u8]) -> Vec<u8> {
    let (mut opened, mut room) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let found = session.open(&mut records, &mut room).unwrap();
        opened.extend_from_slice(&room[..found.len]);
        if records.is_empty() && found.len == 0 {
            return opened;
        }
    }
}

#[test]
fn no_message_is_thrown_away_when_the_keys_of_tls_1_2_are_used_up() {
    let crypto = limited(10);
    // Shorter than the alert that takes its place, and longer than what the keys are good for.
    for last in [1, 5 * RECORD_BYTES] {
        for is_server in [true, false] {
            let (mut client, mut server) = pair(TlsVersion::Tls12, &crypto);
            let (from, to) = match is_server {
                true => (&mut server, &mut client),
                false => (&mut client, &mut server),
            };
            let mut records = Vec::new();
            // The handshake has taken one of the ten.
            let before = if last == 1 { 9 } else { 6 };
            for number in 0..before {
                assert_eq!(from.seal(&[IoSlice::new(&[number])], &mut records), Ok(1));
            }
            let message = vec![7; last];
            let refused = from.seal(&[IoSlice::new(&message)], &mut records);
            assert!(matches!(refused, Err(TlsError::Other(_))), "{last}: {refused:?}");
            assert_eq!(from.seal(&[IoSlice::new(b"and")], &mut Vec::new()), refused);
            assert_eq!(open(to, &records), Vec::from_iter(0..before), "what was sealed arrives");
            assert!(to.is_over(), "{last}: and the goodbye behind it");
        }
    }
}

/// The keys of one direction say nothing of the other.
#[test]
fn what_the_peer_has_sent_is_opened_though_the_keys_to_answer_with_are_used_up() {
    let (mut client, mut server) = pair(TlsVersion::Tls12, &limited(10));
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    for message in [b"one", b"two"] {
        assert_eq!(client.seal(&[IoSlice::new(message)], &mut asked), Ok(3));
    }
    while server.seal(&[IoSlice::new(b"answer")], &mut answered).is_ok() {}
    assert_eq!(open(&mut server, &asked), b"onetwo");
    assert!(!server.is_over(), "and what comes behind");
    assert!(!open(&mut client, &answered).is_empty() && client.is_over());
    let mut goodbye = Vec::new();
    client.close();
    client.take_records(&mut goodbye);
    open(&mut server, &goodbye);
    assert!(server.is_over());
    let refused = server.seal(&[IoSlice::new(b"more")], &mut answered);
    assert_eq!(refused, Err(TlsError::Other(USED_UP.into())));
}

#[test]
fn the_keys_of_tls_1_3_are_changed_before_they_are_used_up() {
    let (mut client, mut server) = pair(TlsVersion::Tls13, &limited(10));
    let message = vec![7; 3 * RECORD_BYTES];
    for _ in 0..20 {
        let mut records = Vec::new();
        assert_eq!(client.seal(&[IoSlice::new(&message)], &mut records), Ok(message.len()));
        assert!(open(&mut server, &records) == message);
    }
}
