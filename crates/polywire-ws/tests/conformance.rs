//! The protocol keeps the rules of its traits.

use polywire_core::address::RemoteAddr;
use polywire_testkit::conformance::ProtocolSubject;
use polywire_ws::{WsConnectConfig, WsListenConfig, WsProtocol, WsUrl};

fn client() -> WsProtocol {
    let url = WsUrl::parse(&RemoteAddr::Str("ws://localhost/chat".into())).unwrap();
    WsProtocol::client(&url, &WsConnectConfig::default()).unwrap()
}

fn server() -> WsProtocol {
    WsProtocol::server(&WsListenConfig::default()).unwrap()
}

polywire_testkit::conformance! {
    protocol ws = ProtocolSubject::new(client, server);
    packets: yes,
}
