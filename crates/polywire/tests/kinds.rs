//! Text and binary: told, chosen, and answered alike.

mod support;

use std::sync::mpsc;

use polywire::network::{MessageKind, NetEvent, SendStatus, Transport};
use polywire::node::{self, NodeEvent, StoredNetEvent};

use support::{DEADLINE, Node};

const TEXT: MessageKind = MessageKind::TEXT;
const BINARY: MessageKind = MessageKind::BINARY;

/// What goes to an echo, as what kind.
const SENT: [(MessageKind, &[u8]); 7] = [
    (TEXT, "grüße".as_bytes()),
    (BINARY, b"\xff\x00"),
    (BINARY, b""),
    (TEXT, b""),
    (BINARY, b"could be text"),
    (TEXT, b"is text"),
    (BINARY, &[b'x'; 70_000]),
];

/// A node whose events come with the kind of message that the callback was told.
fn kinds_heard() -> (Node, mpsc::Receiver<MessageKind>) {
    let (sender, kinds) = mpsc::channel();
    let node = Node::with(move |handler, event| {
        if let NetEvent::Message(..) = event {
            let _ = sender.send(handler.network().message_kind());
        }
    });
    (node, kinds)
}

#[test]
fn an_echo_answers_text_with_text_and_binary_with_binary() {
    let server = Node::echo();
    let (client, kinds) = kinds_heard();
    let (_, addr) = server.listen(Transport::Ws);
    let endpoint = client.connect_ready(Transport::Ws, addr);
    for (kind, message) in SENT {
        assert_eq!(client.network().send_as(endpoint, kind, message), SendStatus::Sent);
        assert_eq!(client.message(), (endpoint, message.to_vec()));
        assert_eq!(kinds.recv_timeout(DEADLINE), Ok(kind), "{message:?}");
    }
}

#[test]
fn what_is_no_text_is_not_sent_as_text() {
    let (server, kinds) = kinds_heard();
    let client = Node::new();
    let (_, addr) = server.listen(Transport::Ws);
    let endpoint = client.connect_ready(Transport::Ws, addr);
    let accepted = server.accepted();
    let network = client.network();
    assert_eq!(network.send_as(endpoint, TEXT, b"\xff"), SendStatus::InvalidMessage);
    assert_eq!(network.send(endpoint, b"first"), SendStatus::Sent);
    assert_eq!(server.message().1, b"first");
    assert_eq!(kinds.recv_timeout(DEADLINE), Ok(BINARY), "before the peer has sent anything");

    // An answer to text that is no text goes out all the same.
    server.network().send_as(accepted, TEXT, b"text");
    client.message();
    for (answer, kind) in [(&b"\xff"[..], BINARY), (b"text", TEXT)] {
        assert_eq!(network.send(endpoint, answer), SendStatus::Sent);
        assert_eq!(server.message().1, answer);
        assert_eq!(kinds.recv_timeout(DEADLINE), Ok(kind));
    }
}

#[test]
fn the_kind_of_a_message_comes_with_it_out_of_a_queue() {
    let server = Node::echo();
    let (_, addr) = server.listen(Transport::Ws);
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    let (endpoint, _) = network.connect_sync(Transport::Ws, addr).unwrap();
    let (_task, mut events) = listener.enqueue();
    for (kind, message) in SENT {
        network.send_as(endpoint, kind, message);
    }
    for (kind, message) in SENT {
        let heard = loop {
            let event = events.receive_timeout(DEADLINE).expect("an echo");
            if let StoredNetEvent::Message(_, heard) = event.network() {
                break heard;
            }
        };
        assert_eq!((&heard[..], network.message_kind()), (message, kind));
    }
    handler.stop();
}

#[test]
fn a_transport_without_kinds_delivers_binary() {
    for transport in [Transport::FramedTcp, Transport::Udp] {
        let (handler, listener) = node::split::<()>();
        let (_, addr) = handler.network().listen(transport, support::ANY_PORT).unwrap();
        let (endpoint, _) = handler.network().connect(transport, addr).unwrap();
        handler.network().send_as(endpoint, TEXT, b"text");
        let mut kind = None;
        listener.for_each(|event| {
            if let NodeEvent::Network(NetEvent::Message(..)) = event {
                kind = Some(handler.network().message_kind());
                handler.stop();
            }
        });
        assert_eq!(kind, Some(BINARY), "{transport}");
    }
}
