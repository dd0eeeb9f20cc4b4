use std::any::Any;
use std::sync::Arc;

use super::*;
use crate::message::Message;
use crate::stream::engine::fixture::{Flood, with_io};
use crate::stream::{Decoded, Encoder, Frame};

/// Counts what it is told. Ready at once or not.
struct Told {
    count: usize,
    is_ready: bool,
}

struct Whole;

impl Encoder for Whole {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }
}

impl Protocol for Told {
    type Encoder = Whole;

    fn encoder(&self) -> Whole {
        Whole
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        assert_eq!(self.count, 0);
        self.is_ready
    }

    fn decode<'a>(
        &'a mut self,
        _: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        Err(CloseReason::Refused)
    }

    fn control(
        &mut self,
        _: Box<dyn Any + Send>,
        _: &mut Context<'_>,
    ) -> Result<Progress, CloseReason> {
        self.count += 1;
        Ok(Progress::Unchanged)
    }
}

#[test]
fn what_the_program_says_before_the_stream_is_connected_is_told_then() {
    for is_ready in [true, false] {
        let protocol = Told { count: 0, is_ready };
        let mut engine = Engine::accepted(Arc::<Flood>::default(), protocol, Limits::default());
        with_io(64 << 10, 1, |io| {
            engine.register(io).unwrap();
            for word in 0..3 {
                assert_eq!(engine.control(io, Box::new(word)), Ok(()));
            }
            let opening = engine.open(io);
            assert_eq!(opening == Opening::Ready, is_ready, "{opening:?}");
        });
        assert_eq!(engine.protocol.count, 3, "{is_ready}");
    }
}
