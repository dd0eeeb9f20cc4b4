//! WebSocket in a node, over real sockets.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use polywire_core::CloseReason;
use polywire_core::network::NetEvent;
use polywire_core::node::{self, NodeEvent, NodeTask};
use polywire_ws::Ws;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

/// A node that sends every message back, and leaves who says `"go"`.
fn echo() -> (SocketAddr, node::NodeHandler<()>, NodeTask) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = handler.network().listen(Ws, "127.0.0.1:0").unwrap();
    let inner = handler.clone();
    let task = listener.for_each_async(move |event| {
        if let NodeEvent::Network(NetEvent::Message(endpoint, message)) = event {
            if message == b"go" {
                inner.network().remove(endpoint.resource_id());
            } else {
                inner.network().send(endpoint, message);
            }
        }
    });
    (addr, handler, task)
}

fn stranger(addr: SocketAddr) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    tungstenite::client(format!("ws://{addr}/"), stream).unwrap().0
}

#[test]
fn a_stranger_is_served_and_left_politely() {
    let (addr, handler, _task) = echo();
    let mut peer = stranger(addr);
    for len in [0, 1, 125, 126, 65_535, 65_536, 10 << 20] {
        let message = Message::binary(vec![7; len]);
        peer.send(message.clone()).unwrap();
        assert!(peer.read().unwrap() == message, "{len}");
    }
    peer.send(Message::Ping(b"x"[..].into())).unwrap();
    assert_eq!(peer.read().unwrap(), Message::Pong(b"x"[..].into()));
    peer.send(Message::text("go")).unwrap();
    let Message::Close(Some(frame)) = peer.read().unwrap() else { panic!("no Close") };
    assert_eq!(frame.code, CloseCode::Normal);

    let mut peer = stranger(addr);
    peer.close(Some(CloseFrame { code: CloseCode::Away, reason: "bye".into() })).unwrap();
    let Message::Close(Some(frame)) = peer.read().unwrap() else { panic!("no Close") };
    assert_eq!(frame.code, CloseCode::Away);

    let mut peer = stranger(addr);
    handler.stop();
    let Message::Close(Some(frame)) = peer.read().unwrap() else { panic!("no Close") };
    assert_eq!(frame.code, CloseCode::Away);
}

#[test]
fn two_nodes_talk_and_the_reason_of_the_end_is_told() {
    let (addr, server, _task) = echo();
    let (handler, listener) = node::split::<()>();
    let url = format!("ws://localhost:{}/chat", addr.port());
    let (endpoint, _) = handler.network().connect(Ws, url.as_str()).unwrap();
    let messages = [vec![1; 3], vec![], vec![2; 70_000], vec![3; 1 << 20]];
    for message in &messages {
        handler.network().send(endpoint, message);
    }
    let mut got = Vec::new();
    listener.for_each(|event| match event.network() {
        NetEvent::Connected(_, ok) => assert!(ok, "{:?}", handler.network().close_reason(endpoint)),
        NetEvent::Message(_, message) => {
            got.push(message.to_vec());
            if got.len() == messages.len() {
                handler.network().send(endpoint, b"go");
            }
        }
        NetEvent::Disconnected(_) => handler.stop(),
        NetEvent::Accepted(..) => unreachable!(),
    });
    assert!(got == messages);
    let reason = CloseReason::PeerClosedWith { code: 1000, text: String::new() };
    assert_eq!(handler.network().close_reason(endpoint), Some(reason));
    server.stop();
}

/// A frame of a client, masked with a key of zeros.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn a_ping_is_answered_before_the_messages_behind_it() {
    let (addr, handler, _task) = echo();
    let mut peer = stranger(addr);
    let mut bytes = frame(9, b"first");
    (0..2000).for_each(|_| bytes.extend(frame(2, b"message")));
    bytes.extend(frame(9, b"last"));
    peer.get_mut().write_all(&bytes).unwrap();
    assert_eq!(peer.read().unwrap(), Message::Pong(b"first"[..].into()));
    (0..2000).for_each(|_| assert_eq!(peer.read().unwrap(), Message::binary(&b"message"[..])));
    assert_eq!(peer.read().unwrap(), Message::Pong(b"last"[..].into()));
    handler.stop();
}

#[test]
fn a_flood_of_pings_whose_pongs_nobody_reads_takes_no_memory() {
    let (addr, handler, _task) = echo();
    let mut peer = stranger(addr);
    let pings = frame(9, &[7; 125]).repeat(1000);
    let stream = peer.get_mut();
    for _ in 0..300 {
        stream.write_all(&pings).unwrap();
        let queued = handler.network().stats().queued_bytes;
        assert!(queued < 8192, "{queued} bytes");
    }
    stream.write_all(&frame(9, b"last")).unwrap();
    // The latest is always answered, and what is left is whole frames.
    while peer.read().unwrap() != Message::Pong(b"last"[..].into()) {}
    handler.stop();
}
