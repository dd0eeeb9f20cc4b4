//! The program's own signal once there is room again.

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use crate::conformance::node::*;

fn full(subject: &Subject) -> Pair {
    let pair = Pair::with_paused_client(subject, small_limits());
    pair.fill();
    pair
}

/// E7: `send_signal_when_writable` sends its signal once, when there is room and not before.
pub fn the_signal_comes_once_and_not_before_there_is_room(subject: &Subject) {
    let pair = Pair::with_paused_client(subject, small_limits());
    let (server, to_client) = (&pair.server, pair.to_client);
    // The system may take some more, and then there is room; but not again and again.
    let signals = (0..8).find_map(|_| requested_without_room(&pair)).expect("it stays full");

    pair.resume_client();
    signals.recv_timeout(subject.deadline()).expect("a signal once there is room");
    assert!(server.queued() <= SOFT_MARK);
    assert_eq!(server.network().try_send(to_client, b"more"), SendStatus::Sent);
    eventually(subject, "all to be read", || server.queued() == 0);
    server.settle();
    assert!(signals.try_recv().is_err(), "a second signal");
}

/// The signals of one request; `None` where there was room by then.
fn requested_without_room(pair: &Pair) -> Option<Receiver<()>> {
    pair.fill();
    let (sender, signals) = mpsc::channel();
    assert!(pair.server.handler.send_signal_when_writable(pair.to_client, sender));
    pair.server.settle();
    let has_come = signals.try_recv().is_ok();
    match pair.server.network().try_send(pair.to_client, b"more") {
        SendStatus::Sent => return None,
        status => assert_eq!(status, SendStatus::Full),
    }
    assert!(!has_come, "a signal though there is no room");
    Some(signals)
}

/// E7: each request gets its signal.
pub fn every_request_gets_its_signal(subject: &Subject) {
    let pair = full(subject);
    let (sender, signals) = mpsc::channel();
    for _ in 0..10 {
        assert!(pair.server.handler.send_signal_when_writable(pair.to_client, sender.clone()));
    }
    pair.resume_client();
    for _ in 0..10 {
        signals.recv_timeout(subject.deadline()).expect("a signal for each");
    }
    pair.server.settle();
    assert!(signals.try_recv().is_err(), "a signal nobody asked for");
}

/// E7: the signal comes at once where there is room.
pub fn the_signal_comes_at_once_where_there_is_room(subject: &Subject) {
    let pair = Pair::new(subject);
    let (sender, signals) = mpsc::channel();
    assert!(pair.server.handler.send_signal_when_writable(pair.to_client, sender));
    signals.recv_timeout(subject.deadline()).expect("the signal");
}

/// E4: no signal comes of an endpoint that was removed, though what waited still goes out.
pub fn no_signal_comes_of_an_endpoint_that_was_removed_though_what_waited_still_goes_out(
    subject: &Subject,
) {
    // The system may have taken some more just before, and then the signal comes by right; but not again and again.
    let removed = (0..3).find_map(|_| removed_without_room(subject));
    let (pair, signals) = removed.expect("a signal of an endpoint that was removed");
    pair.resume_client();
    assert!(signals.recv().is_err(), "a signal of an endpoint that was removed");
    while let StoredNetEvent::Message(..) = pair.client.next() {}
}

/// A connection that was removed while it was full, and the signals asked for before; `None` if one has come.
fn removed_without_room(subject: &Subject) -> Option<(Pair, Receiver<()>)> {
    let pair = full(subject);
    let (sender, signals) = mpsc::channel();
    let ask = |sender| pair.server.handler.send_signal_when_writable(pair.to_client, sender);
    assert!(ask(sender.clone()));
    assert!(pair.server.network().remove(pair.to_client.resource_id()));
    assert!(!ask(sender));
    pair.server.settle();
    signals.try_recv().is_err().then_some((pair, signals))
}

/// E4: no signal comes of an endpoint that has ended.
pub fn no_signal_comes_of_an_endpoint_that_has_ended(subject: &Subject) {
    let limits = small_limits().with_stall_timeout(Duration::from_millis(450));
    let pair = Pair::with_paused_client(subject, limits);
    let ask = |sender| pair.server.handler.send_signal_when_writable(pair.to_client, sender);
    let mut asked = None;
    // The system may take some more, and then there is room; but not again and again.
    eventually(subject, "its end", || {
        while pair.server.network().try_send(pair.to_client, &[7; MESSAGE]) == SendStatus::Sent {
            asked = None; // Its signal may come.
        }
        if asked.is_none() {
            let (sender, signals) = mpsc::channel();
            asked = ask(sender).then_some(signals);
        }
        pair.server.network().close_reason(pair.to_client).is_some()
    });
    assert_eq!(pair.server.disconnected(pair.to_client), CloseReason::Stalled);
    assert!(!ask(mpsc::channel().0));
    if let Some(signals) = asked {
        assert!(signals.recv().is_err(), "a signal of an endpoint that has ended");
    }
}
