//! Each reason to refuse a peer, provoked, and told on both sides in its own words.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use polywire_core::{CloseReason, Limits};
use polywire_tls::{TlsAlert, TlsConnectConfig, TlsError, TlsListenConfig, TlsPin, TlsVersion};

use support::certificates::{Authority, Both, expired, not_yet_valid, self_signed, serial};
use support::node::{Node, tls_error};
use support::over::{Kind, Over};
use support::peer::{Peer, ready};

/// The client refuses the server: its reason, and the alert that the server is told.
#[track_caller]
fn client_refuses(connect: TlsConnectConfig, listen: TlsListenConfig, alert: TlsAlert) -> TlsError {
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(listen));
    let error = tls_error(&client.connect_in_vain(Over::framed(connect), addr));
    server.assert_refused(&TlsError::AlertReceived(alert));
    server.assert_silent();
    assert_eq!(server.network().stats().refused, 1);
    error
}

/// The server refuses the client for that reason: the alert that the client is told. It may have taken itself for
/// connected by then: in TLS 1.3 it is the first to know all it has to.
#[track_caller]
fn server_refuses(
    connect: TlsConnectConfig,
    listen: TlsListenConfig,
    error: &TlsError,
) -> TlsError {
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(listen));
    let endpoint = client.begin(Over::framed(connect), addr);
    server.assert_refused(error);
    server.assert_silent();
    client.next();
    while client.reason(endpoint).is_none() {
        client.next();
    }
    tls_error(&client.reason(endpoint).unwrap())
}

fn alert(alert: TlsAlert) -> TlsError {
    TlsError::AlertReceived(alert)
}

#[test]
fn an_authority_that_is_unknown() {
    let connect = TlsConnectConfig::default().with_roots(Authority::named("another").roots());
    let error = client_refuses(connect, Both::new().listen, TlsAlert::UNKNOWN_CA);
    assert_eq!(error, TlsError::UnknownIssuer);
}

#[test]
fn a_certificate_that_nobody_signed() {
    let listen = TlsListenConfig::new(self_signed("127.0.0.1").identity());
    let error = client_refuses(Both::new().connect, listen, TlsAlert::UNKNOWN_CA);
    assert_eq!(error, TlsError::UnknownIssuer);
}

#[test]
fn the_authorities_of_the_system_did_not_sign_it() {
    let connect = TlsConnectConfig::default();
    if connect.check().is_err() {
        return; // A system without any.
    }
    let error = client_refuses(connect, Both::new().listen, TlsAlert::UNKNOWN_CA);
    assert_eq!(error, TlsError::UnknownIssuer);
}

#[test]
fn another_name() {
    let both = Both::new();
    let connect = both.connect.with_server_name("example.org");
    let error = client_refuses(connect, both.listen, TlsAlert::BAD_CERTIFICATE);
    let TlsError::WrongName { expected, presented } = &error else { panic!("{error:?}") };
    assert_eq!(expected, "example.org");
    assert_eq!(presented, &["127.0.0.1"]);
    assert!(error.to_string().contains("with_server_name"), "{error}");
}

#[test]
fn expired_and_not_yet_valid() {
    let both = Both::new();
    let changes: [fn(&mut rcgen::CertificateParams); 2] = [expired, not_yet_valid];
    for (change, reason) in changes.into_iter().zip([TlsError::Expired, TlsError::NotYetValid]) {
        let issued = both.authority.issue_with("127.0.0.1", change);
        let listen = TlsListenConfig::new(issued.identity());
        let error = client_refuses(both.connect.clone(), listen, TlsAlert::CERTIFICATE_EXPIRED);
        assert_eq!(error, reason);

        // The same of a client.
        let client = both.authority.issue_with("client", change);
        let connect = both.connect.clone().with_identity(client.identity());
        let listen = both.listen.clone().with_client_roots(both.authority.roots());
        let told = server_refuses(connect, listen, &reason);
        assert_eq!(told, alert(TlsAlert::CERTIFICATE_EXPIRED));
    }
}

#[test]
fn revoked() {
    let both = Both::new();
    let issued = both.authority.issue_with("127.0.0.1", serial(7));
    let listen = TlsListenConfig::new(issued.identity());
    let connect = both.connect.clone().with_revocations(both.authority.revoke(&[7]));
    let error = client_refuses(connect, listen.clone(), TlsAlert::CERTIFICATE_REVOKED);
    assert_eq!(error, TlsError::Revoked);
    // Another one is.
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(listen));
    let connect = both.connect.clone().with_revocations(both.authority.revoke(&[8]));
    client.connect(Over::framed(connect), addr);

    let identity = both.authority.issue_with("client", serial(9)).identity();
    let listen = both.listen.with_client_roots(both.authority.roots());
    let listen = listen.with_client_revocations(both.authority.revoke(&[9]));
    let told = server_refuses(both.connect.with_identity(identity), listen, &TlsError::Revoked);
    assert_eq!(told, alert(TlsAlert::CERTIFICATE_REVOKED));
}

#[test]
fn of_two_lists_of_one_authority_the_last_one_counts() {
    let both = Both::new();
    let (old, new) = (both.authority.revoke(&[8]), both.authority.revoke(&[7]));
    let issued = both.authority.issue_with("127.0.0.1", serial(7));
    let client = both.authority.issue_with("client", serial(7)).identity();
    // Given one by one, and together.
    let listen = TlsListenConfig::new(issued.identity());
    let together = both.authority.revocations(&[&[8], &[7]]);
    let connect = both.connect.clone().with_revocations(old.clone()).with_revocations(new.clone());
    for connect in [connect, both.connect.clone().with_revocations(together.clone())] {
        let error = client_refuses(connect, listen.clone(), TlsAlert::CERTIFICATE_REVOKED);
        assert_eq!(error, TlsError::Revoked);
    }

    let listen = both.listen.with_client_roots(both.authority.roots());
    let one_by_one = listen.clone().with_client_revocations(old).with_client_revocations(new);
    let connect = both.connect.with_identity(client);
    for listen in [one_by_one, listen.with_client_revocations(together)] {
        let told = server_refuses(connect.clone(), listen, &TlsError::Revoked);
        assert_eq!(told, alert(TlsAlert::CERTIFICATE_REVOKED));
    }
}

#[test]
fn an_authority_whose_revocations_are_not_known() {
    let both = Both::new();
    let other = Authority::named("another").revoke(&[1]);
    let connect = both.connect.with_revocations(other);
    let error = client_refuses(connect, both.listen, TlsAlert::UNKNOWN_CA);
    assert_eq!(error, TlsError::RevocationUnknown);
}

#[test]
fn a_client_without_a_certificate() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let both = Both::new();
        let listen = both.listen.with_client_roots(both.authority.roots());
        let connect = both.connect.with_versions([version]);
        let told = server_refuses(connect, listen, &TlsError::NoClientCertificate);
        assert_eq!(told, alert(TlsAlert::CERTIFICATE_REQUIRED));
        assert!(told.to_string().contains("with_identity"), "{told}");
    }
}

#[test]
fn a_client_of_an_unknown_authority() {
    let both = Both::new();
    let listen = both.listen.with_client_roots(both.authority.roots());
    let stranger = Authority::named("another").issue("client");
    let connect = both.connect.with_identity(stranger.identity());
    let told = server_refuses(connect, listen, &TlsError::UnknownIssuer);
    assert_eq!(told, alert(TlsAlert::UNKNOWN_CA));
}

#[test]
fn no_common_version() {
    let versions = [TlsVersion::Tls12, TlsVersion::Tls13];
    for (ours, theirs) in [(versions[0], versions[1]), (versions[1], versions[0])] {
        let both = Both::new();
        let (connect, listen) =
            (both.connect.with_versions([ours]), both.listen.with_versions([theirs]));
        let told = server_refuses(connect, listen, &TlsError::NoCommonVersion);
        assert_eq!(told, alert(TlsAlert::PROTOCOL_VERSION));
    }
}

#[test]
fn no_common_cipher() {
    let both = Both::new();
    let server = Node::new();
    let addr = server.listen(Over::framed(both.listen));
    let mut peer = TcpStream::connect(addr).unwrap();
    peer.write_all(&old_hello()).unwrap();
    server.assert_logs(&["handshake failed", "nothing in common"]);
    let mut answer = Vec::new();
    ready(peer).read_to_end(&mut answer).unwrap();
    assert_eq!(answer[..7], [21, 3, 3, 0, 2, 2, 40], "handshake_failure, in a record");
}

/// A ClientHello of TLS 1.2 that offers RSA key exchange with RC4 and nothing else.
fn old_hello() -> Vec<u8> {
    let extensions = [
        [0, 10, 0, 4, 0, 2, 0, 23].as_slice(), // secp256r1
        [0, 13, 0, 4, 0, 2, 4, 3].as_slice(),  // ecdsa_secp256r1_sha256
        [0, 11, 0, 2, 1, 0].as_slice(),        // uncompressed points
    ]
    .concat();
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend([0, 2, 0, 5]); // TLS_RSA_WITH_RC4_128_SHA
    hello.extend([1, 0]);
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    let mut message = vec![1, 0];
    message.extend((hello.len() as u16).to_be_bytes());
    message.extend(hello);
    let mut record = vec![22, 3, 1];
    record.extend((message.len() as u16).to_be_bytes());
    record.extend(message);
    record
}

#[test]
fn no_common_alpn() {
    let both = Both::new();
    let (connect, listen) = (both.connect.with_alpn(["chat/1"]), both.listen.with_alpn(["chat/2"]));
    let told = server_refuses(connect, listen, &TlsError::NoCommonAlpn);
    assert_eq!(told, alert(TlsAlert::NO_APPLICATION_PROTOCOL));
}

#[test]
fn no_certificate_for_the_name() {
    let both = Both::new();
    let connect = both.connect.with_server_name("example.org");
    let listen = both.listen.without_unknown_names();
    let told = server_refuses(connect, listen, &TlsError::NoCertificateForName);
    assert!(matches!(told, TlsError::AlertReceived(_)), "{told:?}");
}

#[test]
fn another_key_than_the_one_that_is_pinned() {
    let both = Both::new();
    let right = TlsPin::of_certificate(&both.issued.certificates()).unwrap();
    let connect = TlsConnectConfig::default().with_pin(TlsPin::new([7; 32]));
    let error = client_refuses(connect, both.listen.clone(), TlsAlert::CERTIFICATE_UNKNOWN);
    assert_eq!(error, TlsError::PinMismatch { presented: right });
    assert!(error.to_string().contains(&right.to_string()), "{error}");

    let client = self_signed("client");
    let listen = both.listen.with_client_pin(TlsPin::new([7; 32]));
    let presented = TlsPin::of_certificate(&client.certificates()).unwrap();
    let connect = both.connect.with_identity(client.identity());
    let told = server_refuses(connect, listen, &TlsError::PinMismatch { presented });
    assert_eq!(told, alert(TlsAlert::CERTIFICATE_UNKNOWN));
}

#[test]
fn a_client_that_does_not_speak_tls() {
    let server = Node::new();
    let addr = server.listen(Over::framed(Both::new().listen));
    let mut peer = TcpStream::connect(addr).unwrap();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n").unwrap();
    server.assert_refused(&TlsError::NotTls);
    let mut answer = Vec::new();
    ready(peer).read_to_end(&mut answer).unwrap();
    assert_eq!(answer[0], 21, "an alert");
}

#[test]
fn a_server_that_does_not_speak_tls() {
    let client = Node::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let endpoint = client.begin(Over::framed(Both::new().connect), addr);
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"220 mail.example.org ESMTP\r\n").unwrap();
    client.next();
    assert_eq!(tls_error(&client.reason(endpoint).unwrap()), TlsError::NotTls);
}

#[test]
fn a_stream_that_is_cut() {
    let both = Both::new();
    let server = Node::new();
    let addr = server.listen(Over::new(Kind::Tcp, both.listen.clone()));
    let mut peer = Peer::client(&both.authority, addr);
    peer.shake_hands().unwrap();
    let accepted = server.accepted();
    peer.send(b"and then");
    peer.socket.shutdown(Shutdown::Write).unwrap(); // To drop it would reset it, with our tickets unread.
    assert_eq!(server.message(), b"and then");
    assert_eq!(tls_error(&server.disconnected(accepted)), TlsError::Truncated);

    // Unless that is usual.
    let addr = server.listen(Over::new(Kind::Tcp, both.listen.without_close_notify()));
    let mut peer = Peer::client(&both.authority, addr);
    peer.shake_hands().unwrap();
    let accepted = server.accepted();
    peer.socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.disconnected(accepted), CloseReason::PeerClosed);
}

#[test]
fn a_server_whose_stream_is_cut() {
    let both = Both::new();
    for is_usual in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let connect = both.connect.clone();
        let connect = if is_usual { connect.without_close_notify() } else { connect };
        let client = Node::new();
        let endpoint = client.begin(Over::framed(connect), addr);
        let mut peer = Peer::server(&both.issued, &listener);
        peer.shake_hands().unwrap();
        client.next();
        peer.socket.shutdown(Shutdown::Write).unwrap();
        let reason = client.disconnected(endpoint);
        match is_usual {
            true => assert_eq!(reason, CloseReason::PeerClosed),
            false => assert_eq!(tls_error(&reason), TlsError::Truncated),
        }
    }
}

#[test]
fn one_that_closes_during_the_handshake() {
    let both = Both::new();
    let server = Node::new();
    let addr = server.listen(Over::framed(both.listen));
    let peer = TcpStream::connect(addr).unwrap();
    drop(peer);
    server.assert_refused(&TlsError::ClosedDuringHandshake);
}

#[test]
fn a_client_that_says_nothing() {
    let server = Node::new();
    let limits = Limits::default().with_handshake_timeout(Duration::from_millis(100));
    let addr = server.listen(Over::framed(Both::new().listen).limited(limits));
    let mut peer = ready(TcpStream::connect(addr).unwrap());
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).unwrap();
    server.assert_logs(&["handshake failed", &CloseReason::HandshakeTimeout.to_string()]);
}

/// What it is, and what to do about it.
#[test]
fn every_text_is_one_of_its_own() {
    let errors = [
        TlsError::UnknownIssuer,
        TlsError::Expired,
        TlsError::NotYetValid,
        TlsError::Revoked,
        TlsError::RevocationUnknown,
        TlsError::NoClientCertificate,
        TlsError::NoCertificateForName,
        TlsError::NoCommonVersion,
        TlsError::NoCommonAlpn,
        TlsError::Truncated,
        TlsError::ClosedDuringHandshake,
        TlsError::NotTls,
    ];
    let mut texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), errors.len());
}
