//! What a hook of WebSocket requests learns of the layers under it: TLS, and the header of a proxy.
#![cfg(all(feature = "ws", feature = "__tls"))]

mod support;

use std::net::SocketAddr;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use polywire::adapters::tls::TlsInfo;
use polywire::adapters::ws::{Accept, WsConnectConfig, WsListenConfig, WsRequest};
use polywire::network::NetEvent;
use polywire_proxy_protocol::{
    IpNet, ProxyConnectConfig, ProxyHeader, ProxyInfo, ProxyListenConfig,
};

use support::{DEADLINE, Node, secure};

#[test]
fn a_request_over_tls_and_behind_a_proxy_tells_of_both() {
    let (sender, asked) = mpsc::channel();
    let sender = Mutex::new(sender);
    let config = WsListenConfig::default().with_tls(secure::listen()).with_on_request(
        move |request: &WsRequest| {
            sender.lock().unwrap().send(request.clone()).unwrap();
            Accept::new().with_value("a guest")
        },
    );
    let proxies: [IpNet; 1] = ["127.0.0.0/8".parse().unwrap()];
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(config.over(ProxyListenConfig::new(proxies)));

    let (source, destination): (SocketAddr, SocketAddr) =
        ("192.0.2.7:4711".parse().unwrap(), "198.51.100.1:443".parse().unwrap());
    let header = ProxyHeader::new(source, destination);
    let config = WsConnectConfig::default()
        .with_tls(secure::connect())
        .over(ProxyConnectConfig::default().with_header(header));
    let url = format!("wss://localhost:{}/guests", addr.port());
    client.network().connect(config, url.as_str()).unwrap();

    let request = asked.recv_timeout(DEADLINE).unwrap();
    assert_eq!((request.path(), request.peer_addr()), ("/guests", Some(source)));
    let tls = request.info::<TlsInfo>().unwrap();
    assert_eq!(tls.server_name.as_deref(), Some("localhost"));
    let proxy = request.info::<ProxyInfo>().unwrap();
    assert_eq!(proxy.proxy_addr().unwrap().ip(), addr.ip());
    assert!(request.info::<String>().is_none());

    let endpoint = server.accepted();
    assert_eq!((endpoint.resource_id(), endpoint.addr()), (request.resource_id(), source));
    let network = server.network();
    assert_eq!(network.info::<WsRequest>(endpoint).unwrap().path(), "/guests");
    assert_eq!(network.info::<&'static str>(endpoint).as_deref(), Some(&"a guest"));
    assert_eq!(*network.info::<TlsInfo>(endpoint).unwrap(), *tls);
    assert_eq!(*network.info::<ProxyInfo>(endpoint).unwrap(), *proxy);
}

#[test]
fn nothing_is_kept_of_requests_without_a_hook_and_of_plain_ones_no_tls() {
    let asked = Arc::new(Mutex::new(None));
    let (server, client) = (Node::new(), Node::new());
    let (_, plain) = server.listen(WsListenConfig::default());
    client.network().connect(WsConnectConfig::default(), format!("ws://{plain}/")).unwrap();
    assert!(server.network().info::<WsRequest>(server.accepted()).is_none());

    let seen = Arc::clone(&asked);
    let (_, hooked) =
        server.listen(WsListenConfig::default().with_on_request(move |request: &WsRequest| {
            *seen.lock().unwrap() = Some(request.info::<TlsInfo>().is_none());
            Accept::new()
        }));
    let endpoint = client.network().connect(WsConnectConfig::default(), format!("ws://{hooked}/"));
    let accepted = server.accepted();
    assert_eq!(*asked.lock().unwrap(), Some(true));
    // Over, and nothing is told any more.
    client.network().remove(endpoint.unwrap().0.resource_id());
    server.disconnected(accepted);
    assert!(server.network().info::<WsRequest>(accepted).is_none());
}

#[test]
fn what_a_callback_does_in_accepted_knows_the_request() {
    let (sender, told) = mpsc::channel();
    let server = Node::with(move |handler, event| {
        if let NetEvent::Accepted(endpoint, _) = event {
            let request = handler.network().info::<WsRequest>(*endpoint).unwrap();
            sender.send(request.query().map(str::to_owned)).unwrap();
        }
    });
    let (_, addr) =
        server.listen(WsListenConfig::default().with_on_request(|_: &WsRequest| Accept::new()));
    let client = Node::new();
    client.network().connect(WsConnectConfig::default(), format!("ws://{addr}/?a=b")).unwrap();
    assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_deref(), Some("a=b"));
}
