//! What a layer can count on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use polywire::adapter::{Connect, Connection, Listen, Listener};
use polywire::adapters::framed_tcp::Framed;
use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig, connect_over, listen_over};
use polywire::network::{RemoteAddr, SendStatus};
use polywire::{CloseReason, Limits};

use crate::cipher::{Cipher, Confirmed};
use crate::support::{Node, eventually};

/// Framed messages over the cipher over TCP.
#[derive(Clone, Copy)]
struct Secret(Cipher);

impl Connect for Secret {
    fn connect(&self, addr: &RemoteAddr) -> std::io::Result<Connection> {
        connect_over(&TcpConnectConfig::default(), addr, self.0, Framed::default())
    }
}

impl Listen for Secret {
    fn listen(&self, addr: &RemoteAddr) -> std::io::Result<Listener> {
        let limits = Limits::default().with_handshake_timeout(Duration::from_millis(300));
        let config = TcpListenConfig::default().with_limits(limits);
        listen_over(&config, addr, self.0, |_| Framed::default())
    }
}

const SECRET: Secret = Secret(Cipher { key: 0x5a });

#[test]
fn messages_of_several_threads_pass_in_the_order_of_each() {
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(SECRET);
    let endpoint = client.connect_ready(SECRET, addr);
    server.accepted();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let network = client.network();
            scope.spawn(move || {
                for number in 0..500_u16 {
                    let mut message = vec![thread; 1 + usize::from(number) * 7];
                    message.extend(number.to_be_bytes());
                    assert_eq!(network.send(endpoint, &message), SendStatus::Sent);
                }
            });
        }
    });
    let mut next = [0_u16; 4];
    for _ in 0..2000 {
        let (_, message) = server.message();
        let (body, number) = message.split_last_chunk::<2>().unwrap();
        let thread = usize::from(body[0]);
        assert_eq!(u16::from_be_bytes(*number), next[thread]);
        assert!(body.iter().all(|byte| usize::from(*byte) == thread));
        next[thread] += 1;
    }
}

#[test]
fn what_the_layer_itself_has_to_say_is_written_though_the_program_sends_nothing() {
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(SECRET);
    let endpoint = client.connect_ready(SECRET, addr);
    server.accepted();
    for number in 0..100_u8 {
        client.network().send(endpoint, &[number]);
        server.message();
    }
    eventually("all is confirmed", || {
        let confirmed = client.network().info::<Confirmed>(endpoint).unwrap();
        confirmed.0 >= 100
    });
    assert!(client.network().info::<String>(endpoint).is_none(), "nobody knows one");
}

#[test]
fn the_last_record_is_behind_all_that_was_sent_however_much_that_is() {
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(SECRET);
    let endpoint = client.connect_ready(SECRET, addr);
    let accepted = server.accepted();
    let message = vec![7; 20 << 20]; // More than the system takes.
    assert_eq!(client.network().send(endpoint, &message), SendStatus::Sent);
    client.network().remove(endpoint.resource_id());
    assert_eq!(server.message().1, message);
    assert_eq!(server.disconnected(accepted), CloseReason::PeerClosed);
}

#[test]
fn a_stream_that_ends_without_the_last_record_is_known_to_be_cut() {
    let server = Node::new();
    let (_, addr) = server.listen(SECRET);
    let mut peer = TcpStream::connect(addr).unwrap();
    peer.write_all(b"cipher01").unwrap();
    let accepted = server.accepted();
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.disconnected(accepted), CloseReason::AbnormalClosure);
}

#[test]
fn a_layer_that_does_not_finish_its_handshake_is_given_up_in_time() {
    let server = Node::new();
    let (_, addr) = server.listen(SECRET);
    let mut peer = TcpStream::connect(addr).unwrap();
    peer.write_all(b"ciph").unwrap();
    let mut rest = Vec::new();
    let _ = peer.read_to_end(&mut rest); // Until the server closes it.
    server.assert_silent();
    assert_eq!(server.network().stats().refused, 1);
}

#[test]
fn a_peer_that_does_not_speak_the_layer_is_refused() {
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(polywire::adapters::framed_tcp::FramedTcp);
    let endpoint = client.connect(SECRET, addr);
    let mut accepted = TcpStream::connect(addr).unwrap();
    accepted.write_all(b"\x01x").unwrap();
    // The framed listener takes the greeting for a frame, and answers nothing.
    client.network().remove(endpoint.resource_id());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = client.connect(SECRET, listener.local_addr().unwrap());
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"HTTP/1.1 400").unwrap();
    let reason = client.not_connected(endpoint);
    assert!(matches!(reason, CloseReason::HandshakeRefused(_)), "{reason:?}");
}
