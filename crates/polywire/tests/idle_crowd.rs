//! Connections that are idle, deadlines that are far and timers that wait cost nothing.
#![cfg(target_os = "linux")]

mod alone;
mod support;

use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use polywire::Limits;
use polywire::adapters::framed_tcp::FramedTcpListenConfig;
use polywire::network::Transport;
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use alone::{alone, ran};
use support::system::{fall_asleep, max_descriptors, this_thread};
use support::{ANY_PORT, DEADLINE, eventually, peers};

const IDLE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 3 } else { 10 });
const CONNECTIONS: usize = 1000;
/// Connections with an idle time, as far as there are descriptors for both ends of each.
const DEADLINES: usize = if cfg!(debug_assertions) { 1000 } else { 8000 };
const TIMERS: usize = 100_000;
const FAR: Duration = Duration::from_secs(3600);
/// The shortest time that the system accounts for.
const TICK: Duration = Duration::from_millis(10);

/// A node with nothing to do.
struct Idle {
    handler: NodeHandler<()>,
    /// The directory of its thread under /proc.
    thread: String,
    _peers: Vec<TcpStream>,
    _task: NodeTask,
}

impl Idle {
    /// With so many connections, kept to these limits.
    fn start(limits: Limits, connections: usize) -> Self {
        let (handler, listener) = node::split::<()>();
        let config = FramedTcpListenConfig::default().with_limits(limits);
        let (_, addr) = handler.network().listen(config, ANY_PORT).unwrap();
        let (tell, thread) = mpsc::channel();
        handler.signals().send(());
        let task = listener.for_each_async(move |event| {
            if let NodeEvent::Signal(()) = event {
                tell.send(this_thread()).unwrap();
            }
        });
        let thread = thread.recv_timeout(DEADLINE).unwrap();
        let open = |_| peers::open(Transport::FramedTcp, addr);
        let peers: Vec<_> = (0..connections).map(open).collect();
        eventually("all are accepted", || handler.network().stats().endpoints == 1 + connections);
        Self { handler, thread, _peers: peers, _task: task }
    }

    /// Times that it woke, and for how long its thread has run.
    fn activity(&self) -> (u64, Duration) {
        (self.handler.network().stats().wake_ups, Duration::from_nanos(ran(&self.thread)))
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

#[test]
fn idle_connections_and_far_deadlines_cost_nothing() {
    alone("idle_connections_and_far_deadlines_cost_nothing", || {
        let with_deadlines = DEADLINES.min((max_descriptors() - 2 * CONNECTIONS) / 2 - 100);
        let idle_time = Limits::default().with_idle_timeout(FAR);
        let nodes = [
            (format!("{CONNECTIONS} connections"), Idle::start(Limits::default(), CONNECTIONS)),
            (format!("{with_deadlines} deadlines"), Idle::start(idle_time, with_deadlines)),
            (format!("{TIMERS} timers"), Idle::start(Limits::default(), 0)),
        ];
        let signals = nodes[2].1.handler.signals();
        for _ in 0..TIMERS {
            signals.send_with_timer((), FAR);
        }
        nodes.iter().for_each(|(_, node)| fall_asleep(&node.thread));

        let before = nodes.each_ref().map(|(_, node)| node.activity());
        let start = Instant::now();
        thread::sleep(IDLE);
        for ((what, node), (wakes_before, ran_before)) in nodes.iter().zip(before) {
            let (wakes, ran) = node.activity();
            let (wakes, ran) = (wakes - wakes_before, ran - ran_before);
            println!("measured: {what}: {wakes} wake-ups, {ran:?} of the CPU within {IDLE:?}");
            assert!(wakes <= start.elapsed().as_secs(), "{what}: it woke {wakes} times");
            assert!(ran < TICK, "{what}: it ran for {ran:?}");
        }
    });
}
