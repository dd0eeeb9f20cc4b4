//! A peer that does not read: what `try_send` and `send` say, on every thread, and how they go on.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use polywire_core::address::Name;
use polywire_core::network::{self, SendStatus::*};

use crate::kit::*;

const STALL: Duration = Duration::from_millis(400);

/// A connection whose client does not read, and a thread that can't go on sending to it.
struct Parked {
    pair: Pair,
    /// What became of each message.
    statuses: Receiver<SendStatus>,
}

impl Parked {
    fn new(adapter: &impl Adapter) -> Self {
        Self::behind(Pair::with_paused_client(adapter, small_limits()))
    }

    fn behind(pair: Pair) -> Self {
        pair.fill();
        let statuses = park(&pair);
        Self { pair, statuses }
    }

    #[track_caller]
    fn assert_returns(&self, status: SendStatus) {
        assert_eq!(self.statuses.recv_timeout(DEADLINE), Ok(status));
    }
}

/// Sends one message on a thread of its own, which waits.
fn park(pair: &Pair) -> Receiver<SendStatus> {
    let (tell, statuses) = mpsc::channel();
    let (handler, endpoint) = (pair.server.handler.clone(), pair.to_client);
    thread::spawn(move || tell.send(handler.network().send(endpoint, &[7; MESSAGE])));
    let early = statuses.recv_timeout(Duration::from_millis(100));
    assert!(early.is_err(), "{early:?} though there is no room");
    statuses
}

/// Sends until it is refused, and returns how much waited at most.
fn send_on(handler: &Handler, endpoint: Endpoint) -> usize {
    let mut most = 0;
    loop {
        match handler.network().send(endpoint, &[7; MESSAGE]) {
            Sent => most = most.max(handler.network().stats().queued_bytes),
            status => {
                assert_eq!(status, ResourceNotFound);
                return most;
            }
        }
    }
}

#[track_caller]
fn assert_ends_at_the_limit(reason: Option<CloseReason>) {
    let Some(CloseReason::OutboxLimit { queued }) = reason else { panic!("{reason:?}") };
    // One message more would have been too many.
    assert!(queued <= HARD_LIMIT && queued + MESSAGE + HEADER > HARD_LIMIT, "{queued}");
}

over_adapters! {
    fn try_send_is_full_above_the_soft_mark_and_takes_nothing(adapter) {
        let pair = Pair::with_paused_client(&adapter, small_limits());
        pair.fill();
        let queued = pair.server.queued();
        assert!(queued > SOFT_MARK && queued <= SOFT_MARK + MESSAGE + HEADER, "{queued}");
        for _ in 0..100 {
            assert_eq!(pair.server.network().try_send(pair.to_client, &[8; MESSAGE]), Full);
        }
        assert_eq!(pair.server.queued(), queued);
        pair.resume_client();
        eventually("all to be read", || pair.server.queued() == 0);
        pair.client.settle();
        assert_eq!(pair.server.network().try_send(pair.to_client, b"last"), Sent);
        loop {
            let (_, message) = pair.client.message();
            assert_ne!(message[0], 8, "refused, and sent");
            if message == b"last" {
                return;
            }
        }
    }

    fn a_thread_that_waits_goes_on_when_there_is_room(adapter) {
        let parked = Parked::new(&adapter);
        parked.pair.resume_client();
        parked.assert_returns(Sent);
    }

    fn all_threads_that_wait_go_on_when_there_is_room(adapter) {
        let parked = Parked::new(&adapter);
        let others: Vec<_> = (0..4).map(|_| park(&parked.pair)).collect();
        parked.pair.resume_client();
        parked.assert_returns(Sent);
        for other in others {
            assert_eq!(other.recv_timeout(DEADLINE), Ok(Sent));
        }
    }

    fn a_thread_that_waits_goes_on_when_the_endpoint_is_removed(adapter) {
        let parked = Parked::new(&adapter);
        assert!(parked.pair.server.network().remove(parked.pair.to_client.resource_id()));
        parked.assert_returns(ResourceNotFound);
    }

    fn a_thread_that_waits_goes_on_when_the_peer_is_gone(adapter) {
        let limits = small_limits().with_linger(Duration::ZERO);
        let parked = Parked::behind(Pair::with_paused_client(&adapter, limits));
        let Pair { server, client, to_client, to_server } = &parked.pair;
        assert!(client.network().remove(to_server.resource_id()));
        // Sent, if the peer threw away so much before it was gone that there was room.
        parked.statuses.recv_timeout(DEADLINE).expect("it goes on");
        server.disconnected(*to_client);
        assert_eq!(server.network().send(*to_client, b"late"), ResourceNotFound);
    }

    fn a_thread_that_waits_goes_on_when_the_node_is_stopped(adapter) {
        let parked = Parked::new(&adapter);
        parked.pair.server.handler.stop();
        parked.assert_returns(ResourceNotFound);
    }

    fn a_thread_that_waits_goes_on_when_a_callback_that_waits_for_it_stops_the_node(adapter) {
        let (give, parked) = mpsc::channel::<Receiver<SendStatus>>();
        let (tell, told) = mpsc::channel();
        let server = Node::with(move |handler, event| {
            if let NetEvent::Message(..) = event {
                handler.stop();
                let statuses = parked.recv().unwrap();
                tell.send(statuses.recv_timeout(DEADLINE)).unwrap();
            }
        });
        let adapter = adapter.limited(small_limits());
        let Parked { pair, statuses } = Parked::behind(Pair::of(&adapter, server, Node::paused()));
        pair.client.network().send(pair.to_server, b"stop");
        give.send(statuses).unwrap();
        assert_eq!(told.recv_timeout(DEADLINE), Ok(Ok(ResourceNotFound)));
    }

    fn a_callback_may_wait_for_a_thread_that_waits_for_room(adapter) {
        let (give, parked) = mpsc::channel::<Receiver<SendStatus>>();
        let (tell, told) = mpsc::channel();
        let server = Node::with(move |_, event| {
            if let NetEvent::Message(..) = event {
                tell.send(None).unwrap();
                let statuses = parked.recv().unwrap();
                tell.send(Some(statuses.recv_timeout(DEADLINE))).unwrap();
            }
        });
        let adapter = adapter.limited(small_limits());
        let Parked { pair, statuses } = Parked::behind(Pair::of(&adapter, server, Node::paused()));
        pair.client.network().send(pair.to_server, b"wait");
        assert_eq!(told.recv_timeout(DEADLINE), Ok(None));
        give.send(statuses).unwrap();
        pair.resume_client();
        assert_eq!(told.recv_timeout(DEADLINE), Ok(Some(Ok(Sent))));
    }

    fn a_thread_that_is_yet_to_run_the_loop_does_not_wait(adapter) {
        let server = Node::paused();
        let (_, addr) = server.listen(&adapter);
        let (handler, listener) = node::split::<()>();
        let adapter = adapter.limited(small_limits());
        let (endpoint, _) = handler.network().connect(&adapter, &*addr).unwrap();
        for _ in 0..2 * SOFT_MARK / MESSAGE {
            assert_eq!(handler.network().send(endpoint, &[7; MESSAGE]), Sent);
        }
        assert_eq!(handler.network().try_send(endpoint, &[7; MESSAGE]), Full);
        drop((server, listener));
    }

    fn a_thread_waits_for_a_loop_that_was_only_just_started(adapter) {
        let limits = small_limits().with_outbox_soft_mark(1 << 10).with_outbox_hard_limit(4 << 10);
        let server = Node::new();
        let (_, addr) = server.listen(&adapter);
        let adapter = adapter.limited(limits);
        for _ in 0..100 {
            let (handler, listener) = node::split::<()>();
            let (endpoint, _) = handler.network().connect(&adapter, &*addr).unwrap();
            let task = listener.for_each_async(|_| {});
            for number in 0..16 {
                let status = handler.network().send(endpoint, &[number; 1 << 10]);
                assert_eq!(status, Sent, "message {number}");
            }
            handler.stop();
            drop(task);
        }
    }

    fn a_thread_waits_where_nobody_runs_the_loop_any_more(adapter) {
        const MESSAGES: usize = 2 * HARD_LIMIT / MESSAGE;
        let (network, mut processor) = network::split();
        let adapter = adapter.limited(small_limits());
        let addr = adapter.free_address();
        network.listen(&adapter, Name(&addr)).unwrap();
        let client = Node::paused();
        let to_server = client.connect(&adapter, &addr);
        let mut accepted = None;
        while accepted.is_none() {
            processor.process_poll_event(Some(DEADLINE), |event| match event {
                NetEvent::Accepted(endpoint, _) => accepted = Some(endpoint),
                other => panic!("{other:?}"),
            });
        }
        client.assert_connected(to_server);
        let sender = thread::spawn(move || {
            for _ in 0..MESSAGES {
                assert_eq!(network.send(accepted.unwrap(), &[7; MESSAGE]), Sent);
            }
            network.flush(accepted.unwrap());
        });
        thread::sleep(Duration::from_millis(100)); // Long enough to pass the hard limit.
        client.network().resume(to_server.resource_id());
        sender.join().unwrap();
        drop(processor); // Which sends the rest.
        for _ in 0..MESSAGES - 2 * SOFT_MARK / MESSAGE {
            client.message();
        }
    }

    fn the_callback_queues_up_to_the_hard_limit_and_there_the_connection_ends(adapter) {
        let server = Node::with(|handler, event| {
            if let NetEvent::Accepted(endpoint, _) = event {
                assert!(send_on(handler, *endpoint) <= HARD_LIMIT);
            }
        });
        let adapter = adapter.limited(small_limits());
        let pair = Pair::of(&adapter, server, Node::paused());
        let reason = pair.server.disconnected(pair.to_client);
        assert_ends_at_the_limit(Some(reason));
        assert_eq!(pair.server.queued(), 0);
        assert_eq!(pair.server.network().stats().ended.by_limit, 1);
        // A peer that did not get all of it is not told that all is well.
        pair.resume_client();
        while let StoredNetEvent::Message(..) = pair.client.next() {}
    }

    fn one_that_is_removed_behind_its_limit_is_known_not_to_have_got_all(adapter) {
        let server = Node::with(|handler, event| {
            if let NetEvent::Accepted(endpoint, _) = event {
                send_on(handler, *endpoint);
                // No `Disconnected` tells it any more.
                assert!(handler.network().remove(endpoint.resource_id()));
            }
        });
        let adapter = adapter.limited(small_limits());
        let pair = Pair::of(&adapter, server, Node::paused());
        let network = pair.server.network();
        eventually("its end", || network.stats().endpoints == 1);
        assert_ends_at_the_limit(network.close_reason(pair.to_client));
        pair.server.assert_silent();
    }

    fn one_message_longer_than_the_hard_limit_passes_an_empty_outbox_and_does_not_count(adapter) {
        const LONG: usize = 8 << 20;
        let limits = small_limits().with_outbox_soft_mark(100).with_outbox_hard_limit(1000);
        let server = Node::with(|handler, event| {
            if let NetEvent::Accepted(endpoint, _) = event {
                assert_eq!(handler.network().send(*endpoint, &vec![7; LONG]), Sent);
                assert_eq!(handler.network().send(*endpoint, &[8; 500]), Sent);
            }
        });
        let pair = Pair::of(&adapter.limited(limits), server, Node::paused());
        pair.resume_client();
        assert!(pair.client.message().1 == vec![7; LONG]);
        assert_eq!(pair.client.message().1, [8; 500]);
    }

    fn a_peer_that_takes_nothing_ends_though_nobody_waits_for_it(adapter) {
        let pair = Pair::with_paused_client(&adapter, small_limits().with_stall_timeout(STALL));
        pair.fill();
        assert_eq!(pair.server.disconnected(pair.to_client), CloseReason::Stalled);
        eventually("it to be forgotten", || pair.server.network().stats().endpoints == 1);
        assert_eq!(pair.server.queued(), 0);
    }

    fn a_peer_that_takes_nothing_ends_though_the_callback_waits_for_a_thread_that_sends(adapter) {
        let (give, parked) = mpsc::channel::<Receiver<SendStatus>>();
        let (tell, told) = mpsc::channel();
        let server = Node::with(move |_, event| {
            if let NetEvent::Message(..) = event {
                tell.send(None).unwrap();
                let statuses = parked.recv().unwrap();
                tell.send(Some(statuses.recv_timeout(DEADLINE))).unwrap();
            }
        });
        let adapter = adapter.limited(small_limits().with_stall_timeout(2 * STALL));
        let pair = Pair::of(&adapter, server, Node::paused());
        pair.client.network().send(pair.to_server, b"wait");
        assert_eq!(told.recv_timeout(DEADLINE), Ok(None));
        while pair.server.network().try_send(pair.to_client, &[7; MESSAGE]) == Sent {}
        give.send(park(&pair)).unwrap();
        assert_eq!(told.recv_timeout(DEADLINE), Ok(Some(Ok(ResourceNotFound))));
        pair.server.message();
        assert_eq!(pair.server.disconnected(pair.to_client), CloseReason::Stalled);
    }

    fn a_peer_that_reads_slowly_lives(adapter) {
        let stall = 2 * STALL;
        let pair = Pair::with_paused_client(&adapter, small_limits().with_stall_timeout(stall));
        pair.fill();
        let network = pair.client.network();
        let start = Instant::now();
        while start.elapsed() < 2 * stall {
            thread::sleep(stall / 8);
            network.resume(pair.to_server.resource_id());
            // As many as a system holds that makes room only when most of it is read.
            for _ in 0..4 {
                pair.client.message();
            }
            network.pause(pair.to_server.resource_id());
            pair.fill();
        }
        assert_eq!(pair.server.network().close_reason(pair.to_client), None);
    }
}
