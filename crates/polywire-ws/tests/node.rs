//! WebSocket in a node, over real sockets.

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
