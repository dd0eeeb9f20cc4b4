//! Callbacks that send much to each other: nobody waits for somebody who waits for him.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use polywire::WhenFull;
use polywire::node::NodeTask;

use crate::common::*;
use crate::peers::{NonReader, Side, limits, ready_endpoint};

/// Together more than the system takes for a peer that does not read.
const MESSAGES: usize = 12;
const MESSAGE: usize = 1 << 20;
/// Longer than all of it takes, and shorter than anybody is waited for.
const AT_ONCE: Duration = Duration::from_secs(if cfg!(polywire_sanitized) { 100 } else { 4 });

/// Sends as much on every connection as soon as it is ready, and tells how much came on all.
struct Talker {
    handler: Handler,
    task: NodeTask,
    received: mpsc::Receiver<usize>,
}

impl Talker {
    /// One that listens; `connect` acts before its loop runs.
    fn new(transport: Transport, connect: impl FnOnce(&Handler, SocketAddr)) -> (Self, SocketAddr) {
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        connect(&handler, addr);
        let (tell, received) = mpsc::channel();
        let inner = handler.clone();
        let task = listener.for_each_async(move |event| {
            if let Some(endpoint) = ready_endpoint(&event) {
                for _ in 0..MESSAGES {
                    let status = inner.network().send(endpoint, &vec![7; MESSAGE]);
                    assert_eq!(status, SendStatus::Sent);
                }
            }
            match event {
                NodeEvent::Network(NetEvent::Message(_, message)) => {
                    let _ = tell.send(message.len());
                }
                NodeEvent::Network(NetEvent::Disconnected(endpoint)) => {
                    // The first to be stopped ends the others' connections.
                    let reason = inner.network().close_reason(endpoint).unwrap();
                    let is_lost =
                        matches!(reason, CloseReason::Stalled | CloseReason::OutboxLimit { .. });
                    assert!(!is_lost, "{reason}");
                }
                _ => {}
            }
        });
        (Self { handler, task, received }, addr)
    }

    /// All that was sent on so many connections has come, and soon.
    fn assert_hears(&self, connections: usize, since: Instant) {
        let mut left = connections * MESSAGES * MESSAGE;
        while left > 0 {
            left -= self.received.recv_timeout(DEADLINE).expect("it goes on");
        }
        assert!(since.elapsed() < AT_ONCE, "after {:?}", since.elapsed());
    }
}

fn stop_all(talkers: Vec<Talker>) {
    talkers.iter().for_each(|talker| talker.handler.stop());
    talkers.into_iter().for_each(|mut talker| talker.task.wait());
}

over_transports! {
    [tcp framed_tcp ws | framed_tcp_tls]
    fn two_nodes_that_send_much_to_each_other_in_their_callbacks_get_it_all(transport) {
        let since = Instant::now();
        let (first, addr) = Talker::new(transport, |_, _| {});
        let (second, _) = Talker::new(transport, |handler, _| {
            handler.network().connect(transport, addr).unwrap();
        });
        first.assert_hears(1, since);
        second.assert_hears(1, since);
        stop_all(vec![first, second]);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn so_do_three_in_a_ring(transport) {
        let since = Instant::now();
        let mut last = None;
        let mut talkers: Vec<Talker> = Vec::new();
        for _ in 0..3 {
            let (talker, addr) = Talker::new(transport, |handler, _| {
                if let Some(addr) = last {
                    handler.network().connect(transport, addr).unwrap();
                }
            });
            last = Some(addr);
            talkers.push(talker);
        }
        talkers[0].handler.network().connect(transport, last.unwrap()).unwrap();
        talkers.iter().for_each(|talker| talker.assert_hears(2, since));
        stop_all(talkers);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn so_does_one_that_is_connected_to_itself(transport) {
        let since = Instant::now();
        let (talker, _) = Talker::new(transport, |handler, addr| {
            handler.network().connect(transport, addr).unwrap();
        });
        talker.assert_hears(2, since);
        stop_all(vec![talker]);
    }

    // It could wait for ever: what is to take the bytes is the loop that would wait.
    [tcp framed_tcp ws | framed_tcp_tls]
    fn the_callback_never_waits_for_a_connection_whose_other_end_its_node_holds(transport) {
        let (handler, listener) = split();
        let (_, addr) = handler.network().listen(transport, LOCALHOST).unwrap();
        let connect = connecting(transport, limits(WhenFull::Wait));
        let (endpoint, _) = handler.network().connect(&*connect, addr).unwrap();
        let since = Instant::now();
        run(&handler, listener, "its end", |event| match event {
            NodeEvent::Network(NetEvent::Connected(..)) => {
                while handler.network().send(endpoint, &vec![7; MESSAGE]) == SendStatus::Sent {}
            }
            NodeEvent::Network(NetEvent::Disconnected(ended)) if ended == endpoint => {
                let reason = handler.network().close_reason(endpoint);
                assert!(matches!(reason, Some(CloseReason::OutboxLimit { .. })), "{reason:?}");
                handler.stop();
            }
            _ => {}
        });
        assert!(since.elapsed() < AT_ONCE, "after {:?}", since.elapsed());
    }
}

/// Over all transports at once, for it takes as long as it says.
#[test]
fn one_send_holds_the_callback_up_for_five_seconds_at_most() {
    in_time(|| at_once(Transport::STREAMS, |&one| one_send_holds_up_for_five_seconds_at_most(one)));
}

fn one_send_holds_up_for_five_seconds_at_most(transport: Transport) {
    let (handler, listener) = split();
    let limits = limits(WhenFull::Wait).with_stall_timeout(DEADLINE);
    let _non_reader = NonReader::of(&handler, transport, Side::Connected, limits);
    let mut longest = Duration::ZERO;
    run_within(3 * DEADLINE, &handler, listener, "the end", |event| {
        if let Some(endpoint) = ready_endpoint(&event) {
            loop {
                let start = Instant::now();
                let status = handler.network().send(endpoint, &vec![7; MESSAGE]);
                longest = longest.max(start.elapsed());
                if status != SendStatus::Sent {
                    break;
                }
            }
            let reason = handler.network().close_reason(endpoint);
            assert!(reason.is_none() || reason == Some(CloseReason::Stalled), "{reason:?}");
        } else if let NodeEvent::Network(NetEvent::Disconnected(endpoint)) = event {
            let reason = handler.network().close_reason(endpoint);
            assert_eq!(reason, Some(CloseReason::Stalled));
            handler.stop();
        }
    });
    assert!(longest < Duration::from_secs(6), "{longest:?}");
}
