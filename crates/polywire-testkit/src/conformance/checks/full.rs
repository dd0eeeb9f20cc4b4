//! A peer that does not read: what `try_send` and `send` say, on every thread, and how they go on.

mod opened_again;
mod slow_reader;

use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use polywire_core::network::{self, SendStatus::*};

use crate::conformance::node::*;

pub use opened_again::a_thread_waits_for_room_of_a_connection_that_was_opened_again;
pub use slow_reader::a_peer_that_reads_slowly_lives;

const STALL: Duration = Duration::from_millis(400);
/// Who has not returned after so long waits.
const WAITS: Duration = Duration::from_millis(80);
/// Messages that fill any system which was full a moment ago.
const MANY: usize = 256;

/// A connection whose client does not read, and a thread that can't go on sending to it.
struct Parked {
    pair: Pair,
    /// What became of each message.
    statuses: Receiver<SendStatus>,
}

impl Parked {
    fn new(subject: &Subject) -> Self {
        // Nobody reads what is left at the end.
        let limits = small_limits().with_linger(Duration::from_millis(200));
        Self::behind(Pair::with_paused_client(subject, limits))
    }

    fn behind(pair: Pair) -> Self {
        pair.fill();
        let statuses = park(pair.server.handler.clone(), pair.to_client);
        Self { pair, statuses }
    }

    #[track_caller]
    fn assert_goes_on(&self, subject: &Subject) {
        assert_eq!(self.statuses.recv_timeout(subject.deadline()), Ok(Sent));
    }

    #[track_caller]
    fn assert_ends(&self, subject: &Subject) {
        assert_eq!(end_of(&self.statuses, subject.deadline()), Some(ResourceNotFound));
    }
}

/// Sends on a thread of its own until it is refused. Returns what becomes of each message.
fn send_apart(handler: Handler, endpoint: Endpoint) -> Receiver<SendStatus> {
    let (tell, statuses) = mpsc::channel();
    thread::spawn(move || {
        loop {
            let status = handler.network().send(endpoint, &[7; MESSAGE]);
            if tell.send(status).is_err() || status != Sent {
                break;
            }
        }
    });
    statuses
}

/// Sends on a thread of its own, which waits: at the first message, unless a layer still has room of its own, of which
/// only the one who writes learns.
fn park(handler: Handler, endpoint: Endpoint) -> Receiver<SendStatus> {
    const MOST: usize = 8;
    let statuses = send_apart(handler, endpoint);
    for _ in 0..MOST {
        match statuses.recv_timeout(WAITS) {
            Err(_) => return statuses,
            Ok(status) => assert_eq!(status, Sent, "though it is only full"),
        }
    }
    panic!("{MOST} messages were sent though there is no room");
}

/// What ended the sending of a thread: the system may have taken some more before.
fn end_of(statuses: &Receiver<SendStatus>, deadline: Duration) -> Option<SendStatus> {
    let told = std::iter::repeat_with(|| statuses.recv_timeout(deadline).ok());
    told.take(MANY).find(|status| *status != Some(Sent)).flatten()
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

/// E9: `try_send` is `Full` above the soft mark, and takes nothing then.
pub fn try_send_is_full_above_the_soft_mark_and_takes_nothing(subject: &Subject) {
    let pair = Pair::with_paused_client(subject, small_limits());
    // The system may take some more, and then there is room; but not again and again.
    let refused = (8..16).find(|byte| is_refused(&pair, *byte)).expect("it stays full");
    pair.resume_client();
    eventually(subject, "all to be read", || pair.server.queued() == 0);
    pair.client.settle();
    assert_eq!(pair.server.network().try_send(pair.to_client, b"last"), Sent);
    let mut got = Vec::new();
    while !got.ends_with(b"last") {
        got.extend(pair.client.message().1); // A stream may cut it anywhere.
        assert!(!got.contains(&refused), "refused, and sent");
        got.drain(..got.len().saturating_sub(b"last".len()));
    }
}

/// Whether messages of that byte are all refused where there is no room; false where there was room by then.
fn is_refused(pair: &Pair, byte: u8) -> bool {
    pair.fill();
    let queued = pair.server.queued();
    assert!(queued <= SOFT_MARK + MESSAGE + HEADER, "{queued}");
    for _ in 0..100 {
        match pair.server.network().try_send(pair.to_client, &[byte; MESSAGE]) {
            Sent => return false,
            status => assert_eq!(status, Full),
        }
        assert!(queued > SOFT_MARK, "full with {queued} bytes");
    }
    assert!(pair.server.queued() <= queued, "it was refused, and is queued");
    true
}

/// E10: a thread that waits for room goes on when there is some.
pub fn a_thread_that_waits_goes_on_when_there_is_room(subject: &Subject) {
    let parked = Parked::new(subject);
    parked.pair.resume_client();
    parked.assert_goes_on(subject);
}

/// E10: all threads that wait go on.
pub fn all_threads_that_wait_go_on_when_there_is_room(subject: &Subject) {
    let parked = Parked::new(subject);
    let Pair { server, to_client, .. } = &parked.pair;
    let others = thread::scope(|scope| {
        let handlers = [(); 4].map(|()| server.handler.clone());
        let parking = handlers.map(|handler| scope.spawn(move || park(handler, *to_client)));
        parking.map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    parked.pair.resume_client();
    parked.assert_goes_on(subject);
    for other in others {
        assert_eq!(other.recv_timeout(subject.deadline()), Ok(Sent));
    }
}

/// E10: a thread that waits goes on when the endpoint is removed, and what it has sent arrives.
pub fn a_thread_that_waits_goes_on_when_the_endpoint_is_removed(subject: &Subject) {
    let limits = small_limits().with_linger(subject.deadline());
    let parked = Parked::behind(Pair::with_paused_client(subject, limits));
    let Pair { server, client, to_client, .. } = &parked.pair;
    assert!(server.network().remove(to_client.resource_id()));
    parked.assert_ends(subject);
    parked.pair.resume_client();
    let mut got = 0;
    while let StoredNetEvent::Message(_, message) = client.next() {
        got += message.len() as u64;
    }
    assert_eq!(got, server.network().stats().bytes_out, "of what was sent");
}

/// E10: a thread that waits goes on when the peer is gone.
pub fn a_thread_that_waits_goes_on_when_the_peer_is_gone(subject: &Subject) {
    let limits = small_limits().with_linger(Duration::ZERO);
    let parked = Parked::behind(Pair::with_paused_client(subject, limits));
    let Pair { server, client, to_client, to_server } = &parked.pair;
    assert!(client.network().remove(to_server.resource_id()));
    // Sent, if the peer threw away so much before it was gone that there was room.
    parked.statuses.recv_timeout(subject.deadline()).expect("it goes on");
    server.disconnected(*to_client);
    assert_eq!(server.network().send(*to_client, b"late"), ResourceNotFound);
}

/// E8 and E10: a thread that waits goes on when the node is stopped.
pub fn a_thread_that_waits_goes_on_when_the_node_is_stopped(subject: &Subject) {
    let parked = Parked::new(subject);
    parked.pair.server.handler.stop();
    parked.assert_ends(subject);
}

/// E8 and E10: the same where the callback stops the node and waits for that thread.
pub fn a_thread_that_waits_goes_on_when_a_callback_that_waits_for_it_stops_the_node(
    subject: &Subject,
) {
    let deadline = subject.deadline();
    let (give, parked) = mpsc::channel::<Receiver<SendStatus>>();
    let (tell, told) = mpsc::channel();
    let server = Node::with(subject, move |handler, event| {
        if let NetEvent::Message(..) = event {
            handler.stop();
            let statuses = parked.recv().unwrap();
            tell.send(end_of(&statuses, deadline)).unwrap();
        }
    });
    let subject = &subject.limited(small_limits().with_linger(Duration::from_millis(200)));
    let Parked { pair, statuses } =
        Parked::behind(Pair::of(subject, server, Node::paused(subject)));
    pair.client.network().send(pair.to_server, b"stop");
    give.send(statuses).unwrap();
    assert_eq!(told.recv_timeout(subject.deadline()), Ok(Some(ResourceNotFound)));
}

/// E10: the callback may wait for a thread that waits for room.
pub fn a_callback_may_wait_for_a_thread_that_waits_for_room(subject: &Subject) {
    let deadline = subject.deadline();
    let (give, parked) = mpsc::channel::<Receiver<SendStatus>>();
    let (tell, told) = mpsc::channel();
    let server = Node::with(subject, move |_, event| {
        if let NetEvent::Message(..) = event {
            tell.send(None).unwrap();
            let statuses = parked.recv().unwrap();
            tell.send(Some(statuses.recv_timeout(deadline))).unwrap();
        }
    });
    let subject = &subject.limited(small_limits().with_linger(Duration::from_millis(200)));
    let Parked { pair, statuses } =
        Parked::behind(Pair::of(subject, server, Node::paused(subject)));
    pair.client.network().send(pair.to_server, b"w"); // A stream cuts no byte.
    assert_eq!(told.recv_timeout(subject.deadline()), Ok(None));
    give.send(statuses).unwrap();
    pair.resume_client();
    assert_eq!(told.recv_timeout(subject.deadline()), Ok(Some(Ok(Sent))));
}

/// E10: a thread that is yet to run the loop does not wait for it.
pub fn a_thread_that_is_yet_to_run_the_loop_does_not_wait(subject: &Subject) {
    let server = Node::paused(subject);
    let (_, addr) = server.listen(subject);
    let (handler, listener) = node::split::<()>();
    let subject = &subject.limited(small_limits());
    let (endpoint, _) = subject.connect(handler.network(), &addr).unwrap();
    for _ in 0..4 * SOFT_MARK / MESSAGE {
        assert_eq!(handler.network().send(endpoint, &[7; MESSAGE]), Sent);
    }
    assert_eq!(handler.network().try_send(endpoint, &[7; MESSAGE]), Full);
    drop((server, listener));
}

/// E10: a thread waits for a loop that was only just started.
pub fn a_thread_waits_for_a_loop_that_was_only_just_started(subject: &Subject) {
    let limits = small_limits().with_outbox_soft_mark(1 << 10).with_outbox_hard_limit(4 << 10);
    let server = Node::new(subject);
    let (_, addr) = server.listen(subject);
    let subject = &subject.limited(limits);
    for _ in 0..100 {
        let (handler, listener) = node::split::<()>();
        let (endpoint, _) = subject.connect(handler.network(), &addr).unwrap();
        let task = listener.for_each_async(|_| {});
        for number in 0..16 {
            let status = handler.network().send(endpoint, &[number; 1 << 10]);
            assert_eq!(status, Sent, "message {number}");
        }
        handler.stop();
        drop(task);
    }
}

/// E7: a thread waits where nobody runs the loop any more, and what it sent arrives.
pub fn a_thread_waits_where_nobody_runs_the_loop_any_more(subject: &Subject) {
    const MESSAGES: usize = 2 * HARD_LIMIT / MESSAGE;
    let (network, mut processor) = network::split();
    let subject = &subject.limited(small_limits());
    let (_, addr) = subject.listen(&network).unwrap();
    let client = Node::paused(subject);
    let to_server = client.connect(subject, &addr);
    let mut accepted = None;
    while accepted.is_none() {
        processor.process_poll_event(Some(subject.deadline()), |event| match event {
            NetEvent::Accepted(endpoint, _) => accepted = Some(endpoint),
            other => panic!("{}", shown(&network, &other.into())),
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
    let mut bytes = 0;
    while bytes < MESSAGES * MESSAGE - 2 * SOFT_MARK {
        bytes += client.message().1.len();
    }
}

/// E9: the callback queues up to the hard limit, and there the connection ends with `OutboxLimit`.
pub fn the_callback_queues_up_to_the_hard_limit_and_there_the_connection_ends(subject: &Subject) {
    let server = Node::with(subject, |handler, event| {
        if let NetEvent::Accepted(endpoint, _) = event {
            assert!(send_on(handler, *endpoint) <= HARD_LIMIT);
        }
    });
    let subject = &subject.limited(small_limits());
    let pair = Pair::of(subject, server, Node::paused(subject));
    let reason = pair.server.disconnected(pair.to_client);
    assert_ends_at_the_limit(Some(reason));
    assert_eq!(pair.server.queued(), 0);
    assert_eq!(pair.server.network().stats().ended.by_limit, 1);
    // A peer that did not get all of it is not told that all is well.
    pair.resume_client();
    while let StoredNetEvent::Message(..) = pair.client.next() {}
}

/// E7: the close reason of one removed behind its limit says that it did not get all.
pub fn one_that_is_removed_behind_its_limit_is_known_not_to_have_got_all(subject: &Subject) {
    let server = Node::with(subject, |handler, event| {
        if let NetEvent::Accepted(endpoint, _) = event {
            send_on(handler, *endpoint);
            // No `Disconnected` tells it any more.
            assert!(handler.network().remove(endpoint.resource_id()));
        }
    });
    let subject = &subject.limited(small_limits());
    let pair = Pair::of(subject, server, Node::paused(subject));
    let network = pair.server.network();
    eventually(subject, "its end", || network.stats().endpoints == 1);
    assert_ends_at_the_limit(network.close_reason(pair.to_client));
    pair.server.assert_silent();
}

/// E9: one message longer than the hard limit passes an empty outbox, and does not count for those behind it.
pub fn one_message_longer_than_the_hard_limit_passes_an_empty_outbox_and_does_not_count(
    subject: &Subject,
) {
    const LONG: usize = 8 << 20;
    let limits = small_limits().with_outbox_soft_mark(100).with_outbox_hard_limit(1000);
    let server = Node::with(subject, |handler, event| {
        if let NetEvent::Accepted(endpoint, _) = event {
            assert_eq!(handler.network().send(*endpoint, &vec![7; LONG]), Sent);
            assert_eq!(handler.network().send(*endpoint, &[8; 500]), Sent);
        }
    });
    let pair = Pair::of(&subject.limited(limits), server, Node::paused(subject));
    pair.resume_client();
    pair.client.expect(pair.to_server, &vec![7; LONG]);
    pair.client.expect(pair.to_server, &[8; 500]);
}

/// E9: a peer that takes nothing for the stall timeout ends with `Stalled`, though nobody waits for it.
pub fn a_peer_that_takes_nothing_ends_though_nobody_waits_for_it(subject: &Subject) {
    let pair = Pair::with_paused_client(subject, small_limits().with_stall_timeout(STALL));
    // The system may take some more, and then there is room; but not again and again.
    eventually(subject, "its end", || {
        pair.fill_briefly();
        pair.server.network().close_reason(pair.to_client).is_some()
    });
    assert_eq!(pair.server.disconnected(pair.to_client), CloseReason::Stalled);
    eventually(subject, "it to be forgotten", || pair.server.network().stats().endpoints == 1);
    assert_eq!(pair.server.queued(), 0);
}

/// E9 and E10: the same while the callback waits for a thread that sends.
pub fn a_peer_that_takes_nothing_ends_though_the_callback_waits_for_a_thread_that_sends(
    subject: &Subject,
) {
    let deadline = subject.deadline();
    let (give, parked) = mpsc::channel::<Receiver<SendStatus>>();
    let (tell, told) = mpsc::channel();
    let server = Node::with(subject, move |_, event| {
        if let NetEvent::Message(..) = event {
            tell.send(None).unwrap();
            let statuses = parked.recv().unwrap();
            tell.send(Some(end_of(&statuses, deadline))).unwrap();
        }
    });
    let subject = &subject.limited(small_limits().with_stall_timeout(STALL));
    let pair = Pair::of(subject, server, Node::paused(subject));
    pair.client.network().send(pair.to_server, b"w"); // A stream cuts no byte.
    assert_eq!(told.recv_timeout(subject.deadline()), Ok(None));
    // Not one that is known to wait: the stall timeout may be over by then.
    give.send(send_apart(pair.server.handler.clone(), pair.to_client)).unwrap();
    assert_eq!(told.recv_timeout(subject.deadline()), Ok(Some(Some(ResourceNotFound))));
    pair.server.message();
    assert_eq!(pair.server.disconnected(pair.to_client), CloseReason::Stalled);
}
