//! Configurations that no TLS can be spoken with.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use std::io::ErrorKind;

use polywire_tls::{TlsConfigError, TlsIdentity, TlsListenConfig, TlsRevocations};

use support::certificates::{Authority, Both, Issued};
use support::node::Node;
use support::over::Over;

#[test]
fn alpn_protocols_that_no_hello_can_hold_are_refused_before_a_byte_is_sent() {
    let both = Both::new();
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(both.listen.clone()));
    let (empty, long) = (vec![Vec::new()], vec![vec![b'a'; 256]]);
    let many: Vec<_> = (0..1000).map(|_| vec![b'a'; 255]).collect();
    for protocols in [empty, long, many] {
        let connect = both.connect.clone().with_alpn(protocols.clone());
        let listen = both.listen.clone().with_alpn(protocols);
        for checked in [connect.check(), listen.check(), both.listen.reload(&listen)] {
            assert!(matches!(checked, Err(TlsConfigError::Settings(_))), "{checked:?}");
        }
        let error = client.network().connect(Over::framed(connect), addr).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let longest = both.connect.with_alpn([vec![b'a'; 255]]);
    longest.check().unwrap();
    client.connect(Over::framed(longest), addr);
}

#[test]
fn so_many_authorities_that_clients_can_not_be_told_all_are_trusted_as_well() {
    let both = Both::mutual();
    let (server, client) = (Node::echo(), Node::new());
    let name = "a".repeat(200);
    let authorities = (0..300).map(|number| Authority::named(&format!("{name}{number}")).roots());
    let listen = authorities.fold(both.listen, TlsListenConfig::with_client_roots);
    let addr = server.listen(Over::framed(listen));
    let endpoint = client.connect(Over::framed(both.connect), addr);
    client.send(endpoint, b"hello");
    assert_eq!(client.message(), b"hello");
}

/// They would turn off the check that was asked for.
#[test]
fn revocation_lists_without_a_list_are_refused() {
    let both = Both::mutual();
    let none = TlsRevocations::from_der(Vec::<Vec<u8>>::new());
    let one = both.authority.revoke(&[7]);
    let connect = both.connect.with_revocations(one.clone());
    let listen = both.listen.with_client_revocations(one);
    assert_eq!((connect.check(), listen.check()), (Ok(()), Ok(())));
    let checked = connect.with_revocations(none.clone()).check();
    assert!(matches!(checked, Err(TlsConfigError::Settings(_))), "{checked:?}");
    let checked = listen.with_client_revocations(none).check();
    assert!(matches!(checked, Err(TlsConfigError::Settings(_))), "{checked:?}");
}

#[test]
fn an_encrypted_key_is_said_to_be_one() {
    let Issued { chain, key } = Both::new().issued;
    let new = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let begin =
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n";
    let old = format!("{begin}AAAA\n-----END EC PRIVATE KEY-----\n");
    for encrypted in [new, old] {
        let error = TlsIdentity::from_pem(&chain, encrypted).unwrap_err().to_string();
        assert!(error.contains("openssl pkey"), "{error}");
    }
    let error = TlsIdentity::from_pem(&chain, &chain).unwrap_err().to_string();
    assert!(error.contains("it holds none"), "{error}");
}
