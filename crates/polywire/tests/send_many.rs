//! Many messages by one call, and datagrams that are received or leave together.

mod support;

use std::net::UdpSocket;
use std::panic::{AssertUnwindSafe, catch_unwind};

use polywire::adapters::udp::{UdpConnectConfig, UdpListenConfig};
use polywire::network::{self, Endpoint, NetEvent, SendStatus, Transport};

use support::{ANY_PORT, DEADLINE, Handler, Node, eventually};

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind(ANY_PORT).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

/// Messages of lengths that stay, change and are none.
fn messages(count: usize) -> Vec<Vec<u8>> {
    let len = |number: usize| match number % 97 {
        0..60 => 64,
        60 => 0,
        61..70 => 40,
        _ => 3 * (number % 97),
    };
    (0..count).map(|number| vec![number as u8; len(number)]).collect()
}

#[test]
fn messages_of_any_lengths_arrive_whole_and_in_order_on_every_transport() {
    for transport in [Transport::FramedTcp, Transport::Ws, Transport::Udp] {
        let (server, client) = (Node::new(), Node::new());
        let (_, addr) = match transport {
            Transport::Udp => {
                server.listen(UdpListenConfig::default().with_receive_buffer_size(4 << 20))
            }
            _ => server.listen(transport),
        };
        let endpoint = client.connect_ready(transport, addr);
        if transport != Transport::Udp {
            server.accepted();
        }
        let messages = messages(600);
        let sent = client.network().send_many(endpoint, &messages);
        assert_eq!((sent.taken, sent.status), (messages.len(), SendStatus::Sent));
        for message in &messages {
            assert!(server.message().1 == *message, "{transport:?}");
        }
        assert_eq!(client.network().stats().messages_out, messages.len() as u64);
        server.assert_silent();
    }
}

#[test]
fn more_than_an_outbox_holds_goes_at_the_speed_of_the_peer() {
    for transport in [Transport::FramedTcp, Transport::Ws] {
        let (server, client) = (Node::new(), Node::new());
        let (_, addr) = server.listen(transport);
        let endpoint = client.connect_ready(transport, addr);
        server.accepted();
        // 12 MiB and then some, past the soft mark of 1 MiB.
        let sent = client.network().send_many(endpoint, (0..3_000).map(|_| [7; 4096]));
        assert_eq!(sent.taken, 3_000, "{transport:?}");
        let sent = client.network().send_many(endpoint, (0..20).map(|_| vec![7; 100_000]));
        assert_eq!(sent.taken, 20, "{transport:?}");
        let received: usize = (0..3_020).map(|_| server.message().1.len()).sum();
        assert_eq!(received, 3_000 * 4096 + 20 * 100_000);
    }
}

#[test]
fn the_first_message_that_is_not_taken_is_told_and_none_behind_it_is_sent() {
    for transport in [Transport::FramedTcp, Transport::Ws, Transport::Udp] {
        let (server, client) = (Node::new(), Node::new());
        let (_, addr) = server.listen(transport);
        let endpoint = client.connect_ready(transport, addr);
        let (small, large) = (vec![1; 10], vec![2; 65 << 20]);
        let sent = client.network().send_many(endpoint, [&small, &small, &large, &small]);
        assert_eq!((sent.taken, sent.status), (2, SendStatus::MaxPacketSizeExceeded));
        if transport != Transport::Udp {
            server.accepted();
        }
        assert_eq!(server.message().1, small);
        assert_eq!(server.message().1, small);
        client.network().remove(endpoint.resource_id());
        let sent = client.network().send_many(endpoint, [&small]);
        assert_eq!((sent.taken, sent.status), (0, SendStatus::ResourceNotFound));
    }
}

#[test]
fn what_was_taken_leaves_even_if_the_callers_iterator_panics() {
    for transport in [Transport::FramedTcp, Transport::Udp] {
        let (server, client) = (Node::new(), Node::new());
        let (_, addr) = server.listen(transport);
        let endpoint = client.connect_ready(transport, addr);
        if transport != Transport::Udp {
            server.accepted();
        }
        let messages = (0..).map(|number| if number < 3 { [number] } else { panic!("no more") });
        let panics = || client.network().send_many(endpoint, messages);
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        for number in 0..3 {
            assert_eq!(server.message().1, [number]);
        }
        assert_eq!(client.network().send(endpoint, b"next"), SendStatus::Sent);
        assert_eq!(server.message().1, b"next");
    }
}

/// A listener at which `count` datagrams of each of the peers wait before its loop runs.
fn with_waiting(
    peers: &[UdpSocket],
    count: u8,
    callback: impl FnMut(&Handler, &NetEvent<'_>) + Send + 'static,
) -> Node {
    let prepare = |handler: &Handler| {
        let (_, addr) = handler.network().listen(Transport::Udp, ANY_PORT).unwrap();
        for number in 0..count {
            for peer in peers {
                peer.send_to(&[number; 64], addr).unwrap();
            }
        }
    };
    Node::prepared(prepare, callback)
}

/// A listener at which `count` datagrams wait that left together.
fn with_joined(count: u8, callback: impl FnMut(&Handler, &NetEvent<'_>) + Send + 'static) -> Node {
    let prepare = |handler: &Handler| {
        let (_, addr) = handler.network().listen(Transport::Udp, ANY_PORT).unwrap();
        let (sender, _processor) = network::split();
        let (endpoint, _) = sender.connect(UdpConnectConfig::default(), addr).unwrap();
        let sent = sender.send_many(endpoint, (0..count).map(|number| [number; 64]));
        assert_eq!(sent.taken, usize::from(count));
    };
    Node::prepared(prepare, callback)
}

fn echo(handler: &Handler, event: &NetEvent<'_>) {
    if let NetEvent::Message(endpoint, message) = event {
        assert_eq!(handler.network().send(*endpoint, message), SendStatus::Sent);
    }
}

#[test]
fn answers_to_datagrams_that_waited_all_leave_in_order_to_one_peer_and_to_many() {
    for peers in [1, 3] {
        let peers: Vec<_> = (0..peers).map(|_| socket()).collect();
        let node = with_waiting(&peers, 64, echo);
        for peer in &peers {
            for number in 0..64 {
                let mut buffer = [0; 128];
                assert_eq!(peer.recv(&mut buffer).unwrap(), 64);
                assert_eq!(buffer[0], number);
            }
        }
        assert_eq!(node.network().stats().dropped_datagrams, 0);
        // Who writes them gives back their room behind the system call that they leave with.
        eventually("nothing waits", || node.network().stats().queued_bytes == 0);
    }
}

#[test]
fn what_the_callback_sends_by_another_network_that_nobody_runs_leaves_at_once() {
    let peer = socket();
    let (other, mut processor) = network::split();
    let (endpoint, _) = other.connect(Transport::Udp, peer.local_addr().unwrap()).unwrap();
    processor.process_poll_event(Some(DEADLINE), |_| {});
    let node = with_joined(5, move |_, event| {
        if let NetEvent::Message(_, message) = event {
            assert_eq!(other.send(endpoint, message), SendStatus::Sent);
        }
    });
    (0..5).for_each(|_| drop(node.message()));
    for number in 0..5 {
        let mut buffer = [0; 128];
        assert_eq!(peer.recv(&mut buffer).unwrap(), 64);
        assert_eq!(buffer[0], number);
    }
}

#[test]
fn answers_leave_even_if_the_callback_then_stops_the_node_or_removes_the_listener() {
    for stop in [true, false] {
        let peer = socket();
        let node = with_waiting(std::slice::from_ref(&peer), 3, move |handler, event| {
            let NetEvent::Message(endpoint, _) = event else { return };
            assert_eq!(handler.network().send(*endpoint, b"goodbye"), SendStatus::Sent);
            match stop {
                true => handler.stop(),
                false => drop(handler.network().remove(endpoint.resource_id())),
            }
        });
        assert_eq!(peer.recv(&mut [0; 16]).unwrap(), 7);
        drop(node);
    }
}

#[test]
fn nothing_of_what_was_received_together_is_delivered_after_remove() {
    let node = with_joined(50, |handler, event| {
        if let NetEvent::Message(endpoint, [3, ..]) = event {
            assert!(handler.network().remove(endpoint.resource_id()));
        }
    });
    for number in 0..=3 {
        assert_eq!(node.message().1, [number; 64]);
    }
    node.assert_silent();
}

#[test]
fn what_was_received_together_waits_while_the_listener_is_paused() {
    let node = with_joined(50, |handler, event| {
        if let NetEvent::Message(endpoint, [3 | 7, ..]) = event {
            assert!(handler.network().pause(endpoint.resource_id()));
        }
    });
    for number in 0..50 {
        let (endpoint, message) = node.message();
        assert_eq!(message, [number; 64]);
        if matches!(number, 3 | 7) {
            node.assert_silent();
            assert!(node.network().resume(endpoint.resource_id()));
        }
    }
    node.assert_silent();
}

#[test]
fn gathered_datagrams_that_the_system_refuses_are_counted() {
    let statuses = |handler: &Handler, event: &NetEvent<'_>| {
        let NetEvent::Message(endpoint, _) = event else { return };
        let nowhere = Endpoint::from_listener(endpoint.resource_id(), "[::1]:9".parse().unwrap());
        let status = handler.network().send(nowhere, b"hello");
        let expected = [SendStatus::Sent, SendStatus::ResourceNotAvailable];
        assert!(expected.contains(&status), "{status:?}");
    };
    let node = with_joined(10, statuses);
    (0..10).for_each(|_| drop(node.message()));
    let stats = || node.network().stats();
    eventually("all are counted as dropped that were taken", || {
        stats().dropped_datagrams == stats().messages_out
    });
}
