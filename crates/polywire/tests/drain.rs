//! The end of connections and nodes: what was accepted for sending arrives, and nobody holds the
//! end up for longer than was asked for.
//!
//! The tests of this file that measure times take turns.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))] // Some tests are Linux's.

mod common;
#[cfg(target_os = "linux")]
#[path = "backpressure/process.rs"]
mod process;
mod support;

use std::io::{Read, Write};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use support::{LEEWAY, median};

const MIB: usize = 1 << 20;
/// Times that a node is stopped under a flood.
const RUNS: usize = if cfg!(debug_assertions) { 5 } else { 50 };
/// How late the machine may be, where a time is asked for.
const LATE: Duration = Duration::from_millis(500 * LEEWAY as u64);

/// Held for the length of a test that measures times.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A peer that never reads, as a connection of the node that has its messages queued.
fn send_to_never_reader(
    handler: &Handler,
    transport: Transport,
    limits: Limits,
) -> thread::JoinHandle<RawPeer> {
    let (_, addr) = handler.network().listen(&*listening(transport, limits), LOCALHOST).unwrap();
    thread::spawn(move || RawPeer::connect(transport, addr))
}

over_transports! {
    [tcp framed_tcp]
    fn a_peer_that_ends_its_side_gets_every_answer(transport) {
        let echo = Echo::start(transport);
        let message = noise(5, MIB);
        for _ in 0..100 {
            let mut peer = RawPeer::connect(transport, echo.addr);
            let mut writer = peer.stream.try_clone().unwrap();
            let bytes = frame(transport, &message);
            let writing = thread::spawn(move || {
                writer.write_all(&bytes).unwrap();
                writer.shutdown(std::net::Shutdown::Write).unwrap();
            });
            // The first bytes are read when all is said and ended, unless the kernels hold less.
            let mut first = vec![0; 1];
            peer.stream.read_exact(&mut first).unwrap();
            let mut rest = Vec::new();
            peer.stream.read_to_end(&mut rest).unwrap();
            writing.join().unwrap();
            let answer = [first, rest].concat();
            assert!(answer == frame(transport, &message), "{} bytes", answer.len());
        }
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_drained_node_ends_when_a_slow_reader_has_it_all(transport) {
        let (handler, listener) = split();
        let peer = send_to_never_reader(&handler, transport, Limits::default());
        let message = noise(9, 16 * MIB);
        let reading = thread::spawn(move || {
            let peer = peer.join().unwrap();
            thread::sleep(Duration::from_millis(200));
            peer.read_to_end(MIB)
        });
        run(&handler, listener, "the end of draining", |event| match event {
            NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => {
                assert_eq!(handler.network().send(endpoint, &message), SendStatus::Sent);
                handler.stop_when_drained(DEADLINE);
                assert!(handler.is_running());
            }
            other => panic!("{other:?}"),
        });
        let end = reading.join().unwrap();
        assert!(end.payload == message, "{} bytes", end.payload.len());
        assert_eq!(end.close_code, (transport.plain() == Transport::Ws).then_some(1001));
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn a_node_is_not_drained_while_a_layer_holds_what_it_has_taken(transport) {
        let (handler, listener) = split();
        let limits = Limits::default().with_linger(Duration::ZERO);
        let peer = send_to_never_reader(&handler, transport, limits);
        let message = noise(9, 16 * MIB);
        let reading = thread::spawn(move || peer.join().unwrap().read_to_end(MIB));
        run(&handler, listener, "the end of draining", |event| {
            if let NodeEvent::Network(NetEvent::Accepted(endpoint, _)) = event {
                assert_eq!(handler.network().send(endpoint, &message), SendStatus::Sent);
                handler.stop_when_drained(DEADLINE);
            }
        });
        let end = reading.join().unwrap();
        assert!(end.payload == message, "{} bytes", end.payload.len());
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_drained_node_ends_at_the_timeout_beside_one_that_never_reads(transport) {
        let _alone = alone();
        const TIMEOUT: Duration = Duration::from_millis(200);
        let (handler, listener) = split();
        let limits = Limits::default().with_linger(Duration::ZERO);
        let peer = send_to_never_reader(&handler, transport, limits);
        let mut start = None;
        run(&handler, listener, "the end of draining", |event| {
            if let NodeEvent::Network(NetEvent::Accepted(endpoint, _)) = event {
                handler.network().send(endpoint, &vec![7; 32 * MIB]);
                handler.stop_when_drained(TIMEOUT);
                // A longer one changes nothing.
                handler.stop_when_drained(DEADLINE);
                start = Some(Instant::now());
            }
        });
        let took = start.unwrap().elapsed();
        assert!(took >= TIMEOUT - Duration::from_millis(1) && took < TIMEOUT + LATE, "{took:?}");
        drop(peer);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_drained_node_ends_in_time_though_floods_go_on(transport) {
        let _alone = alone();
        const TIMEOUT: Duration = Duration::from_millis(300);
        let (handler, listener) = split();
        let limits = Limits::default().with_linger(Duration::ZERO);
        let peer = send_to_never_reader(&handler, transport, limits);
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let mut start = None;
        let mut flood = None;
        run(&handler, listener, "the end of draining", |event| match event {
            NodeEvent::Network(NetEvent::Accepted(endpoint, _)) if start.is_none() => {
                handler.network().send(endpoint, &vec![7; 32 * MIB]);
                flood = Some(Flood::start(transport, addr));
                // Each signal sends the next.
                handler.signals().send(Signal::Step(0));
                handler.stop_when_drained(TIMEOUT);
                start = Some(Instant::now());
            }
            NodeEvent::Signal(step) => handler.signals().send(step),
            _ => {}
        });
        let took = start.unwrap().elapsed();
        assert!(took < TIMEOUT + LATE, "{took:?}");
        drop(peer);
    }

    [tcp framed_tcp udp ws | framed_tcp_tls]
    fn a_node_with_nothing_to_send_is_drained_at_once_though_floods_go_on(transport) {
        let _alone = alone();
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let _flood = Flood::start(transport, addr);
        let mut start = None;
        run(&handler, listener, "the end of draining", |event| match event {
            NodeEvent::Network(NetEvent::Message(..)) if start.is_none() => {
                handler.signals().send(Signal::Step(0));
                handler.stop_when_drained(DEADLINE);
                start = Some(Instant::now());
            }
            NodeEvent::Signal(step) => handler.signals().send(step),
            _ => {}
        });
        let took = start.unwrap().elapsed();
        assert!(took < LATE, "{took:?}");
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn what_is_sent_before_the_connection_is_ready_is_drained_too(transport) {
        let mut server = Watched::start();
        let (_, addr) = server.listen(transport);
        let (handler, listener) = split();
        let (endpoint, _) = handler.network().connect(transport, addr).unwrap();
        assert_eq!(handler.network().send(endpoint, b"early"), SendStatus::Sent);
        handler.stop_when_drained(DEADLINE);
        run(&handler, listener, "the end of draining", |_| {});
        let from = server.accepted();
        assert_eq!(server.message(), (from, b"early".to_vec()));
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_stopped_node_lingers_for_one_that_never_reads_as_long_as_it_was_told_to(transport) {
        let _alone = alone();
        const LINGER: Duration = Duration::from_millis(200);
        let (handler, listener) = split();
        let peer =
            send_to_never_reader(&handler, transport, Limits::default().with_linger(LINGER));
        let mut start = None;
        run(&handler, listener, "the end of lingering", |event| {
            if let NodeEvent::Network(NetEvent::Accepted(endpoint, _)) = event {
                handler.network().send(endpoint, &vec![7; 32 * MIB]);
                handler.stop();
                start = Some(Instant::now());
            }
        });
        let took = start.unwrap().elapsed();
        assert!(took >= LINGER - Duration::from_millis(1) && took < LINGER + LATE, "{took:?}");
        drop(peer);
    }

    [tcp framed_tcp udp ws | framed_tcp_tls]
    fn stop_by_eight_threads_at_once_and_twice_each_is_one_stop(transport) {
        for in_callback in [false, true] {
            let (handler, listener) = split();
            let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
            let (endpoint, _) = handler.network().connect(transport, addr).unwrap();
            let (start, mut stopping) = (Arc::new(Barrier::new(9)), Vec::new());
            for _ in 0..8 {
                let (handler, start) = (handler.clone(), Arc::clone(&start));
                stopping.push(thread::spawn(move || {
                    start.wait();
                    handler.stop();
                    handler.network().send(endpoint, b"perhaps late");
                    handler.stop();
                }));
            }
            let mut has_begun = false;
            run(&handler, listener, "the end", |_| {
                if !std::mem::replace(&mut has_begun, true) {
                    start.wait();
                }
                if in_callback {
                    handler.stop();
                    handler.stop();
                }
            });
            stopping.into_iter().for_each(|thread| thread.join().unwrap());
            assert!(!handler.is_running());
            assert_eq!(handler.network().stats().endpoints, 0);
        }
    }
}

#[cfg(target_os = "linux")]
over_transports! {
    [tcp framed_tcp udp ws | framed_tcp_tls]
    fn stop_is_prompt_under_the_flood_of_fifty_clients(transport) {
        let _alone = alone();
        let times: Vec<_> = (0..RUNS).map(|_| stop_under_flood(transport)).collect();
        let most = *times.iter().max().unwrap();
        let p50 = median(times);
        println!("{transport}: the loop has ended after {p50:?} in the middle, {most:?} at most");
        let expected = match transport {
            _ if cfg!(debug_assertions) => 50,
            // Each end reads up to the other's Close, behind all that is under way.
            Transport::Ws => 30,
            _ => 10,
        };
        assert!(p50 < LEEWAY * Duration::from_millis(expected), "{p50:?} in the middle");
        assert!(most < LEEWAY * Duration::from_millis(100), "{most:?} at most");
    }
}

#[cfg(target_os = "linux")]
/// How long `stop` takes until the loop has ended, while fifty clients send all they can.
fn stop_under_flood(transport: Transport) -> Duration {
    const CLIENTS: usize = 50;
    let (handler, listener) = split();
    let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
    let floods: Vec<_> = (0..CLIENTS).map(|_| Flood::start(transport, addr)).collect();
    let mut heard = std::collections::HashSet::new();
    let mut start = None;
    run(&handler, listener, "the flood", |event| {
        if let NodeEvent::Network(NetEvent::Message(endpoint, _)) = event {
            heard.insert(endpoint);
            // Of datagrams many are lost, and with them perhaps all of a client.
            if heard.len() == if transport == Transport::Udp { 5 } else { CLIENTS } {
                handler.stop();
                start = Some(process::Stopwatch::start());
            }
        }
    });
    let took = start.unwrap().elapsed();
    floods.iter().for_each(Flood::end_soon);
    took
}
