//! WebSocket connections in simulated worlds: the real loop, engine and protocol on fake sockets,
//! fake readiness and fake time. A failure prints its seed and how to repeat it.

use polywire_core::address::ToRemoteAddr;
use polywire_testkit::{Wire, for_each_seed, random_world, removal_world};
use polywire_ws::{WsConnectConfig, WsListenConfig, WsProtocol, WsUrl};

fn wire() -> Wire {
    let address = "ws://localhost:3042/".to_remote_addr().unwrap();
    let url = WsUrl::parse(&address).unwrap();
    let client = move || WsProtocol::client(&url, &WsConnectConfig::default()).unwrap();
    Wire::new(client, || WsProtocol::server(&WsListenConfig::default()).unwrap(), true)
}

#[test]
fn what_is_removed_or_paused_is_named_by_no_event() {
    for_each_seed(300, |seed| {
        removal_world(&wire(), seed);
    });
}

#[test]
fn the_contracts_hold_whatever_happens_in_a_random_world() {
    for_each_seed(200, |seed| {
        random_world(&wire(), seed);
    });
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [2, 3, 77] {
        assert_eq!(random_world(&wire(), seed), random_world(&wire(), seed), "seed {seed}");
    }
    assert_ne!(random_world(&wire(), 2), random_world(&wire(), 3));
}
