//! `stop` ends whatever waits, at once. The tests take turns: they measure the library and not each other.

mod support;

use std::net::TcpListener;
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use polywire::Limits;
use polywire::adapters::tcp::TcpConnectConfig;
use polywire::network::{SendStatus, Transport};
use polywire::node::{self, NodeEvent, NodeHandler};

use support::{LEEWAY, Node, eventually, median};

/// Held for the length of a test.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How soon something that waits ends when the node is stopped, in the middle of 9 runs.
fn assert_ends_soon(what: &str, run: impl Fn() -> Duration) {
    let p50 = median((0..9).map(|_| run()).collect());
    assert!(p50 < LEEWAY * Duration::from_millis(10), "{what}: {p50:?}");
}

/// Stops the node, and tells how long after that `thread` ended, which waits for what it says.
fn stop_beside<T: Send + 'static>(handler: &NodeHandler<()>, thread: JoinHandle<T>) -> Duration {
    let start = Instant::now();
    handler.stop();
    thread.join().unwrap();
    start.elapsed()
}

#[test]
fn stop_ends_a_connect_sync_at_once() {
    let _alone = alone();
    let unanswering = support::peers::Unanswering::new();
    let wait = |handler: &NodeHandler<()>| {
        let (inner, addr) = (handler.clone(), unanswering.addr);
        let thread = thread::spawn(move || inner.network().connect_sync(Transport::Tcp, addr));
        eventually("it waits", || handler.network().stats().endpoints == 1);
        thread
    };
    assert_ends_soon("nobody runs the loop", || {
        let (handler, _listener) = node::split();
        let waiting = wait(&handler);
        stop_beside(&handler, waiting)
    });
    assert_ends_soon("another thread does", || {
        let (handler, listener) = node::split();
        let _task = listener.for_each_async(|_| {});
        let waiting = wait(&handler);
        stop_beside(&handler, waiting)
    });
    assert_ends_soon("inside the callback", || {
        let (handler, listener) = node::split::<()>();
        let (inner, addr) = (handler.clone(), unanswering.addr);
        let mut task = listener.for_each_async(move |_| {
            assert!(inner.network().connect_sync(Transport::Tcp, addr).is_err());
        });
        handler.signals().send(());
        eventually("it waits", || handler.network().stats().endpoints == 1);
        stop_beside(&handler, thread::spawn(move || task.wait()))
    });
}

#[test]
fn stop_ends_a_send_that_waits_for_room_at_once() {
    let _alone = alone();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = silent.local_addr().unwrap();
    for is_loop_busy in [false, true] {
        assert_ends_soon("a parked send", || {
            let (handler, listener) = node::split::<()>();
            let (go_on, waits) = mpsc::channel::<()>();
            let mut task = listener.for_each_async(move |event| {
                if let NodeEvent::Signal(()) = event {
                    let _ = waits.recv();
                }
            });
            let network = handler.network().clone();
            let limits = Limits::default().with_linger(Duration::ZERO);
            let connect = TcpConnectConfig::default().with_limits(limits);
            let (peer, _) = network.connect_sync(connect, addr).unwrap();
            if is_loop_busy {
                handler.signals().send(());
            }
            let sending =
                thread::spawn(
                    move || while network.send(peer, &[0; 1 << 16]) == SendStatus::Sent {},
                );
            eventually("it waits", || handler.network().stats().queued_bytes > 1 << 20);
            let took = stop_beside(&handler, sending);
            drop(go_on);
            task.wait();
            took
        });
    }
}

#[test]
fn stop_does_not_wait_for_peers_that_have_been_told_everything() {
    let _alone = alone();
    for transport in support::peers::STREAMS {
        assert_ends_soon("a node with nothing left to send", || {
            let node = Node::new();
            let (_, addr) = node.listen(transport);
            let _peers: Vec<_> = (0..10).map(|_| support::peers::open(transport, addr)).collect();
            for _ in 0..10 {
                node.accepted();
            }
            let Node { handler, .. } = &node;
            let start = Instant::now();
            handler.stop();
            eventually("it has ended", || handler.network().stats().endpoints == 0);
            start.elapsed()
        });
    }
}
