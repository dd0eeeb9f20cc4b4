//! Code of others that panics in a send ends the connection, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// Frames of one length byte and the message, but for one that is too much for it.
struct Fragile {
    is_copied: bool,
}

const TOO_MUCH: &[u8] = b"too much";

impl Encoder for Fragile {
    fn changes_messages(&self) -> bool {
        self.is_copied
    }

    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put(&[message.bytes.len() as u8]);
        assert!(message.bytes != TOO_MUCH, "too much");
        frame.put_message(message.bytes);
    }
}

#[test]
fn an_encoder_that_panics_ends_its_connection_and_leaves_no_half_frame() {
    // Idle or not, and with or without a prefix.
    for (room, is_copied) in [(usize::MAX, true), (usize::MAX, false), (0, true), (0, false)] {
        let notifications =
            Arc::new(Notifications::new(Arc::new(LoopWaker::new(None)), Clock::default()));
        let pipe = Arc::new(Pipe::default());
        pipe.room.store(room, Ordering::Release);
        let outbox = Outbox::new(Fragile { is_copied }, Arc::new(Limits::default()));
        outbox.set_notifier(Notifier::new(Arc::clone(&notifications), ResourceId::from(1)));
        outbox.open(Arc::clone(&pipe)).unwrap();
        for _ in 0..3 {
            outbox.send_bytes(b"well", true);
        }
        let sending = catch_unwind(AssertUnwindSafe(|| outbox.send_bytes(TOO_MUCH, true)));
        assert!(sending.is_err());
        assert_eq!(outbox.failure(), Some(CloseReason::Panicked));
        assert_eq!((outbox.queued(), notifications.budget().queued()), (0, 0));
        assert!(notifications.pop().is_some(), "the loop ends it");
        assert_eq!(outbox.send_bytes(b"late", true), SendStatus::ResourceNotFound);
        assert_eq!(outbox.flush(), Err(CloseReason::Panicked));
        let frames = lock(&pipe.taken);
        assert_eq!(frames.len() % 5, 0, "whole frames");
    }
}

#[test]
fn what_panics_when_there_is_room_leaves_nobody_writing() {
    let (outbox, pipe, _) = open(0, &Limits::default().with_outbox_soft_mark(1));
    outbox.send_bytes(b"abc", true);
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
        assert_eq!(self.0.send_bytes(b"last", true), SendStatus::Sent);
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
    assert_eq!(*lock(&pipe.taken), b"\x04last");
}
