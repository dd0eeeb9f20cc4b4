//! Hazards of time: echoes, timers, the first event and `stop` are prompt.
//!
//! The tests of this file take turns, so that they measure the library and not each other.

mod support;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use polywire::events::{self, TimerId};
use polywire::network::{Endpoint, NetEvent, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use support::{ANY_PORT, DEADLINE, LEEWAY, Node, SLACK, Stopping, in_time, median};

/// Held for the length of a test.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

// Echoes.

const WARM_UPS: usize = 100;
const ROUND_TRIPS: usize = 1000;

/// How long each of many round trips of `len` bytes took, between two nodes.
fn round_trips(transport: Transport, server: SocketAddr, len: usize) -> Vec<Duration> {
    let (handler, listener) = node::split::<()>();
    let (client, _) = handler.network().connect(transport, server).unwrap();
    let message = vec![7; len];
    let (mut times, mut received, mut sent_at) = (Vec::new(), 0, Instant::now());
    let send = |endpoint: Endpoint| {
        handler.network().send(endpoint, &message);
        Instant::now()
    };
    listener.for_each(|event| match event.network() {
        NetEvent::Connected(endpoint, ok) => {
            assert!(ok);
            sent_at = send(endpoint);
        }
        NetEvent::Message(endpoint, part) => {
            received += part.len();
            if received < len {
                return; // A part of a stream's message.
            }
            received = 0;
            times.push(sent_at.elapsed());
            if times.len() == WARM_UPS + ROUND_TRIPS {
                return handler.stop();
            }
            sent_at = send(endpoint);
        }
        other => panic!("{client}: {other:?}"),
    });
    times.split_off(WARM_UPS)
}

fn echo_is_prompt(transport: Transport) {
    let _alone = alone();
    let server = Node::echo();
    let (_, addr) = server.listen(transport);
    for len in [1, 100, 1000, 5000] {
        let p50 = median(in_time(move || round_trips(transport, addr, len)));
        assert!(p50 < SLACK * Duration::from_micros(200), "{transport}, {len} bytes: {p50:?}");
    }
}

#[test]
fn an_echo_over_tcp_takes_less_than_200_microseconds() {
    echo_is_prompt(Transport::Tcp);
}

#[test]
fn an_echo_over_framed_tcp_takes_less_than_200_microseconds() {
    echo_is_prompt(Transport::FramedTcp);
}

#[test]
fn an_echo_over_udp_takes_less_than_200_microseconds() {
    echo_is_prompt(Transport::Udp);
}

#[test]
fn an_echo_over_ws_takes_less_than_200_microseconds() {
    echo_is_prompt(Transport::Ws);
}

// Timers and signals.

/// A node that tells when each of its signals was delivered.
fn clockwork() -> (NodeHandler<u32>, NodeTask, Receiver<(u32, Instant)>) {
    let (handler, listener) = node::split();
    let (sender, receiver) = mpsc::channel();
    let task = listener.for_each_async(move |event| {
        if let NodeEvent::Signal(signal) = event {
            let _ = sender.send((signal, Instant::now()));
        }
    });
    (handler, task, receiver)
}

/// Waits until the loop sleeps, as far as can be seen: it has gone to wait since the last signal.
fn let_it_sleep(handler: &NodeHandler<u32>, fired: &Receiver<(u32, Instant)>) {
    handler.signals().send(0);
    assert_eq!(fired.recv_timeout(DEADLINE).unwrap().0, 0);
    thread::yield_now();
}

#[test]
fn a_timer_set_from_another_thread_while_the_node_is_blocked_fires_on_time() {
    let _alone = alone();
    let (handler, _task, fired) = clockwork();
    let _stopping = Stopping(handler.clone());
    let mut late = Vec::new();
    for millis in (2..=10).cycle().take(20) {
        let_it_sleep(&handler, &fired);
        let after = Duration::from_millis(u64::from(millis));
        let due = Instant::now() + after;
        handler.signals().send_with_timer(millis, after);
        let (signal, at) = fired.recv_timeout(DEADLINE).expect("it fires");
        assert_eq!(signal, millis);
        assert!(at >= due, "not before its time");
        late.push(at - due);
    }
    handler.stop();
    assert!(late.iter().all(|late| *late < LEEWAY * Duration::from_millis(50)), "{late:?}");
    let p50 = median(late);
    assert!(p50 <= LEEWAY * Duration::from_millis(2), "{p50:?}");
}

/// Of waits that are no whole milliseconds, which is all that some systems count in.
#[cfg(target_os = "linux")]
#[test]
fn a_timer_fires_within_half_a_millisecond_of_its_time() {
    let _alone = alone();
    let (handler, _task, fired) = clockwork();
    let _stopping = Stopping(handler.clone());
    let mut late = Vec::new();
    for number in 0..100 {
        let after = Duration::from_micros(3050 + 10 * u64::from(number));
        let due = Instant::now() + after;
        handler.signals().send_with_timer(number, after);
        let (signal, at) = fired.recv_timeout(DEADLINE).expect("it fires");
        assert_eq!(signal, number);
        assert!(at >= due, "not before its time");
        late.push(at - due);
    }
    handler.stop();
    let p50 = median(late);
    println!("late by {p50:?} in the middle");
    assert!(p50 < Duration::from_micros(250), "{p50:?}");
}

#[test]
fn a_nearer_timer_set_while_the_node_waits_for_a_far_one_fires_first() {
    let _alone = alone();
    let (handler, _task, fired) = clockwork();
    let _stopping = Stopping(handler.clone());
    handler.signals().send_with_timer(1, Duration::from_secs(3600));
    let_it_sleep(&handler, &fired);
    handler.signals().send_with_timer(2, Duration::from_millis(10));
    assert_eq!(fired.recv_timeout(DEADLINE).unwrap().0, 2);
    handler.stop();
}

#[test]
fn an_event_beside_a_far_timer_is_returned() {
    let (sender, mut receiver) = events::split();
    sender.send_with_timer("far", Duration::from_secs(3600));
    sender.send("near");
    assert_eq!(receiver.try_receive(), Some("near"));
    sender.send("near");
    assert_eq!(receiver.receive_timeout(Duration::ZERO), Some("near"));
    sender.send_with_priority("first");
    assert_eq!(receiver.receive(), "first");
    assert_eq!(receiver.try_receive(), None);
}

/// Sets timers for that instant, numbered from `first`, and cancels every third; returns their ids.
fn set_timers(handler: &NodeHandler<u32>, due: Instant, first: u32, count: u32) -> Vec<TimerId> {
    let set = |number| {
        let after = due.saturating_duration_since(Instant::now());
        let timer = handler.signals().send_with_timer(number, after);
        if number % 3 == 0 {
            handler.signals().cancel_timer(timer);
        }
        timer
    };
    (first..first + count).map(set).collect()
}

#[test]
fn a_hundred_thousand_timers_of_one_instant_fire_once_and_cancelled_ones_never() {
    let _alone = alone();
    const EACH: u32 = 50_000;
    let (handler, _task, fired) = clockwork();
    let _stopping = Stopping(handler.clone());
    let due = Instant::now() + Duration::from_millis(500);
    let ids: HashSet<_> = thread::scope(|scope| {
        let set = |thread| set_timers(&handler, due, thread * EACH, EACH);
        let threads = [0, 1].map(|thread| scope.spawn(move || set(thread)));
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 2 * EACH as usize, "no two share an identity");
    let expected: Vec<_> = (0..2 * EACH).filter(|number| number % 3 != 0).collect();
    let mut got: Vec<_> = expected
        .iter()
        .map(|_| {
            let (number, at) = fired.recv_timeout(DEADLINE).expect("none is lost");
            assert!(at >= due, "{:?} early", due - at);
            number
        })
        .collect();
    got.sort_unstable();
    assert!(got == expected);
    handler.signals().send(u32::MAX);
    assert_eq!(fired.recv_timeout(DEADLINE).unwrap().0, u32::MAX, "none fires twice");
    handler.stop();
}

#[test]
fn the_first_event_of_a_node_is_not_held_up() {
    let _alone = alone();
    let times = (0..20).map(|_| {
        let (handler, listener) = node::split::<()>();
        handler.signals().send(());
        let start = Instant::now();
        let mut took = Duration::MAX;
        listener.for_each(|_| {
            took = start.elapsed();
            handler.stop();
        });
        took
    });
    let p50 = median(times.collect());
    assert!(p50 < LEEWAY * Duration::from_millis(1), "{p50:?}");
}

#[test]
fn the_first_event_of_the_network_is_not_held_up() {
    let _alone = alone();
    let times = (0..20).map(|_| {
        let (handler, listener) = node::split::<()>();
        let (_, addr) = handler.network().listen(Transport::Udp, ANY_PORT).unwrap();
        handler.network().connect(Transport::Udp, addr).unwrap();
        let start = Instant::now();
        let mut took = Duration::MAX;
        listener.for_each(|_| {
            took = start.elapsed();
            handler.stop();
        });
        took
    });
    let p50 = median(times.collect());
    assert!(p50 < SLACK * Duration::from_millis(1), "{p50:?}");
}

/// How long it took from `stop` to the end of the node's thread, in the middle of 50 runs.
fn stop_p50(prepare: impl Fn(&Node)) -> Duration {
    let times = (0..50).map(|_| {
        let mut node = Node::new();
        prepare(&node);
        node.settle();
        let start = Instant::now();
        node.stop();
        start.elapsed()
    });
    median(times.collect())
}

#[test]
fn stop_takes_less_than_a_millisecond() {
    let _alone = alone();
    let p50 = stop_p50(|_| {});
    assert!(p50 < LEEWAY * Duration::from_millis(1), "{p50:?}");
}

#[test]
fn stop_with_listeners_takes_less_than_a_millisecond() {
    let _alone = alone();
    let p50 = stop_p50(|node| {
        for &transport in Transport::ALL {
            node.listen(transport);
        }
    });
    assert!(p50 < LEEWAY * Duration::from_millis(1), "{p50:?}");
}

#[test]
fn a_loop_is_had_at_once_from_a_thread_that_runs_it_to_connect() {
    let _alone = alone();
    let unanswering = support::peers::Unanswering::new();
    for _ in 0..20 {
        let (handler, listener) = node::split::<()>();
        let (inner, addr) = (handler.clone(), unanswering.addr);
        // Nobody else runs the loop, and nobody answers: this would run it until its timeout.
        let connect =
            thread::spawn(move || inner.network().connect_sync(Transport::Tcp, addr).is_err());
        support::eventually("it connects", || handler.network().stats().endpoints == 1);
        handler.signals().send(());
        let start = Instant::now();
        listener.for_each(|event| match event {
            NodeEvent::Signal(()) => handler.stop(),
            NodeEvent::Network(_) => {}
        });
        assert!(start.elapsed() < LEEWAY * Duration::from_secs(1), "{:?}", start.elapsed());
        assert!(in_time(move || connect.join().unwrap()));
    }
}
