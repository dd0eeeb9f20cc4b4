//! What the guides of WebSocket servers and clients promise.
#![cfg(feature = "ws")]

mod support;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polywire::adapters::ws::{
    Accept, Close, Ping, RoundTrip, Routes, WsConnectConfig, WsListenConfig, WsRequest, WsResponse,
};
use polywire::network::{Endpoint, NetEvent, SendStatus};
use polywire::{CloseReason, Limits, MessageKind, Reconnecting, node};

use support::peers;
use support::{Node, StoredNetEvent, Transport, eventually};

const SERVER: &str = include_str!("../docs/guide/websocket_server.md");
const CLIENT: &str = include_str!("../docs/guide/websocket_client.md");

#[test]
fn the_programs_of_both_pages_work_with_each_other() {
    for part in ["\"chat.v2\"", "3044", "/rooms/"] {
        assert!(SERVER.contains(part) && CLIENT.contains(part), "{part}");
    }
    let server = Node::echo();
    let routes = Routes::new().with("/rooms/{room}", |_: &WsRequest| Accept::new().with_value(7));
    let config = WsListenConfig::default()
        .with_routes(routes)
        .with_same_origin(true)
        .with_subprotocol("chat.v2")
        .with_ping_interval(Duration::from_secs(30));
    let (_, addr) = server.listen(config);

    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    let config = WsConnectConfig::default()
        .with_bearer("1234")
        .with_subprotocol("chat.v2")
        .with_max_redirects(3);
    let url = format!("ws://{addr}/rooms/lobby?name=ann");
    let (endpoint, _) = network.connect(Reconnecting::new(config), url).unwrap();
    let mut events = Vec::new();
    listener.for_each(|event| match event.network() {
        NetEvent::Connected(_, is_connected) => {
            events.push(format!("connected {is_connected}"));
            network.send_as(endpoint, MessageKind::TEXT, b"Hello server!");
        }
        NetEvent::Message(_, data) => {
            events.push(String::from_utf8_lossy(data).into_owned());
            network.control(endpoint.resource_id(), Close::new(1000, "that was all").unwrap());
        }
        NetEvent::Disconnected(_) => {
            assert_eq!(network.is_ready(endpoint.resource_id()), None, "it ends for good");
            handler.stop();
        }
        NetEvent::Accepted(..) => unreachable!(),
    });
    assert_eq!(events, ["connected true", "Hello server!"]);
    assert!(CLIENT.contains("if network.is_ready(server.resource_id()).is_none()"));
}

/// A server that does `act` with whom it accepts, and tells of each end whether anything was known of it then.
fn acting(
    limits: Limits,
    act: impl Fn(&support::Handler, Endpoint) + Send + 'static,
) -> (Node, SocketAddr, mpsc::Receiver<bool>) {
    let (ended, known) = mpsc::channel();
    let server = Node::with(move |handler, event| match event {
        NetEvent::Accepted(endpoint, _) => act(handler, *endpoint),
        NetEvent::Disconnected(endpoint) => {
            let network = handler.network();
            let is_known = network.info::<WsRequest>(*endpoint).is_some()
                || network.info::<i32>(*endpoint).is_some();
            ended.send(is_known).unwrap();
        }
        _ => {}
    });
    let config = WsListenConfig::default()
        .with_on_request(|_: &WsRequest| Accept::new().with_value(7))
        .with_limits(limits);
    let (_, addr) = server.listen(config);
    (server, addr, known)
}

#[test]
fn a_close_delivers_one_disconnected_and_remove_none() {
    let close = |handler: &support::Handler, endpoint: Endpoint| {
        assert_eq!(handler.network().info::<i32>(endpoint).as_deref(), Some(&7));
        handler.network().control(endpoint.resource_id(), Close::new(4001, "bye").unwrap());
    };
    let (server, addr, known) = acting(Limits::default(), close);
    let client = Node::new();
    let endpoint = client.connect_ready(Transport::Ws, addr);
    let told = CloseReason::PeerClosedWith { code: 4001, text: "bye".into() };
    assert_eq!(client.disconnected(endpoint), told);
    let accepted = server.accepted();
    let told = CloseReason::ClosedWith { code: 4001, text: "bye".into() };
    assert_eq!(server.disconnected(accepted), told);
    assert!(!known.recv().unwrap(), "nothing is known at Disconnected");
    server.assert_silent();

    let remove = |handler: &support::Handler, endpoint: Endpoint| {
        assert_eq!(handler.network().send(endpoint, b"last"), SendStatus::Sent);
        assert!(handler.network().remove(endpoint.resource_id()));
    };
    let (server, addr, _) = acting(Limits::default(), remove);
    let endpoint = client.connect_ready(Transport::Ws, addr);
    assert_eq!(client.message(), (endpoint, b"last".to_vec()));
    let told = CloseReason::PeerClosedWith { code: 1000, text: String::new() };
    assert_eq!(client.disconnected(endpoint), told);
    server.accepted();
    eventually("it is gone", || server.network().stats().endpoints == 1);
    server.assert_silent();
}

#[test]
fn a_linger_of_zero_throws_away_what_waits() {
    const MESSAGE: usize = 32 << 20; // More than the kernel keeps for a peer that does not read.
    let limits = Limits::default().with_linger(Duration::ZERO);
    let (server, addr, _) = acting(limits, |handler, endpoint| {
        assert_eq!(handler.network().send(endpoint, &vec![0; MESSAGE]), SendStatus::Sent);
        assert!(handler.network().remove(endpoint.resource_id()));
    });
    let mut peer = peers::open_any(Transport::Ws, addr);
    server.accepted();
    eventually("it is gone", || server.network().stats().endpoints == 1);
    let mut received = Vec::new();
    let _ = peer.read_to_end(&mut received);
    assert!(received.len() < MESSAGE, "{}", received.len());
}

#[test]
fn a_server_knows_round_trips_if_it_asks_for_them() {
    for is_asked in [false, true] {
        let server = Node::echo();
        let (_, addr) = server.listen(WsListenConfig::default().with_round_trips(is_asked));
        let mut peer = peers::open_any(Transport::Ws, addr);
        let accepted = server.accepted();
        server.network().control(accepted.resource_id(), Ping::new("?").unwrap());
        assert_eq!(peers::read_ws_frame(&mut peer), (0x89, b"?".to_vec()));
        let answers = [peers::ws_frame(0x8a, b"?"), peers::ws_frame(0x82, b"behind")].concat();
        peer.write_all(&answers).unwrap();
        assert_eq!(server.message(), (accepted, b"behind".to_vec()));
        assert_eq!(server.network().info::<RoundTrip>(accepted).is_some(), is_asked);
    }
}

#[test]
fn the_order_of_the_server_s_list_counts_and_others_get_no_subprotocol() {
    let server = Node::new();
    let config = WsListenConfig::default().with_subprotocol("v2").with_subprotocol("v1");
    let (_, addr) = server.listen(config);
    let client = Node::new();
    let both = WsConnectConfig::default().with_subprotocol("v1").with_subprotocol("v2");
    let endpoint = client.connect_ready(both, addr);
    let response = client.network().info::<WsResponse>(endpoint).unwrap();
    assert_eq!(response.subprotocol.as_deref(), Some("v2"));
    server.accepted();

    let other = WsConnectConfig::default().with_subprotocol("v3");
    let endpoint = client.connect(other, addr);
    let reason = client.not_connected(endpoint);
    assert!(reason.to_string().contains("none of the subprotocols"), "{reason}");
    server.accepted();
}

#[test]
fn one_too_many_is_closed_with_a_code_once_it_is_accepted() {
    let members = Arc::new(Mutex::new(HashSet::new()));
    let (_server, addr, _) = acting(Limits::default(), move |handler, endpoint| {
        let mut members = members.lock().unwrap();
        if members.is_empty() {
            members.insert(endpoint);
        } else {
            handler.network().control(endpoint.resource_id(), Close::new(4003, "full").unwrap());
        }
    });
    let client = Node::new();
    client.connect_ready(Transport::Ws, addr);
    let second = client.connect_ready(Transport::Ws, addr);
    let told = CloseReason::PeerClosedWith { code: 4003, text: "full".into() };
    assert_eq!(client.disconnected(second), told);
    assert!(SERVER.contains("Close::new(4003, \"full\")"));
}

#[test]
fn a_message_above_the_limit_is_not_sent_either() {
    let server = Node::new();
    let (_, addr) = server.listen(WsListenConfig::default().with_max_message_size(10));
    let client = Node::new();
    client.connect_ready(Transport::Ws, addr);
    let accepted = server.accepted();
    let sent = server.network().send(accepted, &[7; 11]);
    assert_eq!(sent, SendStatus::MaxPacketSizeExceeded);
    assert_eq!(server.network().send(accepted, &[7; 10]), SendStatus::Sent);
    assert!(matches!(client.next(), StoredNetEvent::Message(..)));
}
