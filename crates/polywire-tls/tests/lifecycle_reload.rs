//! What a reload changes, and what it does not.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use std::thread;

use polywire_core::network::StoredNetEvent;
use polywire_tls::{
    TlsConfigError, TlsConnectConfig, TlsError, TlsIdentity, TlsListenConfig, TlsPin,
};

use support::certificates::{Authority, Both, self_signed};
use support::node::{Node, logs_of};
use support::over::Over;

/// Whoever has no certificate, and trusts the server's.
fn stranger(authority: &Authority) -> TlsConnectConfig {
    TlsConnectConfig::new().with_roots(authority.roots())
}

#[test]
fn a_new_identity_changes_the_certificate_and_nothing_else() {
    let both = Both::mutual();
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(both.listen.clone()));
    let renewed = both.authority.issue("127.0.0.1");
    both.listen.reload_identity(renewed.identity()).unwrap();

    let endpoint = client.connect(Over::framed(both.connect), addr);
    assert_eq!(client.info(endpoint).peer_certificates, [renewed.der()]);
    assert!(matches!(server.next(), StoredNetEvent::Accepted(..)));
    client.begin(Over::framed(stranger(&both.authority)), addr);
    server.assert_refused(&TlsError::NoClientCertificate);
}

/// And not those that the listener was opened with.
#[test]
fn a_new_identity_goes_with_what_was_reloaded_before() {
    let both = Both::new();
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(both.listen.clone()));
    let strict = both.listen.clone().with_client_roots(both.authority.roots());
    both.listen.reload(&strict).unwrap();
    both.listen.reload_identity(both.authority.issue("127.0.0.1").identity()).unwrap();
    client.begin(Over::framed(both.connect), addr);
    server.assert_refused(&TlsError::NoClientCertificate);
}

/// And not those that either configuration was made with.
#[test]
fn a_reload_takes_the_settings_in_force() {
    let both = Both::mutual();
    let (server, client) = (Node::new(), Node::new());
    let (one, listen) = (TlsListenConfig::new(both.issued.identity()), both.listen);
    let addr = server.listen(Over::framed(one.clone()));
    let renewed = both.authority.issue("127.0.0.1");
    listen.reload_identity(renewed.identity()).unwrap();
    one.reload(&listen).unwrap();
    let endpoint = client.connect(Over::framed(both.connect), addr);
    assert_eq!(client.info(endpoint).peer_certificates, [renewed.der()]);
    server.accepted();
    client.begin(Over::framed(stranger(&both.authority)), addr);
    server.assert_refused(&TlsError::NoClientCertificate);
    assert_eq!(format!("{one:?}"), format!("{listen:?}"));
}

#[test]
fn setters_go_on_from_the_settings_in_force() {
    let both = Both::mutual();
    let listen = TlsListenConfig::new(both.issued.identity());
    let renewed = both.authority.issue("127.0.0.1");
    listen.reload_identity(renewed.identity()).unwrap();
    let strict = listen.clone().with_client_roots(both.authority.roots());
    listen.reload(&strict).unwrap();
    for config in [listen.clone(), listen.with_alpn(["a"])] {
        let (server, client) = (Node::new(), Node::new());
        let addr = server.listen(Over::framed(config));
        let endpoint = client.connect(Over::framed(both.connect.clone()), addr);
        assert_eq!(client.info(endpoint).peer_certificates, [renewed.der()]);
        server.accepted();
        client.begin(Over::framed(stranger(&both.authority)), addr);
        server.assert_refused(&TlsError::NoClientCertificate);
    }
}

#[test]
fn an_identity_that_is_wrong_or_has_no_single_place_changes_nothing() {
    let both = Both::new();
    let other = both.authority.issue("other.example");
    let wrong = TlsIdentity::from_pem(&both.issued.chain, &other.key).unwrap();
    assert_eq!(both.listen.reload_identity(wrong), Err(TlsConfigError::WrongKey));
    let two = both.listen.clone().with_identity(other.identity());
    let none = TlsListenConfig::resolving(|_| None);
    for (listen, count) in [(two, "has 2"), (none, "has 0")] {
        let error = listen.reload_identity(other.identity()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(count) && text.contains("`reload`"), "{text}");
    }
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(both.listen));
    let endpoint = client.connect(Over::framed(both.connect), addr);
    assert_eq!(client.info(endpoint).peer_certificates, [both.issued.der()]);
}

#[test]
fn a_reload_that_ends_the_check_of_clients_is_logged() {
    let pin = TlsPin::of_certificate(&self_signed("client").certificates()).unwrap();
    let both = Both::mutual();
    let by_pin = TlsListenConfig::new(both.issued.identity()).with_client_pin(pin);
    for listen in [both.listen, by_pin] {
        let open = TlsListenConfig::new(both.issued.identity());
        let logs = logs_of(|| listen.reload(&open).unwrap());
        assert!(logs.len() == 1 && logs[0].starts_with("WARN"), "{logs:?}");
        assert!(logs[0].contains("ends the check of client certificates"), "{logs:?}");
        // There is none to be ended any more.
        assert!(logs_of(|| listen.reload(&open).unwrap()).is_empty());
    }
}

#[test]
fn a_reload_that_goes_on_checking_clients_is_not_logged() {
    let both = Both::mutual();
    let (listen, issued) = (both.listen, both.issued);
    let pin = TlsPin::of_certificate(&issued.certificates()).unwrap();
    let logs = logs_of(|| {
        listen.reload_identity(issued.identity()).unwrap();
        listen.reload(&TlsListenConfig::new(issued.identity()).with_client_pin(pin)).unwrap();
    });
    assert!(logs.is_empty(), "{logs:?}");
}

#[test]
fn reloads_of_two_threads_do_not_undo_each_other() {
    let both = Both::new();
    for _ in 0..20 {
        let listen = both.listen.clone().without_close_notify(); // One of its own.
        listen.check().unwrap();
        let strict = listen.clone().with_client_roots(both.authority.roots());
        let (renewing, identity) = (listen.clone(), both.issued.identity());
        let other = thread::spawn(move || renewing.reload_identity(identity).unwrap());
        listen.reload(&strict).unwrap();
        other.join().unwrap();

        let (server, client) = (Node::new(), Node::new());
        let addr = server.listen(Over::framed(listen));
        client.begin(Over::framed(both.connect.clone()), addr);
        server.assert_refused(&TlsError::NoClientCertificate);
    }
}
