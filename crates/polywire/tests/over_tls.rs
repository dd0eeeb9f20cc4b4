//! How programs ask for TLS, and what they are told where they can't have it.
#![cfg(feature = "__tls")]

mod support;

use std::error::Error as _;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;

use polywire::CloseReason;
use polywire::adapter::{Connect, Listen};
use polywire::adapters::framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig};
use polywire::adapters::tls::{
    TlsConfigError, TlsConnectConfig, TlsError, TlsIdentity, TlsInfo, TlsListenConfig, TlsPin,
};
use polywire::adapters::ws::{WsConnectConfig, WsListenConfig};
use polywire::network::{Transport, TransportConnect, TransportListen};
use polywire_proxy_protocol::{IpNet, ProxyConnectConfig, ProxyHeader, ProxyListenConfig};

use support::{ANY_PORT, Node, StoredNetEvent, peers, secure};

fn listening(transport: Transport) -> Box<dyn Listen> {
    let tls = secure::listen();
    match transport.plain() {
        Transport::Tcp => Box::new(TcpListenConfig::default().with_tls(tls)),
        Transport::FramedTcp => Box::new(FramedTcpListenConfig::default().with_tls(tls)),
        _ => Box::new(WsListenConfig::default().with_tls(tls)),
    }
}

fn connecting(transport: Transport, tls: TlsConnectConfig) -> Box<dyn Connect> {
    match transport.plain() {
        Transport::Tcp => Box::new(TcpConnectConfig::default().with_tls(tls)),
        Transport::FramedTcp => Box::new(FramedTcpConnectConfig::default().with_tls(tls)),
        _ => Box::new(WsConnectConfig::default().with_tls(tls)),
    }
}

#[test]
fn a_secure_url_is_spoken_to_over_tls() {
    let (server, client) = (Node::echo(), Node::new());
    let (_, addr) = server.listen(&*listening(Transport::Wss));
    let config = WsConnectConfig::default().with_tls(secure::connect());
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("wss://{host}:{}/chat", addr.port());
        let (endpoint, _) = client.network().connect(config.clone(), &*url).unwrap();
        assert!(matches!(client.next(), StoredNetEvent::Connected(_, true)));
        client.network().send(endpoint, b"hello");
        assert_eq!(client.message(), (endpoint, b"hello".to_vec()));
        let info = client.network().info::<TlsInfo>(endpoint).unwrap();
        assert_eq!(info.verified_name.as_deref(), Some(host));
    }
}

/// Which does not trust a certificate that signed itself.
#[test]
fn the_system_decides_whom_a_secure_transport_trusts() {
    let (server, client) = (Node::new(), Node::new());
    for &transport in Transport::SECURE {
        let (_, addr) = server.listen(&*listening(transport));
        refused_by_the_system(&client, transport, addr.to_string());
    }
    let (_, addr) = server.listen(&*listening(Transport::Wss));
    refused_by_the_system(&client, Transport::Ws, format!("wss://{addr}/"));
    refused_by_the_system(&client, Transport::Wss, format!("wss://{addr}/"));
}

fn refused_by_the_system(client: &Node, transport: Transport, addr: String) {
    let connect = client.network().connect(transport, &*addr);
    let reason = match connect {
        Ok((endpoint, _)) => client.not_connected(endpoint),
        Err(error) => {
            // A machine without any.
            let error = error.get_ref().and_then(|inner| inner.downcast_ref());
            assert!(matches!(error, Some(TlsConfigError::SystemRoots(_))), "{error:?}");
            return;
        }
    };
    assert_eq!(TlsError::of(&reason), Some(&TlsError::UnknownIssuer), "{transport}: {reason}");
}

#[test]
fn a_listener_without_a_certificate_is_an_error_that_says_how_to_give_one() {
    let node = Node::new();
    for &transport in Transport::SECURE {
        let error = node.network().listen(transport, ANY_PORT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains(transport.name()) && text.contains("with_tls"), "{text}");
        let listen = TransportListen::from(transport);
        assert!(matches!(listen, TransportListen::WithoutCertificate(of) if of == transport));
        assert_eq!(TransportConnect::from(transport).id(), transport.id());
    }
    assert_eq!(node.network().stats().endpoints, 0);
}

#[test]
fn clear_text_where_tls_is_configured_is_an_error() {
    let node = Node::new();
    let config = WsConnectConfig::default().with_tls(secure::connect());
    for adapter in [Box::new(config) as Box<dyn Connect>, Box::new(Transport::Wss)] {
        let error = node.network().connect(&*adapter, "ws://127.0.0.1:9/?secret").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains("wss://") && !text.contains("secret"), "{text}");
    }
}

fn config_error(error: &std::io::Error) -> Option<&TlsConfigError> {
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

#[test]
fn a_configuration_that_is_no_use_is_an_error_before_a_socket_is_opened() {
    let node = Node::new();
    let other_key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let identity = TlsIdentity::from_pem(secure::certificate().cert.pem(), other_key).unwrap();
    let config = TcpListenConfig::default().with_tls(TlsListenConfig::new(identity));
    let error = node.network().listen(config, ANY_PORT).unwrap_err();
    assert_eq!(config_error(&error), Some(&TlsConfigError::WrongKey), "{error}");
    assert!(error.to_string().contains("key"), "{error:?} {:?}", error.source());

    let both = secure::connect().with_pin(TlsPin::new([7; 32]));
    for &transport in Transport::SECURE {
        let addr: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let adapter = connecting(transport, both.clone());
        let error = node.network().connect(&*adapter, addr).unwrap_err();
        assert!(matches!(config_error(&error), Some(TlsConfigError::Settings(_))), "{error}");
    }
    assert_eq!(node.network().stats().endpoints, 0);
}

#[test]
fn whoever_speaks_clear_text_to_a_secure_listener_is_refused() {
    let server = Node::new();
    for &transport in Transport::SECURE {
        let (_, addr) = server.listen(&*listening(transport));
        let mut peer = peers::connect(addr);
        peer.write_all(peers::UPGRADE).unwrap();
        let answer = peers::read_to_the_end(&mut peer);
        assert!(answer.len() <= 7 && answer.first().is_none_or(|kind| *kind == 21), "{answer:?}");
        server.assert_silent();
    }
}

/// Its header comes first, and then TLS.
#[test]
fn a_proxy_that_passes_tls_on_names_the_client() {
    let (server, client) = (Node::echo(), Node::new());
    let localhost: IpNet = "127.0.0.0/8".parse().unwrap();
    let behind_proxy = FramedTcpListenConfig::default()
        .with_tls(secure::listen())
        .over(ProxyListenConfig::new([localhost]));
    let (_, addr) = server.listen(behind_proxy);
    let (from, to) = ("192.0.2.1:1234".parse().unwrap(), "192.0.2.2:443".parse().unwrap());
    let proxy = FramedTcpConnectConfig::default()
        .with_tls(secure::connect())
        .over(ProxyConnectConfig::default().with_header(ProxyHeader::new(from, to)));
    let endpoint = client.connect_ready(proxy, addr);
    client.network().send(endpoint, b"hello");
    assert_eq!(server.accepted().addr(), from);
    assert_eq!(client.message(), (endpoint, b"hello".to_vec()));
}

#[test]
fn configurations_are_equal_to_their_clones_alone() {
    let of = |tls| TcpListenConfig::default().with_tls(tls);
    let tls = TlsListenConfig::new(secure::identity());
    assert_eq!(of(tls.clone()), of(tls.clone()));
    assert_ne!(of(tls.clone()), of(tls.clone().without_resumption()));
    assert_ne!(of(tls), TcpListenConfig::default());
}

#[test]
fn who_a_certificate_does_not_name_is_refused_on_both_sides() {
    let (server, client) = (Node::new(), Node::new());
    for &transport in Transport::SECURE {
        let (_, addr) = server.listen(&*listening(transport));
        let tls = secure::connect().with_server_name("example.org");
        let endpoint = client.connect(&*connecting(transport, tls), addr);
        let reason = client.not_connected(endpoint);
        let error = TlsError::of(&reason);
        assert!(matches!(error, Some(TlsError::WrongName { .. })), "{transport}: {reason}");
        assert!(matches!(reason, CloseReason::Layer(_)));
        server.assert_silent();
    }
}

/// Clear text to a port of TLS.
#[test]
fn a_client_that_forgot_tls_is_told_so() {
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(&*listening(Transport::FramedTcpTls));
    let endpoint = client.connect_ready(Transport::FramedTcp, addr);
    client.network().send(endpoint, b"Hello server!");
    let text = client.disconnected(endpoint).to_string();
    assert!(text.contains("looks like TLS") && text.contains("`with_tls`"), "{text}");

    let (_, addr) = server.listen(&*listening(Transport::Wss));
    let endpoint = client.connect(Transport::Ws, addr);
    let text = client.not_connected(endpoint).to_string();
    assert!(text.contains("TLS") && text.contains("`wss://`"), "{text}");
    server.assert_silent();
}

/// TLS to a port of clear text.
#[test]
fn a_server_that_is_spoken_to_in_tls_says_so() {
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(Transport::FramedTcp);
    client.connect(&*connecting(Transport::FramedTcpTls, secure::connect()), addr);
    let endpoint = server.accepted();
    let text = server.disconnected(endpoint).to_string();
    assert!(text.contains("looks like TLS") && text.contains("`with_tls`"), "{text}");
}

#[test]
fn a_url_for_a_transport_without_urls_is_told_whom_it_is_for() {
    let node = Node::new();
    let error = node.network().connect(Transport::FramedTcpTls, "wss://localhost:3044");
    let text = error.unwrap_err().to_string();
    assert!(text.contains("`Transport::Wss`") && text.contains("host:port"), "{text}");
}

#[test]
#[cfg(feature = "webpki-roots")]
fn the_authorities_that_are_compiled_in_sign_nothing_of_ours() {
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(&*listening(Transport::FramedTcpTls));
    let bundled = connecting(Transport::FramedTcpTls, TlsConnectConfig::new().with_bundled_roots());
    let endpoint = client.connect(&*bundled, addr);
    let reason = client.not_connected(endpoint);
    assert_eq!(TlsError::of(&reason), Some(&TlsError::UnknownIssuer), "{reason}");
}
