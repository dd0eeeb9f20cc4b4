//! WebSocket connections in simulated worlds: the real loop, engine and protocol on fake sockets,
//! fake readiness and fake time. A failure prints its seed and how to repeat it.

use polywire_core::address::ToRemoteAddr;
use polywire_testkit::{Wire, for_each_seed, random_world, removal_world};
use polywire_ws::{WsConnectConfig, WsListenConfig, WsProtocol, WsUrl};

fn wire() -> Wire {
    wire_of(WsListenConfig::default(), WsConnectConfig::default())
}

fn wire_of(listen: WsListenConfig, connect: WsConnectConfig) -> Wire {
    let address = "ws://localhost:3042/".to_remote_addr().unwrap();
    let url = WsUrl::parse(&address).unwrap();
    let client = move || WsProtocol::client(&url, &connect).unwrap();
    Wire::new(client, move || WsProtocol::server(&listen).unwrap(), true)
}

#[test]
fn what_is_removed_or_paused_is_named_by_no_event() {
    for_each_seed(100, |seed| {
        removal_world(&wire(), seed);
    });
}

#[test]
fn the_contracts_hold_whatever_happens_in_a_random_world() {
    for_each_seed(60, |seed| {
        random_world(&wire(), seed);
    });
}

/// Messages that come in one short frame come whole there, too.
#[test]
fn the_contracts_hold_where_messages_may_come_in_pieces() {
    let listen = WsListenConfig::default().with_fragments(true).with_round_trips(true);
    let wire = wire_of(listen, WsConnectConfig::default().with_fragments(true));
    for_each_seed(40, |seed| {
        random_world(&wire, seed);
    });
}

/// The same with compressed messages, which may refer to earlier ones or not.
#[test]
#[cfg(feature = "deflate")]
fn the_contracts_hold_for_compressed_messages() {
    for deflate in [polywire_ws::Deflate::default(), polywire_ws::Deflate::dedicated(9)] {
        let deflate = deflate.with_threshold(0);
        let listen = WsListenConfig::default().with_deflate(deflate);
        let wire = wire_of(listen, WsConnectConfig::default().with_deflate(deflate));
        for_each_seed(50, |seed| {
            random_world(&wire, seed);
        });
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [2, 3, 77] {
        assert_eq!(random_world(&wire(), seed), random_world(&wire(), seed), "seed {seed}");
    }
    assert_ne!(random_world(&wire(), 2), random_world(&wire(), 3));
}
