//! No input from a peer panics, spins or blocks the loop.
//!
//! This is E10 of `docs/contracts.md`.

use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::common::*;

/// Sends bytes from a peer of its own, and waits for what comes of it; the other side may break
/// off at any time.
fn offend(transport: Transport, addr: SocketAddr, after_handshake: bool, bytes: &[u8]) {
    if !transport.is_connection_oriented() {
        let socket = UdpSocket::bind(LOCALHOST).unwrap();
        for datagram in bytes.chunks(1400) {
            let _ = socket.send_to(datagram, addr);
        }
        return;
    }
    let mut peer = if after_handshake {
        RawPeer::connect(transport, addr)
    } else {
        RawPeer::open(transport, addr)
    };
    let _ = peer.stream.write_all(bytes);
    let _ = peer.stream.shutdown(std::net::Shutdown::Write);
    // What the node answers is not looked at, only that it closes.
    let _ = std::io::copy(&mut peer.stream, &mut std::io::sink());
}

/// Bytes that mean something bad in one protocol or another.
fn offences() -> Vec<Vec<u8>> {
    let mut offences: Vec<_> = (1..=8).map(|seed| noise(seed, 64 << 10)).collect();
    let short: [&[u8]; 14] = [
        &[0x80],
        &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0xFF; 11],
        &[0xFF; 19],
        &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1],
        // Frames of WebSocket: without mask, too long, of no kind, of half a text, of a bad end.
        &[0x82, 0x05, 1, 2, 3, 4, 5],
        &[0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0],
        &[0x8F, 0x80, 0, 0, 0, 0],
        &[0x81, 0x82, 0, 0, 0, 0, 0xC3, 0x28],
        &[0x88, 0x81, 0, 0, 0, 0, 3],
        &[0x89, 0xFE, 0, 126, 0, 0, 0, 0],
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /\r\nUpgrade: websocket\r\n\r\n",
        b"\r\n\r\n\0\0\0\0",
    ];
    offences.extend(short.map(<[u8]>::to_vec));
    offences.push(vec![b'A'; 200_000]);
    offences
}

/// Whether a well-behaved client still gets its echo.
fn assert_serves(transport: Transport, addr: SocketAddr) {
    let mut client = Watched::start();
    let endpoint = client.connect(transport, addr);
    assert_eq!(client.connected(), (endpoint, true));
    let is_reliable = transport.is_connection_oriented();
    // A datagram may get lost among those of the others.
    let (patience, tries) = if is_reliable { (DEADLINE, 1) } else { (DEADLINE / 100, 100) };
    let echo = (0..tries).find_map(|_| {
        client.handler.network().send(endpoint, b"healthy");
        client.next_within(patience)
    });
    match echo {
        Some(StoredNetEvent::Message(from, message)) => {
            assert_eq!((from, &message[..]), (endpoint, &b"healthy"[..]));
        }
        other => panic!("{other:?} instead of an echo"),
    }
}

over_transports! {
    [tcp framed_tcp udp ws | tcp_tls framed_tcp_tls wss]
    fn garbage_from_many_peers_leaves_a_healthy_one_served(transport) {
        let echo = Echo::start(transport);
        let mut threads = Vec::new();
        for after_handshake in [false, true] {
            for offence in offences() {
                let addr = echo.addr;
                threads.push(thread::spawn(move || {
                    offend(transport, addr, after_handshake, &offence);
                }));
            }
        }
        assert_serves(transport, echo.addr);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_serves(transport, echo.addr);
        assert!(echo.handler.is_running());
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn peers_that_break_off_at_any_moment_leave_a_healthy_one_served(transport) {
        let echo = Echo::start(transport);
        let whole = [RawPeer::handshake(transport), &frame(transport, b"hello")].concat();
        for len in 0..=whole.len() {
            let mut peer = RawPeer::open(transport, echo.addr);
            peer.stream.write_all(&whole[..len]).unwrap();
            if len % 2 == 0 { peer.reset() } else { drop(peer) }
        }
        assert_serves(transport, echo.addr);
        // The listener, and nothing else.
        eventually("the endpoints to be forgotten", || {
            echo.handler.network().stats().endpoints == 1
        });
    }

    [tcp framed_tcp ws]
    fn urgent_data_holds_up_nothing_that_comes_behind_it(transport) {
        const PAIRS: usize = 50;
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let mut heard = Vec::new();
        let peer = thread::spawn(move || {
            let mut peer = RawPeer::connect(transport, addr);
            for _ in 0..PAIRS {
                peer.stream.write_all(&frame(transport, b"before")).unwrap();
                SockRef::from(&*peer.stream).send_out_of_band(b"!").unwrap();
                peer.stream.write_all(&frame(transport, b"behind")).unwrap();
                // Only an answer to both brings the next pair.
                assert_eq!(peer.read_small(b"done".len()), b"done");
            }
        });
        run(&handler, listener, "what lies behind urgent data", |event| match event.network() {
            NetEvent::Accepted(..) => {}
            NetEvent::Message(from, message) => {
                heard.extend_from_slice(message);
                if heard.len() == b"beforebehind".len() {
                    assert_eq!(heard, b"beforebehind");
                    heard.clear();
                    handler.network().send(from, b"done");
                    // Until all of the next pair is there, to be read at once.
                    thread::sleep(Duration::from_millis(2));
                }
            }
            NetEvent::Disconnected(_) => handler.stop(),
            NetEvent::Connected(..) => {}
        });
        peer.join().unwrap();
    }
}
