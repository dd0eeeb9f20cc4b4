//! Peers that are silent, slow or gone: each limit ends them, and nobody else.
//!
//! Exact times are tested with a clock of the test's, in polywire-framed-tcp.

#[cfg(target_os = "linux")]
mod alone;
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use polywire::CloseReason;
use polywire::adapters::tcp::TcpConnectConfig;
use polywire::network::{Endpoint, Limits, NetEvent};

use support::peers::{self, Unanswering};
#[cfg(target_os = "linux")]
use support::system;
use support::{
    DEADLINE, Node, RawStream, SLACK, StoredNetEvent, Transport, at_once, connecting, eventually,
    listening, median,
};

const SECOND: Duration = Duration::from_secs(1);
const SHORT: Duration = Duration::from_millis(300);

fn accepted(node: &Node, transport: Transport, limits: Limits) -> (Endpoint, RawStream) {
    let (_, addr) = node.listen(&*listening(transport, limits));
    let peer = peers::open_any(transport, addr);
    (node.accepted(), peer)
}

/// `endpoint` ends for that reason after about that time.
#[track_caller]
fn ends_after(node: &Node, time: Duration, (endpoint, reason): (Endpoint, CloseReason)) {
    let start = Instant::now();
    assert_eq!(node.disconnected(endpoint), reason);
    let took = start.elapsed();
    // It began a little before this did.
    assert!(took + SHORT / 2 >= time && took <= time + SECOND, "{took:?} instead of {time:?}");
}

/// Whether the other side has ended the connection.
fn has_ended(peer: &mut RawStream) -> bool {
    peer.set_nonblocking(true).unwrap();
    loop {
        match peer.read(&mut [0; 512]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// Sends an echo through, again and again until `over`, and tells the longest time it took.
fn worst_echo(transport: Transport, mut peer: RawStream, over: &mpsc::Receiver<()>) -> Duration {
    let mut worst = Duration::ZERO;
    while over.recv_timeout(Duration::from_millis(10)) == Err(mpsc::RecvTimeoutError::Timeout) {
        let start = Instant::now();
        peer.write_all(&peers::frame(transport, b"hello")).unwrap();
        assert_eq!(peers::read_message(transport, &mut peer), b"hello");
        worst = worst.max(start.elapsed());
    }
    worst
}

#[test]
fn silent_and_dripping_handshakes_end_in_time_and_hold_nobody_up() {
    Transport::Ws.each_way().for_each(silent_and_dripping_handshakes_end);
}

fn silent_and_dripping_handshakes_end(transport: Transport) {
    const EACH: usize = 200;
    let node = Node::echo();
    let limits = Limits::default().with_handshake_timeout(SECOND);
    let (_, addr) = node.listen(&*listening(transport, limits));
    let served = peers::open_any(transport, addr);
    let (over, is_over) = mpsc::channel();
    let served = thread::spawn(move || worst_echo(transport, served, &is_over));

    let first = Instant::now();
    let connect = |_| RawStream::plain(peers::connect(addr));
    let mut silent: Vec<_> = (0..EACH).map(connect).collect();
    let mut dripping: Vec<_> = (0..EACH).map(connect).collect();
    let last = Instant::now();
    let first_words = match transport.is_secure() {
        true => peers::begin(transport, dripping[0].try_clone().unwrap()).sealed(&[b""]),
        false => peers::UPGRADE.to_vec(),
    };
    let mut drops = first_words.iter();
    while first.elapsed() < SECOND - SHORT {
        let byte = *drops.next().unwrap();
        dripping.iter_mut().for_each(|peer| peer.write_all(&[byte]).unwrap());
        thread::sleep(SECOND / 20);
    }
    if first.elapsed() < SECOND {
        // Not so on a machine that held this thread up.
        assert_eq!(node.network().stats().refused, 0, "somebody was cut too early");
    }
    eventually("all are refused", || node.network().stats().refused == 2 * EACH as u64);
    let took = last.elapsed();
    assert!(took <= SECOND + SECOND / 2 * SLACK.min(4), "{took:?}");
    for peer in silent.iter_mut().chain(&mut dripping) {
        eventually("its end comes", || has_ended(peer));
    }
    over.send(()).unwrap();
    let worst = served.join().unwrap();
    assert!(worst < SECOND / 2, "an echo took {worst:?} meanwhile");
    drop((silent, dripping));
    eventually("they are forgotten", || node.network().stats().endpoints == 1);
}

/// Those that wait are looked at by nobody until the time of the first is over.
#[cfg(target_os = "linux")]
#[test]
fn handshakes_that_wait_cost_nothing() {
    at_once(Transport::Ws.each_way(), |transport| {
        const COUNT: usize = 400;
        const LIMIT: Duration = Duration::from_secs(3);
        let (tell, thread) = mpsc::channel();
        let node = Node::with(move |_, _| tell.send(system::this_thread()).unwrap());
        let limits = Limits::default().with_handshake_timeout(LIMIT);
        let (_, addr) = node.listen(&*listening(transport, limits));
        let _served = peers::open_any(transport, addr);
        let thread = thread.recv_timeout(DEADLINE).unwrap();

        let start = Instant::now();
        let waiting: Vec<_> = (0..COUNT).map(|_| peers::connect(addr)).collect();
        eventually("all are there", || node.network().stats().endpoints == 2 + COUNT);
        let (ran, quiet) = (alone::ran(&thread), Instant::now());
        // Not as long as it has to be on a machine that held this thread up.
        thread::sleep((LIMIT - SHORT).saturating_sub(start.elapsed()));
        let share = (alone::ran(&thread) - ran) as f64 / quiet.elapsed().as_nanos() as f64;
        println!("measured: {COUNT} handshakes that wait take {:.3} % of a CPU", share * 100.0);
        assert!(share < 0.01, "{:.1} % of a CPU", share * 100.0);
        assert_eq!(node.network().stats().refused, 0, "their time is not over");

        eventually("all are refused", || node.network().stats().refused == COUNT as u64);
        let took = start.elapsed();
        assert!(took <= LIMIT + SECOND / 2 * SLACK.min(2), "{took:?}");
        drop(waiting);
    });
}

#[test]
fn a_handshake_that_the_server_does_not_answer_ends_in_time() {
    at_once(Transport::STREAMS.iter().filter(|one| one.has_handshake()), |&transport| {
        let addr = peers::server(|mut stream| drop(peers::read_to_the_end(&mut stream)));
        let node = Node::new();
        let limits = Limits::default().with_handshake_timeout(SHORT);
        let start = Instant::now();
        let endpoint = node.connect(&*connecting(transport, limits), addr);
        assert_eq!(node.not_connected(endpoint), CloseReason::HandshakeTimeout);
        let took = start.elapsed();
        assert!(took >= SHORT && took < SHORT + SECOND, "{took:?}");
    });
}

#[test]
fn a_message_that_does_not_go_on_ends_the_connection() {
    let begun = [
        (Transport::FramedTcp, vec![0xFF]),
        (Transport::FramedTcp, vec![100, 1, 2, 3]),
        (Transport::Ws, vec![peers::BINARY]),
        (Transport::Ws, vec![peers::BINARY, 0x80 | 100, 1, 2, 3, 4, 5]),
        // Between two fragments, with nothing of the next.
        (Transport::Ws, peers::ws_frame(0x02, b"first")),
    ];
    let cases = begun.into_iter().flat_map(|(plain, bytes)| {
        plain.each_way().map(move |transport| (transport, bytes.clone()))
    });
    at_once(cases, |(transport, bytes)| {
        let node = Node::new();
        let limits = Limits::default()
            .with_message_timeout(SHORT)
            .with_idle_timeout(Duration::from_secs(3600));
        let (endpoint, mut peer) = accepted(&node, transport, limits);
        thread::sleep(SHORT); // Silence between messages is nobody's fault.
        peer.write_all(&bytes).unwrap();
        ends_after(&node, SHORT, (endpoint, CloseReason::MessageTimeout));
        assert_eq!(node.network().stats().ended.by_timeout, 1);
    });
}

/// Nothing of the message can be read then.
#[test]
fn a_record_that_does_not_go_on_ends_the_connection() {
    at_once(Transport::MESSAGE_STREAMS.iter().filter(|one| one.is_secure()), |&transport| {
        for sent in [1, 5, 20] {
            let node = Node::new();
            let limits = Limits::default()
                .with_message_timeout(SHORT)
                .with_idle_timeout(Duration::from_secs(3600));
            let (endpoint, mut peer) = accepted(&node, transport, limits);
            let record = peer.sealed(&[&peers::frame(transport, b"hello")]);
            (&*peer).write_all(&record[..sent]).unwrap();
            ends_after(&node, SHORT, (endpoint, CloseReason::MessageTimeout));
        }
    });
}

#[test]
fn a_message_that_goes_on_slowly_arrives_where_it_may() {
    at_once(Transport::MESSAGE_STREAMS, |&transport| {
        let node = Node::new();
        let limits = Limits::default()
            .with_message_timeout(2 * SHORT)
            .with_min_message_rate(0)
            .with_idle_timeout(2 * SHORT);
        let (_, mut peer) = accepted(&node, transport, limits);
        let bytes = peer.sealed(&[&peers::frame(transport, &[7; 9])]);
        for piece in bytes.chunks(bytes.len().div_ceil(12)) {
            (&*peer).write_all(piece).unwrap();
            thread::sleep(SHORT / 3);
        }
        assert_eq!(node.message().1, [7; 9], "{transport}");
    });
}

#[test]
fn a_peer_that_is_silent_for_the_idle_time_ends_and_one_that_speaks_does_not() {
    at_once(Transport::STREAMS, |&transport| {
        let node = Node::echo();
        let limits = Limits::default().with_idle_timeout(2 * SHORT);
        let (endpoint, mut peer) = accepted(&node, transport, limits);
        for _ in 0..6 {
            thread::sleep(SHORT / 2); // Healed before the limit.
            peer.write_all(&peers::frame(transport, b"alive")).unwrap();
            assert_eq!(node.message().1, b"alive", "{transport}");
        }
        ends_after(&node, 2 * SHORT, (endpoint, CloseReason::IdleTimeout));
        eventually("the peer is told", || has_ended(&mut peer));
    });
}

#[test]
fn what_this_side_sends_is_no_sign_of_the_peer() {
    at_once(Transport::STREAMS, |&transport| {
        let node = Node::new();
        let limits = Limits::default().with_idle_timeout(2 * SHORT);
        let (endpoint, _peer) = accepted(&node, transport, limits);
        let handler = node.handler.clone();
        let sender = thread::spawn(move || {
            while handler.network().close_reason(endpoint).is_none() {
                handler.network().send(endpoint, b"are you there?");
                thread::sleep(SHORT / 10);
            }
        });
        ends_after(&node, 2 * SHORT, (endpoint, CloseReason::IdleTimeout));
        sender.join().unwrap();
    });
}

#[test]
fn a_callback_that_takes_its_time_is_no_silence_of_the_peers() {
    at_once(Transport::MESSAGE_STREAMS, |&transport| {
        let node = Node::with(|_, event| {
            if matches!(event, NetEvent::Message(_, b"sleep")) {
                thread::sleep(3 * SHORT);
            }
        });
        let limits = Limits::default().with_idle_timeout(2 * SHORT);
        let (_, addr) = node.listen(&*listening(transport, limits));
        let (mut first, mut second) =
            (peers::open_any(transport, addr), peers::open_any(transport, addr));
        node.accepted();
        node.accepted();
        first.write_all(&peers::frame(transport, b"sleep")).unwrap();
        thread::sleep(SHORT);
        first.write_all(&peers::frame(transport, b"alive")).unwrap();
        second.write_all(&peers::frame(transport, b"alive")).unwrap();
        assert_eq!(node.message().1, b"sleep");
        assert_eq!(node.message().1, b"alive");
        assert_eq!(node.message().1, b"alive");
    });
}

/// A WebSocket peer that answers so many pings, and then nothing any more.
fn answer_pings(peer: &mut RawStream, count: usize) {
    for _ in 0..count {
        let (first, payload) = peers::read_ws_frame(peer);
        assert_eq!(first, 0x89, "a ping");
        peer.write_all(&peers::ws_frame(0x8A, &payload)).unwrap();
    }
}

#[test]
fn answers_to_pings_keep_a_silent_peer_and_it_ends_without_them() {
    at_once(Transport::Ws.each_way(), |transport| {
        let node = Node::new();
        let limits = Limits::default().with_heartbeat(SHORT / 2).with_idle_timeout(3 * SHORT);
        let (endpoint, mut peer) = accepted(&node, transport, limits);
        let start = Instant::now();
        answer_pings(&mut peer, 12);
        assert!(start.elapsed() > 5 * SHORT, "the pings come once an interval");
        assert_eq!(node.network().is_ready(endpoint.resource_id()), Some(true));
        ends_after(&node, 3 * SHORT, (endpoint, CloseReason::IdleTimeout));
    });
}

#[test]
fn two_nodes_keep_each_other_alive_by_pings() {
    at_once(Transport::Ws.each_way(), |transport| {
        let (client, server) = (Node::new(), Node::new());
        let limits = Limits::default().with_heartbeat(SHORT / 3).with_idle_timeout(2 * SHORT);
        let (_, addr) = server.listen(&*listening(transport, limits));
        client.connect_ready(transport, addr);
        server.accepted();
        thread::sleep(5 * SHORT);
        client.assert_silent();
        server.assert_silent();
    });
}

fn connect(node: &Node, limits: &Limits, addr: SocketAddr) -> Endpoint {
    node.connect(TcpConnectConfig::default().with_limits(limits.clone()), addr)
}

/// The endpoints that the next `count` events say did not connect, with reasons.
fn failures(node: &Node, count: usize, reason: &CloseReason) -> Vec<Endpoint> {
    let mut failed: Vec<_> = (0..count)
        .map(|_| match node.next() {
            StoredNetEvent::Connected(endpoint, false) => {
                assert_eq!(node.network().close_reason(endpoint).as_ref(), Some(reason));
                endpoint
            }
            other => panic!("{other:?}"),
        })
        .collect();
    failed.sort_unstable();
    failed
}

#[test]
fn a_thousand_connects_end_once_each_whether_refused_or_not_answered() {
    const COUNT: usize = 1000;
    let (_socket, refusing) = peers::refusing();
    let black_hole = Unanswering::new();
    let limits = Limits::default().with_connect_timeout(SECOND);
    for (addr, reason) in
        [(refusing, CloseReason::Refused), (black_hole.addr, CloseReason::ConnectTimeout)]
    {
        let node = Node::new();
        let first = Instant::now();
        let mut begun: Vec<_> = (0..COUNT).map(|_| connect(&node, &limits, addr)).collect();
        let last = Instant::now();
        begun.sort_unstable();
        assert_eq!(failures(&node, COUNT, &reason), begun);
        if reason == CloseReason::ConnectTimeout {
            assert!(first.elapsed() >= SECOND);
            assert!(last.elapsed() <= SECOND + SECOND / 2 * SLACK.min(2), "{:?}", last.elapsed());
        }
        node.assert_silent();
        eventually("all are forgotten", || node.network().stats().endpoints == 0);
    }
}

#[test]
fn stop_ends_a_connect_sync_inside_the_callback_at_once() {
    let black_hole = Unanswering::new();
    for &transport in Transport::STREAMS {
        // One of them may be held up by whatever else the machine does.
        let times = [(); 3].map(|()| stop_inside_connect_sync(transport, black_hole.addr));
        let took = median(times.into());
        assert!(took < SLACK * Duration::from_millis(10), "{transport}: {times:?}");
    }
}

/// How long a `connect_sync` goes on after its node was stopped.
fn stop_inside_connect_sync(transport: Transport, addr: SocketAddr) -> Duration {
    let (handler, listener) = polywire::node::split::<()>();
    let (tell, told) = mpsc::channel();
    let inner = handler.clone();
    let mut task = listener.for_each_async(move |_| {
        tell.send(None).unwrap();
        let result = inner.network().connect_sync(transport, addr);
        tell.send(Some((Instant::now(), result.unwrap_err()))).unwrap();
    });
    handler.signals().send(());
    told.recv_timeout(DEADLINE).unwrap();
    thread::sleep(SHORT / 3); // It waits for an answer by now.
    let stopped = Instant::now();
    handler.stop();
    let (ended, error) = told.recv_timeout(DEADLINE).unwrap().unwrap();
    task.wait();
    assert_eq!(CloseReason::from(&error), CloseReason::NodeStopped);
    ended - stopped
}
