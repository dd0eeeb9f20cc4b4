//! Whoever floods a node, with signals or with messages, keeps nobody else waiting.
#![cfg(target_os = "linux")]

mod common;
#[path = "backpressure/process.rs"]
mod process;
mod support;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use common::{DEADLINE, Flood, LOCALHOST, NetEvent, RawPeer, Transport};
use process::{Stopwatch, kept_waiting};
use support::SLACK;
use support::system::this_thread;

/// How long 99 of 100 answers take at most.
const P99: Duration = Duration::from_millis(10);
/// What the peers whose answers are timed say; a flood's messages consist of another byte.
const PING: [u8; 16] = [1; 16];

/// Held for the length of a test, so that they measure the library and not each other.
fn take_turns() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A node that answers pings and nothing else.
struct Answering {
    handler: NodeHandler<()>,
    /// Signals that came.
    signals: Arc<AtomicUsize>,
    /// Nanoseconds that others had kept it from the CPU when it gave its last answer.
    kept_waiting: Arc<AtomicU64>,
    /// The directory of its thread under /proc.
    thread: String,
    _task: NodeTask,
}

impl Answering {
    fn start() -> Self {
        let (handler, listener) = node::split::<()>();
        let (inner, signals) = (handler.clone(), Arc::new(AtomicUsize::new(0)));
        let (counter, kept_waiting) = (Arc::clone(&signals), Arc::new(AtomicU64::new(0)));
        let waited = Arc::clone(&kept_waiting);
        let (tell, told) = mpsc::channel();
        handler.signals().send(());
        let task = listener.for_each_async(move |event| match event {
            NodeEvent::Network(NetEvent::Message(endpoint, message)) if message == PING => {
                waited.store(nanos_kept_waiting("/proc/thread-self"), Ordering::Relaxed);
                inner.network().send(endpoint, message);
            }
            NodeEvent::Network(_) => {}
            NodeEvent::Signal(()) => {
                if counter.fetch_add(1, Ordering::Relaxed) == 0 {
                    tell.send(this_thread()).unwrap();
                }
            }
        });
        let thread = told.recv_timeout(DEADLINE).unwrap();
        Self { handler, signals, kept_waiting, thread, _task: task }
    }

    fn listen(&self, transport: Transport) -> SocketAddr {
        self.handler.network().listen(transport, LOCALHOST).unwrap().1
    }

    /// How long an answer takes without the time that others keep the node or the peer from the
    /// CPU, and with it.
    fn ping(&self, peer: &mut RawPeer) -> [Duration; 2] {
        let waited_before = nanos_kept_waiting(&self.thread);
        let (start, watch) = (Instant::now(), Stopwatch::start());
        peer.send(&PING);
        assert_eq!(peer.read_small(PING.len()), PING);
        let waited = self.kept_waiting.load(Ordering::Relaxed).saturating_sub(waited_before);
        let took = watch.elapsed().saturating_sub(Duration::from_nanos(waited));
        [took, start.elapsed()]
    }
}

fn nanos_kept_waiting(thread: &str) -> u64 {
    kept_waiting(thread).as_nanos() as u64
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

fn assert_prompt(what: &str, times: &[[Duration; 2]]) {
    let [p99, with_waiting] = [0, 1].map(|which| {
        let mut times: Vec<_> = times.iter().map(|both| both[which]).collect();
        times.sort_unstable();
        times[times.len() * 99 / 100]
    });
    let count = times.len();
    println!("{what}: p99 {p99:?}, {with_waiting:?} with waits for a CPU, of {count} answers");
    assert!(p99 < SLACK * P99, "{what}: {p99:?}");
}

#[test]
fn a_flood_of_signals_with_priority_does_not_hold_messages_up() {
    const SIGNALS: usize = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
    /// So many that the slowest of a hundred is not the slowest of all.
    const ANSWERS: usize = 300;
    let _turn = take_turns();
    let node = Answering::start();
    let mut peer = RawPeer::connect(Transport::FramedTcp, node.listen(Transport::FramedTcp));
    node.ping(&mut peer);
    let (start, mut times) = (Instant::now(), Vec::new());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| flood_with_signals(&node, &over));
        while times.len() < ANSWERS || node.signals.load(Ordering::Relaxed) < SIGNALS {
            times.push(node.ping(&mut peer));
            assert!(start.elapsed() < 3 * DEADLINE, "they do not come");
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_prompt("a flood of signals", &times);
}

/// Sends signals as fast as it can, some tens of thousands before those that have come.
fn flood_with_signals(node: &Answering, over: &AtomicBool) {
    const AHEAD: usize = 1 << 16;
    for sent in 0.. {
        while sent > node.signals.load(Ordering::Relaxed) + AHEAD && !over.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        if over.load(Ordering::Relaxed) {
            return;
        }
        node.handler.signals().send_with_priority(());
    }
}

/// A hundred peers that ping ten times a second each, beside one that floods.
fn answers_beside_a_flood(flooding: Transport, pinging: Transport) -> Vec<[Duration; 2]> {
    const PEERS: usize = 100;
    const LENGTH: Duration = Duration::from_secs(if cfg!(debug_assertions) { 1 } else { 2 });
    let node = Answering::start();
    let addr = node.listen(pinging);
    let flooded = if flooding == pinging { addr } else { node.listen(flooding) };
    let mut peers: Vec<_> = (0..PEERS).map(|_| RawPeer::connect(pinging, addr)).collect();
    let _flood = Flood::start(flooding, flooded);
    support::eventually("the flood", || node.handler.network().stats().messages_in > 1000);
    let (start, mut times) = (Instant::now(), Vec::new());
    // Each of them at least twice, however busy the machine is.
    while start.elapsed() < LENGTH || times.len() < 2 * PEERS {
        let due = start + times.len() as u32 * Duration::from_millis(1);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        times.push(node.ping(&mut peers[times.len() % PEERS]));
    }
    times
}

common::over_transports! {
    [tcp framed_tcp udp ws | framed_tcp_tls]
    fn a_peer_that_floods_keeps_no_other_waiting(transport) {
        let _turn = take_turns();
        // Datagrams share a queue of the system's, in which a flood leaves no room for others'.
        let is_stream = transport.is_connection_oriented();
        let pinging = if is_stream { transport } else { Transport::FramedTcp };
        let times = answers_beside_a_flood(transport, pinging);
        assert_prompt(&format!("a flood over {transport}"), &times);
    }
}
