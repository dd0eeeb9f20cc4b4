//! Peers that are cut off without a word end at the limit, and those that come back before
//! it lose nothing.
//!
//! The link is cut by a filter on the peer's socket that drops whatever comes: its system
//! acknowledges nothing and answers no probe until the filter is taken off.
#![cfg(target_os = "linux")]

mod support;

use std::collections::HashMap;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use polywire::CloseReason;
use polywire::adapter::Listen;
use polywire::adapters::tcp::{TcpKeepalive, TcpListenConfig};
use polywire::network::{Limits, NetEvent};
use socket2::{SockFilter, SockRef};

use support::peers;
use support::{Node, RawStream, Transport, eventually, listening_with};

const SECOND: Duration = Duration::from_secs(1);
const T: Duration = Duration::from_secs(2);
/// Peers that are cut off for good, and as many that come back.
const PEERS: usize = 10;
/// How long after its limit an end may come, and how long before it: the last sign of a peer is a
/// little older than the cut.
const LATE: Duration = SECOND;
const EARLY: Duration = Duration::from_millis(300);

const HELLO: &[u8] = b"hello";
const ARE_YOU_THERE: &[u8] = b"there";

fn cut(peer: &TcpStream) {
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K: so many bytes of the packet are let through.
    SockRef::from(peer).attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)]).unwrap();
}

fn heal(peer: &TcpStream) {
    SockRef::from(peer).detach_filter().unwrap();
}

/// How a connection finds out about its peer.
#[derive(Clone, Copy)]
enum Watch {
    /// The peer must speak.
    Idle,
    /// The peer must answer pings.
    Heartbeat,
    /// The peer's system must answer probes.
    Keepalive,
}

impl Watch {
    fn listening(self, transport: Transport) -> Box<dyn Listen> {
        let limits = match self {
            Self::Idle => Limits::default().with_idle_timeout(T),
            Self::Heartbeat => Limits::default().with_heartbeat(T / 4).with_idle_timeout(T),
            Self::Keepalive => Limits::default(),
        };
        let tcp = TcpListenConfig::default().with_limits(limits);
        let tcp = match self {
            // The system counts in seconds: probes after one and after two, given up after three.
            Self::Keepalive => tcp.with_keepalive(
                TcpKeepalive::new().with_time(SECOND).with_interval(SECOND).with_retries(2),
            ),
            _ => tcp,
        };
        listening_with(transport, tcp)
    }

    fn limit(self) -> Duration {
        if matches!(self, Self::Keepalive) { 3 * SECOND } else { T }
    }

    fn reason(self) -> CloseReason {
        match self {
            Self::Idle | Self::Heartbeat => CloseReason::IdleTimeout,
            Self::Keepalive => CloseReason::TimedOut,
        }
    }
}

/// A message of five bytes, whatever pings come before it, which are answered.
fn hear(transport: Transport, peer: &mut RawStream) -> Vec<u8> {
    match transport.plain() {
        Transport::Tcp => peers::read_exactly(peer, HELLO.len()),
        Transport::FramedTcp => peers::read_message(transport, peer),
        _ => loop {
            match peers::read_ws_frame(peer) {
                (0x89, payload) => peer.write_all(&peers::ws_frame(0x8A, &payload)).unwrap(),
                (_, message) => return message,
            }
        },
    }
}

fn echo(transport: Transport, peer: &mut RawStream) {
    peer.write_all(&peers::frame(transport, HELLO)).unwrap();
    assert_eq!(hear(transport, peer), HELLO, "{transport}");
}

/// What a peer does that came back, until `end`: as little as keeps it. It is handed back alive.
fn live(watch: Watch, transport: Transport, mut peer: RawStream, end: Instant) -> RawStream {
    heal(&peer);
    assert_eq!(hear(transport, &mut peer), ARE_YOU_THERE, "said while it was cut off");
    while Instant::now() < end {
        match watch {
            Watch::Idle => {
                echo(transport, &mut peer);
                thread::sleep(T / 4);
            }
            Watch::Heartbeat => {
                let (first, payload) = peers::read_ws_frame(&mut peer);
                assert_eq!(first, 0x89, "a ping");
                peer.write_all(&peers::ws_frame(0x8A, &payload)).unwrap();
            }
            Watch::Keepalive => thread::sleep(end - Instant::now()),
        }
    }
    echo(transport, &mut peer);
    peer
}

/// When and why connections ended, by the address of their peer.
type Ends = Arc<Mutex<HashMap<SocketAddr, (Instant, Option<CloseReason>)>>>;

/// A node that sends back what it gets and writes down what ends.
fn watching() -> (Node, Ends) {
    let ends = Ends::default();
    let told = Arc::clone(&ends);
    let node = Node::with(move |handler, event| match event {
        NetEvent::Message(endpoint, message) => {
            handler.network().send(*endpoint, message);
        }
        NetEvent::Disconnected(endpoint) => {
            let end = (Instant::now(), handler.network().close_reason(*endpoint));
            let before = told.lock().unwrap().insert(endpoint.addr(), end);
            assert!(before.is_none(), "told twice");
        }
        _ => {}
    });
    (node, ends)
}

fn partition(watch: Watch, transport: Transport) {
    let (node, ends) = watching();
    let (_, addr) = node.listen(&*watch.listening(transport));
    let mut peers: Vec<_> = (0..2 * PEERS).map(|_| peers::open_any(transport, addr)).collect();
    let endpoints: Vec<_> = peers.iter().map(|_| node.accepted()).collect();
    peers.iter_mut().for_each(|peer| echo(transport, peer));
    peers.iter().for_each(|peer| cut(peer));
    let start = Instant::now();
    let healed = peers.split_off(PEERS);
    let lost = peers;
    for endpoint in endpoints {
        // No probe is sent while a message is on its way, so the lost ones get none.
        if healed.iter().any(|peer| peer.local_addr().unwrap() == endpoint.addr()) {
            node.network().send(endpoint, ARE_YOU_THERE);
        }
    }

    thread::sleep(watch.limit() / 2);
    let end = start + 2 * watch.limit();
    let living: Vec<_> = healed
        .into_iter()
        .map(|peer| thread::spawn(move || live(watch, transport, peer, end)))
        .collect();
    eventually("the lost ones end", || ends.lock().unwrap().len() >= PEERS);
    let join = |living: JoinHandle<_>| living.join().expect("it came back and lives");
    let _living: Vec<RawStream> = living.into_iter().map(join).collect();

    let ends = ends.lock().unwrap();
    assert_eq!(ends.len(), PEERS, "{transport}: those that came back live");
    let ended = lost.iter().map(|peer| &ends[&peer.local_addr().unwrap()]);
    let times: Vec<_> = ended
        .map(|(when, reason)| {
            assert_eq!(reason, &Some(watch.reason()), "{transport}");
            *when - start
        })
        .collect();
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    println!("measured: {transport}: limit {:?}, ended {first:?} to {last:?}", watch.limit());
    assert!(*first + EARLY >= watch.limit() && *last <= watch.limit() + LATE, "{times:?}");
}

/// As [`partition`], with each transport at the same time.
fn partition_each(watch: Watch, transports: &[Transport]) {
    thread::scope(|scope| {
        for &transport in transports {
            scope.spawn(move || partition(watch, transport));
        }
    });
}

#[test]
fn peers_cut_off_end_at_the_idle_time_and_without_answers_to_pings() {
    thread::scope(|scope| {
        scope.spawn(|| partition_each(Watch::Idle, Transport::STREAMS));
        let web_sockets: Vec<_> = Transport::Ws.each_way().collect();
        scope.spawn(move || partition_each(Watch::Heartbeat, &web_sockets));
    });
}

#[test]
fn peers_cut_off_end_by_keepalive() {
    partition_each(Watch::Keepalive, Transport::STREAMS);
}
