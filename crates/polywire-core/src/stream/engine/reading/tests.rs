mod greeting;
mod wrong;

use std::io::{IoSlice, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::adapter::{Connection, Opening, Received, Registration, Remote, SendFlags};
use crate::limits::Limits;
use crate::message::Message;
use crate::stream::engine::fixture::{Flood, nobody, with_io};
use crate::stream::{Encoder, Frame};

/// Messages of so many bytes each.
struct Sized(usize);

impl Encoder for Sized {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put_message(message.bytes);
    }
}

impl Protocol for Sized {
    type Encoder = Self;

    fn encoder(&self) -> Self {
        Self(self.0)
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        true
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        match input.split_at_mut_checked(self.0) {
            Some((message, _)) => {
                Ok(Decoded { consumed: self.0, item: Item::Message(message[..].into()) })
            }
            None => Ok(Decoded { consumed: 0, item: Item::Incomplete { needed: self.0 } }),
        }
    }
}

/// Counts messages.
struct Count(usize);

impl Sink for Count {
    fn message(&mut self, _: Message<'_>, _: bool) -> Flow {
        self.0 += 1;
        Flow::Continue
    }

    fn accept(&mut self, _: Connection) -> Flow {
        Flow::Stop
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
        engine.register(io).unwrap();
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

/// A layer over a peer that floods it with records of one byte. Counts its reads.
#[derive(Default)]
struct Tiny(AtomicUsize);

impl Stream for Arc<Tiny> {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(buffer.len().min(1))
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_turn_is_bounded_though_a_layer_makes_little_of_much() {
    // Decoded where it is read, and read to its own place.
    for message in [1000, 1 << 20] {
        let tiny = Arc::new(Tiny::default());
        let mut engine = Engine::accepted(Arc::clone(&tiny), Sized(message), Limits::default());
        with_io(256 << 10, 1 << 20, |io| {
            engine.register(io).unwrap();
            assert_eq!(engine.open(io), Opening::Ready);
            assert_eq!(engine.receive(io, &mut Count(0)), Received::Unfinished);
        });
        let reads = tiny.0.load(Ordering::Relaxed);
        assert!((1..=5).contains(&reads), "{reads} reads of a turn");
    }
}

/// The socket to a peer that says `says`, and takes nothing while `is_full`.
#[derive(Default)]
struct Peer {
    says: Mutex<&'static [u8]>,
    took: Mutex<Vec<u8>>,
    is_full: AtomicBool,
}

impl Stream for Arc<Peer> {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.says.lock().unwrap().read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buffers.iter().for_each(|buffer| self.took.lock().unwrap().extend_from_slice(buffer));
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Each byte is a thing of its own: `?` is answered at length, `!` confirmed by itself.
struct Asked;

impl Protocol for Asked {
    type Encoder = Sized;

    fn encoder(&self) -> Sized {
        Sized(1)
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        true
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        let item = if input[0] == b'?' { Item::Answer } else { Item::Skip };
        cx.out.resize(if item == Item::Answer { 2000 } else { 1 }, input[0]);
        Ok(Decoded { consumed: 1, item })
    }
}

#[test]
fn what_is_sent_by_itself_is_not_replaced_along_with_an_answer() {
    let peer = Arc::new(Peer { says: Mutex::new(b"???!???"), ..Peer::default() });
    let mut engine = Engine::accepted(Arc::clone(&peer), Asked, Limits::default());
    with_io(1000, 1 << 20, |io| {
        engine.register(io).unwrap();
        assert_eq!(engine.open(io), Opening::Ready);
        peer.is_full.store(true, Ordering::Relaxed);
        assert_eq!(engine.receive(io, &mut Count(0)), Received::Drained);
        peer.is_full.store(false, Ordering::Relaxed);
        engine.flush(io).unwrap();
    });
    let took = peer.took.lock().unwrap();
    assert_eq!(took.iter().filter(|byte| **byte == b'!').count(), 1);
    assert_eq!(took.iter().filter(|byte| **byte == b'?').count(), 3 * 2000, "the latest replaced");
}

/// Each byte is a message, and confirmed.
struct Confirmed;

impl Protocol for Confirmed {
    type Encoder = Sized;

    fn encoder(&self) -> Sized {
        Sized(1)
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        true
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        cx.out.extend_from_slice(b"ok");
        Ok(Decoded { consumed: 1, item: Item::Message(Message::binary(&input[..1])) })
    }
}

/// Answers each message with itself.
struct Echo(Arc<dyn crate::adapter::Sender>);

impl Sink for Echo {
    fn message(&mut self, message: Message<'_>, _: bool) -> Flow {
        self.0.send(&nobody(), message.bytes, SendFlags::default());
        Flow::Continue
    }

    fn accept(&mut self, _: Connection) -> Flow {
        Flow::Stop
    }
}

#[test]
fn what_comes_with_a_message_is_sent_before_what_later_ones_are_answered_by() {
    let peer = Arc::new(Peer { says: Mutex::new(b"abc"), ..Peer::default() });
    let mut engine = Engine::accepted(Arc::clone(&peer), Confirmed, Limits::default());
    with_io(1000, 1 << 20, |io| {
        engine.register(io).unwrap();
        assert_eq!(engine.open(io), Opening::Ready);
        let mut echo = Echo(engine.sender());
        assert_eq!(engine.receive(io, &mut echo), Received::Drained);
        engine.flush(io).unwrap();
    });
    let took = String::from_utf8(peer.took.lock().unwrap().clone()).unwrap();
    let at = |text: char, nth: usize| took.match_indices(text).nth(nth).unwrap().0;
    for (number, answer) in [(0, 'b'), (1, 'c')] {
        assert!(at('o', number) < at(answer, 0), "{took:?}");
    }
}

/// A socket that says that it has moved one byte more than it was given, in a read or else in a write.
struct Overrunning {
    reads: bool,
}

impl Stream for Overrunning {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.reads { Ok(buffer.len() + 1) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(buffers.iter().map(|buffer| buffer.len()).sum::<usize>() + 1)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stream_that_moves_more_than_it_was_given_is_named_and_ends_its_endpoint() {
    for reads in [true, false] {
        let turn = || {
            let mut engine = Engine::accepted(Overrunning { reads }, Confirmed, Limits::default());
            let mut told = None;
            with_io(1000, 1000, |io| {
                engine.register(io).unwrap();
                assert_eq!(engine.open(io), Opening::Ready);
                if !reads {
                    engine.sender().send(&nobody(), b"x", SendFlags::default());
                }
                let reason = match engine.receive(io, &mut Count(0)) {
                    Received::Ended(reason) => Some(reason),
                    _ => engine.flush(io).err(),
                };
                told = reason;
            });
            match told {
                Some(reason @ CloseReason::AdapterFault(_)) => reason.to_string(),
                other => panic!("{other:?}"),
            }
        };
        let told = std::panic::catch_unwind(turn).unwrap_or_else(|panic| {
            panic.downcast::<String>().map_or_else(|_| "no text".into(), |text| *text)
        });
        let method = if reads { "Stream::read" } else { "Stream::write_vectored" };
        assert!(told.contains("Overrunning") && told.contains(method), "{told}");
    }
}
