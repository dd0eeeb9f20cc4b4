//! A node with a thousand connections under full traffic ends at once, however it is ended,
//! and leaves nothing behind.
#![cfg(target_os = "linux")]

mod alone;
#[path = "backpressure/process.rs"]
mod process;
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use polywire::Limits;
use polywire::adapter::Listen;
use polywire::adapters::framed_tcp::FramedTcpListenConfig;
use polywire::adapters::tcp::TcpListenConfig;
use polywire::adapters::ws::WsListenConfig;
use polywire::network::{self, Endpoint, NetEvent, NetworkController, SendStatus, Transport};
use polywire::node::{self, NodeEvent, NodeHandler};

use alone::alone;
use process::{Stopwatch, kept_waiting};
use support::peers::{self, STREAMS};
use support::system::{descriptors, this_thread, threads};
use support::{ANY_PORT, DEADLINE, SLACK, eventually, median};

const PEERS: usize = if cfg!(debug_assertions) { 150 } else { 1000 };
/// Times each way is gone, of which the middle one counts.
const RUNS: usize = 3;
const AT_ONCE: Duration = Duration::from_millis(10);
/// How long a node waits for the peers' own end when all is written.
const PEER_CLOSE_WAIT: Duration = Duration::from_millis(3);
/// The grace that a peer with something left to read is given, where there is one.
const LINGER: Duration = Duration::from_millis(50);

fn listening(transport: Transport) -> Box<dyn Listen> {
    let limits = Limits::default().with_linger(LINGER);
    match transport {
        Transport::Tcp => Box::new(TcpListenConfig::default().with_limits(limits)),
        Transport::FramedTcp => Box::new(FramedTcpListenConfig::default().with_limits(limits)),
        _ => Box::new(WsListenConfig::default().with_limits(limits)),
    }
}

/// Peers that all send as fast as they can and read what they get, each until its end.
fn talk(transport: Transport, addr: SocketAddr) -> JoinHandle<()> {
    let mut peers: Vec<_> = (0..PEERS)
        .map(|_| {
            let peer = peers::open(transport, addr);
            peer.set_nonblocking(true).unwrap();
            (peer, 0)
        })
        .collect();
    thread::spawn(move || {
        let frames = peers::frame(transport, &[7; 100]).repeat(20);
        let mut buffer = vec![0; 64 << 10];
        while !peers.is_empty() {
            peers.retain_mut(|(peer, at)| says_and_hears(peer, (&frames, at), &mut buffer));
        }
    })
}

/// Goes on writing `frames`, over and over, and reads; returns whether the peer has not ended.
fn says_and_hears(
    peer: &mut TcpStream,
    (frames, at): (&[u8], &mut usize),
    buffer: &mut [u8],
) -> bool {
    match peer.write(&frames[*at..]) {
        Ok(len) => *at = (*at + len) % frames.len(),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(_) => return false,
    }
    match peer.read(buffer) {
        Ok(len) => len > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

/// An echo that all its peers keep busy, but for one that never reads.
struct Busy {
    handler: NodeHandler<()>,
    /// Tells how long others kept it from the CPU in its whole life.
    runner: JoinHandle<Duration>,
    /// The directory of that thread under /proc.
    thread: String,
    /// When it was stopped inside the callback, and how long it had been kept waiting by then.
    stopped: Arc<OnceLock<(Instant, Duration)>>,
    never_reads: (TcpStream, Endpoint),
    peers: JoinHandle<()>,
}

impl Busy {
    fn start(transport: Transport) -> Self {
        let (handler, listener) = node::split();
        let (_, addr) = handler.network().listen(&*listening(transport), ANY_PORT).unwrap();
        let (inner, stopped) = (handler.clone(), Arc::new(OnceLock::new()));
        let (stop_time, (tell, told)) = (Arc::clone(&stopped), mpsc::channel());
        let ((tell_thread, thread), network) = (mpsc::channel(), handler.network().clone());
        let runner = thread::spawn(move || {
            tell_thread.send(this_thread()).unwrap();
            listener.for_each(|event| match event {
                NodeEvent::Network(event) => answer(&network, &event, &tell),
                NodeEvent::Signal(()) => {
                    let waited = kept_waiting("/proc/thread-self");
                    stop_time.set((Instant::now(), waited)).unwrap();
                    inner.stop();
                    assert!(!inner.is_running());
                }
            });
            kept_waiting("/proc/thread-self")
        });
        let thread = thread.recv_timeout(DEADLINE).unwrap();
        let never_reads = peers::open(transport, addr);
        let endpoint = told.recv_timeout(DEADLINE).unwrap();
        let peers = talk(transport, addr);
        for _ in 0..PEERS {
            told.recv_timeout(DEADLINE).expect("all are accepted");
        }
        let stats = || handler.network().stats();
        let before = stats().messages_in;
        eventually("all talk", || stats().messages_in > before + 10 * PEERS as u64);
        Self { handler, runner, thread, stopped, never_reads: (never_reads, endpoint), peers }
    }

    /// Has `stop` end the node, and returns how long it took from then or from the time in the
    /// callback, without the time that others kept its thread or this one from the CPU.
    fn end(self, stop: fn(&Self)) -> Duration {
        let (start, watch) = (Instant::now(), Stopwatch::start());
        let waited_before = kept_waiting(&self.thread);
        stop(&self);
        let waited = self.runner.join().unwrap();
        let took = watch.elapsed();
        let (from, waited_before) = *self.stopped.get().unwrap_or(&(start, waited_before));
        let took = took.saturating_sub((from - start) + (waited - waited_before));
        self.peers.join().unwrap();
        assert_eq!(self.handler.network().stats().endpoints, 0);
        took
    }

    fn fill_the_one_that_never_reads(&self) {
        let (network, message) = (self.handler.network(), vec![7; 64 << 10]);
        let send = || network.try_send(self.never_reads.1, &message);
        assert_eq!(
            (0..).map(|_| send()).find(|sent| *sent != SendStatus::Sent),
            Some(SendStatus::Full)
        );
    }
}

/// Sends messages back, and tells of those who come.
fn answer(network: &NetworkController, event: &NetEvent<'_>, accepted: &Sender<Endpoint>) {
    match event {
        NetEvent::Message(endpoint, message) => {
            network.send(*endpoint, message);
        }
        NetEvent::Accepted(endpoint, _) => {
            let _ = accepted.send(*endpoint);
        }
        _ => {}
    }
}

fn stop_once(busy: &Busy) {
    busy.handler.stop();
}

fn stop_twice(busy: &Busy) {
    busy.handler.stop();
    busy.handler.stop();
}

fn stop_in_the_callback(busy: &Busy) {
    busy.handler.signals().send_with_priority(());
}

fn stop_by_eight_threads(busy: &Busy) {
    let together = Barrier::new(8);
    let stop = || {
        together.wait();
        busy.handler.stop();
    };
    thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(stop))));
}

/// How long it takes to end as many plain sockets under the same traffic, one after the other: read
/// what waits as a node does, send the close frame, end the stream, close. Much of it is the system's own
/// work, which takes longer on a machine that others use too.
fn end_plain_sockets() -> Duration {
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let addr = listener.local_addr().unwrap();
    let peers = thread::spawn(move || talk(Transport::Tcp, addr).join().unwrap());
    let mut sockets: Vec<_> = (0..PEERS).map(|_| listener.accept().unwrap().0).collect();
    for socket in &mut sockets {
        socket.read_exact(&mut [0; 10_000]).unwrap();
        socket.set_nonblocking(true).unwrap();
    }
    let mut buffer = vec![0; 64 << 10];
    let watch = Stopwatch::start();
    for socket in &mut sockets {
        while socket.read(&mut buffer).is_ok_and(|len| len > 0) {}
        let _ = socket.write(b"bye");
        let _ = socket.shutdown(Shutdown::Write);
    }
    drop(sockets);
    let took = watch.elapsed();
    peers.join().unwrap();
    took
}

/// Drops the loop instead of stopping it, which is run by hand until then.
fn drop_the_loop(transport: Transport) -> Duration {
    let (network, mut processor) = network::split();
    let (_, addr) = network.listen(&*listening(transport), ANY_PORT).unwrap();
    let peers = thread::spawn(move || talk(transport, addr).join().unwrap());
    let enough = 10 * PEERS as u64;
    while network.stats().endpoints <= PEERS || network.stats().messages_in < enough {
        processor.process_poll_event(Some(DEADLINE), |event| {
            if let NetEvent::Message(endpoint, message) = event {
                network.send(endpoint, message);
            }
        });
    }
    let watch = Stopwatch::start();
    drop((processor, network));
    let took = watch.elapsed();
    peers.join().unwrap();
    took
}

/// What the process had before all, and what ending plain sockets takes.
struct Baseline {
    descriptors: usize,
    threads: usize,
    plain: Duration,
}

impl Baseline {
    fn take() -> Self {
        // Before any other thread was there.
        let (descriptors, threads) = (descriptors(), threads());
        let plain = median((0..RUNS).map(|_| end_plain_sockets()).collect());
        println!("measured: {PEERS} plain sockets: ended in {plain:?}");
        Self { descriptors, threads, plain }
    }

    fn assert_nothing_is_left(&self, way: &str) {
        assert_eq!(descriptors(), self.descriptors, "{way}: descriptors left behind");
        // The system lists a thread for a moment after its `join`.
        eventually(&format!("{way}: no thread left behind"), || threads() == self.threads);
    }
}

/// Ends nodes that way; they take no longer than their grace and what plain sockets take, and leave
/// nothing.
fn ends_at_once(way: &str, (baseline, grace): (&Baseline, Duration), end: impl Fn() -> Duration) {
    let times: Vec<_> = (0..RUNS)
        .map(|_| {
            let took = end();
            baseline.assert_nothing_is_left(way);
            took
        })
        .collect();
    println!("measured: {PEERS} connections, {way}: ended in {times:?}");
    let took = median(times);
    let allowed = grace + (SLACK * AT_ONCE).max(PEER_CLOSE_WAIT + 2 * baseline.plain);
    assert!(took < allowed, "{way}: {took:?}");
}

#[test]
fn a_node_under_full_traffic_ends_at_once_and_leaves_nothing() {
    if cfg!(polywire_sanitized) {
        return; // It is about time.
    }
    alone("a_node_under_full_traffic_ends_at_once_and_leaves_nothing", || {
        let baseline = Baseline::take();
        for transport in STREAMS {
            let stopped = || Busy::start(transport).end(stop_once);
            ends_at_once(&format!("{transport}, stop"), (&baseline, Duration::ZERO), stopped);
        }
        let stopped = |way: &str, stop: fn(&Busy)| {
            let end = || Busy::start(Transport::FramedTcp).end(stop);
            ends_at_once(way, (&baseline, Duration::ZERO), end);
        };
        stopped("stop in the callback", stop_in_the_callback);
        stopped("stop twice", stop_twice);
        stopped("stop by 8 threads", stop_by_eight_threads);
        ends_at_once("stop beside one that never reads", (&baseline, LINGER), || {
            let busy = Busy::start(Transport::FramedTcp);
            busy.fill_the_one_that_never_reads();
            busy.end(stop_once)
        });
        let dropped = || drop_the_loop(Transport::FramedTcp);
        ends_at_once("drop", (&baseline, Duration::ZERO), dropped);
    });
}
