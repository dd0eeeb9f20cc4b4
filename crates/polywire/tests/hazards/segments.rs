//! However the stream is cut, every message is delivered; and WebSocket ends as it should.

use std::io::Write;

use polywire::CloseReason;

use crate::support::peers::{self, BINARY, CLOSE, TEXT};
use crate::support::{Node, RawStream, Transport};

const THREE: [&[u8]; 3] = [b"one", b"", b"three"];

/// The frames of these messages as they are written to the socket: over TLS, each in a record of its own.
fn sealed(transport: Transport, peer: &mut RawStream, messages: &[&[u8]]) -> Vec<u8> {
    let frames: Vec<_> = messages.iter().map(|message| peers::frame(transport, message)).collect();
    peer.sealed(&frames.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn assert_three(node: &Node, what: &str) {
    let got = THREE.map(|_| node.message().1);
    assert_eq!(got.each_ref().map(Vec::as_slice), THREE, "{what}");
}

#[test]
fn small_frames_in_one_segment_are_all_delivered() {
    for &transport in Transport::MESSAGE_STREAMS {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        let mut peer = peers::open_any(transport, addr);
        node.accepted();
        let bytes = sealed(transport, &mut peer, &THREE);
        (&*peer).write_all(&bytes).unwrap();
        assert_three(&node, &transport.to_string());
    }
}

#[test]
fn small_frames_in_records_cut_at_every_position_are_the_same_messages() {
    for &transport in Transport::MESSAGE_STREAMS {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        let mut peer = peers::open_any(transport, addr);
        node.accepted();
        let frames = THREE.map(|message| peers::frame(transport, message)).concat();
        for cut in 0..=frames.len() {
            let (before, after) = frames.split_at(cut);
            let one_segment = peer.sealed(&[before, after]);
            (&*peer).write_all(&one_segment).unwrap();
            assert_three(&node, &format!("{transport}, cut after {cut} bytes"));
        }
    }
}

#[test]
fn small_frames_cut_at_every_position_are_the_same_messages() {
    for &transport in Transport::MESSAGE_STREAMS {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        let mut marker = peers::open_any(transport, addr);
        node.accepted();
        for cut in 0.. {
            let mut peer = peers::open_any(transport, addr);
            let endpoint = node.accepted();
            let bytes = sealed(transport, &mut peer, &THREE);
            let (before, after) = bytes.split_at(cut);
            (&*peer).write_all(before).unwrap();
            // What became readable later is read later, so that this tells of the first part.
            marker.write_all(&peers::frame(transport, b"marker")).unwrap();
            let mut got = Vec::new();
            loop {
                match node.message() {
                    (from, message) if from == endpoint => got.push(message),
                    (_, message) => break assert_eq!(message, b"marker"),
                }
            }
            (&*peer).write_all(after).unwrap();
            while got.len() < THREE.len() {
                got.push(node.message().1);
            }
            assert_eq!(got, THREE, "{transport}, cut after {cut} bytes");
            node.network().remove(endpoint.resource_id());
            if cut == bytes.len() {
                break;
            }
        }
        node.assert_silent();
    }
}

#[test]
fn ws_frames_in_one_segment_with_the_handshake_are_delivered_wherever_it_is_cut() {
    for transport in Transport::Ws.each_way() {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        let frames = THREE.map(|message| peers::ws_frame(BINARY, message)).concat();
        let bytes = [peers::UPGRADE, &frames].concat();
        let mut peers_alive = Vec::new();
        for cut in 0..bytes.len() {
            let mut peer = peers::begin(transport, peers::connect(addr));
            peer.write_all(&bytes[..cut]).unwrap();
            node.settle();
            peer.write_all(&bytes[cut..]).unwrap();
            node.accepted();
            assert_three(&node, &format!("{transport}, cut after {cut} bytes"));
            peers_alive.push(peer);
        }
    }
}

#[test]
fn ws_text_frames_are_delivered() {
    for transport in Transport::Ws.each_way() {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        let mut peer = peers::open_any(transport, addr);
        let endpoint = node.accepted();
        peer.write_all(&peers::ws_frame(TEXT, "grüße".as_bytes())).unwrap();
        assert_eq!(node.message(), (endpoint, "grüße".into()));
    }
}

#[test]
fn removing_a_ws_endpoint_sends_close_1000() {
    for transport in Transport::Ws.each_way() {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        let mut peer = peers::open_any(transport, addr);
        let endpoint = node.accepted();
        node.network().send(endpoint, b"last words");
        assert!(node.network().remove(endpoint.resource_id()));
        assert_eq!(peers::read_ws_frame(&mut peer), (BINARY, b"last words".into()));
        assert_eq!(peers::read_ws_frame(&mut peer), (CLOSE, 1000_u16.to_be_bytes().into()));
        peer.write_all(&peers::ws_close(1000, "")).unwrap();
        assert_eq!(peers::read_to_the_end(&mut peer), b"");
    }
}

#[test]
fn a_ws_close_of_the_peer_is_answered_with_its_code() {
    for transport in Transport::Ws.each_way() {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        for code in [1000, 1001, 4321] {
            let mut peer = peers::open_any(transport, addr);
            let endpoint = node.accepted();
            peer.write_all(&peers::ws_close(code, "bye")).unwrap();
            let (first, payload) = peers::read_ws_frame(&mut peer);
            assert_eq!((first, &payload[..2]), (CLOSE, &code.to_be_bytes()[..]));
            assert_eq!(peers::read_to_the_end(&mut peer), b"");
            let text = "bye".into();
            assert_eq!(node.disconnected(endpoint), CloseReason::PeerClosedWith { code, text });
        }
    }
}
