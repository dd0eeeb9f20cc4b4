//! Code of others that panics in a send ends the connection, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// Frames of one length byte and the message, but for one that is too much for it.
struct Fragile {
    has_prefix: bool,
}

const TOO_MUCH: &[u8] = b"too much";

impl Encoder for Fragile {
    fn prefix(&self, message: &[u8]) -> Option<Prefix> {
        assert!(!self.has_prefix || message != TOO_MUCH, "too much");
        self.has_prefix.then(|| Prefix::new(&[message.len() as u8]))?
    }

    fn encode(&self, message: &[u8], out: &mut Vec<u8>) {
        out.push(message.len() as u8);
        assert!(message != TOO_MUCH, "too much");
        out.extend_from_slice(message);
    }
}

#[test]
fn an_encoder_that_panics_ends_its_connection_and_leaves_no_half_frame() {
    // Idle or not, and with or without a prefix.
    for (room, has_prefix) in [(usize::MAX, true), (usize::MAX, false), (0, true), (0, false)] {
        let notifications =
            Arc::new(Notifications::new(Arc::new(LoopWaker::new(None)), Clock::default()));
        let pipe = Arc::new(Pipe::default());
        pipe.room.store(room, Ordering::Release);
        let outbox = Outbox::new(Fragile { has_prefix }, Arc::new(Limits::default()));
        outbox.set_notifier(Notifier::new(Arc::clone(&notifications), ResourceId::from(1)));
        outbox.open(Arc::clone(&pipe)).unwrap();
        for _ in 0..3 {
            outbox.send(b"well", true);
        }
        let sending = catch_unwind(AssertUnwindSafe(|| outbox.send(TOO_MUCH, true)));
        assert!(sending.is_err());
        assert_eq!(outbox.failure(), Some(CloseReason::Panicked));
        assert_eq!((outbox.queued(), notifications.budget().queued()), (0, 0));
        assert!(notifications.pop().is_some(), "the loop ends it");
        assert_eq!(outbox.send(b"late", true), SendStatus::ResourceNotFound);
        assert_eq!(outbox.flush(), Err(CloseReason::Panicked));
        let frames = pipe.taken.lock().unwrap();
        assert_eq!(frames.len() % 5, 0, "whole frames");
    }
}

#[test]
fn what_panics_when_there_is_room_leaves_nobody_writing() {
    let (outbox, pipe, _) = open(0, &Limits::default().with_outbox_soft_mark(1));
    outbox.send(b"abc", true);
    outbox.when_writable(Box::new(|| panic!("of the program")));
    pipe.make_room();
    assert!(catch_unwind(AssertUnwindSafe(|| outbox.flush())).is_err());
    assert_eq!(outbox.failure(), Some(CloseReason::Panicked));
    assert!(outbox.is_drained());
}

/// Sends as it is dropped.
struct Last(Arc<PipeOutbox>);

impl Drop for Last {
    fn drop(&mut self) {
        assert_eq!(self.0.send(b"last", true), SendStatus::Sent);
    }
}

#[test]
fn a_program_that_panics_may_send_meanwhile() {
    let (outbox, pipe, _) = open(usize::MAX, &Limits::default());
    let last = Last(Arc::clone(&outbox));
    let panics = AssertUnwindSafe(move || {
        let _last = last;
        panic!("of the program");
    });
    assert!(catch_unwind(panics).is_err());
    assert_eq!(outbox.failure(), None);
    assert_eq!(*pipe.taken.lock().unwrap(), b"\x04last");
}

/// Frames that are the message, but for one at which it takes away what it was to append to.
struct Clearing;

const CLEAR: &[u8] = b"clear";

impl Encoder for Clearing {
    fn encode(&self, message: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(message);
        if message == CLEAR {
            out.clear();
        }
    }
}

/// Frames whose prefix says one thing and whose encoding another, for that message.
struct Contradicting;

const OTHERWISE: &[u8] = b"otherwise";

impl Encoder for Contradicting {
    fn prefix(&self, message: &[u8]) -> Option<Prefix> {
        Prefix::new(&[message.len() as u8])
    }

    fn encode(&self, message: &[u8], out: &mut Vec<u8>) {
        out.push(if message == OTHERWISE { 0 } else { message.len() as u8 });
        out.extend_from_slice(message);
    }
}

/// Sends `faulty`, behind so many messages that wait.
fn assert_fault<E: Encoder>(encoder: E, waiting: usize, faulty: &[u8]) {
    let notifications =
        Arc::new(Notifications::new(Arc::new(LoopWaker::new(None)), Clock::default()));
    let pipe = Arc::new(Pipe::default());
    let outbox = Outbox::new(encoder, Arc::new(Limits::default()));
    outbox.set_notifier(Notifier::new(Arc::clone(&notifications), ResourceId::from(1)));
    outbox.open(Arc::clone(&pipe)).unwrap();
    for _ in 0..waiting {
        outbox.send(b"others", true); // The pipe has no room, so they wait.
    }
    // A debug build panics, and names the encoder.
    let sending = catch_unwind(AssertUnwindSafe(|| outbox.send(faulty, true)));
    assert!(!sending.is_ok_and(|status| status == SendStatus::Sent));
    let reason = outbox.failure();
    let is_fault = matches!(reason, Some(CloseReason::Panicked | CloseReason::AdapterFault(_)));
    assert!(is_fault, "{reason:?}");
    assert_eq!((outbox.queued(), notifications.budget().queued()), (0, 0));
}

#[test]
fn an_encoder_that_takes_others_messages_away_ends_its_connection() {
    assert_fault(Clearing, 3, CLEAR);
}

#[test]
fn an_encoder_that_contradicts_its_own_prefix_ends_its_connection() {
    assert_fault(Contradicting, 1, OTHERWISE);
    if cfg!(debug_assertions) {
        assert_fault(Contradicting, 3, OTHERWISE); // A release build looks at one of many.
    }
}
