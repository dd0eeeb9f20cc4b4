//! Nodes on threads of their own, in real time; the contracts themselves are held against this transport by
//! `tests/consumers/third-party`.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use polywire_core::address::{Name, RemoteAddr};
use polywire_core::network::{NetEvent, SendStatus};
use polywire_core::node::{self, NodeEvent};
use polywire_core::{CloseReason, MessageKind};
use polywire_memory::{Conditions, MAX_MESSAGE_LEN, MemoryNetwork};

const DEADLINE: Duration = Duration::from_secs(10);

/// An answer comes from another thread, and not before the network's delay is over, both ways.
#[test]
fn an_answer_takes_the_time_of_the_network() {
    let memory = MemoryNetwork::new(1);
    let delay = Duration::from_millis(20);
    memory.set_conditions(Conditions::default().with_delay(delay, delay));
    let (server, listener) = node::split::<()>();
    server.network().listen(memory.messages(), Name("echo")).unwrap();
    let handler = server;
    let _task = listener
        .for_each_async(move |event| {
            if let NodeEvent::Network(NetEvent::Message(from, message)) = event {
                handler.network().send(from, message);
            }
        })
        .stop_on_drop();

    let (client, listener) = node::split::<()>();
    let (echo, _) = client.network().connect(memory.messages(), "echo").unwrap();
    client.network().send(echo, b"hello");
    let start = Instant::now();
    listener.for_each(|event| {
        if let NodeEvent::Network(NetEvent::Message(_, message)) = event {
            assert_eq!(message, b"hello");
            client.stop();
        }
    });
    assert!(start.elapsed() >= 2 * delay && start.elapsed() < DEADLINE);
}

#[test]
fn a_hundred_thousand_messages_between_two_threads_come_in_order() {
    let memory = MemoryNetwork::default();
    let (receiver, listener) = node::split::<()>();
    receiver.network().listen(memory.messages(), Name("receiver")).unwrap();
    let (tell, told) = mpsc::channel();
    let mut next = 0_u32;
    let _task = listener
        .for_each_async(move |event| {
            if let NodeEvent::Network(NetEvent::Message(_, message)) = event {
                assert_eq!(message, next.to_be_bytes());
                next += 1;
                if next == 100_000 {
                    tell.send(()).unwrap();
                }
            }
        })
        .stop_on_drop();
    let (sender, listener) = node::split::<()>();
    let _sending = listener.for_each_async(|_| {}).stop_on_drop();
    let (to, _) = sender.network().connect_sync(memory.messages(), "receiver").unwrap();
    for number in 0..100_000_u32 {
        assert_eq!(sender.network().send(to, &number.to_be_bytes()), SendStatus::Sent);
    }
    told.recv_timeout(DEADLINE).unwrap();
}

#[test]
fn a_socket_address_is_a_name_too_and_port_0_is_a_free_one() {
    let memory = MemoryNetwork::default();
    let (handler, listener) = node::split::<()>();
    let (_, addr) = handler.network().listen(memory.messages(), "127.0.0.1:0").unwrap();
    let (_, other) = handler.network().listen(memory.messages(), "127.0.0.1:0").unwrap();
    assert!(addr.port() != 0 && addr != other);
    handler.network().listen(memory.messages(), "0.0.0.0:80").unwrap();
    let (client, _) = handler.network().connect(memory.messages(), addr).unwrap();
    assert_eq!(client.addr(), addr);
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 80));
    handler.network().connect(memory.messages(), anywhere).unwrap();
    let mut accepted = Vec::new();
    listener.for_each(|event| {
        if let NodeEvent::Network(NetEvent::Accepted(endpoint, _)) = event {
            accepted.push(endpoint.addr());
            if accepted.len() == 2 {
                handler.stop();
            }
        }
    });
    assert!(accepted.iter().all(|addr| addr.ip().is_loopback() && addr.port() != 0));
    assert_ne!(accepted[0], accepted[1]);
}

#[test]
fn a_name_is_taken_once_for_each_mode_until_its_listener_is_removed() {
    let memory = MemoryNetwork::default();
    let (handler, _listener) = node::split::<()>();
    let listen = || handler.network().listen(memory.messages(), Name("chat"));
    let (id, _) = listen().unwrap();
    assert_eq!(listen().unwrap_err().kind(), io::ErrorKind::AddrInUse);
    handler.network().listen(memory.stream(), Name("chat")).unwrap();
    assert!(handler.network().remove(id));
    listen().unwrap();
    let other = MemoryNetwork::default().messages();
    let error = handler.network().connect(other, "chat").unwrap_err();
    assert_eq!(CloseReason::of(&error), Some(&CloseReason::Refused));
}

#[test]
fn the_peer_has_a_name_and_text_stays_text() {
    let memory = MemoryNetwork::default();
    let (handler, listener) = node::split::<()>();
    handler.network().listen(memory.messages(), Name("chat")).unwrap();
    let alice = memory.messages().named("alice");
    let (chat, _) = handler.network().connect(alice, "chat").unwrap();
    let network = handler.network();
    assert_eq!(network.send_as(chat, MessageKind::TEXT, b"hello"), SendStatus::Sent);
    let mut told = None;
    listener.for_each(|event| {
        if let NodeEvent::Network(NetEvent::Message(from, _)) = event {
            told = Some((network.message_kind(), network.remote_addr(from)));
            handler.stop();
        }
    });
    let name = RemoteAddr::Str("alice".into());
    assert_eq!(told, Some((MessageKind::TEXT, Some(name))));
}

#[test]
fn a_message_that_is_too_long_is_refused() {
    let memory = MemoryNetwork::default();
    let (handler, _listener) = node::split::<()>();
    handler.network().listen(memory.messages(), Name("chat")).unwrap();
    let (chat, _) = handler.network().connect(memory.messages(), "chat").unwrap();
    let status = handler.network().send(chat, &vec![0; MAX_MESSAGE_LEN + 1]);
    assert_eq!(status, SendStatus::MaxPacketSizeExceeded);
}

#[test]
fn where_nobody_runs_a_loop_a_send_waits_for_nobody() {
    let memory = MemoryNetwork::default();
    let (server, listener) = node::split::<()>();
    server.network().listen(memory.messages(), Name("server")).unwrap();
    let (client, _client_listener) = node::split::<()>();
    let (to_server, _) = client.network().connect_sync(memory.messages(), "server").unwrap();
    let start = Instant::now();
    for number in 0..10 {
        assert_eq!(client.network().send(to_server, &[number]), SendStatus::Sent);
    }
    assert!(start.elapsed() < Duration::from_secs(1), "nobody would take them meanwhile");
    let mut next = 0;
    listener.for_each(|event| {
        if let NodeEvent::Network(NetEvent::Message(_, message)) = event {
            assert_eq!(message, [next]);
            next += 1;
            if next == 10 {
                server.stop();
            }
        }
    });
}
