//! One message to many connections, whose frame they share.

use super::*;
use crate::adapter::{Broadcast, Sender};
use crate::endpoint::Endpoint;

/// Frames as they are, and counts how often it is asked what it has against a message.
struct Checking {
    max: usize,
    checks: Arc<AtomicUsize>,
}

impl Encoder for Checking {
    fn max_message_size(&self) -> usize {
        self.max
    }

    fn refuse(&self, message: Message<'_>) -> Option<SendStatus> {
        self.checks.fetch_add(1, Ordering::Relaxed);
        std::str::from_utf8(message.bytes).is_err().then_some(SendStatus::InvalidMessage)
    }

    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }

    fn framing(&self) -> Option<u64> {
        Some(7)
    }
}

/// What became of a message for three connections that take so much, and how often it was checked.
fn send_to_each(message: &[u8], max: [usize; 3]) -> ([SendStatus; 3], usize) {
    let checks = Arc::default();
    let notifications =
        Arc::new(Notifications::new(Arc::new(LoopWaker::new(None)), Clock::default()));
    let broadcast = Broadcast::new(Message::new(message, MessageKind::TEXT));
    let statuses = max.map(|max| {
        let encoder = Checking { max, checks: Arc::clone(&checks) };
        let outbox = Outbox::new(encoder, Arc::default());
        let id = ResourceId::from(1);
        outbox.set_notifier(Notifier::new(Arc::clone(&notifications), id));
        let pipe = Arc::new(Pipe::default());
        pipe.make_room();
        outbox.open(Arc::clone(&pipe)).unwrap();
        let endpoint = Endpoint::from_listener(id, ([127, 0, 0, 1], 1).into());
        let status = outbox.send_shared(&endpoint, &broadcast);
        let arrived: &[u8] = if status == SendStatus::Sent { message } else { b"" };
        assert_eq!(*lock(&pipe.taken), arrived);
        status
    });
    (statuses, checks.load(Ordering::Relaxed))
}

#[test]
fn a_message_for_many_is_checked_once() {
    assert_eq!(send_to_each(b"text", [9; 3]), ([SendStatus::Sent; 3], 1));
    assert_eq!(send_to_each(b"\xff", [9; 3]), ([SendStatus::InvalidMessage; 3], 1));
}

#[test]
fn how_long_it_may_be_is_each_connections_own() {
    let too_long = SendStatus::MaxPacketSizeExceeded;
    let (statuses, checks) = send_to_each(b"text", [9, 3, 9]);
    assert_eq!((statuses, checks), ([SendStatus::Sent, too_long, SendStatus::Sent], 1));
    assert_eq!(send_to_each(b"text", [3, 9, 9]).0, [too_long, SendStatus::Sent, SendStatus::Sent]);
}
