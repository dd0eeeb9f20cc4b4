use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::adapter::{Opening, Registration, Remote, SendFlags};
use crate::limits::Limits;
use crate::message::Message;
use crate::send_status::SendStatus;
use crate::stream::engine::fixture::{Flood, nobody, with_io};
use crate::stream::{Decoded, Encoder, Frame, Item};

/// Bytes are messages.
struct Plain;

impl Encoder for Plain {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }
}

impl Protocol for Plain {
    type Encoder = Self;

    fn encoder(&self) -> Self {
        Self
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        true
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        Ok(Decoded { consumed: input.len(), item: Item::Message(Message::binary(input)) })
    }
}

/// Bytes read of a flooding peer after the end of the node, if its socket was full before or not.
fn read_at_stop(was_full: bool) -> usize {
    let flood = Arc::new(Flood::default());
    let mut engine = Engine::accepted(Arc::clone(&flood), Plain, Limits::default());
    with_io(64 << 10, 1, |io| {
        engine.register(io).unwrap();
        assert_eq!(engine.open(io), Opening::Ready);
        flood.is_full.store(was_full, Ordering::Relaxed);
        assert_eq!(
            engine.sender().send(&nobody(), b"words", SendFlags::default()),
            SendStatus::Sent
        );
        flood.is_full.store(false, Ordering::Relaxed);
        assert_eq!(engine.flush(io), Ok(()));
        assert_eq!(engine.close(io, &CloseReason::NodeStopped), Closing::Done);
    });
    flood.read.load(Ordering::Relaxed)
}

#[test]
fn a_stopped_node_reads_more_of_a_peer_that_may_have_much_to_read() {
    assert_eq!(read_at_stop(false), MAX_DISCARDED_BYTES_AT_STOP);
    assert_eq!(read_at_stop(true), MAX_DISCARDED_BYTES);
}

/// A layer whose last record the stream underneath does not take.
#[derive(Default)]
struct Cut {
    has_failed: AtomicBool,
}

impl Stream for Cut {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write_vectored(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn wants_write(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.has_failed.store(true, Ordering::Relaxed);
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_last_record_that_can_not_be_written_is_not_waited_for() {
    let mut engine = Engine::accepted(Cut::default(), Plain, Limits::default());
    with_io(64 << 10, 1, |io| {
        engine.register(io).unwrap();
        assert_eq!(engine.open(io), Opening::Ready);
        assert_eq!(engine.close(io, &CloseReason::Removed), Closing::Done);
    });
}

/// A layer that takes what is sent, and whose peer goes before it has given it on.
#[derive(Default)]
struct Holding {
    held: AtomicBool,
    is_gone: AtomicBool,
}

impl Stream for Arc<Holding> {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.held.store(true, Ordering::Relaxed);
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    }

    fn wants_write(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    fn flush(&self) -> io::Result<()> {
        match (self.wants_write(), self.is_gone.load(Ordering::Relaxed)) {
            (false, _) => Ok(()),
            (true, false) => Err(io::ErrorKind::WouldBlock.into()),
            (true, true) => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.held.store(true, Ordering::Relaxed); // Its goodbye.
        Err(io::ErrorKind::WouldBlock.into())
    }
}

#[test]
fn what_a_layer_held_and_could_not_write_is_told_and_its_goodbye_is_not() {
    for (message, expected) in
        [(&b"words"[..], Closing::Failed(CloseReason::Reset)), (b"", Closing::Done)]
    {
        let stream = Arc::<Holding>::default();
        let mut engine = Engine::accepted(Arc::clone(&stream), Plain, Limits::default());
        with_io(64 << 10, 1, |io| {
            engine.register(io).unwrap();
            assert_eq!(engine.open(io), Opening::Ready);
            if !message.is_empty() {
                engine.sender().send(&nobody(), message, SendFlags::default());
            }
            assert_eq!(engine.close(io, &CloseReason::Removed), Closing::Flushing);
            stream.is_gone.store(true, Ordering::Relaxed);
            assert_eq!(engine.close(io, &CloseReason::Removed), expected);
        });
    }
}
