//! What goes wrong in libraries of this kind, and must not here: frames that mix, messages left
//! behind, clear text where TLS was asked for, panics, events after `remove`.

mod support;

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use polywire::CloseReason;
use polywire::adapters::framed_tcp::FramedTcpConnectConfig;
use polywire::adapters::tcp::TcpConnectConfig;
use polywire::adapters::ws::WsConnectConfig;
use polywire::network::{
    Endpoint, Limits, NetEvent, RemoteAddr, SendStatus, ToRemoteAddr, Transport,
};
use polywire::node::{self, NodeEvent};

use support::peers::{self, BINARY, CLOSE, MESSAGE_STREAMS, STREAMS, TEXT, Unanswering};
use support::{ANY_PORT, DEADLINE, Handler, Node, StoredNetEvent, eventually, in_time};

// Frames that mix.

const FRAMES: usize = 20_000;
const KINDS: [(u8, usize); 2] = [(b'A', 100), (b'B', 300)];

/// Has two threads send to one endpoint at once and returns what a plain peer is to read.
fn two_senders(transport: Transport) -> (Node, TcpStream) {
    let node = Node::new();
    let (_, addr) = node.listen(transport);
    let peer = peers::open(transport, addr);
    let endpoint = node.accepted();
    for (byte, len) in KINDS {
        let handler = node.handler.clone();
        thread::spawn(move || {
            for _ in 0..FRAMES {
                let status = handler.network().send(endpoint, &vec![byte; len]);
                assert_eq!(status, SendStatus::Sent);
            }
        });
    }
    (node, peer)
}

fn concurrent_sends_arrive_as_whole_frames(transport: Transport) {
    let (_node, peer) = two_senders(transport);
    let mut peer = BufReader::new(peer);
    let mut counts = [0; 2];
    for number in 0..2 * FRAMES {
        let message = peers::read_message(transport, &mut peer);
        let kind = KINDS.iter().position(|(byte, _)| message.first() == Some(byte));
        let kind = kind.unwrap_or_else(|| panic!("foreign bytes at frame {number}"));
        let (byte, len) = KINDS[kind];
        assert_eq!(message, vec![byte; len], "frame {number}");
        counts[kind] += 1;
    }
    assert_eq!(counts, [FRAMES; 2]);
}

#[test]
fn concurrent_sends_never_interleave_framed_tcp_frames() {
    concurrent_sends_arrive_as_whole_frames(Transport::FramedTcp);
}

#[test]
fn concurrent_sends_never_interleave_ws_frames() {
    concurrent_sends_arrive_as_whole_frames(Transport::Ws);
}

#[test]
fn concurrent_sends_never_interleave_tcp_messages() {
    let (_node, mut peer) = two_senders(Transport::Tcp);
    let bytes = peers::read_exactly(&mut peer, FRAMES * (100 + 300));
    let mut counts = [0; 2];
    for run in bytes.chunk_by(|a, b| a == b) {
        let kind = KINDS.iter().position(|(byte, _)| *byte == run[0]).expect("no foreign byte");
        let (_, len) = KINDS[kind];
        assert_eq!(run.len() % len, 0, "a message was cut by another");
        counts[kind] += run.len() / len;
    }
    assert_eq!(counts, [FRAMES; 2]);
}

#[test]
fn concurrent_sends_of_a_client_arrive_as_whole_frames() {
    for transport in MESSAGE_STREAMS {
        let (client, server) = (Node::new(), Node::new());
        let (_, addr) = server.listen(transport);
        let endpoint = client.connect_ready(transport, addr);
        server.accepted();
        thread::scope(|scope| {
            for (byte, len) in KINDS {
                let network = client.network();
                scope.spawn(move || {
                    for _ in 0..FRAMES / 10 {
                        network.send(endpoint, &vec![byte; len]);
                    }
                });
            }
            for _ in 0..2 * FRAMES / 10 {
                let (_, message) = server.message();
                let whole = KINDS.iter().any(|&(byte, len)| message == vec![byte; len]);
                assert!(whole, "{transport}: {message:?}");
            }
        });
    }
}

// Messages left behind.

const THREE: [&[u8]; 3] = [b"one", b"", b"three"];

fn assert_three(node: &Node, what: &str) {
    let got = THREE.map(|_| node.message().1);
    assert_eq!(got.each_ref().map(Vec::as_slice), THREE, "{what}");
}

#[test]
fn small_frames_in_one_segment_are_all_delivered() {
    for transport in MESSAGE_STREAMS {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        let mut peer = peers::open(transport, addr);
        node.accepted();
        peer.write_all(&THREE.map(|message| peers::frame(transport, message)).concat()).unwrap();
        assert_three(&node, transport.name());
    }
}

#[test]
fn small_frames_cut_at_every_position_are_the_same_messages() {
    for transport in MESSAGE_STREAMS {
        let node = Node::new();
        let (_, addr) = node.listen(transport);
        let mut marker = peers::open(transport, addr);
        node.accepted();
        let bytes = THREE.map(|message| peers::frame(transport, message)).concat();
        for cut in 0..=bytes.len() {
            let mut peer = peers::open(transport, addr);
            let endpoint = node.accepted();
            let (before, after) = bytes.split_at(cut);
            peer.write_all(before).unwrap();
            // What became readable later is read later, so that this tells of the first part.
            marker.write_all(&peers::frame(transport, b"marker")).unwrap();
            let mut got = Vec::new();
            loop {
                match node.message() {
                    (from, message) if from == endpoint => got.push(message),
                    (_, message) => break assert_eq!(message, b"marker"),
                }
            }
            peer.write_all(after).unwrap();
            while got.len() < THREE.len() {
                got.push(node.message().1);
            }
            assert_eq!(got, THREE, "{transport}, cut after {cut} bytes");
            node.network().remove(endpoint.resource_id());
        }
        node.assert_silent();
    }
}

#[test]
fn ws_frames_in_one_segment_with_the_handshake_are_delivered_wherever_it_is_cut() {
    let node = Node::new();
    let (_, addr) = node.listen(Transport::Ws);
    let frames = THREE.map(|message| peers::ws_frame(BINARY, message)).concat();
    let bytes = [peers::UPGRADE, &frames].concat();
    let mut peers_alive = Vec::new();
    for cut in 0..bytes.len() {
        let mut peer = peers::connect(addr);
        peer.write_all(&bytes[..cut]).unwrap();
        node.settle();
        peer.write_all(&bytes[cut..]).unwrap();
        node.accepted();
        assert_three(&node, &format!("cut after {cut} bytes"));
        peers_alive.push(peer);
    }
}

#[test]
fn ws_text_frames_are_delivered() {
    let node = Node::new();
    let (_, addr) = node.listen(Transport::Ws);
    let mut peer = peers::open(Transport::Ws, addr);
    let endpoint = node.accepted();
    peer.write_all(&peers::ws_frame(TEXT, "grüße".as_bytes())).unwrap();
    assert_eq!(node.message(), (endpoint, "grüße".into()));
}

#[test]
fn removing_a_ws_endpoint_sends_close_1000() {
    let node = Node::new();
    let (_, addr) = node.listen(Transport::Ws);
    let mut peer = peers::open(Transport::Ws, addr);
    let endpoint = node.accepted();
    node.network().send(endpoint, b"last words");
    assert!(node.network().remove(endpoint.resource_id()));
    assert_eq!(peers::read_ws_frame(&mut peer), (BINARY, b"last words".into()));
    assert_eq!(peers::read_ws_frame(&mut peer), (CLOSE, 1000_u16.to_be_bytes().into()));
    peer.write_all(&peers::ws_close(1000, "")).unwrap();
    assert_eq!(peers::read_to_the_end(&mut peer), b"");
}

#[test]
fn a_ws_close_of_the_peer_is_answered_with_its_code() {
    let node = Node::new();
    let (_, addr) = node.listen(Transport::Ws);
    for code in [1000, 1001, 4321] {
        let mut peer = peers::open(Transport::Ws, addr);
        let endpoint = node.accepted();
        peer.write_all(&peers::ws_close(code, "bye")).unwrap();
        let (first, payload) = peers::read_ws_frame(&mut peer);
        assert_eq!((first, &payload[..2]), (CLOSE, &code.to_be_bytes()[..]));
        assert_eq!(peers::read_to_the_end(&mut peer), b"");
        let text = "bye".into();
        assert_eq!(node.disconnected(endpoint), CloseReason::PeerClosedWith { code, text });
    }
}

// Clear text where TLS was asked for.

#[test]
fn a_secure_or_foreign_scheme_is_refused_before_any_byte_leaves() {
    let plain = TcpListener::bind(ANY_PORT).unwrap();
    let addr = plain.local_addr().unwrap();
    let node = Node::new();
    for scheme in ["wss", "WSS", "https", "http", "ftp"] {
        for &transport in Transport::ALL {
            let url = format!("{scheme}://{addr}/secret?token=abc");
            let error = node.network().connect(transport, &url).unwrap_err();
            assert!(error.to_string().contains(&url), "{error}");
            node.network().connect_sync(transport, &url).unwrap_err();
        }
    }
    node.assert_silent();
    assert_eq!(node.network().stats().endpoints, 0);
    let mark = TcpStream::connect(addr).unwrap();
    let (_, first) = plain.accept().unwrap();
    assert_eq!(first, mark.local_addr().unwrap(), "nobody connected before");
}

// Panics on ordinary input.

#[test]
fn bad_addresses_are_errors_and_no_panics() {
    let node = Node::new();
    let network = node.network();
    for &transport in Transport::ALL {
        for addr in ["", "localhost", ":80", "localhost:70000", "not a url", "\0:80"] {
            assert!(network.connect(transport, addr).is_err(), "{transport} to '{addr}'");
            assert!(network.connect_sync(transport, addr).is_err(), "{transport} to '{addr}'");
            assert!(network.listen(transport, addr).is_err(), "{transport} on '{addr}'");
        }
        assert!(network.connect(transport, ("no-such-host.invalid", 80)).is_err());
        assert!(network.listen(transport, ("no-such-host.invalid", 80)).is_err());
    }
    assert!(network.connect(Transport::Ws, "ws://no-such-host.invalid/").is_err());
    node.assert_silent();
    assert_eq!(network.stats().endpoints, 0);
}

#[test]
fn host_names_are_addresses() {
    for transport in STREAMS {
        let (client, server) = (Node::new(), Node::new());
        let (_, addr) = server.listen(transport);
        let host = format!("localhost:{}", addr.port());
        let (endpoint, _) = client.network().connect(transport, &host).unwrap();
        assert!(matches!(client.next(), StoredNetEvent::Connected(e, true) if e == endpoint));
        server.accepted();
    }
}

#[test]
fn ids_and_times_that_mean_nothing_are_no_panics() {
    let node = Node::new();
    let (listener, addr) = node.listen(Transport::FramedTcp);
    let nobody = [
        Endpoint::from_listener(0_usize.into(), addr),
        Endpoint::from_listener(usize::MAX.into(), addr),
        Endpoint::from_listener(listener, addr),
    ];
    for endpoint in nobody {
        assert_eq!(node.network().send(endpoint, b"x"), SendStatus::ResourceNotFound);
        assert_eq!(node.network().try_send(endpoint, b"x"), SendStatus::ResourceNotFound);
        node.network().flush(endpoint);
        assert_eq!(node.network().close_reason(endpoint), None);
    }
    assert!(!node.network().remove(usize::MAX.into()));
    assert_eq!(node.network().is_ready(usize::MAX.into()), None);
    let (sender, receiver) = mpsc::channel();
    let timer = node.handler.signals().send_with_timer(sender, Duration::MAX);
    node.settle();
    assert!(receiver.try_recv().is_err(), "it is not its time yet");
    node.handler.signals().cancel_timer(timer);
    node.handler.signals().cancel_timer(timer);
}

#[test]
fn a_remote_address_knows_whether_it_is_text() {
    let text = "ws://example.org/".to_remote_addr().unwrap();
    assert!(text.is_string() && !text.is_socket_addr());
    assert_eq!(text.string(), "ws://example.org/");
    let socket: RemoteAddr = "[::1]:80".to_remote_addr().unwrap();
    assert!(socket.is_socket_addr() && !socket.is_string());
    assert_eq!(socket.string(), "");
}

// Panics of the callback.

const PAYLOAD: &str = "the callback's own panic";

/// Panics without the noise on the standard error.
fn panic_quietly() -> ! {
    resume_unwind(Box::new(PAYLOAD))
}

/// Has something that was sent to `addr` begin the panic, and returns the peer's socket.
fn provoke(transport: Transport, addr: SocketAddr) -> Option<TcpStream> {
    if transport == Transport::Udp {
        UdpSocket::bind(ANY_PORT).unwrap().send_to(b"x", addr).unwrap();
        return None;
    }
    let mut peer = peers::open(transport, addr);
    peer.write_all(&peers::frame(transport, b"x")).unwrap();
    Some(peer)
}

fn assert_free(transport: Transport, addr: SocketAddr) {
    match transport {
        Transport::Udp => drop(UdpSocket::bind(addr).expect("the port is free")),
        _ => drop(TcpListener::bind(addr).expect("the port is free")),
    }
}

fn panicking_callback(event: &NodeEvent<'_, ()>) {
    if let NodeEvent::Network(NetEvent::Message(..)) = event {
        panic_quietly();
    }
}

#[test]
fn a_panic_in_the_callback_unwinds_out_of_for_each_with_sockets_closed() {
    for &transport in Transport::ALL {
        let (handler, listener) = node::split::<()>();
        let (_, addr) = handler.network().listen(transport, ANY_PORT).unwrap();
        let runner = thread::spawn(move || {
            let run = || listener.for_each(|event| panicking_callback(&event));
            let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
            assert!(!handler.is_running());
            assert_eq!(handler.network().stats().endpoints, 0);
            assert_free(transport, addr);
            assert!(handler.network().connect(transport, addr).is_err(), "the node has ended");
            payload.downcast_ref::<&str>().copied()
        });
        if let Some(mut peer) = provoke(transport, addr) {
            peers::read_to_the_end(&mut peer);
        }
        let payload = in_time(move || runner.join().unwrap());
        assert_eq!(payload, Some(PAYLOAD), "{transport}");
    }
}

#[test]
fn a_panic_in_the_callback_of_for_each_async_comes_out_of_wait() {
    for &transport in Transport::ALL {
        let (handler, listener) = node::split::<()>();
        let (_, addr) = handler.network().listen(transport, ANY_PORT).unwrap();
        let mut task = listener.for_each_async(|event| panicking_callback(&event));
        if let Some(mut peer) = provoke(transport, addr) {
            peers::read_to_the_end(&mut peer);
        }
        let payload = in_time(move || {
            let payload = catch_unwind(AssertUnwindSafe(|| task.wait())).unwrap_err();
            task.wait();
            payload.downcast_ref::<&str>().copied()
        });
        assert_eq!(payload, Some(PAYLOAD), "{transport}");
        assert!(!handler.is_running());
        assert_free(transport, addr);
    }
}

#[test]
fn a_panic_at_a_signal_lets_go_a_thread_that_waits_to_send() {
    let (handler, listener) = node::split::<()>();
    let (_, addr) = handler.network().listen(Transport::FramedTcp, ANY_PORT).unwrap();
    let _peer = peers::open(Transport::FramedTcp, addr);
    let (sender, accepted) = mpsc::channel();
    let mut task = listener.for_each_async(move |event| match event {
        NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => sender.send(endpoint).unwrap(),
        NodeEvent::Network(_) => {}
        NodeEvent::Signal(()) => panic_quietly(),
    });
    let endpoint = accepted.recv_timeout(DEADLINE).unwrap();
    let inner = handler.clone();
    let message = vec![0; 1 << 20];
    let fill = thread::spawn(
        move || {
            while inner.network().send(endpoint, &message) == SendStatus::Sent {}
        },
    );
    eventually("the outbox is full", || handler.network().stats().queued_bytes > 1 << 20);
    handler.signals().send(());
    in_time(move || fill.join().unwrap());
    in_time(move || catch_unwind(AssertUnwindSafe(|| task.wait())).unwrap_err());
}

#[test]
fn a_panic_at_a_signal_lets_go_a_thread_that_waits_to_connect() {
    let unanswering = Unanswering::new();
    let (handler, listener) = node::split::<()>();
    let mut task = listener.for_each_async(|_| panic_quietly());
    let (inner, addr) = (handler.clone(), unanswering.addr);
    let connect = thread::spawn(move || inner.network().connect_sync(Transport::Tcp, addr));
    eventually("it waits", || handler.network().stats().endpoints == 1);
    handler.signals().send(());
    let error = in_time(move || connect.join().unwrap()).unwrap_err();
    assert_eq!(CloseReason::of(&error), Some(&CloseReason::NodeStopped));
    in_time(move || catch_unwind(AssertUnwindSafe(|| task.wait())).unwrap_err());
}

// Events after `remove`.

const QUEUED: usize = 1000;

#[test]
fn removing_at_the_first_of_many_queued_messages_is_followed_by_silence() {
    for transport in STREAMS {
        let delivered = Arc::new(AtomicUsize::new(0));
        let (count, (written, all_written)) = (Arc::clone(&delivered), mpsc::channel());
        let node = Node::with(move |handler, event| match event {
            // The loop stands still until all messages wait in the kernel.
            NetEvent::Accepted(..) => all_written.recv_timeout(DEADLINE).unwrap(),
            NetEvent::Message(endpoint, _) => {
                count.fetch_add(1, Ordering::Relaxed);
                assert!(handler.network().remove(endpoint.resource_id()));
            }
            _ => {}
        });
        let (_, addr) = node.listen(transport);
        let mut peer = peers::open(transport, addr);
        peer.write_all(&peers::frame(transport, b"message").repeat(QUEUED)).unwrap();
        written.send(()).unwrap();
        let endpoint = node.accepted();
        assert_eq!(node.message().0, endpoint);
        peers::read_to_the_end(&mut peer);
        node.assert_silent();
        assert_eq!(delivered.load(Ordering::Relaxed), 1, "{transport}");
    }
}

#[test]
fn removing_a_udp_listener_at_the_first_of_many_queued_datagrams_is_followed_by_silence() {
    let peer = UdpSocket::bind(ANY_PORT).unwrap();
    let send_many = |addr| (0..100).for_each(|_| _ = peer.send_to(b"datagram", addr).unwrap());
    let remove = |handler: &Handler, event: &NetEvent<'_>| {
        if let NetEvent::Message(endpoint, _) = event {
            assert!(handler.network().remove(endpoint.resource_id()));
        }
    };
    let prepare = |handler: &Handler| {
        let (_, addr) = handler.network().listen(Transport::Udp, ANY_PORT).unwrap();
        send_many(addr);
    };
    let node = Node::prepared(prepare, remove);
    node.message();
    node.assert_silent();

    let peer_addr = peer.local_addr().unwrap();
    let prepare = |handler: &Handler| {
        let (_, addr) = handler.network().connect(Transport::Udp, peer_addr).unwrap();
        send_many(addr);
    };
    let node = Node::prepared(prepare, remove);
    assert!(matches!(node.next(), StoredNetEvent::Connected(_, true)));
    node.message();
    node.assert_silent();
}

// Sends before the connection is ready.

#[test]
fn what_is_sent_while_connecting_is_queued_and_arrives() {
    for &transport in Transport::ALL {
        let server = Node::new();
        let (_, addr) = server.listen(transport);
        let client = Node::prepared(
            move |handler| {
                let (endpoint, _) = handler.network().connect(transport, addr).unwrap();
                for message in [b"first".as_slice(), b"second"] {
                    assert_eq!(handler.network().send(endpoint, message), SendStatus::Sent);
                }
            },
            |_, _| {},
        );
        if transport.is_connection_oriented() {
            server.accepted();
        }
        let mut got = Vec::new();
        while got.len() < b"firstsecond".len() {
            got.extend(server.message().1);
        }
        assert_eq!(got, b"firstsecond", "{transport}");
        assert!(matches!(client.next(), StoredNetEvent::Connected(_, true)), "{transport}");
    }
}

// Waiting for a connection.

const SHORT: Duration = Duration::from_millis(300);

/// `connect_sync` by each stream transport, given up after `SHORT`.
fn connect_sync_briefly(handler: &Handler, transport: Transport, addr: SocketAddr) -> CloseReason {
    let limits = Limits::default().with_connect_timeout(SHORT).with_handshake_timeout(SHORT);
    let network = handler.network();
    let start = Instant::now();
    let result = match transport {
        Transport::Tcp => {
            network.connect_sync(TcpConnectConfig::default().with_limits(limits), addr)
        }
        Transport::FramedTcp => {
            network.connect_sync(FramedTcpConnectConfig::default().with_limits(limits), addr)
        }
        _ => network.connect_sync(WsConnectConfig::default().with_limits(limits), addr),
    };
    let error = result.expect_err("nobody answers");
    assert!(start.elapsed() < SHORT + Duration::from_secs(2), "{:?}", start.elapsed());
    CloseReason::of(&error).expect("it carries the reason").clone()
}

/// Runs `check` where nobody runs the loop, where another thread does, and inside the callback.
fn in_every_place(check: impl Fn(&Handler) + Clone + Send + 'static) {
    let (handler, listener) = node::split();
    check(&handler);
    drop(listener);
    assert_eq!(handler.network().stats().endpoints, 0);

    let node = Node::new();
    check(&node.handler);
    node.assert_silent();
    eventually("nothing is left", || node.network().stats().endpoints == 0);

    let (done, is_done) = mpsc::channel();
    let node = Node::with(move |handler, event| {
        if let NetEvent::Connected(endpoint, _) = event {
            handler.network().remove(endpoint.resource_id());
            check(handler);
            done.send(()).unwrap();
        }
    });
    node.connect(Transport::Udp, "127.0.0.1:9".parse().unwrap());
    is_done.recv_timeout(DEADLINE).expect("the callback comes to its end");
    node.next();
    node.assert_silent();
}

#[test]
fn connect_sync_to_nobody_tells_that_it_was_refused() {
    in_every_place(|handler| {
        let (_socket, addr) = peers::refusing();
        for transport in STREAMS {
            let reason = connect_sync_briefly(handler, transport, addr);
            assert_eq!(reason, CloseReason::Refused, "{transport}");
        }
    });
}

#[test]
fn connect_sync_without_an_answer_ends_by_the_connect_timeout() {
    let unanswering = Arc::new(Unanswering::new());
    in_every_place(move |handler| {
        for transport in STREAMS {
            let start = Instant::now();
            let reason = connect_sync_briefly(handler, transport, unanswering.addr);
            assert_eq!(reason, CloseReason::ConnectTimeout, "{transport}");
            assert!(start.elapsed() >= SHORT, "not before its time");
        }
    });
}

#[test]
fn connect_sync_to_a_server_that_does_not_shake_hands_tells_so() {
    in_every_place(|handler| {
        let silent = TcpListener::bind(ANY_PORT).unwrap();
        let addr = silent.local_addr().unwrap();
        let reason = connect_sync_briefly(handler, Transport::Ws, addr);
        assert_eq!(reason, CloseReason::HandshakeTimeout);

        let rude = peers::server(|mut stream| {
            peers::read_head(&mut stream);
            stream.write_all(b"220 mail.example.org ESMTP\r\n").unwrap();
            peers::read_to_the_end(&mut stream);
        });
        let reason = connect_sync_briefly(handler, Transport::Ws, rude);
        assert!(matches!(reason, CloseReason::HandshakeRefused(_)), "{reason:?}");
    });
}

#[test]
fn connect_sync_inside_the_callback_gives_an_endpoint_that_is_ready() {
    let server = Node::new();
    let addrs = STREAMS.map(|transport| (transport, server.listen(transport).1));
    let client = Node::with(move |handler, event| {
        let NetEvent::Message(..) = event else { return };
        for (transport, addr) in addrs {
            let (endpoint, _) = handler.network().connect_sync(transport, addr).unwrap();
            assert_eq!(handler.network().is_ready(endpoint.resource_id()), Some(true));
            assert_eq!(handler.network().send(endpoint, b"hello"), SendStatus::Sent);
        }
    });
    let (_, addr) = client.listen(Transport::Udp);
    UdpSocket::bind(ANY_PORT).unwrap().send_to(b"go", addr).unwrap();
    client.message();
    for _ in STREAMS {
        assert!(matches!(client.next(), StoredNetEvent::Connected(_, true)));
    }
    let mut messages = 0;
    while messages < STREAMS.len() {
        if let StoredNetEvent::Message(_, message) = server.next() {
            assert_eq!(message, b"hello");
            messages += 1;
        }
    }
}

// Handshakes that fail, and ends of nodes.

#[test]
fn an_accepted_connection_whose_handshake_fails_is_counted_and_no_event() {
    let node = Node::new();
    let (_, addr) = node.listen(Transport::Ws);
    let mut rude = peers::connect(addr);
    rude.write_all(b"\x16\x03\x01 this is not HTTP").unwrap();
    peers::read_to_the_end(&mut rude);
    drop(peers::connect(addr));
    peers::reset(peers::connect(addr));
    eventually("all three are counted", || node.network().stats().refused == 3);
    node.assert_silent();
    eventually("nothing but the listener is left", || node.network().stats().endpoints == 1);
}

#[test]
fn connecting_and_listening_beside_stop_leaves_nothing_open() {
    let plain = TcpListener::bind(ANY_PORT).unwrap();
    let addr = plain.local_addr().unwrap();
    for _ in 0..500 {
        let mut node = Node::new();
        let network = node.network().clone();
        let (first, is_first) = mpsc::channel();
        let opener = thread::spawn(move || {
            while network.connect(Transport::Tcp, addr).is_ok()
                && network.listen(Transport::Udp, ANY_PORT).is_ok()
            {
                let _ = first.send(());
            }
        });
        is_first.recv_timeout(DEADLINE).unwrap();
        let network = node.network().clone();
        node.stop();
        in_time(move || opener.join().unwrap());
        assert_eq!(network.stats().endpoints, 0, "everything is closed");
        plain.set_nonblocking(true).unwrap();
        while plain.accept().is_ok() {}
    }
}

#[test]
fn dropping_the_task_after_stop_returns() {
    let (handler, listener) = node::split::<()>();
    let task = listener.for_each_async(|_| {});
    handler.stop();
    in_time(move || drop(task));
    assert!(!handler.is_running());
}

#[test]
fn dropping_a_listener_that_never_ran_closes_its_sockets() {
    for &transport in Transport::ALL {
        let (handler, listener) = node::split::<()>();
        let (_, addr) = handler.network().listen(transport, ANY_PORT).unwrap();
        let mut peer = transport
            .is_connection_oriented()
            .then(|| peers::ready(TcpStream::connect(addr).unwrap()));
        in_time(move || drop(listener));
        assert!(!handler.is_running());
        assert_eq!(handler.network().stats().endpoints, 0);
        if let Some(peer) = &mut peer {
            assert!(!matches!(peer.read(&mut [0]), Ok(1)), "{transport}: nobody is there");
        }
        assert_free(transport, addr);
    }
}
