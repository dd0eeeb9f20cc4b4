//! `stop_when_drained` of a node whose listener was dropped: whoever acts on it runs its loop.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::*;
use crate::{brief, connect_to_silent};

/// More than the systems hold, and than the soft mark.
const MUCH: usize = 32 << 20;
const BRIEFLY: Duration = Duration::from_millis(100);

#[test]
fn a_node_whose_listener_was_dropped_ends_once_all_is_written() {
    for &transport in Transport::STREAMS {
        let mut server = Watched::start();
        let limits = brief().with_stall_timeout(Duration::from_millis(50));
        let (listen, connect) = narrow(transport, limits);
        let (_, addr) = server.handler.network().listen(&*listen, LOCALHOST).unwrap();
        let (handler, listener) = split();
        drop(listener);
        let (endpoint, _) = handler.network().connect_sync(&*connect, addr).unwrap();
        let peer = server.accepted();
        server.handler.network().pause(peer.resource_id());
        assert_eq!(handler.network().send(endpoint, &vec![7; 512 << 10]), SendStatus::Sent);
        assert!(handler.network().stats().queued_bytes > 0);
        assert!(handler.is_running());
        let network = server.handler.network().clone();
        let reading = thread::spawn(move || network.resume(peer.resource_id()));
        in_time(move || {
            handler.stop_when_drained(DEADLINE);
            assert!(!handler.is_running());
            assert_eq!(handler.network().stats().endpoints, 0);
        });
        assert!(reading.join().unwrap());
        let mut received = 0;
        while received < 512 << 10 {
            received += server.message().1.len();
        }
    }
}

/// A node whose listener lives, with so little to be written that nobody waits for its peer, who reads nothing.
fn holding_little(server: &mut Watched) -> (Handler, NodeListener<Signal>) {
    let (listen, connect) = narrow(Transport::FramedTcp, brief());
    let (_, addr) = server.handler.network().listen(&*listen, LOCALHOST).unwrap();
    let (handler, listener) = split();
    let (endpoint, _) = handler.network().connect_sync(&*connect, addr).unwrap();
    let peer = server.accepted().resource_id();
    server.handler.network().pause(peer);
    assert_eq!(handler.network().send(endpoint, &vec![7; 512 << 10]), SendStatus::Sent);
    assert!(handler.network().stats().queued_bytes > 0);
    (handler, listener)
}

#[test]
fn a_send_that_runs_the_loop_holds_no_drain_up() {
    for &transport in Transport::STREAMS {
        let mut server = Watched::start();
        let (handler, listener) = split();
        drop(listener);
        let endpoint = connect_to_silent(&mut server, &handler, transport, brief());
        let network = handler.network().clone();
        let sender = thread::spawn(move || network.send(endpoint, &vec![7; MUCH]));
        eventually("it waits", || handler.network().stats().queued_bytes > 0);
        in_time(move || {
            handler.stop_when_drained(BRIEFLY);
            assert!(!handler.is_running());
            assert_eq!(handler.network().stats().endpoints, 0);
            sender.join().unwrap();
        });
    }
}

#[test]
fn a_node_that_is_to_drain_ends_though_its_listener_is_dropped_only_then() {
    let mut server = Watched::start();
    let (handler, listener) = holding_little(&mut server);
    in_time(move || {
        handler.stop_when_drained(BRIEFLY);
        assert!(handler.is_running());
        drop(listener);
        assert!(!handler.is_running());
        assert_eq!(handler.network().stats().endpoints, 0);
    });
}

#[test]
fn of_two_threads_that_drain_a_node_the_earlier_time_counts() {
    let mut server = Watched::start();
    let (handler, listener) = holding_little(&mut server);
    drop(listener);
    let patient = handler.clone();
    let first = thread::spawn(move || patient.stop_when_drained(Duration::MAX));
    in_time(move || {
        // The other one runs the loop by then, mostly.
        thread::sleep(BRIEFLY);
        let begun = Instant::now();
        handler.stop_when_drained(BRIEFLY);
        assert!(!handler.is_running());
        assert!(begun.elapsed() >= BRIEFLY);
        first.join().unwrap();
    });
}
