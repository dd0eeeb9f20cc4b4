//! Connections that the program closes with a code, over real sockets.

mod loopback;

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use polywire_core::network::{NetEvent, SendStatus};
use polywire_core::node::{self, NodeEvent, NodeHandler, NodeTask};
use polywire_core::{CloseReason, Endpoint};
use polywire_ws::{Close, Ping, Ws, WsConnectConfig, WsListenConfig};

/// A node that closes each connection of which it gets a message, with the code and the reason in that; and tells
/// of what has ended, and why.
fn closer() -> (SocketAddr, NodeHandler<()>, NodeTask, std::sync::mpsc::Receiver<CloseReason>) {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = handler.network().listen(Ws, "127.0.0.1:0").unwrap();
    let (ended, reasons) = std::sync::mpsc::channel();
    let inner = handler.clone();
    let task = listener.for_each_async(move |event| match event {
        NodeEvent::Network(NetEvent::Message(endpoint, message)) => {
            let text = String::from_utf8(message.to_vec()).unwrap();
            let (code, reason) = text.split_once(' ').unwrap();
            let close = Close::new(code.parse().unwrap(), reason).unwrap();
            for number in 0..10_u8 {
                assert_eq!(inner.network().send(endpoint, &[number]), SendStatus::Sent);
            }
            assert!(inner.network().control(endpoint.resource_id(), close.clone()));
            assert!(inner.network().control(endpoint.resource_id(), close), "it ends once");
        }
        NodeEvent::Network(NetEvent::Disconnected(endpoint)) => {
            ended.send(inner.network().close_reason(endpoint).unwrap()).unwrap();
        }
        _ => {}
    });
    (addr, handler, task, reasons)
}

#[test]
fn a_thousand_are_closed_and_both_ends_know_the_code() {
    const COUNT: usize = 1000;
    let (addr, server, _task, reasons) = closer();
    let (handler, listener) = node::split::<()>();
    let url = format!("ws://{addr}/");
    let mut clients = HashMap::new();
    for number in 0..COUNT {
        let (endpoint, _) = handler.network().connect(Ws, url.as_str()).unwrap();
        let message = format!("{} reason {number}", 4000 + number % 1000);
        handler.network().send(endpoint, message.as_bytes());
        clients.insert(endpoint, (number, 0));
    }
    let mut left = COUNT;
    listener.for_each(|event| match event.network() {
        NetEvent::Connected(_, ok) => assert!(ok),
        NetEvent::Message(endpoint, message) => {
            let (_, received) = clients.get_mut(&endpoint).unwrap();
            assert_eq!(message, [*received]);
            *received += 1;
        }
        NetEvent::Disconnected(endpoint) => {
            let (number, received) = clients[&endpoint];
            assert_eq!(received, 10, "what was sent before goes out before");
            let code = 4000 + u16::try_from(number % 1000).unwrap();
            let text = format!("reason {number}");
            let reason = handler.network().close_reason(endpoint);
            assert_eq!(reason, Some(CloseReason::PeerClosedWith { code, text }));
            left -= 1;
            if left == 0 {
                handler.stop();
            }
        }
        NetEvent::Accepted(..) => unreachable!(),
    });
    let wait = Duration::from_secs(20);
    let mut told: Vec<_> = (0..COUNT).map(|_| reasons.recv_timeout(wait).unwrap()).collect();
    told.sort_by_key(ToString::to_string);
    let mut expected: Vec<_> = (0..COUNT)
        .map(|number| {
            let code = 4000 + u16::try_from(number).unwrap();
            CloseReason::ClosedWith { code, text: format!("reason {number}") }
        })
        .collect();
    expected.sort_by_key(ToString::to_string);
    assert_eq!(told, expected);
    assert!(reasons.try_recv().is_err(), "each ended once");
    server.stop();
}

/// What a client's program gets that closes, sends and pings before it is connected.
fn close_before_ready(url: &str) -> (Vec<String>, Option<CloseReason>) {
    let (handler, listener) = node::split::<()>();
    let network = handler.network().clone();
    let config = WsConnectConfig::default().with_max_redirects(5);
    let (endpoint, _) = network.connect(config, url).unwrap();
    let id = endpoint.resource_id();
    assert!(network.control(id, Ping::default()));
    assert_eq!(network.send(endpoint, b"1000 unused"), SendStatus::Sent);
    assert!(network.control(id, Close::new(4001, "at once").unwrap()));
    let mut events = Vec::new();
    listener.for_each(|event| match event.network() {
        NetEvent::Connected(_, ok) => {
            events.push(format!("connected {ok}"));
            if !ok {
                handler.stop();
            }
        }
        NetEvent::Message(..) => {}
        NetEvent::Disconnected(_) => {
            events.push("disconnected".into());
            handler.stop();
        }
        NetEvent::Accepted(..) => unreachable!(),
    });
    (events, network.close_reason(endpoint))
}

#[test]
fn what_is_closed_before_it_is_ready_is_closed_once_it_is() {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = handler.network().listen(Ws, "127.0.0.1:0").unwrap();
    let (told, events) = std::sync::mpsc::channel();
    let inner = handler.clone();
    let _task = listener.for_each_async(move |event| match event.network() {
        NetEvent::Message(_, message) => told.send(format!("{message:?}")).unwrap(),
        NetEvent::Disconnected(endpoint) => {
            let reason = inner.network().close_reason(endpoint).unwrap();
            told.send(reason.to_string()).unwrap();
        }
        _ => {}
    });
    let redirect = format!("HTTP/1.1 301 x\r\nLocation: ws://{addr}/\r\n\r\n");
    for first in [addr, loopback::answering(redirect)] {
        let (seen, reason) = close_before_ready(&format!("ws://{first}/"));
        assert_eq!(seen, ["connected true", "disconnected"], "{reason:?}");
        let text = "at once".to_string();
        assert_eq!(reason, Some(CloseReason::ClosedWith { code: 4001, text }));
        let next = || events.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(next(), format!("{:?}", b"1000 unused"), "it was sent before");
        assert_eq!(next(), "the peer closed the connection with code 4001: at once");
    }
    handler.stop();
}

/// A frame of a client, masked with a key of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// A connection to the server at that address whose handshake is done, by hand.
fn by_hand(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (client, _) = tungstenite::client(format!("ws://{addr}/"), stream).unwrap();
    client.into_inner()
}

#[test]
fn a_close_is_answered_and_the_stream_ends_whoever_closes_first() {
    let (addr, server, _task, reasons) = closer();
    let wait = Duration::from_secs(20);
    // The peer closes: it gets its code back, and the server ends the stream at once (RFC 6455 section 7.1.1).
    let mut peer = by_hand(addr);
    peer.write_all(&frame(0x88, b"\x0f\xa0bye")).unwrap();
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, [0x88, 2, 0x0f, 0xa0]);
    let text = "bye".to_string();
    assert_eq!(reasons.recv_timeout(wait), Ok(CloseReason::PeerClosedWith { code: 4000, text }));

    // The program closes: the peer's answer is taken, and nothing is said any more.
    let mut peer = by_hand(addr);
    peer.write_all(&frame(0x82, b"3000 it is late")).unwrap();
    let mut close = [0; 30 + 4 + 10];
    peer.read_exact(&mut close).unwrap();
    assert_eq!(close[30..34], [0x88, 12, 0x0b, 0xb8]);
    assert_eq!(close[34..], *b"it is late");
    peer.write_all(&frame(0x82, b"still sending")).unwrap();
    peer.write_all(&frame(0x88, b"\x0b\xb8")).unwrap();
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    let text = "it is late".to_string();
    assert_eq!(reasons.recv_timeout(wait), Ok(CloseReason::ClosedWith { code: 3000, text }));

    // The peer just goes: 1006.
    drop(by_hand(addr));
    assert_eq!(reasons.recv_timeout(wait), Ok(CloseReason::AbnormalClosure));
    server.stop();
}

#[test]
fn no_thread_sends_behind_the_close_frame() {
    let (handler, listener) = node::split::<()>();
    let config = WsListenConfig::default();
    let (_, addr) = handler.network().listen(config, "127.0.0.1:0").unwrap();
    let (accepted, endpoints) = std::sync::mpsc::channel::<Endpoint>();
    let _task = listener.for_each_async(move |event| {
        if let NetEvent::Accepted(endpoint, _) = event.network() {
            accepted.send(endpoint).unwrap();
        }
    });
    for _ in 0..50 {
        let mut peer = by_hand(addr);
        let endpoint = endpoints.recv_timeout(Duration::from_secs(20)).unwrap();
        let network = handler.network().clone();
        let sender =
            std::thread::spawn(
                move || {
                    while network.send(endpoint, b"on and on") == SendStatus::Sent {}
                },
            );
        std::thread::yield_now();
        handler.network().control(endpoint.resource_id(), Close::new(1000, "").unwrap());
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).unwrap();
        sender.join().unwrap();
        assert!(rest.ends_with(&[0x88, 2, 0x03, 0xe8]), "{:x?}", &rest[rest.len() - 40..]);
        assert_eq!((rest.len() - 4) % 11, 0, "whole frames");
    }
    handler.stop();
}

/// RFC 6455 section 7.1.1: so the server is the one whose port waits a while.
#[test]
fn a_client_leaves_the_end_of_the_stream_to_the_server() {
    for peer_closes in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (handler, client) = node::split::<()>();
        let (endpoint, _) = handler.network().connect(Ws, format!("ws://{addr}/")).unwrap();
        let (ended, end) = std::sync::mpsc::channel();
        let network = handler.network().clone();
        let _task = client.for_each_async(move |event| {
            if let NetEvent::Disconnected(endpoint) = event.network() {
                ended.send(network.close_reason(endpoint).unwrap()).unwrap();
            }
        });
        let stream = listener.accept().unwrap().0;
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut stream = tungstenite::accept(stream).unwrap().into_inner();
        let bye = [0x88, 5, 0x0f, 0xa0, b'b', b'y', b'e'];
        let expected = if peer_closes {
            stream.write_all(&bye).unwrap();
            CloseReason::PeerClosedWith { code: 4000, text: "bye".into() }
        } else {
            let close = Close::new(4000, "bye").unwrap();
            handler.network().control(endpoint.resource_id(), close);
            CloseReason::ClosedWith { code: 4000, text: "bye".into() }
        };
        assert_eq!(end.recv_timeout(Duration::from_secs(20)), Ok(expected));
        let mut close = vec![0; if peer_closes { 8 } else { 11 }];
        stream.read_exact(&mut close).unwrap();
        assert_eq!(close[0], 0x88);
        // The client waits for this side's end, rather than end first.
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let error = stream.read(&mut [0]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
        if !peer_closes {
            stream.write_all(&bye).unwrap();
        }
        stream.shutdown(Shutdown::Write).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        handler.stop();
    }
}
