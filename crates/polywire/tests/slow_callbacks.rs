//! Callbacks that take their time: timers, signals, neighbours and answers do not wait for all of them.

mod common;
#[cfg(target_os = "linux")]
#[path = "backpressure/process.rs"]
mod process;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::*;

/// How long a callback works on a message of a flood.
const WORK: Duration = Duration::from_micros(50);
/// Far less than a flood's messages of one read take together, and more than a busy machine adds.
const SOON: Duration = Duration::from_millis(if cfg!(polywire_sanitized) { 10_000 } else { 40 });

/// Held for the length of a test, for each keeps a CPU busy.
fn take_turns() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Time that this thread could have run and others kept it from the CPU, where the system tells.
fn kept_waiting() -> Duration {
    #[cfg(target_os = "linux")]
    return process::kept_waiting("/proc/thread-self");
    #[cfg(not(target_os = "linux"))]
    Duration::ZERO
}

/// A timer of a callback, and how late it is without the time that others kept the callback's thread from the CPU.
#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    kept_waiting: Duration,
}

impl Due {
    fn after(time: Duration) -> Self {
        Self { at: Instant::now() + time, kept_waiting: kept_waiting() }
    }

    fn late(&self) -> Duration {
        self.at.elapsed().saturating_sub(kept_waiting() - self.kept_waiting)
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A peer that sends one-byte messages as fast as they are taken, until it is dropped.
struct Flooding(Arc<AtomicBool>, Option<thread::JoinHandle<()>>);

impl Flooding {
    fn start(transport: Transport, addr: std::net::SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut peer = RawPeer::connect(transport, addr);
            let many = frame(transport, b"f").repeat(1000);
            peer.stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
            while !stopped.load(Ordering::Relaxed) {
                let _ = std::io::Write::write(&mut peer.stream, &many);
            }
        });
        Self(stop, Some(thread))
    }
}

impl Drop for Flooding {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        let _ = self.1.take().map(thread::JoinHandle::join);
    }
}

over_transports! {
    [framed_tcp ws | framed_tcp_tls wss]
    fn the_first_of_many_answers_does_not_wait_for_the_last(transport) {
        const REQUESTS: usize = 50;
        const LONG: Duration = Duration::from_millis(20);
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let inner = handler.clone();
        let mut task = listener.for_each_async(move |event| {
            if let NodeEvent::Network(NetEvent::Message(endpoint, request)) = event {
                thread::sleep(LONG);
                inner.network().send(endpoint, request);
            }
        });
        let mut peer = RawPeer::connect(transport, addr);
        let start = Instant::now();
        let requests = frame(transport, b"r").repeat(REQUESTS);
        std::io::Write::write_all(&mut peer.stream, &requests).unwrap();
        assert_eq!(peer.read_small(1), b"r");
        assert!(start.elapsed() < LONG * 10, "{:?}", start.elapsed());
        handler.stop();
        task.wait();
    }

    [framed_tcp ws | framed_tcp_tls wss]
    fn timers_fire_on_time_beside_a_flood_that_is_worked_on(transport) {
        const EVERY: Duration = Duration::from_millis(10);
        let _turn = take_turns();
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let _flood = Flooding::start(transport, addr);
        let (mut late, mut due) = (Vec::new(), Due::after(EVERY));
        handler.signals().send_with_timer(Signal::Step(0), EVERY);
        run(&handler, listener, "the timers", |event| match event {
            NodeEvent::Signal(_) if late.len() == 50 => handler.stop(),
            NodeEvent::Signal(_) => {
                late.push(due.late());
                due = Due::after(EVERY);
                handler.signals().send_with_timer(Signal::Step(0), EVERY);
            }
            NodeEvent::Network(NetEvent::Message(..)) => work(WORK),
            NodeEvent::Network(_) => {}
        });
        let late = median(late);
        assert!(late < SOON / 8, "{late:?} late");
    }

    [framed_tcp ws | framed_tcp_tls wss]
    fn neighbours_of_a_flood_that_is_worked_on_are_answered(transport) {
        let _turn = take_turns();
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let inner = handler.clone();
        let (flooded, is_flooded) = mpsc::channel();
        let mut task = listener.for_each_async(move |event| match event {
            NodeEvent::Network(NetEvent::Message(_, b"f")) => {
                let _ = flooded.send(());
                work(WORK);
            }
            NodeEvent::Network(NetEvent::Message(endpoint, ping)) => {
                inner.network().send(endpoint, ping);
            }
            _ => {}
        });
        let mut neighbour = RawPeer::connect(transport, addr);
        let _floods: Vec<_> = (0..2).map(|_| Flooding::start(transport, addr)).collect();
        is_flooded.iter().take(1000).for_each(drop);
        let times = (0..50).map(|_| {
            let start = Instant::now();
            neighbour.send(b"p");
            assert_eq!(neighbour.read_small(1), b"p");
            start.elapsed()
        });
        let time = median(times.collect());
        assert!(time < SOON, "{time:?}");
        handler.stop();
        task.wait();
    }

    [framed_tcp ws | framed_tcp_tls wss]
    fn signals_that_are_worked_on_do_not_hold_up_the_network(transport) {
        let _turn = take_turns();
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let inner = handler.clone();
        // Each signal sends the next, and there are always many.
        (0..2000).for_each(|number| handler.signals().send(Signal::Step(number)));
        let mut task = listener.for_each_async(move |event| match event {
            NodeEvent::Signal(signal) => {
                work(WORK);
                inner.signals().send(signal);
            }
            NodeEvent::Network(NetEvent::Message(endpoint, ping)) => {
                inner.network().send(endpoint, ping);
            }
            NodeEvent::Network(_) => {}
        });
        let mut peer = RawPeer::connect(transport, addr);
        let times = (0..20).map(|_| {
            let start = Instant::now();
            peer.send(b"p");
            assert_eq!(peer.read_small(1), b"p");
            start.elapsed()
        });
        let time = median(times.collect());
        assert!(time < SOON, "{time:?}");
        handler.stop();
        task.wait();
    }

    // The last messages are left to the loop for a moment, in which its callback begins to work.
    [framed_tcp ws | framed_tcp_tls wss]
    fn what_was_left_to_the_loop_does_not_wait_for_a_callback_that_begins(transport) {
        const BUSY: Duration = Duration::from_millis(300);
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let (tell, accepted) = mpsc::channel();
        let (finish, finished) = mpsc::channel();
        let mut task = listener.for_each_async(move |event| match event {
            NodeEvent::Signal(_) => {
                thread::sleep(BUSY);
                finish.send(()).unwrap();
            }
            NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => tell.send(endpoint).unwrap(),
            NodeEvent::Network(_) => {}
        });
        let mut peer = RawPeer::connect(transport, addr);
        let endpoint = accepted.recv_timeout(DEADLINE).unwrap();
        for _ in 0..5 {
            let start = Instant::now();
            for _ in 0..10 {
                handler.network().send(endpoint, b"m");
            }
            handler.signals().send(Signal::Step(0));
            (0..10).for_each(|_| drop(peer.read_small(1)));
            assert!(start.elapsed() < BUSY / 2, "{:?}", start.elapsed());
            finished.recv_timeout(DEADLINE).unwrap();
        }
        handler.stop();
        task.wait();
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn timers_fire_on_time_beside_fifty_peers_that_send_in_bursts(transport) {
        const PEERS: usize = 50;
        const TICK: Duration = Duration::from_millis(10);
        const TICKS: usize = if cfg!(polywire_sanitized) { 20 } else { 100 };
        let _turn = take_turns();
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let inner = handler.clone();
        let mut due = None; // Made on the thread of the callback, whose waits count.
        handler.signals().send_with_timer(Signal::Step(0), TICK);
        let (tell, told) = mpsc::channel();
        let mut task = listener.for_each_async(move |event| match event {
            NodeEvent::Signal(signal) => {
                due.iter().for_each(|due: &Due| tell.send(due.late()).unwrap());
                due = Some(Due::after(TICK));
                inner.signals().send_with_timer(signal, TICK);
            }
            NodeEvent::Network(NetEvent::Message(endpoint, message)) => {
                inner.network().send(endpoint, &message[..1]);
            }
            NodeEvent::Network(_) => {}
        });
        let is_over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_over);
        let bursting = thread::spawn(move || {
            let mut peers: Vec<_> = (0..PEERS).map(|_| RawPeer::connect(transport, addr)).collect();
            let burst = frame(transport, b"burst").repeat(500);
            let mut answers = vec![0; 1 << 16];
            while !stop.load(Ordering::Relaxed) {
                for peer in &mut peers {
                    std::io::Write::write_all(&mut peer.stream, &burst).unwrap();
                }
                for peer in &mut peers {
                    peer.stream.set_nonblocking(true).unwrap();
                    while std::io::Read::read(&mut peer.stream, &mut answers).is_ok_and(|len| len > 0) {}
                    peer.stream.set_nonblocking(false).unwrap();
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        let mut late: Vec<_> = (0..TICKS).map(|_| told.recv_timeout(DEADLINE).unwrap()).collect();
        is_over.store(true, Ordering::Relaxed);
        bursting.join().unwrap();
        handler.stop();
        task.wait();
        late.sort_unstable();
        let [middle, most] = [TICKS / 2, TICKS - 1].map(|at| late[at]);
        println!("{transport}: a timer is {middle:?} late in the middle, {most:?} at most");
        assert!(middle < SOON / 20, "{middle:?}");
    }
}
