//! Certificates: which one is shown, which are accepted, and how they are replaced.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use polywire_core::network::StoredNetEvent;
use polywire_tls::{
    TlsCertificates, TlsConfigError, TlsConnectConfig, TlsError, TlsIdentity, TlsListenConfig,
    TlsPin, TlsRevocations, TlsVersion,
};

use support::certificates::{Authority, Both, expired, self_signed};
use support::node::{Node, tls_error};
use support::over::Over;
use support::peer::Peer;

/// What a client sees of the server that it asks for by this name.
fn seen_by(client: &TlsConnectConfig, name: &str, listen: &TlsListenConfig) -> Vec<u8> {
    let (server, node) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(listen.clone()));
    let connect = client.clone().with_server_name(name);
    let endpoint = node.connect(Over::framed(connect), addr);
    assert_eq!(node.info(endpoint).verified_name.as_deref(), Some(name));
    let theirs = server.info(server.accepted());
    let is_name = name.parse::<std::net::IpAddr>().is_err();
    assert_eq!(theirs.server_name.as_deref(), Some(name).filter(|_| is_name));
    node.info(endpoint).peer_certificates.swap_remove(0)
}

#[test]
fn each_name_gets_its_certificate() {
    let both = Both::new();
    let (one, two) = (both.authority.issue("one.example"), both.authority.issue("two.example"));
    let listen = both.listen.with_identity(one.identity()).with_identity(two.identity());
    assert_eq!(seen_by(&both.connect, "one.example", &listen), one.der());
    assert_eq!(seen_by(&both.connect, "two.example", &listen), two.der());
    assert_eq!(seen_by(&both.connect, "127.0.0.1", &listen), both.issued.der());
}

#[test]
fn an_unknown_name_gets_the_first_certificate_which_the_client_then_refuses() {
    let both = Both::new();
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(both.listen));
    let connect = Over::framed(both.connect.with_server_name("three.example"));
    let error = tls_error(&client.connect_in_vain(connect, addr));
    assert!(matches!(error, TlsError::WrongName { .. }), "{error:?}");
}

#[test]
fn a_wildcard_is_for_one_label() {
    let both = Both::new();
    let wild = both.authority.issue("*.example.org");
    let listen = TlsListenConfig::new(wild.identity());
    assert_eq!(seen_by(&both.connect, "chat.example.org", &listen), wild.der());
    for other in ["example.org", "a.b.example.org"] {
        let (server, client) = (Node::new(), Node::new());
        let addr = server.listen(Over::framed(listen.clone()));
        let connect = Over::framed(both.connect.clone().with_server_name(other));
        let error = tls_error(&client.connect_in_vain(connect, addr));
        assert!(matches!(error, TlsError::WrongName { .. }), "{other}: {error:?}");
    }
}

#[test]
fn ip_addresses_are_names_too() {
    let both = Both::new();
    assert_eq!(seen_by(&both.connect, "127.0.0.1", &both.listen), both.issued.der());
    let sixth = both.authority.issue("::1");
    let listen = TlsListenConfig::new(sixth.identity());
    assert_eq!(seen_by(&both.connect, "::1", &listen), sixth.der());
    // A certificate for a name is none for the address that it leads to.
    let (server, client) = (Node::new(), Node::new());
    let named = TlsListenConfig::new(both.authority.issue("localhost").identity());
    let addr = server.listen(Over::framed(named));
    let error = tls_error(&client.connect_in_vain(Over::framed(both.connect.clone()), addr));
    assert!(matches!(error, TlsError::WrongName { .. }), "{error:?}");
    client.connect(Over::framed(both.connect), format!("localhost:{}", addr.port()));
}

#[test]
#[cfg(target_os = "linux")] // Elsewhere a socket of IPv6 may lead to such addresses alone.
fn an_address_mapped_into_ipv6_is_named_as_the_one_that_it_leads_to() {
    let both = Both::new();
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(both.listen));
    let mapped = format!("[::ffff:127.0.0.1]:{}", addr.port());
    let endpoint = client.connect(Over::framed(both.connect), mapped);
    assert_eq!(client.info(endpoint).verified_name.as_deref(), Some("127.0.0.1"));
}

#[test]
fn what_is_no_name_is_refused_before_a_byte_is_sent() {
    let client = Node::new();
    let connect = Over::framed(TlsConnectConfig::default().with_server_name("not a name"));
    let error = client.network().connect(connect, "127.0.0.1:1").unwrap_err();
    let reason = polywire_core::CloseReason::from(&error);
    assert_eq!(tls_error(&reason), TlsError::NoServerName("not a name".into()));
}

#[test]
fn a_resolver_is_asked_for_each_name_and_may_refuse() {
    let both = Both::new();
    let made = both.authority.issue("made.example");
    let identity = made.identity();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let names = Arc::clone(&asked);
    let listen = TlsListenConfig::resolving(move |hello| {
        names.lock().unwrap().push((hello.server_name.map(String::from), hello.alpn.len()));
        (hello.server_name == Some("made.example")).then(|| identity.clone())
    });
    let connect = both.connect.with_alpn(["a", "b"]);
    assert_eq!(seen_by(&connect, "made.example", &listen), made.der());
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(listen));
    client.connect_in_vain(Over::framed(connect.with_server_name("other.example")), addr);
    server.assert_refused(&TlsError::NoCertificateForName);
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked, [(Some("made.example".into()), 2), (Some("other.example".into()), 2)]);
}

#[test]
fn alpn_is_the_first_of_the_server_that_the_client_offers_and_none_without_an_offer() {
    let both = Both::new();
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(both.listen.with_alpn(["x", "b", "a"])));
    let offers = both.connect.clone().with_alpn(["a", "b"]);
    let endpoint = client.connect(Over::framed(offers), addr);
    assert_eq!(client.info(endpoint).alpn.as_deref(), Some(&b"b"[..]));
    assert_eq!(server.info(server.accepted()).alpn.as_deref(), Some(&b"b"[..]));
    let endpoint = client.connect(Over::framed(both.connect), addr);
    assert_eq!(client.info(endpoint).alpn, None);
}

#[test]
fn a_pinned_key_is_trusted_whoever_signed_it_whatever_its_name_and_age() {
    let authority = Authority::new();
    let issued = [self_signed("x.example"), authority.issue_with("y.example", expired)];
    for issued in issued {
        let pin = TlsPin::of_certificate(&issued.certificates()).unwrap();
        let (server, client) = (Node::echo(), Node::new());
        let addr = server.listen(Over::framed(TlsListenConfig::new(issued.identity())));
        let connect = TlsConnectConfig::default().with_pin(TlsPin::new([1; 32])).with_pin(pin);
        let endpoint = client.connect(Over::framed(connect), addr);
        client.send(endpoint, b"hello");
        assert_eq!(client.message(), b"hello");
        assert_eq!(client.info(endpoint).verified_name, None);
    }
}

#[test]
fn both_sides_show_a_certificate() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let both = Both::new();
        let shown = both.authority.issue("client");
        let (server, client) = (Node::echo(), Node::new());
        let addr =
            server.listen(Over::framed(both.listen.with_client_roots(both.authority.roots())));
        let connect = both.connect.with_identity(shown.identity()).with_versions([version]);
        let endpoint = client.connect(Over::framed(connect), addr);
        client.send(endpoint, b"hello");
        assert_eq!(client.message(), b"hello");
        assert_eq!(server.info(server.accepted()).peer_certificates, [shown.der()]);
    }
    // By pins alone.
    let (ours, theirs) = (self_signed("client"), self_signed("server"));
    let pin = |issued: &support::certificates::Issued| {
        TlsPin::of_certificate(&issued.certificates()).unwrap()
    };
    let (server, client) = (Node::new(), Node::new());
    let listen = TlsListenConfig::new(theirs.identity()).with_client_pin(pin(&ours));
    let addr = server.listen(Over::framed(listen));
    let connect = TlsConnectConfig::default().with_pin(pin(&theirs)).with_identity(ours.identity());
    client.connect(Over::framed(connect), addr);
    assert_eq!(server.info(server.accepted()).peer_certificates, [ours.der()]);
}

#[test]
fn a_client_may_do_without_a_certificate_where_that_is_allowed_but_not_show_a_bad_one() {
    let both = Both::new();
    let (server, client) = (Node::new(), Node::new());
    let listen = both.listen.with_client_roots(both.authority.roots()).with_clients_unknown();
    let addr = server.listen(Over::framed(listen));
    client.connect(Over::framed(both.connect.clone()), addr);
    assert!(server.info(server.accepted()).peer_certificates.is_empty());
    let good = both.authority.issue("client");
    client.connect(Over::framed(both.connect.clone().with_identity(good.identity())), addr);
    assert_eq!(server.info(server.accepted()).peer_certificates, [good.der()]);
    let bad = Authority::named("another").issue("client");
    client.begin(Over::framed(both.connect.with_identity(bad.identity())), addr);
    server.assert_refused(&TlsError::UnknownIssuer);
}

#[test]
fn a_reload_changes_what_new_connections_see_and_nothing_of_the_old_ones() {
    let both = Both::new();
    let (server, client) = (Node::echo(), Node::new());
    let addr = server.listen(Over::framed(both.listen.clone()));
    let connect = Over::framed(both.connect.without_resumption());
    let old = client.connect(connect.clone(), addr);
    let renewed = both.authority.issue("127.0.0.1");
    both.listen.reload(&TlsListenConfig::new(renewed.identity())).unwrap();
    client.send(old, b"still");
    assert_eq!(client.message(), b"still");
    assert_eq!(client.info(old).peer_certificates, [both.issued.der()]);
    let new = client.connect(connect, addr);
    assert_eq!(client.info(new).peer_certificates, [renewed.der()]);
}

#[test]
fn who_shakes_hands_during_a_reload_goes_on_with_the_certificate_he_has_seen() {
    let both = Both::new();
    let server = Node::echo();
    let addr = server.listen(Over::new(support::over::Kind::Tcp, both.listen.clone()));
    let mut peer = Peer::client(&both.authority, addr);
    peer.flush().unwrap();
    peer.socket.peek(&mut [0]).unwrap(); // The server has answered.
    let renewed = both.authority.issue("127.0.0.1");
    both.listen.reload(&TlsListenConfig::new(renewed.identity())).unwrap();
    peer.shake_hands().unwrap();
    peer.send(b"hello");
    assert_eq!(peer.read_exactly(5).unwrap(), b"hello");
    assert_eq!(peer.tls.peer_certificates().unwrap()[0].to_vec(), both.issued.der());
}

#[test]
fn a_reload_that_fails_leaves_everything_as_it_was_and_says_why() {
    let both = Both::new();
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(both.listen.clone()));
    let missing = TlsIdentity::from_pem_files("/no/such/file.pem", "/no/such/key.pem");
    let Err(TlsConfigError::File(path, _)) = &missing else { panic!("{missing:?}") };
    assert_eq!(path.to_str(), Some("/no/such/file.pem"));
    let broken = TlsIdentity::from_pem("-----BEGIN CERTIFICATE-----\nnonsense", &both.issued.key);
    assert!(matches!(broken, Err(TlsConfigError::Malformed("a PEM certificate", _))), "{broken:?}");
    let no_key = TlsIdentity::from_pem(&both.issued.chain, &both.issued.chain);
    assert!(matches!(no_key, Err(TlsConfigError::Malformed("a PEM private key", _))), "{no_key:?}");
    let garbage = TlsIdentity::from_der(TlsCertificates::from_der([vec![1, 2, 3]]), key(&both));
    let wrong = TlsIdentity::from_pem(&both.issued.chain, both.authority.issue("x").key);
    assert_eq!(
        both.listen.reload(&TlsListenConfig::new(wrong.unwrap())),
        Err(TlsConfigError::WrongKey)
    );
    let told = both.listen.reload(&TlsListenConfig::new(garbage.unwrap()));
    assert!(matches!(told, Err(TlsConfigError::Malformed(..))), "{told:?}");
    let endpoint = client.connect(Over::framed(both.connect), addr);
    assert_eq!(client.info(endpoint).peer_certificates, [both.issued.der()]);
}

fn key(both: &Both) -> Vec<u8> {
    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject;
    PrivateKeyDer::from_pem_slice(both.issued.key.as_bytes()).unwrap().secret_der().to_vec()
}

#[test]
fn settings_that_exclude_each_other_are_told_before_a_byte_is_sent() {
    let both = Both::new();
    let pin = TlsPin::new([0; 32]);
    let connects = [
        both.connect.clone().with_pin(pin),
        both.connect.clone().with_system_roots().with_revocations(both.authority.revoke(&[1])),
    ];
    for connect in connects {
        let told = connect.check();
        assert!(matches!(told, Err(TlsConfigError::Settings(_))), "{told:?}");
        let error = Node::new().network().connect(Over::framed(connect), "127.0.0.1:1");
        assert_eq!(error.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    }
    let roots = both.authority.roots();
    let listens = [
        both.listen.clone().with_client_pin(pin).with_client_roots(roots),
        both.listen.clone().with_clients_unknown(),
        both.listen.clone().with_client_revocations(both.authority.revoke(&[1])),
    ];
    for listen in listens {
        let told = listen.check();
        assert!(matches!(told, Err(TlsConfigError::Settings(_))), "{told:?}");
    }
    assert!(TlsRevocations::from_pem("").is_err() && TlsCertificates::from_pem("").is_err());
}

/// A listener that can't be is told by `check`; without that it refuses all, and lives.
#[test]
fn a_listener_without_a_usable_certificate_refuses_all_until_it_is_reloaded() {
    let both = Both::new();
    let wrong = TlsIdentity::from_pem(&both.issued.chain, both.authority.issue("x").key).unwrap();
    let listen = TlsListenConfig::new(wrong);
    assert_eq!(listen.check(), Err(TlsConfigError::WrongKey));
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(listen.clone()));
    client.connect_in_vain(Over::framed(both.connect.clone()), addr);
    server.assert_logs(&["WARN", "TLS connections are refused"]);
    listen.reload(&both.listen).unwrap();
    client.connect(Over::framed(both.connect), addr);
    assert!(matches!(server.next(), StoredNetEvent::Accepted(..)));
}

#[test]
fn certificates_that_are_no_use_are_warned_of_once_a_second_however_many_clients_come() {
    let both = Both::new();
    let wrong = TlsIdentity::from_pem(&both.issued.chain, both.authority.issue("x").key).unwrap();
    let resolved = wrong.clone();
    let cases = [
        (TlsListenConfig::new(wrong), "TLS connections are refused"),
        (
            TlsListenConfig::resolving(move |_| Some(resolved.clone())),
            "a resolver gave a certificate",
        ),
    ];
    for (listen, text) in cases {
        let (server, client) = (Node::new(), Node::new());
        let addr = server.listen(Over::framed(listen));
        let start = Instant::now();
        for _ in 0..10 {
            client.connect_in_vain(Over::framed(both.connect.clone()), addr);
        }
        let logged = server.logged(&["WARN", text]);
        let most = 1 + start.elapsed().as_secs() as usize;
        assert!((1..=most).contains(&logged), "{logged} of {text:?}");
    }
}

#[test]
fn debug_shows_no_key() {
    let both = Both::mutual();
    let shown = format!("{:?} {:?} {:?}", both.listen, both.connect, both.issued.identity());
    assert!(shown.contains("TlsListenConfig") && shown.contains("TlsIdentity"), "{shown}");
    let bytes = key(&both);
    let inner: Vec<&str> = both.issued.key.lines().filter(|line| !line.contains("---")).collect();
    assert!(!inner.is_empty() && inner.iter().all(|line| !shown.contains(line)));
    for window in bytes.windows(4) {
        let numbers = format!("{window:?}");
        assert!(!shown.contains(numbers.trim_matches(['[', ']'])), "{numbers}");
    }
}

#[test]
fn configurations_are_equal_to_their_clones_alone() {
    let both = Both::new();
    assert_eq!(both.connect, both.connect.clone());
    assert_eq!(both.listen, both.listen.clone());
    assert_ne!(both.connect, both.connect.clone().with_alpn(["a"]));
    assert_ne!(both.listen, both.listen.clone().with_alpn(["a"]));
    assert_eq!(TlsConnectConfig::default(), TlsConnectConfig::new());
}
