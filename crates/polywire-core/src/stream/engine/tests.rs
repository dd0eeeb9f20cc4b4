mod facts;

use std::any::Any;
use std::sync::Arc;

use super::*;
use crate::adapter::SendFlags;
use crate::message::Message;
use crate::send_status::SendStatus;
use crate::stream::engine::fixture::{Flood, nobody, with_io};
use crate::stream::{Decoded, Encoder, Frame, Item};

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

/// Ends the connection when it is told anything, with a close frame of its own or without.
struct Ends {
    has_frame: bool,
    asked: usize,
}

impl Protocol for Ends {
    type Encoder = Whole;

    fn encoder(&self) -> Whole {
        Whole
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        true
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
        cx: &mut Context<'_>,
    ) -> Result<Progress, CloseReason> {
        cx.out.extend(self.has_frame.then_some(b'.'));
        Err(CloseReason::MaxLifetime)
    }

    fn close(&mut self, _: &CloseReason, cx: &mut Context<'_>) {
        self.asked += 1;
        cx.out.push(b'.');
    }
}

#[test]
fn a_protocol_that_ends_the_connection_says_so_once_and_nothing_is_sent_behind_it() {
    for has_frame in [true, false] {
        let protocol = Ends { has_frame, asked: 0 };
        let mut engine = Engine::accepted(Arc::<Flood>::default(), protocol, Limits::default());
        with_io(64 << 10, 1, |io| {
            engine.register(io).unwrap();
            assert_eq!(engine.open(io), Opening::Ready);
            let reason = CloseReason::MaxLifetime;
            assert_eq!(engine.control(io, Box::new(())), Err(reason.clone()));
            let sent = Sender::send(&*engine.sender(), &nobody(), b"late", SendFlags::default());
            assert_eq!(sent, SendStatus::ResourceNotFound);
            engine.close(io, &reason);
        });
        assert_eq!(engine.protocol.asked, usize::from(!has_frame));
    }
}
