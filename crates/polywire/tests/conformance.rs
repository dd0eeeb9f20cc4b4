//! Every built-in transport keeps its contract: the checks of `polywire-testkit`, over each of them, in clear text and
//! over TLS. What needs a peer that speaks a transport by hand is in `contracts`.

mod common;

use std::collections::HashSet;

use polywire_testkit::conformance::{FaultyLink, Subject};

use common::*;

/// A system that chooses for itself takes more while a peer does not read: a connection that was full has room again.
const SOCKET_BUFFER: usize = 16 << 10;

fn stream(transport: Transport) -> Subject {
    Subject::new(
        move |limits| {
            let config = TcpConnectConfig::default().with_limits(limits);
            let config = config.with_send_buffer_size(SOCKET_BUFFER);
            connecting_with(transport, config.with_receive_buffer_size(SOCKET_BUFFER))
        },
        move |limits| {
            let config = TcpListenConfig::default().with_limits(limits);
            let config = config.with_send_buffer_size(SOCKET_BUFFER);
            listening_with(transport, config.with_receive_buffer_size(SOCKET_BUFFER))
        },
    )
    .with_deadline(DEADLINE)
}

macro_rules! streams {
    ($($(#[$secure:meta])? $name:ident $transport:ident packets: $packets:ident, largest_message: $largest:tt;)+) => {$(
        $(#[$secure])?
        polywire_testkit::conformance! {
            adapter $name = stream(Transport::$transport);
            connections: yes,
            packets: $packets,
            order: yes,
            reliability: yes,
            half_close: yes,
            largest_message: $largest,
        }
    )+};
}

const MAX: usize = 64 << 20;

streams! {
    tcp Tcp packets: no, largest_message: none;
    framed_tcp FramedTcp packets: yes, largest_message: MAX;
    ws Ws packets: yes, largest_message: MAX;
    #[cfg(feature = "__tls")]
    tcp_tls TcpTls packets: no, largest_message: none;
    #[cfg(feature = "__tls")]
    framed_tcp_tls FramedTcpTls packets: yes, largest_message: MAX;
    #[cfg(feature = "__tls")]
    wss Wss packets: yes, largest_message: MAX;
}

polywire_testkit::conformance! {
    adapter udp = Subject::new(
        |limits| Box::new(UdpConnectConfig::default().with_limits(limits)),
        |_| Box::new(UdpListenConfig::default()),
    )
    .with_deadline(DEADLINE);
    connections: no,
    packets: yes,
    order: no,
    reliability: no,
    half_close: no,
    largest_message: Transport::Udp.max_message_size(),
}

/// Short reads and writes, and readiness that comes late.
fn bad_link() -> FaultyLink {
    FaultyLink::new(5).with_longest_read(20_000).with_longest_write(9_000).with_would_block(50)
}

fn framed_over(link: &FaultyLink) -> Subject {
    let (connecting, listening) = (link.clone(), link.clone());
    Subject::new(
        move |limits| {
            let tcp = TcpConnectConfig::default().with_limits(limits);
            let tcp = tcp.with_send_buffer_size(SOCKET_BUFFER);
            let tcp = tcp.with_receive_buffer_size(SOCKET_BUFFER);
            Box::new(FramedTcpConnectConfig::default().with_tcp(tcp).over(connecting.clone()))
        },
        move |limits| {
            let tcp = TcpListenConfig::default().with_limits(limits);
            let tcp = tcp.with_send_buffer_size(SOCKET_BUFFER);
            let tcp = tcp.with_receive_buffer_size(SOCKET_BUFFER);
            Box::new(FramedTcpListenConfig::default().with_tcp(tcp).over(listening.clone()))
        },
    )
    .with_deadline(DEADLINE)
}

polywire_testkit::conformance! {
    adapter framed_over_a_bad_link = framed_over(&bad_link());
    connections: yes,
    packets: yes,
    order: yes,
    reliability: yes,
    half_close: yes,
    largest_message: MAX,
}

/// Both ends of a connection that is reset behind that byte are told once, and nothing behind it.
fn assert_reset_is_told_once(byte: u64) {
    let link = FaultyLink::new(byte).with_reset_after(byte);
    let (handler, listener) = split();
    let network = handler.network();
    let listening = FramedTcpListenConfig::default().over(link.clone());
    let (_, addr) = network.listen(listening, LOCALHOST).unwrap();
    let connecting = FramedTcpConnectConfig::default().over(link);
    let (client, _) = network.connect(connecting, addr).unwrap();
    network.send(client, &[7; 100]);
    let (mut open, mut over) = (0, HashSet::new());
    run(&handler, listener, "both ends", |event| match event.network() {
        NetEvent::Connected(_, true) | NetEvent::Accepted(..) => open += 1,
        NetEvent::Message(endpoint, message) => {
            assert!(!over.contains(&endpoint), "a message behind the end");
            network.send(endpoint, message);
        }
        NetEvent::Disconnected(endpoint) => {
            assert!(over.insert(endpoint), "it is told twice");
            assert!(network.close_reason(endpoint).is_some());
            if over.len() == 2 {
                handler.stop();
            }
        }
        NetEvent::Connected(_, false) => panic!("TCP has no handshake that could fail"),
    });
    assert_eq!(open, 2);
}

#[test]
fn a_link_that_is_reset_at_any_byte_is_told_once_to_both_ends() {
    for byte in (1..120).chain([150, 201, 202, 203, 1000, 5000]) {
        assert_reset_is_told_once(byte);
    }
}
