//! Nodes and their tasks at their ends: nobody waits for himself, and nobody for a node that nobody stops.

mod common;
#[path = "life_cycle/draining.rs"]
mod draining;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::*;

/// Less than anybody would wait for a node that goes on.
const SOON: Duration = Duration::from_secs(5);
/// Bytes, more than all buffers between two ends of a connection hold.
const MUCH: usize = 6 << 20;

#[test]
fn a_task_whose_last_owner_is_the_callback_is_dropped_there() {
    in_time(|| {
        let (handler, listener) = split();
        let (give, take) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let inner = handler.clone();
        let task = listener.for_each_async(move |event| {
            if let NodeEvent::Signal(_) = event {
                let mut task: node::NodeTask = take.recv().unwrap();
                task.wait(); // For itself: at once.
                drop(task);
                inner.stop();
                tell.send(()).unwrap();
            }
        });
        handler.signals().send(Signal::Step(0));
        give.send(task).unwrap();
        told.recv_timeout(DEADLINE).unwrap();
    });
}

#[test]
fn a_panic_of_a_callback_that_owns_its_task_is_a_panic_and_no_abort() {
    in_time(|| {
        let (handler, listener) = split();
        let (give, take) = mpsc::channel::<node::NodeTask>();
        let task = listener.for_each_async(move |event| {
            if let NodeEvent::Signal(_) = event {
                let _task = take.recv().unwrap();
                panic!("on purpose");
            }
        });
        handler.signals().send(Signal::Step(0));
        give.send(task).unwrap();
        while handler.is_running() {
            thread::sleep(Duration::from_millis(1));
        }
    });
}

#[test]
fn a_panic_beside_a_running_node_ends_the_thread() {
    in_time(|| {
        let start = Instant::now();
        let result = catch_unwind(|| {
            let (_handler, listener) = split();
            let _task = listener.for_each_async(|_| {});
            panic!("a test that fails");
        });
        assert!(result.is_err() && start.elapsed() < SOON);
    });
}

#[test]
fn an_early_return_beside_a_task_that_stops_on_drop_ends_the_node() {
    fn fail_beside_a_node(listener: NodeListener<Signal>) -> Result<(), std::num::ParseIntError> {
        let _task = listener.for_each_async(|_| {}).stop_on_drop();
        "no number".parse::<u16>()?;
        Ok(())
    }
    in_time(|| {
        let (handler, listener) = split();
        assert!(fail_beside_a_node(listener).is_err());
        assert!(!handler.is_running());
    });
}

/// Those of connections that leave what a peer does not take.
fn brief() -> Limits {
    Limits::default().with_linger(Duration::from_millis(10))
}

/// Connects to a server that reads nothing.
fn connect_to_silent(
    server: &mut Watched,
    handler: &Handler,
    transport: Transport,
    limits: Limits,
) -> Endpoint {
    let (_, addr) = server.listen(transport);
    let connect = connecting(transport, limits);
    let (endpoint, _) = handler.network().connect_sync(&*connect, addr).unwrap();
    let peer = server.accepted().resource_id();
    server.handler.network().pause(peer);
    endpoint
}

over_transports! {
    [tcp framed_tcp udp ws | framed_tcp_tls]
    fn a_drop_that_removes_while_its_thread_panics_leaves_the_node_running(transport) {
        struct Guard(Handler, ResourceId);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.network().remove(self.1);
            }
        }
        // Nobody runs the loop, so the thread that removes does for a moment.
        let (handler, listener) = split();
        let (id, _) = handler.network().listen(transport, LOCALHOST).unwrap();
        let guard = Guard(handler.clone(), id);
        let result = catch_unwind(AssertUnwindSafe(move || {
            let _guard = guard;
            panic!("on purpose");
        }));
        assert!(result.is_err());
        assert!(handler.is_running());
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let mut task = listener.for_each_async(|_| {}).stop_on_drop();
        handler.network().connect(transport, addr).unwrap();
        handler.stop();
        task.wait();
    }
}

over_transports! {
    [tcp framed_tcp ws | framed_tcp_tls]
    fn what_was_sent_arrives_though_nobody_ever_runs_the_loop(transport) {
        let mut server = Watched::start();
        let (_, addr) = server.listen(transport);
        let (handler, _listener) = split();
        let (endpoint, _) = handler.network().connect(transport, addr).unwrap();
        assert_eq!(handler.network().send(endpoint, b"hello"), SendStatus::Sent);
        handler.stop();
        let from = server.accepted();
        assert_eq!(server.message(), (from, b"hello".to_vec()));
        assert_eq!(server.disconnected(), from);
    }

    [tcp framed_tcp udp ws | framed_tcp_tls]
    fn a_handle_goes_on_sending_after_its_listener_was_dropped(transport) {
        let mut server = Watched::start();
        let (_, addr) = server.listen(transport);
        let (handler, listener) = split();
        drop(listener);
        assert!(handler.is_running());
        let (endpoint, _) = handler.network().connect_sync(transport, addr).unwrap();
        if transport.is_connection_oriented() {
            server.accepted();
        }
        for number in 0..3_u8 {
            assert_eq!(handler.network().send(endpoint, &[number]), SendStatus::Sent);
            assert_eq!(server.message().1, [number]);
        }
        if transport.is_connection_oriented() {
            drop(handler);
            server.disconnected();
        }
    }

    // One message is more than all buffers between two ends hold.
    [tcp framed_tcp ws | framed_tcp_tls]
    fn what_the_system_does_not_take_at_once_is_written_though_nobody_runs_the_loop(transport) {
        for has_listener in [true, false] {
            let mut server = Watched::start();
            let (_, addr) = server.listen(transport);
            let (handler, listener) = split();
            let listener = Some(listener).filter(|_| has_listener);
            let (endpoint, _) = handler.network().connect_sync(transport, addr).unwrap();
            server.accepted();
            for byte in 0..3 {
                let status = handler.network().send(endpoint, &vec![byte; MUCH]);
                assert_eq!(status, SendStatus::Sent);
                let mut left = MUCH;
                while left > 0 {
                    let (_, part) = server.message();
                    assert!(part.iter().all(|it| *it == byte));
                    left -= part.len();
                }
            }
            drop(listener);
        }
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn what_several_threads_send_is_written_though_nobody_runs_the_loop(transport) {
        let mut server = Watched::start();
        let (_, addr) = server.listen(transport);
        let (handler, _listener) = split();
        let sending = (0..4).map(|_| {
            let handler = handler.clone();
            thread::spawn(move || {
                let (endpoint, _) = handler.network().connect_sync(transport, addr).unwrap();
                let status = handler.network().send(endpoint, &vec![7; MUCH]);
                assert_eq!(status, SendStatus::Sent);
            })
        });
        let sending: Vec<_> = sending.collect();
        let mut left = 4 * MUCH;
        while left > 0 {
            if let StoredNetEvent::Message(_, part) = server.next("Message") {
                left -= part.len();
            }
        }
        sending.into_iter().for_each(|thread| thread.join().unwrap());
    }

    // The last of it is taken by a layer before the system has room for it.
    [tcp framed_tcp ws | framed_tcp_tls]
    fn the_end_of_what_is_sent_is_written_though_nobody_runs_the_loop(transport) {
        let mut server = Watched::start();
        let (listen, connect) = narrow(transport, Limits::default());
        let (_, addr) = server.handler.network().listen(&*listen, LOCALHOST).unwrap();
        let (handler, _listener) = split();
        let (endpoint, _) = handler.network().connect_sync(&*connect, addr).unwrap();
        server.accepted();
        let message = vec![7; 100 << 10];
        for _ in 0..100 {
            assert_eq!(handler.network().send(endpoint, &message), SendStatus::Sent);
            let mut left = message.len();
            while left > 0 {
                left -= server.message().1.len();
            }
        }
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_peer_that_reads_nothing_ends_where_nobody_will_ever_run_the_loop(transport) {
        let mut server = Watched::start();
        let (handler, listener) = split();
        drop(listener);
        let limits = Limits::default().with_stall_timeout(Duration::from_millis(200));
        let endpoint = connect_to_silent(&mut server, &handler, transport, limits);
        in_time(move || {
            handler.network().send(endpoint, &vec![7; MUCH]);
            assert_eq!(handler.network().send(endpoint, b"more"), SendStatus::ResourceNotFound);
            let reason = handler.network().close_reason(endpoint);
            assert_eq!(reason, Some(CloseReason::Stalled));
        });
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_node_that_is_stopped_while_a_send_runs_its_loop_ends(transport) {
        let mut server = Watched::start();
        let (handler, listener) = split();
        drop(listener);
        let endpoint = connect_to_silent(&mut server, &handler, transport, brief());
        let network = handler.network().clone();
        let sender = thread::spawn(move || network.send(endpoint, &vec![7; MUCH]));
        eventually("it waits", || handler.network().stats().queued_bytes > 0);
        handler.stop();
        in_time(move || assert!(sender.join().is_ok()));
        eventually("nothing is left", || handler.network().stats().endpoints == 0);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_connection_becomes_ready_while_it_is_asked_whether_it_is(transport) {
        let echo = Echo::start(transport);
        let (handler, _listener) = split();
        let (endpoint, _) = handler.network().connect(transport, echo.addr).unwrap();
        let start = Instant::now();
        while handler.network().is_ready(endpoint.resource_id()) != Some(true) {
            assert!(start.elapsed() < SOON, "it never is");
            thread::sleep(Duration::from_millis(1));
        }
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_queue_of_events_ends_with_its_node(transport) {
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let (_task, events) = listener.enqueue();
        let mut peer = RawPeer::connect(transport, addr);
        peer.send(b"the last");
        let mut heard = Vec::new();
        for event in events {
            if let node::StoredNodeEvent::Network(StoredNetEvent::Message(_, message)) = event {
                heard.push(message);
                let stopping = handler.clone();
                thread::spawn(move || stopping.stop());
            }
        }
        assert_eq!(heard, [b"the last"]);
        assert!(!handler.is_running());
    }
}

#[test]
fn little_that_a_peer_does_not_read_holds_no_send_where_nobody_will_ever_run_the_loop() {
    let check = |&transport: &Transport| little_that_is_not_read_holds_no_send(transport);
    in_time(move || at_once(Transport::STREAMS, check));
}

fn little_that_is_not_read_holds_no_send(transport: Transport) {
    let mut server = Watched::start();
    let limits = brief().with_stall_timeout(Duration::from_millis(50));
    let (listen, connect) = narrow(transport, limits);
    let (_, addr) = server.handler.network().listen(&*listen, LOCALHOST).unwrap();
    let (handler, listener) = split();
    drop(listener);
    let (endpoint, _) = handler.network().connect_sync(&*connect, addr).unwrap();
    let peer = server.accepted().resource_id();
    server.handler.network().pause(peer);
    in_time(move || {
        let begun = Instant::now();
        assert_eq!(handler.network().send(endpoint, &vec![7; 512 << 10]), SendStatus::Sent);
        assert!(
            begun.elapsed() < Duration::from_millis(1500),
            "it waits much longer than is allowed"
        );
        assert!(handler.network().stats().queued_bytes > 0);
        assert_eq!(handler.network().close_reason(endpoint), None);
    });
}

#[test]
fn a_send_before_the_loop_runs_does_not_wait_for_a_peer_that_reads_nothing() {
    let check = |&transport: &Transport| a_send_before_the_loop_runs_does_not_wait(transport);
    in_time(move || at_once(Transport::STREAMS, check));
}

fn a_send_before_the_loop_runs_does_not_wait(transport: Transport) {
    let mut server = Watched::start();
    let (handler, listener) = split();
    let endpoint = connect_to_silent(&mut server, &handler, transport, brief());
    let since = Instant::now();
    assert_eq!(handler.network().send(endpoint, &vec![7; MUCH]), SendStatus::Sent);
    assert!(since.elapsed() < SOON);
    assert_eq!(handler.network().close_reason(endpoint), None);
    drop(listener);
}

#[test]
fn events_are_waited_for_no_longer_than_asked_though_the_loop_is_woken_all_the_time() {
    in_time(|| {
        let (network, mut processor) = polywire::network::split();
        let (listener, _) = network.listen(Transport::Tcp, LOCALHOST).unwrap();
        let (stop, stopped) = mpsc::channel::<()>();
        let waking = thread::spawn(move || {
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                assert!(network.resume(listener));
                thread::sleep(Duration::from_millis(1));
            }
        });
        let (start, timeout) = (Instant::now(), Duration::from_millis(50));
        processor.process_poll_events_until_timeout(timeout, |event| panic!("{event:?}"));
        assert!(start.elapsed() >= timeout);
        stop.send(()).unwrap();
        waking.join().unwrap();
    });
}
