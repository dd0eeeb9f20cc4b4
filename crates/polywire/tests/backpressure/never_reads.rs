//! A peer that never reads, and a callback that goes on sending to it: the outbox stays within its
//! bound, and the connection ends as its configuration says.

use std::time::{Duration, Instant};

use polywire::WhenFull;

use crate::common::*;
use crate::peers::{HARD_LIMIT, HEADER, MESSAGE, NonReader, Side, limits, ready_endpoint};

const STALL: Duration = Duration::from_millis(300);

/// What came of sending for ever.
struct Outcome {
    most_queued: usize,
    took: Duration,
    reason: CloseReason,
}

/// Sends until it is refused.
fn send_on(handler: &Handler, endpoint: Endpoint) -> (usize, Duration) {
    let message = vec![7; MESSAGE];
    let start = Instant::now();
    let mut most_queued = 0;
    loop {
        let status = handler.network().send(endpoint, &message);
        most_queued = most_queued.max(handler.network().stats().queued_bytes);
        if status != SendStatus::Sent {
            assert_eq!(status, SendStatus::ResourceNotFound);
            return (most_queued, start.elapsed());
        }
    }
}

/// Sends in the callback to a peer that never reads, until the connection has ended.
fn outcome(transport: Transport, side: Side, when_full: WhenFull) -> Outcome {
    let (handler, listener) = split();
    let _non_reader =
        NonReader::of(&handler, transport, side, limits(when_full).with_stall_timeout(STALL));
    let (mut sent, mut reason) = (None, None);
    run(&handler, listener, "the end of a peer that never reads", |event| {
        if let Some(endpoint) = ready_endpoint(&event) {
            let limits = handler.network().limits(endpoint).unwrap();
            assert_eq!(limits.when_full, Some(when_full));
            sent = Some(send_on(&handler, endpoint));
        } else if let NodeEvent::Network(NetEvent::Disconnected(endpoint)) = event {
            reason = handler.network().close_reason(endpoint);
            handler.stop();
        } else {
            panic!("{event:?}");
        }
    });
    let (most_queued, took) = sent.unwrap();
    assert_eq!(handler.network().stats().queued_bytes, 0);
    assert_eq!(handler.network().stats().ended.by_limit, 1);
    Outcome { most_queued, took, reason: reason.unwrap() }
}

fn assert_ends_at_the_limit(outcome: &Outcome) {
    let CloseReason::OutboxLimit { queued } = outcome.reason else {
        panic!("{:?}", outcome.reason);
    };
    // One message more would have been too many.
    assert!(queued <= HARD_LIMIT && queued + MESSAGE + HEADER > HARD_LIMIT, "{queued}");
    assert_eq!(outcome.most_queued, queued);
}

fn assert_ends_for_want_of_progress(outcome: &Outcome) {
    assert_eq!(outcome.reason, CloseReason::Stalled);
    let most = outcome.most_queued;
    assert!(most <= HARD_LIMIT && most + 2 * (MESSAGE + HEADER) > HARD_LIMIT, "{most}");
    assert!(outcome.took >= STALL && outcome.took < STALL + DEADLINE / 4, "{:?}", outcome.took);
}

over_transports! {
    [tcp framed_tcp ws | framed_tcp_tls]
    fn an_accepted_connection_ends_at_the_hard_limit(transport) {
        let outcome = outcome(transport, Side::Accepted, WhenFull::Disconnect);
        assert_ends_at_the_limit(&outcome);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_connection_the_program_opened_ends_at_the_hard_limit_if_so_configured(transport) {
        let outcome = outcome(transport, Side::Connected, WhenFull::Disconnect);
        assert_ends_at_the_limit(&outcome);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_connection_the_program_opened_ends_after_the_stall_time(transport) {
        let outcome = outcome(transport, Side::Connected, WhenFull::Wait);
        assert_ends_for_want_of_progress(&outcome);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn an_accepted_connection_ends_after_the_stall_time_if_so_configured(transport) {
        let outcome = outcome(transport, Side::Accepted, WhenFull::Wait);
        assert_ends_for_want_of_progress(&outcome);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn one_that_is_removed_behind_its_limit_is_known_not_to_have_got_all(transport) {
        let (handler, listener) = split();
        let limits = limits(WhenFull::Disconnect);
        let _non_reader = NonReader::of(&handler, transport, Side::Accepted, limits);
        let mut removed = None;
        run(&handler, listener, "the reason", |event| {
            if let Some(endpoint) = ready_endpoint(&event) {
                removed = Some(endpoint);
                send_on(&handler, endpoint);
                // No `Disconnected` tells it any more.
                assert!(handler.network().remove(endpoint.resource_id()));
                handler.signals().send(Signal::Step(0));
                return;
            }
            let NodeEvent::Signal(_) = event else { panic!("{event:?}") };
            if handler.network().stats().endpoints > 1 {
                return handler.signals().send(Signal::Step(0));
            }
            let reason = handler.network().close_reason(removed.unwrap());
            assert!(matches!(reason, Some(CloseReason::OutboxLimit { .. })), "{reason:?}");
            handler.stop();
        });
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn the_policy_of_each_side_is_known_where_none_was_configured(transport) {
        let (handler, listener) = split();
        let network = handler.network();
        let (_, addr) = network.listen(transport, LOCALHOST).unwrap();
        let (connected, _) = network.connect(transport, addr).unwrap();
        let policy = |endpoint| network.limits(endpoint).unwrap().when_full;
        assert_eq!(policy(connected), Some(WhenFull::Wait));
        run(&handler, listener, "Accepted", |event| {
            if let NodeEvent::Network(NetEvent::Accepted(accepted, _)) = event {
                assert_eq!(policy(accepted), Some(WhenFull::Disconnect));
                handler.stop();
            }
        });
        assert_eq!(network.limits(connected), None);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn one_message_longer_than_the_hard_limit_passes_an_empty_outbox(transport) {
        let limits = limits(WhenFull::Disconnect).with_outbox_hard_limit(1000);
        let (handler, listener) = split();
        let (_, addr) =
            handler.network().listen(&*listening(transport, limits), LOCALHOST).unwrap();
        // Longer than what the kernel takes at once.
        let message = noise(3, 32 << 20);
        let reader = std::thread::spawn(move || RawPeer::connect(transport, addr).read_to_end(1 << 20));
        run(&handler, listener, "Accepted", |event| {
            if let NodeEvent::Network(NetEvent::Accepted(endpoint, _)) = event {
                assert_eq!(handler.network().send(endpoint, &message), SendStatus::Sent);
                handler.stop();
            }
        });
        assert!(reader.join().unwrap().payload == message);
    }
}
