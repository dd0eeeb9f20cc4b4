//! WebSocket connections on a fake system each of whose calls fails with each error.

use polywire_core::address::ToRemoteAddr;
use polywire_testkit::{Wire, every_errno};
use polywire_ws::{WsConnectConfig, WsListenConfig, WsProtocol, WsUrl};

fn wire() -> Wire {
    let address = "ws://localhost:3042/".to_remote_addr().unwrap();
    let url = WsUrl::parse(&address).unwrap();
    let client = move || WsProtocol::client(&url, &WsConnectConfig::default()).unwrap();
    Wire::new(client, || WsProtocol::server(&WsListenConfig::default()).unwrap(), true)
}

#[test]
fn no_error_of_any_call_panics_hangs_or_leaks() {
    let (runs, failures) = every_errno(&wire());
    println!("{runs} runs: {failures:?}");
    assert!(runs > 1000);
}
