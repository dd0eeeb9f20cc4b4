//! A UDP listener answers from the address that it was asked at, whichever the machine has.
#![cfg(target_os = "linux")]

mod alone;
mod common;
mod namespace;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc;

use common::*;

/// A listener on all addresses of a family, that answers each message by one and by two at once.
fn echo(any: &str) -> (Handler, SocketAddr, node::NodeTask) {
    let (handler, listener) = split();
    let (_, addr) = handler.network().listen(Transport::Udp, any).unwrap();
    let network = handler.network().clone();
    let task = listener.for_each_async(move |event| {
        if let NodeEvent::Network(NetEvent::Message(endpoint, message)) = event {
            assert_eq!(network.send(endpoint, message), SendStatus::Sent);
            let two = network.send_many(endpoint, [message, message]);
            assert_eq!((two.taken, two.status), (2, SendStatus::Sent));
        }
    });
    (handler, addr, task.stop_on_drop())
}

/// A client from `own` hears the answers of whoever it asks at `asked`, and nobody else's.
fn ask(own: &str, asked: &str, port: u16) {
    let client = UdpSocket::bind((own, 0)).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.connect((asked.parse::<IpAddr>().unwrap(), port)).unwrap();
    client.send(b"hello").unwrap();
    let mut buffer = [0; 64];
    for _ in 0..3 {
        let len = client.recv(&mut buffer).expect("an answer from the address that was asked");
        assert_eq!(buffer[..len], *b"hello");
    }
}

#[test]
fn answers_leave_from_the_ipv4_address_that_was_asked() {
    in_time(|| {
        let (_handler, addr, _task) = echo("0.0.0.0:0");
        for asked in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
            ask("127.0.0.1", asked, addr.port());
        }
        // Also of one peer that asks now here and now there.
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(DEADLINE)).unwrap();
        for last in [2, 3, 2] {
            let to = SocketAddr::from(([127, 0, 0, last], addr.port()));
            peer.send_to(b"hello", to).unwrap();
            for _ in 0..3 {
                assert_eq!(peer.recv_from(&mut [0; 64]).unwrap(), (5, to));
            }
        }
    });
}

/// Their datagrams are received together.
#[test]
fn so_they_do_where_many_ask_at_once() {
    in_time(|| {
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(Transport::Udp, "0.0.0.0:0").unwrap();
        let network = handler.network().clone();
        let (holds, is_held) = mpsc::channel();
        let (go_on, waits) = mpsc::channel::<()>();
        let _task = listener
            .for_each_async(move |event| {
                if let NodeEvent::Network(NetEvent::Message(endpoint, message)) = event {
                    if message == b"hold" {
                        holds.send(()).unwrap();
                        waits.recv().unwrap();
                    }
                    network.send(endpoint, message);
                }
            })
            .stop_on_drop();
        let asking = |last: u8| {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            client.set_read_timeout(Some(DEADLINE)).unwrap();
            client.connect(SocketAddr::from(([127, 0, 0, last], addr.port()))).unwrap();
            client
        };
        // The first ones have the loop expect more.
        for _ in 0..2 {
            let first = asking(1);
            first.send(b"hold").unwrap();
            is_held.recv_timeout(DEADLINE).unwrap();
            let clients: Vec<_> = (0..40).map(|number| asking(2 + number % 3)).collect();
            for client in &clients {
                client.send(b"hello").unwrap();
            }
            go_on.send(()).unwrap();
            for client in clients {
                let answer = client.recv(&mut [0; 64]);
                assert_eq!(answer.expect("an answer from the address that was asked"), 5);
            }
        }
    });
}

#[test]
fn so_they_do_from_a_listener_for_both_families() {
    in_time(|| {
        let (_handler, addr, _task) = echo("[::]:0");
        ask("::1", "::1", addr.port());
        for asked in ["127.0.0.1", "127.0.0.2"] {
            ask("127.0.0.1", asked, addr.port());
        }
    });
}

#[test]
fn so_they_do_on_a_machine_with_two_ipv6_addresses() {
    let test = "so_they_do_on_a_machine_with_two_ipv6_addresses";
    if alone::is_alone() {
        let (_handler, addr, _task) = echo("[::]:0");
        for asked in ["fd00::1", "fd00::2", "10.0.0.1", "10.0.0.2"] {
            let own = if asked.contains(':') { "fd00::1" } else { "10.0.0.1" };
            ask(own, asked, addr.port());
        }
        return;
    }
    let prepare = "ip link set lo up && ip addr add 10.0.0.1/24 dev lo && \
                   ip addr add 10.0.0.2/24 dev lo && ip -6 addr add fd00::1/64 dev lo nodad && \
                   ip -6 addr add fd00::2/64 dev lo nodad";
    namespace::run_in(test, prepare);
}

#[test]
fn an_address_that_is_gone_is_answered_from_another() {
    let test = "an_address_that_is_gone_is_answered_from_another";
    if alone::is_alone() {
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(Transport::Udp, "0.0.0.0:0").unwrap();
        let client = UdpSocket::bind("10.0.0.1:0").unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        client.send_to(b"hello", ("10.0.0.2", addr.port())).unwrap();
        run(&handler, listener, "the end", |event| {
            if let NodeEvent::Network(NetEvent::Message(endpoint, message)) = event {
                let gone = ["addr", "del", "10.0.0.2/32", "dev", "lo"];
                assert!(std::process::Command::new("ip").args(gone).status().unwrap().success());
                assert_eq!(handler.network().send(endpoint, message), SendStatus::Sent);
                handler.stop();
            }
        });
        let (len, from) = client.recv_from(&mut [0; 64]).unwrap();
        assert_eq!(len, 5);
        assert_ne!(from.ip(), IpAddr::from([10, 0, 0, 2]));
        return;
    }
    let prepare = "ip link set lo up && ip addr add 10.0.0.1/32 dev lo && \
                   ip addr add 10.0.0.2/32 dev lo";
    namespace::run_in(test, prepare);
}

#[test]
fn udp_works_where_the_loopback_interface_is_down() {
    let test = "udp_works_where_the_loopback_interface_is_down";
    if alone::is_alone() {
        let (handler, listener) = split();
        handler.network().listen(Transport::Udp, "0.0.0.0:0").unwrap();
        handler.stop();
        listener.for_each(|_| {});
        return;
    }
    // Nor may it be bound to.
    namespace::run_in(test, "ip link set lo up && ip addr flush dev lo");
}

#[test]
fn a_connection_whose_own_address_is_gone_ends() {
    let test = "a_connection_whose_own_address_is_gone_ends";
    if alone::is_alone() {
        let server = UdpSocket::bind("10.0.0.1:0").unwrap();
        server.set_read_timeout(Some(DEADLINE)).unwrap();
        let own = "10.0.0.2:0".parse().unwrap();
        let config = UdpConnectConfig::default().with_source_address(own);
        let (handler, listener) = split();
        let network = handler.network();
        let (endpoint, _) = network.connect(config, server.local_addr().unwrap()).unwrap();
        run(&handler, listener, "its end", |event| match event {
            NodeEvent::Network(NetEvent::Connected(_, true)) => {
                assert_eq!(network.send(endpoint, b"hello"), SendStatus::Sent);
                let gone = ["addr", "del", "10.0.0.2/32", "dev", "lo"];
                assert!(std::process::Command::new("ip").args(gone).status().unwrap().success());
                network.send(endpoint, b"lost");
            }
            NodeEvent::Network(NetEvent::Disconnected(ended)) => {
                assert_eq!(ended, endpoint);
                let reason = network.close_reason(endpoint);
                assert!(matches!(reason, Some(CloseReason::Io(..))), "{reason:?}");
                handler.stop();
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(server.recv_from(&mut [0; 64]).unwrap().0, 5);
        return;
    }
    let prepare = "ip link set lo up && ip addr add 10.0.0.1/32 dev lo && \
                   ip addr add 10.0.0.2/32 dev lo";
    namespace::run_in(test, prepare);
}

#[test]
fn a_group_that_no_route_leads_to_is_told_what_to_do_by_listen() {
    let test = "a_group_that_no_route_leads_to_is_told_what_to_do_by_listen";
    if alone::is_alone() {
        let (handler, _listener) = split();
        let error = handler.network().listen(Transport::Udp, "224.0.0.251:0").unwrap_err();
        assert!(error.to_string().contains("MulticastInterface"), "{error}");
        return;
    }
    namespace::run_in(test, "true");
}
