//! `Sent` means: it reaches the peer, or the program is told by `Disconnected`. `remove` and `stop`
//! first drain what was accepted, and close in the way of the protocol.
//!
//! This is E7 of `docs/contracts.md`.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use crate::common::*;

const MESSAGES: usize = 8;
const MESSAGE: usize = 1 << 20;

/// What the callback sends: eight messages of one MiB, none like the other.
fn messages() -> Vec<u8> {
    noise(7, MESSAGES * MESSAGE)
}

/// How the program ends an endpoint to which much waits to be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Remove,
    Stop,
}

/// Has the callback send 8 MiB at once and end the endpoint, and a peer read it slowly that has
/// much to say itself. Returns what the peer read until the clean end of the stream.
fn read_slowly_what_was_sent_before(transport: Transport, by: By) -> End {
    let (handler, listener) = split();
    let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
    let (ended, is_ended) = mpsc::channel();
    let peer = thread::spawn(move || {
        let mut peer = RawPeer::connect(transport, addr);
        peer.send(b"first");
        peer.stream.write_all(&frame(transport, &[9; 1000]).repeat(100)).unwrap();
        is_ended.recv_timeout(DEADLINE).unwrap();
        // The node does not read any more; what comes now must not make it reset the connection.
        peer.stream.write_all(&frame(transport, &[9; 1000]).repeat(100)).unwrap();
        peer.read_to_end(10_000)
    });

    let sent = messages();
    let mut peer = Some(peer);
    let mut end = None;
    let mut is_sent = false;
    run(&handler, listener, "the peer to have read everything", |event| match event {
        NodeEvent::Network(NetEvent::Message(from, _)) => {
            assert!(!std::mem::replace(&mut is_sent, true), "a message after its end");
            for message in sent.chunks(MESSAGE) {
                assert_eq!(handler.network().send(from, message), SendStatus::Sent);
            }
            assert!(handler.network().stats().queued_bytes > MESSAGE, "the system took it all");
            ended.send(()).unwrap();
            if by == By::Stop {
                return handler.stop();
            }
            assert!(handler.network().remove(from.resource_id()));
            let (handler, peer) = (handler.clone(), peer.take().unwrap());
            end = Some(thread::spawn(move || {
                let end = peer.join();
                handler.stop();
                end
            }));
        }
        NodeEvent::Network(NetEvent::Disconnected(who)) => panic!("{who} was told of"),
        _ => {}
    });
    match end {
        Some(end) => end.join().unwrap().unwrap(),
        None => peer.unwrap().join().unwrap(),
    }
}

fn assert_delivered(transport: Transport, end: &End, code: u16) {
    let sent = messages();
    assert_eq!(end.payload.len(), sent.len());
    assert!(end.payload == sent, "other bytes arrived than were sent");
    let expected = (transport.plain() == Transport::Ws).then_some(code);
    assert_eq!(end.close_code, expected);
}

/// What a listener of its own gets from the only client that connects to it, until its end.
fn received_from(connect: impl FnOnce(SocketAddr), transport: Transport) -> (Vec<u8>, CloseReason) {
    let mut server = Watched::start();
    let (_, addr) = server.listen(transport);
    connect(addr);
    let endpoint = server.accepted();
    let mut received = Vec::new();
    loop {
        match server.next("Disconnected") {
            StoredNetEvent::Message(from, message) if from == endpoint => received.extend(message),
            StoredNetEvent::Disconnected(who) if who == endpoint => break,
            event => panic!("{event:?}"),
        }
    }
    let reason = server.handler.network().close_reason(endpoint).unwrap();
    (received, reason)
}

fn assert_closed_by_protocol(transport: Transport, reason: CloseReason, code: u16) {
    match (transport.plain(), reason) {
        (Transport::Ws, CloseReason::PeerClosedWith { code: said, .. }) => assert_eq!(said, code),
        (Transport::Tcp | Transport::FramedTcp, CloseReason::PeerClosed) => {}
        (_, reason) => panic!("{reason:?}"),
    }
}

over_transports! {
    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn what_was_sent_before_remove_reaches_a_slow_reader_and_so_does_the_close_frame(transport) {
        let end = read_slowly_what_was_sent_before(transport, By::Remove);
        assert_delivered(transport, &end, 1000);
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn what_was_sent_before_stop_reaches_a_slow_reader_and_so_does_the_close_frame(transport) {
        let end = read_slowly_what_was_sent_before(transport, By::Stop);
        assert_delivered(transport, &end, 1001);
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn what_was_sent_before_the_endpoint_was_ready_arrives_though_it_is_removed_at_once(transport) {
        let (client, listener) = split();
        let mut task = None;
        let (received, reason) = received_from(
            |addr| {
                let (endpoint, _) = client.network().connect(transport, addr).unwrap();
                assert_eq!(client.network().send(endpoint, b"hello"), SendStatus::Sent);
                assert!(client.network().remove(endpoint.resource_id()));
                task = Some(listener.for_each_async(|event| panic!("told of {event:?}")));
            },
            transport,
        );
        client.stop();
        task.unwrap().wait();
        assert_eq!(received, b"hello");
        assert_closed_by_protocol(transport, reason, 1000);
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn what_was_sent_before_the_endpoint_was_ready_arrives_though_the_node_is_stopped(transport) {
        let (client, listener) = split();
        let sent = noise(3, 300_000);
        let (received, reason) = received_from(
            |addr| {
                let (endpoint, _) = client.network().connect(transport, addr).unwrap();
                assert_eq!(client.network().send(endpoint, &sent), SendStatus::Sent);
                client.stop();
                listener.for_each(|event| panic!("told of {event:?}"));
            },
            transport,
        );
        assert!(received == sent);
        assert_closed_by_protocol(transport, reason, 1001);
    }
}
