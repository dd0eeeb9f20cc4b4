use std::sync::{Arc, Mutex};
use std::time::Duration;

use polywire_core::adapter::Accepted;
use polywire_core::address::RemoteAddr;
use polywire_core::network::{NetEvent, SendStatus};
use polywire_core::node;
use polywire_core::stream::{Layer, Stream};
use polywire_framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{
    CipherSuiteCommon, ClientConfig, RootCertStore, ServerConfig, SupportedCipherSuite,
    Tls12CipherSuite, Tls13CipherSuite,
};

use super::*;
use crate::provider::TlsProvider;
use crate::server::{Server, Settings};
use crate::stream::{Role, TlsStream};
use crate::{TlsCertificates, TlsConnectConfig, TlsIdentity};

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

/// A server whose keys are good for ten records.
#[derive(Clone)]
struct Limited(Arc<Server>);

impl<S: Stream> Layer<S> for Limited {
    type Stream = TlsStream<S>;

    fn connect(&self, _: S, _: &RemoteAddr) -> io::Result<Self::Stream> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn accept(&self, stream: S, _: &Accepted) -> io::Result<Self::Stream> {
        let connection = ServerConnection::new(Arc::clone(&self.0.config)).unwrap();
        let role = Role::Server(Arc::clone(&self.0));
        Ok(TlsStream::new(stream, Session::server(connection), role))
    }
}

/// Such a server, and a client of it, both of TLS 1.2.
fn limited_pair() -> (Limited, TlsConnectConfig) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let identity = TlsIdentity::from_pem(made.cert.pem(), made.signing_key.serialize_pem());
    let settings = Settings {
        identities: vec![identity.unwrap()],
        versions: vec![TlsVersion::Tls12],
        ..Settings::default()
    };
    let mut server = settings.build().unwrap();
    let resolver = Arc::clone(&server.config.cert_resolver);
    server.config = ServerConfig::builder_with_provider(limited(10))
        .with_protocol_versions(&[TlsVersion::Tls12.supported()])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(resolver)
        .into();
    let connect = TlsConnectConfig::default()
        .with_roots(TlsCertificates::from_pem(made.cert.pem()).unwrap())
        .with_server_name("localhost")
        .with_versions([TlsVersion::Tls12]);
    (Limited(Arc::new(server)), connect)
}

#[test]
fn messages_that_wait_arrive_though_a_send_finds_the_keys_used_up() {
    let (layer, connect) = limited_pair();
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    let listen = FramedTcpListenConfig::default().over(layer);
    let (_, addr) = network.listen(listen, "127.0.0.1:0").unwrap();
    let connect = FramedTcpConnectConfig::default().over(connect);
    let (client, _) = network.connect(connect, addr).unwrap();
    handler.signals().send_with_timer((), Duration::from_secs(30));
    let (mut accepted, mut received) = (None, Vec::new());
    listener.for_each(|event| match event.network() {
        NetEvent::Connected(..) => assert_eq!(network.send(client, b"ask"), SendStatus::Sent),
        NetEvent::Accepted(endpoint, _) => accepted = Some(endpoint),
        NetEvent::Message(endpoint, b"ask") => {
            assert_eq!(network.send(endpoint, b"begin"), SendStatus::Sent);
        }
        NetEvent::Message(_, b"begin") => {
            for message in [b"one", b"two"] {
                assert_eq!(network.send(client, message), SendStatus::Sent);
            }
            while network.send(accepted.unwrap(), b"answer") == SendStatus::Sent {}
        }
        NetEvent::Message(endpoint, message) if accepted == Some(endpoint) => {
            received.push(message.to_vec());
        }
        NetEvent::Disconnected(endpoint) if accepted == Some(endpoint) => handler.stop(),
        _ => {}
    });
    assert_eq!(received, [b"one", b"two"]);
    let reason = network.close_reason(accepted.unwrap()).unwrap();
    assert_eq!(TlsError::of(&reason), Some(&TlsError::Other(USED_UP.into())));
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
