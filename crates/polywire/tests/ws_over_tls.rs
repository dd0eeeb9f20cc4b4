//! WebSocket clients over TLS that do not reach their server at once: proxies, redirects, refusals.
#![cfg(feature = "__tls")]

mod support;

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use polywire::CloseReason;
use polywire::adapters::tls::TlsInfo;
use polywire::adapters::ws::{
    RedirectError, WsConnectConfig, WsListenConfig, WsRefusal, WsResponse,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use support::{ANY_PORT, Node, StoredNetEvent, peers, secure};

/// A server by hand that says `answer` to each request over TLS, and ends the stream without a `close_notify`.
fn answering(answer: String) -> SocketAddr {
    let issued = secure::certificate();
    let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], PrivateKeyDer::from(key))
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(tls, peers::ready(socket.unwrap()));
            peers::read_head(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
            stream.flush().unwrap();
        }
    });
    addr
}

/// A proxy that leads one client to `target`, whatever it asks for.
fn proxy_to(target: SocketAddr) -> SocketAddr {
    peers::server(move |mut client| {
        let request = peers::read_head(&mut client);
        assert!(request.starts_with("CONNECT server.invalid:443 HTTP/1.1\r\n"), "{request}");
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let server = TcpStream::connect(target).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut &server, &mut client);
    })
}

fn config() -> WsConnectConfig {
    WsConnectConfig::default().with_tls(secure::connect())
}

/// Connects, and has a message sent back.
fn echoes(config: WsConnectConfig, url: &str) {
    let client = Node::new();
    let (endpoint, _) = client.network().connect(config, url).unwrap();
    client.network().send(endpoint, b"hello");
    let event = client.next();
    let reason = client.network().close_reason(endpoint);
    assert!(matches!(event, StoredNetEvent::Connected(_, true)), "{url}: {reason:?}");
    assert_eq!(client.message().1, b"hello");
    let info = client.network().info::<TlsInfo>(endpoint).unwrap();
    assert_eq!(info.verified_name.as_deref(), Some("localhost"));
    assert_eq!(client.network().info::<WsResponse>(endpoint).unwrap().status, 101);
    let long = vec![7; 1 << 20];
    client.network().send(endpoint, &long);
    assert!(client.message().1 == long);
}

#[test]
fn tls_goes_from_end_to_end_through_a_proxy() {
    let server = Node::echo();
    let (_, addr) = server.listen(WsListenConfig::default().with_tls(secure::listen()));
    let proxy = proxy_to(addr);
    let tls = secure::connect().with_server_name("localhost");
    let config = config().with_tls(tls).with_http_proxy(format!("http://{proxy}"));
    echoes(config, "wss://server.invalid/");
}

#[test]
fn a_redirect_over_tls_leads_to_a_server_that_is_checked_as_the_first_one() {
    let server = Node::echo();
    let (_, addr) = server.listen(WsListenConfig::default().with_tls(secure::listen()));
    let sent_to = |location: String| {
        let first = answering(format!("HTTP/1.1 308 x\r\nLocation: {location}\r\n\r\n"));
        format!("wss://127.0.0.1:{}/", first.port())
    };
    let url = sent_to(format!("https://localhost:{}/", addr.port()));
    echoes(config().with_max_redirects(1), &url);

    let (_, plain) = server.listen(WsListenConfig::default());
    let url = sent_to(format!("ws://localhost:{}/", plain.port()));
    let error = server.network().connect_sync(config().with_max_redirects(1), &*url).unwrap_err();
    assert_eq!(detail(&error).redirect, Some(RedirectError::ClearText));
}

#[test]
fn a_refusal_is_told_though_the_stream_of_tls_is_cut_behind_it() {
    let addr = answering("HTTP/1.1 503 x\r\n\r\nlater".into());
    let url = format!("wss://localhost:{}/", addr.port());
    let error = Node::new().network().connect_sync(config(), &*url).unwrap_err();
    let detail = detail(&error);
    assert_eq!((detail.status, &detail.body[..]), (503, &b"later"[..]));
}

fn detail(error: &io::Error) -> WsRefusal {
    match CloseReason::of(error) {
        Some(CloseReason::HandshakeRefused(refusal)) => {
            refusal.detail::<WsRefusal>().unwrap_or_else(|| panic!("{refusal}")).clone()
        }
        _ => panic!("{error}"),
    }
}

#[test]
fn a_page_in_clear_text_of_the_same_host_may_not_connect_over_tls() {
    let server = Node::echo();
    let listen = WsListenConfig::default().with_same_origin(true).with_tls(secure::listen());
    let (_, addr) = server.listen(listen);
    let host = format!("localhost:{}", addr.port());
    let connect = |scheme| {
        let config = config().with_origin(format!("{scheme}://{host}"));
        server.network().connect_sync(config, format!("wss://{host}/"))
    };
    assert!(connect("https").is_ok());
    assert_eq!(detail(&connect("http").unwrap_err()).status, 403);
}
