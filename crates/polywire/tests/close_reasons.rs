//! Why an endpoint ended is told apart, inside the callback and afterwards.

mod support;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use polywire::CloseReason;
use polywire::adapter::Listen;
use polywire::network::{Endpoint, Limits, NetEvent, SendStatus, TransportConnect};

use support::peers::{self, Unanswering};
use support::{
    DEADLINE, Node, RawStream, Transport, at_once, connecting, eventually, for_messages, in_time,
    listening,
};

const SHORT: Duration = Duration::from_millis(200);

/// A node that listens by `adapter`, its endpoint for `peer`, and that peer.
fn accepted(node: &Node, transport: Transport, adapter: impl Listen) -> (Endpoint, RawStream) {
    let (_, addr) = node.listen(adapter);
    let peer = peers::open_any(transport, addr);
    (node.accepted(), peer)
}

fn connect_with(node: &Node, transport: Transport, limits: Limits, addr: SocketAddr) -> Endpoint {
    node.connect(&*connecting(transport, limits), addr)
}

fn listen_with(node: &Node, transport: Transport, limits: Limits) -> SocketAddr {
    node.listen(&*listening(transport, limits)).1
}

#[test]
fn a_peer_that_closes_is_told_as_such() {
    for &transport in Transport::STREAMS {
        let node = Node::new();
        let (endpoint, mut peer) = accepted(&node, transport, transport);
        assert_eq!(node.network().close_reason(endpoint), None, "it lives");
        peer.finish().unwrap();
        drop(peer);
        // Only WebSocket has a close frame to miss.
        let expected = match transport.plain() {
            Transport::Ws => CloseReason::AbnormalClosure,
            _ => CloseReason::PeerClosed,
        };
        assert_eq!(node.disconnected(endpoint), expected, "{transport}");
        let ended = node.network().stats().ended;
        let counted = match transport.plain() {
            Transport::Ws => (0, 1),
            _ => (1, 0),
        };
        assert_eq!((ended.by_peer, ended.by_failure), counted, "{transport}");
    }
}

#[test]
fn a_ws_peer_that_closes_with_a_code_is_told_with_it() {
    for transport in Transport::Ws.each_way() {
        let node = Node::new();
        for (code, text) in [(1000, ""), (1001, "going away"), (4001, "ciao")] {
            let (endpoint, mut peer) = accepted(&node, transport, transport);
            peer.write_all(&peers::ws_close(code, text)).unwrap();
            let expected = CloseReason::PeerClosedWith { code, text: text.into() };
            assert_eq!(node.disconnected(endpoint), expected);
        }
    }
}

#[test]
fn what_two_nodes_tell_of_an_end_fits_together() {
    for &transport in Transport::STREAMS {
        let (client, server) = (Node::new(), Node::new());
        let (_, addr) = server.listen(transport);
        let endpoint = client.connect_ready(transport, addr);
        let accepted = server.accepted();
        client.network().remove(endpoint.resource_id());
        let expected = match transport.plain() {
            Transport::Ws => CloseReason::PeerClosedWith { code: 1000, text: String::new() },
            _ => CloseReason::PeerClosed,
        };
        assert_eq!(server.disconnected(accepted), expected);
    }
}

#[test]
fn a_reset_is_told_as_such() {
    for &transport in Transport::STREAMS {
        let node = Node::new();
        let (endpoint, peer) = accepted(&node, transport, transport);
        peers::reset(peer);
        assert_eq!(node.disconnected(endpoint), CloseReason::Reset, "{transport}");
    }
}

#[test]
fn a_refused_connection_is_told_as_such() {
    let (_socket, addr) = peers::refusing();
    for &transport in Transport::STREAMS {
        let node = Node::new();
        let endpoint = node.connect(transport, addr);
        assert_eq!(node.not_connected(endpoint), CloseReason::Refused, "{transport}");
    }
}

#[test]
fn a_connect_without_an_answer_is_told_at_its_timeout() {
    let unanswering = Unanswering::new();
    at_once(Transport::STREAMS, |&transport| {
        let node = Node::new();
        let limits = Limits::default().with_connect_timeout(SHORT);
        let start = Instant::now();
        let endpoint = connect_with(&node, transport, limits, unanswering.addr);
        assert_eq!(node.not_connected(endpoint), CloseReason::ConnectTimeout, "{transport}");
        let took = start.elapsed();
        assert!(took >= SHORT && took < SHORT + Duration::from_secs(1), "{took:?}");
    });
}

#[test]
fn a_name_without_an_address_is_told_in_the_error() {
    let node = Node::new();
    for &transport in Transport::ALL {
        let addr = ("no-such-host.invalid", 80);
        let adapter = TransportConnect::from(transport.plain().library());
        let errors = [
            node.network().connect(transport, addr).unwrap_err(),
            node.network().connect_with(adapter, addr).unwrap_err(),
            node.network().connect_sync(transport, addr).unwrap_err(),
        ];
        for error in errors {
            let reason = CloseReason::of(&error);
            let Some(CloseReason::Unresolved(text)) = reason else { panic!("{reason:?}") };
            assert!(text.contains("no-such-host.invalid"), "{text}");
        }
    }
    node.assert_silent();
}

#[test]
fn a_protocol_violation_is_told_with_what_it_was() {
    let unmasked = [0x82, 0x01, b'x'];
    let framed_tcp = Transport::FramedTcp.each_way().map(|each| (each, [0xFF; 11].as_slice()));
    let ws = Transport::Ws.each_way().map(|each| (each, unmasked.as_slice()));
    for (transport, bytes) in framed_tcp.chain(ws) {
        let node = Node::new();
        let (endpoint, mut peer) = accepted(&node, transport, transport);
        peer.write_all(bytes).unwrap();
        let reason = node.disconnected(endpoint);
        let CloseReason::ProtocolViolation(text) = &reason else { panic!("{reason:?}") };
        assert!(text.contains("length") || text.contains("mask"), "{transport}: {text}");
    }
}

#[test]
fn a_stream_that_ends_inside_a_message_is_a_protocol_violation() {
    for &transport in Transport::MESSAGE_STREAMS {
        let node = Node::new();
        let (endpoint, mut peer) = accepted(&node, transport, transport);
        let frame = peers::frame(transport, b"cut short");
        peer.write_all(&frame[..frame.len() - 1]).unwrap();
        peer.finish().unwrap();
        drop(peer);
        let reason = node.disconnected(endpoint);
        assert!(matches!(reason, CloseReason::ProtocolViolation(_)), "{transport}: {reason:?}");
    }
}

#[test]
fn a_message_that_is_too_large_is_told_with_both_sizes() {
    for &transport in Transport::MESSAGE_STREAMS {
        let node = Node::new();
        let too_large = CloseReason::MessageTooLarge { size: 1001, max: 1000 };
        let (endpoint, mut peer) = accepted(&node, transport, &*for_messages(transport, 1000));
        peer.write_all(&peers::frame(transport, &[0; 1001])).unwrap();
        assert_eq!(node.disconnected(endpoint), too_large, "{transport}");
        if transport.plain() == Transport::Ws {
            let (first, payload) = peers::read_ws_frame(&mut peer);
            assert_eq!((first, &payload[..2]), (peers::CLOSE, &1009_u16.to_be_bytes()[..]));
        }
    }
}

#[test]
fn an_endpoint_that_the_program_removed_is_told_as_such() {
    for &transport in Transport::ALL {
        let (client, server) = (Node::new(), Node::new());
        let (_, addr) = server.listen(transport);
        let endpoint = client.connect_ready(transport, addr);
        assert!(client.network().remove(endpoint.resource_id()));
        let told = client.network().close_reason(endpoint);
        assert_eq!(told, Some(CloseReason::Removed), "{transport}");
        client.assert_silent();
        assert!(!client.network().remove(endpoint.resource_id()));
    }
}

#[test]
fn endpoints_of_a_stopped_node_are_told_as_such() {
    for &transport in Transport::ALL {
        let (mut client, server) = (Node::new(), Node::new());
        let (_, addr) = server.listen(transport);
        let endpoint = client.connect_ready(transport, addr);
        client.stop();
        let told = client.network().close_reason(endpoint);
        assert_eq!(told, Some(CloseReason::NodeStopped), "{transport}");
        if transport.plain() == Transport::Ws {
            let accepted = server.accepted();
            let expected = CloseReason::PeerClosedWith { code: 1001, text: String::new() };
            assert_eq!(server.disconnected(accepted), expected);
        }
    }
}

#[test]
fn a_peer_that_does_not_read_ends_at_the_outbox_limit() {
    for &transport in Transport::STREAMS {
        let node = Node::with(|handler, event| {
            if let NetEvent::Accepted(endpoint, _) = event {
                let message = vec![0; 64 << 10];
                let sent =
                    |_: &i32| handler.network().send(*endpoint, &message) == SendStatus::Sent;
                let taken = (0..10_000).take_while(sent).count();
                assert!(taken < 10_000, "the limit holds");
            }
        });
        let limits = Limits::default().with_outbox_hard_limit(256 << 10);
        let addr = listen_with(&node, transport, limits);
        let _peer = peers::open_any(transport, addr);
        let endpoint = node.accepted();
        let reason = node.disconnected(endpoint);
        let CloseReason::OutboxLimit { queued } = reason else { panic!("{transport}: {reason:?}") };
        assert!(queued > 0 && queued <= 256 << 10, "{transport}: {queued}");
    }
}

#[test]
fn a_server_that_is_no_websocket_server_refuses_the_handshake() {
    let answers: [(&str, &[u8]); 5] = [
        ("HTTP", b"220 mail.example.org ESMTP\r\n"),
        ("404", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        ("200", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        (
            "Accept",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
              Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        ),
        ("closed", b""),
    ];
    let node = Node::new();
    for (word, answer) in answers {
        let addr = peers::server(move |mut stream| {
            peers::read_head(&mut stream);
            stream.write_all(answer).unwrap();
        });
        let endpoint = node.connect(Transport::Ws, addr);
        let reason = node.not_connected(endpoint);
        let CloseReason::HandshakeRefused(refusal) = &reason else { panic!("{word}: {reason:?}") };
        assert!(refusal.text().contains(word), "{refusal}");
    }
}

#[test]
fn a_server_that_closes_as_soon_as_it_accepts_refuses_the_handshake() {
    let node = Node::new();
    let addr = peers::server(|mut stream| {
        // Not with the request unread, which would be a reset.
        peers::read_head(&mut stream);
    });
    let endpoint = node.connect(Transport::Ws, addr);
    let reason = node.not_connected(endpoint);
    assert!(matches!(reason, CloseReason::HandshakeRefused(_)), "{reason:?}");
}

#[test]
fn a_server_that_is_silent_ends_by_the_handshake_timeout() {
    at_once(Transport::STREAMS.iter().filter(|one| one.has_handshake()), |&transport| {
        let silent = TcpListener::bind(support::ANY_PORT).unwrap();
        let node = Node::new();
        let limits = Limits::default().with_handshake_timeout(SHORT);
        let start = Instant::now();
        let addr = silent.local_addr().unwrap();
        let endpoint = connect_with(&node, transport, limits, addr);
        assert_eq!(node.not_connected(endpoint), CloseReason::HandshakeTimeout);
        let took = start.elapsed();
        assert!(took >= SHORT && took < SHORT + Duration::from_secs(1), "{took:?}");
    });
}

#[test]
fn a_silent_client_is_disconnected_at_the_handshake_timeout_without_an_event() {
    at_once(Transport::STREAMS.iter().filter(|one| one.has_handshake()), |&transport| {
        let node = Node::new();
        let addr = listen_with(&node, transport, Limits::default().with_handshake_timeout(SHORT));
        let mut peer = peers::connect(addr);
        let answer = peers::read_to_the_end(&mut peer);
        let is_http = answer.starts_with(b"HTTP/1.1 408 ");
        assert!(is_http || transport.is_secure(), "{transport}: {answer:?}");
        node.assert_silent();
        assert_eq!(node.network().stats().refused, 1);
    });
}

#[test]
fn what_a_removed_endpoint_could_not_deliver_is_told_as_linger_timeout() {
    at_once(Transport::STREAMS, |&transport| {
        let node = Node::with(|handler, event| {
            if let NetEvent::Accepted(endpoint, _) = event {
                // More than the kernel keeps for a peer that does not read.
                let message = vec![0; 32 << 20];
                assert_eq!(handler.network().send(*endpoint, &message), SendStatus::Sent);
                assert!(handler.network().remove(endpoint.resource_id()));
            }
        });
        let addr = listen_with(&node, transport, Limits::default().with_linger(SHORT));
        let start = Instant::now();
        let _peer = peers::open_any(transport, addr);
        let endpoint = node.accepted();
        eventually("the linger time is over", || {
            node.network().close_reason(endpoint) == Some(CloseReason::LingerTimeout)
        });
        assert!(start.elapsed() >= SHORT);
        node.assert_silent();
        eventually("it is gone", || node.network().stats().endpoints == 1);
    });
}

#[test]
fn what_a_stopped_node_could_not_deliver_holds_it_up_for_the_linger_time_only() {
    at_once(Transport::STREAMS, |&transport| {
        let mut node = Node::with(|handler, event| {
            if let NetEvent::Accepted(endpoint, _) = event {
                let message = vec![0; 32 << 20];
                assert_eq!(handler.network().send(*endpoint, &message), SendStatus::Sent);
            }
        });
        let addr = listen_with(&node, transport, Limits::default().with_linger(SHORT));
        let _peer = peers::open_any(transport, addr);
        let endpoint = node.accepted();
        let network = node.network().clone();
        let start = Instant::now();
        in_time(move || node.stop());
        let took = start.elapsed();
        assert!(took >= SHORT && took < SHORT + Duration::from_secs(1), "{took:?}");
        let told = network.close_reason(endpoint);
        assert_eq!(told, Some(CloseReason::LingerTimeout), "{transport}");
    });
}

#[test]
fn an_endpoint_that_is_over_tells_why_and_nothing_else_whatever_is_still_to_be_sent() {
    let (sender, told) = std::sync::mpsc::channel();
    let node = Node::with(move |handler, event| {
        if let NetEvent::Disconnected(endpoint) = *event {
            let network = handler.network();
            let known = (network.remote_addr(endpoint), network.limits(endpoint));
            sender.send((known, network.close_reason(endpoint))).unwrap();
        }
    });
    for &transport in Transport::STREAMS {
        for queued in [0, 16 << 20] {
            let (endpoint, mut peer) = accepted(&node, transport, transport);
            assert!(node.network().remote_addr(endpoint).is_some());
            if queued > 0 {
                assert_eq!(node.network().send(endpoint, &vec![0; queued]), SendStatus::Sent);
            }
            peer.finish().unwrap();
            let reason = node.disconnected(endpoint);
            let (known, reason_inside) = told.recv_timeout(DEADLINE).unwrap();
            assert_eq!((known, reason_inside), ((None, None), Some(reason)), "{transport}");
        }
    }
}
