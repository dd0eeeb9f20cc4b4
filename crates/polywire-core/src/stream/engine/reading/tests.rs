use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::*;
use crate::adapter::{Opening, Received, Remote};
use crate::limits::Limits;
use crate::stream::Encoder;
use crate::stream::engine::fixture::{Flood, with_io};

/// Messages of so many bytes each.
struct Sized(usize);

impl Encoder for Sized {
    fn encode(&self, message: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(message);
    }
}

impl Protocol for Sized {
    type Encoder = Self;

    fn encoder(&self) -> Self {
        Self(self.0)
    }

    fn open(&mut self, _: &mut Vec<u8>) -> bool {
        true
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Vec<u8>,
    ) -> Result<Decoded<'a>, CloseReason> {
        match input.split_at_mut_checked(self.0) {
            Some((message, _)) => Ok(Decoded { consumed: self.0, item: Item::Message(message) }),
            None => Ok(Decoded { consumed: 0, item: Item::Incomplete { needed: self.0 } }),
        }
    }
}

/// Counts messages.
struct Count(usize);

impl Sink for Count {
    fn message(&mut self, _: &[u8], _: bool) -> Flow {
        self.0 += 1;
        Flow::Continue
    }
}

/// Messages and bytes that one turn brings of a peer that floods messages of so many bytes, with that
/// share and that budget of its own.
fn one_turn(message: usize, share: usize, read_budget: usize) -> (usize, usize) {
    let flood = Arc::new(Flood::default());
    let limits = Limits::default().with_read_budget(read_budget);
    let mut engine = Engine::accepted(Arc::clone(&flood), Sized(message), limits);
    let mut count = Count(0);
    with_io(256 << 10, share, |io| {
        engine.register(&io.registration).unwrap();
        assert_eq!(engine.open(io), Opening::Ready);
        assert_eq!(engine.receive(io, &mut count), Received::Unfinished);
        assert_eq!(io.budget, 0, "of the caller's own");
    });
    (count.0, flood.read.load(Ordering::Relaxed))
}

#[test]
fn a_share_goes_on_to_the_end_of_the_frame_that_it_ends_in() {
    const SHARE: usize = 64 << 10;
    // One that is missed by little, one that is read to its own place, and several.
    assert_eq!(one_turn(100_000, SHARE, 1 << 20), (1, 100_000));
    assert_eq!(one_turn(700_000, SHARE, 1 << 20), (1, 700_000));
    assert_eq!(one_turn(30_000, SHARE, 1 << 20), (3, 90_000));
    assert_eq!(one_turn(SHARE, SHARE, 1 << 20), (1, SHARE));
}

#[test]
fn a_frame_longer_than_the_budget_of_its_connection_takes_several_turns() {
    assert_eq!(one_turn(500_000, 64 << 10, 100_000), (0, (64 << 10) + 100_000));
}
