use std::cell::RefCell;
use std::net::Ipv4Addr;

use super::*;

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

/// A socket that has room or has not, and the calls it took: bytes, and the length of each datagram.
#[derive(Default)]
struct Socket {
    is_full: bool,
    calls: Vec<(usize, Option<usize>)>,
}

struct World {
    outbox: Outbox,
    socket: RefCell<Socket>,
}

impl World {
    fn new() -> Self {
        Self { outbox: Outbox::new(Segmentation::new(64)), socket: RefCell::default() }
    }

    fn write(&self, bytes: &[u8], len: Option<usize>) -> io::Result<()> {
        let mut socket = self.socket.borrow_mut();
        if socket.is_full {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        socket.calls.push((bytes.len(), len));
        Ok(())
    }

    fn send(&self, hint: SendHint, message: &[u8]) -> SendStatus {
        self.outbox.send(PEER, message, hint, |_, bytes, len| self.write(bytes, len))
    }

    fn flush(&self) {
        self.outbox.flush(|_, bytes, len| self.write(bytes, len));
    }

    fn take_calls(&self) -> Vec<(usize, Option<usize>)> {
        std::mem::take(&mut self.socket.borrow_mut().calls)
    }
}

#[test]
fn a_lone_datagram_leaves_at_once() {
    let world = World::new();
    assert_eq!(world.send(SendHint::Alone, b"hello"), SendStatus::Sent);
    assert_eq!(world.take_calls(), [(5, None)]);
    assert_eq!(world.outbox.queued(), 0);
}

#[test]
fn gathered_ones_leave_together_and_at_the_latest_when_a_run_is_complete() {
    let world = World::new();
    for _ in 0..100 {
        assert_eq!(world.send(SendHint::CallerFlushes, b"hello"), SendStatus::Sent);
    }
    assert_eq!(world.take_calls(), [(64 * 5, Some(5))]);
    assert!(world.outbox.queued() > 0);
    world.flush();
    assert_eq!(world.take_calls(), [(36 * 5, Some(5))]);
    assert_eq!(world.outbox.queued(), 0);
}

#[test]
fn the_last_of_a_read_takes_those_before_it_along() {
    let world = World::new();
    for _ in 0..3 {
        world.send(SendHint::CallerFlushes, b"hello");
    }
    world.send(SendHint::Alone, b"bye");
    assert_eq!(world.take_calls(), [(18, Some(5))]);
}

#[test]
fn nobody_who_would_flush_is_waited_for_in_vain() {
    let world = World::new();
    // The loop does not know the socket, so it can't be called.
    world.send(SendHint::LoopFlushes, b"hello");
    assert_eq!(world.take_calls(), [(5, None)]);
}

#[test]
fn a_lone_datagram_that_finds_no_room_is_not_taken() {
    let world = World::new();
    world.socket.borrow_mut().is_full = true;
    assert_eq!(world.send(SendHint::Alone, b"hello"), SendStatus::Full);
    assert_eq!(world.outbox.queued(), 0);
    assert_eq!(world.outbox.is_to_change_watch(), None);
}

#[test]
fn gathered_ones_that_find_no_room_wait_for_it_within_bounds_and_in_order() {
    let world = World::new();
    world.socket.borrow_mut().is_full = true;
    let mut taken = 0;
    while world.send(SendHint::CallerFlushes, &[7; 64]) == SendStatus::Sent {
        taken += 1;
        assert!(taken < 10_000, "unbounded");
    }
    assert!(taken > 64);
    assert!(world.outbox.queued() < MAX_QUEUED_BYTES + 1024);
    assert_eq!(world.outbox.is_to_change_watch(), Some(true), "the poller is asked");
    assert_eq!(world.outbox.is_to_change_watch(), None, "once");
    assert_eq!(world.send(SendHint::Alone, b"behind"), SendStatus::Full);

    world.socket.borrow_mut().is_full = false;
    world.flush();
    assert_eq!(world.outbox.is_to_change_watch(), Some(false));
    let left: usize = world.take_calls().iter().map(|(bytes, _)| bytes / 64).sum();
    assert_eq!(left, taken);
    assert_eq!(world.outbox.queued(), 0);
}

#[test]
fn a_message_that_no_datagram_carries_makes_no_system_call() {
    let world = World::new();
    let message = vec![0; MAX_LOCAL_PAYLOAD_LEN + 1];
    world.send(SendHint::CallerFlushes, b"waits");
    for hint in [SendHint::Alone, SendHint::CallerFlushes] {
        assert_eq!(world.send(hint, &message), SendStatus::MaxPacketSizeExceeded);
    }
    assert!(world.take_calls().is_empty());
}

#[test]
fn what_is_thrown_away_waits_for_nothing_any_more() {
    let world = World::new();
    world.socket.borrow_mut().is_full = true;
    for _ in 0..64 {
        world.send(SendHint::CallerFlushes, b"hello");
    }
    assert!(world.outbox.is_to_change_watch().is_some());
    world.outbox.clear();
    assert_eq!(world.outbox.queued(), 0);
    world.socket.borrow_mut().is_full = false;
    world.send(SendHint::Alone, b"next");
    assert_eq!(world.take_calls(), [(4, None)]);
}

#[test]
fn room_that_is_told_while_a_thread_finds_none_is_used() {
    let world = World::new();
    world.socket.borrow_mut().is_full = true;
    for _ in 0..3 {
        assert_eq!(world.send(SendHint::CallerFlushes, b"hello"), SendStatus::Sent);
    }
    let mut told = false;
    world.outbox.flush(|_, bytes, len| {
        let result = world.write(bytes, len);
        if !told {
            told = true;
            world.socket.borrow_mut().is_full = false;
            world.flush(); // The poller's edge, which comes once.
        }
        result
    });
    assert_eq!(world.outbox.queued(), 0, "the edge is gone, and nobody else will write");
    assert_eq!(world.take_calls().len(), 1);
    assert_eq!(world.outbox.is_to_change_watch(), None);
}
